//! Trust: what a folder would run of its own, and a seal over it as a person saw it.
//! It only reads, and never runs anything. What it cannot read whole, nobody can vouch for: such a folder is not trusted.

use crate::entity::project;
use rustix::fs::{Mode, OFlags};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

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
/// So many files and folders may lie in the sources; nobody could have looked at more.
const ENTRIES_MAX: usize = 5_000;
/// So many bytes may all the files have together: they are read whenever the project is shown.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why nobody can vouch for a folder, as a part of a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unvouchable(String);

impl Unvouchable {
    fn too_much() -> Self {
        let mib = BYTES_MAX / (1024 * 1024);
        Self(format!("what it would run is more than {ENTRIES_MAX} files or {mib} MiB, which is too much to vouch for"))
    }

    fn unreadable(name: &str, cause: &io::Error) -> Self {
        Self(format!("{name} cannot be read ({cause})"))
    }
}

/// What the folder would run if trusted: the files found, relative, sorted; and what stands in the way of trust, if anything.
pub fn found(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let gathered = gather(folder, &mut files);
    files.sort();
    let mut found: Vec<String> = files.iter().map(|path| shown(folder, path)).collect();
    found.extend(gathered.err().map(|why| why.to_string()));
    found
}

/// BLAKE3 (hex) over names, lengths and contents of everything the folder would run.
pub fn seal(folder: &Path) -> Result<String, Unvouchable> {
    let mut files = Vec::new();
    gather(folder, &mut files)?;
    files.sort();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(files.len() as u64).to_le_bytes());
    let mut left = BYTES_MAX;
    for path in files {
        let unreadable = |cause: io::Error| Unvouchable::unreadable(&shown(folder, &path), &cause);
        let name = path.strip_prefix(folder).unwrap_or(&path).as_os_str().as_bytes();
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name);
        let (file, length) = open(&path).map_err(unreadable)?;
        left = left.checked_sub(length).ok_or_else(Unvouchable::too_much)?;
        hasher.update(&length.to_le_bytes());
        let before = hasher.count();
        // One byte more than there should be: what grows meanwhile, or has no length like the kernel's own files, must not pass for read.
        hasher.update_reader(file.take(length + 1)).map_err(unreadable)?;
        if hasher.count() - before != length {
            return Err(unreadable(io::Error::other("it changes while it is read")));
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// Whether what was trusted is what the folder would run at this moment.
pub fn holds(trusted: Option<&str>, folder: &Path) -> bool {
    trusted.is_some_and(|trusted| seal(folder).is_ok_and(|sealed| sealed == trusted))
}

/// Whether a person trusts what the folder would run, as it is at this moment.
pub fn trusted(project: &project::Model, folder: &Path) -> bool {
    holds(project.trusted_hash.as_deref(), folder)
}

/// Every file in the sources, in no order. Links are followed, as an agent would follow them, but to no folder outside of this one. A circle
/// of links ends where the kernel follows no further, or where it is too much.
fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Unvouchable> {
    let mut waiting: Vec<PathBuf> = SOURCES.iter().map(|source| folder.join(source)).filter(|source| is_there(source)).collect();
    let mut left = ENTRIES_MAX;
    while let Some(path) = waiting.pop() {
        let unreadable = |cause: io::Error| Unvouchable::unreadable(&shown(folder, &path), &cause);
        let kind = fs::metadata(&path).map_err(unreadable)?;
        if kind.is_file() {
            files.push(path);
            continue;
        }
        if !kind.is_dir() {
            return Err(Unvouchable(format!("{} is neither a file nor a folder", shown(folder, &path))));
        }
        if fs::symlink_metadata(&path).map_err(unreadable)?.is_symlink() && leads_out(folder, &path).map_err(unreadable)? {
            return Err(Unvouchable(format!("{} is a link to a folder outside of the project", shown(folder, &path))));
        }
        for entry in fs::read_dir(&path).map_err(unreadable)? {
            left = left.checked_sub(1).ok_or_else(Unvouchable::too_much)?;
            waiting.push(entry.map_err(unreadable)?.path());
        }
    }
    Ok(())
}

fn leads_out(folder: &Path, link: &Path) -> io::Result<bool> {
    Ok(!fs::canonicalize(link)?.starts_with(fs::canonicalize(folder)?))
}

/// A source that is not there runs nothing.
fn is_there(source: &Path) -> bool {
    !fs::metadata(source).is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}

/// A file and its length. What has taken its place meanwhile and would block, such as a pipe, is refused.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = File::from(rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?);
    let kind = file.metadata()?;
    if kind.is_file() { Ok((file, kind.len())) } else { Err(io::Error::other("it is no file")) }
}

fn shown(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::{fs::symlink, net::UnixListener};

    type Act = fn(&Path);

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".claude/hooks")).unwrap();
        folder
    }

    #[test]
    fn a_change_of_what_would_run_changes_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        let now = || seal(folder.path()).unwrap();
        let before = now();
        assert_eq!(found(folder.path()), Vec::<String>::new());
        fs::create_dir_all(folder.path().join(".claude/hooks")).unwrap();
        fs::write(folder.path().join(".claude/settings.json"), "{}").unwrap();
        let with_settings = now();
        fs::write(folder.path().join(".claude/hooks/a.sh"), "true").unwrap();
        let with_hook = now();
        fs::write(folder.path().join(".claude/hooks/a.sh"), "evil").unwrap();
        let with_other_hook = now();
        fs::write(folder.path().join("README.md"), "unrelated").unwrap();
        assert_eq!(found(folder.path()), [".claude/hooks/a.sh", ".claude/settings.json"]);
        assert_eq!(with_other_hook, now());
        assert!(holds(Some(&with_other_hook), folder.path()) && !holds(Some(&with_hook), folder.path()) && !holds(None, folder.path()));
        let all = [before, with_settings, with_hook, with_other_hook];
        for (i, one) in all.iter().enumerate() {
            assert!(!all[i + 1..].contains(one));
        }
    }

    #[test]
    fn nothing_is_too_far_away_to_count() {
        let cases: [(&str, Act, Act); 6] = [
            (
                "the last of 2,001 files",
                |hooks| (0..2_001).for_each(|n| fs::write(hooks.join(format!("{n:04}.sh")), "true").unwrap()),
                |hooks| fs::write(hooks.join("2000.sh"), "evil").unwrap(),
            ),
            (
                "a byte past 4 MiB",
                |hooks| fs::write(hooks.join("big"), vec![0; 5 << 20]).unwrap(),
                |hooks| {
                    let mut bytes = vec![0; 5 << 20];
                    bytes[(4 << 20) + 1] = 1;
                    fs::write(hooks.join("big"), bytes).unwrap();
                },
            ),
            (
                "a file nine folders down",
                |hooks| {
                    fs::create_dir_all(hooks.join("1/2/3/4/5/6/7/8/9")).unwrap();
                    fs::write(hooks.join("1/2/3/4/5/6/7/8/9/a.sh"), "true").unwrap();
                },
                |hooks| fs::write(hooks.join("1/2/3/4/5/6/7/8/9/a.sh"), "evil").unwrap(),
            ),
            (
                "a file behind a link to a folder",
                |hooks| {
                    fs::create_dir(hooks.join("../../shared")).unwrap();
                    fs::write(hooks.join("../../shared/a.sh"), "true").unwrap();
                    symlink("../../shared", hooks.join("more")).unwrap();
                },
                |hooks| fs::write(hooks.join("../../shared/a.sh"), "evil").unwrap(),
            ),
            (
                "a file behind a link that is a source itself",
                |hooks| {
                    fs::create_dir(hooks.join("../../shared")).unwrap();
                    fs::write(hooks.join("../../shared/a.sh"), "true").unwrap();
                    symlink("../shared", hooks.join("../skills")).unwrap();
                },
                |hooks| fs::write(hooks.join("../../shared/a.sh"), "evil").unwrap(),
            ),
            (
                "what a link to a file shows",
                |hooks| {
                    fs::write(hooks.join("../../run.sh"), "true").unwrap();
                    symlink("../../run.sh", hooks.join("a.sh")).unwrap();
                },
                |hooks| fs::write(hooks.join("../../run.sh"), "evil").unwrap(),
            ),
        ];
        for (what, prepare, change) in cases {
            let folder = folder();
            let hooks = folder.path().join(".claude/hooks");
            prepare(&hooks);
            let before = seal(folder.path()).unwrap();
            assert!(holds(Some(&before), folder.path()), "{what}");
            change(&hooks);
            assert!(!holds(Some(&before), folder.path()), "{what} changed and is still trusted");
            assert!(seal(folder.path()).is_ok(), "{what}");
        }
    }

    #[test]
    fn nobody_vouches_for_what_cannot_be_read_whole() {
        let cases: [(&str, Act); 7] = [
            ("outside of the project", |hooks| symlink("/usr", hooks.join("more")).unwrap()),
            ("cannot be read", |hooks| symlink(".", hooks.join("again")).unwrap()),
            ("cannot be read", |hooks| symlink("nowhere", hooks.join("a.sh")).unwrap()),
            ("neither a file nor a folder", |hooks| symlink("/dev/zero", hooks.join("a.sh")).unwrap()),
            ("neither a file nor a folder", |hooks| drop(UnixListener::bind(hooks.join("a.sh")).unwrap())),
            ("too much", |hooks| (0..=ENTRIES_MAX).for_each(|n| fs::write(hooks.join(n.to_string()), "").unwrap())),
            ("too much", |hooks| File::create(hooks.join("big")).unwrap().set_len(BYTES_MAX + 1).unwrap()),
        ];
        for (says, prepare) in cases {
            let folder = folder();
            prepare(&folder.path().join(".claude/hooks"));
            let why = seal(folder.path()).unwrap_err().to_string();
            assert!(why.contains(says), "{says}: {why}");
        }
    }
}
