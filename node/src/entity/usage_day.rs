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
    /// The project.
    #[sea_orm(primary_key, auto_increment = false)]
    pub project: String,
    /// The model.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model: String,
    /// The session.
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
    /// Tokens written to the provider's cache.
    pub tok_cache_write: Amount,
    /// The cost in millionths of a dollar; null when no agent reported any.
    pub cost_micros: Option<Amount>,
}

impl ActiveModelBehavior for ActiveModel {}
