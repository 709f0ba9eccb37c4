//! Extractors: the caller, ids in the path, parameters and a JSON body; each rejects bad input in one error shape.
//! Handlers declare their input by argument types, from which utoipa also makes the OpenAPI document. Extractors must
//! not know what any value means.

use super::error::{ApiError, ApiResult};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request, rejection::BytesRejection},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header, request::Parts};
use model::{
    Caller, Error, PageQuery,
    id::{ApprovalId, LinkId, NodeId, ProjectId, SessionId},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, IntoDeserializer},
};
use serde_json::Value;
use std::str::FromStr;
use utoipa::IntoParams;

/// The path prefix of REST.
pub const REST_PREFIX: &str = "/api/v1";

/// The largest body REST accepts, in bytes: a prompt of 100,000 characters fits, however it is escaped.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// The caller; 401 when unknown.
pub struct Known(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Known {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        parts
            .extensions
            .get::<Caller>()
            .cloned()
            .map(Self)
            .ok_or_else(|| Error::Unauthenticated.into())
    }
}

/// One segment of a path.
pub trait Segment: FromStr {
    /// The kind of thing that a 404 names when the segment does not parse: `session`.
    const WHAT: &'static str;
}

impl Segment for ProjectId {
    const WHAT: &'static str = "project";
}

impl Segment for SessionId {
    const WHAT: &'static str = "session";
}

impl Segment for NodeId {
    const WHAT: &'static str = "node";
}

impl Segment for LinkId {
    const WHAT: &'static str = "link";
}

impl Segment for ApprovalId {
    const WHAT: &'static str = "approval";
}

/// The `seq` of an entry.
impl Segment for i64 {
    const WHAT: &'static str = "entry";
}

/// The segments of a path, in order.
pub trait Segments: Sized {
    /// Parses the segments. 404 for a segment that does not parse: text that is no id names no thing.
    fn read<'a>(segments: impl Iterator<Item = &'a str>) -> ApiResult<Self>;
}

impl<T: Segment> Segments for T {
    fn read<'a>(mut segments: impl Iterator<Item = &'a str>) -> ApiResult<Self> {
        segments
            .next()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::NotFound(T::WHAT.to_owned()).into())
    }
}

impl<A: Segment, B: Segment> Segments for (A, B) {
    fn read<'a>(mut segments: impl Iterator<Item = &'a str>) -> ApiResult<Self> {
        Ok((A::read(segments.by_ref())?, B::read(segments)?))
    }
}

/// The ids in a path. utoipa recognises path parameters in `params(...)` by this type's name.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: Segments> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::no_such_path())?;
        T::read(params.iter().map(|(_, value)| value)).map(Self)
    }
}

/// Query parameters as a `T` that derives `IntoParams` and denies unknown fields; `params(...)` names the same `T`.
/// Only lists may repeat a parameter; an empty value counts as absent.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// For endpoints without parameters: refuses any.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// Parses a query; errors name the parameter.
pub fn query<T: DeserializeOwned>(text: &str) -> ApiResult<T> {
    let given = pairs(text)?;
    let clean = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&given)
        .finish();
    let form = serde_html_form::Deserializer::from_bytes(clean.as_bytes());
    serde_path_to_error::deserialize(form).map_err(|error| {
        let message = error.inner().to_string();
        let name = named(&message, &error.path().to_string());
        let message = if given.iter().filter(|(given, _)| *given == name).count() > 1 {
            format!("{name} was given more than once, or one of its values is wrong: {message}")
        } else if let Some(rest) = message.strip_prefix("unknown field") {
            format!("unknown parameter{rest}")
        } else {
            format!("{name} cannot be read: {message}")
        };
        Error::invalid(name, message).into()
    })
}

/// The pairs of a query whose value is not empty. Strict: invalid UTF-8 is refused, not replaced.
fn pairs(query: &str) -> ApiResult<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name).ok_or_else(|| ApiError::malformed("the name of a parameter is not valid UTF-8"))?;
        let value = decode(value).ok_or_else(|| Error::invalid(name.clone(), "is not valid UTF-8"))?;
        if name.contains('\0') || value.contains('\0') {
            return Err(
                Error::invalid(name.replace('\0', ""), "contains the character NUL, which no value may").into(),
            );
        }
        pairs.push((name, value));
    }
    pairs.retain(|(_, value)| !value.is_empty());
    Ok(pairs)
}

/// A list of values, separated by commas or repeated; for `deserialize_with`.
pub fn several<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let given = Vec::<String>::deserialize(deserializer)?;
    let words = given
        .iter()
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|word| !word.is_empty());
    words
        .map(|word| T::deserialize(word.to_owned().into_deserializer()))
        .collect()
}

/// `after` and `limit` of a list; 422 at `limit` when it is out of range.
pub fn page(after: Option<String>, limit: Option<u32>) -> ApiResult<PageQuery> {
    let page = PageQuery { after, limit };
    page.limit()?;
    Ok(page)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let [high, low, tail @ ..] = tail else { return None };
                let digits = [char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?];
                bytes.push(u8::try_from(digits[0] * 16 + digits[1]).ok()?);
                rest = tail;
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}

/// A JSON body: parsed into `T`, or `T` as an answer. utoipa finds request bodies among a handler's arguments by this
/// name.
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        if !is_json(&request) {
            return Err(ApiError::http(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send JSON, with Content-Type: application/json",
            ));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unreadable)?;
        read(&bytes).map(Self)
    }
}

/// An empty body: absent, or an empty JSON object.
pub struct NoBody;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        let bytes = Bytes::from_request(request, state).await.map_err(unreadable)?;
        if bytes.is_empty() {
            return Ok(Self);
        }
        read::<Nothing>(&bytes).map(|_| Self)
    }
}

fn is_json(request: &Request) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json")
        })
}

fn unreadable(rejection: BytesRejection) -> ApiError {
    if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
        Error::TooLarge(BODY_LIMIT as u64).into()
    } else {
        ApiError::malformed("the body ended before it was complete")
    }
}

/// Parses JSON; errors name the field.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    let text = std::str::from_utf8(bytes).map_err(|_| ApiError::malformed("the body is not valid UTF-8"))?;
    let value: Value =
        serde_json::from_str(text).map_err(|error| ApiError::malformed(format!("the body is not JSON: {error}")))?;
    if let Some(field) = nul(&value, String::new()) {
        return Err(Error::invalid(field, "contains the character NUL, which no value may").into());
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let message = error.inner().to_string();
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        Error::invalid(named(&message, &path), message).into()
    })
}

/// The field of a serde error. serde names unknown and missing fields in the message, not in the path.
fn named(message: &str, path: &str) -> String {
    let name = ["unknown field `", "missing field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start))
        .and_then(|rest| rest.split('`').next());
    match name {
        None => path.to_owned(),
        // The path already ends in the unknown field.
        Some(name) if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        Some(name) if path.is_empty() => name.to_owned(),
        Some(name) => format!("{path}.{name}"),
    }
}

/// The path of the first string with NUL in a value.
pub(crate) fn nul(value: &Value, path: String) -> Option<String> {
    let inside = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::String(text) => text.contains('\0').then_some(path),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| nul(item, format!("{path}[{index}]"))),
        Value::Object(fields) => fields.iter().find_map(|(name, item)| {
            if name.contains('\0') {
                Some(inside(""))
            } else {
                nul(item, inside(name))
            }
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::sessions::{NewSession, SessionState};

    fn wrong(body: &str) -> (u16, Option<String>, String) {
        let error = read::<NewSession>(body.as_bytes()).map(|_| ()).unwrap_err();
        (error.status.as_u16(), error.body.field, error.body.message)
    }

    #[test]
    fn what_is_wrong_with_a_body_names_its_field() {
        let project = "\"project\":\"prj_01920000000070008000000000000001\"";
        for (body, status, field) in [
            ("", 400, None),
            ("{", 400, None),
            ("[]", 422, None),
            ("{}", 422, Some("agent")),
            ("{\"project\":3}", 422, Some("project")),
            (
                &format!("{{{project},\"agent\":\"robot\",\"mode\":\"ask\",\"prompt\":\"x\"}}"),
                422,
                Some("agent"),
            ),
            (
                &format!("{{{project},\"agent\":\"demo\",\"mode\":\"ask\",\"prompt\":[]}}"),
                422,
                Some("prompt"),
            ),
            (
                &format!("{{{project},\"agent\":\"demo\",\"mode\":\"ask\",\"prompt\":\"a\\u0000\"}}"),
                422,
                Some("prompt"),
            ),
            (
                &format!("{{{project},\"agent\":\"demo\",\"mode\":\"ask\",\"prompt\":\"x\",\"colour\":1}}"),
                422,
                Some("colour"),
            ),
        ] {
            let (got, at, message) = wrong(body);
            assert_eq!((got, at.as_deref()), (status, field), "{body}: {message}");
        }
        assert_eq!(
            read::<NewSession>(b"{\"project\":\"\xff\"}")
                .unwrap_err()
                .status
                .as_u16(),
            400
        );
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default, deserialize_with = "several")]
        state: Vec<SessionState>,
        q: Option<String>,
        limit: Option<u32>,
    }

    #[test]
    fn parameters_are_known_valid_and_given_once() {
        let both = vec![SessionState::Waiting, SessionState::Working, SessionState::Idle];
        let read = query::<Asked>("state=waiting,working&state=idle&q=a%20b+c").unwrap();
        assert_eq!(
            read,
            Asked {
                state: both,
                q: "a b c".to_owned().into(),
                limit: None
            }
        );
        assert_eq!(
            query::<Asked>("state=&q=&&limit").unwrap(),
            Asked {
                state: Vec::new(),
                q: None,
                limit: None
            }
        );
        for (text, at) in [
            ("limit=-1", "limit"),
            ("limit=x", "limit"),
            ("limit=1&limit=2", "limit"),
            ("offset=1", "offset"),
            ("state=waiting,busy", "state"),
            ("state=waiting&state=busy", "state"),
            ("q=%00", "q"),
            ("q=%ff", "q"),
            ("q=%f", "q"),
        ] {
            let error = query::<Asked>(text).unwrap_err();
            assert_eq!(
                (error.status.as_u16(), error.body.field.as_deref()),
                (422, Some(at)),
                "{text}"
            );
        }
        assert_eq!(query::<Asked>("%ff=1").unwrap_err().status.as_u16(), 400);
    }
}
