//! No text or number in a request causes a 5xx, on either database.

use crate::{access, bench::Bench};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use server::table::Area;

/// Texts that nobody types.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\0",
        "a\0b",
        "%",
        "_",
        "\\",
        "'",
        "\"",
        "\u{fffe}\u{ffff}",
        "\u{202e}\u{200b}\u{1b}[2J",
        "\u{10ffff}",
        "../../etc/passwd",
        "-1",
    ]
    .map(str::to_owned)
    .into();
    texts.extend(["YQBi", "YQpi", "CgoK", "9223372036854775807", "-9223372036854775808"].map(str::to_owned));
    texts.push("x".repeat(60_000));
    texts.push("%_\\".repeat(20_000));
    texts
}

/// Copies of a value, each with one text or number replaced.
fn changed(value: &Value, with: &Value) -> Vec<Value> {
    match value {
        Value::Object(fields) => {
            let inside = fields.iter().flat_map(|(name, inner)| {
                changed(inner, with).into_iter().map(|inner| {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), inner);
                    Value::Object(fields)
                })
            });
            inside.collect()
        }
        Value::String(_) | Value::Number(_) => vec![with.clone()],
        _ => Vec::new(),
    }
}

fn values() -> Vec<Value> {
    let numbers = [
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(-1),
        json!(0),
        json!(1e300),
    ];
    texts().into_iter().map(Value::String).chain(numbers).collect()
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A person signed in with a browser, because much is closed to tokens.
struct Asker {
    bench: Bench,
    cookie: String,
    asked: usize,
}

impl Asker {
    async fn ask(&mut self, method: &str, path: &str, kind: &'static str, body: String) {
        let shown: String = body.chars().take(120).collect();
        let at: String = path.chars().take(200).collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("cookie", &self.cookie)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", kind);
        let answer = self.bench.send(request.body(Body::from(body)).unwrap()).await;
        self.asked += 1;
        assert!(
            answer.status.as_u16() < 500,
            "{method} {at} {shown:?}: {} {}",
            answer.status,
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_and_no_number_makes_the_node_fail() {
    let bench = Bench::new().await;
    let project = bench.project("one").await;
    let session = bench.session(&project, "error").await;
    bench.until(&session, &["failed"]).await;
    let sign_in = Request::post("/auth/login")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin");
    let answer = bench
        .send(
            sign_in
                .body(Body::from("name=mara&password=correct+horse+battery"))
                .unwrap(),
        )
        .await
        .expect(303);
    let cookie = answer.headers["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let mut asker = Asker {
        bench,
        cookie,
        asked: 0,
    };
    // Creating and changing calls use ids that do not exist, so that no agent has to run.
    let nothing = "01920000000070008000000000000001";
    let fill = |text: &str, reads: bool| {
        let (session, project) = if reads {
            (session.clone(), project.clone())
        } else {
            (format!("ses_{nothing}"), format!("prj_{nothing}"))
        };
        text.replace("$S", &session)
            .replace("$P", &project)
            .replace("$A", &format!("apr_{nothing}"))
    };
    let more = [
        (
            "POST",
            "/api/rpc/sessions/list",
            r#"{"filter":{"q":"a","tag":"b"},"page":{"after":"c","limit":5}}"#,
        ),
        ("POST", "/api/rpc/projects/list", r#"{"page":{"after":"c","limit":5}}"#),
        (
            "POST",
            "/api/rpc/session/raw",
            r#"{"id":"$S","page":{"after":"c","limit":5}}"#,
        ),
        ("POST", "/api/rpc/session/before", r#"{"id":"$S","before":5}"#),
    ];
    let makes = [
        "/create", "/prompt", "/demo", "/decide", "/drive", "/delete", "/update", "/restore",
    ];
    for (method, path, body) in access::calls().chain(more) {
        let reads = path.starts_with("/api/rpc/") && !makes.iter().any(|end| path.ends_with(end));
        // These start an agent or end the login.
        if path.ends_with("/demo") || path.starts_with("/auth/logout") {
            continue;
        }
        let at = path.replace(
            "{id}",
            &format!(
                "{}_{nothing}",
                if path.contains("/projects/") {
                    "prj"
                } else if path.contains("/approvals/") {
                    "apr"
                } else {
                    "ses"
                }
            ),
        );
        let body = fill(body, reads);
        if body.starts_with('{') {
            let good: Value = serde_json::from_str(&body).unwrap();
            for with in values() {
                for body in changed(&good, &with) {
                    asker.ask(method, &at, "application/json", body.to_string()).await;
                }
            }
        } else {
            let fields: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            for place in 0..fields.len() {
                for text in texts() {
                    let pairs = fields.iter().enumerate().map(|(at, (name, value))| {
                        format!("{name}={}", encoded(if at == place { &text } else { value }))
                    });
                    asker
                        .ask(
                            method,
                            &at,
                            "application/x-www-form-urlencoded",
                            pairs.collect::<Vec<_>>().join("&"),
                        )
                        .await;
                }
            }
        }
        for torn in [
            "{",
            "[[[[",
            "\"\\ud800\"",
            "{\"id\":\"\\udfff\"}",
            "%00=%00",
            "a=%ff%fe",
            &"[".repeat(200_000),
        ] {
            asker.ask(method, &at, "application/json", torn.to_owned()).await;
            asker
                .ask(method, &at, "application/x-www-form-urlencoded", torn.to_owned())
                .await;
        }
    }
    let names = [
        "q", "tag", "after", "limit", "state", "agent", "project", "session", "archived", "by", "days", "next", "token",
    ];
    for route in server::routes()
        .into_iter()
        .filter(|route| route.method == "GET" && route.area != Area::Socket)
    {
        // Rendering a page takes long, and server functions do the work with a parameter.
        let texts = texts()
            .into_iter()
            .filter(|text| text.len() < 50_000 && (route.area != Area::Page || text.contains(['\0', '%', '\u{ffff}'])));
        for text in texts {
            let text = encoded(&text);
            let at = route.path.replace("{id}", &session).replace("{seq}", "1");
            // A stream would not end; only its header is tried.
            for name in names {
                asker
                    .ask("GET", &format!("{at}?{name}={text}"), "text/plain", String::new())
                    .await;
            }
            if route.path.contains('{') && !text.is_empty() {
                let at = route
                    .path
                    .replace("{id}", &text.replace('+', "%20"))
                    .replace("{seq}", &text.replace('+', "%20"));
                asker.ask("GET", &at, "text/plain", String::new()).await;
            }
        }
    }
    assert!(asker.asked > 3_000, "only {} calls", asker.asked);
    asker.bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_character_nul_is_refused_by_name_wherever_a_text_comes_in() {
    let bench = Bench::new().await;
    for (path, kind, body, field) in [
        ("/api/rpc/palette/find", "application/json", r#"{"q":"a\u0000"}"#, "q"),
        (
            "/api/rpc/sessions/list",
            "application/json",
            r#"{"filter":{"tag":"\u0000"},"page":{}}"#,
            "filter.tag",
        ),
        (
            "/api/rpc/settings/rename-node",
            "application/x-www-form-urlencoded",
            "name=a%00b",
            "name",
        ),
        (
            "/api/v1/projects",
            "application/json",
            r#"{"path":"/tmp\u0000"}"#,
            "path",
        ),
    ] {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {}", bench.token))
            .header("content-type", kind);
        let answer = bench.send(request.body(Body::from(body)).unwrap()).await.expect(422);
        assert!(
            answer.text.contains(&format!("\"{field}\"")) && answer.text.contains("NUL"),
            "{path}: {}",
            answer.text
        );
    }
    // An escape that only looks like NUL is text like any other.
    let request = Request::post("/api/rpc/palette/find")
        .header("authorization", format!("Bearer {}", bench.token))
        .header("content-type", "application/json");
    bench
        .send(request.body(Body::from(r#"{"q":"a\\u0000"}"#)).unwrap())
        .await
        .expect(200);
    bench.get("/sessions?q=%00").await.expect(400);
    bench.end().await;
}
