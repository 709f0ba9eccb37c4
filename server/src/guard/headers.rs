//! The security headers of every answer, and the nonce for this answer's own scripts. All pages get the same headers;
//! none is loosened for a single page. Static files load nothing and run in no frame, so they get a shorter, stricter
//! policy: a first visit fetches a dozen of them.

use axum::response::Response;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use std::sync::Arc;
use url::Url;

/// Allows the scripts and styles of one answer. A request extension.
#[derive(Clone, Debug)]
pub struct Nonce(Arc<str>);

impl Nonce {
    /// Made of 128 random bits.
    pub(super) fn new(random: &[u8; 16]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random).into())
    }

    /// The value for `nonce="..."`.
    pub fn value(&self) -> &str {
        &self.0
    }

    /// Gives the page being rendered the nonce that its headers name. Call it in the renderer's context closure: it
    /// reads the request's parts there and replaces the renderer's own nonce.
    pub fn provide() {
        if let Some(nonce) =
            leptos::prelude::use_context::<Parts>().and_then(|parts| parts.extensions.get::<Self>().cloned())
        {
            leptos::prelude::provide_context(leptos::nonce::Nonce::from_value(nonce.0));
        }
    }
}

/// The policy of a file: opened by itself, it loads, runs and sends nothing.
const OF_FILES: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
);
/// Only documents need this header.
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// The headers that do not depend on the answer.
pub(super) struct Headers {
    always: HeaderMap,
    form_action: String,
}

impl Headers {
    /// `github` is the redirect target of its sign-in form: Chromium applies `form-action` to redirects too.
    pub(super) fn new(https: bool, github: Option<&Url>) -> Self {
        let mut always = HeaderMap::new();
        let mut put = |name: HeaderName, value: &'static str| always.insert(name, HeaderValue::from_static(value));
        put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        put(header::X_FRAME_OPTIONS, "DENY");
        put(header::REFERRER_POLICY, "same-origin");
        put(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
        put(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
        put(
            PERMISSIONS_POLICY,
            "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), serial=(), usb=(), browsing-topics=()",
        );
        if https {
            put(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
        }
        let github = github
            .map(|url| format!(" {}", url.origin().ascii_serialization()))
            .unwrap_or_default();
        Self {
            always,
            form_action: format!("'self'{github}"),
        }
    }

    pub(super) fn put_on(&self, response: &mut Response, nonce: &Nonce) {
        let headers = response.headers_mut();
        for (name, value) in &self.always {
            headers.insert(name, value.clone());
        }
        if is_file(headers) {
            headers.insert(header::CONTENT_SECURITY_POLICY, OF_FILES);
            headers.remove(PERMISSIONS_POLICY);
            return;
        }
        if let Ok(policy) = HeaderValue::try_from(self.policy(nonce)) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }

    /// `style-src-attr` allows the server to set a bar's width before scripts run. A style attribute can load nothing,
    /// because `img-src` and `font-src` forbid it.
    fn policy(&self, nonce: &Nonce) -> String {
        let (nonce, form_action) = (nonce.value(), &self.form_action);
        format!(
            "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; \
             img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action {form_action}; \
             frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
        )
    }
}

/// Whether caches may keep an answer: everything but pages, data and streams.
fn is_file(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    !(kind.is_empty()
        || ["text/html", "application/json", "text/event-stream", "text/plain"]
            .iter()
            .any(|private| kind.starts_with(private)))
}
