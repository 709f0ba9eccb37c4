//! Agents that end and are started again: with which conversation, which prompt, which trust. The script below handles
//! conversation ids like Claude Code 2.1.330.

use crate::{Running, Setup, mara, odd, open_as};
use model::{
    Error, PageQuery,
    approvals::{ApprovalFilter, ApprovalState, Decide, RememberScope},
    entries::{CallStatus, EntryKind},
    id::SessionId,
    projects::ProjectPatch,
    sessions::{AgentKind, Mode, Session, SessionState},
};
use node::store::testing::Place;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use std::{fs, path::PathBuf, time::Duration};

/// Writes a transcript once it takes a prompt up. It refuses a new conversation with the id of a transcript, and
/// reports a resume without one.
const KEEPS: &str = r#"echo "$*" >> "$log.args"
for arg; do
  case "$before" in --session-id) id=$arg; fresh=1;; --resume) id=$arg; fresh=;; esac
  before=$arg
done
kept="$log.kept"
if [ -n "$fresh" ] && [ -e "$kept" ]; then echo "Error: Session ID $id is already in use." >&2; exit 1; fi
if [ -z "$fresh" ] && [ ! -e "$kept" ]; then
  printf '%s\n' '{"type":"result","subtype":"error_during_execution","is_error":true,"num_turns":0,"errors":["No conversation found with session ID: x"],"session_id":"s"}'
  exit 1
fi
init() {
  printf '%s\n' '{"type":"system","subtype":"init","session_id":"s","cwd":"/","model":"m","permissionMode":"default","claude_code_version":"2.1.330"}'
  : > "$kept"
}
says() { printf '%s\n' '{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"'"$1"'"}]}}'; }
ends() { printf '%s\n' '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"","session_id":"s"}'; }
fails() { printf '%s\n' '{"type":"result","subtype":"error_during_execution","is_error":true,"num_turns":1,"errors":["the model is overloaded"],"session_id":"s"}'; }
asks() {
  printf '%s\n' '{"type":"control_request","request_id":"'"$1"'","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls"},"tool_use_id":"toolu_'"$1"'"}}'
}
"#;

/// [`KEEPS`], then the greeting, then this script for every line.
fn hears(each: &str) -> String {
    format!(
        "{KEEPS}{}while read -r line; do\n  echo \"$line\" >> \"$log\"\n{each}\ndone\necho eof >> \"$log\"\n",
        odd::GREETS
    )
}

/// How most of them handle a prompt.
const ANSWERS: &str = r#"  case "$line" in *'"type":"user"'*) init; says answer; ends;; esac"#;

async fn open(place: &Place, script: &str, idle: Duration) -> Running {
    fs::create_dir_all(&place.config.data_dir).unwrap();
    open_as(
        place,
        Setup {
            claude: odd::agent(place, script),
            idle,
            ..Setup::default()
        },
    )
    .await
}

async fn with_agent(place: &Place, script: &str) -> Running {
    open(place, script, Duration::from_mins(15)).await
}

fn beside(place: &Place, what: &str) -> PathBuf {
    odd::log(place).with_extension(format!("log.{what}"))
}

/// How often the agent got this text.
fn given(place: &Place, text: &str) -> usize {
    odd::read(&odd::log(place))
        .lines()
        .filter(|line| line.contains(r#""type":"user""#) && line.contains(text))
        .count()
}

async fn until_heard(place: &Place, text: &str) {
    for _ in 0..600 {
        if odd::read(&odd::log(place)).contains(text) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{text} was never heard:\n{}", odd::read(&odd::log(place)));
}

async fn stop(running: &Running, id: SessionId) {
    running.services.sessions.stop(&mara(), id).await.unwrap();
    running.until(id, "its end", |session| session.run.is_none()).await;
}

async fn prompt(running: &Running, id: SessionId, text: &str) {
    running
        .services
        .sessions
        .prompt(&mara(), id, text.into())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_stopped_before_the_first_word_goes_on_and_what_was_stopped_stays_so() {
    let place = Place::new().await;
    let running = with_agent(
        &place,
        &hears(r#"  case "$line" in *silent*) init;; *'"type":"user"'*) init; says answer; ends;; esac"#),
    )
    .await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "silent").await;
    running.state(session.id, SessionState::Working).await;
    stop(&running, session.id).await;
    assert!(
        odd::read(&odd::log(&place)).contains("interrupt"),
        "it could say what the turn had cost"
    );
    prompt(&running, session.id, "hello").await;
    running
        .until(session.id, "its turn", |session| {
            session.turns == 2 && session.state == SessionState::Idle
        })
        .await;
    assert_eq!((given(&place, "silent"), given(&place, "hello")), (1, 1));
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_is_not_done_again_when_its_transcript_is_gone() {
    let place = Place::new().await;
    let running = with_agent(&place, &hears(ANSWERS)).await;
    let session = running
        .start_agent(AgentKind::Claude, Mode::Ask, "commit and push")
        .await;
    running.state(session.id, SessionState::Idle).await;
    stop(&running, session.id).await;
    fs::remove_file(beside(&place, "kept")).unwrap();
    prompt(&running, session.id, "what changed?").await;
    running
        .until(session.id, "its turn", |session| {
            session.turns == 2 && session.state == SessionState::Idle
        })
        .await;
    assert_eq!(
        (given(&place, "commit and push"), given(&place, "what changed?")),
        (1, 1)
    );
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_no_agent_took_up_is_given_to_the_next_one() {
    let place = Place::new().await;
    let dies = r#"  case "$line" in
    *'"type":"user"'*) [ -e "$log.once" ] || { : > "$log.once"; exit 3; }; init; says answer; ends;;
  esac"#;
    let running = with_agent(&place, &hears(dies)).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "first").await;
    running.state(session.id, SessionState::Failed).await;
    prompt(&running, session.id, "second").await;
    running
        .until(session.id, "both turns", |session| {
            session.turns == 2 && session.state == SessionState::Idle
        })
        .await;
    assert_eq!(
        (given(&place, "first"), given(&place, "second")),
        (2, 1),
        "nothing that was said is lost"
    );
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_was_stopped_before_it_was_taken_up_gives_way_to_what_is_said_instead() {
    for instead in [true, false] {
        let place = Place::new().await;
        let waits = r#"  case "$line" in
    *'"type":"user"'*) [ -e "$log.once" ] || { : > "$log.once"; continue; }; init; says answer; ends;;
  esac"#;
        let running = with_agent(&place, &hears(waits)).await;
        let session = running.start_agent(AgentKind::Claude, Mode::Ask, "wrong").await;
        until_heard(&place, "wrong").await;
        stop(&running, session.id).await;
        if instead {
            prompt(&running, session.id, "right").await;
        } else {
            running.services.sessions.resume(&mara(), session.id).await.unwrap();
        }
        let turns = if instead { 2 } else { 1 };
        running
            .until(session.id, "its turn", |session| {
                session.turns == turns && session.state == SessionState::Idle
            })
            .await;
        assert_eq!(
            (given(&place, "wrong"), given(&place, "right")),
            if instead { (1, 1) } else { (2, 0) }
        );
        running.close(true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_keeps_its_cause_when_its_agent_ends_and_what_is_said_meanwhile_is_not_left_waiting() {
    let place = Place::new().await;
    let script = hears(r#"  case "$line" in *'"type":"user"'*) init; fails;; esac"#) + "sleep 1\n";
    let running = open(&place, &script, Duration::from_millis(300)).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "first").await;
    running.state(session.id, SessionState::Failed).await;
    // Its agent has rested long enough and is being ended.
    until_heard(&place, "eof").await;
    prompt(&running, session.id, "fail once more").await;
    let again = running
        .until(session.id, "its second turn", |session| {
            session.turns == 2 && session.state == SessionState::Failed
        })
        .await;
    assert_eq!(again.state_detail.as_deref(), Some("the model is overloaded"));
    let ended = running
        .until(session.id, "its end", |session| {
            session.run.is_none() && session.state == SessionState::Failed
        })
        .await;
    assert_eq!(
        (ended.turns, ended.state_detail.as_deref()),
        (2, Some("the model is overloaded"))
    );
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_and_taken_back_while_the_node_is_away_waits_for_nobody() {
    let place = Place::new().await;
    let script = hears(
        r#"  case "$line" in
    *'"type":"user"'*)
      init
      while [ ! -e "$log.away" ]; do sleep 0.05; done
      asks one; printf '%s\n' '{"type":"control_cancel_request","request_id":"one"}'
      asks two; asks three; printf '%s\n' '{"type":"control_cancel_request","request_id":"two"}'
      says after; echo written >> "$log";;
  esac"#,
    );
    let running = with_agent(&place, &script).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "hello").await;
    running.state(session.id, SessionState::Working).await;
    running.close(false).await;
    fs::write(beside(&place, "away"), "").unwrap();
    until_heard(&place, "written").await;
    let running = with_agent(&place, &script).await;
    running
        .until(session.id, "its words", |session| {
            session.last.as_deref().is_some_and(|last| last.contains("after"))
        })
        .await;
    let filter = ApprovalFilter {
        state: Some(ApprovalState::Pending),
        session: Some(session.id),
    };
    let waiting = running
        .services
        .approvals
        .list(&mara(), filter, PageQuery::default())
        .await
        .unwrap()
        .items;
    assert_eq!(waiting.len(), 1, "{waiting:#?}");
    let now = running.session(session.id).await;
    assert_eq!((now.state, now.pending), (SessionState::Waiting, 1));
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_subagent_asks_after_its_turn_waits_and_hears_what_is_said_meanwhile() {
    let place = Place::new().await;
    let script = hears(
        r#"  case "$line" in
    *meanwhile*) init; says told; ends;;
    *'"type":"user"'*)
      init; says started
      printf '%s\n' '{"type":"system","subtype":"task_started","task_id":"t1","tool_use_id":"toolu_agent","description":"look","task_type":"local_agent"}'
      printf '%s\n' '{"type":"assistant","parent_tool_use_id":"toolu_agent","message":{"role":"assistant","content":[{"type":"tool_use","id":"toolu_one","name":"Bash","input":{"command":"ls"}}]}}'
      asks one; ends; echo ended >> "$log";;
    *'"behavior":"allow"'*)
      printf '%s\n' '{"type":"user","parent_tool_use_id":"toolu_agent","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_one","content":"notes.md","is_error":false}]}}';;
  esac"#,
    );
    let running = with_agent(&place, &script).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "hello").await;
    until_heard(&place, "ended").await;
    let asked = running.asked(session.id).await;
    let waits = |session: &Session| {
        session.state == SessionState::Waiting && session.state_detail.as_deref() == Some("In the background: Bash: ls")
    };
    running.until(session.id, "the end of its turn", waits).await;
    let refused = running.services.sessions.interrupt(&mara(), session.id).await;
    assert!(
        matches!(&refused, Err(Error::Conflict(why)) if why.contains("its turn is over")),
        "{refused:?}"
    );
    prompt(&running, session.id, "meanwhile").await;
    running
        .until(session.id, "its second turn", |session| {
            session.last.as_deref() == Some("told") && waits(session)
        })
        .await;
    running
        .services
        .approvals
        .decide(&mara(), asked.id, Decide::allow())
        .await
        .unwrap();
    running.state(session.id, SessionState::Idle).await;
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let call = running
            .entries(session.id)
            .await
            .into_iter()
            .filter_map(|entry| entry.call)
            .find(|call| call.id == "toolu_one")
            .unwrap();
        if call.status != CallStatus::Running {
            assert_eq!(
                call.status,
                CallStatus::Ok,
                "turns ended, but not what the subagent did"
            );
            running.close(true).await;
            return;
        }
    }
    panic!("the subagent's call has no end:\n{}", running.story(session.id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_in_the_background_hides_no_failure_and_a_question_cannot_pass_for_it() {
    let place = Place::new().await;
    let script = hears(
        r#"  case "$line" in
    *question*) init; printf '%s\n' '{"type":"control_request","request_id":"two","request":{"subtype":"can_use_tool","tool_name":"AskUserQuestion","input":{"questions":[{"question":"In the background: which?","header":"x","multiSelect":false,"options":[{"label":"a","description":"a"},{"label":"b","description":"b"}]}]}}}';;
    *'"type":"user"'*) init; fails; asks one;;
  esac"#,
    );
    let running = with_agent(&place, &script).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "hello").await;
    let asked = running.asked(session.id).await;
    assert_eq!(
        running.session(session.id).await.state_detail.as_deref(),
        Some("In the background: Bash: ls")
    );
    running
        .services
        .approvals
        .decide(&mara(), asked.id, Decide::allow())
        .await
        .unwrap();
    let failed = running.state(session.id, SessionState::Failed).await;
    assert_eq!(failed.state_detail.as_deref(), Some("the model is overloaded"));

    prompt(&running, session.id, "question").await;
    let waiting = running.state(session.id, SessionState::Waiting).await;
    assert_eq!(
        waiting.state_detail.as_deref(),
        Some("Question: In the background: which?")
    );
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_was_not_taken_up_when_the_node_stopped_its_agent_is_given_again() {
    let place = Place::new().await;
    let waits = hears(
        r#"  case "$line" in
    *'"type":"user"'*) [ -e "$log.once" ] || { : > "$log.once"; continue; }; init; says answer; ends;;
  esac"#,
    );
    let running = with_agent(&place, &waits).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "first").await;
    until_heard(&place, "first").await;
    running.close(true).await;
    let running = with_agent(&place, &waits).await;
    assert_eq!(running.session(session.id).await.state, SessionState::Interrupted);
    prompt(&running, session.id, "second").await;
    running
        .until(session.id, "both turns", |session| {
            session.turns == 2 && session.state == SessionState::Idle
        })
        .await;
    assert_eq!((given(&place, "first"), given(&place, "second")), (2, 1));
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_always_that_is_written_into_the_project_does_not_end_its_trust() {
    let place = Place::new().await;
    let script = hears(
        r#"  case "$line" in
    *updatedPermissions*)
      mkdir -p .claude; printf '%s\n' '{' '  "permissions": {' '    "allow": ["Bash(ls *)"]' '  }' '}' > .claude/settings.local.json
      says answer; ends;;
    *ask*) init; printf '%s\n' '{"type":"control_request","request_id":"one","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls"},"permission_suggestions":[{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"ls *"}],"behavior":"allow","destination":"localSettings"}]}}';;
    *'"type":"user"'*) init; says answer; ends;;
  esac"#,
    );
    let running = with_agent(&place, &script).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "hello").await;
    running.state(session.id, SessionState::Idle).await;
    let projects = running.services.projects.clone();
    projects
        .update(
            &mara(),
            session.project,
            ProjectPatch {
                trusted: Some(true),
                ..ProjectPatch::default()
            },
        )
        .await
        .unwrap();
    prompt(&running, session.id, "ask").await;
    let asked = running.asked(session.id).await;
    let first = running.session(session.id).await.run;
    running
        .services
        .approvals
        .decide(
            &mara(),
            asked.id,
            Decide {
                remember: Some(RememberScope::Local),
                ..Decide::allow()
            },
        )
        .await
        .unwrap();
    running.state(session.id, SessionState::Idle).await;
    let project = projects.find(&mara(), session.project).await.unwrap();
    assert!(
        project.trusted && project.runs_own == [".claude/settings.local.json"],
        "{project:?}"
    );
    prompt(&running, session.id, "three").await;
    let third = running
        .until(session.id, "its third turn", |session| {
            session.turns == 3 && session.state == SessionState::Idle
        })
        .await;
    assert_eq!(third.run, first, "the same agent goes on");

    fs::write(
        PathBuf::from(&project.path).join(".claude/settings.local.json"),
        r#"{"permissions":{"allow":["Bash(ls *)","Bash"]}}"#,
    )
    .unwrap();
    assert!(
        projects.find(&mara(), session.project).await.unwrap().trust_stale,
        "nobody allowed that"
    );
    prompt(&running, session.id, "four").await;
    let fourth = running
        .until(session.id, "its fourth turn", |session| {
            session.turns == 4 && session.state == SessionState::Idle
        })
        .await;
    assert_ne!(fourth.run, first);
    assert!(
        running
            .story(session.id)
            .await
            .contains("What the project may run has changed"),
        "{}",
        running.story(session.id).await
    );
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_rests_is_started_anew_under_another_trust_and_gets_nothing_of_a_removed_project() {
    let place = Place::new().await;
    let running = with_agent(&place, &hears(ANSWERS)).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "one").await;
    let first = running.state(session.id, SessionState::Idle).await.run;
    let trust = |trusted| ProjectPatch {
        trusted: Some(trusted),
        ..ProjectPatch::default()
    };
    let projects = running.services.projects.clone();
    let mut runs = vec![first];
    for (trusted, text) in [(true, "two"), (true, "three"), (false, "four")] {
        projects.update(&mara(), session.project, trust(trusted)).await.unwrap();
        prompt(&running, session.id, text).await;
        let turns = i64::try_from(runs.len()).unwrap() + 1;
        runs.push(
            running
                .until(session.id, text, |session| {
                    session.turns == turns && session.state == SessionState::Idle
                })
                .await
                .run,
        );
    }
    assert_ne!(runs[0], runs[1], "trusted: it may read what the folder says now");
    assert_eq!(runs[1], runs[2], "nothing changed");
    assert_ne!(
        runs[2], runs[3],
        "no longer trusted: what the folder started does not go on"
    );
    let strict: Vec<bool> = odd::read(&beside(&place, "args"))
        .lines()
        .map(|line| line.contains("--strict-mcp-config"))
        .collect();
    assert_eq!(strict, [true, false, true]);
    assert_eq!(running.said(session.id).await, ["one", "two", "three", "four"]);

    projects.delete(&mara(), session.project).await.unwrap();
    let refused = running
        .services
        .sessions
        .prompt(&mara(), session.id, "five".into())
        .await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(given(&place, "five"), 0);
    let entries = running.entries(session.id).await;
    assert!(entries.iter().all(|entry| entry.kind != EntryKind::Error));
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_can_be_sent_again_and_a_failed_session_can_be_resumed_while_its_agent_rests() {
    let place = Place::new().await;
    let script = hears(
        r#"  case "$line" in
    *'"type":"user"'*) init; if [ -e "$log.once" ]; then says answer; ends; else : > "$log.once"; fails; fi;;
  esac"#,
    );
    let running = with_agent(&place, &script).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "hard question").await;
    let failed = running.state(session.id, SessionState::Failed).await;
    assert!(failed.run.is_some(), "its agent is still there");
    let again = running.services.sessions.send_again(&mara(), session.id).await.unwrap();
    assert_eq!(again.text, "hard question");
    let well = running
        .until(session.id, "its second turn", |session| {
            session.turns == 2 && session.state == SessionState::Idle
        })
        .await;
    assert_eq!(
        (well.run, given(&place, "hard question")),
        (failed.run, 2),
        "the same agent heard it twice"
    );
    assert_eq!(running.said(session.id).await, ["hard question", "hard question"]);

    // After another failure, a resume also continues with the prompts that wait behind it.
    fs::remove_file(beside(&place, "once")).unwrap();
    prompt(&running, session.id, "another").await;
    running.state(session.id, SessionState::Failed).await;
    let resumed = running.services.sessions.resume(&mara(), session.id).await.unwrap();
    assert_eq!((resumed.state, resumed.run), (SessionState::Idle, failed.run));
    running
        .services
        .sessions
        .resume(&mara(), session.id)
        .await
        .expect("nothing to do is no conflict");

    // An ended agent is started again for it.
    stop(&running, session.id).await;
    running.services.sessions.send_again(&mara(), session.id).await.unwrap();
    running
        .until(session.id, "its fourth turn", |session| {
            session.turns == 4 && session.state == SessionState::Idle
        })
        .await;
    assert_eq!(given(&place, "another"), 2);
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_no_agent_could_be_started_for_is_sent_again_as_it_is() {
    let place = Place::new().await;
    let running = open_as(&place, Setup::default()).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "hello").await;
    running.state(session.id, SessionState::Failed).await;
    running.close(true).await;
    let running = with_agent(&place, &hears(ANSWERS)).await;
    running.services.sessions.send_again(&mara(), session.id).await.unwrap();
    running
        .until(session.id, "its turn", |session| {
            session.turns == 1 && session.state == SessionState::Idle
        })
        .await;
    assert_eq!(running.said(session.id).await, ["hello"]);
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_this_version_does_not_know_is_never_another_one() {
    let place = Place::new().await;
    let running = with_agent(&place, &hears(ANSWERS)).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "hello").await;
    running.state(session.id, SessionState::Idle).await;
    let id = session.id.to_string();
    let renamed = id.clone();
    let by = model::Caller::node();
    let rename = running.journal.commit(&by, move |tx| {
        Box::pin(async move {
            let rows = node::entity::session::Entity::update_many();
            let rows = rows.col_expr(
                node::entity::session::Column::Agent,
                sea_orm::sea_query::Expr::value("codex"),
            );
            rows.filter(node::entity::session::Column::Id.eq(renamed))
                .exec(tx.db())
                .await
                .unwrap();
            Ok(node::journal::Outcome::new(()))
        })
    });
    rename.await.unwrap();
    let state = async |running: &Running| {
        let row = node::entity::session::Entity::find_by_id(running.store.key(&id))
            .one(running.store.read())
            .await
            .unwrap()
            .unwrap();
        (row.state, row.state_detail.unwrap_or_default(), row.run)
    };
    // A returning node finds an agent that it does not know, and ends it.
    running.close(false).await;
    let running = with_agent(&place, &hears(ANSWERS)).await;
    let (word, why, run) = state(&running).await;
    assert_eq!((word.as_str(), run), ("unknown", None));
    assert!(why.contains("knows no agent called `codex`"), "{why}");
    // The node starts no other agent in its place.
    let _ = running
        .services
        .sessions
        .prompt(&mara(), session.id, "edit something".into())
        .await;
    for _ in 0..200 {
        let (word, why, _) = state(&running).await;
        if word == "failed" {
            assert!(why.contains("knows no agent called `codex`"), "{why}");
            assert_eq!(running.node.running(), 0);
            running.close(true).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not fail: {:?}", state(&running).await);
}
