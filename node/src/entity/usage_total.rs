//! The projected table `usage_total`. Only `journal::projection` writes it.

use crate::store::Amount;
use sea_orm::entity::prelude::*;

/// The newest running totals of one process and model.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_total")]
pub struct Model {
    /// The run's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run: String,
    /// The model.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model: String,
    /// The node whose events made this row, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// The session.
    pub session: String,
    /// The project.
    pub project: String,
    /// Fresh input tokens.
    pub tok_input: Amount,
    /// Output tokens.
    pub tok_output: Amount,
    /// Tokens read from the provider's cache.
    pub tok_cache_read: Amount,
    /// Tokens written to the provider's cache.
    pub tok_cache_write: Amount,
    /// The cost in millionths of a dollar; null when the agent reported none.
    pub cost_micros: Option<Amount>,
    /// The position of the newest report; an older one changes nothing.
    pub pos: i64,
}

impl ActiveModelBehavior for ActiveModel {}
