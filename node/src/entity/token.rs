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
    /// The owner's id.
    pub user: String,
    /// The name its owner gave it.
    pub name: String,
    /// Hash of the secret, hex.
    pub hash: String,
    /// The `word()` of a `Scope`.
    pub scope: String,
    /// When it was created, unix ms.
    pub created: i64,
    /// When it expires, unix ms.
    pub expires: Option<i64>,
    /// Its last use, unix ms.
    pub used: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
