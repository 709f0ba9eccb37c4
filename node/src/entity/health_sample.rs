//! The local table `health_sample`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// The node's health at one moment.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "health_sample")]
pub struct Model {
    /// Its time, unix ms.
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: i64,
    /// A `HealthSample` as JSON.
    pub json: String,
}

impl ActiveModelBehavior for ActiveModel {}
