//! People can be disabled and removed; the name of who was removed is free again.

use crate::columns::{flag, index, int, null, unique};
use sea_orm_migration::prelude::*;

/// Adds `user.disabled` and `user.removed`. Names of those who are gone may repeat; that nobody else takes a name twice is checked when a person is
/// created.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("user").add_column(flag("disabled").default(false)).to_owned()).await?;
        manager.alter_table(Table::alter().table("user").add_column(null(int("removed"))).to_owned()).await?;
        manager.drop_index(Index::drop().name("user_origin_name").table("user").to_owned()).await?;
        manager.create_index(index("user_origin_name", "user", &["origin", "name"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let gone = Query::delete().from_table("user").and_where(Expr::col("removed").is_not_null()).to_owned();
        manager.exec_stmt(gone).await?;
        manager.drop_index(Index::drop().name("user_origin_name").table("user").to_owned()).await?;
        manager.create_index(unique("user_origin_name", "user", &["origin", "name"])).await?;
        manager.alter_table(Table::alter().table("user").drop_column("removed").to_owned()).await?;
        manager.alter_table(Table::alter().table("user").drop_column("disabled").to_owned()).await
    }
}
