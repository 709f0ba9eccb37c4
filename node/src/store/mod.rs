//! The store: connections, the lease, the schema, and the only place that opens transactions. It knows only the tables
//! it must (lease, migrations), and no feature.

mod amount;
mod connect;
mod directory;
mod failure;
mod lease;
mod reader;
mod schema;
pub mod sql;
pub mod testing;

pub use amount::Amount;
pub(crate) use failure::UNREACHABLE;
pub use failure::{StoreError, Stored, internal, is_storage_full, is_unreachable};
pub(crate) use lease::TAKEN_OVER;
pub use reader::Reader;

use crate::{clock::Deps, supervise::Vitals};
use connect::Work;
use lease::Lease;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter,
    Select, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::RwLock;

/// How long a connection may take to close.
const GOODBYE: Duration = Duration::from_secs(5);

/// The place of a node's state.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// `postgres://...`; `None` is SQLite in `data_dir/orchwiz.db`.
    pub url: Option<String>,
    /// The node's files: database, blobs, backups, runs, the lock. Created with mode 0700 if missing.
    pub data_dir: PathBuf,
}

/// An open database that only this process may write. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    config: StoreConfig,
    backend: DbBackend,
    backend_name: String,
    readers: Reader,
    /// One connection, replaced when the database has aborted a transaction under it.
    writer: RwLock<DatabaseConnection>,
    lease: Lease,
    vitals: Vitals,
    /// The id of this node's log; empty until it is known.
    origin: OnceLock<String>,
}

/// A projected table: each row says which node's events made it.
pub trait Projected: EntityTrait {
    /// The column with that node's id, 32 hex digits.
    const ORIGIN: Self::Column;
}

/// The rows of one node.
pub fn of_origin<E: Projected>(origin: &str) -> Select<E> {
    E::find().filter(E::ORIGIN.eq(origin))
}

impl Store {
    /// Connects, takes the lease, and migrates the schema after a copy of an existing database.
    ///
    /// # Errors
    /// - [`StoreError::Held`]: another process uses the directory or the database.
    /// - [`StoreError::Newer`]: a newer version has migrated the database. Nothing is changed.
    /// - [`StoreError::Foreign`]: the database and the directory belong to different nodes. Nothing is changed.
    /// - [`StoreError::TooOld`]: the version of the database program is too old.
    pub async fn open<M: MigratorTrait>(config: &StoreConfig, deps: &Deps) -> Result<Self, StoreError> {
        let lock = || {
            connect::prepare(&config.data_dir)?;
            lease::lock_directory(&config.data_dir)
        };
        // On PostgreSQL a missing directory is created last, so that an attempt to open a running node's database
        // leaves no directory.
        let file = if config.url.is_none() || config.data_dir.is_dir() {
            Some(lock()?)
        } else {
            None
        };
        // Checked before connecting, because connecting creates the database.
        if config.url.is_none() && connect::sqlite_is_empty(&config.data_dir) {
            directory::check(&config.data_dir, None)?;
        }
        let writer = connect::writer(config, Work::Unlimited).await?;
        let backend = writer.get_database_backend();
        let backend_name = connect::check_version(&writer).await?;
        let guard = lease::guard(config, backend).await?;
        let file = file.map_or_else(lock, Ok)?;
        directory::check(&config.data_dir, directory::found(&writer).await?.as_ref())?;
        let pending = schema::pending::<M>(&writer).await?;
        let vitals = Vitals::default();
        // The lease comes before the schema change, which may take long: an expired lease can be taken by anybody.
        let lease = if pending.is_first() {
            schema::migrate::<M>(&writer, config, deps, pending).await?;
            lease::take(&writer, &config.data_dir, file, guard, deps, &vitals).await?
        } else {
            let lease = lease::take(&writer, &config.data_dir, file, guard, deps, &vitals).await?;
            schema::migrate::<M>(&writer, config, deps, pending).await?;
            lease
        };
        let writer = if backend == DbBackend::Sqlite {
            writer
        } else {
            connect::writer(config, Work::Batches).await?
        };
        let readers = Reader::new(connect::readers(config, false).await?);
        Ok(Self(Arc::new(Inner {
            config: config.clone(),
            backend,
            backend_name,
            readers,
            writer: RwLock::new(writer),
            lease,
            vitals,
            origin: OnceLock::new(),
        })))
    }

    /// The readers' pool. It refuses writes, because changes go through `Journal::commit`.
    pub fn read(&self) -> &Reader {
        &self.0.readers
    }

    /// Name and version, like `SQLite 3.51.3` or `PostgreSQL 15.18`.
    pub fn backend_name(&self) -> String {
        self.0.backend_name.clone()
    }

    /// The kind of database.
    pub fn backend(&self) -> DbBackend {
        self.0.backend
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        &self.0.config.data_dir
    }

    /// Claims the data directory for this node, so that no other database is opened with it. `origin` is the id of its
    /// log.
    pub(crate) fn claim(&self, origin: &str) -> Result<(), StoreError> {
        self.0.origin.get_or_init(|| origin.to_owned());
        directory::claim(self.data_dir(), origin)
    }

    /// The id of this node's log, 32 hex digits; empty before [`Store::claim`], and then no row is its own.
    pub fn origin(&self) -> &str {
        self.0.origin.get().map_or("", String::as_str)
    }

    /// The key of a row from this node's own events: id and origin. Another node's log may use the same id.
    pub fn key(&self, id: impl ToString) -> (String, String) {
        (id.to_string(), self.origin().to_owned())
    }

    /// The rows that this node's own events made: the only ones that it acts on.
    pub fn own<E: Projected>(&self) -> Select<E> {
        of_origin(self.origin())
    }

    /// The fence of this process's lease. A process that finds a higher one in the database must not write.
    pub fn fence(&self) -> i64 {
        self.0.lease.fence()
    }

    /// Whether the node on this store can still do its work; watches essential tasks.
    pub fn vitals(&self) -> &Vitals {
        &self.0.vitals
    }

    /// The database's size in bytes: pages on SQLite, `pg_database_size` on PostgreSQL.
    pub async fn size(&self) -> Result<i64, DbErr> {
        let text = match self.0.backend {
            DbBackend::Sqlite => "SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()",
            _ => "SELECT pg_database_size(current_database()) AS bytes",
        };
        sql::one(self.read(), text, [])
            .await?
            .map_or(Ok(0), |row| row.try_get("", "bytes"))
    }

    /// Begins a transaction on the writer and waits while another is open. `IMMEDIATE` on SQLite.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let writer = self.0.writer.read().await.clone();
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        writer.begin_with_options(options).await
    }

    /// Begins a transaction without a time limit, for work on all data while no batch waits.
    pub(crate) async fn begin_unlimited(&self) -> Result<DatabaseTransaction, DbErr> {
        let txn = self.begin().await?;
        if self.0.backend == DbBackend::Postgres {
            txn.execute_unprepared(
                "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
            )
            .await?;
        }
        Ok(txn)
    }

    /// Runs one statement on the writer outside of a transaction, such as a pragma.
    pub(crate) async fn pragma(&self, text: &str) -> Result<(), DbErr> {
        self.0.writer.read().await.execute_unprepared(text).await.map(drop)
    }

    /// Replaces the writer's connection, which is broken or in an unknown transaction. On PostgreSQL it replaces the
    /// readers too.
    pub(crate) async fn renew_writer(&self) -> Result<(), StoreError> {
        let fresh = connect::writer(&self.0.config, Work::Batches).await?;
        let old = std::mem::replace(&mut *self.0.writer.write().await, fresh);
        // A connection whose other end is gone never closes.
        let closed = async move { tokio::time::timeout(GOODBYE, old.close()).await };
        if self.0.backend == DbBackend::Sqlite {
            let _ = closed.await;
        } else {
            tokio::spawn(closed);
            // The readers may have lost their server too, or are still connected to one that was replaced.
            self.0.readers.replace(connect::readers(&self.0.config, true).await?);
        }
        Ok(())
    }

    /// On SQLite, moves the write-ahead log into the database file and empties it, so that purged data does not stay
    /// there. While somebody reads an older state, that is left for the next time.
    pub(crate) async fn empty_log(&self) -> Result<(), DbErr> {
        if self.0.backend == DbBackend::Sqlite {
            self.pragma("PRAGMA wal_checkpoint(TRUNCATE)").await
        } else {
            Ok(())
        }
    }

    /// A separate connection that may write temporary tables, for `doctor` and its snapshot.
    pub(crate) async fn scratch(&self) -> Result<DatabaseConnection, StoreError> {
        connect::writer(&self.0.config, Work::Unlimited).await
    }

    /// Writes everything into the database file, releases the lease and closes. Operations elsewhere fail from here on.
    pub async fn close(self) {
        let writer = self.0.writer.read().await.clone();
        let _ = tokio::time::timeout(GOODBYE, self.0.readers.close()).await;
        if self.0.backend == DbBackend::Sqlite
            && let Err(error) = writer.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await
        {
            tracing::warn!(%error, "the last checkpoint failed; the next start makes it up");
        }
        self.0.lease.release(&writer).await;
        let _ = tokio::time::timeout(GOODBYE, writer.close_by_ref()).await;
    }
}
