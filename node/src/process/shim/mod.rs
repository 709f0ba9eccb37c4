//! The shim: holds one agent's input and output, stores what it prints, and records its end. It is the node's own
//! binary in a process of its own, and works without a living node. It must not interpret the output.

mod control;
mod keep;

use super::{
    Limits,
    cgroup::Cgroup,
    environment::MARK,
    identity::Identity,
    open_files,
    run_dir::{Record, RunDir},
    tree::Tree,
};
use model::event::Exit;
use rustix::process::{Pid, Resource, Rlimit, WaitId, WaitIdOptions, WaitOptions};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

/// The argument that marks the shim's second execution.
const STAY: &str = "--stay";
/// How long the tree of an ended agent may take to end by itself.
const LEFTOVER_GRACE: Duration = Duration::from_secs(2);
/// How long an agent may take to end when the machine shuts down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// How long an output that is still open is waited for when the tree is gone: only a stranger can hold it.
const STRANGER: Duration = Duration::from_secs(2);

/// The node's message on the shim's standard input, so that no secret touches the disk.
#[derive(Serialize, Deserialize)]
pub(super) struct Launch {
    pub run: String,
    pub program: PathBuf,
    pub args: Vec<String>,
    pub cwd: PathBuf,
    pub env: BTreeMap<String, String>,
    pub stdout: u64,
    pub stderr: u64,
    /// The soft limit of open files; the node has raised its own.
    #[serde(default)]
    pub open_files: Option<u64>,
}

/// The state that the shim's threads share.
struct Shim {
    dir: RunDir,
    tree: Tree,
    limits: Limits,
    stdin: Mutex<Input>,
    agent: Mutex<Agent>,
    /// The number of changes: output stored, or the run ended.
    changes: Mutex<u64>,
    changed: Condvar,
}

/// The agent's input and its last line's number.
struct Input {
    pipe: Option<UnixStream>,
    last: u64,
}

/// The agent's process. Its pid stays its own until it is reaped.
struct Agent {
    pid: Pid,
    exit: Option<Exit>,
    note: Option<String>,
}

impl Shim {
    fn change(&self) {
        *hold(&self.changes) += 1;
        self.changed.notify_all();
    }

    /// Ends the tree for a reason that the shim found; the first reason is recorded.
    fn give_up(self: &Arc<Self>, why: String) {
        hold(&self.agent).note.get_or_insert(why);
        let shim = self.clone();
        thread::spawn(move || shim.tree.end(LEFTOVER_GRACE));
    }
}

/// Locks despite poisoning: no holder leaves things half done, and a panic elsewhere must not stop the shim.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a shim (`orchwiz shim <run dir>`) with the arguments after `shim`. Must run before any thread starts.
pub fn shim_main(args: Vec<OsString>) -> ExitCode {
    let result = match args.as_slice() {
        [_] => detach(),
        [dir, stay] if stay.as_os_str() == STAY => stay_with(Path::new(dir)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a shim takes the directory of a run; the node starts it, not people",
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the run's `shim.log`.
            let _ = writeln!(io::stderr(), "shim: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Turns off core dumps for this process and its children, because its memory holds secrets.
pub fn no_core_dumps() {
    // Lowering a limit never fails.
    let _ = rustix::process::setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
}

/// The first execution: starts the second one in a session of its own and ends, so that the shim is no child of the
/// node.
fn detach() -> io::Result<()> {
    // `setsid` fails for the leader of a process group. That does no harm: the second execution leads none.
    let _ = rustix::process::setsid();
    let mut all = env::args_os();
    let name = all.next().unwrap_or_else(|| OsString::from("orchwiz"));
    // `/proc/self/exe` is the same program even after an upgrade has replaced its file.
    command("/proc/self/exe".as_ref())
        .arg0(name)
        .args(all)
        .arg(STAY)
        .stdin(Stdio::inherit())
        .spawn()
        .map(drop)
}

fn stay_with(dir: &Path) -> io::Result<()> {
    let _ = rustix::process::setsid();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    env::set_current_dir("/")?;
    no_core_dumps();
    // The agent's processes gain no rights beyond the node's through setuid files. Without kernel support the shim goes
    // on.
    let _ = rustix::thread::set_no_new_privs(true);
    let mut launch = Vec::new();
    io::stdin().read_to_end(&mut launch)?;
    let launch: Launch = serde_json::from_slice(&launch)?;
    if let Some(soft) = launch.open_files {
        open_files::keep_to(soft);
    }
    let dir = RunDir::at(dir.to_owned());
    let own = Identity::own()?;
    if !dir.claim(&own)? {
        return Err(io::Error::other("this run was given up before its shim came up"));
    }
    let mut out = RunDir::append(&dir.stdout())?;
    let err = RunDir::append(&dir.stderr())?;
    let (_dir_kept_open, socket) = dir.socket()?;
    let listener = control::bind(&socket)?;

    let cgroup = Cgroup::of(&launch.run);
    let started = match &cgroup {
        // Recorded before its use: whoever finds the shim dead must find the group too.
        Some(cgroup) => dir
            .write_cgroup(cgroup)
            .and_then(|()| cgroup.spawn_inside(|| start(&launch)))?,
        None => None,
    };
    let started = started.unwrap_or_else(|| start(&launch));
    let Started {
        mut agent,
        stdin,
        stdout,
    } = match started {
        Ok(started) => started,
        Err(why) => {
            cgroup.iter().for_each(Cgroup::remove);
            return keep::insist(|| {
                dir.write_record(&Record {
                    exit: Exit::NotStarted { why: why.clone() },
                    note: None,
                })
            });
        }
    };
    let pid = Pid::from_child(&agent);
    let stderr = agent.stderr.take();
    let shim = Arc::new(Shim {
        tree: Tree::inside(launch.run, own.pid, own.start, cgroup),
        limits: Limits {
            stdout: launch.stdout,
            stderr: launch.stderr,
        },
        dir,
        stdin: Mutex::new(Input {
            pipe: Some(stdin),
            last: 0,
        }),
        agent: Mutex::new(Agent {
            pid,
            exit: None,
            note: None,
        }),
        changes: Mutex::new(0),
        changed: Condvar::new(),
    });

    let (done, ended) = mpsc::channel();
    thread::spawn({
        let (shim, done) = (shim.clone(), done.clone());
        move || {
            keep::stdout(&shim, stdout, &mut out);
            let _ = done.send(());
        }
    });
    if let Some(stderr) = stderr {
        let shim = shim.clone();
        let mut err = err.try_clone()?;
        thread::spawn(move || {
            keep::stderr(&shim, stderr, &mut err);
            let _ = done.send(());
        });
    }
    thread::spawn({
        let shim = shim.clone();
        move || control::serve(&shim, &listener)
    });
    thread::spawn({
        let shim = shim.clone();
        move || heed_signals(&shim)
    });

    let exit = reap_until_the_agent_ends(&shim, pid)?;
    thread::spawn(reap_the_rest);
    shim.tree.end(LEFTOVER_GRACE);
    for _ in 0..2 {
        let _ = ended.recv_timeout(STRANGER);
    }
    let note = hold(&shim.agent).note.clone();
    if let Some(note) = &note {
        keep::last_words(&shim.dir, note);
    }
    let record = Record { exit, note };
    keep::insist(|| {
        File::open(shim.dir.stdout())?
            .sync_all()
            .and_then(|()| shim.dir.write_record(&record))
    })?;
    shim.change();
    Ok(())
}

fn command(program: &OsStr) -> Command {
    #[expect(clippy::disallowed_methods, reason = "this module is the one that spawns")]
    Command::new(program)
}

/// A started agent and our ends of its input and output.
struct Started {
    agent: Child,
    stdin: UnixStream,
    stdout: UnixStream,
}

/// Starts the agent; `Err` is a sentence.
///
/// Input and output are sockets, not pipes. A pipe can be opened again through `/proc/PID/fd`, so any command of the
/// agent could speak in its name with one `echo`. A socket cannot be opened.
fn start(launch: &Launch) -> Result<Started, String> {
    let program = launch.program.display();
    if !launch.program.is_absolute() {
        return Err(format!("the agent's program {program} is not an absolute path"));
    }
    if !launch.cwd.is_dir() {
        return Err(format!(
            "the folder {} is not there, or cannot be entered",
            launch.cwd.display()
        ));
    }
    let mut agent = command(launch.program.as_os_str());
    agent
        .args(&launch.args)
        .current_dir(&launch.cwd)
        .env_clear()
        .envs(&launch.env)
        .env(MARK, &launch.run);
    let sockets = UnixStream::pair().and_then(|stdin| Ok((stdin, UnixStream::pair()?)));
    let ((stdin, its_stdin), (stdout, its_stdout)) =
        sockets.map_err(|error| format!("the agent's input and output could not be made: {error}"))?;
    agent
        .stdin(OwnedFd::from(its_stdin))
        .stdout(OwnedFd::from(its_stdout))
        .stderr(Stdio::piped())
        .process_group(0);
    let mut tries = 0;
    loop {
        match agent.spawn() {
            // This drops our copies of the agent's ends; otherwise its end of output would never be seen.
            Ok(child) => {
                return Ok(Started {
                    agent: child,
                    stdin,
                    stdout,
                });
            }
            // Some process still has the program open for writing, for example an update that is about to finish.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < 20 => {
                tries += 1;
                thread::sleep(Duration::from_millis(50));
            }
            Err(error) => {
                return Err(match error.kind() {
                    io::ErrorKind::NotFound => {
                        format!("the agent's program {program} is not there, or its interpreter is missing")
                    }
                    io::ErrorKind::PermissionDenied => {
                        format!("the agent's program {program} may not be executed, or the folder may not be entered")
                    }
                    io::ErrorKind::ExecutableFileBusy => {
                        format!("the agent's program {program} is being written at the moment; try again")
                    }
                    io::ErrorKind::ArgumentListTooLong => "the agent's arguments are too long".to_owned(),
                    io::ErrorKind::InvalidInput => "the agent's arguments contain a NUL character".to_owned(),
                    _ => format!("the agent's program {program} could not be started: {error}"),
                });
            }
        }
    }
}

/// Waits for the agent and reaps the orphans of its tree, which the kernel reparents to the shim.
fn reap_until_the_agent_ends(shim: &Shim, agent: Pid) -> io::Result<Exit> {
    loop {
        match rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        // Reaping happens only under the lock: until then no other process can get the agent's pid, so signals are
        // safe.
        let mut state = hold(&shim.agent);
        let Some((pid, status)) = rustix::process::wait(WaitOptions::NOHANG)? else {
            continue;
        };
        if pid != agent {
            continue;
        }
        let exit = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Exit::Code { code },
            (None, Some(signal)) => Exit::Signal { signal },
            (None, None) => continue,
        };
        state.exit = Some(exit.clone());
        return Ok(exit);
    }
}

fn reap_the_rest() {
    loop {
        if rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED).is_err() {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// On SIGTERM, when the machine shuts down, ends the agent in order and records that. Signals from a terminal are
/// ignored, because they mean other processes.
fn heed_signals(shim: &Arc<Shim>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else {
        return;
    };
    let heeded: io::Result<()> = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let _hangup = signal(SignalKind::hangup())?;
        let _interrupt = signal(SignalKind::interrupt())?;
        while terminate.recv().await.is_some() {
            let shim = shim.clone();
            thread::spawn(move || shim.tree.end(SHUTDOWN_GRACE));
        }
        Ok(())
    });
    if let Err(error) = heeded {
        let _ = writeln!(io::stderr(), "shim: cannot listen for signals: {error}");
    }
}
