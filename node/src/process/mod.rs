//! Processes: agents under their shims, their spools and their ends. The only module that spawns.
//! It must not know what an agent's lines mean, and must never say that a run ended well when nobody saw it end.
//!
//! Every agent runs under a shim: the same binary, executed again, detached from the node. The shim holds the agent's
//! pipes, writes what it says to a spool in the run's directory, and records its end. So the node may die and come back
//! without the agent noticing: it reads on in the spool where its last commit left off.

mod cgroup;
mod environment;
mod follow;
mod identity;
mod open_files;
mod probe;
mod processes;
mod run_dir;
mod shim;
mod spec;
mod spool;
pub mod testing;
mod tree;
mod wire;

pub use environment::{MARK, secrets};
pub use follow::{Attached, Output};
pub use open_files::raise_open_files;
pub use probe::{Probed, probe};
pub use processes::Processes;
pub use shim::{no_core_dumps, shim_main};
pub use spec::Spec;
pub use spool::MAX_LINE;

use std::{ffi::OsString, path::PathBuf};

/// How to start a shim: the program and what comes before the run's directory, `orchwiz` and `["shim"]`.
#[derive(Clone, Debug)]
pub struct ShimProgram {
    /// The program: absolute.
    pub program: PathBuf,
    /// Its leading arguments.
    pub args: Vec<OsString>,
}

/// How much of a run's output is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of standard output; an agent that writes more is ended, and the end of its run says so.
    pub stdout: u64,
    /// Bytes of standard error; more is left out.
    pub stderr: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stdout: 1 << 30,
            stderr: 1 << 20,
        }
    }
}

/// What can be sent to an agent's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// Why a run did not start. Nothing of it runs then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is a run with this id: an id is used once.
    #[error("this run was started before")]
    Exists,
    /// The agent could not be started; a sentence a person can act on.
    #[error("{0}")]
    NotStarted(String),
    /// The run's directory could not be made.
    #[error("the run's directory could not be written")]
    Io(#[source] std::io::Error),
}

/// Why a run cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// There is no directory of this run: it was never started, or was discarded.
    #[error("there is no such run")]
    Unknown,
    /// Its directory could not be read.
    #[error("the run's directory could not be read")]
    Io(#[source] std::io::Error),
}

/// Why something could not be done to a run.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no directory of this run.
    #[error("there is no such run")]
    Unknown,
    /// The agent has ended, or closed its input.
    #[error("the agent has ended")]
    Ended,
    /// A line was left out: this one comes next.
    #[error("line {0} comes next")]
    Gap(u64),
    /// The line is longer than [`MAX_INPUT`] bytes or contains a line feed.
    #[error("the line is too long or not one line")]
    BadLine,
    /// The shim did not do it in time; asking again is safe.
    #[error("the agent does not take its input at the moment")]
    Stalled,
    /// Processes of the run are left that cannot be ended.
    #[error("{0} processes of the run cannot be ended")]
    Unkillable(usize),
    /// The shim could not be reached or answered what cannot be read.
    #[error("the shim did not answer")]
    Io(#[source] std::io::Error),
}

/// Why a line could not be written.
pub type WriteError = ControlError;

/// How long one line for an agent may be, in bytes.
pub const MAX_INPUT: usize = wire::MAX_PAYLOAD;
