//! The local table `idempotency`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// The answer to a request that may be repeated.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency")]
pub struct Model {
    /// Who asked.
    #[sea_orm(primary_key, auto_increment = false)]
    pub caller: String,
    /// Their key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// The HTTP status answered; 0 while the first is under way.
    pub status: i32,
    /// The body answered.
    pub body: Vec<u8>,
    /// When, unix ms.
    pub at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
