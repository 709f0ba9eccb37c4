//! A store for tests with its own directory, and with `ORCHWIZ_TEST_POSTGRES` its own database; both are removed
//! afterwards. Not for production: time and randomness are manual.

use super::{Store, StoreConfig, sql};
use crate::{
    clock::{
        Deps,
        testing::{ManualClock, deps},
    },
    journal::Journal,
    process,
};
use sea_orm::{Database, DatabaseConnection, DbBackend, DbErr, EntityTrait, QueryTrait, Select, Statement};
use sea_orm_migration::MigratorTrait;
use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// An open store and journal with manual time and seeded randomness.
pub struct TestStore {
    /// The store.
    pub store: Store,
    /// Its journal.
    pub journal: Journal,
    /// The sources of time and randomness.
    pub deps: Deps,
    /// The manual clock.
    pub clock: Arc<ManualClock>,
    /// The directory and database; removed on drop.
    pub place: Place,
}

impl TestStore {
    /// A new, migrated, empty store: `TestStore::new::<migration::Migrator>(1).await`.
    ///
    /// # Panics
    /// When it cannot be created.
    pub async fn new<M: MigratorTrait>(seed: u64) -> Self {
        let place = Place::new().await;
        let (deps, clock) = deps(seed);
        let store = Store::open::<M>(&place.config, &deps).await.expect("a new store opens");
        let journal = Journal::open(store.clone(), deps.clone())
            .await
            .expect("a new journal opens");
        Self {
            store,
            journal,
            deps,
            clock,
            place,
        }
    }

    /// SQLite's query plan, a line for each step; `None` on PostgreSQL, whose plan depends on the tables' contents.
    ///
    /// # Panics
    /// When the statement is invalid.
    pub async fn plan<E: EntityTrait>(&self, query: Select<E>) -> Option<String> {
        let Statement {
            sql: text,
            values,
            db_backend: DbBackend::Sqlite,
        } = query.build(self.store.backend())
        else {
            return None;
        };
        let values = values.map(|values| values.0).unwrap_or_default();
        let steps = sql::all(self.store.read(), format!("EXPLAIN QUERY PLAN {text}"), values)
            .await
            .expect("the statement is one");
        let detail =
            |step: &sea_orm::QueryResult| step.try_get::<String>("", "detail").expect("a step says what it does");
        Some(steps.iter().map(detail).collect::<Vec<_>>().join("\n"))
    }

    /// The steps of the query plan on either database, without scans of whole tables if possible.
    ///
    /// # Panics
    /// When the statement is invalid.
    pub async fn indexes<E: EntityTrait>(&self, query: Select<E>) -> Vec<String> {
        if let Some(plan) = self.plan(query.clone()).await {
            return plan.lines().map(str::to_owned).collect();
        }
        let Statement { sql: text, values, .. } = query.build(self.store.backend());
        let txn = self.store.begin().await.expect("a transaction begins");
        // Otherwise PostgreSQL scans a small test table as a whole.
        sql::run(&txn, "SET LOCAL enable_seqscan = off", [])
            .await
            .expect("it can be set");
        let steps = sql::all(
            &txn,
            format!("EXPLAIN {text}"),
            values.map(|values| values.0).unwrap_or_default(),
        )
        .await
        .expect("the statement is one");
        steps
            .iter()
            .map(|step| step.try_get_by_index::<String>(0).expect("a step says what it does"))
            .collect()
    }

    /// Limits the database's growth to this many pages: a full disk, for SQLite.
    ///
    /// # Panics
    /// When the database cannot say how large it is.
    pub async fn fill_disk(&self, pages_left: i64) {
        let row = sql::one(self.store.read(), "SELECT page_count FROM pragma_page_count()", [])
            .await
            .expect("the database answers");
        let pages: i64 = row
            .and_then(|row| row.try_get_by_index(0).ok())
            .expect("the database has pages");
        self.store
            .pragma(&format!("PRAGMA max_page_count = {}", pages + pages_left))
            .await
            .expect("the limit is set");
    }

    /// Closes store and journal and opens them again on the same data, like a restart of the node.
    ///
    /// # Panics
    /// When it cannot be opened again.
    #[must_use]
    pub async fn reopen<M: MigratorTrait>(self) -> Self {
        let Self {
            store,
            journal,
            deps,
            clock,
            place,
        } = self;
        journal.close().await;
        store.close().await;
        let store = Store::open::<M>(&place.config, &deps)
            .await
            .expect("a closed store opens again");
        let journal = Journal::open(store.clone(), deps.clone())
            .await
            .expect("a closed journal opens again");
        Self {
            store,
            journal,
            deps,
            clock,
            place,
        }
    }
}

/// A temporary directory and, on PostgreSQL, a database. Dropping it removes both and kills what is left of a node
/// there, because a failed test has no orderly end.
pub struct Place {
    /// The configuration that opens it.
    pub config: StoreConfig,
    database: Option<(String, String)>,
}

impl Place {
    /// Creates the directory, and a database if `ORCHWIZ_TEST_POSTGRES` names a server.
    ///
    /// # Panics
    /// When either cannot be created.
    pub async fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "orchwiz_test_{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let data_dir: PathBuf = std::env::temp_dir().join(&name);
        fs::remove_dir_all(&data_dir).ok();
        fs::create_dir_all(&data_dir).expect("the temporary directory can be written");
        let database = match postgres_server() {
            None => None,
            Some(server) => {
                run_on(&server, &format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#))
                    .await
                    .expect("the server answers");
                run_on(&server, &format!(r#"CREATE DATABASE "{name}""#))
                    .await
                    .expect("a database can be made");
                Some((server, name))
            }
        };
        let url = database.as_ref().map(|(server, name)| with_database(server, name));
        Self {
            config: StoreConfig { url, data_dir },
            database,
        }
    }

    /// A connection beside the store's, to look or to do damage.
    ///
    /// # Panics
    /// When the database cannot be reached.
    pub async fn connect(&self) -> DatabaseConnection {
        super::connect::session(&self.config)
            .await
            .expect("the database can be reached")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        process::testing::clear(&self.config.data_dir);
        if let Some((server, name)) = self.database.take() {
            // A runtime of its own, because the test's may be shutting down.
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                if let Ok(runtime) = runtime {
                    runtime
                        .block_on(run_on(
                            &server,
                            &format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#),
                        ))
                        .ok();
                }
            })
            .join()
            .ok();
        }
    }
}

/// The PostgreSQL server for tests; `None` means SQLite.
pub fn postgres_server() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests choose their database by this one variable"
    )]
    std::env::var("ORCHWIZ_TEST_POSTGRES")
        .ok()
        .filter(|url| !url.is_empty())
}

/// The file with the certificate of the test server's authority; `None` if the server has none.
pub fn postgres_authority() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "it comes with the variable above")]
    std::env::var("ORCHWIZ_TEST_POSTGRES_CA")
        .ok()
        .filter(|path| !path.is_empty())
}

async fn run_on(server: &str, text: &str) -> Result<(), DbErr> {
    let db = Box::pin(Database::connect(server)).await?;
    sql::run(&db, text, []).await?;
    db.close().await
}

/// Replaces the database in `postgres://user:password@host:port/database?options`.
fn with_database(server: &str, name: &str) -> String {
    let (base, options) = server
        .split_once('?')
        .map_or((server, None), |(base, options)| (base, Some(options)));
    let host_from = base.find("://").map_or(0, |at| at + 3);
    let host = base[host_from..].find('/').map_or(base, |at| &base[..host_from + at]);
    options.map_or_else(
        || format!("{host}/{name}"),
        |options| format!("{host}/{name}?{options}"),
    )
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_is_replaced_wherever_the_address_names_one() {
        assert_eq!(
            with_database("postgres://me@host:5432/postgres", "x"),
            "postgres://me@host:5432/x"
        );
        assert_eq!(with_database("postgres://host", "x"), "postgres://host/x");
        assert_eq!(
            with_database("postgres:///postgres?host=/tmp/pg", "x"),
            "postgres:///x?host=/tmp/pg"
        );
    }
}
