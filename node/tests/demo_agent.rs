//! The demo agent as the node uses it: a process behind pipes, under the driver of its dialect. Waits are for events
//! with a deadline, never for time alone.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the agent itself, without a node in between"
)]

use model::{
    approvals::{ApprovalKind, RememberScope},
    entries::CallStatus,
    id::{PromptId, SessionId},
    sessions::{AgentKind, Mode},
};
use node::agents::{
    AgentEvent, Answer, Ask, Asks, Call, Driver, How, Said, Session, Start, Task, Turn, TurnOutcome, demo, driver,
    remember, still_planning,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use uuid::Uuid;

const ARGS: &str = "ORCHWIZ_TEST_DEMO_ARGS";

/// The process that the other tests start: this test program itself.
#[test]
#[ignore = "the agent itself; the other tests start it"]
fn the_agent() {
    let args: Vec<String> =
        serde_json::from_str(&std::env::var(ARGS).expect("only started by the tests")).expect("a list");
    let code = demo::main(args.into_iter().map(OsString::from).collect());
    std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS) * 3);
}

struct Scene {
    project: TempDir,
    state: TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            project: tempfile::tempdir().expect("the test has its world"),
            state: tempfile::tempdir().expect("the test has its world"),
        };
        fs::write(scene.path("README.md"), "# A scratch project\n\nNothing to see.\n").expect("the test has its world");
        scene
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.project.path().join(name)
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    fn start(&self, session: u128, mode: Mode, how: How) -> Agent {
        let start = Start {
            session: SessionId::from_uuid(Uuid::from_u128(session)),
            cwd: self.project.path().into(),
            mode,
            model: None,
            trusted: false,
            how,
            program: "orchwiz".into(),
            env: BTreeMap::new(),
        };
        Agent::start(&start, self.state.path())
    }
}

struct Agent {
    child: Child,
    stdin: Option<ChildStdin>,
    driver: Box<dyn Driver>,
    lines: Receiver<Vec<u8>>,
    /// Events that were read and not yet waited for.
    ready: Vec<AgentEvent>,
    /// All events so far.
    seen: Vec<AgentEvent>,
    prompts: u128,
}

impl Agent {
    fn start(start: &Start, state: &Path) -> Self {
        let mut driver = driver(AgentKind::Demo);
        let spec = driver.spec(start);
        assert_eq!(spec.args[0], "demo-agent");
        let mut child = Command::new(std::env::current_exe().expect("the test has its world"))
            .args(["the_agent", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env(
                ARGS,
                serde_json::to_string(&spec.args[1..]).expect("the test has its world"),
            )
            .env(demo::PACE, "fast")
            .env(demo::STATE, state)
            .current_dir(&spec.cwd)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the test has its world");
        let (sender, lines) = channel();
        let stdout = child.stdout.take().expect("the test has its world");
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                // The test harness prints before the JSON.
                let Some(at) = line.iter().position(|byte| *byte == b'{') else {
                    continue;
                };
                if sender.send(line[at..].to_vec()).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take();
        let hello = driver.hello();
        let mut agent = Self {
            child,
            stdin,
            driver,
            lines,
            ready: Vec::new(),
            seen: Vec::new(),
            prompts: start.session.uuid().as_u128() * 1000,
        };
        agent.write(&hello);
        agent
    }

    fn write(&mut self, lines: &[Vec<u8>]) {
        let stdin = self.stdin.as_mut().expect("the test has its world");
        for line in lines {
            stdin
                .write_all(line)
                .and_then(|()| stdin.write_all(b"\n"))
                .expect("the test has its world");
        }
        stdin.flush().expect("the test has its world");
    }

    fn prompt(&mut self, text: &str) {
        self.prompts += 1;
        let lines = self
            .driver
            .prompt(PromptId::from_uuid(Uuid::from_u128(self.prompts)), text);
        self.write(&lines);
    }

    fn answer(&mut self, ask: &Ask, answer: &Answer) {
        let lines = self.driver.answer(&ask.request, answer);
        self.write(&lines);
    }

    fn allow(&mut self, ask: &Ask) {
        self.answer(ask, &Answer::allow(ask.input.clone()));
    }

    fn set_mode(&mut self, mode: Mode) {
        let lines = self.driver.set_mode(mode);
        self.write(&lines);
    }

    fn interrupt(&mut self) {
        let lines = self.driver.interrupt();
        self.write(&lines);
    }

    /// The next matching event; all events before it are in `seen`.
    fn until(&mut self, what: &str, fits: impl Fn(&AgentEvent) -> bool) -> AgentEvent {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            while self.ready.is_empty() {
                let left = deadline.saturating_duration_since(Instant::now());
                let Ok(line) = self.lines.recv_timeout(left) else {
                    panic!("no {what} came; seen: {:#?}", self.seen)
                };
                self.ready = self.driver.line(&line);
            }
            let event = self.ready.remove(0);
            assert!(
                !matches!(event, AgentEvent::Said(Said::Raw(_))),
                "the demo agent speaks the dialect: {event:?}"
            );
            self.seen.push(event.clone());
            if fits(&event) {
                return event;
            }
        }
    }

    fn ask(&mut self) -> Ask {
        match self.until("ask", |event| {
            matches!(
                event,
                AgentEvent::Ask(Asks::New(_)) | AgentEvent::Turn(Turn::Ended { .. })
            )
        }) {
            AgentEvent::Ask(Asks::New(ask)) => *ask,
            other => panic!("no ask came before {other:?}: {:#?}", self.seen),
        }
    }

    /// The end of the turn; an ask before it fails the test.
    fn turn(&mut self) -> TurnOutcome {
        match self.until("end of the turn", |event| {
            matches!(
                event,
                AgentEvent::Ask(Asks::New(_)) | AgentEvent::Turn(Turn::Ended { .. })
            )
        }) {
            AgentEvent::Turn(Turn::Ended { outcome }) => outcome,
            other => panic!("asked unexpectedly: {other:?}"),
        }
    }

    fn messages(&self) -> String {
        let texts: Vec<&str> = self
            .seen
            .iter()
            .filter_map(|event| {
                if let AgentEvent::Said(Said::Message { text, .. }) = event {
                    Some(text.as_str())
                } else {
                    None
                }
            })
            .collect();
        texts.join("\n")
    }

    fn end_of(&self, tool: &str) -> (CallStatus, Value) {
        let id = self
            .seen
            .iter()
            .rev()
            .find_map(|event| {
                if let AgentEvent::Call(Call::Start { id, tool: found, .. }) = event {
                    (found == tool).then(|| id.clone())
                } else {
                    None
                }
            })
            .expect("the test has its world");
        self.seen
            .iter()
            .find_map(|event| {
                if let AgentEvent::Call(Call::End {
                    id: found,
                    status,
                    output,
                    ..
                }) = event
                {
                    (*found == id).then(|| (*status, output.clone()))
                } else {
                    None
                }
            })
            .expect("the test has its world")
    }

    fn close(mut self) -> Option<i32> {
        drop(self.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().expect("the test has its world") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it did not end with its stdin");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

#[test]
fn the_tour_asks_once_and_everything_it_shows_was_done() {
    let scene = Scene::new();
    let mut agent = scene.start(1, Mode::Ask, How::Fresh);
    agent.prompt("Show me what you can do.");
    let ask = agent.ask();
    assert_eq!(
        (ask.kind, ask.tool.as_str(), ask.target.as_str()),
        (ApprovalKind::Tool, "Bash", "wc -l demo-notes.md")
    );
    assert_eq!(ask.suggestions[0].text, "allow Bash(wc *)");
    agent.allow(&ask);
    assert_eq!(agent.turn(), TurnOutcome::Completed);
    let notes = scene.read("demo-notes.md").expect("the test has its world");
    assert!(notes.contains("- README.md"), "{notes}");
    let (status, output) = agent.end_of("Bash");
    assert_eq!(status, CallStatus::Ok, "the background command is started after it");
    assert!(
        agent
            .messages()
            .contains(&format!("{} demo-notes.md", notes.lines().count())),
        "the real count is told: {}",
        agent.messages()
    );
    assert!(
        output["output"]
            .as_str()
            .expect("the test has its world")
            .contains("background")
    );
    let (_, written) = agent.end_of("Write");
    assert_eq!(
        written["patch"][0]["lines"]
            .as_array()
            .expect("the test has its world")
            .len(),
        notes.lines().count()
    );
    let seen = &agent.seen;
    assert!(
        matches!(&seen.iter().find(|event| matches!(event, AgentEvent::Session(Session::Ready { .. }))), Some(AgentEvent::Session(Session::Ready { model: Some(model), .. })) if model == "demo, no model")
    );
    for (what, there) in [
        (
            "a streamed text",
            seen.iter().any(|e| matches!(e, AgentEvent::Said(Said::Delta { .. }))),
        ),
        (
            "a thought",
            seen.iter().any(|e| matches!(e, AgentEvent::Said(Said::Thought { .. }))),
        ),
        (
            "a list of things to do",
            seen.iter().any(|e| matches!(e, AgentEvent::Said(Said::Todo { .. }))),
        ),
        (
            "a call of the subagent",
            seen.iter()
                .any(|e| matches!(e, AgentEvent::Call(Call::Start { parent: Some(_), tool, .. }) if tool == "Read")),
        ),
        (
            "a background task",
            seen.iter().any(|e| matches!(e, AgentEvent::Task(Task::Started { .. }))),
        ),
        (
            "no cost",
            !seen
                .iter()
                .any(|e| matches!(e, AgentEvent::Session(Session::Usage { .. } | Session::Context { .. }))),
        ),
    ] {
        assert!(there, "{what} is missing: {seen:#?}");
    }
    let AgentEvent::Task(Task::Ended { status, text, .. }) = agent.until("end of the task", |event| {
        matches!(event, AgentEvent::Task(Task::Ended { .. }))
    }) else {
        unreachable!()
    };
    assert_eq!(status, CallStatus::Ok);
    assert!(text.contains(&notes.len().to_string()), "the real size is told: {text}");
    assert_eq!(
        agent.turn(),
        TurnOutcome::Completed,
        "it goes on by itself when the task has ended"
    );
    assert_eq!(agent.close(), Some(0));
}

#[test]
fn a_denied_command_is_not_run_and_an_allowed_rule_is_remembered() {
    let scene = Scene::new();
    let mut agent = scene.start(1, Mode::Ask, How::Fresh);
    agent.prompt("tour");
    let ask = agent.ask();
    agent.answer(&ask, &Answer::deny("not today"));
    agent.until("the denied call", |event| {
        matches!(
            event,
            AgentEvent::Call(Call::End {
                status: CallStatus::Denied,
                ..
            })
        )
    });
    assert_eq!(agent.turn(), TurnOutcome::Completed);
    assert!(agent.messages().contains("not today"));
    agent.prompt("tour");
    let ask = agent.ask();
    agent.answer(
        &ask,
        &Answer::Allow {
            input: Some(ask.input.clone()),
            remember: remember(AgentKind::Demo, &ask.suggestions, RememberScope::Session),
            mode: None,
            answers: None,
        },
    );
    assert_eq!(agent.turn(), TurnOutcome::Completed);
    let (_, edited) = agent.end_of("Edit");
    assert!(
        edited["patch"][0]["lines"]
            .as_array()
            .expect("the test has its world")
            .iter()
            .any(|line| line == "+## Visit 2"),
        "{edited}"
    );
    agent.until("the turn after a task", |event| {
        matches!(event, AgentEvent::Task(Task::Ended { .. }))
    });
    agent.prompt("tour");
    let until_third = |agent: &mut Agent| {
        agent.until("third visit", |event| matches!(event, AgentEvent::Call(Call::Start { tool, target, .. }) if tool == "Bash" && target.starts_with("sleep")))
    };
    until_third(&mut agent);
    assert_eq!(
        agent
            .seen
            .iter()
            .filter(|event| matches!(event, AgentEvent::Ask(Asks::New(_))))
            .count(),
        2,
        "the third tour did not ask"
    );
}

#[test]
fn nothing_is_changed_before_the_plan_is_approved() {
    let scene = Scene::new();
    let mut agent = scene.start(1, Mode::Plan, How::Fresh);
    agent.prompt("be eager");
    let early = agent.ask();
    assert!(early.is_against_plan(), "{early:?}");
    agent.answer(&early, &still_planning(AgentKind::Demo));
    let first = agent.ask();
    assert_eq!(first.kind, ApprovalKind::Plan);
    assert!(
        first.input["plan"]
            .as_str()
            .expect("the test has its world")
            .contains("Greet the folder")
    );
    agent.answer(&first, &Answer::deny("Greet twice."));
    let second = agent.ask();
    assert!(
        second.input["plan"]
            .as_str()
            .expect("the test has its world")
            .contains("Greet twice."),
        "{second:?}"
    );
    assert_eq!(scene.read("demo-greeting.md"), None);
    agent.answer(
        &second,
        &Answer::Allow {
            input: Some(second.input.clone()),
            remember: Vec::new(),
            mode: Some(Mode::AutoAccept),
            answers: None,
        },
    );
    let command = agent.ask();
    assert_eq!(command.tool, "Bash", "the edit went unasked");
    assert!(
        agent
            .seen
            .contains(&AgentEvent::Session(Session::Mode(Mode::AutoAccept)))
    );
    assert!(
        scene
            .read("demo-greeting.md")
            .expect("the test has its world")
            .contains("version 2")
    );
    agent.allow(&command);
    assert_eq!(agent.turn(), TurnOutcome::Completed);
}

#[test]
fn auto_accept_skips_the_approval_of_edits() {
    let scene = Scene::new();
    let mut agent = scene.start(1, Mode::Ask, How::Fresh);
    agent.prompt("edit the greeting");
    let ask = agent.ask();
    assert_eq!((ask.tool.as_str(), ask.target.as_str()), ("Write", "demo-greeting.md"));
    agent.allow(&ask);
    assert_eq!(agent.turn(), TurnOutcome::Completed);
    agent.set_mode(Mode::AutoAccept);
    agent.until("the mode", |event| {
        *event == AgentEvent::Session(Session::Mode(Mode::AutoAccept))
    });
    agent.prompt("edit the greeting");
    assert_eq!(agent.turn(), TurnOutcome::Completed);
    assert!(
        scene
            .read("demo-greeting.md")
            .expect("the test has its world")
            .contains("hello once more")
    );
}

#[test]
fn a_question_is_answered_by_its_text() {
    let scene = Scene::new();
    let mut agent = scene.start(1, Mode::AutoAccept, How::Fresh);
    agent.prompt("ask me something");
    let ask = agent.ask();
    assert_eq!(ask.kind, ApprovalKind::Question);
    let answers = [(ask.questions[0].question.clone(), "Polite".to_owned())].into();
    agent.answer(
        &ask,
        &Answer::Allow {
            input: Some(ask.input.clone()),
            remember: Vec::new(),
            mode: None,
            answers: Some(answers),
        },
    );
    assert_eq!(agent.turn(), TurnOutcome::Completed);
    assert!(
        scene
            .read("demo-greeting.md")
            .expect("the test has its world")
            .contains("A very good day")
    );
}

#[test]
fn an_interrupt_ends_the_turn_and_nothing_else() {
    let scene = Scene::new();
    let mut agent = scene.start(1, Mode::Ask, How::Fresh);
    agent.prompt("slow please");
    agent.until(
        "half a text",
        |event| matches!(event, AgentEvent::Said(Said::Delta { text, .. }) if text.trim() == "5"),
    );
    agent.interrupt();
    assert_eq!(agent.turn(), TurnOutcome::Interrupted);
    agent.prompt("edit the greeting");
    agent.ask();
    agent.interrupt();
    agent.until("the cancelled ask", |event| {
        matches!(event, AgentEvent::Ask(Asks::Cancelled { .. }))
    });
    assert_eq!(agent.turn(), TurnOutcome::Interrupted);
    assert_eq!(scene.read("demo-greeting.md"), None);
    agent.prompt("hello");
    assert_eq!(agent.turn(), TurnOutcome::Completed);
    assert!(agent.messages().contains("prompt number 3"));
}

#[test]
fn a_session_is_resumed_forked_and_never_made_up() {
    let scene = Scene::new();
    let mut agent = scene.start(1, Mode::Ask, How::Fresh);
    agent.prompt("hello");
    assert_eq!(agent.turn(), TurnOutcome::Completed);
    assert_eq!(agent.close(), Some(0));

    let mut resumed = scene.start(1, Mode::Ask, How::Resume);
    resumed.prompt("hello");
    assert_eq!(
        resumed.turn(),
        TurnOutcome::Completed,
        "the first prompt again, as after a crash"
    );
    assert_eq!(resumed.messages(), "", "it was answered before");
    resumed.prompt("what did I say");
    assert_eq!(resumed.turn(), TurnOutcome::Completed);
    assert!(
        resumed
            .messages()
            .contains("prompt number 2 of this session. Before this you said: \"hello\""),
        "{}",
        resumed.messages()
    );
    drop(resumed);

    let mut forked = scene.start(
        2,
        Mode::Ask,
        How::Fork {
            from: SessionId::from_uuid(Uuid::from_u128(1)),
        },
    );
    forked.prompt("again");
    assert_eq!(forked.turn(), TurnOutcome::Completed);
    assert!(forked.messages().contains("prompt number 3"));
    drop(forked);

    let mut again = scene.start(1, Mode::Ask, How::Resume);
    again.prompts += 10;
    again.prompt("again");
    assert_eq!(again.turn(), TurnOutcome::Completed);
    assert!(
        again.messages().contains("prompt number 3"),
        "the fork left it as it was"
    );
    drop(again);

    let mut nothing = scene.start(9, Mode::Ask, How::Resume);
    nothing.until("that there is nothing", |event| {
        *event == AgentEvent::Session(Session::NothingToResume)
    });
    assert_ne!(nothing.close(), Some(0));
}

#[test]
fn an_error_on_request_fails_the_turn_and_a_crash_the_process() {
    let scene = Scene::new();
    let mut agent = scene.start(1, Mode::Ask, How::Fresh);
    agent.prompt("an error please");
    let TurnOutcome::Failed(why) = agent.turn() else {
        panic!("it did not fail: {:#?}", agent.seen)
    };
    assert!(why.contains("asked for"));
    assert!(agent.seen.contains(&AgentEvent::Said(Said::Error { text: why })));
    assert!(agent.seen.iter().any(|event| matches!(
        event,
        AgentEvent::Call(Call::End {
            status: CallStatus::Failed,
            ..
        })
    )));
    agent.prompt("crash");
    agent.until(
        "its last words",
        |event| matches!(event, AgentEvent::Said(Said::Message { text, .. }) if text.contains("crash")),
    );
    assert_eq!(agent.close(), Some(3));
}
