//! Opening files of folders that strangers may have filled.
//! It must not wait for anything: a named pipe in the place of a file opens at once, and is none.

use rustix::fs::{Mode, OFlags};
use std::{fs::File, io, path::Path};

/// Opens a regular file for reading; links are followed. Anything else that lies there is an error.
pub(super) fn open(path: &Path) -> io::Result<File> {
    // Without `NONBLOCK` opening a pipe waits until somebody writes to it.
    let file = File::from(rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}
