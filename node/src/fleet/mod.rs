//! The fleet's port, for a node that knows no other: this node, and no links. It must not pair: nothing here makes or
//! reads invites.

use async_trait::async_trait;
use model::{
    Action, Caller, Error, Result,
    caller::{Resource, require},
    fleet::{FleetNode, Invite, InviteRead, Link, LinkPatch, NewInvite, NewLink, NodeState},
    id::{LinkId, NodeId},
    ports,
};
use std::sync::Arc;

/// [`ports::Fleet`] of this node alone.
pub struct FleetService {
    node: Arc<dyn ports::Node>,
}

impl FleetService {
    pub(crate) fn new(node: Arc<dyn ports::Node>) -> Self {
        Self { node }
    }
}

fn may_read(caller: &Caller) -> Result<()> {
    require(caller, Action::ReadNode, Resource::Node, "fleet")
}

fn may_change(caller: &Caller) -> Result<()> {
    require(caller, Action::EditProject, Resource::Node, "fleet")
}

fn no_link<T>() -> Result<T> {
    Err(Error::NotFound("link".into()))
}

fn no_invite<T>() -> Result<T> {
    Err(Error::invalid("invite", "this is no invite that this node can use"))
}

#[async_trait]
impl ports::Fleet for FleetService {
    async fn nodes(&self, caller: &Caller) -> Result<Vec<FleetNode>> {
        let info = self.node.info(caller).await?;
        let here = FleetNode {
            id: info.id,
            name: info.name,
            kind: info.kind,
            here: true,
            state: NodeState::Live,
            state_since: info.started,
            last_heard: None,
            version: Some(info.version),
            via: None,
            health: self.node.health_now(caller).await?,
            clock_ahead_ms: None,
        };
        Ok(vec![here])
    }
    async fn node(&self, caller: &Caller, id: NodeId) -> Result<FleetNode> {
        let mut nodes = self.nodes(caller).await?.into_iter();
        nodes
            .find(|node| node.id == id)
            .ok_or_else(|| Error::NotFound("node".into()))
    }
    async fn links(&self, caller: &Caller) -> Result<Vec<Link>> {
        may_read(caller)?;
        Ok(Vec::new())
    }
    async fn link(&self, caller: &Caller, _: LinkId) -> Result<Link> {
        may_read(caller)?;
        no_link()
    }
    async fn invite(&self, caller: &Caller, _: NewInvite) -> Result<Invite> {
        may_change(caller)?;
        Err(Error::Unavailable("this version of OrchWiz makes no invites".into()))
    }
    async fn read_invite(&self, caller: &Caller, _: String) -> Result<InviteRead> {
        may_change(caller)?;
        no_invite()
    }
    async fn join(&self, caller: &Caller, _: NewLink) -> Result<Link> {
        may_change(caller)?;
        no_invite()
    }
    async fn confirm(&self, caller: &Caller, _: LinkId) -> Result<Link> {
        may_change(caller)?;
        no_link()
    }
    async fn update(&self, caller: &Caller, _: LinkId, _: LinkPatch) -> Result<Link> {
        may_change(caller)?;
        no_link()
    }
    async fn pause(&self, caller: &Caller, _: LinkId) -> Result<Link> {
        may_change(caller)?;
        no_link()
    }
    async fn resume(&self, caller: &Caller, _: LinkId) -> Result<Link> {
        may_change(caller)?;
        no_link()
    }
    async fn revoke(&self, caller: &Caller, _: LinkId, _: bool) -> Result<()> {
        may_change(caller)?;
        no_link()
    }
}
