//! The private table `secret`. Never journaled, never part of a rebuild.

use sea_orm::entity::prelude::*;

/// A key or secret of this node.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "secret")]
pub struct Model {
    /// Its name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The value; its owner decides whether it is encrypted.
    pub value: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
