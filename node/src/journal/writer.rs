//! The writer: one task that drains waiting operations into one transaction and answers each after the commit. It must
//! not run two batches at once, must not answer before the disk has it, and must not wait for ever for a database that
//! is gone.

use super::{
    NewEvent, Operation, Secrets, Stored, StoredEvent, Tx, Value, Waiting, Wish, blob,
    chain::{self, Fields, GENESIS},
    internal, projection, purge,
    recent::Recent,
};
use crate::{
    clock::Deps,
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

/// At most so many operations share one commit, and none is taken up by a batch that has taken so long: it commits
/// first.
const BATCH: usize = 256;
const SHARE: Duration = Duration::from_secs(2);
/// A purge writes to every event of a session: its batch may take so much longer.
const PURGE: Duration = Duration::from_mins(1);
/// How long it may take to find the database again, and how long to wait before it is tried again.
const RECONNECTS: Duration = Duration::from_secs(8);
const AGAIN: Duration = Duration::from_secs(1);
/// How long files may be removed after a commit, while others wait.
const TIDIES: Duration = Duration::from_secs(5);

/// What is waited for, and how long.
#[derive(Clone, Copy)]
struct Patience {
    /// An operation that awaits something other than its transaction would stop the node; it is given up after this
    /// time.
    operation: Duration,
    /// A whole batch, from its begin to its commit; and how old an operation may be that is still taken up.
    batch: Duration,
}

impl Patience {
    /// PostgreSQL may be gone without a word, and whoever waits must hear so soon; SQLite is this machine's own disk,
    /// which is slow at times.
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

/// When a batch is given up; what is known to take longer moves that on.
#[derive(Clone)]
struct Limit(watch::Sender<Instant>);

impl Limit {
    fn after(patience: Duration) -> Self {
        Self(watch::Sender::new(Instant::now() + patience))
    }

    fn extend(&self, by: Duration) {
        self.0.send_modify(|until| *until += by);
    }

    /// Returns when the time is over.
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

/// How far a transaction has come; read when it ended without saying so.
#[derive(Default)]
struct Progress {
    /// The newest number before it, and what it would be after its commit with the hash of that event.
    before: i64,
    after: Option<Head>,
    /// Its COMMIT was sent, and nothing came back: nobody can tell whether it holds.
    in_doubt: bool,
}

/// This node's own log as it was found at the start.
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
        r#"SELECT "origin", "epoch", "pos" FROM "log" WHERE "own" = TRUE"#,
        [],
    )
    .await?;
    if let Some(row) = found {
        // Not what was written while the clock was far ahead.
        let text = r#"SELECT max("hlc") AS hlc FROM "event" WHERE "pos" > (SELECT max("pos") - 1000 FROM "event") AND "hlc" < $1"#;
        let newest = sql::one(store.read(), text, [chain::latest(deps.now()).into()]).await?;
        let hlc = newest.map_or(Ok(None), |row| row.try_get("", "hlc"))?.unwrap_or(0);
        return Ok(OwnLog {
            origin: row.try_get("", "origin")?,
            epoch: row.try_get("", "epoch")?,
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

/// Where the log stands within a batch.
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
    /// Blobs whose last reference this batch drops; their files go after its commit.
    unreferenced: Vec<String>,
    /// Whether this batch purges.
    purged: bool,
    /// The newest clock value given; may be ahead of the log after a failed batch, never behind.
    hlc: i64,
    patience: Patience,
    limit: Limit,
    /// Why nothing can be written at present; `None` while the database answers.
    broken: Option<Error>,
    /// Whether the last batch did not even begin.
    stalled: bool,
    /// Whether the database answers, for others to see.
    works: Arc<AtomicBool>,
    /// The events of this batch so far.
    fresh: Vec<StoredEvent>,
    /// Those of batches that were committed.
    recent: Arc<Recent>,
}

/// An operation that was taken up: whatever becomes of the batch, its caller is answered.
struct Answered {
    reply: oneshot::Sender<model::Result<Value>>,
    /// What its caller is told if the batch commits; `None` until it has run to its end.
    result: Option<model::Result<Value>>,
}

impl Answered {
    fn tell(self, answer: impl FnOnce(Option<model::Result<Value>>) -> model::Result<Value>) {
        self.reply.send(answer(self.result)).ok();
    }

    /// The batch holds. One that has not run to its end is not in it.
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

    /// Tries to reach the database until it answers or the journal is closed. Whoever waits hears after each try that
    /// it does not.
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
                // Another has the database, and this node ends: nothing is tried any more.
                match wishes.recv().await {
                    Some(wish) => take_up(wish, waiting, closing),
                    None => return,
                }
                continue;
            }
            let found = self.look_again(waiting, wishes, closing).await;
            match found {
                // Closed: whoever waits is told above, on the way out.
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

    /// Waits a moment and looks for the database, while wishes are taken up; `None` when the journal is closed
    /// meanwhile.
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

    /// Runs what waits in one transaction. Returns early, leaving the rest, when there is a reason to commit before it
    /// or when it broke.
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
                // Before the head says that they are there.
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
                    // Everybody has waited long enough: they hear of it before the database is looked for.
                    return self.set_broken(Some(error));
                }
                if stalled && self.stalled {
                    // A connection that had died meanwhile is worth another try; no more than that.
                    refuse(waiting, &error);
                }
                self.stalled = stalled;
                let found = self.reconnect().await;
                self.set_broken(found.err());
            }
        }
    }

    /// After a COMMIT without an answer: reads from the log whether it holds, and says so; where that cannot be read
    /// either, says that.
    async fn settle(&mut self, progress: Progress, answered: Vec<Answered>) {
        let found = self.reconnect().await;
        let holds = match (&found, &progress.after) {
            (Ok(head), Some(after)) if (head.seq, head.hash) == (after.seq, after.hash) => Some(true),
            (Ok(head), Some(_)) if head.seq == progress.before => Some(false),
            _ => None,
        };
        for one in answered {
            one.tell(|result| match holds {
                Some(true) => Answered::holds(result),
                Some(false) => Err(unavailable(
                    "the database of this node went away: nothing was written, try again",
                )),
                // What failed by itself failed whatever became of its neighbours.
                None => Answered::holds(result).and(Err(Error::InDoubt)),
            });
        }
        self.set_broken(found.err());
    }

    /// Makes a new connection and says where the log stands, to everybody: that is how listeners learn of a commit
    /// whose answer was lost.
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
        // Before the answers: who has one may rely on the head to include it.
        self.announce
            .send_if_modified(|head| std::mem::replace(head, pos) != pos);
    }

    /// One transaction: returns the newest position after its commit. On an error nothing of it was written, unless
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
        progress.before = head.seq;
        let before = head.pos;
        while (answered.is_empty() || begun.elapsed() < SHARE)
            && let Some(Waiting {
                actor,
                operation,
                reply,
                ..
            }) = waiting.pop_front()
        {
            // Whatever happens from here on, it is answered.
            answered.push(Answered { reply, result: None });
            if answered.len() == 1 && waiting.is_empty() {
                // It has no neighbours: what fails goes with the whole transaction, and needs no savepoint.
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
                // The database has rolled the whole transaction back by itself (a full disk does that).
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
        if head.seq > progress.before {
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
        // A database that says no has rolled it back.
        progress.in_doubt = committed.as_ref().is_err_and(|error| is_unreachable(error));
        committed.stored()?;
        Ok(head.pos)
    }

    /// Reads where the log stands and makes sure that nobody has taken the database over. On PostgreSQL the row is
    /// locked.
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
                // Once more: PostgreSQL reads it as it is now only in a statement of its own, not as it was before the
                // lock was waited for.
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

    /// Runs one operation under its savepoint and appends what it says happened.
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
        let (events, value) = match tokio::time::timeout(self.patience.operation, run).await {
            Ok(Ok(result)) => result?,
            Ok(Err(_)) => return Err(internal(std::io::Error::other("an operation on the journal panicked"))),
            Err(late) => return Err(internal(late)),
        };
        let together = Together::default();
        for NewEvent { subject, fact } in events {
            let (kind, version) = (fact.kind(), fact.version());
            let session = fact.session(&subject).map(|session| session.to_string());
            let payload = fact.encode().stored()?;
            // What is folded is what is stored: a masked payload is read again.
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
            let text = r#"INSERT INTO "event" ("pos", "origin", "epoch", "seq", "hlc", "actor", "kind", "v", "subject", "payload", "salt", "commitment", "hash", "session")
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"#;
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
            };
            let subject = event.subject.clone();
            let values = values(event.clone());
            self.fresh.push(event);
            together.add(savepoint, text, values).await.stored()?;
            if let Some(fact) = &fact {
                if let Fact::SessionPurged(_) = fact {
                    together.run(savepoint).await.stored()?;
                    self.purged = true;
                    self.limit.extend(PURGE);
                    if self.store.backend() == DbBackend::Postgres {
                        let text = format!("SET LOCAL statement_timeout = {}", PURGE.as_millis());
                        sql::run(savepoint, text, []).await.stored()?;
                    }
                    self.unreferenced
                        .extend(purge::purge(savepoint, origin, &subject, head.pos).await.stored()?);
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
                };
                projection::apply(&target, &happened).await.stored()?;
            }
        }
        together.run(savepoint).await.stored()?;
        Ok(value)
    }
}

/// An event as the columns of its row.
fn values(event: StoredEvent) -> [sea_orm::Value; 14] {
    [
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
    ]
}

/// Puts a wish where it belongs.
fn take_up(wish: Wish, waiting: &mut VecDeque<Waiting>, closing: &mut Option<oneshot::Sender<()>>) {
    match wish {
        Wish::Operate(operation) if closing.is_none() => waiting.push_back(operation),
        // Came after the wish to close: dropping it tells its caller.
        Wish::Operate(_) => {}
        Wish::Close(done) => *closing = Some(done),
    }
}

/// Tells everybody who waits.
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
