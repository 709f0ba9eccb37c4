//! Every sum of usage is bounded, whatever is reported. Tables with an earlier overflow can be read and are repaired.

use crate::{commit, examine};
use migration::Migrator;
use model::{
    event::{Fact, UsageRecorded},
    id::{ProjectId, RunId},
    sessions::{Tokens, USAGE_MOST},
};
use node::{
    entity::{session, usage_day, usage_total},
    journal::{
        self, NewEvent,
        testing::{event, session},
    },
    store::{sql, testing::TestStore},
};
use sea_orm::{DbBackend, EntityTrait};
use uuid::Uuid;

const COLUMNS: [&str; 5] = [
    "tok_input",
    "tok_output",
    "tok_cache_read",
    "tok_cache_write",
    "cost_micros",
];

fn said(run: u128, day: i64, tokens: i64) -> NewEvent {
    let id = session(1);
    let fact = UsageRecorded {
        session: id,
        run: RunId::from_uuid(Uuid::from_u128(run)),
        project: ProjectId::from_uuid(Uuid::from_u128(1)),
        model: "m".into(),
        day,
        tokens: Tokens {
            input: tokens,
            output: tokens,
            cache_read: tokens,
            cache_write: tokens,
        },
        cost_micros: Some(tokens),
    };
    NewEvent {
        subject: id.to_string(),
        fact: fact.into(),
    }
}

async fn begun(seed: u64) -> TestStore {
    let test = TestStore::new::<Migrator>(seed).await;
    let of = |kind: &str| {
        let at = Fact::KINDS
            .iter()
            .position(|known| *known == kind)
            .and_then(|at| u8::try_from(at).ok())
            .expect("a kind of fact");
        event([at, 1, 1, 1])
    };
    commit(&test, vec![of("project.added"), of("session.created")]).await;
    test
}

/// Every sum of every table, as integers.
async fn sums(test: &TestStore) -> Vec<i64> {
    let mut sums = Vec::new();
    for table in ["session", "usage_day", "usage_total"] {
        for row in sql::all(test.store.read(), format!(r#"SELECT * FROM "{table}""#), [])
            .await
            .expect("reads")
        {
            sums.extend(COLUMNS.iter().map(|column| {
                row.try_get::<i64>("", column)
                    .unwrap_or_else(|error| panic!("{table}.{column}: {error}"))
            }));
        }
    }
    sums
}

#[tokio::test]
async fn no_sum_of_usage_leaves_its_bounds_whatever_is_said() {
    let test = begun(31).await;
    for run in 0..4 {
        for tokens in [i64::MAX, 5, i64::MIN, i64::MAX, 1 << 62] {
            commit(
                &test,
                vec![
                    said(run, 20_779, tokens),
                    said(run + 10, i64::MAX, tokens),
                    said(run + 20, i64::MIN, tokens),
                ],
            )
            .await;
        }
    }
    assert!(sums(&test).await.iter().all(|sum| (0..=USAGE_MOST).contains(sum)));
    let row = session::Entity::find_by_id(test.store.key(session(1)))
        .one(test.store.read())
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(
        (row.tok_input.0, row.cost_micros.map(|cost| cost.0)),
        (USAGE_MOST, Some(USAGE_MOST))
    );
    let before = examine(&test).await;
    assert!(before.healthy, "{before:#?}");
    journal::rebuild(&test.store).await.expect("rebuilds");
    assert_eq!(examine(&test).await, before);
}

#[tokio::test]
async fn sums_that_overflowed_before_are_read_counted_on_and_mended_by_a_rebuild() {
    let test = begun(32).await;
    commit(&test, vec![said(1, 20_779, 7)]).await;
    let beside = test.place.connect().await;
    // What SQLite makes of an overflow; PostgreSQL fails just before it.
    let most = if test.store.backend() == DbBackend::Sqlite {
        "9.3e18"
    } else {
        "9223372036854775807"
    };
    for table in ["session", "usage_day", "usage_total"] {
        let set = COLUMNS.map(|column| format!(r#""{column}" = {most}"#)).join(", ");
        sql::run(&beside, format!(r#"UPDATE "{table}" SET {set}"#), [])
            .await
            .expect("damages");
    }
    let db = test.store.read();
    let row = session::Entity::find_by_id(test.store.key(session(1)))
        .one(db)
        .await
        .expect("a session is read")
        .expect("is there");
    assert_eq!(row.tok_input.0, i64::MAX);
    assert_eq!(usage_day::Entity::find().all(db).await.expect("days are read").len(), 1);
    assert_eq!(
        usage_total::Entity::find()
            .all(db)
            .await
            .expect("totals are read")
            .len(),
        1
    );
    let report = examine(&test).await;
    let differing: Vec<&str> = report
        .tables
        .iter()
        .filter(|table| !table.rebuilds)
        .map(|table| table.table.as_str())
        .collect();
    assert_eq!(differing, ["session", "usage_total", "usage_day"]);
    // Later reports are accepted.
    commit(&test, vec![said(1, 20_779, 9), said(2, 20_779, 1)]).await;
    assert!(sums(&test).await.iter().all(|sum| (0..=USAGE_MOST).contains(sum)));
    journal::rebuild(&test.store).await.expect("rebuilds");
    let report = examine(&test).await;
    assert!(report.healthy, "{report:#?}");
    let row = session::Entity::find_by_id(test.store.key(session(1)))
        .one(test.store.read())
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!((row.tok_input.0, row.cost_micros.map(|cost| cost.0)), (10, Some(10)));
}
