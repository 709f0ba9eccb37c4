//! `/healthz` and `/readyz`: liveness and readiness. They must say nothing else about the node: any client that passes
//! the guard may ask.

use crate::stop::Stop;
use axum::extract::State;
use futures::future::BoxFuture;
use http::{StatusCode, header};
use std::{sync::Arc, time::Duration};

/// The time limit of the database's answer; after it the node is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// Checks whether something answers.
pub type Probe = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

type Answer = (StatusCode, [(header::HeaderName, &'static str); 1], &'static str);

const fn answer(status: StatusCode, text: &'static str) -> Answer {
    (status, [(header::CACHE_CONTROL, "no-store")], text)
}

/// The process answers.
pub async fn healthz() -> Answer {
    answer(StatusCode::OK, "ok\n")
}

/// The database is open and answers, and the node is not stopping.
pub async fn readyz(State(stop): State<Stop>, State(database): State<Probe>) -> Answer {
    if !stop.is_ready() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "stopping or starting\n");
    }
    match tokio::time::timeout(PATIENCE, database()).await {
        Ok(true) => answer(StatusCode::OK, "ready\n"),
        Ok(false) | Err(_) => answer(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
