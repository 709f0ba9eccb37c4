//! Processes: agents under their shims, their spools and their ends. This is the only module that spawns. It leaves the
//! meaning of an agent's lines to others. It must report a good end only if somebody saw it.
//!
//! Every agent runs under a shim: the same binary, executed again and detached from the node. The shim holds the
//! agent's input and output, appends what the agent prints to a spool in the run's directory, and records its end. So
//! the agent does not notice when the node dies and returns; the node reads on where its last commit left off.

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

/// How to start a shim: the program and the arguments before the run's directory, for example `orchwiz` and `["shim"]`.
#[derive(Clone, Debug)]
pub struct ShimProgram {
    /// The program, an absolute path.
    pub program: PathBuf,
    /// Its leading arguments.
    pub args: Vec<OsString>,
}

/// The most output that is kept of a run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of standard output. An agent that writes more is ended, and its run's end says so.
    pub stdout: u64,
    /// Bytes of standard error. The rest is dropped.
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

/// A signal for an agent's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// Why a run did not start. None of its processes runs then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// This run id was used before.
    #[error("this run was started before")]
    Exists,
    /// The agent could not be started: a sentence that a person can act on.
    #[error("{0}")]
    NotStarted(String),
    /// The run's directory could not be created.
    #[error("the run's directory could not be written")]
    Io(#[source] std::io::Error),
}

/// Why a run cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The run has no directory: it was never started, or was discarded.
    #[error("there is no such run")]
    Unknown,
    /// Its directory could not be read.
    #[error("the run's directory could not be read")]
    Io(#[source] std::io::Error),
}

/// Why an operation on a run failed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The run has no directory.
    #[error("there is no such run")]
    Unknown,
    /// The agent has ended, or closed its input.
    #[error("the agent has ended")]
    Ended,
    /// A line is missing before this one; the number is that of the next expected line.
    #[error("line {0} comes next")]
    Gap(u64),
    /// The line is longer than [`MAX_INPUT`] bytes or contains a line feed.
    #[error("the line is too long or not one line")]
    BadLine,
    /// The shim did not do it in time; a retry is safe.
    #[error("the agent does not take its input at the moment")]
    Stalled,
    /// This many processes of the run could not be ended.
    #[error("{0} processes of the run cannot be ended")]
    Unkillable(usize),
    /// The shim could not be reached, or its answer could not be read.
    #[error("the shim did not answer")]
    Io(#[source] std::io::Error),
}

/// Why a line could not be written.
pub type WriteError = ControlError;

/// The longest line for an agent, in bytes.
pub const MAX_INPUT: usize = wire::MAX_PAYLOAD;
