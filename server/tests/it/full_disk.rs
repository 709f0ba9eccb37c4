//! A really full disk: the node runs on a small file system of its own and gets the kernel's errors.

use crate::real::{Running, run, succeeds, text};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// A small tmpfs with room for a new node, filled with the data of an earlier one.
const MOUNT: &str =
    "mount -t tmpfs -o size=16m,mode=700 tmpfs \"$1\" && cp -R \"$2/.\" \"$1\" && shift 2 && exec \"$@\"";

/// Starts the node in a mount namespace of its own, whose mounts go with it; `None` where that is not allowed.
fn wrapper<'a>(data: &'a str, before: &'a str) -> Option<Vec<&'a str>> {
    // Root needs no user namespace; others need one to become root in it.
    [
        vec!["unshare", "--mount"],
        vec!["unshare", "--user", "--map-root-user", "--mount"],
    ]
    .into_iter()
    .find_map(|unshare| {
        let wrapper = [unshare, vec!["sh", "-c", MOUNT, "sh", data, before]].concat();
        succeeds(&[wrapper.as_slice(), &["true"]].concat()).then_some(wrapper)
    })
}

/// Writes until the disk is full.
fn fill(path: &Path) {
    let mut filler = File::create(path).unwrap();
    // In smaller and smaller steps, so that no page is left.
    for size in [1 << 20, 1 << 12, 1] {
        loop {
            match filler.write_all(&vec![0; size]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// A person signed in with a browser, and their program.
struct Api {
    url: String,
    token: String,
    cookie: String,
    client: reqwest::Client,
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// Signs in like a browser; gives the status, the cookie if there is one, and the rest of the answer.
async fn sign_in(client: &reqwest::Client, url: &str) -> (StatusCode, Option<String>, Value) {
    let form = client
        .post(format!("{url}/auth/login"))
        .header("sec-fetch-site", "same-origin");
    let form = form
        .header(header::ACCEPT, "text/html")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let response = form
        .body("name=mara&password=correct+horse+battery")
        .send()
        .await
        .unwrap();
    let cookie = response
        .headers()
        .get(header::SET_COOKIE)
        .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned());
    (response.status(), cookie, response.json().await.unwrap_or_default())
}

/// Makes a node's data with an owner who signed in an hour ago; gives their cookie.
async fn signed_in_before(folder: &Path) -> String {
    let mut node = Running::start(folder);
    let data = folder.to_str().unwrap();
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
    let (status, cookie, said) = sign_in(&client(), &node.url).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{said}");
    node.signal("TERM");
    assert_eq!(
        node.ended(Duration::from_secs(10)).and_then(|status| status.code()),
        Some(0)
    );
    let url = format!("sqlite://{}", folder.join("orchwiz.db").display());
    let db = Box::pin(sea_orm::Database::connect(url)).await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(&db, "UPDATE login SET seen = seen - 3600000")
        .await
        .unwrap();
    db.close().await.unwrap();
    cookie.unwrap()
}

impl Api {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self
            .client
            .request(method, format!("{}/api/v1{path}", self.url))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap_or_default())
    }

    /// Opens a page in the browser.
    async fn page(&self, path: &str) -> (StatusCode, String) {
        let request = self
            .client
            .get(format!("{}{path}", self.url))
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, &self.cookie);
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// The number of events so far.
    async fn head(&self) -> i64 {
        let (_, page) = self.ask(Method::GET, "/events?limit=200", None).await;
        page["items"].as_array().unwrap().last().unwrap()["pos"]
            .as_i64()
            .unwrap()
    }
}

#[tokio::test]
async fn a_full_disk_answers_507_writes_nothing_and_is_recovered_from() {
    let (folder, before) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mount_point = folder.path().to_str().unwrap();
    let Some(wrapper) = wrapper(mount_point, before.path().to_str().unwrap()) else {
        eprintln!("!!! SKIPPED: no file system can be mounted here, not even in a namespace of its own");
        return;
    };
    let cookie = signed_in_before(before.path()).await;
    let node = Running::start_under(&wrapper, folder.path(), &[]);
    // The node's mount is visible from here through its root in `/proc`.
    let data = PathBuf::from(format!("/proc/{}/root{mount_point}", node.pid()));
    let at = data.to_str().unwrap();
    let (_, token, _) = text(&run(
        &["token", "create", "--user", "mara", "--scope", "write", "--data", at],
        None,
    ));
    let api = Api {
        url: node.url.clone(),
        token: token.trim().to_owned(),
        cookie,
        client: client(),
    };

    let project = tempfile::tempdir().unwrap();
    let (status, made) = api
        .ask(Method::POST, "/projects", Some(json!({ "path": project.path() })))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let path = format!("/projects/{}", made["id"].as_str().unwrap());

    let mut name = made["name"].as_str().unwrap().to_owned();
    for round in 0..2 {
        fill(&data.join("filler"));
        let mut refused = 0;
        for n in 0..20 {
            let before = api.head().await;
            let wanted = format!("name {round} {n}");
            let (status, answer) = api.ask(Method::PATCH, &path, Some(json!({ "name": wanted }))).await;
            match status {
                // Space left inside the files themselves.
                StatusCode::OK => name = wanted,
                StatusCode::INSUFFICIENT_STORAGE => {
                    refused += 1;
                    assert_eq!(answer["error"]["code"], "storage_full", "{answer}");
                    assert_eq!(api.head().await, before, "nothing was recorded");
                }
                other => panic!("{other}: {answer}"),
            }
            // Reads go on, and show the acknowledged name.
            let (status, shown) = api.ask(Method::GET, &path, None).await;
            assert_eq!((status, shown["name"].as_str()), (StatusCode::OK, Some(name.as_str())));
        }
        assert!(refused > 0, "the disk was never full");

        // A signed-in person can still read, though `seen` cannot be stored; nobody can sign in.
        for path in ["/", "/api/v1/me", "/sessions"] {
            let (status, page) = api.page(path).await;
            assert_eq!(status, StatusCode::OK, "{path}: {page}");
        }
        let mut signed_in = 0;
        loop {
            let (status, cookie, answer) = sign_in(&api.client, &api.url).await;
            match status {
                // Space left inside the files themselves.
                StatusCode::SEE_OTHER if signed_in < 20 => signed_in += 1,
                StatusCode::INSUFFICIENT_STORAGE => {
                    assert_eq!(
                        (cookie, answer["error"]["code"].as_str()),
                        (None, Some("storage_full")),
                        "{answer}"
                    );
                    break;
                }
                other => panic!("{other}: {answer}"),
            }
        }

        fs::remove_file(data.join("filler")).unwrap();
        name = format!("room again {round}");
        let (status, answer) = api.ask(Method::PATCH, &path, Some(json!({ "name": name }))).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let (status, page) = api.page("/").await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let (status, cookie, answer) = sign_in(&api.client, &api.url).await;
        assert_eq!((status, cookie.is_some()), (StatusCode::SEE_OTHER, true), "{answer}");
        let (code, out, err) = text(&run(&["doctor", "--data", at], None));
        assert_eq!(code, Some(0), "{out}{err}");
    }
}

/// A small file system that outlives its nodes, in a namespace held by a sleeping process.
struct Held {
    holder: std::process::Child,
    wrapper: Vec<String>,
    data: PathBuf,
}

impl Held {
    fn new(folder: &Path) -> Option<Self> {
        let at = folder.to_str().unwrap();
        let mount = "mount -t tmpfs -o size=64m,mode=700 tmpfs \"$1\" && echo held && exec sleep 1000";
        let ways: [(&[&str], &[&str]); 2] = [
            (&["unshare", "--mount"], &["--mount"]),
            (
                &["unshare", "--user", "--map-root-user", "--mount"],
                &["--mount", "--user", "--preserve-credentials"],
            ),
        ];
        ways.into_iter().find_map(|(unshare, enter)| {
            let holder = crate::real::holding(&[unshare, &["sh", "-c", mount, "sh", at]].concat(), "held")?;
            let pid = holder.id().to_string();
            let wrapper = [&["nsenter", "--target", &pid], enter]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect();
            Some(Self {
                data: PathBuf::from(format!("/proc/{pid}/root{at}")),
                holder,
                wrapper,
            })
        })
    }

    fn start(&self, folder: &Path, claude: &Path) -> Running {
        self.start_with(folder, claude, &[])
    }

    fn start_with(&self, folder: &Path, claude: &Path, more: &[&str]) -> Running {
        let wrapper: Vec<&str> = self.wrapper.iter().map(String::as_str).collect();
        let config = claude.with_extension("toml");
        fs::write(&config, format!("[agents]\nclaude_path = \"{}\"\n", claude.display())).unwrap();
        Running::start_under(
            &wrapper,
            folder,
            &[&["--config", config.to_str().unwrap()], more].concat(),
        )
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// The number of processes that run this script.
fn running(script: &Path) -> usize {
    let name = script.to_str().unwrap();
    let runs = |path: PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).split('\0').nth(1) == Some(name)
    };
    fs::read_dir("/proc")
        .unwrap()
        .filter(|entry| entry.as_ref().is_ok_and(|entry| runs(entry.path())))
        .count()
}

async fn until(what: &str, within: Duration, mut test: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + within;
    while !test().await {
        assert!(tokio::time::Instant::now() < end, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An agent that writes useless output for ever and ignores signals. It copies its input to a file beside it, while
/// there is room.
const FILLS: &str = r#"#!/bin/sh
trap '' TERM INT
exec 3<&0
read -r hello
printf '%s\n' '{"type":"control_response","response":{"subtype":"success","request_id":"ow-1-initialize","response":{}}}'
read -r prompt
printf '%s\n' '{"type":"system","subtype":"init","session_id":"s","model":"m","permissionMode":"default"}'
cat <&3 >>"$0.heard" &
while :; do head -c 1000000 /dev/zero | tr '\0' 'x' | fold -w 1000 | sed 's/.*/{"type":"keep_alive","x":"&"}/'; echo; done
"#;

#[tokio::test]
async fn an_agent_that_fills_the_disk_can_be_stopped_and_the_node_comes_up_on_a_full_disk() {
    let (folder, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(held) = Held::new(folder.path()) else {
        eprintln!("!!! SKIPPED: no file system can be mounted here, not even in a namespace of its own");
        return;
    };
    let claude = beside.path().join("claude");
    fs::write(&claude, FILLS).unwrap();
    fs::set_permissions(&claude, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut node = held.start(folder.path(), &claude);
    let at = held.data.to_str().unwrap().to_owned();
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
    let mut api = Api {
        url: node.url.clone(),
        token: token.trim().to_owned(),
        cookie: String::new(),
        client: client(),
    };
    until("the reserve", Duration::from_secs(20), async || {
        held.data.join("reserve").exists()
    })
    .await;

    let work = tempfile::tempdir().unwrap();
    let (status, project) = api
        .ask(Method::POST, "/projects", Some(json!({ "path": work.path() })))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{project}");
    let path = format!("/projects/{}", project["id"].as_str().unwrap());
    let new = json!({ "project": project["id"], "agent": "claude", "mode": "ask", "prompt": "write" });
    let (status, session) = api.ask(Method::POST, "/sessions", Some(new)).await;
    assert_eq!(status, StatusCode::CREATED, "{session}");
    let session = format!("/sessions/{}", session["id"].as_str().unwrap());
    let full = async |api: &Api, n: u32| {
        api.ask(Method::PATCH, &path, Some(json!({ "name": format!("name {n}") })))
            .await
            .0
            == StatusCode::INSUFFICIENT_STORAGE
    };
    let mut n = 0;
    until("a full disk", Duration::from_mins(1), async || {
        n += 1;
        full(&api, n).await
    })
    .await;
    assert_eq!(running(&claude), 1);

    // The stop works on a full disk. It is announced, and written down later, without anybody making room.
    let (status, said) = api.ask(Method::POST, &format!("{session}/stop"), None).await;
    assert!(
        status == StatusCode::OK
            || (status == StatusCode::SERVICE_UNAVAILABLE && said.to_string().contains("is being ended")),
        "{status}: {said}"
    );
    until("the end of the agent", Duration::from_secs(20), async || {
        running(&claude) == 0
    })
    .await;
    until("the end of the session", Duration::from_secs(30), async || {
        let (_, row) = api.ask(Method::GET, &session, None).await;
        row["state"] == "done" && row["state_detail"] == "stopped by mara" && row["run"].is_null()
    })
    .await;
    until("room", Duration::from_secs(20), async || {
        n += 1;
        !full(&api, n).await
    })
    .await;

    // After another full disk and a kill the node starts, can be read, and writes once there is room.
    for _ in 0..2 {
        fill(&held.data.join("filler"));
        node.signal("KILL");
        node.ended(Duration::from_secs(5));
        fill(&held.data.join("filler too"));
        node = held.start(folder.path(), &claude);
        api.url.clone_from(&node.url);
        let (status, row) = api.ask(Method::GET, &session, None).await;
        assert_eq!((status, row["state"].as_str()), (StatusCode::OK, Some("done")), "{row}");
        fill(&held.data.join("filler three"));
        // Space left inside the files is used up first; it may be as much as a write-ahead log.
        let end = tokio::time::Instant::now() + Duration::from_secs(40);
        while !full(&api, n).await {
            n += 1;
            assert!(tokio::time::Instant::now() < end, "the disk was never full");
        }
        for filler in ["filler", "filler too", "filler three"] {
            fs::remove_file(held.data.join(filler)).unwrap();
        }
        until("room again", Duration::from_secs(10), async || {
            n += 1;
            !full(&api, n).await
        })
        .await;
    }
    // While the node runs: only in its namespace can the files be opened by name.
    let (code, out, err) = text(&run(&["doctor", "--data", &at], None));
    assert_eq!(code, Some(0), "{out}{err}");
    node.signal("TERM");
    assert_eq!(
        node.ended(Duration::from_secs(10)).and_then(|status| status.code()),
        Some(0)
    );
}

/// The same, but every line has to be stored: its runner hangs on a full disk and takes no order.
fn speaks() -> String {
    FILLS.replace(
        r#"{"type":"keep_alive","x":"&"}"#,
        r#"{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"&"}]}}"#,
    )
}

#[tokio::test]
async fn agents_end_with_a_node_that_stops_on_a_full_disk() {
    a_full_disk_keeps_no_order_from_an_agent(FILLS).await;
}

#[tokio::test]
async fn an_agent_whose_words_find_no_room_is_interrupted_all_the_same() {
    let speaks = speaks();
    assert_ne!(speaks, FILLS);
    a_full_disk_keeps_no_order_from_an_agent(&speaks).await;
}

async fn a_full_disk_keeps_no_order_from_an_agent(program: &str) {
    let (folder, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(held) = Held::new(folder.path()) else {
        eprintln!("!!! SKIPPED: no file system can be mounted here, not even in a namespace of its own");
        return;
    };
    let claude = beside.path().join("claude");
    fs::write(&claude, program).unwrap();
    fs::set_permissions(&claude, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut node = held.start_with(folder.path(), &claude, &["--stop-agents"]);
    let at = held.data.to_str().unwrap().to_owned();
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
    let api = Api {
        url: node.url.clone(),
        token: token.trim().to_owned(),
        cookie: String::new(),
        client: client(),
    };
    let work = tempfile::tempdir().unwrap();
    let (status, project) = api
        .ask(Method::POST, "/projects", Some(json!({ "path": work.path() })))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{project}");
    let new = json!({ "project": project["id"], "agent": "claude", "mode": "ask", "prompt": "write" });
    let (status, session) = api.ask(Method::POST, "/sessions", Some(new)).await;
    assert_eq!(status, StatusCode::CREATED, "{session}");
    let path = format!("/projects/{}", project["id"].as_str().unwrap());
    let mut n = 0;
    until("a full disk", Duration::from_mins(1), async || {
        n += 1;
        api.ask(Method::PATCH, &path, Some(json!({ "name": format!("name {n}") })))
            .await
            .0
            == StatusCode::INSUFFICIENT_STORAGE
    })
    .await;
    // An interrupt reaches the agent although it cannot be stored, and the answer says so.
    let session = format!("/sessions/{}", session["id"].as_str().unwrap());
    let interrupted = tokio::time::timeout(
        Duration::from_secs(15),
        api.ask(Method::POST, &format!("{session}/interrupt"), None),
    )
    .await;
    let (status, said) = interrupted.expect("an answer");
    assert!(
        status == StatusCode::SERVICE_UNAVAILABLE && said.to_string().contains("told to end its turn"),
        "{status}: {said}"
    );
    until("the interrupt", Duration::from_secs(5), async || {
        fs::read_to_string(claude.with_extension("heard")).is_ok_and(|heard| heard.contains(r#""subtype":"interrupt""#))
    })
    .await;
    assert_eq!(running(&claude), 1);
    node.signal("TERM");
    assert!(node.ended(Duration::from_secs(12)).is_some(), "the node goes on");
    assert_eq!(running(&claude), 0, "its agent goes on");
}
