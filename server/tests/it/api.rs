//! REST on its happy path: every endpoint of the table in `/api/openapi.json`, with the demo agent behind it.

use crate::bench::Bench;
use model::caller::{Role, Scope};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn projects_are_added_found_listed_changed_and_forgotten() {
    let bench = Bench::new().await;
    let path = bench.folder.path().join("shop");
    std::fs::create_dir(&path).unwrap();
    let created = bench
        .post(
            "/api/v1/projects",
            json!({"path": path, "name": "Shop", "trusted": true}),
        )
        .await
        .expect(201);
    let project = created.json();
    let id = project["id"].as_str().unwrap().to_owned();
    assert_eq!(created.headers["location"], format!("/api/v1/projects/{id}"));
    assert_eq!(
        (project["name"].as_str(), project["trusted"].as_bool()),
        (Some("Shop"), Some(true))
    );

    let there = format!("/api/v1/projects/{id}");
    assert_eq!(bench.get(&there).await.expect(200).json()["path"], project["path"]);
    let changed = bench
        .ask(
            "PATCH",
            &there,
            Some(json!({"name": "Store", "approval_timeout_s": 60})),
        )
        .await
        .expect(200)
        .json();
    assert_eq!(
        (changed["name"].as_str(), changed["approval_timeout_s"].as_i64()),
        (Some("Store"), Some(60))
    );
    let list = bench.get("/api/v1/projects").await.expect(200).json();
    assert_eq!(
        (list["items"][0]["id"].as_str(), &list["next"]),
        (Some(id.as_str()), &Value::Null)
    );
    assert_eq!(bench.ask("DELETE", &there, None).await.expect(204).text, "");
    bench.get(&there).await.expect(404);
    assert!(path.exists(), "the folder is untouched");
    bench.end().await;
}

/// Sends the form for a new session, as the page does.
async fn fill_in(bench: &Bench, fields: &[(&str, &str)]) -> crate::bench::Answer {
    let encode = |text: &str| {
        text.bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect::<Vec<_>>()
            .concat()
    };
    let body = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect::<Vec<_>>()
        .join("&");
    let request = http::Request::post("/api/rpc/sessions/create")
        .header("authorization", format!("Bearer {}", bench.token))
        .header("content-type", "application/x-www-form-urlencoded");
    bench.send(request.body(axum::body::Body::from(body)).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_for_a_session_adds_a_folder_only_for_one_that_can_start_and_once() {
    let bench = Bench::new().await;
    let shop = bench.project("shop").await;
    let folder = bench.folder.path().join("new");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.to_str().unwrap();
    let projects = async || {
        bench.get("/api/v1/projects").await.expect(200).json()["items"]
            .as_array()
            .unwrap()
            .len()
    };
    let common = [("agent", "demo"), ("mode", "ask")];

    // Errors of the session come before the folder is added, so that the next try finds it free.
    for wrong in [("prompt", ""), ("title", "two\nlines"), ("model", "--no")] {
        let mut fields = vec![("project", "new"), ("folder", path), ("prompt", "go")];
        fields.retain(|(name, _)| *name != wrong.0);
        fields.push(wrong);
        fields.extend(common);
        let answer = fill_in(&bench, &fields).await.expect(422);
        assert!(answer.text.contains(wrong.0), "{}", answer.text);
        assert_eq!(projects().await, 1, "{wrong:?} added the folder");
    }
    let fill = async |project: &str, path: &str| {
        let mut fields = vec![("project", project), ("folder", path), ("prompt", "go")];
        fields.extend(common);
        fill_in(&bench, &fields).await.expect(200).json()
    };
    let first = fill("new", path).await;
    assert_eq!(projects().await, 2);
    // Another path to the same folder gives the existing project.
    let again = fill("new", &format!("{path}/../new/")).await;
    assert_eq!(
        (again["project"].as_str(), projects().await),
        (first["project"].as_str(), 2)
    );
    // The same over REST, in one request.
    let new = |place: Value| {
        let mut new = json!({"agent": "demo", "mode": "ask", "prompt": "go"});
        new.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        new
    };
    let other = bench.folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let by_folder = bench
        .post("/api/v1/sessions", new(json!({"folder": other})))
        .await
        .expect(201)
        .json();
    assert_eq!(
        (by_folder["project_name"].as_str(), projects().await),
        (Some("other"), 3)
    );
    for (place, field) in [
        (json!({}), "project"),
        (json!({"project": shop, "folder": other}), "project"),
        (json!({"folder": "/no/such"}), "folder"),
    ] {
        let refused = bench.post("/api/v1/sessions", new(place)).await.expect(422);
        assert!(refused.text.contains(&format!("\"{field}\"")), "{}", refused.text);
    }
    // A chosen project wins over the hidden field.
    let chosen = fill(&shop, "/no/such/folder").await;
    assert_eq!((chosen["project"].as_str(), projects().await), (Some(shop.as_str()), 3));
    for session in [&first, &again, &by_folder, &chosen] {
        bench
            .ask(
                "POST",
                &format!("/api/v1/sessions/{}/stop", session["id"].as_str().unwrap()),
                None,
            )
            .await;
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_calls_takes_its_fields_and_json_alike() {
    let bench = Bench::new().await;
    let shop = bench.project("shop").await;
    let fields = [
        ("project", shop.as_str()),
        ("agent", "demo"),
        ("mode", "ask"),
        ("prompt", "go"),
    ];
    let filled = fill_in(&bench, &fields).await.expect(200).json();
    let mut wanted: serde_json::Value = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), serde_json::Value::from(*value)))
        .collect();
    let called = bench
        .ask("POST", "/api/rpc/sessions/create", Some(wanted.clone()))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&called["project"], &called["agent"], &called["mode"]),
        (&filled["project"], &filled["agent"], &filled["mode"])
    );
    for session in [&filled, &called] {
        bench
            .ask(
                "POST",
                &format!("/api/v1/sessions/{}/stop", session["id"].as_str().unwrap()),
                None,
            )
            .await;
    }
    // Malformed input is refused in the same way.
    wanted["prompt"] = 7.into();
    bench
        .ask("POST", "/api/rpc/sessions/create", Some(wanted))
        .await
        .expect(422);
    fill_in(&bench, &fields[1..]).await.expect(422);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_sessions_carries_the_position_it_was_read_at() {
    let bench = Bench::new().await;
    let project = bench.project("shop").await;
    bench.session(&project, "go").await;
    let before = bench.node.journal().head().await;
    let list = bench
        .post("/api/rpc/sessions/list", json!({"filter": {}, "page": {}}))
        .await
        .expect(200)
        .json();
    assert!(
        before > 0 && list["pos"].as_i64().is_some_and(|pos| pos >= before),
        "{list}"
    );
    assert_eq!(list["page"]["items"].as_array().map(Vec::len), Some(1));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_started_watched_decided_driven_and_deleted() {
    let bench = Bench::new().await;
    let project = bench.project("shop").await;
    let new =
        json!({"project": project, "agent": "demo", "mode": "ask", "prompt": "change something", "title": "First"});
    let created = bench.post("/api/v1/sessions", new).await.expect(201);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(created.headers["location"], format!("/api/v1/sessions/{id}"));
    for field in [
        "title",
        "project",
        "agent",
        "mode",
        "state",
        "state_since",
        "owner",
        "visibility",
        "tags",
        "usage",
        "started",
        "updated",
    ] {
        assert!(!created.json()[field].is_null(), "{field} is missing: {}", created.text);
    }
    let there = format!("/api/v1/sessions/{id}");

    bench.until(&id, &["waiting"]).await;
    let pending = bench.get("/api/v1/approvals?state=pending").await.expect(200).json();
    let approval = &pending["items"][0];
    assert_eq!(approval["session"], json!(id));
    assert!(
        approval["input"].is_object() && approval["tool"].is_string(),
        "{approval}"
    );
    // Its class, and where its input holds the command.
    assert_eq!(approval["class"], "shell", "{approval}");
    let command = approval["parts"]["command"]
        .as_str()
        .and_then(|pointer| approval["input"].pointer(pointer));
    assert!(
        command.is_some_and(|command| command.as_str().is_some_and(|command| command.contains("wc"))),
        "{approval}"
    );
    // A token started it, so it has the limit of unattended sessions. It also names its directory.
    assert_eq!(approval["limit"], "unattended", "{approval}");
    assert!(
        approval["directory"]
            .as_str()
            .is_some_and(|path| path.ends_with("/shop")),
        "{approval}"
    );
    bench.ask("DELETE", &there, None).await.expect(409);
    let decided = bench
        .post(
            &format!("/api/v1/approvals/{}", approval["id"].as_str().unwrap()),
            json!({"decision": "allow"}),
        )
        .await
        .expect(200)
        .json();
    assert_eq!(
        (decided["state"].as_str(), decided["decided"]["by_name"].as_str()),
        (Some("allowed"), Some("mara"))
    );
    let again = bench
        .post(
            &format!("/api/v1/approvals/{}", approval["id"].as_str().unwrap()),
            json!({"decision": "deny"}),
        )
        .await
        .expect(409);
    assert_eq!(again.error().1, "already_decided");
    assert_eq!(again.json()["error"]["decision"]["decision"], "allow");
    assert_eq!(
        bench
            .get(&format!("/api/v1/approvals/{}", approval["id"].as_str().unwrap()))
            .await
            .expect(200)
            .json()["state"],
        "allowed"
    );

    let entries = bench.get(&format!("{there}/entries?limit=2")).await.expect(200).json();
    assert_eq!(
        (
            entries["items"].as_array().unwrap().len(),
            entries["items"][0]["seq"].as_i64()
        ),
        (2, Some(1))
    );
    let next = entries["next"].as_str().expect("there is more");
    let more = bench
        .get(&format!("{there}/entries?after={next}"))
        .await
        .expect(200)
        .json();
    assert_eq!(more["items"][0]["seq"], 3);
    bench.get(&format!("{there}/entries/1/body")).await.expect(200);
    bench.get(&format!("{there}/entries/100000/body")).await.expect(404);

    let patched = bench
        .ask("PATCH", &there, Some(json!({"title": "Renamed", "tags": ["a", "b"]})))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (patched["title"].as_str(), patched["tags"].clone()),
        (Some("Renamed"), json!(["a", "b"]))
    );
    assert_eq!(
        bench
            .post(&format!("{there}/mode"), json!({"mode": "auto-accept"}))
            .await
            .expect(200)
            .json()["mode"],
        "auto-accept"
    );
    let prompt = bench
        .post(&format!("{there}/prompts"), json!({"text": "go on"}))
        .await
        .expect(201)
        .json();
    assert_eq!(prompt["text"], "go on");
    bench.ask("POST", &format!("{there}/stop"), None).await.expect(200);
    bench.until(&id, &["done", "interrupted", "idle"]).await;
    let fork = bench.ask("POST", &format!("{there}/fork"), None).await;
    assert!([201, 409].contains(&fork.status.as_u16()), "{}", fork.text);
    if fork.status.as_u16() == 201 {
        let fork = fork.json();
        assert_eq!(fork["forked_from"], json!(id));
        bench
            .ask(
                "POST",
                &format!("/api/v1/sessions/{}/stop", fork["id"].as_str().unwrap()),
                None,
            )
            .await;
    }
    bench.ask("DELETE", &there, None).await.expect(204);
    bench.get(&there).await.expect(404);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_by_state_project_agent_and_words_page_by_page() {
    let bench = Bench::new().await;
    let (one, two) = (bench.project("one").await, bench.project("two").await);
    bench.test.clock.advance(60_000);
    for (project, title) in [(&one, "Fix the parser"), (&one, "Write tests"), (&two, "Fix the docs")] {
        bench
            .post(
                "/api/v1/sessions",
                json!({"project": project, "agent": "demo", "mode": "ask", "prompt": "x", "title": title}),
            )
            .await
            .expect(201);
    }
    let titles = async |query: &str| -> Vec<String> {
        let list = bench.get(&format!("/api/v1/sessions?{query}")).await.expect(200).json();
        let mut titles: Vec<String> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["title"].as_str().unwrap().to_owned())
            .collect();
        titles.sort();
        titles
    };
    assert_eq!(titles("q=FIX").await, ["Fix the docs", "Fix the parser"]);
    assert_eq!(
        titles(&format!("project={one}")).await,
        ["Fix the parser", "Write tests"]
    );
    assert_eq!(titles("agent=claude").await, Vec::<String>::new());
    assert_eq!(titles("state=failed,unknown").await, Vec::<String>::new());
    assert_eq!(titles("agent=demo").await.len(), 3);

    // A project is as fresh as its newest activity.
    let newest = bench
        .get(&format!("/api/v1/sessions?project={two}"))
        .await
        .expect(200)
        .json()["items"][0]["updated"]
        .clone();
    let told = bench.get(&format!("/api/v1/projects/{two}")).await.expect(200).json();
    assert!(
        told["updated"].as_i64() >= newest.as_i64() && newest.as_i64() > told["added"].as_i64(),
        "{told} {newest}"
    );
    let listed = bench.get("/api/v1/projects").await.expect(200).json()["items"]
        .as_array()
        .unwrap()
        .clone();
    assert!(
        listed
            .iter()
            .all(|project| project["updated"].as_i64() > project["added"].as_i64()),
        "{listed:?}"
    );

    // All rows show the new name once the answer does, though they have not changed themselves.
    let names = async || {
        let list = bench.get("/api/v1/sessions").await.expect(200).json();
        let mut names: Vec<_> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["project_name"].clone(), row["owner_name"].clone()))
            .collect();
        names.sort_by_key(|names| names.0.to_string());
        names
    };
    let said = |projects: [&str; 3]| projects.map(|name| (json!(name), json!("mara"))).to_vec();
    assert_eq!(names().await, said(["one", "one", "two"]));
    bench
        .ask(
            "PATCH",
            &format!("/api/v1/projects/{one}"),
            Some(json!({"name": "uno"})),
        )
        .await
        .expect(200);
    assert_eq!(names().await, said(["two", "uno", "uno"]));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_am_i_usage_and_the_document_answer() {
    let bench = Bench::new().await;
    let me = bench.get("/api/v1/me").await.expect(200).json();
    assert_eq!(
        (me["name"].as_str(), me["role"].as_str(), me["scope"].as_str()),
        (Some("mara"), Some("owner"), Some("write"))
    );
    for by in ["day", "project", "model"] {
        let usage = bench.get(&format!("/api/v1/usage?by={by}")).await.expect(200).json();
        assert!(usage["items"].is_array() && usage["next"].is_null(), "{usage}");
    }
    let document = bench.get("/api/openapi.json").await.expect(200).json();
    assert!(document["paths"]["/api/v1/sessions/{id}/entries/{seq}/body"]["get"].is_object());
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_and_a_scope_bound_what_may_be_done() {
    let bench = Bench::new().await;
    bench.user("vera", Role::Viewer).await;
    let viewer = bench.token_of("vera", Scope::Write).await;
    let reader = bench.token_of("mara", Scope::Read).await;
    let metrics = bench.token_of("mara", Scope::Metrics).await;
    let project = bench.project("shop").await;
    let new = json!({"project": project, "agent": "demo", "mode": "ask", "prompt": "x"});
    for token in [&viewer, &reader, &metrics] {
        assert_eq!(
            bench
                .ask_as(token, "POST", "/api/v1/sessions", Some(new.clone()))
                .await
                .expect(403)
                .error()
                .1,
            "forbidden"
        );
    }
    bench.ask_as(&viewer, "GET", "/api/v1/projects", None).await.expect(200);
    bench.ask_as(&reader, "GET", "/api/v1/projects", None).await.expect(200);
    bench
        .ask_as(&metrics, "GET", "/api/v1/projects", None)
        .await
        .expect(403);
    bench.ask_as(&reader, "GET", "/metrics", None).await.expect(403);
    let figures = bench.ask_as(&metrics, "GET", "/metrics", None).await.expect(200);
    assert!(
        figures.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    for name in [
        "orchwiz_up 1",
        "orchwiz_build_info{version=",
        "orchwiz_journal_position ",
        "orchwiz_http_requests_total{route=\"/api/v1/projects\",method=\"GET\",status=\"2xx\"}",
        "orchwiz_http_request_duration_seconds_bucket{le=\"+Inf\"}",
    ] {
        assert!(figures.text.contains(name), "{name} is missing in\n{}", figures.text);
    }
    bench
        .ask_as("owz_0000000000000000", "GET", "/api/v1/me", None)
        .await
        .expect(401);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_whether_the_node_takes_requests() {
    let bench = Bench::new().await;
    let open = |path: &'static str| bench.send(http::Request::get(path).body(axum::body::Body::empty()).unwrap());
    assert_eq!(open("/healthz").await.expect(200).text, "ok\n");
    assert_eq!(open("/readyz").await.expect(200).text, "ready\n");
    bench.state.stop.ask();
    open("/readyz").await.expect(503);
    open("/healthz").await.expect(200);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_the_approvals_that_the_whole_node_may_see() {
    let bench = Bench::new().await;
    let project = bench.project("shop").await;
    let token = bench.token_of("mara", model::caller::Scope::Metrics).await;
    for (visibility, count) in [("private", 0), ("project", 1)] {
        let new =
            json!({"project": project, "agent": "demo", "mode": "ask", "prompt": "ask", "visibility": visibility});
        let id = bench.post("/api/v1/sessions", new).await.expect(201).json()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        bench.until(&id, &["waiting"]).await;
        let text = bench.ask_as(&token, "GET", "/metrics", None).await.expect(200).text;
        assert!(
            text.contains(&format!("orchwiz_approvals_pending {count}\n")),
            "{visibility}: {text}"
        );
    }
    bench.end().await;
}
