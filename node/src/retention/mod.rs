//! Retention: purges sessions whose time to be restored is over, and removes old spools. It must spare the directory of
//! a run under way.

use crate::{
    clock::Deps,
    entity::{event, run, session},
    journal::{Journal, Outcome, Stored},
    sessions::{Engine, RESTORE_MS, Stop},
    store::Store,
};
use model::{
    Caller, Millis, Result,
    event::SessionPurged,
    id::{RunId, SessionId},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// The interval between sweeps.
const EVERY: Duration = Duration::from_hours(1);
/// The lifetime of a spool after its run's end, in ms.
const SPOOL_MS: Millis = 30 * 86_400_000;
/// Rows per page.
const PAGE: u64 = 100;

/// The task that sweeps.
pub(crate) struct Sweeper {
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    pub(crate) deps: Deps,
    pub(crate) engine: Arc<Engine>,
}

impl Sweeper {
    /// Sweeps at once and then every hour, until the node stops.
    pub(crate) async fn run(self, closing: CancellationToken) {
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = closing.cancelled() => return,
                _ = tick.tick() => {}
            }
            tokio::select! {
                // An interrupted sweep loses nothing: each session has its own commit, spools go after it, and the next
                // sweep finds the rest.
                () = closing.cancelled() => return,
                swept = self.sweep() => if let Err(error) = swept {
                    tracing::warn!(%error, "what is too old could not be removed yet");
                }
            }
        }
    }

    async fn sweep(&self) -> Result<()> {
        self.purge_deleted().await?;
        crate::journal::blob::empty_trash(&self.store, self.deps.now()).await;
        self.discard_spools().await
    }

    /// Purges the sessions whose time to be restored is over. Their runs are then in no table, so
    /// [`discard_spools`](Self::discard_spools) removes their spools.
    async fn purge_deleted(&self) -> Result<()> {
        let mut after = String::new();
        loop {
            let late = self
                .store
                .own::<session::Entity>()
                .filter(session::Column::Deleted.lt(self.deps.now() - RESTORE_MS))
                .filter(session::Column::Id.gt(after))
                .order_by_asc(session::Column::Id)
                .limit(PAGE)
                .all(self.store.read())
                .await
                .stored()?;
            let Some(last) = late.last() else { return Ok(()) };
            after = last.id.clone();
            for row in &late {
                let Ok(session) = row.id.parse::<SessionId>() else {
                    continue;
                };
                // One commit for each session, so that the purge of a long session does not hold up other writers.
                let purged = self.purge(session).await?;
                if !purged {
                    // An agent that still rests there is ended first; the next sweep finds the session again.
                    self.engine.stop(session, Stop::Idle);
                }
            }
        }
    }

    /// Purges a session; `false` when it has an agent. The commit itself checks that the session can no longer be
    /// restored.
    async fn purge(&self, session: SessionId) -> Result<bool> {
        self.journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    let row = session::Entity::find_by_id(tx.key(session))
                        .one(tx.db())
                        .await
                        .stored()?;
                    let late = row.filter(|row| row.deleted.is_some_and(|deleted| tx.now() - deleted > RESTORE_MS));
                    Ok(match late {
                        None => Outcome::new(true),
                        Some(row) if row.run.is_some() => Outcome::new(false),
                        Some(_) => Outcome::new(true).with(session, SessionPurged {}),
                    })
                })
            })
            .await
    }

    /// Removes the directories of runs that ended long ago. It also removes old runs that are in the log and in no
    /// table, because their session was purged.
    async fn discard_spools(&self) -> Result<()> {
        // Listed before the tables are read, because a run enters the table before it gets a directory.
        let found = self.engine.processes.list().await;
        for some in found.chunks(usize::try_from(PAGE).expect("a small number")) {
            let ids = some.iter().map(ToString::to_string);
            let rows = self
                .store
                .own::<run::Entity>()
                .filter(run::Column::Id.is_in(ids))
                .all(self.store.read())
                .await
                .stored()?;
            let known: HashMap<String, Option<Millis>> = rows.into_iter().map(|row| (row.id, row.ended)).collect();
            let own = self
                .in_log(some.iter().filter(|run| !known.contains_key(&run.to_string())))
                .await?;
            for run in some {
                let since = match known.get(&run.to_string()) {
                    Some(ended) => *ended,
                    None if own.contains(&run.to_string()) => started(*run),
                    None => None,
                };
                if since.is_some_and(|since| self.deps.now() - since > SPOOL_MS)
                    && let Err(error) = self.engine.processes.discard(*run).await
                {
                    tracing::warn!(%run, %error, "the output of an old run could not be removed");
                }
            }
        }
        Ok(())
    }

    /// The runs about which this log has an event.
    async fn in_log(&self, runs: impl Iterator<Item = &RunId>) -> Result<HashSet<String>> {
        let runs: Vec<String> = runs.map(ToString::to_string).collect();
        let about = event::Entity::find()
            .select_only()
            .column(event::Column::Subject)
            .distinct();
        let about = about
            .filter(event::Column::Subject.is_in(runs))
            .filter(event::Column::Origin.eq(self.store.origin()))
            .into_tuple()
            .all(self.store.read())
            .await
            .stored()?;
        Ok(about.into_iter().collect())
    }
}

/// The start of a run, from its id.
fn started(run: RunId) -> Option<Millis> {
    let (seconds, nanos) = run.uuid().get_timestamp()?.to_unix();
    i64::try_from(seconds)
        .ok()?
        .checked_mul(1_000)?
        .checked_add(i64::from(nanos / 1_000_000))
}
