//! Sign-in with GitHub: OAuth with PKCE and a state bound to the browser, each valid once and for ten minutes. It must
//! not follow redirects, keep GitHub's token, or let in anybody who is not on the list.

use super::{
    Auth, Browser, ClientAddress,
    config::GithubConfig,
    form::{Fields, back, onward},
    sign_in::{begin as sign_in, refuse},
    store,
};
use crate::answer::error::{ApiError, ApiResult};
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use model::{Error, Millis, Result, event::SignInWay};
use node::{
    accounts::{GithubIdentity, PENDING_MS},
    journal::{Stored, internal},
    limits::network_key,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse, TokenUrl, basic::BasicClient,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{net::IpAddr, time::Duration};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;
use url::Url;

/// The key of a pending sign-in in the browser's session.
const PENDING: &str = "github";
/// The largest answer accepted from GitHub, in bytes.
const ANSWER_MAX: usize = 1024 * 1024;
/// The most pages of a person's organisations that are read, of 100 each.
const PAGES: u32 = 10;

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// An OAuth app at GitHub, ready to use.
pub(crate) struct Github {
    config: GithubConfig,
    client: Client,
    http: reqwest::Client,
    /// Two simultaneous callbacks must not both find the same pending sign-in.
    taking: Mutex<()>,
}

/// A pending sign-in.
#[derive(Serialize, Deserialize)]
struct Pending {
    state: String,
    verifier: String,
    next: String,
    at: Millis,
}

/// Why a sign-in failed; the word is what `/signin?error=` says.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no sign-in was under way in this browser, or it took longer than ten minutes")]
    Expired,
    #[error("the answer does not belong to the sign-in that was under way")]
    State,
    #[error("GitHub says that it was refused")]
    Denied,
    #[error("GitHub did not answer as expected: {0}")]
    Provider(String),
    #[error("this GitHub account is not on the list of this node")]
    NotAllowed {
        /// Its numeric id.
        id: i64,
    },
    #[error("this account is disabled")]
    Disabled,
    #[error(transparent)]
    Node(#[from] Error),
}

impl Failure {
    fn word(&self) -> &'static str {
        match self {
            Self::Expired => "github_expired",
            Self::State => "github_state",
            Self::Denied => "github_denied",
            Self::Provider(_) => "github_failed",
            Self::NotAllowed { .. } | Self::Disabled => "github_not_allowed",
            Self::Node(Error::Forbidden(_)) => "github_no_setup",
            Self::Node(_) => "failed",
        }
    }
}

impl Github {
    pub(super) fn new(config: GithubConfig, public_url: &Url) -> Result<Self> {
        let bad = |error: url::ParseError| internal(error);
        let at = |path: &str| format!("{}/{path}", config.url.as_str().trim_end_matches('/'));
        let back = format!("{}/auth/github/callback", public_url.as_str().trim_end_matches('/'));
        let client = BasicClient::new(ClientId::new(config.client_id.clone()))
            // As GitHub documents it: id and secret in the body.
            .set_auth_type(AuthType::RequestBody)
            .set_client_secret(ClientSecret::new(config.client_secret.expose().to_owned()))
            .set_auth_uri(AuthUrl::new(at("login/oauth/authorize")).map_err(bad)?)
            .set_token_uri(TokenUrl::new(at("login/oauth/access_token")).map_err(bad)?)
            .set_redirect_uri(RedirectUrl::new(back).map_err(bad)?);
        Ok(Self {
            client,
            http: http_client()?,
            taking: Mutex::default(),
            config,
        })
    }

    /// The address for the browser, and the pending sign-in to store.
    fn question(&self, auth: &Auth, next: String) -> (Url, Pending) {
        let secret = || URL_SAFE_NO_PAD.encode(auth.0.deps.bytes::<32>());
        let pending = Pending {
            state: secret(),
            verifier: secret(),
            next,
            at: auth.0.deps.now(),
        };
        let verifier = PkceCodeVerifier::new(pending.verifier.clone());
        let state = pending.state.clone();
        let mut request = self
            .client
            .authorize_url(|| CsrfToken::new(state))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        if !self.config.organisations.is_empty() {
            request = request.add_scope(Scope::new("read:org".into()));
        }
        (request.url().0, pending)
    }

    /// Takes the pending sign-in out of the browser's session, durably, before anything uses it.
    async fn take(&self, auth: &Auth, browser: &Browser) -> Result<Pending, Failure> {
        let _alone = self.taking.lock().await;
        let session = &browser.session;
        if session.id().is_none() {
            return Err(Failure::Expired);
        }
        // The session was loaded when the request came in; another request may have taken the entry since.
        session.load().await.map_err(store::cause)?;
        let pending: Option<Pending> = session.remove(PENDING).await.map_err(store::cause)?;
        let pending = pending.ok_or(Failure::Expired)?;
        session.save().await.map_err(store::cause)?;
        if auth.0.deps.now() - pending.at >= PENDING_MS {
            Err(Failure::Expired)
        } else {
            Ok(pending)
        }
    }

    /// The GitHub account that the code proves.
    async fn identity(&self, code: String, verifier: String) -> Result<GithubIdentity, Failure> {
        #[derive(Deserialize)]
        struct User {
            id: i64,
            login: String,
        }
        let token = exchange(self.client.clone(), self.http.clone(), code, verifier).await?;
        let token = token.as_str();
        let user: User = self.get("user", token).await?;
        if !self.may_enter(user.id, &user.login, token).await? {
            return Err(Failure::NotAllowed { id: user.id });
        }
        Ok(GithubIdentity {
            id: user.id,
            login: user.login,
        })
    }

    /// Ends the access of GitHub users who were taken off the list. Organisation membership is checked only at sign-in,
    /// since GitHub tells it to nobody but the members themselves.
    pub(super) async fn sweep(&self, auth: &Auth) -> Result<()> {
        if !self.config.organisations.is_empty() {
            return Ok(());
        }
        let shut_out = auth
            .0
            .accounts
            .shut_out_of_github(|id, login| self.lists(id, login))
            .await?;
        if shut_out > 0 {
            tracing::info!(
                people = shut_out,
                "ended the access of people who are not on the GitHub list any more"
            );
        }
        Ok(())
    }

    fn lists(&self, id: i64, login: &str) -> bool {
        self.config.ids.contains(&id)
            || self
                .config
                .logins
                .iter()
                .any(|listed| listed.eq_ignore_ascii_case(login))
    }

    async fn may_enter(&self, id: i64, login: &str, token: &str) -> Result<bool, Failure> {
        #[derive(Deserialize)]
        struct Organisation {
            login: String,
        }
        if self.lists(id, login) {
            return Ok(true);
        }
        if self.config.organisations.is_empty() {
            return Ok(false);
        }
        for page in 1..=PAGES {
            let theirs: Vec<Organisation> = self.get(&format!("user/orgs?per_page=100&page={page}"), token).await?;
            if theirs.iter().any(|one| {
                self.config
                    .organisations
                    .iter()
                    .any(|listed| listed.eq_ignore_ascii_case(&one.login))
            }) {
                return Ok(true);
            }
            if theirs.len() < 100 {
                break;
            }
        }
        Ok(false)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, token: &str) -> Result<T, Failure> {
        let provider = |error: String| Failure::Provider(error);
        let url = format!("{}/{path}", self.config.api_url.as_str().trim_end_matches('/'));
        let request = http::Request::get(url)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::ACCEPT, HeaderValue::from_static("application/vnd.github+json"))
            .body(Vec::new())
            .map_err(|error| provider(error.to_string()))?;
        let answer = send(self.http.clone(), request)
            .await
            .map_err(|error| provider(error.to_string()))?;
        if answer.status() != StatusCode::OK {
            return Err(provider(format!("{} to {path}", answer.status())));
        }
        serde_json::from_slice(answer.body()).map_err(|error| provider(error.to_string()))
    }
}

/// GitHub could not be reached. The text has no secret: reqwest's errors show addresses only, and these have no query.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unanswered(String);

impl From<reqwest::Error> for Unanswered {
    fn from(error: reqwest::Error) -> Self {
        Self(error.without_url().to_string())
    }
}

/// Exchanges a code for a token. Boxed, and owning its arguments: otherwise the compiler cannot see that the handler is
/// `Send`.
fn exchange(
    client: Client,
    http: reqwest::Client,
    code: String,
    verifier: String,
) -> BoxFuture<'static, Result<String, Failure>> {
    Box::pin(async move {
        let send = move |request: HttpRequest| send(http.clone(), request);
        let exchange = client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier));
        let answer = exchange
            .request_async(&send)
            .await
            .map_err(|error| Failure::Provider(error.to_string()))?;
        Ok(answer.access_token().secret().clone())
    })
}

async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
    let request = reqwest::Request::try_from(request).map_err(Unanswered::from)?;
    let mut answer = http.execute(request).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(Unanswered("the answer is too large".into()));
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// `POST /auth/github` with `next`: 303 to GitHub.
pub(super) async fn begin(
    State(auth): State<Auth>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    browser: Browser,
    headers: HeaderMap,
    mut fields: Fields,
) -> ApiResult<Response> {
    let next = fields.optional("next")?.unwrap_or_default();
    let Some(github) = &auth.0.github else {
        return Err(not_offered());
    };
    if let Err(error) = auth.0.limits.address.check(&network_key(address)) {
        return Ok(refuse(
            &headers,
            error,
            "/signin",
            &[("error", "limited"), ("next", &next)],
        ));
    }
    let (question, pending) = github.question(&auth, next.chars().take(2_000).collect());
    browser.session.insert(PENDING, pending).await.map_err(store::cause)?;
    // Stored here: on a full disk the session layer would answer with an empty 500.
    browser.session.save().await.map_err(store::cause)?;
    Ok(Redirect::to(question.as_str()).into_response())
}

/// `GET /auth/github/callback`: 303 to the page that the sign-in began for, or to `/signin?error=github_...`.
pub(super) async fn callback(
    State(auth): State<Auth>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    mut browser: Browser,
    headers: HeaderMap,
    uri: Uri,
) -> ApiResult<Response> {
    let Some(github) = &auth.0.github else {
        return Err(not_offered());
    };
    let mut answer = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let answer = Answer {
        code: answer.optional("code")?,
        state: answer.optional("state")?,
        error: answer.optional("error")?,
    };
    match finish(&auth, github, &mut browser, answer, &headers, address).await {
        Ok(next) => Ok(onward(&next)),
        // Not a redirect: with one, the session layer would try to store more on the full disk.
        Err(Failure::Node(error @ Error::StorageFull)) => Err(error.into()),
        Err(failure) => {
            tracing::info!(%failure, "a sign-in with GitHub failed");
            Ok(back("/signin", &[("error", failure.word())]))
        }
    }
}

/// The parameters that GitHub sends back through the browser.
struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// Checks the answer and signs the person in; gives the path to continue at.
async fn finish(
    auth: &Auth,
    github: &Github,
    browser: &mut Browser,
    answer: Answer,
    headers: &HeaderMap,
    address: Option<IpAddr>,
) -> Result<String, Failure> {
    let pending = github.take(auth, browser).await?;
    let ours: bool = answer
        .state
        .unwrap_or_default()
        .as_bytes()
        .ct_eq(pending.state.as_bytes())
        .into();
    if !ours {
        return Err(Failure::State);
    }
    if answer.error.is_some() {
        return Err(Failure::Denied);
    }
    let identity = match github
        .identity(answer.code.ok_or(Failure::State)?, pending.verifier)
        .await
    {
        Err(Failure::NotAllowed { id }) => {
            // A person who was let in before must not stay signed in elsewhere.
            auth.0.accounts.shut_out_of_github(|known, _| known != id).await?;
            return Err(Failure::NotAllowed { id });
        }
        identity => identity?,
    };
    let account = match auth.0.accounts.sign_in_with_github(identity, github.config.role).await {
        Err(Error::Unauthenticated) => return Err(Failure::Disabled),
        account => account?,
    };
    sign_in(browser, account, SignInWay::Github, headers, address).await?;
    Ok(pending.next)
}

fn not_offered() -> ApiError {
    ApiError::http(
        StatusCode::NOT_FOUND,
        "not_found",
        "signing in with GitHub is not configured on this node",
    )
}

/// A client with time limits that follows no redirects.
fn http_client() -> Result<reqwest::Client> {
    // The first provider installed stays; another one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(10))
        .user_agent("OrchWiz")
        .build()
        .stored()
}
