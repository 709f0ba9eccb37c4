//! The local table `run_cursor`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// How far a run's output was consumed.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "run_cursor")]
pub struct Model {
    /// Which run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run: String,
    /// Bytes of its spool whose events are committed.
    pub offset: i64,
}

impl ActiveModelBehavior for ActiveModel {}
