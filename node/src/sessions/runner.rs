//! The runner: serves one agent process, from its start or reattachment to its end.
//! It is the only reader of the process's output and the only one that writes to its stdin; what it learns goes through the journal.

use super::{
    apply,
    end::End,
    engine::{Engine, Order, Reply, Stop, Told},
    scribe::Scribe,
};
use crate::{
    agents::{AgentEvent, Asks, Driver, How, Said, Session, Task, Turn, Wish},
    entity::{input, session},
    journal::Outcome,
    process::{Attached, Output},
};
use model::{
    Caller, Error, Result,
    entries::Partial,
    event::Exit,
    id::{RunId, SessionId},
    sessions::{AgentKind, SessionState},
    standing::Standing,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};

/// Lines taken into one commit at most.
const BATCH: usize = 128;
/// And so many bytes: a line has at most 8 MiB.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// A batch that the database refuses so often, while it takes others, will never be taken.
const REFUSALS: u32 = 6;
/// Half-written text goes to tabs at most this often.
const PARTIAL_EVERY: Duration = Duration::from_millis(40);
/// Half-written text is kept up to this size; the whole comes with the message.
const PARTIAL_MAX: usize = 256 * 1024;
/// An agent that says nothing is ended after so many times the patience after which its session says so.
const SILENCES: u32 = 10;
/// The tables are looked at this often, whatever was told or was not: no word of them is needed for what they say to happen.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// An agent that is ended in a turn may take the interrupt for so long.
const INTERRUPT_WITHIN: Duration = Duration::from_secs(1);
/// How much of stderr is used to say why an agent failed.
const STDERR_TAIL: usize = 2_000;
/// How much is kept for that, so that a secret that goes over several lines is whole when it is looked for.
const STDERR_KEPT: usize = 4 * STDERR_TAIL;
/// A line of stderr as long as this was cut where it was read.
const STDERR_LINE: usize = 64 << 10;

/// Serves one process.
pub(super) struct Runner {
    pub(super) engine: Arc<Engine>,
    pub(super) session: SessionId,
    pub(super) run: RunId,
    pub(super) agent: AgentKind,
    pub(super) how: How,
    pub(super) driver: Box<dyn Driver>,
    /// Whether its project was trusted when it was started.
    pub(super) trusted: bool,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) told: Arc<Told>,
    /// Output up to here is in the journal; lines before only rebuild the driver.
    pub(super) committed: u64,
    pub(super) state: SessionState,
    pub(super) live: Live,
}

/// What a runner knows only while it lives.
#[derive(Default)]
pub(super) struct Live {
    /// Input lines up to here were taken by the shim.
    sent: u64,
    /// A line was not taken: it is tried again.
    unsent: bool,
    partials: HashMap<Option<String>, Partial>,
    partial_due: bool,
    waiting: Vec<(Wish, Reply)>,
    stop: Option<Stop>,
    /// The stop cut a turn short.
    cut: bool,
    stderr: String,
    idle_since: Option<Instant>,
    /// The agent said that a turn began, and not that it ended. A stop changes the session's state before this runner hears of it.
    in_turn: bool,
    /// Background tasks under way: an agent that has any does not rest.
    tasks: HashSet<String>,
    /// Since when an agent that was started has said nothing at all.
    silent_since: Option<Instant>,
    /// Its session says so.
    silence_said: bool,
}

impl Runner {
    /// Serves until the process has ended and its end is in the journal.
    pub(super) async fn serve(mut self, mut attached: Attached) {
        let (lines, mut outputs) = mpsc::channel(16);
        let reader = tokio::spawn(async move {
            while let Some(output) = attached.next().await {
                let last = matches!(output, Output::Exit(_));
                if lines.send(output).await.is_err() || last {
                    return;
                }
            }
        });
        let mut tick = tokio::time::interval(PARTIAL_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.moved(self.state);
        self.live.silent_since = (self.state == SessionState::Starting).then(Instant::now);
        // What was committed while no runner was there to hear of it.
        self.hear().await;
        let exit = loop {
            tokio::select! {
                output = outputs.recv() => {
                    let Some(output) = output else { break Exit::Lost };
                    if let Some(exit) = self.take(output, &mut outputs).await {
                        break exit;
                    }
                }
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    // The node stops; the agent goes on under its shim.
                    None => {
                        reader.abort();
                        return;
                    }
                },
                () = self.told.news.notified() => self.hear().await,
                _ = look.tick() => self.look().await,
                _ = tick.tick() => self.tick().await,
            }
        };
        reader.abort();
        self.ended(exit).await;
    }

    /// Takes an output and whatever else is there already; the exit when it is among them.
    async fn take(&mut self, first: Output, outputs: &mut mpsc::Receiver<Output>) -> Option<Exit> {
        let mut events = Vec::new();
        let mut upto = self.committed;
        let mut exit = None;
        let mut next = Some(first);
        let (mut taken, mut size) = (0, 0);
        while let Some(output) = next.take() {
            match output {
                Output::Line { end, bytes, cut } => {
                    taken += 1;
                    size += bytes.len();
                    self.live.silent_since = None;
                    // Before the driver cuts anything: a secret of which only a part is left is not known any more.
                    let (bytes, masked) = self.engine.journal.masked_line(bytes);
                    let said = self.driver.line(&bytes);
                    for mut event in said {
                        if let AgentEvent::Ask(Asks::New(ask)) = &mut event {
                            ask.masked = masked;
                        }
                        self.remember(&event);
                        if end > self.committed {
                            events.push(event);
                        }
                    }
                    if cut && end > self.committed {
                        events.push(AgentEvent::Said(Said::Error {
                            text: "The agent wrote a line of more than 8 MiB; the rest of the line was left out.".into(),
                        }));
                    }
                    upto = upto.max(end);
                }
                Output::Stderr(text) => {
                    let journal = &self.engine.journal;
                    // A line that was cut may end within a secret.
                    let text = if text.len() < STDERR_LINE { journal.masked(&text).into_owned() } else { journal.masked_so_far(&text) };
                    self.live.stderr.push_str(&text.replace('\0', "\u{fffd}"));
                    keep_end(&mut self.live.stderr, STDERR_KEPT);
                }
                Output::Exit(ended) => exit = Some(ended),
            }
            if exit.is_none() && taken < BATCH && size < BATCH_BYTES {
                next = outputs.try_recv().ok();
            }
        }
        events.retain(|event| !matches!(event, AgentEvent::Said(Said::Delta { .. } | Said::DeltaReset { .. })));
        if !events.is_empty() {
            self.commit(events, upto).await;
        }
        exit
    }

    /// Keeps what is not journaled: half-written text.
    fn remember(&mut self, event: &AgentEvent) {
        match event {
            AgentEvent::Said(Said::Delta { kind, parent, text }) => {
                let session = self.session;
                let partial =
                    self.live.partials.entry(parent.clone()).or_insert_with(|| Partial { session, kind: *kind, parent: parent.clone(), text: String::new() });
                if partial.kind != *kind {
                    partial.kind = *kind;
                    partial.text.clear();
                }
                if partial.text.len() < PARTIAL_MAX {
                    partial.text.push_str(text);
                }
                self.live.partial_due = true;
            }
            AgentEvent::Said(Said::DeltaReset { parent } | Said::Message { parent, .. } | Said::Thought { parent, .. }) => {
                self.live.partials.remove(parent);
                self.live.partial_due = true;
            }
            AgentEvent::Turn(Turn::Started) => self.live.in_turn = true,
            AgentEvent::Turn(Turn::Ended { .. }) => {
                self.live.in_turn = false;
                self.live.partials.clear();
                self.live.partial_due = true;
            }
            AgentEvent::Task(Task::Started { id, .. }) => drop(self.live.tasks.insert(id.clone())),
            AgentEvent::Task(Task::Ended { id, .. }) => drop(self.live.tasks.remove(id)),
            _ => {}
        }
    }

    /// Puts what the agent did into the journal; tries until it is there, because it must not be lost.
    async fn commit(&mut self, events: Vec<AgentEvent>, upto: u64) {
        let controls: Vec<(Wish, bool, Option<String>)> = events
            .iter()
            .filter_map(|event| match event {
                AgentEvent::Session(Session::Control { wish, ok, error }) => Some((*wish, *ok, error.clone())),
                _ => None,
            })
            .collect();
        // Between turns is the moment to look whether the agent may still do what it could when it was started.
        let outdated = events.iter().any(|event| matches!(event, AgentEvent::Turn(Turn::Ended { .. }))) && self.outdated().await;
        let (session, run, ending) = (self.session, self.run, self.live.stop.is_some() || outdated);
        let store = move |engine: Arc<Engine>, events: Vec<AgentEvent>| async move {
            engine.journal.commit(&Caller::node(), move |tx| Box::pin(apply::agent_events(tx, session, run, events, upto, ending))).await
        };
        // Whether the database takes anything at all.
        let takes = |engine: Arc<Engine>| async move { engine.journal.commit(&Caller::node(), |_| Box::pin(async { Ok(Outcome::new(())) })).await };
        let (agent, refusals) = (self.agent, AtomicU32::new(0));
        let state = self
            .insist(move |engine| {
                let (events, refused) = (events.clone(), refusals.fetch_add(1, Ordering::Relaxed) >= REFUSALS);
                async move {
                    if refused {
                        takes(engine.clone()).await?;
                    }
                    match store(engine.clone(), events.clone()).await {
                        // The database is there and refuses these very words: their place can be kept.
                        Err(Error::Internal(_)) if refused => store(engine, apply::without_words(agent, events)).await,
                        outcome => outcome,
                    }
                }
            })
            .await;
        self.committed = upto;
        if let Some(state) = state {
            self.moved(state);
        }
        for (wish, ok, error) in controls {
            self.granted(wish, ok, error);
        }
        self.push_partials();
        if outdated {
            self.look().await;
        }
        self.flush().await;
    }

    /// Whether its project is gone, or is trusted otherwise than when the agent was started: it is given no further prompt. More trust than it
    /// has can wait for its background tasks, which would end with it.
    async fn outdated(&mut self) -> bool {
        match self.engine.trusts(self.session).await {
            Ok(Some(true)) if !self.trusted => self.live.tasks.is_empty(),
            Ok(now) => now != Some(self.trusted),
            Err(error) => {
                tracing::warn!(session = %self.session, %error, "whether a project is trusted could not be read");
                self.trusted
            }
        }
    }

    /// [`Engine::insist`] for this run.
    fn insist<T, F, Fut>(&self, attempt: F) -> impl Future<Output = Option<T>> + Send + use<T, F, Fut>
    where
        F: Fn(Arc<Engine>) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let (engine, session, run) = (self.engine.clone(), self.session, self.run);
        async move { engine.insist(session, run, attempt).await }
    }

    fn moved(&mut self, state: SessionState) {
        self.state = state;
        let settled = Standing { state, run: true, background: false }.is_settled();
        self.live.idle_since = settled.then(|| self.live.idle_since.unwrap_or_else(Instant::now));
    }

    fn granted(&mut self, wish: Wish, ok: bool, error: Option<String>) {
        let same = |waiting: &Wish| match (waiting, &wish) {
            (Wish::Mode(wanted), Wish::Mode(mode)) => wanted == mode,
            (wanted, wish) => std::mem::discriminant(wanted) == std::mem::discriminant(wish),
        };
        for (_, reply) in self.live.waiting.extract_if(.., |(waiting, _)| same(waiting)) {
            let answer = if ok { Ok(()) } else { Err(Error::Conflict(error.clone().unwrap_or_else(|| "the agent refused".into()))) };
            // Whoever asked may have gone; the wish holds all the same.
            reply.send(answer);
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Interrupt(reply) | Order::Mode(_, reply) | Order::Model(_, reply) if !reply.claim() => drop(reply),
            Order::Interrupt(reply) => {
                let lines = self.driver.interrupt();
                self.wish(Wish::Interrupt, lines, reply).await;
            }
            Order::Mode(mode, reply) => {
                let lines = self.driver.set_mode(mode);
                self.wish(Wish::Mode(mode), lines, reply).await;
            }
            Order::Model(model, reply) => {
                let lines = self.driver.set_model(model.as_deref());
                self.wish(Wish::Model, lines, reply).await;
            }
            Order::MakeRoom(reply) => {
                let rests = self.live.idle_since.is_some() && self.live.tasks.is_empty() && self.live.stop.is_none();
                if rests {
                    self.stop(Stop::Idle).await;
                }
                // Whoever asked may have given up waiting.
                let _ = reply.send(rests);
            }
        }
    }

    /// Stores lines for the agent: they are sent with the next flush.
    async fn input(&mut self, lines: Vec<Vec<u8>>) -> Result<()> {
        let (session, run) = (self.session, self.run);
        self.engine
            .journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    let mut scribe = Scribe::load(tx, session).await?;
                    scribe.input(run, lines).await?;
                    Ok(scribe.finish(()))
                })
            })
            .await
    }

    /// Stores lines for the agent and sends them; the reply follows when the agent answers.
    async fn wish(&mut self, wish: Wish, lines: Vec<Vec<u8>>, reply: Reply) {
        match self.input(lines).await {
            Ok(()) => {
                self.live.waiting.push((wish, reply));
                self.flush().await;
            }
            Err(error) => {
                reply.send(Err(error));
            }
        }
    }

    /// It was told something: there is news in the tables, or the agent is to be ended.
    async fn hear(&mut self) {
        if let Some(stop) = self.told.stop() {
            self.stop(stop).await;
        }
        self.look().await;
    }

    /// Looks at the tables and does what they say: gives the agent its lines, ends it, or says to it what waits. An agent that rests gets a
    /// prompt now, one at work when its turn is over.
    async fn look(&mut self) {
        self.flush().await;
        let row = session::Entity::find_by_id(self.engine.store.key(self.session)).one(self.engine.store.read()).await;
        let Ok(Some(row)) = row else { return };
        let standing = row.standing();
        // A decision lets it rest, or go on, without this runner.
        if self.state == SessionState::Waiting {
            self.moved(standing.state);
        }
        if row.run != Some(self.run.to_string()) {
            return;
        }
        if standing.is_stopping() {
            // A person's word is in the tables, and only what they said after it starts an agent again.
            self.stop(Stop::Person).await;
        } else if row.deleted.is_some() {
            // It has nothing to rest for.
            self.stop(Stop::Idle).await;
        } else if self.live.stop.is_none() && standing.rests() && self.engine.prompt_waits(self.session, standing.state).await {
            if self.outdated().await {
                // The end of this process starts the next one, for what waits.
                self.stop(Stop::Trust).await;
            } else {
                self.send_next().await;
            }
        }
    }

    async fn send_next(&mut self) {
        let (session, run) = (self.session, self.run);
        let state = self
            .insist(|engine| async move {
                engine
                    .journal
                    .commit(&Caller::node(), move |tx| {
                        Box::pin(async move {
                            let mut scribe = Scribe::load(tx, session).await?;
                            if scribe.rests() {
                                scribe.send_next_prompt(run).await?;
                            }
                            let state = scribe.state();
                            Ok(scribe.finish(state))
                        })
                    })
                    .await
            })
            .await;
        if let Some(state) = state {
            self.moved(state);
        }
        self.flush().await;
    }

    /// Gives the shim every stored line it does not have yet, in order.
    async fn flush(&mut self) {
        self.live.unsent = false;
        let rows = input::Entity::find()
            .filter(input::Column::Run.eq(self.run.to_string()))
            .filter(input::Column::N.gt(i64::try_from(self.live.sent).unwrap_or(i64::MAX)))
            .order_by_asc(input::Column::N)
            .all(self.engine.store.read())
            .await;
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(run = %self.run, %error, "stored lines for an agent could not be read; they are tried again");
                self.live.unsent = true;
                return;
            }
        };
        for row in rows {
            let n = u64::try_from(row.n).unwrap_or(0);
            if let Err(error) = self.engine.processes.write(self.run, n, &row.line).await {
                // A shim that is gone says so by its exit; a busy one is tried at the next tick.
                tracing::debug!(run = %self.run, n, %error, "a line for an agent was not taken");
                self.live.unsent = true;
                return;
            }
            self.live.sent = n;
        }
    }

    async fn tick(&mut self) {
        self.push_partials();
        if self.live.unsent {
            self.flush().await;
        }
        let idle = self.live.idle_since.is_some_and(|since| since.elapsed() >= self.engine.config.agents_idle);
        if idle && self.live.tasks.is_empty() && self.live.stop.is_none() {
            self.stop(Stop::Idle).await;
        }
        self.listen().await;
    }

    /// An agent that was started and says nothing at all: its session says so, and later it is ended, for it holds a place.
    async fn listen(&mut self) {
        let patience = self.engine.config.agents_silence;
        let Some(silence) = self.live.silent_since.map(|since| since.elapsed()).filter(|silence| *silence >= patience) else { return };
        if self.live.stop.is_none() && silence >= patience * SILENCES {
            self.stop(Stop::Silent).await;
        } else if !std::mem::replace(&mut self.live.silence_said, true) {
            let session = self.session;
            let said = self
                .engine
                .journal
                .commit(&Caller::node(), move |tx| {
                    Box::pin(async move {
                        let mut scribe = Scribe::load(tx, session).await?;
                        if scribe.state() == SessionState::Starting {
                            scribe.moved(SessionState::Starting, Some("it has said nothing since it was started".into()));
                        }
                        Ok(scribe.finish(()))
                    })
                })
                .await;
            self.live.silence_said = said.is_ok();
        }
    }

    fn push_partials(&mut self) {
        if std::mem::take(&mut self.live.partial_due) {
            let main = self.live.partials.get(&None).or_else(|| self.live.partials.values().next());
            // Half of a secret is one too, and the pieces in which it comes are shorter than it.
            let shown = main.map(|partial| Partial { text: self.engine.journal.masked_so_far(&partial.text), ..partial.clone() });
            self.engine.hub.partial(self.session, shown.filter(|partial| !partial.text.is_empty()));
        }
    }

    /// Ends the process: it may finish by itself for a moment, then its whole tree goes.
    async fn stop(&mut self, stop: Stop) {
        if self.live.stop.is_some() {
            return;
        }
        self.live.stop = Some(stop);
        self.told.taken.store(true, Ordering::Release);
        if self.live.in_turn || matches!(self.state, SessionState::Working | SessionState::Waiting) {
            // An agent that is interrupted keeps what it had written so far, and says what the turn has cost.
            self.live.cut = true;
            let lines = self.driver.interrupt();
            let interrupted = async {
                let stored = self.input(lines).await;
                self.flush().await;
                stored
            };
            // Neither a database that hangs nor an agent that does not read keeps it alive.
            match tokio::time::timeout(INTERRUPT_WITHIN, interrupted).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(run = %self.run, %error, "an agent is ended without being interrupted first"),
                Err(_) => tracing::warn!(run = %self.run, "an agent that does not take an interrupt is ended"),
            }
        }
        self.engine.end_process(self.run, &self.told);
    }

    /// The process is over: says so, says why, and leaves nothing that claims to run.
    async fn ended(mut self, exit: Exit) {
        self.live.partials.clear();
        self.engine.hub.partial(self.session, None);
        let end = End {
            session: self.session,
            run: self.run,
            exit,
            // One that was held up may not have come to it.
            stop: self.live.stop.clone().or_else(|| self.told.stop()),
            name: self.agent.title(),
            stderr: {
                let mut stderr = self.engine.journal.masked(&self.live.stderr).into_owned();
                keep_end(&mut stderr, STDERR_TAIL);
                stderr.trim().to_owned()
            },
            resumed: self.how == How::Resume,
            cut: self.live.cut,
            tasks: !self.live.tasks.is_empty(),
            note: self.engine.processes.note(self.run).await,
            broken: None,
        };
        self.engine.written(self.session, self.run, end).await;
        // Whoever still waits for an answer is told that no agent runs: what they want is then kept for the next one.
        self.live.waiting.clear();
        self.engine.released(self.session, self.run).await;
    }
}

/// Cuts a text down to its last bytes, at a character.
fn keep_end(text: &mut String, most: usize) {
    let excess = text.len().saturating_sub(most);
    let cut = (excess..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.drain(..cut);
}
