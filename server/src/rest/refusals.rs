//! Adds the possible refusals of each call to the OpenAPI document, derived from its arguments, so that no endpoint
//! forgets one. An endpoint declares only what is particular to it: a conflict.

use crate::answer::error::ErrorEnvelope;
use utoipa::{
    ToSchema,
    openapi::{
        ContentBuilder, HttpMethod, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};

/// Status, name in the document, meaning.
const ALL: [(&str, &str, &str); 9] = [
    (
        "400",
        "Malformed",
        "The request cannot be read at all: no JSON, no UTF-8, or it ended too early.",
    ),
    (
        "401",
        "Unauthenticated",
        "Nobody is known: no token, or one that does not work.",
    ),
    (
        "403",
        "Forbidden",
        "The caller may not do this; the message says what it takes.",
    ),
    (
        "404",
        "NotFound",
        "There is no such thing, or it is not the caller's to see.",
    ),
    (
        "409",
        "Conflict",
        "It does not fit the present state; the message says why.",
    ),
    ("413", "TooLarge", "The body is larger than 1 MiB."),
    ("415", "UnsupportedMediaType", "The body is not declared as JSON."),
    ("422", "Invalid", "A value is wrong; `field` names it."),
    ("default", "Failed", "Whatever else can go wrong: the same shape."),
];

/// Adds its refusals to each call, and the idempotency header to each `POST`.
pub(super) fn add(document: &mut OpenApi) {
    let responses = &mut document.components.get_or_insert_default().responses;
    for (_, name, about) in ALL {
        responses.insert(name.to_owned(), RefOr::T(answer(about)));
    }
    for (path, item) in &mut document.paths.paths {
        let methods = [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Patch, &mut item.patch),
            (HttpMethod::Delete, &mut item.delete),
        ];
        for (method, operation) in methods {
            if let Some(operation) = operation {
                refuse(operation, path, method == HttpMethod::Post);
            }
        }
    }
}

fn refuse(operation: &mut Operation, path: &str, post: bool) {
    let asks = operation
        .parameters
        .iter()
        .flatten()
        .any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query));
    if post {
        operation.parameters.get_or_insert_default().push(RefOr::T(key()));
    }
    let body = operation.request_body.is_some();
    // A POST without a body refuses one that is not empty, and a key that was used for another request.
    let sends = body || post;
    for (status, name, _) in ALL {
        let possible = match status {
            "404" => path.contains('{'),
            "409" => post,
            "413" => sends,
            "415" => body,
            "400" | "422" => sends || asks,
            _ => true,
        };
        if possible {
            // An endpoint's own description is more exact.
            operation
                .responses
                .responses
                .entry(status.to_owned())
                .or_insert_with(|| RefOr::Ref(Ref::from_response_name(name)));
        }
    }
}

fn answer(about: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorEnvelope::name())));
    ResponseBuilder::new()
        .description(about)
        .content("application/json", content.build())
        .build()
}

fn key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("A repeated key within 24 hours gives the first answer again."))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build()
}
