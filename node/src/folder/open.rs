//! Opens files in folders where agents and strangers write. It never blocks, never leaves the folder through a link,
//! and opens only regular files.

use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
    path::{Component, Path},
};

/// `NONBLOCK`, because a pipe without a writer, a terminal or a device would block a reader.
const READING: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOCTTY);
const PASSING: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A file and its length in bytes; links are followed anywhere.
pub(super) fn anywhere(path: &Path) -> io::Result<(File, u64)> {
    regular(openat(CWD, path, READING, Mode::empty())?)
}

/// A file below `base`, by its relative path, and its length in bytes. Links must lead to places below `base`.
pub(super) fn beneath(base: &Path, inside: &Path) -> io::Result<(File, u64)> {
    let base = openat(CWD, base, PASSING, Mode::empty())?;
    match openat2(
        &base,
        inside,
        READING,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
    ) {
        // An old kernel, or a sandbox without this call.
        Err(Errno::NOSYS | Errno::PERM) => regular(step_by_step(base, inside)?),
        opened => regular(opened?),
    }
}

/// [`beneath`] without following any link.
fn step_by_step(base: OwnedFd, inside: &Path) -> io::Result<OwnedFd> {
    let mut steps = Vec::new();
    for step in inside.components() {
        match step {
            Component::Normal(name) => steps.push(name),
            Component::CurDir => {}
            _ => return Err(Errno::XDEV.into()),
        }
    }
    let last = steps.pop().ok_or(Errno::ISDIR)?;
    let mut folder = base;
    for step in steps {
        folder = openat(folder.as_fd(), step, PASSING | OFlags::NOFOLLOW, Mode::empty())?;
    }
    Ok(openat(&folder, last, READING | OFlags::NOFOLLOW, Mode::empty())?)
}

/// The first `most` bytes of a file below `base` as text; invalid bytes are replaced.
pub(super) fn text(base: &Path, inside: &Path, most: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    beneath(base, inside)?.0.take(most).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn regular(opened: OwnedFd) -> io::Result<(File, u64)> {
    let file = File::from(opened);
    let kind = file.metadata()?;
    if kind.is_file() {
        Ok((file, kind.len()))
    } else {
        Err(io::Error::other("it is no file"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FileType, mknodat};
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn only_regular_files_below_the_folder_are_opened() {
        let all = tempfile::tempdir().unwrap();
        let base = all.path().join("base");
        fs::create_dir_all(base.join("deep/er")).unwrap();
        fs::write(all.path().join("secret"), "secret").unwrap();
        fs::write(base.join("deep/er/file"), "text").unwrap();
        symlink("../../secret", base.join("deep/out")).unwrap();
        symlink(all.path().join("secret"), base.join("absolute")).unwrap();
        symlink("..", base.join("up")).unwrap();
        symlink("/proc/self/fd", base.join("magic")).unwrap();
        symlink("deep/er", base.join("within")).unwrap();
        mknodat(CWD, base.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let by_steps = |inside: &str| {
            step_by_step(openat(CWD, &base, PASSING, Mode::empty()).unwrap(), Path::new(inside)).and_then(regular)
        };
        for refused in [
            "deep/out",
            "absolute",
            "up/secret",
            "magic/0",
            "../secret",
            "/etc/hostname",
            "pipe",
            "deep",
            "",
            ".",
            "nowhere",
        ] {
            assert!(beneath(&base, Path::new(refused)).is_err(), "{refused}");
            assert!(by_steps(refused).is_err(), "{refused}");
        }
        for opened in ["deep/er/file", "./deep/er/file"] {
            assert_eq!(beneath(&base, Path::new(opened)).unwrap().1, 4);
            assert_eq!(by_steps(opened).unwrap().1, 4);
        }
        assert_eq!(text(&base, Path::new("within/file"), 2).unwrap(), "te");
        assert!(by_steps("within/file").is_err());
    }
}
