//! The private table `login`. Never journaled, never part of a rebuild.

use sea_orm::entity::prelude::*;

/// A browser's login.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "login")]
pub struct Model {
    /// Hash of the cookie's id, hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id_hash: String,
    /// The signed-in person.
    pub user: Option<String>,
    /// The session layer's own data.
    pub data: Vec<u8>,
    /// When it was created, unix ms.
    pub created: i64,
    /// When it was last used, unix ms.
    pub seen: i64,
    /// When it expires, unix ms.
    pub expires: i64,
    /// The browser's name for itself.
    pub browser: Option<String>,
    /// The address it came from.
    pub address: Option<String>,
    /// The person's `credential.auth_epoch` at sign-in; null in logins of older versions.
    pub epoch: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
