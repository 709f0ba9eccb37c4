//! The state of one decision: the approval, the answer in preparation, and the call that sends it. The Inbox, the
//! Overview and the Session page all use it. It must not render anything.

use super::{
    api::{decide_approval, whole_input},
    words::{self, Answer},
};
use crate::{
    NodeAction, browser,
    error::AppError,
    live::use_live,
    ui::{Toast, use_toasts},
};
use leptos::prelude::*;
use model::{
    Error,
    approvals::{Approval, ApprovalKind, ApprovalState, Decide, RememberScope, Verdict},
    id::ApprovalId,
    live::{Row, ServerSays},
    sessions::Mode,
};

/// The answer in preparation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asking {
    /// None yet: the buttons are shown.
    #[default]
    Nothing,
    /// To allow always: the person chooses the scope.
    Always,
    /// To deny, or to send a plan back: the person writes the reason.
    Deny,
}

/// One decision.
#[derive(Clone, Copy)]
pub struct Decider {
    /// The approval.
    pub id: ApprovalId,
    /// Its kind.
    pub kind: ApprovalKind,
    /// The answer in preparation.
    pub asking: RwSignal<Asking>,
    /// The chosen scope of "always".
    pub scope: RwSignal<RememberScope>,
    /// The possible scopes; they change when the project's trust changes meanwhile.
    pub scopes: RwSignal<Vec<RememberScope>>,
    /// Whether the agent suggests something to remember.
    pub can_always: bool,
    /// The reason, or comments on a plan.
    pub reason: RwSignal<String>,
    /// Answers to questions.
    pub answers: RwSignal<Vec<Answer>>,
    /// The last error.
    pub error: RwSignal<Option<AppError>>,
    /// The part of the input that is not shown yet, in words: `6 more lines`.
    pub left_out: RwSignal<Option<String>>,
    /// Whether the end of the input has been visible; `None` until the browser has looked.
    end: RwSignal<Option<bool>>,
    pressed: StoredValue<Option<Callback<()>>>,
    approval: StoredValue<Approval>,
    send: NodeAction<Decide>,
    /// Fetches the whole input, where a row carries only the beginning.
    fetch: NodeAction<()>,
}

impl Decider {
    /// A decision about `approval`. `decided` gets the row afterwards, also when somebody else was faster.
    pub fn new(approval: Approval, decided: Callback<Approval>) -> Self {
        let id = approval.id;
        let wanted = approval
            .suggestions
            .first()
            .map(|suggestion| suggestion.scope)
            .filter(|scope| approval.scopes.contains(scope));
        let scope = wanted
            .or_else(|| approval.scopes.first().copied())
            .unwrap_or(RememberScope::Session);
        let scope = RwSignal::new(scope);
        let scopes = RwSignal::new(approval.scopes.clone());
        let project = approval.project;
        use_live().on(move |said| match said {
            ServerSays::Row {
                row: Row::Project(now), ..
            } if now.id == project && scopes.with_untracked(|scopes| !scopes.is_empty()) => {
                // Trust may have changed; the caller's right to remember beyond the session has not.
                let lasts = scopes.with_untracked(|scopes| scopes.contains(&RememberScope::User));
                let holding = RememberScope::offered(now.trusted && !now.trust_stale, lasts);
                if scopes.with_untracked(|scopes| scopes != holding) {
                    scopes.set(holding.to_vec());
                    if !holding.contains(&scope.get_untracked()) {
                        scope.set(RememberScope::Session);
                    }
                }
            }
            _ => {}
        });
        let error = RwSignal::new(None);
        let stored = StoredValue::new(approval.clone());
        let before = approval.clone();
        let toasts = use_toasts();
        let send = NodeAction::new(move |wish: &Decide| {
            let wish = wish.clone();
            let mut asked = before.clone();
            async move {
                error.set(None);
                let wanted = wish.clone();
                match decide_approval(id, wish).await {
                    Ok(now) => {
                        if let Some(toasts) = toasts {
                            // The row or card that disappears is feedback enough; a toast would cover the next
                            // decision.
                            toasts.tell(words::told(&now, &wanted));
                        }
                        // The socket may have been faster, and have removed the row and its owner.
                        decided.try_run(now);
                    }
                    Err(AppError(Error::AlreadyDecided(by))) => {
                        asked.state = match by.decision {
                            Verdict::Allow => ApprovalState::Allowed,
                            Verdict::Deny => ApprovalState::Denied,
                        };
                        if let Some(toasts) = toasts {
                            toasts.show(Toast::denied(format!(
                                "Decided before: {}.",
                                words::decision(&by, asked.kind)
                            )));
                        }
                        asked.decided = Some(*by);
                        decided.try_run(asked);
                    }
                    Err(other) => {
                        error.try_set(Some(other));
                    }
                }
            }
        });
        let left_out = RwSignal::new(approval.input_cut.map(words::length));
        let fetch = NodeAction::new(move |(): &()| async move {
            error.try_set(None);
            match whole_input(id).await {
                Ok(whole) => {
                    stored.try_update_value(|approval| approval.complete(whole));
                    left_out.try_set(None);
                }
                Err(why) => {
                    error.try_set(Some(why));
                }
            }
        });
        Self {
            id,
            kind: approval.kind,
            asking: RwSignal::default(),
            scope,
            scopes,
            can_always: !approval.suggestions.is_empty(),
            reason: RwSignal::default(),
            answers: RwSignal::new(vec![Answer::default(); approval.questions.len()]),
            error,
            left_out,
            end: RwSignal::new(None),
            pressed: StoredValue::new(None),
            approval: stored,
            send,
            fetch,
        }
    }

    /// Calls `pressed` when an answer is sent, before anybody else can see its effect.
    #[must_use]
    pub fn on_press(self, pressed: Callback<()>) -> Self {
        self.pressed.set_value(Some(pressed));
        self
    }

    /// Whether it may be allowed: only once the end of the input was visible.
    pub fn may_allow(&self) -> Signal<bool> {
        let (left_out, end) = (self.left_out, self.end);
        Signal::derive(move || left_out.with(Option::is_none) && end.get() != Some(false))
    }

    /// Records that the end of the input has become visible or hidden. Once visible it counts as seen.
    pub fn sees_end(&self, seen: bool) {
        match self.left_out.try_with_untracked(Option::is_some) {
            None => {}
            // Only the beginning is shown. Its end counts as the end of the whole only if it is still visible once the
            // rest is there.
            Some(true) => self.end.set((!seen).then_some(false)),
            Some(false) if self.end.get_untracked() != Some(true) => self.end.set(Some(seen)),
            Some(false) => {}
        }
    }

    /// Shows the rest, or scrolls to the end of the input.
    pub fn read_on(&self) {
        if self.is_beginning() {
            if !self.fetch.pending().get_untracked() {
                self.fetch.dispatch(());
            }
        } else if self.left_out.with_untracked(Option::is_some) {
            self.left_out.set(None);
        } else {
            browser::scroll_to(&self.end_id(), web_sys::ScrollLogicalPosition::Center);
        }
    }

    /// Whether only the beginning of the input has arrived.
    pub fn is_beginning(&self) -> bool {
        self.approval.with_value(|approval| approval.input_cut.is_some())
    }

    /// The id of the element at the end of the input.
    pub fn end_id(&self) -> String {
        format!("{}-end", self.id)
    }

    /// The approval.
    pub fn approval(&self) -> Approval {
        self.approval.get_value()
    }

    /// Whether an answer is being sent.
    pub fn busy(&self) -> Signal<bool> {
        self.send.pending().into()
    }

    fn answer(&self, wish: Decide) {
        let allows = wish.decision == Verdict::Allow && self.kind != ApprovalKind::Question;
        if self.send.pending().get_untracked() || (allows && !self.may_allow().get_untracked()) {
            return;
        }
        if let Some(pressed) = self.pressed.get_value() {
            pressed.run(());
        }
        self.send.dispatch(wish);
    }

    /// Allows once. A question gets the chosen answers; a plan continues in the mode that asks before edits.
    pub fn allow(&self) {
        match self.kind {
            ApprovalKind::Tool => self.answer(Decide::allow()),
            ApprovalKind::Plan => self.approve(Mode::Ask),
            ApprovalKind::Question => {
                if let Some(answers) = self.given() {
                    self.answer(Decide {
                        answers: Some(answers),
                        ..Decide::allow()
                    });
                }
            }
        }
    }

    /// Approves the plan; the agent continues in `mode`.
    pub fn approve(&self, mode: Mode) {
        self.answer(Decide {
            mode: Some(mode),
            ..Decide::allow()
        });
    }

    /// Allows, and remembers it at the chosen scope.
    pub fn always(&self) {
        match self.kind {
            ApprovalKind::Plan => self.approve(Mode::AutoAccept),
            _ if self.can_always => {
                self.answer(Decide {
                    remember: Some(self.scope.get_untracked()),
                    ..Decide::allow()
                });
            }
            _ => {}
        }
    }

    /// Denies, with the reason in the field.
    pub fn deny(&self) {
        let reason = self.reason.get_untracked().trim().to_owned();
        let reason = (!reason.is_empty()).then_some(reason);
        self.answer(Decide {
            decision: Verdict::Deny,
            reason,
            ..Decide::allow()
        });
    }

    /// Opens the reason field.
    pub fn ask_deny(&self) {
        self.asking.set(Asking::Deny);
    }

    /// The answers to all questions, once every one has one.
    pub fn given(&self) -> Option<std::collections::BTreeMap<String, String>> {
        let questions = self.approval.with_value(|approval| approval.questions.clone());
        self.answers.with(|given| words::answers(&questions, given))
    }
}
