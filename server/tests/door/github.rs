//! Sign-in with GitHub against a provider on loopback: the whole flow, and attacks on it.

use crate::bench::{Answer, Browser, Door};
use axum::{
    Form, Json, Router,
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode};
use model::{Caller, Role};
use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use url::Url;

/// Issued codes, each with its challenge and account.
type Codes = Arc<Mutex<HashMap<String, (String, i64, String)>>>;
type Fields = HashMap<String, String>;

/// An authorisation server with GitHub Enterprise's layout: the API is under `/api/v3`.
#[derive(Clone)]
struct Provider {
    codes: Codes,
    url: String,
}

impl Provider {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self {
            codes: Codes::default(),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let router = Router::new()
            .route("/login/oauth/access_token", post(Self::token))
            .route("/api/v3/user", get(Self::user))
            .route("/api/v3/user/orgs", get(Self::organisations))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    /// A person agrees at GitHub. Gives the address that leads back.
    fn agree(&self, question: &Url, id: i64, login: &str) -> String {
        let asked: Fields = question.query_pairs().into_owned().collect();
        assert_eq!(question.path(), "/login/oauth/authorize");
        assert_eq!(
            (
                asked["response_type"].as_str(),
                asked["client_id"].as_str(),
                asked["code_challenge_method"].as_str()
            ),
            ("code", "the-app", "S256")
        );
        assert_eq!(asked["redirect_uri"], "http://127.0.0.1:3000/auth/github/callback");
        let code = format!("code{}", self.codes.lock().unwrap().len());
        self.codes
            .lock()
            .unwrap()
            .insert(code.clone(), (asked["code_challenge"].clone(), id, login.into()));
        format!("/auth/github/callback?code={code}&state={}", asked["state"])
    }

    async fn token(State(provider): State<Self>, Form(sent): Form<Fields>) -> Response {
        let Some((challenge, id, login)) = sent
            .get("code")
            .and_then(|code| provider.codes.lock().unwrap().get_mut(code).map(std::mem::take))
        else {
            return Json(json!({"error": "bad_verification_code"})).into_response();
        };
        let verifier = PkceCodeVerifier::new(sent.get("code_verifier").cloned().unwrap_or_default());
        let proven = PkceCodeChallenge::from_code_verifier_sha256(&verifier).as_str() == challenge;
        let app = sent.get("client_id").map(String::as_str) == Some("the-app")
            && sent.get("client_secret").map(String::as_str) == Some("the-secret");
        if !proven || !app {
            return Json(json!({"error": "bad_verification_code"})).into_response();
        }
        if login == "moved" {
            return Redirect::temporary("/login/oauth/access_token?again").into_response();
        }
        Json(json!({"access_token": format!("{id}:{login}"), "token_type": "bearer", "scope": ""})).into_response()
    }

    async fn user(headers: HeaderMap) -> Response {
        let Some((id, login)) = bearer(&headers) else {
            return StatusCode::UNAUTHORIZED.into_response();
        };
        match login.as_str() {
            "broken" => "not json".into_response(),
            "endless" => "x".repeat(2_000_000).into_response(),
            _ => Json(json!({"id": id, "login": login, "email": "mara@example.org"})).into_response(),
        }
    }

    async fn organisations(headers: HeaderMap, Query(page): Query<Fields>) -> Json<Value> {
        let (_, login) = bearer(&headers).unwrap();
        let of = |name: &str| json!({"login": name});
        // A member of many organisations: the one that counts is on the second page.
        let theirs = match (login.as_str(), page["page"].as_str()) {
            ("member", "1") => vec![of("Atlas")],
            ("joiner", "1") => vec![of("some"); 100],
            ("joiner", "2") => vec![of("ATLAS")],
            _ => vec![],
        };
        Json(json!(theirs))
    }
}

fn bearer(headers: &HeaderMap) -> Option<(i64, String)> {
    let (id, login) = headers
        .get("authorization")?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")?
        .split_once(':')?;
    Some((id.parse().ok()?, login.into()))
}

async fn door(provider: &str, logins: &str, organisations: &str) -> Door {
    let mut flags = vec![
        ("github.client_id", "the-app"),
        ("github.client_secret", "the-secret"),
        ("github.url", provider),
    ];
    flags.extend(
        [("github.logins", logins), ("github.organisations", organisations)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty()),
    );
    Door::new(&flags).await
}

/// Presses the sign-in button; gives the redirect's target.
async fn begin(browser: &mut Browser, next: &str) -> Url {
    let answer = browser.post("/auth/github", &[("next", next)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    answer.location().parse().unwrap()
}

#[track_caller]
fn refused(answer: &Answer, word: &str) {
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, format!("/signin?error={word}").as_str()),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn somebody_new_gets_the_role_that_was_set() {
    let provider = Provider::start().await;
    let flags = [
        ("github.client_id", "the-app"),
        ("github.client_secret", "the-secret"),
        ("github.url", &provider.url),
        ("github.logins", "octocat"),
    ];
    let door = Door::new(&[&flags[..], &[("github.role", "viewer")]].concat()).await;
    let mut browser = door.browser();
    let question = begin(&mut browser, "/").await;
    browser.get(&provider.agree(&question, 583_231, "octocat")).await;
    assert_eq!(browser.who().await, "octocat");
    assert_eq!(
        door.accounts.find_user(&Caller::cli(), "octocat").await.unwrap().role,
        Role::Viewer
    );
}

#[tokio::test]
async fn who_is_on_the_list_is_let_in_and_led_on() {
    let provider = Provider::start().await;
    let door = door(&provider.url, "OctoCat,other", "").await;
    let mut browser = door.browser();
    let question = begin(&mut browser, "/inbox").await;
    let anonymous = browser.cookies.clone();
    let back = provider.agree(&question, 583_231, "octocat");
    let answer = browser.get(&back).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/inbox"));
    assert_eq!(browser.who().await, "octocat");
    assert_ne!(browser.cookies, anonymous, "the cookie is a new one");
    let user = door.accounts.find_user(&Caller::cli(), "octocat").await.unwrap();
    assert_eq!((user.role, user.github.as_deref()), (Role::Operator, Some("octocat")));
    let scope = question.query_pairs().any(|(name, _)| name == "scope");
    assert!(!scope, "no organisation is asked about, so nothing is");
    // The second time the id is the same, so it is the same person, whatever the login.
    let mut browser = door.browser();
    let back = provider.agree(&begin(&mut browser, "/").await, 583_231, "other");
    browser.get(&back).await;
    assert_eq!(browser.who().await, "octocat");
}

#[tokio::test]
async fn a_listed_id_is_let_in_whatever_its_login_and_nobody_else_by_that_login() {
    let provider = Provider::start().await;
    let flags = [
        ("github.client_id", "the-app"),
        ("github.client_secret", "the-secret"),
        ("github.url", &provider.url),
        ("github.ids", "583231"),
    ];
    let door = Door::new(&flags).await;
    for (id, login, enters) in [
        (583_231, "octocat", true),
        (583_231, "renamed", true),
        (7, "octocat", false),
    ] {
        let mut browser = door.browser();
        let back = provider.agree(&begin(&mut browser, "/").await, id, login);
        let leads = if enters {
            "/"
        } else {
            "/signin?error=github_not_allowed"
        };
        assert_eq!(browser.get(&back).await.location(), leads, "{id} {login}");
    }
}

#[tokio::test]
async fn members_of_a_listed_organisation_are_let_in_and_nobody_else() {
    let provider = Provider::start().await;
    let door = door(&provider.url, "", "atlas").await;
    for (id, login, enters) in [
        (1, "member", true),
        (2, "joiner", true),
        (3, "stranger", false),
        (4, "atlas", false),
    ] {
        let mut browser = door.browser();
        let question = begin(&mut browser, "/").await;
        assert!(question.as_str().contains("scope=read%3Aorg"), "{question}");
        let answer = browser.get(&provider.agree(&question, id, login)).await;
        if enters {
            assert_eq!(answer.location(), "/", "{login}");
        } else {
            refused(&answer, "github_not_allowed");
            assert_eq!(browser.who().await, json!(null));
            assert!(
                door.accounts.find_user(&Caller::cli(), login).await.is_err(),
                "nothing is created for {login}"
            );
        }
    }
}

#[tokio::test]
async fn without_a_list_nobody_enters_and_who_left_it_stays_out() {
    let provider = Provider::start().await;
    let closed = door(&provider.url, "", "").await;
    let mut browser = closed.browser();
    let back = provider.agree(&begin(&mut browser, "/").await, 1, "octocat");
    refused(&browser.get(&back).await, "github_not_allowed");

    let open = door(&provider.url, "octocat", "").await;
    let mut browser = open.browser();
    let back = provider.agree(&begin(&mut browser, "/").await, 1, "octocat");
    assert_eq!(browser.get(&back).await.location(), "/");
    let mut browser = open.browser();
    let back = provider.agree(&begin(&mut browser, "/").await, 1, "renamed");
    refused(&browser.get(&back).await, "github_not_allowed");
}

#[tokio::test]
async fn a_swapped_state_is_refused_and_uses_the_sign_in_up() {
    let provider = Provider::start().await;
    let door = door(&provider.url, "octocat,eve", "").await;
    let mut victim = door.browser();
    let back = provider.agree(&begin(&mut victim, "/").await, 1, "octocat");
    for state in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let mut victim = victim.clone();
        let swapped = format!("{}&state={state}", back.split("&state=").next().unwrap());
        let answer = victim.get(&swapped).await;
        // The first attempt takes the state; the others find nothing to guess.
        assert!(
            ["/signin?error=github_state", "/signin?error=github_expired"].contains(&answer.location()),
            "{answer:?}"
        );
        assert_eq!(victim.who().await, json!(null));
    }
    refused(&victim.get(&back).await, "github_expired");
}

#[tokio::test]
async fn an_attackers_answer_does_not_sign_a_victim_in_as_the_attacker() {
    let provider = Provider::start().await;
    let door = door(&provider.url, "octocat,eve", "").await;
    let mut eve = door.browser();
    let back = provider.agree(&begin(&mut eve, "/").await, 666, "eve");
    refused(&door.browser().get(&back).await, "github_expired");
    let mut victim = door.browser();
    begin(&mut victim, "/").await;
    refused(&victim.get(&back).await, "github_state");
    let mut signed_in = door.signed_in("mara").await;
    refused(&signed_in.get(&back).await, "github_expired");
    assert_eq!(signed_in.who().await, "mara");
}

#[tokio::test]
async fn a_code_works_once_and_only_for_the_browser_that_asked() {
    let provider = Provider::start().await;
    let door = door(&provider.url, "octocat", "").await;
    let mut browser = door.browser();
    let back = provider.agree(&begin(&mut browser, "/").await, 1, "octocat");
    let before = browser.clone();
    assert_eq!(browser.get(&back).await.location(), "/");
    refused(&before.clone().get(&back).await, "github_expired");
    // A stolen unused code in another browser's sign-in fails: its verifier is another.
    let mut owner = door.browser();
    let stolen = provider.agree(&begin(&mut owner, "/").await, 1, "octocat");
    let mut thief = door.browser();
    let own: HashMap<String, String> = begin(&mut thief, "/").await.query_pairs().into_owned().collect();
    let injected = format!("{}&state={}", stolen.split("&state=").next().unwrap(), own["state"]);
    refused(&thief.get(&injected).await, "github_failed");
    assert_eq!(thief.who().await, json!(null));
}

#[tokio::test]
async fn of_two_answers_at_once_one_counts() {
    let provider = Provider::start().await;
    let door = door(&provider.url, "octocat", "").await;
    let mut browser = door.browser();
    let back = provider.agree(&begin(&mut browser, "/").await, 1, "octocat");
    let answers = (0..4).map(|_| {
        let (mut browser, back) = (browser.clone(), back.clone());
        async move { browser.get(&back).await.location().to_owned() }
    });
    let mut answers = futures::future::join_all(answers).await;
    answers.sort();
    assert_eq!(
        answers,
        [
            "/",
            "/signin?error=github_expired",
            "/signin?error=github_expired",
            "/signin?error=github_expired"
        ]
    );
}

#[tokio::test]
async fn a_sign_in_is_good_for_ten_minutes() {
    let provider = Provider::start().await;
    let door = door(&provider.url, "octocat", "").await;
    for (minutes, leads) in [(9, "/"), (10, "/signin?error=github_expired")] {
        let mut browser = door.browser();
        let back = provider.agree(&begin(&mut browser, "/").await, 1, "octocat");
        door.test.clock.advance(minutes * 60_000);
        assert_eq!(browser.get(&back).await.location(), leads);
    }
}

#[tokio::test]
async fn a_foreign_next_leads_to_the_start_page() {
    let provider = Provider::start().await;
    let door = door(&provider.url, "octocat", "").await;
    for next in ["https://evil.test", "//evil.test", "/\\evil.test", "/auth/logout"] {
        let mut browser = door.browser();
        let back = provider.agree(&begin(&mut browser, next).await, 1, "octocat");
        assert_eq!(browser.get(&back).await.location(), "/", "{next}");
    }
}

#[tokio::test]
async fn a_refusal_and_a_provider_that_misbehaves_are_said() {
    let provider = Provider::start().await;
    let door = door(&provider.url, "moved,broken,endless", "").await;
    let mut browser = door.browser();
    let asked: HashMap<String, String> = begin(&mut browser, "/").await.query_pairs().into_owned().collect();
    refused(
        &browser
            .get(&format!(
                "/auth/github/callback?error=access_denied&state={}",
                asked["state"]
            ))
            .await,
        "github_denied",
    );
    for login in ["moved", "broken", "endless"] {
        let mut browser = door.browser();
        let back = provider.agree(&begin(&mut browser, "/").await, 1, login);
        refused(&browser.get(&back).await, "github_failed");
    }
    let mut browser = door.browser();
    let asked: HashMap<String, String> = begin(&mut browser, "/").await.query_pairs().into_owned().collect();
    refused(
        &browser
            .get(&format!(
                "/auth/github/callback?code=never-given&state={}",
                asked["state"]
            ))
            .await,
        "github_failed",
    );
}

#[tokio::test]
async fn a_provider_that_is_down_is_said_and_passwords_still_work() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let door = door(&url, "octocat", "").await;
    let mut browser = door.browser();
    let asked: HashMap<String, String> = begin(&mut browser, "/").await.query_pairs().into_owned().collect();
    refused(
        &browser
            .get(&format!("/auth/github/callback?code=x&state={}", asked["state"]))
            .await,
        "github_failed",
    );
    door.signed_in("mara").await;
}

#[tokio::test]
async fn without_an_app_there_is_no_such_sign_in() {
    let door = Door::new(&[]).await;
    assert!(!door.auth.offers_github());
    assert_eq!(
        door.browser().post("/auth/github", &[]).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        door.browser().get("/auth/github/callback?code=x&state=y").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn before_the_set_up_github_lets_nobody_in() {
    let provider = Provider::start().await;
    let door = Door::without_users(&[
        ("github.client_id", "the-app"),
        ("github.client_secret", "the-secret"),
        ("github.url", &provider.url),
        ("github.logins", "octocat"),
    ])
    .await;
    let mut browser = door.browser();
    let back = provider.agree(&begin(&mut browser, "/").await, 1, "octocat");
    refused(&browser.get(&back).await, "github_no_setup");
}
