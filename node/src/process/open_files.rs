//! The limit of open files. The node raises its own to the machine's hard limit, and agents get the limit that the node
//! was given. The hard limit, which an administrator sets, is never changed.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::OnceLock;

/// The soft limit at the start of this process; empty until it is raised.
static GIVEN: OnceLock<Option<u64>> = OnceLock::new();

/// Raises the soft limit to the hard one and returns the new limit. Call it once, at the start.
pub fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    GIVEN.get_or_init(|| limit.current);
    if let Err(error) = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    ) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The soft limit for agents: the node's original one, because some programs walk through every file they might have
/// open. `None` if it was never raised.
pub(super) fn given() -> Option<u64> {
    GIVEN.get().copied().flatten()
}

/// Sets the soft limit of this process and its children.
pub(super) fn keep_to(soft: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // A limit that is lower already stays.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(maximum.map_or(soft, |hard| soft.min(hard))),
            maximum,
        },
    );
}
