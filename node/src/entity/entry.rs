//! The projected table `entry`. Only `journal::projection` writes it.

use sea_orm::entity::prelude::*;

/// A line of a timeline. Its body is in the events at `pos` and `end_pos`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "entry")]
pub struct Model {
    /// Its session.
    #[sea_orm(primary_key, auto_increment = false)]
    pub session: String,
    /// Its number in the session, gapless from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// The node whose events made this row, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// The turn; 0 before the first.
    pub turn: i64,
    /// The `word()` of an `EntryKind`.
    pub kind: String,
    /// Its time, unix ms.
    pub at: i64,
    /// The subagent call it belongs to.
    pub parent: Option<String>,
    /// The author's name, for prompts.
    pub by_name: Option<String>,
    /// The first 200 characters.
    pub preview: String,
    /// Whether a body has more.
    pub more: bool,
    /// The agent's id of the call.
    pub call: Option<String>,
    /// The tool's name.
    pub tool: Option<String>,
    /// The `word()` of the tool's `CallClass`.
    pub class: Option<String>,
    /// The tool's name for people, if it differs.
    pub label: Option<String>,
    /// The call's target, on one line.
    pub target: Option<String>,
    /// The `word()` of a `CallStatus`.
    pub status: Option<String>,
    /// The outcome in a few words.
    pub result: Option<String>,
    /// Lines added.
    pub added: Option<i64>,
    /// Lines removed.
    pub removed: Option<i64>,
    /// When the call ended, unix ms.
    pub ended: Option<i64>,
    /// The position of its event.
    pub pos: i64,
    /// The position of the event that ended it.
    pub end_pos: Option<i64>,
    /// The approval of the call.
    pub approval: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
