//! A cache of sessions that needs no invalidation: a session's row names the event that changed it last
//! (`session.pos`), and a copy read at that position stays valid until the row has another. It must not hold data of
//! other rows, such as names of projects and people.

use model::{Pos, sessions::Session};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The most sessions, about a kilobyte each.
const KEPT: usize = 2_048;

/// Keyed by id; the position is that of the copy.
#[derive(Default)]
pub(super) struct Memo(Mutex<HashMap<String, (Pos, Arc<Session>)>>);

impl Memo {
    /// The cached sessions at exactly these positions, in the same order.
    pub(super) fn find<'i>(&self, wanted: impl Iterator<Item = (&'i str, Pos)>) -> Vec<Option<Arc<Session>>> {
        let kept = self.kept();
        wanted
            .map(|(id, pos)| {
                kept.get(id)
                    .filter(|(known, _)| *known == pos)
                    .map(|(_, session)| session.clone())
            })
            .collect()
    }

    /// Whether a copy at any position is cached.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.kept().contains_key(id)
    }

    /// Caches sessions, unless a newer copy is cached. A full cache starts over: sessions that are read often come back
    /// soon.
    pub(super) fn keep(&self, read: Vec<(String, Pos, Arc<Session>)>) {
        let mut kept = self.kept();
        for (id, pos, session) in read {
            if kept.get(&id).is_some_and(|(known, _)| *known > pos) {
                continue;
            }
            if kept.len() >= KEPT && !kept.contains_key(&id) {
                kept.clear();
            }
            kept.insert(id, (pos, session));
        }
    }

    /// Nothing under this lock panics, and every entry of the map is whole, so a poisoned lock is sound.
    fn kept(&self) -> MutexGuard<'_, HashMap<String, (Pos, Arc<Session>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
