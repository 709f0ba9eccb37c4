//! What an agent did or said, in words all agents share: one group for each thing that the node does about it.
//! A driver makes these, and `sessions::apply` hears each group in a file of its own.

use super::Ask;
use model::{
    Micros,
    calls::CallShape,
    entries::{CallStatus, EntryKind, Todo},
    sessions::{Mode, Tokens},
};
use serde_json::Value;

/// What an agent did or said.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentEvent {
    /// A turn begins or ends.
    Turn(Turn),
    /// It puts something into words.
    Said(Said),
    /// It calls a tool.
    Call(Call),
    /// It asks a person, or no longer.
    Ask(Asks),
    /// Something goes on in the background.
    Task(Task),
    /// What its process is and can do, and what it costs.
    Session(Session),
}

/// Turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A turn began. Also by itself, without a prompt: when a background task ends, the agent goes on.
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
    /// Badly; a sentence for people, which a [`Said::Error`] said before.
    Failed(String),
}

/// What an agent puts into words.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// More of a text that is being written: append it. Provisional: the whole follows as [`Said::Message`] or
    /// [`Said::Thought`], which replaces it.
    Delta {
        /// `message` or `thought`.
        kind: EntryKind,
        /// The id of the subagent call it belongs to.
        parent: Option<String>,
        /// The piece.
        text: String,
    },
    /// All half-written text of that thread is void: its reply begins anew or will not be finished.
    DeltaReset {
        /// The id of the subagent call it belongs to.
        parent: Option<String>,
    },
    /// The agent said something, whole. Markdown.
    Message {
        /// The id of the subagent call it belongs to.
        parent: Option<String>,
        /// All of it.
        text: String,
    },
    /// The agent thought something, whole.
    Thought {
        /// The id of the subagent call it belongs to.
        parent: Option<String>,
        /// All of it.
        text: String,
    },
    /// What the agent means to do, all of it anew.
    Todo {
        /// The id of the subagent call it belongs to.
        parent: Option<String>,
        /// The list.
        todos: Vec<Todo>,
    },
    /// A change of state worth seeing, one line.
    Status {
        /// What changed.
        text: String,
    },
    /// Something went wrong, a sentence a person can act on.
    Error {
        /// A sentence for people.
        text: String,
    },
    /// A message this version does not know, as it came; a line that is not a JSON object as a string, cut after 64
    /// KiB.
    Raw(Value),
}

/// Tool calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// A tool call began, or waits to be allowed.
    Start {
        /// The agent's id of the call.
        id: String,
        /// The tool's name as the agent gives it.
        tool: String,
        /// What kind of thing it does, and where its input says so.
        shape: CallShape,
        /// What it acts on, one line.
        target: String,
        /// Exactly what it gets.
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
        /// What came back: `{"output": text, "patch": [hunks]?, "path": text?}`; a hunk is `{oldStart, oldLines,
        /// newStart, newLines, lines}`.
        output: Value,
    },
}

/// Questions to a person.
#[derive(Clone, Debug, PartialEq)]
pub enum Asks {
    /// The agent asks a person and waits. Also between turns: subagents work in the background.
    New(Box<Ask>),
    /// It no longer wants an answer to that request.
    Cancelled {
        /// The ask's id.
        request: String,
    },
}

/// Background tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Something goes on in the background.
    Started {
        /// The agent's id of the task.
        id: String,
        /// The tool call that started it.
        call: Option<String>,
        /// `local_bash`, `local_agent`, ... Open.
        task: Option<String>,
        /// What it is, in the agent's words.
        text: String,
    },
    /// A background task got on.
    Progress {
        /// The agent's id of the task.
        id: String,
        /// How far, one line.
        text: String,
    },
    /// A background task ended.
    Ended {
        /// The agent's id of the task.
        id: String,
        /// How the task ended.
        status: CallStatus,
        /// What came of it, one line.
        text: String,
    },
}

/// What the process is and can do, and what it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Session {
    /// The agent said what it is. Comes with every turn; only what changed matters.
    Ready {
        /// Its version.
        version: Option<String>,
        /// The model that answers.
        model: Option<String>,
        /// Its mode; `None` for one OrchWiz does not offer.
        mode: Option<Mode>,
    },
    /// The agent's mode is now this.
    Mode(Mode),
    /// The agent answered a wish.
    Control {
        /// The wish it answers.
        wish: Wish,
        /// Whether it was granted.
        ok: bool,
        /// Why not.
        error: Option<String>,
    },
    /// Running totals of this process for one model: the newest replaces the one before.
    Usage {
        /// Which model.
        model: String,
        /// Tokens so far.
        tokens: Tokens,
        /// Cost so far, where the agent says any.
        cost_micros: Option<Micros>,
    },
    /// How full the model's context is.
    Context {
        /// Tokens used.
        used: i64,
        /// Tokens that fit, where known.
        size: Option<i64>,
    },
    /// From now on the agent may have a transcript: [`super::How::Resume`] comes first, and where there is none it says
    /// so. Said once per process.
    Resumable,
    /// [`super::How::Resume`] was asked for, but the agent has no such conversation; it ends. Start it anew with
    /// [`super::How::Fresh`].
    NothingToResume,
    /// Write this line to the agent: it asked the node itself for something that needs an answer but no person.
    Reply {
        /// The line, without its line feed.
        line: Vec<u8>,
    },
}

/// A wish the agent has answered.
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
