//! The identity of a process: boot, process id and start time, read from `/proc`. A process id alone must never decide
//! anything, because the kernel reuses it.

use serde::{Deserialize, Serialize};
use std::{fs, io};

/// A process of this machine, unique for all time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// The kernel's id of the boot.
    pub boot: String,
    /// The process id; 0 for nobody.
    pub pid: i32,
    /// The start time in the kernel's ticks since the boot.
    pub start: u64,
}

impl Identity {
    /// This process.
    pub(super) fn own() -> io::Result<Self> {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let stat = Stat::read(pid).ok_or_else(|| io::Error::other("/proc does not show this process"))?;
        Ok(Self {
            boot: boot()?,
            pid,
            start: stat.start,
        })
    }

    /// Nobody, for a run whose shim never came up.
    pub(super) fn nobody() -> io::Result<Self> {
        Ok(Self {
            boot: boot()?,
            pid: 0,
            start: 0,
        })
    }

    /// Whether exactly this process is running. A zombie is not.
    pub(super) fn is_alive(&self) -> bool {
        self.pid > 0
            && boot().is_ok_and(|boot| boot == self.boot)
            && Stat::read(self.pid).is_some_and(|stat| stat.start == self.start && !stat.is_dead())
    }
}

/// A process in `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// Its id.
    pub pid: i32,
    /// The state: `R`, `S`, `Z`, ...
    pub state: char,
    /// Its parent.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// The start time in the kernel's ticks since the boot.
    pub start: u64,
}

impl Stat {
    /// Reads it; `None` when there is no such process.
    pub(super) fn read(pid: i32) -> Option<Self> {
        Self::parse(&String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?))
    }

    /// Whether it has ended, even if its parent has not reaped it yet.
    pub(super) fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }

    fn parse(text: &str) -> Option<Self> {
        // The name in parentheses may contain parentheses and spaces, so the last one closes it.
        let (head, rest) = text.rsplit_once(") ")?;
        let pid = head.split_once(" (")?.0.parse().ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse().ok();
        Some(Self {
            pid,
            state: fields.first()?.chars().next()?,
            parent: number(1)?,
            group: number(2)?,
            session: number(3)?,
            start: fields.get(19)?.parse().ok()?,
        })
    }
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_itself_and_nobody_else_with_its_number() {
        let own = Identity::own().expect("/proc is there");
        assert!(own.is_alive());
        assert!(
            !Identity {
                start: own.start + 1,
                ..own.clone()
            }
            .is_alive(),
            "another start time is another process"
        );
        assert!(
            !Identity {
                boot: "another".into(),
                ..own.clone()
            }
            .is_alive(),
            "another boot is another process"
        );
        assert!(!Identity::nobody().expect("/proc is there").is_alive());
    }

    #[test]
    fn a_name_full_of_parentheses_does_not_confuse_the_fields() {
        let text = "42 (a) b) (c) S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 1 2\n";
        let stat = Stat::parse(text).expect("fields are there");
        assert_eq!(
            stat,
            Stat {
                pid: 42,
                state: 'S',
                parent: 7,
                group: 8,
                session: 9,
                start: 777
            }
        );
        assert_eq!(Stat::parse("42 (x) S 1"), None);
    }
}
