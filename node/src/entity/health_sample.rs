//! The local table `health_sample`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// How the node was at one moment.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "health_sample")]
pub struct Model {
    /// When, unix ms.
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: i64,
    /// The sample.
    pub json: String,
}

impl ActiveModelBehavior for ActiveModel {}
