//! The pages of projects, rendered on the server.

use crate::testing::{Fake, project, session};
use model::Error;

#[tokio::test]
async fn an_empty_list_says_what_a_project_is_and_the_form_is_plain() {
    let page = Fake::default().render("/projects").await;
    page.shows(&[
        "No projects yet",
        "/api/rpc/projects/create",
        "name=\"path\"",
        "Add project",
    ]);
}

#[tokio::test]
async fn the_list_says_how_each_stands() {
    let projects = vec![
        project(1, |_| ()),
        project(2, |p| p.trusted = false),
        project(3, |p| p.present = false),
        project(4, |p| p.trust_stale = true),
        project(5, |p| p.demo = true),
        project(6, |p| (p.unread, p.trusted, p.branch) = (true, false, None)),
    ];
    let page = Fake {
        projects: projects.into(),
        ..Fake::default()
    }
    .render("/projects")
    .await;
    // Each word is in its own row.
    let text = page.visible();
    for (n, word) in [
        (1, "Trusted"),
        (2, "Not trusted"),
        (3, "Missing"),
        (4, "Changed"),
        (5, "demo, no model"),
        (6, "Not known"),
    ] {
        let row = text
            .split("role=\"row\"")
            .find(|row| row.contains(&format!("/home/mara/src/project-{n}<")))
            .expect("a row for each");
        assert!(row.contains(word), "project {n} is not called {word}: {row}");
    }
}

#[tokio::test]
async fn a_project_lists_what_trusting_it_would_run() {
    let projects = vec![project(1, |p| {
        p.trusted = false;
        p.runs_own = vec![".claude/settings.json".into(), ".mcp.json".into()];
        p.approval_timeout_s = Some(45);
    })];
    let path = format!("/projects/{}", projects[0].id);
    let sessions = vec![session(1, |_| ())];
    let page = Fake {
        sessions: sessions.into(),
        projects: projects.into(),
        ..Fake::default()
    }
    .render(&path)
    .await;
    page.shows(&[
        "If trusted, these files may run commands:",
        ".mcp.json",
        "Trust this project",
        "denied after 45s",
        "Session 1",
        "Remove project…",
        "folder is not touched",
    ]);
}

#[tokio::test]
async fn trusting_is_the_pages_decision_only_where_it_would_run_something() {
    let of = async |runs_own: Vec<String>| {
        let projects = vec![project(1, |p| {
            p.trusted = false;
            p.runs_own = runs_own;
        })];
        let path = format!("/projects/{}", projects[0].id);
        let page = Fake {
            projects: projects.into(),
            ..Fake::default()
        }
        .render(&path)
        .await;
        let page = page.visible();
        let before = page.split("Trust this project").next().unwrap_or_default().to_owned();
        before[before.rfind("<button").expect("the button")..].contains("btn-p")
    };
    assert!(of(vec![".mcp.json".into()]).await);
    assert!(!of(Vec::new()).await);
}

#[tokio::test]
async fn more_projects_than_an_answer_holds_are_offered() {
    let projects: Vec<_> = (1..=250).map(|n| project(n, |_| ())).collect();
    Fake {
        projects: projects.into(),
        ..Fake::default()
    }
    .render("/projects")
    .await
    .shows(&["Load more", "project-200"])
    .lacks(&["project-201"]);
    Fake {
        projects: vec![project(1, |_| ())].into(),
        ..Fake::default()
    }
    .render("/projects")
    .await
    .lacks(&["Load more"]);
}

#[tokio::test]
async fn a_missing_folder_is_a_warning_on_its_page() {
    let projects = vec![project(1, |p| p.present = false)];
    let path = format!("/projects/{}", projects[0].id);
    Fake {
        projects: projects.into(),
        ..Fake::default()
    }
    .render(&path)
    .await
    .shows(&["The folder is missing.", "No sessions here yet"]);
}

#[tokio::test]
async fn a_project_that_is_not_there_is_404() {
    let page = Fake::default()
        .render("/projects/prj_01920000000070008000000000000009")
        .await;
    assert_eq!(page.status, 404);
    page.shows(&["There is no such project"]);
    assert_eq!(Fake::default().render("/projects/nonsense").await.status, 404);
}

#[tokio::test]
async fn an_error_offers_to_try_again() {
    Fake::failing(Error::Internal("ref-1".into()))
        .render("/projects")
        .await
        .shows(&["The projects could not be read.", "Try again"]);
}
