//! Whether what stands under a pointer or a finger has stood there long enough to be meant: what came there a moment
//! ago was not what somebody reached for. It must not know what is pressed; whoever places it says which element its
//! buttons are in.

use crate::browser;
use leptos::{ev, html, prelude::*};
use model::Millis;
use std::time::Duration;
use wasm_bindgen::JsCast;

/// So long something stands in its place before a press or a key can be about it; what comes sooner was meant for what
/// stood there before.
pub const LOOK_MS: Millis = 400;

/// How often it is looked whether the buttons have moved. At a press it is looked as well.
const LOOK: Duration = Duration::from_millis(100);

/// The buttons of one form and since when they stand as they do: their words and their places in the window.
#[derive(Clone, Copy)]
pub struct Steady {
    form: NodeRef<html::Form>,
    /// Where which buttons stand, and since when.
    seen: StoredValue<(String, Option<Millis>)>,
    /// Whether they stood still when the pointer went down.
    pressed: StoredValue<Option<bool>>,
    still: RwSignal<bool>,
}

impl Steady {
    /// Watches the buttons of `form` until the owner that asked is gone.
    pub fn new(form: NodeRef<html::Form>) -> Self {
        // The server's page has no pointer yet: its plain forms can be sent.
        let steady = Self {
            form,
            seen: StoredValue::new((String::new(), None)),
            pressed: StoredValue::new(None),
            still: RwSignal::new(true),
        };
        Effect::new(move || {
            if form.get().is_some() {
                steady.look();
            }
        });
        browser::every(LOOK, move || {
            steady.look();
        });
        steady
    }

    /// Whether a press counts now. Subscribes.
    pub fn is_still(self) -> bool {
        self.still.get()
    }

    /// What is pressed means something else from now on, although it looks the same.
    pub fn changed(self) {
        self.seen.try_update_value(|seen| seen.1 = browser::now());
        self.look();
    }

    /// Looks where the buttons are; whether a press counts now.
    pub fn look(self) -> bool {
        let (Some(form), now) = (self.form.try_get_untracked().flatten(), browser::now()) else {
            return true;
        };
        let places = browser::places(&form, "button");
        let still = self.seen.try_update_value(|seen| {
            if seen.0 != places {
                *seen = (places, now);
            }
            was_seen(seen.1, now)
        });
        let still = still.unwrap_or(false);
        if self.still.try_get_untracked().is_some_and(|known| known != still) {
            self.still.set(still);
        }
        still
    }

    /// A pointer goes down: what it presses is what stands there now.
    pub fn press(self) {
        let still = self.look();
        self.pressed.set_value(Some(still));
    }

    /// Uses a click of a button up that nobody meant: it came too soon, or it is the second one of a double click.
    pub fn drop_unmeant(self, event: &ev::MouseEvent) {
        let pressed = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        if pressed.is_none_or(|element| element.closest("button").ok().flatten().is_none()) {
            return;
        }
        let still = self.look();
        // Without a pointer it comes from a key, which has no place of its own.
        let began = self
            .pressed
            .try_update_value(Option::take)
            .flatten()
            .filter(|_| event.detail() > 0);
        if event.detail() > 1 || !began.unwrap_or(still) {
            event.prevent_default();
            event.stop_propagation();
        }
    }
}

/// Whether somebody can have read by `now` what stands there `since` then. A clock that was set back holds nobody up.
pub fn was_seen(since: Option<Millis>, now: Option<Millis>) -> bool {
    since
        .zip(now)
        .is_some_and(|(since, now)| (now - since).abs() >= LOOK_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_too_soon_was_meant_for_the_one_before() {
        assert!(!was_seen(None, Some(5_000)));
        assert!(!was_seen(Some(5_000), Some(5_100)));
        assert!(was_seen(Some(5_000), Some(5_400)));
        assert!(was_seen(Some(5_000), Some(1_000)));
    }
}
