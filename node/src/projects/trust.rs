//! Trust: what a folder would run of its own, and a hash over it as a person saw it.
//! It reads, follows no links out of the folder, and never runs anything.

use crate::entity::project;
use std::{
    fs,
    io::Read,
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
/// So many files are looked at; a folder with more is hashed as "too many" and so asks again with every change of their number.
const FILES_MAX: usize = 2_000;
/// So much of each file is hashed, together with its full length.
const READ_MAX: u64 = 4 * 1024 * 1024;

/// What the folder would run if trusted: the files found, relative, sorted.
pub fn found(folder: &Path) -> Vec<String> {
    files(folder).into_iter().filter_map(|path| path.strip_prefix(folder).ok().map(|path| path.display().to_string())).collect()
}

/// BLAKE3 (hex) over names, lengths and contents of what the folder would run.
pub fn hash(folder: &Path) -> String {
    let mut hasher = blake3::Hasher::new();
    let files = files(folder);
    hasher.update(&(files.len() as u64).to_le_bytes());
    for path in files {
        let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        let mut content = Vec::new();
        let length = fs::File::open(&path).ok().and_then(|file| {
            let length = file.metadata().ok()?.len();
            file.take(READ_MAX).read_to_end(&mut content).ok()?;
            Some(length)
        });
        // An unreadable file counts as its own thing, not as an empty one.
        hasher.update(&length.unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(&content);
    }
    hasher.finalize().to_hex().to_string()
}

/// Whether a person trusts what the folder would run, as it is at this moment.
pub fn trusted(project: &project::Model, folder: &Path) -> bool {
    project.trusted_hash.as_deref().is_some_and(|trusted| trusted == hash(folder))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = SOURCES
        .iter()
        .map(|source| folder.join(source))
        .flat_map(|source| WalkDir::new(source).max_depth(8).sort_by_file_name())
        .filter_map(Result::ok)
        // A link is listed, and hashed by what it points to: its target may change without the folder changing.
        .filter(|entry| entry.file_type().is_file() || entry.file_type().is_symlink())
        .map(walkdir::DirEntry::into_path)
        .take(FILES_MAX)
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_what_would_run_changes_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        let before = hash(folder.path());
        assert_eq!(found(folder.path()), Vec::<String>::new());
        fs::create_dir_all(folder.path().join(".claude/hooks")).unwrap();
        fs::write(folder.path().join(".claude/settings.json"), "{}").unwrap();
        let with_settings = hash(folder.path());
        fs::write(folder.path().join(".claude/hooks/a.sh"), "true").unwrap();
        let with_hook = hash(folder.path());
        fs::write(folder.path().join(".claude/hooks/a.sh"), "evil").unwrap();
        let with_other_hook = hash(folder.path());
        fs::write(folder.path().join("README.md"), "unrelated").unwrap();
        assert_eq!(found(folder.path()), [".claude/hooks/a.sh", ".claude/settings.json"]);
        assert_eq!(with_other_hook, hash(folder.path()));
        let all = [before, with_settings, with_hook, with_other_hook];
        for (i, one) in all.iter().enumerate() {
            assert!(!all[i + 1..].contains(one));
        }
    }
}
