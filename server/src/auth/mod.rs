//! Sign-in, sign-out, set-up, and authentication by cookie, bearer token or local socket. It must not decide what
//! anybody may do; `model::decide` does, called by the ports.

pub mod address;
mod backend;
mod caller;
pub mod config;
mod cookie;
pub mod ended;
mod form;
mod github;
mod sign_in;
mod store;

pub use caller::ClientAddress;
pub use config::{AuthConfig, GithubConfig};

use crate::{
    limits::Limits,
    table::{Area, Routes},
};
use axum::{Router, extract::FromRef};
use axum_login::AuthSession;
use backend::Backend;
use github::Github;
use http::Method;
use model::{Millis, Result};
use node::{accounts::AccountsService, clock::Deps};
use std::sync::Arc;

/// All that sign-in needs. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Parts>);

struct Parts {
    accounts: AccountsService,
    config: AuthConfig,
    limits: Limits,
    deps: Deps,
    github: Option<Github>,
}

/// A browser's session, with the person signed in.
type Browser = AuthSession<Backend>;

impl Auth {
    /// Signing in against `accounts`. Fails when the GitHub settings name no usable addresses.
    pub fn new(accounts: AccountsService, config: AuthConfig, deps: Deps) -> Result<Self> {
        let github = config
            .github
            .clone()
            .map(|github| Github::new(github, &config.public_url))
            .transpose()?;
        Ok(Self(Arc::new(Parts {
            accounts,
            limits: Limits::new(&deps),
            config,
            deps,
            github,
        })))
    }

    /// Whether signing in with GitHub is offered.
    pub fn offers_github(&self) -> bool {
        self.0.github.is_some()
    }

    /// Puts authentication around `router`: a known caller is then in the request's extensions as [`model::Caller`],
    /// and [`ClientAddress`] always is. An invalid bearer token is answered with 401 at once. Keep health and files
    /// outside.
    pub fn around<S: Clone + Send + Sync + 'static>(&self, router: Router<S>) -> Router<S> {
        caller::around(self, router)
    }

    /// Removes expired logins, announces expired tokens, and ends the access of people taken off the GitHub list; their
    /// sockets close. Call it at the start and at least once an hour.
    pub async fn sweep(&self) -> Result<u64> {
        const HOUR_MS: Millis = 3_600_000;
        if let Some(github) = &self.0.github {
            github.sweep(self).await?;
        }
        self.0
            .accounts
            .announce_expired_tokens(self.0.deps.now() - 2 * HOUR_MS)
            .await?;
        self.0.accounts.delete_expired_logins().await
    }
}

/// The routes under `/auth`. They belong inside [`Auth::around`].
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Auth: FromRef<S>,
{
    Routes::new()
        .on(&Method::POST, "/auth/login", Area::Auth, sign_in::login)
        .on(&Method::POST, "/auth/logout", Area::Auth, sign_in::logout)
        .on(
            &Method::POST,
            "/auth/logout-everywhere",
            Area::Auth,
            sign_in::logout_everywhere,
        )
        .on(&Method::POST, "/auth/setup", Area::Auth, sign_in::set_up)
        .on(&Method::POST, "/auth/password", Area::Auth, sign_in::password)
        .on(&Method::POST, "/auth/github", Area::Auth, github::begin)
        .on(&Method::GET, "/auth/github/callback", Area::Auth, github::callback)
}
