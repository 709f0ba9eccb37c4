//! For tests: removes what a test leaves running. Not for production: it kills without a grace and deletes the data.

use super::{
    environment::MARK,
    identity::Stat,
    tree::{send, table},
};
use memchr::memmem;
use rustix::process::{Signal, getpid};
use std::{
    collections::HashSet,
    ffi::OsString,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How long the removal may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Kills every process of a node's data directory and removes the directory: shims and agents of its runs, their
/// children, and any process with the directory's path in its arguments or environment. Returns once all are gone, or
/// after 5 seconds.
///
/// A child with an environment of its own, without the path or a run's mark, stays.
pub fn clear(data_dir: &Path) {
    let deadline = Instant::now() + PATIENCE;
    let mut runs = HashSet::new();
    loop {
        runs.extend(
            fs::read_dir(data_dir.join("runs"))
                .into_iter()
                .flatten()
                .filter_map(|run| Some(run.ok()?.file_name())),
        );
        let left = members(data_dir, &runs);
        for stat in &left {
            send(stat, Signal::KILL);
        }
        let removed = match fs::remove_dir_all(data_dir) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if (left.is_empty() && removed) || Instant::now() > deadline {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn members(data_dir: &Path, runs: &HashSet<OsString>) -> Vec<Stat> {
    let own = getpid().as_raw_nonzero().get();
    let within = [data_dir.as_os_str().as_bytes(), b"/"].concat();
    let marks: HashSet<Vec<u8>> = runs
        .iter()
        .map(|run| [MARK.as_bytes(), b"=", run.as_bytes()].concat())
        .collect();
    let belongs = |stat: &Stat| {
        let read = |what: &str| fs::read(format!("/proc/{}/{what}", stat.pid)).unwrap_or_default();
        let (arguments, environment) = (read("cmdline"), read("environ"));
        let named = |bytes: &[u8]| memmem::find(bytes, &within).is_some();
        let is_it = arguments
            .split(|byte| *byte == 0)
            .any(|argument| argument == data_dir.as_os_str().as_bytes());
        is_it
            || named(&arguments)
            || named(&environment)
            || environment.split(|byte| *byte == 0).any(|entry| marks.contains(entry))
    };
    table()
        .into_iter()
        .filter(|stat| stat.pid != own && !stat.is_dead() && belongs(stat))
        .collect()
}
