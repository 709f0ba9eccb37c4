//! Forwarding: how events of this node and of others reach its peers, and theirs reach it. It must not interpret facts;
//! what a peer's event means is the projection's affair.

mod contents;
pub mod core;
mod end;
mod exchange;
mod logs;

pub use exchange::{CONTENT_TYPE, PATH};

use crate::{
    clock::Deps,
    fleet::{FleetService, LinkEnd, Standing},
    journal::Journal,
    overview::Identity,
    store::Store,
};
use end::{End, Told};
use exchange::{Exchange, Outbox};
use model::{Error, Result, id::LinkId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// The links are looked at this often, whatever was told.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a peer's question for news waits for some.
const POLL: Duration = Duration::from_secs(12);

/// Forwarding on all confirmed links. Cheap to clone.
#[derive(Clone)]
pub struct Forwarding(Arc<Inner>);

struct Inner {
    fleet: FleetService,
    store: Store,
    journal: Journal,
    deps: Deps,
    identity: Identity,
    ends: Mutex<HashMap<LinkId, Handle>>,
}

/// The way to the task of one link.
#[derive(Clone)]
struct Handle {
    told: mpsc::Sender<Told>,
    outbox: Outbox,
    /// The link as the task was started with it: another makes another task.
    end: LinkEnd,
    over: CancellationToken,
}

impl Forwarding {
    /// Forwarding for this fleet. [`run`](Self::run) starts it.
    pub fn new(fleet: FleetService, store: Store, journal: Journal, deps: Deps, identity: Identity) -> Self {
        Self(Arc::new(Inner {
            fleet,
            store,
            journal,
            deps,
            identity,
            ends: Mutex::default(),
        }))
    }

    /// Keeps one task for each confirmed link, until the node closes.
    pub async fn run(self, closing: CancellationToken) {
        let mut changes = self.0.fleet.links().changes();
        let mut tasks = JoinSet::new();
        loop {
            match self.0.fleet.links().all().await {
                Ok(ends) => self.keep(ends, &mut tasks),
                Err(error) => tracing::warn!(%error, "the links cannot be read"),
            }
            tokio::select! {
                () = closing.cancelled() => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
                changed = changes.changed() => if changed.is_err() { break },
                Some(_) = tasks.join_next() => {}
            }
        }
        for (_, handle) in self.ends().drain() {
            handle.over.cancel();
        }
        tasks.shutdown().await;
    }

    fn keep(&self, ends: Vec<LinkEnd>, tasks: &mut JoinSet<()>) {
        let mut kept = self.ends();
        kept.retain(|id, handle| {
            let stays = !handle.told.is_closed() && ends.iter().any(|end| end.id == *id && *end == handle.end);
            if !stays {
                handle.over.cancel();
            }
            stays
        });
        for end in ends.into_iter().filter(|end| end.standing == Standing::Confirmed) {
            kept.entry(end.id).or_insert_with(|| {
                let (told, tells) = mpsc::channel(64);
                let handle = Handle {
                    told: told.clone(),
                    outbox: Outbox::default(),
                    end: end.clone(),
                    over: CancellationToken::new(),
                };
                let task = End::new(self.clone(), end, handle.outbox.clone(), told);
                let over = handle.over.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = over.cancelled() => {}
                        () = task.serve(tells) => {}
                    }
                });
                handle
            });
        }
    }

    /// Serves one exchange of a peer that was admitted: takes what it says, or waits for what there is to say to it.
    /// The answer is the body of the response.
    ///
    /// # Errors
    /// `Invalid` for a body that is no exchange, `Unavailable` where the link is just being taken up.
    pub async fn serve(&self, link: LinkId, body: &[u8]) -> Result<Vec<u8>> {
        let exchange = Exchange::read(body).ok_or_else(|| Error::invalid("body", "this is no exchange of frames"))?;
        let handle = self.ends().get(&link).cloned();
        let handle = handle.ok_or_else(|| Error::Unavailable("this link is being taken up".into()))?;
        let gone = || Error::Unavailable("this link is being taken up".into());
        if handle.outbox.open(exchange.connection) {
            handle
                .told
                .send(Told::Connected(exchange.connection))
                .await
                .map_err(|_| gone())?;
        }
        let polls = exchange.messages.is_none();
        for message in exchange.messages.into_iter().flatten() {
            handle
                .told
                .send(Told::Received(exchange.connection, message))
                .await
                .map_err(|_| gone())?;
        }
        if !polls {
            return Ok(Vec::new());
        }
        tokio::select! {
            () = handle.over.cancelled() => Err(gone()),
            messages = handle.outbox.take(exchange.connection, POLL) => Ok(exchange::joined(&messages)),
        }
    }

    /// Nothing under this lock panics, so a poisoned lock is sound.
    fn ends(&self) -> MutexGuard<'_, HashMap<LinkId, Handle>> {
        self.0.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
