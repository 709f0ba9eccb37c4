//! Invariants that hold whatever an agent, people, the tables and the clock do, in any order. A world plays the runner:
//! it hands in inputs, does the actions, and checks each at once.

use super::*;
use crate::agents::TurnOutcome;
use model::{entries::EntryKind, sessions::Mode};
use proptest::{collection::vec, prelude::*};
use std::collections::VecDeque;
use uuid::Uuid;

const IDLE: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(3);

/// An event from outside the runner.
#[derive(Clone, Debug)]
enum Act {
    /// This many lines that it had before, then new ones.
    Says(usize, Vec<Vec<AgentEvent>>),
    Order(Wish),
    MakeRoom,
    News(Option<Stop>),
    Tick,
    Exit,
    Leave,
}

/// One event with its time and the outcomes of all that follows from it.
#[derive(Clone, Debug)]
struct Moment {
    act: Act,
    /// Milliseconds since the moment before.
    after: u64,
    /// Each decides one outcome.
    outcomes: Vec<u8>,
    /// The outcomes come only after the next event.
    late: bool,
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        Just(Wish::Interrupt),
        Just(Wish::Mode(Mode::Plan)),
        Just(Wish::Mode(Mode::Ask)),
        Just(Wish::Model)
    ]
}

fn event() -> impl Strategy<Value = AgentEvent> {
    let parent = || prop_oneof![2 => Just(None), 1 => Just(Some("sub".to_owned()))];
    let kind = prop_oneof![Just(EntryKind::Message), Just(EntryKind::Thought)];
    let task = || prop_oneof![Just("a".to_owned()), Just("b".to_owned())];
    let outcome = prop_oneof![
        Just(TurnOutcome::Completed),
        Just(TurnOutcome::Interrupted),
        Just(TurnOutcome::Failed("no".into()))
    ];
    prop_oneof![
        4 => (kind, parent()).prop_map(|(kind, parent)| AgentEvent::Said(Said::Delta { kind, parent, text: String::new() })),
        1 => parent().prop_map(|parent| AgentEvent::Said(Said::DeltaReset { parent })),
        2 => parent().prop_map(|parent| AgentEvent::Said(Said::Message { parent, text: String::new() })),
        2 => Just(AgentEvent::Turn(Turn::Started)),
        3 => outcome.prop_map(|outcome| AgentEvent::Turn(Turn::Ended { outcome })),
        2 => task().prop_map(|id| AgentEvent::Task(Task::Started { id, call: None, task: None, text: String::new() })),
        2 => task().prop_map(|id| AgentEvent::Task(Task::Ended { id, status: model::entries::CallStatus::Ok, text: String::new() })),
        2 => (wish(), any::<bool>()).prop_map(|(wish, ok)| AgentEvent::Session(Session::Control { wish, ok, error: None })),
        1 => Just(AgentEvent::Session(Session::Resumable)),
    ]
}

fn moment() -> impl Strategy<Value = Moment> {
    let stop = prop_oneof![
        Just(Stop::Person),
        Just(Stop::Unwritten { by: "mara".into() }),
        Just(Stop::Node)
    ];
    let act = prop_oneof![
        6 => (0_usize..3, vec(vec(event(), 0..3), 0..4)).prop_map(|(again, lines)| Act::Says(again, lines)),
        3 => wish().prop_map(Act::Order),
        2 => Just(Act::MakeRoom),
        4 => prop::option::weighted(0.2, stop).prop_map(Act::News),
        6 => Just(Act::Tick),
        1 => Just(Act::Exit),
        1 => Just(Act::Leave),
    ];
    (
        act,
        prop_oneof![3 => 0_u64..100, 1 => 0_u64..5_000, 1 => 0_u64..40_000],
        vec(any::<u8>(), 4),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(act, after, outcomes, late)| Moment {
            act,
            after,
            outcomes,
            late,
        })
}

/// Everything that a runner would touch, and what was seen of it.
struct World {
    serving: Serving<usize>,
    now: Instant,
    /// All that the agent wrote: each line's end offset and events.
    tape: Vec<Line>,
    taken: usize,
    /// Commits were requested up to this offset.
    committed: u64,
    late: VecDeque<Input<usize>>,
    /// How often each order was answered.
    answers: Vec<usize>,
    tasks: HashSet<String>,
    /// Texts are named after their turn.
    turn: u32,
    shown: Option<Partial>,
    /// The newest state according to commits and tables.
    state: SessionState,
    deleted: bool,
    spoke: bool,
    silences: u32,
    interrupts: u32,
    ends: u32,
    finishes: u32,
    releases: u32,
}

impl World {
    fn new(state: SessionState, before: Vec<Vec<AgentEvent>>, trusted: bool) -> Self {
        let now = Instant::now();
        let mut world = Self {
            serving: Serving::new(
                SessionId::from_uuid(Uuid::nil()),
                trusted,
                before.len() as u64,
                state,
                (IDLE, SILENCE),
                now,
            ),
            now,
            tape: Vec::new(),
            taken: 0,
            committed: before.len() as u64,
            late: VecDeque::new(),
            answers: Vec::new(),
            tasks: HashSet::new(),
            turn: 0,
            shown: None,
            state,
            deleted: false,
            spoke: false,
            silences: 0,
            interrupts: 0,
            ends: 0,
            finishes: 0,
            releases: 0,
        };
        // A reattaching runner first gets all lines that were committed before.
        world.act(Moment {
            act: Act::Says(0, before),
            after: 0,
            outcomes: Vec::new(),
            late: false,
        });
        world
    }

    fn act(&mut self, moment: Moment) {
        self.now += Duration::from_millis(moment.after);
        let late = std::mem::take(&mut self.late);
        let input = match moment.act {
            Act::Says(again, lines) => self.says(again, lines),
            Act::Order(wish) => Input::Order {
                wish,
                lines: vec![b"line".to_vec()],
                reply: self.order(),
            },
            Act::MakeRoom => Input::MakeRoom(self.order()),
            Act::News(stop) => Input::News(stop),
            Act::Tick => Input::Tick,
            Act::Exit => Input::Exit {
                exit: Exit::Lost,
                told: None,
            },
            Act::Leave => Input::Leave,
        };
        let mut outcomes = moment.outcomes.into_iter().cycle();
        self.hear(input, &mut || outcomes.next().unwrap_or_default(), moment.late);
        for input in late {
            self.hear(input, &mut || outcomes.next().unwrap_or_default(), false);
        }
    }

    fn order(&mut self) -> usize {
        self.answers.push(0);
        self.answers.len() - 1
    }

    /// Appends lines to the tape and reads on, from up to `again` lines before the last position.
    fn says(&mut self, again: usize, lines: Vec<Vec<AgentEvent>>) -> Input<usize> {
        let from = self.taken.saturating_sub(again);
        for mut events in lines {
            for event in &mut events {
                match event {
                    AgentEvent::Said(Said::Delta { text, .. }) => *text = format!("{} ", self.turn),
                    AgentEvent::Turn(Turn::Ended { .. }) => self.turn += 1,
                    AgentEvent::Task(Task::Started { id, .. }) => drop(self.tasks.insert(id.clone())),
                    AgentEvent::Task(Task::Ended { id, .. }) => drop(self.tasks.remove(id)),
                    _ => {}
                }
            }
            self.tape.push(Line {
                end: self.tape.len() as u64 + 1,
                events,
            });
        }
        self.taken = self.tape.len();
        let given: Vec<_> = self.tape[from..].to_vec();
        // Lines that are read again reach the driver and the runner again.
        for event in given.iter().flat_map(|line| &line.events) {
            match event {
                AgentEvent::Task(Task::Started { id, .. }) => drop(self.tasks.insert(id.clone())),
                AgentEvent::Task(Task::Ended { id, .. }) => drop(self.tasks.remove(id)),
                _ => {}
            }
        }
        self.spoke |= !given.is_empty();
        Input::Said(given)
    }

    /// Works like the runner: what follows from an outcome comes before the next action.
    fn hear(&mut self, input: Input<usize>, outcome: &mut impl FnMut() -> u8, late: bool) {
        let mut todo = VecDeque::from(self.step(input));
        while let Some(next) = todo.pop_front() {
            let interrupts = matches!(next, Do::Interrupt);
            match self.perform(next, outcome()) {
                // No further output is read while output still waits for its commit.
                Some(input) if late && !matches!(input, Input::Trusts(Before::Commit { .. }, _)) => {
                    self.late.push_back(input);
                }
                Some(input) => self
                    .step(input)
                    .into_iter()
                    .rev()
                    .for_each(|next| todo.push_front(next)),
                None => {}
            }
            assert!(
                !interrupts || matches!(todo.front(), Some(Do::End)),
                "it is interrupted only to be ended: {todo:?}"
            );
        }
        assert_eq!(
            self.ends > 0,
            self.ends == 1 && (self.serving.is_ending() || self.serving.is_over()),
            "what was told to end is being ended"
        );
        assert!(
            !self.serving.is_ending() || self.ends == 1,
            "a stop was taken up, and its process is not ended"
        );
    }

    fn step(&mut self, input: Input<usize>) -> Vec<Do<usize>> {
        match &input {
            Input::Looked(Some(tables)) => {
                self.deleted = tables.says == Says::Deleted;
                if self.state == SessionState::Waiting {
                    self.state = tables.state;
                }
            }
            Input::Committed(_, Some(state)) | Input::Sent(Some(state)) => self.state = *state,
            _ => {}
        }
        let over = self.serving.is_over();
        let todo = self.serving.step(input, self.now);
        assert!(
            !over || todo.iter().all(|next| matches!(next, Do::Answer(_, Answer::NoAgent))),
            "all is over: {todo:?}"
        );
        todo
    }

    /// The outcome of one action.
    fn perform(&mut self, what: Do<usize>, outcome: u8) -> Option<Input<usize>> {
        let well = !outcome.is_multiple_of(5);
        let state = || {
            SessionState::ALL
                .get(usize::from(outcome) % (SessionState::ALL.len() + 1))
                .copied()
        };
        if matches!(what, Do::Store { .. } | Do::Flush | Do::SendNext | Do::Interrupt) {
            assert_eq!(self.ends, 0, "a line to an agent that was told to end: {what:?}");
            assert!(
                !self.serving.is_ending() || matches!(what, Do::Interrupt),
                "a line beside the interrupt: {what:?}"
            );
        }
        match what {
            Do::AskTrust(before) => {
                let trust = [Trust::Given, Trust::NotGiven, Trust::Gone, Trust::Unknown][usize::from(outcome) % 4];
                return Some(Input::Trusts(before, trust));
            }
            Do::Commit {
                events,
                upto,
                ending,
                after,
            } => {
                let from = self.committed;
                assert!(from < upto, "committed twice: {upto} after {from}");
                let fresh = |event: &&AgentEvent| {
                    !matches!(event, AgentEvent::Said(Said::Delta { .. } | Said::DeltaReset { .. }))
                };
                let lines = self.tape.iter().filter(|line| line.end > from && line.end <= upto);
                let written: Vec<_> = lines.flat_map(|line| &line.events).filter(fresh).cloned().collect();
                assert_eq!(events, written, "all that is new is committed, once and in order");
                assert!(
                    ending || !self.serving.is_ending(),
                    "an agent that is ended may be given a prompt"
                );
                self.committed = upto;
                return Some(Input::Committed(after, state()));
            }
            Do::Store { wish, reply, .. } => {
                let stored = if well { Ok(()) } else { Err(Error::StorageFull) };
                return Some(Input::Stored { wish, reply, stored });
            }
            Do::Flush => return Some(Input::Flushed { all: well }),
            Do::Look => {
                let says = [
                    Says::Nothing,
                    Says::PromptWaits,
                    Says::Nothing,
                    Says::PromptWaits,
                    Says::Nothing,
                    Says::Deleted,
                    Says::Nothing,
                    Says::Stopping,
                ][usize::from(outcome) % 8];
                return Some(Input::Looked(state().map(|state| Tables { state, says })));
            }
            Do::SendNext => return Some(Input::Sent(state())),
            Do::SaySilence => {
                assert!(!self.spoke, "an agent that spoke is called silent");
                self.silences += u32::from(well);
                assert!(self.silences <= 1, "its silence is said twice");
                return Some(Input::SilenceSaid(well));
            }
            Do::Show(partial) => {
                let now = self.turn.to_string();
                let old = partial
                    .iter()
                    .flat_map(|partial| partial.text.split_whitespace())
                    .find(|turn| *turn != now);
                assert_eq!(old, None, "half-written text outlives its turn");
                self.shown = partial;
            }
            Do::Interrupt => {
                self.interrupts += 1;
                assert_eq!(self.interrupts, 1, "it is interrupted twice");
            }
            Do::End => {
                self.ends += 1;
                assert_eq!(self.ends, 1, "it is ended twice");
                if matches!(self.serving.phase, Phase::Ends { stop: Stop::Idle, .. }) && !self.deleted {
                    assert!(self.tasks.is_empty(), "ended as idle with tasks in the background");
                    let settled = Standing {
                        state: self.state,
                        run: true,
                        background: false,
                    }
                    .is_settled();
                    assert!(settled, "ended as idle at {:?}", self.state);
                }
            }
            Do::Answer(order, _) => {
                self.answers[order] += 1;
                assert_eq!(self.answers[order], 1, "an order is answered twice");
            }
            Do::Finish { .. } => self.finishes += 1,
            Do::Release => {
                assert_eq!(self.finishes, 1, "its place is free before its end is written down");
                self.releases += 1;
            }
        }
        None
    }

    fn over(mut self) {
        let left = self.serving.is_over() && self.finishes == 0;
        self.act(Moment {
            act: Act::Tick,
            after: 0,
            outcomes: Vec::new(),
            late: false,
        });
        if !self.serving.is_over() {
            let unshown = self
                .shown
                .iter()
                .flat_map(|partial| partial.text.split_whitespace())
                .all(|turn| turn == self.turn.to_string());
            assert!(unshown, "half-written text stays after its turn: {:?}", self.shown);
        }
        self.act(Moment {
            act: Act::Exit,
            after: 0,
            outcomes: Vec::new(),
            late: false,
        });
        assert!(self.serving.is_over() && self.late.is_empty());
        assert_eq!(
            (self.finishes, self.releases),
            if left { (0, 0) } else { (1, 1) },
            "an end is written down once"
        );
        assert!(left || self.shown.is_none(), "half-written text stays after the end");
        assert!(
            self.answers.iter().all(|answers| *answers == 1),
            "orders without an answer: {:?}",
            self.answers
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_rules_of_serving_hold(
        state in prop::sample::select(SessionState::ALL.iter().collect::<Vec<_>>()),
        before in vec(vec(event(), 0..3), 0..3),
        trusted in any::<bool>(),
        mute in prop::bool::weighted(0.2),
        moments in vec(moment(), 0..60),
    ) {
        // A mute agent has been silent since its start.
        let (state, before) = if mute { (&SessionState::Starting, Vec::new()) } else { (state, before) };
        let mut world = World::new(*state, before, trusted);
        for mut moment in moments {
            if mute && matches!(moment.act, Act::Says(..)) {
                moment.act = Act::Tick;
            }
            world.act(moment);
        }
        world.over();
    }
}
