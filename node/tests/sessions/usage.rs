//! Sums of usage over more rows than fit into memory, and over numbers that overflow any sum.

use crate::{mara, open, person};
use model::{
    caller::Visibility,
    sessions::{Mode, SessionPatch, SessionState},
    usage::{UsageBy, UsageQuery},
};
use node::store::testing::Place;
use sea_orm::ConnectionTrait;

const DAY_MS: i64 = 86_400_000;

/// This process's peak memory in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_over_many_rows_are_made_by_the_database() {
    let place = Place::new().await;
    let running = open(&place).await;
    let session = running.start(Mode::Ask, "error").await;
    running.state(session.id, SessionState::Failed).await;
    let today = node::clock::Deps::system().now() / DAY_MS;
    // 300,000 rows: 1,000 models on each of 300 days.
    let fill = format!(
        r#"INSERT INTO "usage_day" ("day", "project", "model", "session", "origin", "tok_input", "tok_output", "tok_cache_read", "tok_cache_write", "cost_micros")
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 299999)
        SELECT {today} - i / 1000, '{}', 'model-' || (i % 1000), '{}', '{}', 1, 2, 3, 4, CASE WHEN i % 2 = 0 THEN 5 END FROM n"#,
        session.project,
        session.id,
        running.store.origin(),
    );
    let database = place.connect().await;
    database.execute_unprepared(&fill).await.unwrap();
    let before = peak();
    let sums = async |by| {
        let rows = running
            .services
            .usage
            .sums(&mara(), UsageQuery { by, days: 366 })
            .await
            .unwrap();
        rows.into_iter()
            .filter(|row| row.tokens.cache_write > 0)
            .collect::<Vec<_>>()
    };
    // As many at once as pages ask for.
    let (days, projects, models) = tokio::join!(sums(UsageBy::Day), sums(UsageBy::Project), sums(UsageBy::Model));
    let more = peak() - before;
    assert!(more < 40 * 1024, "{more} kB more");
    let ours = projects
        .iter()
        .find(|row| row.key == session.project.to_string())
        .unwrap();
    assert_ne!(ours.name, ours.key, "a project is named");
    assert_eq!(
        (ours.tokens.output, ours.cost_micros, ours.sessions),
        (600_000, Some(750_000), 1)
    );
    assert_eq!(
        models
            .iter()
            .filter(|row| (row.tokens.cache_read, row.sessions) == (900, 1))
            .count(),
        1_000
    );
    assert_eq!(
        models.iter().map(|row| row.cost_micros.unwrap_or(0)).sum::<i64>(),
        750_000
    );
    assert_eq!(
        (days.len(), days.last().map(|row| row.tokens.input)),
        (300, Some(1_000))
    );
    assert!(days.windows(2).all(|pair| pair[0].key < pair[1].key));
    // Sums that overflow saturate.
    let most = format!(
        r#"UPDATE "usage_day" SET "tok_input" = {}, "cost_micros" = {} WHERE "model" IN ('model-1', 'model-2')"#,
        i64::MAX,
        i64::MAX
    );
    database.execute_unprepared(&most).await.unwrap();
    let models = sums(UsageBy::Model).await;
    assert_eq!(
        (models[0].tokens.input, models[0].cost_micros),
        (i64::MAX, Some(i64::MAX))
    );
    // A private session is in nobody else's sums.
    let private = SessionPatch {
        visibility: Some(Visibility::Private),
        ..SessionPatch::default()
    };
    running
        .services
        .sessions
        .update(&mara(), session.id, private)
        .await
        .unwrap();
    let theirs = running
        .services
        .usage
        .sums(
            &person(2, "jonas"),
            UsageQuery {
                by: UsageBy::Model,
                days: 366,
            },
        )
        .await
        .unwrap();
    assert!(theirs.iter().all(|row| row.tokens.cache_write == 0), "{theirs:?}");
    database.close().await.unwrap();
    running.close(true).await;
}
