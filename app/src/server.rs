//! The request's caller and the node's ports, for server functions. It must not decide anything: the ports do, for the
//! caller they are given.

use http::request::Parts;
use leptos::prelude::use_context;
use model::{Caller, Error, Result, Services};

/// The caller that the authentication layer put into the request; `Unauthenticated` when nobody is signed in.
pub fn caller() -> Result<Caller> {
    use_context::<Parts>()
        .and_then(|parts| parts.extensions.get::<Caller>().cloned())
        .ok_or(Error::Unauthenticated)
}

/// The node's ports.
///
/// # Errors
/// `Unavailable` without a context: the page was already rendered without this call, so nobody gets the answer. A panic
/// would leave that page waiting for ever.
pub fn services() -> Result<Services> {
    use_context::<Services>().ok_or_else(|| Error::Unavailable("the page this was asked for is gone".to_owned()))
}

/// The path and query of the request, to return to after sign-in; `/` outside a request.
pub fn requested_path() -> String {
    use_context::<Parts>()
        .and_then(|parts| parts.uri.path_and_query().map(ToString::to_string))
        .unwrap_or_else(|| "/".to_owned())
}
