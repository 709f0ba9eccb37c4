//! `/nodes`, `/invites`, `/links`: the fleet. It parses requests and answers them; `node::fleet` holds the rules.

use super::{List, created};
use crate::{
    answer::{
        error::{ApiResult, ErrorEnvelope},
        extract::{Json, Known, NoBody, NoParams, Path, Query, REST_PREFIX},
    },
    state::AppState,
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use model::{
    Page, Services,
    fleet::{FleetNode, Invite, Link, LinkPatch, NewInvite, NewLink},
    id::{LinkId, NodeId},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(nodes))
        .routes(routes!(node))
        .routes(routes!(invite))
        .routes(routes!(links, join))
        .routes(routes!(link, update, revoke))
        .routes(routes!(confirm))
        .routes(routes!(pause))
        .routes(routes!(resume))
}

/// A whole list as one page.
fn whole<T>(items: Vec<T>) -> List<T> {
    List(Page { items, next: None })
}

/// The nodes that this one knows: itself first, then by name.
#[utoipa::path(get, path = "/nodes", operation_id = "list_nodes", tag = "fleet",
    responses((status = 200, body = Page<FleetNode>), (status = 400, description = "a parameter is no UTF-8", body = ErrorEnvelope),
        (status = 422, description = "it takes no parameters", body = ErrorEnvelope)))]
async fn nodes(
    State(services): State<Services>,
    Known(caller): Known,
    Query(NoParams {}): Query<NoParams>,
) -> ApiResult<List<FleetNode>> {
    Ok(whole(services.fleet.nodes(&caller).await?))
}

/// One node.
#[utoipa::path(get, path = "/nodes/{id}", operation_id = "find_node", params(NodeId), tag = "fleet",
    responses((status = 200, body = FleetNode)))]
async fn node(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<NodeId>,
) -> ApiResult<Json<FleetNode>> {
    Ok(Json(services.fleet.node(&caller, id).await?))
}

/// Makes an invite, which is shown this once and works once, for ten minutes.
#[utoipa::path(post, path = "/invites", operation_id = "create_invite", tag = "fleet",
    responses((status = 201, body = Invite)))]
async fn invite(
    State(services): State<Services>,
    Known(caller): Known,
    Json(new): Json<NewInvite>,
) -> ApiResult<Response> {
    let invite = services.fleet.invite(&caller, new).await?;
    Ok((StatusCode::CREATED, Json(invite)).into_response())
}

/// This node's links by the peer's name, ended ones too.
#[utoipa::path(get, path = "/links", operation_id = "list_links", tag = "fleet",
    responses((status = 200, body = Page<Link>), (status = 400, description = "a parameter is no UTF-8", body = ErrorEnvelope),
        (status = 422, description = "it takes no parameters", body = ErrorEnvelope)))]
async fn links(
    State(services): State<Services>,
    Known(caller): Known,
    Query(NoParams {}): Query<NoParams>,
) -> ApiResult<List<Link>> {
    Ok(whole(services.fleet.links(&caller).await?))
}

/// Joins the node that made an invite.
#[utoipa::path(post, path = "/links", operation_id = "create_link", tag = "fleet",
    responses((status = 201, body = Link),
        (status = 409, description = "the two nodes have a link already", body = ErrorEnvelope),
        (status = 503, description = "the inviting node cannot be reached", body = ErrorEnvelope)))]
async fn join(State(services): State<Services>, Known(caller): Known, Json(new): Json<NewLink>) -> ApiResult<Response> {
    let link = services.fleet.join(&caller, new).await?;
    Ok(created(format!("{}/links/{}", REST_PREFIX, link.id), link))
}

/// One link.
#[utoipa::path(get, path = "/links/{id}", operation_id = "find_link", params(LinkId), tag = "fleet",
    responses((status = 200, body = Link)))]
async fn link(State(services): State<Services>, Known(caller): Known, Path(id): Path<LinkId>) -> ApiResult<Json<Link>> {
    Ok(Json(services.fleet.link(&caller, id).await?))
}

/// Changes what this node sends.
#[utoipa::path(patch, path = "/links/{id}", operation_id = "update_link", params(LinkId), tag = "fleet",
    responses((status = 200, body = Link), (status = 409, description = "the link has ended", body = ErrorEnvelope)))]
async fn update(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<LinkId>,
    Json(patch): Json<LinkPatch>,
) -> ApiResult<Json<Link>> {
    Ok(Json(services.fleet.update(&caller, id, patch).await?))
}

/// The parameters of `DELETE /links/{id}`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct RevokeParams {
    /// Remove what the peer sent, also after the link has ended.
    #[serde(default)]
    forget: Option<bool>,
}

/// Ends a link for good, on both sides.
#[utoipa::path(delete, path = "/links/{id}", operation_id = "delete_link", params(LinkId, RevokeParams), tag = "fleet",
    responses((status = 204)))]
async fn revoke(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<LinkId>,
    Query(given): Query<RevokeParams>,
) -> ApiResult<StatusCode> {
    services
        .fleet
        .revoke(&caller, id, given.forget.unwrap_or_default())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Confirms a pending link, on the side that made the invite.
#[utoipa::path(post, path = "/links/{id}/confirm", operation_id = "confirm_link", params(LinkId), tag = "fleet",
    responses((status = 200, body = Link), (status = 409, description = "the other side confirms, or the link has ended", body = ErrorEnvelope)))]
async fn confirm(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<LinkId>,
    _: NoBody,
) -> ApiResult<Json<Link>> {
    Ok(Json(services.fleet.confirm(&caller, id).await?))
}

/// Pauses a confirmed link.
#[utoipa::path(post, path = "/links/{id}/pause", operation_id = "pause_link", params(LinkId), tag = "fleet",
    responses((status = 200, body = Link), (status = 409, description = "it is not confirmed, or has ended", body = ErrorEnvelope)))]
async fn pause(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<LinkId>,
    _: NoBody,
) -> ApiResult<Json<Link>> {
    Ok(Json(services.fleet.pause(&caller, id).await?))
}

/// Resumes a paused link.
#[utoipa::path(post, path = "/links/{id}/resume", operation_id = "resume_link", params(LinkId), tag = "fleet",
    responses((status = 200, body = Link), (status = 409, description = "it has ended", body = ErrorEnvelope)))]
async fn resume(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<LinkId>,
    _: NoBody,
) -> ApiResult<Json<Link>> {
    Ok(Json(services.fleet.resume(&caller, id).await?))
}
