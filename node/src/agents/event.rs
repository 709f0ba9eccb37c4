//! Agent events in words that all agents share, in one group for each way the node handles them. A driver makes them;
//! `sessions::apply` handles each group in a file of its own.

use super::Ask;
use model::{
    Micros,
    calls::CallShape,
    entries::{CallStatus, EntryKind, Todo},
    sessions::{Mode, Tokens},
};
use serde_json::Value;

/// An event of an agent.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentEvent {
    /// A turn begins or ends.
    Turn(Turn),
    /// The agent's words.
    Said(Said),
    /// A tool call.
    Call(Call),
    /// A question to a person, or its withdrawal.
    Ask(Asks),
    /// A background task.
    Task(Task),
    /// Properties, abilities and cost of the process.
    Session(Session),
}

/// Turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A turn began, with a prompt or without: the agent continues by itself when a background task ends.
    Started,
    /// A turn ended; the agent waits for the next prompt.
    Ended {
        /// How the turn ended.
        outcome: TurnOutcome,
    },
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnOutcome {
    /// Well.
    Completed,
    /// A person interrupted it.
    Interrupted,
    /// Failed; a sentence for people. A [`Said::Error`] reported the error before.
    Failed(String),
}

/// The agent's words.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The next piece of a half-written text, to append. The whole text follows as [`Said::Message`] or
    /// [`Said::Thought`] and replaces it.
    Delta {
        /// `message` or `thought`.
        kind: EntryKind,
        /// The id of the subagent call it belongs to.
        parent: Option<String>,
        /// The piece.
        text: String,
    },
    /// Drops all half-written text of the thread: its reply begins anew or will not be finished.
    DeltaReset {
        /// The id of the subagent call it belongs to.
        parent: Option<String>,
    },
    /// A whole message, in Markdown.
    Message {
        /// The id of the subagent call it belongs to.
        parent: Option<String>,
        /// All of it.
        text: String,
    },
    /// A whole thought.
    Thought {
        /// The id of the subagent call it belongs to.
        parent: Option<String>,
        /// All of it.
        text: String,
    },
    /// The whole new to-do list.
    Todo {
        /// The id of the subagent call it belongs to.
        parent: Option<String>,
        /// The list.
        todos: Vec<Todo>,
    },
    /// A notable change of state, on one line.
    Status {
        /// What changed.
        text: String,
    },
    /// A failure, with a sentence that a person can act on.
    Error {
        /// A sentence for people.
        text: String,
    },
    /// An unknown message, unchanged. A line that is not a JSON object is a string, cut after 64 KiB.
    Raw(Value),
}

/// Tool calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// A tool call began, or waits for permission.
    Start {
        /// The agent's id of the call.
        id: String,
        /// The tool's name as the agent gives it.
        tool: String,
        /// The class of the tool, and where its input says so.
        shape: CallShape,
        /// The target, on one line.
        target: String,
        /// The exact input.
        input: Value,
        /// The id of the subagent call it belongs to.
        parent: Option<String>,
    },
    /// A tool call ended.
    End {
        /// The agent's id of the call.
        id: String,
        /// How: `ok`, `failed` or `denied`.
        status: CallStatus,
        /// The outcome in a few words.
        result: Option<String>,
        /// Lines added, where it edits.
        added: Option<i64>,
        /// Lines removed, where it edits.
        removed: Option<i64>,
        /// The output: `{"output": text, "patch": [hunks]?, "path": text?}`; a hunk is `{oldStart, oldLines, newStart,
        /// newLines, lines}`.
        output: Value,
    },
}

/// Questions to a person.
#[derive(Clone, Debug, PartialEq)]
pub enum Asks {
    /// The agent asks and waits, also between turns: subagents work in the background.
    New(Box<Ask>),
    /// The agent withdrew that request.
    Cancelled {
        /// The ask's id.
        request: String,
    },
}

/// Background tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// A background task began.
    Started {
        /// The agent's id of the task.
        id: String,
        /// The tool call that started it.
        call: Option<String>,
        /// An open set: `local_bash`, `local_agent`, ...
        task: Option<String>,
        /// The task in the agent's words.
        text: String,
    },
    /// A background task reports progress.
    Progress {
        /// The agent's id of the task.
        id: String,
        /// The progress, on one line.
        text: String,
    },
    /// A background task ended.
    Ended {
        /// The agent's id of the task.
        id: String,
        /// How the task ended.
        status: CallStatus,
        /// The outcome, on one line.
        text: String,
    },
}

/// Properties, abilities and cost of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Session {
    /// The agent describes itself, at every turn; only changes matter.
    Ready {
        /// Its version.
        version: Option<String>,
        /// The model that answers.
        model: Option<String>,
        /// Its mode; `None` for a mode that OrchWiz does not offer.
        mode: Option<Mode>,
    },
    /// The agent's new mode.
    Mode(Mode),
    /// The agent answered a wish.
    Control {
        /// The wish it answers.
        wish: Wish,
        /// Whether it was granted.
        ok: bool,
        /// Why the wish was refused.
        error: Option<String>,
    },
    /// Running totals of this process for one model; the newest replaces the last.
    Usage {
        /// Which model.
        model: String,
        /// Tokens so far.
        tokens: Tokens,
        /// Cost so far, if the agent reports it.
        cost_micros: Option<Micros>,
    },
    /// How full the model's context is.
    Context {
        /// Tokens used.
        used: i64,
        /// Tokens that fit, where known.
        size: Option<i64>,
    },
    /// From now on the agent may have a transcript, so the next start tries [`super::How::Resume`] first; an agent
    /// without one says so. Once per process.
    Resumable,
    /// The agent was to [`super::How::Resume`] but has no such conversation, and ends. Start it with
    /// [`super::How::Fresh`].
    NothingToResume,
    /// Write this line to the agent: an answer to the node that needs no person.
    Reply {
        /// The line, without its line feed.
        line: Vec<u8>,
    },
}

/// A wish that the agent answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// [`super::Driver::hello`].
    Initialize,
    /// [`super::Driver::interrupt`].
    Interrupt,
    /// [`super::Driver::set_mode`].
    Mode(Mode),
    /// [`super::Driver::set_model`].
    Model,
}
