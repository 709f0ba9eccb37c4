//! The projected table `link`. Only `journal::projection` writes it.

use sea_orm::entity::prelude::*;

/// The relation between this node and a peer.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "link")]
pub struct Model {
    /// `lnk_...`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The node whose events made this row, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// The peer's `nod_...`.
    pub peer: String,
    /// The peer's name when it was paired.
    pub name: String,
    /// The `word()` of the peer's `NodeKind`.
    pub kind: String,
    /// The peer's public key, 64 hex digits.
    pub key: String,
    /// Where the peer is reached; null for one that reaches this node.
    pub url: Option<String>,
    /// Whether this side made the invite.
    pub inviter: bool,
    /// Whether what travels is encrypted on the way.
    pub encrypted: bool,
    /// What this node sends, the JSON of a `Send`.
    pub send: String,
    /// What the peer says that it sends, the JSON of a `Send`.
    pub receive: String,
    /// Whether the inviting side confirmed it.
    pub confirmed: bool,
    /// Whether a person paused it on this side.
    pub paused: bool,
    /// Whether it ended for good.
    pub revoked: bool,
    /// Whether it ended on the other side.
    pub by_peer: bool,
    /// Since when it is what these say, unix ms.
    pub since: i64,
}

impl ActiveModelBehavior for ActiveModel {}
