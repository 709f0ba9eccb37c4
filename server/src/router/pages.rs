//! Pages and their server functions: passes requests to `app` with the ports, the caller and a fresh nonce. It must not
//! render anything itself; anonymous visitors are redirected to sign-in.

use super::BODY_LIMIT;
use crate::{
    answer::{error::ApiError, extract},
    guard::Nonce,
    state::AppState,
    table::{Area, Routes},
};
use app::{
    App, AppError,
    auth::{AuthOptions, LinkCheck},
    shell,
};
use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use leptos::{prelude::provide_context, server_fn::error::FromServerFnError};
use leptos_axum::{AxumRouteListing, generate_route_list};
use leptos_router::SsrMode;
use model::{Caller, Error};
use std::sync::Arc;

/// Pages for anonymous visitors.
const OPEN: [&str; 2] = ["/signin", "/setup"];

/// Every page and every server function.
pub fn table() -> Routes<AppState> {
    let mut routes = Routes::new();
    for listing in generate_route_list(App) {
        let path = path_of(&listing);
        let mode = listing.mode().clone();
        routes = routes.on(
            &Method::GET,
            &path,
            Area::Page,
            move |state: State<AppState>, request: Request| page(state, request, mode.clone()),
        );
    }
    for (path, method) in leptos::server_fn::axum::server_fn_paths() {
        routes = routes.on(&method, path, Area::ServerFunction, function);
    }
    routes
}

fn path_of(listing: &AxumRouteListing) -> String {
    match listing.path() {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

/// A page, or the redirect to sign-in.
async fn page(State(state): State<AppState>, request: Request, mode: SsrMode) -> Response {
    let open = OPEN.contains(&request.uri().path());
    let signed_in = request.extensions().get::<Caller>().is_some();
    if !open && !signed_in {
        return to_sign_in(&state, request.uri().clone()).await;
    }
    // No text anywhere may contain NUL: PostgreSQL refuses it.
    if request.uri().query().is_some_and(|query| query.contains("%00")) {
        return ApiError::malformed("the address contains the character NUL, which no value may").into_response();
    }
    draw(&state, request, mode).await
}

/// The answer for unknown paths: a page, or for programs the one error shape.
pub async fn nothing(State(state): State<AppState>, request: Request) -> Response {
    let path = request.uri().path();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads || path.starts_with("/api/") || !wants_html(request.headers()) {
        return ApiError::no_such_path().into_response();
    }
    if request.extensions().get::<Caller>().is_none() {
        return to_sign_in(&state, request.uri().clone()).await;
    }
    let mut response = draw(&state, request, SsrMode::Async).await;
    if response.status().is_success() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

async fn to_sign_in(state: &AppState, uri: Uri) -> Response {
    match state.has_users().await {
        Ok(false) => Redirect::to("/setup").into_response(),
        Ok(true) => {
            let wanted = uri.path_and_query().map_or("/", |path| path.as_str());
            let next: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
            let target = if wanted == "/" {
                "/signin".to_owned()
            } else {
                format!("/signin?next={next}")
            };
            Redirect::to(&target).into_response()
        }
        Err(error) => ApiError::from(error).into_response(),
    }
}

async fn draw(state: &AppState, request: Request, mode: SsrMode) -> Response {
    let options = state.leptos.clone();
    let draw = move || shell(options.clone());
    let context = context(state);
    match mode {
        SsrMode::OutOfOrder => leptos_axum::render_app_to_stream_with_context(context, draw)(request).await,
        SsrMode::PartiallyBlocked => {
            leptos_axum::render_app_to_stream_with_context_and_replace_blocks(context, draw, true)(request).await
        }
        SsrMode::InOrder => leptos_axum::render_app_to_stream_in_order_with_context(context, draw)(request).await,
        SsrMode::Async | SsrMode::Static(_) => leptos_axum::render_app_async_with_context(context, draw)(request).await,
    }
}

/// The context of pages and server functions.
fn context(state: &AppState) -> impl Fn() + Clone + Send + Sync + 'static {
    let services = state.services.clone();
    let accounts = state.accounts.clone();
    let link_works: LinkCheck = Arc::new(move |token| {
        let accounts = accounts.clone();
        Box::pin(async move { accounts.setup_link_works(&token).await })
    });
    let options = AuthOptions {
        github: state.auth.offers_github(),
        link_works,
    };
    move || {
        Nonce::provide();
        provide_context(services.clone());
        provide_context(options.clone());
    }
}

/// A server function.
async fn function(State(state): State<AppState>, request: Request<Body>) -> Response {
    match readable(request).await {
        Ok(request) => leptos_axum::handle_server_fns_with_context(context(&state), request)
            .await
            .into_response(),
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            (
                status,
                [(header::CONTENT_TYPE, "application/json")],
                AppError(error).ser(),
            )
                .into_response()
        }
    }
}

/// Refuses NUL in any text for a server function, as REST does: PostgreSQL refuses it, and no value needs it.
async fn readable(request: Request) -> model::Result<Request> {
    let (parts, body) = request.into_parts();
    let body = Request::from_parts(parts.clone(), body);
    let bytes = Bytes::from_request(body, &())
        .await
        .map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge(BODY_LIMIT as u64),
            _ => Error::invalid("", "the body ended before it was complete"),
        })?;
    let wrong = |field: String| Error::invalid(field, "contains the character NUL, which no value may");
    let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    // A cheap search first; only a hit is parsed.
    if has(b"\\u0000") {
        // The decoder refuses what is not JSON.
        if let Some(field) = serde_json::from_slice(&bytes)
            .ok()
            .and_then(|value| extract::nul(&value, String::new()))
        {
            return Err(wrong(field));
        }
    }
    if (has(b"%00") || has(b"\0")) && is_form(&parts.headers) {
        let nul = url::form_urlencoded::parse(&bytes).find(|(name, value)| name.contains('\0') || value.contains('\0'));
        if let Some((name, _)) = nul {
            return Err(wrong(name.replace('\0', "")));
        }
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// The same test as the server functions' own ([`app::wire::FormRpc`]), letter by letter.
fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    !kind.starts_with("application/json")
}
