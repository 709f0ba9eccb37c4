//! The journal table `log`. Only `journal` writes it.

use sea_orm::entity::prelude::*;

/// The head of one log: a counter row, locked while a batch is numbered.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "log")]
pub struct Model {
    /// The node that writes the log, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// The log's incarnation, 16 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub epoch: String,
    /// The newest sequence number; 0 when empty.
    pub seq: i64,
    /// The newest hash; 32 zero bytes when empty.
    pub hash: Vec<u8>,
    /// The newest position; on the own row, that of the whole node.
    pub pos: i64,
    /// Whether it is this node's own current log; true on exactly one row.
    pub own: bool,
}

impl ActiveModelBehavior for ActiveModel {}
