//! REST under `/api/v1`, for scripts. Handlers parse a request, call one port and answer with its result. They must not
//! hold any rule of the domain, nor of who may do what: the ports do.

pub mod approvals;
pub mod events;
pub mod fleet;
pub mod me;
pub mod projects;
mod refusals;
pub mod sessions;
pub mod usage;

use crate::{
    answer::{
        error::{ApiError, ErrorEnvelope},
        extract::{Json, REST_PREFIX},
    },
    state::AppState,
};
use axum::{
    Router,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use model::{Page, usage::UsageBy};
use serde::Serialize;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "OrchWiz",
        description = "Run, watch and govern AI coding assistants on a node. Sign in with a bearer token made on the page Settings, Tokens or by `orchwiz token create`. \
            Lists give `{items, next}`; ask for the next page with `after` set to `next`. `POST` takes an `Idempotency-Key` header that is remembered for 24 hours. \
            Times are unix milliseconds, money is millionths of a US dollar and always the agent's own estimate.",
    ),
    modifiers(&Token),
    security(("token" = [])),
    // The second is only named by a parameter, which does not register it.
    components(schemas(ErrorEnvelope, UsageBy)),
)]
struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(
            Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("owz_...")
                .build(),
        );
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("token", scheme);
    }
}

/// Every endpoint, and the OpenAPI document made from the same registration.
pub fn parts() -> (Router<AppState>, utoipa::openapi::OpenApi) {
    let (router, mut document) = router().split_for_parts();
    refusals::add(&mut document);
    (router.method_not_allowed_fallback(no_such_method), document)
}

fn router() -> OpenApiRouter<AppState> {
    let endpoints = OpenApiRouter::new()
        .merge(projects::router())
        .merge(sessions::router())
        .merge(approvals::router())
        .merge(events::router())
        .merge(usage::router())
        .merge(fleet::router())
        .merge(me::router());
    OpenApiRouter::with_openapi(Document::openapi()).nest(REST_PREFIX, endpoints.fallback(no_such_path))
}

async fn no_such_path() -> ApiError {
    ApiError::no_such_path()
}

async fn no_such_method() -> ApiError {
    ApiError::no_such_method()
}

/// A page of a list as JSON.
struct List<T>(Page<T>);

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        // About a kilobyte an item: growing the buffer would copy the whole page several times.
        let mut text = Vec::with_capacity(64 + 1024 * self.0.items.len());
        match serde_json::to_writer(&mut text, &self.0) {
            Ok(()) => (
                [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))],
                text,
            )
                .into_response(),
            Err(error) => ApiError::from(node::store::internal(error)).into_response(),
        }
    }
}

/// A 201 with the new thing and its `Location`.
fn created<T: Serialize>(location: String, thing: T) -> Response {
    let mut response = (StatusCode::CREATED, Json(thing)).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
