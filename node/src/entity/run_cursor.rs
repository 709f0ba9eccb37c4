//! The local table `run_cursor`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// The cursor in a run's output.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "run_cursor")]
pub struct Model {
    /// The run's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run: String,
    /// The spool's bytes up to here are committed.
    pub offset: i64,
}

impl ActiveModelBehavior for ActiveModel {}
