//! The Overview, rendered on the server.

use crate::overview::fake::Node;
use crate::testing::{Fake, NOW, approval, session};
use model::{
    Error,
    approvals::ApprovalKind,
    node::{Activity, AgentFound, Checklist, HealthSample, Overview},
    sessions::{AgentKind, SessionState, Tokens},
    usage::UsageRow,
};

fn overview() -> Overview {
    let day = |key: &str, cost_micros| UsageRow {
        key: key.into(),
        name: key.into(),
        tokens: Tokens {
            input: 1_000,
            output: 200,
            cache_read: 5_000,
            cache_write: 10,
        },
        cost_micros,
        sessions: 3,
    };
    Overview {
        approvals: Vec::new(),
        approvals_total: 0,
        troubled: Vec::new(),
        working: Vec::new(),
        done_today: Vec::new(),
        done_today_total: 0,
        days: vec![day("2026-11-21", Some(1_500_000)), day("2026-11-22", None)],
        projects: vec![],
        activity: Vec::new(),
        checklist: Checklist {
            claude_ready: true,
            demo_run: true,
            project_added: true,
            session_started: true,
        },
        health: None,
        pos: 7,
    }
}

fn fake(overview: Overview) -> Fake {
    Fake {
        node: Node {
            overview: Some(overview),
            ..Default::default()
        },
        ..Fake::default()
    }
}

#[tokio::test]
async fn a_new_node_shows_the_checklist_with_what_is_done() {
    let list = Checklist {
        project_added: true,
        ..Checklist::default()
    };
    let page = fake(Overview {
        checklist: list,
        ..overview()
    })
    .render("/")
    .await;
    page.shows(&[
        "Nothing has run here yet.",
        "Run the demo agent",
        "Connect Claude Code",
        "3 steps, any order.",
        "/api/rpc/sessions/demo",
    ]);
    page.lacks(&["Needs you"]);
}

#[tokio::test]
async fn what_claude_code_lacks_is_said_as_a_sentence() {
    let missing = AgentFound {
        agent: AgentKind::Claude,
        path: None,
        version: None,
        signed_in: None,
        problem: Some("not found on PATH".into()),
    };
    let mut fake = fake(Overview {
        checklist: Checklist::default(),
        ..overview()
    });
    fake.node.agents = vec![missing];
    fake.render("/").await.shows(&["Not found on PATH."]);
}

#[tokio::test]
async fn the_sentence_counts_what_is_there_and_steps_that_are_left_stay() {
    let now = Overview {
        approvals: vec![approval(1, |_| ())],
        approvals_total: 5,
        troubled: vec![session(2, |s| s.state = SessionState::Unknown)],
        working: vec![
            session(3, |s| s.state = SessionState::Working),
            session(4, |s| s.state = SessionState::Queued),
        ],
        done_today: vec![session(5, |_| ())],
        done_today_total: 23,
        checklist: Checklist {
            demo_run: true,
            ..Checklist::default()
        },
        ..overview()
    };
    let page = fake(now).render("/").await;
    page.shows(&[
        "6 things need you.",
        "1 working, 1 queued, 23 done today.",
        "Set up this node",
        "3 of 4 left",
        "22 more",
        "Session 3",
    ]);
    page.shows(&["Resume", "Archive"])
        .lacks(&["A scripted agent", "Nothing is running."]);
}

#[tokio::test]
async fn decisions_are_made_right_there() {
    let now = Overview {
        approvals: vec![approval(1, |_| ()), approval(2, |a| a.kind = ApprovalKind::Plan)],
        approvals_total: 2,
        ..overview()
    };
    fake(now)
        .render("/")
        .await
        .shows(&["cargo test", "Allow once", "Always…", "Deny…", "Read the plan"]);
}

#[tokio::test]
async fn what_is_not_shown_to_its_end_cannot_be_allowed() {
    let command = (1..=17).map(|n| format!("echo {n}\n")).collect::<Vec<_>>().concat() + "rm -rf ~";
    let now = Overview {
        approvals: vec![approval(1, |a| a.input = serde_json::json!({ "command": command }))],
        approvals_total: 1,
        ..overview()
    };
    let page = fake(now).render("/").await;
    page.shows(&["echo 10", "Read all, 8 more lines", "/inbox?id=apr_", "Deny…"])
        .lacks(&["Allow once", "value=\"allow\"", "rm -rf", "Always…"]);
    let long = format!("{}; curl evil", "x".repeat(2_000));
    let now = Overview {
        approvals: vec![approval(1, |a| a.input = serde_json::json!({ "command": long }))],
        approvals_total: 1,
        ..overview()
    };
    fake(now)
        .render("/")
        .await
        .shows(&["more characters"])
        .lacks(&["Allow once", "curl evil"]);
}

#[tokio::test]
async fn unknown_cost_is_written_out_and_nothing_is_invented() {
    let page = fake(overview()).render("/").await;
    page.shows(&[
        "Nothing needs you.",
        "not known",
        "$1.50 in 14 days",
        "Nothing happened yet.",
    ])
    .lacks(&["Needs you"]);
    page.shows(&[
        "Nothing needs you.</b>",
        "Nothing is running.",
        "href=\"/sessions/new\"",
        "Nothing finished today.",
        "not known",
    ])
    .lacks(&["Set up this node"]);
}

#[tokio::test]
async fn the_node_is_called_healthy_only_by_the_rails_own_measure() {
    let sample = HealthSample {
        at: NOW,
        disk_free: Some(9),
        ..HealthSample::default()
    };
    fake(Overview {
        health: Some(sample),
        ..overview()
    })
    .render("/")
    .await
    .shows(&["disk nearly full"])
    .lacks(&["Healthy"]);
}

#[tokio::test]
async fn costs_by_project_are_a_list() {
    let row = UsageRow {
        key: "prj_1".into(),
        name: "billing-api".into(),
        tokens: Tokens::default(),
        cost_micros: Some(5),
        sessions: 1,
    };
    let page = fake(Overview {
        projects: vec![row],
        ..overview()
    })
    .render("/")
    .await;
    assert_eq!(page.count("listitem", "billing-api"), 1);
}

#[tokio::test]
async fn activity_leads_to_its_page_and_is_text() {
    let line = Activity {
        pos: 3,
        at: NOW,
        status: "waiting".into(),
        project: Some("billing-api".into()),
        text: "asks for <b>Bash</b>".into(),
        href: Some("/inbox".into()),
    };
    let before = Activity {
        pos: 1,
        text: "At work".into(),
        ..line.clone()
    };
    let elsewhere = Activity {
        pos: 2,
        href: Some("/projects/x".into()),
        text: "Project added".into(),
        ..line.clone()
    };
    let page = fake(Overview {
        activity: vec![line, elsewhere, before],
        ..overview()
    })
    .render("/")
    .await;
    page.shows(&[
        "asks for &lt;b&gt;Bash",
        "href=\"/inbox\"",
        "1 more",
        "At work",
        "Project added",
    ]);
    assert_eq!(page.count("group", "1 more"), 1, "one place has two lines");
}

#[tokio::test]
async fn an_error_offers_to_try_again() {
    Fake::failing(Error::Internal("ref-9".into()))
        .render("/")
        .await
        .shows(&["The overview could not be read.", "ref-9", "Try again"]);
}
