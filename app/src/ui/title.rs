//! A page title whose text may change while the page is open.

use leptos::prelude::*;
use leptos_meta::Title;

/// The title, kept equal to `text`.
///
/// The server evaluates the text at once. `leptos_meta` reads titles after the page was rendered, outside the request's
/// own arena, where its signals are unknown or, worse, somebody else's. Never give a `Title` of leptos_meta a closure.
#[component]
pub fn LiveTitle(
    /// The text; may read signals.
    text: impl Fn() -> String + Send + Sync + 'static,
) -> impl IntoView {
    #[cfg(feature = "ssr")]
    let text = text();
    leptos::view! { <Title text=text /> }
}
