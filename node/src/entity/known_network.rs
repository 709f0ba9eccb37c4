//! The private table `known_network`. Never journaled, never part of a rebuild.

use sea_orm::entity::prelude::*;

/// A network from which a person signed in lately.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "known_network")]
pub struct Model {
    /// The person's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user: String,
    /// The key by `limits::network_key`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub network: String,
    /// The last sign-in from there, unix ms.
    pub seen: i64,
}

impl ActiveModelBehavior for ActiveModel {}
