//! The state of every handler: the ports, the settings, the stop signal. It holds handles and no data of its own.

use crate::{
    assets::Site,
    auth::{Auth, ended::ended},
    config::Config,
    health::Probe,
    idempotency::{Remembers, UnderWay},
    live::{Live, SharedHub},
    metrics::{self, Metrics},
    stop::Stop,
};
use axum::extract::FromRef;
use leptos::prelude::LeptosOptions;
use model::{Caller, Pos, Services};
use node::{accounts::AccountsService, clock::Deps, fleet::FleetService, forwarding::Forwarding, journal::Journal};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::watch;

/// The state of every handler.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    parts: Parts,
    has_users: AtomicBool,
}

/// The parts of an [`AppState`].
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// The ports.
    pub services: Services,
    /// The clock and the random source.
    pub deps: Deps,
    /// Checks whether the database answers.
    pub database: Probe,
    /// The newest committed position.
    pub head: watch::Receiver<Pos>,
    /// The signal to stop.
    pub stop: Stop,
    /// Where idempotent answers are stored.
    pub journal: Journal,
    /// Accounts, for sign-in and for whether a caller's login still holds.
    pub accounts: AccountsService,
    /// Sign-in.
    pub auth: Auth,
    /// What peers ask.
    pub fleet: FleetService,
    /// What moves events to and from peers.
    pub forwarding: Forwarding,
    /// The hub of live sockets.
    pub hub: SharedHub,
    /// The counters of the process.
    pub metrics: Metrics,
    /// Idempotent requests under way.
    pub under_way: UnderWay,
    /// The files of the site.
    pub site: Site,
    /// The settings of Leptos.
    pub leptos: LeptosOptions,
}

impl AppState {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            parts,
            has_users: AtomicBool::new(false),
        }))
    }

    /// The newest committed position, as a watch channel.
    pub fn head(&self) -> watch::Receiver<Pos> {
        self.head.clone()
    }

    /// See [`ended`].
    pub fn ended(&self, caller: &Caller) -> impl Future<Output = ()> + Send + 'static {
        ended(&self.accounts, &self.stop, caller)
    }

    /// Whether anybody can sign in; once true it stays true.
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

impl FromRef<AppState> for Stop {
    fn from_ref(state: &AppState) -> Self {
        state.stop.clone()
    }
}

impl FromRef<AppState> for Probe {
    fn from_ref(state: &AppState) -> Self {
        state.database.clone()
    }
}

impl FromRef<AppState> for Live {
    fn from_ref(state: &AppState) -> Self {
        Self {
            hub: state.hub.clone(),
            services: state.services.clone(),
            metrics: state.metrics.clone(),
            accounts: state.accounts.clone(),
            stop: state.stop.clone(),
        }
    }
}

impl FromRef<AppState> for metrics::Node {
    fn from_ref(state: &AppState) -> Self {
        Self {
            services: state.services.clone(),
            metrics: state.metrics.clone(),
            stop: state.stop.clone(),
            head: state.head(),
        }
    }
}

impl FromRef<AppState> for Remembers {
    fn from_ref(state: &AppState) -> Self {
        Self {
            journal: state.journal.clone(),
            under_way: state.under_way.clone(),
        }
    }
}
