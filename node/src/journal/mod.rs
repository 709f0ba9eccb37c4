//! The journal: the one way to change state. An operation decides and returns events. The writer numbers them, hashes
//! them, folds them into the tables and appends them in one transaction. The journal knows no feature's rules, and
//! nothing leaves it before the commit.

pub mod blob;
pub mod chain;
mod doctor;
mod event;
mod masking;
mod own;
pub(crate) mod projection;
mod purge;
mod rebuild;
mod received;
mod recent;
mod shadow;
pub mod testing;
mod writer;

pub use crate::store::{Stored, internal};
pub use doctor::{Bad, Blobs, Chain, Head, Report, TableReport, doctor};
pub use event::{Belongs, Recorded, StoredEvent};
pub use masking::MASK;
pub use own::own;
pub use rebuild::{Rebuilt, RebuiltTable, rebuild};
pub use received::{Frontier, Item, Received, Sent, TakenBy};

use crate::{
    clock::Deps,
    entity,
    store::{Projected, Store, StoreError},
    supervise::Vitals,
};
use futures::future::BoxFuture;
use masking::Secrets;
use model::{Caller, Millis, Pos, event::Fact, id::NodeId};
use recent::Recent;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use std::{
    any::Any,
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tracing::{Instrument, Span};

/// The capacity of the writer's queue; further callers wait for a place.
const QUEUE: usize = 4096;

/// An event that an operation wants to record.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// The id, as text, of the session, project, user or approval it is about. Decisions and withdrawals name the
    /// approval.
    pub subject: String,
    /// What happened.
    pub fact: Fact,
}

/// The result of an operation: a value for its caller, and the events in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<T> {
    /// What the caller gets after the commit.
    pub value: T,
    /// Events to record; empty when only private or local tables changed.
    pub events: Vec<NewEvent>,
}

impl<T> Outcome<T> {
    /// A value without events.
    pub fn new(value: T) -> Self {
        Self {
            value,
            events: Vec::new(),
        }
    }

    /// Adds an event.
    #[must_use]
    pub fn with(mut self, subject: impl ToString, fact: impl Into<Fact>) -> Self {
        self.events.push(NewEvent {
            subject: subject.to_string(),
            fact: fact.into(),
        });
        self
    }
}

/// What an operation sees: the writer's transaction, under a savepoint of its own.
pub struct Tx<'a> {
    db: &'a DatabaseTransaction,
    now: Millis,
    deps: &'a Deps,
    store: &'a Store,
    secrets: &'a Secrets,
}

impl Tx<'_> {
    /// Reads anything; writes private and local tables only. If the operation fails, all of it is rolled back.
    pub fn db(&self) -> &DatabaseTransaction {
        self.db
    }

    /// The key of a row that this node's own events made; see [`Store::key`].
    pub fn key(&self, id: impl ToString) -> (String, String) {
        self.store.key(id)
    }

    /// The rows that this node's own events made; see [`Store::own`].
    pub fn own<E: Projected>(&self) -> Select<E> {
        self.store.own()
    }

    /// The origin of the events it writes; see [`Journal::origin`].
    pub fn origin(&self) -> &str {
        self.store.origin()
    }

    /// The operation's time, unix ms.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// The source of ids and random bytes.
    pub fn deps(&self) -> &Deps {
        self.deps
    }

    /// The text with every known secret replaced.
    pub fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.secrets.mask_text(text)
    }

    /// Whether storing this value would mask a secret in it.
    pub(crate) fn masks(&self, value: &serde_json::Value) -> model::Result<bool> {
        Ok(self.secrets.mask_json(&serde_json::to_vec(value).stored()?).is_some())
    }

    pub(crate) fn store(&self) -> &Store {
        self.store
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        self.secrets
    }
}

type Value = Box<dyn Any + Send>;
type Operation = Box<dyn for<'t> FnOnce(&'t Tx<'t>) -> BoxFuture<'t, model::Result<(Writes, Value)>> + Send>;

/// What an operation writes into the log.
enum Writes {
    /// Events of this node.
    Own(Vec<NewEvent>),
    /// A part of another node's log; the frontier after it is the operation's value.
    Foreign(Box<Received>),
}

/// What the writer's queue holds.
enum Wish {
    Operate(Waiting),
    /// Finish the earlier operations, then end.
    Close(oneshot::Sender<()>),
}

struct Waiting {
    actor: String,
    operation: Operation,
    reply: oneshot::Sender<model::Result<Value>>,
    since: Instant,
}

/// The journal of a node. Cheap to clone; all clones share one writer.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    store: Store,
    queue: mpsc::Sender<Wish>,
    head: watch::Receiver<Pos>,
    secrets: Arc<Secrets>,
    works: Arc<AtomicBool>,
    recent: Arc<Recent>,
    origin: String,
    epoch: String,
}

impl Journal {
    /// Opens the node's log and starts the writer. A new database gets a random node id and epoch.
    pub async fn open(store: Store, deps: Deps) -> Result<Self, StoreError> {
        let own = writer::own_log(&store, &deps).await?;
        store.claim(&own.origin)?;
        blob::sweep(&store, deps.now()).await;
        let secrets = Arc::new(Secrets::default());
        let works = Arc::new(AtomicBool::new(true));
        let (queue, wishes) = mpsc::channel(QUEUE);
        let (announce, head) = watch::channel(own.pos);
        let (origin, epoch) = (own.origin.clone(), own.epoch.clone());
        let recent = Arc::<Recent>::default();
        let writer = writer::Writer::new(
            store.clone(),
            deps,
            secrets.clone(),
            announce,
            own.hlc,
            works.clone(),
            recent.clone(),
        );
        tokio::spawn(store.vitals().essential("the journal's writer", writer.run(wishes)));
        Ok(Self(Arc::new(Inner {
            store,
            queue,
            head,
            secrets,
            works,
            recent,
            origin,
            epoch,
        })))
    }

    /// Runs `operation` in the writer's transaction and returns after its durable commit.
    ///
    /// The operation reads, checks the caller's right, decides and returns an [`Outcome`]. It awaits nothing but `tx`
    /// and passes database errors on. If it fails or panics, its savepoint is rolled back, its neighbours go on, and no
    /// number is used up.
    ///
    /// # Errors
    /// The operation's own. After these nothing was written: `StorageFull` (the disk is full) and `Unavailable` (the
    /// database does not answer, the node stops, or it has lost its lease). `InDoubt` when the database was lost during
    /// COMMIT and could not be asked afterwards: the caller then notifies listeners all the same.
    pub async fn commit<T: Send + 'static>(
        &self,
        caller: &Caller,
        operation: impl for<'t> FnOnce(&'t Tx<'t>) -> BoxFuture<'t, model::Result<Outcome<T>>> + Send + 'static,
    ) -> model::Result<T> {
        self.write(caller, |tx| {
            Box::pin(async move {
                let outcome = operation(tx).await?;
                Ok((Writes::Own(outcome.events), Box::new(outcome.value) as Value))
            })
        })
        .await
    }

    /// Queues an operation for the writer and waits for its durable commit.
    async fn write<T: Send + 'static>(
        &self,
        caller: &Caller,
        operation: impl for<'t> FnOnce(&'t Tx<'t>) -> BoxFuture<'t, model::Result<(Writes, Value)>> + Send + 'static,
    ) -> model::Result<T> {
        let actor = caller.user.map_or_else(|| caller.name.clone(), |user| user.to_string());
        // The operation runs in the writer's task, but its logs belong to the caller's span.
        let span = Span::current();
        let operation: Operation = Box::new(move |tx| Box::pin(operation(tx).instrument(span)));
        let (reply, answer) = oneshot::channel();
        self.0
            .queue
            .send(Wish::Operate(Waiting {
                actor,
                operation,
                reply,
                since: Instant::now(),
            }))
            .await
            .map_err(|_| stopping())?;
        let value = answer.await.map_err(|_| stopping())??;
        Ok(*value.downcast().expect("the operation above boxed this very type"))
    }

    /// The newest committed position; 0 when there is none.
    // Async by contract: a later journal may have to ask for it.
    #[expect(clippy::unused_async, reason = "callers need not care where the head is kept")]
    pub async fn head(&self) -> Pos {
        *self.0.head.borrow()
    }

    /// Follows the newest committed position.
    pub fn watch(&self) -> watch::Receiver<Pos> {
        self.0.head.clone()
    }

    /// At most `limit` events after `after`, in order of position.
    pub async fn events(&self, after: Pos, limit: u64) -> model::Result<Vec<StoredEvent>> {
        Ok(self
            .recorded(after, limit)
            .await?
            .iter()
            .map(|recorded| recorded.event().clone())
            .collect())
    }

    /// [`events`](Self::events), with the newest events shared by all followers of the journal.
    pub async fn recorded(&self, after: Pos, limit: u64) -> model::Result<Vec<Arc<Recorded>>> {
        let head = *self.0.head.borrow();
        if let Some(known) = self.0.recent.after(after, head, limit) {
            return Ok(known);
        }
        let events = entity::event::Entity::find()
            .filter(entity::event::Column::Pos.gt(after))
            .order_by_asc(entity::event::Column::Pos)
            .limit(limit)
            .all(self.0.store.read())
            .await
            .stored()?;
        Ok(events.into_iter().map(|event| Arc::new(event.into())).collect())
    }

    /// The event at a position.
    pub async fn event(&self, pos: Pos) -> model::Result<Option<StoredEvent>> {
        entity::event::Entity::find_by_id(pos)
            .one(self.0.store.read())
            .await
            .stored()
    }

    /// Whether the writer reaches the database. The writer reconnects by itself.
    pub fn works(&self) -> bool {
        self.0.works.load(Ordering::Acquire)
    }

    /// The number of operations in the writer's queue.
    pub fn queue_len(&self) -> usize {
        self.0.queue.max_capacity() - self.0.queue.capacity()
    }

    /// Whether the node of this journal can still do its work.
    pub fn vitals(&self) -> &Vitals {
        self.0.store.vitals()
    }

    /// This node's id, parsed from [`origin`](Self::origin).
    pub fn node_id(&self) -> NodeId {
        crate::origin::node_of(&self.0.origin)
    }

    /// This node's id as 32 hex digits: the `origin` of its events and rows.
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// The log's incarnation, 16 hex digits.
    pub fn epoch(&self) -> &str {
        &self.0.epoch
    }

    /// Masks this value from now on wherever it would be journaled. Values under 8 bytes are refused, because they
    /// would mask ordinary words. Returns whether it was accepted.
    pub fn mask(&self, secret: &str) -> bool {
        self.0.secrets.add(secret)
    }

    /// Masks every known secret in a text that leaves by other ways than the journal.
    pub fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.0.secrets.mask_text(text)
    }

    /// [`masked`](Self::masked) for a text that is still being written: leaves out its end where a secret may begin
    /// there.
    pub fn masked_so_far(&self, text: &str) -> String {
        self.0.secrets.mask_so_far(text)
    }

    /// Masks a whole line of an agent's output, before anything of it is cut; returns also whether anything was masked.
    pub fn masked_line(&self, line: Vec<u8>) -> (Vec<u8>, bool) {
        self.0
            .secrets
            .mask_line(&line)
            .map_or((line, false), |masked| (masked, true))
    }

    /// Finishes the queue, then stops the writer. Later commits fail with `Unavailable`.
    pub async fn close(&self) {
        let (done, finished) = oneshot::channel();
        if self.0.queue.send(Wish::Close(done)).await.is_ok() {
            finished.await.ok();
        }
    }
}

fn stopping() -> model::Error {
    model::Error::Unavailable("this node is stopping: try again in a moment".into())
}
