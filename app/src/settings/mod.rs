//! Settings: one's own account and tokens, the agents found, this node, about. Every form works before WASM has loaded.
//! It must not decide who may what; the ports do, the page only hides what would be refused.

mod about;
mod agents;
mod api;
mod browsers;
mod node;
mod profile;
mod tokens;

use crate::{lazy::lazy_page, view};
use leptos::prelude::*;
use leptos_router::{
    Lazy,
    any_nested_route::IntoAnyNestedRoute,
    components::{A, Outlet, ParentRoute, Redirect, Route},
    path,
};

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
            <nav class="tabs" aria-label="Settings">
                <A href="/settings/profile">"Profile"</A>
                <A href="/settings/tokens">"API tokens"</A>
                <A href="/settings/agents">"Agents"</A>
                <A href="/settings/node">"This node"</A>
                <A href="/settings/about">"About"</A>
            </nav>
            <Outlet />
        </div>
    }
}

/// A part of a settings page: what it is on the left, what can be done about it on the right.
#[component]
fn Part(
    /// Its name; also names the section for screen readers.
    title: &'static str,
    /// The section's id.
    id: &'static str,
    /// What it is for.
    #[prop(optional, into)]
    text: String,
    /// What can be done.
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
