//! The hash chain detects changed, swapped and removed events, and names the first bad position.

use crate::{commit, examine, tables::every_kind};
use migration::Migrator;
use node::{
    entity::event,
    journal::testing,
    store::{sql, testing::TestStore},
};
use sea_orm::{DatabaseConnection, EntityTrait, Iden, Iterable, QueryOrder, Value};

async fn filled(seed: u64) -> (TestStore, DatabaseConnection) {
    let test = TestStore::new::<Migrator>(seed).await;
    commit(&test, every_kind()).await;
    let report = examine(&test).await;
    assert!(report.healthy, "{report:#?}");
    let beside = test.place.connect().await;
    (test, beside)
}

async fn first_bad(test: &TestStore) -> Option<i64> {
    let report = examine(test).await;
    assert_eq!(
        report.healthy,
        report.chain.first_bad.is_none() && report.tables.iter().all(|table| table.rebuilds)
    );
    report.chain.first_bad.map(|bad| bad.pos)
}

async fn set(db: &DatabaseConnection, pos: i64, column: &str, value: Value) {
    let text = format!(r#"UPDATE "event" SET "{column}" = $1 WHERE "pos" = $2"#);
    assert_eq!(sql::run(db, text, [value, pos.into()]).await.expect("damages"), 1);
}

/// The value with its last byte flipped, or for numbers a high bit.
fn flipped(row: &event::Model, column: event::Column) -> Value {
    let text = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        *bytes.last_mut().expect("not empty") ^= 1;
        String::from_utf8(bytes).expect("still ASCII").into()
    };
    let bytes = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        *bytes.last_mut().expect("not empty") ^= 1;
        bytes.into()
    };
    match column {
        event::Column::Pos => (row.pos ^ (1 << 20)).into(),
        event::Column::Origin => text(&row.origin),
        event::Column::Epoch => text(&row.epoch),
        event::Column::Seq => (row.seq ^ (1 << 20)).into(),
        event::Column::Hlc => (row.hlc ^ 1).into(),
        event::Column::Actor => text(&row.actor),
        event::Column::Kind => text(&row.kind),
        event::Column::V => (row.v ^ (1 << 20)).into(),
        event::Column::Subject => text(&row.subject),
        event::Column::Payload => bytes(row.payload.as_deref().expect("a payload")),
        event::Column::Salt => bytes(row.salt.as_deref().expect("a salt")),
        event::Column::Commitment => bytes(&row.commitment),
        event::Column::Hash => bytes(&row.hash),
        event::Column::Received => 1_i64.into(),
        event::Column::Via => "somebody".into(),
        event::Column::Session => row.session.as_deref().map_or_else(|| "ses_somebody".into(), text),
    }
}

#[tokio::test]
async fn a_flipped_byte_in_any_column_of_any_event_is_found_at_its_position() {
    let (test, beside) = filled(11).await;
    let rows = event::Entity::find()
        .order_by_asc(event::Column::Pos)
        .all(&beside)
        .await
        .expect("reads");
    let middle = &rows[rows.len() / 2];
    for row in [&rows[0], middle, &rows[rows.len() - 1]] {
        for column in event::Column::iter() {
            let (name, damaged) = (column.unquoted(), flipped(row, column));
            set(&beside, row.pos, name, damaged.clone()).await;
            assert_eq!(first_bad(&test).await, Some(row.pos), "{name} of {}", row.pos);
            // Restored, so that the next column starts from a good log.
            let at = if name == "pos" { row.pos ^ (1 << 20) } else { row.pos };
            set(&beside, at, name, sea_orm::ModelTrait::get(row, column)).await;
        }
        assert_eq!(first_bad(&test).await, None, "everything was put back");
    }
}

#[tokio::test]
async fn a_swap_of_two_events_is_found_at_the_first_of_them() {
    let (test, beside) = filled(12).await;
    for (from, to) in [(3, 1_000_000), (4, 3), (1_000_000, 4)] {
        set(&beside, from, "pos", to.into()).await;
    }
    assert_eq!(first_bad(&test).await, Some(3));
}

#[tokio::test]
async fn swapped_payloads_are_found_though_each_fits_its_salt() {
    let (test, beside) = filled(13).await;
    let rows = event::Entity::find()
        .order_by_asc(event::Column::Pos)
        .all(&beside)
        .await
        .expect("reads");
    for (at, from) in [(&rows[6], &rows[7]), (&rows[7], &rows[6])] {
        for (column, value) in [
            ("payload", from.payload.clone()),
            ("salt", from.salt.clone()),
            ("commitment", Some(from.commitment.clone())),
        ] {
            set(&beside, at.pos, column, value.into()).await;
        }
    }
    assert_eq!(first_bad(&test).await, Some(7));
}

#[tokio::test]
async fn a_deletion_is_found_in_the_middle_and_at_the_end() {
    for (seed, from_end) in [(14, 5), (15, 0)] {
        let (test, beside) = filled(seed).await;
        let gone = test.journal.head().await - from_end;
        sql::run(&beside, r#"DELETE FROM "event" WHERE "pos" = $1"#, [gone.into()])
            .await
            .expect("damages");
        assert_eq!(first_bad(&test).await, Some(gone));
    }
}

#[tokio::test]
async fn a_payload_that_vanished_without_a_purge_is_found_and_one_that_was_purged_is_not() {
    let (test, beside) = filled(16).await;
    let sessions: Vec<_> = model::event::Fact::KINDS
        .iter()
        .enumerate()
        .filter(|(_, kind)| kind.starts_with("session."))
        .collect();
    let purge = sessions
        .iter()
        .find(|(_, kind)| **kind == "session.purged")
        .expect("there is one")
        .0;
    commit(
        &test,
        vec![testing::event([u8::try_from(purge).expect("few kinds"), 1, 0, 0])],
    )
    .await;
    let report = examine(&test).await;
    assert!(report.healthy, "{report:#?}");
    let about = testing::session(1).to_string();
    let left = sql::all(
        &beside,
        r#"SELECT "kind" FROM "event" WHERE "subject" = $1 AND "payload" IS NOT NULL"#,
        [about.into()],
    )
    .await
    .expect("reads");
    let left: Vec<String> = left
        .iter()
        .map(|row| row.try_get("", "kind").expect("a kind"))
        .collect();
    assert_eq!(left, ["session.purged"], "everything the session's events said is gone");

    let user = 1; // the first event, user.created
    sql::run(
        &beside,
        r#"UPDATE "event" SET "payload" = NULL, "salt" = NULL, "subject" = "subject" WHERE "pos" = $1"#,
        [user.into()],
    )
    .await
    .expect("damages");
    // A purge by the same origin came later, but rows of the user are still there, which the rebuild detects.
    let report = examine(&test).await;
    assert!(!report.healthy, "{report:#?}");
}
