//! What every handler may reach: the ports, the settings, the signal to stop.
//! It holds handles and no data of its own.

use crate::{assets::Site, auth::Auth, config::Config, idempotency::UnderWay, live::SharedHub, metrics::Metrics};
use axum::extract::FromRef;
use futures::future::BoxFuture;
use leptos::prelude::LeptosOptions;
use model::{Caller, Pos, Services};
use node::{accounts::AccountsService, clock::Deps, journal::Journal};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::{broadcast::error::RecvError, watch};
use tokio_util::sync::CancellationToken;

/// What every handler may reach.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    parts: Parts,
    has_users: AtomicBool,
}

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
    /// Where answers to repeated requests are remembered.
    pub journal: Journal,
    /// Who may sign in, and whether a caller still may.
    pub accounts: AccountsService,
    /// Signing in.
    pub auth: Auth,
    /// What live sockets follow.
    pub hub: SharedHub,
    /// What the process counts.
    pub metrics: Metrics,
    /// Repeatable requests that are under way.
    pub under_way: UnderWay,
    /// The files of the site.
    pub site: Site,
    /// What Leptos must know.
    pub leptos: LeptosOptions,
}

impl AppState {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner { parts, has_users: AtomicBool::new(false) }))
    }

    /// The newest committed position, and news of newer ones.
    pub fn head(&self) -> watch::Receiver<Pos> {
        self.head.clone()
    }

    /// Ends when what `caller` has opened must end: the node stops, or the login or token it rests on is gone or means something else now.
    pub fn ended(&self, caller: &Caller) -> impl Future<Output = ()> + Send + 'static {
        // Subscribed before this returns: no change after the handshake is missed.
        let mut changes = self.accounts.changes();
        let (accounts, stop, caller) = (self.accounts.clone(), self.stop.clone(), caller.clone());
        async move {
            let gone = async {
                loop {
                    match changes.recv().await {
                        Ok(change) if !change.concerns(&caller) => {}
                        Ok(_) | Err(RecvError::Lagged(_)) => {
                            // When in doubt it ends: whoever may go on opens it again.
                            if accounts.refresh(&caller).await.ok().flatten().is_none_or(|now| now != caller) {
                                return;
                            }
                        }
                        Err(RecvError::Closed) => return,
                    }
                }
            };
            tokio::select! {
                () = gone => {}
                () = stop.asked() => {}
            }
        }
    }

    /// Whether anybody may sign in; once true it stays true.
    pub async fn has_users(&self) -> model::Result<bool> {
        if !self.0.has_users.load(Ordering::Relaxed) && self.accounts.has_users().await? {
            self.0.has_users.store(true, Ordering::Relaxed);
        }
        Ok(self.0.has_users.load(Ordering::Relaxed))
    }
}

impl std::ops::Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

impl FromRef<AppState> for Services {
    fn from_ref(state: &AppState) -> Self {
        state.services.clone()
    }
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth.clone()
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
