//! The cookie of a login: name, attributes, removal. It must hold nothing but a random value.

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
/// ignore ports, so the node's id is part of the name: else two nodes on one host would sign each other's people out.
pub(super) fn name(https: bool, node: NodeId) -> String {
    let id = node.uuid().as_simple().to_string();
    format!("{}orchwiz_{}", if https { "__Host-" } else { "" }, &id[..16])
}

/// The session layer: loads a browser's session and its person.
pub(super) fn layer(auth: &Auth) -> AuthManagerLayer<Backend, Logins> {
    let https = auth.0.config.public_url.scheme() == "https";
    let sessions = SessionManagerLayer::new(Logins(auth.0.accounts.clone()))
        .with_name(name(https, auth.0.accounts.node_id()))
        .with_secure(https)
        .with_http_only(true)
        // Strict would drop the cookie on the way back from GitHub.
        .with_same_site(SameSite::Lax)
        .with_path("/")
        // The browser's expiry; the node enforces its own.
        .with_expiry(Expiry::OnInactivity(Duration::milliseconds(ABSOLUTE_MS)));
    AuthManagerLayerBuilder::new(Backend(auth.0.accounts.clone()), sessions)
        .with_data_key(super::store::WHO)
        .build()
}

/// Makes the browser drop the cookie. The session layer's own removal lacks `Secure`, so browsers would ignore it for a
/// `__Host-` cookie.
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
