//! The fleet: this node's key, its links to other nodes, and how two nodes are paired and told apart. It must not move
//! events between them; `forwarding` does, on the links that are confirmed here.

mod invite;
pub mod key;
mod links;
mod pairing;
mod peers;
mod port;
pub mod signature;
mod watch;

pub use key::{KeyError, NodeKey, PublicKey};
pub use links::{LinkEnd, Links, Standing};
pub use pairing::{PAIR, Reply, STATUS};
pub use peers::{Admitted, NotAnswered};

use crate::{clock::Deps, journal::Journal, limits::Limiter, overview::Identity, store::Store};
use async_trait::async_trait;
use std::sync::Arc;

/// A signed request to another node; always a `POST`.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The whole address.
    pub url: String,
    /// Names in lower case with values, the content type among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What another node answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// Names in lower case with values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Carries signed requests to other nodes; `server` implements it. It follows no redirect, uses no proxy, bounds time
/// and size, and judges no answer.
#[async_trait]
pub trait Wire: Send + Sync {
    /// Sends a request and reads the whole answer. The error says in words why there is none.
    async fn post(&self, request: Outgoing) -> Result<Answered, String>;
}

/// What the fleet needs to be told.
#[derive(Clone)]
pub struct FleetConfig {
    /// The node's key.
    pub key: NodeKey,
    /// Where other nodes reach this one, the first first; `http://` or `https://`, without a path.
    pub urls: Vec<String>,
    /// Whether the first address is one that others can use too, and so is told to peers.
    pub public: bool,
    /// The way to other nodes.
    pub wire: Arc<dyn Wire>,
}

impl std::fmt::Debug for FleetConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FleetConfig")
            .field("key", &self.key)
            .field("urls", &self.urls)
            .finish_non_exhaustive()
    }
}

/// The fleet, on a journal; [`model::ports::Fleet`]. Cheap to clone.
#[derive(Clone)]
pub struct FleetService(Arc<Inner>);

struct Inner {
    identity: Identity,
    config: FleetConfig,
    store: Store,
    journal: Journal,
    deps: Deps,
    links: Links,
    nonces: signature::Nonces,
    /// Tries to pair, by network: anybody may send one.
    tries: Limiter,
    started: model::Millis,
}

impl FleetService {
    /// The fleet of the node with this identity.
    pub fn new(identity: Identity, config: FleetConfig, store: Store, journal: Journal, deps: Deps) -> Self {
        Self(Arc::new(Inner {
            links: Links::new(store.clone(), deps.clone()),
            nonces: signature::Nonces::default(),
            tries: Limiter::per_minute(30, &deps),
            started: deps.now(),
            identity,
            config,
            store,
            journal,
            deps,
        }))
    }

    /// The links, for what moves events.
    pub fn links(&self) -> &Links {
        &self.0.links
    }

    /// This node's key.
    pub fn key(&self) -> &NodeKey {
        &self.0.config.key
    }
}

/// A fleet of one, for tests.
pub mod testing {
    use super::{Answered, FleetConfig, NodeKey, Outgoing, Wire};
    use async_trait::async_trait;
    use std::sync::Arc;

    struct NoWire;

    #[async_trait]
    impl Wire for NoWire {
        async fn post(&self, request: Outgoing) -> Result<Answered, String> {
            Err(format!("{} is not reached in this test", request.url))
        }
    }

    /// A key of its own and no way to any node.
    pub fn alone(seed: u8) -> FleetConfig {
        FleetConfig {
            key: NodeKey::from_seed(&[seed; 32]),
            urls: vec!["http://127.0.0.1:3000".into()],
            public: false,
            wire: Arc::new(NoWire),
        }
    }
}
