//! The one type of id for every row that pages show, and how the row behind it is read.
//! A new kind of row is a variant here with an arm in each of these three; nothing else asks which kind it is.

use super::Rows;
use model::{
    Caller, Result,
    id::{ApprovalId, ProjectId, PromptId, SessionId},
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

impl Rows {
    /// The rows behind an id as `caller` may see them; none where they are gone or not the caller's to see.
    pub async fn row(&self, caller: &Caller, id: RowId) -> Result<Vec<Row>> {
        let row = match id {
            RowId::Session(id) => self.session(caller, id).await?.map(|row| Row::Session(Box::new(row))),
            RowId::Approval(id) => self.approval(caller, id).await?.map(|row| Row::Approval(Box::new(row))),
            RowId::Project(id) => self.project(caller, id).await?.map(|row| Row::Project(Box::new(row))),
            RowId::ProjectOf(session) => self.project_of(caller, session).await?.map(|row| Row::Project(Box::new(row))),
            RowId::Entry(session, seq) => self.entry(caller, session, seq).await?.map(|row| Row::Entry(Box::new(row))),
            RowId::Prompt(id) => self.prompt(caller, id).await?.map(Row::Prompt),
            RowId::AskedAbout(id) => {
                let entries = self.entries_asked_about(caller, id).await?;
                return Ok(entries.into_iter().map(|row| Row::Entry(Box::new(row))).collect());
            }
        };
        Ok(row.into_iter().collect())
    }
}
