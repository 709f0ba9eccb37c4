//! The Session page, rendered on the server.

use crate::sessions::fake::{Sessions, entry};
use crate::testing::{Fake, NOW, approval, approval_id, caller, session, session_id};
use model::{
    Error, Role,
    approvals::{Approval, ApprovalState},
    calls::CallClass,
    entries::{Call, CallStatus, Entry, EntryKind},
    sessions::{AgentKind, Prompt, PromptState, Queued, QueuedWhy, Session, SessionState},
};

fn call(id: &str, tool: &str, target: &str, status: CallStatus) -> Call {
    Call {
        id: id.into(),
        tool: tool.into(),
        class: CallClass::Other,
        label: None,
        target: target.into(),
        status,
        result: None,
        added: None,
        removed: None,
        ended: (status != CallStatus::Running).then_some(NOW + 60_000),
    }
}

fn fake(change: impl FnOnce(&mut Session), entries: Vec<Entry>) -> Fake {
    Fake {
        sessions: Sessions {
            rows: vec![session(1, change)],
            entries,
            ..Sessions::default()
        },
        ..Fake::default()
    }
}

fn path() -> String {
    format!("/sessions/{}", session_id(1))
}

#[tokio::test]
async fn a_session_without_entries_can_be_spoken_to() {
    let page = fake(|_| (), Vec::new()).render(&path()).await;
    assert_eq!(page.status, 200);
    page.shows(&[
        "<h1><span title=\"Session 1\">Session 1</span>",
        "Idle",
        "aria-label=\"Timeline\"",
        "/api/rpc/session/prompt",
        "name=\"text\"",
        // There is no plan: an empty part has no tab, and the panel beside the timeline is closed.
        "sx-bare",
        "data-tab=\"usage\"",
    ]);
}

#[tokio::test]
async fn the_timeline_shows_every_kind_and_failures_are_open() {
    let entries = vec![
        entry(1, EntryKind::Prompt, |e| {
            e.by_name = Some("Mara Klein".into());
            e.html = Some("<p>Use the <code>event</code> id</p>".into());
        }),
        entry(2, EntryKind::Thought, |_| ()),
        entry(3, EntryKind::Message, |e| {
            e.html = Some("<p>I will key on it.</p>".into());
        }),
        entry(4, EntryKind::Tool, |e| {
            e.call = Some(Call {
                result: Some("214 lines".into()),
                ..call("c1", "Read", "src/a.rs", CallStatus::Ok)
            });
        }),
        entry(5, EntryKind::Tool, |e| {
            e.call = Some(Call {
                added: Some(9),
                removed: Some(3),
                ..call("c2", "Edit", "src/b.rs", CallStatus::Ok)
            });
        }),
        entry(6, EntryKind::Tool, |e| {
            e.call = Some(Call {
                result: Some("exit 101".into()),
                ..call("c3", "Bash", "cargo test", CallStatus::Failed)
            });
        }),
        entry(7, EntryKind::Status, |e| e.preview = "mode: auto-accept".into()),
        entry(8, EntryKind::Error, |e| e.preview = "the model is overloaded".into()),
        entry(9, EntryKind::Raw, |_| ()),
        entry(10, EntryKind::Todo, |e| e.preview = "2 of 3 done".into()),
    ];
    let page = fake(|_| (), entries).render(&path()).await;
    page.shows(&[
        "MK",
        "<code>event</code>",
        "Thought",
        "I will key on it.",
        "214 lines",
        "src/b.rs",
        "+9",
        "exit 101",
        "mode: auto-accept",
        "the model is overloaded",
        "2 of 3 done",
        "3 calls",
    ]);
    assert!(page.is_open("exit 101"), "the failure is open");
    assert!(!page.is_open("214 lines"), "what went well is not");
}

#[tokio::test]
async fn a_subagents_entries_are_nested_under_its_call() {
    let entries = vec![
        entry(1, EntryKind::Tool, |e| {
            e.call = Some(call("c1", "Task", "count duplicates", CallStatus::Running));
        }),
        entry(2, EntryKind::Tool, |e| {
            e.parent = Some("c1".into());
            e.call = Some(call("c2", "Read", "scripts/replay.sh", CallStatus::Ok));
        }),
    ];
    fake(|s| s.state = SessionState::Working, entries)
        .render(&path())
        .await
        .shows(&[
            "class=\"nest\"",
            "count duplicates",
            "scripts/replay.sh",
            "1 call, ",
            "Interrupt",
        ]);
}

#[tokio::test]
async fn a_title_that_is_markup_is_text_in_the_head_too() {
    let fake = fake(|s| s.title = "</title><script>1 & 2</script>".into(), Vec::new());
    fake.render(&path())
        .await
        .shows(&["&lt;/title>&lt;script>1 &amp; 2&lt;/script> · OrchWiz</title>"])
        .lacks(&["<script>1"]);
}

#[tokio::test]
async fn a_session_that_waits_in_the_background_hears_and_has_no_turn_to_interrupt() {
    let waits = |background: bool| {
        let fake = fake(
            |s| {
                s.state = SessionState::Waiting;
                s.background = background;
            },
            Vec::new(),
        );
        async move { fake.render(&path()).await }
    };
    waits(false)
        .await
        .shows(&["What you send is queued.", "sent when the agent is ready"])
        .offers(&[("button", "Interrupt")]);
    waits(true)
        .await
        .shows(&["The agent itself hears you."])
        .lacks(&["sent when the agent is ready"])
        .withholds(&[("button", "Interrupt")]);
}

#[tokio::test]
async fn an_approval_is_docked_and_a_line_in_its_place() {
    let entries = vec![
        entry(1, EntryKind::Tool, |e| {
            e.call = Some(call("toolu_1", "Bash", "cargo test", CallStatus::Running));
            e.approval = Some(approval_id(1));
        }),
        entry(2, EntryKind::Tool, |e| {
            e.call = Some(call("toolu_2", "Bash", "rm -rf target", CallStatus::Denied));
            e.approval = Some(approval_id(2));
        }),
    ];
    let approvals = vec![
        approval(1, |_| ()),
        approval(2, |a| {
            a.state = ApprovalState::Denied;
            a.decided = None;
        }),
    ];
    let waiting = |s: &mut Session| {
        s.state = SessionState::Waiting;
        s.pending = 1;
    };
    let page = Fake {
        approvals: approvals.into(),
        ..fake(waiting, entries)
    }
    .render(&path())
    .await;
    page.lacks(&[">running<"]).shows(&[
        "waits",
        "Needs you",
        "1 decision",
        "Allow this command?",
        "Allow once",
        "allow Bash(cargo test *)",
        "Denied",
    ]);
    assert_eq!(
        page.visible().matches("Allow this command?").count(),
        1,
        "once, in the dock"
    );
}

#[tokio::test]
async fn of_several_approvals_the_oldest_is_docked_whether_its_entry_is_here_or_not() {
    let later = |a: &mut Approval| a.input = serde_json::json!({ "command": "npm run build" });
    let approvals = vec![
        approval(1, later),
        approval(2, |a| {
            (a.created, a.input) = (a.created - 1_000, serde_json::json!({ "command": "cargo doc" }));
        }),
    ];
    let fake = Fake {
        approvals: approvals.into(),
        ..fake(|s| s.state = SessionState::Waiting, Vec::new())
    };
    fake.render(&path())
        .await
        .shows(&["1 of 2", "cargo doc", "Allow once"])
        .lacks(&["npm run build"]);
}

#[tokio::test]
async fn a_queued_prompt_can_be_withdrawn_and_is_text() {
    let prompt = Prompt {
        id: "pmt_01920000000070008000000000000001".parse().unwrap(),
        session: session_id(1),
        text: "<script>alert(1)</script>".into(),
        by_name: "mara".into(),
        at: NOW,
        state: PromptState::Queued,
    };
    let mut fake = fake(|s| s.state = SessionState::Working, Vec::new());
    fake.sessions.queued = vec![prompt];
    let page = fake.render(&path()).await;
    page.shows(&["Queued", "Withdraw", "&lt;script&gt;alert(1)", "Queue"]);
}

#[tokio::test]
async fn the_demo_is_labelled_and_states_say_why() {
    let page = fake(
        |s| {
            s.agent = AgentKind::Demo;
            s.model = None;
            s.state = SessionState::Failed;
            s.state_detail = Some("exit 3 on request".into());
        },
        Vec::new(),
    )
    .render(&path())
    .await;
    page.shows(&["Demo, no model", "It failed.", "exit 3 on request", "Send again"])
        .lacks(&["Resume"]);
    fake(|s| s.state = SessionState::Unknown, Vec::new())
        .render(&path())
        .await
        .shows(&["Nobody saw how its agent ended."]);
}

#[tokio::test]
async fn a_failed_turn_says_its_cause_once_and_offers_to_send_again() {
    let why = "API Error: 529 the model is overloaded";
    let entries = vec![
        entry(1, EntryKind::Prompt, |_| ()),
        entry(2, EntryKind::Error, |e| e.preview = why.into()),
    ];
    let page = fake(
        |s| {
            s.state = SessionState::Failed;
            s.state_detail = Some(why.into());
        },
        entries,
    )
    .render(&path())
    .await;
    page.shows(&["The turn failed.", "Send again"]).lacks(&["Resume"]);
    assert_eq!(page.visible().matches(why).count(), 1, "the cause");
}

#[tokio::test]
async fn a_queued_session_says_what_it_waits_for_and_what_to_do() {
    let queued = |why| {
        fake(
            move |s| {
                s.state = SessionState::Queued;
                s.queued = Some(Queued {
                    why,
                    busy: 8,
                    waiting: 8,
                    max: 8,
                });
            },
            Vec::new(),
        )
    };
    queued(QueuedWhy::People).render(&path()).await.shows(&[
        "8 agents wait for a decision, and no place is left.",
        "href=\"/inbox\"",
        "Answer one",
    ]);
    queued(QueuedWhy::Places)
        .render(&path())
        .await
        .shows(&["8 of 8 agents are at work", "/sessions?state=queued,starting,working"]);
}

#[tokio::test]
async fn what_a_token_started_is_called_unattended() {
    fake(|s| s.unattended = true, Vec::new())
        .render(&path())
        .await
        .shows(&[">unattended<", "what nobody answers in time is denied"]);
    fake(|_| (), Vec::new()).render(&path()).await.lacks(&["unattended"]);
}

#[tokio::test]
async fn who_may_only_watch_gets_no_buttons() {
    let fake = Fake {
        caller: Some(caller(Role::Viewer)),
        approvals: vec![approval(1, |_| ())].into(),
        ..fake(|s| s.state = SessionState::Waiting, Vec::new())
    };
    fake.render(&path())
        .await
        .shows(&["You may watch this session"])
        .withholds(&[
            ("button", "Allow"),
            ("button", "Deny"),
            ("button", "Interrupt"),
            ("textbox", "Message"),
        ]);
}

#[tokio::test]
async fn a_long_session_starts_at_its_end_and_offers_the_rest() {
    let entries = (1..=5_000).map(|seq| entry(seq, EntryKind::Message, |_| ())).collect();
    fake(|_| (), entries)
        .render(&path())
        .await
        .shows(&["entry 5000", "entry 4901", "Load older entries"])
        .lacks(&["entry 4900<"]);
}

#[tokio::test]
async fn a_session_that_is_not_there_is_404() {
    let page = Fake::default().render(&path()).await;
    assert_eq!(page.status, 404);
    page.shows(&["There is no such session"]);
    assert_eq!(Fake::default().render("/sessions/nonsense").await.status, 404);
}

#[tokio::test]
async fn an_error_offers_to_try_again() {
    let page = Fake::failing(Error::Unavailable("the database is busy".into()))
        .render(&path())
        .await;
    page.shows(&["The session could not be opened.", "The database is busy.", "Try again"]);
}

#[tokio::test]
async fn that_a_project_is_not_trusted_is_said_only_where_something_would_run() {
    for (trusted, runs, said) in [(false, true, true), (false, false, false), (true, true, false)] {
        let projects = vec![crate::testing::project(1, |p| {
            p.trusted = trusted;
            p.runs_own = runs.then(|| ".mcp.json".into()).into_iter().collect();
        })];
        let sessions = vec![session(1, |_| ())];
        let path = format!("/sessions/{}", sessions[0].id);
        let page = Fake {
            sessions: sessions.into(),
            projects: projects.into(),
            ..Fake::default()
        }
        .render(&path)
        .await;
        assert_eq!(
            page.visible().contains("This project is not trusted."),
            said,
            "trusted {trusted}, runs {runs}"
        );
        assert_eq!(page.visible().contains("?look=trust"), said);
    }
}
