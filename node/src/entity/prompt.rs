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
    /// In which session.
    pub session: String,
    /// What was said.
    pub text: String,
    /// Who said it.
    pub by_name: String,
    /// When it was accepted, unix ms.
    pub at: i64,
    /// The word of its state.
    pub state: String,
    /// The position of its event.
    pub pos: i64,
}

impl ActiveModelBehavior for ActiveModel {}
