//! What was read last, kept so that whoever asks often costs no statement each time. Whoever changes such a thing tells
//! (`forget`), and everything passes through this process. Nothing is believed for longer than a second all the same,
//! so that a process which no longer holds the database learns what another one changed.

use model::Millis;
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// So long what was read is believed.
const BELIEVED_MS: Millis = 1_000;

/// What is known; only what exists, so it is never larger than its table.
pub(crate) struct Known<K, V>(Mutex<Inner<K, V>>);

struct Inner<K, V> {
    /// Rises whenever something is told.
    changes: u64,
    /// With when they were read.
    read: HashMap<K, (Millis, V)>,
}

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Inner {
            changes: 0,
            read: HashMap::new(),
        }))
    }
}

impl<K: Eq + Hash, V: Clone> Known<K, V> {
    /// What `key` stands for, or what to give to [`keep`](Self::keep) after reading it where it is not known.
    pub(crate) fn find(&self, key: &K, now: Millis) -> Result<V, u64> {
        let inner = self.inner();
        let fresh = inner
            .read
            .get(key)
            .filter(|(read, _)| (0..BELIEVED_MS).contains(&(now - read)));
        fresh.map(|(_, value)| value.clone()).ok_or(inner.changes)
    }

    /// Keeps what was read at `now`, unless something has changed since it was asked for: the reading may be older than
    /// that.
    pub(crate) fn keep(&self, asked: u64, key: K, now: Millis, value: V) {
        let mut inner = self.inner();
        if inner.changes == asked {
            inner.read.insert(key, (now, value));
        }
    }

    /// Changes what is known of `key`, if anything.
    pub(crate) fn change(&self, key: &K, change: impl FnOnce(&mut V)) {
        if let Some((_, value)) = self.inner().read.get_mut(key) {
            change(value);
        }
    }

    /// Something changed.
    pub(crate) fn forget(&self) {
        let mut inner = self.inner();
        inner.changes += 1;
        inner.read.clear();
    }

    /// Nothing that panics runs under this lock but a caller's change of one value, which is then thrown away within a
    /// second.
    fn inner(&self) -> MutexGuard<'_, Inner<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
