//! An in-memory fake of the fleet's port. Only compiled for tests.

use crate::testing::Fake;
use async_trait::async_trait;
use model::{
    Caller, Error, Result,
    fleet::{FleetNode, Invite, InviteRead, Link, LinkPatch, NewInvite, NewLink},
    id::{LinkId, NodeId},
    ports,
};

/// The data of the fake fleet port.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// This node and the others.
    pub nodes: Vec<FleetNode>,
    /// Links.
    pub links: Vec<Link>,
}

#[async_trait]
impl ports::Fleet for Fake {
    async fn nodes(&self, _: &Caller) -> Result<Vec<FleetNode>> {
        self.checked()?;
        Ok(self.fleet.nodes.clone())
    }
    async fn node(&self, caller: &Caller, id: NodeId) -> Result<FleetNode> {
        let nodes = ports::Fleet::nodes(self, caller).await?;
        let node = nodes.into_iter().find(|node| node.id == id);
        node.ok_or_else(|| Error::NotFound("node".into()))
    }
    async fn links(&self, _: &Caller) -> Result<Vec<Link>> {
        self.checked()?;
        Ok(self.fleet.links.clone())
    }
    async fn link(&self, caller: &Caller, id: LinkId) -> Result<Link> {
        let links = ports::Fleet::links(self, caller).await?;
        let link = links.into_iter().find(|link| link.id == id);
        link.ok_or_else(|| Error::NotFound("link".into()))
    }
    async fn invite(&self, _: &Caller, _: NewInvite) -> Result<Invite> {
        self.checked()?;
        Ok(Invite {
            invite: "ow1_works".into(),
            fingerprint: "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH".into(),
            expires: crate::testing::NOW + 600_000,
        })
    }
    async fn read_invite(&self, _: &Caller, _: String) -> Result<InviteRead> {
        self.checked()?;
        Err(Error::invalid("invite", "an invite begins with ow1_"))
    }
    async fn join(&self, _: &Caller, _: NewLink) -> Result<Link> {
        self.checked()?;
        Err(Error::invalid("invite", "an invite begins with ow1_"))
    }
    async fn confirm(&self, caller: &Caller, id: LinkId) -> Result<Link> {
        self.link(caller, id).await
    }
    async fn update(&self, caller: &Caller, id: LinkId, patch: LinkPatch) -> Result<Link> {
        let mut link = self.link(caller, id).await?;
        link.send = patch.send.unwrap_or(link.send);
        Ok(link)
    }
    async fn pause(&self, caller: &Caller, id: LinkId) -> Result<Link> {
        self.link(caller, id).await
    }
    async fn resume(&self, caller: &Caller, id: LinkId) -> Result<Link> {
        self.link(caller, id).await
    }
    async fn revoke(&self, caller: &Caller, id: LinkId, _: bool) -> Result<()> {
        self.link(caller, id).await.map(drop)
    }
}
