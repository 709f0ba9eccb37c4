//! Protection against misplaced presses: a button counts only once it has been in its place for a moment. A press
//! sooner was meant for what was there before. This module must not know what is pressed; its user names the element
//! with the buttons.

use crate::browser;
use leptos::{ev, html, prelude::*};
use model::Millis;
use std::time::Duration;
use wasm_bindgen::JsCast;

/// How long something must be in its place before a press or a key counts for it.
pub const LOOK_MS: Millis = 400;

/// The interval of checking whether buttons have moved; each press checks as well.
const LOOK: Duration = Duration::from_millis(100);

/// The buttons of a form, and since when their words and their places in the window are unchanged.
#[derive(Clone, Copy)]
pub struct Steady {
    form: NodeRef<html::Form>,
    /// Words and places of the buttons, and since when.
    seen: StoredValue<(String, Option<Millis>)>,
    /// Whether they were still when the pointer went down.
    pressed: StoredValue<Option<bool>>,
    still: RwSignal<bool>,
}

impl Steady {
    /// Watches the buttons of `form` until the current owner is disposed.
    pub fn new(form: NodeRef<html::Form>) -> Self {
        // On the server there is no pointer, and its plain forms can be sent at once.
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

    /// The effect of the buttons changes although they look the same, so the time starts anew.
    pub fn changed(self) {
        self.seen.try_update_value(|seen| seen.1 = browser::now());
        self.look();
    }

    /// Checks the places of the buttons; gives whether a press counts now.
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

    /// Records at a pointer's press whether the buttons are still.
    pub fn press(self) {
        let still = self.look();
        self.pressed.set_value(Some(still));
    }

    /// Swallows an unintended click: one that came too soon, or the second of a double click.
    pub fn drop_unmeant(self, event: &ev::MouseEvent) {
        let pressed = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        if pressed.is_none_or(|element| element.closest("button").ok().flatten().is_none()) {
            return;
        }
        let still = self.look();
        // Without a pointer the click comes from a key, which has no place.
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

/// Whether a person has had time by `now` to read what is there since `since`. A clock that was set back does not
/// block.
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
