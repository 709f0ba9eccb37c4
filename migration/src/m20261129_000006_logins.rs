//! A login knows the epoch it began in, and a person the networks they signed in from.

use crate::columns::{int, null, table, text};
use sea_orm_migration::prelude::*;

/// Adds `login.epoch` (logins before it are compared by what the server kept with them) and `known_network`.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("login").add_column(null(int("epoch"))).to_owned()).await?;
        manager.create_table(table("known_network", &["user", "network"], [text("user"), text("network"), int("seen")])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("known_network").to_owned()).await?;
        manager.alter_table(Table::alter().table("login").drop_column("epoch").to_owned()).await
    }
}
