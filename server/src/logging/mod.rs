//! The log: a thread of its own writes lines to standard error. Logging must never fail, wait or panic in its caller:
//! when the queue is full, lines are dropped and counted.

use crate::config::Config;
use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// The most lines that wait for standard error.
const WAITING: usize = 4_096;
/// How long the end of the program waits for the last lines.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Guard of the log: dropping it flushes the lines so far, if standard error takes them.
pub struct Log(SyncSender<Word>);

/// Starts the log as configured. It also reports panics.
pub fn start(config: &Config) -> Log {
    let (sender, words) = sync_channel(WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    let lines = Lines {
        to: sender.clone(),
        lost: lost.clone(),
    };
    thread::spawn(move || write(&words, &lost, &mut io::stderr()));
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal());
    // The library would print its own errors past this queue, and panic where it cannot print.
    let log = log.log_internal_errors(false);
    // An existing subscriber, as in tests, stays.
    let _ = if config.log_json {
        log.json().try_init()
    } else {
        log.try_init()
    };
    // The default hook writes to standard error directly, and waits where nobody reads it.
    std::panic::set_hook(Box::new(|panic| {
        let what = panic.payload_as_str().unwrap_or("no reason given");
        tracing::error!(
            place = panic.location().map(tracing::field::display),
            "a thread panicked: {what}"
        );
    }));
    Log(sender)
}

impl Drop for Log {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        let mut last = Word::Last(done);
        let until = Instant::now() + LAST_WORDS;
        while let Err(TrySendError::Full(unsent)) = self.0.try_send(last) {
            if Instant::now() > until {
                return;
            }
            last = unsent;
            thread::sleep(Duration::from_millis(10));
        }
        // Either the lines are written or nobody takes them; both end the wait.
        let _ = written.recv_timeout(LAST_WORDS);
    }
}

/// A message to the thread.
enum Word {
    Line(Vec<u8>),
    /// The last message: answer once everything before is written.
    Last(SyncSender<()>),
}

/// The writer that sends lines to the thread.
#[derive(Clone)]
struct Lines {
    to: SyncSender<Word>,
    lost: Arc<AtomicU64>,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.to.try_send(Word::Line(line.to_owned())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Writes lines until the last message. Standard error may be closed, full, or a pipe without a reader: then lines are
/// lost, and nothing else fails.
fn write(words: &Receiver<Word>, lost: &AtomicU64, to: &mut impl Write) {
    while let Ok(word) = words.recv() {
        match word {
            Word::Line(line) => {
                let written = to.write_all(&line);
                let missing = lost.swap(0, Ordering::Relaxed);
                if missing > 0 && written.is_ok() {
                    let _ = writeln!(to, "{missing} lines of the log were lost: nobody took them");
                }
            }
            Word::Last(done) => {
                let _ = done.send(());
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer that takes nothing, like a full disk or a closed pipe.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    fn lines(waiting: usize) -> (Lines, Receiver<Word>, Arc<AtomicU64>) {
        let (to, words) = sync_channel(waiting);
        let lost = Arc::new(AtomicU64::new(0));
        (Lines { to, lost: lost.clone() }, words, lost)
    }

    #[test]
    fn whoever_logs_never_fails_nor_waits() {
        let (mut log, words, lost) = lines(2);
        for _ in 0..5 {
            log.write_all(b"a line\n").expect("taken");
        }
        assert_eq!(lost.load(Ordering::Relaxed), 3, "nobody reads: the others are counted");
        let (done, written) = sync_channel(1);
        let reader = thread::spawn(move || {
            let mut out = Vec::new();
            write(&words, &lost, &mut out);
            out
        });
        log.to.send(Word::Last(done)).expect("there");
        written.recv().expect("all is written");
        drop(log);
        let out = String::from_utf8(reader.join().expect("ends")).expect("text");
        assert_eq!(out, "a line\n3 lines of the log were lost: nobody took them\na line\n");
    }

    #[test]
    fn a_place_that_takes_nothing_stops_nothing() {
        let (mut log, words, lost) = lines(8);
        log.write_all(b"a line\n").expect("taken");
        let (done, written) = sync_channel(1);
        log.to.send(Word::Last(done)).expect("there");
        write(&words, &lost, &mut Full);
        written.recv().expect("it came to the end");
    }
}
