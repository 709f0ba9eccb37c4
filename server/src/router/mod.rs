//! The only place where routes and layers meet: guard outermost, then request id, trace, panics, size, sign-in, routes.
//! It must not hold a handler other than the one for unknown paths.

mod layers;
mod pages;

use crate::{
    answer::{error::ApiError, extract},
    assets, auth, fwd,
    guard::Guard,
    health,
    idempotency::{self, Remembers},
    live, metrics, openapi, rest,
    state::AppState,
    table::{Area, Route, Routes},
};
use axum::{
    RequestExt, Router,
    extract::{DefaultBodyLimit, FromRef, Request},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use http::{Method, header};
use tower::ServiceBuilder;
use tower_http::{
    CompressionLevel,
    compression::{CompressionLayer, DefaultPredicate, Predicate},
};

/// The largest body any route accepts, in bytes.
pub const BODY_LIMIT: usize = extract::BODY_LIMIT;

/// Every route with its handler; [`routes`] lists the same.
pub fn table() -> Routes<AppState> {
    inner().and(outer())
}

/// Routes that cost no authentication: for any client that passes the guard, and for peers, whose signatures are checked
/// by the routes themselves.
fn outer() -> Routes<AppState> {
    Routes::new()
        .on(&Method::GET, "/healthz", Area::Open, health::healthz)
        .on(&Method::GET, "/readyz", Area::Open, health::readyz)
        .and(fwd::routes())
}

/// Routes that depend on the caller.
fn inner() -> Routes<AppState> {
    let (api, document) = rest::parts();
    let listed = openapi::routes(&document);
    Routes::new()
        .with(api, listed)
        .on(&Method::GET, openapi::PATH, Area::Open, openapi::show)
        .on(&Method::GET, "/metrics", Area::Metrics, metrics::show)
        .on(&Method::GET, live::PATH, Area::Socket, live::upgrade)
        .and(auth::routes::<AppState>())
        .and(pages::table())
}

/// The registered routes, for tests that must cover each one. Only the site's files have no route, since they are the
/// same for everybody; see [`crate::assets`].
pub fn routes() -> Vec<Route> {
    table().list()
}

/// The complete service of the node.
pub fn build(state: &AppState) -> Router {
    let router = inner().into_router().fallback(pages::nothing);
    // From the inside out, in few steps: each `layer` adds a box, which the layers around it clone at every request
    // together with its contents.
    let router = router.layer(from_fn_with_state(Remembers::from_ref(state), idempotency::layer));
    let router = state
        .auth
        .around(router)
        .layer(compression())
        .merge(outer().into_router());
    let router = router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(state.metrics.clone(), metrics::count))
            .layer(from_fn_with_state(state.site.clone(), assets::serve))
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .layer(from_fn(limit)),
    );
    let router = layers::around(router, &state.deps);
    Guard::new(&state.config, &state.deps)
        .around(router)
        .with_state(state.clone())
}

/// Refuses a body whose declared length is too large before reading it, and cuts off one without a length.
async fn limit(request: Request, next: Next) -> Response {
    let said = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if said.is_some_and(|bytes| bytes > BODY_LIMIT as u64) {
        return ApiError::from(model::Error::TooLarge(BODY_LIMIT as u64)).into_response();
    }
    next.run(request.with_limited_body()).await
}

/// Compresses pages and data, but not streams or content that is compressed already.
fn compression() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(DefaultPredicate::new())
}
