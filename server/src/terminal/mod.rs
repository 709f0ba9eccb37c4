//! The common parts of commands: their data, their output, and their exit codes.

pub(crate) mod data;
pub mod output;

use crate::config::{Config, Sources};
use clap::Args;
use std::path::PathBuf;

/// The command failed; its message says why.
pub const FAILED: u8 = 1;
/// The arguments are wrong.
pub const USAGE: u8 = 2;
/// A node runs on this data, and the command needs it to be stopped.
pub const RUNNING: u8 = 3;

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// One sentence.
    pub message: String,
}

impl Failure {
    /// A failure.
    pub fn new(message: impl ToString) -> Self {
        Self {
            code: FAILED,
            message: message.to_string(),
        }
    }

    /// Wrong arguments.
    pub fn usage(message: impl ToString) -> Self {
        Self {
            code: USAGE,
            message: message.to_string(),
        }
    }

    /// A node is running.
    pub fn running(message: impl ToString) -> Self {
        Self {
            code: RUNNING,
            message: message.to_string(),
        }
    }
}

impl From<model::Error> for Failure {
    fn from(error: model::Error) -> Self {
        Self::new(error)
    }
}

/// Which node's data a command is about.
#[derive(Args, Clone, Default)]
pub struct Where {
    /// The data directory; a running node is reached through it alone, with PostgreSQL too [default: ./data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The PostgreSQL database, postgres://... [default: SQLite in the data directory]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The configuration file [default: orchwiz.toml in the folder that --data names, else
    /// ~/.config/orchwiz/orchwiz.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Where {
    pub(crate) fn flags(&self) -> Result<Vec<(&'static str, String)>, Failure> {
        let mut flags = Vec::new();
        if let Some(data) = &self.data {
            let text = data
                .to_str()
                .ok_or_else(|| Failure::usage("--data: the path is not valid UTF-8"))?;
            flags.push(("data", text.to_owned()));
        }
        if let Some(url) = &self.database_url {
            flags.push(("database_url", url.clone()));
        }
        Ok(flags)
    }

    /// The settings, with these flags on top.
    pub(crate) fn config(&self, more: Vec<(&'static str, String)>) -> Result<Config, Failure> {
        let mut flags = self.flags()?;
        flags.extend(more);
        Config::load(&Sources::of_process(flags, self.config.clone())).map_err(Failure::usage)
    }
}
