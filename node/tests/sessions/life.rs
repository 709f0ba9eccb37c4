//! A session's life: start, answers, follow-ups, restarts of the node, resume, hiding.

use crate::{SOON, mara, open, open_with, person};
use model::{
    Caller, Error, PageQuery,
    approvals::{ApprovalKind, ApprovalState, Decide},
    caller::Visibility,
    calls::{CallClass, text},
    entries::{CallStatus, Entry, EntryKind},
    event::{Event, PromptQueued, SessionDeleted, UsageRecorded},
    id::{PromptId, RunId, SessionId},
    live::{ClientSays, Row, ServerSays, Topic},
    sessions::{AgentKind, Mode, NewSession, PromptState, SessionFilter, SessionPatch, SessionState, Tokens},
};
use node::{
    entity::session,
    journal::Outcome,
    store::{sql, testing::Place},
};
use sea_orm::EntityTrait;
use std::{collections::BTreeSet, time::Duration};
use tokio::time::Instant;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_streams_asks_and_goes_on_when_it_is_answered() {
    let place = Place::new().await;
    let running = open(&place).await;
    let session = running.services.sessions.run_demo(&mara()).await.unwrap();
    assert_eq!(session.agent, AgentKind::Demo);
    let mut answered = 0;
    loop {
        let now = running
            .until(session.id, "a question or the end", |session| {
                matches!(session.state, SessionState::Waiting | SessionState::Idle)
            })
            .await;
        if now.state == SessionState::Idle {
            break;
        }
        let approval = running.asked(session.id).await;
        assert!(!approval.target.is_empty());
        assert_eq!(
            (approval.kind, approval.class),
            (ApprovalKind::Tool, CallClass::Shell),
            "{approval:?}"
        );
        assert_eq!(
            text(&approval.input, approval.parts.command.as_deref()),
            Some(approval.target.as_str()),
            "{approval:?}"
        );
        assert!(approval.input_html.is_some_and(|html| html.contains("wc")));
        let decided = running
            .services
            .approvals
            .decide(&mara(), approval.id, Decide::allow())
            .await
            .unwrap();
        assert_eq!(decided.state, ApprovalState::Allowed);
        let again = running
            .services
            .approvals
            .decide(&person(2, "jonas"), approval.id, Decide::deny("late"))
            .await;
        assert!(matches!(again, Err(Error::AlreadyDecided(decided)) if decided.by_name.as_deref() == Some("mara")));
        answered += 1;
        running
            .until(session.id, "going on", |session| session.pending == 0)
            .await;
    }
    assert!(
        answered > 0,
        "the demo asked nothing:\n{}",
        running.story(session.id).await
    );
    let entries = running.entries(session.id).await;
    assert!(
        entries
            .iter()
            .enumerate()
            .all(|(i, entry)| entry.seq == i64::try_from(i).unwrap() + 1),
        "the timeline has a gap"
    );
    for kind in [
        EntryKind::Prompt,
        EntryKind::Message,
        EntryKind::Thought,
        EntryKind::Tool,
    ] {
        assert!(
            entries.iter().any(|entry| entry.kind == kind),
            "no {kind:?}:\n{}",
            running.story(session.id).await
        );
    }
    let edit = entries
        .iter()
        .find(|entry| entry.call.as_ref().is_some_and(|call| call.added.is_some()))
        .expect("the demo edits");
    assert!(
        edit.call
            .as_ref()
            .is_some_and(|call| matches!(call.class, CallClass::Edit | CallClass::Write)),
        "{edit:?}"
    );
    for class in [CallClass::Shell, CallClass::Read, CallClass::Subagent] {
        assert!(
            entries
                .iter()
                .any(|entry| entry.call.as_ref().is_some_and(|call| call.class == class)),
            "no {class:?}:\n{}",
            running.story(session.id).await
        );
    }
    let body = running
        .services
        .sessions
        .entry_body(&mara(), session.id, edit.seq)
        .await
        .unwrap();
    assert!(body.diff.is_some_and(|diff| diff.added + diff.removed > 0));
    // A background task may outlive its turn, but it ends.
    let deadline = Instant::now() + SOON;
    while running
        .entries(session.id)
        .await
        .iter()
        .filter_map(|entry| entry.call.as_ref())
        .any(|call| call.status == CallStatus::Running)
    {
        assert!(
            Instant::now() < deadline,
            "a call never ended:\n{}",
            running.story(session.id).await
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_goes_on_while_the_node_is_away_and_nothing_is_told_twice() {
    let place = Place::new().await;
    let running = open_with(&place, 4, "human").await;
    let session = running.start(Mode::AutoAccept, "tour").await;
    running.state(session.id, SessionState::Working).await;
    running
        .until(session.id, "a first sign", |session| session.turns == 1)
        .await;
    running.close(false).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let running = open_with(&place, 4, "human").await;
    loop {
        let back = running
            .until(session.id, "a question or the end", |session| {
                matches!(session.state, SessionState::Waiting | SessionState::Idle)
            })
            .await;
        if back.state == SessionState::Idle {
            break;
        }
        let asked = running.asked(session.id).await;
        running
            .services
            .approvals
            .decide(&mara(), asked.id, Decide::allow())
            .await
            .unwrap();
        running
            .until(session.id, "going on", |session| session.pending == 0)
            .await;
    }
    let messages: Vec<String> = running
        .entries(session.id)
        .await
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::Message)
        .map(|entry| entry.preview)
        .collect();
    let unique: BTreeSet<_> = messages.iter().collect();
    assert_eq!(messages.len(), unique.len(), "a message was told twice: {messages:#?}");
    assert!(messages.len() > 1, "{messages:?}: the node was away between them");
    // The conversation continues with the same process.
    running
        .services
        .sessions
        .prompt(&mara(), session.id, "hello again".into())
        .await
        .unwrap();
    running
        .until(session.id, "a second turn", |session| session.turns == 2)
        .await;
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_up_waits_for_its_turn_and_can_be_taken_back_until_then() {
    let place = Place::new().await;
    let running = open_with(&place, 4, "human").await;
    let session = running.start(Mode::AutoAccept, "slow").await;
    running
        .until(session.id, "its turn", |session| session.turns == 1)
        .await;
    let kept = running
        .services
        .sessions
        .prompt(&mara(), session.id, "hello".into())
        .await
        .unwrap();
    let dropped = running
        .services
        .sessions
        .prompt(&mara(), session.id, "never mind".into())
        .await
        .unwrap();
    assert_eq!((kept.state, dropped.state), (PromptState::Queued, PromptState::Queued));
    running
        .services
        .sessions
        .withdraw(&mara(), session.id, dropped.id)
        .await
        .unwrap();
    running
        .until(session.id, "the follow-up's turn", |session| session.turns == 2)
        .await;
    assert!(matches!(
        running.services.sessions.withdraw(&mara(), session.id, kept.id).await,
        Err(Error::Conflict(_))
    ));
    running.services.sessions.interrupt(&mara(), session.id).await.ok();
    running
        .until(session.id, "rest", |session| {
            matches!(session.state, SessionState::Idle | SessionState::Interrupted)
        })
        .await;
    assert_eq!(running.said(session.id).await, ["slow", "hello"]);
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_approved_and_only_then_are_edits_made() {
    let place = Place::new().await;
    let running = open(&place).await;
    let session = running.start(Mode::Plan, "plan").await;
    let plan = running.asked(session.id).await;
    assert_eq!(
        (plan.kind, plan.class),
        (ApprovalKind::Plan, CallClass::Plan),
        "{plan:?}"
    );
    assert!(
        plan.plan_html.as_ref().is_some_and(|html| html.contains("<li>")),
        "{:?}",
        plan.plan_html
    );
    let edits = |entries: &[Entry]| {
        entries
            .iter()
            .filter(|entry| entry.call.as_ref().is_some_and(|call| call.added.is_some()))
            .count()
    };
    assert_eq!(edits(&running.entries(session.id).await), 0);
    let decide = Decide {
        mode: Some(Mode::AutoAccept),
        ..Decide::allow()
    };
    running
        .services
        .approvals
        .decide(&mara(), plan.id, decide)
        .await
        .unwrap();
    running
        .until(session.id, "auto-accept", |session| session.mode == Mode::AutoAccept)
        .await;
    loop {
        let now = running
            .until(session.id, "the end", |session| {
                matches!(session.state, SessionState::Waiting | SessionState::Idle)
            })
            .await;
        if now.state == SessionState::Idle {
            break;
        }
        let asked = running.asked(session.id).await;
        running
            .services
            .approvals
            .decide(&mara(), asked.id, Decide::allow())
            .await
            .unwrap();
        running
            .until(session.id, "going on", |session| session.pending == 0)
            .await;
    }
    assert!(
        edits(&running.entries(session.id).await) > 0,
        "{}",
        running.story(session.id).await
    );
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_the_agent_and_says_who_wanted_it() {
    let place = Place::new().await;
    let running = open_with(&place, 4, "human").await;
    let session = running.start(Mode::AutoAccept, "slow").await;
    running
        .until(session.id, "its turn", |session| session.turns == 1)
        .await;
    assert!(matches!(
        running.services.sessions.delete(&mara(), session.id).await,
        Err(Error::Conflict(_))
    ));
    running.services.sessions.stop(&mara(), session.id).await.unwrap();
    let ended = running
        .until(session.id, "its end", |session| session.run.is_none())
        .await;
    assert_eq!(
        (ended.state, ended.state_detail.as_deref()),
        (SessionState::Done, Some("stopped by mara"))
    );
    assert_eq!(running.node.running(), 0);
    // It can be resumed, deleted and restored.
    running.services.sessions.resume(&mara(), session.id).await.unwrap();
    running
        .until(session.id, "rest", |session| {
            matches!(session.state, SessionState::Idle | SessionState::Working)
        })
        .await;
    running.services.sessions.stop(&mara(), session.id).await.unwrap();
    running
        .until(session.id, "its end", |session| session.run.is_none())
        .await;
    running.services.sessions.delete(&mara(), session.id).await.unwrap();
    assert!(matches!(
        running.services.sessions.find(&mara(), session.id).await,
        Err(Error::NotFound(_))
    ));
    running.services.sessions.restore(&mara(), session.id).await.unwrap();
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_a_deleted_session_starts_nothing_and_goes_on_when_it_is_restored() {
    let place = Place::new().await;
    let running = open(&place).await;
    let id = running.start(Mode::AutoAccept, "hello").await.id;
    running
        .until(id, "rest", |session| session.state == SessionState::Idle)
        .await;
    // Like a prompt of one person and a deletion by another before the runner has looked.
    let prompt = PromptId::from_uuid(Uuid::from_u128(9));
    let queued = PromptQueued {
        id: prompt,
        session: id,
        text: "hello".into(),
        by_name: "mara".into(),
    };
    running
        .journal
        .commit(&mara(), move |_| {
            Box::pin(async move {
                Ok(Outcome::new(())
                    .with(prompt, queued)
                    .with(id, SessionDeleted { deleted: true }))
            })
        })
        .await
        .unwrap();
    let deadline = Instant::now() + SOON;
    let rests = loop {
        let row = session::Entity::find_by_id(running.store.key(id))
            .one(running.store.read())
            .await
            .unwrap()
            .unwrap();
        if row.run.is_none() {
            break row.state;
        }
        assert!(Instant::now() < deadline, "its agent was not ended: {row:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(
        rests,
        SessionState::Idle.word(),
        "nothing is queued that nobody will start"
    );
    running.services.sessions.restore(&mara(), id).await.unwrap();
    running
        .until(id, "the turn of what waited", |session| {
            session.turns == 2 && session.state == SessionState::Idle
        })
        .await;
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_freed_by_the_agent_that_has_rested_longest() {
    let place = Place::new().await;
    let running = open_with(&place, 1, "fast").await;
    let first = running.start(Mode::AutoAccept, "hello").await;
    running
        .until(first.id, "rest", |session| matches!(session.state, SessionState::Idle))
        .await;
    let new = NewSession {
        project: Some(first.project),
        folder: None,
        agent: AgentKind::Demo,
        mode: Mode::AutoAccept,
        prompt: "hello".into(),
        title: Some("second".into()),
        model: None,
        visibility: None,
    };
    let second = running.services.sessions.create(&mara(), new).await.unwrap();
    running.state(second.id, SessionState::Idle).await;
    let first = running.session(first.id).await;
    assert_eq!(
        (first.state, first.run),
        (SessionState::Idle, None),
        "its state stays, its process is gone"
    );
    // The next prompt brings it back.
    running
        .services
        .sessions
        .prompt(&mara(), first.id, "hello".into())
        .await
        .unwrap();
    running
        .until(first.id, "a second turn", |session| {
            session.turns == 2 && session.state == SessionState::Idle
        })
        .await;
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_nobody_can_find_is_unknown_and_never_done() {
    let place = Place::new().await;
    let running = open_with(&place, 4, "human").await;
    let session = running.start(Mode::AutoAccept, "slow").await;
    running
        .until(session.id, "its turn", |session| session.turns == 1)
        .await;
    let run = running.session(session.id).await.run.expect("it runs");
    running.close(false).await;
    kill_everything_of(&run.to_string()).await;
    let running = open(&place).await;
    let after = running
        .until(session.id, "the truth", |session| session.run.is_none())
        .await;
    assert_eq!(after.state, SessionState::Unknown);
    assert!(after.state_detail.is_some());
    assert!(
        running
            .entries(session.id)
            .await
            .iter()
            .filter_map(|entry| entry.call.as_ref())
            .all(|call| call.status != CallStatus::Running)
    );
    running.close(true).await;
}

/// `kill -9` of the run's shim and agent: every process with the run's mark in its environment or its directory in its
/// arguments.
async fn kill_everything_of(run: &str) {
    for _ in 0..2 {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
                continue;
            };
            let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
            let marked = [read("environ"), read("cmdline")]
                .iter()
                .any(|bytes| bytes.windows(run.len()).any(|window| window == run.as_bytes()));
            if marked && u32::try_from(pid).unwrap() != std::process::id() {
                let _ = rustix::process::kill_process(
                    rustix::process::Pid::from_raw(pid).unwrap(),
                    rustix::process::Signal::KILL,
                );
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_says_what_each_model_spent_over_days_and_processes() {
    let place = Place::new().await;
    let running = open(&place).await;
    let session = running.start(Mode::AutoAccept, "hello").await;
    running.state(session.id, SessionState::Idle).await;
    let other = running.start(Mode::AutoAccept, "hello").await;
    let spent = |id, run: u128, model: &str, day, output, cost_micros| UsageRecorded {
        session: id,
        run: RunId::from_uuid(Uuid::from_u128(run)),
        project: session.project,
        model: model.into(),
        day,
        tokens: Tokens {
            output,
            ..Tokens::default()
        },
        cost_micros,
    };
    // Running totals: the second of run 1 replaces the first, and run 2 adds to it.
    let facts = [
        spent(session.id, 1, "large", 20_000, 100, Some(900)),
        spent(session.id, 1, "large", 20_001, 150, Some(1_000)),
        spent(session.id, 2, "large", 20_001, 30, Some(50)),
        spent(session.id, 1, "small", 20_001, 7, None),
        spent(other.id, 3, "large", 20_001, 5_000, Some(9_999)),
    ];
    for fact in facts {
        running
            .journal
            .commit(&Caller::node(), move |_| {
                Box::pin(async move { Ok(Outcome::new(()).with(fact.session, fact)) })
            })
            .await
            .unwrap();
    }
    let mut rows = running.services.usage.of_session(&mara(), session.id).await.unwrap();
    rows.retain(|row| row.key == "large" || row.key == "small");
    let spent: Vec<_> = rows
        .iter()
        .map(|row| (row.key.as_str(), row.tokens.output, row.cost_micros))
        .collect();
    assert_eq!(spent, [("large", 180, Some(1_050)), ("small", 7, None)]);
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_session_is_nobody_elses_anywhere() {
    let place = Place::new().await;
    let running = open_with(&place, 4, "human").await;
    // It writes for seconds, so half-written text passes while it becomes private.
    let session = running.start(Mode::AutoAccept, "slow").await;
    running.state(session.id, SessionState::Working).await;
    let jonas = person(2, "jonas");
    let mut follower = running.node.live().follow(jonas.clone());
    let head = running.services.node.head().await.unwrap();
    follower
        .say(ClientSays::Follow {
            topics: vec![Topic::Node, Topic::Session { id: session.id }],
            after: head,
        })
        .await
        .unwrap();
    let patch = SessionPatch {
        visibility: Some(Visibility::Private),
        ..SessionPatch::default()
    };
    assert!(matches!(
        running
            .services
            .sessions
            .update(&jonas, session.id, patch.clone())
            .await,
        Err(Error::Forbidden(_))
    ));
    running
        .services
        .sessions
        .update(&mara(), session.id, patch)
        .await
        .unwrap();
    loop {
        match tokio::time::timeout(SOON, follower.next())
            .await
            .expect("the follower hears")
            .expect("the hub lives")
            .into()
        {
            ServerSays::Gone { id, .. } => {
                assert_eq!(id, session.id.to_string());
                break;
            }
            ServerSays::Row {
                row: Row::Session(row), ..
            } => assert_ne!(row.id, session.id, "a private row was sent"),
            _ => {}
        }
    }
    let later = tokio::time::timeout(Duration::from_millis(1_500), async {
        loop {
            if let Some(ServerSays::Partial(partial)) = follower.next().await.map(Into::into) {
                return partial;
            }
        }
    });
    assert!(
        later.await.is_err(),
        "half-written text went on to somebody who may not see it"
    );
    assert_eq!(
        running.session(session.id).await.state,
        SessionState::Working,
        "it wrote all the time"
    );
    assert!(matches!(
        running.services.sessions.find(&jonas, session.id).await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        running
            .services
            .sessions
            .entries(&jonas, session.id, 0, 50, false)
            .await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        running.services.sessions.prompt(&jonas, session.id, "hi".into()).await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        running.services.usage.of_session(&jonas, session.id).await,
        Err(Error::NotFound(_))
    ));
    let list = running
        .services
        .sessions
        .list(&jonas, SessionFilter::default(), PageQuery::default())
        .await
        .unwrap();
    assert!(list.items.iter().all(|row| row.id != session.id));
    let fresh = async |caller| {
        running
            .services
            .projects
            .find(caller, session.project)
            .await
            .unwrap()
            .updated
    };
    let (mine, theirs) = (fresh(&mara()).await, fresh(&jonas).await);
    assert!(
        theirs <= session.started && session.started < mine,
        "{theirs} {} {mine}: what a private session does is seen on its project",
        session.started
    );
    let text = r#"SELECT DISTINCT "subject" FROM "event" WHERE "session" = $1"#;
    let own: Vec<String> = sql::all(running.store.read(), text, [session.id.to_string().into()])
        .await
        .unwrap()
        .iter()
        .map(|row| row.try_get("", "subject").unwrap())
        .collect();
    assert!(own.len() > 2, "{own:?}: a prompt and a run at least");
    let mut after = 0;
    loop {
        let page = running.services.node.events(&jonas, after, 200).await.unwrap();
        // Neither an event about it nor about its approvals, prompts and runs, which have subjects of their own.
        let told = |event: &Event| {
            own.iter().any(|id| {
                event.subject == *id
                    || event
                        .payload
                        .as_ref()
                        .is_some_and(|payload| payload.to_string().contains(id))
            })
        };
        assert!(!page.items.iter().any(told), "{:?}", page.items);
        match page.next {
            Some(next) => after = next.parse().unwrap(),
            None => break,
        }
    }
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_agent_fails_with_a_sentence() {
    let place = Place::new().await;
    let running = open(&place).await;
    let demo = running.start(Mode::Ask, "hello").await;
    let new = NewSession {
        project: Some(demo.project),
        folder: None,
        agent: AgentKind::Claude,
        mode: Mode::Ask,
        prompt: "hi".into(),
        title: None,
        model: None,
        visibility: None,
    };
    let session = running.services.sessions.create(&mara(), new).await.unwrap();
    let failed = running.state(session.id, SessionState::Failed).await;
    assert!(
        failed
            .state_detail
            .is_some_and(|detail| detail.contains("not found on this machine"))
    );
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_waited_longest_is_started_first() {
    let place = Place::new().await;
    let running = open_with(&place, 1, "human").await;
    let works = running.start(Mode::AutoAccept, "slow").await;
    running.state(works.id, SessionState::Working).await;
    let sessions = &running.services.sessions;
    let mut queued = Vec::new();
    for title in ["first", "second", "third"] {
        let new = NewSession {
            project: Some(works.project),
            folder: None,
            agent: AgentKind::Demo,
            mode: Mode::AutoAccept,
            prompt: "hello".into(),
            title: Some(title.into()),
            model: None,
            visibility: None,
        };
        queued.push(sessions.create(&mara(), new).await.unwrap().id);
    }
    // It gives its turn up and stands at the end of the queue again.
    sessions.stop(&mara(), queued[0]).await.unwrap();
    sessions.resume(&mara(), queued[0]).await.unwrap();
    queued.rotate_left(1);
    sessions.stop(&mara(), works.id).await.unwrap();
    for id in &queued {
        running
            .until(*id, "its turn", |session| {
                session.turns == 1 && session.state == SessionState::Idle
            })
            .await;
    }
    let text = r#"SELECT "session" AS "id" FROM "event" WHERE "kind" = 'run.started' ORDER BY "pos""#;
    let started: Vec<SessionId> = sql::all(running.store.read(), text, [])
        .await
        .unwrap()
        .iter()
        .map(|row| row.try_get::<String>("", "id").unwrap().parse().unwrap())
        .filter(|id| queued.contains(id))
        .collect();
    assert_eq!(started, queued);
    running.close(true).await;
}
