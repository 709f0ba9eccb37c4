//! Health: samples of the node's state, every ten seconds, kept for an hour. A value that cannot be read is unknown,
//! never zero.

use crate::{
    clock::Deps,
    entity::health_sample,
    journal::{Journal, Outcome, Stored},
    live::Hub,
    reserve,
    sessions::Engine,
    store::Store,
};
use model::{Caller, Result, node::HealthSample};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::OnConflict};
use std::{path::PathBuf, sync::Arc, time::Duration};
use sysinfo::{Disks, Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use tokio_util::sync::CancellationToken;

/// The interval between samples.
const EVERY: Duration = Duration::from_secs(10);
/// The lifetime of a sample in ms.
const KEPT_MS: i64 = 3_600_000;

/// The task that takes samples.
pub(crate) struct Sampler {
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    pub(crate) deps: Deps,
    pub(crate) engine: Arc<Engine>,
    pub(crate) hub: Hub,
    pub(crate) data_dir: PathBuf,
}

impl Sampler {
    /// Takes samples until the node stops.
    pub(crate) async fn run(self, closing: CancellationToken) {
        let mut system = System::new().ok();
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = closing.cancelled() => return,
                _ = tick.tick() => {}
            }
            let data_dir = self.data_dir.clone();
            let mut reading = system.take();
            let read = tokio::task::spawn_blocking(move || {
                reserve::keep(&data_dir);
                let sample = reading
                    .as_mut()
                    .map(|system| machine(system, &data_dir))
                    .unwrap_or_default();
                (reading, sample)
            });
            let Ok((reading, sample)) = read.await else { continue };
            system = reading;
            let sample = HealthSample {
                at: self.deps.now(),
                agents: i64::try_from(self.engine.running()).ok(),
                queue: i64::try_from(self.journal.queue_len()).ok(),
                database_bytes: self.store.size().await.ok(),
                ..sample
            };
            if let Err(error) = self.keep(sample).await {
                tracing::warn!(%error, "a health sample could not be stored");
            }
            self.hub.health(sample);
        }
    }

    async fn keep(&self, sample: HealthSample) -> Result<()> {
        let json = serde_json::to_string(&sample).stored()?;
        self.journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    let row = health_sample::ActiveModel {
                        at: Set(sample.at),
                        json: Set(json),
                    };
                    let newest = OnConflict::column(health_sample::Column::At)
                        .update_column(health_sample::Column::Json)
                        .to_owned();
                    health_sample::Entity::insert(row)
                        .on_conflict(newest)
                        .exec_without_returning(tx.db())
                        .await
                        .stored()?;
                    health_sample::Entity::delete_many()
                        .filter(health_sample::Column::At.lt(sample.at - KEPT_MS))
                        .exec(tx.db())
                        .await
                        .stored()?;
                    Ok(Outcome::new(()))
                })
            })
            .await
    }
}

/// The kept samples, oldest first.
pub(crate) async fn samples(store: &Store) -> Result<Vec<HealthSample>> {
    let rows = health_sample::Entity::find()
        .order_by_asc(health_sample::Column::At)
        .all(store.read())
        .await
        .stored()?;
    Ok(rows
        .into_iter()
        .filter_map(|row| serde_json::from_str(&row.json).ok())
        .collect())
}

/// The newest sample.
pub(crate) async fn newest(store: &Store) -> Result<Option<HealthSample>> {
    let row = health_sample::Entity::find()
        .order_by_desc(health_sample::Column::At)
        .one(store.read())
        .await
        .stored()?;
    Ok(row.and_then(|row| serde_json::from_str(&row.json).ok()))
}

fn machine(system: &mut System, data_dir: &std::path::Path) -> HealthSample {
    system.refresh_memory();
    system.refresh_cpu_usage();
    let own = Pid::from_u32(std::process::id());
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[own]),
        true,
        ProcessRefreshKind::nothing().with_memory(),
    );
    let bytes = |value: u64| i64::try_from(value).ok().filter(|value| *value > 0);
    let path = std::fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let disks = Disks::new_with_refreshed_list().ok();
    let disk = disks
        .iter()
        .flat_map(|disks| disks.iter())
        .filter(|disk| path.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len());
    HealthSample {
        // The first reading has none before it to compare with.
        cpu_percent: (!system.cpus().is_empty())
            .then(|| system.global_cpu_usage())
            .filter(|usage| usage.is_finite()),
        memory_used: bytes(system.used_memory()),
        memory_total: bytes(system.total_memory()),
        memory_self: system.process(own).and_then(|process| bytes(process.memory())),
        disk_free: disk.and_then(|disk| i64::try_from(disk.available_space()).ok()),
        ..HealthSample::default()
    }
}
