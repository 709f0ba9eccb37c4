//! Server functions of projects. Each asks a port for its caller and returns the answer.
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
    projects::{OwnFiles, Project, ProjectPatch},
    sessions::Session,
};
use serde::{Deserialize, Serialize};

/// All projects, and the position at which they were read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectsView {
    /// By name.
    pub projects: Page<Project>,
    /// The position at which they were read.
    pub pos: Pos,
}

/// A project with its newest sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectView {
    /// The project.
    pub project: Project,
    /// Its newest sessions.
    pub sessions: Page<Session>,
    /// The position at which they were read.
    pub pos: Pos,
}

/// All projects by name.
#[server(prefix = "/api/rpc", endpoint = "projects/list", protocol = Rpc)]
pub async fn list_projects(page: PageQuery) -> AppResult<ProjectsView> {
    let (services, caller) = (services()?, caller()?);
    let pos = services.node.head().await?;
    Ok(ProjectsView {
        projects: services.projects.list(&caller, page).await?,
        pos,
    })
}

/// A project with its newest sessions.
#[server(prefix = "/api/rpc", endpoint = "projects/find", protocol = Rpc)]
pub async fn find_project(id: ProjectId) -> AppResult<ProjectView> {
    let (services, caller) = (services()?, caller()?);
    let pos = services.node.head().await?;
    let project = services.projects.find(&caller, id).await?;
    let filter = model::sessions::SessionFilter {
        project: Some(id),
        ..Default::default()
    };
    let sessions = services
        .sessions
        .list(
            &caller,
            filter,
            PageQuery {
                after: None,
                limit: Some(20),
            },
        )
        .await?;
    Ok(ProjectView { project, sessions, pos })
}

/// The files that a project's folder would run if trusted, with their contents.
#[server(prefix = "/api/rpc", endpoint = "projects/own_files", protocol = Rpc)]
pub async fn read_own_files(id: ProjectId) -> AppResult<OwnFiles> {
    Ok(services()?.projects.own_files(&caller()?, id).await?)
}

/// Adds a folder, by a plain form that works before WASM has loaded.
#[server(prefix = "/api/rpc", endpoint = "projects/create", protocol = FormRpc)]
pub async fn create_project(
    path: String,
    #[server(default)] name: Option<String>,
    #[server(default)] trusted: Option<String>,
) -> AppResult<Project> {
    let new = model::projects::NewProject {
        path,
        name: name.filter(|name| !name.trim().is_empty()),
        trusted: trusted.map(|word| matches!(word.as_str(), "on" | "true" | "1")),
    };
    let project = services()?.projects.create(&caller()?, new).await?;
    leptos_axum::redirect(&format!("/projects/{}", project.id));
    Ok(project)
}

/// Renames, trusts, sets the time limit of approvals.
#[server(prefix = "/api/rpc", endpoint = "projects/update", protocol = Rpc)]
pub async fn update_project(id: ProjectId, patch: ProjectPatch) -> AppResult<Project> {
    Ok(services()?.projects.update(&caller()?, id, patch).await?)
}

/// Forgets a project.
#[server(prefix = "/api/rpc", endpoint = "projects/delete", protocol = Rpc)]
pub async fn delete_project(id: ProjectId) -> AppResult<()> {
    Ok(services()?.projects.delete(&caller()?, id).await?)
}
