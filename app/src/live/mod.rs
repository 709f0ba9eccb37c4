//! The live socket as pages see it: they follow topics from the position they were read at and hear what changed since.
//! Pages never fold events: what comes is the row as a list would show it now, so applying one twice changes nothing.
// The server renders the same pages without a socket: there only tests use the receiving half.
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

/// How the connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LiveState {
    /// Not connected yet, or back and reading what was missed.
    #[default]
    CatchingUp,
    /// Everything committed is on this page.
    Live,
    /// No connection; what is shown is from then.
    Offline {
        /// Since when, by the browser's clock.
        since: Millis,
    },
}

type Listener = Arc<dyn Fn(&ServerSays) + Send + Sync>;

/// What the pages of this tab follow.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Followed {
    id: u32,
    topics: Vec<Topic>,
}

/// The live connection of this tab. Copy it freely; everything in it lasts as long as the frame.
#[derive(Clone, Copy)]
pub struct Live {
    /// How the connection stands.
    pub state: Signal<LiveState>,
    /// Approvals that wait for the caller.
    pub pending: Signal<i64>,
    /// The node's newest health sample; `None` before the first.
    pub health: Signal<Option<HealthSample>>,
    /// Counts up when everything must be read again. Resources of live pages name it in their source.
    pub reloads: Signal<u32>,
    set_state: RwSignal<LiveState>,
    /// `None` until something was read or said.
    set_pending: RwSignal<Option<i64>>,
    set_health: RwSignal<Option<HealthSample>>,
    set_reloads: RwSignal<u32>,
    followed: StoredValue<Vec<Followed>>,
    listeners: StoredValue<Vec<(u32, Listener)>>,
    next: StoredValue<u32>,
    resume: StoredValue<Resume>,
    /// Counts up when the topics changed: the socket then says so.
    topics: RwSignal<u32>,
    /// Counts up when the login may have ended: the frame then reads who is signed in.
    doubts: RwSignal<u32>,
    /// The frame's: timers of the connection belong to it, not to the page that happened to be open.
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

    /// Counts up when the login may have ended. Subscribes.
    pub(crate) fn doubts(self) -> u32 {
        self.doubts.get()
    }

    /// Approvals that wait, or `read` while the socket has said nothing. Subscribes.
    pub(crate) fn pending_or(self, read: i64) -> i64 {
        self.set_pending.get().unwrap_or(read)
    }

    /// Has the frame read again who is signed in.
    fn check_login(self) {
        self.doubts.update(|n| *n = n.wrapping_add(1));
    }

    fn number(self) -> u32 {
        let id = self.next.with_value(|next| *next);
        self.next.set_value(id.wrapping_add(1));
        id
    }

    /// Follows topics whose data was read at `after`, until the owner that asked is gone. Call it in an effect, once
    /// the data is there; when the effect runs again the old topics end and the new ones begin.
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

    /// Hears everything the node says, until the owner that asked is gone. Call it in a component's body; it does
    /// nothing on the server.
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

    /// Calls `back` whenever the connection was lost and is back, with everything committed on this page, until the
    /// owner that asked is gone.
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

    /// Takes what the page's own reading says about the counts, so that they are right before the socket is open.
    pub fn prime(self, pending: i64, health: Option<HealthSample>) {
        self.set_pending.set(Some(pending));
        if health.is_some() {
            self.set_health.set(health);
        }
    }

    /// Everything that is followed, once.
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

    /// Applies one thing the node said.
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
        // A listener may end, or begin, others: they are called from a copy.
        let listeners: Vec<Listener> = self
            .listeners
            .with_value(|listeners| listeners.iter().map(|(_, l)| l.clone()).collect());
        for listener in listeners {
            listener(says);
        }
    }
}

/// Opens this tab's connection; the frame does it once. On the server it only provides the context.
pub fn provide_live() -> Live {
    let live = Live::new();
    provide_context(live);
    #[cfg(feature = "hydrate")]
    socket::start(live);
    live
}

/// This tab's connection; one that never says anything where there is no frame.
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
