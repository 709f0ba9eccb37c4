//! Where projects may lie: below `projects.roots`, and never in the node's own data. It looks at paths only, never into
//! folders.

use rustix::fs::{Access, access};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of the demo agent's project in the data directory.
const DEMO: &str = "demo";

/// The longest accepted path, in bytes.
pub(super) const PATH_MAX: usize = 4_096;

/// The borders for projects.
#[derive(Clone, Debug)]
pub struct Borders {
    /// Projects must lie below one of these. If there are none, they may lie wherever the node's user may write.
    pub roots: Vec<PathBuf>,
    /// No project may lie in it or around it, except for the demo agent's.
    pub data_dir: PathBuf,
}

impl Borders {
    /// The canonical path of a folder: a writable directory inside the borders. `Err` is a sentence.
    pub(super) fn folder(&self, text: &str) -> Result<PathBuf, String> {
        let text = text.trim();
        if text.is_empty() || text.len() > PATH_MAX || text.contains('\0') {
            return Err("name a folder on this node".into());
        }
        let path = Path::new(text);
        if !path.is_absolute() {
            return Err("name the folder from the root: a path that starts with /".into());
        }
        let path = fs::canonicalize(path)
            .map_err(|_| format!("there is no folder {text} on this node, or its user may not enter it"))?;
        if !path.is_dir() {
            return Err(format!("{text} is not a folder"));
        }
        if path.to_str().is_none() {
            return Err("the folder's name is not UTF-8".into());
        }
        self.admit(&path)?;
        if access(&path, Access::WRITE_OK | Access::READ_OK | Access::EXEC_OK).is_err() {
            return Err(format!("the node's user may not write in {text}"));
        }
        Ok(path)
    }

    /// Checks that an agent may still start in a folder that was admitted earlier: it is the same folder, inside the
    /// present borders. `Err` is a sentence about "its folder".
    pub(super) fn still_holds(&self, path: &Path) -> Result<(), String> {
        let now = fs::canonicalize(path).map_err(|_| {
            format!(
                "its folder {} is not there, or the node's user may not enter it",
                path.display()
            )
        })?;
        if now != path {
            return Err(format!(
                "its folder {} leads to {} now: add that folder as a project to work there",
                path.display(),
                now.display()
            ));
        }
        if !now.is_dir() {
            return Err(format!("its folder {} is no folder any more", path.display()));
        }
        self.admit(&now)
            .map_err(|why| format!("its folder is not allowed: {why}"))
    }

    /// The folder of the demo agent's project. `Err` is a sentence: an agent may have put a link there.
    pub(super) fn demo(&self) -> Result<PathBuf, String> {
        let wanted = self.data().join(DEMO);
        match fs::canonicalize(&wanted) {
            Ok(found) if found != wanted => Err(format!(
                "{} leads to another folder: remove it to have the demo again",
                wanted.display()
            )),
            _ => Ok(wanted),
        }
    }

    fn data(&self) -> PathBuf {
        fs::canonicalize(&self.data_dir).unwrap_or_else(|_| self.data_dir.clone())
    }

    /// Checks that a project may lie at this canonical path.
    fn admit(&self, path: &Path) -> Result<(), String> {
        let data = self.data();
        if path == data.join(DEMO) {
            return Ok(());
        }
        if path.starts_with(&data) || data.starts_with(path) {
            let how = match path == data {
                true => "is",
                false if path.starts_with(&data) => "lies in",
                false => "holds",
            };
            return Err(format!(
                "{} {how} the node's own data directory ({}), where no agent may work",
                path.display(),
                data.display()
            ));
        }
        let roots: Vec<PathBuf> = self
            .roots
            .iter()
            .filter_map(|root| fs::canonicalize(root).ok())
            .collect();
        if !self.roots.is_empty() && !roots.iter().any(|root| path.starts_with(root)) {
            let allowed = self
                .roots
                .iter()
                .map(|root| root.display().to_string())
                .collect::<Vec<_>>()
                .join(", ");
            return Err(format!("projects must lie under {allowed} (projects.roots)"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_data_directory_and_what_holds_it_is_no_project_and_the_demo_is() {
        let all = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(all.path()).unwrap();
        fs::create_dir_all(root.join("home/node/demo/deep")).unwrap();
        fs::create_dir_all(root.join("home/node/blobs")).unwrap();
        fs::create_dir_all(root.join("home/work")).unwrap();
        symlink("home/node", root.join("link")).unwrap();
        for roots in [Vec::new(), vec![root.clone()], vec![PathBuf::from("/")]] {
            let borders = Borders {
                roots,
                data_dir: root.join("link"),
            };
            let at = |inside: &str| borders.folder(root.join(inside).to_str().unwrap());
            for refused in [
                "home/node",
                "link",
                "home/node/blobs",
                "link/blobs",
                "home/node/demo/deep",
                "home",
                "",
            ] {
                let why = at(refused).unwrap_err();
                assert!(why.contains("data directory"), "{refused}: {why}");
            }
            assert!(
                borders
                    .folder("/")
                    .unwrap_err()
                    .contains("holds the node's own data directory")
            );
            assert_eq!(at("home/work").unwrap(), root.join("home/work"));
            assert_eq!(at("link/demo").unwrap(), root.join("home/node/demo"));
        }
    }

    #[test]
    fn a_link_in_place_of_the_demo_is_not_followed() {
        let all = tempfile::tempdir().unwrap();
        let borders = Borders {
            roots: Vec::new(),
            data_dir: all.path().to_owned(),
        };
        let there = fs::canonicalize(all.path()).unwrap().join("demo");
        assert_eq!(borders.demo(), Ok(there.clone()));
        symlink("/usr", &there).unwrap();
        assert!(borders.demo().unwrap_err().contains("another folder"));
    }
}
