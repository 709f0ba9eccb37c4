//! The private table `known_network`. Never journaled, never part of a rebuild.

use sea_orm::entity::prelude::*;

/// A network from which a person signed in lately.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "known_network")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user: String,
    /// As `limits::network_key` writes it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub network: String,
    /// When they signed in from there last, unix ms.
    pub seen: i64,
}

impl ActiveModelBehavior for ActiveModel {}
