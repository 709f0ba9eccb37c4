//! What took as long as there were sessions: projects know how many they have, and whether an agent has any is found by an index.

use crate::columns::{index, int};
use sea_orm_migration::prelude::*;

/// Adds `project.sessions`, counts once what is there, and indexes sessions by agent.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("project").add_column(int("sessions").default(0)).to_owned()).await?;
        let count = r#"UPDATE "project" SET "sessions" =
            (SELECT count(*) FROM "session" WHERE "session"."project" = "project"."id" AND "session"."deleted" IS NULL)"#;
        manager.get_connection().execute_unprepared(count).await?;
        manager.create_index(index("session_agent", "session", &["agent"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("session_agent").table("session").to_owned()).await?;
        manager.alter_table(Table::alter().table("project").drop_column("sessions").to_owned()).await
    }
}
