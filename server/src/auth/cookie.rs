//! The cookie of a login: its name, its attributes, its end.
//! It must not hold anything but a random value.

use super::{Auth, backend::Backend, store::Logins};
use axum::response::Response;
use axum_login::{
    AuthManagerLayer, AuthManagerLayerBuilder,
    tower_sessions::{
        Expiry, SessionManagerLayer,
        cookie::{SameSite, time::Duration},
    },
};
use http::{HeaderValue, header};
use node::accounts::ABSOLUTE_MS;

/// `__Host-` binds the cookie to https and to exactly this host; over plain http browsers refuse it.
pub(super) fn name(https: bool) -> &'static str {
    if https { "__Host-orchwiz" } else { "orchwiz" }
}

/// What loads a browser's session and who is signed in.
pub(super) fn layer(auth: &Auth) -> AuthManagerLayer<Backend, Logins> {
    let https = auth.0.config.public_url.scheme() == "https";
    let sessions = SessionManagerLayer::new(Logins(auth.0.accounts.clone()))
        .with_name(name(https))
        .with_secure(https)
        .with_http_only(true)
        // Strict would drop the cookie on the way back from GitHub.
        .with_same_site(SameSite::Lax)
        .with_path("/")
        // How long the browser keeps it; how long it works is the node's to say.
        .with_expiry(Expiry::OnInactivity(Duration::milliseconds(ABSOLUTE_MS)));
    AuthManagerLayerBuilder::new(Backend(auth.0.accounts.clone()), sessions).with_data_key(super::store::WHO).build()
}

/// Tells the browser to forget the cookie: the session layer's own way lacks `Secure`, without which `__Host-` cookies cannot be touched.
pub(super) fn forget(auth: &Auth, response: &mut Response) {
    if auth.0.config.public_url.scheme() == "https" {
        let gone = HeaderValue::from_static("__Host-orchwiz=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax");
        response.headers_mut().append(header::SET_COOKIE, gone);
    }
}
