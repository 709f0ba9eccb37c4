//! Trust: what a folder would run of its own, and a hash over it as a person saw it.
//! It reads, and must never run anything, wait for anything, or call trusted what it has not read whole.

use super::files;
use crate::entity::project;
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// Files and folders through which a folder can make an agent run something, relative to it.
const SOURCES: [&str; 9] = [
    ".claude/settings.json",
    ".claude/settings.local.json",
    ".mcp.json",
    ".claude/hooks",
    ".claude/agents",
    ".claude/commands",
    ".claude/skills",
    ".claude/plugins",
    ".claude/output-styles",
];
/// A folder with more files and folders there cannot be trusted: what is not looked at could be changed unseen.
const FILES_MAX: usize = 2_000;
/// The same for the bytes of all of them together.
const BYTES_MAX: u64 = 64 << 20;
/// So many are named.
const NAMED: usize = 200;

/// What the folder would run if trusted: the files found, relative, sorted; at most the first 200.
pub fn found(folder: &Path) -> Vec<String> {
    let (files, _) = files_in(folder, FILES_MAX);
    files.iter().filter_map(|path| path.strip_prefix(folder).ok().map(|path| path.display().to_string())).take(NAMED).collect()
}

/// BLAKE3 (hex) over names, lengths and contents of what the folder would run; `None` when that is too much to be read whole.
pub fn hash(folder: &Path) -> Option<String> {
    let (files, all) = files_in(folder, FILES_MAX);
    if !all {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    let mut room = BYTES_MAX;
    for path in files {
        let name = path.strip_prefix(folder).unwrap_or(&path).as_os_str().as_encoded_bytes();
        hasher.update(&u64::try_from(name.len()).ok()?.to_le_bytes());
        hasher.update(name);
        let mut contents = blake3::Hasher::new();
        // What cannot be read counts as its own thing, not as an empty file: once it can be read, it asks again.
        let length = files::open(&path).and_then(|file| io::copy(&mut file.take(room + 1), &mut contents)).unwrap_or(u64::MAX);
        if length != u64::MAX {
            room = room.checked_sub(length)?;
        }
        hasher.update(&length.to_le_bytes());
        hasher.update(contents.finalize().as_bytes());
    }
    Some(hasher.finalize().to_hex().to_string())
}

/// Whether a person trusts what the folder would run, as it is at this moment.
pub fn trusted(project: &project::Model, folder: &Path) -> bool {
    project.trusted_hash.is_some() && project.trusted_hash == hash(folder)
}

/// The files, sorted, and whether they are all. Links are followed, because an agent would follow them too.
fn files_in(folder: &Path, most: usize) -> (Vec<PathBuf>, bool) {
    let mut files = Vec::new();
    let mut looked_at = 0;
    let sources = SOURCES.iter().map(|source| folder.join(source)).filter(|source| source.symlink_metadata().is_ok());
    for entry in sources.flat_map(|source| WalkDir::new(source).follow_links(true).sort_by_file_name()) {
        looked_at += 1;
        if looked_at > most {
            return (files, false);
        }
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => files.push(entry.into_path()),
            // A link to nowhere, a folder that may not be entered: there is something, and what it is may change.
            Err(error) => files.extend(error.path().map(Path::to_path_buf)),
        }
    }
    files.sort();
    (files, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn a_change_of_what_would_run_changes_the_hash() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| folder.path().join(name);
        let mut seen = vec![hash(folder.path()).unwrap()];
        assert_eq!(found(folder.path()), Vec::<String>::new());
        let mut changed = |what: &str| {
            let now = hash(folder.path()).unwrap();
            assert!(!seen.contains(&now), "{what} went unnoticed");
            seen.push(now);
        };
        fs::create_dir_all(at(".claude/hooks")).unwrap();
        fs::write(at(".claude/settings.json"), "{}").unwrap();
        changed("settings");
        fs::write(at(".claude/hooks/a.sh"), "true").unwrap();
        changed("a hook");
        fs::write(at(".claude/hooks/a.sh"), "evil").unwrap();
        changed("another hook of the same length");
        fs::write(at(".mcp.json"), "x".repeat(5 << 20)).unwrap();
        changed("servers");
        fs::write(at(".mcp.json"), "x".repeat((5 << 20) - 1) + "y").unwrap();
        changed("the last byte of a long file");
        fs::write(outside.path().join("script"), "true").unwrap();
        symlink(outside.path(), at(".claude/commands")).unwrap();
        changed("a link to a folder elsewhere");
        fs::write(outside.path().join("script"), "evil").unwrap();
        changed("a file behind a link");
        symlink(outside.path().join("nothing"), at(".claude/hooks/later.sh")).unwrap();
        changed("a link to nowhere");
        fs::write(outside.path().join("nothing"), "evil").unwrap();
        changed("what a link led to later");
        symlink(at(".claude"), at(".claude/hooks/round")).unwrap();
        changed("a link in a circle");
        let before = hash(folder.path());
        fs::write(at("README.md"), "unrelated").unwrap();
        assert_eq!(before, hash(folder.path()));
        assert!(found(folder.path()).contains(&".claude/commands/script".to_owned()));
    }

    #[test]
    fn what_is_too_much_to_read_is_never_trusted() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".claude/hooks")).unwrap();
        let long = fs::File::create(folder.path().join(".claude/hooks/long")).unwrap();
        long.set_len(BYTES_MAX).unwrap();
        assert!(hash(folder.path()).is_some());
        fs::write(folder.path().join(".claude/hooks/more"), "x").unwrap();
        assert_eq!(hash(folder.path()), None);
        long.set_len(0).unwrap();
        for number in 0..FILES_MAX {
            fs::write(folder.path().join(format!(".claude/hooks/{number}")), "").unwrap();
        }
        assert_eq!(hash(folder.path()), None);
        assert_eq!(found(folder.path()).len(), NAMED);
    }

    #[test]
    fn a_pipe_in_the_place_of_a_hook_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".claude/hooks")).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, folder.path().join(".claude/hooks/pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(hash(folder.path()).is_some());
        assert_eq!(found(folder.path()), [".claude/hooks/pipe"]);
    }
}
