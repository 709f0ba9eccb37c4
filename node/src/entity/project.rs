//! The projected table `project`. Only `journal::projection` writes it.

use sea_orm::entity::prelude::*;

/// A working directory.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "project")]
pub struct Model {
    /// `prj_...`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The node whose events made this row, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// Its name.
    pub name: String,
    /// The folder, canonical and absolute.
    pub path: String,
    /// Whether it was made for the demo agent.
    pub demo: bool,
    /// BLAKE3 (hex) of what a person trusted: the seal.
    pub trusted_hash: Option<String>,
    /// The seal once an agent has written the rule of an "always" into the folder.
    pub trusted_also: Option<String>,
    /// Seconds until an unanswered approval is denied.
    pub approval_timeout_s: Option<i64>,
    /// When it was added, unix ms.
    pub added: i64,
    /// When the project itself last changed, unix ms; its sessions' activity is in their rows.
    pub updated: i64,
    /// When it was removed, unix ms.
    pub removed: Option<i64>,
    /// The number of its sessions that are not deleted. Stored, so that a list of projects need not count a hundred
    /// thousand rows.
    pub sessions: i64,
}

impl ActiveModelBehavior for ActiveModel {}
