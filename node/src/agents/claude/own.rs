//! What Claude Code reads from a folder, and where it stores what it remembers there (as of version 2.1.330).

use crate::agents::{Grant, Own};
use model::approvals::RememberScope;

/// The person's own settings in the folder.
const LOCAL: &str = ".claude/settings.local.json";
/// The settings of everybody who has the folder.
const PROJECT: &str = ".claude/settings.json";
const ALLOW: &str = "/permissions/allow";
const DIRECTORIES: &str = "/permissions/additionalDirectories";

/// What can make the agent run something: the contents of `.claude`, and servers to start.
pub const OWN: Own = Own {
    sources: &[
        PROJECT,
        LOCAL,
        ".claude/hooks",
        ".claude/agents",
        ".claude/commands",
        ".claude/skills",
        ".claude/plugins",
        ".claude/output-styles",
    ],
    above: &[".mcp.json"],
    settings: &[PROJECT, LOCAL],
    lists: &[ALLOW, DIRECTORIES],
};

/// The file that remembering at a scope writes.
pub const fn remembered_in(scope: RememberScope) -> Option<&'static str> {
    match scope {
        RememberScope::Session => None,
        RememberScope::Local => Some(LOCAL),
        RememberScope::Project => Some(PROJECT),
        RememberScope::User => Some("~/.claude/settings.json"),
    }
}

/// Permission rules (`Bash(make *)`) and directories as the folder's settings store them at a scope; `None` for scopes
/// outside the folder.
pub fn grant(scope: RememberScope, rules: Vec<String>, directories: Vec<String>) -> Option<Grant> {
    let (file, at_root) = match scope {
        RememberScope::Local => (LOCAL, true),
        RememberScope::Project => (PROJECT, false),
        RememberScope::Session | RememberScope::User => return None,
    };
    Some(Grant {
        file,
        at_root,
        adds: vec![(ALLOW, rules), (DIRECTORIES, directories)],
    })
}
