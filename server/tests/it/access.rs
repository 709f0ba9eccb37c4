//! Access: every registered route, server function and socket with every kind of caller. A route missing from the table
//! fails the test. A row names only the action; `model::decide` says who may do it.

use crate::bench::{Answer, Bench};
use axum::body::Body;
use http::{Method, Request};
use model::{
    Action, Caller, Role, Via,
    accounts::NewToken,
    caller::{Decision, Resource, Scope, Visibility, decide},
    event::LinkMade,
    fleet,
    id::{LinkId, NodeId, UserId},
    node::NodeKind,
};
use node::{
    clock::Clock,
    fleet::{
        NodeKey,
        signature::{self, Signer, sign_request},
    },
    journal::Outcome,
    store::sql,
};
use server::table::Area;
use std::{collections::BTreeSet, net::SocketAddr};
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest};
use tower::ServiceExt;

/// The rule of a route.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Any client that passes the guard, with any token.
    Health,
    /// Any client that passes the guard, without a token or with a valid one.
    Open,
    /// A page that needs this action; anonymous visitors are led to sign-in.
    Page(Action),
    /// Any known caller.
    Known,
    /// Callers who may do this to the node.
    May(Action),
    /// Callers who may do this to the owner's session, which is visible to its project.
    On(Action),
    /// The same for a person's own things: the command line has no account.
    Own(Action),
    /// A socket, for callers who may do this.
    Socket(Action),
    /// Another node, by its signature, and nobody else.
    Peer,
}
use Rule::{Health, Known, May, On, Open, Own, Page, Peer, Socket};

const JSON: &str = "{}";
const SENDS: &str = r#"{"send":{"projects":"none","detail":"full"}}"#;
const IDENTIFIED: &str = r#"{"id":"$S"}"#;
/// A link and a node that are not there.
const NO_LINK: &str = "lnk_019200000000700080000000000000ff";
const NO_NODE: &str = "nod_019200000000700080000000000000ff";
/// That link as JSON and as a form.
const LINKED: &str = r#"{"id":"lnk_019200000000700080000000000000ff"}"#;
const LINK_FORM: &str = "id=lnk_019200000000700080000000000000ff";

/// Method, path, body (JSON if it begins with a brace, else a form), rule, and the statuses of permitted callers. The
/// first caller gets the first status; later ones get one of the others, or the first if there are none.
type Row = (&'static str, &'static str, &'static str, Rule, &'static [u16]);

/// In calling order; routes that end things are last.
pub const TABLE: &[Row] = &[
    ("GET", "/healthz", "", Health, &[200]),
    ("GET", "/readyz", "", Health, &[200]),
    ("GET", "/api/openapi.json", "", Open, &[200]),
    ("GET", "/metrics", "", May(Action::ReadMetrics), &[200]),
    ("GET", "/live", "", Socket(Action::ReadNode), &[101, 101, 426]),
    // Pages.
    ("GET", "/signin", "", Open, &[200]),
    ("GET", "/setup", "", Open, &[200]),
    ("GET", "/", "", Page(Action::ReadNode), &[200]),
    ("GET", "/inbox", "", Page(Action::ReadNode), &[200]),
    ("GET", "/sessions", "", Page(Action::ReadNode), &[200]),
    ("GET", "/sessions/new", "", Page(Action::ReadNode), &[200]),
    ("GET", "/sessions/{id}", "", Page(Action::ReadNode), &[200]),
    ("GET", "/projects", "", Page(Action::ReadNode), &[200]),
    ("GET", "/projects/{id}", "", Page(Action::ReadNode), &[200]),
    ("GET", "/usage", "", Page(Action::ReadNode), &[200]),
    ("GET", "/fleet", "", Page(Action::ReadNode), &[200]),
    ("GET", "/fleet/links/{id}", "", Page(Action::ReadNode), &[404]),
    ("GET", "/fleet/nodes/{id}", "", Page(Action::ReadNode), &[404]),
    ("GET", "/settings", "", Page(Action::ReadNode), &[200]),
    ("GET", "/settings/profile", "", Page(Action::EditSelf), &[200]),
    ("GET", "/settings/tokens", "", Page(Action::EditTokens), &[200]),
    ("GET", "/settings/agents", "", Page(Action::ReadNode), &[200]),
    ("GET", "/settings/node", "", Page(Action::ReadNode), &[200]),
    ("GET", "/settings/about", "", Page(Action::ReadNode), &[200]),
    ("GET", "/kit", "", Page(Action::ReadNode), &[200]),
    ("GET", "/kit/sample", "", Page(Action::ReadNode), &[200]),
    // REST, reading.
    ("GET", "/api/v1/me", "", May(Action::ReadNode), &[200]),
    ("GET", "/api/v1/projects", "", May(Action::ReadNode), &[200]),
    ("GET", "/api/v1/projects/{id}", "", May(Action::ReadNode), &[200]),
    ("GET", "/api/v1/sessions", "", May(Action::ReadNode), &[200]),
    ("GET", "/api/v1/sessions/{id}", "", On(Action::ReadSession), &[200]),
    (
        "GET",
        "/api/v1/sessions/{id}/entries",
        "",
        On(Action::ReadSession),
        &[200],
    ),
    (
        "GET",
        "/api/v1/sessions/{id}/entries/{seq}/body",
        "",
        On(Action::ReadSession),
        &[200],
    ),
    ("GET", "/api/v1/approvals", "", May(Action::ReadNode), &[200]),
    ("GET", "/api/v1/approvals/{id}", "", On(Action::ReadSession), &[200]),
    (
        "GET",
        "/api/v1/approvals/{id}/input",
        "",
        On(Action::ReadSession),
        &[200],
    ),
    ("GET", "/api/v1/events", "", May(Action::ReadNode), &[200]),
    ("GET", "/api/v1/usage", "", May(Action::ReadNode), &[200]),
    ("GET", "/api/v1/nodes", "", May(Action::ReadNode), &[200]),
    ("GET", "/api/v1/nodes/{id}", "", May(Action::ReadNode), &[200]),
    ("GET", "/api/v1/links", "", May(Action::ReadNode), &[200]),
    ("GET", "/api/v1/links/{id}", "", May(Action::ReadNode), &[200]),
    // What other nodes ask.
    ("POST", "/fwd/v1/pair", JSON, Peer, &[422]),
    ("POST", "/fwd/v1/exchange", JSON, Peer, &[422]),
    (
        "POST",
        "/fwd/v1/pair/status",
        r#"{"link":"$L","revoked":false,"node":{"id":"$N","name":"laptop","kind":"local"},"send":{"projects":"all","detail":"full"}}"#,
        Peer,
        &[200],
    ),
    // Server functions, reading.
    ("POST", "/api/rpc/auth/options", JSON, Open, &[200]),
    ("POST", "/api/rpc/auth/setup-link", r#"{"token":"guess"}"#, Open, &[200]),
    ("POST", "/api/rpc/frame/read", JSON, May(Action::ReadNode), &[200]),
    ("POST", "/api/rpc/frame/projects", JSON, May(Action::ReadNode), &[200]),
    (
        "POST",
        "/api/rpc/frame/last-projects",
        JSON,
        May(Action::ReadNode),
        &[200],
    ),
    ("POST", "/api/rpc/sample/names", JSON, May(Action::ReadNode), &[200]),
    ("POST", "/api/rpc/sample/count", "text=a", May(Action::ReadNode), &[200]),
    (
        "POST",
        "/api/rpc/palette/find",
        r#"{"q":"a"}"#,
        May(Action::ReadNode),
        &[200],
    ),
    ("POST", "/api/rpc/overview/read", JSON, May(Action::ReadNode), &[200]),
    ("POST", "/api/rpc/approvals/inbox", JSON, May(Action::ReadNode), &[200]),
    (
        "POST",
        "/api/rpc/approvals/waiting",
        JSON,
        May(Action::ReadNode),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/approvals/find",
        r#"{"id":"$A"}"#,
        On(Action::ReadSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/approvals/input",
        r#"{"id":"$A"}"#,
        On(Action::ReadSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/projects/list",
        r#"{"page":{}}"#,
        May(Action::ReadNode),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/projects/find",
        r#"{"id":"$P"}"#,
        May(Action::ReadNode),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/projects/own_files",
        r#"{"id":"$P"}"#,
        May(Action::EditProject),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/sessions/list",
        r#"{"filter":{},"page":{}}"#,
        May(Action::ReadNode),
        &[200],
    ),
    ("POST", "/api/rpc/sessions/form", JSON, May(Action::ReadNode), &[200]),
    (
        "POST",
        "/api/rpc/session/open",
        IDENTIFIED,
        On(Action::ReadSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/session/before",
        r#"{"id":"$S","before":5}"#,
        On(Action::ReadSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/session/body",
        r#"{"id":"$S","seq":1}"#,
        On(Action::ReadSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/session/raw",
        r#"{"id":"$S","page":{}}"#,
        On(Action::ReadSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/session/usage",
        IDENTIFIED,
        On(Action::ReadSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/usage/sums",
        r#"{"days":7}"#,
        May(Action::ReadNode),
        &[200],
    ),
    ("POST", "/api/rpc/fleet/read", JSON, May(Action::ReadNode), &[200]),
    ("POST", "/api/rpc/fleet/link", LINKED, May(Action::ReadNode), &[404]),
    (
        "POST",
        "/api/rpc/fleet/node",
        r#"{"id":"nod_019200000000700080000000000000ff"}"#,
        May(Action::ReadNode),
        &[404],
    ),
    (
        "POST",
        "/api/rpc/fleet/read-invite",
        r#"{"invite":"ow1_guess"}"#,
        May(Action::EditProject),
        &[422],
    ),
    ("POST", "/api/rpc/settings/profile", JSON, May(Action::EditSelf), &[200]),
    (
        "POST",
        "/api/rpc/settings/tokens",
        JSON,
        May(Action::EditTokens),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/settings/agents",
        r#"{"fresh":false}"#,
        May(Action::ReadNode),
        &[200],
    ),
    ("POST", "/api/rpc/settings/node", JSON, May(Action::ReadNode), &[200]),
    // Routes that create and change things.
    (
        "POST",
        "/api/rpc/settings/rename-node",
        "name=bench",
        May(Action::EditProject),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/fleet/invite",
        "which=none&detail=full",
        May(Action::EditProject),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/fleet/join",
        "invite=ow1_guess&which=all&detail=full",
        May(Action::EditProject),
        &[422],
    ),
    (
        "POST",
        "/api/rpc/fleet/confirm",
        LINK_FORM,
        May(Action::EditProject),
        &[404],
    ),
    (
        "POST",
        "/api/rpc/fleet/update",
        "id=lnk_019200000000700080000000000000ff&which=none&detail=full",
        May(Action::EditProject),
        &[404],
    ),
    (
        "POST",
        "/api/rpc/fleet/pause",
        LINK_FORM,
        May(Action::EditProject),
        &[404],
    ),
    (
        "POST",
        "/api/rpc/fleet/resume",
        LINK_FORM,
        May(Action::EditProject),
        &[404],
    ),
    (
        "POST",
        "/api/rpc/fleet/revoke",
        LINK_FORM,
        May(Action::EditProject),
        &[404],
    ),
    (
        "POST",
        "/api/rpc/settings/create-token",
        "name=x&scope=read&password=correct+horse+battery",
        Own(Action::EditTokens),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/settings/revoke-token",
        "id=tok_01920000000070008000000000000001",
        Own(Action::EditTokens),
        &[404],
    ),
    (
        "POST",
        "/api/v1/projects",
        r#"{"path":"/no/such/folder"}"#,
        May(Action::AddProject),
        &[422],
    ),
    (
        "PATCH",
        "/api/v1/projects/{id}",
        r#"{"name":"one"}"#,
        May(Action::EditProject),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/projects/create",
        "path=%2Fno%2Fsuch%2Ffolder",
        May(Action::AddProject),
        &[422],
    ),
    (
        "POST",
        "/api/rpc/projects/update",
        r#"{"id":"$P","patch":{"name":"one"}}"#,
        May(Action::EditProject),
        &[200],
    ),
    (
        "POST",
        "/api/v1/sessions",
        r#"{"project":"$P","agent":"demo","mode":"ask","prompt":"hello"}"#,
        May(Action::StartSession),
        &[201],
    ),
    (
        "POST",
        "/api/rpc/sessions/create",
        "project=$P&agent=demo&mode=ask&prompt=hello",
        May(Action::StartSession),
        &[200],
    ),
    ("POST", "/api/rpc/sessions/demo", "", May(Action::StartSession), &[200]),
    ("POST", "/api/rpc/palette/demo", JSON, May(Action::StartSession), &[200]),
    (
        "PATCH",
        "/api/v1/sessions/{id}",
        r#"{"tags":["x"]}"#,
        On(Action::EditSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/sessions/update",
        r#"{"id":"$S","patch":{"tags":["y"]}}"#,
        On(Action::EditSession),
        &[200],
    ),
    ("POST", "/api/v1/invites", SENDS, May(Action::EditLinks), &[201]),
    (
        "POST",
        "/api/v1/links",
        r#"{"invite":"ow1_guess","send":{"projects":"none","detail":"full"}}"#,
        May(Action::EditLinks),
        &[422],
    ),
    ("PATCH", "/api/v1/links/{id}", SENDS, May(Action::EditLinks), &[200]),
    ("POST", "/api/v1/links/{id}/confirm", "", May(Action::EditLinks), &[200]),
    ("POST", "/api/v1/links/{id}/pause", "", May(Action::EditLinks), &[200]),
    ("POST", "/api/v1/links/{id}/resume", "", May(Action::EditLinks), &[200]),
    ("DELETE", "/api/v1/links/{id}", "", May(Action::EditLinks), &[204]),
    // While one of its sessions runs, a project cannot be deleted.
    ("DELETE", "/api/v1/projects/{id}", "", May(Action::EditProject), &[409]),
    (
        "POST",
        "/api/rpc/projects/delete",
        r#"{"id":"$P"}"#,
        May(Action::EditProject),
        &[409],
    ),
    (
        "POST",
        "/api/v1/approvals/{id}",
        r#"{"decision":"deny","reason":"no"}"#,
        On(Action::DecideApproval),
        &[200, 409],
    ),
    (
        "POST",
        "/api/rpc/approvals/decide",
        r#"{"id":"$A","decide":{"decision":"deny"}}"#,
        On(Action::DecideApproval),
        &[409],
    ),
    (
        "POST",
        "/api/rpc/approvals/answer",
        "id=$A&verdict=deny&reason=no",
        On(Action::DecideApproval),
        &[409],
    ),
    // While its agent rests; during a start or an end it may not answer.
    (
        "POST",
        "/api/v1/sessions/{id}/mode",
        r#"{"mode":"ask"}"#,
        On(Action::DriveSession),
        &[200],
    ),
    (
        "POST",
        "/api/v1/sessions/{id}/prompts",
        r#"{"text":"go on"}"#,
        On(Action::DriveSession),
        &[201],
    ),
    (
        "POST",
        "/api/rpc/session/prompt",
        "id=$S&text=go+on",
        On(Action::DriveSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/session/withdraw",
        r#"{"id":"$S","prompt":"pmt_01920000000070008000000000000001"}"#,
        On(Action::DriveSession),
        &[404],
    ),
    (
        "POST",
        "/api/v1/sessions/{id}/fork",
        "",
        On(Action::DriveSession),
        &[201],
    ),
    (
        "POST",
        "/api/v1/sessions/{id}/interrupt",
        "",
        On(Action::DriveSession),
        &[200, 200, 409],
    ),
    (
        "POST",
        "/api/v1/sessions/{id}/stop",
        "",
        On(Action::DriveSession),
        &[200],
    ),
    (
        "POST",
        "/api/v1/sessions/{id}/send-again",
        "",
        On(Action::DriveSession),
        &[201, 409],
    ),
    (
        "POST",
        "/api/rpc/session/send-again",
        "id=$S",
        On(Action::DriveSession),
        &[409],
    ),
    (
        "POST",
        "/api/v1/sessions/{id}/resume",
        "",
        On(Action::DriveSession),
        &[409],
    ),
    (
        "POST",
        "/api/rpc/session/drive",
        r#"{"id":"$S","what":"stop"}"#,
        On(Action::DriveSession),
        &[200],
    ),
    // Deletes, restores, deletes again.
    (
        "DELETE",
        "/api/v1/sessions/{id}",
        "",
        On(Action::EditSession),
        &[204, 404],
    ),
    (
        "POST",
        "/api/rpc/sessions/restore",
        IDENTIFIED,
        On(Action::EditSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/sessions/delete",
        IDENTIFIED,
        On(Action::EditSession),
        &[200, 404],
    ),
    // Signing in and out.
    (
        "POST",
        "/auth/login",
        "name=nobody&password=wrong",
        Open,
        &[401, 401, 429],
    ),
    (
        "POST",
        "/auth/setup",
        "token=guess&name=eve&password=correct+horse+battery",
        Open,
        &[403, 403, 429],
    ),
    ("POST", "/auth/github", "next=%2F", Open, &[404]),
    ("GET", "/auth/github/callback", "", Open, &[404]),
    (
        "POST",
        "/auth/password",
        "current=x&new=short",
        Own(Action::EditSelf),
        &[422],
    ),
    ("POST", "/auth/logout", "", Known, &[303]),
    ("POST", "/auth/logout-everywhere", "", Own(Action::EditSelf), &[303]),
];

/// Every registered call with a body: method, path, a valid body.
pub fn calls() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TABLE
        .iter()
        .map(|(method, path, body, ..)| (*method, *path, *body))
        .filter(|(method, ..)| *method != "GET")
}

/// A caller's credentials.
#[derive(Clone, Debug)]
enum Shows {
    Nothing,
    Cookie(String),
    Token(String),
    LocalSocket,
    /// A signature with the key of a paired node.
    Signature,
}

/// A kind of caller.
#[derive(Clone, Debug)]
struct Who {
    label: &'static str,
    shows: Shows,
    /// The expected caller; `None` for anonymous ones and for invalid tokens.
    caller: Option<Caller>,
}

/// The expected result.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Want {
    Through,
    Status(u16),
}

fn wanted(rule: Rule, who: &Who) -> Want {
    let broken = who.caller.is_none() && matches!(who.shows, Shows::Token(_));
    let (action, resource) = match rule {
        Health => return Want::Through,
        Peer if matches!(who.shows, Shows::Signature) => return Want::Through,
        Peer => return Want::Status(401),
        _ if broken => return Want::Status(401),
        Open => return Want::Through,
        Page(_) if who.caller.is_none() => return Want::Status(303),
        _ if who.caller.is_none() => return Want::Status(401),
        Known => return Want::Through,
        Own(_) if matches!(who.shows, Shows::LocalSocket) => return Want::Status(403),
        Page(action) | May(action) | Own(action) | Socket(action) => (action, Resource::Node),
        On(action) => (
            action,
            Resource::Session {
                owner: Some(somebody()),
                visibility: Visibility::Project,
            },
        ),
    };
    let caller = who.caller.as_ref().expect("nobody was answered above");
    match decide(caller, action, resource) {
        Decision::Allow => Want::Through,
        Decision::Forbid(_) => Want::Status(403),
        Decision::Hide => Want::Status(404),
    }
}

/// The owner of the session, for `decide`: an id that no other row uses.
fn somebody() -> UserId {
    "usr_01920000000070008000000000000009".parse().unwrap()
}

struct World {
    bench: Bench,
    people: Vec<(&'static str, &'static str, Role)>,
    tokens: Vec<Who>,
    session: String,
    /// The session that waits for `approval`.
    asking: String,
    project: String,
    approval: String,
    /// A confirmed link to the node that `peer` names.
    link: LinkId,
    address: SocketAddr,
}

/// The id and the key of the paired node.
fn peer() -> (NodeId, NodeKey) {
    (
        "nod_01920000000070008000000000000007".parse().unwrap(),
        NodeKey::from_seed(&[7; 32]),
    )
}

/// Pairs the bench with that node, without its help.
async fn pair(bench: &Bench) -> LinkId {
    let (id, key) = peer();
    let link: LinkId = "lnk_01920000000070008000000000000001".parse().unwrap();
    let made = LinkMade {
        id: link,
        peer: fleet::Peer {
            id,
            name: "laptop".into(),
            kind: NodeKind::Local,
            fingerprint: key.public().fingerprint(),
            url: None,
        },
        key: key.public().to_string(),
        inviter: true,
        confirmed: true,
        encrypted: true,
        send: fleet::Send::default(),
        receive: fleet::Send::default(),
    };
    bench
        .test
        .journal
        .commit(&Caller::node(), move |_| {
            Box::pin(async move { Ok(Outcome::new(()).with(link, made)) })
        })
        .await
        .unwrap();
    link
}

impl World {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let people = vec![
            ("viewer", "vera", Role::Viewer),
            ("operator", "otto", Role::Operator),
            ("admin", "ada", Role::Admin),
            ("owner", "mara", Role::Owner),
        ];
        for (_, name, role) in &people {
            if *role != Role::Owner {
                bench.user(name, *role).await;
            }
        }
        let token = async |label, name: &str, role, scope, days| {
            let new = NewToken {
                name: "test".into(),
                scope,
                days,
            };
            let created = bench
                .state
                .accounts
                .create_token_for(&Caller::cli(), name, new)
                .await
                .unwrap();
            let caller = caller(
                role,
                Via::Token {
                    id: created.token.id,
                    scope,
                },
            );
            (
                created.token.id,
                Who {
                    label,
                    shows: Shows::Token(created.secret),
                    caller: Some(caller),
                },
            )
        };
        let mut tokens = Vec::new();
        for (label, name, role, scope) in [
            ("read token", "mara", Role::Owner, Scope::Read),
            ("write token", "mara", Role::Owner, Scope::Write),
            ("metrics token", "mara", Role::Owner, Scope::Metrics),
            ("write token of a viewer", "vera", Role::Viewer, Scope::Write),
        ] {
            tokens.push(token(label, name, role, scope, None).await.1);
        }
        let expired = token("expired token", "mara", Role::Owner, Scope::Write, Some(1))
            .await
            .1;
        bench.test.clock.advance(86_400_000);
        let (id, revoked) = token("revoked token", "mara", Role::Owner, Scope::Write, None).await;
        bench.state.accounts.revoke_any_token(&Caller::cli(), id).await.unwrap();
        tokens.extend([expired, revoked].map(|who| Who { caller: None, ..who }));
        for (label, garbage) in [
            ("garbage token", "owz_garbage".to_owned()),
            ("made-up token", format!("owz_{}_{}", "0".repeat(32), "0".repeat(64))),
            ("empty token", String::new()),
        ] {
            tokens.push(Who {
                label,
                shows: Shows::Token(garbage),
                caller: None,
            });
        }

        let project = bench.project("one").await;
        let session = bench.session(&project, "ask").await;
        bench.until(&session, &["waiting"]).await;
        // A pending approval in a session of its own, so that calls on the one session do not affect it.
        let asking = bench.session(&project, "ask").await;
        bench.until(&asking, &["waiting"]).await;
        let approvals = bench
            .get(&format!("/api/v1/approvals?state=pending&session={asking}"))
            .await
            .expect(200)
            .json();
        let approval = approvals["items"][0]["id"].as_str().unwrap().to_owned();

        let link = pair(&bench).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = bench.app.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            bench,
            people,
            tokens,
            session,
            asking,
            project,
            approval,
            link,
            address,
        }
    }

    /// All kinds of callers, freshly signed in, weakest first: so the others' changes do not affect their answers.
    async fn everybody(&self) -> Vec<Who> {
        let mut everybody = vec![Who {
            label: "anonymous",
            shows: Shows::Nothing,
            caller: None,
        }];
        everybody.push(Who {
            label: "peer",
            shows: Shows::Signature,
            caller: None,
        });
        everybody.extend(self.tokens.clone());
        for (label, name, role) in &self.people {
            everybody.push(Who {
                label,
                shows: Shows::Cookie(self.cookie(name).await),
                caller: Some(caller(*role, Via::Cookie { login: String::new() })),
            });
        }
        everybody.push(Who {
            label: "local socket",
            shows: Shows::LocalSocket,
            caller: Some(Caller::cli()),
        });
        everybody
    }

    async fn cookie(&self, name: &str) -> String {
        let form = format!("name={name}&password=correct+horse+battery");
        let request = Request::post("/auth/login")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin");
        let answer = self
            .bench
            .send(request.body(Body::from(form)).unwrap())
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

    fn fill(&self, text: &str) -> String {
        text.replace("$S", &self.session)
            .replace("$P", &self.project)
            .replace("$A", &self.approval)
            .replace("$L", &self.link.to_string())
            .replace("$N", &peer().0.to_string())
    }

    fn path(&self, path: &str) -> String {
        let id = if path.contains("/projects/") {
            &self.project
        } else if path.contains("/approvals/") {
            &self.approval
        } else if path.starts_with("/api/v1/links/") {
            &self.link.to_string()
        } else if path.starts_with("/api/v1/nodes/") {
            &self.bench.state.accounts.node_id().to_string()
        } else if path.contains("/fleet/links/") {
            NO_LINK
        } else if path.contains("/fleet/nodes/") {
            NO_NODE
        } else {
            &self.session
        };
        path.replace("{id}", id).replace("{seq}", "1")
    }

    fn request(&self, method: &str, path: &str, body: &str, who: &Who) -> Request<Body> {
        let body = self.fill(body);
        let mut request = Request::builder().method(method).uri(self.path(path));
        let kind = if body.starts_with('{') {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        if !body.is_empty() || path.starts_with("/api/rpc/") || path.starts_with("/auth/") {
            request = request.header("content-type", kind);
        }
        if matches!(who.shows, Shows::Signature) {
            let (node, key) = peer();
            let there = self.path(path);
            let signed = sign_request(
                &key,
                &Signer {
                    node: node.to_string(),
                    epoch: "0123456789abcdef".into(),
                },
                &signature::Request {
                    method,
                    authority: "127.0.0.1:3000",
                    path: &there,
                    query: None,
                    content_type: kind,
                    body: body.as_bytes(),
                },
                self.bench.test.clock.now(),
                self.bench.test.deps.bytes(),
            );
            for (name, value) in signed.headers {
                request = request.header(name, value);
            }
        }
        request = match &who.shows {
            Shows::Nothing | Shows::LocalSocket | Shows::Signature => request.header("sec-fetch-site", "same-origin"),
            Shows::Cookie(cookie) => request.header("sec-fetch-site", "same-origin").header("cookie", cookie),
            Shows::Token(token) => request.header("authorization", format!("Bearer {token}")),
        };
        let mut request = request.body(Body::from(body)).unwrap();
        if matches!(who.shows, Shows::LocalSocket) {
            request.extensions_mut().insert(Caller::cli());
        }
        request
    }

    /// The status of a handshake: 101 when the socket opened.
    async fn open_socket(&self, who: &Who) -> u16 {
        let mut request = format!("ws://{}/live", self.address).into_client_request().unwrap();
        for (name, value) in self.request("GET", "/live", "", who).headers() {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok(_) => 101,
            Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
            Err(other) => panic!("{other}"),
        }
    }
}

fn caller(role: Role, via: Via) -> Caller {
    Caller {
        user: Some(somebody()),
        name: "somebody".into(),
        role,
        via,
        from: None,
    }
}

/// Further effects of a route, selected by its body; callers who may not use the route may not use these either.
pub const ALSO: &[Row] = &[
    (
        "POST",
        "/api/rpc/session/drive",
        r#"{"id":"$S","what":"interrupt"}"#,
        On(Action::DriveSession),
        &[200, 409],
    ),
    (
        "POST",
        "/api/rpc/session/drive",
        r#"{"id":"$S","what":"resume"}"#,
        On(Action::DriveSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/session/drive",
        r#"{"id":"$S","what":"fork"}"#,
        On(Action::DriveSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/session/drive",
        r#"{"id":"$S","what":{"mode":"ask"}}"#,
        On(Action::DriveSession),
        &[200],
    ),
    (
        "POST",
        "/api/rpc/session/drive",
        r#"{"id":"$S","what":{"model":null}}"#,
        On(Action::DriveSession),
        &[200],
    ),
];

#[test]
fn every_registered_route_is_in_the_table_and_nothing_else() {
    let registered: BTreeSet<(String, String)> = server::routes()
        .into_iter()
        .map(|route| (route.method, route.path))
        .collect();
    let listed: BTreeSet<(String, String)> = TABLE
        .iter()
        .map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(listed.len(), TABLE.len(), "a row is there twice");
    let missing: Vec<_> = registered.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&registered).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "not in the table: {missing:#?}\nno longer registered: {stale:#?}"
    );
}

#[test]
fn server_functions_are_posted() {
    for route in server::routes()
        .into_iter()
        .filter(|route| route.area == Area::ServerFunction)
    {
        assert_eq!(route.method, "POST", "{}: a GET could be sent by any page", route.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_through_exactly_who_may() {
    let world = World::new().await;
    let mut everybody = world.everybody().await;
    let mut wrong = Vec::new();
    // First, while their session exists and everybody is signed in.
    for (method, path, body, rule, through) in ALSO.iter().chain(TABLE) {
        if path.starts_with("/auth/") {
            // The previous row may have signed them out.
            everybody = world.everybody().await;
        }
        let mut turns: Vec<(&Who, Want)> = everybody.iter().map(|who| (who, wanted(*rule, who))).collect();
        turns.sort_by_key(|(_, want)| *want == Want::Through);
        let mut before = 0;
        for (who, want) in turns {
            let status = match rule {
                Socket(_) if !matches!(who.shows, Shows::LocalSocket) => world.open_socket(who).await,
                _ => world
                    .bench
                    .send(world.request(method, path, body, who))
                    .await
                    .status
                    .as_u16(),
            };
            let right = match want {
                Want::Through => {
                    before += 1;
                    match through {
                        [first, ..] if before == 1 => status == *first,
                        [same] => status == *same,
                        [_, others @ ..] => others.contains(&status),
                        [] => false,
                    }
                }
                Want::Status(wanted) => status == wanted,
            };
            if !right {
                let want = if want == Want::Through {
                    format!("{through:?} as number {before} of those who may")
                } else {
                    format!("{want:?}")
                };
                wrong.push(format!(
                    "{method} {path} {body} by {}: {status}, wanted {want}",
                    who.label
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} answers are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    world.bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_private_session_is_not_there_on_any_route() {
    let mut world = World::new().await;
    world.bench.user("olga", Role::Owner).await;
    world.people = vec![
        ("viewer", "vera", Role::Viewer),
        ("operator", "otto", Role::Operator),
        ("admin", "ada", Role::Admin),
        ("another owner", "olga", Role::Owner),
    ];
    world
        .tokens
        .retain(|who| !matches!(who.label, "read token" | "write token"));
    let mara = Who {
        label: "its owner",
        shows: Shows::Cookie(world.cookie("mara").await),
        caller: None,
    };
    for session in [&world.session, &world.asking] {
        let patch = serde_json::json!({"visibility": "private", "title": format!("a plan of mara's alone, {session}")})
            .to_string();
        let mut request = world.request("PATCH", "/api/v1/sessions/{id}", &patch, &mara);
        *request.uri_mut() = format!("/api/v1/sessions/{session}").parse().unwrap();
        world.bench.send(request).await.expect(200);
    }
    // Words that would reveal it: its title, and its ids.
    let telling = ["a plan of mara", &world.session, &world.asking, &world.approval];
    let tells = |answer: &Answer| telling.iter().any(|word| answer.text.contains(word));
    let before = settled(&world).await;
    let mut wrong = Vec::new();
    let everybody = world.everybody().await;
    let signed_in = settled(&world).await;
    let (mut asked, mut shown) = (0, 0);
    for (method, path, body, rule, _) in ALSO.iter().chain(TABLE) {
        let action = match rule {
            On(action) => *action,
            Page(Action::ReadNode) if *path == "/sessions/{id}" => Action::ReadSession,
            May(Action::ReadNode) | Page(_) => {
                // Lists, sums and searches are answered, without it.
                for who in &everybody {
                    let answer = world.bench.send(world.request(method, path, body, who)).await;
                    if tells(&answer) {
                        wrong.push(format!("{method} {path} by {}: gives it away", who.label));
                    }
                    asked += 1;
                }
                let answer = world.bench.send(world.request(method, path, body, &mara)).await;
                shown += usize::from(tells(&answer));
                continue;
            }
            _ => continue,
        };
        // It exists: its owner sees it.
        if action == Action::ReadSession {
            let answer = world.bench.send(world.request(method, path, body, &mara)).await;
            if !answer.status.is_success() {
                wrong.push(format!("{method} {path} by {}: {}", mara.label, answer.status));
            }
        }
        for who in &everybody {
            let answer = world.bench.send(world.request(method, path, body, who)).await;
            let status = answer.status.as_u16();
            let theirs = Resource::Session {
                owner: Some("usr_01920000000070008000000000000008".parse().unwrap()),
                visibility: Visibility::Private,
            };
            let want = match &who.caller {
                None if matches!(rule, Page(_)) && matches!(who.shows, Shows::Nothing | Shows::Signature) => 303,
                None => 401,
                Some(caller) => match decide(caller, action, theirs) {
                    Decision::Hide => 404,
                    Decision::Forbid(_) => 403,
                    Decision::Allow => 200,
                },
            };
            if status != want || answer.text.contains("a plan of mara") {
                wrong.push(format!("{method} {path} by {}: {status}, wanted {want}", who.label));
            }
            asked += 1;
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked} answers are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        shown >= 8,
        "its owner sees it in {shown} places only: the walk would not notice it"
    );
    assert!(signed_in >= before, "signing in may be written down");
    // An agent may have gone on by itself; its events have the actor `node`.
    let text = r#"SELECT "kind" || ' by ' || "actor" AS "said" FROM "event" WHERE "pos" > $1 AND "actor" <> 'node'"#;
    let said = sql::all(world.bench.test.store.read(), text, [signed_in.into()])
        .await
        .unwrap();
    let said: Vec<String> = said.iter().map(|row| row.try_get("", "said").unwrap()).collect();
    assert_eq!(said, Vec::<String>::new(), "somebody changed what is not theirs");
    world.bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_stands_before_every_route() {
    let world = World::new().await;
    let owner = Who {
        label: "owner",
        shows: Shows::Cookie(world.cookie("mara").await),
        caller: None,
    };
    let mut wrong = Vec::new();
    for (method, path, body, ..) in TABLE {
        let mut attacks = vec![("another host", "host", "evil.test", 421)];
        if *method != "GET" || *path == "/live" {
            attacks.push(("another site", "sec-fetch-site", "cross-site", 403));
            attacks.push(("another origin", "origin", "http://evil.test", 403));
            if !matches!(*path, "/auth/login" | "/auth/setup") {
                attacks.push(("no origin", "", "", 401));
            }
        }
        for (attack, name, value, status) in attacks {
            let mut request = world.request(method, path, body, &owner);
            if *path == "/live" {
                request.headers_mut().insert("upgrade", "websocket".parse().unwrap());
                request.headers_mut().insert("connection", "upgrade".parse().unwrap());
            }
            if name != "host" {
                request.headers_mut().remove("sec-fetch-site");
            }
            if !name.is_empty() {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            request
                .headers_mut()
                .entry("host")
                .or_insert("127.0.0.1:3000".parse().unwrap());
            let answer = Answer::read(world.bench.app.clone().oneshot(request).await.unwrap()).await;
            if answer.status.as_u16() != status {
                wrong.push(format!(
                    "{method} {path} from {attack}: {}, wanted {status}",
                    answer.status
                ));
            }
            for header in [
                "content-security-policy",
                "x-content-type-options",
                "referrer-policy",
                "cross-origin-opener-policy",
                "cross-origin-resource-policy",
            ] {
                if !answer.headers.contains_key(header) {
                    wrong.push(format!("{method} {path}: no {header}"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} answers are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    world.bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_changes_nothing() {
    let world = World::new().await;
    let owner = Who {
        label: "owner",
        shows: Shows::Cookie(world.cookie("mara").await),
        caller: None,
    };
    // The demo agent waits at its question, so any later event comes from a request.
    let before = settled(&world).await;
    for (method, path, body, ..) in TABLE.iter().filter(|(method, ..)| *method == Method::GET.as_str()) {
        world.bench.send(world.request(method, path, body, &owner)).await;
        assert_eq!(
            world.bench.test.journal.head().await,
            before,
            "GET {path} wrote something"
        );
    }
    world.bench.end().await;
}

/// The head position, once nothing has been written for a while.
async fn settled(world: &World) -> i64 {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let mut last = world.bench.test.journal.head().await;
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let now = world.bench.test.journal.head().await;
        let text = r#"SELECT "id" FROM "session" WHERE "state" IN ('queued', 'starting', 'working')"#;
        let at_work = sql::all(world.bench.test.store.read(), text, []).await.unwrap();
        if (now == last && at_work.is_empty()) || tokio::time::Instant::now() > deadline {
            return now;
        }
        last = now;
    }
}
