//! Published incidents of comparable products, tried on this node; each test is named by what must hold. Incidents with
//! a test elsewhere (the guard, revoked tokens, rebinding in Chromium) are left out.

use crate::{
    bench::{Answer, Bench},
    live::{hear, say, serve, signed_in},
};
use axum::body::Body;
use http::Request;
use model::caller::{Role, Scope};
use serde_json::{Value, json};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A word that occurs nowhere in a node.
const CANARY: &str = "xq7canary";

/// Names, titles and folders that a shell, an argument parser or a template would misread.
const HOSTILE: &[&str] = &[
    "$(touch pwned-1)",
    "`touch pwned-2`",
    "; touch pwned-3 #",
    "| touch pwned-4",
    "&& touch pwned-5",
    "--dangerously-skip-permissions",
    "-c touch pwned-6",
    "' ; touch pwned-7 ; '",
    "\" ; touch pwned-8 ; \"",
    "%0atouch pwned-9",
    "${IFS}touch${IFS}pwned-10",
    "{{7*7}}<%= 7*7 %>",
];

async fn sign_in(bench: &Bench) -> String {
    let request = Request::post("/auth/login")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = bench
        .send(
            request
                .body(Body::from("name=mara&password=correct+horse+battery&next=%2F"))
                .unwrap(),
        )
        .await
        .expect(303);
    answer.headers["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

async fn page(bench: &Bench, path: &str, cookie: &str) -> Answer {
    let request = Request::get(path)
        .header("accept", "text/html")
        .header("sec-fetch-site", "none")
        .header("cookie", cookie);
    bench.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_says_about_itself_gives_a_token_no_right_it_lacks() {
    let bench = Bench::new().await;
    let project = bench.project("one").await;
    let read = bench.token_of("mara", Scope::Read).await;
    bench.user("vera", Role::Viewer).await;
    let viewer = bench.token_of("vera", Scope::Write).await;
    let before = bench.test.journal.head().await;
    for token in [&read, &viewer] {
        for query in [
            "",
            "?scope=write",
            "?role=owner&scope=write",
            "?access_token=x&user=mara",
        ] {
            let body = json!({"project": project, "agent": "demo", "mode": "ask", "prompt": "hello"});
            let mut request = Request::post(format!("/api/v1/sessions{query}"))
                .header("authorization", format!("Bearer {token}"))
                .header("content-type", "application/json");
            for name in [
                "x-scope",
                "x-orchwiz-scope",
                "x-role",
                "x-user",
                "x-remote-user",
                "x-forwarded-user",
                "x-forwarded-email",
            ] {
                request = request.header(name, if name.ends_with("scope") { "write" } else { "mara" });
            }
            bench
                .send(request.body(Body::from(body.to_string())).unwrap())
                .await
                .expect(403);
        }
        let claims = json!({"project": project, "agent": "demo", "mode": "ask", "prompt": "hello", "scope": "write", "role": "owner"});
        let refused = bench
            .ask_as(token, "POST", "/api/v1/sessions", Some(claims))
            .await
            .status
            .as_u16();
        assert!([403, 422].contains(&refused), "{refused}");
    }
    assert_eq!(bench.test.journal.head().await, before, "something was written");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn following_anothers_private_session_sounds_like_following_none() {
    let bench = Bench::new().await;
    let address = serve(&bench).await;
    bench.user("oskar", Role::Admin).await;
    let other = bench.token_of("oskar", Scope::Write).await;
    let project = bench.project("shop").await;
    let new = json!({"project": project, "agent": "demo", "mode": "ask", "prompt": format!("{CANARY} plan"), "visibility": "private"});
    let private = bench.post("/api/v1/sessions", new).await.expect(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let unknown = "ses_01920000000070008000000000000001";
    let mut told = Vec::new();
    for id in [private.as_str(), unknown] {
        let mut socket = signed_in(address, &other).await;
        let after = bench.test.journal.head().await;
        say(
            &mut socket,
            json!({"say": "follow", "topics": [{"topic": "session", "id": id}], "after": after}),
        )
        .await;
        let mut heard = Vec::new();
        loop {
            let mut says = hear(&mut socket).await.expect("the socket stays open");
            let caught = says["caught"].is_object();
            if let Some(fields) = says.as_object_mut() {
                for (_, said) in fields.iter_mut() {
                    if let Some(said) = said.as_object_mut() {
                        said.remove("pos");
                    }
                }
            }
            heard.push(says.to_string().replace(id, "ID"));
            if caught {
                break;
            }
        }
        told.push(heard);
    }
    assert_eq!(told[0], told[1], "the one that exists sounds different");

    // While its agent works, nothing of it reaches a tab of another person that follows it and the node.
    let mut socket = signed_in(address, &other).await;
    let topics = json!([{"topic": "session", "id": private}, {"topic": "node"}]);
    say(
        &mut socket,
        json!({"say": "follow", "topics": topics, "after": bench.test.journal.head().await}),
    )
    .await;
    bench
        .post(
            &format!("/api/v1/sessions/{private}/prompts"),
            json!({"text": format!("{CANARY} again")}),
        )
        .await
        .expect(201);
    bench.until(&private, &["waiting", "idle"]).await;
    bench.project("after").await;
    loop {
        let says = hear(&mut socket).await.expect("the socket stays open");
        let text = says.to_string();
        assert!(!text.contains(CANARY), "{text}");
        assert!(!text.contains(&private) || says["gone"].is_object(), "{text}");
        if says["row"]["row"]["project"]["name"] == "after" {
            break;
        }
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_takes_a_prompt_a_mode_or_an_address_from_its_own_address() {
    let bench = Bench::new().await;
    let cookie = sign_in(&bench).await;
    let project = bench.project("one").await;
    let session = bench.session(&project, "ask").await;
    bench.until(&session, &["waiting"]).await;
    let before = bench.test.journal.head().await;
    let names = [
        "prompt",
        "text",
        "command",
        "mode",
        "model",
        "title",
        "agent",
        "gatewayUrl",
        "ws",
        "url",
        "host",
        "token",
        "run",
        "auto",
        "decision",
    ];
    let query = names.map(|name| format!("{name}={CANARY}")).join("&");
    for route in server::routes()
        .into_iter()
        .filter(|route| route.area == server::table::Area::Page)
    {
        let path = route.path.replace(
            "{id}",
            if route.path.starts_with("/projects") {
                &project
            } else {
                &session
            },
        );
        let plain = page(&bench, &path, &cookie).await;
        let steered = page(&bench, &format!("{path}?{query}"), &cookie).await;
        assert_eq!(steered.status, plain.status, "{path}");
        // An unknown filter may be named as such, but must not be applied or echoed as a value.
        let taken = [
            format!("value=\"{CANARY}\""),
            format!(">{CANARY}</textarea>"),
            format!("//{CANARY}"),
            format!("content=\"{CANARY}"),
        ];
        for taken in &taken {
            assert!(!steered.text.contains(taken.as_str()), "{path} takes {taken}");
        }
    }
    // An existing mode is not taken from the address either: the form keeps its first choice.
    let checked = |answer: &Answer| -> Vec<String> {
        answer
            .text
            .split("<input")
            .filter(|input| input.contains("checked") && input.contains("name=\"mode\""))
            .map(|input| input.split('>').next().unwrap().to_owned())
            .collect()
    };
    let plain = page(&bench, "/sessions/new", &cookie).await;
    let steered = page(&bench, "/sessions/new?mode=auto-accept&mode=bypassPermissions", &cookie).await;
    assert_eq!(checked(&steered), checked(&plain));
    assert_eq!(
        bench.test.journal.head().await,
        before,
        "opening a page wrote something"
    );
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_of_people_and_folders_is_never_a_command_or_an_option() {
    let bench = Bench::with(|folder| vec![("agents.claude_path", folder.join("claude").display().to_string())]).await;
    // A fake agent that records its arguments and ends.
    let claude = bench.folder.path().join("claude");
    let argv = bench.folder.path().join("argv");
    fs::write(
        &claude,
        format!(
            "#!/bin/sh\nfor one in \"$@\"; do printf '%s\\n' \"<$one>\" >>'{}'; done\nexit 1\n",
            argv.display()
        ),
    )
    .unwrap();
    fs::set_permissions(&claude, Permissions::from_mode(0o755)).unwrap();

    let mut sessions = Vec::new();
    for (n, words) in HOSTILE.iter().enumerate() {
        // The folder and its branch have that name.
        let folder = bench.folder.path().join(format!("{n} {}", words.replace('/', "_")));
        fs::create_dir_all(folder.join(".git")).unwrap();
        fs::write(folder.join(".git/HEAD"), format!("ref: refs/heads/{words}\n")).unwrap();
        fs::write(
            folder.join(".git/config"),
            format!("[remote \"origin\"]\n\turl = {words}\n"),
        )
        .unwrap();
        let project = bench
            .post("/api/v1/projects", json!({"path": folder}))
            .await
            .expect(201)
            .json()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let new = json!({"project": project, "agent": "claude", "mode": "ask", "prompt": words, "title": words});
        let session = bench.post("/api/v1/sessions", new).await.expect(201).json()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        bench
            .ask(
                "PATCH",
                &format!("/api/v1/sessions/{session}"),
                Some(json!({"tags": [words]})),
            )
            .await
            .expect(200);
        let with_model = json!({"project": project, "agent": "claude", "mode": "ask", "prompt": "x", "model": words});
        let made = bench.post("/api/v1/sessions", with_model).await;
        assert!([201, 422].contains(&made.status.as_u16()), "{}", made.text);
        if made.status == 201 {
            sessions.push(made.json()["id"].as_str().unwrap().to_owned());
        }
        sessions.push(session);
    }
    for session in &sessions {
        bench.until(session, &["failed", "unknown", "done"]).await;
    }
    let heard = fs::read_to_string(&argv).unwrap();
    let options: Vec<&str> = heard.lines().collect();
    assert!(options.len() > HOSTILE.len(), "the stand-in was never started");
    for words in HOSTILE {
        assert!(
            !options.contains(&format!("<{words}>").as_str()) || !words.starts_with('-'),
            "{words} became an option"
        );
    }
    assert!(!heard.contains("dangerously"), "{heard}");
    let made = pwned(bench.folder.path())
        .into_iter()
        .chain(pwned(bench.test.store.data_dir()))
        .chain(pwned(&std::env::current_dir().unwrap()));
    assert_eq!(made.collect::<Vec<_>>(), Vec::<PathBuf>::new(), "something was run");
    bench.end().await;
}

/// Files under a folder that only a shell would have made.
fn pwned(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with("pwned")) {
            found.push(path);
        } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) && name != "target" && name != "node_modules" {
            found.extend(pwned(&path));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_private_session_is_on_no_list() {
    let bench = Bench::new().await;
    bench.user("oskar", Role::Owner).await;
    let other = bench.token_of("oskar", Scope::Write).await;
    let project = bench.project("shop").await;
    let new = json!({"project": project, "agent": "demo", "mode": "ask", "prompt": format!("{CANARY} plan"), "title": CANARY, "visibility": "private"});
    let private = bench.post("/api/v1/sessions", new).await.expect(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    bench.until(&private, &["waiting"]).await;
    for path in [
        "/sessions",
        "/sessions?q=xq7",
        "/approvals",
        "/approvals?state=pending",
        "/projects",
        "/usage",
        "/events?limit=200",
        "/me",
    ] {
        let mine: Value = bench.get(&format!("/api/v1{path}")).await.expect(200).json();
        let theirs = bench
            .ask_as(&other, "GET", &format!("/api/v1{path}"), None)
            .await
            .expect(200);
        assert!(
            !theirs.text.contains(CANARY) && !theirs.text.contains(&private),
            "{path}: {}",
            theirs.text
        );
        assert!(mine.is_object() || mine.is_array(), "{path}");
    }
    bench.end().await;
}
