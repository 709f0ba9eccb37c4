//! The projected table `usage_day`. Only `journal::projection` writes it.

use crate::store::Amount;
use sea_orm::entity::prelude::*;

/// What a session spent on one UTC day.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_day")]
pub struct Model {
    /// Days since 1970-01-01.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: i64,
    /// In which project.
    #[sea_orm(primary_key, auto_increment = false)]
    pub project: String,
    /// Of which model.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model: String,
    /// In which session.
    #[sea_orm(primary_key, auto_increment = false)]
    pub session: String,
    /// The node whose events made this row, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// Fresh input tokens.
    pub tok_input: Amount,
    /// Output tokens.
    pub tok_output: Amount,
    /// Tokens read from the provider's cache.
    pub tok_cache_read: Amount,
    /// Tokens written to it.
    pub tok_cache_write: Amount,
    /// Cost, millionths of a dollar; null when no agent said any.
    pub cost_micros: Option<Amount>,
}

impl ActiveModelBehavior for ActiveModel {}
