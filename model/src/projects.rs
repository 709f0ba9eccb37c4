//! Projects: the working directories a node knows.

use crate::{Millis, id::ProjectId};
use serde::{Deserialize, Serialize};

/// A working directory, as lists and pages show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Project {
    /// The node whose folder it is.
    pub node: crate::fleet::NodeRef,
    /// Its id.
    pub id: ProjectId,
    /// Its name; the folder's name until somebody renames it.
    pub name: String,
    /// The folder, canonical and absolute on this node.
    pub path: String,
    /// The git branch that is checked out, read when asked; `None` outside git.
    pub branch: Option<String>,
    /// The address of the remote `origin`, without credentials.
    pub remote: Option<String>,
    /// Whether a person trusts what the folder's own settings, hooks and MCP servers would run.
    pub trusted: bool,
    /// Trusted once, but its settings, hooks or `.mcp.json` have changed since: needs trust anew.
    pub trust_stale: bool,
    /// The files the folder would run if trusted, by relative path.
    pub runs_own: Vec<String>,
    /// Seconds until an unanswered approval is denied. `None`: an hour in unattended sessions, no limit in others.
    pub approval_timeout_s: Option<i64>,
    /// Whether the folder is there and can be entered; pages warn when not.
    pub present: bool,
    /// The folder did not answer in time: branch, remote, trust and its files are unknown now.
    #[serde(default)]
    pub unread: bool,
    /// Made for the demo agent.
    pub demo: bool,
    /// Sessions that are not deleted.
    pub sessions: i64,
    /// When it was added.
    pub added: Millis,
    /// When it was changed, or a session in it that the caller may see was last active.
    pub updated: Millis,
}

/// What `POST /projects` takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewProject {
    /// The folder; must exist and lie under `projects.roots`.
    pub path: String,
    /// Its name; the folder's name when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether to trust it at once.
    #[serde(default)]
    pub trusted: Option<bool>,
}

/// What `PATCH /projects/{id}` takes; absent fields stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProjectPatch {
    /// A new name, 1 to 100 characters.
    pub name: Option<String>,
    /// Trust it as it is now, or take trust back.
    pub trusted: Option<bool>,
    /// With `trusted`: the `seal` that the person looked at. 409 if the folder would run something else by now.
    pub seen: Option<String>,
    /// Seconds until an unanswered approval is denied, 10 to 604,800. 0 for no limit, except an hour in unattended
    /// sessions.
    pub approval_timeout_s: Option<i64>,
}

/// What a folder would run if trusted, with file contents, as read at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnFiles {
    /// The files by name, at most 200.
    pub files: Vec<OwnFile>,
    /// How many more files there are.
    pub omitted: i64,
    /// Stands for exactly what is shown here; trust refers to it. `None` where it cannot be made.
    pub seal: Option<String>,
    /// Why there is no seal.
    pub lack: Option<String>,
}

/// A file that a folder would run, or that says what to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnFile {
    /// Its path; relative if it lies in the folder.
    pub name: String,
    /// Its length in bytes.
    pub size: i64,
    /// Its beginning, at most 32 KiB, and 256 KiB over all files; `None` where it is not text.
    pub text: Option<String>,
    /// Whether there is more than `text` shows.
    pub cut: bool,
}

/// A folder became a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectAdded {
    /// The project.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Its canonical folder.
    pub path: String,
    /// Made for the demo agent.
    #[serde(default)]
    pub demo: bool,
}

/// A project's name or settings changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectChanged {
    /// A new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Seconds until an unanswered approval is denied; 0 for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_timeout_s: Option<i64>,
}

/// A person trusted a project, or took trust back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectTrusted {
    /// BLAKE3 (hex) over what the folder would run, as it was trusted. `None` takes trust back.
    pub hash: Option<String>,
    /// The hash after an agent has written the rule of an "always" into the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also: Option<String>,
}

/// A project was removed; its folder is untouched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRemoved {}
