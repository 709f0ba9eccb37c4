//! What server functions take from their request: who asks, and the ports to ask.
//! It must not decide anything: the ports do, with the caller they are given.

use http::request::Parts;
use leptos::prelude::use_context;
use model::{Caller, Error, Result, Services};

/// Who asks: what the authentication layer put into the request; `Unauthenticated` when nobody is signed in.
pub fn caller() -> Result<Caller> {
    use_context::<Parts>()
        .and_then(|parts| parts.extensions.get::<Caller>().cloned())
        .ok_or(Error::Unauthenticated)
}

/// The node's ports.
///
/// # Errors
/// `Unavailable` where there are none: what asks belongs to a page that was drawn without it meanwhile, and nobody
/// hears the answer. A panic instead would leave that page waiting for it for ever.
pub fn services() -> Result<Services> {
    use_context::<Services>().ok_or_else(|| Error::Unavailable("the page this was asked for is gone".to_owned()))
}

/// The path and query of the request, for a way back after signing in; `/` outside a request.
pub fn requested_path() -> String {
    use_context::<Parts>()
        .and_then(|parts| parts.uri.path_and_query().map(ToString::to_string))
        .unwrap_or_else(|| "/".to_owned())
}
