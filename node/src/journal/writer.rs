//! The writer: one task that runs queued operations in one transaction and answers each after its durable commit. It
//! runs one batch at a time, with a time limit in case the database is gone.

use super::{
    NewEvent, Operation, Secrets, Stored, StoredEvent, Tx, Value, Waiting, Wish, Writes, blob,
    chain::{self, Fields, GENESIS},
    internal, projection, purge,
    received::{self, Receiving},
    recent::Recent,
};
use crate::{
    clock::Deps,
    origin::origin_of,
    store::{
        Store, StoreError, TAKEN_OVER, is_unreachable,
        sql::{self, Together},
    },
};
use futures::FutureExt;
use model::{Error, Pos, event::Fact};
use sea_orm::{DatabaseTransaction, DbBackend, DbErr, TransactionTrait};
use std::{
    collections::VecDeque,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

/// The most operations in one commit, and the time after which a batch takes up no more of them and commits.
const BATCH: usize = 256;
const SHARE: Duration = Duration::from_secs(2);
/// Extra time for a batch with a purge, which writes to every event of a session.
const PURGE: Duration = Duration::from_mins(1);
/// The timeout of one attempt to reconnect, and the pause before the next.
const RECONNECTS: Duration = Duration::from_secs(8);
const AGAIN: Duration = Duration::from_secs(1);
/// The most time spent on removing files after a commit, while others wait.
const TIDIES: Duration = Duration::from_secs(5);

/// The writer's timeouts.
#[derive(Clone, Copy)]
struct Patience {
    /// For one operation: one that awaits something other than its transaction would stop the node.
    operation: Duration,
    /// For one batch, from BEGIN to COMMIT; also the age from which a queued operation is refused.
    batch: Duration,
}

impl Patience {
    /// PostgreSQL may vanish without a sign, and callers must hear that soon. SQLite is a local disk, which is slow at
    /// times.
    fn with(backend: DbBackend) -> Self {
        match backend {
            DbBackend::Sqlite => Self {
                operation: Duration::from_secs(30),
                batch: Duration::from_mins(1),
            },
            _ => Self {
                operation: Duration::from_secs(8),
                batch: Duration::from_secs(10),
            },
        }
    }
}

/// The deadline of a batch; steps that are known to take longer extend it.
#[derive(Clone)]
struct Limit(watch::Sender<Instant>);

impl Limit {
    fn after(patience: Duration) -> Self {
        Self(watch::Sender::new(Instant::now() + patience))
    }

    fn extend(&self, by: Duration) {
        self.0.send_modify(|until| *until += by);
    }

    /// Returns at the deadline.
    async fn over(&self) {
        loop {
            let until = *self.0.borrow();
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// The progress of a transaction, for one that ends without an answer.
#[derive(Default)]
struct Progress {
    /// The position before the transaction, and the head it would lead to.
    before: Pos,
    after: Option<Head>,
    /// COMMIT was sent and got no answer, so its outcome is unknown.
    in_doubt: bool,
}

/// This node's own log at the start.
pub(super) struct OwnLog {
    pub(super) origin: String,
    pub(super) epoch: String,
    pub(super) pos: Pos,
    pub(super) hlc: i64,
}

/// Finds this node's log, or opens one with a random node id and epoch.
pub(super) async fn own_log(store: &Store, deps: &Deps) -> Result<OwnLog, StoreError> {
    let found = sql::one(
        store.read(),
        r#"SELECT "origin", "epoch", "seq", "pos" FROM "log" WHERE "own" = TRUE"#,
        [],
    )
    .await?;
    if let Some(row) = found {
        // Values written while the clock was far ahead do not count.
        let (origin, epoch): (String, String) = (row.try_get("", "origin")?, row.try_get("", "epoch")?);
        let text = r#"SELECT max("hlc") AS hlc FROM "event" WHERE "origin" = $2 AND "epoch" = $3 AND "seq" > $4 AND "hlc" < $1"#;
        let seq: i64 = row.try_get("", "seq")?;
        let values = [
            chain::latest(deps.now()).into(),
            origin.clone().into(),
            epoch.clone().into(),
            (seq - 1000).into(),
        ];
        let newest = sql::one(store.read(), text, values).await?;
        let hlc = newest.map_or(Ok(None), |row| row.try_get("", "hlc"))?.unwrap_or(0);
        return Ok(OwnLog {
            origin,
            epoch,
            pos: row.try_get("", "pos")?,
            hlc,
        });
    }
    let origin = uuid::Builder::from_random_bytes(deps.bytes())
        .into_uuid()
        .as_simple()
        .to_string();
    let epoch = crate::hex::hex(&deps.bytes::<8>());
    let txn = store.begin().await?;
    let text = r#"INSERT INTO "log" ("origin", "epoch", "seq", "hash", "pos", "own") VALUES ($1, $2, 0, $3, 0, TRUE)"#;
    sql::run(
        &txn,
        text,
        [origin.clone().into(), epoch.clone().into(), GENESIS.to_vec().into()],
    )
    .await?;
    txn.commit().await?;
    Ok(OwnLog {
        origin,
        epoch,
        pos: 0,
        hlc: 0,
    })
}

/// The head of the log within a batch.
#[derive(Clone)]
struct Head {
    seq: i64,
    pos: Pos,
    hash: [u8; 32],
}

pub(super) struct Writer {
    store: Store,
    deps: Deps,
    secrets: Arc<Secrets>,
    announce: watch::Sender<Pos>,
    /// Blobs whose last reference this batch drops. Their files go after its commit.
    unreferenced: Vec<String>,
    /// Whether this batch purges.
    purged: bool,
    /// The newest clock value given. After a failed batch it may be ahead of the log, never behind.
    hlc: i64,
    patience: Patience,
    limit: Limit,
    /// Why nothing can be written at present; `None` while the database answers.
    broken: Option<Error>,
    /// Whether the last batch failed before its first operation.
    stalled: bool,
    /// Whether the database answers, shared with readers outside.
    works: Arc<AtomicBool>,
    /// The events of this batch so far.
    fresh: Vec<StoredEvent>,
    /// The cache of committed events.
    recent: Arc<Recent>,
}

/// An operation of the current batch. Its caller is answered whatever becomes of the batch.
struct Answered {
    reply: oneshot::Sender<model::Result<Value>>,
    /// The answer if the batch commits; `None` until the operation has run to its end.
    result: Option<model::Result<Value>>,
}

impl Answered {
    fn tell(self, answer: impl FnOnce(Option<model::Result<Value>>) -> model::Result<Value>) {
        self.reply.send(answer(self.result)).ok();
    }

    /// The answer after a commit; an operation that has not run to its end is not part of it.
    fn holds(result: Option<model::Result<Value>>) -> model::Result<Value> {
        result.unwrap_or_else(|| {
            Err(unavailable(
                "this was not done to its end: nothing of it was written, try again",
            ))
        })
    }
}

impl Writer {
    pub(super) fn new(
        store: Store,
        deps: Deps,
        secrets: Arc<Secrets>,
        announce: watch::Sender<Pos>,
        hlc: i64,
        works: Arc<AtomicBool>,
        recent: Arc<Recent>,
    ) -> Self {
        let patience = Patience::with(store.backend());
        let limit = Limit::after(patience.batch);
        Self {
            store,
            deps,
            secrets,
            announce,
            unreferenced: Vec::new(),
            purged: false,
            hlc,
            patience,
            limit,
            broken: None,
            stalled: false,
            works,
            fresh: Vec::new(),
            recent,
        }
    }

    /// Serves the queue until it is closed.
    pub(super) async fn run(mut self, mut wishes: mpsc::Receiver<Wish>) {
        let mut arrived = Vec::with_capacity(BATCH);
        let mut waiting = VecDeque::with_capacity(BATCH);
        let mut closing: Option<oneshot::Sender<()>> = None;
        while closing.is_none() && wishes.recv_many(&mut arrived, BATCH).await > 0 {
            for wish in arrived.drain(..) {
                take_up(wish, &mut waiting, &mut closing);
            }
            while !waiting.is_empty() {
                self.batch(&mut waiting).await;
                if self.broken.is_some() {
                    self.find_again(&mut waiting, &mut wishes, &mut closing).await;
                }
            }
        }
        wishes.close();
        if let Some(done) = closing {
            done.send(()).ok();
        }
    }

    /// Reconnects until the database answers or the journal is closed. After each failed attempt all waiting callers
    /// get the error.
    async fn find_again(
        &mut self,
        waiting: &mut VecDeque<Waiting>,
        wishes: &mut mpsc::Receiver<Wish>,
        closing: &mut Option<oneshot::Sender<()>>,
    ) {
        while let Some(error) = self.broken.clone() {
            while let Ok(wish) = wishes.try_recv() {
                take_up(wish, waiting, closing);
            }
            refuse(waiting, &error);
            if closing.is_some() {
                return;
            }
            if self.store.vitals().failure().is_some() {
                // Another node has taken the database over and this one ends: it only refuses from here on.
                match wishes.recv().await {
                    Some(wish) => take_up(wish, waiting, closing),
                    None => return,
                }
                continue;
            }
            let found = self.look_again(waiting, wishes, closing).await;
            match found {
                // The journal was closed: the next round of the loop refuses the waiting callers.
                None if closing.is_some() => {}
                None => return refuse(waiting, &error),
                Some(Ok(_)) => {
                    tracing::info!("the database answers again");
                    self.set_broken(None);
                }
                Some(Err(error)) => self.set_broken(Some(error)),
            }
        }
    }

    /// Pauses and reconnects while it still receives wishes; `None` when the journal is closed meanwhile.
    async fn look_again(
        &self,
        waiting: &mut VecDeque<Waiting>,
        wishes: &mut mpsc::Receiver<Wish>,
        closing: &mut Option<oneshot::Sender<()>>,
    ) -> Option<model::Result<Head>> {
        let mut again = std::pin::pin!(async {
            tokio::time::sleep(AGAIN).await;
            self.reconnect().await
        });
        loop {
            tokio::select! {
                found = &mut again => return Some(found),
                wish = wishes.recv() => take_up(wish?, waiting, closing),
            }
            if closing.is_some() {
                return None;
            }
        }
    }

    fn set_broken(&mut self, why: Option<Error>) {
        self.works.store(why.is_none(), Ordering::Release);
        self.broken = why;
    }

    /// Runs the waiting operations in one transaction. Returns early, leaving the rest, when it has to commit sooner or
    /// fails.
    async fn batch(&mut self, waiting: &mut VecDeque<Waiting>) {
        let slow = unavailable("the database of this node is too slow at the moment: nothing was written, try again");
        let oldest = self.patience.batch;
        while waiting.front().is_some_and(|first| first.since.elapsed() > oldest) {
            refuse_one(waiting.pop_front(), &slow);
        }
        let begun = Instant::now();
        let mut answered: Vec<Answered> = Vec::with_capacity(waiting.len());
        let mut progress = Progress::default();
        self.limit = Limit::after(self.patience.batch);
        let limit = self.limit.clone();
        let result = tokio::select! {
            biased;
            result = self.transact(waiting, &mut answered, &mut progress) => result,
            () = limit.over() => Err(slow),
        };
        match result {
            Ok(pos) => {
                self.stalled = false;
                // The cache holds the events before the head announces them.
                if self.purged {
                    self.recent.forget();
                    self.fresh.clear();
                } else {
                    self.recent.push(self.fresh.drain(..));
                }
                self.announce(pos);
                for one in answered {
                    one.tell(Answered::holds);
                }
                if std::mem::take(&mut self.purged)
                    && let Err(error) = self.store.empty_log().await
                {
                    tracing::warn!(%error, "the write-ahead log could not be emptied after a purge");
                }
                if !self.unreferenced.is_empty() {
                    let hashes = std::mem::take(&mut self.unreferenced);
                    let _ = tokio::time::timeout(TIDIES, blob::discard(&self.store, &hashes)).await;
                }
            }
            Err(error) => {
                self.fresh.clear();
                self.unreferenced.clear();
                self.purged = false;
                if progress.in_doubt {
                    return self.settle(progress, answered).await;
                }
                let stalled = answered.is_empty();
                for one in answered {
                    one.tell(|_| Err(error.clone()));
                }
                if begun.elapsed() >= self.patience.batch || (stalled && begun.elapsed() > SHARE) {
                    // The callers have waited long enough: they get the error before the writer reconnects.
                    return self.set_broken(Some(error));
                }
                if stalled && self.stalled {
                    // A dead connection is worth one retry, no more.
                    refuse(waiting, &error);
                }
                self.stalled = stalled;
                let found = self.reconnect().await;
                self.set_broken(found.err());
            }
        }
    }

    /// Settles a COMMIT that got no answer: reads from the log whether it holds, and answers with that or with
    /// `InDoubt`.
    async fn settle(&mut self, progress: Progress, answered: Vec<Answered>) {
        let found = self.reconnect().await;
        let holds = match (&found, &progress.after) {
            (Ok(head), Some(after)) if (head.pos, head.hash) == (after.pos, after.hash) => Some(true),
            (Ok(head), Some(_)) if head.pos == progress.before => Some(false),
            _ => None,
        };
        for one in answered {
            one.tell(|result| match holds {
                Some(true) => Answered::holds(result),
                Some(false) => Err(unavailable(
                    "the database of this node went away: nothing was written, try again",
                )),
                // An operation's own error stands either way.
                None => Answered::holds(result).and(Err(Error::InDoubt)),
            });
        }
        self.set_broken(found.err());
    }

    /// Reconnects and announces the head: so listeners learn of a commit whose answer was lost.
    async fn reconnect(&self) -> model::Result<Head> {
        let reached = async {
            self.store.renew_writer().await.stored()?;
            let txn = self.store.begin().await.stored()?;
            let (head, _, _) = self.lock_head(&txn).await?;
            txn.rollback().await.stored()?;
            Ok(head)
        };
        let head = tokio::time::timeout(RECONNECTS, reached)
            .await
            .unwrap_or_else(|_| Err(unavailable(crate::store::UNREACHABLE)))?;
        self.announce(head.pos);
        Ok(head)
    }

    fn announce(&self, pos: Pos) {
        // The head is announced before the answers: a caller may rely on the head to include its commit.
        self.announce
            .send_if_modified(|head| std::mem::replace(head, pos) != pos);
    }

    /// Runs one transaction and returns the newest position after its commit. On an error nothing was written, unless
    /// `progress` says otherwise.
    async fn transact(
        &mut self,
        waiting: &mut VecDeque<Waiting>,
        answered: &mut Vec<Answered>,
        progress: &mut Progress,
    ) -> model::Result<Pos> {
        let begun = Instant::now();
        let txn = self.store.begin().await.stored()?;
        let (mut head, origin, epoch) = self.lock_head(&txn).await?;
        progress.before = head.pos;
        let before = head.pos;
        while (answered.is_empty() || begun.elapsed() < SHARE)
            && let Some(Waiting {
                actor,
                operation,
                reply,
                ..
            }) = waiting.pop_front()
        {
            // From here on the caller is answered, whatever happens.
            answered.push(Answered { reply, result: None });
            if answered.len() == 1 && waiting.is_empty() {
                // An operation alone in its batch needs no savepoint: its failure rolls the whole transaction back.
                let result = self
                    .operate(&txn, &mut head, (&origin, &epoch, &actor), operation)
                    .await;
                let failed = result.as_ref().err().cloned();
                answered[0].result = Some(result);
                if let Some(error) = failed {
                    self.fresh.clear();
                    return match txn.rollback().await {
                        Ok(()) => Ok(before),
                        Err(_) if error == Error::StorageFull => Err(error),
                        Err(other) => Err(internal(other)),
                    };
                }
                break;
            }
            let savepoint = txn.begin().await.stored()?;
            let (mut after, known) = (head.clone(), self.fresh.len());
            let result = self
                .operate(&savepoint, &mut after, (&origin, &epoch, &actor), operation)
                .await;
            let closed = match &result {
                Ok(_) => savepoint.commit().await,
                Err(_) => savepoint.rollback().await,
            };
            if let Err(error) = closed {
                // The database itself rolled the whole transaction back, as it does on a full disk.
                return Err(match result {
                    Err(Error::StorageFull) => Error::StorageFull,
                    _ => internal(error),
                });
            }
            if result.is_ok() {
                head = after;
            } else {
                self.fresh.truncate(known);
            }
            if let Some(one) = answered.last_mut() {
                one.result = Some(result);
            }
        }
        if head.pos > progress.before {
            let text = r#"UPDATE "log" SET "seq" = $1, "hash" = $2, "pos" = $3 WHERE "origin" = $4 AND "epoch" = $5"#;
            let values = [
                head.seq.into(),
                head.hash.to_vec().into(),
                head.pos.into(),
                origin.into(),
                epoch.into(),
            ];
            sql::run(&txn, text, values).await.stored()?;
            progress.after = Some(head.clone());
        }
        progress.in_doubt = true;
        let committed = txn.commit().await;
        // If the database answered with an error, it has rolled the transaction back.
        progress.in_doubt = committed.as_ref().is_err_and(|error| is_unreachable(error));
        committed.stored()?;
        Ok(head.pos)
    }

    /// Reads the head and the lease's fence, to make sure that no other node has taken the database over. On PostgreSQL
    /// it locks the row.
    async fn lock_head(&self, txn: &DatabaseTransaction) -> model::Result<(Head, String, String)> {
        let lock = if self.store.backend() == DbBackend::Postgres {
            " FOR UPDATE"
        } else {
            ""
        };
        let fence = r#"SELECT "fence" FROM "lease" WHERE "name" = 'node'"#;
        let text = format!(
            r#"SELECT "origin", "epoch", "seq", "hash", "pos", ({fence}) AS "fence" FROM "log" WHERE "own" = TRUE{lock}"#
        );
        let read = async {
            let row = sql::one(txn, text, [])
                .await?
                .ok_or_else(|| DbErr::RecordNotFound("the node's own log".into()))?;
            let hash: Vec<u8> = row.try_get("", "hash")?;
            let hash = hash.try_into().map_err(|_| DbErr::Type("a hash has 32 bytes".into()))?;
            let head = Head {
                seq: row.try_get("", "seq")?,
                pos: row.try_get("", "pos")?,
                hash,
            };
            let mut holder: Option<i64> = row.try_get("", "fence")?;
            if self.store.backend() == DbBackend::Postgres {
                // PostgreSQL reads the current row only in a new statement; the first one saw the state from before it
                // waited for the lock.
                holder = sql::one(txn, fence, [])
                    .await?
                    .map(|row| row.try_get("", "fence"))
                    .transpose()?;
            }
            Ok::<_, DbErr>((head, row.try_get("", "origin")?, row.try_get("", "epoch")?, holder))
        };
        let (head, origin, epoch, fence) = read.await.stored()?;
        if fence != Some(self.store.fence()) {
            self.store.vitals().fail(TAKEN_OVER);
            return Err(Error::Unavailable(TAKEN_OVER.into()));
        }
        Ok((head, origin, epoch))
    }

    /// Runs one operation under its savepoint and appends its events.
    async fn operate(
        &mut self,
        savepoint: &DatabaseTransaction,
        head: &mut Head,
        (origin, epoch, actor): (&str, &str, &str),
        operation: Operation,
    ) -> model::Result<Value> {
        let now = self.deps.now();
        let tx = Tx {
            db: savepoint,
            now,
            deps: &self.deps,
            store: &self.store,
            secrets: &self.secrets,
        };
        let run = AssertUnwindSafe(async { operation(&tx).await }).catch_unwind();
        let (writes, value) = match tokio::time::timeout(self.patience.operation, run).await {
            Ok(Ok(result)) => result?,
            Ok(Err(_)) => return Err(internal(std::io::Error::other("an operation on the journal panicked"))),
            Err(late) => return Err(internal(late)),
        };
        let events = match writes {
            Writes::Own(events) => events,
            Writes::Foreign(part) => {
                let to = Receiving {
                    db: savepoint,
                    own: origin,
                    now,
                    pos: &mut head.pos,
                    fresh: &mut self.fresh,
                };
                let frontier = received::receive(to, *part).await?;
                return Ok(Box::new(frontier));
            }
        };
        let together = Together::default();
        for NewEvent { subject, fact } in events {
            let (kind, version) = (fact.kind(), fact.version());
            let session = fact.session(&subject).map(|session| session.to_string());
            let payload = fact.encode().stored()?;
            // The tables must match the stored event, so a masked payload is decoded again before it is folded.
            let (payload, fact) = match self.secrets.mask_json(&payload) {
                None => (payload, Some(fact)),
                Some(masked) => {
                    let fact = Fact::decode(kind, version, &masked);
                    (masked, fact)
                }
            };
            self.hlc = chain::tick(self.hlc, now);
            let salt: [u8; 16] = self.deps.bytes();
            let commitment = chain::commitment(&salt, &payload);
            head.seq += 1;
            head.pos += 1;
            let fields = Fields {
                origin,
                epoch,
                seq: head.seq,
                hlc: self.hlc,
                actor,
                kind,
                v: version,
                subject: &subject,
                commitment: &commitment,
            };
            head.hash = chain::hash(&head.hash, &fields);
            let event = StoredEvent {
                pos: head.pos,
                origin: origin.to_owned(),
                epoch: epoch.to_owned(),
                seq: head.seq,
                hlc: self.hlc,
                actor: actor.to_owned(),
                kind: kind.to_owned(),
                v: version,
                subject,
                payload: Some(payload),
                salt: Some(salt.to_vec()),
                commitment: commitment.to_vec(),
                hash: head.hash.to_vec(),
                session,
                received: None,
                via: None,
            };
            let subject = event.subject.clone();
            append(savepoint, &together, event.clone()).await.stored()?;
            self.fresh.push(event);
            if let Some(fact) = &fact {
                if let Fact::SessionPurged(_) = fact {
                    together.run(savepoint).await.stored()?;
                    self.purged = true;
                    self.limit.extend(PURGE);
                    if self.store.backend() == DbBackend::Postgres {
                        let text = format!("SET LOCAL statement_timeout = {}", PURGE.as_millis());
                        sql::run(savepoint, text, []).await.stored()?;
                    }
                    self.unreferenced.extend(
                        purge::purge(savepoint, origin, &subject, head.pos, true)
                            .await
                            .stored()?,
                    );
                }
                if let Fact::LinkRevoked(revoked) = fact
                    && revoked.forget
                {
                    together.run(savepoint).await.stored()?;
                    self.purged = true;
                    self.limit.extend(PURGE);
                    let text = r#"SELECT "peer" FROM "link" WHERE "id" = $1 AND "origin" = $2"#;
                    let row = sql::one(savepoint, text, [subject.as_str().into(), origin.into()])
                        .await
                        .stored()?;
                    let peer: Option<String> = row.map(|row| row.try_get("", "peer")).transpose().stored()?;
                    if let Some(peer) = peer.and_then(|peer| peer.parse().ok()) {
                        purge::forget(savepoint, &origin_of(peer)).await.stored()?;
                    }
                }
                let target = projection::Target {
                    db: savepoint,
                    prefix: "",
                    together: &together,
                };
                let happened = projection::Happened {
                    pos: head.pos,
                    origin,
                    at: self.hlc >> 16,
                    subject: &subject,
                    fact,
                    foreign: false,
                };
                projection::apply(&target, &happened).await.stored()?;
            }
        }
        together.run(savepoint).await.stored()?;
        Ok(value)
    }
}

/// Appends an event to the log.
pub(super) async fn append(db: &DatabaseTransaction, together: &Together, event: StoredEvent) -> Result<(), DbErr> {
    let text = r#"INSERT INTO "event" ("pos", "origin", "epoch", "seq", "hlc", "actor", "kind", "v", "subject", "payload", "salt", "commitment", "hash", "session", "received", "via")
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"#;
    let values: [sea_orm::Value; 16] = [
        event.pos.into(),
        event.origin.into(),
        event.epoch.into(),
        event.seq.into(),
        event.hlc.into(),
        event.actor.into(),
        event.kind.into(),
        event.v.into(),
        event.subject.into(),
        event.payload.into(),
        event.salt.into(),
        event.commitment.into(),
        event.hash.into(),
        event.session.into(),
        event.received.into(),
        event.via.into(),
    ];
    together.add(db, text, values).await
}

/// Puts a wish into the queue or notes the close.
fn take_up(wish: Wish, waiting: &mut VecDeque<Waiting>, closing: &mut Option<oneshot::Sender<()>>) {
    match wish {
        Wish::Operate(operation) if closing.is_none() => waiting.push_back(operation),
        // This operation came after the close. Dropping it tells its caller.
        Wish::Operate(_) => {}
        Wish::Close(done) => *closing = Some(done),
    }
}

/// Refuses every waiting operation.
fn refuse(waiting: &mut VecDeque<Waiting>, error: &Error) {
    while let Some(one) = waiting.pop_front() {
        refuse_one(Some(one), error);
    }
}

fn refuse_one(waiting: Option<Waiting>, error: &Error) {
    if let Some(waiting) = waiting {
        waiting.reply.send(Err(error.clone())).ok();
    }
}

fn unavailable(why: &str) -> Error {
    Error::Unavailable(why.into())
}
