//! Observers of elements: whether one is near the viewport, and whether its size changes. An observer must not keep its
//! element alive: the browser drops both together.

use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Element, IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit, ResizeObserver};

/// The margin around the window that counts as near, so that content is rendered before a fast scroll shows it.
const AROUND: &str = "1200px 0px";

/// The parts of the window that the bars at the top and the composer at the bottom cover.
const WITHIN: &str = "-88px 0px -120px 0px";

/// Calls `f` when an element comes near the viewport and when it leaves, and once soon after this call. `f` gets the
/// height in pixels; 0 without layout.
pub fn when_near(element: &Element, f: impl FnMut(bool, f64) + 'static) {
    watch(element, AROUND, Box::new(f));
}

/// Calls `f` when an element becomes visible and when it is hidden again, and once soon after this call. A visible part
/// is enough; parts covered by the bars do not count.
pub fn when_seen(element: &Element, mut f: impl FnMut(bool) + 'static) {
    watch(element, WITHIN, Box::new(move |seen, _| f(seen)));
}

fn watch(element: &Element, around: &str, mut f: Box<dyn FnMut(bool, f64)>) {
    if !cfg!(feature = "hydrate") {
        return;
    }
    let seen = Closure::<dyn FnMut(js_sys::Array, IntersectionObserver)>::new(
        move |entries: js_sys::Array, observer: IntersectionObserver| {
            // Only the newest entry since the last call counts.
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

/// Calls `f` when an element's size changes, and once soon after this call.
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

/// Hands a closure to the browser, which frees it when nothing can call it any more.
fn called<T: wasm_bindgen::closure::WasmClosure + ?Sized>(closure: Closure<T>) -> JsValue {
    closure.into_js_value()
}

/// The descendants that match a selector, with their text and their window position in whole pixels. The result is the
/// same text as long as none of this changes.
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
