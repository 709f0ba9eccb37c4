//! The state machine of a runner: inputs in, actions out. It must not wait, read, write or look at a clock: the runner
//! does that and reports the outcome as an input.
//!
//! A served process has four phases:
//!
//! | input | `Silent`: nothing said since its start | `Serves` | `Ends`: being ended | `Over` |
//! |---|---|---|---|---|
//! | output | go to `Serves`, then as there | Remember half-written text, turn and tasks. Commit what is new; at the end of a turn check the trust first. | The same without that check: the commit gives no prompt. | nothing |
//! | an order | Store and send its lines. Answer when the agent does, or at once if nothing can be stored. | the same | It waits for the end. | no agent |
//! | its place is needed | refuse | At rest without tasks: go to `Ends`; else refuse. | refuse | no agent |
//! | news, or time to look | Told to stop: go to `Ends`. Else send lines and read the tables. | the same | nothing | nothing |
//! | what the tables say | A stop or a deletion: go to `Ends`. A waiting prompt: check the trust. | the same | nothing | nothing |
//! | the trust | Make the commit that waited for it. A prompt that waited: give it, or go to `Ends` if the trust has changed. | the same | Make the commit only. | nothing |
//! | a commit's outcome | Take over the state, answer orders, show half-written text, send lines. | the same | The same, but send no line. | nothing |
//! | a tick | After the patience: let the session say so. After ten times as long: go to `Ends`. | Show half-written text and resend lines that were not taken. Long at rest: go to `Ends`. | Show half-written text. | nothing |
//! | the process has ended | Go to `Over`: clear half-written text, record the end, answer waiting orders with "no agent", free the place. | the same | the same | nothing |
//! | the node stops | Go to `Over`: answer waiting orders with "no agent"; the agent goes on under its shim. | the same | the same | nothing |
//!
//! The step that leads to `Ends` also ends the process, after an interrupt if a turn was under way. No line goes to it
//! after that.

#[cfg(test)]
mod tests;

use super::super::engine::Stop;
use crate::agents::{AgentEvent, Said, Session, Task, Turn, Wish};
use model::{Error, Result, entries::Partial, event::Exit, id::SessionId, sessions::SessionState, standing::Standing};
use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};
use tokio::time::Instant;

/// The most bytes of half-written text that are kept; the message later brings the whole.
const PARTIAL_MAX: usize = 256 * 1024;
/// A silent agent is ended after this many times the patience after which its session says so.
const SILENCES: u32 = 10;

/// The state of one served process. `R` is the reply of an order, given away once.
pub(super) struct Serving<R> {
    session: SessionId,
    /// Whether its project was trusted at its start.
    trusted: bool,
    /// An agent at rest for this long is ended.
    idle: Duration,
    /// After this long without a word the session says so.
    silence: Duration,
    /// Output up to here is committed or being committed. Earlier lines only rebuild this state.
    taken: u64,
    state: SessionState,
    phase: Phase,
    /// Whether the agent reported the begin of a turn and not its end. The session's state cannot say that: a stop
    /// changes it before this runner hears of it.
    in_turn: bool,
    /// Running background tasks: an agent with any does not rest.
    tasks: HashSet<String>,
    rests_since: Option<Instant>,
    /// A line was not taken and is to be sent again.
    unsent: bool,
    /// Keyed by the subagent's call; the main thread comes first.
    partials: BTreeMap<Option<String>, Partial>,
    partial_due: bool,
    waiting: Vec<(Wish, R)>,
}

enum Phase {
    Silent {
        since: Instant,
        /// Its session says so, or is about to.
        said: bool,
    },
    Serves,
    Ends {
        stop: Stop,
        /// Whether that cut a turn short.
        cut: bool,
    },
    Over,
}

/// A line of an agent's output, as its driver read it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The byte offset after the line.
    pub(super) end: u64,
    pub(super) events: Vec<AgentEvent>,
}

/// What a runner hears: the first seven come from outside, the others are the outcomes of its actions.
#[derive(Debug)]
pub(super) enum Input<R> {
    /// The agent has said this.
    Said(Vec<Line>),
    /// A wish, and the lines that tell it to the agent.
    Order {
        wish: Wish,
        lines: Vec<Vec<u8>>,
        reply: R,
    },
    /// Its place is needed: end the agent if it rests.
    MakeRoom(R),
    /// A notification, perhaps to end the agent; or it is time to look.
    News(Option<Stop>),
    Tick,
    /// The process has ended. `told` is a reason to end it that was not taken up before.
    Exit {
        exit: Exit,
        told: Option<Stop>,
    },
    /// The node stops; the agent goes on.
    Leave,
    /// The outcome of [`Do::AskTrust`].
    Trusts(Before, Trust),
    /// The outcome of [`Do::Commit`]: the new state, or `None` when the session is gone.
    Committed(After, Option<SessionState>),
    /// The outcome of [`Do::Store`].
    Stored {
        wish: Wish,
        reply: R,
        stored: Result<()>,
    },
    /// The outcome of [`Do::Flush`]: whether the agent has all its lines.
    Flushed {
        all: bool,
    },
    /// The outcome of [`Do::Look`]; `None` when the tables could not be read or the session is gone.
    Looked(Option<Tables>),
    /// The outcome of [`Do::SendNext`]: the new state, or `None` when the session is gone.
    Sent(Option<SessionState>),
    /// The outcome of [`Do::SaySilence`]: whether it was stored.
    SilenceSaid(bool),
}

/// The actions of a runner, to be done in order. What follows from an outcome comes before the next action.
#[derive(Debug)]
pub(super) enum Do<R> {
    /// Reads whether the project is trusted.
    AskTrust(Before),
    /// Commits what the agent did, together with the offset of its output. With `ending` the agent gets no further
    /// prompt.
    Commit {
        events: Vec<AgentEvent>,
        upto: u64,
        ending: bool,
        after: After,
    },
    /// Stores lines for the agent.
    Store { wish: Wish, lines: Vec<Vec<u8>>, reply: R },
    /// Sends the agent every stored line that it does not have yet.
    Flush,
    /// Reads the session's row and prompts.
    Look,
    /// Stores the next waiting prompt as the agent's input.
    SendNext,
    /// Lets the session say that its agent has been silent since its start.
    SaySilence,
    /// Shows half-written text, or clears it.
    Show(Option<Partial>),
    /// Stores and sends an interrupt, with a short timeout.
    Interrupt,
    /// Ends the process.
    End,
    /// Answers the asker of an order.
    Answer(R, Answer),
    /// Commits the end of the process.
    Finish {
        exit: Exit,
        stop: Option<Stop>,
        cut: bool,
        tasks: bool,
    },
    /// Frees its place.
    Release,
}

/// The answer to an order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Agreed,
    Refused(Error),
    NoAgent,
}

/// What waits for the check of the trust.
#[derive(Debug)]
pub(super) enum Before {
    /// [`Do::Commit`].
    Commit { events: Vec<AgentEvent>, upto: u64 },
    /// [`Do::SendNext`].
    Prompt,
}

/// What follows a commit.
#[derive(Debug)]
pub(super) struct After {
    /// The agent's answers to orders in it.
    controls: Vec<(Wish, bool, Option<String>)>,
    /// Whether the trust differs from that at its start.
    outdated: bool,
}

/// Whether a project is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    Given,
    NotGiven,
    /// The project was removed.
    Gone,
    /// The trust could not be read.
    Unknown,
}

/// What the tables say about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) state: SessionState,
    pub(super) says: Says,
}

/// What the tables want of a session's runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Nothing,
    /// A person has stopped it.
    Stopping,
    /// A person has deleted it.
    Deleted,
    /// It rests, and a prompt waits.
    PromptWaits,
}

impl<R> Serving<R> {
    /// `committed`: output up to here is in the journal. In [`SessionState::Starting`] the agent has not said anything
    /// yet.
    pub(super) fn new(
        session: SessionId,
        trusted: bool,
        committed: u64,
        state: SessionState,
        (idle, silence): (Duration, Duration),
        now: Instant,
    ) -> Self {
        let phase = if state == SessionState::Starting {
            Phase::Silent {
                since: now,
                said: false,
            }
        } else {
            Phase::Serves
        };
        let mut serving = Self {
            session,
            trusted,
            idle,
            silence,
            taken: committed,
            state,
            phase,
            in_turn: false,
            tasks: HashSet::new(),
            rests_since: None,
            unsent: false,
            partials: BTreeMap::new(),
            partial_due: false,
            waiting: Vec::new(),
        };
        serving.moved(state, now);
        serving
    }

    /// Whether a stop was taken up.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ends { .. })
    }

    /// Whether everything is done, or the node stops.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// The actions that follow from an input.
    pub(super) fn step(&mut self, input: Input<R>, now: Instant) -> Vec<Do<R>> {
        if self.is_over() {
            return match input {
                Input::Order { reply, .. } | Input::MakeRoom(reply) | Input::Stored { reply, .. } => {
                    vec![Do::Answer(reply, Answer::NoAgent)]
                }
                _ => Vec::new(),
            };
        }
        match input {
            Input::Said(lines) => self.said(lines),
            Input::Order { wish, lines, reply } => self.ordered(wish, lines, reply),
            Input::MakeRoom(reply) => self.make_room(reply),
            Input::News(Some(stop)) => self.end(stop),
            Input::News(None) => self.look(),
            Input::Tick => self.tick(now),
            Input::Exit { exit, told } => self.ended(exit, told),
            Input::Leave => {
                self.phase = Phase::Over;
                self.nobody_answers().collect()
            }
            Input::Trusts(Before::Commit { events, upto }, trust) => {
                let outdated = !self.is_ending() && self.is_outdated(trust);
                self.commit(events, upto, outdated)
            }
            Input::Trusts(Before::Prompt, trust) if self.is_outdated(trust) => self.end(Stop::Trust),
            Input::Trusts(Before::Prompt, _) => self.unless_ending(Do::SendNext),
            Input::Committed(after, state) => self.committed(after, state, now),
            Input::Stored {
                wish,
                reply,
                stored: Ok(()),
            } => {
                self.waiting.push((wish, reply));
                self.unless_ending(Do::Flush)
            }
            Input::Stored {
                reply,
                stored: Err(error),
                ..
            } => vec![Do::Answer(reply, Answer::Refused(error))],
            Input::Flushed { all } => {
                self.unsent = !all;
                Vec::new()
            }
            Input::Looked(tables) => tables.map_or_else(Vec::new, |tables| self.looked(tables, now)),
            Input::Sent(state) => {
                if let Some(state) = state {
                    self.moved(state, now);
                }
                self.unless_ending(Do::Flush)
            }
            Input::SilenceSaid(stored) => {
                if let Phase::Silent { said, .. } = &mut self.phase {
                    *said = stored;
                }
                Vec::new()
            }
        }
    }

    fn said(&mut self, lines: Vec<Line>) -> Vec<Do<R>> {
        if let (Phase::Silent { .. }, false) = (&self.phase, lines.is_empty()) {
            self.phase = Phase::Serves;
        }
        let mut fresh = Vec::new();
        for line in lines {
            for event in &line.events {
                self.remember(event);
            }
            if line.end > self.taken {
                self.taken = line.end;
                fresh.extend(line.events);
            }
        }
        fresh.retain(|event| !matches!(event, AgentEvent::Said(Said::Delta { .. } | Said::DeltaReset { .. })));
        let upto = self.taken;
        if fresh.is_empty() {
            Vec::new()
        } else if !self.is_ending()
            && fresh
                .iter()
                .any(|event| matches!(event, AgentEvent::Turn(Turn::Ended { .. })))
        {
            // The end of a turn is the moment to check whether the agent's trust still holds.
            vec![Do::AskTrust(Before::Commit { events: fresh, upto })]
        } else {
            self.commit(fresh, upto, false)
        }
    }

    /// Remembers what is not journaled.
    fn remember(&mut self, event: &AgentEvent) {
        match event {
            AgentEvent::Said(Said::Delta { kind, parent, text }) => {
                let session = self.session;
                let begin = || Partial {
                    session,
                    kind: *kind,
                    parent: parent.clone(),
                    text: String::new(),
                };
                let partial = self.partials.entry(parent.clone()).or_insert_with(begin);
                if partial.kind != *kind {
                    partial.kind = *kind;
                    partial.text.clear();
                }
                if partial.text.len() < PARTIAL_MAX {
                    partial.text.push_str(text);
                }
                self.partial_due = true;
            }
            AgentEvent::Said(
                Said::DeltaReset { parent } | Said::Message { parent, .. } | Said::Thought { parent, .. },
            ) => {
                self.partials.remove(parent);
                self.partial_due = true;
            }
            AgentEvent::Turn(Turn::Started) => self.in_turn = true,
            AgentEvent::Turn(Turn::Ended { .. }) => {
                self.in_turn = false;
                self.partials.clear();
                self.partial_due = true;
            }
            AgentEvent::Task(Task::Started { id, .. }) => drop(self.tasks.insert(id.clone())),
            AgentEvent::Task(Task::Ended { id, .. }) => drop(self.tasks.remove(id)),
            _ => {}
        }
    }

    fn commit(&self, events: Vec<AgentEvent>, upto: u64, outdated: bool) -> Vec<Do<R>> {
        let control = |event: &AgentEvent| match event {
            AgentEvent::Session(Session::Control { wish, ok, error }) => Some((*wish, *ok, error.clone())),
            _ => None,
        };
        let after = After {
            controls: events.iter().filter_map(control).collect(),
            outdated,
        };
        vec![Do::Commit {
            events,
            upto,
            ending: self.is_ending() || outdated,
            after,
        }]
    }

    fn committed(&mut self, after: After, state: Option<SessionState>, now: Instant) -> Vec<Do<R>> {
        if let Some(state) = state {
            self.moved(state, now);
        }
        let mut todo: Vec<_> = after
            .controls
            .into_iter()
            .flat_map(|(wish, ok, error)| self.granted(wish, ok, error))
            .collect();
        todo.extend(self.show());
        // A look sends lines as well.
        todo.extend(if after.outdated {
            self.look()
        } else {
            self.unless_ending(Do::Flush)
        });
        todo
    }

    /// Whether the agent must get no further prompt: its project is gone or its trust has changed. New trust waits for
    /// the background tasks, because they would end with the agent.
    fn is_outdated(&self, trust: Trust) -> bool {
        match trust {
            Trust::Given => !self.trusted && self.tasks.is_empty(),
            Trust::NotGiven | Trust::Unknown => self.trusted,
            Trust::Gone => true,
        }
    }

    fn moved(&mut self, state: SessionState, now: Instant) {
        self.state = state;
        let settled = Standing {
            state,
            run: true,
            background: false,
        }
        .is_settled();
        self.rests_since = settled.then(|| self.rests_since.unwrap_or(now));
    }

    fn granted(&mut self, wish: Wish, ok: bool, error: Option<String>) -> Vec<Do<R>> {
        let same = |waiting: &Wish| match (waiting, &wish) {
            (Wish::Mode(wanted), Wish::Mode(mode)) => wanted == mode,
            (wanted, wish) => std::mem::discriminant(wanted) == std::mem::discriminant(wish),
        };
        let answer = if ok {
            Answer::Agreed
        } else {
            Answer::Refused(Error::Conflict(error.unwrap_or_else(|| "the agent refused".into())))
        };
        self.waiting
            .extract_if(.., |(waiting, _)| same(waiting))
            .map(|(_, reply)| Do::Answer(reply, answer.clone()))
            .collect()
    }

    fn ordered(&mut self, wish: Wish, lines: Vec<Vec<u8>>, reply: R) -> Vec<Do<R>> {
        if self.is_ending() {
            // The order is kept for the next agent, once this one is gone.
            self.waiting.push((wish, reply));
            return Vec::new();
        }
        vec![Do::Store { wish, lines, reply }]
    }

    fn make_room(&mut self, reply: R) -> Vec<Do<R>> {
        if self.rests() {
            let mut todo = self.end(Stop::Idle);
            todo.push(Do::Answer(reply, Answer::Agreed));
            todo
        } else {
            vec![Do::Answer(
                reply,
                Answer::Refused(Error::Conflict("it does not rest".into())),
            )]
        }
    }

    /// Whether nothing is lost if it ends now.
    fn rests(&self) -> bool {
        self.rests_since.is_some() && self.tasks.is_empty() && !self.is_ending()
    }

    /// Looks at the tables: an agent at rest gets a prompt now, one at work after its turn.
    fn look(&self) -> Vec<Do<R>> {
        if self.is_ending() {
            Vec::new()
        } else {
            vec![Do::Flush, Do::Look]
        }
    }

    fn looked(&mut self, tables: Tables, now: Instant) -> Vec<Do<R>> {
        // A decision changes the state without this runner.
        if self.state == SessionState::Waiting {
            self.moved(tables.state, now);
        }
        match tables.says {
            Says::Nothing => Vec::new(),
            // The stop is in the tables; only a later prompt starts an agent again.
            Says::Stopping => self.end(Stop::Person),
            // A deleted session gives the agent nothing to wait for.
            Says::Deleted => self.end(Stop::Idle),
            Says::PromptWaits => self.unless_ending(Do::AskTrust(Before::Prompt)),
        }
    }

    fn tick(&mut self, now: Instant) -> Vec<Do<R>> {
        let mut todo = self.show();
        let long = |since: Instant, limit: Duration| now.saturating_duration_since(since) >= limit;
        if self.rests() && self.rests_since.is_some_and(|since| long(since, self.idle)) {
            todo.extend(self.end(Stop::Idle));
        }
        if let Phase::Silent { since, said } = &mut self.phase {
            if long(*since, self.silence.saturating_mul(SILENCES)) {
                todo.extend(self.end(Stop::Silent));
            } else if long(*since, self.silence) && !std::mem::replace(said, true) {
                todo.push(Do::SaySilence);
            }
        }
        if self.unsent {
            todo.extend(self.unless_ending(Do::Flush));
        }
        todo
    }

    fn show(&mut self) -> Vec<Do<R>> {
        let due = std::mem::take(&mut self.partial_due);
        due.then(|| Do::Show(self.partials.values().next().cloned()))
            .into_iter()
            .collect()
    }

    /// Ends the process, once. An interrupt before lets the agent keep what it had written and report the cost of the
    /// turn.
    fn end(&mut self, stop: Stop) -> Vec<Do<R>> {
        if self.is_ending() {
            return Vec::new();
        }
        let cut = self.in_turn || matches!(self.state, SessionState::Working | SessionState::Waiting);
        self.phase = Phase::Ends { stop, cut };
        if cut {
            vec![Do::Interrupt, Do::End]
        } else {
            vec![Do::End]
        }
    }

    /// Sends a line, or does what leads to one, unless the process is being ended.
    fn unless_ending(&self, todo: Do<R>) -> Vec<Do<R>> {
        if self.is_ending() { Vec::new() } else { vec![todo] }
    }

    fn ended(&mut self, exit: Exit, told: Option<Stop>) -> Vec<Do<R>> {
        let (stop, cut) = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Ends { stop, cut } => (Some(stop), cut),
            // A held-up runner may not have taken the stop up.
            Phase::Silent { .. } | Phase::Serves | Phase::Over => (told, false),
        };
        let mut todo = vec![
            Do::Show(None),
            Do::Finish {
                exit,
                stop,
                cut,
                tasks: !self.tasks.is_empty(),
            },
        ];
        todo.extend(self.nobody_answers());
        todo.push(Do::Release);
        todo
    }

    fn nobody_answers(&mut self) -> impl Iterator<Item = Do<R>> {
        self.waiting
            .drain(..)
            .map(|(_, reply)| Do::Answer(reply, Answer::NoAgent))
    }
}
