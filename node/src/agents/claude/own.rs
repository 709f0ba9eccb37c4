//! What Claude Code obeys of a folder, and where it keeps what a person has it remember: as version 2.1.330 was read.

use crate::agents::{Grant, Own};
use model::approvals::RememberScope;

/// Settings for whoever works in the folder.
const LOCAL: &str = ".claude/settings.local.json";
/// Settings for everybody who has the folder.
const PROJECT: &str = ".claude/settings.json";
const ALLOW: &str = "/permissions/allow";
const DIRECTORIES: &str = "/permissions/additionalDirectories";

/// What in a folder can make the agent run something: what lies in `.claude`, and servers to start.
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

/// The file that is written at a scope.
pub const fn remembered_in(scope: RememberScope) -> Option<&'static str> {
    match scope {
        RememberScope::Session => None,
        RememberScope::Local => Some(LOCAL),
        RememberScope::Project => Some(PROJECT),
        RememberScope::User => Some("~/.claude/settings.json"),
    }
}

/// Permission rules (`Bash(make *)`) and folders as they are written into the folder's settings at a scope; `None`
/// where none of these are written.
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
