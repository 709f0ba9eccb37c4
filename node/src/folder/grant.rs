//! Grants: what an agent writes into a folder's own settings after a person said "always". The seal over the folder follows it, so that the
//! person's own word does not end their trust. It must not write anything: the agent does.

use super::git;
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Settings up to this size, in bytes, are sealed by what they mean; larger ones, and what is not JSON, byte by byte.
pub(super) const SETTINGS_MAX: u64 = 1024 * 1024;

/// Which of a folder's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsFile {
    /// `settings.local.json`: for whoever works here.
    Local,
    /// `settings.json`: for everybody who has the folder.
    Project,
}

/// What an agent writes into a folder's own settings because a person said "always".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// In which settings.
    pub file: SettingsFile,
    /// Permission rules: `Bash(make *)`.
    pub allow: Vec<String>,
    /// Folders it may work in.
    pub directories: Vec<String>,
}

impl Grant {
    /// Where the file lies.
    pub(super) fn file(&self, folder: &Path) -> PathBuf {
        match self.file {
            SettingsFile::Local => local_root(folder).join(".claude/settings.local.json"),
            SettingsFile::Project => folder.join(".claude/settings.json"),
        }
    }

    fn add_to(&self, settings: &mut Value) {
        for (list, names) in [("allow", &self.allow), ("additionalDirectories", &self.directories)] {
            if names.is_empty() {
                continue;
            }
            let permissions = settings.as_object_mut().map(|settings| settings.entry("permissions").or_insert_with(|| json!({})));
            let list = permissions.and_then(Value::as_object_mut).map(|permissions| permissions.entry(list).or_insert_with(|| json!([])));
            if let Some(list) = list.and_then(Value::as_array_mut) {
                list.extend(names.iter().map(|name| json!(name)));
            }
        }
    }
}

/// Where Claude Code 2.1.330 keeps what is only for the person: at the root of the checkout, that a worktree was made from, unless that is the home
/// of the node's user or somebody else's.
fn local_root(folder: &Path) -> PathBuf {
    let owner = rustix::process::geteuid().as_raw();
    let is_foreign = |path: &Path| fs::metadata(path).is_ok_and(|found| found.uid() != owner);
    let ours = |root: &PathBuf| {
        Some(root) != std::env::home_dir().as_ref() && ![root.clone(), root.join(".git"), root.join(".claude")].iter().any(|path| is_foreign(path))
    };
    git::main_root(folder).filter(ours).unwrap_or_else(|| folder.to_owned())
}

/// Whether a file holds settings.
pub(super) fn is_settings(path: &Path) -> bool {
    path.parent().is_some_and(|parent| parent.ends_with(".claude")) && (path.ends_with("settings.json") || path.ends_with("settings.local.json"))
}

/// What settings mean, whatever their layout and the order of their rules: so the seal after a grant can be told before an agent writes it.
/// What is not JSON stays as it is.
pub(super) fn meaning(bytes: Vec<u8>, grant: Option<&Grant>) -> Vec<u8> {
    let settings = if bytes.is_empty() && grant.is_some() { Ok(json!({})) } else { serde_json::from_slice(&bytes) };
    let Ok(mut settings) = settings else { return bytes };
    if let Some(grant) = grant {
        grant.add_to(&mut settings);
    }
    for list in ["/permissions/allow", "/permissions/additionalDirectories"] {
        if let Some(list) = settings.pointer_mut(list).and_then(Value::as_array_mut) {
            list.sort_by_key(Value::to_string);
            list.dedup();
        }
    }
    settings.sort_all_objects();
    settings.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_and_the_order_of_rules_mean_nothing_and_everything_else_does() {
        let of = |text: &str| meaning(text.into(), None);
        let one = of(r#"{"permissions":{"allow":["Read","Bash(make *)"],"deny":["Write"]},"hooks":{}}"#);
        assert_eq!(one, of("{ \"hooks\": {},\n \"permissions\": {\"deny\": [\"Write\"], \"allow\": [\"Bash(make *)\", \"Read\", \"Read\"]} }"));
        for other in [
            r#"{"permissions":{"allow":["Read","Bash(make *)","Bash"],"deny":["Write"]},"hooks":{}}"#,
            r#"{"permissions":{"allow":["Read","Bash(make *)"]},"hooks":{}}"#,
            r#"{"permissions":{"allow":["Read","Bash(make *)"],"deny":["Write"]},"hooks":{"Stop":[]}}"#,
            "{",
            "",
        ] {
            assert_ne!(one, of(other), "{other}");
        }
    }
}
