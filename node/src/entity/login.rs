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
    /// Who is signed in.
    pub user: Option<String>,
    /// The session layer's own record.
    pub data: Vec<u8>,
    /// When, unix ms.
    pub created: i64,
    /// Last seen, unix ms.
    pub seen: i64,
    /// When it ends, unix ms.
    pub expires: i64,
    /// As the browser named itself.
    pub browser: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// The person's `credential.auth_epoch` that it belongs to; absent in logins of older versions.
    pub epoch: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
