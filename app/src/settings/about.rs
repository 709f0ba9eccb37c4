//! The version, licences and help.

use super::Part;
use crate::{
    NodeResource,
    frame::use_frame,
    ui::{Icon, Mark},
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;

/// `/settings/about`.
#[component]
pub(super) fn About() -> impl IntoView {
    let frame = use_frame();
    let version = move || {
        frame
            .and_then(NodeResource::get)
            .and_then(Result::ok)
            .map(|view| view.node.version)
    };
    view! {
        <Title text="About" />
        <Part title="OrchWiz" id="b-what" text="Runs, watches and governs AI coding assistants.">
            <p class="row">
                <Mark />
                <span>"Version "</span>
                <Suspense>
                    <code>{version}</code>
                </Suspense>
            </p>
            <p class="muted">"MIT licence. Nothing leaves this node by itself: no telemetry, no fonts or scripts from elsewhere."</p>
        </Part>
        <Part title="For programs" id="b-api" text="Everything the pages can do, with an API token.">
            <p>
                <a class="link row" href="/api/openapi.json" rel="external">
                    "OpenAPI document"
                    <Icon name="external-link" small=true />
                </a>
            </p>
            <p class="muted">"Components in all their states are on the " <a class="link" href="/kit">"kit page"</a> "."</p>
        </Part>
        <Part title="Thanks" id="b-thanks">
            <p class="muted">
                "Type: Inter and JetBrains Mono (SIL Open Font Licence 1.1). Icons: Lucide (ISC licence). Built with Leptos, axum and SeaORM."
            </p>
        </Part>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use crate::testing::Fake;

    #[tokio::test]
    async fn about_names_the_version_and_the_licences() {
        Fake::default()
            .render("/settings/about")
            .await
            .shows(&["0.1.0", "MIT licence", "Lucide", "/api/openapi.json"]);
    }

    #[tokio::test]
    async fn settings_lead_to_the_profile() {
        let page = Fake::default().render("/settings").await;
        assert_eq!(page.location.as_deref(), Some("/settings/profile"));
    }
}
