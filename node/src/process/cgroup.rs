//! A control group for each run, if the machine allows it: no process that the agent starts can leave it. The shim must
//! not be in it. It is optional: without one the run's processes are found by their marks.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How long dying processes may still count as members.
const EMPTIES_WITHIN: Duration = Duration::from_secs(1);

/// The group of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cgroup(PathBuf);

impl Cgroup {
    /// Names a group that need not exist.
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The group that a run would have, below this process's own; `None` without a usable version 2 hierarchy.
    pub(super) fn of(run: &str) -> Option<Self> {
        Some(Self(home()?.join(format!("orchwiz-{run}"))))
    }

    /// Whether runs of this process can have a group, tried with an empty one.
    pub(super) fn is_available() -> bool {
        let Some(probe) = Self::of(&format!("probe-{}", std::process::id())) else {
            return false;
        };
        let made = probe.create().is_ok();
        probe.remove();
        made
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Creates the group. Fails where this process lacks the right, or the kernel cannot kill a whole group.
    fn create(&self) -> io::Result<()> {
        // Joining the present group changes nothing, but shows whether we may return to it.
        let home = self.0.parent().ok_or(io::ErrorKind::NotFound)?;
        join(home)?;
        fs::create_dir(&self.0)?;
        fs::metadata(self.0.join("cgroup.kill")).map(drop)
    }

    /// Creates the group and runs `spawn` inside it, so that the spawned process is born there. This process returns to
    /// its own group.
    ///
    /// # Errors
    /// `Ok(None)` when the group cannot be created or entered: nothing was spawned. An error when this process could
    /// not return.
    pub(super) fn spawn_inside<T>(&self, spawn: impl FnOnce() -> T) -> io::Result<Option<T>> {
        if self.create().and_then(|()| join(&self.0)).is_err() {
            self.remove();
            return Ok(None);
        }
        let spawned = spawn();
        join(self.0.parent().ok_or(io::ErrorKind::NotFound)?)?;
        Ok(Some(spawned))
    }

    /// The processes in it and in all groups below it.
    pub(super) fn members(&self) -> Vec<i32> {
        groups(&self.0)
            .iter()
            .filter_map(|group| fs::read_to_string(group.join("cgroup.procs")).ok())
            .flat_map(|text| text.lines().filter_map(|line| line.parse().ok()).collect::<Vec<i32>>())
            .collect()
    }

    /// Kills all members at once, so that none can escape by a fork.
    pub(super) fn kill(&self) {
        // The group may be gone, or the kernel too old: then each member is killed by itself.
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
    }

    /// Removes it with all groups below it once they are empty; a group in use stays.
    pub(super) fn remove(&self) {
        let deadline = Instant::now() + EMPTIES_WITHIN;
        loop {
            // Inner groups first.
            let busy = groups(&self.0)
                .iter()
                .rev()
                .filter(|group| fs::remove_dir(group).is_err_and(|error| error.kind() != io::ErrorKind::NotFound))
                .count();
            if busy == 0 || !self.members().is_empty() || Instant::now() >= deadline {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The group and all below it, outer ones first; empty when the group does not exist.
fn groups(top: &Path) -> Vec<PathBuf> {
    let mut found = if top.is_dir() { vec![top.to_owned()] } else { Vec::new() };
    let mut next = 0;
    while let Some(group) = found.get(next).cloned() {
        let inner = fs::read_dir(group)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        found.extend(inner.map(|entry| entry.path()));
        next += 1;
    }
    found
}

/// Moves this process into a group.
fn join(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), "0")
}

/// The folder of this process's group.
fn home() -> Option<PathBuf> {
    locate(
        &fs::read_to_string("/proc/self/cgroup").ok()?,
        &fs::read_to_string("/proc/self/mountinfo").ok()?,
    )
}

/// The folder of the version 2 group in `/proc/self/cgroup`, found among the mounts.
fn locate(cgroup: &str, mounts: &str) -> Option<PathBuf> {
    let own = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        if kind.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = place.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        // The path must lie below the mount's root. A group outside of our namespace has parts that lead out of it.
        let below = Path::new(own).strip_prefix(root).ok()?;
        let plain = below
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)))
            && !point.contains('\\');
        plain.then(|| Path::new(point).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found_wherever_the_hierarchy_is_mounted() {
        let v1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let hybrid = format!("{v1}41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
        let unified = "25 30 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let bound = "25 30 0:22 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        for (own, mounts, expected) in [
            (
                "9:name=systemd:/\n0::/\n",
                hybrid.as_str(),
                Some("/sys/fs/cgroup/unified"),
            ),
            (
                "0::/user.slice/user-1000.slice/run.service\n",
                unified,
                Some("/sys/fs/cgroup/user.slice/user-1000.slice/run.service"),
            ),
            ("0::/docker/abc/x\n", bound, Some("/sys/fs/cgroup/x")),
            ("0::/docker/other\n", bound, None),
            ("0::/../outside\n", unified, None),
            ("4:memory:/a\n", v1, None),
            ("0::/\n", v1, None),
        ] {
            assert_eq!(
                locate(own, mounts).as_deref(),
                expected.map(Path::new),
                "{own:?} in {mounts:?}"
            );
        }
    }
}
