//! What server functions take from their request: who asks, and the ports to ask.
//! It must not decide anything: the ports do, with the caller they are given.

use http::request::Parts;
use leptos::prelude::use_context;
use model::{Caller, Error, Result, Services};

/// Who asks: what the authentication layer put into the request; `Unauthenticated` when nobody is signed in.
pub fn caller() -> Result<Caller> {
    use_context::<Parts>().and_then(|parts| parts.extensions.get::<Caller>().cloned()).ok_or(Error::Unauthenticated)
}

/// The node's ports.
///
/// # Panics
/// When the server forgot to provide them: a programming error that the first request shows.
pub fn services() -> Services {
    use_context::<Services>().expect("the server provides the ports to every page and server function")
}

/// The path and query of the request, for a way back after signing in; `/` outside a request.
pub fn requested_path() -> String {
    use_context::<Parts>().and_then(|parts| parts.uri.path_and_query().map(ToString::to_string)).unwrap_or_else(|| "/".to_owned())
}
