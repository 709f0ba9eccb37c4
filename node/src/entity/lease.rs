//! The local table `lease`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// The lease: which process may write this database.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lease")]
pub struct Model {
    /// The leased thing: `node`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The process that holds the lease; empty when released.
    pub owner: String,
    /// The fencing number: each new lease raises it, and a writer with an older one is refused.
    pub fence: i64,
    /// When the lease expires, unix ms of the database's clock.
    pub expires: i64,
}

impl ActiveModelBehavior for ActiveModel {}
