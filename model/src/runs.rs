//! Runs: the start and end of each agent process, as facts.

use crate::id::{RunId, SessionId};
use serde::{Deserialize, Serialize};

/// An agent process was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// Which process.
    pub run: RunId,
    /// For which session.
    pub session: SessionId,
    /// The argument vector, secrets masked; the program first.
    pub argv: Vec<String>,
    /// The folder was trusted, so its own settings, hooks and servers run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trusted: bool,
}

/// The end of an agent process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Exit {
    /// It returned a code.
    Code {
        /// 0 to 255.
        code: i32,
    },
    /// A signal ended it.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// It never started.
    NotStarted {
        /// A sentence for people.
        why: String,
    },
    /// Nobody saw how it ended; never counted as success.
    Lost,
}

/// An agent process ended, or was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnded {
    /// Which process.
    pub run: RunId,
    /// For which session.
    pub session: SessionId,
    /// How it ended.
    pub exit: Exit,
}
