//! The node itself: identity, health, and the agents on its machine.

use crate::{
    Millis,
    approvals::Approval,
    id::{NodeId, UserId},
    sessions::{AgentKind, Session, words},
    usage::UsageRow,
};
use serde::{Deserialize, Serialize};

words! {
    /// The kind of machine that a node runs on.
    NodeKind {
        /// Somebody's machine.
        Local = "local",
        /// A server.
        Cloud = "cloud",
        /// Both at once.
        Hybrid = "hybrid",
    }
}

/// Facts about a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Its identity.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: NodeKind,
    /// The version of OrchWiz.
    pub version: String,
    /// `SQLite 3.51.3` or `PostgreSQL 15.18`.
    pub database: String,
    /// The data directory.
    pub data_dir: String,
    /// When this process started.
    pub started: Millis,
    /// How many agents may run at once.
    pub agents_max: i64,
    /// Seconds after which an idle agent is stopped.
    pub agents_idle_s: i64,
}

/// Health of a node at one moment. A value that cannot be read is `None`, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthSample {
    /// When it was measured, unix ms.
    pub at: Millis,
    /// Processor use of the machine, percent of all cores.
    pub cpu_percent: Option<f32>,
    /// Memory in use on the machine, bytes.
    pub memory_used: Option<i64>,
    /// Memory of the machine, bytes.
    pub memory_total: Option<i64>,
    /// Memory of this process, bytes.
    pub memory_self: Option<i64>,
    /// Free bytes on the data directory's disk.
    pub disk_free: Option<i64>,
    /// Size of the database, bytes.
    pub database_bytes: Option<i64>,
    /// Agents running.
    pub agents: Option<i64>,
    /// Operations waiting for the journal's writer.
    pub queue: Option<i64>,
}

/// An agent program found, or not, on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFound {
    /// Which agent.
    pub agent: AgentKind,
    /// The path of its program; `None` when there is none.
    pub path: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Whether it is signed in; `None` when unknown.
    pub signed_in: Option<bool>,
    /// The problem and its remedy; `None` when it is ready.
    pub problem: Option<String>,
}

/// One line of the activity stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// The event's position.
    pub pos: i64,
    /// When it happened, unix ms.
    pub at: Millis,
    /// The word of a session state, for the mark to show.
    pub status: String,
    /// Where: a project's name.
    pub project: Option<String>,
    /// What happened, one line of text.
    pub text: String,
    /// The page it leads to.
    pub href: Option<String>,
}

/// The first-run checklist: each step says whether it is really done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checklist {
    /// Claude Code was found and is signed in.
    pub claude_ready: bool,
    /// A session of the demo agent exists.
    pub demo_run: bool,
    /// A project other than the demo's exists.
    pub project_added: bool,
    /// A session of a real agent exists.
    pub session_started: bool,
}

/// Everything the Overview shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// Pending approvals, oldest first, at most 20.
    pub approvals: Vec<Approval>,
    /// The number of all pending approvals.
    pub approvals_total: i64,
    /// Sessions that failed or are unknown and not archived, newest first, at most 10.
    pub troubled: Vec<Session>,
    /// Queued, starting and working sessions, at most 20.
    pub working: Vec<Session>,
    /// Sessions idle, done or interrupted since midnight UTC, at most 12.
    pub done_today: Vec<Session>,
    /// The number of all sessions done today.
    pub done_today_total: i64,
    /// The last 14 UTC days, oldest first, empty days included.
    pub days: Vec<UsageRow>,
    /// The same span by project, costliest first, at most 6.
    pub projects: Vec<UsageRow>,
    /// Recent events, newest first, at most 12.
    pub activity: Vec<Activity>,
    /// The first-run steps, done or not.
    pub checklist: Checklist,
    /// The newest health sample; `None` before the first.
    pub health: Option<HealthSample>,
    /// The position at which all of this was read.
    pub pos: i64,
}

/// The node got its first owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSetUp {
    /// The first owner.
    pub owner: UserId,
}

/// The node has another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRenamed {
    /// The new name.
    pub name: String,
}
