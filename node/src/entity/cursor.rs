//! The local table `cursor`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// How far a listener has read the journal.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cursor")]
pub struct Model {
    /// Which listener.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The last position it has handled.
    pub pos: i64,
}

impl ActiveModelBehavior for ActiveModel {}
