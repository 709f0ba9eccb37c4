//! The projected table `approval`. Only `journal::projection` writes it.

use sea_orm::entity::prelude::*;

/// Something an agent asks of a person; its input is in the event at `pos`.
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
    /// In which project; null when its session is not held here.
    pub project: Option<String>,
    /// In which session.
    pub session: String,
    /// By which process.
    pub run: String,
    /// The process's id of the request.
    pub request: String,
    /// The word of what is asked.
    pub kind: String,
    /// Which tool.
    pub tool: String,
    /// The word of what kind of thing the tool does.
    pub class: String,
    /// The tool's name for people, where it is another.
    pub label: Option<String>,
    /// The agent's id of the call.
    pub call: Option<String>,
    /// The input on one line.
    pub target: String,
    /// Why it asked.
    pub reason: Option<String>,
    /// The subagent that asks.
    pub subagent: Option<String>,
    /// JSON array of what "always" would remember.
    pub suggestions: String,
    /// JSON array of questions.
    pub questions: String,
    /// The word of how it stands.
    pub state: String,
    /// When it was asked, unix ms.
    pub created: i64,
    /// When it is denied by itself, unix ms.
    pub expires: Option<i64>,
    /// JSON of the decision.
    pub decided: Option<String>,
    /// The position of its event.
    pub pos: i64,
}

impl ActiveModelBehavior for ActiveModel {}
