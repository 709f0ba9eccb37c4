//! The local table `cursor`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// A listener's position in the journal.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cursor")]
pub struct Model {
    /// The listener's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The last position it handled.
    pub pos: i64,
}

impl ActiveModelBehavior for ActiveModel {}
