//! All processes of a run, however they tried to escape, and their end. It only signals processes identified by pid and
//! start time, through a pidfd.

use super::{cgroup::Cgroup, environment::MARK, identity::Stat};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::{
    collections::HashSet,
    fs::{self, File},
    io::Read,
    thread,
    time::{Duration, Instant},
};

/// How long a kill is repeated before the remaining processes count as unkillable.
pub(super) const INSIST: Duration = Duration::from_secs(3);

/// What identifies the processes of a run.
pub(super) struct Tree {
    run: String,
    shim: i32,
    shim_start: u64,
    from_inside: bool,
    /// Every process in it belongs to the run; the shim is outside.
    cgroup: Option<Cgroup>,
}

impl Tree {
    /// The tree as the living shim sees it: its descendants, its session, its control group, and every process with the
    /// run's mark, without the shim itself.
    pub(super) fn inside(run: String, shim: i32, shim_start: u64, cgroup: Option<Cgroup>) -> Self {
        Self {
            run,
            shim,
            shim_start,
            from_inside: true,
            cgroup,
        }
    }

    /// The tree after the shim's end: the rest of its session and control group, every process with the run's mark, and
    /// their descendants.
    pub(super) fn outside(run: String, shim: i32, shim_start: u64, cgroup: Option<Cgroup>) -> Self {
        Self {
            run,
            shim,
            shim_start,
            from_inside: false,
            cgroup,
        }
    }

    /// Asks every process to end, waits for `grace`, then kills until none is left. Returns how many could not be
    /// ended.
    pub(super) fn end(&self, grace: Duration) -> usize {
        let left = self.end_members(grace);
        if let Some(cgroup) = self.cgroup.as_ref().filter(|_| left == 0) {
            cgroup.remove();
        }
        left
    }

    fn end_members(&self, grace: Duration) -> usize {
        let mut asked = HashSet::new();
        let deadline = Instant::now() + grace;
        while !grace.is_zero() {
            let members = self.members();
            if members.is_empty() && self.members().is_empty() {
                return 0;
            }
            for member in members {
                if asked.insert((member.pid, member.start)) {
                    send(&member, Signal::TERM);
                }
            }
            if Instant::now() >= deadline {
                break;
            }
            thread::sleep(Duration::from_millis(25));
        }
        let deadline = Instant::now() + INSIST;
        loop {
            let members = self.members();
            // A second look finds a process that was forked during the first.
            if members.is_empty() && self.members().is_empty() {
                return 0;
            }
            if let Some(cgroup) = &self.cgroup {
                cgroup.kill();
            }
            for member in &members {
                send(member, Signal::KILL);
            }
            if Instant::now() >= deadline {
                return members.len();
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Every living process of the run except the shim.
    fn members(&self) -> Vec<Stat> {
        let all = table();
        // The pid of a dead shim may belong to another process, whose session then has the same number.
        let session_is_ours = self.shim > 0
            && all
                .iter()
                .find(|stat| stat.pid == self.shim)
                .is_none_or(|stat| stat.start == self.shim_start);
        // Read after the table: a pid that was reused in between has another start time, so `send` spares it.
        let contained: HashSet<i32> = self.cgroup.iter().flat_map(Cgroup::members).collect();
        let mut ours: HashSet<i32> = all
            .iter()
            .filter(|stat| {
                (session_is_ours && stat.session == self.shim && stat.start >= self.shim_start)
                    || (self.from_inside && stat.parent == self.shim)
                    || contained.contains(&stat.pid)
                    || (!stat.is_dead() && self.is_marked(stat.pid))
            })
            .map(|stat| stat.pid)
            .collect();
        loop {
            let before = ours.len();
            let children: Vec<i32> = all
                .iter()
                .filter(|stat| stat.parent > 1 && ours.contains(&stat.parent))
                .map(|stat| stat.pid)
                .collect();
            ours.extend(children);
            if ours.len() == before {
                break;
            }
        }
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let spared = |stat: &Stat| stat.pid == own || (self.from_inside && stat.pid == self.shim) || stat.is_dead();
        all.into_iter()
            .filter(|stat| ours.contains(&stat.pid) && !spared(stat))
            .collect()
    }

    fn is_marked(&self, pid: i32) -> bool {
        // The environment of another user's process is unreadable, and we could not signal that process either.
        let Ok(file) = File::open(format!("/proc/{pid}/environ")) else {
            return false;
        };
        let mut environment = Vec::new();
        if file.take(4 << 20).read_to_end(&mut environment).is_err() {
            return false;
        }
        environment.split(|byte| *byte == 0).any(|entry| {
            entry
                .strip_prefix(MARK.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"="))
                .is_some_and(|value| value == self.run.as_bytes())
        })
    }
}

/// Signals exactly this process; one that is gone is no error.
pub(super) fn send(stat: &Stat, signal: Signal) {
    let Some(pid) = Pid::from_raw(stat.pid) else { return };
    let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    // The descriptor pins one process, so this check decides whether it is the right one.
    if Stat::read(stat.pid).is_some_and(|now| now.start == stat.start) {
        let _ = pidfd_send_signal(descriptor, signal);
    }
}

/// Every process of this machine.
pub(super) fn table() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| Stat::read(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .collect()
}
