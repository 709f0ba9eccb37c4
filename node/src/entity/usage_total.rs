//! The projected table `usage_total`. Only `journal::projection` writes it.

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
    pub origin: String,
    /// In which session.
    pub session: String,
    /// In which project.
    pub project: String,
    /// Fresh input tokens.
    pub tok_input: i64,
    /// Output tokens.
    pub tok_output: i64,
    /// Tokens read from the provider's cache.
    pub tok_cache_read: i64,
    /// Tokens written to it.
    pub tok_cache_write: i64,
    /// Cost, millionths of a dollar; null when no agent said any.
    pub cost_micros: Option<i64>,
    /// The position of the newest event; an older one changes nothing.
    pub pos: i64,
}

impl ActiveModelBehavior for ActiveModel {}
