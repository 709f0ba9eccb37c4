//! What the palette asks the node.

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{error::AppResult, wire::Rpc};
use leptos::server;
use model::sessions::Session;

/// Sessions whose title or project contains `q`, newest first, at most eight.
#[server(prefix = "/api/rpc", endpoint = "palette/find", protocol = Rpc)]
pub(super) async fn find_sessions(q: String) -> AppResult<Vec<Session>> {
    let filter = model::sessions::SessionFilter { q: Some(q), ..Default::default() };
    let first = model::PageQuery { after: None, limit: Some(8) };
    Ok(services()?.sessions.list(&caller()?, filter, first).await?.items)
}

/// Starts the demo agent.
#[server(prefix = "/api/rpc", endpoint = "palette/demo", protocol = Rpc)]
pub(super) async fn run_demo() -> AppResult<Session> {
    Ok(services()?.sessions.run_demo(&caller()?).await?)
}
