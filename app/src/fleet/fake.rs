//! An in-memory fake of the fleet's port. Only compiled for tests.

use crate::testing::{Fake, NOW, link_id, node_id};
use async_trait::async_trait;
use model::{
    Action, Caller, Error, Result,
    caller::{Resource, require},
    fleet::{
        self, FleetNode, Invite, InviteRead, Link, LinkPatch, LinkState, NewInvite, NewLink, NodeState, Peer,
        SentProjects, Transport,
    },
    id::{LinkId, NodeId},
    node::NodeKind,
    ports,
};

/// The only invite that the fake accepts. It is one of `cloud`, the node with the number 2.
pub const INVITE: &str = "ow1_works";
/// The fake node's own fingerprint.
pub const OWN: &str = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH";

/// The data of the fake fleet port.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// This node and the others.
    pub nodes: Vec<FleetNode>,
    /// Links.
    pub links: Vec<Link>,
    /// Whether the way to the inviting node is encrypted.
    pub encrypted: bool,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            nodes: vec![node(1, |node| {
                (node.name, node.here, node.last_heard) = ("workbench".into(), true, None);
            })],
            links: Vec::new(),
            encrypted: true,
        }
    }
}

/// A node, modified by the test.
pub fn node(n: u8, change: impl FnOnce(&mut FleetNode)) -> FleetNode {
    let mut node = FleetNode {
        id: node_id(n),
        name: format!("node-{n}"),
        kind: NodeKind::Local,
        here: false,
        state: NodeState::Live,
        state_since: NOW - 3_600_000,
        last_heard: Some(NOW - 2_000),
        version: Some("0.1.0".into()),
        via: None,
        health: None,
        clock_ahead_ms: None,
    };
    change(&mut node);
    node
}

/// A live link to the `n`th node, modified by the test.
pub fn link(n: u8, change: impl FnOnce(&mut Link)) -> Link {
    let mut link = Link {
        id: link_id(n),
        peer: Peer {
            id: node_id(n),
            name: format!("node-{n}"),
            kind: NodeKind::Local,
            fingerprint: format!("P{n:03}-QQQQ-RRRR-SSSS-TTTT-UUUU-VVVV-WWWW"),
            url: Some(format!("https://node-{n}.example")),
        },
        state: LinkState::Live,
        state_since: NOW - 3_600_000,
        state_detail: None,
        inviter: true,
        transport: Some(Transport::Push),
        encrypted: true,
        send: fleet::Send::default(),
        receive: fleet::Send {
            projects: SentProjects::None,
            ..fleet::Send::default()
        },
        unsent_events: 0,
        lag_ms: None,
        last_heard: Some(NOW - 2_000),
    };
    change(&mut link);
    link
}

impl Fake {
    fn may_change_links(&self, caller: &Caller) -> Result<()> {
        self.checked()?;
        require(caller, Action::EditProject, Resource::Node, "link")
    }
}

#[async_trait]
impl ports::Fleet for Fake {
    async fn nodes(&self, _: &Caller) -> Result<Vec<FleetNode>> {
        self.checked()?;
        Ok(self.fleet.nodes.clone())
    }
    async fn node(&self, _: &Caller, id: NodeId) -> Result<FleetNode> {
        self.checked()?;
        let found = self.fleet.nodes.iter().find(|node| node.id == id);
        found.cloned().ok_or_else(|| Error::NotFound("node".into()))
    }
    async fn links(&self, _: &Caller) -> Result<Vec<Link>> {
        self.checked()?;
        Ok(self.fleet.links.clone())
    }
    async fn link(&self, _: &Caller, id: LinkId) -> Result<Link> {
        self.checked()?;
        let found = self.fleet.links.iter().find(|link| link.id == id);
        found.cloned().ok_or_else(|| Error::NotFound("link".into()))
    }
    async fn invite(&self, caller: &Caller, _: NewInvite) -> Result<Invite> {
        self.may_change_links(caller)?;
        Ok(Invite {
            invite: "ow1_made".into(),
            fingerprint: OWN.into(),
            expires: NOW + 600_000,
        })
    }
    async fn read_invite(&self, caller: &Caller, invite: String) -> Result<InviteRead> {
        self.may_change_links(caller)?;
        if invite != INVITE {
            return Err(Error::invalid("invite", "this is no invite"));
        }
        let mut peer = link(2, |_| ()).peer;
        (peer.name, peer.kind) = ("cloud".into(), NodeKind::Cloud);
        Ok(InviteRead {
            peer,
            own_fingerprint: OWN.into(),
            encrypted: self.fleet.encrypted,
        })
    }
    async fn join(&self, caller: &Caller, new: NewLink) -> Result<Link> {
        let read = ports::Fleet::read_invite(self, caller, new.invite).await?;
        Ok(link(2, |link| {
            (link.state, link.inviter) = (LinkState::Pending, false);
            (link.peer, link.send, link.encrypted) = (read.peer, new.send, read.encrypted);
        }))
    }
    async fn confirm(&self, caller: &Caller, id: LinkId) -> Result<Link> {
        self.may_change_links(caller)?;
        let link = ports::Fleet::link(self, caller, id).await?;
        if link.inviter && link.state == LinkState::Pending {
            Ok(Link {
                state: LinkState::Retrying,
                ..link
            })
        } else {
            Err(Error::Conflict(
                "this link does not wait for a confirmation here".into(),
            ))
        }
    }
    async fn update(&self, caller: &Caller, id: LinkId, patch: LinkPatch) -> Result<Link> {
        self.may_change_links(caller)?;
        let mut link = ports::Fleet::link(self, caller, id).await?;
        link.send = patch.send.unwrap_or(link.send);
        Ok(link)
    }
    async fn pause(&self, caller: &Caller, id: LinkId) -> Result<Link> {
        self.may_change_links(caller)?;
        let mut link = ports::Fleet::link(self, caller, id).await?;
        link.state = LinkState::Paused;
        Ok(link)
    }
    async fn resume(&self, caller: &Caller, id: LinkId) -> Result<Link> {
        self.may_change_links(caller)?;
        let mut link = ports::Fleet::link(self, caller, id).await?;
        link.state = LinkState::Retrying;
        Ok(link)
    }
    async fn revoke(&self, caller: &Caller, id: LinkId, _: bool) -> Result<()> {
        self.may_change_links(caller)?;
        ports::Fleet::link(self, caller, id).await.map(drop)
    }
}
