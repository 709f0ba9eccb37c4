//! Prompts around the end of an agent: the order of commits decides about them.

use crate::{mara, open, open_with};
use model::sessions::{AgentKind, Mode, NewSession, SessionState};
use node::store::testing::Place;
use std::{path::PathBuf, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_after_a_stop_starts_the_agent_anew_once_the_old_one_is_gone() {
    let place = Place::new().await;
    let running = open_with(&place, 4, "human").await;
    let session = running.start(Mode::AutoAccept, "slow").await;
    let first = running
        .until(session.id, "its turn", |session| session.turns == 1)
        .await
        .run
        .expect("it runs");
    running
        .services
        .sessions
        .prompt(&mara(), session.id, "hello before".into())
        .await
        .unwrap();
    let stopped = running.services.sessions.stop(&mara(), session.id).await.unwrap();
    assert_eq!(
        (stopped.state, stopped.state_detail.as_deref(), stopped.run),
        (SessionState::Done, Some("stopped by mara"), Some(first))
    );
    running
        .services
        .sessions
        .prompt(&mara(), session.id, "hello after".into())
        .await
        .unwrap();
    let waits = running.session(session.id).await;
    assert_eq!(
        (waits.state, waits.run),
        (SessionState::Queued, Some(first)),
        "the process that is being ended gets nothing more"
    );
    let again = running
        .until(session.id, "both turns", |session| {
            session.turns == 3 && session.state == SessionState::Idle
        })
        .await;
    assert!(again.run.is_some_and(|run| run != first));
    assert_eq!(running.said(session.id).await, ["slow", "hello before", "hello after"]);
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_before_a_stop_waits_until_somebody_goes_on() {
    let place = Place::new().await;
    let running = open_with(&place, 4, "human").await;
    let session = running.start(Mode::AutoAccept, "slow").await;
    running
        .until(session.id, "its turn", |session| session.turns == 1)
        .await;
    running
        .services
        .sessions
        .prompt(&mara(), session.id, "hello".into())
        .await
        .unwrap();
    running.services.sessions.stop(&mara(), session.id).await.unwrap();
    running
        .until(session.id, "its end", |session| session.run.is_none())
        .await;
    // The supervisor looks every second for sessions to start.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let ended = running.session(session.id).await;
    assert_eq!(
        (ended.state, ended.run, ended.turns),
        (SessionState::Done, None, 1),
        "stopping means stop"
    );
    assert_eq!(
        running
            .services
            .sessions
            .view(&mara(), session.id)
            .await
            .unwrap()
            .queued
            .len(),
        1,
        "what was said is not lost"
    );
    running.services.sessions.resume(&mara(), session.id).await.unwrap();
    running
        .until(session.id, "its turn", |session| {
            session.turns == 2 && session.state == SessionState::Idle
        })
        .await;
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_takes_a_later_prompt_back_and_a_restart_does_not_forget_it() {
    let place = Place::new().await;
    let running = open_with(&place, 4, "human").await;
    let session = running.start(Mode::AutoAccept, "slow").await;
    running
        .until(session.id, "its turn", |session| session.turns == 1)
        .await;
    running.services.sessions.stop(&mara(), session.id).await.unwrap();
    running
        .services
        .sessions
        .prompt(&mara(), session.id, "hello".into())
        .await
        .unwrap();
    running.services.sessions.stop(&mara(), session.id).await.unwrap();
    assert_eq!(running.session(session.id).await.state, SessionState::Done);
    // The node goes away before the agent is gone; the next node ends it.
    running.close(false).await;
    let running = open(&place).await;
    let ended = running
        .until(session.id, "its end", |session| session.run.is_none())
        .await;
    assert_eq!(
        (ended.state, ended.state_detail.as_deref(), ended.turns),
        (SessionState::Done, Some("stopped by mara"), 1)
    );
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_while_the_node_stops_is_given_after_its_next_start() {
    let place = Place::new().await;
    for stop_agents in [false, true] {
        let running = open(&place).await;
        let session = running.start(Mode::AutoAccept, "hello").await;
        running.state(session.id, SessionState::Idle).await;
        running.node.shutdown(stop_agents).await;
        running
            .services
            .sessions
            .prompt(&mara(), session.id, "hello again".into())
            .await
            .unwrap();
        running.close(stop_agents).await;
        let running = open(&place).await;
        running
            .until(session.id, "its second turn", |session| {
                session.turns == 2 && session.state == SessionState::Idle
            })
            .await;
        assert_eq!(running.said(session.id).await, ["hello", "hello again"]);
        running.close(true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_ends_its_agents_leaves_none_that_was_just_being_started() {
    let place = Place::new().await;
    let running = open_with(&place, 8, "human").await;
    let project = running.start(Mode::AutoAccept, "slow").await.project;
    for _ in 0..7 {
        let new = NewSession {
            project: Some(project),
            folder: None,
            agent: AgentKind::Demo,
            mode: Mode::AutoAccept,
            prompt: "slow".into(),
            title: None,
            model: None,
            visibility: None,
        };
        running.services.sessions.create(&mara(), new).await.unwrap();
    }
    let folder = place.config.data_dir.display().to_string();
    running.close(true).await;
    let holds = |path: PathBuf| {
        std::fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&folder))
    };
    let left: Vec<_> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| holds(path.clone()))
        .collect();
    assert!(left.is_empty(), "{left:?} still run");
}
