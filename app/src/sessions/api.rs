//! Server functions of the Sessions page and of the form for a new session. Each asks a port for its caller and returns
//! the answer.
#![allow(
    missing_docs,
    reason = "server functions make structs of their arguments, whose fields cannot carry comments"
)]

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{
    error::AppResult,
    wire::{FormRpc, Rpc},
};
use leptos::server;
use model::{
    Page, PageQuery, Pos,
    id::ProjectId,
    node::AgentFound,
    sessions::{Session, SessionFilter},
};
use serde::{Deserialize, Serialize};

/// A page of sessions, and the position at which it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionsList {
    /// Newest activity first.
    pub page: Page<Session>,
    /// The position at which they were read.
    pub pos: Pos,
}

/// The sessions of a filter, newest activity first.
#[server(prefix = "/api/rpc", endpoint = "sessions/list", protocol = Rpc)]
pub async fn list_sessions(filter: SessionFilter, page: PageQuery) -> AppResult<SessionsList> {
    let (services, caller) = (services()?, caller()?);
    // Read first, so that changes during the next read come over the socket.
    let pos = services.node.head().await?;
    Ok(SessionsList {
        page: services.sessions.list(&caller, filter, page).await?,
        pos,
    })
}

/// The choices of the form for a new session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FormChoices {
    /// The projects to work in, by name.
    pub projects: Vec<(ProjectId, String)>,
    /// The preselected project: among the first few the first that is present and not the demo's.
    pub first: Option<ProjectId>,
    /// The agents on this machine.
    pub agents: Vec<AgentFound>,
}

/// The choices of the form for a new session.
#[server(prefix = "/api/rpc", endpoint = "sessions/form", protocol = Rpc)]
pub async fn session_form() -> AppResult<FormChoices> {
    let (services, caller) = (services()?, caller()?);
    let projects = services.projects.names(&caller).await?;
    // Only the first few are inspected: to read every folder would take as long as there are folders.
    let few = services
        .projects
        .list(
            &caller,
            PageQuery {
                after: None,
                limit: Some(10),
            },
        )
        .await?
        .items;
    let first = few
        .iter()
        .find(|project| !project.demo && project.present)
        .map(|project| project.id)
        .or(projects.first().map(|(id, _)| *id));
    let agents = services.node.agents(&caller, false).await?;
    Ok(FormChoices {
        projects,
        first,
        agents,
    })
}

/// Starts a session, by a plain form that works before WASM has loaded; then the answer redirects to the session's
/// page.
#[server(prefix = "/api/rpc", endpoint = "sessions/create", protocol = FormRpc)]
pub async fn create_session(
    project: String,
    agent: String,
    mode: String,
    prompt: String,
    #[server(default)] title: Option<String>,
    #[server(default)] model: Option<String>,
    #[server(default)] folder: Option<String>,
) -> AppResult<Session> {
    let (services, caller) = (services()?, caller()?);
    let new = super::form::read(&project, folder, &agent, &mode, &prompt, title, model)?;
    let session = services.sessions.create(&caller, new).await?;
    leptos_axum::redirect(&format!("/sessions/{}", session.id));
    Ok(session)
}

/// Starts the demo agent in its own scratch project.
#[server(prefix = "/api/rpc", endpoint = "sessions/demo", protocol = FormRpc)]
pub async fn run_demo() -> AppResult<Session> {
    let session = services()?.sessions.run_demo(&caller()?).await?;
    leptos_axum::redirect(&format!("/sessions/{}", session.id));
    Ok(session)
}
