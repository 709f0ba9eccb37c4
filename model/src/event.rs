//! Events: what happened, in the words of the domain. A [`Fact`] is the typed payload; an [`Event`] is its stored,
//! hashed envelope. Unknown kinds and fields are kept byte for byte and fold to nothing; they are no error.

use crate::{Millis, Pos, id::SessionId};
pub use crate::{
    accounts::{
        PasswordSet, SignInRefused, SignInWay, TokenMade, TokenRevoked, UserChanged, UserCreated, UserRemoved,
        UserSignedIn,
    },
    approvals::{ApprovalAsked, ApprovalDecided, ApprovalWithdrawn},
    entries::{Body, EntryAdded, EntryEnded},
    fleet::{LinkChanged, LinkConfirmed, LinkMade, LinkPaused, LinkResumed, LinkRevoked},
    node::{NodeRenamed, NodeSetUp},
    projects::{ProjectAdded, ProjectChanged, ProjectRemoved, ProjectTrusted},
    runs::{Exit, RunEnded, RunStarted},
    sessions::{
        PromptQueued, PromptSettled, SessionChanged, SessionCreated, SessionDeleted, SessionMoved, SessionPurged,
    },
    usage::UsageRecorded,
};
use serde::{Deserialize, Serialize};

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// This node's commit order.
    pub pos: Pos,
    /// The node that made it, 32 hex digits.
    pub origin: String,
    /// That node's log incarnation, 16 hex digits.
    pub epoch: String,
    /// Its place in that log, gapless from 1.
    pub seq: i64,
    /// Hybrid logical clock: milliseconds times 65,536 plus a counter; for display and order on pages only.
    pub hlc: i64,
    /// The actor: a user's id, `node`, `cli`.
    pub actor: String,
    /// The kind: `session.created`.
    pub kind: String,
    /// The version of the payload's shape for that kind.
    pub v: i32,
    /// The id of its subject.
    pub subject: String,
    /// The whole fact; `None` when it was purged or withheld.
    pub payload: Option<serde_json::Value>,
    /// 64 hex digits.
    pub hash: String,
}

impl Event {
    /// The moment in the clock, unix milliseconds.
    pub const fn at(&self) -> Millis {
        self.hlc >> 16
    }
}

/// Whether events of this kind are about people and their accounts, which only callers who may list users see. The kind
/// alone decides, so the rule covers kinds and payloads that this version cannot read.
pub fn is_about_people(kind: &str) -> bool {
    kind.starts_with("user.") || kind.starts_with("token.") || kind == "node.set_up"
}

/// The session of a fact, by the scope that [`facts`] gives its kind.
macro_rules! session_of {
    (node, $payload:ident, $subject:ident) => {{
        let _ = $payload;
        None
    }};
    (subject, $payload:ident, $subject:ident) => {{
        let _ = $payload;
        $subject.parse().ok()
    }};
    (session, $payload:ident, $subject:ident) => {
        Some($payload.session)
    };
}

macro_rules! body_of {
    ($payload:ident) => {{
        let _ = $payload;
        None
    }};
    ($payload:ident, $body:ident) => {
        Option::<&Body>::from(&$payload.$body)
    };
}

macro_rules! is_of_the_node {
    (node) => {
        true
    };
    ($other:ident) => {
        false
    };
}

/// Each kind names its scope: `node` (its projects and people too), the session that is its `subject`, or the session
/// in its field `session`. It also names the field that holds its [`Body`]. Who may see an event, and what a purge
/// takes, follow from that.
macro_rules! facts {
    ($($variant:ident($payload:ty) = $kind:literal, $whose:ident $(, body $body:ident)?;)+) => {
        /// Every kind of fact that this version knows.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Fact { $(#[doc = concat!("`", $kind, "`; see its payload.")] $variant($payload)),+ }

        impl Fact {
            /// Every kind, for table tests.
            pub const KINDS: &'static [&'static str] = &[$($kind),+];

            /// The kind in the envelope.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind),+ }
            }

            /// The session it is about; `subject` is the envelope's. `None` for facts of the node, and for a subject
            /// that is not a session's id.
            pub fn session(&self, subject: &str) -> Option<SessionId> {
                match self { $(Self::$variant(payload) => session_of!($whose, payload, subject)),+ }
            }

            /// The text that may lie in a blob.
            pub fn body(&self) -> Option<&Body> {
                match self { $(Self::$variant(payload) => body_of!(payload $(, $body)?)),+ }
            }

            /// Whether events of this kind belong to the node and not to a session; `false` for unknown kinds, which
            /// may belong to either.
            pub fn is_of_the_node(kind: &str) -> bool {
                match kind { $($kind => is_of_the_node!($whose),)+ _ => false }
            }

            /// The version of the payload's shape; raised only when a field changes its meaning.
            pub const fn version(&self) -> i32 {
                1
            }

            /// The payload's bytes, as hashed and stored.
            pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
                match self { $(Self::$variant(payload) => serde_json::to_vec(payload)),+ }
            }

            /// Reads a payload; `None` for unknown kinds and versions, and for payloads that do not parse.
            pub fn decode(kind: &str, version: i32, payload: &[u8]) -> Option<Self> {
                if version != 1 {
                    return None;
                }
                match kind {
                    $($kind => serde_json::from_slice(payload).ok().map(Self::$variant),)+
                    _ => None,
                }
            }
        }

        $(impl From<$payload> for Fact {
            fn from(payload: $payload) -> Self {
                Self::$variant(payload)
            }
        })+
    };
}

facts! {
    UserCreated(UserCreated) = "user.created", node;
    UserChanged(UserChanged) = "user.changed", node;
    UserRemoved(UserRemoved) = "user.removed", node;
    UserSignedIn(UserSignedIn) = "user.signed_in", node;
    SignInRefused(SignInRefused) = "user.refused", node;
    PasswordSet(PasswordSet) = "user.password_set", node;
    TokenMade(TokenMade) = "token.made", node;
    TokenRevoked(TokenRevoked) = "token.revoked", node;
    NodeSetUp(NodeSetUp) = "node.set_up", node;
    NodeRenamed(NodeRenamed) = "node.renamed", node;
    LinkMade(LinkMade) = "link.made", node;
    LinkConfirmed(LinkConfirmed) = "link.confirmed", node;
    LinkChanged(LinkChanged) = "link.changed", node;
    LinkPaused(LinkPaused) = "link.paused", node;
    LinkResumed(LinkResumed) = "link.resumed", node;
    LinkRevoked(LinkRevoked) = "link.revoked", node;
    ProjectAdded(ProjectAdded) = "project.added", node;
    ProjectChanged(ProjectChanged) = "project.changed", node;
    ProjectTrusted(ProjectTrusted) = "project.trusted", node;
    ProjectRemoved(ProjectRemoved) = "project.removed", node;
    SessionCreated(SessionCreated) = "session.created", subject;
    SessionMoved(SessionMoved) = "session.moved", subject;
    SessionChanged(SessionChanged) = "session.changed", subject;
    SessionDeleted(SessionDeleted) = "session.deleted", subject;
    SessionPurged(SessionPurged) = "session.purged", subject;
    RunStarted(RunStarted) = "run.started", session;
    RunEnded(RunEnded) = "run.ended", session;
    PromptQueued(PromptQueued) = "prompt.queued", session;
    PromptSettled(PromptSettled) = "prompt.settled", session;
    EntryAdded(EntryAdded) = "entry.added", session, body body;
    EntryEnded(EntryEnded) = "entry.ended", session, body body;
    ApprovalAsked(ApprovalAsked) = "approval.asked", session, body input;
    ApprovalDecided(ApprovalDecided) = "approval.decided", session;
    ApprovalWithdrawn(ApprovalWithdrawn) = "approval.withdrawn", session;
    UsageRecorded(UsageRecorded) = "usage.recorded", session;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{entries::CallStatus, sessions::SessionState};

    #[test]
    fn a_fact_round_trips_through_its_kind_and_bytes() {
        let fact = Fact::from(SessionMoved {
            state: SessionState::Waiting,
            detail: Some("Bash".into()),
            background: false,
        });
        let bytes = fact.encode().expect("plain data encodes");
        assert_eq!(Fact::decode(fact.kind(), fact.version(), &bytes), Some(fact));
    }

    #[test]
    fn a_fact_says_whose_it_is_and_where_its_text_lies() {
        let session = SessionId::from_uuid(uuid::Uuid::from_u128(7));
        let moved = Fact::from(SessionMoved {
            state: SessionState::Idle,
            detail: None,
            background: false,
        });
        assert_eq!(moved.session(&session.to_string()), Some(session));
        assert_eq!(moved.session("thing_1"), None);
        let withdrawn = Fact::from(ApprovalWithdrawn {
            session,
            why: String::new(),
        });
        assert_eq!((withdrawn.session("apr_1"), withdrawn.body()), (Some(session), None));
        let ended = EntryEnded {
            session,
            seq: 1,
            status: CallStatus::Ok,
            result: None,
            added: None,
            removed: None,
            body: Some(Body::Blob("b".into())),
        };
        assert_eq!(Fact::from(ended).body(), Some(&Body::Blob("b".into())));
        assert!(
            Fact::is_of_the_node("project.added")
                && !Fact::is_of_the_node("run.started")
                && !Fact::is_of_the_node("node.teleported")
        );
    }

    #[test]
    fn everything_about_people_is_known_by_its_kind() {
        let told = |kind: &&&str| !is_about_people(kind);
        let others: Vec<&str> = Fact::KINDS
            .iter()
            .filter(told)
            .map(|kind| kind.split('.').next().unwrap_or_default())
            .collect();
        assert!(
            others.iter().all(|kind| !["user", "token"].contains(kind)),
            "{others:?}"
        );
        assert!(is_about_people("user.something_new") && !is_about_people("node.renamed"));
    }

    #[test]
    fn what_a_newer_version_says_is_not_an_error() {
        assert_eq!(Fact::decode("session.teleported", 1, b"{}"), None);
        assert_eq!(Fact::decode("session.moved", 2, br#"{"state":"idle"}"#), None);
        let with_more = br#"{"state":"idle","mood":"calm"}"#;
        assert!(Fact::decode("session.moved", 1, with_more).is_some());
    }
}
