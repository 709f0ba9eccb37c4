//! The background work on links: asks the inviters of this node's links how they stand, tells them what ended here, and
//! stores when peers were heard. It must not move events; once they flow, the same news comes with them, and this is
//! the way for links that are pending or over.

use super::{
    FleetService,
    links::{LinkEnd, Standing},
    peers::NotAnswered,
};
use crate::{
    entity::known_node,
    journal::{Outcome, Stored},
};
use model::{
    Caller, Millis, Result,
    id::{LinkId, NodeId},
    node::NodeKind,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// Between two questions about a link that waits for a person on the other side.
const SOON: Duration = Duration::from_secs(1);
/// Between two questions about a link on which events flow; a change on either side is asked about at once.
const SELDOM: Duration = Duration::from_mins(1);
/// Between two questions about any other, and about one that has waited for longer than an invite works.
const LATER: Duration = Duration::from_secs(10);

impl FleetService {
    /// Calls `tell` whenever a peer falls silent or is heard again, until the node closes.
    pub async fn watch_silence(self, closing: CancellationToken, tell: impl Fn() + Send) {
        if let Err(error) = self.0.links.recall().await {
            tracing::warn!(%error, "when peers were heard before this start cannot be read");
        }
        let mut before = self.0.links.silent();
        loop {
            tokio::select! {
                () = closing.cancelled() => return,
                () = tokio::time::sleep(SOON) => {}
            }
            let now = self.0.links.silent();
            if now != before {
                tell();
                before = now;
            }
        }
    }

    /// Runs until the node closes.
    pub async fn run(self, closing: CancellationToken) {
        let mut changes = self.0.links.changes();
        let mut asking: JoinSet<(LinkId, bool)> = JoinSet::new();
        let mut under_way: HashSet<LinkId> = HashSet::new();
        let mut asked: HashMap<LinkId, Instant> = HashMap::new();
        let mut told: HashSet<LinkId> = HashSet::new();
        loop {
            let mut wait = SOON;
            match self.0.links.all().await {
                Ok(ends) => {
                    let now = self.0.deps.now();
                    wait = LATER;
                    for end in ends.into_iter().filter(|end| !end.inviter) {
                        let is_for_others = match end.standing {
                            Standing::Pending | Standing::Paused | Standing::Confirmed => false,
                            Standing::Revoked { by_peer } => by_peer || told.contains(&end.id),
                        };
                        if is_for_others {
                            continue;
                        }
                        let pause = if end.standing == Standing::Confirmed && self.0.links.is_live(end.id) {
                            SELDOM
                        } else {
                            pause(&end, now)
                        };
                        wait = wait.min(pause);
                        let due = asked.get(&end.id).is_none_or(|at| at.elapsed() >= pause);
                        if due && under_way.insert(end.id) {
                            asked.insert(end.id, Instant::now());
                            let this = self.clone();
                            asking.spawn(async move {
                                let said = this.ask_once(&end).await;
                                (end.id, said && !end.lasts())
                            });
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "the links cannot be read"),
            }
            if let Err(error) = self.store_heard().await {
                tracing::warn!(%error, "when peers were heard cannot be stored");
            }
            tokio::select! {
                () = closing.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    // What a person did here is told at once.
                    asked.clear();
                }
                Some(done) = asking.join_next() => {
                    if let Ok((id, told_its_end)) = done {
                        under_way.remove(&id);
                        if told_its_end {
                            told.insert(id);
                        }
                    }
                }
            }
        }
    }

    /// Whether it was answered.
    async fn ask_once(&self, end: &LinkEnd) -> bool {
        let said = self.ask_status(end).await;
        if end.standing != Standing::Confirmed {
            if let Err(error) = &said {
                tracing::debug!(link = %end.id, %error, "how a link stands could not be asked");
            }
            return said.is_ok();
        }
        let is_answered = said.is_ok();
        let detail = match said {
            Ok(()) => "not connected yet".to_owned(),
            Err(NotAnswered::Refused { status: 401, .. }) => {
                format!("{} does not know this node's key: pair again", end.name)
            }
            Err(error) => error.to_string(),
        };
        self.0.links.set_before_driven(end.id, detail);
        is_answered
    }

    /// Asks anew how the links stand that this node joined: something may have changed on the other side.
    pub fn ask_again(&self) {
        self.0.links.announce();
    }

    /// Stores what a peer says of itself, where that is news. A kind of a later version leaves the known one.
    pub async fn introduced(&self, peer: NodeId, name: &str, kind: &str, version: &str) -> Result<()> {
        let known = known_node::Entity::find_by_id(peer.to_string())
            .one(self.0.store.read())
            .await
            .stored()?;
        let kind = NodeKind::parse(kind).map(|kind| kind.word().to_owned());
        let is_news = known.is_some_and(|known| {
            known.name != name
                || known.version.as_deref() != Some(version)
                || kind.as_ref().is_some_and(|kind| *kind != known.kind)
        });
        if !is_news {
            return Ok(());
        }
        let (name, version) = (shown(name), shown(version));
        self.0
            .journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    let mut update = known_node::Entity::update_many()
                        .filter(known_node::Column::Id.eq(peer.to_string()))
                        .col_expr(known_node::Column::Name, Expr::value(name))
                        .col_expr(known_node::Column::Version, Expr::value(version));
                    if let Some(kind) = kind {
                        update = update.col_expr(known_node::Column::Kind, Expr::value(kind));
                    }
                    update.exec(tx.db()).await.stored()?;
                    Ok(Outcome::new(()))
                })
            })
            .await
    }

    async fn store_heard(&self) -> Result<()> {
        let due = self.0.links.unstored();
        if due.is_empty() {
            return Ok(());
        }
        self.0
            .journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    for (peer, heard) in due {
                        known_node::Entity::update_many()
                            .filter(known_node::Column::Id.eq(peer.to_string()))
                            .col_expr(known_node::Column::Heard, Expr::value(heard.last))
                            .col_expr(known_node::Column::Since, Expr::value(heard.since))
                            .col_expr(known_node::Column::ClockAhead, Expr::value(heard.clock_ahead))
                            .exec(tx.db())
                            .await
                            .stored()?;
                    }
                    Ok(Outcome::new(()))
                })
            })
            .await
    }
}

/// A word of a peer as it is stored: one line of at most 60 characters.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn pause(end: &LinkEnd, now: Millis) -> Duration {
    if end.standing == Standing::Pending && now - end.since < super::pairing::INVITE_MS {
        SOON
    } else {
        LATER
    }
}
