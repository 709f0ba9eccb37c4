//! A project's folder contains what others wrote. It must hold up nothing and lead nowhere else, and is checked again
//! when an agent starts.

use crate::{Running, Setup, mara, open, open_as};
use model::{
    Caller, Error, PageQuery, Role,
    approvals::Decide,
    entries::{Diff, Unplaced},
    id::ProjectId,
    projects::{NewProject, Project, ProjectPatch},
    sessions::{AgentKind, Mode, NewSession, Session, SessionState},
};
use node::store::testing::Place;
use rustix::fs::{CWD, FileType, mknodat};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

/// Far longer than anything here takes, and far shorter than a read from a pipe without a writer.
const HELD_UP: Duration = Duration::from_secs(5);

async fn add(running: &Running, path: &Path, trusted: bool) -> model::Result<Project> {
    running
        .services
        .projects
        .create(
            &mara(),
            NewProject {
                path: path.display().to_string(),
                name: None,
                trusted: Some(trusted),
            },
        )
        .await
}

async fn start(running: &Running, project: ProjectId) -> Session {
    start_with(running, project, "run").await
}

async fn start_with(running: &Running, project: ProjectId, prompt: &str) -> Session {
    let new = NewSession {
        project: Some(project),
        folder: None,
        agent: AgentKind::Demo,
        mode: Mode::Ask,
        prompt: prompt.into(),
        title: None,
        model: None,
        visibility: None,
    };
    running.services.sessions.create(&mara(), new).await.unwrap()
}

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A folder to add, beside the data directory.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let all = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(all.path()).unwrap();
    (all, path)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipes_in_a_folder_hold_up_no_list_no_session_and_no_start() {
    let place = Place::new().await;
    let running = open_as(
        &place,
        Setup {
            agents_max: 20,
            ..Setup::default()
        },
    )
    .await;
    let (_all, all) = folder();
    let pipes = [
        ".git",
        ".git/HEAD",
        ".git/commondir",
        ".git/config",
        ".mcp.json",
        ".claude/settings.json",
    ];
    let mut projects = Vec::new();
    for (n, pipe) in pipes.into_iter().enumerate() {
        let folder = all.join(n.to_string());
        for (name, text) in [
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/config", "[core]\n"),
            (".mcp.json", "{}"),
            (".claude/settings.json", "{}"),
        ] {
            put(&folder, name, text);
        }
        let project = add(&running, &folder, true).await.unwrap();
        assert!(
            project.trusted && project.branch.as_deref() == Some("main"),
            "{project:?}"
        );
        let pipe = folder.join(pipe);
        if pipe.is_dir() {
            fs::remove_dir_all(&pipe).unwrap();
        } else if pipe.exists() {
            fs::remove_file(&pipe).unwrap();
        }
        mknodat(CWD, pipe, FileType::Fifo, 0o600.into(), 0).unwrap();
        projects.push(project.id);
    }
    let all_at_once = async {
        let mut sessions = Vec::new();
        for project in &projects {
            sessions.push(start(&running, *project).await);
            running.services.projects.find(&mara(), *project).await.unwrap();
            running
                .services
                .sessions
                .view(&mara(), sessions.last().unwrap().id)
                .await
                .unwrap();
        }
        (
            sessions,
            running
                .services
                .projects
                .list(&mara(), PageQuery::default())
                .await
                .unwrap()
                .items,
        )
    };
    let (sessions, listed) = tokio::time::timeout(HELD_UP, all_at_once)
        .await
        .expect("nothing waits for a pipe");
    for (n, pipe) in pipes.into_iter().enumerate() {
        let project = listed.iter().find(|project| project.id == projects[n]).unwrap();
        assert!(!project.unread && project.present, "{pipe}");
        assert_eq!(project.branch.as_deref(), (n > 1).then_some("main"), "{pipe}");
        // Git's files are no part of trust. The files that would run are, and nobody can vouch for a pipe.
        assert_eq!(project.trusted, n < 4, "{pipe}");
        assert_eq!(sessions[n].branch, project.branch, "{pipe}");
        running.state(sessions[n].id, SessionState::Waiting).await;
    }
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_kept_as_one_short_line() {
    let place = Place::new().await;
    let running = open(&place).await;
    let (_all, folder) = folder();
    put(
        &folder,
        ".git/HEAD",
        &format!("ref: refs/heads/<script>\u{202e}{}\nmore\n", "x".repeat(256 * 1024)),
    );
    let project = add(&running, &folder, false).await.unwrap();
    let session = start(&running, project.id).await;
    for branch in [project.branch.unwrap(), session.branch.unwrap()] {
        assert!(
            branch.starts_with("<script>\u{fffd}xxx") && branch.chars().count() == 200,
            "{branch}"
        );
    }
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_agent_starts_in_a_folder_that_leads_elsewhere_or_is_gone() {
    let place = Place::new().await;
    let running = open(&place).await;
    let (_all, all) = folder();
    fs::create_dir_all(all.join("above/work")).unwrap();
    fs::create_dir_all(all.join("elsewhere/work")).unwrap();
    let project = add(&running, &all.join("above/work"), false).await.unwrap();
    let refused = async |why: &str| {
        let session = start(&running, project.id).await;
        let failed = running.state(session.id, SessionState::Failed).await;
        assert!(
            failed.state_detail.as_deref().is_some_and(|said| said.contains(why)),
            "{failed:?}"
        );
        assert!(failed.run.is_none());
    };
    fs::rename(all.join("above/work"), all.join("above/before")).unwrap();
    refused("is not there").await;
    symlink(all.join("elsewhere/work"), all.join("above/work")).unwrap();
    refused("leads to").await;
    fs::remove_file(all.join("above/work")).unwrap();
    fs::write(all.join("above/work"), "").unwrap();
    refused("no folder any more").await;
    fs::rename(all.join("above"), all.join("before")).unwrap();
    symlink("elsewhere", all.join("above")).unwrap();
    refused("leads to").await;
    fs::remove_file(all.join("above")).unwrap();
    fs::create_dir_all(all.join("above/work")).unwrap();
    let session = start(&running, project.id).await;
    running.state(session.id, SessionState::Waiting).await;
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_agent_starts_outside_of_the_roots_as_they_are_now_or_around_the_nodes_own_data() {
    let place = Place::new().await;
    let (_all, all) = folder();
    for name in ["old/work", "new/work"] {
        fs::create_dir_all(all.join(name)).unwrap();
    }
    let running = open_as(
        &place,
        Setup {
            roots: vec![all.join("old")],
            ..Setup::default()
        },
    )
    .await;
    let project = add(&running, &all.join("old/work"), false).await.unwrap().id;
    running.close(true).await;

    let running = open_as(
        &place,
        Setup {
            roots: vec![all.join("new"), std::env::temp_dir()],
            ..Setup::default()
        },
    )
    .await;
    let session = start(&running, project).await;
    running.state(session.id, SessionState::Waiting).await;
    running.close(true).await;

    let running = open_as(
        &place,
        Setup {
            roots: vec![all.join("new")],
            ..Setup::default()
        },
    )
    .await;
    let session = start(&running, project).await;
    let failed = running.state(session.id, SessionState::Failed).await;
    assert!(
        failed
            .state_detail
            .as_deref()
            .is_some_and(|said| said.contains("projects.roots")),
        "{failed:?}"
    );
    running.close(true).await;

    let running = open(&place).await;
    let data = fs::canonicalize(&place.config.data_dir).unwrap();
    fs::create_dir_all(data.join("inside")).unwrap();
    for refused in [
        data.clone(),
        data.join("inside"),
        data.parent().unwrap().to_owned(),
        "/".into(),
    ] {
        let answer = add(&running, &refused, false).await;
        assert!(
            matches!(&answer, Err(Error::Invalid { field, message }) if field == "path" && message.contains("data directory")),
            "{answer:?}"
        );
    }
    running
        .services
        .sessions
        .run_demo(&mara())
        .await
        .expect("the demo's own project lies in the data directory");
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_is_asked_about_stands_where_it_is_in_the_file_as_it_is_now() {
    let place = Place::new().await;
    let running = open(&place).await;
    let (_all, folder) = folder();
    let file = folder.join("demo-greeting.md");
    let text = (1..=20).map(|n| format!("{n}\n")).collect::<Vec<_>>().concat();
    fs::write(&file, &text).unwrap();
    let project = add(&running, &folder, false).await.unwrap();
    let session = start_with(&running, project.id, "edit").await;
    let asked = running.asked(session.id).await;
    let shown = async || {
        running
            .services
            .approvals
            .find(&mara(), asked.id)
            .await
            .unwrap()
            .diff
            .expect("it edits")
    };
    let line = |sign: char, old: Option<u32>, new: Option<u32>| (sign, old, new);
    let numbers = |diff: &Diff| {
        diff.lines
            .iter()
            .filter(|line| line.sign != '@')
            .map(|l| line(l.sign, l.old, l.new))
            .collect::<Vec<_>>()
    };
    let before = [18, 19, 20].map(|n| line(' ', Some(n), Some(n)));
    let added = [21, 22].map(|n| line('+', None, Some(n)));

    let diff = shown().await;
    assert_eq!(
        (diff.path.as_str(), diff.unplaced, numbers(&diff)),
        ("demo-greeting.md", None, [&before[..], &added].concat())
    );
    let entry = running
        .entries(session.id)
        .await
        .into_iter()
        .find(|entry| entry.approval == Some(asked.id))
        .expect("the call");
    assert_eq!(
        running
            .services
            .sessions
            .entry_body(&mara(), session.id, entry.seq)
            .await
            .unwrap()
            .diff,
        Some(diff)
    );

    // Another program writes below the edit meanwhile.
    fs::write(&file, format!("{text}and more\n")).unwrap();
    let diff = shown().await;
    assert_eq!(
        (diff.unplaced, numbers(&diff)),
        (None, [&before[..], &added, &[line(' ', Some(21), Some(23))]].concat())
    );
    assert!(
        diff.lines
            .last()
            .unwrap()
            .parts
            .iter()
            .any(|(_, text)| text == "and more")
    );

    fs::write(&file, "something else\n").unwrap();
    assert_eq!(shown().await.unplaced, Some(Unplaced::NotFound));
    fs::write(&file, vec![b'x'; 2 << 20]).unwrap();
    assert_eq!(shown().await.unplaced, Some(Unplaced::TooLarge));
    fs::remove_file(&file).unwrap();
    assert_eq!(shown().await.unplaced, Some(Unplaced::Missing));
    mknodat(CWD, &file, FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(
        tokio::time::timeout(HELD_UP, shown())
            .await
            .expect("a pipe holds up nobody")
            .unplaced,
        Some(Unplaced::Unreadable)
    );
    fs::remove_file(&file).unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), &text).unwrap();
    symlink(outside.path(), &file).unwrap();
    let diff = shown().await;
    assert_eq!(diff.unplaced, Some(Unplaced::Outside));
    assert!(diff.lines.iter().all(|line| line.old.is_none() && line.new.is_none()));

    let decided = running
        .services
        .approvals
        .decide(&mara(), asked.id, Decide::deny("no"))
        .await
        .unwrap();
    assert_eq!(decided.diff.expect("it wanted to edit").unplaced, Some(Unplaced::Past));
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_trusted_is_what_was_looked_at() {
    let place = Place::new().await;
    let running = open(&place).await;
    running.journal.mask("a-key-of-the-node");
    let (_all, folder) = folder();
    put(
        &folder,
        ".mcp.json",
        r#"{"mcpServers":{"one":{"command":"run a-key-of-the-node"}}}"#,
    );
    let project = add(&running, &folder, false).await.unwrap();
    let projects = &running.services.projects;
    let own = projects.own_files(&mara(), project.id).await.unwrap();
    assert_eq!(own.files[0].name, ".mcp.json");
    assert!(
        own.files[0]
            .text
            .as_deref()
            .is_some_and(|text| text.contains("run [masked]")),
        "{own:?}"
    );
    let trust = async |seen: Option<String>| {
        projects
            .update(
                &mara(),
                project.id,
                ProjectPatch {
                    trusted: Some(true),
                    seen,
                    ..ProjectPatch::default()
                },
            )
            .await
    };
    put(&folder, ".mcp.json", r#"{"mcpServers":{"one":{"command":"evil"}}}"#);
    let refused = trust(own.seal).await;
    assert!(
        matches!(&refused, Err(Error::Conflict(why)) if why.contains("changed since you looked")),
        "{refused:?}"
    );
    assert!(!projects.find(&mara(), project.id).await.unwrap().trusted);
    let own = projects.own_files(&mara(), project.id).await.unwrap();
    assert!(trust(own.seal).await.unwrap().trusted);

    let operator = Caller {
        role: Role::Operator,
        ..mara()
    };
    assert!(
        matches!(
            projects.own_files(&operator, project.id).await,
            Err(Error::Forbidden(_))
        ),
        "they may hold keys"
    );
    running.close(true).await;
}
