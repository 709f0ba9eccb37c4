//! Agents: the dialects of coding agents, turned into one event model.
//! Drivers are pure; they must not spawn, read files, read a clock or draw randomness.

pub mod claude;
pub mod demo;
pub mod discover;
mod event;
mod own;

pub use event::{AgentEvent, Asks, Call, Said, Session, Task, Turn, TurnOutcome, Wish};
pub use own::{Grant, Own};

use crate::process::Spec;
use model::{
    approvals::{ApprovalKind, Question, RememberScope, Suggestion},
    calls::CallShape,
    id::{PromptId, SessionId},
    sessions::{AgentKind, Mode},
};
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf};

/// Everything a driver needs to say how an agent is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The session; its UUID is the agent's own id of the conversation.
    pub session: SessionId,
    /// The project's folder, canonical.
    pub cwd: PathBuf,
    /// How much the agent may do unasked; said anew at every start, agents forget it.
    pub mode: Mode,
    /// The model asked for; the agent's default when `None`.
    pub model: Option<String>,
    /// Whether what the project itself would run (settings, hooks, MCP servers) may run.
    pub trusted: bool,
    /// From what conversation it starts.
    pub how: How,
    /// The agent's program.
    pub program: PathBuf,
    /// Environment on top of the allow-list.
    pub env: BTreeMap<String, String>,
}

/// From what conversation an agent starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// From none.
    Fresh,
    /// From the session's own; only when the agent may have a transcript of it ([`Session::Resumable`]).
    Resume,
    /// From a copy of another session's, which stays as it is.
    Fork {
        /// The session copied.
        from: SessionId,
    },
}

/// One agent process's dialect: pure, no input or output, no clock. Lines in, events out; wishes in, lines out (without
/// their line feed).
///
/// A driver is rebuilt after a restart of the node by giving it, in order, the lines it consumed before and throwing
/// the events away: the same lines always lead to the same driver. Answers need no memory at all.
pub trait Driver: Send {
    /// The command that starts the agent.
    fn spec(&self, start: &Start) -> Spec;
    /// Lines to write first, once per process; its success comes as [`Session::Control`] of [`Wish::Initialize`].
    fn hello(&mut self) -> Vec<Vec<u8>>;
    /// Reads one line of the agent's output. Never panics, whatever the line is, and keeps a bounded amount of it.
    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent>;
    /// Says something to the agent.
    fn prompt(&mut self, id: PromptId, text: &str) -> Vec<Vec<u8>>;
    /// Ends the turn that is going on; the process stays.
    fn interrupt(&mut self) -> Vec<Vec<u8>>;
    /// Changes how much the agent may do unasked.
    fn set_mode(&mut self, mode: Mode) -> Vec<Vec<u8>>;
    /// Changes the model from the next turn on; `None` is the agent's default.
    fn set_model(&mut self, model: Option<&str>) -> Vec<Vec<u8>>;
    /// Answers an [`Ask`]. `request` is the ask's.
    fn answer(&mut self, request: &str, answer: &Answer) -> Vec<Vec<u8>>;
}

/// The driver of an agent, in the state of a process that has not said anything yet.
pub fn driver(agent: AgentKind) -> Box<dyn Driver> {
    match agent {
        // The demo agent speaks the same dialect; only its program and arguments differ.
        AgentKind::Claude => Box::new(claude::Claude::new()),
        AgentKind::Demo => Box::new(claude::Claude::demo()),
    }
}

/// What a person or the node says to an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Allow {
        /// The ask's input, echoed: what the tool will get. `None`: as it was asked.
        input: Option<Value>,
        /// Rules to remember, as the agent suggested them, at the scope chosen: see [`remember`].
        remember: Vec<Value>,
        /// For plans: the mode to go on in.
        mode: Option<Mode>,
        /// For questions: the answers, keyed by the question's full text.
        answers: Option<BTreeMap<String, String>>,
    },
    /// No.
    Deny {
        /// Why; the agent reads it.
        message: String,
        /// Whether the turn ends with it.
        interrupt: bool,
    },
}

impl Answer {
    /// A plain yes to this input.
    pub fn allow(input: Value) -> Self {
        Self::Allow {
            input: Some(input),
            remember: Vec::new(),
            mode: None,
            answers: None,
        }
    }

    /// A no with its reason; the agent goes on with its turn.
    pub fn deny(message: impl Into<String>) -> Self {
        Self::Deny {
            message: message.into(),
            interrupt: false,
        }
    }
}

/// What the node itself says to an ask that [`Ask::is_against_plan`] while the session plans.
pub fn still_planning(agent: AgentKind) -> Answer {
    match agent {
        AgentKind::Claude | AgentKind::Demo => claude::still_planning(),
    }
}

/// The suggestions of an ask as rules to remember at the scope a person chose; without those that no session may have.
pub fn remember(agent: AgentKind, suggestions: &[Suggestion], scope: RememberScope) -> Vec<Value> {
    match agent {
        AgentKind::Claude | AgentKind::Demo => claude::permission::remember(suggestions, scope),
    }
}

/// Whether all of these can be remembered beyond the session.
pub fn can_last(agent: AgentKind, suggestions: &[Suggestion]) -> bool {
    match agent {
        AgentKind::Claude | AgentKind::Demo => claude::permission::can_last(suggestions),
    }
}

/// What an agent writes into the folder's own settings when it is told to remember these; `None` where it writes
/// nothing there, or more than can be told before.
pub fn grant(agent: AgentKind, suggestions: &[Suggestion], scope: RememberScope) -> Option<Grant> {
    match agent {
        AgentKind::Claude => claude::permission::grant(suggestions, scope),
        AgentKind::Demo => None,
    }
}

/// The file that an agent writes what it remembers at this scope to, as people would name it; `None` where it writes
/// none.
pub fn remembered_in(agent: AgentKind, scope: RememberScope) -> Option<&'static str> {
    match agent {
        AgentKind::Claude => claude::own::remembered_in(scope),
        AgentKind::Demo => None,
    }
}

/// What of a folder any of the agents obeys.
pub(crate) fn obeyed() -> impl Iterator<Item = &'static Own> {
    AgentKind::ALL.iter().filter_map(|agent| match agent {
        AgentKind::Claude => Some(&claude::own::OWN),
        // It obeys nothing that lies in a folder.
        AgentKind::Demo => None,
    })
}

/// Why an agent asks, in words all agents share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It does not say.
    Unsaid,
    /// Its mode forbids the call.
    Mode,
    /// A permission rule says ask.
    Rule,
    /// It reaches outside of the project's folder.
    Outside,
    /// Its own safety check.
    Safety,
    /// A hook says ask.
    Hook,
    /// No rule allows a part of the command.
    Part,
    /// Another, which this version does not know.
    Other,
}

/// Something the agent asks of a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The process's id of the request; the answer names it.
    pub request: String,
    /// What is asked.
    pub kind: ApprovalKind,
    /// Which tool.
    pub tool: String,
    /// What kind of thing it does, and where its input says so.
    pub shape: CallShape,
    /// The agent's id of the call.
    pub call: Option<String>,
    /// Exactly what the tool would get.
    pub input: Value,
    /// A secret was left out of the line that asked.
    pub masked: bool,
    /// The same on one line: the command, the path relative to the project, the first line of the plan, the question.
    pub target: String,
    /// Why it asks, in the agent's words.
    pub reason: Option<String>,
    /// Why it asks, in words all agents share.
    pub cause: Cause,
    /// The subagent that asks, by its type where known; `None` for the main thread.
    pub subagent: Option<String>,
    /// What "always" would remember.
    pub suggestions: Vec<Suggestion>,
    /// The questions, for questions.
    pub questions: Vec<Question>,
}

impl Ask {
    /// Whether the agent asks only because its mode forbids the call. Claude Code asks for edits even while planning,
    /// and an allow would let them through: while the session's mode is `plan` the node answers [`still_planning`] to
    /// these.
    pub fn is_against_plan(&self) -> bool {
        self.kind == ApprovalKind::Tool && self.cause == Cause::Mode
    }
}
