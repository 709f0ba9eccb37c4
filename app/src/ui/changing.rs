//! What runs again whenever something it read has changed. A closure alone would do, but each is a type of its own: all that runs it, draws it,
//! takes it over and renews it would be compiled for it alone (1 to 2.5 kB of wasm a time). It must not know what changes.

use leptos::{
    prelude::*,
    tachys::{reactive_graph::ReactiveFunction, view::RenderHtml},
};

/// A view that `make` makes anew.
pub(crate) fn changing<V: RenderHtml + 'static>(make: impl FnMut() -> V + Send + 'static) -> AnyView {
    ReactiveFunction::into_shared(make).into_any()
}

/// Runs `run` in the browser, for what it does. What remembers its last run is an `Effect`.
pub(crate) fn effect(run: impl FnMut() + 'static) {
    boxed(Box::new(run));
}

fn boxed(run: Box<dyn FnMut()>) {
    Effect::new(run);
}
