//! `/metrics` in Prometheus' text format: what the process counts, and a few figures of the node.
//! It must not name a person, a session or a path with an id: labels come from small fixed sets.

mod text;

use crate::{
    rest::error::{ApiError, ApiResult},
    rest::extract::Known,
    router::AppState,
};
use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use model::{
    Action, Caller, Error, Role,
    caller::{Resource, require},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use text::Text;

/// The upper ends of the duration histogram, in microseconds.
const BUCKETS: [u64; 10] = [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];

/// How many live sockets may be open at once.
const MAX_SOCKETS: usize = 2_000;
/// How many of them may be one person's: each tab has one.
const MAX_SOCKETS_OF_ONE: usize = 100;
/// How many event streams may be open at once.
const MAX_STREAMS: usize = 1_000;
/// How many of them may be one person's.
const MAX_STREAMS_OF_ONE: usize = 50;

/// What the process counts. Cheap to clone.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Counts>);

#[derive(Default)]
struct Counts {
    requests: Mutex<BTreeMap<(String, &'static str, &'static str), u64>>,
    buckets: [AtomicU64; 11],
    micros: AtomicU64,
    sockets: Mutex<Held>,
    streams: Mutex<Held>,
}

/// What is open: by whom, and altogether.
#[derive(Default)]
struct Held {
    all: usize,
    by_caller: BTreeMap<String, usize>,
}

/// A socket or stream that is open; counted until it is dropped.
pub struct Open {
    metrics: Metrics,
    which: fn(&Counts) -> &Mutex<Held>,
    caller: String,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut held = (self.which)(&self.metrics.0).lock().unwrap_or_else(PoisonError::into_inner);
        held.all -= 1;
        if let Some(theirs) = held.by_caller.get_mut(&self.caller) {
            *theirs -= 1;
            if *theirs == 0 {
                held.by_caller.remove(&self.caller);
            }
        }
    }
}

impl Metrics {
    /// A live socket of `caller` is open from now on; refused where there are too many.
    pub fn socket(&self, caller: &Caller) -> ApiResult<Open> {
        self.open(caller, |counts| &counts.sockets, MAX_SOCKETS, MAX_SOCKETS_OF_ONE)
    }

    /// An event stream of `caller` is open from now on; refused where there are too many.
    pub fn stream(&self, caller: &Caller) -> ApiResult<Open> {
        self.open(caller, |counts| &counts.streams, MAX_STREAMS, MAX_STREAMS_OF_ONE)
    }

    fn open(&self, caller: &Caller, which: fn(&Counts) -> &Mutex<Held>, most: usize, most_of_one: usize) -> ApiResult<Open> {
        // A person's tokens and browsers are one caller.
        let caller = caller.user.map_or_else(|| caller.name.clone(), |user| user.to_string());
        let mut held = which(&self.0).lock().unwrap_or_else(PoisonError::into_inner);
        if held.all >= most {
            return Err(Error::Unavailable("too many live connections are open on this node: try again later".into()).into());
        }
        let theirs = held.by_caller.get(&caller).copied().unwrap_or_default();
        if theirs >= most_of_one {
            let message = format!("you have {theirs} live connections open, which is as many as one person may: close some tabs or scripts");
            return Err(ApiError::http(StatusCode::TOO_MANY_REQUESTS, "too_many_open", message));
        }
        held.all += 1;
        held.by_caller.insert(caller.clone(), theirs + 1);
        Ok(Open { metrics: self.clone(), which, caller })
    }

    fn answered(&self, route: String, method: &'static str, status: u16, took: Duration) {
        let class = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|end| micros <= *end).unwrap_or(BUCKETS.len());
        if let Some(count) = self.0.buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.0.micros.fetch_add(micros, Ordering::Relaxed);
        // A poisoned lock only means that somebody panicked while counting: the counts are still right.
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route, method, class)).or_default() += 1;
    }
}

/// Counts every request by the route it matched.
pub async fn count(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let method = match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    };
    let start = Instant::now();
    let response = next.run(request).await;
    metrics.answered(route, method, response.status().as_u16(), start.elapsed());
    response
}

/// `GET /metrics`: for tokens of scope `metrics`, admins, and the local socket.
pub async fn show(State(state): State<AppState>, Known(caller): Known) -> ApiResult<Response> {
    require(&caller, Action::ReadMetrics, Resource::Node, "metrics")?;
    let node = Caller::node();
    let info = state.services.node.info(&node).await?;
    let health = state.services.node.health(&node).await?.last().copied();
    // Somebody without an account and without a session of their own: what they see, the whole node may see.
    let anybody = Caller { role: Role::Viewer, ..Caller::cli() };
    let pending = state.services.approvals.pending(&anybody).await?;

    let mut text = Text::default();
    text.gauge("orchwiz_up", "Whether the node takes requests.", i64::from(state.stop.is_ready()));
    text.labelled("orchwiz_build_info", "The version that runs.", "gauge", &[("version", &info.version), ("database", &info.database)], 1);
    text.gauge("orchwiz_start_time_seconds", "When the process started, unix time.", info.started / 1000);
    text.gauge("orchwiz_journal_position", "The newest committed position.", *state.head().borrow());
    text.gauge("orchwiz_agents_max", "How many agents may run at once.", info.agents_max);
    text.gauge("orchwiz_approvals_pending", "Approvals that wait and the whole node may see.", pending);
    if let Some(health) = health {
        text.optional("orchwiz_agents_running", "Agents that run.", health.agents);
        text.optional("orchwiz_journal_queue", "Operations that wait for the journal's writer.", health.queue);
        text.optional("orchwiz_database_bytes", "Size of the database.", health.database_bytes);
        text.optional("orchwiz_disk_free_bytes", "Free space where the data directory lies.", health.disk_free);
        text.optional("orchwiz_memory_resident_bytes", "Memory of this process.", health.memory_self);
    }
    state.metrics.write(&mut text);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], text.finish()).into_response())
}

impl Metrics {
    fn write(&self, text: &mut Text) {
        let open = |held: &Mutex<Held>| i64::try_from(held.lock().unwrap_or_else(PoisonError::into_inner).all).unwrap_or(i64::MAX);
        text.gauge("orchwiz_live_sockets", "Live sockets that are open.", open(&self.0.sockets));
        text.gauge("orchwiz_event_streams", "Event streams that are open.", open(&self.0.streams));
        let requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        text.head("orchwiz_http_requests_total", "Requests answered.", "counter");
        for ((route, method, class), count) in requests {
            text.sample("orchwiz_http_requests_total", &[("route", &route), ("method", method), ("status", class)], count);
        }
        text.head("orchwiz_http_request_duration_seconds", "Time until the answer began.", "histogram");
        let mut sum = 0;
        for (place, count) in self.0.buckets.iter().enumerate() {
            sum += count.load(Ordering::Relaxed);
            let end = BUCKETS.get(place).map_or_else(|| "+Inf".to_owned(), |micros| text::seconds(*micros));
            text.sample("orchwiz_http_request_duration_seconds_bucket", &[("le", &end)], sum);
        }
        text.sample("orchwiz_http_request_duration_seconds_sum", &[], text::seconds(self.0.micros.load(Ordering::Relaxed)));
        text.sample("orchwiz_http_request_duration_seconds_count", &[], sum);
    }
}
