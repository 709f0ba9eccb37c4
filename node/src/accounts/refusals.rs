//! The record of refused sign-ins: a bounded number of events, however many attempts. It must not record an unknown
//! name, which may be a password in the wrong field. It runs beside the answer and never delays it.

use super::{AccountsService, users};
use crate::{clock::Deps, journal::Outcome, limits::Limiter};
use model::{Caller, Result, event::SignInRefused};
use std::sync::atomic::{AtomicI64, Ordering};

/// The most records in an hour; all may come at once.
const AN_HOUR: u32 = 60;

pub(super) struct Refusals {
    recorded: Limiter,
    /// The number of unrecorded refusals since the last record.
    more: AtomicI64,
}

impl Refusals {
    pub(super) fn new(deps: &Deps) -> Self {
        Self {
            recorded: Limiter::per_hour(AN_HOUR, deps),
            more: AtomicI64::new(0),
        }
    }
}

impl AccountsService {
    /// Records a refused sign-in as `name` from that address, in a task of its own: its cost must not reveal whether
    /// the name is known.
    pub fn note_refusal(&self, name: &str, from: Option<String>) {
        if self.refusals.recorded.check("").is_err() {
            self.refusals.more.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let (this, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            if let Err(error) = this.record_refusal(&name, from).await {
                tracing::warn!(%error, "that a sign-in was refused could not be recorded");
            }
        });
    }

    async fn record_refusal(&self, name: &str, from: Option<String>) -> Result<()> {
        let person = users::find_by_name(&self.store, self.store.read(), name).await?;
        let subject = person.map_or_else(|| self.node_id().to_string(), |person| person.id);
        let more = self.refusals.more.swap(0, Ordering::Relaxed);
        self.journal
            .commit(&Caller::node(), move |_| {
                Box::pin(async move { Ok(Outcome::new(()).with(subject, SignInRefused { from, more })) })
            })
            .await
    }
}
