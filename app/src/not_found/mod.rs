//! The page for unknown paths: says so with status 404, and links on.

use crate::{auth::Sheet, error::reject, view};
use leptos::prelude::*;
use leptos_meta::Title;

/// The page for unknown paths.
#[component]
pub fn NotFound() -> impl IntoView {
    // Only sets the status; the view below shows the message.
    let _ = reject(model::Error::NotFound("page".into()));
    view! {
        <Title text="Not found" />
        <Sheet title="There is no such page">
            <p class="muted">"The address may be mistyped, or what it led to was deleted."</p>
            <div class="acts">
                <a class="btn btn-lg" href="/">
                    "Overview"
                </a>
                <a class="btn btn-lg" href="/sessions">
                    "Sessions"
                </a>
            </div>
        </Sheet>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use crate::testing::Fake;

    #[tokio::test]
    async fn an_address_that_leads_nowhere_answers_404() {
        let page = Fake::default().render("/no/such/page").await;
        assert_eq!(page.status, 404);
        page.shows(&["There is no such page", "Overview", "Switch theme"]);
    }
}
