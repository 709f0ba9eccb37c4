//! The node: all features on one store, started and stopped together. It owns only their life cycle.

use crate::{
    approvals::{ApprovalsService, deny_expired},
    clock::Deps,
    fleet::{FleetConfig, FleetService},
    folder::{Borders, Folders},
    forwarding::Forwarding,
    health::Sampler,
    journal::Journal,
    live::Hub,
    overview::{Identity, NodeService},
    process::{Limits, Processes, ShimProgram},
    projects::ProjectsService,
    retention::Sweeper,
    rows::{Names, Rows},
    sessions::{Engine, EngineConfig, SessionsService},
    store::Store,
    usage::UsageService,
};
use model::{Result, Services};
use std::{path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

/// The node's configuration.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Its identity.
    pub identity: Identity,
    /// The agents' limits and programs.
    pub engine: EngineConfig,
    /// The shim: this binary with the argument `shim`.
    pub shim: ShimProgram,
    /// The folders below which projects may lie.
    pub roots: Vec<PathBuf>,
    /// The node's key, its addresses and its way to other nodes.
    pub fleet: FleetConfig,
}

/// A running node; cheap to clone.
#[derive(Clone)]
pub struct Node {
    services: Services,
    hub: Hub,
    engine: Arc<Engine>,
    journal: Journal,
    fleet: FleetService,
    forwarding: Forwarding,
    closing: CancellationToken,
}

impl Node {
    /// Reattaches to every running agent, then starts the background tasks. Afterwards every session's state is true.
    pub async fn open(
        config: NodeConfig,
        store: Store,
        journal: Journal,
        accounts: Arc<dyn model::ports::Accounts>,
        deps: Deps,
    ) -> Result<Self> {
        let closing = CancellationToken::new();
        let names = Names::new(store.clone(), deps.clone(), config.identity.name.clone());
        let folders = Folders::new(
            deps.clone(),
            Borders {
                roots: config.roots.clone(),
                data_dir: config.identity.data_dir.clone(),
            },
        );
        let rows = Rows::new(store.clone(), journal.clone(), folders.clone(), names.clone());
        let projects = ProjectsService::new(
            store.clone(),
            journal.clone(),
            deps.clone(),
            rows.clone(),
            folders.clone(),
        );
        let hub = Hub::open(journal.clone(), rows.clone()).await?;
        let limits = Limits {
            stdout: config.engine.spool_max,
            ..Limits::default()
        };
        let processes = Processes::new(config.identity.data_dir.join("runs"), config.shim.clone(), deps.clone())
            .with_limits(limits);
        if processes.are_contained().await {
            tracing::info!("each agent is held by a control group of its own");
        } else {
            tracing::info!(
                "control groups cannot be made here: what an agent starts is found by its session, its parents and its environment"
            );
        }
        let engine = Engine::new(
            store.clone(),
            journal.clone(),
            deps.clone(),
            processes,
            folders,
            hub.clone(),
            config.engine.clone(),
        );
        let approvals = Arc::new(ApprovalsService::new(engine.clone(), rows.clone()));
        let usage = Arc::new(UsageService::new(store.clone(), deps.clone(), rows.clone()));
        let node = Arc::new(NodeService::new(
            config.identity.clone(),
            store.clone(),
            journal.clone(),
            deps.clone(),
            rows.clone(),
            engine.clone(),
            approvals.clone(),
            usage.clone(),
        ));
        let fleet = FleetService::new(
            config.identity.clone(),
            config.fleet.clone(),
            store.clone(),
            journal.clone(),
            deps.clone(),
        );
        let services = Services {
            sessions: Arc::new(SessionsService::new(engine.clone(), rows, projects.clone())),
            approvals,
            projects: Arc::new(projects),
            usage,
            accounts,
            node,
            fleet: Arc::new(fleet.clone()),
        };
        engine.tasks.spawn(hub.clone().run(closing.clone()));
        engine.recover().await?;
        engine.tasks.spawn(
            store
                .vitals()
                .essential("the engine's supervisor", engine.clone().supervise()),
        );
        engine.tasks.spawn(store.vitals().essential(
            "the denial of what nobody answers",
            deny_expired(engine.clone(), closing.clone()),
        ));
        engine.tasks.spawn(fleet.clone().run(closing.clone()));
        let links = fleet.links().clone();
        names.listen(move |node| links.silent_since(node));
        let tabs = hub.clone();
        let silence = fleet
            .clone()
            .watch_silence(closing.clone(), move || tabs.nodes_changed());
        engine.tasks.spawn(silence);
        let forwarding = Forwarding::new(
            fleet.clone(),
            store.clone(),
            journal.clone(),
            deps.clone(),
            config.identity.clone(),
        );
        engine.tasks.spawn(forwarding.clone().run(closing.clone()));
        let sweeper = Sweeper {
            store: store.clone(),
            journal: journal.clone(),
            deps: deps.clone(),
            engine: engine.clone(),
        };
        engine.tasks.spawn(sweeper.run(closing.clone()));
        let sampler = Sampler {
            store,
            journal: journal.clone(),
            deps,
            engine: engine.clone(),
            hub: hub.clone(),
            data_dir: config.identity.data_dir,
        };
        engine.tasks.spawn(sampler.run(closing.clone()));
        Ok(Self {
            services,
            hub,
            engine,
            journal,
            fleet,
            forwarding,
            closing,
        })
    }

    /// The ports for pages and handlers.
    pub fn services(&self) -> Services {
        self.services.clone()
    }

    /// The hub for live sockets.
    pub fn live(&self) -> Hub {
        self.hub.clone()
    }

    /// What moves events to and from peers.
    pub fn forwarding(&self) -> Forwarding {
        self.forwarding.clone()
    }

    /// The fleet: what peers ask and are asked.
    pub fn fleet(&self) -> FleetService {
        self.fleet.clone()
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The number of running agents.
    pub fn running(&self) -> usize {
        self.engine.running()
    }

    /// Stops the node. Agents go on under their shims unless `stop_agents` is set.
    pub async fn shutdown(&self, stop_agents: bool) {
        self.closing.cancel();
        self.engine.shutdown(stop_agents).await;
    }
}
