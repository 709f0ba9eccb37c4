//! The journal over REST: by page, and as a stream that resumes without gap or repeat.

use crate::bench::Bench;
use axum::body::Body;
use futures::StreamExt;
use http::Request;
use model::caller::{Caller, Role, Scope};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt;

/// An open stream of events.
struct Stream {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Stream {
    async fn open(bench: &Bench, token: &str, query: &str, last: Option<i64>) -> Self {
        let request = Request::get(format!("/api/v1/events{query}"))
            .header("host", "127.0.0.1:3000")
            .header("accept", "text/event-stream");
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = match last {
            Some(last) => request.header("last-event-id", last.to_string()),
            None => request,
        };
        let response = bench
            .app
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(!response.headers().contains_key("content-encoding"));
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// The next event, as id and data; `None` when the stream has ended.
    async fn next(&mut self) -> Option<(i64, Value)> {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    frame
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(str::to_owned)
                };
                let found = field("id: ").zip(field("data: "));
                let rest = rest.to_owned();
                self.text = rest;
                if let Some((id, data)) = found {
                    return Some((id.parse().unwrap(), serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(10), self.body.next())
                .await
                .expect("an event within 10 s")?
                .unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_events_are_gapless_and_in_order() {
    let bench = Bench::new().await;
    for name in ["a", "b", "c"] {
        bench.project(name).await;
    }
    let (mut after, mut seen) = ("0".to_owned(), Vec::new());
    loop {
        let page = bench
            .get(&format!("/api/v1/events?after={after}&limit=2"))
            .await
            .expect(200)
            .json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|event| {
            (
                event["pos"].as_i64().unwrap(),
                event["kind"].as_str().unwrap().to_owned(),
            )
        }));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0), "{seen:?}");
    assert_eq!(seen.iter().filter(|(_, kind)| kind == "project.added").count(), 3);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_as_things_happen_and_is_resumed_where_it_broke() {
    let bench = Bench::new().await;
    bench.project("before").await;
    let mut stream = Stream::open(&bench, &bench.token, "", None).await;
    let head = bench.test.journal.head().await;
    // The first events are the owner's account and token, which tokens do not get.
    let mut last = 2;
    while last < head {
        let (id, event) = stream.next().await.unwrap();
        assert_eq!((id, event["pos"].as_i64()), (last + 1, Some(id)));
        last = id;
    }
    bench.project("live").await;
    let (id, _) = stream.next().await.unwrap();
    assert_eq!(id, last + 1);
    drop(stream);
    bench.project("meanwhile").await;
    let mut stream = Stream::open(&bench, &bench.token, "?after=0", Some(id)).await;
    let (resumed, _) = stream.next().await.unwrap();
    assert_eq!(resumed, id + 1, "neither gap nor repeat");
    // When the node stops, the stream ends, so that the stop does not wait for it.
    bench.state.stop.ask();
    while stream.next().await.is_some() {}
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_token_it_rests_on() {
    let bench = Bench::new().await;
    bench.user("oskar", Role::Operator).await;
    let token = bench.token_of("oskar", Scope::Read).await;
    let head = bench.test.journal.head().await;
    let mut stream = Stream::open(&bench, &token, &format!("?after={head}"), None).await;
    bench.revoke_tokens_of("oskar").await;
    let ended = tokio::time::timeout(Duration::from_secs(1), stream.next()).await;
    assert_eq!(ended.expect("within a second"), None);
    bench.ask_as(&token, "GET", "/api/v1/events", None).await.expect(401);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_list_people_is_told_of_none_and_misses_nothing_else() {
    let bench = Bench::new().await;
    bench.project("before").await;
    bench.user("oskar", Role::Viewer).await;
    bench
        .state
        .accounts
        .set_role(&Caller::cli(), "oskar", Role::Operator)
        .await
        .unwrap();
    bench.project("after").await;
    let everything = bench
        .state
        .services
        .node
        .events(&Caller::cli(), 0, 200)
        .await
        .unwrap()
        .items;
    let told: Vec<i64> = everything
        .iter()
        .filter(|event| !["user.", "token."].iter().any(|about| event.kind.starts_with(about)))
        .map(|event| event.pos)
        .collect();
    assert_eq!(
        everything.len(),
        told.len() + 4,
        "an owner is told of two accounts, a token and a new role"
    );
    for token in [
        bench.token_of("oskar", Scope::Read).await,
        bench.token_of("mara", Scope::Read).await,
        bench.token.clone(),
    ] {
        // By page, also over pages on which the caller may see nothing.
        let (mut after, mut seen) = ("0".to_owned(), Vec::new());
        loop {
            let page = bench
                .ask_as(&token, "GET", &format!("/api/v1/events?after={after}&limit=1"), None)
                .await
                .expect(200);
            assert!(!page.text.contains("oskar"), "{}", page.text);
            let page = page.json();
            seen.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|event| event["pos"].as_i64().unwrap()),
            );
            match page["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, told);
        let mut stream = Stream::open(&bench, &token, "", None).await;
        for pos in &told {
            let (id, event) = stream.next().await.unwrap();
            assert_eq!((id, event["pos"].as_i64()), (*pos, Some(*pos)));
        }
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_session_of_another_is_in_nobody_elses_events() {
    let bench = Bench::new().await;
    bench.user("oskar", Role::Operator).await;
    let other = bench.token_of("oskar", Scope::Write).await;
    let project = bench.project("shop").await;
    let new = json!({"project": project, "agent": "demo", "mode": "ask", "prompt": "my secret plan", "visibility": "private"});
    let id = bench.post("/api/v1/sessions", new).await.expect(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mine = bench.get("/api/v1/events?limit=200").await.expect(200);
    assert!(mine.text.contains(&id));
    let theirs = bench
        .ask_as(&other, "GET", "/api/v1/events?limit=200", None)
        .await
        .expect(200);
    assert!(
        !theirs.text.contains(&id) && !theirs.text.contains("my secret plan"),
        "{}",
        theirs.text
    );
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_two_people_tell_each_what_is_theirs_as_rights_change() {
    let bench = Bench::new().await;
    bench.user("oskar", Role::Operator).await;
    let other = bench.token_of("oskar", Scope::Read).await;
    let session = bench.session(&bench.project("shop").await, "error").await;
    bench.until(&session, &["failed"]).await;
    let after = format!("?after={}", bench.test.journal.head().await);
    let (mut mine, mut theirs) = (
        Stream::open(&bench, &bench.token, &after, None).await,
        Stream::open(&bench, &other, &after, None).await,
    );
    let patch = async |change: Value| {
        drop(
            bench
                .ask("PATCH", &format!("/api/v1/sessions/{session}"), Some(change))
                .await
                .expect(200),
        );
    };
    patch(json!({"title": "for both"})).await;
    let (one, same) = (mine.next().await.unwrap(), theirs.next().await.unwrap());
    assert_eq!(one, same);
    assert_eq!(one.1["payload"]["title"].as_str(), Some("for both"));
    patch(json!({"visibility": "private", "title": "mine"})).await;
    patch(json!({"title": "mine alone"})).await;
    bench.project("for both").await;
    let heard = [
        mine.next().await.unwrap().0,
        mine.next().await.unwrap().0,
        mine.next().await.unwrap().0,
    ];
    assert_eq!(heard, [one.0 + 1, one.0 + 2, one.0 + 3]);
    let (pos, event) = theirs.next().await.unwrap();
    assert_eq!(
        (pos, event["kind"].as_str()),
        (one.0 + 3, Some("project.added")),
        "nothing of what is private now"
    );
    patch(json!({"visibility": "project"})).await;
    assert_eq!(
        (mine.next().await.unwrap().0, theirs.next().await.unwrap().0),
        (one.0 + 4, one.0 + 4)
    );
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_this_version_cannot_read_is_told_only_where_its_session_may_be_seen() {
    let bench = Bench::new().await;
    bench.user("oskar", Role::Operator).await;
    let other = bench.token_of("oskar", Scope::Write).await;
    let project = bench.project("shop").await;
    let before = bench.test.journal.head().await;
    let mut ids = Vec::new();
    for visibility in ["private", "project"] {
        let new =
            json!({"project": project, "agent": "demo", "mode": "ask", "prompt": "error", "visibility": visibility});
        let id = bench.post("/api/v1/sessions", new).await.expect(201).json()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        bench.until(&id, &["failed"]).await;
        ids.push(id);
    }
    // As a newer version would write them: once with unknown kinds, once about unknown subjects.
    let database = bench.test.place.connect().await;
    let told = async |token: &str| {
        bench
            .ask_as(token, "GET", &format!("/api/v1/events?after={before}&limit=200"), None)
            .await
            .expect(200)
            .text
    };
    database
        .execute_unprepared(&format!(
            "UPDATE event SET kind = 'future.' || kind WHERE pos > {before}"
        ))
        .await
        .unwrap();
    let theirs = told(&other).await;
    assert!(!theirs.contains(&ids[0]), "another's private session: {theirs}");
    assert!(theirs.contains(&ids[1]), "what both may see: {theirs}");
    let mine = told(&bench.token).await;
    assert!(ids.iter().all(|id| mine.contains(id)), "{mine}");
    database
        .execute_unprepared(&format!("UPDATE event SET session = NULL WHERE pos > {before}"))
        .await
        .unwrap();
    assert!(!told(&other).await.contains("future."), "nothing says whose it is");
    database.close().await.unwrap();
    bench.end().await;
}
