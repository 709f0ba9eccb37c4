//! The lease: one process per data directory and database, and a number that proves it. The operating system's lock on
//! `orchwiz.lock` (and on PostgreSQL an advisory lock) says who is alive; the fence in the row `lease` says who was
//! last. A writer that finds a higher fence stops: it never has to trust a clock. The lease's time, by the database's
//! clock, only says when a lock whose holder is not heard of any more may be taken from it.

use super::{StoreConfig, StoreError, connect, is_storage_full, sql};
use crate::{clock::Deps, supervise::Vitals};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, TransactionTrait};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{task::AbortHandle, time::timeout};

/// How long a PostgreSQL lease lasts unless renewed, and how often it is.
const LASTS_MS: i64 = 30_000;
const RENEWED: Duration = Duration::from_secs(10);
/// How long PostgreSQL may take to renew it; then the connection is given up for another.
const ANSWERS: Duration = Duration::from_secs(5);
/// A process that was killed a moment ago still has its lock until the server notices.
const PATIENCE: Duration = Duration::from_secs(3);
/// What is said by a node that was overtaken, in its log and to whoever wants to write.
pub(crate) const TAKEN_OVER: &str = "another process has taken over this node's database: this one no longer writes";
/// Now, by PostgreSQL's own clock, in unix ms.
const NOW: &str = "(extract(epoch from clock_timestamp()) * 1000)::bigint";
/// The first half of the advisory lock's key ("orch"); the second is the schema.
const KEY: i32 = 0x6f72_6368;

/// What the process holds.
pub(super) struct Lease {
    owner: String,
    fence: i64,
    file: Mutex<Option<File>>,
    guard: Option<Guard>,
    renewal: Option<AbortHandle>,
}

/// The connection that has the advisory lock of PostgreSQL. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Guard {
    config: StoreConfig,
    session: Arc<Mutex<DatabaseConnection>>,
}

impl Guard {
    fn held(&self) -> MutexGuard<'_, DatabaseConnection> {
        self.session.lock().expect("nobody panics while holding it")
    }

    fn session(&self) -> DatabaseConnection {
        self.held().clone()
    }

    /// Gives the connection up, which answers no more, and makes another.
    async fn renew(&self) -> Result<(), StoreError> {
        let fresh = connect::session(&self.config).await?;
        *self.held() = fresh;
        Ok(())
    }
}

/// Takes the operating system's lock on the data directory. It goes with the process, however that ends.
pub(super) fn lock_directory(data_dir: &Path) -> Result<File, StoreError> {
    let path = data_dir.join("orchwiz.lock");
    let failed = |cause| StoreError::File {
        path: path.clone(),
        cause,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).ok();
            let holder = holder.trim();
            let by = if holder.is_empty() {
                "another process".to_owned()
            } else {
                format!("process {holder}")
            };
            return Err(StoreError::Held(format!(
                "the data directory {} is in use by {by}: stop it first, or name another directory",
                data_dir.display()
            )));
        }
        Err(TryLockError::Error(cause)) => return Err(failed(cause)),
    }
    match file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "{}", std::process::id()))
    {
        // Who holds it is for people to read; the lock itself needs no room.
        Err(cause) if is_storage_full(&cause) => Ok(file),
        written => written.map(|()| file).map_err(failed),
    }
}

/// On PostgreSQL, takes the advisory lock on a connection that stays open. A holder whose lease is over by the
/// database's clock is ended: its host may be gone, and the server would notice that in hours.
pub(super) async fn guard(config: &StoreConfig, backend: DbBackend) -> Result<Option<Guard>, StoreError> {
    if backend != DbBackend::Postgres {
        return Ok(None);
    }
    let session = connect::session(config).await?;
    let mut deadline = tokio::time::Instant::now() + PATIENCE;
    let mut ended = false;
    while !try_guard(&session).await? {
        if tokio::time::Instant::now() >= deadline {
            let holder = holder(&session).await;
            if !is_over(&session).await {
                let message = format!(
                    "the database is in use by {holder}: stop it first, or name another database; to ask it, pass the same --data as it has"
                );
                return Err(StoreError::Held(message));
            }
            if ended {
                // The fence keeps it from writing, whoever has the lock.
                tracing::warn!(
                    holder,
                    "the lease of this database is over, but the lock of its holder could not be ended: going on without it"
                );
                break;
            }
            tracing::warn!(holder, "the lease of this database is over: taking it over");
            end_holder(&session).await;
            ended = true;
            deadline = tokio::time::Instant::now() + PATIENCE;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(Some(Guard {
        config: config.clone(),
        session: Arc::new(Mutex::new(session)),
    }))
}

/// Whether the lease was not renewed in time, by the database's clock.
async fn is_over(session: &DatabaseConnection) -> bool {
    let text = format!(r#"SELECT 1 AS one FROM "lease" WHERE "name" = 'node' AND "owner" <> '' AND "expires" < {NOW}"#);
    // No table, no lease: its holder has only just begun.
    matches!(sql::one(session, text, []).await, Ok(Some(_)))
}

/// Ends the connection that holds the advisory lock; nothing happens where this role may not.
async fn end_holder(session: &DatabaseConnection) {
    let text = "SELECT pg_terminate_backend(pid) AS ended FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid::bigint = $1 AND objid::bigint = (hashtext(current_schema())::bigint & 4294967295) AND objsubid = 2";
    if let Err(error) = sql::all(session, text, [i64::from(KEY).into()]).await {
        tracing::warn!(%error, "the connection that holds the database's lock could not be ended");
    }
}

async fn try_guard(session: &DatabaseConnection) -> Result<bool, DbErr> {
    let row = sql::one(
        session,
        "SELECT pg_try_advisory_lock($1, hashtext(current_schema())) AS taken",
        [KEY.into()],
    )
    .await?;
    row.map_or(Ok(false), |row| row.try_get("", "taken"))
}

/// Whether this very connection still has the lock; it is gone when the server dropped the connection and another was
/// made.
async fn has_guard(session: &DatabaseConnection) -> Result<bool, DbErr> {
    let text = "SELECT 1 AS one FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted";
    Ok(sql::one(session, text, []).await?.is_some())
}

async fn holder(session: &DatabaseConnection) -> String {
    let row = sql::one(session, r#"SELECT "owner" FROM "lease" WHERE "name" = 'node'"#, []).await;
    row.ok()
        .flatten()
        .and_then(|row| row.try_get("", "owner").ok())
        .filter(|owner: &String| !owner.is_empty())
        .unwrap_or_else(|| "another process".into())
}

/// Raises the fence and writes who holds the lease now. A stale writer's batch in flight is waited for.
pub(super) async fn take(
    writer: &DatabaseConnection,
    data_dir: &Path,
    file: File,
    guard: Option<Guard>,
    deps: &Deps,
    vitals: &Vitals,
) -> Result<Lease, StoreError> {
    // The directory is for people: on PostgreSQL nothing else says where the node's socket is.
    let data_dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let owner = format!(
        "process {} with the data directory {} ({})",
        std::process::id(),
        data_dir.display(),
        crate::hex::hex(&deps.bytes::<4>())
    );
    let raised = async {
        let txn = writer.begin().await?;
        if guard.is_some() {
            // The writer numbers events under this lock: once we have it, no older batch is under way.
            sql::all(&txn, r#"SELECT "seq" FROM "log" WHERE "own" = TRUE FOR UPDATE"#, []).await?;
        }
        let text = format!(
            r#"INSERT INTO "lease" ("name", "owner", "fence", "expires") VALUES ('node', $1, 1, {})
               ON CONFLICT ("name") DO UPDATE SET "owner" = excluded."owner", "fence" = "lease"."fence" + 1, "expires" = excluded."expires"
               RETURNING "fence""#,
            expiry(txn.get_database_backend()),
        );
        let fence = sql::one(&txn, text, [owner.clone().into()])
            .await?
            .ok_or_else(|| DbErr::RecordNotInserted)?
            .try_get("", "fence")?;
        txn.commit().await?;
        Ok::<i64, DbErr>(fence)
    };
    let fence = match raised.await {
        // The lock of the directory keeps every other process away: a node on a full disk can be read, and writes when
        // there is room.
        Err(error) if guard.is_none() && is_storage_full(&error) => {
            tracing::warn!("the disk is full: until there is room this node can only be read");
            let row = sql::one(writer, r#"SELECT "fence" FROM "lease" WHERE "name" = 'node'"#, []).await?;
            row.ok_or(error)?.try_get("", "fence")?
        }
        raised => raised?,
    };
    let renewal = guard.clone().map(|guard| {
        let renewal = renew(guard, owner.clone(), fence, vitals.clone());
        tokio::spawn(vitals.essential("the renewal of the lease", renewal)).abort_handle()
    });
    Ok(Lease {
        owner,
        fence,
        file: Mutex::new(Some(file)),
        guard,
        renewal,
    })
}

/// When a lease taken now ends, by the database's clock. On SQLite the file lock alone says so, hence never.
fn expiry(backend: DbBackend) -> String {
    match backend {
        DbBackend::Postgres => format!("{NOW} + {LASTS_MS}"),
        _ => i64::MAX.to_string(),
    }
}

async fn renew(guard: Guard, owner: String, fence: i64, vitals: Vitals) {
    loop {
        tokio::time::sleep(RENEWED).await;
        match timeout(ANSWERS, renew_once(&guard.session(), &owner, fence)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return vitals.fail(TAKEN_OVER),
            Ok(Err(error)) => tracing::warn!(%error, "the lease could not be renewed, will try again"),
            Err(_) => {
                tracing::warn!(
                    "the database did not answer when the lease was to be renewed: trying again on another connection"
                );
                if let Err(error) = guard.renew().await {
                    tracing::warn!(%error, "the database cannot be reached");
                }
            }
        }
    }
}

/// Renews the lease; `false` when it is another's.
async fn renew_once(session: &DatabaseConnection, owner: &str, fence: i64) -> Result<bool, DbErr> {
    let text = format!(
        r#"UPDATE "lease" SET "expires" = {} WHERE "name" = 'node' AND "fence" = $1 AND "owner" = $2"#,
        expiry(DbBackend::Postgres)
    );
    if sql::run(session, text, [fence.into(), owner.into()]).await? != 1 {
        return Ok(false);
    }
    // A dropped connection took the advisory lock with it; whoever has it meanwhile has raised the fence as well.
    if !has_guard(session).await? && !try_guard(session).await? {
        tracing::warn!("another process waits for this database");
    }
    Ok(true)
}

impl Lease {
    /// The number of this taking.
    pub(super) fn fence(&self) -> i64 {
        self.fence
    }

    /// Gives the lease back so that the next process need not wait.
    pub(super) async fn release(&self, writer: &DatabaseConnection) {
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
        let text =
            r#"UPDATE "lease" SET "owner" = '', "expires" = 0 WHERE "name" = 'node' AND "fence" = $1 AND "owner" = $2"#;
        match timeout(
            ANSWERS,
            sql::run(writer, text, [self.fence.into(), self.owner.clone().into()]),
        )
        .await
        {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the lease could not be released; it goes with the process"),
            Err(_) => tracing::warn!("the database did not answer: the lease goes with its time"),
        }
        if let Some(guard) = &self.guard {
            let session = guard.session();
            let _ = timeout(ANSWERS, session.close_by_ref()).await;
        }
        if let Some(file) = self.file.lock().expect("nobody panics while holding it").take() {
            file.set_len(0).ok();
            file.unlock().ok();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
    }
}
