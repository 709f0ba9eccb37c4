//! Server functions of the fleet. Each asks a port for its caller and returns the answer.
#![allow(
    missing_docs,
    reason = "server functions make structs of their arguments, whose fields cannot carry comments"
)]

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{
    error::AppResult,
    wire::{FormRpc, Rpc},
};
use leptos::server;
#[cfg(feature = "ssr")]
use model::{
    Role,
    fleet::{self, Detail, LinkPatch, NewInvite, NewLink, SentProjects},
};
use model::{
    fleet::{FleetNode, Invite, InviteRead, Link},
    id::{LinkId, NodeId, ProjectId},
};
use serde::{Deserialize, Serialize};

/// Projects by name, for what a link sends.
pub type Names = Vec<(ProjectId, String)>;

/// All nodes and links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetView {
    /// This node first.
    pub nodes: Vec<FleetNode>,
    /// This node's links.
    pub links: Vec<Link>,
    /// The projects that may be sent.
    pub projects: Names,
    /// Whether the caller may pair, confirm and change links.
    pub may_change: bool,
    /// An invite that a plain form has just made: shown this once.
    pub made: Option<Invite>,
}

/// One link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    /// The link.
    pub link: Link,
    /// The projects that may be sent.
    pub projects: Names,
    /// Whether the caller may change it.
    pub may_change: bool,
}

/// One node, with the links to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeView {
    /// The node.
    pub node: FleetNode,
    /// The links to it, ended ones too.
    pub links: Vec<Link>,
}

/// An invite as it was read, and what this node could send over it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteView {
    /// What it says.
    pub read: InviteRead,
    /// The projects that may be sent.
    pub projects: Names,
}

/// An invite in a cookie: its parts, between dots, which none of them contains.
#[cfg(feature = "ssr")]
mod made {
    use crate::once::Once;
    use model::fleet::Invite;

    const ONCE: Once = Once {
        cookie: "orchwiz_invite",
        path: "/fleet",
        prefix: "ow1_",
    };

    pub(super) fn leave(invite: &Invite) {
        ONCE.leave(&format!("{}.{}.{}", invite.invite, invite.expires, invite.fingerprint));
    }

    pub(super) fn take() -> Option<Invite> {
        let kept = ONCE.take()?;
        let mut parts = kept.split('.');
        Some(Invite {
            invite: parts.next()?.to_owned(),
            expires: parts.next()?.parse().ok()?,
            fingerprint: parts.next()?.to_owned(),
        })
    }
}

#[cfg(feature = "ssr")]
fn may_change(caller: &model::Caller) -> bool {
    caller.role >= Role::Admin
}

/// All nodes and links.
#[server(prefix = "/api/rpc", endpoint = "fleet/read", protocol = Rpc)]
pub async fn read_fleet() -> AppResult<FleetView> {
    let (services, caller) = (services()?, caller()?);
    Ok(FleetView {
        nodes: services.fleet.nodes(&caller).await?,
        links: services.fleet.links(&caller).await?,
        projects: services.projects.names(&caller).await?,
        may_change: may_change(&caller),
        made: made::take(),
    })
}

/// One link.
#[server(prefix = "/api/rpc", endpoint = "fleet/link", protocol = Rpc)]
pub async fn find_link(id: LinkId) -> AppResult<LinkView> {
    let (services, caller) = (services()?, caller()?);
    Ok(LinkView {
        link: services.fleet.link(&caller, id).await?,
        projects: services.projects.names(&caller).await?,
        may_change: may_change(&caller),
    })
}

/// One node.
#[server(prefix = "/api/rpc", endpoint = "fleet/node", protocol = Rpc)]
pub async fn find_node(id: NodeId) -> AppResult<NodeView> {
    let (services, caller) = (services()?, caller()?);
    let node = services.fleet.node(&caller, id).await?;
    let mut links = services.fleet.links(&caller).await?;
    links.retain(|link| link.peer.id == id);
    Ok(NodeView { node, links })
}

/// What an invite says, before anybody joins with it.
#[server(prefix = "/api/rpc", endpoint = "fleet/read-invite", protocol = Rpc)]
pub async fn read_invite(invite: String) -> AppResult<InviteView> {
    let (services, caller) = (services()?, caller()?);
    Ok(InviteView {
        read: services.fleet.read_invite(&caller, invite).await?,
        projects: services.projects.names(&caller).await?,
    })
}

/// Whether a box of a plain form is ticked.
#[cfg(feature = "ssr")]
fn ticked(field: Option<&String>) -> bool {
    field.is_some_and(|word| matches!(word.as_str(), "on" | "true" | "1"))
}

/// What a form says that this node sends.
#[cfg(feature = "ssr")]
fn sent(
    which: &str,
    projects: Vec<ProjectId>,
    detail: &str,
    private: Option<&String>,
    relay: Option<&String>,
) -> model::Result<fleet::Send> {
    let projects = match which {
        "all" => SentProjects::All,
        "none" => SentProjects::None,
        "some" if projects.is_empty() => {
            return Err(model::Error::invalid(
                "projects",
                "tick at least one project, or send none",
            ));
        }
        "some" => SentProjects::Some(projects),
        _ => return Err(model::Error::invalid("which", "this is all, none or some")),
    };
    let detail = Detail::parse(detail).ok_or_else(|| model::Error::invalid("detail", "a detail is full or outline"))?;
    Ok(fleet::Send {
        projects,
        detail,
        private: ticked(private),
        relay: ticked(relay),
    })
}

/// Makes an invite. `which` is `all`, `none` or `some`, which takes `projects`; boxes are `on` or absent.
#[server(prefix = "/api/rpc", endpoint = "fleet/invite", protocol = FormRpc)]
pub async fn make_invite(
    which: String,
    #[server(default)] projects: Vec<ProjectId>,
    detail: String,
    #[server(default)] private: Option<String>,
    #[server(default)] relay: Option<String>,
    #[server(default)] auto: Option<String>,
) -> AppResult<Invite> {
    let send = sent(&which, projects, &detail, private.as_ref(), relay.as_ref())?;
    let auto = ticked(auto.as_ref());
    let invite = services()?.fleet.invite(&caller()?, NewInvite { auto, send }).await?;
    made::leave(&invite);
    Ok(invite)
}

/// Joins the node that made the invite. A plain form is led to the link's page.
#[server(prefix = "/api/rpc", endpoint = "fleet/join", protocol = FormRpc)]
pub async fn join(
    invite: String,
    which: String,
    #[server(default)] projects: Vec<ProjectId>,
    detail: String,
    #[server(default)] private: Option<String>,
    #[server(default)] relay: Option<String>,
    #[server(default)] unencrypted: Option<String>,
) -> AppResult<Link> {
    let new = NewLink {
        invite,
        send: sent(&which, projects, &detail, private.as_ref(), relay.as_ref())?,
        unencrypted: ticked(unencrypted.as_ref()),
    };
    let link = services()?.fleet.join(&caller()?, new).await?;
    if crate::error::is_plain_form() {
        leptos_axum::redirect(&format!("/fleet/links/{}", link.id));
    }
    Ok(link)
}

/// Confirms a link, on the inviting side.
#[server(prefix = "/api/rpc", endpoint = "fleet/confirm", protocol = FormRpc)]
pub async fn confirm_link(id: LinkId) -> AppResult<Link> {
    Ok(services()?.fleet.confirm(&caller()?, id).await?)
}

/// Changes what this node sends over a link.
#[server(prefix = "/api/rpc", endpoint = "fleet/update", protocol = FormRpc)]
pub async fn update_link(
    id: LinkId,
    which: String,
    #[server(default)] projects: Vec<ProjectId>,
    detail: String,
    #[server(default)] private: Option<String>,
    #[server(default)] relay: Option<String>,
) -> AppResult<Link> {
    let send = Some(sent(&which, projects, &detail, private.as_ref(), relay.as_ref())?);
    Ok(services()?.fleet.update(&caller()?, id, LinkPatch { send }).await?)
}

/// Pauses a link.
#[server(prefix = "/api/rpc", endpoint = "fleet/pause", protocol = FormRpc)]
pub async fn pause_link(id: LinkId) -> AppResult<Link> {
    Ok(services()?.fleet.pause(&caller()?, id).await?)
}

/// Resumes a link.
#[server(prefix = "/api/rpc", endpoint = "fleet/resume", protocol = FormRpc)]
pub async fn resume_link(id: LinkId) -> AppResult<Link> {
    Ok(services()?.fleet.resume(&caller()?, id).await?)
}

/// Revokes a link; `forget` is `on` to remove what the peer sent.
#[server(prefix = "/api/rpc", endpoint = "fleet/revoke", protocol = FormRpc)]
pub async fn revoke_link(id: LinkId, #[server(default)] forget: Option<String>) -> AppResult<()> {
    Ok(services()?
        .fleet
        .revoke(&caller()?, id, ticked(forget.as_ref()))
        .await?)
}
