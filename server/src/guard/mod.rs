//! The outermost layer of pages, files, REST, server functions and sockets. It refuses requests for other hosts and
//! requests that another site made a browser send, and adds the security headers. It must not know the caller.

mod headers;
mod origin;

pub use headers::Nonce;

use crate::{answer::error::ApiError, config::Config, fwd};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use headers::Headers;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use model::{Caller, Error, Via};
use node::clock::Deps;
use origin::{Origins, Proof};
use std::sync::Arc;

/// The path prefix of server functions.
const FUNCTIONS: &str = "/api/rpc/";
/// Routes whose body carries its own credentials: a client without `Origin` and cookies may call them.
const OWN_PROOF: [&str; 2] = ["/auth/login", "/auth/setup"];

/// Checks every request and completes every answer. Cheap to clone.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    origins: Origins,
    headers: Headers,
    deps: Deps,
}

impl Guard {
    /// A guard for the hosts that the settings name.
    pub fn new(config: &Config, deps: &Deps) -> Self {
        let public = config.address();
        let github = config.github.client_id.as_ref().and(Some(&config.github.url));
        let headers = Headers::new(config.is_secure(), github);
        Self(Arc::new(Inner {
            origins: Origins::new(&public, &config.allowed_hosts),
            headers,
            deps: deps.clone(),
        }))
    }

    /// Puts the guard around `router`. It must be the last layer added, except for the one that marks the local socket.
    pub fn around<S: Clone + Send + Sync + 'static>(&self, router: Router<S>) -> Router<S> {
        router.layer(from_fn_with_state(self.clone(), guard))
    }

    fn check(&self, request: &mut Request) -> Result<(), ApiError> {
        // A caller who can open the node's data directory needs no proof of origin.
        if request
            .extensions()
            .get::<Caller>()
            .is_some_and(|caller| caller.via == Via::Cli)
        {
            return Ok(());
        }
        let origins = &self.0.origins;
        let Some(host) = host_of(request.uri(), request.headers()).filter(|host| origins.knows_host(host)) else {
            return Err(misdirected());
        };
        let path = request.uri().path().to_owned();
        if changes_something(request) {
            match origins.proof(request.headers(), &host) {
                Proof::Own => {}
                Proof::Foreign => {
                    return Err(ApiError::http(
                        StatusCode::FORBIDDEN,
                        "cross_site",
                        "another site sent this request: it was refused",
                    ));
                }
                Proof::None => {
                    // Browsers say where a request comes from. Without that it may come from anywhere, so its cookies
                    // prove nothing.
                    request.headers_mut().remove(header::COOKIE);
                    let signed = path.starts_with(fwd::PREFIX);
                    if !has_bearer(request.headers()) && !OWN_PROOF.contains(&path.as_str()) && !signed {
                        return Err(Error::Unauthenticated.into());
                    }
                }
            }
        }
        if path.starts_with(FUNCTIONS) {
            if request.method() == Method::POST && !is_function_body(request.headers()) {
                let message = "server functions take application/json or application/x-www-form-urlencoded";
                return Err(ApiError::http(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "unsupported_media_type",
                    message,
                ));
            }
            // A form posted without scripts redirects to the referring page, which must be ours.
            if !origins.is_own_page(request.headers(), &host) {
                request.headers_mut().remove(header::REFERER);
            }
        }
        Ok(())
    }
}

async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let nonce = Nonce::new(&guard.0.deps.bytes());
    request.extensions_mut().insert(nonce.clone());
    let mut response = match guard.check(&mut request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    guard.0.headers.put_on(&mut response, &nonce);
    response
}

/// Unsafe methods, and every protocol upgrade, because a socket's messages carry no origin.
fn changes_something(request: &Request) -> bool {
    !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || request.headers().contains_key(header::UPGRADE)
}

/// The authority the client asked for; exactly one, without user information. HTTP/2 puts it into the target.
fn host_of(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let mut named = headers.get_all(header::HOST).iter();
    let in_header = named.next().map(|host| host.to_str().map(str::to_ascii_lowercase));
    if named.next().is_some() {
        return None;
    }
    let in_target = uri.authority().map(|authority| authority.as_str().to_ascii_lowercase());
    match (in_target, in_header) {
        (Some(target), Some(Ok(header))) if target != header => None,
        (Some(target), _) => Some(target),
        (None, Some(Ok(header))) => Some(header),
        _ => None,
    }
}

fn has_bearer(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.get(..7))
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "))
}

/// Whether the content type is one that server functions decode. The decoders do not check it, and a browser sends
/// `text/plain` cross-site without a preflight.
fn is_function_body(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    ["application/json", "application/x-www-form-urlencoded"]
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
}

fn misdirected() -> ApiError {
    ApiError::http(
        StatusCode::MISDIRECTED_REQUEST,
        "misdirected",
        "this node does not answer to that host name; add it to allowed_hosts if it should",
    )
}
