//! A run says whether its folder was trusted when it was started; one from before counts as not.

use crate::columns::flag;
use sea_orm_migration::prelude::*;

/// Adds `run.trusted`.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("run").add_column(flag("trusted").default(false)).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("run").drop_column("trusted").to_owned()).await
    }
}
