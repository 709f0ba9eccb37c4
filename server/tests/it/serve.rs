//! A node from start to end: the set-up link, a second node on the same data, signals, and `kill -9`.

use crate::real::{Running, run, run_in, text};
use serde_json::{Value, json};
use std::{
    fs::{self, Permissions},
    io::{Read, Write},
    net::TcpStream,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    time::{Duration, Instant},
};

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

fn get(url: &str) -> (u16, String) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let response = client().get(url).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    })
}

/// Creates something with a token; gives its id.
fn create(url: &str, token: &str, body: &Value) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let response = client().post(url).bearer_auth(token).json(body).send().await.unwrap();
        let (status, made) = (response.status().as_u16(), response.json::<Value>().await.unwrap());
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    })
}

#[test]
fn a_new_node_says_where_it_is_and_how_to_set_it_up_until_somebody_has() {
    let folder = tempfile::tempdir().unwrap();
    let node = Running::start(folder.path());
    assert!(node.greeting[0].contains(&node.url), "{:?}", node.greeting);
    let link = node.greeting[1].split_whitespace().last().unwrap().to_owned();
    assert!(link.starts_with(&format!("{}/setup?token=", node.url)), "{link}");
    assert_eq!(get(&format!("{}/readyz", node.url)).0, 200);
    assert_eq!(get(&link).0, 200);
    node.signal("KILL");
    drop(node);
    let node = Running::start(folder.path());
    assert!(
        node.greeting[1].contains("/setup?token="),
        "printed again: {:?}",
        node.greeting
    );
    let data = folder.path().to_str().unwrap();
    let (code, _, err) = text(&run(
        &[
            "user",
            "add",
            "mara",
            "--role",
            "owner",
            "--password-stdin",
            "--data",
            data,
        ],
        Some("correct horse battery\n"),
    ));
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(get(&format!("{}/api/v1/me", node.url)).0, 401);
}

#[test]
fn a_second_node_on_the_same_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let node = Running::start(folder.path());
    let (code, out, err) = text(&run(
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data",
            folder.path().to_str().unwrap(),
        ],
        None,
    ));
    assert_eq!((code, out.as_str()), (Some(3), ""), "{err}");
    assert!(
        err.lines().last().is_some_and(|line| line.starts_with("orchwiz: ")),
        "{err}"
    );
    assert_eq!(get(&format!("{}/readyz", node.url)).0, 200, "the first one serves on");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, err) = text(&run(
        &["serve", "--listen", &address, "--data", folder.path().to_str().unwrap()],
        None,
    ));
    assert_eq!(code, Some(1));
    assert!(err.contains(&address), "{err}");
    // The failed start has given the data up.
    drop(taken);
    assert_eq!(
        text(&run(&["migrate", "--data", folder.path().to_str().unwrap()], None)).0,
        Some(0)
    );
}

#[test]
fn sigterm_stops_it_with_0_within_ten_seconds_even_with_streams_and_idle_connections_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Running::start(folder.path());
    let mut stream = UnixStream::connect(node.data.join("orchwiz.sock")).unwrap();
    stream
        .write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        .unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let _idle = TcpStream::connect(node.url.trim_start_matches("http://")).unwrap();
    node.signal("TERM");
    let status = node.ended(Duration::from_secs(10)).expect("stopped within 10 s");
    assert_eq!(status.code(), Some(0));
    assert!(!node.data.join("orchwiz.sock").exists());
    assert_eq!(
        text(&run(&["doctor", "--data", folder.path().to_str().unwrap()], None)).0,
        Some(0)
    );
}

#[test]
fn an_agent_that_does_not_obey_and_a_request_that_does_not_end_are_waited_for_together() {
    let folder = tempfile::tempdir().unwrap();
    let [claude, config, data, project] = ["claude", "node.toml", "data", "shop"].map(|name| folder.path().join(name));
    // An agent that says nothing, reports its start in a file, and ends only by force.
    fs::write(
        &claude,
        "#!/bin/sh\ntrap '' TERM INT HUP\n: > \"$0.up\"\nwhile :; do sleep 0.1; done\n",
    )
    .unwrap();
    fs::set_permissions(&claude, Permissions::from_mode(0o755)).unwrap();
    fs::write(&config, format!("[agents]\nclaude_path = {claude:?}\n")).unwrap();
    fs::create_dir(&project).unwrap();
    let mut node = Running::start_with(&data, &["--stop-agents", "--config", config.to_str().unwrap()]);
    let at = data.to_str().unwrap();
    let (code, _, err) = text(&run(
        &[
            "user",
            "add",
            "mara",
            "--role",
            "owner",
            "--password-stdin",
            "--data",
            at,
        ],
        Some("correct horse battery\n"),
    ));
    assert_eq!(code, Some(0), "{err}");
    let (_, token, _) = text(&run(&["token", "create", "--user", "mara", "--data", at], None));
    let api = format!("{}/api/v1", node.url);
    let project = create(&format!("{api}/projects"), token.trim(), &json!({ "path": project }));
    create(
        &format!("{api}/sessions"),
        token.trim(),
        &json!({ "project": project, "agent": "claude", "mode": "ask", "prompt": "hello" }),
    );
    let (up, end) = (
        folder.path().join("claude.up"),
        Instant::now() + Duration::from_secs(30),
    );
    while !up.exists() {
        assert!(Instant::now() < end, "the agent was not started");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut endless = TcpStream::connect(node.url.trim_start_matches("http://")).unwrap();
    endless.write_all(b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n").unwrap();
    // Until the start is under way.
    std::thread::sleep(Duration::from_millis(200));
    node.signal("TERM");
    let status = node.ended(Duration::from_secs(10)).expect("stopped within 10 s");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn metrics_are_told_over_the_local_socket_and_to_nobody_else_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let node = Running::start(folder.path());
    assert_eq!(get(&format!("{}/metrics", node.url)).0, 401);
    assert_eq!(
        get(&format!("{}/local/ask", node.url)).0,
        404,
        "what the command line asks is not on the network"
    );
    let mut socket = UnixStream::connect(node.data.join("orchwiz.sock")).unwrap();
    socket
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 200") && text.contains("orchwiz_up 1"),
        "{text}"
    );
}

#[test]
fn a_node_that_was_overtaken_is_not_ready_and_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Running::start(folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use sea_orm::ConnectionTrait;
        let url = format!("sqlite://{}", folder.path().join("orchwiz.db").display());
        let db = Box::pin(sea_orm::Database::connect(url)).await.unwrap();
        db.execute_unprepared("UPDATE lease SET fence = fence + 1")
            .await
            .unwrap();
        db.close().await.unwrap();
    });
    // The health sample writes every ten seconds.
    let status = node
        .ended(Duration::from_secs(25))
        .expect("it goes on without its database");
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_settings_file_of_the_current_folder_is_not_obeyed_and_the_start_says_which_one_was() {
    let folder = tempfile::tempdir().unwrap();
    let [repository, data, user] = ["repository", "data", "user"].map(|name| folder.path().join(name));
    for path in [&repository.join("data"), &data, &user.join("orchwiz")] {
        fs::create_dir_all(path).unwrap();
    }
    // A cloned repository brings both files; nobody named either.
    let hostile = "[agents]\nclaude_path = \"./evil\"\nnonsense = \"whoever reads this fails\"\n";
    for path in ["orchwiz.toml", "data/orchwiz.toml"] {
        fs::write(repository.join(path), hostile).unwrap();
    }
    let (code, _, err) = text(&run_in(&repository, &["user", "list"], &[]));
    assert_eq!(code, Some(0), "{err}");
    let environment = [("XDG_CONFIG_HOME", user.to_str().unwrap())];
    let node = Running::start_in(&repository, &data, &environment);
    assert!(
        node.greeting
            .iter()
            .any(|line| line.starts_with("No settings file was found")),
        "{:?}",
        node.greeting
    );
    drop(node);
    for path in [user.join("orchwiz").join("orchwiz.toml"), data.join("orchwiz.toml")] {
        fs::write(&path, "[node]\nname = \"read\"\n").unwrap();
        let node = Running::start_in(&repository, &data, &environment);
        let said = format!("Settings were read from {}.", path.display());
        assert!(node.greeting.contains(&said), "{said}: {:?}", node.greeting);
    }
}

#[test]
fn whatever_becomes_of_standard_error_requests_are_answered_and_the_node_stops_in_order() {
    // A pipe whose reader is gone, a full disk, a pipe that nobody reads.
    for stderr in [">(exec true)", "/dev/full", ">(exec sleep 30)"] {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(r#"exec "$0" "$@" 2> {stderr}"#);
        let mut node = Running::start_under(
            &["env", "ORCHWIZ_LOG=trace", "bash", "-c", &script],
            folder.path(),
            &["--stop-agents"],
        );
        for _ in 0..100 {
            assert_eq!(get(&format!("{}/readyz", node.url)).0, 200, "{stderr}");
        }
        node.signal("TERM");
        let status = node
            .ended(Duration::from_secs(10))
            .unwrap_or_else(|| panic!("stopped within 10 s with {stderr}"));
        assert_eq!(status.code(), Some(0), "{stderr}");
    }
}

#[test]
fn a_known_secret_that_an_agent_prints_is_in_no_log_and_no_file_of_the_node_but_its_spool() {
    const CANARY: &str = "sk-ant-api03-Zq7Rk2Wm9Xt4Lp8Vb3Nc6Hd1Fs5Gj0Ty";
    let folder = tempfile::tempdir().unwrap();
    let [claude, config, data, project, log] =
        ["claude", "node.toml", "data", "shop", "log"].map(|name| folder.path().join(name));
    let line = r#"{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"TEXT"},{"type":"tool_use","id":"b1","name":"Bash","input":{"command":"TEXT"}}]}}"#;
    let script = format!(
        r#"#!/bin/sh
read -r hello
printf '%s\n' '{{"type":"control_response","response":{{"subtype":"success","request_id":"ow-1-initialize","response":{{}}}}}}'
read -r prompt
printf '%s\n' '{}' "no json, but $ANTHROPIC_API_KEY" "{{\"type\":\"telepathy\",\"of\":\"$ANTHROPIC_API_KEY\"}}"
echo "it broke: $ANTHROPIC_API_KEY" >&2
exit 3
"#,
        line.replace("TEXT", &format!("{}{CANARY}", "x".repeat(180)))
    );
    fs::write(&claude, script).unwrap();
    fs::set_permissions(&claude, Permissions::from_mode(0o755)).unwrap();
    fs::write(&config, format!("[agents]\nclaude_path = {claude:?}\n")).unwrap();
    fs::create_dir(&project).unwrap();
    let key = format!("ANTHROPIC_API_KEY={CANARY}");
    let script = format!(r#"exec "$0" "$@" 2> {}"#, log.display());
    let mut node = Running::start_under(
        &["env", "ORCHWIZ_LOG=trace", &key, "bash", "-c", &script],
        &data,
        &["--config", config.to_str().unwrap()],
    );
    let at = data.to_str().unwrap();
    let (code, _, err) = text_of(
        &[
            "user",
            "add",
            "mara",
            "--role",
            "owner",
            "--password-stdin",
            "--data",
            at,
        ],
        Some("correct horse battery\n"),
    );
    assert_eq!(code, Some(0), "{err}");
    let (_, token, _) = text_of(&["token", "create", "--user", "mara", "--data", at], None);
    let api = format!("{}/api/v1", node.url);
    let project = create(&format!("{api}/projects"), token.trim(), &json!({ "path": project }));
    let session = create(
        &format!("{api}/sessions"),
        token.trim(),
        &json!({ "project": project, "agent": "claude", "mode": "ask", "prompt": "hello" }),
    );
    let end = Instant::now() + Duration::from_secs(30);
    let said = loop {
        let (_, said) = get_as(&format!("{api}/sessions/{session}"), token.trim());
        if said.contains(r#""state":"failed""#) {
            break said + &get_as(&format!("{api}/sessions/{session}/entries"), token.trim()).1;
        }
        assert!(Instant::now() < end, "{said}");
        std::thread::sleep(Duration::from_millis(50));
    };
    node.signal("TERM");
    assert_eq!(
        node.ended(Duration::from_secs(10)).expect("stopped within 10 s").code(),
        Some(0)
    );
    let leak = |text: &[u8]| {
        (0..=CANARY.len() - 8)
            .map(|at| &CANARY[at..at + 8])
            .find(|part| text.windows(8).any(|window| window == part.as_bytes()))
    };
    assert_eq!(leak(said.as_bytes()), None, "{said}");
    assert!(said.contains("it broke: [masked]"), "{said}");
    for file in [log, data.join("orchwiz.db"), data.join("orchwiz.db-wal")] {
        assert_eq!(leak(&fs::read(&file).unwrap_or_default()), None, "{}", file.display());
    }
}

fn text_of(args: &[&str], input: Option<&str>) -> (Option<i32>, String, String) {
    text(&run(args, input))
}

fn get_as(url: &str, token: &str) -> (u16, String) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let response = client().get(url).bearer_auth(token).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    })
}

#[test]
fn a_configured_secret_is_never_stored_and_old_answers_are_swept_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let at = data.to_str().unwrap().to_owned();
    let mut node = Running::start(&data);
    let (code, _, err) = text(&run(
        &[
            "user",
            "add",
            "mara",
            "--role",
            "owner",
            "--password-stdin",
            "--data",
            &at,
        ],
        Some("correct horse battery\n"),
    ));
    assert_eq!(code, Some(0), "{err}");
    let (_, token, _) = text(&run(
        &["token", "create", "--user", "mara", "--scope", "write", "--data", &at],
        None,
    ));
    node.signal("TERM");
    assert!(node.ended(Duration::from_secs(10)).is_some());

    // An idempotent answer from two days ago, whose key is never used again.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = format!("sqlite://{}", data.join("orchwiz.db").display());
    let ask = |text: &'static str| {
        runtime.block_on(async {
            let db = Box::pin(sea_orm::Database::connect(&database)).await.unwrap();
            let row = sea_orm::ConnectionTrait::query_one_raw(
                &db,
                sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, text),
            )
            .await
            .unwrap();
            let count = row.map(|row| row.try_get_by_index::<i64>(0).unwrap());
            db.close().await.unwrap();
            count
        })
    };
    ask("INSERT INTO idempotency (caller, key, status, body, at) VALUES ('mara', 'k', 201, x'00', 1) RETURNING 1");
    let count = "SELECT count(*) FROM idempotency";
    assert_eq!(ask(count), Some(1));

    let config = folder.path().join("orchwiz.toml");
    fs::write(
        &config,
        "public_url = \"https://orch.example.org\"\n[github]\nclient_id = \"app\"\nclient_secret = \"swordfish-of-the-app\"\nlogins = [\"octocat\"]\n",
    )
    .unwrap();
    let node = Running::start_with(&data, &["--config", config.to_str().unwrap()]);
    let project = folder.path().join("project");
    fs::create_dir(&project).unwrap();
    let body = json!({ "path": project, "name": "says swordfish-of-the-app" });
    let made = runtime.block_on(async {
        let local = client()
            .post(format!("{}/api/v1/projects", node.url))
            .header("host", "orch.example.org");
        let response = local.bearer_auth(token.trim()).json(&body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    });
    assert!(
        made.0 == 201 && made.1.contains("says [masked]") && !made.1.contains("swordfish"),
        "{made:?}"
    );
    let end = Instant::now() + Duration::from_secs(10);
    while ask(count) != Some(0) {
        assert!(Instant::now() < end, "an old answer is still there");
        std::thread::sleep(Duration::from_millis(100));
    }
}
