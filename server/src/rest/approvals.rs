//! `/approvals`: what agents ask, and the answers.
//! It reads requests and answers them; whether an answer still counts is `node::approvals`' to say.

use super::List;
use crate::{
    answer::{
        error::{ApiResult, ErrorEnvelope},
        extract::{Json, Known, Path, Query, page},
    },
    state::AppState,
};
use axum::extract::State;
use model::{
    Page, Services,
    approvals::{Approval, ApprovalFilter, ApprovalInput, ApprovalState, Decide},
    id::{ApprovalId, SessionId},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(find, decide))
        .routes(routes!(input))
}

/// The parameters of `GET /approvals`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ListParams {
    /// Only in this state.
    state: Option<ApprovalState>,
    /// Only of this session.
    session: Option<SessionId>,
    /// The `next` of the page before.
    after: Option<String>,
    /// 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Approvals the caller may see: oldest first when pending, newest first otherwise.
#[utoipa::path(get, path = "/approvals", operation_id = "list_approvals", params(ListParams), tag = "approvals",
    responses((status = 200, body = Page<Approval>)))]
async fn list(
    State(services): State<Services>,
    Known(caller): Known,
    Query(given): Query<ListParams>,
) -> ApiResult<List<Approval>> {
    let page = page(given.after, given.limit)?;
    let filter = ApprovalFilter {
        state: given.state,
        session: given.session,
    };
    Ok(List(services.approvals.list(&caller, filter, page).await?))
}

/// One approval.
#[utoipa::path(get, path = "/approvals/{id}", operation_id = "find_approval", params(ApprovalId), tag = "approvals",
    responses((status = 200, body = Approval)))]
async fn find(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<ApprovalId>,
) -> ApiResult<Json<Approval>> {
    Ok(Json(services.approvals.find(&caller, id).await?))
}

/// The whole input of an approval. Elsewhere a long one is cut to its beginning, with `input_cut` set.
#[utoipa::path(get, path = "/approvals/{id}/input", operation_id = "approval_input", params(ApprovalId), tag = "approvals",
    responses((status = 200, body = ApprovalInput)))]
async fn input(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<ApprovalId>,
) -> ApiResult<Json<ApprovalInput>> {
    Ok(Json(services.approvals.input(&caller, id).await?))
}

/// Decides. 409 `already_decided` when somebody was faster, with that decision.
#[utoipa::path(post, path = "/approvals/{id}", operation_id = "decide_approval", params(ApprovalId), tag = "approvals",
    responses((status = 200, body = Approval), (status = 409, description = "somebody was faster: `already_decided`, with that decision; or the agent no longer waits for an answer", body = ErrorEnvelope)))]
async fn decide(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<ApprovalId>,
    Json(answer): Json<Decide>,
) -> ApiResult<Json<Approval>> {
    Ok(Json(services.approvals.decide(&caller, id, answer).await?))
}
