//! Copies the agent's output into the run's spools. It must not lose a byte while the disk is full: the agent waits
//! until there is room.

use super::{Shim, hold};
use crate::process::run_dir::RunDir;
use std::{
    fs::File,
    io::{self, Read, Write},
    sync::Arc,
    thread,
    time::Duration,
};

const RETRY: Duration = Duration::from_millis(250);

/// Copies standard output until its end. Beyond the limit the agent is ended and the rest is dropped.
pub(super) fn stdout(shim: &Arc<Shim>, mut from: impl Read, to: &mut File) {
    let mut kept = 0;
    let mut keeping = true;
    let mut buffer = vec![0; 64 << 10];
    while let Some(read) = next(&mut from, &mut buffer) {
        if !keeping {
            continue;
        }
        let room = usize::try_from(shim.limits.stdout - kept).unwrap_or(usize::MAX);
        let part = &buffer[..read.min(room)];
        if let Err(error) = append(to, part) {
            keeping = false;
            shim.give_up(format!("it was ended because its output could not be kept ({error})"));
            continue;
        }
        kept += u64::try_from(part.len()).expect("a buffer's length fits");
        if read > room {
            keeping = false;
            shim.give_up(format!(
                "it was ended because it wrote more than {}, which is all that is kept of a run",
                size(shim.limits.stdout)
            ));
        }
        shim.change();
    }
}

/// A size in words.
fn size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    if bytes >= MIB {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{bytes} bytes")
    }
}

/// Copies standard error until its end; beyond the limit the rest is dropped.
pub(super) fn stderr(shim: &Arc<Shim>, mut from: impl Read, to: &mut File) {
    let mut kept = 0;
    let mut keeping = true;
    let mut buffer = vec![0; 16 << 10];
    while let Some(read) = next(&mut from, &mut buffer) {
        if !keeping {
            continue;
        }
        let room = usize::try_from(shim.limits.stderr - kept).unwrap_or(usize::MAX);
        let part = &buffer[..read.min(room)];
        keeping = append(to, part).is_ok();
        kept += u64::try_from(part.len()).expect("a buffer's length fits");
        if read > room {
            keeping = false;
            let _ = append(to, b"\n[more of it was left out]\n");
        }
        shim.change();
    }
}

/// Appends the reason why the shim ended the agent to the standard error.
pub(super) fn last_words(dir: &RunDir, note: &str) {
    if let Ok(mut to) = RunDir::append(&dir.stderr()) {
        let _ = append(&mut to, format!("\n{note}\n").as_bytes());
    }
}

/// Retries while the disk is full.
pub(super) fn insist(mut write: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match write() {
            Err(error) if is_full(&error) => thread::sleep(RETRY),
            other => return other,
        }
    }
}

fn append(to: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_full(&error) => thread::sleep(RETRY),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn next(from: &mut impl Read, buffer: &mut [u8]) -> Option<usize> {
    loop {
        match from.read(buffer) {
            Ok(0) => return None,
            Ok(read) => return Some(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// Waits until the number of changes differs from `seen`, or `at_most`; returns the number.
pub(super) fn wait_for_change(shim: &Shim, seen: u64, at_most: Duration) -> u64 {
    let changes = hold(&shim.changes);
    match shim
        .changed
        .wait_timeout_while(changes, at_most, |changes| *changes == seen)
    {
        Ok((changes, _)) => *changes,
        Err(poisoned) => *poisoned.into_inner().0,
    }
}
