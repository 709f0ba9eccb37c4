//! The local table `idempotency`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// The stored answer to a repeatable request.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency")]
pub struct Model {
    /// The caller who asked.
    #[sea_orm(primary_key, auto_increment = false)]
    pub caller: String,
    /// The caller's idempotency key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// The HTTP status of the answer; 0 while the first request runs.
    pub status: i32,
    /// The body of the answer.
    pub body: Vec<u8>,
    /// The time of the request, unix ms.
    pub at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
