//! The projected table `session`. Only `journal::projection` writes it.

use crate::store::Amount;
use model::{sessions::SessionState, standing::Standing};
use sea_orm::entity::prelude::*;

/// One conversation between people and an agent.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// `ses_...`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The node whose events made this row, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// Its project.
    pub project: String,
    /// The `word()` of an `AgentKind`.
    pub agent: String,
    /// The version that the agent reported.
    pub agent_version: Option<String>,
    /// The `word()` of a `Mode`.
    pub mode: String,
    /// The model that the agent reported, else the chosen one.
    pub model: Option<String>,
    /// Its title.
    pub title: String,
    /// The title in lower case, for search.
    pub title_folded: String,
    /// The person who started it.
    pub owner: Option<String>,
    /// The `word()` of a `Visibility`.
    pub visibility: String,
    /// The git branch at its start.
    pub branch: Option<String>,
    /// JSON array of words.
    pub tags: String,
    /// The `word()` of a `SessionState`.
    pub state: String,
    /// When the state began, unix ms.
    pub state_since: i64,
    /// The state's cause or detail.
    pub state_detail: Option<String>,
    /// Whether it waits between turns, for a question of a subagent in the background.
    pub background: bool,
    /// When it was created, unix ms.
    pub started: i64,
    /// The time of its last activity, unix ms.
    pub updated: i64,
    /// The number of turns.
    pub turns: i64,
    /// The number of tool calls.
    pub calls: i64,
    /// The number of pending approvals.
    pub pending: i64,
    /// Its last activity, on one line.
    pub last: Option<String>,
    /// The `seq` of the next entry.
    pub next_seq: i64,
    /// Fresh input tokens.
    pub tok_input: Amount,
    /// Output tokens.
    pub tok_output: Amount,
    /// Tokens read from the provider's cache.
    pub tok_cache_read: Amount,
    /// Tokens written to the provider's cache.
    pub tok_cache_write: Amount,
    /// The cost in millionths of a dollar.
    pub cost_micros: Option<Amount>,
    /// Tokens in the model's context.
    pub context_used: Option<i64>,
    /// Tokens that fit into the model's context.
    pub context_size: Option<i64>,
    /// Whether the agent may have a transcript of it.
    pub resumable: bool,
    /// The session it was forked from.
    pub forked_from: Option<String>,
    /// Whether a token or the command line started it.
    pub unattended: bool,
    /// The agent process that serves it.
    pub run: Option<String>,
    /// When it was archived, unix ms.
    pub archived: Option<i64>,
    /// When it was deleted, unix ms.
    pub deleted: Option<i64>,
    /// The position of the event that changed this row last.
    pub pos: i64,
}

impl Model {
    /// The state and what qualifies it; an unknown state is `unknown`.
    pub fn standing(&self) -> Standing {
        let state = SessionState::parse(&self.state).unwrap_or(SessionState::Unknown);
        Standing {
            state,
            run: self.run.is_some(),
            background: self.background,
        }
    }
}

impl ActiveModelBehavior for ActiveModel {}
