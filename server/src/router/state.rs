//! What every handler may reach: the ports, the settings, the signal to stop.
//! It holds handles and no data of its own.

use crate::config::Config;
use axum::extract::FromRef;
use futures::future::BoxFuture;
use model::{Caller, Pos, Services};
use node::clock::Deps;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What every handler may reach.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

/// Asks something whether it answers.
pub type Probe = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The parts of an [`AppState`].
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// The ports.
    pub services: Services,
    /// The clock and the random source.
    pub deps: Deps,
    /// Asks the database whether it answers.
    pub database: Probe,
    /// The newest committed position.
    pub head: watch::Receiver<Pos>,
    /// The signal to stop.
    pub stop: Stop,
}

impl AppState {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The newest committed position, and news of newer ones.
    pub fn head(&self) -> watch::Receiver<Pos> {
        self.head.clone()
    }

    /// Ends when what `caller` has opened must end: the node stops, or the login or token it rests on is gone.
    pub fn ended(&self, _caller: &Caller) -> impl Future<Output = ()> + Send + 'static {
        let stop = self.stop.clone();
        async move { stop.asked().await }
    }
}

impl std::ops::Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<AppState> for Services {
    fn from_ref(state: &AppState) -> Self {
        state.services.clone()
    }
}

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
