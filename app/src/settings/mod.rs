//! Settings: account, tokens, agents, this node, about. Every form works before WASM has loaded. The ports authorise;
//! the pages only hide what would be refused.

mod about;
mod agents;
mod api;
mod browsers;
mod node;
mod profile;
mod tokens;

use crate::{
    lazy::lazy_page,
    page::{PageLink, Place},
    ui::Icon,
    view,
};
use leptos::prelude::*;
use leptos_router::{
    Lazy,
    any_nested_route::IntoAnyNestedRoute,
    components::{A, Outlet, ParentRoute, Redirect, Route},
    path,
};

/// The groups of the list of settings, in order.
const GROUPS: [&str; 3] = [YOU, THIS_NODE, ORCHWIZ];
pub(crate) const YOU: &str = "You";
pub(crate) const THIS_NODE: &str = "This node";
pub(crate) const ORCHWIZ: &str = "OrchWiz";

/// Settings, in the lists of pages; links to the first of them.
pub(crate) const PAGE: PageLink = PageLink {
    name: "Settings",
    href: "/settings",
    icon: "settings",
    letter: None,
    place: Place::Foot,
};

/// The caller's name, password and browsers, in the lists of pages.
pub(crate) const PROFILE: PageLink = PageLink {
    name: "Profile",
    href: "/settings/profile",
    icon: "settings",
    letter: None,
    place: Place::Settings(YOU),
};

/// API tokens, in the lists of pages.
pub(crate) const TOKENS: PageLink = PageLink {
    name: "API tokens",
    href: "/settings/tokens",
    icon: "key-round",
    letter: None,
    place: Place::Settings(YOU),
};

/// The node's name, machine and health, in the lists of pages.
pub(crate) const NODE: PageLink = PageLink {
    name: "This node",
    href: "/settings/node",
    icon: "server",
    letter: None,
    place: Place::Settings(THIS_NODE),
};

/// The agents on the machine, in the lists of pages.
pub(crate) const AGENTS: PageLink = PageLink {
    name: "Agents on this machine",
    href: "/settings/agents",
    icon: "bot",
    letter: None,
    place: Place::Settings(THIS_NODE),
};

/// Version, licences, help, in the lists of pages.
pub(crate) const ABOUT: PageLink = PageLink {
    name: "About",
    href: "/settings/about",
    icon: "circle-alert",
    letter: None,
    place: Place::Settings(ORCHWIZ),
};

/// The pages of settings, in order.
pub(crate) const PAGES: &[PageLink] = &[PROFILE, TOKENS, NODE, AGENTS, ABOUT];

lazy_page!(ProfileLazy, rest, profile::Profile);
lazy_page!(TokensLazy, rest, tokens::Tokens);
lazy_page!(AgentsLazy, rest, agents::Agents);
lazy_page!(ThisNodeLazy, rest, node::ThisNode);
lazy_page!(AboutLazy, rest, about::About);

/// `/settings/...`.
#[component(transparent)]
pub(crate) fn SettingsRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    leptos::view! {
        <ParentRoute path=path!("settings") view=Settings>
            <Route path=path!("") view=|| view! { <Redirect path="/settings/profile" /> } />
            <Route path=path!("profile") view={Lazy::<ProfileLazy>::new()} />
            <Route path=path!("tokens") view={Lazy::<TokensLazy>::new()} />
            <Route path=path!("agents") view={Lazy::<AgentsLazy>::new()} />
            <Route path=path!("node") view={Lazy::<ThisNodeLazy>::new()} />
            <Route path=path!("about") view={Lazy::<AboutLazy>::new()} />
        </ParentRoute>
    }
    .into_inner()
    .into_any_nested_route()
}

#[component]
fn Settings() -> impl IntoView {
    view! {
        <div class="page">
            <div class="page-bar">
                <h1>"Settings"</h1>
            </div>
            <div class="settings">
                <nav class="settings-nav" aria-label="Settings">
                    {GROUPS
                        .map(|group| {
                            view! {
                                <h2 class="nav-t">{group}</h2>
                                {PAGES.iter()
                                    .filter(|page| page.place == Place::Settings(group))
                                    .map(|page| view! { <A href=page.href><Icon name=page.icon /> {page.name}</A> })
                                    .collect_view()}
                            }
                        })
                        .collect_view()}
                </nav>
                <div class="settings-page"><Outlet /></div>
            </div>
        </div>
    }
}

/// A section of a settings page: its purpose on the left, its controls on the right.
#[component]
fn Part(
    /// Its name; also names the section for screen readers.
    title: &'static str,
    /// The section's id.
    id: &'static str,
    /// Its purpose.
    #[prop(optional, into)]
    text: String,
    /// Its controls.
    children: Children,
) -> impl IntoView {
    view! {
        <section class="set" aria-labelledby=id>
            <header>
                <h2 id=id>{title}</h2>
                <p class="muted">{text}</p>
            </header>
            <div class="set-b">{children()}</div>
        </section>
    }
}
