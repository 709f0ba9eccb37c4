//! A cache of the newest events, which saves followers of the journal a read from the database. Its events are
//! consecutive, and a purge clears it.

use super::{Recorded, StoredEvent};
use model::Pos;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The most events, and the most bytes of payload.
const EVENTS: usize = 1_024;
const BYTES: usize = 1 << 20;

#[derive(Default)]
pub(super) struct Recent(Mutex<Kept>);

/// Consecutive events, oldest first.
#[derive(Default)]
struct Kept {
    events: VecDeque<Arc<Recorded>>,
    bytes: usize,
}

impl Recent {
    /// Appends events that were committed after all others.
    pub(super) fn push(&self, events: impl IntoIterator<Item = StoredEvent>) {
        let mut kept = self.kept();
        for event in events {
            if kept.events.back().is_some_and(|last| last.event().pos + 1 != event.pos) {
                *kept = Kept::default();
            }
            kept.bytes += size(&event);
            kept.events.push_back(Arc::new(event.into()));
        }
        while kept.events.len() > EVENTS || kept.bytes > BYTES {
            let Some(oldest) = kept.events.pop_front() else { break };
            kept.bytes -= size(oldest.event());
        }
    }

    /// Invalidates everything after a purge.
    pub(super) fn forget(&self) {
        *self.kept() = Kept::default();
    }

    /// At most `limit` events after `after`; `None` if the cache lacks any of the events up to `head`.
    pub(super) fn after(&self, after: Pos, head: Pos, limit: u64) -> Option<Vec<Arc<Recorded>>> {
        let kept = self.kept();
        let (first, last) = (kept.events.front()?.event().pos, kept.events.back()?.event().pos);
        if after + 1 < first || last < head {
            return None;
        }
        let from = kept.events.partition_point(|recorded| recorded.event().pos <= after);
        Some(
            kept.events
                .range(from..)
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .cloned()
                .collect(),
        )
    }

    /// Nothing under this lock panics, so a poisoned lock is sound.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(event: &StoredEvent) -> usize {
    event.payload.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(pos: Pos, bytes: usize) -> StoredEvent {
        StoredEvent {
            pos,
            origin: String::new(),
            epoch: String::new(),
            seq: pos,
            hlc: 0,
            actor: String::new(),
            kind: String::new(),
            v: 1,
            subject: String::new(),
            payload: Some(vec![0; bytes]),
            salt: None,
            commitment: Vec::new(),
            hash: Vec::new(),
            session: None,
            received: None,
            via: None,
        }
    }

    fn positions(recent: &Recent, after: Pos, head: Pos, limit: u64) -> Option<Vec<Pos>> {
        recent
            .after(after, head, limit)
            .map(|events| events.iter().map(|recorded| recorded.event().pos).collect())
    }

    #[test]
    fn it_gives_all_that_came_after_or_nothing() {
        let recent = Recent::default();
        assert_eq!(positions(&recent, 0, 0, 9), None);
        recent.push((5..=8).map(|pos| event(pos, 10)));
        assert_eq!(positions(&recent, 4, 8, 9), Some(vec![5, 6, 7, 8]));
        assert_eq!(positions(&recent, 6, 8, 1), Some(vec![7]));
        assert_eq!(positions(&recent, 8, 8, 9), Some(vec![]));
        assert_eq!(positions(&recent, 3, 8, 9), None, "4 is not kept");
        assert_eq!(positions(&recent, 6, 9, 9), None, "9 was committed and is not kept");
        recent.push([event(10, 10)]);
        assert_eq!(positions(&recent, 9, 10, 9), Some(vec![10]));
        assert_eq!(positions(&recent, 7, 10, 9), None, "9 is missing between them");
        recent.forget();
        assert_eq!(positions(&recent, 9, 10, 9), None);
    }

    #[test]
    fn it_stays_small() {
        let recent = Recent::default();
        let kept = || {
            let kept = recent.kept();
            (kept.events.len(), kept.bytes)
        };
        recent.push((1..=5_000).map(|pos| event(pos, 1)));
        assert_eq!(kept(), (EVENTS, EVENTS));
        recent.push((5_001..=5_004).map(|pos| event(pos, BYTES / 2)));
        assert_eq!(kept(), (2, BYTES));
        recent.push([event(5_005, BYTES + 1)]);
        assert_eq!(kept(), (0, 0));
    }
}
