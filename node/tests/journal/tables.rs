//! Tables are a fold over the journal: rebuilt they are the same, folded again they do not change.

use crate::{commit, examine};
use migration::Migrator;
use model::event::Fact;
use node::{
    entity::session,
    journal::{
        self, NewEvent,
        testing::{Plausible, event, fold_again},
    },
    store::testing::TestStore,
};
use proptest::prelude::*;
use sea_orm::EntityTrait;
use sea_orm_migration::MigratorTrait;
use std::collections::BTreeMap;

/// Any history: what it says, and how many events share an operation.
fn histories() -> impl Strategy<Value = Vec<(Vec<[u8; 4]>, u16)>> {
    proptest::collection::vec((proptest::collection::vec(any::<[u8; 4]>(), 1..12), 0..2_000_u16), 1..10)
}

/// Commits a history, with a clock that sometimes goes back.
async fn live(history: Vec<(Vec<[u8; 4]>, u16)>, mut keep: impl FnMut(&NewEvent) -> bool) -> TestStore {
    let test = TestStore::new::<Migrator>(3).await;
    for (operation, pause) in history {
        test.clock.advance(i64::from(pause) - 500);
        commit(&test, operation.into_iter().map(event).filter(&mut keep).collect()).await;
    }
    test
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// A new PostgreSQL database a case takes most of the time: fewer there.
fn cases() -> u32 {
    if node::store::testing::postgres_server().is_some() { 6 } else { 20 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rebuild_gives_the_live_tables_row_for_row(history in histories()) {
        run(async {
            let test = live(history, |_| true).await;
            let before = examine(&test).await;
            prop_assert!(before.healthy, "{before:#?}");
            let rebuilt = journal::rebuild(&test.store).await.expect("rebuilds");
            prop_assert_eq!(rebuilt.events, before.chain.verified);
            prop_assert_eq!(&examine(&test).await, &before);
            Ok(())
        })?;
    }

    #[test]
    fn folding_what_was_folded_before_changes_nothing(history in histories()) {
        run(async {
            let mut plausible = Plausible::default();
            // Start with something for things to happen to.
            let mut history = history;
            history.insert(0, ((0..4).map(|n| [6, n, n, n]).collect(), 0));
            let test = live(history, |event| plausible.admit(event)).await;
            let before = examine(&test).await;
            prop_assert!(before.healthy, "{before:#?}");
            fold_again(&test.store).await.expect("folds");
            prop_assert_eq!(&examine(&test).await, &before);
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 2, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// `Rows` keeps sessions by this position: a row that changed without it would be shown as it was, for ever.
    #[test]
    fn a_sessions_row_names_the_event_that_changed_it_last(said in proptest::collection::vec(any::<[u8; 4]>(), 1..60)) {
        run(async {
            let test = TestStore::new::<Migrator>(6).await;
            // Start with something for things to happen to.
            commit(&test, (0..4).map(|n| event([6, n, n, n])).collect()).await;
            let mut before = sessions(&test).await;
            for one in said {
                commit(&test, vec![event(one)]).await;
                let pos = test.journal.head().await;
                let now = sessions(&test).await;
                for (id, row) in &now {
                    prop_assert!(before.get(id) == Some(row) || row.pos == pos, "{row:#?} at {pos} after {one:?}, before {:#?}", before.get(id));
                }
                before = now;
            }
            Ok(())
        })?;
    }
}

async fn sessions(test: &TestStore) -> BTreeMap<String, session::Model> {
    let rows = session::Entity::find().all(test.store.read()).await.expect("reads");
    rows.into_iter().map(|row| (row.id.clone(), row)).collect()
}

#[tokio::test]
async fn positions_found_by_the_migration_are_those_of_a_rebuild() {
    let test = TestStore::new::<Migrator>(7).await;
    let mut plausible = Plausible::default();
    let said = (0..4).map(|n| event([6, n, n, n])).chain((0..250_u8).map(|n| event([n, n % 4, n / 3, n])));
    commit(&test, said.filter(|event| !matches!(event.fact, Fact::SessionPurged(_)) && plausible.admit(event)).collect()).await;
    let db = test.place.connect().await;
    Migrator::down(&db, Some(1)).await.expect("down");
    Migrator::up(&db, None).await.expect("up");
    let moved = sessions(&test).await;
    assert!(moved.values().any(|row| row.pos > 0));
    journal::rebuild(&test.store).await.expect("rebuilds");
    assert_eq!(sessions(&test).await, moved);
}

#[tokio::test]
async fn a_rebuild_keeps_columns_keys_and_indexes_and_the_node_writes_on() {
    let test = TestStore::new::<Migrator>(4).await;
    let schema = |test: &TestStore| {
        let place = test.place.config.clone();
        async move { crate::store::schema_of(&place).await }
    };
    commit(&test, every_kind()).await;
    let before = schema(&test).await;
    for _ in 0..2 {
        journal::rebuild(&test.store).await.expect("rebuilds");
    }
    assert_eq!(schema(&test).await, before);
    commit(&test, every_kind()).await;
    let report = examine(&test).await;
    assert!(report.healthy, "{report:#?}");
}

#[tokio::test]
async fn the_doctor_names_a_row_that_no_event_explains() {
    let test = TestStore::new::<Migrator>(5).await;
    commit(&test, every_kind()).await;
    let beside = test.place.connect().await;
    node::store::sql::run(&beside, r#"UPDATE "project" SET "name" = 'nobody said so'"#, []).await.expect("damages");
    let report = examine(&test).await;
    assert!(!report.healthy && report.chain.first_bad.is_none(), "{report:#?}");
    let differing: Vec<_> = report.tables.iter().filter(|table| !table.rebuilds).collect();
    assert_eq!(differing.len(), 1);
    assert_eq!(differing[0].table, "project");
    assert!(differing[0].differs.as_deref().is_some_and(|key| key.starts_with("prj_")), "{differing:?}");
    journal::rebuild(&test.store).await.expect("rebuilds");
    assert!(examine(&test).await.healthy, "a rebuild repairs it");
}

/// One event of each kind, in an order in which most of them leave a row.
pub(crate) fn every_kind() -> Vec<NewEvent> {
    let kinds = u8::try_from(model::event::Fact::KINDS.len()).expect("few kinds");
    let purge = model::event::Fact::KINDS.iter().position(|kind| *kind == "session.purged").expect("there is a purge");
    (0..kinds).filter(|kind| usize::from(*kind) != purge).map(|kind| event([kind, 1, 6, 2])).collect()
}
