//! What a runner does next: a function of what it knows and of what it hears.
//! It must not wait, read, write or look at a clock: the runner does that, and tells it what came of it.
//!
//! One agent process is served in four phases, each with what an input leads to:
//!
//! | input | `Silent`: it has said nothing since it was started | `Serves` | `Ends`: it is being ended | `Over` |
//! |---|---|---|---|---|
//! | output was taken | it `Serves`, and as there | Half-written text, turn and tasks are remembered. What is new is committed; where a turn ended, after a look at the trust. | The same without that look: the commit gives it no prompt. | nothing |
//! | an order | Its lines are stored and sent; it is answered when the agent answers, or at once where nothing can be stored. | the same | It waits for the end. | no agent |
//! | its place is needed | refused | If it rests without tasks it `Ends`; else refused. | refused | no agent |
//! | news, or time to look | Told to stop it `Ends`. Else lines are sent and the tables read. | the same | nothing | nothing |
//! | what the tables say | A stop or a deletion: it `Ends`. A prompt waits: a look at the trust. | the same | nothing | nothing |
//! | whether it is trusted as before | A commit that waited for that is made. A prompt that did is given; where it is not, it `Ends`. | the same | Only the commit is made. | nothing |
//! | a commit's outcome | The state is known, orders are answered, half-written text is shown, lines are sent. | the same | The same, and no line is sent. | nothing |
//! | a tick | After the patience the session says so, after ten times as long it `Ends`. | Half-written text is shown, lines that were not taken are sent. Long at rest it `Ends`. | Half-written text is shown. | nothing |
//! | it has ended | `Over`: no half-written text, its end is written down, who waits is told that no agent runs, its place is free. | the same | the same | nothing |
//! | the node stops | `Over`: who waits is told that no agent runs; the agent goes on under its shim. | the same | the same | nothing |
//!
//! Whatever `Ends` was ended in the step that led there, interrupted before where a turn was under way. No line goes to
//! it after that.

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

/// Half-written text is kept up to this size; the whole comes with the message.
const PARTIAL_MAX: usize = 256 * 1024;
/// An agent that says nothing is ended after so many times the patience after which its session says so.
const SILENCES: u32 = 10;

/// What is known of an agent's process while it is served. `R` is where the answer to an order goes; it is given out
/// once.
pub(super) struct Serving<R> {
    session: SessionId,
    /// Whether its project was trusted when it was started.
    trusted: bool,
    /// An agent that rests so long is ended.
    idle: Duration,
    /// A session whose agent has said nothing for so long says so.
    silence: Duration,
    /// Output up to here was committed or asked to be; lines before only tell what is known here.
    taken: u64,
    state: SessionState,
    phase: Phase,
    /// The agent said that a turn began, and not that it ended. A stop changes the session's state before this runner
    /// hears of it.
    in_turn: bool,
    /// Background tasks under way: an agent that has any does not rest.
    tasks: HashSet<String>,
    rests_since: Option<Instant>,
    /// A line was not taken: it is tried again.
    unsent: bool,
    /// By the subagent's call; the main thread comes first.
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
        /// That cut a turn short.
        cut: bool,
    },
    Over,
}

/// A line of an agent's output, as its driver understood it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The offset after it.
    pub(super) end: u64,
    pub(super) events: Vec<AgentEvent>,
}

/// What a runner hears: the first six by itself, the others as the outcome of what it was to do.
#[derive(Debug)]
pub(super) enum Input<R> {
    /// The agent has said this.
    Said(Vec<Line>),
    /// Somebody wants this of the agent, and the lines say it.
    Order {
        wish: Wish,
        lines: Vec<Vec<u8>>,
        reply: R,
    },
    /// Its place is needed: it is ended if it rests.
    MakeRoom(R),
    /// It was told something, which may be to end the agent; or it is time to look.
    News(Option<Stop>),
    Tick,
    /// The process has ended. `told` is why it was to be ended, where that could not be taken up before.
    Exit {
        exit: Exit,
        told: Option<Stop>,
    },
    /// The node stops; the agent goes on.
    Leave,
    /// Of [`Do::AskTrust`].
    Trusts(Before, Trust),
    /// Of [`Do::Commit`]; the state it led to, or `None` when the session is gone.
    Committed(After, Option<SessionState>),
    /// Of [`Do::Store`].
    Stored {
        wish: Wish,
        reply: R,
        stored: Result<()>,
    },
    /// Of [`Do::Flush`]: whether the agent has all its lines.
    Flushed {
        all: bool,
    },
    /// Of [`Do::Look`]; `None` when they could not be read, or the session is gone.
    Looked(Option<Tables>),
    /// Of [`Do::SendNext`]; the state it led to, or `None` when the session is gone.
    Sent(Option<SessionState>),
    /// Of [`Do::SaySilence`]: whether it was stored.
    SilenceSaid(bool),
}

/// What a runner does, in this order. What follows from the outcome of one comes before the next.
#[derive(Debug)]
pub(super) enum Do<R> {
    /// Reads whether the project is trusted.
    AskTrust(Before),
    /// Puts what the agent did into the journal, together with how far its output was read. `ending`: the agent gets no
    /// further prompt.
    Commit {
        events: Vec<AgentEvent>,
        upto: u64,
        ending: bool,
        after: After,
    },
    /// Stores lines for the agent.
    Store { wish: Wish, lines: Vec<Vec<u8>>, reply: R },
    /// Sends the agent every stored line it does not have yet.
    Flush,
    /// Reads what the tables say about the session.
    Look,
    /// Gives the agent the next prompt that waits: stores it.
    SendNext,
    /// The session says that its agent has said nothing since it was started.
    SaySilence,
    /// Shows half-written text, or none.
    Show(Option<Partial>),
    /// Stores and sends an interrupt, within a moment or not at all.
    Interrupt,
    /// Ends the process.
    End,
    /// Answers who wanted something.
    Answer(R, Answer),
    /// Writes the end of the process down.
    Finish {
        exit: Exit,
        stop: Option<Stop>,
        cut: bool,
        tasks: bool,
    },
    /// Its place is free.
    Release,
}

/// What somebody who wanted something is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// It is so.
    Agreed,
    /// It is not so.
    Refused(Error),
    /// No agent runs.
    NoAgent,
}

/// What waits for a look at the trust.
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
    /// What the agent answered in it.
    controls: Vec<(Wish, bool, Option<String>)>,
    /// The agent is not trusted as before.
    outdated: bool,
}

/// Whether a project is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    Given,
    NotGiven,
    /// There is no such project any more.
    Gone,
    /// It could not be read.
    Unknown,
}

/// What the tables say about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) state: SessionState,
    pub(super) says: Says,
}

/// What the tables want of its runner.
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
    /// `committed`: output up to here is in the journal. A session in [`SessionState::Starting`] has heard nothing of
    /// its agent yet.
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

    /// A stop was taken up.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ends { .. })
    }

    /// Everything is done, or the node stops.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// What is to be done about an input.
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
            // Between turns is the moment to look whether the agent may still do what it could when it was started.
            vec![Do::AskTrust(Before::Commit { events: fresh, upto })]
        } else {
            self.commit(fresh, upto, false)
        }
    }

    /// Keeps what is not journaled.
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
        // Looking sends lines too.
        todo.extend(if after.outdated {
            self.look()
        } else {
            self.unless_ending(Do::Flush)
        });
        todo
    }

    /// Its project is gone, or is trusted otherwise than when the agent was started: it is given no further prompt.
    /// More trust than it has can wait for its background tasks, which would end with it.
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
            // What they want is kept for the next agent once this one is gone.
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

    /// Nothing is lost when it ends now.
    fn rests(&self) -> bool {
        self.rests_since.is_some() && self.tasks.is_empty() && !self.is_ending()
    }

    /// Looks at the tables: an agent that rests gets a prompt now, one at work when its turn is over.
    fn look(&self) -> Vec<Do<R>> {
        if self.is_ending() {
            Vec::new()
        } else {
            vec![Do::Flush, Do::Look]
        }
    }

    fn looked(&mut self, tables: Tables, now: Instant) -> Vec<Do<R>> {
        // A decision lets it rest, or go on, without this runner.
        if self.state == SessionState::Waiting {
            self.moved(tables.state, now);
        }
        match tables.says {
            Says::Nothing => Vec::new(),
            // A person's word is in the tables, and only what they said after it starts an agent again.
            Says::Stopping => self.end(Stop::Person),
            // It has nothing to rest for.
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

    /// Ends the process, once. An agent that is interrupted before keeps what it had written so far, and says what the
    /// turn has cost.
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

    /// A line for the agent, or what leads to one.
    fn unless_ending(&self, todo: Do<R>) -> Vec<Do<R>> {
        if self.is_ending() { Vec::new() } else { vec![todo] }
    }

    fn ended(&mut self, exit: Exit, told: Option<Stop>) -> Vec<Do<R>> {
        let (stop, cut) = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Ends { stop, cut } => (Some(stop), cut),
            // One that was held up may not have come to it.
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
