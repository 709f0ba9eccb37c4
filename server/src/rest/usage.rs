//! `/usage`: sums of tokens and cost.
//! It reads requests and answers them; it adds nothing up.

use super::{
    List,
    error::{ApiResult, ErrorEnvelope},
    extract::{Known, Params},
};
use crate::router::AppState;
use axum::extract::State;
use model::{
    Error, Page, Services,
    usage::{UsageBy, UsageQuery, UsageRow},
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// How many days are summed when nobody says.
const DEFAULT_DAYS: u32 = 30;

/// All of them.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(sums))
}

/// Sums over sessions the caller may see: days in order, projects and models costliest first.
#[utoipa::path(get, path = "/usage", tag = "usage",
    params(
        ("by" = Option<UsageBy>, Query, description = "day when absent"),
        ("days" = Option<u32>, Query, description = "the last so many UTC days, today included, 1 to 366; 30 when absent"),
    ),
    responses((status = 200, body = Page<UsageRow>), (status = "4XX", body = ErrorEnvelope)))]
async fn sums(State(services): State<Services>, Known(caller): Known, mut params: Params) -> ApiResult<List<UsageRow>> {
    let by = params.read("by", "day, project or model", UsageBy::parse)?.unwrap_or(UsageBy::Day);
    let days = params.read("days", "a number from 1 to 366", |text| text.parse().ok())?.unwrap_or(DEFAULT_DAYS);
    params.end()?;
    if !(1..=366).contains(&days) {
        return Err(Error::invalid("days", "days must be 1 to 366").into());
    }
    Ok(List(Page { items: services.usage.sums(&caller, UsageQuery { by, days }).await?, next: None }))
}
