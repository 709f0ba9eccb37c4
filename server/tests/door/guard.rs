//! The guard: which requests pass, and which headers every answer has. The tests of the routes show that the guard
//! covers all of them.

use crate::bench::Door;
use axum::body::Body;
use http::{Request, StatusCode};
use model::Caller;

async fn ask(door: &Door, method: &str, path: &str, headers: &[(&str, &str)]) -> crate::bench::Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    door.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_name_that_was_pointed_here_is_not_this_node() {
    let door = Door::new(&[("allowed_hosts", "node.lan")]).await;
    for (host, status) in [
        ("127.0.0.1:3000", 200),
        ("localhost:9999", 200),
        ("[::1]:3000", 200),
        ("node.lan", 200),
        ("evil.test", 421),
        ("evil.test:3000", 421),
        ("", 421),
    ] {
        let answer = ask(&door, "GET", "/who", &[("host", host)]).await;
        assert_eq!(answer.status.as_u16(), status, "{host}");
    }
    let both = Request::get("http://evil.test/who")
        .header("host", "localhost")
        .body(Body::empty())
        .unwrap();
    assert_eq!(door.send(both).await.status, StatusCode::MISDIRECTED_REQUEST);
    let mut twice = Request::get("/who")
        .header("host", "localhost")
        .body(Body::empty())
        .unwrap();
    twice.headers_mut().append("host", "evil.test".parse().unwrap());
    assert_eq!(door.send(twice).await.status, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn what_another_site_sends_is_refused() {
    let door = Door::new(&[]).await;
    let mara = door.signed_in("mara").await;
    let cookie = format!("{}={}", door.cookie(), mara.cookies[&door.cookie()]);
    let socket = [("upgrade", "websocket"), ("connection", "upgrade")];
    for (extra, status) in [
        (&[("sec-fetch-site", "same-origin")][..], 200),
        (&[("origin", "http://127.0.0.1:3000")], 200),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("sec-fetch-site", "none")], 403),
        (&[("origin", "http://evil.test")], 403),
        (&[("origin", "http://127.0.0.1:8080")], 403),
        (&[("origin", "null")], 403),
        (&[], 401),
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let headers: Vec<_> = extra.iter().copied().chain([("cookie", cookie.as_str())]).collect();
            assert_eq!(
                ask(&door, method, "/who", &headers).await.status.as_u16(),
                status,
                "{method} {extra:?}"
            );
        }
        let headers: Vec<_> = extra
            .iter()
            .copied()
            .chain([("cookie", cookie.as_str())])
            .chain(socket)
            .collect();
        assert_eq!(
            ask(&door, "GET", "/who", &headers).await.status.as_u16(),
            status,
            "socket {extra:?}"
        );
    }
    // Links from other sites work, since they only read.
    assert_eq!(
        ask(
            &door,
            "GET",
            "/who",
            &[("sec-fetch-site", "cross-site"), ("cookie", &cookie)]
        )
        .await
        .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn server_functions_take_only_what_their_decoders_read() {
    let door = Door::new(&[]).await;
    for (kind, refused) in [
        ("application/json", false),
        ("application/x-www-form-urlencoded; charset=utf-8", false),
        ("text/plain", true),
        ("multipart/form-data; boundary=x", true),
        ("", true),
    ] {
        let answer = ask(
            &door,
            "POST",
            "/api/rpc/anything",
            &[("sec-fetch-site", "same-origin"), ("content-type", kind)],
        )
        .await;
        assert_eq!(
            answer.status == StatusCode::UNSUPPORTED_MEDIA_TYPE,
            refused,
            "{kind}: {}",
            answer.status
        );
    }
}

#[tokio::test]
async fn the_local_socket_needs_no_browsers_word() {
    let door = Door::new(&[]).await;
    let mut request = Request::post("/who")
        .header("host", "anything")
        .body(Body::empty())
        .unwrap();
    request.extensions_mut().insert(Caller::cli());
    let answer = door.send(request).await;
    assert_eq!(
        (answer.status, answer.json()["name"].as_str()),
        (StatusCode::OK, Some("cli"))
    );
}

#[tokio::test]
async fn every_answer_carries_the_headers_even_a_refusal() {
    let door = Door::new(&[
        ("public_url", "https://orch.example.org"),
        ("github.client_id", "x"),
        ("github.client_secret", "y"),
    ])
    .await;
    let mut nonces = std::collections::BTreeSet::new();
    for (path, host) in [("/who", "localhost"), ("/nothing", "localhost"), ("/who", "evil.test")] {
        let answer = ask(&door, "GET", path, &[("host", host)]).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{name} of {path} at {host}");
        }
        assert!(answer.header("permissions-policy").contains("camera=()"));
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "object-src 'none'",
            "form-action 'self' https://github.com",
            "connect-src 'self'",
        ] {
            assert!(policy.contains(part), "{part}: {policy}");
        }
        assert!(
            !policy.contains("'unsafe-eval'")
                && !policy.contains("script-src 'unsafe-inline'")
                && !policy.contains('*'),
            "{policy}"
        );
        nonces.insert(
            policy
                .split("'nonce-")
                .nth(1)
                .unwrap()
                .split('\'')
                .next()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(nonces.len(), 3, "a nonce is for one answer");
    let plain = Door::new(&[]).await;
    assert_eq!(
        ask(&plain, "GET", "/who", &[])
            .await
            .header("strict-transport-security"),
        ""
    );
}

#[tokio::test]
async fn a_file_loads_runs_and_frames_nothing() {
    let answer = ask(&Door::new(&[]).await, "GET", "/picture.svg", &[]).await;
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
    let policy = answer.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "sandbox",
    ] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("nonce"), "{policy}");
}
