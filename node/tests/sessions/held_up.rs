//! Runners that fail or are held up: whoever supervises them notices, and nothing else waits for them.

use crate::{SOON, Setup, mara, odd, open_as};
use model::{
    id::PromptId,
    sessions::{AgentKind, Mode, SessionState},
};
use node::{
    agents::{self, AgentEvent, Answer, Driver, Start},
    process::Spec,
    store::testing::Place,
};
use std::fs;

/// A driver that has a fault: it panics at one word.
struct Faulty(Box<dyn Driver>);

impl Driver for Faulty {
    fn spec(&self, start: &Start) -> Spec {
        self.0.spec(start)
    }
    fn hello(&mut self) -> Vec<Vec<u8>> {
        self.0.hello()
    }
    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        assert!(!String::from_utf8_lossy(line).contains("the fault"), "a fault of the driver");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_panics_ends_its_agent_says_why_and_leaves_its_place() {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    let script = format!(
        r#"{}echo $$ >> "$log"
while read -r line; do
  case "$line" in
    *fault*) printf '%s\n' 'the fault';;
    *'"type":"user"'*)
      printf '%s\n' '{{"type":"system","subtype":"init","session_id":"s","model":"m","permissionMode":"default"}}'
      printf '%s\n' '{{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"","session_id":"s"}}';;
  esac
done
"#,
        odd::GREETS
    );
    let claude = odd::agent(&place, &script);
    let driver: fn(AgentKind) -> Box<dyn Driver> = |agent| Box::new(Faulty(agents::driver(agent)));
    let running = open_as(&place, Setup { claude, driver, agents_max: 1, ..Setup::default() }).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "a fault").await;
    let broken = running.state(session.id, SessionState::Unknown).await;
    let why = broken.state_detail.unwrap();
    assert!(why.contains("this node failed") && why.contains("a fault of the driver"), "{why}");
    assert_eq!(broken.run, None);
    let first = odd::read(&odd::log(&place)).trim().to_owned();
    assert!(!fs::exists(format!("/proc/{first}")).unwrap(), "its agent writes on");
    // Its place is free, and the session goes on with another process.
    running.services.sessions.prompt(&mara(), session.id, "hello".into()).await.unwrap();
    running.until(session.id, "its second turn", |session| session.turns == 2 && session.state == SessionState::Idle).await;
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_an_agent_that_reads_nothing() {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    // It greets and never reads again: a long prompt fills its pipe, and its runner waits for room in there.
    let claude = odd::agent(&place, &format!("{}exec sleep 1000", odd::GREETS));
    let running = open_as(&place, Setup { claude, ..Setup::default() }).await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, &"long ".repeat(19_000)).await;
    running.state(session.id, SessionState::Working).await;
    let before = tokio::time::Instant::now();
    running.services.sessions.stop(&mara(), session.id).await.unwrap();
    let gone = async {
        while running.session(session.id).await.run.is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("it ends");
    assert!(before.elapsed() < std::time::Duration::from_secs(15), "{:?}", before.elapsed());
    running.close(true).await;
}
