//! The live socket: access, messages, and closing.

use crate::bench::Bench;
use axum::body::Body;
use futures::{SinkExt, StreamExt};
use model::caller::{Caller, Role, Scope};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};
use tower::ServiceExt;

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Serves the bench's router on a port, because a router alone cannot upgrade.
pub async fn serve(bench: &Bench) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = bench.app.clone().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

pub async fn open(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/live").into_client_request().unwrap();
    request.headers_mut().insert("host", "127.0.0.1:3000".parse().unwrap());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

pub async fn signed_in(address: SocketAddr, token: &str) -> Socket {
    open(address, &[("authorization", &format!("Bearer {token}"))])
        .await
        .unwrap()
}

pub async fn say(socket: &mut Socket, says: Value) {
    socket.send(Message::text(says.to_string())).await.unwrap();
}

/// The next message, or `Err` with the close code.
pub async fn hear(socket: &mut Socket) -> Result<Value, u16> {
    loop {
        match tokio::time::timeout(Duration::from_secs(10), socket.next())
            .await
            .expect("something within 10 s")
        {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(1006),
        }
    }
}

/// Reads until `wanted` accepts a message.
pub async fn until(socket: &mut Socket, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let says = hear(socket).await.expect("the socket stays open");
        if wanted(&says) {
            return says;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_opens_a_socket_without_a_login_or_from_another_site() {
    let bench = Bench::new().await;
    let address = serve(&bench).await;
    let bearer = format!("Bearer {}", bench.token);
    assert_eq!(open(address, &[]).await.err(), Some(401));
    assert_eq!(
        open(address, &[("authorization", "Bearer owz_nonsense")]).await.err(),
        Some(401)
    );
    assert_eq!(
        open(address, &[("authorization", &bearer), ("origin", "http://evil.test")])
            .await
            .err(),
        Some(403)
    );
    assert_eq!(
        open(address, &[("authorization", &bearer), ("sec-fetch-site", "cross-site")])
            .await
            .err(),
        Some(403)
    );
    assert_eq!(
        open(address, &[("authorization", &bearer), ("host", "evil.test")])
            .await
            .err(),
        Some(421)
    );
    let metrics = format!("Bearer {}", bench.token_of("mara", Scope::Metrics).await);
    assert_eq!(open(address, &[("authorization", &metrics)]).await.err(), Some(403));
    assert!(open(address, &[("authorization", &bearer)]).await.is_ok());
    // Without an upgrade it is refused as well.
    assert_eq!(bench.get("/live").await.expect(426).error().1, "upgrade_required");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_as_they_change_and_a_later_socket_resumes_without_gap() {
    let bench = Bench::new().await;
    let address = serve(&bench).await;
    let mut socket = signed_in(address, &bench.token).await;
    let after = bench.test.journal.head().await;
    say(
        &mut socket,
        json!({"say": "follow", "topics": [{"topic": "node"}], "after": after}),
    )
    .await;
    until(&mut socket, |says| says["caught"].is_object()).await;
    let one = bench.project("one").await;
    let row = until(&mut socket, |says| says["row"].is_object()).await;
    assert_eq!(row["row"]["row"]["project"]["id"].as_str(), Some(one.as_str()));
    let caught = until(&mut socket, |says| says["caught"].is_object()).await;
    drop(socket);
    let two = bench.project("two").await;
    let mut socket = signed_in(address, &bench.token).await;
    say(
        &mut socket,
        json!({"say": "follow", "topics": [{"topic": "node"}], "after": caught["caught"]["pos"]}),
    )
    .await;
    let row = until(&mut socket, |says| says["row"].is_object()).await;
    assert_eq!(row["row"]["row"]["project"]["id"].as_str(), Some(two.as_str()));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_comes_back_hears_that_nothing_is_being_written() {
    let bench = Bench::new().await;
    let address = serve(&bench).await;
    let session = bench.session(&bench.project("one").await, "error").await;
    bench.until(&session, &["failed"]).await;
    // The agent may have been interrupted in the middle of a sentence.
    let mut socket = signed_in(address, &bench.token).await;
    let after = bench.test.journal.head().await;
    say(
        &mut socket,
        json!({"say": "follow", "topics": [{"topic": "session", "id": session}], "after": after}),
    )
    .await;
    let says = until(&mut socket, |says| says["partial"].is_object()).await;
    assert_eq!(
        (says["partial"]["session"].as_str(), says["partial"]["text"].as_str()),
        (Some(session.as_str()), Some(""))
    );
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_closes_within_a_second_of_its_token_and_at_once_when_the_node_stops() {
    let bench = Bench::new().await;
    let address = serve(&bench).await;
    bench.user("oskar", Role::Operator).await;
    let token = bench.token_of("oskar", Scope::Read).await;
    let mut theirs = signed_in(address, &token).await;
    let mut mine = signed_in(address, &bench.token).await;
    say(
        &mut theirs,
        json!({"say": "follow", "topics": [{"topic": "node"}], "after": 0}),
    )
    .await;
    until(&mut theirs, |says| says["caught"].is_object()).await;
    bench.revoke_tokens_of("oskar").await;
    let closed = tokio::time::timeout(Duration::from_secs(1), async {
        while hear(&mut theirs).await.is_ok() {}
    })
    .await;
    assert!(closed.is_ok(), "still open a second later");
    assert_eq!(
        open(address, &[("authorization", &format!("Bearer {token}"))])
            .await
            .err(),
        Some(401)
    );
    bench.state.stop.ask();
    assert_eq!(hear(&mut mine).await, Err(1012));
    bench.end().await;
}

/// The cookie of a person who has just signed in.
async fn cookie_of(bench: &Bench, name: &str) -> String {
    let form = format!("name={name}&password=correct+horse+battery");
    let request = http::Request::post("/auth/login").header("content-type", "application/x-www-form-urlencoded");
    let answer = bench.send(request.body(form.into()).unwrap()).await;
    answer.headers["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_socket_and_stream_end_within_a_second_of_what_they_rest_on() {
    let bench = Bench::new().await;
    let address = serve(&bench).await;
    let (accounts, cli) = (bench.state.accounts.clone(), Caller::cli());
    let cases = [
        ("role", "token"),
        ("role", "cookie"),
        ("disable", "token"),
        ("disable", "cookie"),
        ("remove", "token"),
        ("remove", "cookie"),
        ("password", "token"),
        ("password", "cookie"),
        ("revoke", "token"),
        ("logout", "cookie"),
        ("expire", "cookie"),
    ];
    for (n, (what, by)) in cases.into_iter().enumerate() {
        let name = format!("oskar{n}");
        bench.user(&name, Role::Operator).await;
        let proof = match by {
            "token" => (
                "authorization",
                format!("Bearer {}", bench.token_of(&name, Scope::Read).await),
            ),
            _ => ("cookie", cookie_of(&bench, &name).await),
        };
        // A browser's cookie counts only with a header that says where the request comes from.
        let knock = [(proof.0, proof.1.as_str()), ("sec-fetch-site", "same-origin")];
        let mut socket = open(address, &knock).await.unwrap();
        say(
            &mut socket,
            json!({"say": "follow", "topics": [{"topic": "node"}], "after": bench.test.journal.head().await}),
        )
        .await;
        until(&mut socket, |says| says["caught"].is_object()).await;
        let stream = http::Request::get("/api/v1/events")
            .header("accept", "text/event-stream")
            .header("host", "127.0.0.1:3000");
        let stream = bench
            .app
            .clone()
            .oneshot(stream.header(proof.0, &proof.1).body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(stream.status(), 200, "{what} by {by}");
        match what {
            "role" => drop(accounts.set_role(&cli, &name, Role::Viewer).await.unwrap()),
            "disable" => drop(accounts.set_disabled(&cli, &name, true).await.unwrap()),
            "remove" => accounts.remove_user(&cli, &name).await.unwrap(),
            "password" => accounts
                .set_password(&cli, &name, "another long password".into(), true)
                .await
                .unwrap(),
            "revoke" => bench.revoke_tokens_of(&name).await,
            "logout" => {
                let request = http::Request::post("/auth/logout")
                    .header("cookie", &proof.1)
                    .header("sec-fetch-site", "same-origin");
                assert_eq!(bench.send(request.body(Body::empty()).unwrap()).await.status, 303);
            }
            _ => {
                bench.test.clock.advance(node::accounts::IDLE_MS);
                bench.state.auth.sweep().await.unwrap();
            }
        }
        let closed = async {
            loop {
                if let Err(code) = hear(&mut socket).await {
                    return code;
                }
            }
        };
        let closed = tokio::time::timeout(Duration::from_secs(1), closed).await;
        assert_eq!(
            closed.unwrap_or_else(|_| panic!("{what} by {by}: the socket is open a second later")),
            4401,
            "{what} by {by}"
        );
        let over = tokio::time::timeout(
            Duration::from_secs(1),
            axum::body::to_bytes(stream.into_body(), 1 << 20),
        )
        .await;
        assert!(over.is_ok(), "{what} by {by}: the stream is open a second later");
        if what != "role" || by != "token" {
            assert_eq!(open(address, &knock).await.err(), Some(401), "{what} by {by}");
        }
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_too_large_or_too_much_closes_the_socket_and_nothing_else() {
    let bench = Bench::new().await;
    let address = serve(&bench).await;
    for (message, codes) in [
        (Message::text("hello"), [1008, 1008]),
        (Message::text("{\"say\":\"shout\"}"), [1008, 1008]),
        (Message::binary(vec![0; 10]), [1008, 1008]),
        (Message::text("x".repeat(100_000)), [1009, 1006]),
    ] {
        let mut socket = signed_in(address, &bench.token).await;
        let sent = socket.send(message).await;
        let heard = hear(&mut socket).await.map(|_| ());
        assert!(
            sent.is_err() || heard.is_err_and(|code| codes.contains(&code)),
            "{heard:?}"
        );
    }
    let mut socket = signed_in(address, &bench.token).await;
    for _ in 0..200 {
        if socket
            .send(Message::text(
                json!({"say": "follow", "topics": [], "after": 0}).to_string(),
            ))
            .await
            .is_err()
        {
            break;
        }
    }
    while hear(&mut socket).await.is_ok() {}
    bench.get("/api/v1/me").await.expect(200);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_counts_its_sessions_as_they_come_and_go() {
    let bench = Bench::new().await;
    let project = bench.project("counted").await;
    let address = serve(&bench).await;
    let mut socket = signed_in(address, &bench.token).await;
    let head = bench.node.journal().head().await;
    say(
        &mut socket,
        json!({"say": "follow", "topics": [{"topic": "node"}], "after": head}),
    )
    .await;
    let counts = |n: i64| {
        let project = project.clone();
        move |says: &Value| {
            let row = &says["row"]["row"]["project"];
            row["id"] == project.as_str() && row["sessions"] == n
        }
    };
    let session = bench.session(&project, "go").await;
    until(&mut socket, counts(1)).await;
    bench
        .ask("POST", &format!("/api/v1/sessions/{session}/stop"), None)
        .await
        .expect(200);
    bench.until(&session, &["done", "interrupted", "idle"]).await;
    bench
        .ask("DELETE", &format!("/api/v1/sessions/{session}"), None)
        .await
        .expect(204);
    until(&mut socket, counts(0)).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_was_never_given_costs_nothing_and_leads_to_a_reload() {
    let bench = Bench::new().await;
    for name in ["one", "two"] {
        bench.project(name).await;
    }
    let address = serve(&bench).await;
    let head = bench.test.journal.head().await;
    for after in [i64::MIN, -1, head + 1_000, i64::MAX] {
        let mut socket = signed_in(address, &bench.token).await;
        say(
            &mut socket,
            json!({"say": "follow", "topics": [{"topic": "node"}], "after": after}),
        )
        .await;
        assert_eq!(hear(&mut socket).await, Ok(json!("reload")), "{after}");
        let caught = until(&mut socket, |says| {
            says["caught"].is_object() || says["row"].is_object()
        })
        .await;
        assert!(
            caught["caught"]["pos"].as_i64().is_some_and(|pos| pos >= head),
            "{after}: {caught}"
        );
    }
    bench.end().await;
}
