//! Events: what happened, in the words of the domain. A [`Fact`] is the typed payload; an [`Event`] is its stored, hashed envelope.
//! Kinds and fields this version does not know are kept byte for byte and fold to nothing; they are never an error.

use crate::{
    Micros, Millis, Pos,
    approvals::{ApprovalKind, Decided, Question, Suggestion},
    caller::{Role, Scope, Visibility},
    entries::{CallStatus, EntryKind},
    id::{ApprovalId, ProjectId, PromptId, RunId, SessionId, UserId},
    sessions::{AgentKind, Mode, SessionState, Tokens, words},
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
    /// Who did it: a user's id, `node`, `cli`.
    pub actor: String,
    /// What happened: `session.created`.
    pub kind: String,
    /// The version of the payload's shape for that kind.
    pub v: i32,
    /// What it is about: an id.
    pub subject: String,
    /// What happened in full; `None` when it was purged or withheld.
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

/// Whether events of this kind are about people and their accounts: those are told only to who may list them. By the kind alone, so that it holds
/// for kinds and payloads that this version cannot read.
pub fn is_about_people(kind: &str) -> bool {
    kind.starts_with("user.") || kind.starts_with("token.") || kind == "node.set_up"
}

/// The session that a fact is about, by what [`facts`] says of its kind.
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

/// Each kind says whose it is: `node` (and its projects and people), the session that is its `subject`, or the one in its field `session`; and
/// in which field its [`Body`] lies. Who may see an event and what a purge takes follow from that.
macro_rules! facts {
    ($($(#[$doc:meta])* $variant:ident($payload:ty) = $kind:literal, $whose:ident $(, body $body:ident)?;)+) => {
        /// Everything this version can say happened.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Fact { $($(#[$doc])* $variant($payload)),+ }

        impl Fact {
            /// Every kind, for table tests.
            pub const KINDS: &'static [&'static str] = &[$($kind),+];

            /// The kind in the envelope.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind),+ }
            }

            /// The session it is about; `subject` is the envelope's. `None` for what is the node's, and for a subject that is no session's id.
            pub fn session(&self, subject: &str) -> Option<SessionId> {
                match self { $(Self::$variant(payload) => session_of!($whose, payload, subject)),+ }
            }

            /// The text that may lie in a blob.
            pub fn body(&self) -> Option<&Body> {
                match self { $(Self::$variant(payload) => body_of!(payload $(, $body)?)),+ }
            }

            /// Whether events of this kind are about no session; `false` for kinds this version does not know, which may be anybody's.
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

            /// Reads a payload; `None` for kinds and versions this version does not know, and for payloads it cannot read.
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
    /// A person may sign in from now on.
    UserCreated(UserCreated) = "user.created", node;
    /// A person's role or GitHub login changed, or whether they may sign in.
    UserChanged(UserChanged) = "user.changed", node;
    /// A person was removed: their logins, tokens and credentials are gone, what they did stays.
    UserRemoved(UserRemoved) = "user.removed", node;
    /// A person signed in.
    UserSignedIn(UserSignedIn) = "user.signed_in", node;
    /// A sign-in was refused. Not every one is recorded; the subject is the person, or the node where nobody has that name.
    SignInRefused(SignInRefused) = "user.refused", node;
    /// A person has another password.
    PasswordSet(PasswordSet) = "user.password_set", node;
    /// An API token works from now on.
    TokenMade(TokenMade) = "token.made", node;
    /// An API token no longer works.
    TokenRevoked(TokenRevoked) = "token.revoked", node;
    /// The node got its first owner.
    NodeSetUp(NodeSetUp) = "node.set_up", node;
    /// The node has another name.
    NodeRenamed(NodeRenamed) = "node.renamed", node;
    /// A folder became a project.
    ProjectAdded(ProjectAdded) = "project.added", node;
    /// A project's name or settings changed.
    ProjectChanged(ProjectChanged) = "project.changed", node;
    /// A person trusted a project, or took trust back.
    ProjectTrusted(ProjectTrusted) = "project.trusted", node;
    /// A project was removed; its folder is untouched.
    ProjectRemoved(ProjectRemoved) = "project.removed", node;
    /// A session exists from now on, queued.
    SessionCreated(SessionCreated) = "session.created", subject;
    /// A session is in another state, or in the same for another reason.
    SessionMoved(SessionMoved) = "session.moved", subject;
    /// A session's title, tags, mode, model, ... changed.
    SessionChanged(SessionChanged) = "session.changed", subject;
    /// A session was deleted (hidden), or restored.
    SessionDeleted(SessionDeleted) = "session.deleted", subject;
    /// A session is gone for good; its payloads are nulled.
    SessionPurged(SessionPurged) = "session.purged", subject;
    /// An agent process was started.
    RunStarted(RunStarted) = "run.started", session;
    /// An agent process ended, or was lost.
    RunEnded(RunEnded) = "run.ended", session;
    /// A person's prompt was accepted.
    PromptQueued(PromptQueued) = "prompt.queued", session;
    /// A prompt was given to the agent, or taken back.
    PromptSettled(PromptSettled) = "prompt.settled", session;
    /// An item of the transcript.
    EntryAdded(EntryAdded) = "entry.added", session, body body;
    /// The outcome of a tool call or task.
    EntryEnded(EntryEnded) = "entry.ended", session, body body;
    /// An agent asks a person.
    ApprovalAsked(ApprovalAsked) = "approval.asked", session, body input;
    /// A person answered.
    ApprovalDecided(ApprovalDecided) = "approval.decided", session;
    /// An answer is no longer wanted.
    ApprovalWithdrawn(ApprovalWithdrawn) = "approval.withdrawn", session;
    /// The newest running totals of a process.
    UsageRecorded(UsageRecorded) = "usage.recorded", session;
}

/// See [`Fact::UserCreated`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserCreated {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their role.
    pub role: Role,
    /// Their GitHub login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<String>,
}

/// See [`Fact::UserChanged`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserChanged {
    /// Who.
    pub id: UserId,
    /// A new role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// A new GitHub login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<String>,
    /// They may not sign in any more, or may again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// See [`Fact::UserRemoved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRemoved {}

words! {
    /// How somebody proved who they are.
    SignInWay {
        /// By their password.
        Password = "password",
        /// By GitHub.
        Github = "github",
        /// By the set-up link.
        SetUp = "set_up",
    }
}

/// See [`Fact::UserSignedIn`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSignedIn {
    /// How.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<SignInWay>,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The browser as it named itself, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
}

/// See [`Fact::SignInRefused`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInRefused {
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How many others were refused since the last such event without being recorded, as whoever and from wherever.
    #[serde(default)]
    pub more: i64,
}

/// See [`Fact::PasswordSet`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordSet {}

/// See [`Fact::TokenMade`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenMade {
    /// Whose.
    pub user: UserId,
    /// What it is for.
    pub name: String,
    /// What it may be used for.
    pub scope: Scope,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
}

/// See [`Fact::TokenRevoked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRevoked {
    /// Whose it was.
    pub user: UserId,
}

/// See [`Fact::NodeSetUp`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSetUp {
    /// The first owner.
    pub owner: UserId,
}

/// See [`Fact::NodeRenamed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRenamed {
    /// The new name.
    pub name: String,
}

/// See [`Fact::ProjectAdded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectAdded {
    /// Which.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Its canonical folder.
    pub path: String,
    /// Made for the demo agent.
    #[serde(default)]
    pub demo: bool,
}

/// See [`Fact::ProjectChanged`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectChanged {
    /// A new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Deny unanswered approvals after so many seconds; 0 lets them wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_timeout_s: Option<i64>,
}

/// See [`Fact::ProjectTrusted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectTrusted {
    /// BLAKE3 (hex) over what the folder would run, as it was trusted. `None` takes trust back.
    pub hash: Option<String>,
    /// The same as it will be once an agent has written the rule of an "always" into the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also: Option<String>,
}

/// See [`Fact::ProjectRemoved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRemoved {}

/// See [`Fact::SessionCreated`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCreated {
    /// Where it works.
    pub project: ProjectId,
    /// Which agent.
    pub agent: AgentKind,
    /// How much the agent may do unasked.
    pub mode: Mode,
    /// What people call it.
    pub title: String,
    /// The model asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Who started it.
    pub owner: Option<UserId>,
    /// Who may see it.
    pub visibility: Visibility,
    /// The git branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The session whose conversation it continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<SessionId>,
    /// Started by a token or the command line: nobody sits before it. Absent means somebody does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unattended: bool,
}

/// See [`Fact::SessionMoved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionMoved {
    /// The state.
    pub state: SessionState,
    /// Its cause or detail, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// It waits between turns: only a subagent in the background asks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub background: bool,
}

/// See [`Fact::SessionChanged`]. Absent fields stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionChanged {
    /// A new title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// All tags anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Put away, or taken out again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// Who may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// The mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The agent's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// Tokens in the model's context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_used: Option<i64>,
    /// How many fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_size: Option<i64>,
    /// The agent has a transcript of it, so it can be resumed rather than started anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumable: Option<bool>,
}

/// See [`Fact::SessionDeleted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDeleted {
    /// `true` hides it, `false` restores it.
    pub deleted: bool,
}

/// See [`Fact::SessionPurged`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPurged {}

/// See [`Fact::RunStarted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// Which process.
    pub run: RunId,
    /// For which session.
    pub session: SessionId,
    /// The argument vector, secrets masked; the program first.
    pub argv: Vec<String>,
    /// Its folder was trusted: what the folder brings along runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trusted: bool,
}

/// How an agent process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Exit {
    /// It returned a code.
    Code {
        /// 0 to 255.
        code: i32,
    },
    /// A signal ended it.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// It never started.
    NotStarted {
        /// Why.
        why: String,
    },
    /// Nobody saw how. Never success.
    Lost,
}

/// See [`Fact::RunEnded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnded {
    /// Which process.
    pub run: RunId,
    /// For which session.
    pub session: SessionId,
    /// How it ended.
    pub exit: Exit,
}

/// See [`Fact::PromptQueued`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptQueued {
    /// Which.
    pub id: PromptId,
    /// In which session.
    pub session: SessionId,
    /// What was said.
    pub text: String,
    /// Who said it.
    pub by_name: String,
}

/// See [`Fact::PromptSettled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptSettled {
    /// Which.
    pub id: PromptId,
    /// In which session.
    pub session: SessionId,
    /// `true` when the agent has it, `false` when it was withdrawn.
    pub sent: bool,
}

/// A text of an entry: in the payload when small, else in a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The value itself.
    Inline(serde_json::Value),
    /// BLAKE3 (hex) of the value's JSON bytes, which are stored as a blob.
    Blob(String),
}

/// See [`Fact::EntryAdded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryAdded {
    /// In which session.
    pub session: SessionId,
    /// Its place, gapless from 1.
    pub seq: i64,
    /// The turn.
    pub turn: i64,
    /// What it is.
    pub kind: EntryKind,
    /// The subagent call it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Who said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_name: Option<String>,
    /// The first 200 characters of the text.
    pub preview: String,
    /// For tools and tasks: the agent's id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// For tools and tasks: the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// For tools and tasks: what it acts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The whole: for text kinds a JSON string, for tools the input, for `raw` the message. Absent when the preview is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// See [`Fact::EntryEnded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryEnded {
    /// In which session.
    pub session: SessionId,
    /// Which entry.
    pub seq: i64,
    /// How it ended.
    pub status: CallStatus,
    /// The outcome in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Lines added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<i64>,
    /// Lines removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<i64>,
    /// What came back: `{"output": text, "patch": [...]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// See [`Fact::ApprovalAsked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalAsked {
    /// Which.
    pub id: ApprovalId,
    /// In which session.
    pub session: SessionId,
    /// By which process: the answer goes to it and to no other.
    pub run: RunId,
    /// The process's id of the request.
    pub request: String,
    /// What is asked.
    pub kind: ApprovalKind,
    /// Which tool.
    pub tool: String,
    /// The agent's id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Exactly what the tool would get; for plans `{"plan": text}`.
    pub input: Body,
    /// A secret was left out of it: what is stored is not what the agent asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
    /// The same on one line.
    pub target: String,
    /// Why it asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The subagent that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subagent: Option<String>,
    /// What "always" would remember.
    #[serde(default)]
    pub suggestions: Vec<Suggestion>,
    /// The questions.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// When it will be denied by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
}

/// See [`Fact::ApprovalDecided`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalDecided {
    /// In which session.
    pub session: SessionId,
    /// The decision.
    pub decided: Decided,
    /// The answers, for questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<std::collections::BTreeMap<String, String>>,
    /// The mode to go on in, for plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}

/// See [`Fact::ApprovalWithdrawn`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalWithdrawn {
    /// In which session.
    pub session: SessionId,
    /// Why nobody needs to answer any more.
    pub why: String,
}

/// See [`Fact::UsageRecorded`]. Running totals of one process and model: the newest replaces the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecorded {
    /// In which session.
    pub session: SessionId,
    /// Of which process.
    pub run: RunId,
    /// In which project.
    pub project: ProjectId,
    /// Of which model.
    pub model: String,
    /// The UTC day of the newest increase: days since 1970-01-01.
    pub day: i64,
    /// Totals of the process so far.
    pub tokens: Tokens,
    /// Total cost of the process so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<Micros>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_round_trips_through_its_kind_and_bytes() {
        let fact = Fact::from(SessionMoved { state: SessionState::Waiting, detail: Some("Bash".into()), background: false });
        let bytes = fact.encode().expect("plain data encodes");
        assert_eq!(Fact::decode(fact.kind(), fact.version(), &bytes), Some(fact));
    }

    #[test]
    fn a_fact_says_whose_it_is_and_where_its_text_lies() {
        let session = SessionId::from_uuid(uuid::Uuid::from_u128(7));
        let moved = Fact::from(SessionMoved { state: SessionState::Idle, detail: None, background: false });
        assert_eq!(moved.session(&session.to_string()), Some(session));
        assert_eq!(moved.session("thing_1"), None);
        let withdrawn = Fact::from(ApprovalWithdrawn { session, why: String::new() });
        assert_eq!((withdrawn.session("apr_1"), withdrawn.body()), (Some(session), None));
        let ended = EntryEnded { session, seq: 1, status: CallStatus::Ok, result: None, added: None, removed: None, body: Some(Body::Blob("b".into())) };
        assert_eq!(Fact::from(ended).body(), Some(&Body::Blob("b".into())));
        assert!(Fact::is_of_the_node("project.added") && !Fact::is_of_the_node("run.started") && !Fact::is_of_the_node("node.teleported"));
    }

    #[test]
    fn everything_about_people_is_known_by_its_kind() {
        let told = |kind: &&&str| !is_about_people(kind);
        let others: Vec<&str> = Fact::KINDS.iter().filter(told).map(|kind| kind.split('.').next().unwrap_or_default()).collect();
        assert!(others.iter().all(|kind| !["user", "token"].contains(kind)), "{others:?}");
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
