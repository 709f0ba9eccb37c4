//! Browser notifications: permission, and showing one. This module must not decide when to notify. It must ask only on
//! a press, since browsers otherwise refuse for good.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Notification, NotificationOptions, NotificationPermission};

/// The permission to notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    /// Nobody was asked yet.
    Unasked,
    /// Granted.
    Allowed,
    /// Denied by a person.
    Refused,
    /// Not available over plain HTTP from another machine.
    Insecure,
    /// Not available in this browser.
    Missing,
}

fn of(permission: NotificationPermission) -> Notices {
    match permission {
        NotificationPermission::Granted => Notices::Allowed,
        NotificationPermission::Denied => Notices::Refused,
        _ => Notices::Unasked,
    }
}

/// The present permission; `None` on the server.
pub fn notices() -> Option<Notices> {
    if !cfg!(feature = "hydrate") {
        return None;
    }
    Some(if !window().is_secure_context() {
        Notices::Insecure
    } else if js_sys::Reflect::has(&window(), &JsValue::from_str("Notification")).unwrap_or(false) {
        of(Notification::permission())
    } else {
        Notices::Missing
    })
}

/// Asks for permission if nobody was asked yet, then calls `then` with the result. Call it only on a press.
pub fn ask_for_notices(then: impl FnOnce(Notices) + 'static) {
    let now = notices().unwrap_or(Notices::Missing);
    if now != Notices::Unasked {
        return then(now);
    }
    let answered = Closure::once(move |_: JsValue| then(notices().unwrap_or(Notices::Missing)));
    if let Ok(answer) = Notification::request_permission() {
        let _unawaited = answer.then(&answered);
        // The closure frees itself once it was called.
        answered.forget();
    }
}

/// Shows a notification; it replaces an earlier one with the same tag. `pressed` runs when a person presses it, after
/// the tab has come to the front. `false` if it could not be shown, which on some phones happens despite the
/// permission.
pub fn notify(title: &str, text: &str, tag: &str, pressed: impl Fn() + 'static) -> bool {
    if notices() != Some(Notices::Allowed) {
        return false;
    }
    let options = NotificationOptions::new();
    options.set_body(text);
    options.set_tag(tag);
    options.set_icon("/icon-192.png");
    let Ok(notification) = Notification::new_with_options(title, &options) else {
        return false;
    };
    let own = notification.clone();
    let on_press = Closure::<dyn FnMut()>::new(move || {
        let _ = window().focus();
        own.close();
        pressed();
    });
    // The browser keeps the closure, and drops it with the notification.
    notification.set_onclick(Some(on_press.into_js_value().unchecked_ref()));
    true
}

/// Whether the tab is hidden; `false` on the server.
pub fn is_hidden() -> bool {
    cfg!(feature = "hydrate") && document().hidden()
}
