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
use model::id::NodeId;
use node::accounts::ABSOLUTE_MS;

/// The cookie's name. `__Host-` binds it to https and to exactly this host; over plain http browsers refuse it. Cookies
/// do not know ports, so the node's id keeps two nodes on one host apart: each would otherwise sign people out of the
/// other.
pub(super) fn name(https: bool, node: NodeId) -> String {
    let id = node.uuid().as_simple().to_string();
    format!("{}orchwiz_{}", if https { "__Host-" } else { "" }, &id[..16])
}

/// What loads a browser's session and who is signed in.
pub(super) fn layer(auth: &Auth) -> AuthManagerLayer<Backend, Logins> {
    let https = auth.0.config.public_url.scheme() == "https";
    let sessions = SessionManagerLayer::new(Logins(auth.0.accounts.clone()))
        .with_name(name(https, auth.0.accounts.node_id()))
        .with_secure(https)
        .with_http_only(true)
        // Strict would drop the cookie on the way back from GitHub.
        .with_same_site(SameSite::Lax)
        .with_path("/")
        // How long the browser keeps it; how long it works is the node's to say.
        .with_expiry(Expiry::OnInactivity(Duration::milliseconds(ABSOLUTE_MS)));
    AuthManagerLayerBuilder::new(Backend(auth.0.accounts.clone()), sessions)
        .with_data_key(super::store::WHO)
        .build()
}

/// Tells the browser to forget the cookie: the session layer's own way lacks `Secure`, without which `__Host-` cookies
/// cannot be touched.
pub(super) fn forget(auth: &Auth, response: &mut Response) {
    if auth.0.config.public_url.scheme() == "https" {
        let gone = format!(
            "{}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
            name(true, auth.0.accounts.node_id())
        );
        response.headers_mut().append(
            header::SET_COOKIE,
            HeaderValue::try_from(gone).expect("a name of letters and digits"),
        );
    }
}
