//! The table of a session's states: what each thing that its agent does makes of each state it can be in.

use super::agent_events;
use crate::{
    agents::{AgentEvent, Ask, Asks, Call, Cause, Said, Session, Task, Turn, TurnOutcome, Wish},
    entity::session,
    journal::{NewEvent, Outcome, testing},
    store::testing::TestStore,
};
use model::{
    Caller,
    approvals::ApprovalKind,
    caller::Visibility,
    calls::CallShape,
    entries::{CallStatus, EntryKind},
    event::{Fact, PromptQueued, RunStarted, SessionCreated, SessionMoved},
    id::{PromptId, RunId, SessionId},
    sessions::{AgentKind, Mode, SessionState, Tokens},
};
use sea_orm::EntityTrait;
use serde_json::json;

/// What a session is before: its state, and whether its agent asks about something.
const BEFORE: [(&str, SessionState, bool); 10] = [
    ("queued", SessionState::Queued, false),
    ("starting", SessionState::Starting, false),
    ("working", SessionState::Working, false),
    ("waiting", SessionState::Working, true),
    ("waits behind", SessionState::Idle, true),
    ("idle", SessionState::Idle, false),
    ("interrupted", SessionState::Interrupted, false),
    ("failed", SessionState::Failed, false),
    ("done", SessionState::Done, false),
    ("unknown", SessionState::Unknown, false),
];

/// `=` is no change, `waiting +` a question in the background. `queued` and `done` are of a session that is being
/// stopped, for it has a process; `waits behind` is `waiting` between turns. What a cell leads to with a prompt in the
/// queue stands after the slash, where it is something else.
const TABLE: &str = r"
|                            | queued | starting       | working         | waiting         | waits behind          | idle                  | interrupted    | failed                | done | unknown               |
| a turn begins              | =      | working        | =               | =               | waiting               | working               | working        | working               | =    | =                     |
| a turn ends well           | =      | idle           | idle / =        | waiting + / =   | = / waiting           | = / working           | idle / working | idle / working        | =    | idle / working        |
| a turn ends interrupted    | =      | interrupted    | interrupted / = | interrupted / = | interrupted / waiting | interrupted / working | = / working    | interrupted / working | =    | interrupted / working |
| a turn fails               | =      | failed         | failed          | failed          | failed                | failed                | failed         | =                     | =    | failed                |
| it asks                    | =      | waiting        | waiting         | =               | =                     | waiting +             | waiting +      | waiting +             | =    | waiting               |
| it takes its question back | =      | =              | =               | working         | idle                  | =                     | =              | =                     | =    | =                     |
| it is ready to serve       | =      | idle / working | =               | =               | =                     | =                     | =              | =                     | =    | =                     |
| it refuses to serve        | =      | failed         | failed          | failed          | failed                | failed                | failed         | =                     | =    | failed                |
";

/// What makes nothing of any state.
const NOTHING: [&str; 24] = [
    "it took an interrupt",
    "it refused an interrupt",
    "it took a mode",
    "it took a model",
    "its mode",
    "what it is",
    "usage",
    "context",
    "it can be resumed",
    "it has nothing to resume",
    "it wants an answer of the node",
    "a half-written text",
    "no half-written text",
    "a message",
    "a thought",
    "a list of what is to be done",
    "a status",
    "an error",
    "a line nobody knows",
    "a call begins",
    "a call ends",
    "a task begins",
    "a task goes on",
    "a task ends",
];

fn ask(request: &str) -> AgentEvent {
    AgentEvent::Ask(Asks::New(Box::new(Ask {
        request: request.into(),
        kind: ApprovalKind::Tool,
        tool: "run".into(),
        shape: CallShape::default(),
        call: None,
        input: json!({"command": "ls"}),
        masked: false,
        target: "ls".into(),
        reason: None,
        cause: Cause::Unsaid,
        subagent: None,
        suggestions: Vec::new(),
        questions: Vec::new(),
    })))
}

fn ended(outcome: TurnOutcome) -> AgentEvent {
    AgentEvent::Turn(Turn::Ended { outcome })
}

fn control(wish: Wish, ok: bool) -> AgentEvent {
    AgentEvent::Session(Session::Control {
        wish,
        ok,
        error: (!ok).then(|| "no".into()),
    })
}

/// Every kind of event, by what people would call it.
fn happens() -> Vec<(&'static str, AgentEvent)> {
    let said = |said| AgentEvent::Said(said);
    let text = || "text".to_owned();
    vec![
        ("a turn begins", AgentEvent::Turn(Turn::Started)),
        ("a turn ends well", ended(TurnOutcome::Completed)),
        ("a turn ends interrupted", ended(TurnOutcome::Interrupted)),
        ("a turn fails", ended(TurnOutcome::Failed(text()))),
        ("it asks", ask("second")),
        (
            "it takes its question back",
            AgentEvent::Ask(Asks::Cancelled {
                request: "first".into(),
            }),
        ),
        ("it is ready to serve", control(Wish::Initialize, true)),
        ("it refuses to serve", control(Wish::Initialize, false)),
        ("it took an interrupt", control(Wish::Interrupt, true)),
        ("it refused an interrupt", control(Wish::Interrupt, false)),
        ("it took a mode", control(Wish::Mode(Mode::Plan), true)),
        ("it took a model", control(Wish::Model, true)),
        ("its mode", AgentEvent::Session(Session::Mode(Mode::Plan))),
        (
            "what it is",
            AgentEvent::Session(Session::Ready {
                version: Some(text()),
                model: Some(text()),
                mode: Some(Mode::Plan),
            }),
        ),
        (
            "usage",
            AgentEvent::Session(Session::Usage {
                model: text(),
                tokens: Tokens::default(),
                cost_micros: None,
            }),
        ),
        (
            "context",
            AgentEvent::Session(Session::Context { used: 1, size: Some(2) }),
        ),
        ("it can be resumed", AgentEvent::Session(Session::Resumable)),
        (
            "it has nothing to resume",
            AgentEvent::Session(Session::NothingToResume),
        ),
        (
            "it wants an answer of the node",
            AgentEvent::Session(Session::Reply { line: b"{}".to_vec() }),
        ),
        (
            "a half-written text",
            said(Said::Delta {
                kind: EntryKind::Message,
                parent: None,
                text: text(),
            }),
        ),
        ("no half-written text", said(Said::DeltaReset { parent: None })),
        (
            "a message",
            said(Said::Message {
                parent: None,
                text: text(),
            }),
        ),
        (
            "a thought",
            said(Said::Thought {
                parent: None,
                text: text(),
            }),
        ),
        (
            "a list of what is to be done",
            said(Said::Todo {
                parent: None,
                todos: Vec::new(),
            }),
        ),
        ("a status", said(Said::Status { text: text() })),
        ("an error", said(Said::Error { text: text() })),
        ("a line nobody knows", said(Said::Raw(json!({})))),
        (
            "a call begins",
            AgentEvent::Call(Call::Start {
                id: "call".into(),
                tool: "run".into(),
                shape: CallShape::default(),
                target: text(),
                input: json!({}),
                parent: None,
            }),
        ),
        (
            "a call ends",
            AgentEvent::Call(Call::End {
                id: "call".into(),
                status: CallStatus::Ok,
                result: None,
                added: None,
                removed: None,
                output: json!({}),
            }),
        ),
        (
            "a task begins",
            AgentEvent::Task(Task::Started {
                id: "task".into(),
                call: None,
                task: None,
                text: text(),
            }),
        ),
        (
            "a task goes on",
            AgentEvent::Task(Task::Progress {
                id: "task".into(),
                text: text(),
            }),
        ),
        (
            "a task ends",
            AgentEvent::Task(Task::Ended {
                id: "task".into(),
                status: CallStatus::Ok,
                text: text(),
            }),
        ),
    ]
}

/// A session as it is before, with a process; `prompt`: one waits for it.
async fn begin(test: &TestStore, (_, state, asks): (&str, SessionState, bool), prompt: bool) -> (SessionId, RunId) {
    let session = SessionId::from_uuid(test.deps.uuid_v7());
    let run = RunId::from_uuid(test.deps.uuid_v7());
    let event = |subject: String, fact: Fact| NewEvent { subject, fact };
    let mut events = vec![
        event(
            session.to_string(),
            SessionCreated {
                project: testing::project(0),
                agent: AgentKind::Demo,
                mode: Mode::Ask,
                title: "A session".into(),
                model: None,
                owner: None,
                visibility: Visibility::Project,
                branch: None,
                forked_from: None,
                unattended: false,
            }
            .into(),
        ),
        event(
            run.to_string(),
            RunStarted {
                run,
                session,
                argv: Vec::new(),
                trusted: false,
            }
            .into(),
        ),
        event(
            session.to_string(),
            SessionMoved {
                state,
                detail: None,
                background: false,
            }
            .into(),
        ),
    ];
    if prompt {
        let id = PromptId::from_uuid(test.deps.uuid_v7());
        events.push(event(
            id.to_string(),
            PromptQueued {
                id,
                session,
                text: "hello".into(),
                by_name: "mara".into(),
            }
            .into(),
        ));
    }
    let node = Caller::node();
    let commit = test.journal.commit(&node, move |_| {
        Box::pin(async move { Ok(Outcome { value: (), events }) })
    });
    commit.await.unwrap();
    if asks {
        hear(test, session, run, ask("first"), 1).await;
    }
    (session, run)
}

async fn hear(test: &TestStore, session: SessionId, run: RunId, event: AgentEvent, upto: u64) {
    let node = Caller::node();
    let commit = test.journal.commit(&node, move |tx| {
        Box::pin(agent_events(tx, session, run, vec![event], upto, false))
    });
    commit.await.unwrap();
}

/// How the session's row stands.
async fn stands(test: &TestStore, session: SessionId) -> String {
    let row = session::Entity::find_by_id(test.store.key(session))
        .one(test.store.read())
        .await
        .unwrap()
        .unwrap();
    row.state + if row.background { " +" } else { "" }
}

/// What an event makes of a state.
async fn leads(test: &TestStore, before: (&str, SessionState, bool), event: AgentEvent, prompt: bool) -> String {
    let (session, run) = begin(test, before, prompt).await;
    let was = stands(test, session).await;
    hear(test, session, run, event, 2).await;
    let is = stands(test, session).await;
    if is == was { "=".into() } else { is }
}

#[tokio::test]
async fn every_event_of_an_agent_leads_from_every_state_where_the_table_says() {
    let test = TestStore::new::<migration::Migrator>(1).await;
    let project = testing::of_kind("project.added", 0);
    let node = Caller::node();
    let commit = test.journal.commit(&node, move |_| {
        Box::pin(async move {
            Ok(Outcome {
                value: (),
                events: vec![project],
            })
        })
    });
    commit.await.unwrap();
    let mut found = vec![line("", BEFORE.iter().map(|(name, ..)| (*name).to_owned()))];
    let mut nothing = Vec::new();
    for (name, event) in happens() {
        let mut cells = Vec::new();
        for before in BEFORE {
            let alone = leads(&test, before, event.clone(), false).await;
            let beside = leads(&test, before, event.clone(), true).await;
            cells.push(if alone == beside {
                alone
            } else {
                format!("{alone} / {beside}")
            });
        }
        if cells.iter().all(|cell| cell == "=") {
            nothing.push(name);
        } else {
            found.push(line(name, cells.into_iter()));
        }
    }
    assert_eq!(nothing, NOTHING);
    let table = |lines: &str| -> Vec<Vec<String>> {
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect();
        lines.trim().lines().map(cells).collect()
    };
    let found = found.join("\n");
    assert_eq!(table(&found), table(TABLE), "\n{found}");
}

fn line(name: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<_> = cells.collect();
    format!("| {name} | {} |", cells.join(" | "))
}
