//! Git facts of a folder, read from its files. It must not run git, because the folder's own configuration could make
//! git run anything.

use super::open;
use model::shown;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The most bytes that are read of a file with one line.
const LINE_MAX: u64 = 4 * 1024;
/// The most bytes that are read of a configuration.
const CONFIG_MAX: u64 = 256 * 1024;
/// The most characters of a name or address.
const SHOWN_MAX: usize = 200;

/// The current branch, or the first 12 digits of a detached commit, on one line of at most 200 characters. `None`
/// outside git.
pub(super) fn branch(folder: &Path) -> Option<String> {
    let head = git_dir(folder)?.line("HEAD")?;
    match head.strip_prefix("ref:").map(str::trim) {
        Some(name) => kept(name.strip_prefix("refs/heads/").unwrap_or(name)),
        None => kept(&head.chars().take(12).collect::<String>()),
    }
}

/// The address of the remote `origin` without credentials, on one line of at most 200 characters; `None` when there is
/// none.
pub(super) fn remote(folder: &Path) -> Option<String> {
    let git = git_dir(folder)?;
    let common = match git.line("commondir") {
        Some(path) => GitDir {
            base: git.path().join(path),
            inside: PathBuf::new(),
        },
        None => git,
    };
    let config = open::text(&common.base, &common.inside.join("config"), CONFIG_MAX).ok()?;
    let mut in_origin = false;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            in_origin = line
                .strip_prefix("[remote")
                .is_some_and(|rest| rest.trim().trim_end_matches(']').trim_matches('"') == "origin");
        } else if in_origin
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "url"
        {
            return kept(&without_credentials(value.trim()));
        }
    }
    None
}

/// The root of the folder's checkout; `None` outside git.
pub(super) fn root(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|above| above.join(".git").exists())
}

/// The root of the checkout from which a worktree was made; for other checkouts their own root.
pub(super) fn main_root(folder: &Path) -> Option<PathBuf> {
    let root = root(folder)?;
    let git = git_dir(folder)?;
    let common = git
        .line("commondir")
        .and_then(|path| fs::canonicalize(git.path().join(path)).ok());
    let main = common
        .filter(|common| common.ends_with(".git"))
        .and_then(|common| common.parent().map(Path::to_owned));
    Some(main.unwrap_or_else(|| root.to_owned()))
}

/// A repository's own folder: below the checkout, or where the `.git` file of a worktree or submodule points.
struct GitDir {
    /// The folder that no link may leave.
    base: PathBuf,
    inside: PathBuf,
}

impl GitDir {
    fn path(&self) -> PathBuf {
        self.base.join(&self.inside)
    }

    /// The first line of one of its files, trimmed.
    fn line(&self, name: &str) -> Option<String> {
        line(&self.base, &self.inside.join(name))
    }
}

/// The `.git` of the folder or of one above it; it follows those of worktrees and submodules.
fn git_dir(folder: &Path) -> Option<GitDir> {
    folder.ancestors().find_map(|above| {
        let git = Path::new(".git");
        if above.join(git).is_dir() {
            return Some(GitDir {
                base: above.to_owned(),
                inside: git.to_owned(),
            });
        }
        let pointer = line(above, git)?;
        Some(GitDir {
            base: above.join(pointer.strip_prefix("gitdir:")?.trim()),
            inside: PathBuf::new(),
        })
    })
}

fn line(base: &Path, inside: &Path) -> Option<String> {
    open::text(base, inside, LINE_MAX)
        .ok()?
        .lines()
        .next()
        .map(|line| line.trim().to_owned())
}

/// A text for events and lists, whoever wrote it: short, and without invisible characters.
fn kept(text: &str) -> Option<String> {
    let visible = |c: char| {
        if c.is_control() || shown::is_hidden(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    let mut shown: String = text.chars().take(SHOWN_MAX).map(visible).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.pop();
        shown.push('…');
    }
    Some(shown).filter(|shown| !shown.is_empty())
}

/// `https://user:secret@host/path` without the part before the `@`; `git@host:path` stays.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest
                .split_once('/')
                .map_or((rest, None), |(host, path)| (host, Some(path)));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            path.map_or_else(
                || format!("{scheme}://{host}"),
                |path| format!("{scheme}://{host}/{path}"),
            )
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
        let folder = repository(
            "[remote \"origin\"]\nurl = git@example.org:a/b.git\n",
            "ref: refs/heads/main\n",
        );
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
    fn what_a_repository_says_is_one_short_line_without_hidden_characters() {
        let long = "x".repeat(256 * 1024);
        let bidi = "a\u{202e}b\u{200b}c\u{1b}[2Jd";
        for (head, is) in [
            (format!("ref: refs/heads/{long}\n"), format!("{}…", "x".repeat(199))),
            (format!("ref: refs/heads/{}", "y".repeat(200)), "y".repeat(200)),
            (
                format!("ref: refs/heads/{}", "é".repeat(2_500)),
                format!("{}…", "é".repeat(199)),
            ),
            ("ref: refs/heads/one\nref: refs/heads/two\n".into(), "one".into()),
            (
                format!("ref: refs/heads/{bidi}\n"),
                "a\u{fffd}b\u{fffd}c\u{fffd}[2Jd".into(),
            ),
            (
                "ref: refs/heads/<script>alert(1)</script>\n".into(),
                "<script>alert(1)</script>".into(),
            ),
            (long.clone(), "x".repeat(12)),
        ] {
            let folder = repository(
                &format!("[remote \"origin\"]\n\turl = https://me:secret@example.org/{bidi}{long}\n"),
                &head,
            );
            assert_eq!(branch(folder.path()), Some(is));
            let remote = remote(folder.path()).unwrap();
            assert!(
                remote.starts_with("https://example.org/a\u{fffd}b\u{fffd}c\u{fffd}[2Jdxx"),
                "{remote}"
            );
            assert_eq!(remote.chars().count(), 200);
        }
        for nothing in ["", "\n", "ref:", "ref: refs/heads/\n"] {
            assert_eq!(branch(repository("", nothing).path()), None, "{nothing:?}");
        }
    }

    #[test]
    fn links_out_of_the_folder_are_not_read() {
        let secrets = repository("[remote \"origin\"]\nurl = secret\n", "ref: refs/heads/secret\n");
        let folder = repository("", "");
        for name in ["HEAD", "config"] {
            fs::remove_file(folder.path().join(".git").join(name)).unwrap();
            std::os::unix::fs::symlink(
                secrets.path().join(".git").join(name),
                folder.path().join(".git").join(name),
            )
            .unwrap();
        }
        assert_eq!((branch(folder.path()), remote(folder.path())), (None, None));
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(secrets.path().join(".git"), folder.path().join(".git")).unwrap();
        assert_eq!((branch(folder.path()), remote(folder.path())), (None, None));
    }

    #[test]
    fn outside_git_nothing_is_known() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!((branch(folder.path()), remote(folder.path())), (None, None));
    }
}
