//! The projected table `usage_total`. Only `journal::projection` writes it.

use crate::store::Amount;
use sea_orm::entity::prelude::*;

/// The newest running totals of one process and model.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_total")]
pub struct Model {
    /// Of which process.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run: String,
    /// Of which model.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model: String,
    /// The node whose events made this row, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// In which session.
    pub session: String,
    /// In which project.
    pub project: String,
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
    /// The position of the newest event; an older one changes nothing.
    pub pos: i64,
}

impl ActiveModelBehavior for ActiveModel {}
