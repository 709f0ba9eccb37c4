//! What to start: a program, its arguments, its directory and its environment. Arguments are passed as they are, never
//! through a shell.

use std::{collections::BTreeMap, path::PathBuf};

/// A command to run under a shim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The program, an absolute path.
    pub program: PathBuf,
    /// The arguments after the program's name.
    pub args: Vec<String>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Variables on top of the allow-list from the node's environment.
    pub env: BTreeMap<String, String>,
}
