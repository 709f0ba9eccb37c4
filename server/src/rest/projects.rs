//! `/projects`: the working directories a node knows.
//! It reads requests and answers them; what a project is and who may touch it is `node::projects`' to say.

use super::{
    List, created,
    error::{ApiResult, ErrorEnvelope},
    extract::{Body, Ids, Known, Params},
};
use crate::router::AppState;
use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use model::{
    Page, Services,
    projects::{NewProject, Project, ProjectPatch},
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// All of them.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(find, update, delete))
}

/// Projects by name.
#[utoipa::path(get, path = "/projects", tag = "projects",
    params(("after" = Option<String>, Query, description = "the `next` of the page before"), ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent")),
    responses((status = 200, body = Page<Project>), (status = "4XX", body = ErrorEnvelope)))]
async fn list(State(services): State<Services>, Known(caller): Known, mut params: Params) -> ApiResult<List<Project>> {
    let page = params.page()?;
    params.end()?;
    Ok(List(services.projects.list(&caller, page).await?))
}

/// Adds a folder that exists on the node's machine.
#[utoipa::path(post, path = "/projects", tag = "projects", request_body = NewProject,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated key within 24 hours gives the first answer again")),
    responses((status = 201, body = Project), (status = "4XX", body = ErrorEnvelope)))]
async fn create(State(services): State<Services>, Known(caller): Known, Body(new): Body<NewProject>) -> ApiResult<Response> {
    let project = services.projects.create(&caller, new).await?;
    Ok(created(format!("{}/projects/{}", super::PREFIX, project.id), project))
}

/// One project.
#[utoipa::path(get, path = "/projects/{id}", tag = "projects", params(("id" = String, Path)),
    responses((status = 200, body = Project), (status = "4XX", body = ErrorEnvelope)))]
async fn find(State(services): State<Services>, Known(caller): Known, ids: Ids) -> ApiResult<Json<Project>> {
    Ok(Json(services.projects.find(&caller, ids.at(0, "project")?).await?))
}

/// Renames it, trusts it, sets the time limit of its approvals.
#[utoipa::path(patch, path = "/projects/{id}", tag = "projects", params(("id" = String, Path)), request_body = ProjectPatch,
    responses((status = 200, body = Project), (status = "4XX", body = ErrorEnvelope)))]
async fn update(State(services): State<Services>, Known(caller): Known, ids: Ids, Body(patch): Body<ProjectPatch>) -> ApiResult<Json<Project>> {
    Ok(Json(services.projects.update(&caller, ids.at(0, "project")?, patch).await?))
}

/// Forgets it; 409 while one of its sessions runs. The folder is untouched.
#[utoipa::path(delete, path = "/projects/{id}", tag = "projects", params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = ErrorEnvelope)))]
async fn delete(State(services): State<Services>, Known(caller): Known, ids: Ids) -> ApiResult<StatusCode> {
    services.projects.delete(&caller, ids.at(0, "project")?).await?;
    Ok(StatusCode::NO_CONTENT)
}
