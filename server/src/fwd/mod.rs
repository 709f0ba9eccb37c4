//! `/fwd/v1`: what other nodes ask. Every request is signed by a node's key and so is every answer to one that holds;
//! nothing else opens these routes, and such a signature opens no other. It must not know what is said: `node::fleet`
//! does.

mod wire;

pub use wire::HttpWire;

use crate::{
    answer::error::{ApiError, ErrorEnvelope},
    auth::address::client_address,
    state::AppState,
    table::{Area, Routes},
};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, header};
use model::Error;
use node::{
    fleet::{PAIR, Reply, STATUS, signature},
    forwarding,
    limits::network_key,
};
use std::net::SocketAddr;

/// The prefix of every route here.
pub const PREFIX: &str = "/fwd/v1/";
/// The largest body about pairing, bytes.
const PAIRING_LIMIT: usize = 64 * 1024;
/// The largest body of an exchange: a message has at most 1 MiB, and one that waits behind another goes along.
const EXCHANGE_LIMIT: usize = 3 * 1024 * 1024;

/// The routes.
pub fn routes() -> Routes<AppState> {
    Routes::new()
        .on(&Method::POST, PAIR, Area::Peer, pair)
        .on(&Method::POST, STATUS, Area::Peer, status)
        .on(&Method::POST, forwarding::PATH, Area::Peer, exchange)
}

async fn pair(State(state): State<AppState>, request: Request) -> Response {
    let network = network_of(&state, &request);
    match Arrived::read(&state, request, PAIRING_LIMIT).await {
        Ok(arrived) => answer(&state, state.fleet.pair(&arrived.received(), &network).await),
        Err(error) => error.into_response(),
    }
}

async fn status(State(state): State<AppState>, request: Request) -> Response {
    match Arrived::read(&state, request, PAIRING_LIMIT).await {
        Ok(arrived) => answer(&state, state.fleet.status(&arrived.received()).await),
        Err(error) => error.into_response(),
    }
}

/// Frames of a confirmed link, in both directions.
async fn exchange(State(state): State<AppState>, request: Request) -> Response {
    let arrived = match Arrived::read(&state, request, EXCHANGE_LIMIT).await {
        Ok(arrived) => arrived,
        Err(error) => return error.into_response(),
    };
    let admitted = match state.fleet.admit(&arrived.received()).await {
        Ok(admitted) => admitted,
        Err(Error::Unauthenticated) => return unknown().into_response(),
        Err(error) => return ApiError::from(error).into_response(),
    };
    match state.forwarding.serve(admitted.end.id, &arrived.body).await {
        Ok(body) => signed(
            &state,
            StatusCode::OK,
            forwarding::CONTENT_TYPE,
            body,
            &admitted.signature,
        ),
        Err(error) => answer(
            &state,
            Ok(Reply {
                body: Err(error),
                signature: admitted.signature,
            }),
        ),
    }
}

/// A request with its whole body, as signatures are checked on it.
pub struct Arrived {
    method: String,
    authorities: Vec<String>,
    path: String,
    query: Option<String>,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Arrived {
    /// Reads the body, at most `limit` bytes. A request without a signature is refused before that.
    pub async fn read(state: &AppState, request: Request, limit: usize) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        if !parts.headers.contains_key("signature") {
            return Err(unknown());
        }
        let mut headers = Vec::new();
        for name in signature::HEADERS {
            for value in parts.headers.get_all(name) {
                let value = value.to_str().map_err(|_| unknown())?;
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        // The guard has let only our own hosts through.
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let public = state.config.public_urls.iter().map(url::Url::authority);
        let authorities = host.into_iter().chain(public).map(str::to_ascii_lowercase).collect();
        let body = to_bytes(body, limit)
            .await
            .map_err(|_| ApiError::from(Error::TooLarge(limit as u64)))?;
        Ok(Self {
            method: parts.method.as_str().to_owned(),
            authorities,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers,
            body,
        })
    }

    /// The request, for `node::fleet`.
    pub fn received(&self) -> signature::Received<'_> {
        signature::Received {
            method: &self.method,
            authorities: &self.authorities,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            body: &self.body,
        }
    }
}

/// The network that a try comes from.
fn network_of(state: &AppState, request: &Request) -> String {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let config = &state.config;
    network_key(client_address(
        peer.map(|ConnectInfo(peer)| peer.ip()),
        request.headers(),
        config.behind_proxy,
        &config.trusted_proxies,
    ))
}

/// The refusal of whoever is no peer.
fn unknown() -> ApiError {
    ApiError::http(
        StatusCode::UNAUTHORIZED,
        "unauthenticated",
        "only nodes that are paired with this one may ask this; their requests are signed",
    )
}

fn answer(state: &AppState, reply: model::Result<Reply>) -> Response {
    let Reply { body, signature } = match reply {
        Ok(reply) => reply,
        Err(Error::Unauthenticated) => return unknown().into_response(),
        Err(error) => return ApiError::from(error).into_response(),
    };
    let (status, body) = match body {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => {
            let error = ApiError::from(error);
            let envelope = ErrorEnvelope { error: *error.body };
            (error.status, serde_json::to_vec(&envelope).unwrap_or_default())
        }
    };
    signed(state, status, "application/json", body, &signature)
}

/// An answer signed by this node and bound to the request with this signature.
pub fn signed(
    state: &AppState,
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
    request: &str,
) -> Response {
    let signed = state.fleet.answer(status.as_u16(), content_type, &body, request);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in signed.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}
