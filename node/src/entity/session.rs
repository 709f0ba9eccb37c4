//! The projected table `session`. Only `journal::projection` writes it.

use super::{id, nameless};
use crate::store::Amount;
use model::{
    caller::Visibility,
    sessions::{AgentKind, Mode, Session, SessionState, Tokens},
    standing::Standing,
};
use sea_orm::{QueryResult, entity::prelude::*};

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

    /// The session without the names that come from other rows; `None` where the row is damaged.
    pub fn session(self) -> Option<Session> {
        Some(Session {
            node: nameless(&self.origin),
            id: id(&self.id)?,
            title: self.title,
            project: id(&self.project)?,
            project_name: String::new(),
            branch: self.branch,
            agent: AgentKind::parse(&self.agent)?,
            agent_version: self.agent_version,
            model: self.model,
            mode: Mode::parse(&self.mode)?,
            state: SessionState::parse(&self.state).unwrap_or(SessionState::Unknown),
            state_since: self.state_since,
            state_detail: self.state_detail,
            background: self.background,
            queued: None,
            owner_name: String::new(),
            owner: self.owner.as_deref().and_then(id),
            visibility: Visibility::parse(&self.visibility).unwrap_or(Visibility::Private),
            tags: serde_json::from_str(&self.tags).unwrap_or_default(),
            usage: Tokens {
                input: self.tok_input.0,
                output: self.tok_output.0,
                cache_read: self.tok_cache_read.0,
                cache_write: self.tok_cache_write.0,
            },
            cost_micros: self.cost_micros.map(|cost| cost.0),
            context_used: self.context_used,
            context_size: self.context_size,
            started: self.started,
            updated: self.updated,
            turns: self.turns,
            calls: self.calls,
            pending: self.pending,
            last: self.last,
            forked_from: self.forked_from.as_deref().and_then(id),
            unattended: self.unattended,
            run: self.run.as_deref().and_then(id),
            archived: self.archived,
            deleted: self.deleted,
        })
    }
}

/// A session whose row is damaged: the readable part, and advice on what to do.
pub fn damaged(row: &QueryResult) -> Option<Session> {
    let text = |name: &str| row.try_get::<Option<String>>("", name).ok().flatten();
    let number = |name: &str| row.try_get::<i64>("", name).unwrap_or(0);
    let session = id(&text("id")?)?;
    tracing::error!(%session, "a session's row is damaged; `orchwiz rebuild` makes it anew from the events");
    Some(Session {
        node: nameless(&text("origin")?),
        id: session,
        title: text("title").unwrap_or_else(|| "A session that cannot be read".into()),
        project: id(&text("project")?)?,
        project_name: String::new(),
        branch: text("branch"),
        agent: text("agent")
            .and_then(|word| AgentKind::parse(&word))
            .unwrap_or(AgentKind::Claude),
        agent_version: None,
        model: text("model"),
        mode: text("mode").and_then(|word| Mode::parse(&word)).unwrap_or(Mode::Ask),
        state: SessionState::Unknown,
        state_since: number("state_since"),
        state_detail: Some("its row is damaged: stop the node and run `orchwiz rebuild`".into()),
        background: false,
        queued: None,
        owner_name: String::new(),
        owner: text("owner").as_deref().and_then(id),
        visibility: text("visibility")
            .and_then(|word| Visibility::parse(&word))
            .unwrap_or(Visibility::Private),
        tags: Vec::new(),
        usage: Tokens::default(),
        cost_micros: None,
        context_used: None,
        context_size: None,
        started: number("started"),
        updated: number("updated"),
        turns: number("turns"),
        calls: number("calls"),
        pending: number("pending"),
        last: None,
        forked_from: None,
        unattended: row.try_get("", "unattended").unwrap_or(false),
        run: text("run").as_deref().and_then(id),
        archived: None,
        deleted: None,
    })
}

impl ActiveModelBehavior for ActiveModel {}
