//! A control group of a run's own, where the machine lets us make one: whatever the agent starts stays in it, however
//! it hides. It must not hold the shim, and must not be needed: without one a run's processes are found by their marks.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// What is dying still counts as being in its group; it is given so long.
const EMPTIES_WITHIN: Duration = Duration::from_secs(1);

/// The group of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cgroup(PathBuf);

impl Cgroup {
    /// Names the group; it need not exist.
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The group a run would have, below this process's own; `None` where the machine has no hierarchy of version 2
    /// with a place for it.
    pub(super) fn of(run: &str) -> Option<Self> {
        Some(Self(home()?.join(format!("orchwiz-{run}"))))
    }

    /// Whether runs started by this process get a group: tries it with an empty one.
    pub(super) fn is_available() -> bool {
        let Some(probe) = Self::of(&format!("probe-{}", std::process::id())) else {
            return false;
        };
        let made = probe.create().is_ok();
        probe.remove();
        made
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it. An error where this process may not, or the kernel cannot kill a whole group.
    fn create(&self) -> io::Result<()> {
        // Whether we may come back is known before we leave: writing where one is already changes nothing.
        let home = self.0.parent().ok_or(io::ErrorKind::NotFound)?;
        join(home)?;
        fs::create_dir(&self.0)?;
        fs::metadata(self.0.join("cgroup.kill")).map(drop)
    }

    /// Makes the group and runs `spawn` inside it, so that what it starts is born there; this process itself comes
    /// back.
    ///
    /// # Errors
    /// The group cannot be made or entered, and nothing was spawned: `Ok(None)`. This process is still inside it: the
    /// error.
    pub(super) fn spawn_inside<T>(&self, spawn: impl FnOnce() -> T) -> io::Result<Option<T>> {
        if self.create().and_then(|()| join(&self.0)).is_err() {
            self.remove();
            return Ok(None);
        }
        let spawned = spawn();
        join(self.0.parent().ok_or(io::ErrorKind::NotFound)?)?;
        Ok(Some(spawned))
    }

    /// Who is in it or in a group below it.
    pub(super) fn members(&self) -> Vec<i32> {
        groups(&self.0)
            .iter()
            .filter_map(|group| fs::read_to_string(group.join("cgroup.procs")).ok())
            .flat_map(|text| text.lines().filter_map(|line| line.parse().ok()).collect::<Vec<i32>>())
            .collect()
    }

    /// Kills all of it at once: nobody forks away meanwhile.
    pub(super) fn kill(&self) {
        // Gone already, or a kernel that cannot: then every member is killed by itself.
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
    }

    /// Removes it and what is below it, once nobody is in it; it stays where somebody is.
    pub(super) fn remove(&self) {
        let deadline = Instant::now() + EMPTIES_WITHIN;
        loop {
            // The innermost first.
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

/// The group and all below it, outer ones first; empty when it is not there.
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

/// The group this process is in, as a folder.
fn home() -> Option<PathBuf> {
    locate(
        &fs::read_to_string("/proc/self/cgroup").ok()?,
        &fs::read_to_string("/proc/self/mountinfo").ok()?,
    )
}

/// Finds the folder of the version 2 group that `/proc/self/cgroup` names among the mounts.
fn locate(cgroup: &str, mounts: &str) -> Option<PathBuf> {
    let own = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        if kind.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = place.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        // Below the mount's root, and without parts that lead out of it, as a group outside of our namespace has.
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
