//! Callers, and the pure function that says what they may do. It reads nothing but its arguments; lists express the
//! same rule as a scan of what the caller may see.

use crate::id::{TokenId, UserId};
use serde::{Deserialize, Serialize};

/// A person's role on a node; each contains the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Role {
    /// Sees what is shared; changes nothing.
    Viewer,
    /// Runs agents and answers approvals.
    Operator,
    /// Adds projects, trusts them, changes the node's settings.
    Admin,
    /// Everything, users included.
    Owner,
}

impl Role {
    /// All roles, weakest first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Admin, Self::Owner];

    /// The word in tables, flags and pages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads [`Role::word`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// The scope of a token. A token never allows more than its owner's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Scope {
    /// Reads everything its owner may read.
    Read,
    /// Reads and writes everything its owner may.
    Write,
    /// Only `/metrics`.
    Metrics,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Metrics];

    /// The word in tables, flags and pages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Metrics => "metrics",
        }
    }

    /// Reads [`Scope::word`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }
}

/// The caller's proof of identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Via {
    /// A signed-in browser.
    Cookie {
        /// The login's handle, by which the node closes its sockets when it ends; not the cookie.
        login: String,
    },
    /// An API token.
    Token {
        /// Which token.
        id: TokenId,
        /// Its scope.
        scope: Scope,
    },
    /// The command line of this machine: anybody who can open the node's data directory.
    Cli,
    /// The node itself: time limits, start-up, supervision.
    Node,
}

/// The caller: a person, the command line or the node itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The person; `None` for the node itself and the command line.
    pub user: Option<UserId>,
    /// Their name in the audit trail: a user's name, `cli` or `node`.
    pub name: String,
    /// Their role.
    pub role: Role,
    /// Their proof of identity.
    pub via: Via,
    /// Their network address, for the audit trail.
    pub from: Option<String>,
}

impl Caller {
    /// The node acting by itself.
    pub fn node() -> Self {
        Self {
            user: None,
            name: "node".into(),
            role: Role::Owner,
            via: Via::Node,
            from: None,
        }
    }

    /// The command line: anybody who can open the node's data directory.
    pub fn cli() -> Self {
        Self {
            user: None,
            name: "cli".into(),
            role: Role::Owner,
            via: Via::Cli,
            from: None,
        }
    }
}

/// Who may see a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Visibility {
    /// Its owner only.
    Private,
    /// The members of its project.
    Project,
    /// Everybody on the node.
    Node,
}

impl Visibility {
    /// Every value, narrowest first.
    pub const ALL: [Self; 3] = [Self::Private, Self::Project, Self::Node];

    /// The word in tables and pages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Project => "project",
            Self::Node => "node",
        }
    }

    /// Reads [`Visibility::word`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.word() == word)
    }
}

/// Declares [`Action`] and [`Action::ALL`] from one list, so that the table tests cover every action.
macro_rules! actions {
    ($($(#[doc = $doc:literal])* $name:ident),+ $(,)?) => {
        /// Something a caller wants to do to a thing that exists.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[doc = $doc])* $name),+ }

        impl Action {
            /// All actions, for table tests.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

actions! {
    /// See the node: its name, health, usage, projects, lists.
    ReadNode,
    /// See a session, its transcript and its approvals.
    ReadSession,
    /// Start a session in a project.
    StartSession,
    /// Prompt, interrupt, stop, resume, fork, change mode or model.
    DriveSession,
    /// Allow or deny what an agent asks.
    DecideApproval,
    /// Rename, tag, archive, delete, restore.
    EditSession,
    /// Add a project.
    AddProject,
    /// Rename, trust, configure or remove a project.
    EditProject,
    /// Invite nodes, join them, confirm, change and end links.
    EditLinks,
    /// Change one's own password, logins, settings.
    EditSelf,
    /// Create and revoke one's own API tokens.
    EditTokens,
    /// Create users, change their roles.
    EditUsers,
    /// Read `/metrics`.
    ReadMetrics,
}

impl Action {
    const fn needs(self) -> Role {
        match self {
            Self::ReadNode | Self::ReadSession | Self::EditSelf | Self::EditTokens | Self::ReadMetrics => Role::Viewer,
            Self::StartSession | Self::DriveSession | Self::DecideApproval | Self::EditSession => Role::Operator,
            Self::AddProject | Self::EditProject | Self::EditLinks => Role::Admin,
            Self::EditUsers => Role::Owner,
        }
    }

    const fn writes(self) -> bool {
        !matches!(self, Self::ReadNode | Self::ReadSession | Self::ReadMetrics)
    }
}

/// The thing an action is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The node as a whole, or a project. Every user of a node is a member of its projects until projects name their
    /// members.
    Node,
    /// One session.
    Session {
        /// The person who started it.
        owner: Option<UserId>,
        /// Who may see it.
        visibility: Visibility,
    },
    /// A session of another node: seen here, and driven there alone.
    PeerSession {
        /// Who may see it on its own node.
        visibility: Visibility,
    },
}

/// The verdict of [`decide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No, and the caller may know that the thing exists: answer 403.
    Forbid(&'static str),
    /// No, and the caller must not learn that the thing exists: answer 404.
    Hide,
}

/// Whether `caller` may do `action` to `resource`. Server functions, REST, sockets and the command line all ask it.
pub fn decide(caller: &Caller, action: Action, resource: Resource) -> Decision {
    if let Via::Token { scope, .. } = caller.via {
        match scope {
            Scope::Metrics if action != Action::ReadMetrics => {
                return Decision::Forbid("this token may only read metrics");
            }
            Scope::Read if action.writes() => return Decision::Forbid("this token may only read"),
            Scope::Read | Scope::Write if action == Action::ReadMetrics => {
                return Decision::Forbid("metrics need a token of scope metrics");
            }
            _ => {}
        }
        // A stolen token must not be able to make itself permanent.
        if matches!(action, Action::EditTokens | Action::EditSelf | Action::EditUsers) {
            return Decision::Forbid("tokens cannot change tokens, passwords or users");
        }
    } else if action == Action::ReadMetrics && matches!(caller.via, Via::Cookie { .. }) && caller.role < Role::Admin {
        return Decision::Forbid("metrics need a token of scope metrics");
    }
    if let Resource::Session {
        owner,
        visibility: Visibility::Private,
    } = resource
        && caller.via != Via::Node
        && (owner.is_none() || owner != caller.user)
    {
        return Decision::Hide;
    }
    if let Resource::PeerSession { visibility } = resource {
        // Its people are nobody here, so a private one is a matter of those who run this node.
        let sees = visibility != Visibility::Private || caller.role >= Role::Admin || caller.via == Via::Node;
        return match action {
            _ if !sees => Decision::Hide,
            Action::ReadSession => Decision::Allow,
            _ => Decision::Forbid("this session runs on another node: open it there"),
        };
    }
    if caller.role < action.needs() {
        return Decision::Forbid(match action.needs() {
            Role::Owner => "only an owner may do this",
            Role::Admin => "this needs the role admin",
            Role::Operator | Role::Viewer => "this needs the role operator",
        });
    }
    Decision::Allow
}

/// [`decide`] as a `Result`: `Forbidden`, or `NotFound(what)` where the thing is hidden.
pub fn require(caller: &Caller, action: Action, resource: Resource, what: &str) -> crate::Result<()> {
    match decide(caller, action, resource) {
        Decision::Allow => Ok(()),
        Decision::Forbid(why) => Err(crate::Error::Forbidden(why.into())),
        Decision::Hide => Err(crate::Error::NotFound(what.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn cookie() -> Via {
        Via::Cookie { login: "l".into() }
    }

    fn caller(role: Role, via: Via) -> Caller {
        Caller {
            user: Some(UserId::from_uuid(Uuid::from_u128(1))),
            name: "mara".into(),
            role,
            via,
            from: None,
        }
    }

    #[test]
    fn a_role_contains_the_weaker_ones() {
        for &action in Action::ALL {
            let mut allowed_before = false;
            for role in Role::ALL {
                let allowed = decide(&caller(role, cookie()), action, Resource::Node) == Decision::Allow;
                assert!(allowed || !allowed_before, "{action:?} is lost at {role:?}");
                allowed_before = allowed;
            }
            assert!(allowed_before, "an owner may {action:?}");
        }
    }

    #[test]
    fn a_session_of_another_node_is_seen_and_nothing_else() {
        for &action in Action::ALL {
            for visibility in Visibility::ALL {
                for role in Role::ALL {
                    let decision = decide(&caller(role, cookie()), action, Resource::PeerSession { visibility });
                    let hidden = visibility == Visibility::Private && role < Role::Admin;
                    let expected = match decision {
                        Decision::Hide => hidden,
                        Decision::Allow => !hidden && action == Action::ReadSession,
                        Decision::Forbid(_) => action != Action::ReadSession,
                    };
                    assert!(expected, "{action:?} {visibility:?} {role:?} gave {decision:?}");
                }
            }
        }
    }

    #[test]
    fn a_private_session_of_another_is_hidden_even_from_owners() {
        let theirs = Resource::Session {
            owner: Some(UserId::from_uuid(Uuid::from_u128(2))),
            visibility: Visibility::Private,
        };
        for role in Role::ALL {
            for action in [
                Action::ReadSession,
                Action::DriveSession,
                Action::EditSession,
                Action::DecideApproval,
            ] {
                assert_eq!(decide(&caller(role, cookie()), action, theirs), Decision::Hide);
            }
        }
        let mine = Resource::Session {
            owner: Some(UserId::from_uuid(Uuid::from_u128(1))),
            visibility: Visibility::Private,
        };
        assert_eq!(
            decide(&caller(Role::Viewer, cookie()), Action::ReadSession, mine),
            Decision::Allow
        );
    }

    #[test]
    fn tokens_are_bound_by_their_scope_and_cannot_multiply() {
        let token = |scope| Via::Token {
            id: TokenId::from_uuid(Uuid::from_u128(3)),
            scope,
        };
        for &action in Action::ALL {
            let read = decide(&caller(Role::Owner, token(Scope::Read)), action, Resource::Node);
            assert_eq!(
                read == Decision::Allow,
                matches!(action, Action::ReadNode | Action::ReadSession),
                "read {action:?}"
            );
            let metrics = decide(&caller(Role::Owner, token(Scope::Metrics)), action, Resource::Node);
            assert_eq!(
                metrics == Decision::Allow,
                action == Action::ReadMetrics,
                "metrics {action:?}"
            );
            let write = decide(&caller(Role::Owner, token(Scope::Write)), action, Resource::Node);
            let kept_back = matches!(
                action,
                Action::EditTokens | Action::EditSelf | Action::EditUsers | Action::ReadMetrics
            );
            assert_eq!(write == Decision::Allow, !kept_back, "write {action:?}");
        }
    }
}
