//! Grants: what an agent writes into a folder's settings after a person's "always". The folder's seal follows a grant,
//! so that the person's own decision does not end their trust. Only the agent writes the file.

use super::git;
use crate::agents::{Grant, obeyed};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The most bytes of settings that are sealed by their meaning. Larger ones, and invalid JSON, are sealed byte by byte.
pub(super) const SETTINGS_MAX: u64 = 1024 * 1024;

/// The file that the grant writes.
pub(super) fn file(grant: &Grant, folder: &Path) -> PathBuf {
    if grant.at_root {
        root(folder, grant.file)
    } else {
        folder.to_owned()
    }
    .join(grant.file)
}

/// Adds a grant to settings.
fn add_to(settings: &mut Value, grant: &Grant) {
    for (list, names) in &grant.adds {
        if names.is_empty() {
            continue;
        }
        let mut at = Some(settings as &mut Value);
        let steps: Vec<&str> = list.split('/').skip(1).collect();
        for (n, step) in steps.iter().enumerate() {
            let empty = if n + 1 == steps.len() { json!([]) } else { json!({}) };
            at = at
                .and_then(Value::as_object_mut)
                .map(|fields| fields.entry(*step).or_insert(empty));
        }
        if let Some(list) = at.and_then(Value::as_array_mut) {
            list.extend(names.iter().map(|name| json!(name)));
        }
    }
}

/// Where an agent keeps the person's own settings: the root of the checkout (for a worktree, of the main one). The
/// exceptions are the home of the node's user and checkouts of another user.
fn root(folder: &Path, file: &str) -> PathBuf {
    let owner = rustix::process::geteuid().as_raw();
    let is_foreign = |path: &Path| fs::metadata(path).is_ok_and(|found| found.uid() != owner);
    let kept_in = |root: &Path| root.join(file).parent().map(Path::to_owned);
    let ours = |root: &PathBuf| {
        Some(root) != std::env::home_dir().as_ref()
            && ![Some(root.clone()), Some(root.join(".git")), kept_in(root)]
                .iter()
                .flatten()
                .any(|path| is_foreign(path))
    };
    git::main_root(folder).filter(ours).unwrap_or_else(|| folder.to_owned())
}

/// The lists without a meaningful order in a settings file to which an agent adds; `None` for other files.
pub(super) fn lists(path: &Path) -> Option<&'static [&'static str]> {
    obeyed()
        .find(|own| own.settings.iter().any(|name| path.ends_with(name)))
        .map(|own| own.lists)
}

/// The settings in a normal form, without their layout and the order in these lists. So the seal after a grant is known
/// before the agent writes it. Invalid JSON stays as it is.
pub(super) fn meaning(bytes: Vec<u8>, lists: &[&str], grant: Option<&Grant>) -> Vec<u8> {
    let settings = if bytes.is_empty() && grant.is_some() {
        Ok(json!({}))
    } else {
        serde_json::from_slice(&bytes)
    };
    let Ok(mut settings) = settings else { return bytes };
    if let Some(grant) = grant {
        add_to(&mut settings, grant);
    }
    for list in lists {
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
        let lists = lists(Path::new("/work/.claude/settings.json")).unwrap();
        let of = |text: &str| meaning(text.into(), lists, None);
        let one = of(r#"{"permissions":{"allow":["Read","Bash(make *)"],"deny":["Write"]},"hooks":{}}"#);
        assert_eq!(
            one,
            of(
                "{ \"hooks\": {},\n \"permissions\": {\"deny\": [\"Write\"], \"allow\": [\"Bash(make *)\", \"Read\", \"Read\"]} }"
            )
        );
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
