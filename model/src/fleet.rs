//! The fleet: the nodes that a node knows, its links to them, and how two nodes are paired.

use crate::{
    Millis,
    id::{LinkId, NodeId, ProjectId},
    node::{HealthSample, NodeKind},
    sessions::words,
};
use serde::{Deserialize, Serialize};

/// A node by name, as rows show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeRef {
    /// Which node.
    pub id: NodeId,
    /// Its name, as that node says it.
    pub name: String,
    /// Whether it is the node that answers: only its sessions can be driven here.
    #[serde(default)]
    pub here: bool,
    /// Since when nothing was heard of it, unix ms; what is shown of it may be old. `None` while it is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<Millis>,
}

words! {
    /// What is known of a node at this moment.
    NodeState {
        /// It was heard within 30 seconds.
        Live = "live",
        /// Nothing was heard of it for 30 seconds: what is known of it is old.
        Silent = "silent",
        /// Its link was revoked; what it sent stays.
        Revoked = "revoked",
    }
}

/// A node of the fleet: this one, a peer, or one that a peer passes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FleetNode {
    /// Its id.
    pub id: NodeId,
    /// Its name, as that node says it.
    pub name: String,
    /// Its kind.
    pub kind: NodeKind,
    /// Whether it is the node that answers.
    pub here: bool,
    /// What is known of it.
    pub state: NodeState,
    /// Since when, unix ms of this node's clock.
    pub state_since: Millis,
    /// When it was heard last, unix ms of this node's clock; `None` for this node, and before the first word.
    pub last_heard: Option<Millis>,
    /// Its version of OrchWiz, where it said so.
    pub version: Option<String>,
    /// The peer that passes it on; `None` for this node and for peers.
    pub via: Option<NodeRef>,
    /// Its newest health, where it is linked directly.
    pub health: Option<HealthSample>,
    /// How far its clock is ahead of this node's, ms, where that is more than a minute.
    pub clock_ahead_ms: Option<i64>,
}

words! {
    /// What a link is doing.
    LinkState {
        /// The inviting side has not confirmed it.
        Pending = "pending",
        /// Events flow.
        Live = "live",
        /// The peer is not reached; it is tried again, for ever.
        Retrying = "retrying",
        /// A person paused it.
        Paused = "paused",
        /// A person on either side ended it.
        Revoked = "revoked",
    }
}

words! {
    /// How a link's frames travel.
    Transport {
        /// A socket that the joining side opened.
        WebSocket = "websocket",
        /// One request a batch, from the joining side.
        Push = "push",
    }
}

words! {
    /// How much of an event is sent.
    Detail {
        /// All of it.
        Full = "full",
        /// States, titles, times and usage; no prompt, text, tool input or output.
        Outline = "outline",
    }
}

/// Which projects are sent: `"all"`, `"none"`, or a list of ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentProjects {
    /// All of them, later ones too.
    All,
    /// None.
    None,
    /// These.
    Some(Vec<ProjectId>),
}

/// The wire's form of [`SentProjects`].
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ProjectsWire {
    Word(ProjectsWord),
    Ids(Vec<ProjectId>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ProjectsWord {
    All,
    None,
}

impl Serialize for SentProjects {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => ProjectsWire::Word(ProjectsWord::All),
            Self::None => ProjectsWire::Word(ProjectsWord::None),
            Self::Some(ids) => ProjectsWire::Ids(ids.clone()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SentProjects {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match ProjectsWire::deserialize(deserializer)? {
            ProjectsWire::Word(ProjectsWord::All) => Self::All,
            ProjectsWire::Word(ProjectsWord::None) => Self::None,
            ProjectsWire::Ids(ids) => Self::Some(ids),
        })
    }
}

/// What one side of a link sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// Which projects, with their sessions.
    #[cfg_attr(feature = "openapi", schema(value_type = serde_json::Value))]
    pub projects: SentProjects,
    /// How much of each event.
    pub detail: Detail,
    /// Private sessions too.
    #[serde(default)]
    pub private: bool,
    /// Also what this side holds of third nodes.
    #[serde(default)]
    pub relay: bool,
}

impl Default for Send {
    fn default() -> Self {
        Self {
            projects: SentProjects::All,
            detail: Detail::Full,
            private: false,
            relay: false,
        }
    }
}

/// The node at the other end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Peer {
    /// Which node.
    pub id: NodeId,
    /// Its name, as that node says it.
    pub name: String,
    /// Its kind.
    pub kind: NodeKind,
    /// Its key's fingerprint: eight groups of four characters, the same on both sides.
    pub fingerprint: String,
    /// Where it is reached; `None` for one that reaches this node.
    pub url: Option<String>,
}

/// The relation between this node and a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Link {
    /// Its id, the same on both sides.
    pub id: LinkId,
    /// The other end.
    pub peer: Peer,
    /// What it is doing.
    pub state: LinkState,
    /// Since when, unix ms.
    pub state_since: Millis,
    /// Why, and what to do about it: a sentence.
    pub state_detail: Option<String>,
    /// Whether this side made the invite, and so confirms.
    pub inviter: bool,
    /// How frames travel, while they do.
    pub transport: Option<Transport>,
    /// Whether what travels is encrypted on the way.
    pub encrypted: bool,
    /// What this node sends.
    pub send: Send,
    /// What the peer says that it sends.
    pub receive: Send,
    /// Events of this node that the peer has not acknowledged.
    pub unsent_events: i64,
    /// The age of the oldest of them, ms.
    pub lag_ms: Option<i64>,
    /// When the peer was heard last, unix ms.
    pub last_heard: Option<Millis>,
}

/// What an invite is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewInvite {
    /// Confirm by itself whoever uses it: for scripts.
    #[serde(default)]
    pub auto: bool,
    /// What this node will send over the link.
    pub send: Send,
}

/// An invite: it is shown once, works once, and for ten minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invite {
    /// `ow1_...`: the node's address, its key's fingerprint, and a secret.
    pub invite: String,
    /// The node's own fingerprint, to compare.
    pub fingerprint: String,
    /// When it ends, unix ms.
    pub expires: Millis,
}

/// What the joining side sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// `ow1_...`, as the other side made it.
    pub invite: String,
    /// What this node will send.
    pub send: Send,
    /// Join also where the way there is not encrypted; without it only over https, or to this machine.
    #[serde(default)]
    pub unencrypted: bool,
}

/// What an invite says, before anybody joins with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteRead {
    /// The inviting node.
    pub peer: Peer,
    /// This node's own fingerprint, which the other side will show.
    pub own_fingerprint: String,
    /// Whether the way there is encrypted.
    pub encrypted: bool,
}

/// Changes of a link; a field that is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LinkPatch {
    /// What this node sends from now on.
    #[serde(default)]
    pub send: Option<Send>,
}

/// A link was made: this node and a peer have each other's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkMade {
    /// Which.
    pub id: LinkId,
    /// The other end.
    pub peer: Peer,
    /// Its public key, 64 hex digits.
    pub key: String,
    /// Whether this side made the invite.
    pub inviter: bool,
    /// Whether it is confirmed already: its invite said so.
    pub confirmed: bool,
    /// Whether what travels is encrypted on the way.
    pub encrypted: bool,
    /// What this node sends.
    pub send: Send,
    /// What the peer says that it sends.
    pub receive: Send,
}

/// The inviting side confirmed a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkConfirmed {}

/// What one side of a link sends has changed; absent fields stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkChanged {
    /// What this node sends.
    pub send: Option<Send>,
    /// What the peer says that it sends.
    pub receive: Option<Send>,
}

/// A person paused a link on this side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkPaused {}

/// A person resumed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkResumed {}

/// A link ended for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRevoked {
    /// Whether what the peer sent shall be removed here.
    pub forget: bool,
    /// Whether it was ended on the other side.
    pub by_peer: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_of_a_link_are_a_word_or_a_list() {
        for (projects, wire) in [
            (SentProjects::All, r#""all""#),
            (SentProjects::None, r#""none""#),
            (SentProjects::Some(Vec::new()), "[]"),
        ] {
            assert_eq!(serde_json::to_string(&projects).unwrap(), wire);
            assert_eq!(serde_json::from_str::<SentProjects>(wire).unwrap(), projects);
        }
        assert!(serde_json::from_str::<SentProjects>(r#""most""#).is_err());
    }
}
