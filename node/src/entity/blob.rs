//! The local table `blob`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// A large JSON value, keyed by content.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "blob")]
pub struct Model {
    /// BLAKE3 of the plain bytes, hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: String,
    /// The size of the plain bytes.
    pub size: i64,
    /// The number of references from events.
    pub refs: i64,
    /// The zstd-compressed bytes; null when they are a file in `blobs/`.
    pub bytes: Option<Vec<u8>>,
}

impl ActiveModelBehavior for ActiveModel {}
