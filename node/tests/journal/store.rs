//! The store: who may open it, its schema's migrations, and a full disk.

use crate::{commit, examine, tables::every_kind};
use migration::Migrator;
use model::{Caller, Error};
use node::{
    clock::testing::deps,
    entity,
    journal::{Journal, Outcome},
    store::{
        Store, StoreConfig, StoreError, sql,
        testing::{Place, TestStore, postgres_authority, postgres_server},
    },
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Schema};
use sea_orm_migration::{MigratorTrait, prelude::*};
use std::{collections::BTreeMap, fs};

/// Every column of every table (type, nullable, place in the key), and every index by name.
pub(crate) async fn schema_of(config: &StoreConfig) -> BTreeMap<String, Vec<String>> {
    let db = connect(config).await;
    let mut tables = BTreeMap::new();
    for table in names(&db).await {
        let text = match db.get_database_backend() {
            DbBackend::Sqlite => format!(
                r#"SELECT "name" || ' ' || "type" || ' ' || ("notnull" OR "pk" > 0) || ' ' || "pk" AS line FROM pragma_table_info('{table}')
                   UNION ALL SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = '{table}' AND sql IS NOT NULL"#
            ),
            _ => format!(
                r"SELECT column_name || ' ' || data_type || ' ' || is_nullable AS line FROM information_schema.columns
                   WHERE table_schema = current_schema() AND table_name = '{table}'
                   UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = '{table}'"
            ),
        };
        let rows = sql::all(&db, text, []).await.expect("reads the schema");
        let mut lines: Vec<String> = rows
            .iter()
            .map(|row| row.try_get("", "line").expect("a line"))
            .collect();
        lines.sort();
        tables.insert(table, lines);
    }
    tables
}

async fn connect(config: &StoreConfig) -> DatabaseConnection {
    let url = config
        .url
        .clone()
        .unwrap_or_else(|| format!("sqlite://{}?mode=rwc", config.data_dir.join("orchwiz.db").display()));
    Box::pin(sea_orm::Database::connect(url)).await.expect("connects")
}

async fn names(db: &DatabaseConnection) -> Vec<String> {
    let text = match db.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'seaql_migrations'"
        }
        _ => {
            "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'seaql_migrations'"
        }
    };
    sql::all(db, text, [])
        .await
        .expect("reads")
        .iter()
        .map(|row| row.try_get("", "name").expect("a name"))
        .collect()
}

/// Calls a macro with every entity.
macro_rules! entities {
    ($each:ident, $db:ident) => {
        $each!($db: approval, blob, credential, cursor, entry, event, health_sample, idempotency, input, invite, known_network, known_node, lease, link, log, login, project, prompt, run,
            run_cursor, secret, session, setting, setup_link, skip, taken, token, usage_day, usage_total, user)
    };
}

#[tokio::test]
async fn the_entities_describe_the_migrated_schema_column_by_column() {
    let migrated = Place::new().await;
    let db = connect(&migrated.config).await;
    Migrator::up(&db, None).await.expect("migrates");
    let drawn = Place::new().await;
    let other = connect(&drawn.config).await;
    macro_rules! draw {
        ($db:ident: $($table:ident),+) => {
            $($db.execute(&Schema::new($db.get_database_backend()).create_table_from_entity(entity::$table::Entity)).await.expect("draws");)+
        };
    }
    entities!(draw, other);
    let columns_only = |schema: BTreeMap<String, Vec<String>>| -> BTreeMap<String, Vec<String>> {
        schema
            .into_iter()
            .map(|(table, lines)| {
                (
                    table,
                    lines.into_iter().filter(|line| !line.starts_with("CREATE ")).collect(),
                )
            })
            .collect()
    };
    assert_eq!(
        columns_only(schema_of(&migrated.config).await),
        columns_only(schema_of(&drawn.config).await)
    );
}

#[tokio::test]
async fn migrations_run_up_down_and_up_again() {
    let place = Place::new().await;
    let db = connect(&place.config).await;
    Migrator::up(&db, None).await.expect("up");
    let first = schema_of(&place.config).await;
    assert!(first.len() > 20);
    Migrator::down(&db, None).await.expect("down");
    assert_eq!(names(&db).await, Vec::<String>::new());
    Migrator::up(&db, None).await.expect("up again");
    assert_eq!(schema_of(&place.config).await, first);
}

/// The schema of a version that is `N` steps newer.
struct Later<const N: usize>;

/// A step of a newer version, named by its table.
struct Added(String);

#[async_trait::async_trait]
impl<const N: usize> MigratorTrait for Later<N> {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut steps = Migrator::migrations();
        steps.extend((1..=N).map(|n| Box::new(Added(format!("later_{n}"))) as Box<dyn MigrationTrait>));
        steps
    }
}

impl MigrationName for Added {
    fn name(&self) -> &str {
        &self.0
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Added {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(self.0.clone())
                    .col(ColumnDef::new("id").string().primary_key())
                    .to_owned(),
            )
            .await
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_unharmed_and_an_older_one_is_copied_before_it_is_changed() {
    let test = TestStore::new::<Migrator>(31).await;
    commit(&test, every_kind()).await;
    let before = examine(&test).await;
    let test = test.reopen::<Later<1>>().await;
    assert!(examine(&test).await.healthy);
    let TestStore {
        store,
        journal,
        place,
        deps,
        ..
    } = test;
    journal.close().await;
    store.close().await;

    let schema = schema_of(&place.config).await;
    let bytes = fs::read(place.config.data_dir.join("orchwiz.db")).ok();
    let refused = Store::open::<Migrator>(&place.config, &deps).await;
    let Err(StoreError::Newer(step)) = refused else {
        panic!("it was opened")
    };
    assert!(StoreError::Newer(step).to_string().contains("newer version of OrchWiz"));
    assert_eq!(schema_of(&place.config).await, schema);
    assert_eq!(
        fs::read(place.config.data_dir.join("orchwiz.db")).ok(),
        bytes,
        "not a byte has changed"
    );

    if postgres_server().is_none() {
        let copies: Vec<_> = fs::read_dir(place.config.data_dir.join("backups"))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        assert_eq!(copies.len(), 1, "{copies:?}");
        // The copy is a whole database of the older version.
        let old = Place::new().await;
        fs::copy(&copies[0], old.config.data_dir.join("orchwiz.db")).expect("copies");
        let store = Store::open::<Migrator>(&old.config, &deps)
            .await
            .expect("the copy opens");
        let report = node::journal::doctor(&store).await.expect("the copy is examined");
        assert_eq!((report.head, report.tables), (before.head, before.tables));
    }
}

/// The schemas with copies in a PostgreSQL database.
async fn copies(db: &DatabaseConnection) -> Vec<String> {
    let rows = sql::all(
        db,
        "SELECT nspname::text AS name FROM pg_namespace WHERE nspname LIKE 'before%' ORDER BY 1",
        [],
    )
    .await
    .expect("reads");
    rows.iter()
        .map(|row| row.try_get("", "name").expect("a name"))
        .collect()
}

#[tokio::test]
async fn on_postgresql_the_copy_is_made_inside_the_database_and_the_newest_two_are_kept() {
    if postgres_server().is_none() {
        return;
    }
    let test = TestStore::new::<Migrator>(39).await;
    assert_eq!(
        copies(&test.place.connect().await).await,
        Vec::<String>::new(),
        "an empty database has nothing to lose"
    );
    commit(&test, every_kind()).await;
    let started = test.deps.now();
    let test = test.reopen::<Later<1>>().await;
    let beside = test.place.connect().await;
    let first = format!("before_later_1_{started}");
    assert_eq!(copies(&beside).await, [first.as_str()]);
    for table in names(&beside)
        .await
        .into_iter()
        .chain(["seaql_migrations".into()])
        .filter(|table| table != "later_1")
    {
        let text = format!(r#"SELECT count(*) AS n FROM (TABLE "{first}"."{table}" EXCEPT TABLE "{table}") d"#);
        let changed: i64 = sql::one(&beside, text, [])
            .await
            .expect("reads")
            .expect("a row")
            .try_get("", "n")
            .expect("a number");
        // Each start takes the lease anew, after the copy.
        assert!(changed == 0 || table == "lease", "{table} differs in {changed} rows");
    }
    let events = format!(r#"SELECT count(*) AS n FROM "{first}"."event""#);
    let copied: i64 = sql::one(&beside, events, [])
        .await
        .expect("reads")
        .expect("a row")
        .try_get("", "n")
        .expect("a number");
    assert_eq!(copied, test.journal.head().await);

    test.clock.advance(1);
    let test = test.reopen::<Later<2>>().await;
    test.clock.advance(1);
    let test = test.reopen::<Later<3>>().await;
    let kept = [
        format!("before_later_2_{}", started + 1),
        format!("before_later_3_{}", started + 2),
    ];
    assert_eq!(copies(&beside).await, kept);
    let test = test.reopen::<Later<3>>().await;
    assert_eq!(copies(&beside).await, kept, "without a pending step nothing is copied");
    assert!(examine(&test).await.healthy);

    // Another node's copies in this database stay, whatever their names.
    let others = ["before_later_1_1", "before_later_1_2"];
    for (other, comment) in others.into_iter().zip(["a copy of the OrchWiz node 0123", ""]) {
        beside
            .execute_unprepared(&format!(
                r#"CREATE SCHEMA "{other}"; COMMENT ON SCHEMA "{other}" IS '{comment}'"#
            ))
            .await
            .expect("makes");
    }
    test.clock.advance(1);
    let _test = test.reopen::<Later<4>>().await;
    let kept = [
        others[0].into(),
        others[1].into(),
        format!("before_later_3_{}", started + 2),
        format!("before_later_4_{}", started + 3),
    ];
    assert_eq!(copies(&beside).await, kept);
}

#[tokio::test]
async fn of_the_copies_in_the_data_directory_the_newest_two_are_kept() {
    if postgres_server().is_some() {
        return;
    }
    let test = TestStore::new::<Migrator>(44).await;
    commit(&test, every_kind()).await;
    let started = test.deps.now();
    let test = test.reopen::<Later<1>>().await;
    fs::write(
        test.place.config.data_dir.join("backups").join("before-christmas.db"),
        "somebody's own",
    )
    .expect("writes");
    test.clock.advance(1);
    let test = test.reopen::<Later<2>>().await;
    test.clock.advance(1);
    let test = test.reopen::<Later<3>>().await;
    let kept = [
        format!("before-later_2-{}.db", started + 1),
        format!("before-later_3-{}.db", started + 2),
    ];
    assert_eq!(
        files(&test.place.config, "backups"),
        [&["before-christmas.db".to_owned()][..], &kept].concat()
    );
}

#[tokio::test]
async fn what_was_purged_is_in_no_file_of_the_database_any_more() {
    if postgres_server().is_some() {
        return; // There it is the server's to overwrite.
    }
    let test = TestStore::new::<Migrator>(45).await;
    commit(&test, every_kind()).await;
    let session = node::journal::testing::session(1);
    let canary = "canary-in-the-coal-mine";
    for n in 0..200_i64 {
        let fact = model::event::EntryAdded {
            session,
            seq: 1_000 + n,
            turn: 1,
            kind: model::entries::EntryKind::Message,
            parent: None,
            by_name: None,
            preview: format!("{canary} {n}"),
            call: None,
            tool: None,
            shape: None,
            target: None,
            body: Some(model::event::Body::Inline(
                serde_json::json!({ "text": format!("{} {canary}", "x".repeat(3_000)) }),
            )),
        };
        let caller = Caller::node();
        let added = test
            .journal
            .commit(&caller, move |_| {
                Box::pin(async move { Ok(Outcome::new(()).with(session, fact)) })
            })
            .await;
        assert_eq!(added, Ok(()));
    }
    let found = |place: &Place| -> Vec<String> {
        let holds = |name: &String| {
            let bytes = fs::read(place.config.data_dir.join(name)).unwrap_or_default();
            bytes.windows(canary.len()).any(|part| part == canary.as_bytes())
        };
        files(&place.config, ".")
            .into_iter()
            .filter(|name| name.starts_with("orchwiz.db"))
            .filter(holds)
            .collect()
    };
    assert!(!found(&test.place).is_empty(), "the test looks in the wrong place");
    let caller = Caller::node();
    let purged = test
        .journal
        .commit(&caller, move |_| {
            Box::pin(async move { Ok(Outcome::new(()).with(session, model::event::SessionPurged {})) })
        })
        .await;
    assert_eq!(purged, Ok(()));
    // The log is emptied after the answer; the next commit waits for that.
    commit(&test, every_kind()).await;
    assert_eq!(found(&test.place), Vec::<String>::new());
}

#[tokio::test]
async fn postgresql_is_reached_over_tls_and_nobody_else_in_its_place() {
    let Some(authority) = postgres_authority() else {
        if postgres_server().is_some() {
            eprintln!("!!! SKIPPED: the server has no certificate: openssl is missing");
        }
        return;
    };
    let (deps, _) = deps(40);
    let place = Place::new().await;
    let plain = place.config.url.clone().expect("there is a server");
    let base = plain.split('?').next().expect("an address");
    let open = |url: String| {
        let config = StoreConfig {
            url: Some(url),
            data_dir: place.config.data_dir.clone(),
        };
        let deps = deps.clone();
        async move { Store::open::<Migrator>(&config, &deps).await }
    };
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for options in [
        "sslmode=require".to_owned(),
        format!("sslmode=verify-full&sslrootcert={authority}"),
    ] {
        let store = open(format!("{base}?{options}")).await.expect("opens");
        let row = sql::one(store.read(), encrypted, [])
            .await
            .expect("reads")
            .expect("a row");
        assert!(row.try_get::<bool>("", "ssl").expect("a flag"), "{options}");
        store.close().await;
    }
    // Refused: an authority that this machine does not know; and a known one whose certificate names an address instead
    // of the host.
    let by_name = base.replace("127.0.0.1", "localhost");
    for refused in [
        format!("{base}?sslmode=verify-full"),
        format!("{by_name}?sslmode=verify-full&sslrootcert={authority}"),
    ] {
        let Err(error) = open(refused.clone()).await else {
            panic!("{refused} was believed")
        };
        assert!(
            format!("{error:?}").to_lowercase().contains("certificate"),
            "{refused}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_directory_is_refused_and_told_by_whom() {
    let test = TestStore::new::<Migrator>(32).await;
    let (deps, _) = deps(1);
    let Err(StoreError::Held(sentence)) = Store::open::<Migrator>(&test.place.config, &deps).await else {
        panic!("it was opened twice")
    };
    assert!(sentence.contains(&std::process::id().to_string()), "{sentence}");
    let TestStore {
        store, journal, place, ..
    } = test;
    journal.close().await;
    store.close().await;
    Store::open::<Migrator>(&place.config, &deps)
        .await
        .expect("free again")
        .close()
        .await;
}

#[tokio::test]
async fn a_second_process_on_the_same_postgresql_database_is_refused() {
    if postgres_server().is_none() {
        return;
    }
    let test = TestStore::new::<Migrator>(33).await;
    let (deps, _) = deps(1);
    let other = Place::new().await;
    let config = StoreConfig {
        url: test.place.config.url.clone(),
        data_dir: other.config.data_dir.join("missing"),
    };
    let Err(StoreError::Held(sentence)) = Store::open::<Migrator>(&config, &deps).await else {
        panic!("it was opened twice")
    };
    assert!(sentence.contains("database is in use by process"), "{sentence}");
    // The message says how to reach that process, and naming only its database creates no directory.
    assert!(
        sentence.contains(test.place.config.data_dir.to_str().expect("UTF-8")) && sentence.contains("--data"),
        "{sentence}"
    );
    assert!(!config.data_dir.exists(), "{} was made", config.data_dir.display());
}

#[tokio::test]
async fn a_writer_whose_lease_was_taken_over_writes_nothing_more() {
    let test = TestStore::new::<Migrator>(34).await;
    commit(&test, every_kind()).await;
    let head = test.journal.head().await;
    let beside = test.place.connect().await;
    sql::run(&beside, r#"UPDATE "lease" SET "fence" = "fence" + 1"#, [])
        .await
        .expect("takes over");
    let events = every_kind();
    let result = test
        .journal
        .commit(&Caller::node(), move |_| {
            Box::pin(async move { Ok(Outcome { value: (), events }) })
        })
        .await;
    assert!(
        matches!(&result, Err(Error::Unavailable(why)) if why.contains("taken over")),
        "{result:?}"
    );
    let found = sql::one(&beside, r#"SELECT max("pos") AS pos FROM "event""#, [])
        .await
        .expect("reads")
        .expect("a row");
    assert_eq!(found.try_get::<i64>("", "pos").expect("a position"), head);
}

#[tokio::test]
async fn a_full_disk_answers_storage_full_loses_nothing_acknowledged_and_is_recovered_from() {
    if postgres_server().is_some() {
        return; // SQLite's page limit stands for the disk; PostgreSQL's 53100 is mapped in the store's unit test.
    }
    let test = TestStore::new::<Migrator>(35).await;
    commit(&test, every_kind()).await;
    let mut acknowledged = 0_usize;
    for round in 0..3 {
        test.fill_disk(3).await;
        let writers = (0..16).map(|n: i64| {
            let journal = test.journal.clone();
            async move {
                journal
                    .commit(&Caller::node(), move |tx| {
                        Box::pin(async move {
                            let text = r#"INSERT INTO "setting" ("key", "value") VALUES ($1, $2)"#;
                            let value = "x".repeat(3_000);
                            sql::run(tx.db(), text, [format!("{round}-{n}").into(), value.into()])
                                .await
                                .map_err(node::journal::internal)?;
                            Ok(Outcome {
                                value: (),
                                events: vec![node::journal::testing::event([6, 1, 2, 3])],
                            })
                        })
                    })
                    .await
            }
        });
        let results = futures::future::join_all(writers).await;
        assert!(
            results
                .iter()
                .all(|result| matches!(result, Ok(()) | Err(Error::StorageFull))),
            "{results:?}"
        );
        assert!(results.iter().any(Result::is_err), "the disk was never full");
        acknowledged += results.iter().filter(|result| result.is_ok()).count();
        // The page limit went with the writer's old connection, so there is space again.
        commit(&test, every_kind()).await;
        let kept = sql::all(test.store.read(), r#"SELECT "key" FROM "setting""#, [])
            .await
            .expect("reads");
        assert_eq!(kept.len(), acknowledged, "acknowledged and stored are the same");
        let report = examine(&test).await;
        assert!(report.healthy, "{report:#?}");
    }
}

#[tokio::test]
async fn a_lost_connection_fails_what_was_under_way_and_the_next_commit_works() {
    let Some(server) = postgres_server() else { return };
    let test = TestStore::new::<Migrator>(36).await;
    commit(&test, every_kind()).await;
    let other = Box::pin(sea_orm::Database::connect(server)).await.expect("connects");
    let name = test
        .place
        .config
        .url
        .as_deref()
        .and_then(|url| url.rsplit('/').next())
        .map(|name| name.split('?').next().unwrap_or(name).to_owned());
    let text = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    sql::all(&other, text, [name.into()]).await.expect("terminates");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let events = every_kind();
        let result = test
            .journal
            .commit(&Caller::node(), move |_| {
                Box::pin(async move { Ok(Outcome { value: (), events }) })
            })
            .await;
        if result.is_ok() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{result:?}");
    }
    let report = examine(&test).await;
    assert!(report.healthy, "{report:#?}");
}

#[tokio::test]
async fn the_node_keeps_its_identity_over_restarts_and_two_nodes_differ() {
    let (one, other) = (
        TestStore::new::<Migrator>(37).await,
        TestStore::new::<Migrator>(38).await,
    );
    let (id, epoch) = (one.journal.node_id(), one.journal.epoch().to_owned());
    assert_ne!(id, other.journal.node_id());
    assert_eq!(id.uuid().as_simple().to_string(), one.journal.origin());
    let one = one.reopen::<Migrator>().await;
    assert_eq!((one.journal.node_id(), one.journal.epoch()), (id, epoch.as_str()));
    let again = Journal::open(one.store.clone(), one.deps.clone()).await.expect("opens");
    assert_eq!(again.node_id(), id);
}

/// Stores texts too large for a row; returns the names of their files.
async fn with_files(test: &TestStore) -> Vec<String> {
    for n in 0..3_u8 {
        // Random bytes, which do not compress.
        let noise: String = (0..8_000_u32)
            .map(|block| {
                blake3::hash(&[&[n][..], &block.to_be_bytes()].concat())
                    .to_hex()
                    .to_string()
            })
            .collect();
        let caller = Caller::node();
        let stored = test.journal.commit(&caller, move |tx| {
            Box::pin(async move {
                let body = Some(node::journal::blob::put(tx, &noise.into()).await?);
                let session = node::journal::testing::session(1);
                let fact = model::event::EntryAdded {
                    session,
                    seq: i64::from(n) + 1,
                    turn: 1,
                    kind: model::entries::EntryKind::Message,
                    parent: None,
                    by_name: None,
                    preview: "noise".into(),
                    call: None,
                    tool: None,
                    shape: None,
                    target: None,
                    body,
                };
                Ok(Outcome::new(()).with(session, fact))
            })
        });
        assert_eq!(stored.await, Ok(()));
    }
    files(&test.place.config, "blobs")
}

fn files(config: &StoreConfig, folder: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(config.data_dir.join(folder)) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

async fn closed(test: TestStore) -> Place {
    let TestStore {
        store, journal, place, ..
    } = test;
    journal.close().await;
    store.close().await;
    place
}

#[tokio::test]
async fn a_data_directory_is_opened_with_its_own_database_alone_and_keeps_its_texts() {
    let (test, other) = (
        TestStore::new::<Migrator>(41).await,
        TestStore::new::<Migrator>(42).await,
    );
    commit(&other, every_kind()).await;
    let texts = with_files(&test).await;
    assert_eq!(texts.len(), 3);
    let origin = test.journal.origin().to_owned();
    let (deps, place, other) = (test.deps.clone(), closed(test).await, closed(other).await);
    let own = place.config.clone();
    let id = own.data_dir.join("node-id");
    assert_eq!(fs::read_to_string(&id).expect("the id lies there").trim(), origin);
    let (database, away) = (own.data_dir.join("orchwiz.db"), own.data_dir.join("away"));
    let postgres = own.url.is_some();
    let refused = |config: StoreConfig, why: &'static str| {
        let deps = deps.clone();
        async move {
            let Err(StoreError::Foreign(sentence)) = Store::open::<Migrator>(&config, &deps).await else {
                panic!("{why}: it was opened")
            };
            assert!(
                sentence.contains(why) && sentence.contains(config.data_dir.to_str().expect("UTF-8")),
                "{sentence}"
            );
        }
    };

    // The database of another node.
    if postgres {
        refused(
            StoreConfig {
                url: other.config.url.clone(),
                ..own.clone()
            },
            "belongs to the node",
        )
        .await;
    } else {
        fs::rename(&database, &away).expect("moves");
        fs::copy(other.config.data_dir.join("orchwiz.db"), &database).expect("copies");
        refused(own.clone(), "belongs to the node").await;
        fs::remove_file(&database).expect("removes");
    }
    // An empty database, even if the directory has no owner file.
    let empty = Place::new().await;
    for _ in 0..2 {
        refused(
            StoreConfig {
                url: None,
                ..own.clone()
            },
            "this database is empty",
        )
        .await;
        assert!(!database.exists(), "a database was made");
        if postgres {
            refused(
                StoreConfig {
                    url: empty.config.url.clone(),
                    ..own.clone()
                },
                "this database is empty",
            )
            .await;
        }
        fs::remove_file(&id).ok();
    }
    if !postgres {
        fs::rename(&away, &database).expect("moves back");
    }
    assert_eq!(files(&own, "blobs"), texts);
    // Its own database: an older version's directory now gets its owner file.
    let store = Store::open::<Migrator>(&own, &deps).await.expect("opens");
    let journal = Journal::open(store.clone(), deps.clone()).await.expect("opens");
    let report = node::journal::doctor(&store).await.expect("examines");
    assert!(report.healthy, "{report:#?}");
    journal.close().await;
    store.close().await;
    assert_eq!(fs::read_to_string(&id).expect("the id lies there").trim(), origin);
    assert_eq!(files(&own, "blobs"), texts);
}

#[tokio::test]
async fn texts_that_an_older_copy_of_the_database_does_not_know_are_there_again_with_the_newer_one() {
    if postgres_server().is_some() {
        return; // There the database is not copied with the directory.
    }
    let test = TestStore::new::<Migrator>(43).await;
    commit(&test, every_kind()).await;
    let in_place = |name: &str| test.place.config.data_dir.join(name);
    let (database, older, newer) = (in_place("orchwiz.db"), in_place("older"), in_place("newer"));
    // A copy that is complete without the write-ahead log.
    sql::run(
        &test.place.connect().await,
        format!("VACUUM INTO '{}'", older.display()),
        [],
    )
    .await
    .expect("copies");
    let texts = with_files(&test).await;
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    for text in &texts {
        let file = fs::File::options()
            .write(true)
            .open(in_place("blobs").join(text))
            .expect("opens");
        file.set_modified(long_ago).expect("dates");
    }
    let (deps, place) = (test.deps.clone(), closed(test).await);
    let opened = || async {
        let store = Store::open::<Migrator>(&place.config, &deps).await.expect("opens");
        let journal = Journal::open(store.clone(), deps.clone()).await.expect("opens");
        let healthy = node::journal::doctor(&store).await.expect("examines").healthy;
        journal.close().await;
        store.close().await;
        healthy
    };
    fs::rename(&database, &newer).expect("moves");
    fs::rename(&older, &database).expect("moves");
    assert!(opened().await);
    assert_eq!(
        (files(&place.config, "blobs").len(), files(&place.config, "trash")),
        (0, texts.clone())
    );
    fs::rename(&newer, &database).expect("moves back");
    assert!(opened().await, "texts are missing");
    assert_eq!(
        (files(&place.config, "blobs"), files(&place.config, "trash").len()),
        (texts, 0)
    );
}

#[tokio::test]
async fn a_clock_that_was_ahead_once_dates_nothing_that_comes_after() {
    let test = TestStore::new::<Migrator>(46).await;
    let right = test.deps.now();
    commit(&test, every_kind()).await;
    for wrong in [2 * 3_600_000, 75 * 365 * 86_400_000] {
        test.clock.step(wrong);
        commit(&test, every_kind()).await;
        test.clock.step(-wrong);
        commit(&test, every_kind()).await;
        let newest = test
            .journal
            .event(test.journal.head().await)
            .await
            .expect("reads")
            .expect("an event");
        assert!(
            (right..right + 60_000).contains(&newest.at()),
            "dated {} ms ahead",
            newest.at() - right
        );
    }
    // Nor after a start with such events in the log.
    test.clock.step(75 * 365 * 86_400_000);
    commit(&test, every_kind()).await;
    test.clock.step(-75 * 365 * 86_400_000);
    let test = test.reopen::<Migrator>().await;
    commit(&test, every_kind()).await;
    let newest = test
        .journal
        .event(test.journal.head().await)
        .await
        .expect("reads")
        .expect("an event");
    assert!(
        (right..right + 60_000).contains(&newest.at()),
        "dated {} ms ahead",
        newest.at() - right
    );
    let report = examine(&test).await;
    assert!(report.healthy, "{report:#?}");
}
