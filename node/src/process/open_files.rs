//! How many files this process may have open: as many as the machine allows, while agents get what the node itself was
//! given. It must not ask for more than an administrator set as the hard limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::OnceLock;

/// The soft limit this process was started with; empty until it was raised.
static GIVEN: OnceLock<Option<u64>> = OnceLock::new();

/// Raises the soft limit to the hard one and gives what holds then. To be called once, at the start.
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

/// The soft limit that agents get: some programs look at every file they might have open. `None` where it was never
/// raised.
pub(super) fn given() -> Option<u64> {
    GIVEN.get().copied().flatten()
}

/// Sets the soft limit of this process, and so of what it starts.
pub(super) fn keep_to(soft: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // What is lower already, or was lowered by an administrator meanwhile, stays.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(maximum.map_or(soft, |hard| soft.min(hard))),
            maximum,
        },
    );
}
