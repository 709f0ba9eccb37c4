//! The application: the HTML document, the parts that all pages share, and one line per feature in the table of routes.
//! It must not know what is on a page.

#[cfg(feature = "ssr")]
use crate::browser::HEAD_SCRIPT;
use crate::{
    auth::AuthRoutes,
    fleet::FleetRoutes,
    inbox::InboxRoutes,
    kit_page::KitRoutes,
    live::provide_live,
    nav::Frame,
    not_found::NotFound,
    overview::OverviewRoutes,
    projects::ProjectsRoutes,
    sessions::SessionsRoutes,
    settings::SettingsRoutes,
    ui::{ToastsView, provide_clock, provide_toasts},
    usage::UsageRoutes,
};
use leptos::prelude::*;
#[cfg(feature = "ssr")]
use leptos::{config::LeptosOptions, nonce::use_nonce};
#[cfg(feature = "ssr")]
use leptos_meta::{HashedStylesheet, MetaTags};
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{ParentRoute, Router, Routes},
    path,
};

/// The HTML document; rendered on the server only.
#[cfg(feature = "ssr")]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let nonce = use_nonce();
    leptos::view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
                <meta name="color-scheme" content="light dark" />
                <script nonce=nonce>{HEAD_SCRIPT}</script>
                <link rel="preload" href="/fonts/inter-latin-wght-normal.woff2" r#as="font" r#type="font/woff2" crossorigin="anonymous" />
                <HashedStylesheet options=options.clone() id="style" />
                <link rel="icon" href="/favicon.svg" r#type="image/svg+xml" />
                <link rel="icon" href="/favicon.ico" sizes="32x32" />
                <link rel="apple-touch-icon" href="/icon-180.png" />
                <link rel="manifest" href="/manifest.webmanifest" />
                <HydrationScripts options=options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// The page's own part of a title: `Inbox` in `(2) Inbox · OrchWiz`.
fn page_in(title: &str) -> &str {
    let (page, _) = title.rsplit_once(" · OrchWiz").unwrap_or_default();
    let counted = page
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(") "))
        .filter(|(count, _)| count.parse::<i64>().is_ok());
    counted.map_or(page, |(_, page)| page)
}

/// The dashboard.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_clock();
    provide_toasts();
    let live = provide_live();
    let title = move |page: String| {
        let name = if page.is_empty() {
            "OrchWiz".to_owned()
        } else {
            format!("{page} · OrchWiz")
        };
        // The server has no socket that counts, and must not read a signal here: see `ui::LiveTitle`. `leptos_meta`
        // does not escape titles, so a name that closes the element would continue as markup.
        if cfg!(feature = "ssr") {
            return name.replace('&', "&amp;").replace('<', "&lt;");
        }
        match live.pending.get() {
            0 => name,
            pending => format!("({pending}) {name}"),
        }
    };
    // The present title stays until a page sets its own: during hydration, and while another page is fetched.
    // `leptos_meta` would first set an empty one.
    let standing = move || {
        if cfg!(feature = "hydrate") {
            page_in(&document().title()).to_owned()
        } else {
            String::new()
        }
    };
    let drawn = standing();
    let standing = move || {
        Some(standing())
            .filter(|page| !page.is_empty())
            .unwrap_or_else(|| drawn.clone())
    };
    leptos::view! {
        <Title text=standing formatter=title />
        <Router>
            <Routes fallback=NotFound>
                <ParentRoute path=path!("") view=Frame ssr=SsrMode::Async>
                    <OverviewRoutes />
                    <InboxRoutes />
                    <SessionsRoutes />
                    <ProjectsRoutes />
                    <UsageRoutes />
                    <FleetRoutes />
                    <SettingsRoutes />
                    <KitRoutes />
                </ParentRoute>
                <AuthRoutes />
            </Routes>
        </Router>
        <ToastsView />
    }
}

#[cfg(test)]
mod tests {
    use super::page_in;

    #[test]
    fn a_title_gives_back_the_page_that_it_names() {
        assert_eq!(page_in("Sign in · OrchWiz"), "Sign in");
        assert_eq!(page_in("(12) Inbox · OrchWiz"), "Inbox");
        assert_eq!(page_in("(draft) a · OrchWiz · OrchWiz"), "(draft) a · OrchWiz");
        assert_eq!([page_in("OrchWiz"), page_in("")], ["", ""]);
    }
}
