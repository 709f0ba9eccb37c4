//! The error of server functions: the model's error on the wire, with its own HTTP status. It must not invent causes:
//! the node has logged an unknown one, and sends its reference.

use crate::wire::JsonText;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

/// The error of a server function.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(transparent)]
#[error(transparent)]
pub struct AppError(pub model::Error);

/// The result of a server function.
pub type AppResult<T> = Result<T, AppError>;

impl AppError {
    /// The wrong field, for `Invalid`; `None` for other errors, and where the whole is wrong.
    pub fn field(&self) -> Option<&str> {
        match &self.0 {
            model::Error::Invalid { field, .. } if !field.is_empty() => Some(field),
            _ => None,
        }
    }

    /// The sentence to show beside `field`, if the error is about it.
    pub fn about(&self, field: &str) -> Option<String> {
        (self.field() == Some(field)).then(|| self.to_string())
    }

    /// The reference under which the node logged the cause, for `Internal`.
    pub fn reference(&self) -> Option<&str> {
        match &self.0 {
            model::Error::Internal(reference) => Some(reference),
            _ => None,
        }
    }

    /// Whether the same call may work later: the node was away, busy or broken, and did not refuse.
    pub fn may_pass(&self) -> bool {
        use model::Error as E;
        matches!(
            self.0,
            E::Transport(_) | E::Unavailable(_) | E::Internal(_) | E::StorageFull | E::RateLimited(_)
        )
    }

    /// Whether sign-in would help.
    pub fn is_unauthenticated(&self) -> bool {
        self.0 == model::Error::Unauthenticated
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonText;

    fn from_server_fn_error(value: ServerFnErrorErr) -> Self {
        reject(match value {
            // In a browser this means an unreadable answer: a proxy's page, or that of a newer node.
            ServerFnErrorErr::Args(message)
            | ServerFnErrorErr::MissingArg(message)
            | ServerFnErrorErr::Deserialization(message)
                if cfg!(feature = "ssr") =>
            {
                model::Error::invalid("", format!("the input could not be read: {message}"))
            }
            other => model::Error::Transport(other.to_string()),
        })
    }
}

impl From<model::Error> for AppError {
    /// `?` in a server function converts here, so every refusal carries its status.
    fn from(error: model::Error) -> Self {
        reject(error)
    }
}

/// Turns a refusal into the error of a server function or page, and sets its HTTP status. Nothing else sets it.
pub fn reject(error: model::Error) -> AppError {
    #[cfg(feature = "ssr")]
    if let (Some(response), Ok(status), false) = (
        leptos::prelude::use_context::<leptos_axum::ResponseOptions>(),
        http::StatusCode::from_u16(error.status()),
        is_plain_form(),
    ) {
        response.set_status(status);
    }
    AppError(error)
}

/// Without WASM, a refused form is redirected to its page, which shows the error. Browsers follow only a redirect
/// status.
#[cfg(feature = "ssr")]
pub(crate) fn is_plain_form() -> bool {
    leptos::prelude::use_context::<http::request::Parts>().is_some_and(|parts| {
        let accept = parts
            .headers
            .get(http::header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .unwrap_or_default();
        parts.method == http::Method::POST && accept.contains("text/html")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_wire() {
        let errors = [
            model::Error::Unauthenticated,
            model::Error::invalid("name", "too long"),
            model::Error::NotFound("session".into()),
            model::Error::RateLimited(30),
            model::Error::Internal("ref_1".into()),
        ];
        for error in errors {
            let error = AppError(error);
            assert_eq!(AppError::de(error.ser()), error);
        }
    }

    #[test]
    fn what_a_browser_says_of_a_lost_connection_is_not_shown() {
        let cause = "TypeError: Failed to fetch";
        let error = AppError::from_server_fn_error(ServerFnErrorErr::Request(cause.into()));
        assert_eq!(
            error,
            AppError(model::Error::Transport(
                "error reaching server to call server function: TypeError: Failed to fetch".into()
            ))
        );
        assert!(!error.to_string().contains("server"), "{error}");
        assert!(error.may_pass() && !AppError(model::Error::Unauthenticated).may_pass());
    }

    #[test]
    fn a_field_error_is_shown_beside_its_field_only() {
        let error = AppError(model::Error::invalid("name", "a name is 1 to 64 characters"));
        assert_eq!(error.about("name").as_deref(), Some("a name is 1 to 64 characters"));
        assert_eq!(error.about("days"), None);
        assert_eq!(AppError(model::Error::Unauthenticated).field(), None);
    }
}
