//! Notifications of the browser: whether they can be had, asking for them, showing one.
//! It must not decide when to notify, nor ask without a press: browsers then refuse for good.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Notification, NotificationOptions, NotificationPermission};

/// Whether this browser notifies for this site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    /// It would have to be asked.
    Unasked,
    /// It does.
    Allowed,
    /// Somebody refused it here.
    Refused,
    /// Not over plain HTTP from another machine.
    Insecure,
    /// It has no notifications of pages.
    Missing,
}

fn of(permission: NotificationPermission) -> Notices {
    match permission {
        NotificationPermission::Granted => Notices::Allowed,
        NotificationPermission::Denied => Notices::Refused,
        _ => Notices::Unasked,
    }
}

/// Whether this browser notifies now; `None` on the server.
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

/// Asks the person where nobody has answered yet, and calls `then` with how it stands afterwards. Only from a press.
pub fn ask_for_notices(then: impl FnOnce(Notices) + 'static) {
    let now = notices().unwrap_or(Notices::Missing);
    if now != Notices::Unasked {
        return then(now);
    }
    let answered = Closure::once(move |_: JsValue| then(notices().unwrap_or(Notices::Missing)));
    if let Ok(answer) = Notification::request_permission() {
        let _unawaited = answer.then(&answered);
        // It frees itself once it was called.
        answered.forget();
    }
}

/// Shows a notification; a second with the same tag takes the place of the first. `pressed` is called when somebody
/// presses it, after the tab has come to the front. Says whether it could: on some phones pages may ask but not show.
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
    // The browser keeps what it may still call, and drops it with the notification.
    notification.set_onclick(Some(on_press.into_js_value().unchecked_ref()));
    true
}

/// Whether nobody sees this tab; `false` on the server.
pub fn is_hidden() -> bool {
    cfg!(feature = "hydrate") && document().hidden()
}
