//! Histories for tests and measurements: coherent facts, made from a few bytes each. Nothing here is for production.

use super::{
    NewEvent, StoredEvent,
    projection::{self, Happened, Target},
};
use crate::store::{Store, StoreError, sql};
use model::{
    approvals::{ApprovalKind, Decided, Verdict},
    caller::{Role, Scope, Visibility},
    calls::{CallClass, CallParts, CallShape},
    entries::{CallStatus, EntryKind},
    event::{
        ApprovalAsked, ApprovalDecided, ApprovalWithdrawn, Body, EntryAdded, EntryEnded, Exit, Fact, LinkChanged,
        LinkConfirmed, LinkMade, LinkPaused, LinkResumed, LinkRevoked, NodeRenamed, NodeSetUp, PasswordSet,
        ProjectAdded, ProjectChanged, ProjectRemoved, ProjectTrusted, PromptQueued, PromptSettled, RunEnded,
        RunStarted, SessionChanged, SessionCreated, SessionDeleted, SessionMoved, SessionPurged, SignInRefused,
        SignInWay, TokenMade, TokenRevoked, UsageRecorded, UserChanged, UserCreated, UserRemoved, UserSignedIn,
    },
    fleet::{Detail, Peer, Send, SentProjects},
    id::{ApprovalId, LinkId, NodeId, ProjectId, PromptId, RunId, SessionId, TokenId, UserId},
    node::NodeKind,
    sessions::{AgentKind, Mode, SessionState, Tokens},
};
use sea_orm::FromQueryResult;
use std::collections::BTreeSet;
use uuid::Uuid;

const SESSIONS: u8 = 4;

fn uuid(kind: u128, n: u8) -> Uuid {
    Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 | (kind << 16) | u128::from(n))
}

/// The `n`th session of a history.
pub fn session(n: u8) -> SessionId {
    SessionId::from_uuid(uuid(1, n % SESSIONS))
}

/// The `n`th project of a history.
pub fn project(n: u8) -> ProjectId {
    ProjectId::from_uuid(uuid(2, n % 2))
}

fn user(n: u8) -> UserId {
    UserId::from_uuid(uuid(3, n % 2))
}

fn link(n: u8) -> LinkId {
    LinkId::from_uuid(uuid(10, n % 2))
}

fn sends(n: u8) -> Send {
    Send {
        projects: match n % 3 {
            0 => SentProjects::All,
            1 => SentProjects::None,
            _ => SentProjects::Some(vec![project(n)]),
        },
        detail: if n.is_multiple_of(2) {
            Detail::Full
        } else {
            Detail::Outline
        },
        private: n.is_multiple_of(5),
        relay: false,
    }
}

fn shape(b: u8, c: u8) -> CallShape {
    CallShape {
        class: CallClass::ALL[usize::from(b) % CallClass::ALL.len()],
        label: c.is_multiple_of(2).then(|| format!("server {b}")),
        parts: Box::new(CallParts {
            command: (!c.is_multiple_of(5)).then(|| "/command".into()),
            ..CallParts::default()
        }),
    }
}

/// A run, approval or prompt belongs to one session, in whatever order facts come.
fn of_session(n: u8) -> (u8, SessionId) {
    let n = n % (2 * SESSIONS);
    (n, session(n))
}

/// The `n`th approval of a history.
pub fn approval(n: u8) -> ApprovalId {
    ApprovalId::from_uuid(uuid(4, of_session(n).0))
}

/// An event of this kind about the `n`th subject.
///
/// # Panics
/// When `kind` is unknown.
pub fn of_kind(kind: &str, n: u8) -> NewEvent {
    let place = Fact::KINDS
        .iter()
        .position(|known| *known == kind)
        .expect("this is a kind of fact");
    event([u8::try_from(place).unwrap_or(u8::MAX), n, n, n])
}

/// Turns four bytes into an event: the first chooses the kind, the others the content. Every kind can come out.
pub fn event([kind, a, b, c]: [u8; 4]) -> NewEvent {
    let kinds = u8::try_from(Fact::KINDS.len()).unwrap_or(u8::MAX);
    let kind = Fact::KINDS[usize::from(kind % kinds)];
    let (nth, owned_by) = of_session(a);
    let run = RunId::from_uuid(uuid(5, nth));
    let prompt = PromptId::from_uuid(uuid(6, nth));
    let call = (b % 3 > 0).then(|| format!("call-{}", b % 5));
    let fact: Fact = match kind {
        "user.created" => UserCreated {
            id: user(a),
            name: format!("user-{}", a % 2),
            role: Role::ALL[usize::from(b % 4)],
            github: None,
        }
        .into(),
        "user.changed" => UserChanged {
            id: user(a),
            role: (b % 2 == 0).then_some(Role::Viewer),
            github: (c % 2 == 0).then(|| format!("gh{c}")),
            disabled: (b % 3 == 0).then_some(c % 2 == 0),
        }
        .into(),
        "user.removed" => UserRemoved {}.into(),
        "user.signed_in" => UserSignedIn {
            way: Some(SignInWay::ALL[usize::from(b % 3)]),
            from: Some(format!("192.0.2.{c}")),
            browser: None,
        }
        .into(),
        "user.refused" => SignInRefused {
            from: (b % 2 == 0).then(|| format!("192.0.2.{c}")),
            more: i64::from(c),
        }
        .into(),
        "user.password_set" => PasswordSet {}.into(),
        "token.made" => TokenMade {
            user: user(a),
            name: format!("token {b}"),
            scope: Scope::ALL[usize::from(c % 3)],
            expires: None,
        }
        .into(),
        "token.revoked" => TokenRevoked { user: user(a) }.into(),
        "node.set_up" => NodeSetUp { owner: user(a) }.into(),
        "node.renamed" => NodeRenamed {
            name: format!("node {b}"),
        }
        .into(),
        "link.made" => LinkMade {
            id: link(a),
            peer: Peer {
                id: NodeId::from_uuid(uuid(9, a % 2)),
                name: format!("node-{}", a % 2),
                kind: NodeKind::Cloud,
                fingerprint: "AAAA-BBBB".into(),
                url: (b % 2 == 0).then(|| "https://cloud.example.org".into()),
            },
            key: "ab".repeat(32),
            inviter: b % 2 == 1,
            confirmed: c % 3 == 0,
            encrypted: true,
            send: sends(b),
            receive: sends(c),
        }
        .into(),
        "link.confirmed" => LinkConfirmed {}.into(),
        "link.changed" => LinkChanged {
            send: (b % 2 == 0).then(|| sends(c)),
            receive: (b % 3 == 0).then(|| sends(a)),
        }
        .into(),
        "link.paused" => LinkPaused {}.into(),
        "link.resumed" => LinkResumed {}.into(),
        "link.revoked" => LinkRevoked {
            forget: b % 2 == 0,
            by_peer: c % 2 == 0,
        }
        .into(),
        "project.added" => ProjectAdded {
            id: project(a),
            name: format!("project {b}"),
            path: format!("/p/{}", a % 2),
            demo: c % 2 == 0,
        }
        .into(),
        "project.changed" => ProjectChanged {
            name: (b % 2 == 0).then(|| format!("renamed {b}")),
            approval_timeout_s: (c % 2 == 0).then(|| i64::from(c % 3) * 60),
        }
        .into(),
        "project.trusted" => ProjectTrusted {
            hash: (b % 2 == 0).then(|| format!("{b:064x}")),
            also: (c % 2 == 0).then(|| format!("{c:064x}")),
        }
        .into(),
        "project.removed" => ProjectRemoved {}.into(),
        "session.created" => SessionCreated {
            project: project(a),
            agent: AgentKind::ALL[usize::from(b % 2)],
            mode: Mode::ALL[usize::from(c % 3)],
            title: format!("Sitzung Ä{b} 'quoted' \"twice\""),
            model: (c % 2 == 0).then(|| "model-x".into()),
            owner: (b % 2 == 0).then(|| user(b)),
            visibility: [Visibility::Private, Visibility::Project, Visibility::Node][usize::from(c % 3)],
            branch: (b % 3 == 0).then(|| "main".into()),
            forked_from: (c % 5 == 0).then(|| session(c)),
            unattended: c % 2 == 1,
        }
        .into(),
        "session.moved" => SessionMoved {
            state: SessionState::ALL[usize::from(b) % SessionState::ALL.len()],
            detail: (c % 2 == 0).then(|| format!("because {c}")),
            background: c % 3 == 0,
        }
        .into(),
        "session.changed" => SessionChanged {
            title: (b % 2 == 0).then(|| format!("Title {b} ÖÜ")),
            tags: (b % 3 == 0).then(|| vec![format!("tag{c}"), "x".into()]),
            archived: (b % 5 == 0).then_some(c % 2 == 0),
            visibility: (b % 7 == 0).then_some(Visibility::Private),
            mode: (c % 2 == 0).then_some(Mode::AutoAccept),
            model: (c % 3 == 0).then(|| "model-y".into()),
            agent_version: (c % 5 == 0).then(|| "2.1".into()),
            context_used: (c % 4 == 0).then_some(i64::from(c) * 100),
            context_size: (c % 4 == 0).then_some(200_000),
            resumable: (b % 4 == 0).then_some(c % 2 == 0),
        }
        .into(),
        "session.deleted" => SessionDeleted { deleted: b % 2 == 0 }.into(),
        "session.purged" => SessionPurged {}.into(),
        "run.started" => RunStarted {
            run,
            session: owned_by,
            argv: vec!["agent".into(), format!("--n={b}")],
            trusted: b % 2 == 0,
        }
        .into(),
        "run.ended" => {
            let exit = [
                Exit::Code { code: i32::from(c) },
                Exit::Signal { signal: 9 },
                Exit::NotStarted { why: "gone".into() },
                Exit::Lost,
            ];
            RunEnded {
                run,
                session: owned_by,
                exit: exit[usize::from(b % 4)].clone(),
            }
            .into()
        }
        "prompt.queued" => PromptQueued {
            id: prompt,
            session: owned_by,
            text: format!("do {b}\n{c}"),
            by_name: "mara".into(),
        }
        .into(),
        "prompt.settled" => PromptSettled {
            id: prompt,
            session: owned_by,
            sent: b % 2 == 0,
        }
        .into(),
        "entry.added" => EntryAdded {
            session: session(a),
            seq: i64::from(b % 12) + 1,
            turn: i64::from(b % 4),
            kind: EntryKind::ALL[usize::from(c) % EntryKind::ALL.len()],
            parent: (c % 4 == 0).then(|| "call-1".into()),
            by_name: None,
            preview: format!("says {b} {c}"),
            call,
            tool: Some("tool".into()),
            shape: (c % 3 > 0).then(|| shape(b, c)),
            target: (c % 2 == 0).then(|| format!("cargo test {c}")),
            body: (c % 3 == 0).then(|| Body::Inline(serde_json::json!({ "command": c }))),
        }
        .into(),
        "entry.ended" => EntryEnded {
            session: session(a),
            seq: i64::from(b % 12) + 1,
            status: CallStatus::ALL[usize::from(c) % CallStatus::ALL.len()],
            result: (c % 2 == 0).then(|| format!("{c} lines")),
            added: (c % 3 == 0).then_some(i64::from(c)),
            removed: None,
            body: (c % 5 == 0).then(|| Body::Inline("out".into())),
        }
        .into(),
        "approval.asked" => ApprovalAsked {
            masked: b % 2 == 0,
            id: approval(a),
            session: owned_by,
            run,
            request: format!("req-{b}"),
            kind: ApprovalKind::ALL[usize::from(c % 3)],
            tool: "tool".into(),
            shape: shape(b, c),
            call,
            input: Body::Inline(serde_json::json!({ "command": format!("rm {c}") })),
            target: format!("rm {c}"),
            reason: None,
            subagent: None,
            suggestions: Vec::new(),
            questions: Vec::new(),
            expires: (c % 2 == 0).then_some(1_795_305_700_000),
        }
        .into(),
        "approval.decided" => ApprovalDecided {
            session: owned_by,
            decided: decided(b % 2 == 0),
            answers: None,
            mode: None,
        }
        .into(),
        "approval.withdrawn" => ApprovalWithdrawn {
            session: owned_by,
            why: "the agent is gone".into(),
        }
        .into(),
        "usage.recorded" => UsageRecorded {
            session: owned_by,
            run,
            project: project(nth),
            model: format!("model-{}", b % 2),
            day: 20_779 + i64::from(c % 3),
            tokens: Tokens {
                input: i64::from(b),
                output: i64::from(c) * 3,
                cache_read: i64::from(a) * 100,
                cache_write: 1,
            },
            cost_micros: (c % 4 > 0).then_some(i64::from(b) * 1_000),
        }
        .into(),
        other => unreachable!("the history knows no {other}: add it here"),
    };
    let subject = match kind.split('.').next() {
        Some("user") => user(a).to_string(),
        Some("token") => TokenId::from_uuid(uuid(7, a)).to_string(),
        Some("node") => NodeId::from_uuid(uuid(8, 0)).to_string(),
        Some("link") => link(a).to_string(),
        Some("project") => project(a).to_string(),
        Some("run") => run.to_string(),
        Some("prompt") => prompt.to_string(),
        Some("approval") => approval(a).to_string(),
        Some("usage") => owned_by.to_string(),
        Some("session" | "entry") => session(a).to_string(),
        _ => unreachable!("the history does not know what {kind} is about: add it here"),
    };
    NewEvent { subject, fact }
}

/// A filter that admits only what the product could record: facts follow the creation of their subject, and happen once
/// where they can happen only once.
#[derive(Default)]
pub struct Plausible {
    users: BTreeSet<String>,
    projects: BTreeSet<String>,
    /// Sessions that are deleted and not restored; only they can be purged.
    deleted: BTreeSet<String>,
    /// Sessions, runs, prompts, approvals and entries that exist.
    live: BTreeSet<String>,
    /// What is gone or settled for good.
    over: BTreeSet<String>,
}

impl Plausible {
    /// Whether the event could come next; remembers an admitted event.
    pub fn admit(&mut self, event: &NewEvent) -> bool {
        let subject = event.subject.clone();
        match &event.fact {
            Fact::UserCreated(_) => !self.over.contains(&subject) && self.users.insert(subject),
            Fact::UserChanged(_) | Fact::UserSignedIn(_) | Fact::SignInRefused(_) | Fact::PasswordSet(_) => {
                self.users.contains(&subject)
            }
            Fact::UserRemoved(_) => self.users.remove(&subject) && self.over.insert(subject),
            Fact::TokenMade(fact) => self.users.contains(&fact.user.to_string()) && self.begins(subject),
            Fact::TokenRevoked(_) => self.ends(subject),
            Fact::NodeSetUp(_) | Fact::NodeRenamed(_) => true,
            Fact::LinkMade(_) => self.begins(subject),
            Fact::LinkConfirmed(_) | Fact::LinkChanged(_) | Fact::LinkPaused(_) | Fact::LinkResumed(_) => {
                self.live.contains(&subject)
            }
            Fact::LinkRevoked(_) => self.ends(subject),
            Fact::ProjectAdded(_) => self.projects.insert(subject),
            Fact::ProjectChanged(_) | Fact::ProjectTrusted(_) | Fact::ProjectRemoved(_) => {
                self.projects.contains(&subject)
            }
            Fact::SessionCreated(_) => self.begins(subject),
            Fact::SessionMoved(_) | Fact::SessionChanged(_) => self.live.contains(&subject),
            Fact::SessionDeleted(fact) => {
                let there = self.live.contains(&subject);
                let _ = if fact.deleted && there {
                    self.deleted.insert(subject)
                } else {
                    self.deleted.remove(&subject)
                };
                there
            }
            Fact::SessionPurged(_) => self.deleted.remove(&subject) && self.ends(subject),
            Fact::RunStarted(fact) => self.live.contains(&fact.session.to_string()) && self.begins(subject),
            Fact::RunEnded(fact) => self.live.contains(&fact.session.to_string()) && self.ends(subject),
            Fact::PromptQueued(fact) => self.live.contains(&fact.session.to_string()) && self.begins(subject),
            Fact::PromptSettled(fact) => self.live.contains(&fact.session.to_string()) && self.ends(subject),
            Fact::ApprovalAsked(fact) => self.live.contains(&fact.session.to_string()) && self.begins(subject),
            Fact::ApprovalDecided(fact) => self.live.contains(&fact.session.to_string()) && self.ends(subject),
            Fact::ApprovalWithdrawn(fact) => self.live.contains(&fact.session.to_string()) && self.ends(subject),
            Fact::EntryAdded(fact) => self.live.contains(&subject) && self.begins(format!("{subject} {}", fact.seq)),
            Fact::EntryEnded(fact) => self.live.contains(&subject) && self.ends(format!("{subject} {}", fact.seq)),
            Fact::UsageRecorded(fact) => self.live.contains(&fact.session.to_string()),
        }
    }

    fn begins(&mut self, thing: String) -> bool {
        !self.over.contains(&thing) && self.live.insert(thing)
    }

    fn ends(&mut self, thing: String) -> bool {
        self.live.remove(&thing) && self.over.insert(thing)
    }
}

/// A decision by a person at a browser.
pub fn decided(allow: bool) -> Decided {
    Decided {
        decision: if allow { Verdict::Allow } else { Verdict::Deny },
        at: 1_795_305_600_000,
        by: None,
        by_name: Some("mara".into()),
        via: "browser".into(),
        from: None,
        reason: None,
        remember: None,
    }
}

/// Folds every stored event over the live tables once more; the tables must not change.
pub async fn fold_again(store: &Store) -> Result<(), StoreError> {
    let txn = store.begin().await?;
    let together = sql::Together::default();
    let target = Target {
        db: &txn,
        prefix: "",
        together: &together,
    };
    for row in sql::all(&txn, r#"SELECT * FROM "event" ORDER BY "pos""#, []).await? {
        let event = StoredEvent::from_query_result(&row, "")?;
        if let Some(fact) = event.fact() {
            let happened = Happened {
                pos: event.pos,
                origin: &event.origin,
                at: event.at(),
                subject: &event.subject,
                fact: &fact,
            };
            // Each fact twice in a row, and after all later facts.
            projection::apply(&target, &happened).await?;
            projection::apply(&target, &happened).await?;
        }
    }
    together.run(&txn).await?;
    txn.commit().await?;
    Ok(())
}

/// The folded tables according to the database itself: those with a column `origin`, and whether each has a column
/// `session`. The journal's own tables are left out.
///
/// # Panics
/// When the database cannot be read.
pub async fn folded(store: &Store) -> Vec<(String, bool)> {
    let text = match store.backend() {
        sea_orm::DbBackend::Postgres => {
            r"SELECT table_name::text AS t, column_name::text AS c FROM information_schema.columns WHERE table_schema = current_schema()"
        }
        _ => {
            r#"SELECT "m"."name" AS "t", "p"."name" AS "c" FROM "sqlite_master" AS "m", pragma_table_info("m"."name") AS "p" WHERE "m"."type" = 'table'"#
        }
    };
    let mut tables: std::collections::BTreeMap<String, BTreeSet<String>> = std::collections::BTreeMap::new();
    for row in sql::all(store.read(), text, []).await.expect("reads") {
        tables
            .entry(row.try_get("", "t").expect("a name"))
            .or_default()
            .insert(row.try_get("", "c").expect("a name"));
    }
    let folded = tables
        .into_iter()
        .filter(|(name, columns)| columns.contains("origin") && !["event", "log"].contains(&name.as_str()));
    folded
        .map(|(name, columns)| (name, columns.contains("session")))
        .collect()
}

/// The tables that a rebuild folds anew, and whether the rows of each belong to sessions.
pub fn rebuilt() -> Vec<(String, bool)> {
    projection::projected()
        .iter()
        .map(|table| (table.name.to_owned(), table.is_of_sessions()))
        .collect()
}
