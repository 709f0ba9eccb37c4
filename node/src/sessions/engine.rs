//! The engine: which sessions have an agent process, which wait for one, and what happens to both when the node starts and stops.
//! The tables say what must run; the engine makes it so and never believes its own memory over them.

use super::{
    end::End,
    runner::{Live, Runner},
    scribe::{Scribe, is_ending},
};
use crate::{
    agents::{self, How, Start},
    clock::Deps,
    entity::{approval, project, prompt, run, run_cursor, session},
    journal::{Journal, internal},
    live::Hub,
    process::Processes,
    projects,
    store::Store,
};
use model::{
    Caller, Error, Result,
    approvals::{ApprovalState, Decide},
    event::{Exit, RunStarted},
    id::{ApprovalId, RunId, SessionId},
    sessions::{AgentKind, Mode, PromptState, SessionState},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What the engine is told once.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// So many agents run at once; more sessions are queued.
    pub agents_max: usize,
    /// An agent that rests so long is ended; its session stays as it is.
    pub agents_idle: Duration,
    /// An agent that says nothing for so long after its start is suspicious: its session says so; after ten times as long it is ended.
    pub agents_silence: Duration,
    /// Where Claude Code lies, when not on PATH.
    pub claude: Option<PathBuf>,
    /// This binary: it is the demo agent's program too.
    pub own_program: PathBuf,
    /// What the demo agent gets in its environment: where it keeps its conversations, how fast it goes.
    pub demo_env: BTreeMap<String, String>,
}

/// Where an answer goes.
pub(super) type Reply = oneshot::Sender<Result<()>>;

/// Why an agent is ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A person wants it: the session's row says who.
    Person,
    /// It rested too long, or its place is needed.
    Idle,
    /// Its project is trusted otherwise than when it was started.
    Trust,
    /// It said nothing at all after it was started.
    Silent,
    /// The node stops together with its agents.
    Node,
}

/// What a runner is told.
pub(super) enum Order {
    /// One of the session's approvals is settled: there are new stored lines, and maybe another state.
    Decided,
    /// There is a new prompt.
    Prompted,
    /// End the turn.
    Interrupt(Reply),
    /// Change the mode.
    Mode(Mode, Reply),
    /// Change the model.
    Model(Option<String>, Reply),
    /// End the agent if it rests: its place is needed. The answer says whether it does.
    MakeRoom(oneshot::Sender<bool>),
    /// End the agent.
    Stop(Stop),
}

struct Place {
    run: RunId,
    orders: mpsc::Sender<Order>,
}

/// The engine.
pub(crate) struct Engine {
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    pub(crate) deps: Deps,
    pub(crate) processes: Processes,
    pub(crate) hub: Hub,
    pub(crate) config: EngineConfig,
    pub(crate) tasks: TaskTracker,
    places: Mutex<HashMap<SessionId, Place>>,
    kick: Notify,
    closing: CancellationToken,
}

impl Engine {
    pub(crate) fn new(store: Store, journal: Journal, deps: Deps, processes: Processes, hub: Hub, config: EngineConfig) -> Arc<Self> {
        Arc::new(Self {
            store,
            journal,
            deps,
            processes,
            hub,
            config,
            tasks: TaskTracker::new(),
            places: Mutex::default(),
            kick: Notify::new(),
            closing: CancellationToken::new(),
        })
    }

    /// How many agents run.
    pub(crate) fn running(&self) -> usize {
        self.places().len()
    }

    /// Something may be startable now.
    pub(crate) fn kick(&self) {
        self.kick.notify_one();
    }

    /// Tells a session's runner something; `false` when it has none.
    pub(super) async fn order(&self, session: SessionId, order: Order) -> bool {
        let orders = self.places().get(&session).map(|place| place.orders.clone());
        match orders {
            Some(orders) => orders.send(order).await.is_ok(),
            None => false,
        }
    }

    /// One of this session's approvals is settled: its agent is told.
    pub(crate) async fn decided(&self, session: SessionId) {
        self.order(session, Order::Decided).await;
    }

    /// Tells the agent something and waits until it has answered; `false` when no agent runs.
    pub(super) async fn ask(&self, session: SessionId, order: impl FnOnce(Reply) -> Order) -> Result<bool> {
        let (reply, answer) = oneshot::channel();
        if !self.order(session, order(reply)).await {
            return Ok(false);
        }
        match tokio::time::timeout(Duration::from_secs(10), answer).await {
            Ok(Ok(answer)) => answer.map(|()| true),
            Ok(Err(_)) => Ok(false),
            Err(_) => Err(Error::Unavailable("the agent did not answer within 10 s; it may still do so".into())),
        }
    }

    /// Ends a session's agent; `false` when it has none.
    pub(crate) async fn stop(&self, session: SessionId, stop: Stop) -> bool {
        self.order(session, Order::Stop(stop)).await
    }

    fn places(&self) -> MutexGuard<'_, HashMap<SessionId, Place>> {
        self.places.lock().expect("nothing panics while it holds the places")
    }

    /// The place of a run is free.
    fn left(&self, session: SessionId, run: RunId) {
        {
            let mut places = self.places();
            if places.get(&session).is_some_and(|place| place.run == run) {
                places.remove(&session);
            }
        }
        self.kick();
    }

    /// Repeats a commit while the disk is full or the database away; gives up only when the session is gone.
    pub(super) async fn insist<T, F, Fut>(self: &Arc<Self>, session: SessionId, run: RunId, attempt: F) -> Option<T>
    where
        F: Fn(Arc<Self>) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let mut wait = Duration::from_millis(200);
        loop {
            match attempt(self.clone()).await {
                Ok(value) => return Some(value),
                Err(Error::NotFound(_)) => return None,
                Err(error) => {
                    tracing::error!(%session, %run, %error, "what an agent did could not be stored; it is tried again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(10));
                }
            }
        }
    }

    /// A runner is done: its place is free.
    pub(super) async fn released(&self, session: SessionId, run: RunId) {
        self.left(session, run);
        if let Err(error) = self.processes.compress(run).await {
            tracing::warn!(%run, %error, "the output of an ended run could not be compressed");
        }
    }

    /// Takes up every process that the tables say was running when the node last stopped. Afterwards nothing claims to run that does not.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<()> {
        let open = run::Entity::find().filter(run::Column::Ended.is_null()).order_by_asc(run::Column::Id).all(self.store.read()).await.map_err(internal)?;
        for row in open {
            let (Ok(run), Ok(session)) = (row.id.parse::<RunId>(), row.session.parse::<SessionId>()) else { continue };
            // One that cannot be taken up must not keep the node from starting; it is tried again at the next start.
            if let Err(error) = self.take_up(run, session, row.argv).await {
                tracing::error!(%session, %run, %error, "an agent could not be taken up again");
            }
        }
        Ok(())
    }

    async fn take_up(self: &Arc<Self>, run: RunId, session: SessionId, argv: String) -> Result<()> {
        let row = session::Entity::find_by_id(session.to_string()).one(self.store.read()).await.map_err(internal)?;
        let Some(row) = row else { return Ok(()) };
        let agent = AgentKind::parse(&row.agent).unwrap_or(AgentKind::Demo);
        let cursor = run_cursor::Entity::find_by_id(run.to_string()).one(self.store.read()).await.map_err(internal)?;
        let committed = cursor.map_or(0, |cursor| u64::try_from(cursor.offset).unwrap_or(0));
        let exit = match self.processes.attach(run, 0).await {
            Ok(attached) => {
                let how = if row.resumable { How::Resume } else { How::Fresh };
                let state = SessionState::parse(&row.state).unwrap_or(SessionState::Unknown);
                tracing::info!(%session, %run, committed, "an agent is taken up again");
                let orders = self.take_place(session, run);
                self.serve(session, run, agent, how, was_trusted(&argv), committed, state, attached, orders);
                if is_ending(state) {
                    // The node went away while it ended the agent.
                    self.stop(session, Stop::Person).await;
                }
                return Ok(());
            }
            Err(error) if committed == 0 && row.state == SessionState::Starting.word() => {
                tracing::info!(%session, %run, %error, "an agent had not been started yet");
                Exit::NotStarted { why: "the node stopped before it was started".into() }
            }
            Err(error) => {
                tracing::warn!(%session, %run, %error, "an agent is lost");
                Exit::Lost
            }
        };
        let end = End { session, run, exit, stop: None, name: agent.title(), stderr: String::new(), resumed: false, cut: false, tasks: false };
        self.journal.commit(&Caller::node(), move |tx| Box::pin(end.commit(tx))).await
    }

    #[expect(clippy::too_many_arguments, reason = "what a runner is made of, passed on once")]
    fn serve(
        self: &Arc<Self>,
        session: SessionId,
        run: RunId,
        agent: AgentKind,
        how: How,
        trusted: bool,
        committed: u64,
        state: SessionState,
        attached: crate::process::Attached,
        orders: mpsc::Receiver<Order>,
    ) {
        let runner =
            Runner { engine: self.clone(), session, run, agent, how, driver: agents::driver(agent), trusted, orders, committed, state, live: Live::default() };
        self.tasks.spawn(runner.serve(attached));
    }

    /// Starts what waits, ends what nobody answered in time; until the node stops.
    pub(crate) async fn supervise(self: Arc<Self>) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = self.kick.notified() => {}
                _ = tick.tick() => {
                    if let Err(error) = self.deny_expired().await {
                        tracing::warn!(%error, "approvals past their time could not be denied yet");
                    }
                }
            }
            if let Err(error) = self.start_waiting().await {
                tracing::warn!(%error, "sessions that wait could not be started yet");
            }
        }
    }

    async fn start_waiting(self: &Arc<Self>) -> Result<()> {
        let waiting = session::Entity::find()
            .select_only()
            .column(session::Column::Id)
            .filter(session::Column::State.eq(SessionState::Queued.word()))
            .filter(session::Column::Deleted.is_null())
            .order_by_asc(session::Column::StateSince)
            .order_by_asc(session::Column::Id)
            .limit(50)
            .into_tuple::<String>()
            .all(self.store.read())
            .await
            .map_err(internal)?;
        for id in waiting {
            let Ok(session) = id.parse::<SessionId>() else { continue };
            if self.places().contains_key(&session) {
                continue;
            }
            if self.running() >= self.config.agents_max && !self.free_a_place().await? {
                return Ok(());
            }
            if self.running() >= self.config.agents_max {
                // A resting agent was told to end; its end kicks again.
                return Ok(());
            }
            if let Err(error) = self.launch(session).await {
                tracing::error!(%session, %error, "a session could not be started");
            }
        }
        Ok(())
    }

    /// Ends the agent that has rested longest; `false` when all are at work. The tables say who seems to rest, its runner whether it does.
    async fn free_a_place(&self) -> Result<bool> {
        let held: Vec<String> = self.places().keys().map(ToString::to_string).collect();
        let resting = session::Entity::find()
            .select_only()
            .column(session::Column::Id)
            .filter(session::Column::Id.is_in(held))
            .filter(session::Column::State.is_in([SessionState::Idle, SessionState::Interrupted, SessionState::Failed].map(SessionState::word)))
            .order_by_asc(session::Column::StateSince)
            .into_tuple::<String>()
            .all(self.store.read())
            .await
            .map_err(internal)?;
        for id in resting {
            let Ok(session) = id.parse() else { continue };
            let (reply, answer) = oneshot::channel();
            let asked = self.order(session, Order::MakeRoom(reply)).await;
            if asked && tokio::time::timeout(Duration::from_secs(1), answer).await.is_ok_and(|rests| rests == Ok(true)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// From here on orders reach the session's runner, also while its process is still being started.
    fn take_place(&self, session: SessionId, run: RunId) -> mpsc::Receiver<Order> {
        let (sender, orders) = mpsc::channel(64);
        self.places().insert(session, Place { run, orders: sender });
        orders
    }

    async fn launch(self: &Arc<Self>, session: SessionId) -> Result<()> {
        let run = RunId::from_uuid(self.deps.uuid_v7());
        let orders = self.take_place(session, run);
        // Asked only now: a node that stops either sees the place and ends what is in it, or was seen to stop.
        let launched = if self.closing.is_cancelled() { Ok(false) } else { self.launch_in_place(session, run, orders).await };
        if !matches!(launched, Ok(true)) {
            self.places().remove(&session);
        }
        launched.map(drop)
    }

    /// Starts the agent; `false` when the session no longer waits, or its agent could not be started and says so.
    async fn launch_in_place(self: &Arc<Self>, session: SessionId, run: RunId, orders: mpsc::Receiver<Order>) -> Result<bool> {
        let row = session::Entity::find_by_id(session.to_string())
            .one(self.store.read())
            .await
            .map_err(internal)?
            .ok_or_else(|| Error::NotFound("session".into()))?;
        let agent = AgentKind::parse(&row.agent).unwrap_or(AgentKind::Demo);
        let project = project::Entity::find_by_id(row.project.clone()).one(self.store.read()).await.map_err(internal)?;
        let Some(project) = project.filter(|project| project.removed.is_none()) else {
            return self.failed_to_start(session, "its project was removed").await.map(|()| false);
        };
        let program = match self.program(agent) {
            Ok(program) => program,
            Err(why) => return self.failed_to_start(session, &why).await.map(|()| false),
        };
        let cwd = PathBuf::from(&project.path);
        let trusted = trusts(project).await?;
        let how = match (row.resumable, row.forked_from.as_deref().and_then(|from| from.parse().ok())) {
            (true, _) => How::Resume,
            (false, Some(from)) => How::Fork { from },
            (false, None) => How::Fresh,
        };
        let start = Start {
            session,
            trusted,
            cwd,
            mode: Mode::parse(&row.mode).unwrap_or(Mode::Ask),
            model: row.model.clone(),
            how,
            program,
            env: if agent == AgentKind::Demo { self.config.demo_env.clone() } else { BTreeMap::new() },
        };
        let mut driver = agents::driver(agent);
        let spec = driver.spec(&start);
        let hello = driver.hello();
        let argv: Vec<String> = std::iter::once(spec.program.display().to_string()).chain(spec.args.iter().cloned()).collect();
        let begun = self
            .journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    let mut scribe = Scribe::load(tx, session).await?;
                    if scribe.state() != SessionState::Queued || scribe.run().is_some() {
                        return Ok(scribe.finish(false));
                    }
                    scribe.push(run, RunStarted { run, session, argv });
                    scribe.moved(SessionState::Starting, None);
                    scribe.input(run, hello).await?;
                    Ok(scribe.finish(true))
                })
            })
            .await?;
        if !begun {
            return Ok(false);
        }
        let started = match self.processes.start(run, &spec).await {
            Ok(()) => self.processes.attach(run, 0).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match started {
            Ok(attached) => {
                self.serve(session, run, agent, how, trusted, 0, SessionState::Starting, attached, orders);
                Ok(true)
            }
            Err(why) => {
                tracing::warn!(%session, %run, why, "an agent could not be started");
                let end = End {
                    session,
                    run,
                    exit: Exit::NotStarted { why },
                    stop: None,
                    name: agent.title(),
                    stderr: String::new(),
                    resumed: false,
                    cut: false,
                    tasks: false,
                };
                // It keeps its place until that is written down: otherwise the session would claim to start for ever.
                let engine = self.clone();
                self.tasks.spawn(async move {
                    engine
                        .insist(session, run, |engine| {
                            let end = end.clone();
                            async move { engine.journal.commit(&Caller::node(), move |tx| Box::pin(end.commit(tx))).await }
                        })
                        .await;
                    engine.left(session, run);
                });
                Ok(true)
            }
        }
    }

    /// Whether a session's project is trusted as its folder is now; `None` when the project was removed.
    pub(super) async fn trusts(&self, session: SessionId) -> Result<Option<bool>> {
        let row = session::Entity::find_by_id(session.to_string()).one(self.store.read()).await.map_err(internal)?;
        let Some(row) = row else { return Ok(None) };
        let project = project::Entity::find_by_id(row.project).one(self.store.read()).await.map_err(internal)?;
        match project.filter(|project| project.removed.is_none()) {
            Some(project) => trusts(project).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether something was said to a session that no agent was given yet; also when that cannot be read.
    pub(super) async fn prompt_waits(&self, session: SessionId) -> bool {
        let waiting = prompt::Entity::find()
            .filter(prompt::Column::Session.eq(session.to_string()))
            .filter(prompt::Column::State.eq(PromptState::Queued.word()))
            .limit(1)
            .one(self.store.read())
            .await;
        !matches!(waiting, Ok(None))
    }

    /// The program of an agent, or a sentence that says what is missing.
    fn program(&self, agent: AgentKind) -> std::result::Result<PathBuf, String> {
        match agent {
            AgentKind::Demo => Ok(self.config.own_program.clone()),
            AgentKind::Claude => agents::discover::claude_program(self.config.claude.as_deref())
                .ok_or_else(|| "Claude Code was not found on this machine: install it, or name its program with agents.claude_path".into()),
        }
    }

    async fn failed_to_start(&self, session: SessionId, why: &str) -> Result<()> {
        let why = why.to_owned();
        self.journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    let mut scribe = Scribe::load(tx, session).await?;
                    if scribe.state() == SessionState::Queued {
                        scribe.entry(model::entries::EntryKind::Error, super::scribe::NewEntry::text(why.clone())).await?;
                        scribe.moved(SessionState::Failed, Some(why));
                    }
                    Ok(scribe.finish(()))
                })
            })
            .await
    }

    async fn deny_expired(&self) -> Result<()> {
        let late = approval::Entity::find()
            .filter(approval::Column::State.eq(ApprovalState::Pending.word()))
            .filter(approval::Column::Expires.lte(self.deps.now()))
            .limit(50)
            .all(self.store.read())
            .await
            .map_err(internal)?;
        for row in late {
            let Ok(id) = row.id.parse::<ApprovalId>() else { continue };
            let decide = Decide::deny("Nobody answered within the time limit.");
            match crate::approvals::decide(self, &Caller::node(), id, decide).await {
                Ok(()) | Err(Error::AlreadyDecided(_) | Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Stops serving. Agents go on under their shims unless `stop_agents`.
    pub(crate) async fn shutdown(&self, stop_agents: bool) {
        self.closing.cancel();
        if stop_agents {
            let sessions: Vec<SessionId> = self.places().keys().copied().collect();
            for session in sessions {
                self.stop(session, Stop::Node).await;
            }
            // Bounded by the whole-tree kill: 2 s to finish, 5 s to obey.
            let deadline = tokio::time::Instant::now() + Duration::from_millis(8_500);
            while self.running() > 0 && tokio::time::Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        // Closing the orders ends the runners; what they had read but not stored is read again at the next start.
        self.places().clear();
        self.tasks.close();
        let _ = tokio::time::timeout(Duration::from_secs(2), self.tasks.wait()).await;
    }
}

/// Whether a project is trusted as its folder is now.
async fn trusts(project: project::Model) -> Result<bool> {
    let folder = PathBuf::from(&project.path);
    tokio::task::spawn_blocking(move || projects::trusted(&project, &folder)).await.map_err(internal)
}

/// Whether an agent that runs was started in a trusted project; its arguments say so.
fn was_trusted(argv: &str) -> bool {
    !argv.contains("--strict-mcp-config")
}
