//! Sessions as they were read last. A row names the event that changed it last (`session.pos`), so what was read at a
//! position holds as long as the row has that position: nothing here ever has to be thrown away because something
//! changed. It must not hold what comes from other rows: names of projects and people.

use model::{Pos, sessions::Session};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Sessions kept; about a kilobyte each.
const KEPT: usize = 2_048;

/// By the id's text, with the position they were read at.
#[derive(Default)]
pub(super) struct Memo(Mutex<HashMap<String, (Pos, Arc<Session>)>>);

impl Memo {
    /// The sessions as they are at these positions, in the same order, where that was read before.
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

    /// Whether the session was read before, at whatever position.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.kept().contains_key(id)
    }

    /// Keeps what was read, unless something later is kept. When it is full it starts over: what is looked at often
    /// comes back soon.
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

    /// Nothing that panics runs under this lock, and a half-made change of a map of whole entries is none.
    fn kept(&self) -> MutexGuard<'_, HashMap<String, (Pos, Arc<Session>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
