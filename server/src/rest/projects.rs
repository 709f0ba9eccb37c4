//! `/projects`: the working directories a node knows. It parses requests and answers them; `node::projects` holds the
//! rules.

use super::{List, created};
use crate::{
    answer::{
        error::{ApiResult, ErrorEnvelope},
        extract::{Json, Known, Path, Query, REST_PREFIX, page},
    },
    state::AppState,
};
use axum::{extract::State, response::Response};
use http::StatusCode;
use model::{
    Page, Services,
    id::ProjectId,
    projects::{NewProject, Project, ProjectPatch},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(find, update, delete))
}

/// The parameters of `GET /projects`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ListParams {
    /// The `next` of the page before.
    after: Option<String>,
    /// 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Projects by name.
#[utoipa::path(get, path = "/projects", operation_id = "list_projects", params(ListParams), tag = "projects",
    responses((status = 200, body = Page<Project>)))]
async fn list(
    State(services): State<Services>,
    Known(caller): Known,
    Query(given): Query<ListParams>,
) -> ApiResult<List<Project>> {
    let page = page(given.after, given.limit)?;
    Ok(List(services.projects.list(&caller, page).await?))
}

/// Adds a folder that exists on the node's machine.
#[utoipa::path(post, path = "/projects", operation_id = "create_project", tag = "projects",
    responses((status = 201, body = Project), (status = 409, description = "the folder is a project already", body = ErrorEnvelope)))]
async fn create(
    State(services): State<Services>,
    Known(caller): Known,
    Json(new): Json<NewProject>,
) -> ApiResult<Response> {
    let project = services.projects.create(&caller, new).await?;
    Ok(created(format!("{}/projects/{}", REST_PREFIX, project.id), project))
}

/// One project.
#[utoipa::path(get, path = "/projects/{id}", operation_id = "find_project", params(ProjectId), tag = "projects",
    responses((status = 200, body = Project)))]
async fn find(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<ProjectId>,
) -> ApiResult<Json<Project>> {
    Ok(Json(services.projects.find(&caller, id).await?))
}

/// Renames it, trusts it, sets the time limit of its approvals.
#[utoipa::path(patch, path = "/projects/{id}", operation_id = "update_project", params(ProjectId), tag = "projects",
    responses((status = 200, body = Project), (status = 409, description = "what its folder would run has changed since it was looked at", body = ErrorEnvelope)))]
async fn update(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<ProjectId>,
    Json(patch): Json<ProjectPatch>,
) -> ApiResult<Json<Project>> {
    Ok(Json(services.projects.update(&caller, id, patch).await?))
}

/// Forgets it; 409 while one of its sessions runs. The folder stays untouched.
#[utoipa::path(delete, path = "/projects/{id}", operation_id = "delete_project", params(ProjectId), tag = "projects",
    responses((status = 204), (status = 409, description = "one of its sessions runs", body = ErrorEnvelope)))]
async fn delete(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<ProjectId>,
) -> ApiResult<StatusCode> {
    services.projects.delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
