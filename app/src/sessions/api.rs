//! Server functions of the Sessions page and of starting one. Each asks a port for its caller and gives the answer on.
#![allow(missing_docs, reason = "server functions make structs of their arguments, whose fields cannot carry comments")]

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{error::AppResult, wire::Json};
use leptos::server;
#[cfg(feature = "ssr")]
use model::sessions::NewSession;
use model::{
    Page, PageQuery,
    id::SessionId,
    node::AgentFound,
    projects::Project,
    sessions::{Session, SessionFilter, SessionPatch},
};
use serde::{Deserialize, Serialize};

/// Sessions of a filter, newest activity first.
#[server(prefix = "/api/rpc", endpoint = "sessions/list", input = Json, output = Json)]
pub async fn list_sessions(filter: SessionFilter, page: PageQuery) -> AppResult<Page<Session>> {
    Ok(services().sessions.list(&caller()?, filter, page).await?)
}

/// One session.
#[server(prefix = "/api/rpc", endpoint = "sessions/find", input = Json, output = Json)]
pub async fn find_session(id: SessionId) -> AppResult<Session> {
    Ok(services().sessions.find(&caller()?, id).await?)
}

/// Renames, tags, archives.
#[server(prefix = "/api/rpc", endpoint = "sessions/update", input = Json, output = Json)]
pub async fn update_session(id: SessionId, patch: SessionPatch) -> AppResult<Session> {
    Ok(services().sessions.update(&caller()?, id, patch).await?)
}

/// Deletes; can be taken back.
#[server(prefix = "/api/rpc", endpoint = "sessions/delete", input = Json, output = Json)]
pub async fn delete_session(id: SessionId) -> AppResult<()> {
    Ok(services().sessions.delete(&caller()?, id).await?)
}

/// Takes a deletion back.
#[server(prefix = "/api/rpc", endpoint = "sessions/restore", input = Json, output = Json)]
pub async fn restore_session(id: SessionId) -> AppResult<Session> {
    Ok(services().sessions.restore(&caller()?, id).await?)
}

/// What the form for a new session offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FormChoices {
    /// Where it can work.
    pub projects: Vec<Project>,
    /// Which agents this machine has.
    pub agents: Vec<AgentFound>,
}

/// What the form for a new session offers.
#[server(prefix = "/api/rpc", endpoint = "sessions/form", input = Json, output = Json)]
pub async fn session_form() -> AppResult<FormChoices> {
    let (services, caller) = (services(), caller()?);
    let page = PageQuery { after: None, limit: Some(model::page::MAX_LIMIT) };
    let projects = services.projects.list(&caller, page).await?.items;
    let agents = services.node.agents(&caller, false).await?;
    Ok(FormChoices { projects, agents })
}

/// Starts a session. A plain form, so that it works before WASM has loaded: then the answer leads to the session's page.
#[server(prefix = "/api/rpc", endpoint = "sessions/create", output = Json)]
pub async fn create_session(
    project: String,
    agent: String,
    mode: String,
    prompt: String,
    #[server(default)] title: Option<String>,
    #[server(default)] model: Option<String>,
    #[server(default)] path: Option<String>,
) -> AppResult<Session> {
    let (services, caller) = (services(), caller()?);
    let mut new = super::form::read(&project, &agent, &mode, prompt, title, model)?;
    if let Some(path) = super::form::some(path) {
        let added = model::projects::NewProject { path, name: None, trusted: None };
        new.project = Some(services.projects.create(&caller, added).await?.id);
    }
    let new = NewSession::try_from(new)?;
    let session = services.sessions.create(&caller, new).await?;
    leptos_axum::redirect(&format!("/sessions/{}", session.id));
    Ok(session)
}

/// Starts the demo agent in its own scratch project.
#[server(prefix = "/api/rpc", endpoint = "sessions/demo", output = Json)]
pub async fn run_demo() -> AppResult<Session> {
    let session = services().sessions.run_demo(&caller()?).await?;
    leptos_axum::redirect(&format!("/sessions/{}", session.id));
    Ok(session)
}
