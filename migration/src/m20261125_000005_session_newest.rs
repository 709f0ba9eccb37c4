//! The newest sessions are found in an index alone: it says who may see a session and where it stands, so no row is looked at.

use crate::columns::index;
use sea_orm_migration::prelude::*;

/// Widens the index by which sessions are listed.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(index("session_newest", "session", &["updated", "id", "archived", "deleted", "visibility", "owner", "pos"])).await?;
        manager.drop_index(Index::drop().name("session_updated_id").table("session").to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(index("session_updated_id", "session", &["updated", "id"])).await?;
        manager.drop_index(Index::drop().name("session_newest").table("session").to_owned()).await
    }
}
