//! The live hub: tells followers which rows changed, in commit order, as each of them may see them.
//! It reads only what is committed and changes nothing; half-written text passes through it and is never stored.

mod events;
mod follower;
mod readings;
mod told;
mod touched;

pub use events::Tail;
pub use follower::Follower;
pub use told::{Told, Written};
pub use touched::{Hides, Touch, Touched, of_event as touches};

use crate::{
    journal::Journal,
    rows::{Capacity, Reader, RowId, Rows, Whose},
};
use model::{
    Caller, Pos, Result,
    entries::Partial,
    id::{SessionId, UserId},
    live::{Row, ServerSays},
    node::HealthSample,
};
use readings::Readings;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio_util::sync::CancellationToken;
use told::{Of, Shown};

/// How many touched rows are remembered for tabs that come back; older positions are read from the journal.
const REMEMBERED: usize = 16_384;
/// How far back a tab may resume before it is told to read its page again.
const REPLAY: i64 = 20_000;
/// How many distinct rows a tab may be behind before it is told to read its page again.
const MAX_BEHIND: usize = 3_000;
/// How many tabs at once may read the journal to find out what they missed.
const RESUMING: usize = 2;

/// What is not a row: text being written, health, an ended login.
#[derive(Clone, Debug)]
pub(crate) enum Passing {
    /// The half-written text of a session changed.
    Partial(SessionId),
    /// A new health sample.
    Health(Arc<Written<ServerSays>>),
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
    partials: Mutex<HashMap<SessionId, Arc<Written<ServerSays>>>>,
    shown: Readings<(RowId, Reader), Arc<Shown>>,
    whose: Readings<SessionId, Option<Whose>>,
    /// How many approvals wait.
    pending: Readings<Reader, i64>,
    /// Sessions that wait for a place.
    queued: Readings<Reader, Arc<[Arc<Written<Row>>]>>,
    passing: broadcast::Sender<Passing>,
    resuming: Semaphore,
}

/// A row that a tab has to read.
#[derive(Clone, Copy)]
struct Missed {
    /// As it was touched first: all before that position was told before.
    touched: Touched,
    /// Where it was touched last: what was read before that is too old.
    last: Pos,
}

/// The rows a tab has to read to be up to date, each once, in the order in which they were first touched.
#[derive(Default)]
struct Behind {
    left: VecDeque<Missed>,
    /// Up to where the tab is then up to date.
    upto: Pos,
    /// Some touch, of whatever row, may have changed how many approvals wait.
    counts: bool,
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
            recent: Mutex::new(Recent {
                from: head,
                touches: VecDeque::new(),
            }),
            ready: watch::Sender::new(head),
            partials: Mutex::default(),
            shown: Readings::default(),
            whose: Readings::default(),
            pending: Readings::default(),
            queued: Readings::default(),
            passing: broadcast::Sender::new(1024),
            resuming: Semaphore::new(RESUMING),
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
                match self.inner.journal.recorded(after, 1_000).await {
                    Ok(events) if events.is_empty() => break,
                    Ok(events) => {
                        after = events.last().map_or(after, |recorded| recorded.event().pos);
                        let touches: Vec<Touched> = events
                            .iter()
                            .flat_map(|recorded| touched::of_event(recorded.event()))
                            .collect();
                        // Before anybody reads rows for them: what is told after a project was renamed says the new
                        // name.
                        if touches
                            .iter()
                            .any(|touched| matches!(touched.touch.row, RowId::Project(_)))
                        {
                            self.inner.rows.forget_names();
                            self.inner.shown.forget();
                        }
                        self.sweep();
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
            Some(partial) => {
                let says = Arc::new(Written::new(ServerSays::Partial(partial)));
                self.partials()
                    .insert(session, says.clone())
                    .is_none_or(|before| before.value() != says.value())
            }
            None => self.partials().remove(&session).is_some(),
        };
        if changed {
            self.pass(Passing::Partial(session));
        }
    }

    /// A new health sample.
    pub fn health(&self, sample: HealthSample) {
        self.pass(Passing::Health(Arc::new(Written::new(ServerSays::Health(sample)))));
    }

    /// How full the node is while sessions are queued; `None` when nothing waits for room.
    pub(crate) fn capacity(&self, now: Option<Capacity>) {
        if self.inner.rows.set_capacity(now) {
            self.inner.shown.forget();
            self.inner.queued.forget();
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

    fn partials(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Written<ServerSays>>>> {
        self.inner
            .partials
            .lock()
            .expect("nothing panics while it holds the partials")
    }

    fn remember(&self, touches: Vec<Touched>) {
        let mut recent = self
            .inner
            .recent
            .lock()
            .expect("nothing panics while it holds the touches");
        recent.touches.extend(touches);
        while recent.touches.len() > REMEMBERED {
            if let Some(oldest) = recent.touches.pop_front() {
                recent.from = oldest.pos;
            }
        }
    }

    /// What was touched after `after` and up to the hub's own position, as far as it is wanted; `None` when that is too
    /// long ago or too much.
    async fn behind(&self, after: Pos, wants: impl Fn(Touch) -> bool) -> Result<Option<Behind>> {
        let ready = *self.inner.ready.borrow();
        let mut gather = Gather {
            behind: Behind {
                upto: ready.max(after),
                ..Behind::default()
            },
            seen: HashMap::new(),
            wants,
        };
        {
            let recent = self
                .inner
                .recent
                .lock()
                .expect("nothing panics while it holds the touches");
            if after >= recent.from {
                let first = recent.touches.partition_point(|touched| touched.pos <= after);
                let end = recent.touches.partition_point(|touched| touched.pos <= ready);
                let all_taken = recent
                    .touches
                    .range(first..end.max(first))
                    .all(|touched| gather.take(*touched));
                return Ok(all_taken.then_some(gather.behind));
            }
        }
        if ready.saturating_sub(after) > REPLAY {
            return Ok(None);
        }
        let _turn = self
            .inner
            .resuming
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let mut at = after;
        while at < ready {
            let events = self.inner.journal.events(at, 1_000).await?;
            let Some(last) = events.last() else { break };
            at = last.pos;
            if !events
                .iter()
                .flat_map(touched::of_event)
                .all(|touched| gather.take(touched))
            {
                return Ok(None);
            }
        }
        gather.behind.upto = at.max(ready);
        Ok(Some(gather.behind))
    }

    /// Lets go of what was read for followers and is old.
    fn sweep(&self) {
        self.inner.shown.sweep();
        self.inner.whose.sweep();
        self.inner.pending.sweep();
        self.inner.queued.sweep();
    }

    fn ready(&self) -> Pos {
        *self.inner.ready.borrow()
    }

    /// The rows of a touch as they are at `needed` or later, for all callers of one reader.
    async fn shown(&self, caller: &Caller, touch: Touch, needed: Pos) -> Result<Arc<Shown>> {
        let reader = touch.row.reader(caller);
        let rows = &self.inner.rows;
        let read = || {
            let rows = rows.clone();
            async move {
                let read = rows.row(reader, touch.row).await?;
                // After the rows: who does not see the session now gets nothing of what it says now.
                let of = match (touch.session, read.first()) {
                    (None, _) => Of::Everybody,
                    (Some(_), Some(Row::Session(row))) => Of::Session(row.as_ref().into()),
                    (Some(session), _) => rows.whose(session).await?.map_or(Of::Nobody, Of::Session),
                };
                Ok(Arc::new(Shown {
                    rows: read.into_iter().map(|row| Arc::new(Written::new(row))).collect(),
                    of,
                }))
            }
        };
        self.inner
            .shown
            .get((touch.row, reader), needed, self.ready(), read)
            .await
    }

    /// Whose a session is at `needed` or later.
    async fn whose(&self, session: SessionId, needed: Pos) -> Result<Option<Whose>> {
        let rows = &self.inner.rows;
        let read = || {
            let rows = rows.clone();
            async move { rows.whose(session).await }
        };
        // The journal's own head: streams hear of it before the hub does.
        self.inner
            .whose
            .get(session, needed, self.inner.journal.head().await, read)
            .await
    }

    /// How many approvals wait for a caller at `needed` or later.
    async fn pending(&self, caller: &Caller, needed: Pos) -> Result<i64> {
        let (rows, reader) = (&self.inner.rows, Reader::of(caller));
        let read = || {
            let rows = rows.clone();
            async move { rows.pending(&reader.caller()).await }
        };
        self.inner.pending.get(reader, needed, self.ready(), read).await
    }

    /// Sessions that wait for a place, as a caller sees them at `needed` or later.
    async fn queued(&self, caller: &Caller, needed: Pos) -> Result<Arc<[Arc<Written<Row>>]>> {
        let (rows, reader) = (&self.inner.rows, Reader::of(caller));
        let read = || {
            let rows = rows.clone();
            async move {
                let queued = rows.queued_sessions(&reader.caller()).await?;
                Ok(queued
                    .into_iter()
                    .map(|row| Arc::new(Written::new(Row::Session(Box::new(row)))))
                    .collect())
            }
        };
        self.inner.queued.get(reader, needed, self.ready(), read).await
    }

    fn partial_of(&self, session: SessionId) -> Option<Arc<Written<ServerSays>>> {
        self.partials().get(&session).cloned()
    }
}

/// Collects what a tab has to read.
struct Gather<W> {
    behind: Behind,
    /// Where each row stands in what is left.
    seen: HashMap<RowId, usize>,
    wants: W,
}

impl<W: Fn(Touch) -> bool> Gather<W> {
    /// Takes one more touch in; `false` when it is too much.
    fn take(&mut self, touched: Touched) -> bool {
        self.behind.counts |= touched.counts;
        if !(self.wants)(touched.touch) {
            return true;
        }
        match self.seen.get(&touched.touch.row) {
            // The row is read once, and told as gone when any of the events took it away.
            Some(place) => {
                if let Some(known) = self.behind.left.get_mut(*place) {
                    known.touched.hides = known.touched.hides.max(touched.hides);
                    known.last = touched.pos;
                }
            }
            None => {
                self.seen.insert(touched.touch.row, self.behind.left.len());
                self.behind.left.push_back(Missed {
                    touched,
                    last: touched.pos,
                });
            }
        }
        self.behind.left.len() <= MAX_BEHIND
    }
}

/// The frame that says a session's text is over.
fn no_partial(session: SessionId) -> ServerSays {
    ServerSays::Partial(Partial {
        session,
        kind: model::entries::EntryKind::Message,
        parent: None,
        text: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        folder::{Borders, Folders},
        journal::Outcome,
        rows::Names,
        store::testing::TestStore,
    };
    use std::time::Duration;

    #[tokio::test]
    async fn a_hub_that_panics_is_the_end_of_the_node_and_not_a_silence() {
        let test = TestStore::new::<migration::Migrator>(1).await;
        let names = Names::new(test.store.clone(), test.deps.clone());
        let folders = Folders::new(
            test.deps.clone(),
            Borders {
                roots: Vec::new(),
                data_dir: test.place.config.data_dir.clone(),
            },
        );
        let rows = Rows::new(test.store.clone(), test.journal.clone(), folders, names);
        let hub = Hub::open(test.journal.clone(), rows).await.expect("opens");
        let inner = hub.inner.clone();
        let poisoned = std::thread::spawn(move || {
            let _held = inner.recent.lock();
            panic!("poisons the lock");
        });
        assert!(poisoned.join().is_err());
        tokio::spawn(hub.run(CancellationToken::new()));
        let events = vec![crate::journal::testing::event([3, 1, 1, 1])];
        let committed = test
            .journal
            .commit(&Caller::node(), move |_| {
                Box::pin(async move { Ok(Outcome { value: (), events }) })
            })
            .await;
        assert_eq!(committed, Ok(()));
        let why = tokio::time::timeout(Duration::from_secs(5), test.store.vitals().failed())
            .await
            .expect("it is said at once");
        assert!(why.starts_with("the live hub has stopped"), "{why}");
    }
}
