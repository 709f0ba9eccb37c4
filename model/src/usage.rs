//! Usage: tokens and cost by day, project and model. Days are UTC days; costs are the agents' own estimates.

use crate::{
    Micros,
    id::{ProjectId, RunId, SessionId},
    sessions::{Tokens, words},
};
use serde::{Deserialize, Serialize};

words! {
    /// What usage is summed by.
    UsageBy {
        /// A UTC day.
        Day = "day",
        /// A project.
        Project = "project",
        /// A model.
        Model = "model",
    }
}

/// One sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageRow {
    /// The day (`2026-11-22`), the project's id, or the model.
    pub key: String,
    /// The same for people.
    pub name: String,
    /// Tokens.
    pub tokens: Tokens,
    /// Cost; `None` when no agent reported any.
    pub cost_micros: Option<Micros>,
    /// Sessions that contributed.
    pub sessions: i64,
}

/// Which usage is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageQuery {
    /// Summed by what.
    pub by: UsageBy,
    /// The last so many UTC days, today included; 1 to 366.
    pub days: u32,
}

/// Running totals of one process and model. The newest replaces the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecorded {
    /// In which session.
    pub session: SessionId,
    /// Of which process.
    pub run: RunId,
    /// In which project.
    pub project: ProjectId,
    /// Of which model.
    pub model: String,
    /// The UTC day of the newest increase: days since 1970-01-01.
    pub day: i64,
    /// Totals of the process so far.
    pub tokens: Tokens,
    /// Total cost of the process so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<Micros>,
}
