//! `/metrics` in Prometheus' text format: counters of the process, and a few gauges of the node. It must not name a
//! person, a session or a path with an id: labels come from small fixed sets.

use crate::{
    answer::{
        error::{ApiError, ApiResult},
        extract::Known,
    },
    stop::Stop,
};
use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use model::{
    Action, Caller, Error, Pos, Role, Services,
    caller::{Resource, require},
};
use node::store::Stored;
use prometheus_client::{
    encoding::prometheus_text,
    metrics::{counter::Counter, family::Family, gauge::ConstGauge, histogram::Histogram, info::Info},
    registry::Registry,
};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// The upper bounds of the duration histogram's buckets, in seconds.
const BUCKETS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// The most open live sockets.
const MAX_SOCKETS: usize = 2_000;
/// The most open live sockets of one person; each tab has one.
const MAX_SOCKETS_OF_ONE: usize = 100;
/// The most open event streams.
const MAX_STREAMS: usize = 1_000;
/// The most open event streams of one person.
const MAX_STREAMS_OF_ONE: usize = 50;

/// The counters of the process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Counts>);

struct Counts {
    requests: Family<Labels, Counter>,
    durations: Histogram,
    sockets: Mutex<Held>,
    streams: Mutex<Held>,
}

/// Names and values: `route`, `method`, `status`.
type Labels = [(&'static str, Cow<'static, str>); 3];

impl Default for Counts {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            durations: Histogram::new(BUCKETS),
            sockets: Mutex::default(),
            streams: Mutex::default(),
        }
    }
}

/// Open sockets or streams, by caller and in all.
#[derive(Default)]
struct Held {
    all: usize,
    by_caller: BTreeMap<String, usize>,
}

/// An open socket or stream, counted until it is dropped.
pub struct Open {
    metrics: Metrics,
    which: fn(&Counts) -> &Mutex<Held>,
    caller: String,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut held = (self.which)(&self.metrics.0)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
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
    /// Counts a new live socket of `caller`; refused when there are too many.
    pub fn socket(&self, caller: &Caller) -> ApiResult<Open> {
        self.open(caller, |counts| &counts.sockets, MAX_SOCKETS, MAX_SOCKETS_OF_ONE)
    }

    /// Counts a new event stream of `caller`; refused when there are too many.
    pub fn stream(&self, caller: &Caller) -> ApiResult<Open> {
        self.open(caller, |counts| &counts.streams, MAX_STREAMS, MAX_STREAMS_OF_ONE)
    }

    fn open(
        &self,
        caller: &Caller,
        which: fn(&Counts) -> &Mutex<Held>,
        most: usize,
        most_of_one: usize,
    ) -> ApiResult<Open> {
        // All tokens and browsers of a person count together.
        let caller = caller.user.map_or_else(|| caller.name.clone(), |user| user.to_string());
        let mut held = which(&self.0).lock().unwrap_or_else(PoisonError::into_inner);
        if held.all >= most {
            return Err(
                Error::Unavailable("too many live connections are open on this node: try again later".into()).into(),
            );
        }
        let theirs = held.by_caller.get(&caller).copied().unwrap_or_default();
        if theirs >= most_of_one {
            let message = format!(
                "you have {theirs} live connections open, which is as many as one person may: close some tabs or scripts"
            );
            return Err(ApiError::http(StatusCode::TOO_MANY_REQUESTS, "too_many_open", message));
        }
        held.all += 1;
        held.by_caller.insert(caller.clone(), theirs + 1);
        Ok(Open {
            metrics: self.clone(),
            which,
            caller,
        })
    }

    fn answered(&self, route: String, method: &'static str, status: u16, took: Duration) {
        let class = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.0.durations.observe(took.as_secs_f64());
        self.0
            .requests
            .get_or_create(&[
                ("route", Cow::Owned(route)),
                ("method", Cow::Borrowed(method)),
                ("status", Cow::Borrowed(class)),
            ])
            .inc();
    }
}

/// Counts every request by its matched route.
pub async fn count(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
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

/// The sources of the figures.
#[derive(Clone)]
pub struct Node {
    /// The ports.
    pub services: Services,
    /// The counters of the process.
    pub metrics: Metrics,
    /// Whether the node takes requests.
    pub stop: Stop,
    /// The newest committed position.
    pub head: watch::Receiver<Pos>,
}

/// `GET /metrics`: for tokens of scope `metrics`, admins, and the local socket.
pub async fn show(State(state): State<Node>, Known(caller): Known) -> ApiResult<Response> {
    require(&caller, Action::ReadMetrics, Resource::Node, "metrics")?;
    let node = Caller::node();
    let info = state.services.node.info(&node).await?;
    let health = state.services.node.health(&node).await?.last().copied();
    // A viewer without an account or sessions: sees exactly what the whole node may see.
    let anybody = Caller {
        role: Role::Viewer,
        ..Caller::cli()
    };
    let pending = state.services.approvals.pending(&anybody).await?;

    let mut node = Figures::default();
    node.gauge(
        "orchwiz_up",
        "Whether the node takes requests.",
        i64::from(state.stop.is_ready()),
    );
    node.build(&info.version, &info.database);
    node.gauge(
        "orchwiz_start_time_seconds",
        "When the process started, unix time.",
        info.started / 1000,
    );
    node.gauge(
        "orchwiz_journal_position",
        "The newest committed position.",
        *state.head.borrow(),
    );
    node.gauge(
        "orchwiz_agents_max",
        "How many agents may run at once.",
        info.agents_max,
    );
    node.gauge(
        "orchwiz_approvals_pending",
        "Approvals that wait and the whole node may see.",
        pending,
    );
    if let Some(health) = health {
        node.optional("orchwiz_agents_running", "Agents that run.", health.agents);
        node.optional(
            "orchwiz_journal_queue",
            "Operations that wait for the journal's writer.",
            health.queue,
        );
        node.optional("orchwiz_database_bytes", "Size of the database.", health.database_bytes);
        node.optional(
            "orchwiz_disk_free_bytes",
            "Free space where the data directory lies.",
            health.disk_free,
        );
        node.optional(
            "orchwiz_memory_resident_bytes",
            "Memory of this process.",
            health.memory_self,
        );
    }
    state.metrics.tell(&mut node);
    let headers = [
        (header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, node.text()?).into_response())
}

/// A snapshot of figures.
#[derive(Default)]
struct Figures(Registry);

impl Figures {
    /// A gauge.
    fn gauge(&mut self, name: &str, help: &str, value: i64) {
        // The registry adds the full stop.
        self.0
            .register(name, help.trim_end_matches('.'), ConstGauge::new(value));
    }

    /// The build info.
    fn build(&mut self, version: &str, database: &str) {
        self.0.register(
            "orchwiz_build",
            "The version that runs",
            Info::new([("version", version.to_owned()), ("database", database.to_owned())]),
        );
    }

    /// A gauge that may be unknown; then it is left out, never zero.
    fn optional(&mut self, name: &str, help: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.gauge(name, help, value);
        }
    }

    fn text(&self) -> ApiResult<String> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.0).stored()?;
        Ok(text)
    }
}

impl Metrics {
    fn tell(&self, figures: &mut Figures) {
        let open = |held: &Mutex<Held>| {
            i64::try_from(held.lock().unwrap_or_else(PoisonError::into_inner).all).unwrap_or(i64::MAX)
        };
        figures.gauge(
            "orchwiz_live_sockets",
            "Live sockets that are open.",
            open(&self.0.sockets),
        );
        figures.gauge(
            "orchwiz_event_streams",
            "Event streams that are open.",
            open(&self.0.streams),
        );
        figures
            .0
            .register("orchwiz_http_requests", "Requests answered", self.0.requests.clone());
        figures.0.register(
            "orchwiz_http_request_duration_seconds",
            "Time until the answer began",
            self.0.durations.clone(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The output of an earlier, hand-written encoder for the same figures.
    const BEFORE: &str = "\
# HELP orchwiz_up Whether the node takes requests.
# TYPE orchwiz_up gauge
orchwiz_up 1
# HELP orchwiz_build_info The version that runs.
# TYPE orchwiz_build_info gauge
orchwiz_build_info{version=\"say \\\"hi\\\"\\n\",database=\"SQLite\"} 1
# HELP orchwiz_live_sockets Live sockets that are open.
# TYPE orchwiz_live_sockets gauge
orchwiz_live_sockets 0
# HELP orchwiz_event_streams Event streams that are open.
# TYPE orchwiz_event_streams gauge
orchwiz_event_streams 0
# HELP orchwiz_http_requests_total Requests answered.
# TYPE orchwiz_http_requests_total counter
orchwiz_http_requests_total{route=\"/api/v1/me\",method=\"GET\",status=\"2xx\"} 2
orchwiz_http_requests_total{route=\"other\",method=\"POST\",status=\"4xx\"} 1
# HELP orchwiz_http_request_duration_seconds Time until the answer began.
# TYPE orchwiz_http_request_duration_seconds histogram
orchwiz_http_request_duration_seconds_bucket{le=\"0.000500\"} 1
orchwiz_http_request_duration_seconds_bucket{le=\"0.001000\"} 1
orchwiz_http_request_duration_seconds_bucket{le=\"0.002500\"} 2
orchwiz_http_request_duration_seconds_bucket{le=\"0.005000\"} 2
orchwiz_http_request_duration_seconds_bucket{le=\"0.010000\"} 2
orchwiz_http_request_duration_seconds_bucket{le=\"0.025000\"} 2
orchwiz_http_request_duration_seconds_bucket{le=\"0.050000\"} 2
orchwiz_http_request_duration_seconds_bucket{le=\"0.100000\"} 2
orchwiz_http_request_duration_seconds_bucket{le=\"0.500000\"} 2
orchwiz_http_request_duration_seconds_bucket{le=\"2.500000\"} 2
orchwiz_http_request_duration_seconds_bucket{le=\"+Inf\"} 3
orchwiz_http_request_duration_seconds_sum 3.002250
orchwiz_http_request_duration_seconds_count 3
";

    /// The lines without their order, with numbers normalised: `0.000500` is `0.0005`.
    fn lines(text: &str) -> BTreeSet<String> {
        let number = |text: &str| {
            text.parse::<f64>()
                .map_or_else(|_| text.to_owned(), |number| number.to_string())
        };
        let line = |line: &str| {
            let (what, value) = line.rsplit_once(' ').expect("a value");
            let (name, end) = what.split_once("{le=\"").map_or((what, String::new()), |(name, end)| {
                (name, number(end.trim_end_matches("\"}")))
            });
            format!("{name} {end} {}", number(value))
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn names_labels_and_values_are_those_of_the_version_before() {
        let metrics = Metrics::default();
        metrics.answered("/api/v1/me".into(), "GET", 200, Duration::from_micros(250));
        metrics.answered("/api/v1/me".into(), "GET", 204, Duration::from_millis(2));
        metrics.answered("other".into(), "POST", 404, Duration::from_secs(3));
        let mut figures = Figures::default();
        figures.gauge("orchwiz_up", "Whether the node takes requests.", 1);
        figures.build("say \"hi\"\n", "SQLite");
        figures.optional("orchwiz_agents_running", "Agents that run.", None);
        metrics.tell(&mut figures);
        assert_eq!(lines(&figures.text().unwrap()), lines(BEFORE));
    }
}
