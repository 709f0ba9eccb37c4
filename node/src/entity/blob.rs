//! The local table `blob`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// A large text, by content.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "blob")]
pub struct Model {
    /// BLAKE3 of the plain bytes, hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: String,
    /// Plain bytes.
    pub size: i64,
    /// Events that refer to it.
    pub refs: i64,
    /// zstd; null when it is a file in `blobs/`.
    pub bytes: Option<Vec<u8>>,
}

impl ActiveModelBehavior for ActiveModel {}
