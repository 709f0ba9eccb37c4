//! The projected table `approval`. Only `journal::projection` writes it.

use sea_orm::entity::prelude::*;

/// A question of an agent to a person. Its input is in the event at `pos`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approval")]
pub struct Model {
    /// `apr_...`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The node whose events made this row, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// Its project; null when its session is not held here.
    pub project: Option<String>,
    /// Its session.
    pub session: String,
    /// The process that asked.
    pub run: String,
    /// The process's id of the request.
    pub request: String,
    /// The `word()` of an `ApprovalKind`.
    pub kind: String,
    /// The tool's name.
    pub tool: String,
    /// The `word()` of the tool's `CallClass`.
    pub class: String,
    /// The tool's name for people, if it differs.
    pub label: Option<String>,
    /// The agent's id of the call.
    pub call: Option<String>,
    /// The input on one line.
    pub target: String,
    /// Why the agent asked.
    pub reason: Option<String>,
    /// The subagent that asks.
    pub subagent: Option<String>,
    /// JSON array of the rules that "always" would remember.
    pub suggestions: String,
    /// JSON array of questions.
    pub questions: String,
    /// The `word()` of an `ApprovalState`.
    pub state: String,
    /// When it was asked, unix ms.
    pub created: i64,
    /// When it expires, unix ms.
    pub expires: Option<i64>,
    /// JSON of the decision.
    pub decided: Option<String>,
    /// The position of the event that asked.
    pub pos: i64,
}

impl ActiveModelBehavior for ActiveModel {}
