//! Pages: the way to sign-in, unknown paths, and headers of every answer.

use crate::bench::{Answer, Bench};
use axum::body::Body;
use http::Request;

async fn open(bench: &Bench, path: &str, cookie: Option<&str>) -> Answer {
    let request = Request::get(path)
        .header("accept", "text/html,*/*")
        .header("sec-fetch-site", "none");
    let request = match cookie {
        Some(cookie) => request.header("cookie", cookie),
        None => request,
    };
    bench.send(request.body(Body::empty()).unwrap()).await
}

/// Signs in as the owner; gives the cookie.
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
    assert_eq!(answer.headers["location"], "/");
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_login_every_page_leads_to_sign_in_and_back() {
    let bench = Bench::new().await;
    for (path, target) in [
        ("/", "/signin"),
        ("/inbox", "/signin?next=%2Finbox"),
        ("/sessions?state=waiting", "/signin?next=%2Fsessions%3Fstate%3Dwaiting"),
        ("/kit", "/signin?next=%2Fkit"),
        ("/no-such-page", "/signin?next=%2Fno-such-page"),
    ] {
        let answer = open(&bench, path, None).await.expect(303);
        assert_eq!(answer.headers["location"], target, "{path}");
    }
    open(&bench, "/signin", None).await.expect(200);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_in_every_page_is_drawn_with_a_policy_and_a_nonce_of_its_own() {
    let bench = Bench::new().await;
    let cookie = sign_in(&bench).await;
    let mut nonces = std::collections::BTreeSet::new();
    for route in server::routes()
        .into_iter()
        .filter(|route| route.area == server::table::Area::Page && !route.path.contains('{'))
    {
        let answer = open(&bench, &route.path, Some(&cookie)).await;
        assert!(
            [200, 302].contains(&answer.status.as_u16()),
            "{}: {} {}",
            route.path,
            answer.status,
            answer.text
        );
        let policy = answer.headers["content-security-policy"].to_str().unwrap().to_owned();
        let nonce = policy
            .split("'nonce-")
            .nth(1)
            .and_then(|rest| rest.split('\'').next())
            .expect("a nonce")
            .to_owned();
        if answer.status.as_u16() == 200 {
            assert!(
                answer.text.contains(&format!("nonce=\"{nonce}\"")),
                "{}: the page does not carry the nonce of its policy",
                route.path
            );
        }
        assert!(nonces.insert(nonce), "{}: a nonce was used twice", route.path);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(answer.headers.contains_key("x-request-id"));
    }
    assert!(nonces.len() > 5, "there are pages");
    let missing = open(&bench, "/no-such-page", Some(&cookie)).await.expect(404);
    assert!(
        missing.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    bench.end().await;
}

/// A page whose answer never ends does not hydrate. A page that reads in two steps may be dropped between them, so the
/// test requests each page often and concurrently.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_page_ends_however_often_it_is_asked_for() {
    let bench = Bench::new().await;
    let cookie = sign_in(&bench).await;
    let project = bench.project("ends").await;
    let session = bench.session(&project, "Show yourself").await;
    bench.until(&session, &["waiting"]).await;
    let approval = bench.get("/api/v1/approvals?state=pending").await.expect(200).json()["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut paths: Vec<String> = server::routes()
        .into_iter()
        .filter(|route| route.area == server::table::Area::Page && !route.path.contains('{'))
        .map(|route| route.path)
        .collect();
    paths.extend([
        format!("/inbox?id={approval}"),
        format!("/sessions/{session}"),
        format!("/projects/{project}"),
        "/inbox?id=apr_0".into(),
    ]);
    for path in &paths {
        let asked = (0..24)
            .map(|_| tokio::time::timeout(std::time::Duration::from_secs(20), open(&bench, path, Some(&cookie))));
        for answer in futures::future::join_all(asked).await {
            let answer = answer.unwrap_or_else(|_| panic!("{path} does not end"));
            assert!(
                answer.status != 200 || answer.text.contains("__INCOMPLETE_CHUNKS=[]"),
                "{path}: {}",
                answer.text
            );
        }
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_users_leads_to_its_set_up() {
    let test = node::store::testing::TestStore::new::<migration::Migrator>(2).await;
    let flags = vec![("data", test.store.data_dir().to_str().unwrap().to_owned())];
    let sources = server::config::Sources {
        flags,
        ..Default::default()
    };
    let config = server::config::Config::from_parts(&sources, None).unwrap();
    let opened = server::serve::open(config, crate::bench::BIN.into(), &test.store, &test.journal, &test.deps)
        .await
        .unwrap();
    let app = server::router::build(&opened.state);
    let request = Request::get("/")
        .header("host", "127.0.0.1:3000")
        .header("accept", "text/html")
        .body(Body::empty())
        .unwrap();
    let answer = Answer::read(tower::ServiceExt::oneshot(app, request).await.unwrap())
        .await
        .expect(303);
    assert_eq!(answer.headers["location"], "/setup");
    opened.node.shutdown(true).await;
}
