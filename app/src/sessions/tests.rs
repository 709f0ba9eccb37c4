//! The Sessions page and the form for a new session, rendered on the server.

use crate::overview::fake::Node;
use crate::testing::{Fake, project, session};
use model::{
    Error,
    node::AgentFound,
    sessions::{AgentKind, SessionState},
};

fn found(agent: AgentKind) -> AgentFound {
    AgentFound {
        agent,
        path: Some("/usr/bin/claude".into()),
        version: Some("2.1.330".into()),
        signed_in: Some(true),
        problem: None,
    }
}

#[tokio::test]
async fn an_empty_list_offers_the_first_step() {
    let page = Fake::default().render("/sessions").await;
    assert_eq!(page.status, 200);
    page.shows(&["No sessions yet", "href=\"/sessions/new\"", "<h1>Sessions</h1>"]);
}

#[tokio::test]
async fn every_row_is_a_link_with_its_state_in_words() {
    let sessions = vec![
        session(1, |s| s.state = SessionState::Waiting),
        session(2, |s| {
            s.state = SessionState::Failed;
            s.cost_micros = None;
        }),
        session(3, |s| s.agent = AgentKind::Demo),
    ];
    let href = format!("href=\"/sessions/{}\"", sessions[0].id);
    let page = Fake {
        sessions: sessions.into(),
        ..Fake::default()
    }
    .render("/sessions")
    .await;
    page.shows(&[
        "Needs you",
        "Failed",
        "Session 2",
        "not known",
        "$0.22",
        "demo, no model",
        "sonnet-5",
        href.as_str(),
    ]);
}

#[tokio::test]
async fn the_list_carries_the_position_it_was_read_at() {
    let page = Fake {
        sessions: vec![session(1, |_| ())].into(),
        pos: 31_337,
        ..Fake::default()
    }
    .render("/sessions")
    .await;
    // Only the list's data has this; the frame and the filters have no cursor.
    assert!(page.html.contains(r#"\"next\":null},\"pos\":31337}"#), "{}", page.html);
}

#[tokio::test]
async fn states_that_no_view_has_are_a_chip_and_the_overviews_lane_is_a_view() {
    let fake = Fake {
        sessions: vec![session(1, |_| ())].into(),
        ..Fake::default()
    };
    fake.clone()
        .render("/sessions?state=idle,interrupted,done")
        .await
        .shows(&["aria-current=\"page\">Done</a>"])
        .lacks(&["Remove filter State"]);
    fake.render("/sessions?state=idle,failed")
        .await
        .shows(&["Remove filter State", "idle, failed"]);
}

#[tokio::test]
async fn the_filter_of_the_address_holds_and_what_it_leaves_out_says_so() {
    let sessions = vec![
        session(1, |s| s.state = SessionState::Working),
        session(2, |s| s.title = "Something else".into()),
    ];
    let fake = Fake {
        sessions: sessions.into(),
        ..Fake::default()
    };
    fake.clone()
        .render("/sessions?state=working")
        .await
        .shows(&["Session 1"])
        .lacks(&["Something else"]);
    fake.clone()
        .render("/sessions?q=ELSE")
        .await
        .shows(&["Something else"])
        .lacks(&["Session 1"]);
    fake.render("/sessions?state=failed")
        .await
        .shows(&["No session matches", "Show all sessions"]);
}

#[tokio::test]
async fn more_rows_than_a_page_are_offered() {
    let sessions: Vec<_> = (1..=60).map(|n| session(n, |_| ())).collect();
    Fake {
        sessions: sessions.into(),
        ..Fake::default()
    }
    .render("/sessions")
    .await
    .shows(&["Load more", "Session 60", "Session 31"])
    .lacks(&["Session 30"]);
}

#[tokio::test]
async fn an_error_says_what_happened_and_offers_to_try_again() {
    let page = Fake::failing(Error::Unavailable("the node is closing".into()))
        .render("/sessions")
        .await;
    page.shows(&["The sessions could not be read.", "The node is closing.", "Try again"]);
}

#[tokio::test]
async fn a_title_is_text_and_never_markup() {
    let sessions = vec![session(1, |s| s.title = "<img src=x onerror=alert(1)>".into())];
    Fake {
        sessions: sessions.into(),
        ..Fake::default()
    }
    .render("/sessions")
    .await
    .shows(&["&lt;img src=x"])
    .lacks(&["<img src=x"]);
}

#[tokio::test]
async fn the_form_is_a_plain_form_with_everything_in_it() {
    let projects = vec![project(1, |_| ())];
    let fake = Fake {
        projects: projects.into(),
        node: Node {
            agents: vec![found(AgentKind::Claude)],
            ..Default::default()
        },
        ..Fake::default()
    };
    let page = fake.render("/sessions/new").await;
    page.shows(&[
        "<form",
        "/api/rpc/sessions/create",
        "project-1",
        "name=\"prompt\"",
        "value=\"plan\"",
        "Start session",
        "Claude Code",
        "Add a folder",
    ]);
}

#[tokio::test]
async fn the_form_offers_first_what_the_address_names_else_a_folder_that_is_there() {
    let projects = vec![
        project(1, |p| p.demo = true),
        project(2, |p| p.present = false),
        project(3, |_| ()),
    ];
    let chosen = |n: u8| {
        format!(
            "<option value=\"{}\" selected>project-{n}",
            projects[usize::from(n) - 1].id
        )
    };
    let fake = Fake {
        projects: projects.clone().into(),
        ..Fake::default()
    };
    fake.clone().render("/sessions/new").await.shows(&[&chosen(3)]);
    fake.clone()
        .render(&format!("/sessions/new?project={}", projects[0].id))
        .await
        .shows(&[&chosen(1)])
        .lacks(&[&chosen(3)]);
    Fake::default()
        .render("/sessions/new")
        .await
        .shows(&["<option value=\"new\" selected>"]);
}

#[tokio::test]
async fn an_agent_that_is_missing_cannot_be_chosen_and_says_why() {
    let agents = vec![AgentFound {
        agent: AgentKind::Claude,
        path: None,
        version: None,
        signed_in: None,
        problem: Some("install it first".into()),
    }];
    Fake {
        node: Node {
            agents,
            ..Default::default()
        },
        ..Fake::default()
    }
    .render("/sessions/new")
    .await
    .shows(&["not found on this machine", "install it first", "disabled"]);
}
