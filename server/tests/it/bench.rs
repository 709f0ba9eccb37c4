//! The test bench: a node on a store of its own, and a client for it.

use axum::{Router, body::Body};
use http::{Method, Request, Response, StatusCode};
use migration::Migrator;
use model::{
    accounts::NewToken,
    caller::{Caller, Role, Scope},
};
use node::{accounts::NewUser, store::testing::TestStore};
use serde_json::{Value, json};
use server::{
    config::{Config, Sources},
    router,
    serve::{Opened, open},
    state::AppState,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tower::ServiceExt;

/// The binary under test.
pub const BIN: &str = env!("CARGO_BIN_EXE_orchwiz");

/// A node with an owner called `mara`.
pub struct Bench {
    pub test: TestStore,
    pub state: AppState,
    pub node: node::node::Node,
    pub app: Router,
    /// A token of the owner, with scope write.
    pub token: String,
    /// The folder of the test's projects.
    pub folder: tempfile::TempDir,
}

/// An answer with its whole body.
pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 * 1024 * 1024).await.unwrap();
        Self {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{} {}: {error}", self.status, self.text))
    }

    /// The field and the code of an error.
    #[track_caller]
    pub fn error(&self) -> (Option<String>, String) {
        let json = self.json();
        let error = &json["error"];
        assert!(
            error["message"].as_str().is_some_and(|message| message.len() > 5),
            "{json}"
        );
        (
            error["field"].as_str().map(str::to_owned),
            error["code"].as_str().unwrap().to_owned(),
        )
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(|_| Vec::new()).await
    }

    /// With more settings, which may name places in the bench's folder.
    pub async fn with(settings: impl FnOnce(&Path) -> Vec<(&'static str, String)>) -> Self {
        Self::number(1, settings).await
    }

    /// One of several: each number is another node, with another key.
    pub async fn number(seed: u64, settings: impl FnOnce(&Path) -> Vec<(&'static str, String)>) -> Self {
        let test = TestStore::new::<Migrator>(seed).await;
        let folder = tempfile::tempdir().unwrap();
        let mut flags = vec![
            ("data", test.store.data_dir().to_str().unwrap().to_owned()),
            ("demo.pace", "fast".to_owned()),
        ];
        flags.extend(settings(folder.path()));
        let config = Config::from_parts(
            &Sources {
                flags,
                ..Sources::default()
            },
            None,
        )
        .unwrap();
        let Opened { state, node } = open(config, PathBuf::from(BIN), &test.store, &test.journal, &test.deps)
            .await
            .unwrap();
        state.stop.set_ready();
        let owner = NewUser {
            name: "mara".into(),
            role: Role::Owner,
            password: Some("correct horse battery".into()),
            github: None,
        };
        state.accounts.create_user(&Caller::cli(), owner).await.unwrap();
        let app = router::build(&state);
        let mut bench = Self {
            test,
            state,
            node,
            app,
            token: String::new(),
            folder,
        };
        bench.token = bench.token_of("mara", Scope::Write).await;
        bench
    }

    pub async fn user(&self, name: &str, role: Role) {
        let new = NewUser {
            name: name.into(),
            role,
            password: Some("correct horse battery".into()),
            github: None,
        };
        self.state.accounts.create_user(&Caller::cli(), new).await.unwrap();
    }

    /// Revokes every token of a person.
    pub async fn revoke_tokens_of(&self, name: &str) {
        let (accounts, caller) = (&self.state.accounts, Caller::cli());
        let person = accounts.find_user(&caller, name).await.unwrap();
        for token in accounts
            .list_tokens(&caller)
            .await
            .unwrap()
            .into_iter()
            .filter(|token| token.user == person.id)
        {
            accounts.revoke_any_token(&caller, token.id).await.unwrap();
        }
    }

    pub async fn token_of(&self, name: &str, scope: Scope) -> String {
        let new = NewToken {
            name: "test".into(),
            scope,
            days: None,
        };
        self.state
            .accounts
            .create_token_for(&Caller::cli(), name, new)
            .await
            .unwrap()
            .secret
    }

    /// Sends a request unchanged, with a known host. The OpenAPI document must declare the answer's status.
    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        request.headers_mut().insert("host", "127.0.0.1:3000".parse().unwrap());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = Answer::read(self.app.clone().oneshot(request).await.unwrap()).await;
        crate::document::names_answer(method.as_str(), &path, answer.status.as_u16());
        answer
    }

    /// Sends a request with the owner's token.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask_as(&self.token, method, path, body).await
    }

    pub async fn ask_as(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .header("authorization", format!("Bearer {token}"));
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, Some(body)).await
    }

    /// Makes a folder a project; gives its id.
    pub async fn project(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        let answer = self
            .post("/api/v1/projects", json!({"path": path, "trusted": true}))
            .await
            .expect(201);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Starts a session of the demo agent; gives its id.
    pub async fn session(&self, project: &str, prompt: &str) -> String {
        let new = json!({"project": project, "agent": "demo", "mode": "ask", "prompt": prompt});
        self.post("/api/v1/sessions", new).await.expect(201).json()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits until a session is in one of these states; gives the session.
    pub async fn until(&self, session: &str, states: &[&str]) -> Value {
        let mut last = Value::Null;
        for _ in 0..600 {
            last = self
                .get(&format!("/api/v1/sessions/{session}"))
                .await
                .expect(200)
                .json();
            if states.contains(&last["state"].as_str().unwrap()) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not in {states:?} within 30 s: {last}");
    }

    /// Stops the node and its agents.
    pub async fn end(self) {
        self.state.stop.ask();
        self.node.shutdown(true).await;
    }
}
