//! Bodies in transit: a request's body has a deadline; an answer's body keeps its connection busy. They must not buffer
//! anything.

use super::places::Busy;
use axum::{
    Error,
    body::{Body, Bytes},
};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// A request's body that fails unless it is complete in time.
pub(super) struct Punctual {
    body: Incoming,
    end: Instant,
    /// Created at the first wait: most bodies come together with their head.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Punctual {
    pub(super) fn new(body: Incoming, limit: Duration) -> Self {
        Self {
            body,
            end: Instant::now() + limit,
            timer: None,
        }
    }
}

impl http_body::Body for Punctual {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::new)));
        }
        let end = self.end;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        timer
            .as_mut()
            .poll(cx)
            .map(|()| Some(Err(Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body; its connection is busy until it is sent.
pub(super) struct Answering {
    body: Body,
    _busy: Option<Busy>,
}

impl Answering {
    pub(super) fn new(body: Body, busy: Option<Busy>) -> Self {
        Self { body, _busy: busy }
    }
}

impl http_body::Body for Answering {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
