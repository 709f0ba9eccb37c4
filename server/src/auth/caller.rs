//! Authentication: the only place that turns a bearer token or a cookie into a [`Caller`]. A request with neither stays
//! anonymous; one with an invalid token ends here.

use super::{Auth, Browser, address::client_address, cookie, store};
use crate::answer::error::ApiError;
use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use model::{Caller, Error, Millis};
use node::accounts::{NOTED_WITHIN, TOKEN_PREFIX};
use std::net::{IpAddr, SocketAddr};
use tower::ServiceBuilder;

/// The client's address behind trusted proxies; `None` over the local socket. A request extension.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub Option<IpAddr>);

pub(super) fn around<S: Clone + Send + Sync + 'static>(auth: &Auth, router: Router<S>) -> Router<S> {
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(auth.clone(), by_token))
            .layer(cookie::layer(auth))
            .layer(from_fn_with_state(auth.clone(), by_cookie)),
    )
}

/// First step: the address, and the bearer token if there is one. A request with a token loses its cookie.
async fn by_token(State(auth): State<Auth>, mut request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(peer)| peer.ip());
    let address = client_address(
        peer,
        request.headers(),
        auth.0.config.behind_proxy,
        &auth.0.config.trusted_proxies,
    );
    request.extensions_mut().insert(ClientAddress(address));
    if request.extensions().get::<Caller>().is_some() {
        // The local socket has set the caller already.
        request.headers_mut().remove(header::COOKIE);
        return next.run(request).await;
    }
    if request.headers().contains_key(header::AUTHORIZATION) {
        let found = match bearer(request.headers()) {
            Some(token) => {
                auth.0
                    .accounts
                    .caller_for_token(token, address.map(|address| address.to_string()))
                    .await
            }
            None => Ok(None),
        };
        match found {
            Ok(Some(caller)) => request.extensions_mut().insert(caller),
            Ok(None) => return refused().into_response(),
            Err(error) => return ApiError::from(error).into_response(),
        };
        request.headers_mut().remove(header::COOKIE);
    }
    next.run(request).await
}

/// Second step: the cookie.
async fn by_cookie(State(auth): State<Auth>, browser: Browser, mut request: Request, next: Next) -> Response {
    if request.extensions().get::<Caller>().is_none()
        && let Some(person) = &browser.user
        && let Some(id) = browser.session.id()
    {
        let from = request
            .extensions()
            .get::<ClientAddress>()
            .and_then(|ClientAddress(address)| *address);
        let login = store::handle(&id);
        let caller = person
            .account
            .caller(login.clone(), from.map(|address| address.to_string()));
        request.extensions_mut().insert(caller);
        if let Err(error) = touch(&auth, &browser, &login).await {
            tracing::warn!(%error, "that a login was seen could not be looked up");
        }
    }
    next.run(request).await
}

/// Renews `seen`, and so the expiry of the login, at most every ten minutes. It bypasses the session: if a changed
/// session could not be stored, its layer would turn the answer into an empty 500.
async fn touch(auth: &Auth, browser: &Browser, login: &str) -> Result<(), Error> {
    let seen: Option<Millis> = browser.session.get(store::SEEN).await.map_err(store::cause)?;
    let accounts = &auth.0.accounts;
    if seen.is_some_and(|seen| auth.0.deps.now() - seen >= node::accounts::TOUCH_MS)
        && let Some(stored) = accounts.find_login(login).await?
    {
        let accounts = accounts.clone();
        let noting = tokio::spawn(async move {
            if let Err(error) = accounts.update_login(stored).await {
                // A full disk must not lock out the person who comes to free it.
                tracing::warn!(%error, "that a login was seen could not be noted");
            }
        });
        // The write goes on in the background: a database that takes no writes must not delay a read.
        let _ = tokio::time::timeout(NOTED_WITHIN, noting).await;
    }
    Ok(())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(TOKEN_PREFIX)).then_some(token)
}

fn refused() -> ApiError {
    ApiError::http(
        StatusCode::UNAUTHORIZED,
        "unauthenticated",
        "this token does not work: it is not one of this node, has expired or was revoked",
    )
}
