//! Entries: the items of a transcript. A row holds what a line of the timeline needs; a page fetches the body when a
//! person opens it.

use crate::{
    Millis,
    calls::{CallClass, CallShape},
    id::{ApprovalId, SessionId},
    sessions::words,
};
use serde::{Deserialize, Serialize};

words! {
    /// The kind of an entry.
    EntryKind {
        /// A person's prompt.
        Prompt = "prompt",
        /// A message of the agent.
        Message = "message",
        /// A thought of the agent.
        Thought = "thought",
        /// A tool call, with its outcome once it has one.
        Tool = "tool",
        /// A plan the agent proposed.
        Plan = "plan",
        /// A list of things the agent means to do.
        Todo = "todo",
        /// A task in the background.
        Task = "task",
        /// A change of state worth seeing: mode, model, resumed, compacted.
        Status = "status",
        /// Something went wrong.
        Error = "error",
        /// A message of the agent that this version does not know; its body is the raw JSON.
        Raw = "raw",
    }
}

words! {
    /// The state of a tool call or background task.
    CallStatus {
        /// Still running.
        Running = "running",
        /// Ended well.
        Ok = "ok",
        /// Ended badly.
        Failed = "failed",
        /// A person, a rule or the mode said no.
        Denied = "denied",
        /// Nobody saw how it ended.
        Unknown = "unknown",
    }
}

words! {
    /// The state of a thing to do.
    TodoState {
        /// Not begun.
        Pending = "pending",
        /// Being done.
        Active = "active",
        /// Done.
        Done = "done",
        /// It will not be done.
        Dropped = "dropped",
    }
}

/// One item of the agent's list. The body of an entry of kind `todo` is the whole list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Todo {
    /// What, in the agent's words.
    pub text: String,
    /// Its state.
    pub state: TodoState,
}

/// The tool call of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Call {
    /// The agent's id of the call.
    pub id: String,
    /// The tool's name as the agent gives it.
    pub tool: String,
    /// Its class; `other` for tasks.
    pub class: CallClass,
    /// The tool's name for people, where it differs: `slack post`.
    pub label: Option<String>,
    /// What it acts on, one line: a path, a command.
    pub target: String,
    /// Its state.
    pub status: CallStatus,
    /// The outcome in a few words: `214 lines`, `exit 101`, `+9 -3`.
    pub result: Option<String>,
    /// Lines added, where it edits.
    pub added: Option<i64>,
    /// Lines removed, where it edits.
    pub removed: Option<i64>,
    /// When it ended.
    pub ended: Option<Millis>,
}

impl Call {
    /// The tool's name for people.
    pub fn name(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.tool)
    }
}

/// One line of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Entry {
    /// In which session.
    pub session: SessionId,
    /// Its place in the session, gapless from 1.
    pub seq: i64,
    /// The turn it belongs to, from 1; 0 before the first.
    pub turn: i64,
    /// Its kind.
    pub kind: EntryKind,
    /// When it happened.
    pub at: Millis,
    /// The id of the subagent call it belongs to; `None` on the main thread.
    pub parent: Option<String>,
    /// The name of its author, for prompts.
    pub by_name: Option<String>,
    /// The first 200 characters of its text.
    pub preview: String,
    /// Whether the body says more than the preview.
    pub more: bool,
    /// The text as sanitised HTML, for messages, prompts and plans up to 32 KiB; longer ones are in the body.
    pub html: Option<String>,
    /// The tool call, for kinds `tool` and `task`.
    pub call: Option<Call>,
    /// The approval that decides about it.
    pub approval: Option<ApprovalId>,
}

/// A line of a diff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiffLine {
    /// `+`, `-`, a space, or `@` for a gap between hunks.
    pub sign: char,
    /// Line number before; `None` for added lines and gaps.
    pub old: Option<u32>,
    /// Line number after; `None` for removed lines and gaps.
    pub new: Option<u32>,
    /// The line in pieces; `true` marks what changed within it.
    pub parts: Vec<(bool, String)>,
}

/// A change to one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Diff {
    /// The file; relative to the project if it lies inside.
    pub path: String,
    /// Lines added.
    pub added: i64,
    /// Lines removed.
    pub removed: i64,
    /// The changed lines with three lines of context.
    pub lines: Vec<DiffLine>,
    /// Lines left out of a change that is too large to show.
    pub omitted: i64,
    /// Lines that are cut because they are too long.
    #[serde(default)]
    pub shortened: i64,
    /// Why the change has no known place in the file. Its lines then have no numbers and no context. `None` where it
    /// has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unplaced: Option<Unplaced>,
}

words! {
    /// Why a change has no known place in a file.
    Unplaced {
        /// The file lies outside of the project's folder, or a link there leads out.
        Outside = "outside",
        /// There is no such file.
        Missing = "missing",
        /// The file is too large to compare.
        TooLarge = "too_large",
        /// The file cannot be read, is not text, or its disk does not answer.
        Unreadable = "unreadable",
        /// The text to replace is not in the file as it is now.
        NotFound = "not_found",
        /// The text to replace is in the file several times, and only one of them is meant.
        Ambiguous = "ambiguous",
        /// The call has ended, and the file was not read.
        Past = "past",
    }
}

/// The body of an entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntryBody {
    /// The whole text: of a message, a thought, a prompt, an error.
    pub text: Option<String>,
    /// The same as sanitised HTML, where it is Markdown.
    pub html: Option<String>,
    /// The exact input of a tool.
    pub input: Option<serde_json::Value>,
    /// The input's main part, highlighted: a command, a file's content. Sanitised HTML of spans.
    pub input_html: Option<String>,
    /// The output of a tool, as text.
    pub output: Option<String>,
    /// The change a tool made, or wants to make.
    pub diff: Option<Diff>,
    /// The raw message, for kinds this version does not know; the list of things to do, for kind `todo`.
    pub raw: Option<serde_json::Value>,
}

/// Text that is still being written: kept in memory, never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Partial {
    /// In which session.
    pub session: SessionId,
    /// `message` or `thought`.
    pub kind: EntryKind,
    /// The id of the subagent call it belongs to.
    pub parent: Option<String>,
    /// All of it so far.
    pub text: String,
}

/// A text of an entry: inline when small, else in a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The value itself.
    Inline(serde_json::Value),
    /// BLAKE3 (hex) of the value's JSON bytes, which are stored as a blob.
    Blob(String),
}

/// An item of the transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryAdded {
    /// In which session.
    pub session: SessionId,
    /// Its place, gapless from 1.
    pub seq: i64,
    /// The turn.
    pub turn: i64,
    /// Its kind.
    pub kind: EntryKind,
    /// The subagent call it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The name of its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_name: Option<String>,
    /// The first 200 characters of the text.
    pub preview: String,
    /// For tools and tasks: the agent's id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// For tools and tasks: the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// For tools: the class of the call, and where its input says what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<CallShape>,
    /// For tools and tasks: what it acts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The body: for text kinds a JSON string, for tools the input, for `raw` the message. Absent when the preview is
    /// all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// The outcome of a tool call or task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryEnded {
    /// In which session.
    pub session: SessionId,
    /// Which entry.
    pub seq: i64,
    /// Its state at the end.
    pub status: CallStatus,
    /// The outcome in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Lines added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<i64>,
    /// Lines removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<i64>,
    /// The output: `{"output": text, "patch": [...]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}
