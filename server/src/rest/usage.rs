//! `/usage`: sums of tokens and cost. It parses requests and answers them; the port adds up.

use super::List;
use crate::{
    answer::{
        error::ApiResult,
        extract::{Known, Query},
    },
    state::AppState,
};
use axum::extract::State;
use model::{
    Error, Page, Services,
    usage::{UsageBy, UsageQuery, UsageRow},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The default number of days.
const DEFAULT_DAYS: u32 = 30;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(sums))
}

/// The parameters of `GET /usage`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct SumsParams {
    /// `day` when absent.
    by: Option<UsageBy>,
    /// The last so many UTC days, today included; 30 when absent.
    #[param(minimum = 1, maximum = 366)]
    days: Option<u32>,
}

/// Sums over sessions the caller may see: days in order, projects and models costliest first.
#[utoipa::path(get, path = "/usage", operation_id = "sum_usage", params(SumsParams), tag = "usage",
    responses((status = 200, body = Page<UsageRow>)))]
async fn sums(
    State(services): State<Services>,
    Known(caller): Known,
    Query(given): Query<SumsParams>,
) -> ApiResult<List<UsageRow>> {
    let by = given.by.unwrap_or(UsageBy::Day);
    let days = given.days.unwrap_or(DEFAULT_DAYS);
    if !(1..=366).contains(&days) {
        return Err(Error::invalid("days", "days must be 1 to 366").into());
    }
    Ok(List(Page {
        items: services.usage.sums(&caller, UsageQuery { by, days }).await?,
        next: None,
    }))
}
