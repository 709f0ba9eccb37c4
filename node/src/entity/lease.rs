//! The local table `lease`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// Who may write this database.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lease")]
pub struct Model {
    /// What is leased: `node`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The process that holds it; empty when released.
    pub owner: String,
    /// Raised by each taking; a writer with an older one is refused.
    pub fence: i64,
    /// When it ends unless renewed, unix ms of the database's clock.
    pub expires: i64,
}

impl ActiveModelBehavior for ActiveModel {}
