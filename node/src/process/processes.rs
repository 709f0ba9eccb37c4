//! All runs of a node: start, reach, end, find again after a restart, and remove. All processes of a run are gone
//! before it is reported as ended. A good end is reported only if somebody saw it.

use super::{
    AttachError, Attached, ControlError, Limits, ShimProgram, Signal, Spec, StartError,
    cgroup::Cgroup,
    environment::{self, MARK},
    identity::{Identity, Stat},
    open_files,
    run_dir::{Record, RunDir},
    shim::Launch,
    spool::{self, CHUNK, Lines, Spool},
    tree::{self, Tree},
    wire::{self, Op, Status},
};
use crate::clock::Deps;
use model::{event::Exit, id::RunId};
use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    io::Write,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    task,
    time::timeout,
};

/// How long a shim may take to come up.
const COME_UP: Duration = Duration::from_secs(30);
/// How long a line may wait for an agent that does not read.
const TAKE_LINE: Duration = Duration::from_secs(30);
/// How long a shim may take for anything else.
const ANSWER: Duration = Duration::from_secs(5);
/// The longest grace of a kill: it keeps the whole kill below 12 s.
const MOST_GRACE: Duration = Duration::from_secs(7);
/// The most bytes of a raw line: more than any page shows, so that text at the page's cut is whole.
const RAW_LINE: usize = 128 << 10;

/// The runs of a node, each with its own directory. Cheap to clone.
#[derive(Clone)]
pub struct Processes(Arc<Inner>);

struct Inner {
    runs: PathBuf,
    shim: ShimProgram,
    limits: Limits,
    passed_on: BTreeMap<String, String>,
    /// A lock for each run, so that starting it and finding out its end exclude each other.
    locks: Mutex<HashMap<RunId, Arc<tokio::sync::Mutex<()>>>>,
}

impl Processes {
    /// Keeps runs in `runs_dir` and starts shims with `shim`.
    pub fn new(runs_dir: PathBuf, shim: ShimProgram, _deps: Deps) -> Self {
        Self(Arc::new(Inner {
            runs: runs_dir,
            shim,
            limits: Limits::default(),
            passed_on: environment::passed_on(std::env::vars_os()),
            locks: Mutex::default(),
        }))
    }

    /// Sets other limits for runs that start from now on.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        let Inner {
            runs, shim, passed_on, ..
        } = &*self.0;
        Self(Arc::new(Inner {
            runs: runs.clone(),
            shim: shim.clone(),
            limits,
            passed_on: passed_on.clone(),
            locks: Mutex::default(),
        }))
    }

    /// Whether agents that start now get a control group, which their processes cannot leave.
    pub async fn are_contained(&self) -> bool {
        task::spawn_blocking(Cgroup::is_available).await.unwrap_or(false)
    }

    /// Starts an agent under a shim that outlives the node. Returns once the agent runs and its shim answers.
    pub async fn start(&self, run: RunId, spec: &Spec) -> Result<(), StartError> {
        let lock = self.lock(run);
        let _held = lock.lock().await;
        let path = self.path(run);
        let dir = task::spawn_blocking(move || RunDir::create(path))
            .await
            .map_err(joined)
            .and_then(|made| made);
        let dir = dir.map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                StartError::Exists
            } else {
                StartError::Io(error)
            }
        })?;
        match self.launch(run, &dir, spec).await {
            Ok(()) => Ok(()),
            Err(why) => {
                // Whatever came up must be gone for good before the caller hears that the run did not start.
                end_shim(&dir).await;
                let exit = self.bury(run, &dir, Some(why.clone())).await;
                match exit {
                    Some(Exit::NotStarted { why }) => Err(StartError::NotStarted(why)),
                    _ => Err(StartError::NotStarted(why)),
                }
            }
        }
    }

    async fn launch(&self, run: RunId, dir: &RunDir, spec: &Spec) -> Result<(), String> {
        let env = environment::complete(&self.0.passed_on, &spec.env)
            .map_err(|name| format!("{name:?} is not a name of a variable"))?;
        let Limits { stdout, stderr } = self.0.limits;
        let open_files = open_files::given();
        let launch = Launch {
            run: run.to_string(),
            program: spec.program.clone(),
            args: spec.args.clone(),
            cwd: spec.cwd.clone(),
            env,
            stdout,
            stderr,
            open_files,
        };
        let launch = serde_json::to_vec(&launch)
            .map_err(|_| "the agent's program or folder has a name that is not UTF-8".to_owned())?;
        let (shim, at) = (self.0.shim.clone(), dir.clone());
        let detached = task::spawn_blocking(move || detach(&shim, run, &at, &launch))
            .await
            .map_err(joined)
            .and_then(|done| done);
        detached.map_err(|error| format!("the agent's supervisor could not be started: {error}"))?;
        let deadline = Instant::now() + COME_UP;
        loop {
            if let Ok(mut stream) = connect(dir).await
                && let Ok(Ok((Status::Ok, ..))) = timeout(ANSWER, ask(&mut stream, Op::Ping, 0, &[])).await
            {
                return Ok(());
            }
            match dir.record() {
                Ok(Some(Record {
                    exit: Exit::NotStarted { why },
                    ..
                })) => return Err(why),
                // The agent ran and has already ended.
                Ok(Some(_)) => return Ok(()),
                _ if Instant::now() > deadline => {
                    return Err("the agent's supervisor did not come up; its `shim.log` may say why".to_owned());
                }
                _ if failed(dir) => {
                    return Err("the agent's supervisor ended at once; its `shim.log` may say why".to_owned());
                }
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Follows a run from byte `offset` of its standard output, which must be the start of a line: 0, or the `end` of a
    /// line.
    pub async fn attach(&self, run: RunId, offset: u64) -> Result<Attached, AttachError> {
        let dir = self.dir(run);
        match task::spawn_blocking(move || fs::metadata(dir.path()).map(|_| dir))
            .await
            .map_err(joined)
            .and_then(|done| done)
        {
            Ok(dir) => Ok(Attached::new(self.clone(), run, dir, offset)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(AttachError::Unknown),
            Err(error) => Err(AttachError::Io(error)),
        }
    }

    /// Writes line `n` (from 1, gapless) to the agent's standard input; returns once the agent's socket has taken it.
    /// Idempotent: the shim acknowledges a line it has already without writing it. So after a restart all
    /// unacknowledged lines are sent again.
    pub async fn write(&self, run: RunId, n: u64, line: &[u8]) -> Result<(), ControlError> {
        if line.len() > wire::MAX_PAYLOAD || line.contains(&b'\n') {
            return Err(ControlError::BadLine);
        }
        self.ask(run, Op::Line, n, line, TAKE_LINE).await
    }

    /// Writes an unnumbered line to the agent, if it cannot be stored first. A retry may write it twice.
    pub async fn aside(&self, run: RunId, line: &[u8]) -> Result<(), ControlError> {
        if line.len() > wire::MAX_PAYLOAD || line.contains(&b'\n') {
            return Err(ControlError::BadLine);
        }
        self.ask(run, Op::Aside, 0, line, ANSWER).await
    }

    /// Why the shim itself ended the agent of an ended run; `None` if it did not.
    pub async fn note(&self, run: RunId) -> Option<String> {
        let dir = self.dir(run);
        task::spawn_blocking(move || dir.record()).await.ok()?.ok()??.note
    }

    /// Closes the agent's standard input.
    pub async fn close_stdin(&self, run: RunId) -> Result<(), ControlError> {
        self.ask(run, Op::Close, 0, &[], ANSWER).await
    }

    /// Sends a signal to the agent's own process only.
    pub async fn signal(&self, run: RunId, signal: Signal) -> Result<(), ControlError> {
        let number = match signal {
            Signal::Interrupt => 2,
            Signal::Terminate => 15,
            Signal::Kill => 9,
        };
        self.ask(run, Op::Signal, number, &[], ANSWER).await
    }

    /// Ends all processes of a run: asks them, waits for `grace` (at most 7 s), then kills the rest. The run has ended
    /// after `Ok`. The error counts processes that not even a kill could end.
    pub async fn kill_tree(&self, run: RunId, grace: Duration) -> Result<(), ControlError> {
        let grace = grace.min(MOST_GRACE);
        let dir = self.dir(run);
        let millis = u64::try_from(grace.as_millis()).expect("at most 7 s");
        let asked = self
            .ask(
                run,
                Op::Kill,
                millis,
                &[],
                grace + tree::INSIST + Duration::from_millis(500),
            )
            .await;
        if let Err(ControlError::Unknown | ControlError::Unkillable(_)) = asked {
            return asked;
        }
        let deadline = Instant::now() + Duration::from_millis(if asked.is_ok() { 3_000 } else { 200 });
        while Instant::now() < deadline {
            if dir.record().is_ok_and(|record| record.is_some()) {
                return Ok(());
            }
            if asked.is_err() && dir.shim().is_ok_and(|shim| shim.is_some_and(|shim| !shim.is_alive())) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if asked.is_ok() {
            // The tree is gone. A missing record, for want of disk space, is no reason to wait.
            return Ok(());
        }
        // The shim does not respond, so it is ended like the rest.
        end_shim(&dir).await;
        let lock = self.lock(run);
        let _held = lock.lock().await;
        match self.bury(run, &dir, None).await {
            Some(_) => Ok(()),
            None => Err(ControlError::Unkillable(1)),
        }
    }

    /// The ids of all runs with a directory, oldest first.
    pub async fn list(&self) -> Vec<RunId> {
        let path = self.0.runs.clone();
        let read = move || {
            let mut runs: Vec<RunId> = fs::read_dir(path)
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
                .collect();
            runs.sort_unstable();
            runs
        };
        task::spawn_blocking(read).await.unwrap_or_default()
    }

    /// Removes an ended run with all its output. [`ControlError::Stalled`] for a run that has not ended.
    pub async fn discard(&self, run: RunId) -> Result<(), ControlError> {
        let dir = self.dir(run);
        let removed = move || match dir.record() {
            Ok(Some(_)) => fs::remove_dir_all(dir.path()).map_err(ControlError::Io),
            Ok(None) if dir.path().exists() => Err(ControlError::Stalled),
            Ok(None) => Ok(()),
            Err(error) => Err(ControlError::Io(error)),
        };
        let done = task::spawn_blocking(removed)
            .await
            .map_err(|error| ControlError::Io(joined(error)))?;
        self.locks().remove(&run);
        done
    }

    /// Compresses the output of an ended run; reading and attaching work as before.
    pub async fn compress(&self, run: RunId) -> Result<(), ControlError> {
        let dir = self.dir(run);
        let packed = move || match dir.record() {
            Ok(Some(_)) => spool::pack(&dir).map_err(ControlError::Io),
            Ok(None) => Err(if dir.path().exists() {
                ControlError::Stalled
            } else {
                ControlError::Unknown
            }),
            Err(error) => Err(ControlError::Io(error)),
        };
        task::spawn_blocking(packed)
            .await
            .map_err(|error| ControlError::Io(joined(error)))?
    }

    /// Lines of a run's standard output with their offsets, each cut to 128 KiB. `offset` must be the start of a line.
    /// An unfinished last line is left out.
    ///
    /// # Errors
    /// `InvalidInput` when no line starts at `offset`.
    pub async fn raw(&self, run: RunId, offset: u64, max_lines: usize) -> io::Result<Vec<(u64, Vec<u8>)>> {
        let dir = self.dir(run);
        task::spawn_blocking(move || raw(&dir, offset, max_lines))
            .await
            .map_err(joined)?
    }

    /// The last `most` bytes of a run's standard error, lossily decoded.
    pub async fn stderr_tail(&self, run: RunId, most: u64) -> String {
        let dir = self.dir(run);
        let read = move || -> io::Result<String> {
            use std::io::{Read, Seek, SeekFrom};
            let mut file = fs::File::open(dir.stderr())?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
            let mut tail = Vec::new();
            file.take(most).read_to_end(&mut tail)?;
            Ok(String::from_utf8_lossy(&tail).into_owned())
        };
        task::spawn_blocking(read)
            .await
            .map_err(joined)
            .and_then(|done| done)
            .unwrap_or_default()
    }

    /// How a run has ended; `None` while its shim lives. If the shim is gone, the rest of the run is ended first.
    pub(super) async fn end_of(&self, run: RunId) -> Option<Exit> {
        let dir = self.dir(run);
        if let Ok(Some(record)) = dir.record() {
            return Some(record.exit);
        }
        let lock = self.lock(run);
        let _held = lock.lock().await;
        self.bury(run, &dir, None).await
    }

    /// Records the end of a run without a living shim, after ending what is left of it. The caller holds the run's
    /// lock.
    async fn bury(&self, run: RunId, dir: &RunDir, why: Option<String>) -> Option<Exit> {
        let dir = dir.clone();
        match task::spawn_blocking(move || bury(run, &dir, why))
            .await
            .map_err(joined)
            .and_then(|done| done)
        {
            Ok(exit) => exit,
            Err(error) => {
                tracing::error!(%run, %error, "the end of run {run} cannot be found out or recorded");
                None
            }
        }
    }

    async fn ask(&self, run: RunId, op: Op, number: u64, payload: &[u8], most: Duration) -> Result<(), ControlError> {
        let dir = self.dir(run);
        let asked = async {
            let mut stream = connect(&dir).await?;
            ask(&mut stream, op, number, payload).await
        };
        let failed = match timeout(most, asked).await {
            Err(_) => return Err(ControlError::Stalled),
            Ok(Ok((Status::Ok, ..))) => return Ok(()),
            Ok(Ok((Status::Ended, ..))) => return Err(ControlError::Ended),
            Ok(Ok((Status::Gap, next, _))) => return Err(ControlError::Gap(next)),
            Ok(Ok((Status::Left, left, _))) => {
                return Err(ControlError::Unkillable(usize::try_from(left).unwrap_or(usize::MAX)));
            }
            Ok(Ok((Status::Failed, _, text))) => io::Error::other(text),
            Ok(Err(error)) => error,
        };
        if !dir.path().exists() {
            return Err(ControlError::Unknown);
        }
        if dir.record().is_ok_and(|record| record.is_some()) {
            return Err(ControlError::Ended);
        }
        Err(ControlError::Io(failed))
    }

    fn path(&self, run: RunId) -> PathBuf {
        self.0.runs.join(run.to_string())
    }

    fn dir(&self, run: RunId) -> RunDir {
        RunDir::at(self.path(run))
    }

    fn lock(&self, run: RunId) -> Arc<tokio::sync::Mutex<()>> {
        self.locks().entry(run).or_default().clone()
    }

    fn locks(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Arc<tokio::sync::Mutex<()>>>> {
        self.0.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the shim came up and is gone without a record.
fn failed(dir: &RunDir) -> bool {
    dir.shim().is_ok_and(|shim| shim.is_some_and(|shim| !shim.is_alive()))
        && dir.record().is_ok_and(|record| record.is_none())
}

/// Kills a shim that does not respond, and waits until it is gone.
async fn end_shim(dir: &RunDir) {
    let Ok(Some(shim)) = dir.shim() else { return };
    let deadline = Instant::now() + Duration::from_secs(1);
    while shim.is_alive() && Instant::now() < deadline {
        if let Some(stat) = Stat::read(shim.pid).filter(|stat| stat.start == shim.start) {
            tree::send(&stat, rustix::process::Signal::KILL);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Connects to a run's shim.
pub(super) async fn connect(dir: &RunDir) -> io::Result<UnixStream> {
    let (_kept_open, path) = dir.socket()?;
    UnixStream::connect(path).await
}

/// Sends a request and waits for the answer: status, number, text.
pub(super) async fn ask(
    stream: &mut UnixStream,
    op: Op,
    number: u64,
    payload: &[u8],
) -> io::Result<(Status, u64, String)> {
    stream.write_all(&wire::request(op, number, payload)).await?;
    let mut head = [0; wire::REPLY_HEAD];
    stream.read_exact(&mut head).await?;
    let (status, number, length) = wire::parse_reply(head)?;
    let mut text = vec![0; length];
    stream.read_exact(&mut text).await?;
    Ok((status, number, String::from_utf8_lossy(&text).into_owned()))
}

/// Starts the shim's first execution, sends it the launch, and waits until it has detached the second.
fn detach(shim: &ShimProgram, run: RunId, dir: &RunDir, launch: &[u8]) -> io::Result<()> {
    let log = RunDir::append(&dir.log())?;
    #[expect(clippy::disallowed_methods, reason = "this module is the one that spawns")]
    let mut command = Command::new(&shim.program);
    command
        .args(&shim.args)
        .arg(dir.path())
        .current_dir("/")
        .env_clear()
        .env(MARK, run.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
    let mut child = spawn(&mut command)?;
    // The log of a shim that ends early names the cause, so the broken pipe is ignored.
    let handed = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(launch));
    let status = child.wait()?;
    if !status.success() {
        return Err(io::Error::other(
            fs::read_to_string(dir.log())
                .ok()
                .filter(|log| !log.is_empty())
                .unwrap_or_else(|| status.to_string()),
        ));
    }
    handed
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < 20 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            other => return other,
        }
    }
}

fn bury(run: RunId, dir: &RunDir, why: Option<String>) -> io::Result<Option<Exit>> {
    if let Some(record) = dir.record()? {
        return Ok(Some(record.exit));
    }
    // The first claim wins: after this one no shim of the run can start an agent.
    let came_up = !dir.claim(&Identity::nobody()?)?;
    let shim = dir.shim()?.unwrap_or(Identity::nobody()?);
    if shim.is_alive() {
        return Ok(None);
    }
    // The shim may have recorded the end just before it died.
    if let Some(record) = dir.record()? {
        return Ok(Some(record.exit));
    }
    match Tree::outside(run.to_string(), shim.pid, shim.start, dir.cgroup()).end(Duration::ZERO) {
        0 => {}
        left => {
            tracing::error!(%run, left, "{left} processes of run {run} cannot be ended; it stays open");
            return Ok(None);
        }
    }
    let exit = if came_up && shim.pid > 0 {
        Exit::Lost
    } else {
        Exit::NotStarted {
            why: why.unwrap_or_else(|| "the node was gone before its agent came up".to_owned()),
        }
    };
    dir.write_record(&Record {
        exit: exit.clone(),
        note: None,
    })?;
    Ok(Some(exit))
}

fn raw(dir: &RunDir, offset: u64, max_lines: usize) -> io::Result<Vec<(u64, Vec<u8>)>> {
    let ended = dir.record()?.is_some();
    let mut found = Vec::new();
    let Some(mut spool) = Spool::open(dir)? else {
        return Ok(found);
    };
    let mut before = [b'\n'];
    if offset > 0 && (spool.read_at(&mut before, offset - 1)? == 0 || before != *b"\n") {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "no line starts at this offset",
        ));
    }
    let mut lines = Lines::new(offset, RAW_LINE);
    let mut buffer = vec![0; CHUNK];
    let (mut at, mut start) = (offset, offset);
    while found.len() < max_lines {
        let read = spool.read_at(&mut buffer, at)?;
        if read == 0 {
            if let Some((_, bytes, _)) = lines.rest().filter(|_| ended) {
                found.push((start, bytes));
            }
            break;
        }
        let mut rest = &buffer[..read];
        while !rest.is_empty() && found.len() < max_lines {
            if let Some((end, bytes, _)) = lines.take(&mut rest) {
                found.push((start, bytes));
                start = end;
            }
        }
        at += u64::try_from(read).map_err(io::Error::other)?;
    }
    Ok(found)
}

fn joined(error: task::JoinError) -> io::Error {
    io::Error::other(error)
}
