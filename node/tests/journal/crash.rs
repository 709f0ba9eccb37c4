//! Repeated `kill -9` of a writing process: nothing acknowledged is lost, and no state lacks its event.

use migration::Migrator;
use model::{
    Caller,
    caller::Visibility,
    event::SessionCreated,
    id::{ProjectId, SessionId},
    sessions::{AgentKind, Mode},
};
use node::{
    clock::Deps,
    journal::{Journal, Outcome, doctor},
    store::{
        Store, StoreConfig, sql,
        testing::{Place, postgres_server},
    },
};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// The number of kills.
const CYCLES: u32 = 200;
const DIR: &str = "ORCHWIZ_CRASH_DIR";
const URL: &str = "ORCHWIZ_CRASH_URL";

/// The writing process: this test program itself, started with a directory. It writes until it is killed and prints
/// what was acknowledged.
#[tokio::test]
#[ignore = "runs only as the child of the test below"]
async fn the_writing_process() {
    #[expect(clippy::disallowed_methods, reason = "the parent says where to write")]
    let (Ok(data_dir), url) = (std::env::var(DIR), std::env::var(URL).ok()) else {
        return;
    };
    let config = StoreConfig {
        url,
        data_dir: data_dir.into(),
    };
    let deps = Deps::system();
    let store = Store::open::<Migrator>(&config, &deps).await.expect("opens");
    let journal = Journal::open(store, deps.clone()).await.expect("opens");
    let writers = (0..8).map(|_| {
        let (journal, deps) = (journal.clone(), deps.clone());
        tokio::spawn(async move {
            loop {
                let id = SessionId::from_uuid(deps.uuid_v7());
                let project = ProjectId::from_uuid(deps.uuid_v7());
                let fact = SessionCreated {
                    project,
                    agent: AgentKind::Demo,
                    mode: Mode::Plan,
                    title: "x".repeat(500),
                    model: None,
                    owner: None,
                    visibility: Visibility::Node,
                    branch: None,
                    forked_from: None,
                    unattended: false,
                };
                journal
                    .commit(&Caller::node(), move |_| {
                        Box::pin(async move { Ok(Outcome::new(()).with(id, fact)) })
                    })
                    .await
                    .expect("commits");
                // In one write call, so that a kill cannot cut the line.
                std::io::stdout()
                    .write_all(format!("acknowledged {id}\n").as_bytes())
                    .expect("the parent listens");
            }
        })
    });
    futures::future::join_all(writers.collect::<Vec<_>>()).await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts itself anew to be able to kill it"
)]
fn start(config: &StoreConfig) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command
        .args(["--exact", "crash::the_writing_process", "--ignored", "--nocapture"])
        .env(DIR, &config.data_dir);
    if let Some(url) = &config.url {
        command.env(URL, url);
    }
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

/// Kills the process a moment after its first acknowledgement; returns all that it acknowledged.
fn kill_while_writing(config: &StoreConfig, after: Duration) -> Vec<String> {
    let mut child = start(config);
    let (said, hears) = std::sync::mpsc::channel();
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let listener = std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if let Some((_, id)) = line.split_once("acknowledged ") {
                said.send(id.to_owned()).ok();
            }
        }
    });
    let first = hears.recv_timeout(Duration::from_secs(30)).expect("the process writes");
    std::thread::sleep(after);
    child.kill().expect("kills");
    child.wait().expect("ends");
    listener.join().expect("listens to the end");
    std::iter::once(first).chain(hears.try_iter()).collect()
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_and_no_state_is_without_its_event_over_200_kills() {
    let place = Place::new().await;
    let mut acknowledged = BTreeSet::new();
    for cycle in 0..CYCLES {
        let moment = blake3::hash(&cycle.to_be_bytes()).as_bytes()[0];
        acknowledged.extend(kill_while_writing(
            &place.config,
            Duration::from_micros(u64::from(moment) * 60),
        ));
        if cycle % 20 == 19 || cycle + 1 == CYCLES {
            inspect(&place, &acknowledged).await;
        }
    }
    assert!(
        acknowledged.len() >= usize::try_from(CYCLES).expect("few"),
        "too little was written to prove anything: {}",
        acknowledged.len()
    );
    let (deps, _) = node::clock::testing::deps(1);
    let store = Store::open::<Migrator>(&place.config, &deps).await.expect("opens");
    let report = doctor(&store).await.expect("is examined");
    assert!(report.healthy, "{report:#?}");
    if postgres_server().is_none() {
        assert_eq!(report.integrity, "ok");
    }
}

/// Checks what the killed process left, through another connection.
async fn inspect(place: &Place, acknowledged: &BTreeSet<String>) {
    let db = place.connect().await;
    let ids = |text: &'static str| {
        let db = db.clone();
        async move {
            let rows = sql::all(&db, text, []).await.expect("reads");
            rows.iter()
                .map(|row| row.try_get::<String>("", "id").expect("an id"))
                .collect::<BTreeSet<_>>()
        }
    };
    let rows = ids(r#"SELECT "id" FROM "session""#).await;
    let events = ids(r#"SELECT "subject" AS "id" FROM "event""#).await;
    assert_eq!(rows, events, "state and events are the same set");
    let lost: Vec<_> = acknowledged.difference(&rows).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let row = sql::one(
        &db,
        r#"SELECT (SELECT count(*) FROM "event") AS n, (SELECT "seq" FROM "log" WHERE "own" = TRUE) AS seq"#,
        [],
    )
    .await;
    let row = row.expect("reads").expect("a row");
    assert_eq!(
        row.try_get::<i64>("", "n").expect("a count"),
        row.try_get::<i64>("", "seq").expect("a number"),
        "a gap, or a head that is not"
    );
}
