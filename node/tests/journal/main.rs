//! The journal's invariants (docs/architecture.md), each with a test that can fail. Always on SQLite; also on
//! PostgreSQL if `ORCHWIZ_TEST_POSTGRES` names a server.

mod away;
mod chain;
mod commit;
mod crash;
mod documents;
mod promoted;
mod received;
mod store;
mod tables;
mod texts;
mod usage;

use node::{
    journal::{NewEvent, Outcome, Report, doctor},
    store::testing::TestStore,
};

/// Commits events as one operation.
async fn commit(test: &TestStore, events: Vec<NewEvent>) {
    let result = test
        .journal
        .commit(&model::Caller::node(), move |_| {
            Box::pin(async move { Ok(Outcome { value: (), events }) })
        })
        .await;
    assert_eq!(result, Ok(()));
}

async fn examine(test: &TestStore) -> Report {
    doctor(&test.store).await.expect("the doctor gets through")
}
