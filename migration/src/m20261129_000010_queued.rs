//! Sessions that wait for an agent are found in the order in which they began to wait, however many there are.

use crate::columns::index;
use sea_orm_migration::prelude::*;

/// Adds an index of them alone. Both databases use it where the state is said in the statement's text, not bound; with the state in front SQLite
/// prefers it to the index of states.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let waits = Expr::col("state").eq(Expr::cust("'queued'")).and(Expr::col("deleted").is_null());
        manager.create_index(index("session_queued", "session", &["state", "state_since", "id"]).and_where(waits).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("session_queued").table("session").to_owned()).await
    }
}
