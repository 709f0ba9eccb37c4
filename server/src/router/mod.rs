//! The one place where routes and layers meet: guard outermost, then request id, trace, panics, size, sign-in, then the
//! routes. It must not hold a handler of its own beyond "there is nothing here".

mod layers;
mod pages;

use crate::{
    answer::{error::ApiError, extract},
    assets, auth,
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

/// Every route with its handler: what is served, and what [`routes`] lists.
pub fn table() -> Routes<AppState> {
    inner().and(outer())
}

/// What anybody may ask whom the guard lets pass: it must not cost a look at who asks.
fn outer() -> Routes<AppState> {
    Routes::new()
        .on(&Method::GET, "/healthz", Area::Open, health::healthz)
        .on(&Method::GET, "/readyz", Area::Open, health::readyz)
}

/// What depends on who asks.
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

/// What is registered, for tables that must name every route. The files of the site are the one thing that is served
/// without a route: they are the same for everybody, see [`crate::assets`].
pub fn routes() -> Vec<Route> {
    table().list()
}

/// The whole of what the node serves.
pub fn build(state: &AppState) -> Router {
    let router = inner().into_router().fallback(pages::nothing);
    // Inside out, and in few steps: what `layer` adds is a box, copied at every request with all that is inside of it
    // by whatever is around it.
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

/// Refuses a body that says it is too large before a byte of it is read, and cuts off one that does not say.
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

/// Pages and data go out compressed; streams and what is compressed already do not.
fn compression() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(DefaultPredicate::new())
}
