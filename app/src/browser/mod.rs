//! The browser's APIs: addresses, timers, storage, clipboard, keys, theme. No other module may call them directly. On
//! the server every function does nothing.

mod keys;
mod notify;
mod theme;
mod watched;

pub use keys::{Key, is_typing, on_keys};
pub use notify::{Notices, ask_for_notices, is_hidden, notices, notify};
pub use theme::{Density, HEAD_SCRIPT, Theme, flip, set_theme, show_pressed, unfold};
pub use watched::{places, when_near, when_resized, when_seen};

use leptos::prelude::*;
use std::time::Duration;

/// Leaves the single-page application for `path`: for addresses without a client route (`/auth/...`), and after the
/// login has ended.
pub fn leave_for(path: &str) {
    if cfg!(feature = "hydrate") {
        let _ = window().location().set_href(path);
    }
}

/// Reloads the page.
pub fn load_again() {
    if cfg!(feature = "hydrate") {
        let _ = window().location().reload();
    }
}

/// Path and query of the page's present address; empty on the server.
pub fn current_path() -> String {
    if cfg!(feature = "hydrate") {
        let location = window().location();
        return format!(
            "{}{}",
            location.pathname().unwrap_or_default(),
            location.search().unwrap_or_default()
        );
    }
    String::new()
}

/// Replaces the address without navigation, for links and reloads.
pub fn rewrite_address(path: &str) {
    if cfg!(feature = "hydrate")
        && let Ok(history) = window().history()
    {
        let state = history.state().unwrap_or_default();
        let _ = history.replace_state_with_url(&state, "", Some(path));
    }
}

/// The address of this site, `https://host:port`; empty on the server.
pub fn origin() -> String {
    if cfg!(feature = "hydrate") {
        window().location().origin().unwrap_or_default()
    } else {
        String::new()
    }
}

/// The browser's clock, unix ms; `None` on the server, where pages must not depend on the time.
pub fn now() -> Option<model::Millis> {
    if !cfg!(feature = "hydrate") {
        return None;
    }
    // Whole milliseconds, far below 2^53, so the cast is exact.
    #[allow(clippy::cast_possible_truncation)]
    let now = js_sys::Date::now() as i64;
    Some(now)
}

/// Calls `f` once after `delay`, unless the current owner is disposed before.
pub fn after(delay: Duration, f: impl FnOnce() + 'static) {
    if cfg!(feature = "hydrate")
        && let Ok(handle) = set_timeout_with_handle(f, delay)
    {
        on_cleanup(move || handle.clear());
    }
}

/// Calls `f` every `period` until the current owner is disposed.
pub fn every(period: Duration, f: impl Fn() + 'static) {
    if cfg!(feature = "hydrate")
        && let Ok(handle) = set_interval_with_handle(f, period)
    {
        on_cleanup(move || handle.clear());
    }
}

/// Reads a value from this browser's local storage.
pub fn recall(key: &str) -> Option<String> {
    if cfg!(feature = "hydrate") {
        return window()
            .local_storage()
            .ok()
            .flatten()
            .and_then(|storage| storage.get_item(key).ok().flatten());
    }
    None
}

/// Stores a value in this browser's local storage; `None` removes it. When storage is refused, the value lasts for the
/// page only, and that is no error.
pub fn remember(key: &str, value: Option<&str>) {
    if cfg!(feature = "hydrate")
        && let Ok(Some(storage)) = window().local_storage()
    {
        let _ = match value {
            Some(value) => storage.set_item(key, value),
            None => storage.remove_item(key),
        };
    }
}

/// Copies text to the clipboard. The browser may refuse, so the text must be selectable as well.
pub fn copy(text: &str) {
    if cfg!(feature = "hydrate") {
        // Nobody awaits the promise: if the browser refuses, the text is still selectable.
        let _unawaited = window().navigator().clipboard().write_text(text);
    }
}

/// Whether a media query holds now; `false` on the server.
pub fn matches(query: &str) -> bool {
    if cfg!(feature = "hydrate") {
        return window()
            .match_media(query)
            .ok()
            .flatten()
            .is_some_and(|list| list.matches());
    }
    false
}

/// Whether an element matches a selector; `false` on the server.
pub fn has(selector: &str) -> bool {
    cfg!(feature = "hydrate") && document().query_selector(selector).ok().flatten().is_some()
}

/// Focuses the element with this id, if there is one.
pub fn focus(id: &str) {
    use wasm_bindgen::JsCast;
    if cfg!(feature = "hydrate")
        && let Some(element) = document()
            .get_element_by_id(id)
            .and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok())
    {
        let _ = element.focus();
    }
}

/// Scrolls to the element with this id, if there is one.
pub fn scroll_to(id: &str, block: web_sys::ScrollLogicalPosition) {
    if cfg!(feature = "hydrate")
        && let Some(element) = document().get_element_by_id(id)
    {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(block);
        element.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

/// A random number in `0.0..1.0`, for jitter only; 0.5 on the server.
pub fn chance() -> f64 {
    if cfg!(feature = "hydrate") {
        js_sys::Math::random()
    } else {
        0.5
    }
}
