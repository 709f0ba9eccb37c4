//! The lease: one process for each data directory and database, proven by a fencing number.
//!
//! The lock of the operating system on `orchwiz.lock` (on PostgreSQL also an advisory lock) shows who is alive. The
//! fence in the row `lease` shows who was last: a writer that finds a higher fence stops, so it never trusts a clock.
//! The lease's expiry, by the database's clock, only decides when a silent holder may lose its lock.

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

/// The lifetime of a PostgreSQL lease in ms, and the interval of its renewal.
const LASTS_MS: i64 = 30_000;
const RENEWED: Duration = Duration::from_secs(10);
/// How long PostgreSQL may take for a renewal. After that the connection is replaced.
const ANSWERS: Duration = Duration::from_secs(5);
/// How long to wait for a lock: a process that was just killed holds its lock until the server notices.
const PATIENCE: Duration = Duration::from_secs(3);
/// The message of a node whose lease was taken over, in its log and to callers who want to write.
pub(crate) const TAKEN_OVER: &str = "another process has taken over this node's database: this one no longer writes";
/// PostgreSQL's present time in unix ms.
const NOW: &str = "(extract(epoch from clock_timestamp()) * 1000)::bigint";
/// The first half of the advisory lock's key ("orch"); the second is the schema's hash.
const KEY: i32 = 0x6f72_6368;

/// The lease that this process holds.
pub(super) struct Lease {
    owner: String,
    fence: i64,
    file: Mutex<Option<File>>,
    guard: Option<Guard>,
    renewal: Option<AbortHandle>,
}

/// The connection with PostgreSQL's advisory lock. Clones share it.
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

    /// Replaces a connection that no longer answers.
    async fn renew(&self) -> Result<(), StoreError> {
        let fresh = connect::session(&self.config).await?;
        *self.held() = fresh;
        Ok(())
    }
}

/// Takes the operating system's lock on the data directory. It ends with the process, however that ends.
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
        // The file's text is only for people; the lock itself needs no disk space.
        Err(cause) if is_storage_full(&cause) => Ok(file),
        written => written.map(|()| file).map_err(failed),
    }
}

/// Takes PostgreSQL's advisory lock on a connection that stays open. The connection of a holder with an expired lease
/// is ended: its host may be gone, which the server would notice only after hours.
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
                // Whoever has the lock, the new fence keeps the old holder from writing.
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

/// Whether the lease has expired by the database's clock.
async fn is_over(session: &DatabaseConnection) -> bool {
    let text = format!(r#"SELECT 1 AS one FROM "lease" WHERE "name" = 'node' AND "owner" <> '' AND "expires" < {NOW}"#);
    // Without a table the holder has only just started.
    matches!(sql::one(session, text, []).await, Ok(Some(_)))
}

/// Ends the connection that holds the advisory lock, if this role may do so.
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

/// Whether this very connection still has the lock: a reconnect loses it.
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

/// Raises the fence and stores the new holder, after a batch of a stale writer has ended.
pub(super) async fn take(
    writer: &DatabaseConnection,
    data_dir: &Path,
    file: File,
    guard: Option<Guard>,
    deps: &Deps,
    vitals: &Vitals,
) -> Result<Lease, StoreError> {
    // The directory is for people: on PostgreSQL nothing else tells where the node's socket is.
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
            // The writer numbers events under this row lock, so no older batch is under way once we hold it.
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
        // The directory's lock already excludes every other process. So a node on a full disk can be read, and writes
        // once there is room.
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

/// The expiry of a lease taken now, by the database's clock. On SQLite only the file lock counts, so it never expires.
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

/// Renews the lease; `false` when another process has it.
async fn renew_once(session: &DatabaseConnection, owner: &str, fence: i64) -> Result<bool, DbErr> {
    let text = format!(
        r#"UPDATE "lease" SET "expires" = {} WHERE "name" = 'node' AND "fence" = $1 AND "owner" = $2"#,
        expiry(DbBackend::Postgres)
    );
    if sql::run(session, text, [fence.into(), owner.into()]).await? != 1 {
        return Ok(false);
    }
    // A dropped connection lost the advisory lock. Another process that has it now has also raised the fence.
    if !has_guard(session).await? && !try_guard(session).await? {
        tracing::warn!("another process waits for this database");
    }
    Ok(true)
}

impl Lease {
    /// The fencing number of this lease.
    pub(super) fn fence(&self) -> i64 {
        self.fence
    }

    /// Releases the lease, so that the next process need not wait.
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
