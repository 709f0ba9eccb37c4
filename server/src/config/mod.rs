//! The settings of a node, by precedence: flags, `ORCHWIZ_*` environment, one `orchwiz.toml`, defaults. No other module
//! reads the environment. This one must not open, create or contact anything it names, nor read a file in the current
//! folder.

mod keys;
mod net;
mod secret;

pub use keys::{KEYS, Key, Kind};
pub use net::Net;
pub use secret::Secret;

use model::{Role, node::NodeKind};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};
use url::Url;

/// The name of the settings file.
pub const FILE: &str = "orchwiz.toml";
/// The prefix of every environment variable.
pub const PREFIX: &str = "ORCHWIZ_";
/// The prefix of variables that steer the test suite; they are not settings.
const TEST_PREFIX: &str = "ORCHWIZ_TEST_";
/// Names the file, as `--config` does; not itself a key of the file.
const FILE_VARIABLE: &str = "ORCHWIZ_CONFIG";
/// Variables in an agent's environment, since the command line also works inside one.
const OF_AGENTS: [&str; 3] = [node::process::MARK, node::agents::demo::STATE, node::agents::demo::PACE];

/// Every setting of a node.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that was read; `None` when there is none.
    pub file: Option<PathBuf>,
    /// The addresses to listen on, at least one; 127.0.0.1:3000.
    pub listen: Vec<SocketAddr>,
    /// The data directory; `./data`.
    pub data_dir: PathBuf,
    /// `postgres://...`; SQLite in the data directory when absent.
    pub database_url: Option<Secret>,
    /// The addresses for browsers and other nodes, when they differ from the one it listens on; the first is the one
    /// that links and cookies are made for.
    pub public_urls: Vec<Url>,
    /// A reverse proxy that ends TLS stands in front.
    pub behind_proxy: bool,
    /// Proxies whose `X-Forwarded-*` headers are believed; loopback when none is named and `behind_proxy` is set.
    pub trusted_proxies: Vec<Net>,
    /// Host names it answers to, besides its own address, localhost and the public one.
    pub allowed_hosts: Vec<String>,
    /// Whether stopping the node stops its agents.
    pub stop_agents: bool,
    /// The folders that projects may lie in; empty means anywhere the node's user may write.
    pub project_roots: Vec<PathBuf>,
    /// The most agents at once; four per core.
    pub agents_max: usize,
    /// Seconds until an idle agent is stopped; 900.
    pub agents_idle_seconds: u64,
    /// The most output of an agent that is kept, in MiB; an agent that writes more is ended; 1024.
    pub agents_spool_max_mib: u64,
    /// Claude Code's program; found on PATH when absent.
    pub claude_path: Option<PathBuf>,
    /// Sign-in with GitHub.
    pub github: Github,
    /// What people call the node; its host's name when absent.
    pub node_name: Option<String>,
    /// The kind of machine.
    pub node_kind: NodeKind,
    /// The log filter: `info`, `orchwiz=debug,info`.
    pub log: String,
    /// Log lines as JSON.
    pub log_json: bool,
    /// The pace of the demo agent: `fast` leaves out its pauses.
    pub demo_pace: Option<String>,
}

/// Sign-in with GitHub: on when both the id and the secret are given.
#[derive(Clone, Debug)]
pub struct Github {
    /// The OAuth app's client id.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<Secret>,
    /// Numeric ids of accounts that may sign in.
    pub ids: Vec<i64>,
    /// GitHub logins that may sign in, compared without case.
    pub logins: Vec<String>,
    /// Members of these organisations may sign in.
    pub organisations: Vec<String>,
    /// The role of a new person; `operator` by default, never `owner`.
    pub role: Role,
    /// The web address of GitHub, or of a GitHub Enterprise.
    pub url: Url,
    /// The address of its API: by default `https://api.github.com`, or `/api/v3` under the address of an Enterprise.
    pub api_url: Url,
}

/// A configuration error: where the value came from, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {message}")]
pub struct ConfigError {
    /// `--listen`, `ORCHWIZ_LISTEN`, `orchwiz.toml: listen`.
    pub origin: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl ConfigError {
    fn new(origin: impl fmt::Display, message: impl Into<String>) -> Self {
        Self {
            origin: origin.to_string(),
            message: message.into(),
        }
    }
}

/// The command line and the environment, as plain data.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Flags by key: `("listen", "127.0.0.1:3000")`.
    pub flags: Vec<(&'static str, String)>,
    /// The whole environment; variables without [`PREFIX`] are ignored.
    pub environment: Vec<(OsString, OsString)>,
    /// `--config`.
    pub file: Option<PathBuf>,
}

impl Sources {
    /// The flags given, and this process's environment.
    pub fn of_process(flags: Vec<(&'static str, String)>, file: Option<PathBuf>) -> Self {
        Self {
            flags,
            environment: std::env::vars_os().collect(),
            file,
        }
    }

    /// The file that was named: `--config`, else `ORCHWIZ_CONFIG`.
    fn named_file(&self) -> Option<PathBuf> {
        self.file
            .clone()
            .or_else(|| self.variable(FILE_VARIABLE).map(PathBuf::from))
    }

    /// Default places of the file: the data directory if named, then the user's configuration folder. The current
    /// folder and `./data` do not count, since somebody else may have written that repository.
    fn usual_files(&self) -> Vec<PathBuf> {
        let flag = self
            .flags
            .iter()
            .rev()
            .find(|(key, _)| *key == "data")
            .map(|(_, path)| PathBuf::from(path));
        let data = flag.or_else(|| self.variable("ORCHWIZ_DATA").map(PathBuf::from));
        // The XDG specification says to ignore relative paths.
        let absolute = |name: &str| self.variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let user = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
        data.map(|data| data.join(FILE))
            .into_iter()
            .chain(user.map(|user| user.join("orchwiz").join(FILE)))
            .collect()
    }

    fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_os_str())
            .filter(|value| !value.is_empty())
    }
}

/// A raw value with its origin in words.
struct Said {
    origin: String,
    value: Vec<String>,
}

impl Config {
    /// Loads and checks everything. Only the first file that exists is read.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let named = sources.named_file();
        for path in named.clone().map_or_else(|| sources.usual_files(), |path| vec![path]) {
            match std::fs::read_to_string(&path) {
                Ok(text) => return Self::from_parts(sources, Some((&path, &text))),
                Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(ConfigError::new(path.display(), format!("cannot be read: {error}"))),
            }
        }
        Self::from_parts(sources, None)
    }

    /// [`Config::load`] without file access: pure.
    pub fn from_parts(sources: &Sources, file: Option<(&Path, &str)>) -> Result<Self, ConfigError> {
        let mut said = BTreeMap::new();
        if let Some((path, text)) = file {
            read_file(path, text, &mut said)?;
        }
        read_environment(&sources.environment, &mut said)?;
        for (key, value) in &sources.flags {
            let name = if *key == "node.kind" { "kind" } else { key };
            let origin = format!("--{}", name.replace(['.', '_'], "-"));
            let value = if keys::kind(key).is_some_and(Kind::is_several) {
                split(value)
            } else {
                vec![value.clone()]
            };
            said.insert((*key).to_owned(), Said { origin, value });
        }
        let mut config = Self::from_said(&said)?;
        config.check(&said)?;
        config.file = file.map(|(path, _)| path.to_owned());
        Ok(config)
    }

    fn from_said(said: &BTreeMap<String, Said>) -> Result<Self, ConfigError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            file: None,
            listen: listen(said)?,
            data_dir: one(said, "data").map_or_else(|| PathBuf::from("data"), PathBuf::from),
            database_url: database_url(said)?,
            public_urls: addresses(said, "public_url")?,
            behind_proxy: flag(said, "behind_proxy")?,
            trusted_proxies: nets(said)?,
            allowed_hosts: list(said, "allowed_hosts"),
            stop_agents: flag(said, "stop_agents")?,
            project_roots: roots(said)?,
            agents_max: at_least(said, "agents.max", 1)?.unwrap_or(cores * 4),
            agents_idle_seconds: at_least(said, "agents.idle_seconds", 10)?.unwrap_or(900),
            agents_spool_max_mib: at_least(said, "agents.spool_max_mib", 1)?.unwrap_or(1024),
            claude_path: one(said, "agents.claude_path").map(PathBuf::from),
            github: github(said)?,
            node_name: name(said)?,
            node_kind: kind(said)?,
            log: one(said, "log").unwrap_or("info").to_owned(),
            log_json: flag(said, "log_json")?,
            demo_pace: one(said, "demo.pace").map(str::to_owned),
        })
    }

    /// Checks settings that are valid alone and wrong together.
    fn check(&self, said: &BTreeMap<String, Said>) -> Result<(), ConfigError> {
        let open = self.listen.iter().find(|listen| !listen.ip().is_loopback());
        if let Some(open) = open.filter(|_| !self.behind_proxy) {
            return Err(wrong(
                said,
                "listen",
                format!(
                    "{open} can be reached by others and this node does not speak TLS: listen on 127.0.0.1, or put a proxy that does in front and say --behind-proxy"
                ),
            ));
        }
        if self.behind_proxy && (self.public_urls.is_empty() || !self.public_urls.iter().all(is_protected)) {
            return Err(wrong(
                said,
                "behind_proxy",
                "the proxy ends TLS, so the node must know the https address that browsers use: say it with --public-url https://...",
            ));
        }
        if self.node_kind == NodeKind::Cloud && (!self.behind_proxy || self.public_urls.is_empty()) {
            return Err(wrong(
                said,
                "node.kind",
                "a cloud node is reached by others: say under which address (--public-url https://...), and put a proxy that ends TLS in front (--behind-proxy)",
            ));
        }
        if self.github.client_id.is_some() != self.github.client_secret.is_some() {
            return Err(ConfigError::new(
                "github",
                "client_id and client_secret belong together: give both or neither",
            ));
        }
        Ok(())
    }

    /// The first of the addresses to listen on.
    ///
    /// # Panics
    /// Never: loading gives at least one.
    pub fn first_listen(&self) -> SocketAddr {
        *self.listen.first().expect("there is at least one")
    }

    /// The first of the public addresses.
    pub fn public_url(&self) -> Option<&Url> {
        self.public_urls.first()
    }

    /// Where other nodes reach this one: the public addresses, else the ones it listens on.
    pub fn fleet_urls(&self) -> Vec<String> {
        let plain = |url: String| url.trim_end_matches('/').to_owned();
        if self.public_urls.is_empty() {
            self.listen.iter().map(|listen| format!("http://{listen}")).collect()
        } else {
            self.public_urls.iter().map(|url| plain(url.to_string())).collect()
        }
    }

    /// The address for browsers: the public one, else the one it listens on.
    pub fn address(&self) -> Url {
        self.public_url().cloned().unwrap_or_else(|| {
            let text = format!("http://{}", self.first_listen());
            text.parse().expect("an address and a port make a URL")
        })
    }

    /// Whether browsers use TLS; then cookies are `Secure` and HSTS is sent.
    pub fn is_secure(&self) -> bool {
        self.public_url().is_some_and(|url| url.scheme() == "https")
    }

    /// The path of this node's local socket, for the command line.
    pub fn socket(&self) -> PathBuf {
        self.data_dir.join("orchwiz.sock")
    }
}

/// Whether traffic to this address cannot be read on the way.
fn is_protected(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || loopback
}

fn github(said: &BTreeMap<String, Said>) -> Result<Github, ConfigError> {
    let url = address(said, "github.url")?.unwrap_or_else(|| "https://github.com".parse().expect("a constant address"));
    // GitHub Enterprise serves the API under its own address; its tokens must never go to github.com.
    let api_url = address(said, "github.api_url")?.unwrap_or_else(|| match url.host_str() {
        Some("github.com") => "https://api.github.com".parse().expect("a constant address"),
        _ => format!("{}/api/v3", url.as_str().trim_end_matches('/'))
            .parse()
            .expect("an address stays one with a longer path"),
    });
    Ok(Github {
        client_id: one(said, "github.client_id").map(str::to_owned),
        client_secret: one(said, "github.client_secret").map(Secret::new),
        ids: github_ids(said)?,
        logins: list(said, "github.logins"),
        organisations: list(said, "github.organisations"),
        role: github_role(said)?,
        url,
        api_url,
    })
}

/// Parses the ids, which are texts like the other lists.
fn github_ids(said: &BTreeMap<String, Said>) -> Result<Vec<i64>, ConfigError> {
    let id = |text: &String| {
        text.parse()
            .ok()
            .filter(|id| *id > 0)
            .ok_or_else(|| wrong(said, "github.ids", format!("`{text}` is no numeric id")))
    };
    list(said, "github.ids").iter().map(id).collect()
}

fn github_role(said: &BTreeMap<String, Said>) -> Result<Role, ConfigError> {
    match one(said, "github.role").map(|word| (word, Role::parse(word))) {
        None => Ok(Role::Operator),
        // Only a person makes an owner, never a list at GitHub.
        Some((_, Some(role))) if role != Role::Owner => Ok(role),
        Some((word, _)) => Err(wrong(
            said,
            "github.role",
            format!("`{word}` is none of viewer, operator, admin"),
        )),
    }
}

fn read_file(path: &Path, text: &str, said: &mut BTreeMap<String, Said>) -> Result<(), ConfigError> {
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| ConfigError::new(path.display(), error.message().to_owned()))?;
    let mut open = vec![(String::new(), table)];
    while let Some((prefix, table)) = open.pop() {
        for (name, value) in table {
            let key = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}.{name}")
            };
            let origin = format!("{}: {key}", path.display());
            if let toml::Value::Table(inner) = value {
                if keys::is_section(&key) {
                    open.push((key, inner));
                    continue;
                }
                return Err(unknown(origin, &key, keys::suggest(&key)));
            }
            let Some(kind) = keys::kind(&key) else {
                return Err(unknown(origin, &key, keys::suggest(&key)));
            };
            let value = from_toml(&origin, kind, value)?;
            said.insert(key, Said { origin, value });
        }
    }
    Ok(())
}

fn from_toml(origin: &str, kind: Kind, value: toml::Value) -> Result<Vec<String>, ConfigError> {
    match (kind, value) {
        (Kind::Several, toml::Value::String(text)) => Ok(vec![text]),
        (Kind::List | Kind::Several, toml::Value::Array(items)) => items
            .into_iter()
            .map(|item| match item {
                toml::Value::String(text) => Ok(text),
                _ => Err(ConfigError::new(origin, "expected a list of texts")),
            })
            .collect(),
        (Kind::Several, _) => Err(ConfigError::new(origin, "expected a text in quotes, or a list of them")),
        (Kind::List, _) => Err(ConfigError::new(
            origin,
            "expected a list of texts, such as [\"a\", \"b\"]",
        )),
        (Kind::Text, toml::Value::String(text)) => Ok(vec![text]),
        (Kind::Text, _) => Err(ConfigError::new(origin, "expected a text in quotes")),
        (Kind::Number, toml::Value::Integer(number)) => Ok(vec![number.to_string()]),
        (Kind::Number, _) => Err(ConfigError::new(origin, "expected a whole number")),
        (Kind::Flag, toml::Value::Boolean(flag)) => Ok(vec![flag.to_string()]),
        (Kind::Flag, _) => Err(ConfigError::new(origin, "expected true or false")),
    }
}

fn read_environment(
    environment: &[(OsString, OsString)],
    said: &mut BTreeMap<String, Said>,
) -> Result<(), ConfigError> {
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        if name.starts_with(TEST_PREFIX) || name == FILE_VARIABLE || OF_AGENTS.contains(&name) {
            continue;
        }
        let Some(key) = KEYS.iter().find(|key| key.variable() == name) else {
            let nearest = keys::nearest(name, KEYS.iter().map(Key::variable));
            return Err(unknown(name.to_owned(), name, nearest));
        };
        let Some(value) = value.to_str() else {
            return Err(ConfigError::new(name, "is not valid UTF-8"));
        };
        if value.is_empty() {
            continue;
        }
        let value = if key.kind.is_several() {
            split(value)
        } else {
            vec![value.to_owned()]
        };
        said.insert(
            key.name.to_owned(),
            Said {
                origin: name.to_owned(),
                value,
            },
        );
    }
    Ok(())
}

fn unknown(origin: String, key: &str, nearest: Option<String>) -> ConfigError {
    let message = match nearest {
        Some(nearest) => format!("`{key}` is not a setting; did you mean `{nearest}`?"),
        None => format!("`{key}` is not a setting; `orchwiz serve --help` lists all of them"),
    };
    ConfigError { origin, message }
}

fn split(value: &str) -> Vec<String> {
    value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

fn one<'a>(said: &'a BTreeMap<String, Said>, key: &str) -> Option<&'a str> {
    said.get(key)
        .and_then(|said| said.value.first())
        .map(String::as_str)
        .filter(|text| !text.is_empty())
}

fn list(said: &BTreeMap<String, Said>, key: &str) -> Vec<String> {
    said.get(key).map(|said| said.value.clone()).unwrap_or_default()
}

fn wrong(said: &BTreeMap<String, Said>, key: &str, message: impl Into<String>) -> ConfigError {
    ConfigError::new(said.get(key).map_or(key, |said| said.origin.as_str()), message)
}

fn parsed<T: FromStr>(said: &BTreeMap<String, Said>, key: &str, expected: &str) -> Result<Option<T>, ConfigError> {
    one(said, key)
        .map(|text| {
            text.parse()
                .map_err(|_| wrong(said, key, format!("`{text}` is not {expected}")))
        })
        .transpose()
}

fn flag(said: &BTreeMap<String, Said>, key: &str) -> Result<bool, ConfigError> {
    match one(said, key) {
        None | Some("false" | "0" | "no") => Ok(false),
        Some("true" | "1" | "yes") => Ok(true),
        Some(other) => Err(wrong(said, key, format!("`{other}` is neither true nor false"))),
    }
}

fn at_least<T: FromStr + PartialOrd + fmt::Display>(
    said: &BTreeMap<String, Said>,
    key: &str,
    least: T,
) -> Result<Option<T>, ConfigError> {
    match parsed::<T>(said, key, "a whole number")? {
        Some(number) if number < least => Err(wrong(said, key, format!("must be at least {least}"))),
        number => Ok(number),
    }
}

fn web_address(said: &BTreeMap<String, Said>, key: &str, text: &str) -> Result<Url, ConfigError> {
    let url: Url = text.parse().map_err(|_| {
        let example = "https://orchwiz.example.org";
        wrong(said, key, format!("`{text}` is not an address such as {example}"))
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong(said, key, "must start with http:// or https:// and name a host"));
    }
    Ok(url)
}

fn address(said: &BTreeMap<String, Said>, key: &str) -> Result<Option<Url>, ConfigError> {
    one(said, key).map(|text| web_address(said, key, text)).transpose()
}

fn addresses(said: &BTreeMap<String, Said>, key: &str) -> Result<Vec<Url>, ConfigError> {
    list(said, key)
        .iter()
        .map(|text| web_address(said, key, text))
        .collect()
}

fn listen(said: &BTreeMap<String, Said>) -> Result<Vec<SocketAddr>, ConfigError> {
    let named = list(said, "listen");
    if named.is_empty() {
        return Ok(vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3000)]);
    }
    named
        .iter()
        .map(|text| {
            text.parse().map_err(|_| {
                wrong(
                    said,
                    "listen",
                    format!("`{text}` is not an address and a port, such as 127.0.0.1:3000"),
                )
            })
        })
        .collect()
}

fn database_url(said: &BTreeMap<String, Said>) -> Result<Option<Secret>, ConfigError> {
    match one(said, "database_url") {
        None => Ok(None),
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => Ok(Some(Secret::new(url))),
        Some(_) => Err(wrong(
            said,
            "database_url",
            "must start with postgres://; without it the node keeps a SQLite database in its data directory",
        )),
    }
}

fn nets(said: &BTreeMap<String, Said>) -> Result<Vec<Net>, ConfigError> {
    let named = list(said, "trusted_proxies");
    if named.is_empty() && flag(said, "behind_proxy")? {
        return Ok(vec![
            "127.0.0.0/8".parse().expect("a constant network"),
            "::1".parse().expect("a constant network"),
        ]);
    }
    named
        .iter()
        .map(|net| {
            net.parse().map_err(|_| {
                wrong(
                    said,
                    "trusted_proxies",
                    format!("`{net}` is not an address or a network such as 10.0.0.0/8"),
                )
            })
        })
        .collect()
}

fn roots(said: &BTreeMap<String, Said>) -> Result<Vec<PathBuf>, ConfigError> {
    let roots: Vec<PathBuf> = list(said, "projects.roots").into_iter().map(PathBuf::from).collect();
    match roots.iter().find(|root| !root.is_absolute()) {
        Some(root) => Err(wrong(
            said,
            "projects.roots",
            format!("`{}` must be an absolute path", root.display()),
        )),
        None => Ok(roots),
    }
}

fn name(said: &BTreeMap<String, Said>) -> Result<Option<String>, ConfigError> {
    match one(said, "node.name") {
        Some(name) if name.chars().count() > 64 => Err(wrong(said, "node.name", "at most 64 characters")),
        name => Ok(name.map(str::to_owned)),
    }
}

fn kind(said: &BTreeMap<String, Said>) -> Result<NodeKind, ConfigError> {
    one(said, "node.kind").map_or(Ok(NodeKind::Local), |word| {
        NodeKind::parse(word)
            .ok_or_else(|| wrong(said, "node.kind", format!("`{word}` is none of local, cloud, hybrid")))
    })
}

#[cfg(test)]
mod tests;
