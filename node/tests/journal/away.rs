//! PostgreSQL that is gone, slow, silent or taken over: callers never wait for long or hear anything false, and the
//! node finds the database again.

use crate::{commit, examine, tables::every_kind};
use migration::Migrator;
use model::{
    Caller, Error,
    accounts::NewToken,
    caller::{Role, Scope},
};
use node::{
    accounts::{AccountsService, Change, NewUser},
    journal::{Journal, Outcome},
    store::{
        Store, StoreConfig, sql,
        testing::{Place, TestStore, postgres_server},
    },
};
use sea_orm::TransactionTrait;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// What happens to the bytes between a node and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// Every connection ends, new ones too.
    Shut,
    /// Connections stay, but no bytes pass. Swallowed bytes never arrive.
    Silent,
    /// The next COMMIT reaches the server or not, and its connection ends without an answer. Afterwards the way is open
    /// or shut.
    LosesCommit {
        delivered: bool,
        then_open: bool,
    },
}

/// A proxy between a node and the server.
pub(crate) struct Between {
    way: watch::Sender<Way>,
    /// Host and port for new connections.
    upstream: watch::Sender<String>,
}

impl Between {
    /// A store that reaches its database through the proxy; `None` without a server.
    pub(crate) async fn store(seed: u64) -> Option<(Self, TestStore)> {
        let server = postgres_server()?;
        let upstream = server.split('@').nth(1)?.split('/').next()?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("an address").port();
        let way = watch::Sender::new(Way::Open);
        let leads_to = watch::Sender::new(upstream.clone());
        tokio::spawn(pass_all(listener, leads_to.clone(), way.clone()));
        let mut place = Place::new().await;
        place.config.url = place
            .config
            .url
            .take()
            .map(|url| url.replace(&upstream, &format!("127.0.0.1:{port}")));
        let (deps, clock) = node::clock::testing::deps(seed);
        let store = Store::open::<Migrator>(&place.config, &deps).await.expect("opens");
        let journal = Journal::open(store.clone(), deps.clone()).await.expect("opens");
        Some((
            Self {
                way,
                upstream: leads_to,
            },
            TestStore {
                store,
                journal,
                deps,
                clock,
                place,
            },
        ))
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Ends all connections and sends new ones to another server.
    pub(crate) async fn lead_to(&self, upstream: String) {
        self.upstream.send_replace(upstream);
        self.set(Way::Shut);
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.set(Way::Open);
    }
}

async fn pass_all(listener: TcpListener, upstream: watch::Sender<String>, way: watch::Sender<Way>) {
    while let Ok((client, _)) = listener.accept().await {
        let (upstream, way) = (upstream.borrow().clone(), way.clone());
        tokio::spawn(async move {
            if *way.borrow() == Way::Shut {
                return;
            }
            let Ok(server) = TcpStream::connect(upstream).await else {
                return;
            };
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
            tokio::select! {
                () = pass(from_client, to_server, way.clone()) => {}
                () = pass(from_server, to_client, way.clone()) => {}
            }
        });
    }
}

/// Forwards one direction until the connection ends or the way is shut.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: watch::Sender<Way>) {
    let (mut changes, mut buffer) = (way.subscribe(), vec![0; 65_536]);
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            _ = changes.wait_for(|way| *way == Way::Shut) => return,
        };
        if read == 0 {
            return;
        }
        let now = *changes.borrow();
        match now {
            Way::Shut => return,
            Way::Silent => {
                let _ = changes.wait_for(|way| *way == Way::Shut).await;
                return;
            }
            Way::LosesCommit { delivered, then_open } if buffer[..read].windows(6).any(|part| part == b"COMMIT") => {
                // The answer is swallowed.
                way.send_replace(Way::Silent);
                if delivered {
                    let _ = to.write_all(&buffer[..read]).await;
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                way.send_replace(if then_open { Way::Open } else { Way::Shut });
                return;
            }
            Way::Open | Way::LosesCommit { .. } => {
                if to.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}

pub(crate) async fn write(journal: Journal) -> model::Result<()> {
    let events = every_kind();
    journal
        .commit(&Caller::node(), move |_| {
            Box::pin(async move { Ok(Outcome { value: (), events }) })
        })
        .await
}

/// Thirty writes at once: the result of each, and the time of the last.
pub(crate) async fn thirty(test: &TestStore) -> (Vec<model::Result<()>>, Duration) {
    let begun = Instant::now();
    let results = futures::future::join_all((0..30).map(|_| write(test.journal.clone()))).await;
    (results, begun.elapsed())
}

/// Waits until a write and a read succeed, and checks that everything acknowledged is there.
pub(crate) async fn is_well_again(test: &TestStore) {
    let begun = Instant::now();
    while write(test.journal.clone()).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not come back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    test.store.read().ping().await.expect("it is read again");
    assert!(test.journal.works());
    assert_eq!(test.store.vitals().failure(), None);
    let report = examine(test).await;
    assert!(report.healthy, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgresql_is_gone_everybody_hears_so_within_seconds_and_afterwards_it_is_found_again() {
    let Some((between, test)) = Between::store(61).await else {
        return;
    };
    commit(&test, every_kind()).await;
    between.set(Way::Shut);
    for _ in 0..2 {
        let (results, waited) = thirty(&test).await;
        assert!(
            results
                .iter()
                .all(|result| matches!(result, Err(Error::Unavailable(_)))),
            "{results:?}"
        );
        assert!(waited < Duration::from_secs(14), "{waited:?}");
        assert!(!test.journal.works());
    }
    let begun = Instant::now();
    let read = test.journal.event(1).await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    between.set(Way::Open);
    is_well_again(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_says_nothing_keeps_nobody_waiting_neither_writers_nor_readers() {
    let Some((between, test)) = Between::store(62).await else {
        return;
    };
    commit(&test, every_kind()).await;
    test.journal.event(1).await.expect("reads");
    between.set(Way::Silent);
    let reading = tokio::spawn({
        let (journal, begun) = (test.journal.clone(), Instant::now());
        async move { (journal.event(1).await, begun.elapsed()) }
    });
    let (results, waited) = thirty(&test).await;
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err(Error::Unavailable(_)))),
        "{results:?}"
    );
    assert!(waited < Duration::from_secs(14), "{waited:?}");
    let (read, waited) = reading.await.expect("reads");
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    assert!(waited < Duration::from_secs(18), "{waited:?}");
    // The silent connections stay silent; new ones pass.
    between.set(Way::Open);
    is_well_again(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_somebody_holds_for_long_keeps_nobody_waiting() {
    let Some((_between, test)) = Between::store(63).await else {
        return;
    };
    commit(&test, every_kind()).await;
    let beside = test.place.connect().await;
    let holds = beside.begin().await.expect("begins");
    sql::all(&holds, r#"SELECT "seq" FROM "log" FOR UPDATE"#, [])
        .await
        .expect("locks");
    let (results, waited) = thirty(&test).await;
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err(Error::Unavailable(_)))),
        "{results:?}"
    );
    assert!(waited < Duration::from_secs(25), "{waited:?}");
    holds.rollback().await.expect("lets go");
    is_well_again(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_looked_up_and_where_that_cannot_be_is_in_doubt() {
    let Some((between, test)) = Between::store(64).await else {
        return;
    };
    commit(&test, every_kind()).await;
    let before = test.journal.head().await;
    // The COMMIT arrived: the log shows it, and the caller hears so.
    between.set(Way::LosesCommit {
        delivered: true,
        then_open: true,
    });
    assert_eq!(write(test.journal.clone()).await, Ok(()));
    let after = test.journal.head().await;
    assert!(after > before);
    // It did not arrive.
    between.set(Way::LosesCommit {
        delivered: false,
        then_open: true,
    });
    let lost = write(test.journal.clone()).await;
    assert!(
        matches!(&lost, Err(Error::Unavailable(why)) if why.contains("nothing was written")),
        "{lost:?}"
    );
    assert_eq!(test.journal.head().await, after);
    // It arrived and the server cannot be asked. Listeners learn of it when the log can be read again, without another
    // write.
    between.set(Way::LosesCommit {
        delivered: true,
        then_open: false,
    });
    assert_eq!(write(test.journal.clone()).await, Err(Error::InDoubt));
    assert_eq!(test.journal.head().await, after);
    between.set(Way::Open);
    let mut head = test.journal.watch();
    tokio::time::timeout(Duration::from_secs(20), head.wait_for(|head| *head > after))
        .await
        .expect("listeners are told")
        .expect("the writer lives");
    is_well_again(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_keeps_a_caller_is_told_to_look_again_when_an_account_may_have_changed() {
    let Some((between, test)) = Between::store(65).await else {
        return;
    };
    let accounts = AccountsService::new(test.store.clone(), test.journal.clone(), test.deps.clone());
    let new = NewUser {
        name: "mara".into(),
        role: Role::Owner,
        password: None,
        github: Some("mara".into()),
    };
    let olaf = NewUser {
        name: "olaf".into(),
        role: Role::Owner,
        password: None,
        github: Some("olaf".into()),
    };
    accounts.create_user(&Caller::cli(), olaf).await.expect("creates");
    let user = accounts.create_user(&Caller::cli(), new).await.expect("creates");
    let mut changes = accounts.changes();
    between.set(Way::LosesCommit {
        delivered: true,
        then_open: false,
    });
    let changed = accounts.set_role(&Caller::cli(), &user.name, Role::Viewer).await;
    assert_eq!(changed.err(), Some(Error::InDoubt));
    let change = tokio::time::timeout(Duration::from_secs(1), changes.recv())
        .await
        .expect("somebody is told")
        .expect("the service lives");
    assert_eq!(change, Change::Everybody);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_reads_does_not_wait_for_a_database_that_takes_no_writes() {
    if postgres_server().is_none() {
        return; // There is no writer but this one.
    }
    let test = TestStore::new::<Migrator>(68).await;
    let accounts = AccountsService::new(test.store.clone(), test.journal.clone(), test.deps.clone());
    let new = NewUser {
        name: "mara".into(),
        role: Role::Owner,
        password: None,
        github: Some("mara".into()),
    };
    accounts.create_user(&Caller::cli(), new).await.expect("creates");
    let token = NewToken {
        name: "laptop".into(),
        scope: Scope::Read,
        days: None,
    };
    let secret = accounts
        .create_token_for(&Caller::cli(), "mara", token)
        .await
        .expect("creates")
        .secret;
    let beside = test.place.connect().await;
    let holds = beside.begin().await.expect("begins");
    sql::all(&holds, r#"SELECT "seq" FROM "log" FOR UPDATE"#, [])
        .await
        .expect("locks");
    let begun = Instant::now();
    let caller = accounts
        .caller_for_token(&secret, None)
        .await
        .expect("reads")
        .expect("it works");
    assert_eq!(caller.name, "mara");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    holds.rollback().await.expect("lets go");
}

#[tokio::test]
async fn a_writer_that_waited_for_the_log_while_it_was_overtaken_writes_nothing() {
    if postgres_server().is_none() {
        return; // SQLite's write lock keeps the other out until the batch has ended.
    }
    let test = TestStore::new::<Migrator>(66).await;
    commit(&test, every_kind()).await;
    let head = test.journal.head().await;
    let beside = test.place.connect().await;
    let taking = beside.begin().await.expect("begins");
    sql::all(&taking, r#"SELECT "seq" FROM "log" FOR UPDATE"#, [])
        .await
        .expect("locks");
    let late = tokio::spawn(write(test.journal.clone()));
    tokio::time::sleep(Duration::from_millis(500)).await;
    sql::run(&taking, r#"UPDATE "lease" SET "fence" = "fence" + 1"#, [])
        .await
        .expect("takes over");
    taking.commit().await.expect("commits");
    let result = late.await.expect("writes");
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
async fn a_lease_that_is_over_by_the_databases_clock_is_taken_over_and_the_node_that_had_it_ends() {
    if postgres_server().is_none() {
        return; // There the operating system says who is alive.
    }
    let test = TestStore::new::<Migrator>(67).await;
    commit(&test, every_kind()).await;
    let other = Place::new().await;
    let config = StoreConfig {
        url: test.place.config.url.clone(),
        data_dir: other.config.data_dir.clone(),
    };
    // Its host vanished: the lease is not renewed, and the server still believes in the connection.
    sql::run(&test.place.connect().await, r#"UPDATE "lease" SET "expires" = 0"#, [])
        .await
        .expect("lets time pass");
    let store = Store::open::<Migrator>(&config, &test.deps).await.expect("takes over");
    let journal = Journal::open(store.clone(), test.deps.clone()).await.expect("opens");
    assert_eq!(write(journal.clone()).await, Ok(()));
    let locked = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let locks = sql::one(store.read(), locked, []).await.expect("reads").expect("a row");
    assert_eq!(
        locks.try_get::<i64>("", "n").expect("a number"),
        1,
        "the lock is the new node's"
    );
    // The old holder is back and hears that it was taken over.
    let why = tokio::time::timeout(Duration::from_secs(15), test.store.vitals().failed())
        .await
        .expect("it learns of it by itself");
    assert!(why.contains("taken over"), "{why}");
    let late = write(test.journal.clone()).await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    assert!(node::journal::doctor(&store).await.expect("examines").healthy);
    journal.close().await;
    store.close().await;
}
