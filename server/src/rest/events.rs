//! `/events`: the journal as the caller may see it, by page or as an endless stream. It reads committed events only and
//! holds at most one page in memory; all streams share the newest events.

use crate::{
    answer::{
        error::ApiResult,
        extract::{Json, Known, Query, page},
    },
    live::SharedHub,
    metrics::Open,
    state::AppState,
};
use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event as Frame, KeepAlive, Sse},
    },
};
use futures::stream::{self, Stream, StreamExt};
use http::{HeaderMap, header};
use model::{Caller, Error, Page, Pos, event::Event};
use node::journal::Recorded;
use serde::Deserialize;
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::watch;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The batch size of a stream's reads.
const BATCH: u64 = 100;
/// The interval of heartbeat comments, which keep an idle stream alive on both sides.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(events))
}

/// The parameters of `GET /events`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct EventsParams {
    /// The position before the first wanted; from the start when absent.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// 1 to 200; 50 when absent; not for streams.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Events after a position, in order. With `Accept: text/event-stream` the answer is a stream that goes on with new
/// events. `Last-Event-ID` resumes a broken stream without gap or repeat.
#[utoipa::path(get, path = "/events", operation_id = "list_events", tag = "events",
    params(EventsParams, ("Last-Event-ID" = Option<i64>, Header, description = "for streams: the position of the last event seen; beats `after`")),
    responses((status = 200, body = Page<Event>)))]
async fn events(
    State(state): State<AppState>,
    Known(caller): Known,
    headers: HeaderMap,
    Query(given): Query<EventsParams>,
) -> ApiResult<Response> {
    let limit = page(None, given.limit)?.limit()?;
    let after = position("after", given.after)?;
    if !wants_stream(&headers) {
        return Ok(Json(state.services.node.events(&caller, after, limit).await?).into_response());
    }
    let after = match headers.get("last-event-id") {
        // Text that is no number is refused.
        Some(last) => position(
            "Last-Event-ID",
            last.to_str().ok().and_then(|text| text.parse().ok()).or(Some(-1)),
        )?,
        None => after,
    };
    // Refusals come before the stream begins, so that they have a status of their own.
    state.services.node.events(&caller, after, 1).await?;
    let open = state.metrics.stream(&caller)?;
    let ended = state.ended(&caller);
    let stream = follow(Cursor {
        hub: state.hub.clone(),
        caller,
        after,
        head: state.head(),
        waiting: VecDeque::new(),
        _open: open,
    })
    .take_until(ended);
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT))
        .into_response())
}

fn position(field: &str, given: Option<Pos>) -> ApiResult<Pos> {
    let pos = given.unwrap_or_default();
    if pos < 0 {
        return Err(Error::invalid(field, format!("{field} must be the position of an event, 0 or more")).into());
    }
    Ok(pos)
}

fn wants_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"))
}

/// The cursor of a stream.
struct Cursor {
    hub: SharedHub,
    caller: Caller,
    after: Pos,
    head: watch::Receiver<Pos>,
    waiting: VecDeque<Arc<Recorded>>,
    /// Counts the stream as open until it is dropped.
    _open: Open,
}

fn follow(cursor: Cursor) -> impl Stream<Item = Result<Frame, Infallible>> {
    stream::unfold(cursor, |mut cursor| async move {
        let recorded = cursor.next().await?;
        let event = recorded.event();
        let frame = Frame::default()
            .id(event.pos.to_string())
            .event(&event.kind)
            .data(recorded.exchanged());
        Some((Ok(frame), cursor))
    })
}

impl Cursor {
    /// Waits for the next event; `None` when the node stops or the caller may no longer read.
    async fn next(&mut self) -> Option<Arc<Recorded>> {
        loop {
            if let Some(recorded) = self.waiting.pop_front() {
                self.after = recorded.event().pos;
                return Some(recorded);
            }
            // Read before the events: a later commit marks the receiver as changed, and the next round reads it.
            let head = *self.head.borrow_and_update();
            if head > self.after {
                let tail = self.hub.events(&self.caller, self.after, BATCH).await.ok()?;
                if tail.events.is_empty() {
                    // The caller may see nothing in between, so the cursor skips it.
                    self.after = if tail.upto > self.after { tail.upto } else { head };
                } else {
                    self.waiting = tail.events.into();
                }
                continue;
            }
            self.head.changed().await.ok()?;
        }
    }
}
