//! The one error shape for programs: `{"error":{"code","message","field"?,"reference"?,"decision"?}}`. This module maps
//! errors to answers; it must not log causes or decide anything.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use model::{Error, approvals::Decided};
use serde::Serialize;
use utoipa::ToSchema;

/// An error, for programs and for people.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ErrorBody {
    /// A stable word: `invalid`, `not_found`, `already_decided`, ...
    pub code: String,
    /// A sentence a person can act on.
    pub message: String,
    /// The field that is wrong, as the caller named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The reference under which the cause was logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The earlier decision, with `already_decided`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Box<Decided>>,
}

/// The envelope of [`ErrorBody`].
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ErrorEnvelope {
    /// The error.
    pub error: ErrorBody,
}

/// An error as an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// The status it answers with.
    pub status: StatusCode,
    /// The error itself.
    pub body: Box<ErrorBody>,
    /// Seconds for `Retry-After`.
    retry_after: Option<u64>,
}

/// What handlers return.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// An error of HTTP itself, which has no [`Error`].
    pub fn http(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let body = ErrorBody {
            code: code.to_owned(),
            message: message.into(),
            field: None,
            reference: None,
            decision: None,
        };
        Self {
            status,
            body: Box::new(body),
            retry_after: None,
        }
    }

    /// A request that cannot be parsed at all. 400.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::http(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// A path without a route. 404.
    pub fn no_such_path() -> Self {
        Self::http(
            StatusCode::NOT_FOUND,
            "not_found",
            "there is nothing at this path; /api/openapi.json lists what there is",
        )
    }

    /// A path that takes other methods. 405.
    pub fn no_such_method() -> Self {
        Self::http(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "this path does not take this method; the header Allow lists those it takes",
        )
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = Self::http(status, error.code(), error.to_string());
        match error {
            Error::Invalid { field, .. } => answer.body.field = Some(field).filter(|field| !field.is_empty()),
            Error::Internal(reference) => answer.body.reference = Some(reference),
            Error::AlreadyDecided(decided) => answer.body.decision = Some(decided),
            Error::RateLimited(seconds) => answer.retry_after = Some(seconds),
            _ => {}
        }
        answer
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(ErrorEnvelope { error: *self.body })).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"orchwiz\""),
            );
        }
        response
    }
}
