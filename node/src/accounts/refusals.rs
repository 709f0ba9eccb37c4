//! Sign-ins that were refused, for the record: a bounded number of events, however many tries there are. It must not
//! write down a name that nobody has (it may be a password typed into the wrong field), nor make the answer wait.

use super::{AccountsService, users};
use crate::{clock::Deps, journal::Outcome, limits::Limiter};
use model::{Caller, Result, event::SignInRefused};
use std::sync::atomic::{AtomicI64, Ordering};

/// How many are recorded at once, and in an hour.
const AN_HOUR: u32 = 60;

pub(super) struct Refusals {
    recorded: Limiter,
    /// How many were not recorded since the last that was.
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
    /// Records that a sign-in as `name` was refused, from that address. In a task of its own: what it costs must not
    /// tell a known name from another.
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
        let person = users::find_by_name(self.store.read(), name).await?;
        let subject = person.map_or_else(|| self.node_id().to_string(), |person| person.id);
        let more = self.refusals.more.swap(0, Ordering::Relaxed);
        self.journal
            .commit(&Caller::node(), move |_| {
                Box::pin(async move { Ok(Outcome::new(()).with(subject, SignInRefused { from, more })) })
            })
            .await
    }
}
