//! What the live socket carries. Browsers never fold events: a patch is the row as a list would show it now, or `gone`.

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

/// What a tab wants to hear of. A tab that names nothing hears nothing.
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

/// What a browser says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ClientSays {
    /// The topics of the page, all of them anew, and the position its data was read at.
    Follow {
        /// The topics; replaces those before.
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

/// What the node says. Patches come in order of `pos` and are idempotent. Each is an object with one field, its name
/// (`reload` is the bare name); that field's value is read straight from the text, without the buffer that a tag beside
/// the fields would need: a third reader of every row in the browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerSays {
    /// A row is now like this. Several rows may share a position.
    Row {
        /// The position it was read at or after.
        pos: Pos,
        /// The row.
        row: Row,
    },
    /// A thing is no longer the caller's to see.
    Gone {
        /// The position that took it away.
        pos: Pos,
        /// Its id.
        id: String,
    },
    /// Everything up to here has been sent: the tab is live. Also the heartbeat, every 15 s.
    Caught {
        /// Up to where.
        pos: Pos,
        /// Approvals that wait for this caller.
        pending: i64,
    },
    /// Text being written: all of it so far; empty text means that nothing is being written in the session.
    Partial(Partial),
    /// The node's health, every 10 s.
    Health(HealthSample),
    /// The position asked for is older than what can be replayed: read the page again.
    Reload,
}
