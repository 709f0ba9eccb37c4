//! Runners that fail or are held up: their supervisor notices, and nothing else waits for them.

use crate::{Running, SOON, Setup, hang_up::hung_up, mara, odd, open_as};
use model::{
    Caller, Error,
    approvals::{ApprovalState, Decide},
    id::{ProjectId, PromptId, SessionId},
    live::{ClientSays, Row, ServerSays, Topic},
    projects::ProjectPatch,
    sessions::{AgentKind, Mode, NewSession, QueuedWhy, SessionState},
};
use node::{
    agents::{self, AgentEvent, Answer, Driver, Start},
    journal::Outcome,
    process::Spec,
    store::testing::Place,
};
use sea_orm::{ConnectionTrait, DbBackend};
use std::{fs, time::Duration};

/// A driver with a fault: it panics at one word.
struct Faulty(Box<dyn Driver>);

impl Driver for Faulty {
    fn spec(&self, start: &Start) -> Spec {
        self.0.spec(start)
    }
    fn hello(&mut self) -> Vec<Vec<u8>> {
        self.0.hello()
    }
    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        assert!(
            !String::from_utf8_lossy(line).contains("the fault"),
            "a fault of the driver"
        );
        self.0.line(line)
    }
    fn prompt(&mut self, id: PromptId, text: &str) -> Vec<Vec<u8>> {
        self.0.prompt(id, text)
    }
    fn interrupt(&mut self) -> Vec<Vec<u8>> {
        self.0.interrupt()
    }
    fn set_mode(&mut self, mode: Mode) -> Vec<Vec<u8>> {
        self.0.set_mode(mode)
    }
    fn set_model(&mut self, model: Option<&str>) -> Vec<Vec<u8>> {
        self.0.set_model(model)
    }
    fn answer(&mut self, request: &str, answer: &Answer) -> Vec<Vec<u8>> {
        self.0.answer(request, answer)
    }
}

impl Running {
    /// Runs a statement on the node's writer.
    async fn run(&self, text: &str) {
        let (by, text) = (Caller::node(), text.to_owned());
        let ran = self.journal.commit(&by, move |tx| {
            Box::pin(async move {
                tx.db().execute_unprepared(&text).await.unwrap();
                Ok(Outcome::new(()))
            })
        });
        ran.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_panics_ends_its_agent_says_why_and_leaves_its_place() {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    let script = format!(
        r#"{}echo $$ >> "$log"
while read -r line; do
  case "$line" in
    *'"type":"user"'*)
      [ -e "$log.once" ] || {{ : > "$log.once"; printf '%s\n' 'the fault'; continue; }}
      printf '%s\n' '{{"type":"system","subtype":"init","session_id":"s","model":"m","permissionMode":"default"}}'
      printf '%s\n' '{{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"","session_id":"s"}}';;
  esac
done
"#,
        odd::GREETS
    );
    let claude = odd::agent(&place, &script);
    let driver: fn(AgentKind) -> Box<dyn Driver> = |agent| Box::new(Faulty(agents::driver(agent)));
    let running = open_as(
        &place,
        Setup {
            claude,
            driver,
            agents_max: 1,
            ..Setup::default()
        },
    )
    .await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "a fault").await;
    let broken = running.state(session.id, SessionState::Unknown).await;
    let why = broken.state_detail.unwrap();
    assert!(
        why.contains("this node failed") && why.contains("a fault of the driver"),
        "{why}"
    );
    assert_eq!(broken.run, None);
    let first = odd::read(&odd::log(&place)).trim().to_owned();
    assert!(!fs::exists(format!("/proc/{first}")).unwrap(), "its agent writes on");
    // Its place is free, and the session continues with another process.
    running
        .services
        .sessions
        .prompt(&mara(), session.id, "hello".into())
        .await
        .unwrap();
    running
        .until(session.id, "its second turn", |session| {
            session.turns == 2 && session.state == SessionState::Idle
        })
        .await;
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_an_agent_that_reads_nothing() {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    // The agent greets and then never reads: a long prompt fills its input, and its runner waits for space there.
    let claude = odd::agent(&place, &format!("{}exec sleep 1000", odd::GREETS));
    let running = open_as(
        &place,
        Setup {
            claude,
            ..Setup::default()
        },
    )
    .await;
    let session = running
        .start_agent(AgentKind::Claude, Mode::Ask, &"long ".repeat(19_000))
        .await;
    running.state(session.id, SessionState::Working).await;
    let before = tokio::time::Instant::now();
    running.services.sessions.stop(&mara(), session.id).await.unwrap();
    let gone = async {
        while running.session(session.id).await.run.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("it ends");
    assert!(before.elapsed() < Duration::from_secs(15), "{:?}", before.elapsed());
    running.close(true).await;
}

/// Asks about every prompt without `work`, and ends its turn with the answer.
const ASKS: &str = r#"while read -r line; do
  case "$line" in
    *work*) printf '%s\n' '{"type":"system","subtype":"init","session_id":"s","model":"m","permissionMode":"default"}';;
    *'"type":"user"'*)
      printf '%s\n' '{"type":"system","subtype":"init","session_id":"s","model":"m","permissionMode":"default"}'
      printf '%s\n' '{"type":"control_request","request_id":"r'$$'","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls"},"tool_use_id":"t1"}}';;
    *'"behavior"'*) printf '%s\n' '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"","session_id":"s"}';;
  esac
done
"#;

async fn create(running: &Running, project: ProjectId, prompt: &str) -> SessionId {
    let new = NewSession {
        project: Some(project),
        folder: None,
        agent: AgentKind::Claude,
        mode: Mode::Ask,
        prompt: prompt.into(),
        title: None,
        model: None,
        visibility: None,
    };
    running.services.sessions.create(&mara(), new).await.unwrap().id
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_wait_for_a_person_do_not_keep_every_other_session_waiting() {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    let claude = odd::agent(&place, &format!("{}{ASKS}", odd::GREETS));
    let running = open_as(
        &place,
        Setup {
            claude,
            agents_max: 2,
            ..Setup::default()
        },
    )
    .await;
    let first = running.start_agent(AgentKind::Claude, Mode::Ask, "one").await;
    let mut waiting = vec![first.id];
    for prompt in ["two", "three", "four"] {
        waiting.push(create(&running, first.project, prompt).await);
    }
    for id in &waiting {
        running.asked(*id).await;
    }
    let queued = |why: QueuedWhy, busy: i64, waiting: i64| {
        move |session: &model::sessions::Session| {
            session.state == SessionState::Queued
                && session.queued.is_some_and(|queued| {
                    (queued.why, queued.busy, queued.waiting, queued.max) == (why, busy, waiting, 2)
                })
        }
    };
    // No more agents may wait; the next session says so, also to its followers.
    let fifth = create(&running, first.project, "five").await;
    let mut follower = running.node.live().follow(mara());
    let head = running.services.node.head().await.unwrap();
    follower
        .say(ClientSays::Follow {
            topics: vec![Topic::Session { id: fifth }],
            after: head,
        })
        .await
        .unwrap();
    running
        .until(fifth, "why it waits", queued(QueuedWhy::People, 0, 4))
        .await;
    let heard = async {
        loop {
            if let Some(ServerSays::Row {
                row: Row::Session(row), ..
            }) = follower.next().await.map(Into::into)
                && queued(QueuedWhy::People, 0, 4)(&row)
            {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, heard).await.expect("a tab hears why");
    let asked = running.asked(waiting[0]).await;
    running
        .services
        .approvals
        .decide(&mara(), asked.id, Decide::allow())
        .await
        .unwrap();
    running.asked(fifth).await;
    assert_eq!(running.session(fifth).await.queued, None);
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_waits_for_agents_at_work_says_so() {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    let claude = odd::agent(&place, &format!("{}{ASKS}", odd::GREETS));
    let running = open_as(
        &place,
        Setup {
            claude,
            agents_max: 1,
            ..Setup::default()
        },
    )
    .await;
    let first = running.start_agent(AgentKind::Claude, Mode::Ask, "work").await;
    running.state(first.id, SessionState::Working).await;
    let second = create(&running, first.project, "two").await;
    running
        .until(second, "why it waits", |session| {
            session
                .queued
                .is_some_and(|queued| queued.why == QueuedWhy::Places && queued.busy == 1)
        })
        .await;
    running.services.sessions.stop(&mara(), first.id).await.unwrap();
    running.asked(second).await;
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_writes_more_than_is_kept_is_ended_and_its_session_says_so() {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    let claude = odd::agent(
        &place,
        &format!(
            "{}read -r prompt\nexec yes '{{\"type\":\"keep_alive\"}}'\n",
            odd::GREETS
        ),
    );
    let running = open_as(
        &place,
        Setup {
            claude,
            spool_max: 3 << 20,
            ..Setup::default()
        },
    )
    .await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "write").await;
    let failed = running.state(session.id, SessionState::Failed).await;
    let why = failed.state_detail.unwrap();
    assert_eq!(
        why,
        "Claude Code: it was ended because it wrote more than 3 MiB, which is all that is kept of a run"
    );
    running.close(true).await;
}

/// Waits for the test before its first word about its first prompt's question.
const ASKS_THEN_SPEAKS: &str = r#"while read -r line; do
  case "$line" in
    *'"type":"user"'*)
      printf '%s\n' '{"type":"system","subtype":"init","session_id":"s","model":"m","permissionMode":"default"}'
      printf '%s\n' '{"type":"control_request","request_id":"r'$$'","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls"},"tool_use_id":"t1"}}'
      case "$line" in *speak*)
        while [ ! -e "$log.go" ]; do sleep 0.05; done
        printf '%s\n' '{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"words"}]}}';;
      esac;;
    *'"behavior"'*) printf '%s\n' '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"","session_id":"s"}';;
  esac
done
"#;

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_runner_that_the_database_holds_up() {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    let claude = odd::agent(&place, &format!("{}{ASKS_THEN_SPEAKS}", odd::GREETS));
    let running = open_as(
        &place,
        Setup {
            claude,
            ..Setup::default()
        },
    )
    .await;
    if running.store.backend() != DbBackend::Sqlite {
        // The refusal below works on SQLite only; the property does not depend on the database.
        running.close(true).await;
        return;
    }
    let held = running.start_agent(AgentKind::Claude, Mode::Ask, "speak").await;
    running.asked(held.id).await;
    let patch = ProjectPatch {
        approval_timeout_s: Some(10),
        ..ProjectPatch::default()
    };
    running
        .services
        .projects
        .update(&mara(), held.project, patch)
        .await
        .unwrap();
    let refuse = format!(
        "CREATE TRIGGER held_up BEFORE INSERT ON event WHEN NEW.subject = '{}' AND NEW.kind = 'entry.added' BEGIN SELECT RAISE(ABORT, 'no'); END",
        held.id
    );
    running.run(&refuse).await;
    fs::write(odd::log(&place).with_extension("log.go"), "").unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    // More orders than its runner could take in, from callers who do not wait. A caller who waits is answered after at
    // most 10 s.
    for _ in 0..100 {
        hung_up(running.services.sessions.interrupt(&mara(), held.id), 1, 0).await;
    }
    let refused = tokio::time::timeout(
        Duration::from_secs(12),
        running.services.sessions.interrupt(&mara(), held.id),
    )
    .await;
    assert!(matches!(refused, Ok(Err(Error::Unavailable(_)))), "{refused:?}");

    // Other sessions start, ask, and are denied at their time limit.
    let other = create(&running, held.project, "two").await;
    let asked = running.asked(other).await;
    running.state(other, SessionState::Idle).await;
    let denied = running.services.approvals.find(&mara(), asked.id).await.unwrap();
    assert_eq!(denied.state, ApprovalState::Denied);

    // The agent ends at a person's stop, although its runner still hangs.
    running.services.sessions.stop(&mara(), held.id).await.unwrap();
    let before = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(1)).await;
    running.run("DROP TRIGGER held_up").await;
    let ended = running.until(held.id, "its end", |session| session.run.is_none()).await;
    assert_eq!(ended.state, SessionState::Done);
    assert!(before.elapsed() < Duration::from_secs(25), "{:?}", before.elapsed());
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_that_a_runner_could_not_take_up_is_told_aside_and_never_again() {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    let script = format!(
        "{}{}",
        odd::GREETS,
        ASKS_THEN_SPEAKS.replacen(
            "read -r line; do",
            "read -r line; do\n  printf '%s\\n' \"$line\" >>\"$log\"",
            1
        )
    );
    let running = open_as(
        &place,
        Setup {
            claude: odd::agent(&place, &script),
            ..Setup::default()
        },
    )
    .await;
    if running.store.backend() != DbBackend::Sqlite {
        // The refusal below works on SQLite only; the property does not depend on the database.
        running.close(true).await;
        return;
    }
    let held = running.start_agent(AgentKind::Claude, Mode::Ask, "speak").await;
    running.asked(held.id).await;
    let told = || odd::read(&odd::log(&place)).matches(r#""subtype":"interrupt""#).count();
    running
        .run(&format!(
            "CREATE TRIGGER held_up BEFORE INSERT ON event WHEN NEW.subject = '{}' AND NEW.kind = 'entry.added' BEGIN SELECT RAISE(ABORT, 'no'); END",
            held.id
        ))
        .await;
    fs::write(odd::log(&place).with_extension("log.go"), "").unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let refused = running.services.sessions.interrupt(&mara(), held.id).await;
    assert!(
        matches!(&refused, Err(Error::Unavailable(why)) if why.contains("told to end its turn")),
        "{refused:?}"
    );
    running.run("DROP TRIGGER held_up").await;
    running
        .until(held.id, "its words", |session| session.last.as_deref() == Some("words"))
        .await;
    // A mode asked for now comes after all earlier orders.
    running
        .services
        .sessions
        .set_mode(&mara(), held.id, Mode::Plan)
        .await
        .unwrap_err();
    assert_eq!(told(), 1, "{}", odd::read(&odd::log(&place)));
    running.close(true).await;
}
