//! The projected table `prompt`. Only `journal::projection` writes it.

use sea_orm::entity::prelude::*;

/// Something a person said to an agent.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "prompt")]
pub struct Model {
    /// `pmt_...`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The node whose events made this row, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// Its session.
    pub session: String,
    /// The text.
    pub text: String,
    /// The author's name.
    pub by_name: String,
    /// When it was accepted, unix ms.
    pub at: i64,
    /// The `word()` of a `PromptState`.
    pub state: String,
    /// The position of the event that queued it.
    pub pos: i64,
}

impl ActiveModelBehavior for ActiveModel {}
