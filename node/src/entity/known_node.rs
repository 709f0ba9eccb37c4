//! The local table `known_node`: what is known of other nodes and changes all the time. Never journaled.

use sea_orm::entity::prelude::*;

/// Another node.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "known_node")]
pub struct Model {
    /// `nod_...`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Its name, as it said last.
    pub name: String,
    /// The `word()` of its `NodeKind`.
    pub kind: String,
    /// Its version of OrchWiz.
    pub version: Option<String>,
    /// The `nod_...` of the peer that passes it on; null for peers.
    pub via: Option<String>,
    /// When it was heard last, unix ms of this node's clock.
    pub heard: Option<i64>,
    /// How far its clock is ahead of this node's, ms.
    pub clock_ahead: Option<i64>,
    /// When it was heard again after a silence, or first known; unix ms.
    pub since: i64,
}

impl ActiveModelBehavior for ActiveModel {}
