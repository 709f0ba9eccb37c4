//! Key presses of the whole page. Handlers get plain keys only while nobody types; Escape and chords with Ctrl or Cmd
//! always.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;

/// A key press.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key's value as the browser names it: `a`, `A` with Shift, `Escape`, `?`.
    pub key: String,
    /// Ctrl or Cmd was held.
    pub command: bool,
    /// Shift was held.
    pub shift: bool,
    /// Alt was held.
    pub alt: bool,
    /// A field or editable text had the focus, or a dialog or a menu is open.
    pub typing: bool,
}

impl Key {
    /// Whether this is the plain key (`N`, `?`, `j`), without Ctrl, Cmd or Alt, while nobody types. Letters ignore
    /// case; the caller checks Shift.
    pub fn is(&self, key: &str) -> bool {
        !self.command && !self.alt && !self.typing && self.key.eq_ignore_ascii_case(key)
    }

    /// Whether this is Ctrl or Cmd with a key, also while somebody types.
    pub fn is_command(&self, key: &str) -> bool {
        self.command && !self.alt && self.key.eq_ignore_ascii_case(key)
    }
}

/// Whether keys are text in an element with this tag, `type` and editability.
pub fn is_typing(tag: &str, kind: Option<&str>, editable: bool) -> bool {
    editable
        || match tag.to_ascii_lowercase().as_str() {
            "textarea" | "select" => true,
            "input" => !matches!(kind, Some("checkbox" | "radio" | "button" | "submit" | "reset")),
            _ => false,
        }
}

/// Whether a field with `passes` lets a key through to the page: only while the field is empty.
pub fn lets_through(passes: &str, value: &str, key: &str) -> bool {
    value.is_empty() && key.len() == 1 && passes.contains(&key.to_ascii_lowercase())
}

/// Whether a press counts. Key repeat counts only for moving on: a held A would answer decisions that nobody has read.
pub fn counts(key: &str, repeated: bool) -> bool {
    !repeated || key.eq_ignore_ascii_case("j") || key.eq_ignore_ascii_case("k")
}

/// Calls `handler` for every key press of the page, until the current owner is disposed. A handler that used the key
/// returns `true`; no other listener then gets it. Call it in a component's body; on the server it does nothing.
pub fn on_keys(handler: impl Fn(&Key) -> bool + 'static) {
    if cfg!(feature = "hydrate") {
        hear(Box::new(handler));
    }
}

/// The part of [`on_keys`] that is compiled once.
fn hear(handler: Box<dyn Fn(&Key) -> bool>) {
    let handle = window_event_listener(ev::keydown, move |event| {
        if event.default_prevented() || event.is_composing() || !counts(&event.key(), event.repeat()) {
            return;
        }
        let target = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::HtmlElement>().ok());
        let in_field = target.is_some_and(|element| {
            is_typing(
                &element.tag_name(),
                element.get_attribute("type").as_deref(),
                element.is_content_editable(),
            ) && !passes(&element, &event.key())
        });
        let in_dialog = document()
            .query_selector("dialog[open], details.menu-w[open]")
            .ok()
            .flatten()
            .is_some();
        let key = Key {
            key: event.key(),
            command: event.ctrl_key() || event.meta_key(),
            shift: event.shift_key(),
            alt: event.alt_key(),
            typing: in_field || in_dialog,
        };
        if handler(&key) {
            event.prevent_default();
        }
    });
    on_cleanup(move || handle.remove());
}

/// Whether an element lets a key through to the page, by the `data-passes` around it.
fn passes(element: &web_sys::HtmlElement, key: &str) -> bool {
    let keys = element
        .closest("[data-passes]")
        .ok()
        .flatten()
        .and_then(|around| around.get_attribute("data-passes"));
    let value = element
        .dyn_ref::<web_sys::HtmlTextAreaElement>()
        .map(web_sys::HtmlTextAreaElement::value);
    keys.zip(value)
        .is_some_and(|(keys, value)| lets_through(&keys, &value, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> Key {
        Key {
            key: key.into(),
            command: false,
            shift: false,
            alt: false,
            typing: false,
        }
    }

    #[test]
    fn plain_keys_are_not_heard_while_somebody_types() {
        assert!(key("N").is("n"));
        assert!(
            !Key {
                typing: true,
                ..key("n")
            }
            .is("n")
        );
        assert!(
            !Key {
                command: true,
                ..key("n")
            }
            .is("n")
        );
        assert!(
            Key {
                command: true,
                typing: true,
                ..key("K")
            }
            .is_command("k")
        );
    }

    #[test]
    fn text_fields_type_and_buttons_do_not() {
        assert!(is_typing("TEXTAREA", None, false));
        assert!(is_typing("INPUT", None, false));
        assert!(is_typing("INPUT", Some("search"), false));
        assert!(!is_typing("INPUT", Some("checkbox"), false));
        assert!(is_typing("DIV", None, true));
        assert!(!is_typing("BUTTON", None, false));
    }

    #[test]
    fn an_empty_field_lets_its_keys_through_and_no_other() {
        assert!(lets_through("adjk", "", "a") && lets_through("adjk", "", "A") && lets_through("adjk", "", "k"));
        assert!(!lets_through("adjk", "", "n") && !lets_through("adjk", "", "Enter") && !lets_through("adjk", "", ""));
        assert!(!lets_through("adjk", "m", "a") && !lets_through("adjk", " ", "a"));
    }

    #[test]
    fn a_held_key_moves_and_does_nothing_else() {
        assert!(counts("a", false) && counts("J", true) && counts("k", true));
        assert!(!counts("a", true) && !counts("Escape", true));
    }
}
