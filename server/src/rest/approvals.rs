//! `/approvals`: what agents ask, and the answers.
//! It reads requests and answers them; whether an answer still counts is `node::approvals`' to say.

use super::{
    List,
    error::{ApiResult, ErrorEnvelope},
    extract::{Body, Ids, Known, Params},
};
use crate::router::AppState;
use axum::{Json, extract::State};
use model::{
    Page, Services,
    approvals::{Approval, ApprovalFilter, ApprovalInput, ApprovalState, Decide},
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// All of them.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(find, decide)).routes(routes!(input))
}

/// Approvals the caller may see: oldest first when pending, newest first otherwise.
#[utoipa::path(get, path = "/approvals", tag = "approvals",
    params(
        ("state" = Option<ApprovalState>, Query, description = "only in this state"),
        ("session" = Option<String>, Query, description = "only of this session"),
        ("after" = Option<String>, Query, description = "the `next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
    ),
    responses((status = 200, body = Page<Approval>), (status = "4XX", body = ErrorEnvelope)))]
async fn list(State(services): State<Services>, Known(caller): Known, mut params: Params) -> ApiResult<List<Approval>> {
    let filter = ApprovalFilter {
        state: params.read("state", "pending, allowed, denied or withdrawn", ApprovalState::parse)?,
        session: params.read("session", "the id of a session, ses_...", |text| text.parse().ok())?,
    };
    let page = params.page()?;
    params.end()?;
    Ok(List(services.approvals.list(&caller, filter, page).await?))
}

/// One approval.
#[utoipa::path(get, path = "/approvals/{id}", tag = "approvals", params(("id" = String, Path)),
    responses((status = 200, body = Approval), (status = "4XX", body = ErrorEnvelope)))]
async fn find(State(services): State<Services>, Known(caller): Known, ids: Ids) -> ApiResult<Json<Approval>> {
    Ok(Json(services.approvals.find(&caller, ids.at(0, "approval")?).await?))
}

/// All of what an approval asks: of a long one the others carry only the beginning, and say so in `input_cut`.
#[utoipa::path(get, path = "/approvals/{id}/input", tag = "approvals", params(("id" = String, Path)),
    responses((status = 200, body = ApprovalInput), (status = "4XX", body = ErrorEnvelope)))]
async fn input(State(services): State<Services>, Known(caller): Known, ids: Ids) -> ApiResult<Json<ApprovalInput>> {
    Ok(Json(services.approvals.input(&caller, ids.at(0, "approval")?).await?))
}

/// Decides. When somebody was faster the answer is 409 `already_decided`, with that decision.
#[utoipa::path(post, path = "/approvals/{id}", tag = "approvals", request_body = Decide,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "a repeated key within 24 hours gives the first answer again")),
    responses((status = 200, body = Approval), (status = "4XX", body = ErrorEnvelope)))]
async fn decide(State(services): State<Services>, Known(caller): Known, ids: Ids, Body(answer): Body<Decide>) -> ApiResult<Json<Approval>> {
    Ok(Json(services.approvals.decide(&caller, ids.at(0, "approval")?, answer).await?))
}
