//! The signal to stop, and whether the node takes requests.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio_util::sync::CancellationToken;

/// The signal to stop: the first thing that stops is readiness.
#[derive(Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    ready: Arc<AtomicBool>,
}

impl Stop {
    /// The node is ready from now on.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Whether the node takes requests.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && !self.token.is_cancelled()
    }

    /// Asks everything to stop.
    pub fn ask(&self) {
        self.token.cancel();
    }

    /// Returns once everything was asked to stop.
    pub async fn asked(&self) {
        self.token.cancelled().await;
    }

    /// Whether everything was asked to stop.
    pub fn is_asked(&self) -> bool {
        self.token.is_cancelled()
    }
}
