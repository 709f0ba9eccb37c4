//! The directory of one run: the names of its files, and how each is written atomically. It decides nothing about a
//! run; it only stores and reads.

use super::{cgroup::Cgroup, identity::Identity};
use model::event::Exit;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::{DirBuilderExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// How the process ended.
    pub exit: Exit,
    /// Why the shim itself ended the agent, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A run's directory.
#[derive(Clone, Debug)]
pub(super) struct RunDir(PathBuf);

impl RunDir {
    /// Names a directory that need not exist.
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Creates it for its owner only; `AlreadyExists` when it is there.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700);
        if let Some(parent) = path.parent() {
            builder.recursive(true).create(parent)?;
        }
        builder.recursive(false).create(&path)?;
        let made = Self(path);
        made.0.parent().map_or(Ok(()), sync_dir)?;
        Ok(made)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The agent's standard output.
    pub(super) fn stdout(&self) -> PathBuf {
        self.0.join("out")
    }

    /// The agent's standard error.
    pub(super) fn stderr(&self) -> PathBuf {
        self.0.join("err")
    }

    /// The compressed standard output of an ended run.
    pub(super) fn packed(&self) -> PathBuf {
        self.0.join("out.zst")
    }

    /// The shim's own errors.
    pub(super) fn log(&self) -> PathBuf {
        self.0.join("shim.log")
    }

    /// The run's control group; `None` when it has none.
    pub(super) fn cgroup(&self) -> Option<Cgroup> {
        fs::read_to_string(self.0.join("cgroup"))
            .ok()
            .map(|path| Cgroup::at(PathBuf::from(path)))
    }

    /// Records the run's control group before the run gets it. A group ends with the boot, so no fsync is needed.
    pub(super) fn write_cgroup(&self, cgroup: &Cgroup) -> io::Result<()> {
        fs::write(self.0.join("cgroup"), cgroup.path().as_os_str().as_encoded_bytes())
    }

    /// Opens a file for appending, for its owner only.
    pub(super) fn append(path: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o600).open(path)
    }

    /// The path of the shim's socket, through this process's descriptor of the directory: a socket address has at most
    /// 107 bytes, and data directories may be deeper. Valid as long as the descriptor is open.
    pub(super) fn socket(&self) -> io::Result<(OwnedFd, PathBuf)> {
        let dir = rustix::fs::open(
            &self.0,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/sock", dir.as_raw_fd()));
        Ok((dir, path))
    }

    /// The shim's identity; `None` before it has come up.
    pub(super) fn shim(&self) -> io::Result<Option<Identity>> {
        self.read("shim.json")
    }

    /// Claims the run for this shim, or for nobody. Only the first claim returns `true`: only then may a shim start the
    /// agent, or the node report that none was started.
    pub(super) fn claim(&self, identity: &Identity) -> io::Result<bool> {
        let temporary = self.0.join(format!("shim.json.{}", std::process::id()));
        write_synced(&temporary, identity)?;
        let linked = fs::hard_link(&temporary, self.0.join("shim.json"));
        fs::remove_file(&temporary)?;
        match linked {
            Ok(()) => sync_dir(&self.0).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How the run ended; `None` without a record.
    pub(super) fn record(&self) -> io::Result<Option<Record>> {
        self.read("exit.json")
    }

    /// Records how the run ended, atomically and durably.
    pub(super) fn write_record(&self, record: &Record) -> io::Result<()> {
        let temporary = self.0.join(format!("exit.json.{}", std::process::id()));
        write_synced(&temporary, record)?;
        fs::rename(&temporary, self.0.join("exit.json"))?;
        sync_dir(&self.0)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        match fs::read(self.0.join(name)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn write_synced(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.sync_all()
}

/// Makes new, renamed and linked names in a directory durable.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_claim_counts() {
        let dir = tempfile::tempdir().expect("a directory");
        let run = RunDir::create(dir.path().join("runs/r")).expect("a run directory");
        assert_eq!(run.shim().expect("readable"), None);
        let own = Identity::own().expect("/proc is there");
        assert!(run.claim(&own).expect("writable"));
        assert!(
            !run.claim(&Identity::nobody().expect("/proc is there"))
                .expect("writable")
        );
        assert_eq!(run.shim().expect("readable"), Some(own));
        assert!(
            RunDir::create(dir.path().join("runs/r")).is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists)
        );
    }

    #[test]
    fn a_record_reads_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let run = RunDir::create(dir.path().join("r")).expect("a run directory");
        assert_eq!(run.record().expect("readable"), None);
        let record = Record {
            exit: Exit::Code { code: 3 },
            note: None,
        };
        run.write_record(&record).expect("writable");
        assert_eq!(run.record().expect("readable"), Some(record));
    }
}
