//! The journal table `event`. Only `journal` writes it.

use sea_orm::entity::prelude::*;

/// A stored event, this node's or a peer's. Only the writer appends; a purge nulls payload and salt.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// Its place in this node's commit order, gapless from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub pos: i64,
    /// The node that made it, 32 hex digits.
    pub origin: String,
    /// That node's log incarnation, 16 hex digits.
    pub epoch: String,
    /// Its place in its log, gapless from 1.
    pub seq: i64,
    /// Hybrid logical clock: milliseconds times 65,536 plus a counter.
    pub hlc: i64,
    /// Who did it: a user's id, `node`, `cli`.
    pub actor: String,
    /// The kind of fact: `session.created`.
    pub kind: String,
    /// The version of the payload's shape.
    pub v: i32,
    /// The id of what it is about.
    pub subject: String,
    /// The payload's exact bytes; null when purged or withheld.
    pub payload: Option<Vec<u8>>,
    /// 16 random bytes that blind the commitment; null when the payload is.
    pub salt: Option<Vec<u8>>,
    /// BLAKE3 over salt and payload, 32 bytes.
    pub commitment: Vec<u8>,
    /// BLAKE3 over the previous hash and the fields, 32 bytes.
    pub hash: Vec<u8>,
    /// The session that the fact is about; null for the node's own events. It is local and not hashed, and decides who
    /// may see the event and what a purge takes.
    pub session: Option<String>,
    /// When it was received from another node, unix ms of this node's clock; null for this node's own events. Local.
    pub received: Option<i64>,
    /// The peer that sent it, 32 hex digits; null for this node's own events. Local.
    pub via: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
