//! Runs of real processes: reattachment after the node was killed, whole-tree kills, exactly-once input, lost runs,
//! bounded memory. Waits are for conditions with a deadline, never for time alone.
#![expect(clippy::disallowed_methods, reason = "a test starts the node it kills")]

use model::{event::Exit, id::RunId};
use node::{
    clock::Deps,
    process::{ControlError, Limits, Output, Processes, ShimProgram, Signal, Spec, StartError},
};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The output of a run.
#[derive(Debug, Default)]
struct Given {
    bytes: Vec<u8>,
    stderr: Vec<String>,
    exit: Option<Exit>,
}

struct House {
    dir: TempDir,
    processes: Processes,
    deps: Deps,
}

impl House {
    fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    fn with_limits(limits: Limits) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join("runs")).expect("a folder");
        let deps = Deps::system();
        let processes = again(dir.path()).with_limits(limits);
        Self { dir, processes, deps }
    }

    fn runs(&self) -> PathBuf {
        self.dir.path().join("runs")
    }

    fn run(&self) -> RunId {
        RunId::from_uuid(self.deps.uuid_v7())
    }

    async fn start(&self, script: &str) -> RunId {
        let run = self.run();
        self.processes.start(run, &sh(script, run)).await.expect("starts");
        run
    }

    async fn all(&self, run: RunId, offset: u64) -> Given {
        all(&self.processes, run, offset).await
    }

    fn shim(&self, run: RunId) -> i32 {
        let text = fs::read_to_string(self.runs().join(run.to_string()).join("shim.json"))
            .expect("the shim has entered itself");
        let entered: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        i32::try_from(entered["pid"].as_i64().expect("a number")).expect("fits")
    }

    /// A node that starts a run for each id and can be killed.
    fn node(&self, script: &str, ids: &[RunId]) -> Child {
        let mut command = Command::new(program());
        command
            .arg("start")
            .arg(self.runs())
            .arg(script)
            .args(ids.iter().map(RunId::to_string));
        let mut node = command.stdout(Stdio::piped()).spawn().expect("the example is there");
        let mut line = String::new();
        BufReader::new(node.stdout.as_mut().expect("piped"))
            .read_line(&mut line)
            .expect("it says something");
        assert_eq!(line, "ready\n");
        node
    }
}

impl Drop for House {
    /// A failed test leaves nothing running either.
    fn drop(&mut self) {
        for folder in fs::read_dir(self.runs()).into_iter().flatten().flatten() {
            for pid in tagged(&folder.file_name().to_string_lossy()) {
                let _ = rustix::process::Pid::from_raw(pid)
                    .map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
            }
        }
    }
}

/// A new node on the same folder, without any memory.
fn again(dir: &Path) -> Processes {
    Processes::new(
        dir.join("runs"),
        ShimProgram {
            program: program(),
            args: vec!["shim".into()],
        },
        Deps::system(),
    )
}

fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows itself");
    let program = test
        .parent()
        .and_then(Path::parent)
        .expect("tests lie in target/*/deps")
        .join("examples/process_node");
    assert!(
        program.exists(),
        "build it first: cargo build -p node --example process_node"
    );
    program
}

/// A shell script as an agent. Its name contains the run, so that the test finds leftover processes.
fn sh(script: &str, run: RunId) -> Spec {
    Spec {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into(), format!("tag-{run}")],
        cwd: "/".into(),
        env: BTreeMap::new(),
    }
}

async fn all(processes: &Processes, run: RunId, offset: u64) -> Given {
    let mut attached = processes.attach(run, offset).await.expect("attaches");
    let mut given = Given::default();
    let mut at = offset;
    tokio::time::timeout(Duration::from_mins(1), async {
        while let Some(output) = attached.next().await {
            assert!(given.exit.is_none(), "nothing comes after the end");
            match output {
                Output::Line { end, bytes, cut } => {
                    assert!(!cut);
                    let length = u64::try_from(bytes.len()).expect("fits");
                    given.bytes.extend(bytes);
                    if end == at + length + 1 {
                        given.bytes.push(b'\n');
                    } else {
                        assert_eq!(end, at + length, "only the last line may lack its line feed");
                    }
                    at = end;
                }
                Output::Stderr(line) => given.stderr.push(line),
                Output::Exit(exit) => given.exit = Some(exit),
            }
        }
    })
    .await
    .expect("it ends in time");
    given
}

#[tokio::test]
async fn what_an_agent_runs_cannot_speak_in_its_name_by_opening_its_output() {
    let house = House::new();
    // The inner shell stands for what an agent runs as a tool.
    let inner = "for fd in 0 1; do echo forged > /proc/$AGENT/fd/$fd && echo opened; done; cat < /proc/$AGENT/fd/0 && echo read";
    let script = format!(
        "export AGENT=$$; echo mine; read -r line; echo \"$line\"; said=$(sh -c '{inner}' 2>&1); echo \"$said\" | grep -c -e opened -e read; exit 0"
    );
    let run = house.start(&script).await;
    house
        .processes
        .write(run, 1, b"hello")
        .await
        .expect("the agent takes a line");
    let given = house.all(run, 0).await;
    assert_eq!(String::from_utf8_lossy(&given.bytes), "mine\nhello\n0\n", "{given:?}");
}

/// Processes with the text in their command line.
fn tagged(text: &str) -> Vec<i32> {
    let holds = |pid: &i32| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(text))
    };
    fs::read_dir("/proc")
        .expect("/proc is there")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(holds)
        .collect()
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is there");
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come true");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_runs_outlive_a_killed_node_byte_for_byte() {
    const SCRIPT: &str = "i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo \"line $i of run $1, some words to fill it\"; \
        [ $((i % 150)) = 0 ] && sleep 0.3; done; for n in 1 2 3; do read -r line; echo \"heard $line\"; done; echo sorry >&2; exit $1";
    let house = House::new();
    let mut ids: Vec<RunId> = (0..20).map(|_| house.run()).collect();
    ids.sort();
    let mut node = house.node(SCRIPT, &ids);
    let node_id = node.id();
    node.kill().expect("it runs");
    node.wait().expect("it is ours");

    let mut followed = tokio::task::JoinSet::new();
    for (number, run) in ids.iter().copied().enumerate() {
        // A returning node reads on from its last commit, here after some lines, and gets what a first reader gets.
        let (processes, from) = (again(house.dir.path()), number * 37);
        let shim = house.shim(run);
        for descriptor in fs::read_dir(format!("/proc/{shim}/fd")).into_iter().flatten().flatten() {
            let target = fs::read_link(descriptor.path()).unwrap_or_default();
            assert!(!target.ends_with("node.db"), "a shim holds a file of its node");
        }
        followed.spawn(async move {
            let mut expected = (1..=600).fold(String::new(), |text, i| {
                text + &format!("line {i} of run {number}, some words to fill it\n")
            });
            let skipped: usize = expected.lines().take(from).map(|line| line.len() + 1).sum();
            expected += "heard line 1\nheard line 2\nheard line 3\n";
            let offset = u64::try_from(skipped).expect("fits");
            let (one, two) = tokio::join!(all(&processes, run, 0), all(&processes, run, offset));
            assert_eq!(blake3::hash(&one.bytes), blake3::hash(expected.as_bytes()));
            assert_eq!(blake3::hash(&two.bytes), blake3::hash(&expected.as_bytes()[skipped..]));
            assert_eq!(
                one.exit,
                Some(Exit::Code {
                    code: i32::try_from(number).expect("fits")
                })
            );
            assert_eq!(two.exit, one.exit);
            assert_eq!(one.stderr, ["sorry"]);
        });
        let parent = fs::read_to_string(format!("/proc/{shim}/stat"))
            .ok()
            .and_then(|stat| stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok());
        assert_ne!(parent, Some(node_id), "a shim is nobody's child");
    }
    while let Some(joined) = followed.join_next().await {
        joined.expect("every run is whole");
    }
    assert_eq!(house.processes.list().await, ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_hears_each_line_exactly_once_across_restarts_of_the_node() {
    let house = House::new();
    let run = house.run();
    let mut node = house.node(
        "echo up; while read -r line; do echo \"heard $line\"; done; echo over",
        &[run],
    );
    node.kill().expect("it runs");
    node.wait().expect("it is ours");
    // The returning node does not know which of its lines arrived, so it sends all again.
    for round in 1..=2 {
        let processes = again(house.dir.path());
        for n in 1..=5 {
            processes
                .write(run, n, format!("line {n}").as_bytes())
                .await
                .unwrap_or_else(|error| panic!("round {round}, line {n}: {error}"));
        }
    }
    assert!(matches!(
        house.processes.write(run, 7, b"too early").await,
        Err(ControlError::Gap(6))
    ));
    assert!(matches!(
        house.processes.write(run, 6, b"two\nlines").await,
        Err(ControlError::BadLine)
    ));
    house.processes.close_stdin(run).await.expect("closes");
    let given = house.all(run, 0).await;
    assert_eq!(
        String::from_utf8_lossy(&given.bytes),
        "up\nheard line 1\nheard line 2\nheard line 3\nheard line 4\nheard line 5\nover\n"
    );
    assert_eq!(given.exit, Some(Exit::Code { code: 0 }));
    assert!(matches!(
        house.processes.write(run, 6, b"too late").await,
        Err(ControlError::Ended)
    ));
}

/// Children that ignore SIGTERM, have their own sessions, are forked twice, stopped, or multiply.
const NASTY: &str = "trap '' TERM HUP INT
    loop='trap \"\" TERM HUP INT; while :; do sleep 0.05; done'
    sh -c \"$loop\" $0 &
    (setsid sh -c \"$loop\" $0 &)
    (setsid sh -c \"while :; do (setsid sh -c 'trap : TERM; sleep 1; sleep 1; sleep 1' $0 &); sleep 0.3; done\" $0 &)
    (setsid sh -c \"kill -STOP \\$\\$; sleep 100\" $0 &)";
/// A child that has dropped its environment as well.
const UNMARKED: &str = "(env -i /usr/bin/setsid /bin/sh -c \"(trap '' TERM; exec /bin/sh -c '$(echo \"$loop\" | tr '\"' ' ')' $0) &\" $0 &);";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_tree_is_left_however_it_tries_to_get_away() {
    let house = House::new();
    let mut ended = tokio::task::JoinSet::new();
    for number in 0..8 {
        // A child without the mark can only be found by its place in the tree, which is lost with the shim.
        let hidden = if number % 2 == 0 { UNMARKED } else { "" };
        let run = house
            .start(&format!("{NASTY}; {hidden} echo up; while :; do sleep 0.1; done"))
            .await;
        let (processes, shim) = (house.processes.clone(), house.shim(run));
        ended.spawn(async move {
            let tag = format!("tag-{run}");
            until("the children", || tagged(&tag).len() >= 6).await;
            let began = Instant::now();
            // In every second run the shim is killed first, and the node finds the rest alone.
            let lost = number % 2 == 1;
            if lost {
                kill(shim);
            }
            processes
                .kill_tree(run, Duration::from_millis(300))
                .await
                .expect("everything can be ended");
            let took = began.elapsed();
            assert!(took < Duration::from_secs(12), "took {took:?}");
            let left = tagged(&tag);
            assert!(left.is_empty(), "left: {left:?}");
            let exit = all(&processes, run, 0).await.exit;
            assert_eq!(exit, Some(if lost { Exit::Lost } else { Exit::Signal { signal: 9 } }));
        });
    }
    while let Some(joined) = ended.join_next().await {
        joined.expect("every tree is gone");
    }
}

/// A child that leaves the tree before its shim is gone: no mark, a session of its own, a dead parent.
const ESCAPED: &str = "env -i /usr/bin/setsid /bin/sh -c '(trap \"\" TERM; while :; do sleep 0.1; done) & sleep 0.1' $0; echo up; exec sleep 100";

#[tokio::test(flavor = "multi_thread")]
async fn what_got_away_before_its_shim_was_killed_is_held_by_the_control_group() {
    let house = House::new();
    if !house.processes.are_contained().await {
        eprintln!("!!! SKIPPED: this machine lets us make no control group of version 2");
        return;
    }
    let run = house.start(ESCAPED).await;
    let mut attached = house.processes.attach(run, 0).await.expect("attaches");
    assert!(matches!(attached.next().await, Some(Output::Line { .. })), "it is up");
    let tag = format!("tag-{run}");
    let escaped = tagged(&tag)
        .into_iter()
        .filter(|pid| {
            !fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|own| String::from_utf8_lossy(&own).contains("ORCHWIZ_RUN="))
        })
        .count();
    assert!(escaped > 0, "nothing got away");
    let group = PathBuf::from(
        fs::read_to_string(house.runs().join(run.to_string()).join("cgroup")).expect("it is written down"),
    );
    assert!(group.is_dir());
    kill(house.shim(run));
    // A new node finds the shim dead.
    assert_eq!(all(&again(house.dir.path()), run, 0).await.exit, Some(Exit::Lost));
    assert_eq!(tagged(&tag), [] as [i32; 0], "left");
    assert!(!group.exists(), "the group itself goes too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_shim_is_gone_is_lost_and_nothing_of_it_goes_on() {
    let house = House::new();
    let run = house.start("echo before; echo half; exec sleep 100").await;
    let mut attached = house.processes.attach(run, 0).await.expect("attaches");
    for _ in 0..2 {
        assert!(matches!(attached.next().await, Some(Output::Line { .. })));
    }
    kill(house.shim(run));
    let given = house.all(run, 0).await;
    assert_eq!(String::from_utf8_lossy(&given.bytes), "before\nhalf\n");
    assert_eq!(given.exit, Some(Exit::Lost));
    let left = tagged(&format!("tag-{run}"));
    assert!(left.is_empty(), "left: {left:?}");
    assert!(matches!(
        house.processes.write(run, 1, b"hello").await,
        Err(ControlError::Ended)
    ));
    assert!(
        matches!(
            house.processes.start(run, &sh("echo again", run)).await,
            Err(StartError::Exists)
        ),
        "an id is used once"
    );
    // A second look gives the same result.
    assert_eq!(all(&again(house.dir.path()), run, 0).await.exit, Some(Exit::Lost));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_given_up_before_its_shim_came_up_never_starts() {
    let house = House::new();
    let run = house.run();
    // The state after a node was killed right after it created the directory.
    fs::create_dir(house.runs().join(run.to_string())).expect("a folder");
    let given = house.all(run, 0).await;
    assert!(matches!(given.exit, Some(Exit::NotStarted { .. })), "{:?}", given.exit);
    // A late shim must find that the run is claimed already.
    let launch = serde_json::json!({"run": run, "program": "/bin/sh", "args": ["-c", "echo too late"], "cwd": "/", "env": {}, "stdout": 1000, "stderr": 1000});
    let mut late = Command::new(program());
    late.arg("shim")
        .arg(house.runs().join(run.to_string()))
        .arg("--stay")
        .stdin(Stdio::piped())
        .stderr(Stdio::null());
    let mut late = late.spawn().expect("starts");
    serde_json::to_writer(late.stdin.take().expect("piped"), &launch).expect("writes");
    assert!(!late.wait().expect("ends").success());
    assert!(!house.runs().join(run.to_string()).join("out").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why() {
    let house = House::new();
    let busy = house.dir.path().join("busy");
    fs::copy("/bin/true", &busy).expect("copies");
    let _writing = fs::OpenOptions::new().write(true).open(&busy).expect("opens");
    let spec = |program: &str, cwd: &str| Spec {
        program: program.into(),
        args: vec![],
        cwd: cwd.into(),
        env: BTreeMap::new(),
    };
    let table = [
        (spec("/there/is/no/such/program", "/"), "is not there"),
        (
            spec("/bin/sh", "/there/is/no/such/folder"),
            "the folder /there/is/no/such/folder is not there",
        ),
        (spec("/etc/passwd", "/"), "may not be executed"),
        (spec("sh", "/"), "is not an absolute path"),
        (spec(busy.to_str().expect("UTF-8"), "/"), "is being written"),
        (
            Spec {
                args: vec!["a\0b".into()],
                ..spec("/bin/sh", "/")
            },
            "NUL",
        ),
        (
            Spec {
                env: BTreeMap::from([("A=B".into(), "c".into())]),
                ..spec("/bin/sh", "/")
            },
            "not a name of a variable",
        ),
    ];
    for (spec, part) in table {
        let run = house.run();
        match house.processes.start(run, &spec).await {
            Err(StartError::NotStarted(why)) => assert!(why.contains(part), "{why:?} does not say {part:?}"),
            other => panic!("{spec:?}: {other:?}"),
        }
        assert!(matches!(house.all(run, 0).await.exit, Some(Exit::NotStarted { .. })));
    }
    let nobody = Processes::new(
        house.runs(),
        ShimProgram {
            program: "/no/shim".into(),
            args: vec![],
        },
        Deps::system(),
    );
    assert!(matches!(
        nobody.start(house.run(), &spec("/bin/sh", "/")).await,
        Err(StartError::NotStarted(_))
    ));
    assert!(matches!(
        house.processes.attach(house.run(), 0).await,
        Err(node::process::AttachError::Unknown)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn output_without_measure_takes_bounded_memory() {
    let house = House::new();
    let lines = house
        .start("yes 'a line of some forty bytes, over and over' | head -c 200000000")
        .await;
    let endless = house.start("head -c 100000000 /dev/zero").await;
    for (run, expected, most_kb) in [
        (lines, "4761905 200000000 0", 40_000),
        (endless, "1 100000000 1", 60_000),
    ] {
        let shim = house.shim(run);
        let mut command = Command::new(program());
        let follow = command
            .arg("follow")
            .arg(house.runs())
            .arg(run.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut shim_peak = 0_u64;
        let waited = tokio::task::spawn_blocking(move || follow.wait_with_output().expect("ends"));
        while !waited.is_finished() {
            let status = fs::read_to_string(format!("/proc/{shim}/status")).unwrap_or_default();
            let peak = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:")?.trim().trim_end_matches(" kB").parse().ok());
            shim_peak = shim_peak.max(peak.unwrap_or(0));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let said = String::from_utf8(waited.await.expect("no panic").stdout).expect("UTF-8");
        let (counts, rest) = said
            .trim()
            .rsplit_once(" Code")
            .unwrap_or((&said, ""))
            .0
            .rsplit_once(' ')
            .expect("five words");
        assert_eq!(counts, expected, "{said}");
        let peak: u64 = rest.parse().expect("a number");
        eprintln!("follower {peak} kB, shim {shim_peak} kB at most");
        assert!(peak < most_kb, "the follower took {peak} kB");
        assert!(shim_peak < 20_000, "the shim took {shim_peak} kB");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_writes_more_than_the_limit_is_ended_and_the_record_says_so() {
    let house = House::with_limits(Limits {
        stdout: 100_000,
        stderr: 1_000,
    });
    let run = house
        .start("i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo complaint number $i >&2; done; exec yes")
        .await;
    let given = house.all(run, 0).await;
    assert_eq!(given.bytes.len(), 100_000);
    assert_eq!(given.exit, Some(Exit::Signal { signal: 15 }));
    let stderr = given.stderr.join("\n");
    assert!(
        stderr.contains("[more of it was left out]") && stderr.len() < 1_200,
        "{stderr}"
    );
    assert!(stderr.contains("it wrote more than 100000 bytes"), "{stderr}");
    assert!(house.processes.stderr_tail(run, 60).await.contains("100000 bytes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_gets_a_clean_environment_a_group_of_its_own_and_signals() {
    let house = House::new();
    let run = house.run();
    let mut spec = sh(
        "env | sed 's/=.*//' | sort; echo \"$MINE\"; trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.05; done",
        run,
    );
    spec.env = BTreeMap::from([
        ("MINE".into(), "a b \"c\" $HOME".into()),
        ("GIT_DIR".into(), "x".into()),
        ("CLAUDECODE".into(), "1".into()),
    ]);
    house.processes.start(run, &spec).await.expect("starts");
    let mut attached = house.processes.attach(run, 0).await.expect("attaches");
    let mut names = Vec::new();
    loop {
        match attached.next().await {
            Some(Output::Line { bytes, .. }) if bytes == b"ready" => break,
            Some(Output::Line { bytes, .. }) => names.push(String::from_utf8(bytes).expect("UTF-8")),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names.pop().as_deref(), Some("a b \"c\" $HOME"));
    // Variables that the shell sets itself are left out.
    let passes = |name: &str| {
        [
            "PATH",
            "HOME",
            "LANG",
            "TERM",
            "TMPDIR",
            "MINE",
            "ORCHWIZ_RUN",
            "PWD",
            "OLDPWD",
            "SHLVL",
            "_",
        ]
        .contains(&name)
            || ["SSL_CERT_", "ANTHROPIC_", "CLAUDE_", "DISABLE_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
            || name.to_ascii_uppercase().ends_with("_PROXY")
    };
    for name in &names {
        assert!(passes(name), "{name} got through");
    }
    house.processes.signal(run, Signal::Interrupt).await.expect("signals");
    let given = house.all(run, 0).await;
    assert!(given.bytes.ends_with(b"interrupted\n"));
    assert_eq!(given.exit, Some(Exit::Code { code: 7 }));
    assert!(matches!(
        house.processes.signal(run, Signal::Kill).await,
        Err(ControlError::Ended)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_leaves_behind_when_it_ends_is_ended_too() {
    let house = House::new();
    let run = house
        .start("(setsid sh -c 'sleep 100; sleep 100' $0 &); echo done; exit 3")
        .await;
    let given = house.all(run, 0).await;
    assert_eq!(given.exit, Some(Exit::Code { code: 3 }));
    let left = tagged(&format!("tag-{run}"));
    assert!(left.is_empty(), "left: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_run_can_be_packed_read_and_removed() {
    let house = House::new();
    let run = house.start("seq 1 200000; printf rest").await;
    assert!(matches!(
        house.processes.compress(house.run()).await,
        Err(ControlError::Unknown)
    ));
    let plain = house.all(run, 0).await.bytes;
    let raw = house.processes.raw(run, 0, 3).await.expect("reads");
    assert_eq!(raw, [(0, b"1".to_vec()), (2, b"2".to_vec()), (4, b"3".to_vec())]);
    house.processes.compress(run).await.expect("packs");
    assert!(house.all(run, 0).await.bytes == plain);
    assert_eq!(house.processes.raw(run, 0, 3).await.expect("reads"), raw);
    let end = u64::try_from(plain.len()).expect("fits");
    for inside in [1, end - 10, end + 1, u64::MAX] {
        assert!(
            house.processes.raw(run, inside, 3).await.is_err(),
            "{inside} is not where a line starts"
        );
    }
    assert_eq!(
        house.processes.raw(run, end - 11, 9).await.expect("reads"),
        [(end - 11, b"200000".to_vec()), (end - 4, b"rest".to_vec())]
    );
    house.processes.discard(run).await.expect("removes");
    assert!(house.processes.list().await.is_empty());
    let running = house.start("exec sleep 100").await;
    assert!(
        matches!(house.processes.discard(running).await, Err(ControlError::Stalled)),
        "a run that goes on is kept"
    );
    house
        .processes
        .kill_tree(running, Duration::from_secs(1))
        .await
        .expect("ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deep_data_directory_is_no_obstacle() {
    let dir = tempfile::tempdir().expect("a folder");
    let runs = dir.path().join("a-folder-with-a-rather-long-name/".repeat(6));
    let processes = Processes::new(
        runs,
        ShimProgram {
            program: program(),
            args: vec!["shim".into()],
        },
        Deps::system(),
    );
    let run = RunId::from_uuid(Deps::system().uuid_v7());
    processes
        .start(run, &sh("read -r line; echo \"heard $line\"", run))
        .await
        .expect("starts");
    processes.write(run, 1, b"you").await.expect("writes");
    assert_eq!(all(&processes, run, 0).await.bytes, b"heard you\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_gains_no_rights_and_leaves_no_core() {
    let house = House::new();
    let run = house
        .start("grep NoNewPrivs /proc/self/status; ulimit -c; ulimit -Hc")
        .await;
    assert_eq!(house.all(run, 0).await.bytes, b"NoNewPrivs:\t1\n0\n0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_given_aside_takes_no_number() {
    let house = House::new();
    let run = house
        .start("for i in 1 2 3; do read -r line; echo \"heard $line\"; done")
        .await;
    house.processes.write(run, 1, b"one").await.expect("writes");
    house.processes.aside(run, b"aside").await.expect("writes");
    house
        .processes
        .write(run, 2, b"two")
        .await
        .expect("the second line comes second");
    assert_eq!(house.all(run, 0).await.bytes, b"heard one\nheard aside\nheard two\n");
}
