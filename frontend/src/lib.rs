//! Hydrates the dashboard in the browser, and does nothing else.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the page's own script once WASM has loaded.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_lazy(app::App);
}
