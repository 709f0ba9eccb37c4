//! `Idempotency-Key`: a request takes effect once, however often and fast it is sent.

use crate::bench::{Answer, Bench};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

async fn post(bench: &Bench, key: &str, path: &str, body: &Value) -> Answer {
    let request = Request::post(path)
        .header("authorization", format!("Bearer {}", bench.token))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()));
    bench.send(request.unwrap()).await
}

async fn sessions(bench: &Bench) -> usize {
    bench.get("/api/v1/sessions").await.expect(200).json()["items"]
        .as_array()
        .unwrap()
        .len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_takes_effect_once_and_gets_the_first_answer() {
    let bench = Bench::new().await;
    let new = json!({"project": bench.project("shop").await, "agent": "demo", "mode": "ask", "prompt": "x"});
    let path = "/api/v1/sessions";
    let first = post(&bench, "k1", path, &new).await.expect(201);
    let second = post(&bench, "k1", path, &new).await.expect(201);
    assert_eq!(
        (&first.text, &first.headers["location"]),
        (&second.text, &second.headers["location"])
    );
    assert_eq!(second.headers["idempotency-replayed"], "true");
    assert!(!first.headers.contains_key("idempotency-replayed"));
    assert_eq!(sessions(&bench).await, 1);

    let mut other = new.clone();
    other["prompt"] = json!("y");
    let refused = post(&bench, "k1", path, &other).await.expect(422);
    assert_eq!(refused.error().0.as_deref(), Some("Idempotency-Key"));
    post(&bench, "k2", path, &other).await.expect(201);
    assert_eq!(sessions(&bench).await, 2);

    // A day later the key is free again.
    bench.test.clock.advance(25 * 60 * 60 * 1000);
    post(&bench, "k1", path, &other).await.expect(201);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_at_the_same_time_take_effect_once() {
    let bench = Bench::new().await;
    let new = json!({"project": bench.project("shop").await, "agent": "demo", "mode": "ask", "prompt": "x"});
    let answers = futures::future::join_all((0..16).map(|_| post(&bench, "same", "/api/v1/sessions", &new))).await;
    let first = answers[0].text.clone();
    for answer in answers {
        assert_eq!((answer.status.as_u16(), &answer.text), (201, &first));
    }
    assert_eq!(sessions(&bench).await, 1);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_remembered_and_a_bad_key_is_refused() {
    let bench = Bench::new().await;
    let folder = bench.folder.path().join("later");
    let new = json!({"path": folder});
    post(&bench, "k", "/api/v1/projects", &new).await.expect(422);
    std::fs::create_dir(&folder).unwrap();
    post(&bench, "k", "/api/v1/projects", &new).await.expect(201);
    for key in ["", " ", "a b", "ü", &"x".repeat(201)] {
        let answer = post(&bench, key, "/api/v1/projects", &new).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().0.as_deref()),
            (422, Some("Idempotency-Key")),
            "{key:?}"
        );
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_whose_time_is_over_are_swept_though_nobody_uses_a_key_again() {
    use sea_orm::{EntityTrait, PaginatorTrait};
    let bench = Bench::new().await;
    let new = json!({"project": bench.project("shop").await, "agent": "demo", "mode": "ask", "prompt": "x"});
    post(&bench, "old", "/api/v1/sessions", &new).await.expect(201);
    let kept = async || {
        node::entity::idempotency::Entity::find()
            .count(bench.test.store.read())
            .await
            .unwrap()
    };
    server::idempotency::sweep(&bench.test.journal).await.unwrap();
    assert_eq!(kept().await, 1);
    bench.test.clock.advance(25 * 3_600_000);
    server::idempotency::sweep(&bench.test.journal).await.unwrap();
    assert_eq!(kept().await, 0);
    bench.end().await;
}
