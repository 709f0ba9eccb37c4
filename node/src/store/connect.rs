//! Connections: one that writes, a pool that only reads, and what each must be set to.
//! It must not decide who may connect; that is the lease's.

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

/// Prepared statements kept per connection; the journal alone has about forty.
const STATEMENTS: usize = 256;
/// Rows that wait to be read from a connection of SQLite: more than a page has.
const ROWS: usize = 256;
const SQLITE_READERS: u32 = 4;
const POSTGRES_READERS: u32 = 8;
/// How long a connection is waited for. PostgreSQL is tried again and again until then: whoever asks must hear soon
/// that it is gone.
const SQLITE_WAITS: Duration = Duration::from_secs(30);
const POSTGRES_WAITS: Duration = Duration::from_secs(5);
/// What PostgreSQL is told of every connection: it notices within half a minute that the other end is gone, and frees
/// what that end held.
const KEPT_ALIVE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "15000"),
];
/// No statement of a batch takes longer, in ms, and no transaction is left open longer: a writer that is gone must not
/// keep the log locked. Both below, and above, what the journal gives a batch.
const BATCHES: [(&str, &str); 2] = [
    ("statement_timeout", "9000"),
    ("idle_in_transaction_session_timeout", "15000"),
];
/// Readers cannot write, and what nobody waits for any more ends.
const READS: [(&str, &str); 2] = [("default_transaction_read_only", "on"), ("statement_timeout", "14000")];

/// What the writer's connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Schema changes, copies, examinations: they take as long as they take.
    Unlimited,
    /// The journal's batches.
    Batches,
}

/// Makes the data directory, readable by its owner alone, when it is not there.
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

/// The SQLite database of a data directory.
pub(super) fn sqlite_path(data_dir: &Path) -> PathBuf {
    data_dir.join("orchwiz.db")
}

/// Whether there is no SQLite database yet, or nothing in it.
pub(super) fn sqlite_is_empty(data_dir: &Path) -> bool {
    fs::metadata(sqlite_path(data_dir)).map_or(true, |file| file.len() == 0)
}

/// The one connection that writes. Every commit on it is synced to the disk before it is acknowledged.
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
                // After a checkpoint the log file shrinks again: a long read must not leave a large file behind for
                // ever.
                .pragma("journal_size_limit", "67108864")
                // What was purged is overwritten in the file, too.
                .pragma("secure_delete", "ON")
        });
    } else if work == Work::Batches {
        options.map_sqlx_postgres_opts(|options| postgres(options).options(BATCHES));
    }
    connect(options).await
}

/// The pool that reads. Its connections refuse to write, so nothing can change state beside the journal by mistake.
/// A `lazy` one connects when it is asked first.
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

/// A connection of its own: for the advisory lock, which must stay open as long as the node runs, and for tests.
pub(super) async fn session(config: &StoreConfig) -> Result<DatabaseConnection, StoreError> {
    let mut options = base(config);
    options.max_connections(1).min_connections(1);
    if config.url.is_none() {
        let path = sqlite_path(&config.data_dir);
        options.map_sqlx_sqlite_opts(move |options| sqlite(options, &path));
    }
    connect(options).await
}

/// What SeaORM needs to connect is large, and lies on the heap: all that ever opens a database would carry it.
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
        // A page of a list passes from SQLite's thread without waiting for its reader.
        .row_buffer_size(ROWS)
}

/// SQLite gives its side files the mode of the database file, so that file is made first, for the owner alone.
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

/// Refuses database programs that are known to lose or corrupt data, and names the one in use.
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

/// `3.51.3` as numbers; what follows a space is left out.
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
