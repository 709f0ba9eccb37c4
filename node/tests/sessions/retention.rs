//! Deleted sessions and old spools go for good after 30 days; until then they can be restored.

use crate::{Running, SOON, Setup, mara, open_as};
use model::{
    Error, PageQuery,
    id::{RunId, SessionId},
    sessions::{Mode, SessionState},
};
use node::{
    clock::testing::deps,
    journal::{self, testing::folded},
    store::{sql, testing::Place},
};
use std::time::Duration;
use tokio::time::Instant;

const DAY_MS: i64 = 86_400_000;

/// A session that has worked and has no process any more, with its run.
async fn ended(running: &Running) -> (SessionId, RunId) {
    let session = running.start(Mode::AutoAccept, "hello").await;
    let run = running
        .state(session.id, SessionState::Idle)
        .await
        .run
        .expect("it runs");
    running.services.sessions.stop(&mara(), session.id).await.unwrap();
    running
        .until(session.id, "its end", |session| session.run.is_none())
        .await;
    (session.id, run)
}

async fn count(running: &Running, text: &str, subject: &str) -> i64 {
    let row = sql::one(running.store.read(), text.to_owned(), [subject.into()])
        .await
        .unwrap()
        .unwrap();
    row.try_get("", "n").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_session_can_be_had_back_for_thirty_days_and_is_then_gone_for_good() {
    let place = Place::new().await;
    let (deps, clock) = deps(41);
    let runs = place.config.data_dir.join("runs");
    let running = open_as(
        &place,
        Setup {
            deps: deps.clone(),
            ..Setup::default()
        },
    )
    .await;
    let (kept, kept_run) = ended(&running).await;
    let (gone, gone_run) = ended(&running).await;
    for session in [kept, gone] {
        running.services.sessions.delete(&mara(), session).await.unwrap();
    }
    running.close(true).await;

    clock.advance(29 * DAY_MS);
    let running = open_as(
        &place,
        Setup {
            deps: deps.clone(),
            ..Setup::default()
        },
    )
    .await;
    running
        .services
        .sessions
        .restore(&mara(), kept)
        .await
        .expect("29 days later it can be restored");
    assert!(runs.join(gone_run.to_string()).exists());
    let (young, young_run) = ended(&running).await;
    running.close(true).await;

    clock.advance(2 * DAY_MS);
    let running = open_as(
        &place,
        Setup {
            deps,
            ..Setup::default()
        },
    )
    .await;
    let deadline = Instant::now() + SOON;
    let left = r#"SELECT count(*) AS n FROM "session" WHERE "id" = $1"#;
    while count(&running, left, &gone.to_string()).await > 0
        || runs.join(gone_run.to_string()).exists()
        || runs.join(kept_run.to_string()).exists()
    {
        assert!(Instant::now() < deadline, "31 days later it is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(matches!(
        running.services.sessions.restore(&mara(), gone).await,
        Err(Error::NotFound(_))
    ));
    let said = r#"SELECT count(*) AS n FROM "event" WHERE "kind" <> 'session.purged' AND ("payload" IS NOT NULL OR "salt" IS NOT NULL)"#;
    for column in ["session", "subject"] {
        for id in [gone.to_string(), gone_run.to_string()] {
            assert_eq!(
                count(&running, &format!(r#"{said} AND "{column}" = $1"#), &id).await,
                0,
                "{id} still says something"
            );
        }
    }
    let of_sessions = folded(&running.store)
        .await
        .into_iter()
        .filter(|(_, of_sessions)| *of_sessions);
    for (table, _) in of_sessions {
        assert_eq!(
            count(
                &running,
                &format!(r#"SELECT count(*) AS n FROM "{table}" WHERE "session" = $1"#),
                &gone.to_string()
            )
            .await,
            0,
            "{table}"
        );
    }
    // The restored session and the younger one are whole; only the old run's spool is gone.
    for (session, lines) in [(kept, false), (young, true)] {
        assert_eq!(running.said(session).await, ["hello"]);
        let raw = running
            .services
            .sessions
            .raw(&mara(), session, PageQuery::default())
            .await
            .unwrap();
        assert_eq!(!raw.items.is_empty(), lines, "{session}");
    }
    assert!(runs.join(young_run.to_string()).exists());

    let before = journal::doctor(&running.store).await.unwrap();
    assert!(before.healthy, "{before:#?}");
    running.node.shutdown(true).await;
    journal::rebuild(&running.store).await.unwrap();
    let after = journal::doctor(&running.store).await.unwrap();
    assert_eq!(after.tables, before.tables);
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spool_of_a_run_that_goes_on_stays_however_old_it_is() {
    let place = Place::new().await;
    let (deps, clock) = deps(42);
    let running = open_as(
        &place,
        Setup {
            deps: deps.clone(),
            ..Setup::default()
        },
    )
    .await;
    let session = running.start(Mode::AutoAccept, "hello").await;
    let run = running
        .state(session.id, SessionState::Idle)
        .await
        .run
        .expect("it runs");
    running.close(false).await;
    clock.advance(90 * DAY_MS);
    let running = open_as(
        &place,
        Setup {
            deps,
            ..Setup::default()
        },
    )
    .await;
    // The first session of `start` has an old spool: once that is gone, the sweep has run.
    let runs = place.config.data_dir.join("runs");
    let deadline = Instant::now() + SOON;
    while std::fs::read_dir(&runs).unwrap().count() > 1 {
        assert!(Instant::now() < deadline, "the ended run's spool is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(runs.join(run.to_string()).exists());
    running
        .services
        .sessions
        .prompt(&mara(), session.id, "hello again".into())
        .await
        .unwrap();
    let still = running
        .until(session.id, "its second turn", |session| {
            session.turns == 2 && session.state == SessionState::Idle
        })
        .await;
    assert_eq!(still.run, Some(run), "the same process answers");
    running.close(true).await;
}
