//! The messages of the live socket. Browsers never fold events: a patch is the row as a list would show it now, or
//! `gone`.

use crate::{
    Pos,
    approvals::Approval,
    entries::{Entry, Partial},
    id::SessionId,
    node::HealthSample,
    projects::Project,
    sessions::{Prompt, Session},
};
use serde::{Deserialize, Serialize};

/// What a tab follows. A tab without topics gets no patches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "topic", rename_all = "snake_case")]
pub enum Topic {
    /// Rows of sessions, approvals and projects, and the counts: what every page's frame and lists need.
    Node,
    /// Entries, queued prompts and half-written text of one session.
    Session {
        /// The session.
        id: SessionId,
    },
}

/// A message from the browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ClientSays {
    /// All topics of the page, replacing those before, and the position at which its data was read.
    Follow {
        /// The topics.
        topics: Vec<Topic>,
        /// Patches start after this position.
        after: Pos,
    },
}

/// A row as it is now, for a caller who may see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// A session.
    Session(Box<Session>),
    /// An approval.
    Approval(Box<Approval>),
    /// A project.
    Project(Box<Project>),
    /// An entry of a followed session.
    Entry(Box<Entry>),
    /// A prompt of a followed session.
    Prompt(Prompt),
}

/// A message from the node. Patches come in order of `pos` and are idempotent. Each message is an object with one
/// field, its name (`reload` is the bare name). An internal tag would make serde buffer each row, and add a third row
/// parser to the browser's code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerSays {
    /// The row as it is now. Several rows may share a position.
    Row {
        /// The position it was read at or after.
        pos: Pos,
        /// The row.
        row: Row,
    },
    /// The caller may no longer see this row, or it is gone.
    Gone {
        /// The position that took it away.
        pos: Pos,
        /// Its id.
        id: String,
    },
    /// Everything up to here was sent: the tab is live. Also the heartbeat, every 15 s.
    Caught {
        /// Up to where.
        pos: Pos,
        /// Approvals that wait for this caller.
        pending: i64,
    },
    /// All text being written so far; empty when none is being written in the session.
    Partial(Partial),
    /// The node's health, every 10 s.
    Health(HealthSample),
    /// The position is older than what can be replayed: read the page again.
    Reload,
}
