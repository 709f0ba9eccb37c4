//! One tab's view of the hub: its topics, its position and its next messages. Rows are read once for all followers;
//! each follower checks its own caller's right to them.

use super::{Behind, Hub, Passing, Told, Touch, no_partial};
use crate::rows::RowId;
use model::id::NodeId;
use model::{
    Caller, Pos, Result,
    id::SessionId,
    live::{ClientSays, Row, ServerSays, Topic},
};
use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};
use tokio::{
    sync::{broadcast, watch},
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

/// The longest time between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The most touched rows read at a time: they stay in memory until the tab has taken them.
const SLICE: usize = 200;

/// A tab that follows topics.
pub struct Follower {
    hub: Hub,
    caller: Caller,
    /// Each with the node that its session runs on, or this node.
    topics: Vec<(Topic, NodeId)>,
    pos: Option<Pos>,
    /// The rows to read until the tab is up to date.
    behind: Option<Behind>,
    ready: watch::Receiver<Pos>,
    passing: broadcast::Receiver<Passing>,
    waiting: VecDeque<Told>,
    said_caught: bool,
    /// The last announced number of approvals that wait for the caller.
    pending: Option<i64>,
    /// Sessions whose half-written text this tab shows; only they need to be told of its end.
    writing: HashSet<SessionId>,
    /// The reason why sessions are queued has changed, so their rows are to be read again.
    queue: bool,
    heartbeat: Interval,
}

impl Follower {
    pub(super) fn new(hub: Hub, caller: Caller) -> Self {
        let ready = hub.inner.ready.subscribe();
        let passing = hub.inner.passing.subscribe();
        // One timer for the tab's whole life: a new one for each wait costs more than all the rest of the wait.
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            hub,
            caller,
            topics: Vec::new(),
            pos: None,
            behind: None,
            ready,
            passing,
            waiting: VecDeque::new(),
            said_caught: false,
            pending: None,
            writing: HashSet::new(),
            queue: false,
            heartbeat,
        }
    }

    /// Takes the tab's message: its topics and its start position.
    pub async fn say(&mut self, says: ClientSays) -> Result<()> {
        let ClientSays::Follow { mut topics, after } = says;
        topics.truncate(16);
        let mut allowed = Vec::new();
        for topic in topics {
            let node = match topic {
                Topic::Node => Some(self.hub.inner.journal.node_id()),
                Topic::Session { id } => {
                    let session = self.hub.inner.rows.session(&self.caller, id).await?;
                    if session.is_none() {
                        self.hear(ServerSays::Gone {
                            pos: after,
                            id: id.to_string(),
                        });
                    }
                    session.map(|session| session.node.id)
                }
            };
            allowed.extend(node.map(|node| (topic, node)));
        }
        self.topics = allowed;
        self.behind = None;
        self.said_caught = false;
        // This journal never gave out that position: the page comes from another node, or from before the database was
        // restored.
        if (0..=self.hub.inner.journal.head().await).contains(&after) {
            self.pos = Some(after);
        } else {
            self.hear(ServerSays::Reload);
            self.pos = Some(*self.ready.borrow());
        }
        // The reason for queueing has no position: it may have changed since the page was read.
        self.queue = self.hub.inner.rows.is_full() && !self.topics.is_empty();
        for (topic, _) in self.topics.clone() {
            if let Topic::Session { id } = topic {
                // A tab that comes back may still show half-written text that has ended meanwhile.
                self.writing.insert(id);
                self.push_partial(id);
            }
        }
        Ok(())
    }

    /// The next message for the tab. Waits; cancel-safe. `None` when the node stops.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.at_hand() {
                return Some(told);
            }
            if self.behind.is_some()
                || self.pos.is_some_and(|pos| pos < *self.ready.borrow_and_update())
                || (self.pos.is_some() && !self.said_caught)
            {
                if let Err(error) = self.catch_up().await {
                    tracing::warn!(%error, "a live tab could not catch up and is told to reload");
                    self.behind = None;
                    self.hear(ServerSays::Reload);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                continue;
            }
            if self.queue {
                self.tell_queue().await;
                continue;
            }
            tokio::select! {
                changed = self.ready.changed() => changed.ok()?,
                passing = self.passing.recv() => match passing {
                    Ok(passing) => self.pass(passing),
                    // Partials and health are whole each time, so the next one replaces what was missed.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
                _ = self.heartbeat.tick(), if self.pos.is_some() => self.said_caught = false,
            }
        }
    }

    /// The next message that is ready, without waiting or reading.
    pub fn at_hand(&mut self) -> Option<Told> {
        self.waiting.pop_front()
    }

    fn hear(&mut self, says: ServerSays) {
        self.waiting.push_back(Told::Own(says));
    }

    fn pass(&mut self, passing: Passing) {
        match passing {
            Passing::Partial(session) => {
                if self.follows(&Topic::Session { id: session }) {
                    self.push_partial(session);
                }
            }
            Passing::Health(says) => {
                if self.follows(&Topic::Node) {
                    self.waiting.push_back(Told::Same(says));
                }
            }
            Passing::Queue => self.queue = !self.topics.is_empty(),
            Passing::Nodes => self.hear(ServerSays::Reload),
            Passing::Caller(user) => {
                if self.caller.user == Some(user) {
                    self.hear(ServerSays::Reload);
                }
            }
        }
    }

    /// Sends the rows of queued sessions again. Rows that cannot be read now come with the next change.
    async fn tell_queue(&mut self) {
        let needed = self.pos.unwrap_or_default();
        let rows = self.hub.queued(&self.caller, needed).await.ok();
        // After the last await, so that a cancelled call changes nothing.
        self.queue = false;
        let Some(pos) = self.pos else { return };
        for row in rows.iter().flat_map(|rows| rows.iter()) {
            if let Row::Session(session) = row.value()
                && self.wants(Touch {
                    origin: session.node.id,
                    session: Some(session.id),
                    row: RowId::Session(session.id),
                })
            {
                self.waiting.push_back(Told::Row { pos, row: row.clone() });
            }
        }
    }

    fn push_partial(&mut self, session: SessionId) {
        match self.hub.partial_of(session) {
            Some(says) => {
                self.writing.insert(session);
                self.waiting.push_back(Told::Same(says));
            }
            None => {
                if self.writing.remove(&session) {
                    self.hear(no_partial(session));
                }
            }
        }
    }

    /// Reads the next slice of what the tab has missed. Invariant: a message at a position means that everything before
    /// that position has been sent.
    async fn catch_up(&mut self) -> Result<()> {
        let Some(after) = self.pos else { return Ok(()) };
        if self.behind.is_none() {
            self.behind = self.hub.behind(after, |touch| self.wants(touch)).await?;
        }
        let Some(behind) = &self.behind else {
            self.hear(ServerSays::Reload);
            self.pos = Some(*self.ready.borrow());
            return Ok(());
        };
        let mut news = Vec::new();
        let mut lost = HashSet::new();
        let end = behind.left.len().min(SLICE);
        for missed in behind.left.range(..end) {
            let touched = missed.touched;
            let shown = self.hub.shown(&self.caller, touched.touch, missed.last).await?;
            if shown.rows.is_empty() || !shown.is_for(&self.caller) {
                let gone = shown.takes_away(touched, &self.caller);
                if let (Some(ServerSays::Gone { .. }), RowId::Session(id)) = (&gone, touched.touch.row) {
                    lost.insert(id);
                }
                news.extend(gone.map(Told::Own));
                continue;
            }
            news.extend(shown.rows.iter().map(|row| Told::Row {
                pos: touched.pos,
                row: row.clone(),
            }));
        }
        let (upto, is_last) = (behind.upto, end == behind.left.len());
        let mut pending = self.pending;
        if is_last {
            // The count is read only when it may have changed, and sent only with news. Otherwise every line of twenty
            // busy agents would cost each tab a statement and a message. A heartbeat counts anyway.
            let now = match self.pending.filter(|_| self.said_caught && !behind.counts) {
                Some(known) => known,
                None => self.hub.pending(&self.caller, upto).await?,
            };
            pending = Some(now);
            if !(news.is_empty() && self.said_caught && self.pending == pending) {
                news.push(Told::Own(ServerSays::Caught {
                    pos: upto,
                    pending: now,
                }));
            }
        }
        // All at once and after the last await, so that a cancelled call changes nothing but `behind`.
        self.waiting.extend(news);
        // Half-written text is checked by topic, not by row, so a tab that loses sight of a session stops following it.
        self.topics
            .retain(|(topic, _)| !matches!(topic, Topic::Session { id } if lost.contains(id)));
        self.writing.retain(|id| !lost.contains(id));
        if is_last {
            self.behind = None;
            self.pos = Some(upto);
            self.pending = pending;
            self.said_caught = true;
        } else if let Some(behind) = &mut self.behind {
            behind.left.drain(..end);
            // Messages were sent: the last slice ends with `Caught`.
            self.said_caught = false;
        }
        Ok(())
    }

    fn wants(&self, touch: Touch) -> bool {
        self.topics
            .iter()
            .any(|(topic, node)| touch.is_covered_by(topic, *node))
    }

    fn follows(&self, topic: &Topic) -> bool {
        self.topics.iter().any(|(followed, _)| followed == topic)
    }
}
