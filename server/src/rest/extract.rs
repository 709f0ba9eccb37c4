//! How handlers get at a request: the caller, ids in the path, parameters, a JSON body; whatever is wrong with them becomes one error shape.
//! It must not know what any value means.

use super::error::{ApiError, ApiResult};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request, rejection::BytesRejection},
    response::IntoResponse,
};
use http::{StatusCode, header, request::Parts};
use model::{Caller, Error, PageQuery};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::str::FromStr;

/// The largest body REST accepts, in bytes: a prompt of 100,000 characters fits however it is escaped.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Whoever asks; 401 when nobody is known.
pub struct Known(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Known {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        parts.extensions.get::<Caller>().cloned().map(Self).ok_or_else(|| Error::Unauthenticated.into())
    }
}

/// The ids in a path, in order.
pub struct Ids(Vec<String>);

impl Ids {
    /// The id at `place`; what is no id is no such thing.
    pub fn at<T: FromStr>(&self, place: usize, what: &str) -> ApiResult<T> {
        self.0.get(place).and_then(|text| text.parse().ok()).ok_or_else(|| Error::NotFound(what.to_owned()).into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Ids {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| ApiError::no_such_path())?;
        Ok(Self(params.iter().map(|(_, value)| value.to_owned()).collect()))
    }
}

/// The parameters after the question mark. Take those you know, then [`Params::end`]: what is left is an error.
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query.
    pub fn parse(query: &str) -> ApiResult<Self> {
        query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let name = decode(name).ok_or_else(|| ApiError::malformed("the name of a parameter is not valid UTF-8"))?;
                let value = decode(value).ok_or_else(|| Error::invalid(name.clone(), "is not valid UTF-8"))?;
                if value.contains('\0') {
                    return Err(Error::invalid(name, "contains the character NUL, which no value may").into());
                }
                Ok((name, value))
            })
            .collect::<ApiResult<_>>()
            .map(Self)
    }

    /// The parameter of this name; twice is an error, empty counts as absent.
    pub fn text(&mut self, name: &str) -> ApiResult<Option<String>> {
        let mut found = self.all(name);
        match found.len() {
            0 | 1 => Ok(found.pop()),
            _ => Err(Error::invalid(name, format!("{name} was given more than once")).into()),
        }
    }

    /// Every value of this name; several may also stand in one, separated by commas.
    pub fn words(&mut self, name: &str) -> Vec<String> {
        self.all(name).iter().flat_map(|value| value.split(',')).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// The parameter read by `read`; `expected` completes "must be".
    pub fn read<T>(&mut self, name: &str, expected: &str, read: impl FnOnce(&str) -> Option<T>) -> ApiResult<Option<T>> {
        self.text(name)?.map(|text| read(&text).ok_or_else(|| Error::invalid(name, format!("{name} must be {expected}")).into())).transpose()
    }

    /// `after` and `limit` of a list.
    pub fn page(&mut self) -> ApiResult<PageQuery> {
        let page = PageQuery { after: self.text("after")?, limit: self.read("limit", "a number from 1 to 200", |text| text.parse().ok())? };
        page.limit()?;
        Ok(page)
    }

    /// Nothing else may have been given.
    pub fn end(self) -> ApiResult<()> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(Error::invalid(name.clone(), format!("there is no parameter `{name}` here")).into()),
        }
    }

    fn all(&mut self, name: &str) -> Vec<String> {
        let (found, left) = std::mem::take(&mut self.0).into_iter().partition::<Vec<_>, _>(|(given, _)| given == name);
        self.0 = left;
        found.into_iter().map(|(_, value)| value).filter(|value| !value.is_empty()).collect()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
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

/// A JSON body read into `T`.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        if !is_json(&request) {
            return Err(ApiError::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "send JSON, with Content-Type: application/json"));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unreadable)?;
        read(&bytes).map(Self)
    }
}

/// A body that says nothing: absent, or an empty JSON object.
pub struct NoBody;

#[derive(serde::Deserialize)]
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
    request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
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

/// Reads JSON: what is wrong is said with the field it is wrong at.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    let text = std::str::from_utf8(bytes).map_err(|_| ApiError::malformed("the body is not valid UTF-8"))?;
    let value: Value = serde_json::from_str(text).map_err(|error| ApiError::malformed(format!("the body is not JSON: {error}")))?;
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

/// The field a message of serde is about: unknown and missing ones are named in the message, not in the path.
fn named(message: &str, path: &str) -> String {
    let name = ["unknown field `", "missing field `"].iter().find_map(|start| message.strip_prefix(start)).and_then(|rest| rest.split('`').next());
    match name {
        None => path.to_owned(),
        // The path already ends in the unknown field.
        Some(name) if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        Some(name) if path.is_empty() => name.to_owned(),
        Some(name) => format!("{path}.{name}"),
    }
}

/// Where a string with NUL lies in a value.
pub(crate) fn nul(value: &Value, path: String) -> Option<String> {
    let inside = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::String(text) => text.contains('\0').then_some(path),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| nul(item, format!("{path}[{index}]"))),
        Value::Object(fields) => fields.iter().find_map(|(name, item)| if name.contains('\0') { Some(inside("")) } else { nul(item, inside(name)) }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::sessions::NewSession;

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
            ("{}", 422, Some("project")),
            ("{\"project\":3}", 422, Some("project")),
            (&format!("{{{project},\"agent\":\"robot\",\"mode\":\"ask\",\"prompt\":\"x\"}}"), 422, Some("agent")),
            (&format!("{{{project},\"agent\":\"demo\",\"mode\":\"ask\",\"prompt\":[]}}"), 422, Some("prompt")),
            (&format!("{{{project},\"agent\":\"demo\",\"mode\":\"ask\",\"prompt\":\"a\\u0000\"}}"), 422, Some("prompt")),
            (&format!("{{{project},\"agent\":\"demo\",\"mode\":\"ask\",\"prompt\":\"x\",\"colour\":1}}"), 422, Some("colour")),
        ] {
            let (got, at, message) = wrong(body);
            assert_eq!((got, at.as_deref()), (status, field), "{body}: {message}");
        }
        assert_eq!(read::<NewSession>(b"{\"project\":\"\xff\"}").unwrap_err().status.as_u16(), 400);
    }

    #[test]
    fn parameters_are_known_valid_and_given_once() {
        let mut params = Params::parse("state=waiting,working&state=idle&q=a%20b+c").unwrap();
        assert_eq!(params.words("state"), ["waiting", "working", "idle"]);
        assert_eq!(params.text("q").unwrap().as_deref(), Some("a b c"));
        params.end().unwrap();
        let field = |query: &str| {
            let mut params = Params::parse(query)?;
            params.page()?;
            params.end()
        };
        for (query, at) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=x", "limit"),
            ("limit=1&limit=2", "limit"),
            ("offset=1", "offset"),
            ("after=%00", "after"),
            ("after=%ff", "after"),
            ("after=%f", "after"),
        ] {
            assert_eq!(field(query).unwrap_err().body.field.as_deref(), Some(at), "{query}");
        }
    }
}
