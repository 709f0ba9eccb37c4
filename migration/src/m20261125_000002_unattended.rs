//! Sessions know whether somebody was there when they were started: what an unattended one asks has a time limit.

use crate::columns::flag;
use sea_orm_migration::prelude::*;

/// Adds `session.unattended`; sessions before it count as attended, as their events say nothing else.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("session").add_column(flag("unattended").default(false)).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("session").drop_column("unattended").to_owned()).await
    }
}
