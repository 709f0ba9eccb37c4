//! What of a folder agents obey, and what they write into it: as names and pointers that `folder` reads by.
//! Nothing is read here.

/// What of a folder an agent obeys where the folder is trusted.
#[derive(Debug)]
pub struct Own {
    /// Files and folders, named from the folder, from each above it up to the root of its checkout, and from the
    /// checkout that a worktree was made from: `.claude/hooks`.
    pub sources: &'static [&'static str],
    /// Files, named from the folder and from every one above it: `.mcp.json`.
    pub above: &'static [&'static str],
    /// Which of the sources are settings in JSON that the agent itself adds to.
    pub settings: &'static [&'static str],
    /// Lists in those settings whose order means nothing, as JSON pointers: `/permissions/allow`.
    pub lists: &'static [&'static str],
}

/// What an agent writes into a folder's own settings because a person said "always".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// In which of the [`Own::settings`].
    pub file: &'static str,
    /// Whether that lies at the root of the checkout that a worktree was made from, and not in the folder: what is only
    /// for the person.
    pub at_root: bool,
    /// What it adds to which list, in its order: a JSON pointer of at most two steps, and what is added.
    pub adds: Vec<(&'static str, Vec<String>)>,
}
