//! The stop signal, and readiness.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio_util::sync::CancellationToken;

/// The stop signal. Readiness is the first thing it ends.
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

    /// Gives the stop signal.
    pub fn ask(&self) {
        self.token.cancel();
    }

    /// Completes when the stop signal was given.
    pub async fn asked(&self) {
        self.token.cancelled().await;
    }

    /// Whether the stop signal was given.
    pub fn is_asked(&self) -> bool {
        self.token.is_cancelled()
    }
}
