//! Usage: tokens and cost by day, project and model. Days are UTC days; costs are the agents' own estimates.

use crate::{
    Micros,
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
    /// Cost; `None` when no agent said any.
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
