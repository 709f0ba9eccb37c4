//! Sessions: one conversation each between people and an agent in a project, as rows and as requests.

use crate::{
    Error, Micros, Millis, Pos, Result,
    caller::Visibility,
    id::{ProjectId, PromptId, RunId, SessionId, UserId},
    standing::Standing,
};
use serde::{Deserialize, Serialize};

/// Declares an enum with one word per variant for JSON, tables, URLs, pages and the OpenAPI document.
macro_rules! words {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[doc = $vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in JSON, tables, URLs and pages.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the word back.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        // Not derived: behind a macro the derive does not see serde's `rename` and would write the variants' names.
        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let about = concat!($($doc, "\n",)* $("\n- `", $word, "`:", $($vdoc,)*)+).trim();
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(about))
                    .enum_values(Some([$($word),+]))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}
pub(crate) use words;

words! {
    /// What a session is doing, as far as this node knows; `unknown` instead of a guess.
    SessionState {
        /// Accepted; waits for a free place (`agents.max`).
        Queued = "queued",
        /// Its agent's process is being started.
        Starting = "starting",
        /// The agent is at work on a turn.
        Working = "working",
        /// A person must act on an approval, a plan or a question.
        Waiting = "waiting",
        /// Open, nothing runs; the next prompt continues it.
        Idle = "idle",
        /// A person interrupted the turn; the next prompt continues it.
        Interrupted = "interrupted",
        /// It ended badly; the detail says why.
        Failed = "failed",
        /// A person stopped it, or its only task ended well.
        Done = "done",
        /// Nobody saw how its agent ended, or this node cannot tell.
        Unknown = "unknown",
    }
}

impl SessionState {
    /// Whether it may have an agent process.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Queued | Self::Starting | Self::Working | Self::Waiting)
    }
}

words! {
    /// How much the agent may do unasked.
    Mode {
        /// Explores and proposes; edits nothing until its plan is approved.
        Plan = "plan",
        /// Asks before edits, commands and network.
        Ask = "ask",
        /// Edits files in the project unasked; asks for the rest.
        AutoAccept = "auto-accept",
    }
}

words! {
    /// Why a session is queued.
    QueuedWhy {
        /// It starts as soon as the node gets to it, or once the agent that makes room for it is gone.
        Next = "next",
        /// The node is full with agents at work.
        Places = "places",
        /// The node is full with agents that wait for a person: answering one makes room.
        People = "people",
        /// Its own previous agent is still being ended.
        Ending = "ending",
    }
}

/// Why a session is queued, and how full its node is. A momentary value that is never journaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Queued {
    /// What it waits for.
    pub why: QueuedWhy,
    /// Agents at work, or at rest with a background task; 0 where the node is not full.
    pub busy: i64,
    /// Agents that wait for a person, counted apart; 0 where the node is not full.
    pub waiting: i64,
    /// The most agents at work at once (`agents.max`), and the most that may wait beside them; 0 where the node is not
    /// full.
    pub max: i64,
}

words! {
    /// Which agent a session runs.
    AgentKind {
        /// Claude Code.
        Claude = "claude",
        /// The scripted agent that ships with the binary: no model, no network.
        Demo = "demo",
    }
}

impl AgentKind {
    /// The name on pages.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Claude => "Claude Code",
            Self::Demo => "Demo, no model",
        }
    }
}

/// The cap on each number an agent reports, tokens or millionths of a dollar, per process, session and day. A sum of
/// half a million capped values still fits.
pub const USAGE_MOST: i64 = 1 << 44;

/// Tokens spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tokens {
    /// Fresh input.
    pub input: i64,
    /// Output, thinking included.
    pub output: i64,
    /// Input read from the provider's cache.
    pub cache_read: i64,
    /// Input written to the provider's cache.
    pub cache_write: i64,
}

impl Tokens {
    /// The sum of all four.
    pub const fn total(self) -> i64 {
        self.input
            .saturating_add(self.output)
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
    }

    /// The sums, kind by kind.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write: self.cache_write.saturating_add(other.cache_write),
        }
    }

    /// Each clamped to 0 and [`USAGE_MOST`].
    #[must_use]
    pub fn bounded(self) -> Self {
        let within = |n: i64| n.clamp(0, USAGE_MOST);
        Self {
            input: within(self.input),
            output: within(self.output),
            cache_read: within(self.cache_read),
            cache_write: within(self.cache_write),
        }
    }
}

/// A session, as lists and pages show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// The node that it runs on.
    pub node: crate::fleet::NodeRef,
    /// Its id.
    pub id: SessionId,
    /// Its title; the prompt's first words until somebody renames it.
    pub title: String,
    /// The project it works in.
    pub project: ProjectId,
    /// That project's name.
    pub project_name: String,
    /// The git branch when it started.
    pub branch: Option<String>,
    /// Which agent.
    pub agent: AgentKind,
    /// The agent's version as it reported it.
    pub agent_version: Option<String>,
    /// The model as the agent reported it, else as asked for.
    pub model: Option<String>,
    /// How much the agent may do unasked.
    pub mode: Mode,
    /// Its state.
    pub state: SessionState,
    /// When it entered this state.
    pub state_since: Millis,
    /// Detail of the state: whom and what it waits for, why it failed, what it works on.
    pub state_detail: Option<String>,
    /// It waits between turns: only a subagent in the background asks, and the agent itself takes a prompt.
    #[serde(default)]
    pub background: bool,
    /// Why it is queued; `None` when it is not, or while the node has not decided yet.
    #[serde(default)]
    pub queued: Option<Queued>,
    /// The person who started it.
    pub owner: Option<UserId>,
    /// That person's name.
    pub owner_name: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// Free words people attach.
    pub tags: Vec<String>,
    /// Tokens spent so far.
    pub usage: Tokens,
    /// The cost so far by the agent's own account; `None` if it reports none.
    pub cost_micros: Option<Micros>,
    /// Tokens in the model's context after the last turn.
    pub context_used: Option<i64>,
    /// The size of that context, in tokens.
    pub context_size: Option<i64>,
    /// When it was created.
    pub started: Millis,
    /// When something last happened in it.
    pub updated: Millis,
    /// Turns so far.
    pub turns: i64,
    /// Tool calls so far.
    pub calls: i64,
    /// Approvals, plans and questions that wait for a person.
    pub pending: i64,
    /// One line: what happened last.
    pub last: Option<String>,
    /// The session it was forked from.
    pub forked_from: Option<SessionId>,
    /// Started by a token or the command line. Its approvals are denied after the project's time limit, or an hour
    /// without one.
    pub unattended: bool,
    /// The agent process that serves it now.
    pub run: Option<RunId>,
    /// When a person archived it.
    pub archived: Option<Millis>,
    /// When a person deleted it; it can be restored for 30 days.
    pub deleted: Option<Millis>,
}

impl Session {
    /// Its standing: state, process and background together.
    pub const fn standing(&self) -> Standing {
        Standing {
            state: self.state,
            run: self.run.is_some(),
            background: self.background,
        }
    }
}

/// The place a session works in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workplace {
    /// In a project.
    Project(ProjectId),
    /// In a folder, by its absolute path; it becomes a project with the session if it is none yet.
    Folder(String),
}

/// What `POST /sessions` takes: a project or a folder, and the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewSession {
    /// The project to work in; absent where `folder` is given.
    #[serde(default)]
    pub project: Option<ProjectId>,
    /// The absolute path of the folder to work in. A folder that is no project yet becomes one, untrusted.
    #[serde(default)]
    pub folder: Option<String>,
    /// Which agent.
    pub agent: AgentKind,
    /// How much the agent may do unasked.
    pub mode: Mode,
    /// The first prompt; 1 to 100,000 characters.
    pub prompt: String,
    /// The title; the prompt's first words when absent.
    #[serde(default)]
    pub title: Option<String>,
    /// Which model; the agent's default when absent.
    #[serde(default)]
    pub model: Option<String>,
    /// Who may see it; `project` when absent.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

impl NewSession {
    /// The place to work in.
    ///
    /// # Errors
    /// `Invalid` about `project` unless exactly one of project and folder is named.
    pub fn workplace(&self) -> Result<Workplace> {
        match (self.project, &self.folder) {
            (Some(project), None) => Ok(Workplace::Project(project)),
            (None, Some(folder)) => Ok(Workplace::Folder(folder.clone())),
            (None, None) => Err(Error::invalid(
                "project",
                "choose a project, or give the path of a folder",
            )),
            (Some(_), Some(_)) => Err(Error::invalid("project", "name a project or a folder, not both")),
        }
    }
}

/// What `PATCH /sessions/{id}` takes; absent fields stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionPatch {
    /// A new title, 1 to 200 characters.
    pub title: Option<String>,
    /// All tags anew: at most 20, each 1 to 40 characters.
    pub tags: Option<Vec<String>>,
    /// Archive (`true`) or unarchive.
    pub archived: Option<bool>,
    /// Who may see it.
    pub visibility: Option<Visibility>,
}

/// Which sessions a list shows; newest activity first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionFilter {
    /// Only in one of these states; empty means any.
    pub state: Vec<SessionState>,
    /// Only in this project.
    pub project: Option<ProjectId>,
    /// Only of this agent.
    pub agent: Option<AgentKind>,
    /// Title or project contains this, case folded.
    pub q: Option<String>,
    /// Only with this tag.
    pub tag: Option<String>,
    /// Only archived sessions instead of only the others.
    pub archived: bool,
}

impl SessionFilter {
    /// Whether a list with this filter shows the session: the same rule as the node's SQL. `lower` puts text into lower
    /// case; browsers use their own tables of letters.
    pub fn shows(&self, session: &Session, lower: impl Fn(&str) -> String) -> bool {
        let Self {
            state,
            project,
            agent,
            q,
            tag,
            archived,
        } = self;
        let wanted = q.as_deref().map(|q| lower(q.trim())).unwrap_or_default();
        session.deleted.is_none()
            && session.archived.is_some() == *archived
            && (state.is_empty() || state.contains(&session.state))
            && project.is_none_or(|project| project == session.project)
            && agent.is_none_or(|agent| agent == session.agent)
            && (lower(&session.title).contains(&wanted) || lower(&session.project_name).contains(&wanted))
            && tag.as_ref().is_none_or(|tag| session.tags.contains(tag))
    }

    /// Reads it from the query of an address; `get` gives a parameter's value. What it does not understand is left out.
    pub fn from_query(get: impl Fn(&str) -> Option<String>) -> Self {
        let word = |name: &str| {
            get(name)
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
        };
        let states = word("state").unwrap_or_default();
        let asked = |state: &SessionState| {
            states
                .split([',', ' ', '+'])
                .any(|word| SessionState::parse(word) == Some(*state))
        };
        Self {
            state: SessionState::ALL.iter().copied().filter(asked).collect(),
            project: word("project").and_then(|id| id.parse().ok()),
            agent: word("agent").and_then(|agent| AgentKind::parse(&agent)),
            q: word("q"),
            tag: word("tag"),
            archived: word("archived").is_some_and(|text| matches!(text.as_str(), "1" | "true" | "on")),
        }
    }

    /// The parameters that [`SessionFilter::from_query`] reads as this filter, in a fixed order, not encoded.
    pub fn to_query(&self) -> Vec<(&'static str, String)> {
        let Self {
            state,
            project,
            agent,
            q,
            tag,
            archived,
        } = self;
        let states: Vec<_> = state.iter().map(|state| state.word()).collect();
        [
            ("state", (!states.is_empty()).then(|| states.join(","))),
            ("project", project.map(|project| project.to_string())),
            ("agent", agent.map(|agent| agent.word().to_owned())),
            ("q", q.clone()),
            ("tag", tag.clone()),
            ("archived", archived.then(|| "1".to_owned())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

words! {
    /// Whether a prompt has reached the agent.
    PromptState {
        /// Accepted and durable; the agent is busy or not running yet.
        Queued = "queued",
        /// Given to the agent.
        Sent = "sent",
        /// Taken back by a person before it was sent.
        Withdrawn = "withdrawn",
    }
}

/// A person's prompt to an agent, from its acceptance on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Prompt {
    /// Its id.
    pub id: PromptId,
    /// In which session.
    pub session: SessionId,
    /// Its text.
    pub text: String,
    /// The name of its author.
    pub by_name: String,
    /// When it was accepted.
    pub at: Millis,
    /// Whether the agent has it.
    pub state: PromptState,
}

/// A line of the agent's raw stream, from the run's spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RawLine {
    /// Which process wrote it.
    pub run: RunId,
    /// Byte offset of the line in that run's spool.
    pub offset: u64,
    /// The line, decoded lossily, at most 64 KiB of it.
    pub text: String,
}

/// A session with what its page shows beside the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionView {
    /// The session.
    pub session: Session,
    /// Whether the project is trusted; an untrusted one runs nothing of its own.
    pub trusted: bool,
    /// Whether the project has files of its own that would run if it were trusted.
    pub runs_own: bool,
    /// Prompts that wait for the agent.
    pub queued: Vec<Prompt>,
    /// The position at which all of this was read; the live socket starts here.
    pub pos: Pos,
    /// Whether the caller may `operate` the session, or only watch.
    pub may_drive: bool,
}

/// A session exists from now on, queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCreated {
    /// The project it works in.
    pub project: ProjectId,
    /// Which agent.
    pub agent: AgentKind,
    /// How much the agent may do unasked.
    pub mode: Mode,
    /// Its title.
    pub title: String,
    /// The model asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The person who started it.
    pub owner: Option<UserId>,
    /// Who may see it.
    pub visibility: Visibility,
    /// The git branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The session whose conversation it continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<SessionId>,
    /// Started by a token or the command line, so nobody may be watching. Absent means somebody is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unattended: bool,
}

/// A session has another state, or another detail in the same state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionMoved {
    /// The state.
    pub state: SessionState,
    /// Its cause or detail, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// It waits between turns: only a subagent in the background asks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub background: bool,
}

/// A session's title, tags, mode, model, ... changed. Absent fields stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionChanged {
    /// A new title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// All tags anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Archived, or unarchived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// Who may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// The mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The agent's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// Tokens in the model's context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_used: Option<i64>,
    /// The size of that context, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_size: Option<i64>,
    /// The agent has a transcript of it, so it can be resumed rather than started anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumable: Option<bool>,
}

/// A session was deleted (hidden), or restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDeleted {
    /// `true` hides it, `false` restores it.
    pub deleted: bool,
}

/// A session was removed for good; its payloads are nulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPurged {}

/// A person's prompt was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptQueued {
    /// The prompt.
    pub id: PromptId,
    /// In which session.
    pub session: SessionId,
    /// Its text.
    pub text: String,
    /// The name of its author.
    pub by_name: String,
}

/// A prompt was given to the agent, or taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptSettled {
    /// The prompt.
    pub id: PromptId,
    /// In which session.
    pub session: SessionId,
    /// `true` when the agent has it, `false` when it was withdrawn.
    pub sent: bool,
}
