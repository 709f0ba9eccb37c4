//! The OpenAPI document against the served routes: words, references, parameters. [`Bench::send`] compares the status
//! of every answer in every test.

use crate::{
    access::TABLE,
    bench::{Answer, Bench},
};
use axum::body::Body;
use http::Request;
use model::{
    approvals::{ApprovalKind, ApprovalState, LimitOf, RememberScope, Verdict},
    caller::{Role, Scope, Visibility},
    calls::CallClass,
    entries::{CallStatus, EntryKind, Unplaced},
    fleet::{Detail, LinkState, NodeState, Transport},
    node::NodeKind,
    sessions::{AgentKind, Mode, PromptState, QueuedWhy, SessionState},
    usage::UsageBy,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};
use tower::ServiceExt;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(server::openapi::text()).unwrap());

/// The operation of a request: its path in the document, and its object.
pub fn operation(method: &str, path: &str) -> Option<(&'static str, &'static Value)> {
    let given: Vec<&str> = path.split('/').collect();
    let same = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == given.len()
            && parts
                .iter()
                .zip(&given)
                .all(|(part, given)| part == given || part.starts_with('{'))
    };
    let (template, item) = DOCUMENT["paths"]
        .as_object()
        .unwrap()
        .iter()
        .find(|(template, _)| same(template))?;
    Some((template, item.get(method.to_lowercase())?))
}

/// Fails when the document does not declare this status for the operation. Answers of the layers around it (the guard,
/// limits, a fault) belong to no operation.
#[track_caller]
pub fn names_answer(method: &str, path: &str, status: u16) {
    if let Some((template, operation)) = operation(method, path)
        && !matches!(status, 421 | 429 | 500..)
    {
        let named: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
        assert!(
            operation["responses"].get(status.to_string()).is_some(),
            "{method} {template} answered {status}, the document names {named:?}"
        );
    }
}

/// The document in the repository equals the one the binary prints. `make openapi` renews it.
#[test]
fn the_openapi_document_is_the_one_in_the_docs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == server::openapi::text(),
        "docs/openapi.json is out of date: renew it with `make openapi`"
    );
}

#[test]
fn every_reference_of_the_openapi_document_leads_somewhere() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    assert!(
                        document.pointer(reference.trim_start_matches('#')).is_some(),
                        "{reference}"
                    );
                }
                fields.values().for_each(|value| walk(value, document));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, document)),
            _ => {}
        }
    }
    walk(&DOCUMENT, &DOCUMENT);
}

/// The JSON of every value of an enumeration, under the name of its schema.
fn written<T: serde::Serialize>(all: &[T]) -> (String, Vec<Value>) {
    let name = std::any::type_name::<T>().rsplit("::").next().unwrap();
    (
        name.to_owned(),
        all.iter().map(|value| serde_json::to_value(value).unwrap()).collect(),
    )
}

#[test]
fn every_enumeration_of_the_openapi_document_has_the_words_that_are_sent() {
    fn walk(value: &Value, at: String, found: &mut BTreeMap<String, Vec<Value>>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::Array(words)) = fields.get("enum") {
                    found.insert(at.clone(), words.clone());
                }
                fields
                    .iter()
                    .for_each(|(name, value)| walk(value, format!("{at}/{name}"), found));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, at.clone(), found)),
            _ => {}
        }
    }
    let sent: BTreeMap<String, Vec<Value>> = [
        written(AgentKind::ALL),
        written(ApprovalKind::ALL),
        written(ApprovalState::ALL),
        written(CallClass::ALL),
        written(CallStatus::ALL),
        written(Detail::ALL),
        written(EntryKind::ALL),
        written(LimitOf::ALL),
        written(LinkState::ALL),
        written(Mode::ALL),
        written(NodeKind::ALL),
        written(NodeState::ALL),
        written(PromptState::ALL),
        written(QueuedWhy::ALL),
        written(RememberScope::ALL),
        written(&Role::ALL),
        written(&Scope::ALL),
        written(SessionState::ALL),
        written(Transport::ALL),
        written(Unplaced::ALL),
        written(UsageBy::ALL),
        written(Verdict::ALL),
        written(&Visibility::ALL),
    ]
    .map(|(name, words)| (format!("/components/schemas/{name}"), words))
    .into();
    let mut found = BTreeMap::new();
    walk(&DOCUMENT, String::new(), &mut found);
    assert_eq!(found, sent);
}

/// The names of an operation's parameters in `place`.
fn declared(operation: &Value, place: &str) -> BTreeSet<String> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    all.filter(|parameter| parameter["in"] == place)
        .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
        .collect()
}

/// A handler that reads parameters refuses unknown ones and lists the known: exactly those must be declared.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_reads_the_parameters_that_the_document_declares() {
    let bench = Bench::new().await;
    let project = bench.project("shop").await;
    let session = bench.session(&project, "ask").await;
    bench.until(&session, &["waiting"]).await;
    let approval = bench.get("/api/v1/approvals?state=pending").await.expect(200).json()["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (mut wrong, mut readers) = (Vec::new(), 0);
    for (method, path, body, ..) in TABLE.iter().filter(|(_, path, ..)| path.starts_with("/api/v1/")) {
        let (template, operation) =
            operation(method, path).unwrap_or_else(|| panic!("{method} {path} is not in the document"));
        let id = if path.contains("/projects/") {
            &project
        } else if path.contains("/approvals/") {
            &approval
        } else if path.contains("/links/") {
            "lnk_01920000000070008000000000000001"
        } else {
            &session
        };
        let there = format!("{}?no_such_parameter=1", path.replace("{id}", id).replace("{seq}", "1"));
        let request = Request::builder()
            .method(*method)
            .uri(&there)
            .header("authorization", format!("Bearer {}", bench.token));
        // An empty body, so that a route that ignores parameters does nothing either.
        let request = request
            .header("host", "127.0.0.1:3000")
            .header("content-type", "application/json")
            .body(Body::from(if body.is_empty() { "" } else { "[]" }))
            .unwrap();
        // Not through `Bench::send`, which would stop at the first undeclared status; this lists all.
        let answer = if *method == "DELETE" && !path.contains("/links/") {
            None
        } else {
            Some(Answer::read(bench.app.clone().oneshot(request).await.unwrap()).await)
        };
        let refusal = answer
            .map(|answer| serde_json::from_str::<Value>(&answer.text).unwrap_or_default()["error"].clone())
            .unwrap_or_default();
        let mut read = BTreeSet::new();
        if refusal["field"] == "no_such_parameter" {
            readers += 1;
            let message = refusal["message"].as_str().unwrap();
            read.extend(
                message
                    .split('`')
                    .skip(1)
                    .step_by(2)
                    .filter(|name| *name != "no_such_parameter")
                    .map(str::to_owned),
            );
        }
        let query = declared(operation, "query");
        if read != query {
            wrong.push(format!("{method} {template}: reads {read:?}, declares {query:?}"));
        }
        let places: BTreeSet<String> = template
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(str::to_owned)
            .collect();
        let named = declared(operation, "path");
        if places != named {
            wrong.push(format!("{method} {template}: has {places:?}, declares {named:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        readers, 10,
        "lists of projects, sessions, entries, approvals, events, nodes and links, the sums, who asks, and the end of a link"
    );
    bench.end().await;
}

/// The same for bodies: the refusal of an unknown field lists the known ones.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_reads_the_body_that_the_document_declares() {
    let bench = Bench::new().await;
    let mut wrong = Vec::new();
    for (method, path, ..) in TABLE
        .iter()
        .filter(|(method, path, ..)| path.starts_with("/api/v1/") && matches!(*method, "POST" | "PATCH"))
    {
        let (template, operation) = operation(method, path).unwrap();
        let kind = if path.contains("/projects/") {
            "prj"
        } else if path.contains("/approvals/") {
            "apr"
        } else if path.contains("/links/") {
            "lnk"
        } else {
            "ses"
        };
        let there = path.replace("{id}", &format!("{kind}_01920000000070008000000000000001"));
        let answer = bench
            .ask(method, &there, Some(serde_json::json!({"no_such_field": 1})))
            .await
            .expect(422);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        let read: BTreeSet<String> = message
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| *name != "no_such_field")
            .map(str::to_owned)
            .collect();
        let schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
        let schema = schema.map(|reference| DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap());
        let declared: BTreeSet<String> = schema
            .and_then(|schema| schema["properties"].as_object())
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect();
        if read != declared {
            wrong.push(format!("{method} {template}: reads {read:?}, declares {declared:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    bench.end().await;
}

/// Client generators make function names of these.
#[test]
fn every_operation_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for operation in DOCUMENT["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
    {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "{name} is the name of two operations");
    }
}

/// Each call declares the refusals that a program may want to tell apart.
#[test]
fn every_operation_names_its_refusals() {
    let refusals = |method: &str, path: &str| {
        let (_, operation) = operation(method, path).unwrap();
        let all = operation["responses"].as_object().unwrap().keys();
        all.filter(|status| matches!(status.as_str(), "403" | "404" | "409" | "422"))
            .map(String::as_str)
            .collect::<Vec<_>>()
    };
    for (method, path, wanted) in [
        ("GET", "/api/v1/me", vec!["403", "422"]),
        ("GET", "/api/v1/sessions", vec!["403", "422"]),
        ("POST", "/api/v1/sessions", vec!["403", "409", "422"]),
        ("GET", "/api/v1/sessions/{id}", vec!["403", "404"]),
        ("PATCH", "/api/v1/sessions/{id}", vec!["403", "404", "422"]),
        ("DELETE", "/api/v1/sessions/{id}", vec!["403", "404", "409"]),
        ("GET", "/api/v1/sessions/{id}/entries/{seq}/body", vec!["403", "404"]),
        ("POST", "/api/v1/sessions/{id}/stop", vec!["403", "404", "409", "422"]),
        ("PATCH", "/api/v1/projects/{id}", vec!["403", "404", "409", "422"]),
    ] {
        assert_eq!(refusals(method, path), wanted, "{method} {path}");
    }
}
