//! Status as shape, word and colour. The only table from the model's states to their looks.

use super::Shape;
use crate::view;
use leptos::prelude::*;
use model::{approvals::ApprovalState, entries::CallStatus, sessions::SessionState};

/// The look of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The symbol: `s-<shape>` in the sprite.
    pub shape: &'static str,
    /// The class of its colour.
    pub tone: &'static str,
    /// The word.
    pub word: &'static str,
}

impl Look {
    const fn new(shape: &'static str, tone: &'static str, word: &'static str) -> Self {
        Self { shape, tone, word }
    }

    /// Something runs now.
    pub const WORKING: Self = Self::new("working", "working", "Working");
    /// A person must act.
    pub const WAITING: Self = Self::new("waiting", "waiting", "Needs you");
    /// Ended well.
    pub const DONE: Self = Self::new("done", "done", "Done");
    /// Ended badly.
    pub const FAILED: Self = Self::new("failed", "failed", "Failed");
    /// Not known.
    pub const UNKNOWN: Self = Self::new("unknown", "unknown", "Unknown");
    /// Open, nothing runs.
    pub const IDLE: Self = Self::new("idle", "idle", "Idle");
    /// Will start.
    pub const QUEUED: Self = Self::new("queued", "idle", "Queued");
    /// Refused by a person.
    pub const DENIED: Self = Self::new("denied", "unknown", "Denied");
    /// Behind.
    pub const LAGGING: Self = Self::new("lag", "waiting", "Lagging");

    /// The same shape and colour with another word.
    #[must_use]
    pub const fn called(self, word: &'static str) -> Self {
        Self { word, ..self }
    }

    /// The look of a session state's word, which activity lines carry; unknown for other words.
    pub fn of_word(word: &str) -> Self {
        SessionState::parse(word).map_or(Self::UNKNOWN, Self::from)
    }
}

impl From<SessionState> for Look {
    fn from(state: SessionState) -> Self {
        match state {
            SessionState::Queued => Self::QUEUED,
            SessionState::Starting => Self::QUEUED.called("Starting"),
            SessionState::Working => Self::WORKING,
            SessionState::Waiting => Self::WAITING,
            SessionState::Idle => Self::IDLE,
            SessionState::Interrupted => Self::DENIED.called("Interrupted"),
            SessionState::Failed => Self::FAILED,
            SessionState::Done => Self::DONE,
            SessionState::Unknown => Self::UNKNOWN,
        }
    }
}

impl From<CallStatus> for Look {
    fn from(status: CallStatus) -> Self {
        match status {
            CallStatus::Running => Self::WORKING.called("running"),
            CallStatus::Ok => Self::DONE.called("done"),
            CallStatus::Failed => Self::FAILED.called("failed"),
            CallStatus::Denied => Self::DENIED.called("denied"),
            CallStatus::Unknown => Self::UNKNOWN.called("not known"),
        }
    }
}

impl From<ApprovalState> for Look {
    fn from(state: ApprovalState) -> Self {
        match state {
            ApprovalState::Pending => Self::WAITING.called("Waiting"),
            ApprovalState::Allowed => Self::DONE.called("Allowed"),
            ApprovalState::Denied => Self::DENIED,
            ApprovalState::Withdrawn => Self::UNKNOWN.called("Withdrawn"),
        }
    }
}

/// A shape with its word. Plain in rows and lanes; a chip only where it stands alone.
#[component]
pub fn StatusWord(
    /// The look.
    #[prop(into)]
    look: Signal<Look>,
    /// With a tinted background.
    #[prop(optional)]
    chip: bool,
) -> impl IntoView {
    let class = move || format!("{} {}", if chip { "chip chip-st" } else { "st" }, look.get().tone);
    view! {
        <span class=class>
            <Shape look=look />
            {move || look.get().word}
        </span>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_state_differs_from_every_other_by_its_word() {
        let mut words: Vec<_> = SessionState::ALL.iter().map(|state| Look::from(*state).word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), SessionState::ALL.len());
        assert_eq!(Look::of_word("failed"), Look::FAILED);
        assert_eq!(Look::of_word("from a newer node"), Look::UNKNOWN);
    }
}
