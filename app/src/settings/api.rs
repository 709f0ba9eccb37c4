//! Server functions of the settings. Each asks a port for its caller and returns the answer.

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{
    error::AppResult,
    wire::{FormRpc, Rpc},
};
use leptos::server;
use model::{
    accounts::{Login, Me, Token, TokenCreated},
    id::TokenId,
    node::{AgentFound, HealthSample, NodeInfo},
};
use serde::{Deserialize, Serialize};

/// Passes a new token's secret to the page that shows it.
#[cfg(feature = "ssr")]
const ONCE: crate::once::Once = crate::once::Once {
    cookie: "orchwiz_once",
    path: "/settings/tokens",
    prefix: "owz_",
};

/// The caller, and their logins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProfileView {
    /// The caller.
    pub me: Me,
    /// Their logins, this one included.
    pub logins: Vec<Login>,
}

/// Reads the profile.
#[server(prefix = "/api/rpc", endpoint = "settings/profile", protocol = Rpc)]
pub(super) async fn profile() -> AppResult<ProfileView> {
    let (services, caller) = (services()?, caller()?);
    Ok(ProfileView {
        me: services.accounts.me(&caller).await?,
        logins: services.accounts.logins(&caller).await?,
    })
}

/// The caller's tokens, and the secret of one that a plain form has just made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TokensView {
    /// Newest first.
    pub tokens: Vec<Token>,
    /// Whether a new token needs the caller's password.
    pub has_password: bool,
    /// The secret, shown this once.
    pub secret: Option<String>,
}

/// Reads the tokens. A secret left by a plain form is given once and then forgotten.
#[server(prefix = "/api/rpc", endpoint = "settings/tokens", protocol = Rpc)]
pub(super) async fn tokens() -> AppResult<TokensView> {
    let (accounts, caller) = (services()?.accounts, caller()?);
    Ok(TokensView {
        tokens: accounts.tokens(&caller).await?,
        has_password: accounts.has_password(&caller).await?,
        secret: ONCE.take(),
    })
}

/// Creates a token. `days` is a number, or empty for no expiry; `password` is the caller's, if they have one.
#[server(prefix = "/api/rpc", endpoint = "settings/create-token", protocol = FormRpc)]
pub(super) async fn create_token(
    name: String,
    scope: String,
    #[server(default)] days: String,
    #[server(default)] password: String,
) -> AppResult<TokenCreated> {
    let scope = model::caller::Scope::parse(&scope)
        .ok_or_else(|| model::Error::invalid("scope", "a scope is read, write or metrics"))?;
    let days = match days.as_str() {
        "" => None,
        days => Some(
            days.parse()
                .map_err(|_| model::Error::invalid("days", "days are a number from 1 to 3,650"))?,
        ),
    };
    let created = services()?
        .accounts
        .create_token(&caller()?, model::accounts::NewToken { name, scope, days }, password)
        .await?;
    ONCE.leave(&created.secret);
    Ok(created)
}

/// Revokes a token.
#[server(prefix = "/api/rpc", endpoint = "settings/revoke-token", protocol = FormRpc)]
pub(super) async fn revoke_token(id: TokenId) -> AppResult<()> {
    Ok(services()?.accounts.revoke_token(&caller()?, id).await?)
}

/// Agent programs on this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AgentsView {
    /// The agents found.
    pub found: Vec<AgentFound>,
    /// Whether the caller may start a new search.
    pub may_look: bool,
}

/// Agent programs on this machine; searched anew when `fresh`.
#[server(prefix = "/api/rpc", endpoint = "settings/agents", protocol = Rpc)]
pub(super) async fn agents(fresh: bool) -> AppResult<AgentsView> {
    let caller = caller()?;
    Ok(AgentsView {
        found: services()?.node.agents(&caller, fresh).await?,
        may_look: caller.role >= model::Role::Operator,
    })
}

/// The node and its last hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct NodeView {
    /// The node.
    pub info: NodeInfo,
    /// Oldest first, a sample every ten seconds.
    pub health: Vec<HealthSample>,
    /// Whether the caller may rename it.
    pub may_rename: bool,
}

/// Reads the node.
#[server(prefix = "/api/rpc", endpoint = "settings/node", protocol = Rpc)]
pub(super) async fn node() -> AppResult<NodeView> {
    let (services, caller) = (services()?, caller()?);
    Ok(NodeView {
        info: services.node.info(&caller).await?,
        health: services.node.health(&caller).await?,
        may_rename: caller.role >= model::Role::Admin,
    })
}

/// Renames the node.
#[server(prefix = "/api/rpc", endpoint = "settings/rename-node", protocol = FormRpc)]
pub(super) async fn rename_node(name: String) -> AppResult<NodeInfo> {
    Ok(services()?.node.rename(&caller()?, name).await?)
}
