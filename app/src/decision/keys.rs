//! The keys of a decision (A, Shift A, D), which only the first decision on a page gets. They must not answer what
//! nobody has read: they work only after a decision was first for a moment.

use super::decider::{Asking, Decider};
use crate::browser::{self, Key};
use crate::ui::was_seen;
use leptos::prelude::*;
use model::approvals::ApprovalKind;

/// Gives a decision its keys while it is `first`; on a page with other content also only while it is visible. With
/// `scope_shown` the scope is chosen beside it and Shift A acts at once. Call it in a component's body.
pub fn hear_keys(decider: Decider, first: Signal<bool>, scope_shown: bool) {
    let since = StoredValue::new(None);
    // The moment starts anew when the effect of a key changes with what is shown.
    Effect::new(move || {
        decider.may_allow().track();
        since.set_value(if first.get() { browser::now() } else { None });
    });
    // Another listener of the same key may have removed this decision from the page.
    browser::on_keys(move |key| {
        first.try_get_untracked() == Some(true)
            && was_seen(since.try_get_value().flatten(), browser::now())
            && heard(decider, key, scope_shown)
    });
}

fn heard(decider: Decider, key: &Key, scope_shown: bool) -> bool {
    if decider.asking.get_untracked() != Asking::Nothing {
        return false;
    }
    if key.is("a") {
        if decider.kind != ApprovalKind::Question && !decider.may_allow().get_untracked() {
            decider.read_on();
        } else if !key.shift {
            decider.allow();
        } else if decider.kind == ApprovalKind::Plan || (decider.can_always && scope_shown) {
            decider.always();
        } else if decider.can_always {
            decider.asking.set(Asking::Always);
        }
        true
    } else if key.is("d") && !key.shift {
        decider.ask_deny();
        true
    } else {
        false
    }
}
