//! Sessions end to end on a real store with real processes: the demo agent under its shim. Nothing is faked, but the
//! tests of retention set the clock.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; helpers of tests are no tests to the lint"
)]

mod again;
mod contract;
mod folder;
mod hang_up;
mod held_up;
mod left;
mod life;
mod live;
mod odd;
mod retention;
mod rules;
mod secret;
mod stop;
mod usage;

use migration::Migrator;
use model::{
    Caller, PageQuery, Role, Services, Via,
    approvals::{Approval, ApprovalFilter, ApprovalState},
    entries::{Entry, EntryKind},
    id::{NodeId, SessionId, UserId},
    node::NodeKind,
    sessions::{AgentKind, Mode, NewSession, Session, SessionState},
};
use node::{
    agents::Driver,
    clock::Deps,
    journal::Journal,
    node::{Node, NodeConfig},
    overview::Identity,
    process::ShimProgram,
    sessions::EngineConfig,
    store::{Store, testing::Place},
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use tokio::time::Instant;
use uuid::Uuid;

/// Ten times what anything here takes; only a hang takes longer.
const SOON: Duration = Duration::from_mins(1);

struct Running {
    node: Node,
    store: Store,
    journal: Journal,
    services: Services,
}

fn program() -> PathBuf {
    // Examples are built beside the tests' `deps` folder.
    let own = std::env::current_exe().expect("a test knows its program");
    own.parent()
        .and_then(|deps| deps.parent())
        .expect("tests lie in target/PROFILE/deps")
        .join("examples/orchwiz_parts")
}

/// A test's settings of a node.
struct Setup {
    deps: Deps,
    agents_max: usize,
    /// The pace of the demo agent.
    pace: &'static str,
    idle: Duration,
    silence: Duration,
    claude: PathBuf,
    driver: fn(AgentKind) -> Box<dyn Driver>,
    spool_max: u64,
    /// Where projects may lie.
    roots: Vec<PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            deps: Deps::system(),
            agents_max: 4,
            pace: "fast",
            idle: Duration::from_mins(15),
            silence: Duration::from_secs(30),
            claude: "/nowhere/claude".into(),
            driver: node::agents::driver,
            spool_max: 1 << 30,
            roots: Vec::new(),
        }
    }
}

async fn open_with(place: &Place, agents_max: usize, pace: &'static str) -> Running {
    open_as(
        place,
        Setup {
            agents_max,
            pace,
            ..Setup::default()
        },
    )
    .await
}

async fn open_as(place: &Place, setup: Setup) -> Running {
    let Setup {
        deps,
        agents_max,
        pace,
        idle,
        silence,
        claude,
        driver,
        spool_max,
        roots,
    } = setup;
    let store = Store::open::<Migrator>(&place.config, &deps)
        .await
        .expect("the store opens");
    let journal = Journal::open(store.clone(), deps.clone())
        .await
        .expect("the journal opens");
    let data_dir = place.config.data_dir.clone();
    let config = NodeConfig {
        identity: Identity {
            id: NodeId::from_uuid(Uuid::from_u128(7)),
            name: "workbench".into(),
            kind: NodeKind::Local,
            version: "test".into(),
            data_dir: data_dir.clone(),
        },
        engine: EngineConfig {
            agents_max,
            agents_idle: idle,
            agents_silence: silence,
            spool_max,
            claude: Some(claude),
            own_program: program(),
            driver,
            demo_env: BTreeMap::from([
                (
                    "ORCHWIZ_DEMO_STATE".into(),
                    data_dir.join("demo-agent").display().to_string(),
                ),
                ("ORCHWIZ_DEMO_PACE".into(), pace.into()),
            ]),
        },
        shim: ShimProgram {
            program: program(),
            args: vec!["shim".into()],
        },
        roots,
        fleet: node::fleet::testing::alone(1),
    };
    let accounts = Arc::new(node::accounts::AccountsService::new(
        store.clone(),
        journal.clone(),
        deps.clone(),
    ));
    let node = Node::open(config, store.clone(), journal.clone(), accounts, deps)
        .await
        .expect("the node opens");
    let services = node.services();
    Running {
        node,
        store,
        journal,
        services,
    }
}

async fn open(place: &Place) -> Running {
    open_with(place, 4, "fast").await
}

impl Running {
    async fn close(self, stop_agents: bool) {
        self.node.shutdown(stop_agents).await;
        drop((self.node, self.services));
        self.journal.close().await;
        self.store.close().await;
    }

    async fn session(&self, id: SessionId) -> Session {
        self.services
            .sessions
            .find(&mara(), id)
            .await
            .expect("the session exists")
    }

    async fn until(&self, id: SessionId, what: &str, test: impl Fn(&Session) -> bool) -> Session {
        let deadline = Instant::now() + SOON;
        loop {
            let session = self.session(id).await;
            if test(&session) {
                return session;
            }
            assert!(
                Instant::now() < deadline,
                "{what} did not come: {:?} {:?}\n{}",
                session.state,
                session.state_detail,
                self.story(id).await
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn state(&self, id: SessionId, state: SessionState) -> Session {
        self.until(id, state.word(), |session| session.state == state).await
    }

    async fn entries(&self, id: SessionId) -> Vec<Entry> {
        let mut all = Vec::new();
        loop {
            let after = all.last().map_or(0, |entry: &Entry| entry.seq);
            let page = self
                .services
                .sessions
                .entries(&mara(), id, after, 200, false)
                .await
                .expect("entries are listed");
            all.extend(page.items);
            if page.next.is_none() {
                return all;
            }
        }
    }

    async fn story(&self, id: SessionId) -> String {
        let entries = self.entries(id).await;
        entries
            .iter()
            .map(|entry| format!("{:>3} {:8} {}", entry.seq, entry.kind.word(), entry.preview))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The prompts that the agent got, in order.
    async fn said(&self, id: SessionId) -> Vec<String> {
        self.entries(id)
            .await
            .into_iter()
            .filter(|entry| entry.kind == EntryKind::Prompt)
            .map(|entry| entry.preview)
            .collect()
    }

    async fn asked(&self, id: SessionId) -> Approval {
        self.state(id, SessionState::Waiting).await;
        let filter = ApprovalFilter {
            state: Some(ApprovalState::Pending),
            session: Some(id),
        };
        self.services
            .approvals
            .list(&mara(), filter, PageQuery::default())
            .await
            .expect("approvals are listed")
            .items
            .remove(0)
    }

    async fn start(&self, mode: Mode, prompt: &str) -> Session {
        self.start_agent(AgentKind::Demo, mode, prompt).await
    }

    async fn start_agent(&self, agent: AgentKind, mode: Mode, prompt: &str) -> Session {
        let demo = self.services.sessions.run_demo(&mara()).await.expect("the demo starts");
        self.services.sessions.stop(&mara(), demo.id).await.expect("it stops");
        self.until(demo.id, "its end", |session| session.run.is_none()).await;
        let new = NewSession {
            project: Some(demo.project),
            folder: None,
            agent,
            mode,
            prompt: prompt.into(),
            title: None,
            model: None,
            visibility: None,
        };
        self.services
            .sessions
            .create(&mara(), new)
            .await
            .expect("a session starts")
    }
}

fn person(n: u128, name: &str) -> Caller {
    Caller {
        user: Some(UserId::from_uuid(Uuid::from_u128(n))),
        name: name.into(),
        role: Role::Owner,
        via: Via::Cli,
        from: None,
    }
}

fn mara() -> Caller {
    person(1, "mara")
}
