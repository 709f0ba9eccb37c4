//! The private table `setup_link`. Never journaled, never part of a rebuild.

use sea_orm::entity::prelude::*;

/// The one-time link of the first start, hashed.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "setup_link")]
pub struct Model {
    /// Hash of its secret, hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: String,
    /// When it was created, unix ms.
    pub created: i64,
    /// When it expires, unix ms.
    pub expires: i64,
    /// When it was used, unix ms.
    pub used: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
