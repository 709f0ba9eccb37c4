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
    /// Where it works.
    pub project: String,
    /// The word of its agent.
    pub agent: String,
    /// As the agent reported it.
    pub agent_version: Option<String>,
    /// The word of its mode.
    pub mode: String,
    /// As reported, else as asked for.
    pub model: Option<String>,
    /// What people call it.
    pub title: String,
    /// The same in lower case, for search.
    pub title_folded: String,
    /// Who started it.
    pub owner: Option<String>,
    /// The word of who may see it.
    pub visibility: String,
    /// The git branch when it started.
    pub branch: Option<String>,
    /// JSON array of words.
    pub tags: String,
    /// The word of its state.
    pub state: String,
    /// Since when, unix ms.
    pub state_since: i64,
    /// Its cause or detail.
    pub state_detail: Option<String>,
    /// It waits between turns: only a subagent in the background asks.
    pub background: bool,
    /// When it was created, unix ms.
    pub started: i64,
    /// When something last happened in it, unix ms.
    pub updated: i64,
    /// Turns so far.
    pub turns: i64,
    /// Tool calls so far.
    pub calls: i64,
    /// Approvals that wait.
    pub pending: i64,
    /// One line: what happened last.
    pub last: Option<String>,
    /// The `seq` the next entry gets.
    pub next_seq: i64,
    /// Fresh input tokens.
    pub tok_input: Amount,
    /// Output tokens.
    pub tok_output: Amount,
    /// Tokens read from the provider's cache.
    pub tok_cache_read: Amount,
    /// Tokens written to it.
    pub tok_cache_write: Amount,
    /// Cost so far, millionths of a dollar.
    pub cost_micros: Option<Amount>,
    /// Tokens in the model's context.
    pub context_used: Option<i64>,
    /// How many fit.
    pub context_size: Option<i64>,
    /// The agent has a transcript of it.
    pub resumable: bool,
    /// The session it continues.
    pub forked_from: Option<String>,
    /// Started by a token or the command line.
    pub unattended: bool,
    /// The agent process that serves it now.
    pub run: Option<String>,
    /// When it was put away, unix ms.
    pub archived: Option<i64>,
    /// When it was deleted, unix ms.
    pub deleted: Option<i64>,
    /// The position of the event that changed this row last.
    pub pos: i64,
}

impl Model {
    /// How it stands; a state that this version does not know is `unknown`.
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
