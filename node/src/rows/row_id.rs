//! The one type of id for every row that pages show, and how the row behind it is read for all who may see it.
//! A new kind of row is a variant here with an arm in each of these; nothing else asks which kind it is.

use super::{Rows, approvals::may_last};
use model::{
    Caller, Result, Role, Via,
    id::{ApprovalId, ProjectId, PromptId, SessionId, UserId},
    live::Row,
};
use std::fmt;

/// Names a row, or the rows that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowId {
    /// A session.
    Session(SessionId),
    /// An approval.
    Approval(ApprovalId),
    /// A project.
    Project(ProjectId),
    /// The project in which a session is, or was.
    ProjectOf(SessionId),
    /// An entry of a session, by its number.
    Entry(SessionId, i64),
    /// The entries of the call that an approval is about.
    AskedAbout(ApprovalId),
    /// A prompt.
    Prompt(PromptId),
}

impl RowId {
    /// Whether lists and every page's frame show it; what is not listed stands on its session's page only.
    pub const fn is_listed(self) -> bool {
        match self {
            Self::Session(_) | Self::Approval(_) | Self::Project(_) | Self::ProjectOf(_) => true,
            Self::Entry(..) | Self::AskedAbout(_) | Self::Prompt(_) => false,
        }
    }

    /// For whom it has to be read so that it is right for the caller.
    pub fn reader(self, caller: &Caller) -> Reader {
        match self {
            Self::Session(_) | Self::Entry(..) | Self::AskedAbout(_) | Self::Prompt(_) => Reader::Anybody,
            Self::Approval(_) => Reader::MayLast(may_last(caller)),
            Self::Project(_) | Self::ProjectOf(_) => Reader::of(caller),
        }
    }
}

/// As browsers know the row; `ProjectOf` and `AskedAbout` are never told as gone and name what they follow from.
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

/// As much of a caller as what a row says depends on: callers of one reader are shown the same. Whether they may see a
/// session's rows at all is no part of it; [`Whose`](super::Whose) says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reader {
    /// It says the same to everybody.
    Anybody,
    /// It offers what lasts to those who may have it.
    MayLast(bool),
    /// It counts or dates sessions, of which this person sees their own private ones.
    Person(Option<UserId>),
    /// It counts or dates all sessions.
    Node,
}

impl Reader {
    /// The reader of what depends on the sessions that the caller sees.
    pub fn of(caller: &Caller) -> Self {
        if caller.via == Via::Node {
            Self::Node
        } else {
            Self::Person(caller.user)
        }
    }

    /// A caller who stands for all of this reader; sees every session but where their number or date matters.
    pub(crate) fn caller(self) -> Caller {
        let (user, via, role) = match self {
            Self::Anybody | Self::Node => (None, Via::Node, Role::Viewer),
            Self::MayLast(lasts) => (None, Via::Node, if lasts { Role::Owner } else { Role::Viewer }),
            Self::Person(user) => (user, Via::Cli, Role::Viewer),
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
    /// The rows behind an id as it has to be read for `reader`, whoever may see them; none where they are gone.
    pub async fn row(&self, reader: Reader, id: RowId) -> Result<Vec<Row>> {
        let caller = &reader.caller();
        let row = match id {
            RowId::Session(id) => self
                .session_now(caller, id)
                .await?
                .map(|row| Row::Session(Box::new(row))),
            RowId::Approval(id) => self.approval(caller, id).await?.map(|row| Row::Approval(Box::new(row))),
            RowId::Project(id) => self.project(caller, id).await?.map(|row| Row::Project(Box::new(row))),
            RowId::ProjectOf(session) => self
                .project_of(caller, session)
                .await?
                .map(|row| Row::Project(Box::new(row))),
            RowId::Entry(session, seq) => self.entry(session, seq).await?.map(|row| Row::Entry(Box::new(row))),
            RowId::Prompt(id) => self.prompt_of_any(id).await?.map(Row::Prompt),
            RowId::AskedAbout(id) => {
                let entries = self.entries_asked_about(id).await?;
                return Ok(entries.into_iter().map(|row| Row::Entry(Box::new(row))).collect());
            }
        };
        Ok(row.into_iter().collect())
    }
}
