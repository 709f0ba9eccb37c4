//! The local socket: `orchwiz.sock` in the data directory, for processes that can open it as the node's user. It speaks
//! HTTP, for the whole of the node and for the command line. It must never be reachable over a network.

mod ask;
mod client;
mod socket;

pub use ask::{Answer, Ask, Desk, LinkAct, NamedToken};
pub use client::{ask, is_running};
pub use socket::Socket;

use crate::{
    answer::{error::ApiResult, extract::Json},
    router,
    state::AppState,
};
use axum::{Extension, Router, extract::State, routing::post};
use model::Caller;

/// The path of the command line's requests.
pub const PATH: &str = "/local/ask";

/// The routes of the socket: all of the node's and the command line's, with the caller `cli`.
pub fn router(state: &AppState, desk: Desk) -> Router {
    let asks = Router::new().route(PATH, post(answer)).with_state(desk);
    router::build(state).merge(asks).layer(Extension(Caller::cli()))
}

async fn answer(State(desk): State<Desk>, Json(ask): Json<Ask>) -> ApiResult<Json<Answer>> {
    Ok(Json(desk.answer(ask).await?))
}
