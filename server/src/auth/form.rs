//! The forms under `/auth`: fields, answers, and safe redirects. They work without scripts. They must redirect only to
//! paths of this node.

use crate::answer::{
    error::{ApiError, ApiResult},
    extract::BODY_LIMIT,
};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, StatusCode, header};
use model::Error;
use url::{Url, form_urlencoded};

/// The fields of a posted form.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn parse(encoded: &[u8]) -> ApiResult<Self> {
        let fields: Vec<(String, String)> = form_urlencoded::parse(encoded).into_owned().collect();
        for (name, value) in &fields {
            // The decoder replaces invalid UTF-8 by this character.
            if value.contains(['\0', char::REPLACEMENT_CHARACTER]) {
                return Err(Error::invalid(
                    name.clone(),
                    format!("{name} must be valid UTF-8 without the character NUL"),
                )
                .into());
            }
        }
        Ok(Self(fields))
    }

    /// A required field, given once.
    pub(super) fn text(&mut self, name: &str) -> ApiResult<String> {
        self.optional(name)?
            .ok_or_else(|| Error::invalid(name, format!("the field {name} is missing")).into())
    }

    /// An optional field, given at most once.
    pub(super) fn optional(&mut self, name: &str) -> ApiResult<Option<String>> {
        let mut found = self
            .0
            .extract_if(.., |(given, _)| given == name)
            .map(|(_, value)| value);
        let value = found.next();
        if found.count() > 0 {
            return Err(Error::invalid(name, format!("the field {name} was given more than once")).into());
        }
        Ok(value)
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if !kind
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            let message = "this takes a form: application/x-www-form-urlencoded";
            return Err(ApiError::http(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                message,
            ));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge(u64::try_from(BODY_LIMIT).unwrap_or(u64::MAX)).into(),
                _ => ApiError::malformed("the body broke off"),
            })?;
        Self::parse(&body)
    }
}

/// Whether the client is a browser that shows pages, not a program that reads errors.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|accept| accept.to_str().ok())
        .any(|accept| accept.contains("text/html"))
}

/// Redirects to one of our pages, with a query for it to show.
pub(super) fn back(page: &str, query: &[(&str, &str)]) -> Response {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query.iter().filter(|(_, value)| !value.is_empty()))
        .finish();
    Redirect::to(&format!("{page}?{query}")).into_response()
}

/// Redirects to `next`.
pub(super) fn onward(next: &str) -> Response {
    Redirect::to(local_path(next)).into_response()
}

/// `next` if a browser would resolve it to a path of this node; else the start page.
pub(super) fn local_path(next: &str) -> &str {
    let plain = next.starts_with('/') && !next.contains('\\') && next.chars().all(|c| c.is_ascii_graphic());
    // Whatever the rules above let through must still be on this host once a browser has resolved it.
    let here = Url::parse("http://here.invalid").expect("a constant address");
    let stays = here.join(next).is_ok_and(|there| there.origin() == here.origin());
    // These are not pages: a redirect there would fail or sign the person out again.
    let page = !["/auth/", "/api/"].iter().any(|prefix| next.starts_with(prefix));
    if plain && !next.starts_with("//") && stays && page {
        next
    } else {
        "/"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_node_are_followed() {
        for good in [
            "/",
            "/sessions",
            "/sessions/ses_1?tab=raw#e5",
            "/%2f%2fevil.test",
            "/a//b",
        ] {
            assert_eq!(local_path(good), good);
        }
        for bad in [
            "",
            "sessions",
            "//evil.test",
            "///evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "/\t/evil.test",
            "/\n/evil.test",
            "https://evil.test",
            "javascript:alert(1)",
            " /x",
            "/x y",
            "/ü",
            "/\u{202e}",
            "/auth/logout",
            "/api/v1/me",
        ] {
            assert_eq!(local_path(bad), "/", "{bad:?} was followed");
        }
    }

    #[test]
    fn a_field_is_text_and_there_once() {
        let field = |encoded: &[u8], name: &str| Fields::parse(encoded).and_then(|mut fields| fields.text(name));
        assert_eq!(field(b"name=mara+k&x=1", "name").unwrap(), "mara k");
        for (bad, name) in [
            (&b"x=1"[..], "name"),
            (b"name=a&name=b", "name"),
            (b"name=%00", "name"),
            (b"name=%ff", "name"),
        ] {
            let error = field(bad, name).unwrap_err();
            assert_eq!(
                (error.status, error.body.field.as_deref()),
                (StatusCode::UNPROCESSABLE_ENTITY, Some("name")),
                "{bad:?}"
            );
        }
    }
}
