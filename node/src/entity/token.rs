//! The private table `token`. Never journaled, never part of a rebuild.

use sea_orm::entity::prelude::*;

/// An API token, hashed.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "token")]
pub struct Model {
    /// `tok_...`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Whose.
    pub user: String,
    /// What it is for.
    pub name: String,
    /// Hash of the secret, hex.
    pub hash: String,
    /// The word of its scope.
    pub scope: String,
    /// When, unix ms.
    pub created: i64,
    /// When it ends, unix ms.
    pub expires: Option<i64>,
    /// Last use, unix ms.
    pub used: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
