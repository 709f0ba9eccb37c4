//! The live socket, for pages: they follow topics from the position of their data and get the changes since. Pages
//! never fold events: a patch is the row as a list would show it now, so it is idempotent.
// The server renders the same pages without a socket; only tests use the receiving half there.
#![cfg_attr(not(feature = "hydrate"), allow(dead_code))]

mod resume;
mod rows;
#[cfg(feature = "hydrate")]
mod socket;

pub use resume::{Resume, backoff};
pub use rows::{Rows, patch_list};

use leptos::prelude::*;
use model::{
    Millis, Pos,
    live::{ServerSays, Topic},
    node::HealthSample,
};
use std::sync::Arc;

/// The state of the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LiveState {
    /// Not connected yet, or reconnected and catching up.
    #[default]
    CatchingUp,
    /// The page has everything that is committed.
    Live,
    /// No connection; the page shows its last data.
    Offline {
        /// Since when, by the browser's clock.
        since: Millis,
    },
}

type Listener = Arc<dyn Fn(&ServerSays) + Send + Sync>;

/// Followed topics, with the position of their data.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Followed {
    id: u32,
    topics: Vec<Topic>,
}

/// The live connection of this tab. `Copy`; everything in it lasts as long as the frame.
#[derive(Clone, Copy)]
pub struct Live {
    /// The state of the connection.
    pub state: Signal<LiveState>,
    /// Approvals that wait for the caller.
    pub pending: Signal<i64>,
    /// The node's newest health sample; `None` before the first.
    pub health: Signal<Option<HealthSample>>,
    /// Counts the times that everything must be read again. Resources of live pages track it.
    pub reloads: Signal<u32>,
    set_state: RwSignal<LiveState>,
    /// `None` before the first reading or message.
    set_pending: RwSignal<Option<i64>>,
    set_health: RwSignal<Option<HealthSample>>,
    set_reloads: RwSignal<u32>,
    followed: StoredValue<Vec<Followed>>,
    listeners: StoredValue<Vec<(u32, Listener)>>,
    next: StoredValue<u32>,
    resume: StoredValue<Resume>,
    /// Counts changes of the topics; the socket then sends them.
    topics: RwSignal<u32>,
    /// Counts the times that the login may have ended; the frame then reads the caller again.
    doubts: RwSignal<u32>,
    /// The frame's owner: timers of the connection belong to it, not to the page that is open.
    owner: StoredValue<Owner>,
}

impl Live {
    fn new() -> Self {
        let state = RwSignal::new(LiveState::default());
        let pending = RwSignal::new(None);
        let health = RwSignal::new(None);
        let reloads = RwSignal::new(0);
        Self {
            state: state.into(),
            pending: Signal::derive(move || pending.get().unwrap_or(0)),
            health: health.into(),
            reloads: reloads.into(),
            set_state: state,
            set_pending: pending,
            set_health: health,
            set_reloads: reloads,
            followed: StoredValue::new(Vec::new()),
            listeners: StoredValue::new(Vec::new()),
            next: StoredValue::new(0),
            resume: StoredValue::new(Resume::default()),
            topics: RwSignal::new(0),
            doubts: RwSignal::new(0),
            owner: StoredValue::new(Owner::current().unwrap_or_default()),
        }
    }

    /// Counts the times that the login may have ended. Subscribes.
    pub(crate) fn doubts(self) -> u32 {
        self.doubts.get()
    }

    /// Pending approvals, or `read` before the first message of the socket. Subscribes.
    pub(crate) fn pending_or(self, read: i64) -> i64 {
        self.set_pending.get().unwrap_or(read)
    }

    /// Makes the frame read the caller again.
    fn check_login(self) {
        self.doubts.update(|n| *n = n.wrapping_add(1));
    }

    fn number(self) -> u32 {
        let id = self.next.with_value(|next| *next);
        self.next.set_value(id.wrapping_add(1));
        id
    }

    /// Follows topics from the position `after`, until the current owner is disposed. Call it in an effect, once the
    /// data is there: each run of the effect replaces the topics of the one before.
    pub fn follow(self, topics: Vec<Topic>, after: Pos) {
        let id = self.number();
        self.resume.update_value(|resume| resume.read_at(after));
        self.followed
            .update_value(|followed| followed.push(Followed { id, topics }));
        self.topics.update(|n| *n = n.wrapping_add(1));
        on_cleanup(move || {
            if self
                .followed
                .try_update_value(|followed| followed.retain(|f| f.id != id))
                .is_some()
            {
                self.topics.try_update(|n| *n = n.wrapping_add(1));
            }
        });
    }

    /// Calls `listener` with every message of the node, until the current owner is disposed. Call it in a component's
    /// body; it does nothing on the server.
    pub fn on(self, listener: impl Fn(&ServerSays) + Send + Sync + 'static) {
        if !cfg!(feature = "hydrate") {
            return;
        }
        let id = self.number();
        self.listeners
            .update_value(|listeners| listeners.push((id, Arc::new(listener))));
        on_cleanup(move || {
            self.listeners
                .try_update_value(|listeners| listeners.retain(|(l, _)| *l != id));
        });
    }

    /// Calls `back` whenever a lost connection has returned and the page has caught up, until the current owner is
    /// disposed.
    pub fn on_return(self, back: impl Fn() + 'static) {
        let back: Box<dyn Fn()> = Box::new(back);
        Effect::new(move |away: Option<bool>| match self.state.get() {
            LiveState::Offline { .. } => true,
            LiveState::CatchingUp => away == Some(true),
            LiveState::Live => {
                if away == Some(true) {
                    back();
                }
                false
            }
        });
    }

    /// Takes the counts from the page's own reading, so that they are right before the socket is open.
    pub fn prime(self, pending: i64, health: Option<HealthSample>) {
        self.set_pending.set(Some(pending));
        if health.is_some() {
            self.set_health.set(health);
        }
    }

    /// All followed topics, without duplicates.
    fn all_topics(self) -> Vec<Topic> {
        let mut all: Vec<Topic> = Vec::new();
        self.followed.with_value(|followed| {
            for topic in followed.iter().flat_map(|f| &f.topics) {
                if !all.contains(topic) {
                    all.push(topic.clone());
                }
            }
        });
        all
    }

    /// Applies a message of the node.
    fn hear(self, says: &ServerSays) {
        self.resume.update_value(|resume| resume.heard(says));
        match says {
            ServerSays::Caught { pending, .. } => {
                if self.set_pending.get_untracked() != Some(*pending) {
                    self.set_pending.set(Some(*pending));
                }
                if self.set_state.get_untracked() != LiveState::Live {
                    self.set_state.set(LiveState::Live);
                }
            }
            ServerSays::Health(sample) => self.set_health.set(Some(*sample)),
            ServerSays::Reload => {
                self.set_state.set(LiveState::CatchingUp);
                self.set_reloads.update(|n| *n = n.wrapping_add(1));
            }
            ServerSays::Row { .. } | ServerSays::Gone { .. } | ServerSays::Partial(_) => {}
        }
        // A listener may remove or add others, so this iterates over a copy.
        let listeners: Vec<Listener> = self
            .listeners
            .with_value(|listeners| listeners.iter().map(|(_, l)| l.clone()).collect());
        for listener in listeners {
            listener(says);
        }
    }
}

/// Opens this tab's connection; the frame calls it once. On the server it only provides the context.
pub fn provide_live() -> Live {
    let live = Live::new();
    provide_context(live);
    #[cfg(feature = "hydrate")]
    socket::start(live);
    live
}

/// This tab's connection; without a frame one that never gets a message.
pub fn use_live() -> Live {
    use_context::<Live>().unwrap_or_else(Live::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn what_the_node_says_reaches_signals_and_listeners() {
        let owner = Owner::new();
        owner.with(|| {
            let live = Live::new();
            let heard = Arc::new(AtomicU32::new(0));
            let counter = heard.clone();
            live.listeners.update_value(|l| {
                l.push((
                    9,
                    Arc::new(move |_| {
                        counter.fetch_add(1, Ordering::Relaxed);
                    }),
                ));
            });
            live.hear(&ServerSays::Caught { pos: 4, pending: 2 });
            assert_eq!(live.pending.get_untracked(), 2);
            assert_eq!(live.state.get_untracked(), LiveState::Live);
            live.hear(&ServerSays::Reload);
            assert_eq!(live.state.get_untracked(), LiveState::CatchingUp);
            assert_eq!(live.reloads.get_untracked(), 1);
            assert_eq!(heard.load(Ordering::Relaxed), 2);
        });
    }

    #[test]
    fn a_topic_is_followed_once_and_ends_with_its_owner() {
        let owner = Owner::new();
        owner.with(|| {
            let live = Live::new();
            let page = owner.child();
            page.with(|| live.follow(vec![Topic::Node, Topic::Node], 7));
            live.follow(vec![Topic::Node], 5);
            assert_eq!(live.all_topics(), [Topic::Node]);
            assert_eq!(live.resume.get_value().after(), 5);
            page.cleanup();
            assert_eq!(live.followed.with_value(Vec::len), 1);
        });
    }
}
