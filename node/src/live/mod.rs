//! The live hub: a fan-out of changed rows to followers, in commit order, as each of them may see them. It reads only
//! committed data and changes nothing. Half-written text passes through and is never stored.

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
use model::id::NodeId;
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

/// The most touches in memory for tabs that come back; older positions are read from the journal.
const REMEMBERED: usize = 16_384;
/// How many positions back a tab may resume. Beyond that it is told to reload.
const REPLAY: i64 = 20_000;
/// How many distinct rows a tab may be behind. Beyond that it is told to reload.
const MAX_BEHIND: usize = 3_000;
/// How many tabs at once may read the journal to resume.
const RESUMING: usize = 2;

/// Broadcasts that are not rows: half-written text, health, an ended login.
#[derive(Clone, Debug)]
pub(crate) enum Passing {
    /// The half-written text of a session changed.
    Partial(SessionId),
    /// A new health sample.
    Health(Arc<Written<ServerSays>>),
    /// The reason why sessions are queued changed.
    Queue,
    /// A person's role or logins changed: their followers read everything again.
    Caller(UserId),
    /// Another node fell silent or is heard again: everybody reads everything again.
    Nodes,
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
    /// The position up to which `recent` is complete. Followers wait on it.
    ready: watch::Sender<Pos>,
    partials: Mutex<HashMap<SessionId, Arc<Written<ServerSays>>>>,
    shown: Readings<(NodeId, RowId, Reader), Arc<Shown>>,
    whose: Readings<(NodeId, SessionId), Option<Whose>>,
    /// Counts of pending approvals.
    pending: Readings<Reader, i64>,
    /// Queued sessions.
    queued: Readings<Reader, Arc<[Arc<Written<Row>>]>>,
    passing: broadcast::Sender<Passing>,
    resuming: Semaphore,
}

/// A row that a tab has to read.
#[derive(Clone, Copy)]
struct Missed {
    /// Its first touch: everything before that position has been told.
    touched: Touched,
    /// The position of its last touch: an older reading is stale.
    last: Pos,
}

/// The rows that bring a tab up to date, each once, in the order of their first touch.
#[derive(Default)]
struct Behind {
    left: VecDeque<Missed>,
    /// The tab's position after reading them.
    upto: Pos,
    /// Whether any touch, of whatever row, may have changed the count of pending approvals.
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

    /// Follows the journal until the node stops.
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
                        // Before any follower reads rows: what is told after a project's rename carries the new name.
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

    /// Follows what `caller` may see; silent until the tab names topics.
    pub fn follow(&self, caller: Caller) -> Follower {
        Follower::new(self.clone(), caller)
    }

    /// Sets the whole half-written text of a session's agent; `None` when it has ended.
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

    /// Broadcasts a health sample.
    pub fn health(&self, sample: HealthSample) {
        self.pass(Passing::Health(Arc::new(Written::new(ServerSays::Health(sample)))));
    }

    /// Sets how full the node is; `None` when no session waits for room.
    pub(crate) fn capacity(&self, now: Option<Capacity>) {
        if self.inner.rows.set_capacity(now) {
            self.inner.shown.forget();
            self.inner.queued.forget();
            self.pass(Passing::Queue);
        }
    }

    /// Tells a person's followers that their role or logins changed.
    pub fn caller_changed(&self, user: UserId) {
        self.pass(Passing::Caller(user));
    }

    /// Tells everybody that another node fell silent or is heard again.
    pub fn nodes_changed(&self) {
        self.inner.rows.forget_names();
        self.inner.shown.forget();
        self.inner.queued.forget();
        self.pass(Passing::Nodes);
    }

    fn pass(&self, passing: Passing) {
        // An error only means that nobody listens.
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

    /// The wanted touches after `after`, up to the hub's own position; `None` when they are too old or too many.
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

    /// Drops stale readings from the caches.
    fn sweep(&self) {
        self.inner.shown.sweep();
        self.inner.whose.sweep();
        self.inner.pending.sweep();
        self.inner.queued.sweep();
    }

    fn ready(&self) -> Pos {
        *self.inner.ready.borrow()
    }

    /// The rows of a touch at `needed` or later, shared by all callers of one reader.
    async fn shown(&self, caller: &Caller, touch: Touch, needed: Pos) -> Result<Arc<Shown>> {
        let reader = touch.row.reader(caller);
        let rows = &self.inner.rows;
        let read = || {
            let rows = rows.clone();
            async move {
                let read = rows.row(reader, touch.origin, touch.row).await?;
                // The owner is read after the rows, so whoever loses the session now gets nothing that is newer.
                let of = match (touch.session, read.first()) {
                    (None, _) => Of::Everybody,
                    (Some(_), Some(Row::Session(row))) => Of::Session(rows.whose_is(row)),
                    (Some(session), _) => rows.whose(touch.origin, session).await?.map_or(Of::Nobody, Of::Session),
                };
                Ok(Arc::new(Shown {
                    rows: read.into_iter().map(|row| Arc::new(Written::new(row))).collect(),
                    of,
                }))
            }
        };
        self.inner
            .shown
            .get((touch.origin, touch.row, reader), needed, self.ready(), read)
            .await
    }

    /// Who may see a session, at `needed` or later.
    async fn whose(&self, node: NodeId, session: SessionId, needed: Pos) -> Result<Option<Whose>> {
        let rows = &self.inner.rows;
        let read = || {
            let rows = rows.clone();
            async move { rows.whose(node, session).await }
        };
        // Uses the journal's own head, because streams hear of it before the hub does.
        self.inner
            .whose
            .get((node, session), needed, self.inner.journal.head().await, read)
            .await
    }

    /// The number of approvals that wait for a caller, at `needed` or later.
    async fn pending(&self, caller: &Caller, needed: Pos) -> Result<i64> {
        let (rows, reader) = (&self.inner.rows, Reader::of(caller));
        let read = || {
            let rows = rows.clone();
            async move { rows.pending(&reader.caller()).await }
        };
        self.inner.pending.get(reader, needed, self.ready(), read).await
    }

    /// The queued sessions as a caller sees them, at `needed` or later.
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

/// Collects the rows that a tab has to read.
struct Gather<W> {
    behind: Behind,
    /// The index of each row in `left`.
    seen: HashMap<RowId, usize>,
    wants: W,
}

impl<W: Fn(Touch) -> bool> Gather<W> {
    /// Adds one touch; `false` when there are too many rows.
    fn take(&mut self, touched: Touched) -> bool {
        self.behind.counts |= touched.counts;
        if !(self.wants)(touched.touch) {
            return true;
        }
        match self.seen.get(&touched.touch.row) {
            // The row is read once, and told as gone if any of its events hid it.
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

/// The frame that ends a session's half-written text.
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
        let names = Names::new(test.store.clone(), test.deps.clone(), "here".into());
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
