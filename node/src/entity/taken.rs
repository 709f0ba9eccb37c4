//! The local table `taken`: how far each link has come in the logs of other nodes. Only `journal::received` writes it.

use sea_orm::entity::prelude::*;

/// How far a link has come in a log.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "taken")]
pub struct Model {
    /// The link's `lnk_...`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub link: String,
    /// The node that writes the log, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// The log's incarnation, 16 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub epoch: String,
    /// The sender's number for what it sends of the log.
    pub pass: i64,
    /// The last position that was taken of that.
    pub through: i64,
}

impl ActiveModelBehavior for ActiveModel {}
