//! The private table `invite`. Never journaled, never part of a rebuild.

use sea_orm::entity::prelude::*;

/// An invite to pair, without its secret.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invite")]
pub struct Model {
    /// Its handle, 16 hex digits; not secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Hash of its secret, 64 hex digits: the key of the joiner's proof.
    pub hash: String,
    /// Whether the link is confirmed at once.
    pub auto: bool,
    /// What this node will send, the JSON of a `Send`.
    pub send: String,
    /// When it expires, unix ms.
    pub expires: i64,
    /// How many wrong proofs were shown.
    pub tries: i64,
    /// The link it made.
    pub link: Option<String>,
    /// The public key of the node that used it, 64 hex digits.
    pub used_by: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
