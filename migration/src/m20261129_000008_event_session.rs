//! An event says which session it is about, so that who may see it and what a purge takes need no other table.

use crate::columns::{index, null, text};
use sea_orm_migration::prelude::*;

/// Adds `event.session`, local and unhashed, and finds it for what is there; its index takes the place of the one by subject.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("event").add_column(null(text("session"))).to_owned()).await?;
        let db = manager.get_connection();
        db.execute_unprepared(r#"UPDATE "event" SET "session" = "subject" WHERE "subject" LIKE 'ses@_%' ESCAPE '@'"#).await?;
        for table in ["run", "prompt", "approval"] {
            let found = format!(
                r#"UPDATE "event" SET "session" = (SELECT "t"."session" FROM "{table}" AS "t" WHERE "t"."id" = "event"."subject" AND "t"."origin" = "event"."origin")
                   WHERE "session" IS NULL AND "subject" IN (SELECT "id" FROM "{table}")"#
            );
            db.execute_unprepared(&found).await?;
        }
        manager.create_index(index("event_session_pos", "event", &["session", "pos"])).await?;
        manager.drop_index(Index::drop().name("event_subject_pos").table("event").to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(index("event_subject_pos", "event", &["subject", "pos"])).await?;
        manager.drop_index(Index::drop().name("event_session_pos").table("event").to_owned()).await?;
        manager.alter_table(Table::alter().table("event").drop_column("session").to_owned()).await
    }
}
