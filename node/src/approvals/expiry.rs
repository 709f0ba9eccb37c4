//! Expiry of approvals, by a clock that nobody can set. The node itself denies an approval that nobody answers in time.

use super::decide;
use crate::{clock::Deps, entity::approval, journal::Stored, sessions::Engine, supervise::survived};
use model::{
    Caller, Error, Millis, Result,
    approvals::{ApprovalState, Decide},
    id::ApprovalId,
};
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How far an event's time may be ahead of the wall clock (`journal::chain`).
const AHEAD_MS: Millis = 60_000;

/// Denies expired approvals every second until the node stops.
pub(crate) async fn deny_expired(engine: Arc<Engine>, closing: CancellationToken) {
    let expiries = Expiries::default();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            _ = tick.tick() => {}
        }
        survived(
            "approvals past their time could not be denied yet",
            deny(&engine, &expiries),
        )
        .await;
    }
}

async fn deny(engine: &Arc<Engine>, expiries: &Expiries) -> Result<()> {
    let waiting = engine
        .store
        .own::<approval::Entity>()
        .select_only()
        .columns([
            approval::Column::Id,
            approval::Column::Created,
            approval::Column::Expires,
        ])
        .filter(approval::Column::State.eq(ApprovalState::Pending.word()))
        .filter(approval::Column::Expires.is_not_null())
        .into_tuple::<(String, i64, i64)>()
        .all(engine.store.read())
        .await
        .stored()?;
    let waiting = waiting
        .into_iter()
        .map(|(id, created, expires)| Waiting { id, created, expires })
        .collect();
    for id in expiries.over(&engine.deps, waiting) {
        let Ok(id) = id.parse::<ApprovalId>() else { continue };
        let denied = Decide::deny("Nobody answered within the time limit.");
        match decide(engine, &Caller::node(), id, denied).await {
            Ok(()) | Err(Error::AlreadyDecided(_) | Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A pending approval with a time limit.
#[derive(Clone, Debug)]
struct Waiting {
    id: String,
    /// When it was asked, unix ms.
    created: Millis,
    /// When it expires, unix ms by the wall clock at the time of asking.
    expires: Millis,
}

/// When each approval expires by the monotonic clock, known from its first sight, within a second after it was asked.
#[derive(Default)]
struct Expiries(Mutex<HashMap<String, Millis>>);

impl Expiries {
    /// The ids of expired approvals, given all pending ones.
    fn over(&self, deps: &Deps, waiting: Vec<Waiting>) -> Vec<String> {
        let (now, elapsed) = (deps.now(), deps.elapsed());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = waiting.into_iter().map(|one| {
            // The approval may be from before this start, by a clock that was ahead, so the rest is bounded by its full
            // time limit.
            let rest = one
                .expires
                .saturating_sub(now)
                .min(one.expires.saturating_sub(one.created).saturating_add(AHEAD_MS))
                .max(0);
            let until = known
                .get(&one.id)
                .copied()
                .unwrap_or_else(|| elapsed.saturating_add(rest));
            (one.id, until)
        });
        *known = until.collect();
        known
            .iter()
            .filter(|(_, until)| **until <= elapsed)
            .map(|(id, _)| id.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::deps;

    const HOUR: Millis = 3_600_000;

    #[test]
    fn an_approval_waits_as_long_as_it_was_to_wait_whatever_happens_to_the_clock() {
        for step in [2 * HOUR, -2 * HOUR, 75 * 365 * 24 * HOUR] {
            let (deps, clock) = deps(1);
            let expiries = Expiries::default();
            let one = Waiting {
                id: "one".into(),
                created: deps.now(),
                expires: deps.now() + HOUR,
            };
            let over = || expiries.over(&deps, vec![one.clone()]);
            assert!(over().is_empty());
            clock.step(step);
            clock.advance(HOUR - 1);
            assert!(over().is_empty(), "{step}");
            clock.advance(1);
            assert_eq!(over(), ["one"], "{step}");
            assert!(
                expiries.over(&deps, Vec::new()).is_empty(),
                "nothing is kept of what no longer waits"
            );
        }
    }

    #[test]
    fn what_was_asked_by_a_clock_that_was_ahead_does_not_wait_longer_after_a_restart() {
        let (deps, clock) = deps(1);
        let ahead = Waiting {
            id: "ahead".into(),
            created: deps.now() + 24 * HOUR,
            expires: deps.now() + 25 * HOUR,
        };
        let late = Waiting {
            id: "late".into(),
            created: deps.now() - 2 * HOUR,
            expires: deps.now() - HOUR,
        };
        let expiries = Expiries::default();
        let over = || expiries.over(&deps, vec![ahead.clone(), late.clone()]);
        assert_eq!(over(), ["late"], "its time was over while the node was away");
        clock.advance(HOUR + AHEAD_MS);
        assert_eq!(over().len(), 2);
    }
}
