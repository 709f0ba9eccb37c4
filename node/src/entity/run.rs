//! The projected table `run`. Only `journal::projection` writes it.

use sea_orm::entity::prelude::*;

/// One agent process under its shim.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "run")]
pub struct Model {
    /// `run_...`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The node whose events made this row, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// The session it serves.
    pub session: String,
    /// JSON array: program and arguments, secrets masked.
    pub argv: String,
    /// Whether it was started in a trusted folder.
    pub trusted: bool,
    /// When it was started, unix ms.
    pub started: i64,
    /// When it ended, unix ms.
    pub ended: Option<i64>,
    /// An `Exit` as JSON.
    pub exit: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
