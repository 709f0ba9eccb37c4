//! `/me`: the caller. It must not show anything about anybody else.

use crate::{
    answer::{
        error::{ApiResult, ErrorEnvelope},
        extract::{Json, Known, NoParams, Query},
    },
    state::AppState,
};
use axum::extract::State;
use model::{Services, accounts::Me};
use utoipa_axum::{router::OpenApiRouter, routes};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(me))
}

/// The caller, and what they may do.
#[utoipa::path(get, path = "/me", operation_id = "me", tag = "me", responses((status = 200, body = Me), (status = 400, description = "a parameter is no UTF-8", body = ErrorEnvelope),
        (status = 422, description = "it takes no parameters", body = ErrorEnvelope)))]
async fn me(State(services): State<Services>, Known(caller): Known, _: Query<NoParams>) -> ApiResult<Json<Me>> {
    Ok(Json(services.accounts.me(&caller).await?))
}
