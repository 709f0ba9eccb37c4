//! `/me`: who asks.
//! It must not show anything of anybody else.

use super::{
    error::{ApiResult, ErrorEnvelope},
    extract::{Known, Params},
};
use crate::router::AppState;
use axum::{Json, extract::State};
use model::{Services, accounts::Me};
use utoipa_axum::{router::OpenApiRouter, routes};

/// All of them.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(me))
}

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/me", tag = "me", responses((status = 200, body = Me), (status = "4XX", body = ErrorEnvelope)))]
async fn me(State(services): State<Services>, Known(caller): Known, params: Params) -> ApiResult<Json<Me>> {
    params.end()?;
    Ok(Json(services.accounts.me(&caller).await?))
}
