//! A read-through cache with a lifetime of one second. Every change goes through this process, and its writer calls
//! `forget`. The short lifetime is for a process that has lost the database: it must see the changes of another.

use model::Millis;
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The lifetime of a value in ms.
const BELIEVED_MS: Millis = 1_000;

/// The cache. It holds only existing things, so it is never larger than its table.
pub(crate) struct Known<K, V>(Mutex<Inner<K, V>>);

struct Inner<K, V> {
    /// Raised by every invalidation.
    changes: u64,
    /// Values with the time of their read.
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
    /// The value of `key`; `Err` is the token for [`keep`](Self::keep) after reading it.
    pub(crate) fn find(&self, key: &K, now: Millis) -> Result<V, u64> {
        let inner = self.inner();
        let fresh = inner
            .read
            .get(key)
            .filter(|(read, _)| (0..BELIEVED_MS).contains(&(now - read)));
        fresh.map(|(_, value)| value.clone()).ok_or(inner.changes)
    }

    /// Caches a value read at `now`, unless something was invalidated since `find`: the value may be older than that.
    pub(crate) fn keep(&self, asked: u64, key: K, now: Millis, value: V) {
        let mut inner = self.inner();
        if inner.changes == asked {
            inner.read.insert(key, (now, value));
        }
    }

    /// Updates the cached value of `key`, if there is one.
    pub(crate) fn change(&self, key: &K, change: impl FnOnce(&mut V)) {
        if let Some((_, value)) = self.inner().read.get_mut(key) {
            change(value);
        }
    }

    /// Invalidates all values.
    pub(crate) fn forget(&self) {
        let mut inner = self.inner();
        inner.changes += 1;
        inner.read.clear();
    }

    /// Only `change`'s closure can panic under this lock, and the value it left half done expires within a second.
    fn inner(&self) -> MutexGuard<'_, Inner<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
