//! The writer: one task that drains waiting operations into one transaction and answers each after the commit.
//! It must not run two batches at once, and must not answer before the disk has it.

use super::{
    NewEvent, Operation, Secrets, Tx, Value, Waiting, Wish,
    chain::{self, Fields, GENESIS},
    internal, projection, purge,
};
use crate::{
    blob,
    clock::Deps,
    store::{Store, StoreError, TAKEN_OVER, sql},
};
use futures::FutureExt;
use model::{Error, Pos, event::Fact};
use sea_orm::{DatabaseTransaction, DbBackend, DbErr, TransactionTrait};
use std::{collections::VecDeque, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot, watch};

/// At most so many operations share one commit.
const BATCH: usize = 256;
/// An operation that awaits something other than its transaction would stop the node; it is given up after this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// This node's own log as it was found at the start.
pub(super) struct OwnLog {
    pub(super) origin: String,
    pub(super) epoch: String,
    pub(super) pos: Pos,
    pub(super) hlc: i64,
}

/// Finds this node's log, or opens one with a random node id and epoch.
pub(super) async fn own_log(store: &Store, deps: &Deps) -> Result<OwnLog, StoreError> {
    let found = sql::one(store.read(), r#"SELECT "origin", "epoch", "pos" FROM "log" WHERE "own" = TRUE"#, []).await?;
    if let Some(row) = found {
        let newest = sql::one(store.read(), r#"SELECT max("hlc") AS hlc FROM "event" WHERE "pos" > (SELECT max("pos") - 1000 FROM "event")"#, []).await?;
        let hlc = newest.map_or(Ok(None), |row| row.try_get("", "hlc"))?.unwrap_or(0);
        return Ok(OwnLog { origin: row.try_get("", "origin")?, epoch: row.try_get("", "epoch")?, pos: row.try_get("", "pos")?, hlc });
    }
    let origin = uuid::Builder::from_random_bytes(deps.bytes()).into_uuid().as_simple().to_string();
    let epoch = crate::hex::hex(&deps.bytes::<8>());
    let txn = store.begin().await?;
    let text = r#"INSERT INTO "log" ("origin", "epoch", "seq", "hash", "pos", "own") VALUES ($1, $2, 0, $3, 0, TRUE)"#;
    sql::run(&txn, text, [origin.clone().into(), epoch.clone().into(), GENESIS.to_vec().into()]).await?;
    txn.commit().await?;
    Ok(OwnLog { origin, epoch, pos: 0, hlc: 0 })
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
    /// The newest clock value given; may be ahead of the log after a failed batch, never behind.
    hlc: i64,
}

/// An operation that has run, and what its caller will be told if the batch commits.
type Answered = (oneshot::Sender<model::Result<Value>>, model::Result<Value>);

impl Writer {
    pub(super) fn new(store: Store, deps: Deps, secrets: Arc<Secrets>, announce: watch::Sender<Pos>, hlc: i64) -> Self {
        Self { store, deps, secrets, announce, unreferenced: Vec::new(), hlc }
    }

    /// Serves the queue until it is closed.
    pub(super) async fn run(mut self, mut wishes: mpsc::Receiver<Wish>) {
        let mut arrived = Vec::with_capacity(BATCH);
        let mut closing: Option<oneshot::Sender<()>> = None;
        while closing.is_none() && wishes.recv_many(&mut arrived, BATCH).await > 0 {
            let mut waiting = VecDeque::with_capacity(arrived.len());
            for wish in arrived.drain(..) {
                match wish {
                    Wish::Operate(operation) if closing.is_none() => waiting.push_back(operation),
                    // Came after the wish to close: dropping it tells its caller.
                    Wish::Operate(_) => {}
                    Wish::Close(done) => closing = Some(done),
                }
            }
            while !waiting.is_empty() {
                self.batch(&mut waiting).await;
            }
        }
        wishes.close();
        if let Some(done) = closing {
            done.send(()).ok();
        }
    }

    /// Runs what waits in one transaction. Returns early, leaving the rest, when the transaction broke underneath it.
    async fn batch(&mut self, waiting: &mut VecDeque<Waiting>) {
        let mut answered: Vec<Answered> = Vec::with_capacity(waiting.len());
        let result = self.transact(waiting, &mut answered).await;
        match result {
            Ok(pos) => {
                // Before the answers: who has one may rely on the head to include it.
                self.announce.send_if_modified(|head| std::mem::replace(head, pos) != pos);
                for (reply, answer) in answered {
                    reply.send(answer).ok();
                }
                if !self.unreferenced.is_empty() {
                    blob::discard(&self.store, &std::mem::take(&mut self.unreferenced)).await;
                }
            }
            Err(error) => {
                self.unreferenced.clear();
                if answered.is_empty()
                    && let Some(first) = waiting.pop_front()
                {
                    // The transaction did not even begin; the next one in the queue tries again.
                    answered.push((first.reply, Err(error.clone())));
                }
                for (reply, _) in answered {
                    reply.send(Err(error.clone())).ok();
                }
                if let Err(error) = self.store.renew_writer().await {
                    tracing::error!(%error, "the writer's connection could not be made again");
                }
            }
        }
    }

    /// One transaction: returns the newest position after its commit. On an error nothing of it was written.
    async fn transact(&mut self, waiting: &mut VecDeque<Waiting>, answered: &mut Vec<Answered>) -> model::Result<Pos> {
        let txn = self.store.begin().await.map_err(internal)?;
        let (mut head, origin, epoch) = self.lock_head(&txn).await?;
        let before = head.seq;
        while let Some(Waiting { actor, operation, reply }) = waiting.pop_front() {
            let savepoint = match txn.begin().await {
                Ok(savepoint) => savepoint,
                Err(error) => {
                    answered.push((reply, Ok(Box::new(()))));
                    return Err(internal(error));
                }
            };
            let mut after = head.clone();
            let result = self.operate(&savepoint, &mut after, (&origin, &epoch, &actor), operation).await;
            let closed = match &result {
                Ok(_) => savepoint.commit().await,
                Err(_) => savepoint.rollback().await,
            };
            if let Err(error) = closed {
                // The database has rolled the whole transaction back by itself (a full disk does that).
                let cause = match &result {
                    Err(Error::StorageFull) => Error::StorageFull,
                    _ => internal(error),
                };
                answered.push((reply, result));
                return Err(cause);
            }
            if result.is_ok() {
                head = after;
            }
            answered.push((reply, result));
        }
        if head.seq > before {
            let text = r#"UPDATE "log" SET "seq" = $1, "hash" = $2, "pos" = $3 WHERE "origin" = $4 AND "epoch" = $5"#;
            let values = [head.seq.into(), head.hash.to_vec().into(), head.pos.into(), origin.into(), epoch.into()];
            sql::run(&txn, text, values).await.map_err(internal)?;
        }
        txn.commit().await.map_err(internal)?;
        Ok(head.pos)
    }

    /// Reads where the log stands and makes sure that nobody has taken the database over. On PostgreSQL the row is locked.
    async fn lock_head(&self, txn: &DatabaseTransaction) -> model::Result<(Head, String, String)> {
        let lock = if self.store.backend() == DbBackend::Postgres { " FOR UPDATE OF l" } else { "" };
        let text = format!(
            r#"SELECT l."origin", l."epoch", l."seq", l."hash", l."pos", (SELECT "fence" FROM "lease" WHERE "name" = 'node') AS fence
               FROM "log" l WHERE l."own" = TRUE{lock}"#
        );
        let read = async {
            let row = sql::one(txn, text, []).await?.ok_or_else(|| DbErr::RecordNotFound("the node's own log".into()))?;
            let hash: Vec<u8> = row.try_get("", "hash")?;
            let hash = hash.try_into().map_err(|_| DbErr::Type("a hash has 32 bytes".into()))?;
            let head = Head { seq: row.try_get("", "seq")?, pos: row.try_get("", "pos")?, hash };
            Ok::<_, DbErr>((head, row.try_get("", "origin")?, row.try_get("", "epoch")?, row.try_get::<Option<i64>>("", "fence")?))
        };
        let (head, origin, epoch, fence) = read.await.map_err(internal)?;
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
        let tx = Tx { db: savepoint, now, deps: &self.deps, store: &self.store, secrets: &self.secrets };
        let run = AssertUnwindSafe(async { operation(&tx).await }).catch_unwind();
        let (events, value) = match tokio::time::timeout(PATIENCE, run).await {
            Ok(Ok(result)) => result?,
            Ok(Err(_)) => return Err(internal(std::io::Error::other("an operation on the journal panicked"))),
            Err(late) => return Err(internal(late)),
        };
        for NewEvent { subject, fact } in events {
            let (kind, version) = (fact.kind(), fact.version());
            let payload = fact.encode().map_err(internal)?;
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
            let fields = Fields { origin, epoch, seq: head.seq, hlc: self.hlc, actor, kind, v: version, subject: &subject, commitment: &commitment };
            head.hash = chain::hash(&head.hash, &fields);
            let text = r#"INSERT INTO "event" ("pos", "origin", "epoch", "seq", "hlc", "actor", "kind", "v", "subject", "payload", "salt", "commitment", "hash")
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"#;
            let values = [
                head.pos.into(),
                origin.into(),
                epoch.into(),
                head.seq.into(),
                self.hlc.into(),
                actor.into(),
                kind.into(),
                version.into(),
                subject.as_str().into(),
                payload.into(),
                salt.to_vec().into(),
                commitment.to_vec().into(),
                head.hash.to_vec().into(),
            ];
            sql::run(savepoint, text, values).await.map_err(internal)?;
            if let Some(fact) = &fact {
                if let Fact::SessionPurged(_) = fact {
                    self.unreferenced.extend(purge::purge(savepoint, origin, &subject, head.pos).await.map_err(internal)?);
                }
                let target = projection::Target { db: savepoint, prefix: "" };
                let happened = projection::Happened { pos: head.pos, origin, at: self.hlc >> 16, subject: &subject, fact };
                projection::apply(&target, &happened).await.map_err(internal)?;
            }
        }
        Ok(value)
    }
}
