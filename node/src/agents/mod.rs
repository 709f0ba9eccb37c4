//! Agents: the dialects of coding agents, mapped to one event model. Drivers are pure; they must not spawn, read files,
//! read a clock or use randomness.

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

/// The inputs of an agent's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The session; its UUID is also the agent's id of the conversation.
    pub session: SessionId,
    /// The project's folder, canonical.
    pub cwd: PathBuf,
    /// What the agent may do unasked. Set at every start, because agents forget it.
    pub mode: Mode,
    /// The chosen model; `None` for the agent's default.
    pub model: Option<String>,
    /// Whether the project's own settings, hooks and MCP servers may run.
    pub trusted: bool,
    /// The conversation to start from.
    pub how: How,
    /// The agent's program.
    pub program: PathBuf,
    /// Environment on top of the allow-list.
    pub env: BTreeMap<String, String>,
}

/// The conversation that an agent starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A new one.
    Fresh,
    /// The session's own, if the agent may have a transcript of it ([`Session::Resumable`]).
    Resume,
    /// A copy of another session's conversation, which stays as it is.
    Fork {
        /// The session to copy.
        from: SessionId,
    },
}

/// The dialect of one agent process, pure: lines in, events out; wishes in, lines out (without their line feed).
///
/// A driver is deterministic. After a restart the node rebuilds it by replaying the lines it consumed, in order, and
/// drops the events. Answers need no state.
pub trait Driver: Send {
    /// The command that starts the agent.
    fn spec(&self, start: &Start) -> Spec;
    /// The first lines for a process. Success comes as [`Session::Control`] of [`Wish::Initialize`].
    fn hello(&mut self) -> Vec<Vec<u8>>;
    /// Reads one line of the agent's output. Never panics on any line, and keeps a bounded part of it.
    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent>;
    /// Gives the agent a prompt.
    fn prompt(&mut self, id: PromptId, text: &str) -> Vec<Vec<u8>>;
    /// Ends the present turn; the process stays.
    fn interrupt(&mut self) -> Vec<Vec<u8>>;
    /// Changes what the agent may do unasked.
    fn set_mode(&mut self, mode: Mode) -> Vec<Vec<u8>>;
    /// Changes the model from the next turn on; `None` is the agent's default.
    fn set_model(&mut self, model: Option<&str>) -> Vec<Vec<u8>>;
    /// Answers the [`Ask`] with this `request`.
    fn answer(&mut self, request: &str, answer: &Answer) -> Vec<Vec<u8>>;
}

/// A new driver, for a process that has not said anything yet.
pub fn driver(agent: AgentKind) -> Box<dyn Driver> {
    match agent {
        // The demo agent speaks the same dialect with another program and arguments.
        AgentKind::Claude => Box::new(claude::Claude::new()),
        AgentKind::Demo => Box::new(claude::Claude::demo()),
    }
}

/// The answer of a person or the node to an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Allow the call.
    Allow {
        /// The tool's input; `None` for the input as asked.
        input: Option<Value>,
        /// Rules to remember at the chosen scope, as the agent suggested them; see [`remember`].
        remember: Vec<Value>,
        /// For plans: the mode after the approval.
        mode: Option<Mode>,
        /// For questions: the answers, keyed by the question's whole text.
        answers: Option<BTreeMap<String, String>>,
    },
    /// Deny the call.
    Deny {
        /// The reason, for the agent.
        message: String,
        /// Whether the denial also ends the turn.
        interrupt: bool,
    },
}

impl Answer {
    /// Allows this input.
    pub fn allow(input: Value) -> Self {
        Self::Allow {
            input: Some(input),
            remember: Vec::new(),
            mode: None,
            answers: None,
        }
    }

    /// Denies with a reason; the agent continues its turn.
    pub fn deny(message: impl Into<String>) -> Self {
        Self::Deny {
            message: message.into(),
            interrupt: false,
        }
    }
}

/// The node's own answer to an [`Ask::is_against_plan`] while the session plans.
pub fn still_planning(agent: AgentKind) -> Answer {
    match agent {
        AgentKind::Claude | AgentKind::Demo => claude::still_planning(),
    }
}

/// The suggestions of an ask as rules at the scope that a person chose; rules forbidden in every session are left out.
pub fn remember(agent: AgentKind, suggestions: &[Suggestion], scope: RememberScope) -> Vec<Value> {
    match agent {
        AgentKind::Claude | AgentKind::Demo => claude::permission::remember(suggestions, scope),
    }
}

/// Whether all of these can outlast the session.
pub fn can_last(agent: AgentKind, suggestions: &[Suggestion]) -> bool {
    match agent {
        AgentKind::Claude | AgentKind::Demo => claude::permission::can_last(suggestions),
    }
}

/// What an agent adds to the folder's own settings when it remembers these. `None` if it leaves them alone, or if the
/// result cannot be foretold.
pub fn grant(agent: AgentKind, suggestions: &[Suggestion], scope: RememberScope) -> Option<Grant> {
    match agent {
        AgentKind::Claude => claude::permission::grant(suggestions, scope),
        AgentKind::Demo => None,
    }
}

/// The file in which an agent remembers at this scope, as people would name it; `None` if there is none.
pub fn remembered_in(agent: AgentKind, scope: RememberScope) -> Option<&'static str> {
    match agent {
        AgentKind::Claude => claude::own::remembered_in(scope),
        AgentKind::Demo => None,
    }
}

/// What the agents read from a folder.
pub(crate) fn obeyed() -> impl Iterator<Item = &'static Own> {
    AgentKind::ALL.iter().filter_map(|agent| match agent {
        AgentKind::Claude => Some(&claude::own::OWN),
        // The demo agent obeys nothing in a folder.
        AgentKind::Demo => None,
    })
}

/// Why an agent asks, in words all agents share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No cause given.
    Unsaid,
    /// The mode forbids the call.
    Mode,
    /// A permission rule demands it.
    Rule,
    /// The call reaches outside the project's folder.
    Outside,
    /// The agent's own safety check.
    Safety,
    /// A hook demands it.
    Hook,
    /// No rule allows a part of the command.
    Part,
    /// A cause that this version does not know.
    Other,
}

/// A question of the agent to a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The process's id of the request, for the answer.
    pub request: String,
    /// The kind of approval.
    pub kind: ApprovalKind,
    /// The tool's name.
    pub tool: String,
    /// The class of the tool, and where its input says so.
    pub shape: CallShape,
    /// The agent's id of the call.
    pub call: Option<String>,
    /// The tool's exact input.
    pub input: Value,
    /// Whether a secret was masked in the line that asked.
    pub masked: bool,
    /// The input on one line: the command, the path relative to the project, the plan's first line, the question.
    pub target: String,
    /// The cause in the agent's words.
    pub reason: Option<String>,
    /// The cause in words that all agents share.
    pub cause: Cause,
    /// The type of the subagent that asks; `None` for the main thread.
    pub subagent: Option<String>,
    /// The rules that "always" would remember.
    pub suggestions: Vec<Suggestion>,
    /// The questions, if it asks any.
    pub questions: Vec<Question>,
}

impl Ask {
    /// Whether the agent asks only because its mode forbids the call. Claude Code asks for edits even while it plans,
    /// and would do them if allowed. So the node answers [`still_planning`] while the session's mode is `plan`.
    pub fn is_against_plan(&self) -> bool {
        self.kind == ApprovalKind::Tool && self.cause == Cause::Mode
    }
}
