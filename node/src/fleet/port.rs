//! [`ports::Fleet`]: what people ask of the fleet. Each change is one commit with the caller's right checked inside.

use super::{
    FleetService,
    invite::{InviteText, hash_of},
    links::{LinkEnd, SILENCE_MS},
    pairing::INVITE_MS,
    peers::{is_encrypted, is_here},
};
use crate::{
    entity::{self, invite, known_node, link, setting},
    health,
    journal::{Outcome, Stored, Tx},
};
use async_trait::async_trait;
use data_encoding::HEXLOWER;
use model::{
    Action, Caller, Error, Result,
    caller::{Resource, require},
    event::{Fact, LinkChanged, LinkConfirmed, LinkPaused, LinkResumed, LinkRevoked},
    fleet::{
        Detail, FleetNode, Invite, InviteRead, Link, LinkPatch, NewInvite, NewLink, NodeRef, NodeState, Peer,
        SentProjects,
    },
    id::{LinkId, NodeId},
    node::NodeKind,
    ports,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use std::collections::HashMap;

/// A peer's clock that is off by more is named, ms.
const CLOCK_MS: i64 = 60_000;
/// The most projects that a link names.
const PROJECTS: usize = 1_000;

impl FleetService {
    /// This node's name now.
    pub(super) async fn name(&self) -> Result<String> {
        let row = setting::Entity::find_by_id("node.name".to_owned())
            .one(self.0.store.read())
            .await
            .stored()?;
        Ok(row.map_or_else(|| self.0.identity.name.clone(), |row| row.value))
    }

    async fn known(&self) -> Result<HashMap<String, known_node::Model>> {
        let rows = known_node::Entity::find()
            .order_by_asc(known_node::Column::Name)
            .all(self.0.store.read())
            .await
            .stored()?;
        Ok(rows.into_iter().map(|row| (row.id.clone(), row)).collect())
    }

    async fn this_node(&self) -> Result<FleetNode> {
        let identity = &self.0.identity;
        Ok(FleetNode {
            id: identity.id,
            name: self.name().await?,
            kind: identity.kind,
            here: true,
            state: NodeState::Live,
            state_since: self.0.started,
            last_heard: None,
            version: Some(identity.version.clone()),
            via: None,
            health: health::newest(&self.0.store).await?,
            clock_ahead_ms: None,
        })
    }

    fn other(&self, row: known_node::Model, ends: &[LinkEnd], names: &HashMap<String, String>) -> Option<FleetNode> {
        let id: NodeId = entity::id(&row.id)?;
        let heard = self.0.links.last_heard(id);
        let last = heard.map(|heard| heard.last).or(row.heard);
        // The newest link counts; one that lasts before those that ended.
        let mut own = ends.iter().filter(|end| end.peer == id);
        let ended = match own.clone().find(|end| end.lasts()) {
            Some(_) => None,
            None => own.next(),
        };
        let silent_since = last.map_or(row.since, |last| last + SILENCE_MS);
        let (state, state_since) = match ended {
            Some(end) => (NodeState::Revoked, end.since),
            None if last.is_some_and(|last| self.0.deps.now() - last <= SILENCE_MS) => {
                (NodeState::Live, heard.map_or(row.since, |heard| heard.since))
            }
            None => (NodeState::Silent, silent_since),
        };
        let ahead = heard.map_or(row.clock_ahead, |heard| heard.clock_ahead);
        Some(FleetNode {
            id,
            kind: NodeKind::parse(&row.kind)?,
            here: false,
            state,
            state_since,
            last_heard: last,
            version: row.version,
            via: row.via.and_then(|via| {
                let name = names.get(&via)?.clone();
                Some(NodeRef {
                    id: entity::id(&via)?,
                    name,
                    here: false,
                    silent_since: None,
                })
            }),
            name: row.name,
            health: None,
            clock_ahead_ms: ahead.filter(|ahead| ahead.abs() > CLOCK_MS),
        })
    }

    async fn end(&self, id: LinkId) -> Result<LinkEnd> {
        self.0.links.find(id).await?.ok_or_else(no_link)
    }

    async fn shown(&self, id: LinkId) -> Result<Link> {
        let end = self.end(id).await?;
        let known = known_node::Entity::find_by_id(end.peer.to_string())
            .one(self.0.store.read())
            .await
            .stored()?;
        Ok(self.0.links.shown(end, known.as_ref()))
    }

    /// One change of a link: `decide` sees its row and gives the fact, or none where it is so already.
    async fn change(
        &self,
        caller: &Caller,
        id: LinkId,
        decide: impl FnOnce(&link::Model) -> Result<Option<Fact>> + std::marker::Send + 'static,
    ) -> Result<()> {
        let who = caller.clone();
        self.0
            .journal
            .commit(caller, move |tx| {
                Box::pin(async move {
                    require(&who, Action::EditLinks, Resource::Node, "link")?;
                    let row = row(tx, id).await?;
                    let mut outcome = Outcome::new(());
                    if let Some(fact) = decide(&row)? {
                        outcome.events.push(crate::journal::NewEvent {
                            subject: id.to_string(),
                            fact,
                        });
                    }
                    Ok(outcome)
                })
            })
            .await?;
        self.0.links.announce();
        Ok(())
    }
}

fn no_link() -> Error {
    Error::NotFound("link".into())
}

async fn row(tx: &Tx<'_>, id: LinkId) -> Result<link::Model> {
    let row = link::Entity::find_by_id(tx.key(id)).one(tx.db()).await.stored()?;
    row.ok_or_else(no_link)
}

fn lasts(row: &link::Model) -> Result<()> {
    if row.revoked {
        Err(Error::Conflict("this link has ended: pair the nodes again".into()))
    } else {
        Ok(())
    }
}

fn checked(send: &model::fleet::Send) -> Result<()> {
    if send.detail == Detail::Outline {
        return Err(Error::invalid(
            "send.detail",
            "this version sends events in full only: choose \"full\", or fewer projects",
        ));
    }
    match &send.projects {
        SentProjects::Some(ids) if ids.len() > PROJECTS => Err(Error::invalid(
            "send.projects",
            format!("at most {PROJECTS} projects can be named; send \"all\" instead"),
        )),
        _ => Ok(()),
    }
}

fn invite_text(text: &str) -> Result<InviteText> {
    InviteText::decode(text).map_err(|error| Error::invalid("invite", error.to_string()))
}

#[async_trait]
impl ports::Fleet for FleetService {
    async fn nodes(&self, caller: &Caller) -> Result<Vec<FleetNode>> {
        require(caller, Action::ReadNode, Resource::Node, "node")?;
        let (known, ends) = (self.known().await?, self.0.links.all().await?);
        let names = known.iter().map(|(id, row)| (id.clone(), row.name.clone())).collect();
        let own = self.0.identity.id.to_string();
        let mut others: Vec<FleetNode> = known
            .into_values()
            .filter(|row| row.id != own)
            .filter_map(|row| self.other(row, &ends, &names))
            .collect();
        others.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        let mut nodes = vec![self.this_node().await?];
        nodes.extend(others);
        Ok(nodes)
    }

    async fn node(&self, caller: &Caller, id: NodeId) -> Result<FleetNode> {
        let nodes = self.nodes(caller).await?;
        nodes
            .into_iter()
            .find(|node| node.id == id)
            .ok_or_else(|| Error::NotFound("node".into()))
    }

    async fn links(&self, caller: &Caller) -> Result<Vec<Link>> {
        require(caller, Action::ReadNode, Resource::Node, "link")?;
        let (known, ends) = (self.known().await?, self.0.links.all().await?);
        let shown = ends.into_iter().map(|end| {
            let row = known.get(&end.peer.to_string());
            self.0.links.shown(end, row)
        });
        let mut shown: Vec<Link> = shown.collect();
        // Newest first among those of one name, as they come.
        shown.sort_by(|a, b| a.peer.name.cmp(&b.peer.name));
        Ok(shown)
    }

    async fn link(&self, caller: &Caller, id: LinkId) -> Result<Link> {
        require(caller, Action::ReadNode, Resource::Node, "link")?;
        self.shown(id).await
    }

    async fn invite(&self, caller: &Caller, new: NewInvite) -> Result<Invite> {
        require(caller, Action::EditLinks, Resource::Node, "invite")?;
        checked(&new.send)?;
        let (deps, identity) = (&self.0.deps, &self.0.identity);
        let text = InviteText {
            node: identity.id,
            kind: identity.kind,
            name: self.name().await?,
            key: self.key().public(),
            handle: deps.bytes(),
            secret: deps.bytes(),
            urls: self.0.config.urls.clone(),
        };
        let invite = text.encode();
        self.0.journal.mask(&invite);
        let (handle, hash) = (text.handle_text(), HEXLOWER.encode(&hash_of(&text.secret)));
        let who = caller.clone();
        let expires = self
            .0
            .journal
            .commit(caller, move |tx| {
                Box::pin(async move {
                    require(&who, Action::EditLinks, Resource::Node, "invite")?;
                    let expires = tx.now() + INVITE_MS;
                    invite::Entity::delete_many()
                        .filter(invite::Column::Expires.lte(tx.now()))
                        .exec(tx.db())
                        .await
                        .stored()?;
                    let row = invite::ActiveModel {
                        id: Set(handle),
                        hash: Set(hash),
                        auto: Set(new.auto),
                        send: Set(serde_json::to_string(&new.send).stored()?),
                        expires: Set(expires),
                        tries: Set(0),
                        link: Set(None),
                        used_by: Set(None),
                    };
                    invite::Entity::insert(row)
                        .exec_without_returning(tx.db())
                        .await
                        .stored()?;
                    Ok(Outcome::new(expires))
                })
            })
            .await?;
        Ok(Invite {
            invite,
            fingerprint: self.key().public().fingerprint(),
            expires,
        })
    }

    async fn read_invite(&self, caller: &Caller, invite: String) -> Result<InviteRead> {
        require(caller, Action::EditLinks, Resource::Node, "invite")?;
        let read = invite_text(&invite)?;
        let url = read.urls.first().cloned();
        Ok(InviteRead {
            encrypted: url.as_deref().is_some_and(is_encrypted),
            peer: Peer {
                id: read.node,
                name: read.name,
                kind: read.kind,
                fingerprint: read.key.fingerprint(),
                url,
            },
            own_fingerprint: self.key().public().fingerprint(),
        })
    }

    async fn join(&self, caller: &Caller, new: NewLink) -> Result<Link> {
        require(caller, Action::EditLinks, Resource::Node, "link")?;
        checked(&new.send)?;
        let read = invite_text(&new.invite)?;
        self.0.journal.mask(new.invite.trim());
        if read.node == self.0.identity.id {
            return Err(Error::invalid(
                "invite",
                "this invite is this node's own: open it on the other node",
            ));
        }
        if let Some(end) = self.0.links.of_peer(read.node).await? {
            return Err(Error::Conflict(format!(
                "this node has a link to {} already ({}): revoke it first, on both of them",
                end.name, end.id
            )));
        }
        let mut urls = read.urls.clone();
        urls.retain(|url| new.unencrypted || is_encrypted(url) || is_here(url));
        if urls.is_empty() {
            return Err(Error::invalid(
                "unencrypted",
                format!(
                    "what goes to {} could be read on the way: put https in front of that node, or allow it for this link",
                    read.urls.join(", ")
                ),
            ));
        }
        let id = self.pair_with(caller, read, urls, new.send).await?;
        self.shown(id).await
    }

    async fn confirm(&self, caller: &Caller, id: LinkId) -> Result<Link> {
        self.change(caller, id, |row| {
            lasts(row)?;
            if !row.inviter {
                return Err(Error::Conflict(format!(
                    "the side that made the invite confirms: do it on {}",
                    row.name
                )));
            }
            Ok((!row.confirmed).then(|| LinkConfirmed {}.into()))
        })
        .await?;
        self.shown(id).await
    }

    async fn update(&self, caller: &Caller, id: LinkId, patch: LinkPatch) -> Result<Link> {
        if let Some(send) = &patch.send {
            checked(send)?;
        }
        self.change(caller, id, move |row| {
            lasts(row)?;
            let Some(send) = patch.send else { return Ok(None) };
            if serde_json::from_str::<model::fleet::Send>(&row.send).ok().as_ref() == Some(&send) {
                return Ok(None);
            }
            Ok(Some(
                LinkChanged {
                    send: Some(send),
                    receive: None,
                }
                .into(),
            ))
        })
        .await?;
        self.shown(id).await
    }

    async fn pause(&self, caller: &Caller, id: LinkId) -> Result<Link> {
        self.change(caller, id, |row| {
            lasts(row)?;
            if !row.confirmed {
                return Err(Error::Conflict(
                    "nothing flows on this link before it is confirmed".into(),
                ));
            }
            Ok((!row.paused).then(|| LinkPaused {}.into()))
        })
        .await?;
        self.shown(id).await
    }

    async fn resume(&self, caller: &Caller, id: LinkId) -> Result<Link> {
        self.change(caller, id, |row| {
            lasts(row)?;
            Ok(row.paused.then(|| LinkResumed {}.into()))
        })
        .await?;
        self.shown(id).await
    }

    async fn revoke(&self, caller: &Caller, id: LinkId, forget: bool) -> Result<()> {
        self.change(caller, id, move |row| {
            // What was received can be forgotten later too.
            let again = row.revoked && !forget;
            Ok((!again).then(|| {
                LinkRevoked {
                    forget,
                    by_peer: row.by_peer,
                }
                .into()
            }))
        })
        .await
    }
}
