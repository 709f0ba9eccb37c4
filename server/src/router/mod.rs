//! The one place where routes and layers meet: guard outermost, then request id, trace, panics, size, sign-in, then the routes.
//! It must not hold a handler of its own beyond "there is nothing here".

mod state;
mod table;

pub use state::{AppState, Parts, Probe, Stop};
pub use table::{Area, Route, Routes};

use crate::{health, openapi, rest};
use axum::{Router, extract::DefaultBodyLimit};
use http::Method;

/// The largest body any route accepts, in bytes.
pub const BODY_LIMIT: usize = rest::extract::BODY_LIMIT;

/// Every route with its handler: what is served, and what [`routes`] lists.
pub fn table() -> Routes<AppState> {
    let (api, document) = rest::parts();
    let listed = openapi::routes(&document);
    Routes::new().with(api, listed).on(&Method::GET, openapi::PATH, Area::Open, openapi::show).on(&Method::GET, "/healthz", Area::Open, health::healthz).on(
        &Method::GET,
        "/readyz",
        Area::Open,
        health::readyz,
    )
}

/// What is registered, for tables that must name every route.
pub fn routes() -> Vec<Route> {
    table().list()
}

/// The whole of what the node serves.
pub fn build(state: &AppState) -> Router {
    table().into_router().layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(state.clone())
}
