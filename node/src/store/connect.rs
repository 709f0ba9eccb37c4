//! Connections: one writer, a pool of readers, and their settings. The lease decides who may connect.

use super::{StoreConfig, StoreError, sql};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbBackend, DbErr,
    sqlx::{
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// The most cached prepared statements of a connection; the journal alone has about forty.
const STATEMENTS: usize = 256;
/// The row buffer of an SQLite connection: more rows than a page has.
const ROWS: usize = 256;
const SQLITE_READERS: u32 = 4;
const POSTGRES_READERS: u32 = 8;
/// How long a caller waits for a connection. PostgreSQL is retried for that time, because callers must hear soon that
/// it is gone.
const SQLITE_WAITS: Duration = Duration::from_secs(30);
const POSTGRES_WAITS: Duration = Duration::from_secs(5);
/// TCP keepalive, set on the server for each connection: PostgreSQL notices within half a minute that our end is gone,
/// and frees what it held.
const KEPT_ALIVE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "15000"),
];
/// Limits for batches in ms, on a statement and on an idle transaction: a writer that is gone must not keep the log
/// locked. The first is below the journal's limit for a batch, the second above it.
const BATCHES: [(&str, &str); 2] = [
    ("statement_timeout", "9000"),
    ("idle_in_transaction_session_timeout", "15000"),
];
/// Readers are read-only, and a statement ends when its caller has stopped waiting.
const READS: [(&str, &str); 2] = [("default_transaction_read_only", "on"), ("statement_timeout", "14000")];

/// The purpose of a writing connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Schema changes, copies and checks, without a time limit.
    Unlimited,
    /// The journal's batches.
    Batches,
}

/// Creates the data directory if it is missing, for its owner only.
pub(super) fn prepare(data_dir: &Path) -> Result<(), StoreError> {
    let file = |path: &Path| {
        let path = path.to_path_buf();
        move |cause| StoreError::File { path, cause }
    };
    if !data_dir.is_dir() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir)
            .map_err(file(data_dir))?;
    }
    fs::metadata(data_dir).map_err(file(data_dir)).map(drop)
}

/// The path of the SQLite database.
pub(super) fn sqlite_path(data_dir: &Path) -> PathBuf {
    data_dir.join("orchwiz.db")
}

/// Whether the SQLite database is missing or empty.
pub(super) fn sqlite_is_empty(data_dir: &Path) -> bool {
    fs::metadata(sqlite_path(data_dir)).map_or(true, |file| file.len() == 0)
}

/// The one writing connection. It acknowledges a commit only after the fsync.
pub(super) async fn writer(config: &StoreConfig, work: Work) -> Result<DatabaseConnection, StoreError> {
    let mut options = base(config);
    options.max_connections(1).min_connections(1);
    if config.url.is_none() {
        let path = sqlite_path(&config.data_dir);
        create_private(&path)?;
        options.map_sqlx_sqlite_opts(move |options| {
            sqlite(options, &path)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                // A checkpoint then truncates the log file, so that a long read leaves no large file for ever.
                .pragma("journal_size_limit", "67108864")
                // Purged data is overwritten in the file.
                .pragma("secure_delete", "ON")
        });
    } else if work == Work::Batches {
        options.map_sqlx_postgres_opts(|options| postgres(options).options(BATCHES));
    }
    connect(options).await
}

/// The readers' pool. Its connections refuse writes, so no state changes outside the journal by mistake. A `lazy` pool
/// connects at its first read.
pub(super) async fn readers(config: &StoreConfig, lazy: bool) -> Result<DatabaseConnection, StoreError> {
    let mut options = base(config);
    options.connect_lazy(lazy);
    if config.url.is_none() {
        let path = sqlite_path(&config.data_dir);
        options
            .max_connections(SQLITE_READERS)
            .map_sqlx_sqlite_opts(move |options| sqlite(options, &path).pragma("query_only", "ON"));
    } else {
        options
            .max_connections(POSTGRES_READERS)
            .map_sqlx_postgres_opts(|options| postgres(options).options(READS));
    }
    connect(options).await
}

/// A separate connection, for the advisory lock, which must stay open while the node runs, and for tests.
pub(super) async fn session(config: &StoreConfig) -> Result<DatabaseConnection, StoreError> {
    let mut options = base(config);
    options.max_connections(1).min_connections(1);
    if config.url.is_none() {
        let path = sqlite_path(&config.data_dir);
        options.map_sqlx_sqlite_opts(move |options| sqlite(options, &path));
    }
    connect(options).await
}

/// SeaORM's future is large, so it is boxed: otherwise every future that opens a database would contain it.
async fn connect(options: ConnectOptions) -> Result<DatabaseConnection, StoreError> {
    Ok(Box::pin(Database::connect(options)).await?)
}

fn base(config: &StoreConfig) -> ConnectOptions {
    let mut options = ConnectOptions::new(config.url.clone().unwrap_or_else(|| "sqlite://orchwiz.db".to_owned()));
    options
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .test_before_acquire(false)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .acquire_timeout(SQLITE_WAITS);
    if config.url.is_some() {
        options
            .acquire_timeout(POSTGRES_WAITS)
            .test_before_acquire_if_idle_for(Duration::from_secs(5))
            .set_application_name("orchwiz");
        options.map_sqlx_postgres_opts(postgres);
    }
    options
}

fn postgres(options: PgConnectOptions) -> PgConnectOptions {
    options.statement_cache_capacity(STATEMENTS).options(KEPT_ALIVE)
}

fn sqlite(options: SqliteConnectOptions, path: &Path) -> SqliteConnectOptions {
    options
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .statement_cache_capacity(STATEMENTS)
        // A page of a list then passes from SQLite's thread without waiting for its reader.
        .row_buffer_size(ROWS)
}

/// SQLite gives its side files the database file's mode, so that file is created first, for the owner only.
fn create_private(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|cause| StoreError::File {
            path: path.to_path_buf(),
            cause,
        })
}

/// Refuses database versions that are known to lose or corrupt data; returns the name of the present one.
pub(super) async fn check_version(db: &DatabaseConnection) -> Result<String, StoreError> {
    let text = |row: Option<sea_orm::QueryResult>| -> Result<String, DbErr> {
        row.ok_or_else(|| DbErr::RecordNotFound("the database's version".into()))?
            .try_get_by_index(0)
    };
    if db.get_database_backend() == DbBackend::Sqlite {
        let version = text(sql::one(db, "SELECT sqlite_version()", []).await?)?;
        let found = format!("SQLite {version}");
        if numbers(&version) < vec![3, 51, 3] {
            return Err(StoreError::TooOld {
                found,
                needed: "SQLite 3.51.3 or later (earlier ones can corrupt a write-ahead log)",
            });
        }
        Ok(found)
    } else {
        let version = text(sql::one(db, "SELECT current_setting('server_version')", []).await?)?;
        let found = format!("PostgreSQL {}", version.split(' ').next().unwrap_or(&version));
        if numbers(&version).first().is_none_or(|major| *major < 15) {
            return Err(StoreError::TooOld {
                found,
                needed: "PostgreSQL 15 or later",
            });
        }
        Ok(found)
    }
}

/// `3.51.3` as numbers; the part after a space is ignored.
fn numbers(version: &str) -> Vec<u32> {
    version
        .split(' ')
        .next()
        .unwrap_or_default()
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_compare_by_number_not_by_text() {
        assert!(numbers("3.9.0") < vec![3, 51, 3]);
        assert!(numbers("3.51.10") > vec![3, 51, 3]);
        assert_eq!(numbers("15.18 (Debian 15.18-0+deb12u1)"), vec![15, 18]);
        assert_eq!(numbers("17devel"), Vec::<u32>::new());
    }
}
