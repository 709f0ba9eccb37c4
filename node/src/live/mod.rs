//! The live hub: tells followers which rows changed, in commit order, as each of them may see them.
//! It reads only what is committed and changes nothing; half-written text passes through it and is never stored.

mod follower;
mod touched;

pub use follower::Follower;
pub use touched::{Touch, Touched, of_event as touches};

use crate::{
    journal::Journal,
    rows::{Capacity, Rows},
};
use model::{
    Caller, Pos, Result,
    entries::Partial,
    id::{SessionId, UserId},
    live::ServerSays,
    node::HealthSample,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

/// How many touched rows are remembered for tabs that come back; older positions are read from the journal.
const REMEMBERED: usize = 16_384;
/// How far back a tab may resume before it is told to read its page again.
const REPLAY: i64 = 20_000;

/// What is not a row: text being written, health, an ended login.
#[derive(Clone, Debug)]
pub(crate) enum Passing {
    /// The half-written text of a session changed.
    Partial(SessionId),
    /// A new health sample.
    Health(HealthSample),
    /// Why sessions are queued has changed.
    Queue,
    /// A person's role or logins changed: their followers read everything again.
    Caller(UserId),
}

/// The hub; cheap to clone.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    journal: Journal,
    rows: Rows,
    recent: Mutex<Recent>,
    /// The position up to which `recent` is complete; followers wait on it.
    ready: watch::Sender<Pos>,
    partials: Mutex<HashMap<SessionId, Partial>>,
    passing: broadcast::Sender<Passing>,
}

/// The newest touches, oldest first, complete for every position after `from`.
struct Recent {
    from: Pos,
    touches: VecDeque<Touched>,
}

impl Hub {
    /// Starts listening at the journal's present head.
    pub async fn open(journal: Journal, rows: Rows) -> Result<Self> {
        let head = journal.head().await;
        let inner = Inner {
            journal,
            rows,
            recent: Mutex::new(Recent { from: head, touches: VecDeque::new() }),
            ready: watch::Sender::new(head),
            partials: Mutex::default(),
            passing: broadcast::Sender::new(1024),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Reads the journal on and on, until the node stops.
    pub async fn run(self, closing: CancellationToken) {
        let vitals = self.inner.journal.vitals().clone();
        vitals.essential("the live hub", self.listen(closing)).await;
    }

    async fn listen(self, closing: CancellationToken) {
        let mut head = self.inner.journal.watch();
        loop {
            let mut after = *self.inner.ready.borrow();
            while after < *head.borrow_and_update() {
                match self.inner.journal.events(after, 1_000).await {
                    Ok(events) if events.is_empty() => break,
                    Ok(events) => {
                        after = events.last().map_or(after, |event| event.pos);
                        let touches: Vec<Touched> = events.iter().flat_map(touched::of_event).collect();
                        // Before anybody reads rows for them: what is told after a project was renamed says the new name.
                        if touches.iter().any(|touched| matches!(touched.touch, Touch::Project(_))) {
                            self.inner.rows.forget_names();
                        }
                        self.remember(touches);
                        self.inner.ready.send_replace(after);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the live hub could not read the journal and tries again");
                        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                    }
                }
            }
            tokio::select! {
                () = closing.cancelled() => return,
                changed = head.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Follows what `caller` may see; says nothing until topics are named.
    pub fn follow(&self, caller: Caller) -> Follower {
        Follower::new(self.clone(), caller)
    }

    /// The text a session's agent is writing: all of it so far; `None` when it is over.
    pub fn partial(&self, session: SessionId, partial: Option<Partial>) {
        let changed = match partial {
            Some(partial) => self.partials().insert(session, partial.clone()).as_ref() != Some(&partial),
            None => self.partials().remove(&session).is_some(),
        };
        if changed {
            self.pass(Passing::Partial(session));
        }
    }

    /// A new health sample.
    pub fn health(&self, sample: HealthSample) {
        self.pass(Passing::Health(sample));
    }

    /// How full the node is while sessions are queued; `None` when nothing waits for room.
    pub(crate) fn capacity(&self, now: Option<Capacity>) {
        if self.inner.rows.set_capacity(now) {
            self.pass(Passing::Queue);
        }
    }

    /// A person's role or logins changed.
    pub fn caller_changed(&self, user: UserId) {
        self.pass(Passing::Caller(user));
    }

    fn pass(&self, passing: Passing) {
        // Nobody listening is not an error.
        let _ = self.inner.passing.send(passing);
    }

    fn partials(&self) -> MutexGuard<'_, HashMap<SessionId, Partial>> {
        self.inner.partials.lock().expect("nothing panics while it holds the partials")
    }

    fn remember(&self, touches: Vec<Touched>) {
        let mut recent = self.inner.recent.lock().expect("nothing panics while it holds the touches");
        recent.touches.extend(touches);
        while recent.touches.len() > REMEMBERED {
            if let Some(oldest) = recent.touches.pop_front() {
                recent.from = oldest.pos;
            }
        }
    }

    /// Everything touched after `after` and up to the hub's own position; `None` when that is too long ago.
    async fn touched_since(&self, after: Pos) -> Result<Option<(Vec<Touched>, Pos)>> {
        let ready = *self.inner.ready.borrow();
        {
            let recent = self.inner.recent.lock().expect("nothing panics while it holds the touches");
            if after >= recent.from {
                let first = recent.touches.partition_point(|touched| touched.pos <= after);
                let end = recent.touches.partition_point(|touched| touched.pos <= ready);
                return Ok(Some((recent.touches.range(first..end.max(first)).copied().collect(), ready.max(after))));
            }
        }
        if ready - after > REPLAY {
            return Ok(None);
        }
        let mut touches = Vec::new();
        let mut at = after;
        while at < ready {
            let events = self.inner.journal.events(at, 1_000).await?;
            let Some(last) = events.last() else { break };
            at = last.pos;
            touches.extend(events.iter().flat_map(touched::of_event));
        }
        Ok(Some((touches, at.max(ready))))
    }

    fn partial_of(&self, session: SessionId) -> Option<Partial> {
        self.partials().get(&session).cloned()
    }
}

/// The frame that says a session's text is over.
fn no_partial(session: SessionId) -> ServerSays {
    ServerSays::Partial(Partial { session, kind: model::entries::EntryKind::Message, parent: None, text: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{journal::Outcome, projects::ProjectsService, rows::Names, store::testing::TestStore};
    use std::time::Duration;

    #[tokio::test]
    async fn a_hub_that_panics_is_the_end_of_the_node_and_not_a_silence() {
        let test = TestStore::new::<migration::Migrator>(1).await;
        let names = Names::new(test.store.clone(), test.deps.clone());
        let data = test.place.config.data_dir.clone();
        let projects = ProjectsService::new(test.store.clone(), test.journal.clone(), test.deps.clone(), names.clone(), Vec::new(), data);
        let rows = Rows::new(test.store.clone(), projects, names);
        let hub = Hub::open(test.journal.clone(), rows).await.expect("opens");
        let inner = hub.inner.clone();
        let poisoned = std::thread::spawn(move || {
            let _held = inner.recent.lock();
            panic!("poisons the lock");
        });
        assert!(poisoned.join().is_err());
        tokio::spawn(hub.run(CancellationToken::new()));
        let events = vec![crate::journal::testing::event([3, 1, 1, 1])];
        let committed = test.journal.commit(&Caller::node(), move |_| Box::pin(async move { Ok(Outcome { value: (), events }) })).await;
        assert_eq!(committed, Ok(()));
        let why = tokio::time::timeout(Duration::from_secs(5), test.store.vitals().failed()).await.expect("it is said at once");
        assert!(why.starts_with("the live hub has stopped"), "{why}");
    }
}
