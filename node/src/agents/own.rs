//! What agents read from a folder and write into it: names and JSON pointers for `folder`, which does the reading.

/// What an agent reads from a trusted folder.
#[derive(Debug)]
pub struct Own {
    /// Files and folders such as `.claude/hooks`. Their names are relative to the folder, to each folder above it up to
    /// its checkout's root, and to a worktree's main checkout.
    pub sources: &'static [&'static str],
    /// Files in the folder and in every folder above it: `.mcp.json`.
    pub above: &'static [&'static str],
    /// The sources that are JSON settings to which the agent itself adds.
    pub settings: &'static [&'static str],
    /// JSON pointers to the lists in those settings whose order does not matter: `/permissions/allow`.
    pub lists: &'static [&'static str],
}

/// What an agent adds to a folder's own settings after a person's "always".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// One of the [`Own::settings`].
    pub file: &'static str,
    /// Whether the file lies at the root of the checkout, and of a worktree's main checkout, rather than in the folder:
    /// the person's own settings do.
    pub at_root: bool,
    /// The additions in order: a JSON pointer of at most two steps, and the new items.
    pub adds: Vec<(&'static str, Vec<String>)>,
}
