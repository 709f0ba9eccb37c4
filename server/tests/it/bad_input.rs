//! Bad input for every endpoint: a 4xx with the field and a sentence, and nothing written.

use crate::bench::Bench;
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

const NO_SESSION: &str = "ses_01920000000070008000000000000001";

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bodies_name_their_field_and_write_nothing() {
    let bench = Bench::new().await;
    let project = bench.project("one").await;
    let before = bench.test.journal.head().await;
    let session = |more: Value| {
        let mut body = json!({"project": project, "agent": "demo", "mode": "ask", "prompt": "x"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let there = format!("/api/v1/projects/{project}");
    let cases: Vec<(&str, &str, Value, u16, &str)> = vec![
        ("POST", "/api/v1/projects", json!({}), 422, "path"),
        ("POST", "/api/v1/projects", json!({"path": 3}), 422, "path"),
        (
            "POST",
            "/api/v1/projects",
            json!({"path": "/no/such/folder"}),
            422,
            "path",
        ),
        ("POST", "/api/v1/projects", json!({"path": "/tmp\u{0}"}), 422, "path"),
        (
            "POST",
            "/api/v1/projects",
            json!({"path": "/tmp", "trust": true}),
            422,
            "trust",
        ),
        ("PATCH", &there, json!({"name": ""}), 422, "name"),
        ("PATCH", &there, json!({"name": "x".repeat(101)}), 422, "name"),
        (
            "PATCH",
            &there,
            json!({"approval_timeout_s": "soon"}),
            422,
            "approval_timeout_s",
        ),
        (
            "PATCH",
            &there,
            json!({"approval_timeout_s": 5}),
            422,
            "approval_timeout_s",
        ),
        ("POST", "/api/v1/sessions", json!([]), 422, ""),
        (
            "POST",
            "/api/v1/sessions",
            session(json!({"project": "prj_x"})),
            422,
            "project",
        ),
        (
            "POST",
            "/api/v1/sessions",
            session(json!({"agent": "robot"})),
            422,
            "agent",
        ),
        (
            "POST",
            "/api/v1/sessions",
            session(json!({"mode": "bypass"})),
            422,
            "mode",
        ),
        (
            "POST",
            "/api/v1/sessions",
            session(json!({"prompt": ""})),
            422,
            "prompt",
        ),
        (
            "POST",
            "/api/v1/sessions",
            session(json!({"prompt": "x".repeat(100_001)})),
            422,
            "prompt",
        ),
        (
            "POST",
            "/api/v1/sessions",
            session(json!({"prompt": "a\u{0}b"})),
            422,
            "prompt",
        ),
        (
            "POST",
            "/api/v1/sessions",
            session(json!({"visibility": "world"})),
            422,
            "visibility",
        ),
        (
            "POST",
            "/api/v1/sessions",
            session(json!({"owner": "me"})),
            422,
            "owner",
        ),
        (
            "POST",
            "/api/v1/sessions",
            session(json!({"title": "x".repeat(201)})),
            422,
            "title",
        ),
    ];
    for (method, path, body, status, field) in cases {
        let answer = bench.ask(method, path, Some(body.clone())).await;
        let shown: String = body.to_string().chars().take(120).collect();
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{method} {path} {shown}: {}",
            answer.text
        );
        assert_eq!(
            answer.error().0.unwrap_or_default(),
            field,
            "{method} {path} {shown}: {}",
            answer.text
        );
    }
    assert_eq!(
        bench.test.journal.head().await,
        before,
        "a refused request wrote something"
    );
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_parameters_name_themselves() {
    let bench = Bench::new().await;
    for (path, field) in [
        ("/api/v1/projects?limit=0", "limit"),
        ("/api/v1/projects?limit=201", "limit"),
        ("/api/v1/projects?limit=ten", "limit"),
        ("/api/v1/projects?offset=10", "offset"),
        ("/api/v1/projects?after=%00", "after"),
        ("/api/v1/projects?after=%ff%fe", "after"),
        ("/api/v1/projects?after=nonsense", "after"),
        ("/api/v1/sessions?after=nonsense", "after"),
        ("/api/v1/approvals?after=nonsense", "after"),
        ("/api/v1/sessions?state=busy", "state"),
        ("/api/v1/sessions?agent=robot", "agent"),
        (
            "/api/v1/sessions?project=ses_01920000000070008000000000000001",
            "project",
        ),
        ("/api/v1/sessions?archived=maybe", "archived"),
        ("/api/v1/sessions?q=a&q=b", "q"),
        ("/api/v1/approvals?state=open", "state"),
        ("/api/v1/approvals?session=x", "session"),
        ("/api/v1/events?after=-1", "after"),
        ("/api/v1/events?after=x", "after"),
        ("/api/v1/events?limit=1000", "limit"),
        ("/api/v1/usage?by=week", "by"),
        ("/api/v1/usage?days=0", "days"),
        ("/api/v1/usage?days=367", "days"),
        ("/api/v1/me?verbose=1", "verbose"),
    ] {
        let answer = bench.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().0.as_deref()),
            (422, Some(field)),
            "{path}: {}",
            answer.text
        );
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_understood_has_the_same_shape() {
    let bench = Bench::new().await;
    let session = format!("/api/v1/sessions/{NO_SESSION}");
    for (method, path, body, status, code) in [
        ("GET", "/api/v1/nothing".to_owned(), None, 404, "not_found"),
        ("GET", "/api/nothing".to_owned(), None, 404, "not_found"),
        (
            "PUT",
            "/api/v1/me".to_owned(),
            Some(json!({})),
            405,
            "method_not_allowed",
        ),
        ("DELETE", "/api/v1/events".to_owned(), None, 405, "method_not_allowed"),
        ("GET", session.clone(), None, 404, "not_found"),
        ("GET", "/api/v1/sessions/x".to_owned(), None, 404, "not_found"),
        ("GET", "/api/v1/sessions/%ff".to_owned(), None, 404, "not_found"),
        (
            "GET",
            "/api/v1/projects/prj_01920000000070008000000000000001".to_owned(),
            None,
            404,
            "not_found",
        ),
        ("PATCH", session.clone(), Some(json!({"title": "x"})), 404, "not_found"),
        ("DELETE", session.clone(), None, 404, "not_found"),
        ("GET", format!("{session}/entries"), None, 404, "not_found"),
        ("GET", format!("{session}/entries/1/body"), None, 404, "not_found"),
        ("GET", format!("{session}/entries/one/body"), None, 404, "not_found"),
        (
            "POST",
            format!("{session}/prompts"),
            Some(json!({"text": "x"})),
            404,
            "not_found",
        ),
        (
            "POST",
            format!("{session}/mode"),
            Some(json!({"mode": "ask"})),
            404,
            "not_found",
        ),
        ("POST", format!("{session}/interrupt"), None, 404, "not_found"),
        ("POST", format!("{session}/stop"), None, 404, "not_found"),
        ("POST", format!("{session}/send-again"), None, 404, "not_found"),
        ("POST", format!("{session}/resume"), None, 404, "not_found"),
        ("POST", format!("{session}/fork"), None, 404, "not_found"),
        (
            "POST",
            format!("{session}/interrupt"),
            Some(json!({"now": true})),
            422,
            "invalid",
        ),
        (
            "POST",
            "/api/v1/approvals/apr_01920000000070008000000000000001".to_owned(),
            Some(json!({"decision": "allow"})),
            404,
            "not_found",
        ),
    ] {
        let answer = bench.ask(method, &path, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().1.as_str()),
            (status, code),
            "{method} {path}: {}",
            answer.text
        );
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_is_refused_with_a_sentence() {
    let bench = Bench::new().await;
    let post = |kind: Option<&'static str>, body: Vec<u8>| {
        let request = Request::post("/api/v1/projects").header("authorization", format!("Bearer {}", bench.token));
        let request = match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        };
        bench.send(request.body(Body::from(body)).unwrap())
    };
    let json = Some("application/json");
    for (kind, body, status, code) in [
        (None, b"{}".to_vec(), 415, "unsupported_media_type"),
        (Some("text/plain"), b"{}".to_vec(), 415, "unsupported_media_type"),
        (json, Vec::new(), 400, "malformed"),
        (json, b"{\"path\":".to_vec(), 400, "malformed"),
        (json, b"{\"path\":\"\xff\xfe\"}".to_vec(), 400, "malformed"),
        (json, vec![b'['; 10_000], 400, "malformed"),
        (json, vec![b' '; 2 * 1024 * 1024], 413, "too_large"),
    ] {
        let size = body.len();
        let answer = post(kind, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().1.as_str()),
            (status, code),
            "{kind:?}, {size} bytes: {}",
            answer.text
        );
    }
    // A body without a declared length is cut off all the same.
    let chunks = futures::stream::iter((0..64).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024])));
    let request = Request::post("/api/v1/projects")
        .header("authorization", format!("Bearer {}", bench.token))
        .header("content-type", "application/json");
    let answer = bench.send(request.body(Body::from_stream(chunks)).unwrap()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.error().1.as_str()),
        (413, "too_large"),
        "{}",
        answer.text
    );
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_in_particular_gets_nothing() {
    let bench = Bench::new().await;
    for route in server::routes()
        .into_iter()
        .filter(|route| route.area == server::table::Area::Rest)
    {
        let path = route.path.replace("{id}", NO_SESSION).replace("{seq}", "1");
        let request = Request::builder()
            .method(route.method.as_str())
            .uri(&path)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/json");
        let answer = bench.send(request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().1.as_str()),
            (401, "unauthenticated"),
            "{} {path}: {}",
            route.method,
            answer.text
        );
        assert!(
            answer.headers.contains_key("www-authenticate"),
            "{} {path}",
            route.method
        );
    }
    bench.end().await;
}
