//! `orchwiz serve`: opens a node, serves it, and stops it in order. It must not hold a handler or a rule, only the
//! order of start and stop.

mod stop;

use crate::{
    assets::Site,
    auth::{Auth, AuthConfig},
    config::Config,
    connections::{self, Bounds},
    health::Probe,
    idempotency::{self, UnderWay},
    identity,
    live::{Feed, Hub},
    local::{self, Desk, Socket},
    logging,
    metrics::Metrics,
    router,
    state::{AppState, Parts},
    stop::Stop,
    terminal::{Failure, data, output},
};
use async_trait::async_trait;
use model::{Caller, Pos, Result, live::ClientSays};
use node::{
    accounts::AccountsService,
    agents::demo,
    clock::Deps,
    journal::Journal,
    live::{Follower, Tail, Told},
    node::{Node, NodeConfig},
    process::ShimProgram,
    sessions::EngineConfig,
    store::Store,
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::IpAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use stop::Signals;
use tokio::net::TcpListener;

/// The time limit of a stop.
const DEADLINE: Duration = Duration::from_secs(9);
/// The part of it for requests under way.
const DRAIN: Duration = Duration::from_secs(5);
/// After so long, a new agent that says nothing is reported as silent; after ten times as long it is ended. Claude Code
/// answers within a second or two.
const SILENCE: Duration = Duration::from_secs(30);
/// The interval of removing expired logins and stored answers.
const SWEEP: Duration = Duration::from_mins(10);

/// Serves until told to stop.
pub async fn run(config: Config) -> Result<ExitCode, Failure> {
    let _log = logging::start(&config);
    // First, so that a signal during the start stops it too.
    let signals = Signals::new().map_err(Failure::new)?;
    node::process::no_core_dumps();
    let deps = Deps::system();
    // A start writes a little, and more where it finds that something has ended.
    node::reserve::give_up(&config.data_dir);
    let (store, journal) = data::open(&config, &deps).await?;
    let running = match Running::start(config, store.clone(), journal.clone(), deps).await {
        Ok(running) => running,
        Err(failure) => {
            journal.close().await;
            store.close().await;
            return Err(failure);
        }
    };
    running.until(signals, store, journal).await
}

/// A serving node.
struct Running {
    node: Node,
    stop: Stop,
    stop_agents: bool,
    public: Serving,
    local: Option<Serving>,
}

type Serving = tokio::task::JoinHandle<()>;

/// A node that is open but not reachable yet.
pub struct Opened {
    /// The state of the handlers.
    pub state: AppState,
    /// The node.
    pub node: Node,
}

/// Opens a node on an open store. `program` is this binary, which also runs as shim and as demo agent.
pub async fn open(
    mut config: Config,
    program: PathBuf,
    store: &Store,
    journal: &Journal,
    deps: &Deps,
) -> Result<Opened, Failure> {
    // Before anything is read that an agent said meanwhile.
    for secret in secrets(&config) {
        journal.mask(&secret);
    }
    let accounts = AccountsService::new(store.clone(), journal.clone(), deps.clone());
    config.allowed_hosts.extend(own_host(&config, &accounts));
    let public_hosts = config.public_urls.iter().filter_map(|url| url.host_str());
    let public_hosts: Vec<String> = public_hosts.map(str::to_owned).collect();
    config.allowed_hosts.extend(public_hosts);
    let auth = Auth::new(accounts.clone(), AuthConfig::from(&config), deps.clone())?;
    let node_config = node_config(&config, program, journal, deps)?;
    let node = Node::open(
        node_config,
        store.clone(),
        journal.clone(),
        Arc::new(accounts.clone()),
        deps.clone(),
    )
    .await?;
    let site = Site::new(PathBuf::from("target/site"));
    let leptos = site
        .options(config.first_listen(), &config.data_dir.join("site"))
        .map_err(Failure::new)?;
    let state = AppState::new(Parts {
        services: node.services(),
        fleet: node.fleet(),
        forwarding: node.forwarding(),
        hub: Arc::new(LiveHub(node.live())),
        head: journal.watch(),
        database: probe(store.clone(), journal.clone()),
        journal: journal.clone(),
        accounts,
        auth,
        metrics: Metrics::default(),
        under_way: UnderWay::default(),
        stop: Stop::default(),
        site,
        leptos,
        deps: deps.clone(),
        config,
    });
    Ok(Opened { state, node })
}

impl Running {
    async fn start(config: Config, store: Store, journal: Journal, deps: Deps) -> Result<Self, Failure> {
        let open_files = node::process::raise_open_files();
        let listeners = config
            .listen
            .iter()
            .map(|listen| {
                connections::listen(*listen)
                    .map_err(|error| Failure::new(format!("cannot listen on {listen}: {error}")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        // Read once: after an upgrade this path leads to the new program, while reading it again would give the deleted
        // one.
        let program = std::env::current_exe().map_err(Failure::new)?;
        let Opened { state, node } = open(config, program, &store, &journal, &deps).await?;
        let local = serve_local(
            &state,
            Desk::new(state.accounts.clone(), store, state.services.fleet.clone()),
        );
        let public = serve_public(&state, listeners, open_files);
        sweep(state.auth.clone(), journal, state.stop.clone());
        state.stop.set_ready();
        greet(&state.config, &state.accounts).await?;
        Ok(Self {
            node,
            stop_agents: state.config.stop_agents,
            stop: state.stop.clone(),
            public,
            local,
        })
    }

    /// Serves until a signal, or until the node can no longer work. Then stops in order: readiness, listening, sockets
    /// and streams, requests, agents' supervision, database. If agents stop too, they are told together with the
    /// requests.
    async fn until(self, mut signals: Signals, store: Store, journal: Journal) -> Result<ExitCode, Failure> {
        let Self {
            node,
            stop,
            stop_agents,
            public,
            local,
        } = self;
        let vitals = store.vitals().clone();
        let failure = tokio::select! {
            name = signals.next() => {
                tracing::info!(signal = name, "stopping");
                None
            }
            why = vitals.failed() => Some(why),
        };
        stop.ask();
        let down = async {
            let ended = async {
                let _ = public.await;
                if let Some(local) = local {
                    let _ = local.await;
                }
            };
            let drained = async {
                if tokio::time::timeout(DRAIN, ended).await.is_err() {
                    tracing::warn!("some requests did not end in time and are cut off");
                }
            };
            if stop_agents {
                // An agent that does not obey takes most of the deadline; after the requests too little of it would be
                // left.
                tokio::join!(drained, node.shutdown(true));
            } else {
                // Requests under way may still need the agents.
                drained.await;
                node.shutdown(false).await;
            }
            journal.close().await;
            store.close().await;
        };
        tokio::select! {
            stopped = tokio::time::timeout(DEADLINE, down) => match stopped {
                Ok(()) => failure.map_or(Ok(ExitCode::SUCCESS), |why| Err(Failure::new(why))),
                Err(_) => Err(Failure::new("did not stop in time; what was acknowledged is safe")),
            },
            name = signals.next() => Err(Failure::new(format!("told a second time to stop ({name}): stopped at once; what was acknowledged is safe"))),
        }
    }
}

/// Secrets to mask in transcripts: those in the agents' environment, and those in the configuration.
fn secrets(config: &Config) -> Vec<String> {
    let mut secrets = node::process::secrets(std::env::vars_os());
    secrets.extend(
        config
            .github
            .client_secret
            .as_ref()
            .map(|secret| secret.expose().to_owned()),
    );
    let password = config
        .database_url
        .as_ref()
        .and_then(|url| url::Url::parse(url.expose()).ok()?.password().map(str::to_owned));
    secrets.extend(password);
    secrets
}

fn node_config(config: &Config, program: PathBuf, journal: &Journal, deps: &Deps) -> Result<NodeConfig, Failure> {
    let identity = identity::identity(config, journal).map_err(Failure::new)?;
    let data_dir = identity.data_dir.clone();
    Ok(NodeConfig {
        identity,
        fleet: identity::fleet_config(config, deps).map_err(Failure::new)?,
        engine: EngineConfig {
            agents_max: config.agents_max,
            agents_idle: Duration::from_secs(config.agents_idle_seconds),
            agents_silence: SILENCE,
            spool_max: config.agents_spool_max_mib.saturating_mul(1 << 20),
            claude: config.claude_path.clone(),
            own_program: program.clone(),
            driver: node::agents::driver,
            demo_env: demo_environment(config, &data_dir)?,
        },
        shim: ShimProgram {
            program,
            args: vec![OsString::from("shim")],
        },
        roots: config.project_roots.clone(),
    })
}

/// The demo agent's environment: its conversation folder, and its pace if set.
fn demo_environment(config: &Config, data_dir: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let state = data_dir
        .join("demo")
        .to_str()
        .ok_or_else(|| Failure::usage("--data: the path is not valid UTF-8"))?
        .to_owned();
    let mut environment = BTreeMap::from([(demo::STATE.to_owned(), state)]);
    if let Some(pace) = &config.demo_pace {
        environment.insert(demo::PACE.to_owned(), pace.clone());
    }
    Ok(environment)
}

/// Whether the node works: no task it needs has ended, the writer reaches the database, and reads are answered.
fn probe(store: Store, journal: Journal) -> Probe {
    Arc::new(move || {
        let (store, journal) = (store.clone(), journal.clone());
        Box::pin(
            async move { store.vitals().failure().is_none() && journal.works() && store.read().ping().await.is_ok() },
        )
    })
}

fn serve_public(state: &AppState, listeners: Vec<TcpListener>, open_files: u64) -> Serving {
    let proxies = if state.config.behind_proxy {
        state.config.trusted_proxies.clone()
    } else {
        Vec::new()
    };
    // A proxy carries many people, and a process on this machine needs no connections to do harm.
    let exempt = move |address: IpAddr| address.is_loopback() || proxies.iter().any(|net| net.contains(address));
    let (app, stop) = (router::build(state), state.stop.clone());
    tokio::spawn(connections::serve(
        listeners,
        app,
        Bounds::of(open_files, Arc::new(exempt)),
        stop,
    ))
}

/// Without the local socket the node still serves; the command line then has to wait until it stops.
fn serve_local(state: &AppState, desk: Desk) -> Option<Serving> {
    let path = state.config.socket();
    match Socket::bind(&path) {
        Ok(socket) => {
            let app = local::router(state, desk);
            let stop = state.stop.clone();
            let serving = axum::serve(socket, app).with_graceful_shutdown(async move { stop.asked().await });
            Some(tokio::spawn(async move {
                if let Err(error) = serving.await {
                    tracing::error!(%error, "the socket for the command line ended");
                }
            }))
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the socket for the command line cannot be made");
            None
        }
    }
}

fn sweep(auth: Auth, journal: Journal, stop: Stop) {
    tokio::spawn(async move {
        loop {
            if let Err(error) = auth.sweep().await {
                tracing::warn!(%error, "logins whose time is over could not be removed");
            }
            if let Err(error) = idempotency::sweep(&journal).await {
                tracing::warn!(%error, "answers to repeated requests whose time is over could not be removed");
            }
            if tokio::time::timeout(SWEEP, stop.asked()).await.is_ok() {
                return;
            }
        }
    });
}

/// A host name for a node on loopback that no other program uses. Browsers resolve it to this machine, while cookies of
/// `127.0.0.1` go to every port.
fn own_host(config: &Config, accounts: &AccountsService) -> Option<String> {
    let local = config.listen.iter().all(|listen| listen.ip().is_loopback()) && config.public_urls.is_empty();
    local.then(|| {
        format!(
            "orchwiz-{}.localhost",
            &accounts.node_id().uuid().as_simple().to_string()[..8]
        )
    })
}

/// Logs the node's address, and the set-up link while there is no account.
async fn greet(config: &Config, accounts: &AccountsService) -> Result<(), Failure> {
    let address = config.address();
    let address = address.as_str().trim_end_matches('/');
    output::line(format!("OrchWiz {} is at {address}", env!("CARGO_PKG_VERSION")));
    let link = match accounts.ensure_setup_link().await {
        // The node can be read all the same; the next start makes a link if it is still needed.
        Err(error) if error.status() >= 500 => {
            tracing::error!(%error, "nothing can be written at the moment");
            None
        }
        link => link?,
    };
    if let Some(link) = link {
        output::line(format!(
            "Create the owner account: {address}/setup?token={}",
            link.token
        ));
    }
    if let (Some(host), Some(port)) = (own_host(config, accounts), config.address().port_or_known_default()) {
        output::line(format!(
            "Also at http://{host}:{port}, a name that no other program on this machine has: none gets its cookies."
        ));
    }
    output::line(match &config.file {
        Some(file) => format!(
            "Settings were read from {}.",
            std::path::absolute(file).unwrap_or_else(|_| file.clone()).display()
        ),
        None => "No settings file was found; flags and the environment alone count.".to_owned(),
    });
    output::line("Ready.");
    Ok(())
}

/// The node's live hub, as sockets use it.
struct LiveHub(node::live::Hub);

#[async_trait]
impl Hub for LiveHub {
    fn follow(&self, caller: Caller) -> Box<dyn Feed> {
        Box::new(LiveFeed(self.0.follow(caller)))
    }

    async fn events(&self, caller: &Caller, after: Pos, limit: u64) -> Result<Tail> {
        self.0.events(caller, after, limit).await
    }
}

struct LiveFeed(Follower);

#[async_trait]
impl Feed for LiveFeed {
    async fn next(&mut self) -> Option<Told> {
        self.0.next().await
    }

    fn at_hand(&mut self) -> Option<Told> {
        self.0.at_hand()
    }

    async fn say(&mut self, says: ClientSays) -> Result<()> {
        self.0.say(says).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn what_a_node_is_configured_with_is_among_its_secrets() {
        let flags = [
            ("database_url", "postgres://mara:hunter-of-2@db.example.org/orchwiz"),
            ("github.client_id", "app"),
            ("github.client_secret", "swordfish"),
        ];
        let flags = flags.map(|(key, value)| (key, value.to_owned())).into();
        let config = Config::from_parts(
            &Sources {
                flags,
                environment: Vec::new(),
                file: None,
            },
            None,
        )
        .unwrap();
        let secrets = secrets(&config);
        assert!(
            ["hunter-of-2", "swordfish"]
                .iter()
                .all(|secret| secrets.iter().any(|known| known == secret)),
            "not all of them are"
        );
    }
}
