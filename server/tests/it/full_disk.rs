//! A disk that is really full: the node runs on a small file system of its own and meets what the kernel says.

use crate::real::{Running, run, succeeds, text};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// Room for a new node, and little more, with what a node has left before.
const MOUNT: &str = "mount -t tmpfs -o size=16m,mode=700 tmpfs \"$1\" && cp -R \"$2/.\" \"$1\" && shift 2 && exec \"$@\"";

/// How to start the node where nobody else sees its mount, which goes with it; `None` where that is not allowed.
fn wrapper<'a>(data: &'a str, before: &'a str) -> Option<Vec<&'a str>> {
    // Root needs no user namespace; others need one to be root in it.
    [vec!["unshare", "--mount"], vec!["unshare", "--user", "--map-root-user", "--mount"]].into_iter().find_map(|unshare| {
        let wrapper = [unshare, vec!["sh", "-c", MOUNT, "sh", data, before]].concat();
        succeeds(&[wrapper.as_slice(), &["true"]].concat()).then_some(wrapper)
    })
}

/// Writes until there is no room.
fn fill(path: &Path) {
    let mut filler = File::create(path).unwrap();
    // Smaller and smaller, so that not a page is left.
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

/// Somebody who is signed in with a browser, and a program of theirs.
struct Api {
    url: String,
    token: String,
    cookie: String,
    client: reqwest::Client,
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Signs in as a browser does: the status, the cookie where there is one, and what else was said.
async fn sign_in(client: &reqwest::Client, url: &str) -> (StatusCode, Option<String>, Value) {
    let form = client.post(format!("{url}/auth/login")).header("sec-fetch-site", "same-origin");
    let form = form.header(header::ACCEPT, "text/html").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let response = form.body("name=mara&password=correct+horse+battery").send().await.unwrap();
    let cookie = response.headers().get(header::SET_COOKIE).map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned());
    (response.status(), cookie, response.json().await.unwrap_or_default())
}

/// Makes the data of a node with an owner who signed in an hour ago; their cookie.
async fn signed_in_before(folder: &Path) -> String {
    let mut node = Running::start(folder);
    let data = folder.to_str().unwrap();
    let (code, _, err) = text(&run(&["user", "add", "mara", "--role", "owner", "--password-stdin", "--data", data], Some("correct horse battery\n")));
    assert_eq!(code, Some(0), "{err}");
    let (status, cookie, said) = sign_in(&client(), &node.url).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{said}");
    node.signal("TERM");
    assert_eq!(node.ended(Duration::from_secs(10)).and_then(|status| status.code()), Some(0));
    let url = format!("sqlite://{}", folder.join("orchwiz.db").display());
    let db = Box::pin(sea_orm::Database::connect(url)).await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(&db, "UPDATE login SET seen = seen - 3600000").await.unwrap();
    db.close().await.unwrap();
    cookie.unwrap()
}

impl Api {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap_or_default())
    }

    /// Opens a page in the browser.
    async fn page(&self, path: &str) -> (StatusCode, String) {
        let request = self.client.get(format!("{}{path}", self.url)).header(header::ACCEPT, "text/html").header(header::COOKIE, &self.cookie);
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Everything that was ever recorded, up to now.
    async fn head(&self) -> i64 {
        let (_, page) = self.ask(Method::GET, "/events?limit=200", None).await;
        page["items"].as_array().unwrap().last().unwrap()["pos"].as_i64().unwrap()
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
    // Through the node's own root its mount is seen from here too.
    let data = PathBuf::from(format!("/proc/{}/root{mount_point}", node.pid()));
    let at = data.to_str().unwrap();
    let (_, token, _) = text(&run(&["token", "create", "--user", "mara", "--scope", "write", "--data", at], None));
    let api = Api { url: node.url.clone(), token: token.trim().to_owned(), cookie, client: client() };

    let project = tempfile::tempdir().unwrap();
    let (status, made) = api.ask(Method::POST, "/projects", Some(json!({ "path": project.path() }))).await;
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
                // What room the files themselves still had.
                StatusCode::OK => name = wanted,
                StatusCode::INSUFFICIENT_STORAGE => {
                    refused += 1;
                    assert_eq!(answer["error"]["code"], "storage_full", "{answer}");
                    assert_eq!(api.head().await, before, "nothing was recorded");
                }
                other => panic!("{other}: {answer}"),
            }
            // Reading goes on, and shows what was acknowledged.
            let (status, shown) = api.ask(Method::GET, &path, None).await;
            assert_eq!((status, shown["name"].as_str()), (StatusCode::OK, Some(name.as_str())));
        }
        assert!(refused > 0, "the disk was never full");

        // Who is signed in reads on, though it cannot be noted that they were seen; nobody signs in.
        for path in ["/", "/api/v1/me", "/sessions"] {
            let (status, page) = api.page(path).await;
            assert_eq!(status, StatusCode::OK, "{path}: {page}");
        }
        let mut signed_in = 0;
        loop {
            let (status, cookie, answer) = sign_in(&api.client, &api.url).await;
            match status {
                // What room the files themselves still had.
                StatusCode::SEE_OTHER if signed_in < 20 => signed_in += 1,
                StatusCode::INSUFFICIENT_STORAGE => {
                    assert_eq!((cookie, answer["error"]["code"].as_str()), (None, Some("storage_full")), "{answer}");
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
