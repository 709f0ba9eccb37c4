//! The node's socket for this machine: `orchwiz.sock` in the data directory, for whoever may open that directory as the
//! node's user. It speaks HTTP: all that the node serves, and what the command line asks; it must never be reachable
//! over a network.

mod ask;
mod client;
mod socket;

pub use ask::{Answer, Ask, Desk, NamedToken};
pub use client::{ask, is_running};
pub use socket::Socket;

use crate::{
    answer::{error::ApiResult, extract::Json},
    router,
    state::AppState,
};
use axum::{Extension, Router, extract::State, routing::post};
use model::Caller;

/// Where the command line asks.
pub const PATH: &str = "/local/ask";

/// What the socket serves: everything REST does and what the command line needs, as the command line.
pub fn router(state: &AppState, desk: Desk) -> Router {
    let asks = Router::new().route(PATH, post(answer)).with_state(desk);
    router::build(state).merge(asks).layer(Extension(Caller::cli()))
}

async fn answer(State(desk): State<Desk>, Json(ask): Json<Ask>) -> ApiResult<Json<Answer>> {
    Ok(Json(desk.answer(ask).await?))
}
