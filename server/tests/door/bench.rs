//! The door of a node: sign-in and guard around one route that tells the caller. With a simulated browser.

use axum::{Json, Router, body::Body, extract::FromRef};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use migration::Migrator;
use model::{Caller, Role};
use node::{
    accounts::{AccountsService, NewUser},
    store::testing::TestStore,
};
use serde_json::{Value, json};
use server::{
    auth::{self, Auth, AuthConfig},
    config::{Config, Sources},
    guard::Guard,
};
use std::collections::BTreeMap;
use tower::ServiceExt;
use url::form_urlencoded;

pub const PASSWORD: &str = "correct horse battery";

#[derive(Clone)]
struct AtDoor(Auth);

impl FromRef<AtDoor> for Auth {
    fn from_ref(state: &AtDoor) -> Self {
        state.0.clone()
    }
}

/// A node's door, with an owner called `mara`.
pub struct Door {
    pub test: TestStore,
    pub accounts: AccountsService,
    pub auth: Auth,
    pub app: Router,
}

impl Door {
    pub async fn new(flags: &[(&'static str, &str)]) -> Self {
        let door = Self::without_users(flags).await;
        door.user("mara", Role::Owner).await;
        door
    }

    pub async fn without_users(flags: &[(&'static str, &str)]) -> Self {
        Self::seeded(1, flags).await
    }

    /// A node of its own for each seed.
    pub async fn seeded(seed: u64, flags: &[(&'static str, &str)]) -> Self {
        let test = TestStore::new::<Migrator>(seed).await;
        let accounts = AccountsService::new(test.store.clone(), test.journal.clone(), test.deps.clone());
        let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let config = Config::from_parts(
            &Sources {
                flags,
                ..Sources::default()
            },
            None,
        )
        .unwrap();
        let auth = Auth::new(accounts.clone(), AuthConfig::from(&config), test.deps.clone()).unwrap();
        let who = axum::routing::any(|caller: Option<axum::Extension<Caller>>| async {
            Json(caller.map(|axum::Extension(caller)| caller))
        });
        let picture = axum::routing::get(|| async { ([(header::CONTENT_TYPE, "image/svg+xml")], "<svg/>") });
        let router = auth::routes::<AtDoor>()
            .into_router()
            .route("/who", who)
            .route("/picture.svg", picture);
        let app = Guard::new(&config, &test.deps)
            .around(auth.around(router))
            .with_state(AtDoor(auth.clone()));
        Self {
            test,
            accounts,
            auth,
            app,
        }
    }

    pub async fn user(&self, name: &str, role: Role) {
        let new = NewUser {
            name: name.into(),
            role,
            password: Some(PASSWORD.into()),
            github: None,
        };
        self.accounts.create_user(&Caller::cli(), new).await.unwrap();
    }

    /// Sends a request unchanged; adds `host` where it is missing.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        send(&self.app, request).await
    }

    pub fn browser(&self) -> Browser {
        Browser::new(self.app.clone(), "127.0.0.1:3000")
    }

    /// The name of the login's cookie over plain http.
    pub fn cookie(&self) -> String {
        format!("orchwiz_{}", &self.test.journal.origin()[..16])
    }

    /// A browser where `name` is signed in.
    pub async fn signed_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser.sign_in(name, PASSWORD, "/").await;
        assert_eq!(
            (answer.status, answer.location()),
            (StatusCode::SEE_OTHER, "/"),
            "{}",
            answer.text
        );
        browser
    }
}

pub async fn send(app: &Router, mut request: Request<Body>) -> Answer {
    request
        .headers_mut()
        .entry(header::HOST)
        .or_insert("127.0.0.1:3000".parse().unwrap());
    let response: Response<Body> = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// An answer with its whole body.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        self.header("location")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{} {:?}: {error}", self.status, self.text))
    }

    /// The code of an error.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A simulated browser: keeps cookies and sends a browser's headers.
#[derive(Clone)]
pub struct Browser {
    app: Router,
    host: String,
    /// Its address; `None` for none.
    pub address: Option<std::net::IpAddr>,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new(app: Router, host: &str) -> Self {
        Self {
            app,
            host: host.into(),
            address: None,
            cookies: BTreeMap::new(),
        }
    }

    /// The same browser at another address.
    pub fn from(mut self, address: &str) -> Self {
        self.address = Some(address.parse().unwrap());
        self
    }

    /// The same browser, talking to another node on the same host.
    pub fn at(&self, door: &Door) -> Self {
        Self {
            app: door.app.clone(),
            ..self.clone()
        }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    /// Posts a form as a page of the node does.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(
            Method::POST,
            path,
            Some(
                form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(fields)
                    .finish(),
            ),
        )
        .await
    }

    pub async fn sign_in(&mut self, name: &str, password: &str, next: &str) -> Answer {
        self.post("/auth/login", &[("name", name), ("password", password), ("next", next)])
            .await
    }

    /// The caller that the node sees.
    pub async fn who(&mut self) -> Value {
        let answer = self.get("/who").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json().get("name").cloned().unwrap_or(json!(null))
    }

    async fn ask(&mut self, method: Method, path: &str, body: Option<String>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
            .header("accept", "text/html,*/*")
            .header("user-agent", "Test/1.0")
            .header("sec-fetch-site", "same-origin");
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header("cookie", cookies.join("; "));
        }
        if body.is_some() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let mut request = request.body(body.map_or_else(Body::empty, Body::from)).unwrap();
        if let Some(address) = self.address {
            request
                .extensions_mut()
                .insert(axum::extract::ConnectInfo(std::net::SocketAddr::from((address, 9))));
        }
        let answer = send(&self.app, request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let (pair, attributes) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        answer
    }
}
