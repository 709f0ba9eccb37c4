//! The engine decides which sessions have an agent process and which wait for one, and looks after both when the node
//! starts and stops. The tables say what must run; the engine makes it so and never trusts its own memory over them.

use super::{
    end::End,
    runner::{self, Begin},
    scribe::{Scribe, shorten, spoken_to_since, unknown_agent, waiting_prompts},
};
use crate::{
    agents::{self, Driver, How, Start},
    clock::Deps,
    entity::{project, run, run_cursor, session},
    folder::Folders,
    journal::{Journal, Stored},
    live::Hub,
    process::{ControlError, Processes},
    reserve,
    rows::Capacity,
    store::Store,
    supervise::survived,
};
use futures::FutureExt;
use model::{
    Caller, Error, Result,
    event::{Exit, RunStarted},
    id::{RunId, SessionId},
    sessions::{AgentKind, Mode, QueuedWhy, SessionState},
    standing::Standing,
};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, sea_query::Expr,
};
use std::{
    any::Any,
    collections::{BTreeMap, HashMap},
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a runner may take to take up a stop. After that its agent is ended without it.
pub(super) const TAKES_WITHIN: Duration = Duration::from_secs(2);
/// How long an agent may take to answer an order.
pub(super) const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// [`TAKES_WITHIN`] for a node that stops, and for a runner that is known to be held up.
const HURRIES_WITHIN: Duration = Duration::from_millis(500);

/// The least time between two searches for room on a full node. A search costs three statements, and every new session
/// asks for one.
const FULL: Duration = Duration::from_millis(20);

/// The engine's configuration.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The most agents at work; further sessions are queued. As many again may wait for a person.
    pub agents_max: usize,
    /// An agent at rest for this long is ended; its session stays as it is.
    pub agents_idle: Duration,
    /// A session says so if its agent is silent for this long after its start. After ten times as long the agent is
    /// ended.
    pub agents_silence: Duration,
    /// The most bytes of an agent's output that are kept; an agent that writes more is ended.
    pub spool_max: u64,
    /// The path of Claude Code, if it is not on PATH.
    pub claude: Option<PathBuf>,
    /// This binary, which is also the demo agent's program.
    pub own_program: PathBuf,
    /// The factory of drivers: [`agents::driver`]. Tests pass drivers that fail.
    pub driver: fn(AgentKind) -> Box<dyn Driver>,
    /// The demo agent's environment: where it keeps its conversations, and its speed.
    pub demo_env: BTreeMap<String, String>,
}

/// The reply channel of an order. Whoever claims the order first decides about it: its runner, to follow it, or its
/// asker, to withdraw it.
pub(super) struct Reply {
    answer: oneshot::Sender<Result<()>>,
    claimed: Arc<AtomicBool>,
}

impl Reply {
    /// A reply, the receiver of its answer, and the flag of the claim. The receiver fails if no answer ever comes,
    /// because no agent runs.
    fn new() -> (Self, oneshot::Receiver<Result<()>>, Arc<AtomicBool>) {
        let (answer, answered) = oneshot::channel();
        let claimed = Arc::<AtomicBool>::default();
        (
            Self {
                answer,
                claimed: claimed.clone(),
            },
            answered,
            claimed,
        )
    }

    /// Claims the order for the runner; `false` when the asker has withdrawn it.
    pub(super) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    /// Answers the asker, if they still wait.
    pub(super) fn send(self, answer: Result<()>) {
        let _ = self.answer.send(answer);
    }
}

/// The outcome of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The agent has agreed.
    Agreed,
    /// No agent runs.
    NoAgent,
    /// The runner is held up: it did not take the order up, and never will.
    HeldUp,
}

/// Why an agent is ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A person stopped it; the session's row says who.
    Person,
    /// A person stopped it, and that could not be stored.
    Unwritten {
        /// The person's name.
        by: String,
    },
    /// It rested too long, or its place was needed.
    Idle,
    /// The trust in its project has changed since its start.
    Trust,
    /// It said nothing after its start.
    Silent,
    /// The node stops together with its agents.
    Node,
}

/// A request to a runner that needs an answer. Everything else goes through [`Told`].
pub(super) enum Order {
    /// End the turn.
    Interrupt(Reply),
    /// Change the mode.
    Mode(Mode, Reply),
    /// Change the model.
    Model(Option<String>, Reply),
    /// End the agent if it rests, because its place is needed; refused if it does not rest.
    MakeRoom(Reply),
}

/// Notifications for a runner. They never block: the slot cannot be full, and a repeated notification counts once.
#[derive(Default)]
pub(super) struct Told {
    /// The tables have news, or `stop` is set.
    pub(super) news: Notify,
    stop: Mutex<Option<Stop>>,
    /// Whether the runner has taken up the stop.
    pub(super) taken: AtomicBool,
    /// Whether the agent's process is being ended.
    ending: AtomicBool,
}

impl Told {
    /// Why the agent is to be ended, if it is.
    pub(super) fn stop(&self) -> Option<Stop> {
        self.slot().clone()
    }

    fn slot(&self) -> MutexGuard<'_, Option<Stop>> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Place {
    run: RunId,
    orders: mpsc::Sender<Order>,
    told: Arc<Told>,
}

/// The runner's end of a place.
struct Taken {
    orders: mpsc::Receiver<Order>,
    told: Arc<Told>,
}

pub(crate) struct Engine {
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    pub(crate) deps: Deps,
    pub(crate) processes: Processes,
    pub(crate) folders: Folders,
    pub(crate) hub: Hub,
    pub(crate) config: EngineConfig,
    pub(crate) tasks: TaskTracker,
    places: Mutex<HashMap<SessionId, Place>>,
    kick: Notify,
    closing: CancellationToken,
}

impl Engine {
    pub(crate) fn new(
        store: Store,
        journal: Journal,
        deps: Deps,
        processes: Processes,
        folders: Folders,
        hub: Hub,
        config: EngineConfig,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            journal,
            deps,
            processes,
            folders,
            hub,
            config,
            tasks: TaskTracker::new(),
            places: Mutex::default(),
            kick: Notify::new(),
            closing: CancellationToken::new(),
        })
    }

    /// The number of occupied places.
    pub(crate) fn running(&self) -> usize {
        self.places().len()
    }

    /// Wakes the supervisor, because a session may be startable now.
    pub(crate) fn kick(&self) {
        self.kick.notify_one();
    }

    /// Notifies a session's runner, or the supervisor if it has none, that something was committed. Never waits.
    pub(crate) fn look(&self, session: SessionId) {
        match self.told(session) {
            Some((_, told)) => told.news.notify_one(),
            None => self.kick(),
        }
    }

    fn told(&self, session: SessionId) -> Option<(RunId, Arc<Told>)> {
        self.places().get(&session).map(|place| (place.run, place.told.clone()))
    }

    /// Hands an order to a session's runner. Never waits: the channel of a held-up runner is full at some point.
    fn order(&self, session: SessionId, order: Order) -> std::result::Result<(), Asked> {
        let orders = self
            .places()
            .get(&session)
            .map(|place| place.orders.clone())
            .ok_or(Asked::NoAgent)?;
        orders.try_send(order).map_err(|refused| match refused {
            mpsc::error::TrySendError::Closed(_) => Asked::NoAgent,
            mpsc::error::TrySendError::Full(_) => Asked::HeldUp,
        })
    }

    /// Hands an order to the agent and waits for its answer, but only for `patience` until the runner has claimed the
    /// order.
    pub(super) async fn ask(
        &self,
        session: SessionId,
        patience: Duration,
        order: impl FnOnce(Reply) -> Order,
    ) -> Result<Asked> {
        let (reply, mut answered, claimed) = Reply::new();
        if let Err(why) = self.order(session, order(reply)) {
            return Ok(why);
        }
        let mut waited = tokio::time::timeout(patience, &mut answered).await;
        if waited.is_err() {
            if !claimed.swap(true, Ordering::AcqRel) {
                return Ok(Asked::HeldUp);
            }
            waited = tokio::time::timeout(ANSWERS_WITHIN.saturating_sub(patience), answered).await;
        }
        match waited {
            Ok(Ok(answer)) => answer.map(|()| Asked::Agreed),
            Ok(Err(_)) => Ok(Asked::NoAgent),
            Err(_) => Err(Error::Unavailable(
                "the agent did not answer within 10 s; it may still do so".into(),
            )),
        }
    }

    /// Ends a session's agent; `false` when it has none. Returns at once, and works without the runner and the
    /// database: a full disk or an agent that does not read may hold the runner up.
    pub(crate) fn stop(self: &Arc<Self>, session: SessionId, stop: Stop) -> bool {
        let Some((run, told)) = self.told(session) else {
            return false;
        };
        // Where nothing can be stored, the runner is held up by just that.
        let patience = if matches!(stop, Stop::Node | Stop::Unwritten { .. }) {
            HURRIES_WITHIN
        } else {
            TAKES_WITHIN
        };
        told.slot().get_or_insert(stop);
        told.news.notify_one();
        let engine = self.clone();
        self.tasks.spawn(async move {
            tokio::time::sleep(patience).await;
            if !told.taken.load(Ordering::Acquire) {
                tracing::warn!(%session, %run, "a runner that is held up is not waited for: its agent is ended");
                engine.end_process(run, &told);
            }
        });
        true
    }

    /// Ends the process of a run: a short grace period first, then the whole process tree is killed.
    pub(super) fn end_process(self: &Arc<Self>, run: RunId, told: &Told) {
        if told.ending.swap(true, Ordering::AcqRel) {
            return;
        }
        let engine = self.clone();
        self.tasks.spawn(async move {
            // A shim that is gone has no stdin to close, so the error is ignored.
            let _ = engine.processes.close_stdin(run).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            if let Err(error) = engine.processes.kill_tree(run, Duration::from_secs(5)).await {
                tracing::debug!(%run, %error, "an agent that was to be stopped was gone");
            }
            // The process writes no more, so the reserve's space is left for recording its end.
            engine.give_up_reserve().await;
        });
    }

    /// Interrupts an agent without storing that first; returns whether the agent took it.
    pub(super) async fn interrupt_aside(&self, session: SessionId, agent: AgentKind) -> bool {
        let Some((run, _)) = self.told(session) else {
            return false;
        };
        let mut taken = false;
        for line in (self.config.driver)(agent).interrupt() {
            taken = self.processes.aside(run, &line).await.is_ok();
        }
        taken
    }

    async fn give_up_reserve(&self) {
        let data_dir = self.store.data_dir().to_owned();
        let _ = tokio::task::spawn_blocking(move || reserve::give_up(&data_dir)).await;
    }

    fn places(&self) -> MutexGuard<'_, HashMap<SessionId, Place>> {
        self.places.lock().expect("nothing panics while it holds the places")
    }

    /// Frees the place of a run.
    fn left(&self, session: SessionId, run: RunId) {
        {
            let mut places = self.places();
            if places.get(&session).is_some_and(|place| place.run == run) {
                places.remove(&session);
            }
        }
        self.kick();
    }

    /// Retries a commit with exponential backoff, whatever its error; `None` when the session is gone.
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

    /// Frees the place of a runner that is done.
    pub(super) async fn released(&self, session: SessionId, run: RunId) {
        self.left(session, run);
        if let Err(error) = self.processes.compress(run).await {
            tracing::warn!(%run, %error, "the output of an ended run could not be compressed");
        }
    }

    /// Reattaches to every process that the tables record as running when the node last stopped. Afterwards no session
    /// claims an agent that is gone.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<()> {
        let open = self
            .store
            .own::<run::Entity>()
            .filter(run::Column::Ended.is_null())
            .order_by_asc(run::Column::Id)
            .all(self.store.read())
            .await
            .stored()?;
        for row in open {
            let (Ok(run), Ok(session)) = (row.id.parse::<RunId>(), row.session.parse::<SessionId>()) else {
                continue;
            };
            // One failure must not keep the node from starting; the next start tries again.
            if let Err(error) = self.take_up(run, session, row.trusted).await {
                tracing::error!(%session, %run, %error, "an agent could not be taken up again");
            }
        }
        Ok(())
    }

    async fn take_up(self: &Arc<Self>, run: RunId, session: SessionId, trusted: bool) -> Result<()> {
        let row = session::Entity::find_by_id(self.store.key(session))
            .one(self.store.read())
            .await
            .stored()?;
        let Some(row) = row else { return Ok(()) };
        let Some(agent) = AgentKind::parse(&row.agent) else {
            // This version has no driver for the agent, so nobody could ever stop it.
            let why = unknown_agent(&row.agent);
            tracing::error!(%session, %run, why, "an agent cannot be taken up and is ended");
            self.killed(session, run).await;
            let end = End {
                broken: Some(why),
                ..End::unseen(session, run, "its agent", Exit::Lost)
            };
            return self.ended_unseen(session, run, end).await;
        };
        let cursor = run_cursor::Entity::find_by_id(run.to_string())
            .one(self.store.read())
            .await
            .stored()?;
        let committed = cursor.map_or(0, |cursor| u64::try_from(cursor.offset).unwrap_or(0));
        let exit = match self.processes.attach(run, 0).await {
            Ok(attached) => {
                let how = if row.resumable { How::Resume } else { How::Fresh };
                let state = SessionState::parse(&row.state).unwrap_or(SessionState::Unknown);
                tracing::info!(%session, %run, committed, "an agent is taken up again");
                let taken = self.take_place(session, run);
                if row.standing().is_stopping() {
                    // The node went away while it was ending the agent.
                    self.stop(session, Stop::Person);
                }
                self.serve(session, run, agent, how, trusted, committed, state, attached, taken);
                return Ok(());
            }
            Err(error) if committed == 0 && row.state == SessionState::Starting.word() => {
                tracing::info!(%session, %run, %error, "an agent had not been started yet");
                Exit::NotStarted {
                    why: "the node stopped before it was started".into(),
                }
            }
            Err(error) => {
                tracing::warn!(%session, %run, %error, "an agent is lost");
                Exit::Lost
            }
        };
        let end = End::unseen(session, run, agent.title(), exit);
        self.ended_unseen(session, run, end).await
    }

    /// Commits an end that the start of the node found. If it cannot be stored, as on a full disk, the node starts all
    /// the same, and the session keeps its place until it is.
    async fn ended_unseen(self: &Arc<Self>, session: SessionId, run: RunId, end: End) -> Result<()> {
        let again = end.clone();
        match self
            .journal
            .commit(&Caller::node(), move |tx| Box::pin(end.commit(tx)))
            .await
        {
            Err(error) if error.status() >= 500 => {
                let (engine, taken) = (self.clone(), self.take_place(session, run));
                self.tasks.spawn(async move {
                    engine.written(session, run, again).await;
                    engine.left(session, run);
                    drop(taken);
                });
                Ok(())
            }
            outcome => outcome,
        }
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
        Taken { orders, told }: Taken,
    ) {
        let begin = Begin {
            engine: self.clone(),
            session,
            run,
            agent,
            how,
            trusted,
            orders,
            told,
            committed,
            state,
        };
        let engine = self.clone();
        self.tasks.spawn(async move {
            if let Err(panic) = AssertUnwindSafe(runner::serve(begin, attached)).catch_unwind().await {
                engine.broke(session, run, agent, &said(&*panic)).await;
            }
        });
    }

    /// Handles the panic of a runner. Nobody reads the agent any more, so it is ended before anything else may start in
    /// its session. The session says why, and keeps its place until that is stored.
    async fn broke(self: &Arc<Self>, session: SessionId, run: RunId, agent: AgentKind, why: &str) {
        tracing::error!(%session, %run, why, "the runner of an agent panicked: the agent is ended");
        self.hub.partial(session, None);
        self.killed(session, run).await;
        let broken = Some(format!(
            "this node failed while it served {}, which was ended: {why}",
            agent.title()
        ));
        let end = End {
            broken,
            ..End::unseen(session, run, agent.title(), Exit::Lost)
        };
        self.written(session, run, end).await;
        self.released(session, run).await;
    }

    /// Kills the processes of a run; retries until none is left.
    async fn killed(&self, session: SessionId, run: RunId) {
        while let Err(error) = self.processes.kill_tree(run, Duration::from_secs(2)).await {
            if matches!(error, ControlError::Unknown | ControlError::Ended) {
                return;
            }
            tracing::error!(%session, %run, %error, "an agent that nobody reads could not be ended; it is tried again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Commits an end; retries until it is stored or the session is gone.
    pub(super) async fn written(self: &Arc<Self>, session: SessionId, run: RunId, end: End) {
        self.insist(session, run, |engine| {
            let end = end.clone();
            async move {
                engine
                    .journal
                    .commit(&Caller::node(), move |tx| Box::pin(end.commit(tx)))
                    .await
            }
        })
        .await;
    }

    /// Starts waiting sessions until the node stops. A start under way is finished.
    pub(crate) async fn supervise(self: Arc<Self>) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = self.kick.notified() => {}
                _ = tick.tick() => {}
            }
            let full = survived("sessions that wait could not be started yet", self.start_waiting()).await;
            if full == Some(true) {
                tokio::time::sleep(FULL).await;
            }
        }
    }

    /// Starts waiting sessions while there is room and tells the rest why they wait; returns whether any still wait.
    async fn start_waiting(self: &Arc<Self>) -> Result<bool> {
        let full = self.start_some().await?;
        let waits = full.is_some();
        self.hub.capacity(full);
        Ok(waits)
    }

    /// The load: agents at work, and agents that only wait for a person. The tables say who waits.
    async fn load(&self) -> Result<(usize, usize)> {
        let held: Vec<String> = self.places().keys().map(ToString::to_string).collect();
        let waiting = self
            .store
            .own::<session::Entity>()
            .filter(session::Column::Id.is_in(held.iter().cloned()))
            .filter(session::Column::State.eq(SessionState::Waiting.word()))
            .count(self.store.read())
            .await
            .stored()?;
        let waiting = usize::try_from(waiting).unwrap_or(usize::MAX).min(held.len());
        Ok((held.len() - waiting, waiting))
    }

    /// Starts waiting sessions; `Some` says what is full if not all could be started.
    async fn start_some(self: &Arc<Self>) -> Result<Option<Capacity>> {
        let waiting = waiting(&self.store)
            .into_tuple::<String>()
            .all(self.store.read())
            .await
            .stored()?;
        for id in waiting {
            let Ok(session) = id.parse::<SessionId>() else { continue };
            if self.places().contains_key(&session) {
                continue;
            }
            let max = self.config.agents_max;
            let (busy, waiting) = self.load().await?;
            // An agent that waits for a person costs only memory, so as many may wait as may work.
            if busy >= max || busy + waiting >= 2 * max {
                // A resting agent that is told to end kicks the supervisor afterwards.
                let why = if self.free_a_place().await? {
                    QueuedWhy::Next
                } else if busy >= max {
                    QueuedWhy::Places
                } else {
                    QueuedWhy::People
                };
                let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
                return Ok(Some(Capacity {
                    why,
                    busy: count(busy),
                    waiting: count(waiting),
                    max: count(max),
                }));
            }
            if let Err(error) = self.launch(session).await {
                tracing::error!(%session, %error, "a session could not be started");
            }
        }
        Ok(None)
    }

    /// Ends the agent that has rested longest; `false` when all are at work. The tables suggest one, and its runner
    /// decides whether it rests.
    async fn free_a_place(&self) -> Result<bool> {
        let held: Vec<String> = self.places().keys().map(ToString::to_string).collect();
        // A waiting agent rests only behind its own question, so it is not ended for others.
        let rests = |state: SessionState| {
            Standing {
                state,
                run: true,
                background: false,
            }
            .rests()
        };
        let resting = SessionState::ALL
            .iter()
            .filter(|state| rests(**state))
            .map(|state| state.word());
        let resting = self
            .store
            .own::<session::Entity>()
            .select_only()
            .column(session::Column::Id)
            .filter(session::Column::Id.is_in(held))
            .filter(session::Column::State.is_in(resting))
            .order_by_asc(session::Column::StateSince)
            .into_tuple::<String>()
            .all(self.store.read())
            .await
            .stored()?;
        for id in resting {
            let Ok(session) = id.parse() else { continue };
            let (reply, answer, _) = Reply::new();
            let asked = self.order(session, Order::MakeRoom(reply));
            if asked.is_ok()
                && matches!(
                    tokio::time::timeout(Duration::from_secs(1), answer).await,
                    Ok(Ok(Ok(())))
                )
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Occupies a place. From here on orders reach the session's runner, even while its process is still starting.
    fn take_place(&self, session: SessionId, run: RunId) -> Taken {
        let (sender, orders) = mpsc::channel(64);
        let told = Arc::<Told>::default();
        self.places().insert(
            session,
            Place {
                run,
                orders: sender,
                told: told.clone(),
            },
        );
        Taken { orders, told }
    }

    async fn launch(self: &Arc<Self>, session: SessionId) -> Result<()> {
        let run = RunId::from_uuid(self.deps.uuid_v7());
        let taken = self.take_place(session, run);
        // Checked only after the place is taken: a node that stops either sees the place and ends its agent, or is seen
        // here to stop.
        let launched = if self.closing.is_cancelled() {
            Ok(false)
        } else {
            self.launch_in_place(session, run, taken).await
        };
        if !matches!(launched, Ok(true)) {
            self.places().remove(&session);
        }
        launched.map(drop)
    }

    /// Starts the agent; `false` when the session no longer waits, or when the start failed and the session says so.
    async fn launch_in_place(self: &Arc<Self>, session: SessionId, run: RunId, taken: Taken) -> Result<bool> {
        let row = session::Entity::find_by_id(self.store.key(session))
            .one(self.store.read())
            .await
            .stored()?
            .ok_or_else(|| Error::NotFound("session".into()))?;
        let Some(agent) = AgentKind::parse(&row.agent) else {
            return self
                .failed_to_start(session, &unknown_agent(&row.agent))
                .await
                .map(|()| false);
        };
        let project = project::Entity::find_by_id(self.store.key(&row.project))
            .one(self.store.read())
            .await
            .stored()?;
        let Some(project) = project.filter(|project| project.removed.is_none()) else {
            return self
                .failed_to_start(session, "its project was removed")
                .await
                .map(|()| false);
        };
        let program = match self.program(agent) {
            Ok(program) => program,
            Err(why) => return self.failed_to_start(session, &why).await.map(|()| false),
        };
        let trusted = match self.folders.may_start(&project).await {
            Ok(trusted) => trusted,
            Err(why) => return self.failed_to_start(session, &why).await.map(|()| false),
        };
        let cwd = PathBuf::from(&project.path);
        let how = match (
            row.resumable,
            row.forked_from.as_deref().and_then(|from| from.parse().ok()),
        ) {
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
            env: if agent == AgentKind::Demo {
                self.config.demo_env.clone()
            } else {
                BTreeMap::new()
            },
        };
        let mut driver = (self.config.driver)(agent);
        let spec = driver.spec(&start);
        let hello = driver.hello();
        let argv: Vec<String> = std::iter::once(spec.program.display().to_string())
            .chain(spec.args.iter().cloned())
            .collect();
        let begun = self
            .journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    let mut scribe = Scribe::load(tx, session).await?;
                    if scribe.state() != SessionState::Queued || scribe.run().is_some() {
                        return Ok(scribe.finish(false));
                    }
                    scribe.push(
                        run,
                        RunStarted {
                            run,
                            session,
                            argv,
                            trusted,
                        },
                    );
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
                self.serve(
                    session,
                    run,
                    agent,
                    how,
                    trusted,
                    0,
                    SessionState::Starting,
                    attached,
                    taken,
                );
                Ok(true)
            }
            Err(why) => {
                tracing::warn!(%session, %run, why, "an agent could not be started");
                let end = End::unseen(session, run, agent.title(), Exit::NotStarted { why });
                // The session keeps its place until the failure is stored, or it would claim to be starting for ever.
                let engine = self.clone();
                self.tasks.spawn(async move {
                    engine.written(session, run, end).await;
                    engine.left(session, run);
                });
                Ok(true)
            }
        }
    }

    /// Whether a session's project is trusted with its folder as it is now; `None` when the project was removed.
    pub(super) async fn trusts(&self, session: SessionId) -> Result<Option<bool>> {
        let row = session::Entity::find_by_id(self.store.key(session))
            .one(self.store.read())
            .await
            .stored()?;
        let Some(row) = row else { return Ok(None) };
        let project = project::Entity::find_by_id(self.store.key(&row.project))
            .one(self.store.read())
            .await
            .stored()?;
        match project.filter(|project| project.removed.is_none()) {
            Some(project) => Ok(Some(self.folders.trusts(&project).await?)),
            None => Ok(None),
        }
    }

    /// Whether a prompt waits that no agent was given. In a failed session only a prompt from after the failure counts.
    pub(super) async fn prompt_waits(&self, session: SessionId, state: SessionState) -> bool {
        let waits = match state {
            SessionState::Failed => {
                spoken_to_since(&self.store, self.store.read(), session, SessionState::Failed).await
            }
            _ => waiting_prompts(&self.store, self.store.read(), session)
                .await
                .map(|waiting| !waiting.is_empty()),
        };
        waits.unwrap_or_else(|error| {
            tracing::warn!(%session, %error, "whether something waits for an agent could not be read; it is tried again");
            false
        })
    }

    /// The program of an agent, or a sentence that names what is missing.
    fn program(&self, agent: AgentKind) -> std::result::Result<PathBuf, String> {
        agents::discover::program(agent, &self.config.own_program, self.config.claude.as_deref())
    }

    async fn failed_to_start(&self, session: SessionId, why: &str) -> Result<()> {
        let why = why.to_owned();
        self.journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    let mut scribe = Scribe::load(tx, session).await?;
                    if scribe.state() == SessionState::Queued {
                        scribe
                            .entry(
                                model::entries::EntryKind::Error,
                                super::scribe::NewEntry::text(why.clone()),
                            )
                            .await?;
                        scribe.moved(SessionState::Failed, Some(why));
                    }
                    Ok(scribe.finish(()))
                })
            })
            .await
    }

    /// Stops serving. Agents go on under their shims unless `stop_agents` is set.
    pub(crate) async fn shutdown(self: &Arc<Self>, stop_agents: bool) {
        self.closing.cancel();
        if stop_agents {
            let sessions: Vec<SessionId> = self.places().keys().copied().collect();
            for session in sessions {
                self.stop(session, Stop::Node);
            }
            // The bound is the kill of a process tree: 2 s grace and 5 s to obey.
            let deadline = tokio::time::Instant::now() + Duration::from_millis(8_500);
            while self.running() > 0 && tokio::time::Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        // Closing the orders ends the runners. The next start reads again what they had read but not stored.
        self.places().clear();
        self.tasks.close();
        let _ = tokio::time::timeout(Duration::from_secs(2), self.tasks.wait()).await;
    }
}

/// The ids of the sessions that wait for an agent, longest first.
fn waiting(store: &Store) -> Select<session::Entity> {
    // The state is literal text, because the partial index does not serve a bound state.
    let waits = Expr::cust(r#""session"."state" = 'queued' AND "session"."deleted" IS NULL"#);
    let found = store
        .own::<session::Entity>()
        .select_only()
        .column(session::Column::Id)
        .filter(waits);
    found
        .order_by_asc(session::Column::StateSince)
        .order_by_asc(session::Column::Id)
        .limit(50)
}

/// A panic's message, its first line.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    shorten(text.and_then(|text| text.lines().next()).unwrap_or("it panicked"), 200)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::TestStore;

    #[tokio::test]
    async fn who_waits_is_found_by_an_index_and_not_sorted() {
        let test = TestStore::new::<migration::Migrator>(1).await;
        assert_eq!(SessionState::Queued.word(), "queued");
        if let Some(plan) = test.plan(waiting(&test.store)).await {
            assert!(
                plan.contains("INDEX session_queued") && !plan.contains("ORDER BY"),
                "{plan}"
            );
        }
        assert_eq!(
            waiting(&test.store)
                .into_tuple::<String>()
                .all(test.store.read())
                .await
                .unwrap(),
            Vec::<String>::new()
        );
    }
}
