//! Layers for every request: an id, a span in the log, and an answer even when a handler panics. They must not log a
//! query, a body or a header, which hold secrets.

use crate::answer::error::ApiError;
use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue};
use model::Error;
use node::clock::Deps;
use std::any::Any;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::{DefaultOnResponse, TraceLayer},
};
use tracing::{Level, Span};

const ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the layers around `router`.
pub(super) fn around<S: Clone + Send + Sync + 'static>(router: Router<S>, deps: &Deps) -> Router<S> {
    let panics = deps.clone();
    router.layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(ID, NewId(deps.clone())))
            .layer(PropagateRequestIdLayer::new(ID))
            .layer(
                TraceLayer::new_for_http()
                    .make_span_with(span)
                    .on_response(DefaultOnResponse::new().level(Level::DEBUG)),
            )
            .layer(CatchPanicLayer::custom(move |cause| panicked(&panics, cause))),
    )
}

fn span(request: &Request<Body>) -> Span {
    let id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default();
    // At the level of errors, so that every line has the answer's request id. The path is left out: it may hold a
    // secret.
    let span = tracing::error_span!("request", id, method = %request.method(), path = tracing::field::Empty);
    if tracing::enabled!(Level::DEBUG) {
        span.record("path", request.uri().path());
    }
    span
}

fn panicked(deps: &Deps, cause: Box<dyn Any + Send>) -> Response {
    let reference = deps.uuid_v7().simple().to_string();
    let said = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("it said nothing");
    tracing::error!(%reference, cause = said, "a handler panicked");
    ApiError::from(Error::Internal(reference)).into_response()
}

#[derive(Clone)]
struct NewId(Deps);

impl MakeRequestId for NewId {
    fn make_request_id<B>(&mut self, _: &http::Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&self.0.uuid_v7().simple().to_string())
            .ok()
            .map(RequestId::new)
    }
}
