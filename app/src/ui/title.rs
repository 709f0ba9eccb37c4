//! The title of a page that is about one thing, whose name may change while it is open.

use leptos::prelude::*;
use leptos_meta::Title;

/// The title, as `text` says it now.
///
/// The server makes the text at once: `leptos_meta` asks for titles after a page is drawn, outside of the request's own
/// arena, where a signal of this request is unknown or, worse, somebody else's. A `Title` of leptos_meta must therefore
/// not be given a closure.
#[component]
pub fn LiveTitle(
    /// What it says; reads signals.
    text: impl Fn() -> String + Send + Sync + 'static,
) -> impl IntoView {
    #[cfg(feature = "ssr")]
    let text = text();
    leptos::view! { <Title text=text /> }
}
