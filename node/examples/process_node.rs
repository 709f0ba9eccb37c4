//! A miniature node for the tests of `node::process`: the shim's program, and a node that a test can kill. It has no
//! other use.
#![expect(clippy::print_stdout, reason = "it answers the test on its standard output")]

use model::id::RunId;
use node::{
    clock::Deps,
    process::{Output, Processes, ShimProgram, Spec, shim_main},
};
use std::{collections::BTreeMap, env, ffi::OsString, fs, path::PathBuf, process::ExitCode, time::Duration};

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    if args.first().is_some_and(|first| first == "shim") {
        return shim_main(args[1..].to_vec());
    }
    let args: Vec<String> = args
        .into_iter()
        .map(|arg| arg.into_string().expect("tests pass UTF-8"))
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    runtime.block_on(async {
        match args.as_slice() {
            ["start", runs, script, ids @ ..] => start(runs, script, ids).await,
            ["follow", runs, run] => follow(runs, run).await,
            _ => panic!("start RUNS SCRIPT RUN... | follow RUNS RUN"),
        }
    });
    ExitCode::SUCCESS
}

fn processes(runs: &str) -> Processes {
    let shim = ShimProgram {
        program: env::current_exe().expect("a program knows itself"),
        args: vec!["shim".into()],
    };
    Processes::new(PathBuf::from(runs), shim, Deps::system())
}

/// Starts every run with the script and its number, reads a part of each, writes each three lines, reports that and
/// stays.
async fn start(runs: &str, script: &str, ids: &[&str]) {
    let processes = processes(runs);
    // A file that a node has open and its shims must not.
    let _database = fs::File::create(format!("{runs}/node.db")).expect("the test's folder is writable");
    let mut started = tokio::task::JoinSet::new();
    for (number, id) in ids.iter().enumerate() {
        let (processes, run) = (processes.clone(), id.parse::<RunId>().expect("tests pass ids"));
        let args = vec!["-c".into(), script.to_owned(), "sh".into(), number.to_string()];
        let spec = Spec {
            program: "/bin/sh".into(),
            args,
            cwd: "/".into(),
            env: BTreeMap::new(),
        };
        started.spawn(async move {
            processes.start(run, &spec).await.expect("starts");
            let mut attached = processes.attach(run, 0).await.expect("attaches");
            attached.next().await.expect("says something");
            for n in 1..=3 {
                processes
                    .write(run, n, format!("line {n}").as_bytes())
                    .await
                    .expect("takes lines");
            }
        });
    }
    while let Some(joined) = started.join_next().await {
        joined.expect("no task panics");
    }
    println!("ready");
    tokio::time::sleep(Duration::from_mins(2)).await;
}

/// Follows a run to its end; prints what it gave and the memory that took.
async fn follow(runs: &str, run: &str) {
    let mut attached = processes(runs)
        .attach(run.parse().expect("tests pass ids"), 0)
        .await
        .expect("attaches");
    let (mut lines, mut bytes, mut cut) = (0_u64, 0_u64, 0_u64);
    loop {
        match attached.next().await {
            Some(Output::Line { end, cut: was_cut, .. }) => {
                lines += 1;
                bytes = end;
                cut += u64::from(was_cut);
            }
            Some(Output::Stderr(_)) => {}
            Some(Output::Exit(exit)) => {
                let status = fs::read_to_string("/proc/self/status").expect("/proc is there");
                let peak = status
                    .lines()
                    .find_map(|line| line.strip_prefix("VmHWM:"))
                    .expect("it says the peak");
                println!("{lines} {bytes} {cut} {} {exit:?}", peak.trim().trim_end_matches(" kB"));
                return;
            }
            None => panic!("the end comes before nothing"),
        }
    }
}
