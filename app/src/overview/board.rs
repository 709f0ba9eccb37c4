//! The Overview as signals: patched by rows at once, and read again as a whole a moment later. It must not flicker: a
//! new reading changes only what differs.

use super::{
    api::{OverviewView, read_overview},
    fold::{self, Thread},
    sentence::Counts,
};
use crate::{
    NodeAction, browser,
    live::{Rows, use_live},
};
use leptos::prelude::*;
use model::{
    Pos,
    approvals::Approval,
    live::{Row, ServerSays, Topic},
    node::{Checklist, Overview},
    sessions::Session,
    usage::UsageRow,
};
use std::time::Duration;

/// The Overview as signals.
#[derive(Clone, Copy)]
pub struct Board {
    /// Pending approvals.
    pub approvals: Rows<Approval>,
    /// Failed and unknown sessions.
    pub troubled: Rows<Session>,
    /// Sessions at work or about to be.
    pub working: Rows<Session>,
    /// Sessions that came to rest today.
    pub done: Rows<Session>,
    /// Recent events, grouped by place.
    pub activity: Rows<Thread>,
    /// The numbers of the sentence.
    pub counts: RwSignal<Counts>,
    /// Usage of the last days.
    pub days: RwSignal<Vec<UsageRow>>,
    /// Usage by project.
    pub projects: RwSignal<Vec<UsageRow>>,
    /// What is left to do on a new node.
    pub checklist: RwSignal<Checklist>,
    now: StoredValue<Overview>,
    /// The newest position from the socket.
    heard: StoredValue<Pos>,
    /// Something happened that the last reading may not contain.
    stale: StoredValue<bool>,
}

impl Board {
    /// A board of this reading; it follows the socket until its page is disposed.
    pub fn new(overview: Overview) -> Self {
        let board = Self {
            approvals: Rows::new(|one: &Approval| one.id.to_string()),
            troubled: Rows::new(|one: &Session| one.id.to_string()),
            working: Rows::new(|one: &Session| one.id.to_string()),
            done: Rows::new(|one: &Session| one.id.to_string()),
            activity: Rows::new(Thread::key),
            counts: RwSignal::new(Counts::default()),
            days: RwSignal::default(),
            projects: RwSignal::default(),
            checklist: RwSignal::new(overview.checklist),
            heard: StoredValue::new(overview.pos),
            stale: StoredValue::new(false),
            now: StoredValue::new(overview),
        };
        board.show();
        board.follow();
        board
    }

    fn follow(self) {
        let live = use_live();
        live.follow(vec![Topic::Node], self.now.with_value(|now| now.pos));
        live.on(move |said| {
            match said {
                ServerSays::Row {
                    row: Row::Session(session),
                    ..
                } => self.change(|now| fold::take_session(now, session)),
                ServerSays::Row {
                    row: Row::Approval(approval),
                    ..
                } => self.take(approval),
                ServerSays::Gone { id, .. } => self.change(|now| fold::drop(now, id)),
                ServerSays::Row { .. } => {}
                _ => return,
            }
            if let ServerSays::Row { pos, .. } | ServerSays::Gone { pos, .. } = said {
                self.heard.update_value(|heard| *heard = (*heard).max(*pos));
            }
            self.stale.set_value(true);
        });
        // Sums, totals and the stream come with the next reading: at most every two seconds, and only after a change.
        let read = NodeAction::new(move |(): &()| async move {
            match read_overview().await {
                Ok(view) => self.read(view),
                // Read again until it succeeds.
                Err(_) => {
                    self.stale.try_set_value(true);
                }
            }
        });
        // Also when the day changes: what was done today was then done yesterday.
        let day = StoredValue::new(today());
        browser::every(Duration::from_secs(2), move || {
            if (self.stale.get_value() || day.get_value() != today()) && !read.pending().get_untracked() {
                day.set_value(today());
                self.stale.set_value(false);
                read.dispatch(());
            }
        });
    }

    fn read(self, view: OverviewView) {
        // A reading may arrive after the page was left.
        let Some(heard) = self.heard.try_get_value() else {
            return;
        };
        let read = view.overview;
        if read.pos < heard {
            // The socket has newer rows, so these stay, and everything is read again.
            self.now.update_value(|now| fold::take_sums(now, read));
            self.stale.set_value(true);
        } else {
            self.now.set_value(read);
        }
        self.show();
    }

    /// Applies the session that an action returned.
    pub fn take_session(self, session: &Session) {
        self.change(|now| fold::take_session(now, session));
    }

    /// Applies an approval.
    pub fn take(self, approval: &Approval) {
        self.change(|now| fold::take_approval(now, approval));
    }

    fn change(self, how: impl FnOnce(&mut Overview)) {
        self.now.update_value(how);
        self.show();
    }

    fn show(self) {
        let Some(now) = self.now.try_get_value() else { return };
        let counts = fold::counts(&now);
        if self.counts.get_untracked() != counts {
            self.counts.set(counts);
        }
        if self.days.with_untracked(|days| *days != now.days) {
            self.days.set(now.days);
        }
        if self.projects.with_untracked(|projects| *projects != now.projects) {
            self.projects.set(now.projects);
        }
        if self.checklist.get_untracked() != now.checklist {
            self.checklist.set(now.checklist);
        }
        self.approvals.replace(now.approvals);
        self.troubled.replace(now.troubled);
        self.working.replace(now.working);
        self.done.replace(now.done_today);
        self.activity.replace(fold::threads(now.activity));
    }
}

/// The node's day, in days since 1970; it changes at midnight UTC.
fn today() -> Option<i64> {
    browser::now().map(|now| now.div_euclid(86_400_000))
}
