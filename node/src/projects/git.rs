//! What git says about a folder, read from its files.
//! It must not run git: a folder's own configuration could make git run anything.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

/// Files of a repository are read up to this size.
const READ_MAX: u64 = 256 * 1024;

/// The branch checked out, or the first 12 digits of a detached commit; `None` outside git.
pub fn branch(folder: &Path) -> Option<String> {
    let head = read(&git_dir(folder)?.join("HEAD"))?;
    let head = head.trim();
    match head.strip_prefix("ref:") {
        Some(name) => Some(name.trim().strip_prefix("refs/heads/").unwrap_or(name.trim()).to_owned()),
        None => Some(head.chars().take(12).collect()).filter(|text: &String| !text.is_empty()),
    }
}

/// The address of the remote `origin`, without user names and passwords; `None` when there is none.
pub fn remote(folder: &Path) -> Option<String> {
    let git = git_dir(folder)?;
    let common = match read(&git.join("commondir")) {
        Some(path) => git.join(path.trim()),
        None => git,
    };
    let config = read(&common.join("config"))?;
    let mut in_origin = false;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            in_origin = line.strip_prefix("[remote").is_some_and(|rest| rest.trim().trim_end_matches(']').trim_matches('"') == "origin");
        } else if in_origin
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "url"
        {
            return Some(without_credentials(value.trim()));
        }
    }
    None
}

/// The root of the checkout the folder lies in; `None` outside git.
pub fn root(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|above| above.join(".git").exists())
}

/// The root of the checkout that a worktree was made from; the root itself where it is no worktree.
pub fn main_root(folder: &Path) -> Option<PathBuf> {
    let root = root(folder)?;
    let git = git_dir(folder)?;
    let common = read(&git.join("commondir")).and_then(|path| fs::canonicalize(git.join(path.trim())).ok());
    let main = common.filter(|common| common.ends_with(".git")).and_then(|common| common.parent().map(Path::to_owned));
    Some(main.unwrap_or_else(|| root.to_owned()))
}

/// The repository's `.git` of the folder or one above it, worktrees and submodules followed.
fn git_dir(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find_map(|folder| {
        let git = folder.join(".git");
        if git.is_dir() {
            return Some(git);
        }
        let pointer = read(&git)?;
        let target = pointer.trim().strip_prefix("gitdir:")?.trim().to_owned();
        Some(folder.join(target))
    })
}

fn read(path: &Path) -> Option<String> {
    let file = fs::File::open(path).ok().filter(|file| file.metadata().is_ok_and(|meta| meta.is_file()))?;
    let mut text = String::new();
    file.take(READ_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// `https://user:secret@host/path` without what stands before the `@`; `git@host:path` stays as it is.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(config: &str, head: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        fs::write(folder.path().join(".git/HEAD"), head).unwrap();
        fs::write(folder.path().join(".git/config"), config).unwrap();
        folder
    }

    #[test]
    fn branch_and_remote_are_read_without_credentials() {
        let folder = repository(
            "[core]\n\turl = no\n[remote \"up\"]\n\turl = no\n[remote \"origin\"]\n\turl = https://me:secret@example.org/a/b.git\n",
            "ref: refs/heads/fix/x\n",
        );
        fs::create_dir_all(folder.path().join("deep/er")).unwrap();
        assert_eq!(branch(&folder.path().join("deep/er")).as_deref(), Some("fix/x"));
        assert_eq!(remote(folder.path()).as_deref(), Some("https://example.org/a/b.git"));
    }

    #[test]
    fn a_worktree_has_its_own_branch_and_the_common_remote() {
        let folder = repository("[remote \"origin\"]\nurl = git@example.org:a/b.git\n", "ref: refs/heads/main\n");
        let git = folder.path().join(".git/worktrees/w");
        fs::create_dir_all(&git).unwrap();
        fs::write(git.join("HEAD"), "0123456789abcdef0123456789abcdef01234567\n").unwrap();
        fs::write(git.join("commondir"), "../..\n").unwrap();
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join(".git"), format!("gitdir: {}\n", git.display())).unwrap();
        assert_eq!(branch(tree.path()).as_deref(), Some("0123456789ab"));
        assert_eq!(remote(tree.path()).as_deref(), Some("git@example.org:a/b.git"));
    }

    #[test]
    fn outside_git_nothing_is_known() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!((branch(folder.path()), remote(folder.path())), (None, None));
    }
}
