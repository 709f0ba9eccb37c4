//! The keys of a decision: A, Shift A and D, heard by the one that stands first.
//! They must not answer what nobody has read: a decision hears them only a moment after it came to stand there.

use super::decider::{Asking, Decider};
use crate::browser::{self, Key};
use crate::ui::effect;
use leptos::prelude::*;
use model::{Millis, approvals::ApprovalKind};

/// So long after a decision appeared a key can be about it; what comes sooner was pressed for the one before.
const LOOK_MS: Millis = 400;

/// Has a decision hear its keys while it is `first`, which it is only while it is in sight where a page has more than it. Where `scope_shown`,
/// the place of a rule stands beside it and Shift A acts at once.
/// Call it in a component's body.
pub fn hear_keys(decider: Decider, first: Signal<bool>, scope_shown: bool) {
    let since = StoredValue::new(None);
    effect(move || since.set_value(if first.get() { browser::now() } else { None }));
    // Another listener of the same key may have taken this decision off the page before.
    browser::on_keys(move |key| {
        first.try_get_untracked() == Some(true) && was_seen(since.try_get_value().flatten(), browser::now()) && heard(decider, key, scope_shown)
    });
}

/// Whether somebody can have read by `now` what stands there `since` then. A clock that was set back holds nobody up.
fn was_seen(since: Option<Millis>, now: Option<Millis>) -> bool {
    since.zip(now).is_some_and(|(since, now)| (now - since).abs() >= LOOK_MS)
}

fn heard(decider: Decider, key: &Key, scope_shown: bool) -> bool {
    if decider.asking.get_untracked() != Asking::Nothing {
        return false;
    }
    if key.is("a") {
        if !key.shift {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_comes_too_soon_was_meant_for_the_one_before() {
        assert!(!was_seen(None, Some(5_000)));
        assert!(!was_seen(Some(5_000), Some(5_100)));
        assert!(was_seen(Some(5_000), Some(5_400)));
        assert!(was_seen(Some(5_000), Some(1_000)));
    }
}
