//! The settings of sign-in, as plain data. It must not read them anywhere itself.

use crate::config::{Config, Net, Secret};
use model::Role;
use url::Url;

/// The settings of sign-in.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// How browsers reach the node; with `https` the cookie is bound to the host and secure.
    pub public_url: Url,
    /// A reverse proxy is in front: `X-Forwarded-For` is believed, from `trusted_proxies` only.
    pub behind_proxy: bool,
    /// The proxies; loopback when empty.
    pub trusted_proxies: Vec<Net>,
    /// Signing in with GitHub, where an OAuth app is configured.
    pub github: Option<GithubConfig>,
}

/// An OAuth app at GitHub, and the people who may use it.
#[derive(Clone, Debug)]
pub struct GithubConfig {
    /// The app's client id.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: Secret,
    /// The web address: `https://github.com`, or a GitHub Enterprise.
    pub url: Url,
    /// The address of the API: `https://api.github.com`, or `https://HOST/api/v3`.
    pub api_url: Url,
    /// Numeric ids of accounts that may sign in: unlike a login, an id is never reused.
    pub ids: Vec<i64>,
    /// Logins that may sign in, compared without case.
    pub logins: Vec<String>,
    /// Organisations whose members may sign in. With all three lists empty, nobody may.
    pub organisations: Vec<String>,
    /// The role of somebody who signs in for the first time.
    pub role: Role,
}

impl From<&Config> for AuthConfig {
    fn from(config: &Config) -> Self {
        let github = &config.github;
        let app = github.client_id.clone().zip(github.client_secret.clone());
        Self {
            public_url: config.address(),
            behind_proxy: config.behind_proxy,
            trusted_proxies: config.trusted_proxies.clone(),
            github: app.map(|(client_id, client_secret)| GithubConfig {
                client_id,
                client_secret,
                url: github.url.clone(),
                api_url: github.api_url.clone(),
                ids: github.ids.clone(),
                logins: github.logins.clone(),
                organisations: github.organisations.clone(),
                role: github.role,
            }),
        }
    }
}
