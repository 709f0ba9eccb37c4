//! A test that fails while its agents run leaves nothing behind.

use crate::{Setup, mara, odd, open_as};
use model::sessions::{AgentKind, Mode, SessionState};
use node::store::testing::Place;
use std::{fs, path::PathBuf};
use tokio::sync::oneshot;

/// The processes with this folder in their arguments or environment, or with one of these marks.
fn running(folder: &str, marks: &[String]) -> Vec<String> {
    let own = std::process::id().to_string();
    let all = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    all.filter(|pid| pid.parse::<u32>().is_ok() && *pid != own)
        .filter_map(|pid| {
            let read = |what: &str| {
                String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default()).replace('\0', " ")
            };
            let (arguments, environment) = (read("cmdline"), read("environ"));
            let ours = arguments.contains(folder)
                || environment.contains(folder)
                || marks.iter().any(|mark| environment.contains(mark));
            ours.then_some(arguments)
        })
        .collect()
}

/// A test that fails while its agents run and never closes its node.
async fn fails(told: oneshot::Sender<(PathBuf, Vec<String>)>, seen: oneshot::Receiver<()>) {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    let script = format!(
        "{}read -r prompt\nsleep 1000 &\nprintf '%s\\n' '{{\"type\":\"keep_alive\"}}'\nexec sleep 1000",
        odd::GREETS
    );
    let claude = odd::agent(&place, &script);
    let running = open_as(
        &place,
        Setup {
            claude,
            pace: "human",
            ..Setup::default()
        },
    )
    .await;
    let own = running.start_agent(AgentKind::Claude, Mode::Ask, "sleep").await;
    let demo = running.start(Mode::AutoAccept, "slow").await;
    let mut marks = Vec::new();
    for id in [own.id, demo.id] {
        let session = running.state(id, SessionState::Working).await;
        marks.push(format!("{}={}", node::process::MARK, session.run.expect("it runs")));
    }
    // A queued session may start as soon as there is room.
    running
        .services
        .sessions
        .prompt(&mara(), own.id, "and then".into())
        .await
        .unwrap();
    told.send((place.config.data_dir.clone(), marks)).unwrap();
    seen.await.unwrap();
    panic!("as a test does that fails");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_panics_leaves_no_agent_no_shim_and_no_folder() {
    let (told, hears) = oneshot::channel();
    let (looked, seen) = oneshot::channel();
    let failed = tokio::spawn(fails(told, seen));
    let (folder, marks) = hears.await.expect("its agents run");
    let there = running(&folder.display().to_string(), &marks);
    assert!(
        there.len() >= 5,
        "two shims, two agents, and what one of them started: {there:#?}"
    );
    looked.send(()).unwrap();
    assert!(failed.await.unwrap_err().is_panic());
    let left = running(&folder.display().to_string(), &marks);
    assert!(left.is_empty(), "{left:#?} still run");
    assert!(!folder.exists(), "its folder is still there");
}
