//! The id of any row that pages show, and how the row is read for all who may see it. A new kind of row is a variant
//! with an arm in each `match` here; no other place asks for the kind.

use super::{Rows, approvals::may_last};
use model::{
    Action, Caller, Result, Role, Via,
    caller::{Decision, Resource, Visibility, decide},
    id::{ApprovalId, NodeId, ProjectId, PromptId, SessionId, UserId},
    live::Row,
};
use std::fmt;

/// Names one row, or rows that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowId {
    /// A session.
    Session(SessionId),
    /// An approval.
    Approval(ApprovalId),
    /// A project.
    Project(ProjectId),
    /// The present or former project of a session.
    ProjectOf(SessionId),
    /// An entry of a session, by its number.
    Entry(SessionId, i64),
    /// The entries of the call that an approval is about.
    AskedAbout(ApprovalId),
    /// A prompt.
    Prompt(PromptId),
}

impl RowId {
    /// Whether lists and every page's frame show it; other rows stand only on their session's page.
    pub const fn is_listed(self) -> bool {
        match self {
            Self::Session(_) | Self::Approval(_) | Self::Project(_) | Self::ProjectOf(_) => true,
            Self::Entry(..) | Self::AskedAbout(_) | Self::Prompt(_) => false,
        }
    }

    /// The reader whose view of the row is right for the caller.
    pub fn reader(self, caller: &Caller) -> Reader {
        match self {
            Self::Session(_) | Self::Entry(..) | Self::AskedAbout(_) | Self::Prompt(_) => Reader::Anybody,
            Self::Approval(_) => Reader::MayLast(may_last(caller)),
            Self::Project(_) | Self::ProjectOf(_) => Reader::of(caller),
        }
    }
}

/// The id as browsers know it. `ProjectOf` and `AskedAbout` are never told as gone, and print the id they depend on.
impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(id) | Self::ProjectOf(id) => id.fmt(f),
            Self::Approval(id) | Self::AskedAbout(id) => id.fmt(f),
            Self::Project(id) => id.fmt(f),
            Self::Entry(session, seq) => write!(f, "{session}/{seq}"),
            Self::Prompt(id) => id.fmt(f),
        }
    }
}

/// The part of a caller that a row's content depends on: all callers of one reader get the same row. Whether they may
/// see a session's rows at all is a matter of [`Whose`](super::Whose).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reader {
    /// The content is the same for everybody.
    Anybody,
    /// The row offers lasting rules to those who may make them.
    MayLast(bool),
    /// The row counts or dates sessions. This person also sees their own private ones, and those of peers where they run
    /// this node.
    Person {
        /// Who it is; `None` for the command line.
        user: Option<UserId>,
        /// Whether they see private sessions of other nodes.
        peers: bool,
    },
    /// The row counts or dates all sessions.
    Node,
}

impl Reader {
    /// The reader of a row that depends on which sessions the caller sees.
    pub fn of(caller: &Caller) -> Self {
        if caller.via == Via::Node {
            Self::Node
        } else {
            let private = Resource::PeerSession {
                visibility: Visibility::Private,
            };
            Self::Person {
                user: caller.user,
                peers: decide(caller, Action::ReadSession, private) == Decision::Allow,
            }
        }
    }

    /// A caller with this reader's view. It sees every session, except where their number or date is shown.
    pub(crate) fn caller(self) -> Caller {
        let (user, via, role) = match self {
            Self::Anybody | Self::Node => (None, Via::Node, Role::Viewer),
            Self::MayLast(lasts) => (None, Via::Node, if lasts { Role::Owner } else { Role::Viewer }),
            Self::Person { user, peers } => (user, Via::Cli, if peers { Role::Admin } else { Role::Viewer }),
        };
        Caller {
            user,
            role,
            via,
            ..Caller::node()
        }
    }
}

impl Rows {
    /// The rows of an id as `reader` gets them, without a check of the caller; none if they are gone.
    pub async fn row(&self, reader: Reader, node: NodeId, id: RowId) -> Result<Vec<Row>> {
        let caller = &reader.caller();
        let row = match id {
            RowId::Session(id) => self
                .session_now(caller, node, id)
                .await?
                .map(|row| Row::Session(Box::new(row))),
            RowId::Approval(id) => self
                .approval_of(caller, node, id)
                .await?
                .map(|row| Row::Approval(Box::new(row))),
            RowId::Project(id) => self
                .project_at(caller, node, id)
                .await?
                .map(|row| Row::Project(Box::new(row))),
            RowId::ProjectOf(session) => self
                .project_of(caller, node, session)
                .await?
                .map(|row| Row::Project(Box::new(row))),
            RowId::Entry(session, seq) => self
                .entry(node, session, seq)
                .await?
                .map(|row| Row::Entry(Box::new(row))),
            RowId::Prompt(id) => self.prompt_of_any(node, id).await?.map(Row::Prompt),
            RowId::AskedAbout(id) => {
                let entries = self.entries_asked_about(node, id).await?;
                return Ok(entries.into_iter().map(|row| Row::Entry(Box::new(row))).collect());
            }
        };
        Ok(row.into_iter().collect())
    }
}
