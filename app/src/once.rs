//! Passes a secret from a plain form to the page that shows it once: by a cookie for that page only, valid for a minute.
//! This module must not know what the secret opens.
#![cfg(feature = "ssr")]

use http::{HeaderValue, header, request::Parts};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

/// A kind of secret that is shown once.
pub(crate) struct Once {
    /// The cookie's name.
    pub cookie: &'static str,
    /// The page that shows it.
    pub path: &'static str,
    /// What every such secret begins with.
    pub prefix: &'static str,
}

fn header(parts: &Parts, name: header::HeaderName) -> &str {
    parts
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

impl Once {
    fn set(&self, value: &str, seconds: u32, secure: bool) {
        let secure = if secure { "; Secure" } else { "" };
        let cookie = format!(
            "{}={value}; Path={}; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}",
            self.cookie, self.path
        );
        if let (Some(response), Ok(cookie)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(&cookie)) {
            response.append_header(header::SET_COOKIE, cookie);
        }
    }

    /// Stores the secret if a form without WASM asked; with WASM the answer itself carries it.
    pub(crate) fn leave(&self, secret: &str) {
        let Some(parts) = use_context::<Parts>() else { return };
        if header(&parts, header::ACCEPT).contains("text/html") {
            self.set(secret, 60, header(&parts, header::ORIGIN).starts_with("https:"));
        }
    }

    /// Takes the secret, and makes the browser drop the cookie.
    pub(crate) fn take(&self) -> Option<String> {
        let parts = use_context::<Parts>()?;
        let secret = header(&parts, header::COOKIE)
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.cookie)
            .map(|(_, value)| value.to_owned())
            .filter(|value| {
                value.starts_with(self.prefix)
                    && value
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
            })?;
        self.set("", 0, false);
        Some(secret)
    }
}
