//! What hears an event: `on:click=hear::click(move |_| ..)`. A closure alone would do, but each is a type of its own: all that attaches it,
//! passes it on and removes it would be compiled for it alone (1 kB of wasm each). It must not know what follows.

use leptos::ev;

/// Of a press.
pub(crate) fn click(hears: impl FnMut(ev::MouseEvent) + 'static) -> Box<dyn FnMut(ev::MouseEvent)> {
    Box::new(hears)
}

/// Of a key that goes down.
pub(crate) fn keydown(hears: impl FnMut(ev::KeyboardEvent) + 'static) -> Box<dyn FnMut(ev::KeyboardEvent)> {
    Box::new(hears)
}

/// Of a form that is sent.
pub(crate) fn submit(hears: impl FnMut(ev::SubmitEvent) + 'static) -> Box<dyn FnMut(ev::SubmitEvent)> {
    Box::new(hears)
}
