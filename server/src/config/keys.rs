//! The table of settings: their names in the file and the environment, and their kinds. `config` gives the values their
//! meaning.

/// The form of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// Texts; in the environment and in flags separated by commas.
    List,
    /// The same, where usually there is one: the file may give it as a text.
    Several,
}

impl Kind {
    /// Whether it is separated by commas.
    pub const fn is_several(self) -> bool {
        matches!(self, Self::List | Self::Several)
    }
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in the file, sections before the dot.
    pub name: &'static str,
    /// The form of its value.
    pub kind: Kind,
    /// Its purpose, one line.
    pub about: &'static str,
}

impl Key {
    /// Its name in the environment: `ORCHWIZ_AGENTS_MAX`.
    pub fn variable(&self) -> String {
        format!("{}{}", super::PREFIX, self.name.replace('.', "_").to_ascii_uppercase())
    }
}

const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, about }
}

/// Every setting there is.
pub const KEYS: &[Key] = &[
    key(
        "listen",
        Kind::Several,
        "addresses and ports to listen on; 127.0.0.1:3000",
    ),
    key("data", Kind::Text, "data directory; ./data"),
    key(
        "database_url",
        Kind::Text,
        "postgres://...; without it SQLite in the data directory",
    ),
    key(
        "public_url",
        Kind::Several,
        "how browsers and other nodes reach the node; the first is for links",
    ),
    key(
        "behind_proxy",
        Kind::Flag,
        "a reverse proxy that ends TLS stands in front; needs public_url",
    ),
    key(
        "trusted_proxies",
        Kind::List,
        "whose X-Forwarded-* headers are believed",
    ),
    key("allowed_hosts", Kind::List, "further host names to answer to"),
    key("stop_agents", Kind::Flag, "stop the agents when the node stops"),
    key(
        "projects.roots",
        Kind::List,
        "where projects may lie; wherever the node's user may write",
    ),
    key("agents.max", Kind::Number, "agents at once; four a core"),
    key(
        "agents.idle_seconds",
        Kind::Number,
        "stop an idle agent after so many seconds; 900",
    ),
    key(
        "agents.spool_max_mib",
        Kind::Number,
        "MiB of an agent's output that are kept; one that writes more is ended; 1024",
    ),
    key("agents.claude_path", Kind::Text, "Claude Code's program; found on PATH"),
    key("github.client_id", Kind::Text, "client id of the GitHub OAuth app"),
    key("github.client_secret", Kind::Text, "its secret"),
    key(
        "github.ids",
        Kind::List,
        "numeric ids of GitHub accounts that may sign in; safer than logins, which change hands",
    ),
    key("github.logins", Kind::List, "GitHub logins that may sign in"),
    key(
        "github.organisations",
        Kind::List,
        "organisations whose members may sign in",
    ),
    key(
        "github.role",
        Kind::Text,
        "viewer, operator or admin: what somebody new becomes; operator",
    ),
    key(
        "github.url",
        Kind::Text,
        "web address of GitHub Enterprise; https://github.com",
    ),
    key(
        "github.api_url",
        Kind::Text,
        "its API; https://api.github.com, or /api/v3 under github.url",
    ),
    key("node.name", Kind::Text, "what people call the node; its host's name"),
    key("node.kind", Kind::Text, "local, cloud or hybrid"),
    key("log", Kind::Text, "what is logged; info"),
    key("log_json", Kind::Flag, "log lines as JSON"),
    key("demo.pace", Kind::Text, "fast: the demo agent without its pauses"),
];

/// The kind of the setting with this name; `None` when there is no such setting.
pub fn kind(name: &str) -> Option<Kind> {
    KEYS.iter().find(|key| key.name == name).map(|key| key.kind)
}

/// Whether this is a section with settings.
pub fn is_section(name: &str) -> bool {
    KEYS.iter()
        .any(|key| key.name.split_once('.').is_some_and(|(section, _)| section == name))
}

/// The nearest setting or section name, if any is near enough.
pub fn suggest(name: &str) -> Option<String> {
    nearest(name, KEYS.iter().map(|key| key.name.to_owned()))
}

/// The candidate nearest to `name`, if any is near enough to be meant.
pub fn nearest(name: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, &candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}
