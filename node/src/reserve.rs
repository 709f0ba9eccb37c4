//! The reserve: a file that occupies space in the data directory, to be given up when the disk is full. It has no
//! content, and nothing may rely on its presence.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The file's name in the data directory.
pub const FILE: &str = "reserve";
/// Its size in bytes: more than a node's last records and the ends of its agents need.
pub const SIZE: u64 = 2 << 20;
/// With fewer free bytes than this the disk counts as full, even if a little still fits.
const FULL: u64 = 256 << 10;

/// Creates the reserve if it is missing and the disk has plenty of space.
pub fn keep(data_dir: &Path) {
    let path = data_dir.join(FILE);
    if fs::metadata(&path).is_ok_and(|file| file.len() == SIZE) || room(data_dir).is_none_or(|room| room < 8 * SIZE) {
        return;
    }
    if let Err(error) = write(&path) {
        tracing::debug!(%error, "the reserve of the data directory could not be made");
        let _ = fs::remove_file(&path);
    }
}

/// Removes the reserve if the disk is full; returns whether it did.
pub fn give_up(data_dir: &Path) -> bool {
    let path = data_dir.join(FILE);
    let full = room(data_dir).is_some_and(|room| room < FULL);
    if !full || fs::remove_file(&path).is_err() {
        return false;
    }
    tracing::warn!("the disk is full: the reserve of the data directory was given up for what must still be written");
    true
}

fn write(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    let zeros = vec![0; 64 << 10];
    for _ in 0..SIZE / (64 << 10) {
        file.write_all(&zeros)?;
    }
    file.sync_all()
}

/// The bytes that this user may still write.
fn room(data_dir: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(data_dir).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_where_there_is_room_and_given_up_only_where_there_is_none() {
        let folder = tempfile::tempdir().expect("a directory");
        keep(folder.path());
        let file = folder.path().join(FILE);
        assert_eq!(fs::metadata(&file).expect("it is there").len(), SIZE);
        assert!(!give_up(folder.path()), "the disk of a test is not full");
        assert!(file.exists());
    }
}
