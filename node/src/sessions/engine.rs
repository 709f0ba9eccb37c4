//! The engine: which sessions have an agent process, which wait for one, and what happens to both when the node starts
//! and stops. The tables say what must run; the engine makes it so and never believes its own memory over them.

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

/// A runner that has not taken a stop up after so long is held up, and its agent is ended without it.
pub(super) const TAKES_WITHIN: Duration = Duration::from_secs(2);
/// An agent that has not answered an order after so long is no longer waited for.
pub(super) const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// The same as [`TAKES_WITHIN`] where the node stops and has little time, or is known to be held up.
const HURRIES_WITHIN: Duration = Duration::from_millis(500);

/// While there is no room, it is looked for room at most so often: everybody who creates a session asks for it, and it
/// costs three statements.
const FULL: Duration = Duration::from_millis(20);

/// What the engine is told once.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// So many agents work at once; more sessions are queued. As many again may wait for a person meanwhile.
    pub agents_max: usize,
    /// An agent that rests so long is ended; its session stays as it is.
    pub agents_idle: Duration,
    /// An agent that says nothing for so long after its start is suspicious: its session says so; after ten times as
    /// long it is ended.
    pub agents_silence: Duration,
    /// So many bytes of an agent's output are kept; one that writes more is ended.
    pub spool_max: u64,
    /// Where Claude Code lies, when not on PATH.
    pub claude: Option<PathBuf>,
    /// This binary: it is the demo agent's program too.
    pub own_program: PathBuf,
    /// What understands an agent: [`agents::driver`]. Tests put in what fails.
    pub driver: fn(AgentKind) -> Box<dyn Driver>,
    /// What the demo agent gets in its environment: where it keeps its conversations, how fast it goes.
    pub demo_env: BTreeMap<String, String>,
}

/// Where an answer goes. Whoever claims it first decides about the order: its runner, which then follows it, or its
/// asker, who withdraws it.
pub(super) struct Reply {
    answer: oneshot::Sender<Result<()>>,
    claimed: Arc<AtomicBool>,
}

impl Reply {
    /// Where the answer arrives, which is an error when it never comes: no agent runs. The flag is set once somebody
    /// has claimed the order.
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

    /// Whether the runner may follow the order: nobody has withdrawn it.
    pub(super) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    /// Answers whoever asked, where they still wait.
    pub(super) fn send(self, answer: Result<()>) {
        let _ = self.answer.send(answer);
    }
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The agent has agreed.
    Agreed,
    /// No agent runs.
    NoAgent,
    /// Its runner is held up: it did not take the order up, and never will.
    HeldUp,
}

/// Why an agent is ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A person wants it: the session's row says who.
    Person,
    /// A person wants it, and that could not be written down.
    Unwritten {
        /// The name of the person.
        by: String,
    },
    /// It rested too long, or its place is needed.
    Idle,
    /// Its project is trusted otherwise than when it was started.
    Trust,
    /// It said nothing at all after it was started.
    Silent,
    /// The node stops together with its agents.
    Node,
}

/// What a runner is asked. What needs no answer is not asked: see [`Told`].
pub(super) enum Order {
    /// End the turn.
    Interrupt(Reply),
    /// Change the mode.
    Mode(Mode, Reply),
    /// Change the model.
    Model(Option<String>, Reply),
    /// End the agent if it rests: its place is needed. One that does not is a refusal.
    MakeRoom(Reply),
}

/// What a runner is told without waiting for it: it cannot be full, and what is said twice counts once.
#[derive(Default)]
pub(super) struct Told {
    /// Something is new in the tables, or `stop` is set.
    pub(super) news: Notify,
    stop: Mutex<Option<Stop>>,
    /// The runner has taken the stop up.
    pub(super) taken: AtomicBool,
    /// The agent's process is being ended.
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

/// A place as its runner sees it.
struct Taken {
    orders: mpsc::Receiver<Order>,
    told: Arc<Told>,
}

/// The engine.
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

    /// How many agents run.
    pub(crate) fn running(&self) -> usize {
        self.places().len()
    }

    /// Something may be startable now.
    pub(crate) fn kick(&self) {
        self.kick.notify_one();
    }

    /// Something about a session was committed: its runner looks at the tables, or the supervisor does where it has
    /// none. Never waits.
    pub(crate) fn look(&self, session: SessionId) {
        match self.told(session) {
            Some((_, told)) => told.news.notify_one(),
            None => self.kick(),
        }
    }

    fn told(&self, session: SessionId) -> Option<(RunId, Arc<Told>)> {
        self.places().get(&session).map(|place| (place.run, place.told.clone()))
    }

    /// Hands an order to a session's runner. Never waits: a runner that is held up has enough to do, and takes no more
    /// at some point.
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

    /// Tells the agent something and waits until it has answered. A runner that has not taken the order up within
    /// `patience` is not waited for.
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

    /// Ends a session's agent; `false` when it has none. Never waits, and needs neither the runner nor the database: a
    /// runner that is held up by a full disk or by an agent that does not read is not waited for.
    pub(crate) fn stop(self: &Arc<Self>, session: SessionId, stop: Stop) -> bool {
        let Some((run, told)) = self.told(session) else {
            return false;
        };
        // Where nothing can be stored its runner hangs on that.
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

    /// Ends the process of a run: it may finish by itself for a moment, then its whole tree goes.
    pub(super) fn end_process(self: &Arc<Self>, run: RunId, told: &Told) {
        if told.ending.swap(true, Ordering::AcqRel) {
            return;
        }
        let engine = self.clone();
        self.tasks.spawn(async move {
            // A shim that is gone needs no closing.
            let _ = engine.processes.close_stdin(run).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            if let Err(error) = engine.processes.kill_tree(run, Duration::from_secs(5)).await {
                tracing::debug!(%run, %error, "an agent that was to be stopped was gone");
            }
            // Now that it no longer writes, its end can be written down.
            engine.give_up_reserve().await;
        });
    }

    /// Tells an agent to end its turn without storing that first; whether it took it.
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

    /// Takes up every process that the tables say was running when the node last stopped. Afterwards nothing claims to
    /// run that does not.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<()> {
        let open = run::Entity::find()
            .filter(run::Column::Ended.is_null())
            .order_by_asc(run::Column::Id)
            .all(self.store.read())
            .await
            .stored()?;
        for row in open {
            let (Ok(run), Ok(session)) = (row.id.parse::<RunId>(), row.session.parse::<SessionId>()) else {
                continue;
            };
            // One that cannot be taken up must not keep the node from starting; it is tried again at the next start.
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
            // Nobody here understands it, so that nobody could stop it either.
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
                    // The node went away while it ended the agent.
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

    /// Commits what a start finds to have ended. Where that cannot be written, as on a full disk, the session keeps its
    /// place until it is, and the node comes up.
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

    /// The runner of an agent panicked. Nobody reads the agent any more, so it is ended before anything else may start
    /// in its session, which then says why; until that is written down it keeps its place.
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

    /// Ends the processes of a run; tries until none is left.
    async fn killed(&self, session: SessionId, run: RunId) {
        while let Err(error) = self.processes.kill_tree(run, Duration::from_secs(2)).await {
            if matches!(error, ControlError::Unknown | ControlError::Ended) {
                return;
            }
            tracing::error!(%session, %run, %error, "an agent that nobody reads could not be ended; it is tried again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Commits an end; tries until it is there, or the session is gone.
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

    /// Starts what waits, until the node stops. What is being started then is started to its end.
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

    /// Starts what waits, as far as there is room, and says why the rest waits; whether there is such a rest.
    async fn start_waiting(self: &Arc<Self>) -> Result<bool> {
        let full = self.start_some().await?;
        let waits = full.is_some();
        self.hub.capacity(full);
        Ok(waits)
    }

    /// How full the node is: agents at work, and those that only wait for a person, who are counted apart. The tables
    /// say who waits.
    async fn load(&self) -> Result<(usize, usize)> {
        let held: Vec<String> = self.places().keys().map(ToString::to_string).collect();
        let waiting = session::Entity::find()
            .filter(session::Column::Id.is_in(held.iter().cloned()))
            .filter(session::Column::State.eq(SessionState::Waiting.word()))
            .count(self.store.read())
            .await
            .stored()?;
        let waiting = usize::try_from(waiting).unwrap_or(usize::MAX).min(held.len());
        Ok((held.len() - waiting, waiting))
    }

    /// What is full when not all that waits could be started.
    async fn start_some(self: &Arc<Self>) -> Result<Option<Capacity>> {
        let waiting = waiting().into_tuple::<String>().all(self.store.read()).await.stored()?;
        for id in waiting {
            let Ok(session) = id.parse::<SessionId>() else { continue };
            if self.places().contains_key(&session) {
                continue;
            }
            let max = self.config.agents_max;
            let (busy, waiting) = self.load().await?;
            // An agent that waits for a person uses memory and nothing else; as many again as may work at once may
            // wait.
            if busy >= max || busy + waiting >= 2 * max {
                // A resting agent that is told to end kicks again when it has.
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

    /// Ends the agent that has rested longest; `false` when all are at work. The tables say who seems to rest, its
    /// runner whether it does.
    async fn free_a_place(&self) -> Result<bool> {
        let held: Vec<String> = self.places().keys().map(ToString::to_string).collect();
        // One that waits rests only behind a question of its own: it is not ended for others.
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
        let resting = session::Entity::find()
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

    /// From here on orders reach the session's runner, also while its process is still being started.
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
        // Asked only now: a node that stops either sees the place and ends what is in it, or was seen to stop.
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

    /// Starts the agent; `false` when the session no longer waits, or its agent could not be started and says so.
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
                // It keeps its place until that is written down: otherwise the session would claim to start for ever.
                let engine = self.clone();
                self.tasks.spawn(async move {
                    engine.written(session, run, end).await;
                    engine.left(session, run);
                });
                Ok(true)
            }
        }
    }

    /// Whether a session's project is trusted as its folder is now; `None` when the project was removed.
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

    /// Whether something was said to a session in this state that no agent was given yet. What was said before a
    /// failure waits behind it until somebody who knows of it says more.
    pub(super) async fn prompt_waits(&self, session: SessionId, state: SessionState) -> bool {
        let waits = match state {
            SessionState::Failed => spoken_to_since(self.store.read(), session, SessionState::Failed).await,
            _ => waiting_prompts(self.store.read(), session)
                .await
                .map(|waiting| !waiting.is_empty()),
        };
        waits.unwrap_or_else(|error| {
            tracing::warn!(%session, %error, "whether something waits for an agent could not be read; it is tried again");
            false
        })
    }

    /// The program of an agent, or a sentence that says what is missing.
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

    /// Stops serving. Agents go on under their shims unless `stop_agents`.
    pub(crate) async fn shutdown(self: &Arc<Self>, stop_agents: bool) {
        self.closing.cancel();
        if stop_agents {
            let sessions: Vec<SessionId> = self.places().keys().copied().collect();
            for session in sessions {
                self.stop(session, Stop::Node);
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

/// The ids of the sessions that wait for an agent, longest first.
fn waiting() -> Select<session::Entity> {
    // Said in the statement's text: the index of these alone is not used for a bound state.
    let waits = Expr::cust(r#""session"."state" = 'queued' AND "session"."deleted" IS NULL"#);
    let found = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .filter(waits);
    found
        .order_by_asc(session::Column::StateSince)
        .order_by_asc(session::Column::Id)
        .limit(50)
}

/// What a panic said, one line of it.
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
        if let Some(plan) = test.plan(waiting()).await {
            assert!(
                plan.contains("INDEX session_queued") && !plan.contains("ORDER BY"),
                "{plan}"
            );
        }
        assert_eq!(
            waiting().into_tuple::<String>().all(test.store.read()).await.unwrap(),
            Vec::<String>::new()
        );
    }
}
