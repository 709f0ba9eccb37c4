//! The local table `setting`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// A setting of this node.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "setting")]
pub struct Model {
    /// Its name: `node.name`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// The value as JSON.
    pub value: String,
}

impl ActiveModelBehavior for ActiveModel {}
