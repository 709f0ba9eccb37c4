//! Callers that hang up at any moment: what was committed takes effect all the same, and rows and processes agree
//! afterwards.

use crate::{Running, Setup, mara, odd, open_as};
use futures::FutureExt;
use model::{
    PageQuery,
    approvals::{ApprovalFilter, ApprovalState, Decide},
    id::{ProjectId, SessionId},
    sessions::{AgentKind, Mode, NewSession, SessionState},
};
use node::store::testing::Place;
use std::{fs, path::PathBuf, pin::pin, time::Duration};

/// Asks about every prompt, and ends its turn with the answer.
const ASKS: &str = r#"n=0
while read -r line; do
  case "$line" in
    *'"subtype":"interrupt"'*) printf '%s\n' '{"type":"result","subtype":"error_during_execution","is_error":true,"num_turns":1,"errors":["[ede_diagnostic] interrupted"],"session_id":"s"}';;
    *'"type":"user"'*)
      n=$((n+1))
      printf '%s\n' '{"type":"system","subtype":"init","session_id":"s","model":"m","permissionMode":"default"}'
      printf '%s\n' '{"type":"control_request","request_id":"r'$$-$n'","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls"},"tool_use_id":"t'$$-$n'"}}';;
    *'"behavior"'*)
      printf '%s\n' '{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"done"}]}}'
      printf '%s\n' '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"","session_id":"s"}';;
  esac
done
"#;

/// The number of running agents of this test, by their script.
fn agents(place: &Place) -> usize {
    let script = place.config.data_dir.join("agent.sh").display().to_string();
    let runs = |path: PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.starts_with("/bin/sh") && line.contains(&script)
    };
    fs::read_dir("/proc")
        .unwrap()
        .filter(|entry| runs(entry.as_ref().unwrap().path()))
        .count()
}

/// A seeded generator: the test prints its seed when it fails.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Polls a call a few times or for a while, then drops it.
pub(crate) async fn hung_up<T>(call: impl Future<Output = T>, polls: u64, micros: u64) {
    let mut call = pin!(call);
    for _ in 0..polls {
        if call.as_mut().now_or_never().is_some() {
            return;
        }
        tokio::task::yield_now().await;
    }
    if micros > 0 {
        let _ = tokio::time::timeout(Duration::from_micros(micros), call).await;
    }
}

async fn pending(running: &Running, id: SessionId) -> Vec<model::id::ApprovalId> {
    let filter = ApprovalFilter {
        state: Some(ApprovalState::Pending),
        session: Some(id),
    };
    let items = running
        .services
        .approvals
        .list(&mara(), filter, PageQuery::default())
        .await
        .unwrap()
        .items;
    items.into_iter().map(|approval| approval.id).collect()
}

async fn create(running: &Running, project: ProjectId) -> SessionId {
    let new = NewSession {
        project: Some(project),
        folder: None,
        agent: AgentKind::Claude,
        mode: Mode::Ask,
        prompt: "first".into(),
        title: None,
        model: None,
        visibility: None,
    };
    running.services.sessions.create(&mara(), new).await.unwrap().id
}

/// Why a session's row disagrees with the truth; `None` when they agree.
async fn disagreement(running: &Running, id: SessionId) -> Option<String> {
    let session = running.services.sessions.find(&mara(), id).await.unwrap();
    let queued = running.services.sessions.view(&mara(), id).await.unwrap().queued.len();
    let asked = pending(running, id).await.len();
    let agrees = match session.state {
        SessionState::Done => session.run.is_none() && asked == 0,
        SessionState::Waiting => session.run.is_some() && asked > 0,
        SessionState::Idle | SessionState::Interrupted => queued == 0 && asked == 0,
        // The script ends each turn at once, so none stays under way.
        _ => false,
    };
    (!agrees).then(|| {
        format!(
            "{id}: {:?} {:?}, run {:?}, {queued} queued, {asked} asked",
            session.state, session.state_detail, session.run
        )
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_hangs_up_at_any_moment_leaves_rows_and_processes_that_agree() {
    const SESSIONS: usize = 6;
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    let claude = odd::agent(&place, &format!("{}{ASKS}", odd::GREETS));
    let running = open_as(
        &place,
        Setup {
            claude,
            agents_max: SESSIONS,
            ..Setup::default()
        },
    )
    .await;
    let demo = running.services.sessions.run_demo(&mara()).await.unwrap();
    running.services.sessions.stop(&mara(), demo.id).await.unwrap();
    running.until(demo.id, "its end", |session| session.run.is_none()).await;
    let mut ids = Vec::new();
    for _ in 0..SESSIONS {
        ids.push(create(&running, demo.project).await);
    }
    let seed = 0x9e37_79b9_7f4a_7c15;
    let mut dice = Dice(seed);
    for round in 0..500_u32 {
        let id = ids[usize::try_from(dice.below(SESSIONS as u64)).unwrap()];
        let (polls, micros) = (
            1 + dice.below(4),
            [0, 0, dice.below(500), dice.below(5_000)][usize::try_from(dice.below(4)).unwrap()],
        );
        let asked = pending(&running, id).await;
        let services = running.services.clone();
        match (dice.below(10), asked.first()) {
            (0..5, Some(asked)) => {
                hung_up(
                    services.approvals.decide(&mara(), *asked, Decide::allow()),
                    polls,
                    micros,
                )
                .await;
            }
            (5, _) => hung_up(services.sessions.stop(&mara(), id), polls, micros).await,
            (6, _) => hung_up(services.sessions.interrupt(&mara(), id), polls, micros).await,
            (7, _) => hung_up(services.sessions.resume(&mara(), id), polls, micros).await,
            _ => {
                hung_up(
                    services.sessions.prompt(&mara(), id, format!("round {round}")),
                    polls,
                    micros,
                )
                .await;
            }
        }
        tokio::time::sleep(Duration::from_micros(dice.below(8_000))).await;
    }
    // All questions are answered, so that only lost calls could be left under way.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(45);
    loop {
        let mut wrong = Vec::new();
        for id in &ids {
            for asked in pending(&running, *id).await {
                let _ = running.services.approvals.decide(&mara(), asked, Decide::allow()).await;
            }
            wrong.extend(disagreement(&running, *id).await);
        }
        let mut held = 0;
        for id in &ids {
            held += usize::from(running.session(*id).await.run.is_some());
        }
        let (places, alive) = (running.node.running(), agents(&place));
        if wrong.is_empty() && held == alive && places == alive {
            break;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "seed {seed:#x}: {wrong:#?}\n{held} rows, {places} places, {alive} processes"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    running.close(true).await;
    assert_eq!(agents(&place), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_sessions_agent_ends_though_whoever_deleted_it_hung_up() {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    let claude = odd::agent(&place, &format!("{}{ASKS}", odd::GREETS));
    let running = open_as(
        &place,
        Setup {
            claude,
            ..Setup::default()
        },
    )
    .await;
    let session = running.start_agent(AgentKind::Claude, Mode::Ask, "first").await;
    let asked = running.asked(session.id).await;
    running
        .services
        .approvals
        .decide(&mara(), asked.id, Decide::allow())
        .await
        .unwrap();
    running.state(session.id, SessionState::Idle).await;
    let services = running.services.clone();
    hung_up(services.sessions.delete(&mara(), session.id), 1, 0).await;
    for _ in 0..200 {
        if running.node.running() == 0 && agents(&place) == 0 {
            running.close(true).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the agent of a deleted session lives on");
}
