//! The local table `input`. About this node only; never journaled.

use sea_orm::entity::prelude::*;

/// A line for an agent's stdin, stored before it is sent.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "input")]
pub struct Model {
    /// The run it is for.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run: String,
    /// Its number, gapless from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub n: i64,
    /// The line.
    pub line: Vec<u8>,
    /// Whether the shim has acknowledged it.
    pub acked: bool,
}

impl ActiveModelBehavior for ActiveModel {}
