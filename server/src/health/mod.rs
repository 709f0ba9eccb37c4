//! `/healthz` and `/readyz`: is the process alive, and may it be sent requests.
//! They must not say anything about the node beyond that: whoever passes the guard may ask.

use crate::stop::Stop;
use axum::extract::State;
use futures::future::BoxFuture;
use http::{StatusCode, header};
use std::{sync::Arc, time::Duration};

/// How long the database may take to answer before the node counts as not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks something whether it answers.
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
