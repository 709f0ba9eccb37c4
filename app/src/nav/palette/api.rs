//! Server functions of the palette.

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{error::AppResult, wire::Rpc};
use leptos::server;
use model::{id::ProjectId, sessions::Session};
use serde::{Deserialize, Serialize};

/// The results of a search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    /// Sessions, newest first.
    pub sessions: Vec<Session>,
    /// Projects, by name.
    pub projects: Vec<(ProjectId, String)>,
}

/// At most eight sessions whose title or project contains `q`, newest first, and at most five projects whose name does.
/// For an empty `q` the newest five sessions and no projects.
#[server(prefix = "/api/rpc", endpoint = "palette/find", protocol = Rpc)]
pub(super) async fn find(q: String) -> AppResult<Found> {
    let (services, caller) = (services()?, caller()?);
    let all = q.is_empty();
    let filter = model::sessions::SessionFilter {
        q: (!all).then(|| q.clone()),
        ..Default::default()
    };
    let first = model::PageQuery {
        after: None,
        limit: Some(if all { 5 } else { 8 }),
    };
    let sessions = services.sessions.list(&caller, filter, first).await?.items;
    let names = if all {
        Vec::new()
    } else {
        services.projects.names(&caller).await?
    };
    let q = q.to_lowercase();
    let projects = names
        .into_iter()
        .filter(|(_, name)| name.to_lowercase().contains(&q))
        .take(5)
        .collect();
    Ok(Found { sessions, projects })
}

/// Starts the demo agent.
#[server(prefix = "/api/rpc", endpoint = "palette/demo", protocol = Rpc)]
pub(super) async fn run_demo() -> AppResult<Session> {
    Ok(services()?.sessions.run_demo(&caller()?).await?)
}
