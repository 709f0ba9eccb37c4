//! Watching elements: whether one is near what the reader sees, whether its size changes. A watch ends with its
//! element. It must not hold an element back: the browser drops the watch together with the element it watches.

use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Element, IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit, ResizeObserver};

/// So far around the window counts as near: what comes next is drawn before it is seen, also when somebody scrolls
/// fast.
const AROUND: &str = "1200px 0px";

/// The bars at the top and the composer at the bottom take so much of the window.
const WITHIN: &str = "-88px 0px -120px 0px";

/// Calls `f` when an element comes near what the reader sees and when it leaves, with its height in pixels, 0 where
/// nothing of it is laid out. It is called once soon after the call.
pub fn when_near(element: &Element, f: impl FnMut(bool, f64) + 'static) {
    watch(element, AROUND, Box::new(f));
}

/// Calls `f` when an element comes into sight and when it leaves it, and once soon after the call. What bars at the
/// edges cover is not in sight; any part of it that can be read is enough.
pub fn when_seen(element: &Element, mut f: impl FnMut(bool) + 'static) {
    watch(element, WITHIN, Box::new(move |seen, _| f(seen)));
}

fn watch(element: &Element, around: &str, mut f: Box<dyn FnMut(bool, f64)>) {
    if !cfg!(feature = "hydrate") {
        return;
    }
    let seen = Closure::<dyn FnMut(js_sys::Array, IntersectionObserver)>::new(
        move |entries: js_sys::Array, observer: IntersectionObserver| {
            // Of several since the last call the newest holds.
            let Some(entry) = entries.pop().dyn_into::<IntersectionObserverEntry>().ok() else {
                return;
            };
            if entry.target().is_connected() {
                f(entry.is_intersecting(), entry.bounding_client_rect().height());
            } else {
                observer.disconnect();
            }
        },
    );
    let options = IntersectionObserverInit::new();
    options.set_root_margin(around);
    if let Ok(observer) = IntersectionObserver::new_with_options(called(seen).unchecked_ref(), &options) {
        observer.observe(element);
    }
}

/// Calls `f` when an element's size changes, and once soon after the call.
pub fn when_resized(element: &Element, f: impl Fn() + 'static) {
    if !cfg!(feature = "hydrate") {
        return;
    }
    let own = element.clone();
    let changed = Closure::<dyn FnMut(JsValue, ResizeObserver)>::new(move |_: JsValue, observer: ResizeObserver| {
        if own.is_connected() {
            f();
        } else {
            observer.disconnect();
        }
    });
    if let Ok(observer) = ResizeObserver::new(called(changed).unchecked_ref()) {
        observer.observe(element);
    }
}

/// Gives a closure to the browser, which drops it when nothing can call it any more.
fn called<T: wasm_bindgen::closure::WasmClosure + ?Sized>(closure: Closure<T>) -> JsValue {
    closure.into_js_value()
}

/// Which elements inside of one fit a selector, with their words, and where in the window they are, in whole pixels:
/// the same text as long as nothing of it changes.
pub fn places(element: &Element, selector: &str) -> String {
    use std::fmt::Write;
    let mut places = String::new();
    let Ok(found) = element.query_selector_all(selector) else {
        return places;
    };
    for at in 0..found.length() {
        let Some(one) = found.item(at).and_then(|node| node.dyn_into::<Element>().ok()) else {
            continue;
        };
        let rect = one.get_bounding_client_rect();
        let _ = write!(
            places,
            "{} {:.0} {:.0} {:.0};",
            one.text_content().unwrap_or_default(),
            rect.left(),
            rect.top(),
            rect.width()
        );
    }
    places
}
