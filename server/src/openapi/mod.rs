//! The OpenAPI document, generated from the same registration that serves the endpoints.
//! It describes and serves the document; it must not register an endpoint.

use crate::{
    rest,
    table::{Area, Route},
};
use axum::response::{IntoResponse, Response};
use http::{Method, header};
use std::sync::LazyLock;
use utoipa::openapi::OpenApi;

/// Where the document is served.
pub const PATH: &str = "/api/openapi.json";

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = rest::parts().1.to_pretty_json().expect("the document is plain data");
    text.push('\n');
    text
});

/// The document as JSON text, ending in a newline: what `orchwiz openapi` prints and `docs/openapi.json` holds.
pub fn text() -> &'static str {
    &TEXT
}

/// `GET /api/openapi.json`.
pub async fn show() -> Response {
    (
        [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        text(),
    )
        .into_response()
}

/// The routes a document describes.
pub fn routes(document: &OpenApi) -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, item) in &document.paths.paths {
        let methods = [
            (Method::GET, item.get.is_some()),
            (Method::POST, item.post.is_some()),
            (Method::PUT, item.put.is_some()),
            (Method::PATCH, item.patch.is_some()),
            (Method::DELETE, item.delete.is_some()),
        ];
        routes.extend(
            methods
                .into_iter()
                .filter(|(_, there)| *there)
                .map(|(method, _)| Route::new(&method, path.clone(), Area::Rest)),
        );
    }
    routes
}
