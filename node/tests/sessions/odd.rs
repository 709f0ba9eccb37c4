//! Agents that misbehave: small scripts that speak Claude Code's dialect as badly as the test needs.

use crate::{Running, Setup, mara, open_as, open_with};
use model::{
    PageQuery,
    approvals::Decide,
    entries::EntryKind,
    sessions::{AgentKind, Mode, NewSession, SessionState},
};
use node::{journal::doctor, store::testing::Place};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Answers the greeting, then does what the test says. `$log` collects what a test wants to read.
pub(crate) const GREETS: &str = r#"read -r hello
printf '%s\n' '{"type":"control_response","response":{"subtype":"success","request_id":"ow-1-initialize","response":{}}}'
"#;
const ENDS_TURN: &str = r#"printf '%s\n' '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"","session_id":"s"}'
"#;

/// A script as an agent's program.
pub(crate) fn agent(place: &Place, script: &str) -> PathBuf {
    let path = place.config.data_dir.join("agent.sh");
    fs::write(&path, format!("#!/bin/sh\nlog={}\n{script}", log(place).display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

pub(crate) fn log(place: &Place) -> PathBuf {
    place.config.data_dir.join("agent.log")
}

async fn with_agent(place: &Place, script: &str) -> Running {
    fs::create_dir_all(&place.config.data_dir).unwrap();
    open_as(
        place,
        Setup {
            claude: agent(place, script),
            ..Setup::default()
        },
    )
    .await
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_no_database_takes_are_stored_all_the_same() {
    let place = Place::new().await;
    // A NUL within a text, one in a line that is not JSON, a line that is almost too deep, and one on stderr.
    let deep = format!(
        r#"{{"type":"telepathy","mood":{}{}}}"#,
        "[".repeat(125),
        "]".repeat(125)
    );
    let script = format!(
        r#"{GREETS}read -r prompt
printf '%s\n' '{{"type":"assistant","message":{{"role":"assistant","content":[{{"type":"text","text":"a\u0000b"}}]}}}}'
printf 'not\000json\n'
printf '%s\n' '{deep}'
printf 'died\000badly\n' >&2
exit 3
"#
    );
    let running = with_agent(&place, &script).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "hello").await;
    let failed = running.state(session.id, SessionState::Failed).await;
    assert_eq!(
        failed.state_detail.as_deref(),
        Some("Claude Code ended with code 3: died\u{fffd}badly")
    );
    let entries = running.entries(session.id).await;
    let messages: Vec<_> = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Message)
        .map(|entry| entry.preview.as_str())
        .collect();
    assert_eq!(messages, ["a\u{fffd}b"]);
    assert_eq!(entries.iter().filter(|entry| entry.kind == EntryKind::Raw).count(), 2);
    let report = doctor(&running.store).await.unwrap();
    assert!(report.healthy, "{report:#?}");
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_says_nothing_is_said_to_and_later_ended() {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    let claude = agent(&place, "exec sleep 1000");
    let running = open_as(
        &place,
        Setup {
            claude,
            silence: Duration::from_millis(300),
            ..Setup::default()
        },
    )
    .await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "hello").await;
    let silent = running
        .until(session.id, "a word about its silence", |session| {
            session.state_detail.is_some()
        })
        .await;
    assert_eq!(
        (silent.state, silent.state_detail.as_deref()),
        (SessionState::Starting, Some("it has said nothing since it was started"))
    );
    let failed = running.state(session.id, SessionState::Failed).await;
    assert_eq!(
        failed.state_detail.as_deref(),
        Some("Claude Code said nothing at all after it was started, and was ended")
    );
    assert_eq!(failed.run, None);
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_not_freed_by_ending_what_works_in_the_background() {
    let place = Place::new().await;
    let running = open_with(&place, 1, "human").await;
    let first = running.start(Mode::AutoAccept, "background").await;
    let busy = running
        .until(first.id, "rest with a task", |session| {
            session.state == SessionState::Idle && session.turns == 1
        })
        .await;
    let new = NewSession {
        project: Some(first.project),
        folder: None,
        agent: AgentKind::Demo,
        mode: Mode::AutoAccept,
        prompt: "hello".into(),
        title: None,
        model: None,
        visibility: None,
    };
    let second = running.services.sessions.create(&mara(), new).await.unwrap();
    running.state(second.id, SessionState::Idle).await;
    let tasks: Vec<_> = running
        .entries(first.id)
        .await
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::Task)
        .collect();
    assert!(!tasks.is_empty());
    for task in tasks {
        assert_eq!(
            task.call.map(|call| call.status.word()),
            Some("ok"),
            "it was ended before its task was over"
        );
    }
    assert_eq!(running.session(first.id).await.run, None);
    assert!(busy.run.is_some());
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_ends_while_the_node_stops_its_agent_takes_no_further_prompt() {
    let place = Place::new().await;
    // Its turn ends when its input is closed, as by a node that stops its agents.
    let script = format!(
        r#"{GREETS}while read -r line; do
  printf '%s\n' "$line" >> "$log"
  printf '%s\n' '{{"type":"assistant","message":{{"role":"assistant","content":[{{"type":"text","text":"working"}}]}}}}'
done
{ENDS_TURN}sleep 1
"#
    );
    let running = with_agent(&place, &script).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "first").await;
    running
        .until(session.id, "its words", |session| {
            session.last.as_deref().is_some_and(|last| last.contains("working"))
        })
        .await;
    running
        .services
        .sessions
        .prompt(&mara(), session.id, "second".into())
        .await
        .unwrap();
    running.close(true).await;
    assert!(!read(&log(&place)).contains("second"));
    let running = with_agent(&place, &script).await;
    running
        .until(session.id, "its second turn", |session| session.turns == 2)
        .await;
    assert_eq!(running.said(session.id).await, ["first", "second"]);
    let heard = async {
        while !read(&log(&place)).contains("second") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::SOON, heard)
        .await
        .expect("the agent hears it");
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_that_died_before_it_answered_is_forked_again() {
    let place = Place::new().await;
    let script = format!(
        r#"printf 'ARGS %s\n' "$*" >> "$log"
{GREETS}read -r prompt
printf '%s\n' "$prompt" >> "$log"
case "$*" in *--fork-session*) [ "$(grep -c fork-session "$log")" -gt 1 ] || exit 4 ;; esac
printf '%s\n' '{{"type":"system","subtype":"init","session_id":"s","model":"m","permissionMode":"default"}}'
printf '%s\n' '{{"type":"assistant","message":{{"role":"assistant","content":[{{"type":"text","text":"yes"}}]}}}}'
{ENDS_TURN}cat > /dev/null
"#
    );
    let running = with_agent(&place, &script).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "first").await;
    running
        .until(session.id, "rest", |session| {
            session.state == SessionState::Idle && session.turns == 1
        })
        .await;
    let fork = running.services.sessions.fork(&mara(), session.id).await.unwrap();
    running
        .services
        .sessions
        .prompt(&mara(), fork.id, "and now".into())
        .await
        .unwrap();
    running.state(fork.id, SessionState::Failed).await;
    running.services.sessions.resume(&mara(), fork.id).await.unwrap();
    running.state(fork.id, SessionState::Idle).await;
    let heard = read(&log(&place));
    let source = format!("--resume {}", session.id.uuid());
    assert_eq!(
        heard
            .lines()
            .filter(|line| line.contains("--fork-session") && line.contains(&source))
            .count(),
        2,
        "{heard}"
    );
    assert_eq!(
        heard.lines().filter(|line| line.contains("and now")).count(),
        2,
        "the prompt is given again: {heard}"
    );
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_with_a_secret_in_it_is_shown_without_and_allowed_as_it_was() {
    let place = Place::new().await;
    let secret = "sk-ant-0123456789";
    let script = format!(
        r#"{GREETS}read -r prompt
printf '%s\n' '{{"type":"system","subtype":"init","session_id":"s","model":"m","permissionMode":"default"}}'
printf '%s\n' '{{"type":"control_request","request_id":"r1","request":{{"subtype":"can_use_tool","tool_name":"Bash","input":{{"command":"curl -H {secret}"}},"tool_use_id":"t1"}}}}'
read -r answer
printf '%s\n' "$answer" >> "$log"
{ENDS_TURN}cat > /dev/null
"#
    );
    let running = with_agent(&place, &script).await;
    running.journal.mask(secret);
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "first").await;
    let asked = running.asked(session.id).await;
    assert_eq!(asked.input["command"], "curl -H [masked]");
    running
        .services
        .approvals
        .decide(&mara(), asked.id, Decide::allow())
        .await
        .unwrap();
    running.state(session.id, SessionState::Idle).await;
    let answer = read(&log(&place));
    assert!(
        answer.contains(r#""behavior":"allow""#) && !answer.contains("updatedInput") && !answer.contains("masked"),
        "{answer}"
    );
    let raw = running
        .services
        .sessions
        .raw(&mara(), session.id, PageQuery::default())
        .await
        .unwrap();
    assert!(
        raw.items.iter().any(|line| line.text.contains("curl -H [masked]"))
            && raw.items.iter().all(|line| !line.text.contains(secret))
    );
    for event in running.journal.events(0, 1_000).await.unwrap() {
        assert!(
            !String::from_utf8_lossy(&event.payload.unwrap_or_default()).contains(secret),
            "{} has it",
            event.kind
        );
    }
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_taken_up_while_interrupted_rests_out_too() {
    let place = Place::new().await;
    let running = open_with(&place, 4, "human").await;
    let session = running.start(Mode::AutoAccept, "slow").await;
    running.state(session.id, SessionState::Working).await;
    running.services.sessions.interrupt(&mara(), session.id).await.unwrap();
    running.state(session.id, SessionState::Interrupted).await;
    running.close(false).await;
    let running = open_as(
        &place,
        Setup {
            idle: Duration::from_millis(500),
            ..Setup::default()
        },
    )
    .await;
    let rested = running
        .until(session.id, "its end", |session| session.run.is_none())
        .await;
    assert_eq!(rested.state, SessionState::Interrupted);
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_carry_the_beginning_of_a_long_input_and_the_whole_is_asked_for() {
    let place = Place::new().await;
    let script = format!(
        r#"{GREETS}read -r prompt
printf '%s' '{{"type":"control_request","request_id":"r1","request":{{"subtype":"can_use_tool","tool_name":"Write","tool_use_id":"t1","input":{{"file_path":"/p/a.rs","content":"'
yes 'let x = 1;\n' | head -n 200000 | tr -d '\n'
printf '%s\n' 'the very end"}}}}}}'
exec sleep 1000
"#
    );
    let running = with_agent(&place, &script).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "hello").await;
    let asked = running.asked(session.id).await;
    let bytes = |value: &serde_json::Value| serde_json::to_vec(value).unwrap().len();
    assert!(bytes(&asked.input) <= 32 * 1024, "{}", bytes(&asked.input));
    assert!(
        bytes(&serde_json::to_value(&asked).unwrap()) < 256 * 1024,
        "with all that is drawn of it"
    );
    let whole = running.services.approvals.input(&mara(), asked.id).await.unwrap();
    assert!(
        whole.input["content"]
            .as_str()
            .is_some_and(|text| text.ends_with("the very end"))
    );
    let cut = asked.input_cut.unwrap();
    assert_eq!(cut.lines, 200_002, "the file's and its path");
    assert!(
        usize::try_from(cut.bytes).is_ok_and(|said| said.abs_diff(bytes(&whole.input)) < 20),
        "{cut:?}"
    );
    assert_eq!(
        running
            .services
            .approvals
            .find(&mara(), asked.id)
            .await
            .unwrap()
            .input_cut,
        Some(cut)
    );
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_rows_stop_neither_lists_nor_a_start_nor_a_stop_and_a_rebuild_mends_them() {
    let place = Place::new().await;
    if place.config.url.is_some() {
        // Only SQLite stores values of a wrong type.
        return;
    }
    let running = with_agent(&place, &format!("{GREETS}exec sleep 1000")).await;
    let works = running.start_agent(AgentKind::Claude, Mode::Ask, "hello").await;
    running.state(works.id, SessionState::Working).await;
    let rests = running.services.sessions.run_demo(&mara()).await.unwrap();
    running.services.sessions.stop(&mara(), rests.id).await.unwrap();
    running
        .until(rests.id, "its end", |session| session.run.is_none())
        .await;
    running.close(false).await;
    let beside = place.connect().await;
    let damage = [
        format!(
            r#"UPDATE "session" SET "tok_input" = 9.3e18, "cost_micros" = 1e19 WHERE "id" = '{}'"#,
            works.id
        ),
        format!(r#"UPDATE "session" SET "calls" = 'many' WHERE "id" = '{}'"#, rests.id),
    ];
    for text in damage {
        node::store::sql::run(&beside, text, []).await.unwrap();
    }
    beside.close().await.unwrap();

    let running = with_agent(&place, &format!("{GREETS}exec sleep 1000")).await;
    let all = running
        .services
        .sessions
        .list(&mara(), model::sessions::SessionFilter::default(), PageQuery::default())
        .await
        .unwrap()
        .items;
    let broken = all.iter().find(|session| session.id == rests.id).unwrap();
    assert_eq!(broken.state, SessionState::Unknown);
    assert!(
        broken
            .state_detail
            .as_deref()
            .is_some_and(|why| why.contains("orchwiz rebuild")),
        "{broken:?}"
    );
    assert!(
        all.iter()
            .any(|session| session.id == works.id && session.state == SessionState::Working),
        "{all:?}"
    );
    running.services.sessions.stop(&mara(), works.id).await.unwrap();
    running
        .until(works.id, "its end", |session| session.run.is_none())
        .await;
    assert!(!doctor(&running.store).await.unwrap().healthy);
    node::journal::rebuild(&running.store).await.unwrap();
    let report = doctor(&running.store).await.unwrap();
    assert!(report.healthy, "{report:#?}");
    running.close(true).await;
}
