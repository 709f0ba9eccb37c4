//! Follows a run: its lines from an offset on as they come, then its end. The end must not come before all output.

use super::{
    Processes,
    run_dir::RunDir,
    spool::{CHUNK, Cut, Lines, MAX_LINE, Spool},
    wire::{Op, Status},
};
use model::{event::Exit, id::RunId};
use std::{collections::VecDeque, io, time::Duration};
use tokio::{io::AsyncReadExt, net::UnixStream, task};

/// The polling interval for new output, because a notification may be lost together with its shim.
const LOOK: Duration = Duration::from_secs(1);
/// The pause before the next try to reach a shim that lives but does not answer.
const RECONNECT: Duration = Duration::from_millis(200);
/// The most bytes that are read ahead.
const AHEAD: usize = 1 << 20;

/// What a follower gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A line of its standard output.
    Line {
        /// The offset after the line: attach there to get the next one.
        end: u64,
        /// Without the line feed.
        bytes: Vec<u8>,
        /// The line was longer than [`MAX_LINE`] bytes, and the rest was skipped.
        cut: bool,
    },
    /// A line of its standard error, lossily decoded.
    Stderr(String),
    /// The run has ended; nothing comes after this.
    Exit(Exit),
}

/// A follower of a run.
pub struct Attached {
    processes: Processes,
    run: RunId,
    dir: RunDir,
    spool: Option<Spool>,
    offset: u64,
    lines: Lines,
    stderr_offset: u64,
    stderr_lines: Lines,
    ready: VecDeque<Output>,
    /// The exit, once it is known; earlier output may still be unread.
    ended: Option<Exit>,
    finished: bool,
    word: Option<UnixStream>,
}

/// The result of one read of the spools.
struct Look {
    spool: Option<Spool>,
    read: Vec<u8>,
    stderr: Vec<u8>,
}

impl Attached {
    pub(super) fn new(processes: Processes, run: RunId, dir: RunDir, offset: u64) -> Self {
        // A follower from the beginning gets all of the standard error. A reattaching one has seen what is there.
        let stderr_offset = if offset == 0 {
            0
        } else {
            std::fs::metadata(dir.stderr()).map_or(0, |file| file.len())
        };
        Self {
            processes,
            run,
            dir,
            spool: None,
            offset,
            lines: Lines::new(offset, MAX_LINE),
            stderr_offset,
            stderr_lines: Lines::new(stderr_offset, 64 << 10),
            ready: VecDeque::new(),
            ended: None,
            finished: false,
            word: None,
        }
    }

    /// The next line, or the end; `None` after the end. Cancel-safe.
    pub async fn next(&mut self) -> Option<Output> {
        loop {
            if let Some(output) = self.ready.pop_front() {
                return Some(output);
            }
            if self.finished {
                return None;
            }
            // The order matters: the end is read before the spools, so that everything written before the end is found.
            let ended = self.ended.clone();
            match self.look().await {
                Ok(true) => {}
                Ok(false) => match ended {
                    Some(exit) => self.finish(exit),
                    None => self.wait().await,
                },
                Err(error) => {
                    tracing::error!(run = %self.run, %error, "the spool of run {} cannot be read", self.run);
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    /// Reads on in both spools; returns whether there was anything.
    async fn look(&mut self) -> io::Result<bool> {
        let (dir, offset, stderr_offset) = (self.dir.clone(), self.offset, self.stderr_offset);
        let opened = self.spool.take();
        let look = task::spawn_blocking(move || look(&dir, opened, offset, stderr_offset))
            .await
            .map_err(io::Error::other)??;
        self.spool = look.spool;
        let mut rest = look.read.as_slice();
        while !rest.is_empty() {
            self.ready.extend(self.lines.take(&mut rest).map(line));
        }
        self.offset += u64::try_from(look.read.len()).expect("a buffer's length fits");
        let mut rest = look.stderr.as_slice();
        while !rest.is_empty() {
            self.ready.extend(self.stderr_lines.take(&mut rest).map(stderr));
        }
        self.stderr_offset += u64::try_from(look.stderr.len()).expect("a buffer's length fits");
        Ok(!look.read.is_empty() || !look.stderr.is_empty())
    }

    /// Waits for the shim's notification, or finds out how the run has ended.
    async fn wait(&mut self) {
        if let Some(word) = &mut self.word {
            let mut bytes = [0; 64];
            // A notification and a timeout both mean: look again, at the end too. Only a broken connection means more.
            if let Ok(Ok(0) | Err(_)) = tokio::time::timeout(LOOK, word.read(&mut bytes)).await {
                self.word = None;
            }
            self.ended = self.recorded().await;
            return;
        }
        self.ended = self.processes.end_of(self.run).await;
        if self.ended.is_none() {
            self.word = follow(&self.dir).await.ok();
            if self.word.is_none() {
                tokio::time::sleep(RECONNECT).await;
            }
        }
    }

    async fn recorded(&self) -> Option<Exit> {
        let dir = self.dir.clone();
        task::spawn_blocking(move || dir.record())
            .await
            .ok()?
            .ok()?
            .map(|record| record.exit)
    }

    fn finish(&mut self, exit: Exit) {
        self.ready.extend(self.lines.rest().map(line));
        self.ready.extend(self.stderr_lines.rest().map(stderr));
        self.ready.push_back(Output::Exit(exit));
        self.finished = true;
    }
}

fn line((end, bytes, cut): Cut) -> Output {
    Output::Line { end, bytes, cut }
}

fn stderr((_, bytes, _): Cut) -> Output {
    Output::Stderr(String::from_utf8_lossy(&bytes).into_owned())
}

fn look(dir: &RunDir, opened: Option<Spool>, offset: u64, stderr_offset: u64) -> io::Result<Look> {
    let mut spool = match opened {
        Some(spool) => Some(spool),
        None => Spool::open(dir)?,
    };
    let mut read = Vec::new();
    if let Some(spool) = &mut spool {
        read = vec![0; CHUNK];
        let mut filled = spool.read_at(&mut read, offset)?;
        // A line that fills the chunk is read on at once, which saves long lines a pass through the scheduler for each
        // chunk.
        while filled == read.len() && read.len() < AHEAD && !read[filled - CHUNK..].contains(&b'\n') {
            read.resize(filled + CHUNK, 0);
            let start = offset + u64::try_from(filled).map_err(io::Error::other)?;
            filled += spool.read_at(&mut read[filled..], start)?;
        }
        read.truncate(filled);
    }
    let mut stderr = Vec::new();
    if let Ok(file) = std::fs::File::open(dir.stderr()) {
        stderr = vec![0; CHUNK];
        let filled = Spool::Plain(file).read_at(&mut stderr, stderr_offset)?;
        stderr.truncate(filled);
    }
    Ok(Look { spool, read, stderr })
}

async fn follow(dir: &RunDir) -> io::Result<UnixStream> {
    let mut stream = super::processes::connect(dir).await?;
    match super::processes::ask(&mut stream, Op::Follow, 0, &[]).await? {
        (Status::Ok, ..) => Ok(stream),
        _ => Err(io::Error::other("the shim does not let itself be followed")),
    }
}
