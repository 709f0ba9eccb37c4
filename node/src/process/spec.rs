//! What to start: a program, its arguments, where and with which environment.
//! It must not hold a shell line; arguments are passed as they are.

use std::{collections::BTreeMap, path::PathBuf};

/// A command for [`super`] to run under a shim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The program, resolved.
    pub program: PathBuf,
    /// Its arguments, without the program.
    pub args: Vec<String>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Environment on top of the allow-list from the node's own.
    pub env: BTreeMap<String, String>,
}
