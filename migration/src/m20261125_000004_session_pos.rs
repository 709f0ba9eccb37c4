//! A session's row says which event changed it last: a row read once need not be read again while that stays.

use crate::columns::int;
use sea_orm_migration::prelude::*;

/// Adds `session.pos` and finds it for what is there: the last event about the session, its runs, prompts and approvals.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("session").add_column(int("pos").default(0)).to_owned()).await?;
        let mut lasts = vec![r#"SELECT max("pos") AS "last" FROM "event" WHERE "subject" = "session"."id" AND "origin" = "session"."origin""#.to_owned()];
        for table in ["run", "prompt", "approval"] {
            lasts.push(format!(
                r#"SELECT max("event"."pos") FROM "{table}" JOIN "event" ON "event"."subject" = "{table}"."id" AND "event"."origin" = "{table}"."origin"
                   WHERE "{table}"."session" = "session"."id""#
            ));
        }
        let find = format!(r#"UPDATE "session" SET "pos" = (SELECT coalesce(max("last"), 0) FROM ({}) AS "lasts")"#, lasts.join(" UNION ALL "));
        manager.get_connection().execute_unprepared(&find).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("session").drop_column("pos").to_owned()).await
    }
}
