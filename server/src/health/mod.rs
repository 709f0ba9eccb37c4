//! `/healthz` and `/readyz`: is the process alive, and may it be sent requests.
//! They must not say anything about the node beyond that: whoever passes the guard may ask.

use crate::router::AppState;
use axum::extract::State;
use http::{StatusCode, header};
use std::time::Duration;

/// How long the database may take to answer before the node counts as not ready.
const PATIENCE: Duration = Duration::from_secs(2);

type Answer = (StatusCode, [(header::HeaderName, &'static str); 1], &'static str);

const fn answer(status: StatusCode, text: &'static str) -> Answer {
    (status, [(header::CACHE_CONTROL, "no-store")], text)
}

/// The process answers.
pub async fn healthz() -> Answer {
    answer(StatusCode::OK, "ok\n")
}

/// The database is open and answers, and the node is not stopping.
pub async fn readyz(State(state): State<AppState>) -> Answer {
    if !state.stop.is_ready() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "stopping or starting\n");
    }
    match tokio::time::timeout(PATIENCE, (state.database)()).await {
        Ok(true) => answer(StatusCode::OK, "ready\n"),
        Ok(false) | Err(_) => answer(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
