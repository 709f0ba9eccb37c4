//! The runner serves one agent process, from its start or reattachment to its end. It alone reads the process's output
//! and writes to its stdin, and it journals what it learns. [`serving`] decides what it does next.

mod serving;

use super::{
    apply,
    end::End,
    engine::{Engine, Order, Reply, Told},
    scribe::Scribe,
};
use crate::{
    agents::{AgentEvent, Asks, Driver, How, Said, Wish},
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
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serving::{Answer, Do, Input, Line, Says, Serving, Tables, Trust};
use std::{
    collections::VecDeque,
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

/// The most lines in one commit.
const BATCH: usize = 128;
/// The most bytes in one commit; a line has at most 8 MiB.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How often the database may refuse a batch, while it takes others, before the batch counts as unstorable.
const REFUSALS: u32 = 6;
/// The least time between two updates of half-written text in tabs.
const PARTIAL_EVERY: Duration = Duration::from_millis(40);
/// The polling interval for the tables: nothing they say depends on a notification.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// How long an agent that is ended in a turn may take to accept the interrupt.
const INTERRUPT_WITHIN: Duration = Duration::from_secs(1);
/// The most bytes of stderr that explain a failure.
const STDERR_TAIL: usize = 2_000;
/// The bytes of stderr kept for that: more, so that a secret over several lines is whole when it is masked.
const STDERR_KEPT: usize = 4 * STDERR_TAIL;
/// A line of stderr of this length was cut when it was read.
const STDERR_LINE: usize = 64 << 10;

/// The inputs of a runner.
pub(super) struct Begin {
    pub(super) engine: Arc<Engine>,
    pub(super) session: SessionId,
    pub(super) run: RunId,
    pub(super) agent: AgentKind,
    pub(super) how: How,
    /// Whether its project was trusted when it was started.
    pub(super) trusted: bool,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) told: Arc<Told>,
    /// Output up to here is in the journal; earlier lines only rebuild the driver.
    pub(super) committed: u64,
    pub(super) state: SessionState,
}

/// Serves one process until its end is in the journal, or the node stops.
pub(super) async fn serve(begin: Begin, attached: Attached) {
    let Begin {
        engine,
        session,
        run,
        agent,
        how,
        trusted,
        orders,
        told,
        committed,
        state,
    } = begin;
    let driver = (engine.config.driver)(agent);
    let limits = (engine.config.agents_idle, engine.config.agents_silence);
    let serving = Serving::new(session, trusted, committed, state, limits, Instant::now());
    let runner = Runner {
        engine,
        session,
        run,
        agent,
        how,
        driver,
        told,
        serving,
        sent: 0,
        stderr: String::new(),
    };
    runner.serve(attached, orders).await;
}

/// Carries out what [`Serving`] decides about one process. Its async methods borrow it exclusively, because a driver is
/// `Send` but never shared.
struct Runner {
    engine: Arc<Engine>,
    session: SessionId,
    run: RunId,
    agent: AgentKind,
    how: How,
    driver: Box<dyn Driver>,
    told: Arc<Told>,
    serving: Serving<Reply>,
    /// The shim has taken the input lines up to here.
    sent: u64,
    stderr: String,
}

impl Runner {
    async fn serve(mut self, mut attached: Attached, mut orders: mpsc::Receiver<Order>) {
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
        // Something may have been committed while no runner was there to be told.
        self.hear(Input::News(self.told.stop())).await;
        while !self.serving.is_over() {
            tokio::select! {
                output = outputs.recv() => match output {
                    Some(output) => self.take(output, &mut outputs).await,
                    None => self.exit(Exit::Lost).await,
                },
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => self.hear(Input::Leave).await,
                },
                () = self.told.news.notified() => self.hear(Input::News(self.told.stop())).await,
                _ = look.tick() => self.hear(Input::News(None)).await,
                _ = tick.tick() => self.hear(Input::Tick).await,
            }
        }
        reader.abort();
    }

    /// Handles an input and everything that follows from it, before the next one.
    async fn hear(&mut self, input: Input<Reply>) {
        let mut todo = VecDeque::from(self.step(input));
        while let Some(next) = todo.pop_front() {
            if let Some(outcome) = self.perform(next).await {
                self.step(outcome)
                    .into_iter()
                    .rev()
                    .for_each(|next| todo.push_front(next));
            }
        }
    }

    fn step(&mut self, input: Input<Reply>) -> Vec<Do<Reply>> {
        let todo = self.serving.step(input, Instant::now());
        if self.serving.is_ending() {
            self.told.taken.store(true, Ordering::Release);
        }
        todo
    }

    /// Does one thing; returns its outcome, if it has one.
    async fn perform(&mut self, what: Do<Reply>) -> Option<Input<Reply>> {
        match what {
            Do::AskTrust(before) => return Some(Input::Trusts(before, self.trust().await)),
            Do::Commit {
                events,
                upto,
                ending,
                after,
            } => return Some(Input::Committed(after, self.commit(events, upto, ending).await)),
            Do::Store { wish, lines, reply } => {
                return Some(Input::Stored {
                    wish,
                    reply,
                    stored: self.store(lines).await,
                });
            }
            Do::Flush => {
                return Some(Input::Flushed {
                    all: self.flush().await,
                });
            }
            Do::Look => return Some(Input::Looked(self.look().await)),
            Do::SendNext => return Some(Input::Sent(self.send_next().await)),
            Do::SaySilence => return Some(Input::SilenceSaid(self.say_silence().await.is_ok())),
            Do::Show(partial) => self.show(partial),
            Do::Interrupt => self.interrupt().await,
            Do::End => self.engine.end_process(self.run, &self.told),
            // The asker may be gone; their wish holds all the same.
            Do::Answer(reply, Answer::Agreed) => reply.send(Ok(())),
            Do::Answer(reply, Answer::Refused(error)) => reply.send(Err(error)),
            // The dropped reply means that no agent runs: the wish is kept for the next one.
            Do::Answer(reply, Answer::NoAgent) => drop(reply),
            Do::Finish { exit, stop, cut, tasks } => {
                let end = End {
                    session: self.session,
                    run: self.run,
                    exit,
                    stop,
                    name: self.agent.title(),
                    stderr: self.said_on_stderr(),
                    resumed: self.how == How::Resume,
                    cut,
                    tasks,
                    note: self.engine.processes.note(self.run).await,
                    broken: None,
                };
                self.engine.written(self.session, self.run, end).await;
            }
            Do::Release => self.engine.released(self.session, self.run).await,
        }
        None
    }

    /// Takes one output and all that is already there behind it.
    async fn take(&mut self, first: Output, outputs: &mut mpsc::Receiver<Output>) {
        let mut lines = Vec::new();
        let mut exit = None;
        let mut next = Some(first);
        let mut size = 0;
        while let Some(output) = next.take() {
            match output {
                Output::Line { end, bytes, cut } => {
                    size += bytes.len();
                    lines.push(self.understood(end, bytes, cut));
                }
                Output::Stderr(text) => {
                    let journal = &self.engine.journal;
                    // A line that was cut may end within a secret.
                    let text = if text.len() < STDERR_LINE {
                        journal.masked(&text).into_owned()
                    } else {
                        journal.masked_so_far(&text)
                    };
                    self.stderr.push_str(&text.replace('\0', "\u{fffd}"));
                    keep_end(&mut self.stderr, STDERR_KEPT);
                }
                Output::Exit(ended) => exit = Some(ended),
            }
            if exit.is_none() && lines.len() < BATCH && size < BATCH_BYTES {
                next = outputs.try_recv().ok();
            }
        }
        self.hear(Input::Said(lines)).await;
        if let Some(exit) = exit {
            self.exit(exit).await;
        }
    }

    /// Runs a line through the driver, after the node's secrets are masked in it.
    fn understood(&mut self, end: u64, bytes: Vec<u8>, cut: bool) -> Line {
        // Masking comes before the driver cuts anything: a part of a secret cannot be recognised.
        let (bytes, masked) = self.engine.journal.masked_line(bytes);
        let mut events = self.driver.line(&bytes);
        for event in &mut events {
            if let AgentEvent::Ask(Asks::New(ask)) = event {
                ask.masked = masked;
            }
        }
        if cut {
            events.push(AgentEvent::Said(Said::Error {
                text: "The agent wrote a line of more than 8 MiB; the rest of the line was left out.".into(),
            }));
        }
        Line { end, events }
    }

    async fn exit(&mut self, exit: Exit) {
        self.hear(Input::Exit {
            exit,
            told: self.told.stop(),
        })
        .await;
    }

    async fn obey(&mut self, order: Order) {
        let (wish, lines, reply) = match order {
            Order::Interrupt(reply) | Order::Mode(_, reply) | Order::Model(_, reply) | Order::MakeRoom(reply)
                if !reply.claim() =>
            {
                return;
            }
            Order::Interrupt(reply) => (Wish::Interrupt, self.driver.interrupt(), reply),
            Order::Mode(mode, reply) => (Wish::Mode(mode), self.driver.set_mode(mode), reply),
            Order::Model(model, reply) => (Wish::Model, self.driver.set_model(model.as_deref()), reply),
            Order::MakeRoom(reply) => return self.hear(Input::MakeRoom(reply)).await,
        };
        self.hear(Input::Order { wish, lines, reply }).await;
    }

    /// Journals what the agent did; retries until it is stored, because it must not be lost.
    async fn commit(&mut self, events: Vec<AgentEvent>, upto: u64, ending: bool) -> Option<SessionState> {
        let (session, run) = (self.session, self.run);
        let store = move |engine: Arc<Engine>, events: Vec<AgentEvent>| async move {
            engine
                .journal
                .commit(&Caller::node(), move |tx| {
                    Box::pin(apply::agent_events(tx, session, run, events, upto, ending))
                })
                .await
        };
        // Whether the database accepts any commit.
        let takes = |engine: Arc<Engine>| async move {
            engine
                .journal
                .commit(&Caller::node(), |_| Box::pin(async { Ok(Outcome::new(())) }))
                .await
        };
        let (agent, refusals) = (self.agent, AtomicU32::new(0));
        self.insist(move |engine| {
            let (events, refused) = (events.clone(), refusals.fetch_add(1, Ordering::Relaxed) >= REFUSALS);
            async move {
                if refused {
                    takes(engine.clone()).await?;
                }
                match store(engine.clone(), events.clone()).await {
                    // The database is up and refuses these very words: their place in the timeline is kept.
                    Err(Error::Internal(_)) if refused => store(engine, apply::without_words(agent, events)).await,
                    outcome => outcome,
                }
            }
        })
        .await
    }

    async fn trust(&mut self) -> Trust {
        match self.engine.trusts(self.session).await {
            Ok(Some(true)) => Trust::Given,
            Ok(Some(false)) => Trust::NotGiven,
            Ok(None) => Trust::Gone,
            Err(error) => {
                tracing::warn!(session = %self.session, %error, "whether a project is trusted could not be read");
                Trust::Unknown
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

    /// Stores lines for the agent; the next flush sends them.
    async fn store(&mut self, lines: Vec<Vec<u8>>) -> Result<()> {
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

    /// Reads the tables; `None` when they cannot be read or the session is gone.
    async fn look(&mut self) -> Option<Tables> {
        let row = session::Entity::find_by_id(self.engine.store.key(self.session))
            .one(self.engine.store.read())
            .await
            .ok()??;
        let standing = row.standing();
        let says = if row.run != Some(self.run.to_string()) {
            Says::Nothing
        } else if standing.is_stopping() {
            Says::Stopping
        } else if row.deleted.is_some() {
            Says::Deleted
        } else if standing.rests() && self.engine.prompt_waits(self.session, standing.state).await {
            Says::PromptWaits
        } else {
            Says::Nothing
        };
        Some(Tables {
            state: standing.state,
            says,
        })
    }

    async fn send_next(&mut self) -> Option<SessionState> {
        let (session, run) = (self.session, self.run);
        self.insist(|engine| async move {
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
        .await
    }

    /// Sends the shim every stored line it does not have yet, in order; returns whether it took them all.
    async fn flush(&mut self) -> bool {
        let rows = input::Entity::find()
            .filter(input::Column::Run.eq(self.run.to_string()))
            .filter(input::Column::N.gt(i64::try_from(self.sent).unwrap_or(i64::MAX)))
            .order_by_asc(input::Column::N)
            .all(self.engine.store.read())
            .await;
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(run = %self.run, %error, "stored lines for an agent could not be read; they are tried again");
                return false;
            }
        };
        for row in rows {
            let n = u64::try_from(row.n).unwrap_or(0);
            if let Err(error) = self.engine.processes.write(self.run, n, &row.line).await {
                // A dead shim shows in its exit; a busy one is tried again at the next tick.
                tracing::debug!(run = %self.run, n, %error, "a line for an agent was not taken");
                return false;
            }
            self.sent = n;
        }
        true
    }

    /// Lets the session say that its agent has said nothing since its start, if it is still starting.
    async fn say_silence(&mut self) -> Result<()> {
        let session = self.session;
        self.engine
            .journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    let mut scribe = Scribe::load(tx, session).await?;
                    if scribe.state() == SessionState::Starting {
                        scribe.moved(
                            SessionState::Starting,
                            Some("it has said nothing since it was started".into()),
                        );
                    }
                    Ok(scribe.finish(()))
                })
            })
            .await
    }

    fn show(&self, partial: Option<Partial>) {
        // A part of a secret is secret too, and it arrives in pieces too short to be recognised.
        let shown = partial.map(|partial| Partial {
            text: self.engine.journal.masked_so_far(&partial.text),
            ..partial
        });
        self.engine
            .hub
            .partial(self.session, shown.filter(|partial| !partial.text.is_empty()));
    }

    /// Interrupts with a timeout: the agent's end must not wait for a hung database or an agent that has stopped
    /// reading.
    async fn interrupt(&mut self) {
        let lines = self.driver.interrupt();
        let interrupted = async {
            self.store(lines).await?;
            self.flush().await;
            Ok::<_, Error>(())
        };
        match tokio::time::timeout(INTERRUPT_WITHIN, interrupted).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(run = %self.run, %error, "an agent is ended without being interrupted first");
            }
            Err(_) => tracing::warn!(run = %self.run, "an agent that does not take an interrupt is ended"),
        }
    }

    fn said_on_stderr(&self) -> String {
        let mut stderr = self.engine.journal.masked(&self.stderr).into_owned();
        keep_end(&mut stderr, STDERR_TAIL);
        stderr.trim().to_owned()
    }
}

/// Keeps the last `most` bytes of a text, cut at a character.
fn keep_end(text: &mut String, most: usize) {
    let excess = text.len().saturating_sub(most);
    let cut = (excess..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.drain(..cut);
}
