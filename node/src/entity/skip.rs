//! The journal table `skip`. Only `journal::received` writes it.

use sea_orm::entity::prelude::*;

/// A span of another node's log that a filter left out. It has no events here; the chain goes on from its last hash.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "skip")]
pub struct Model {
    /// The node that writes the log, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// The log's incarnation, 16 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub epoch: String,
    /// The first number that was left out.
    #[sea_orm(primary_key, auto_increment = false)]
    pub from_seq: i64,
    /// The last one.
    pub upto_seq: i64,
    /// The hash of the last one.
    pub hash: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
