//! The fleet: the nodes that this one knows, its links to them, and how two nodes are paired. It must not decide who a
//! peer is: people compare fingerprints, and the node checks keys.

pub mod api;
#[cfg(all(test, feature = "ssr"))]
pub mod fake;
mod link;
mod lists;
mod map;
mod node;
mod page;
mod pair;
mod parts;
#[cfg(all(test, feature = "ssr"))]
mod tests;
mod words;

use crate::{
    NodeAction, browser,
    lazy::lazy_page,
    page::{PageLink, Place},
};
use leptos::prelude::*;
use leptos_router::{
    Lazy,
    any_nested_route::IntoAnyNestedRoute,
    components::{Outlet, ParentRoute, Route},
    path,
};
use link::LinkPage;
use node::NodePage;
use page::FleetPage;
use std::time::Duration;

/// The entry of the fleet in the lists of pages.
pub(crate) const PAGE: PageLink = PageLink {
    name: "Fleet",
    href: "/fleet",
    icon: "network",
    letter: Some("F"),
    place: Place::Card,
};

lazy_page!(FleetLazy, rest, FleetPage);
lazy_page!(LinkLazy, rest, LinkPage);
lazy_page!(NodeLazy, rest, NodePage);

/// `/fleet`, `/fleet/links/:id` and `/fleet/nodes/:id`.
#[component(transparent)]
pub fn FleetRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    leptos::view! {
        <ParentRoute path=path!("/fleet") view=Outlet>
            <Route path=path!("") view={Lazy::<FleetLazy>::new()} />
            <Route path=path!("/links/:id") view={Lazy::<LinkLazy>::new()} />
            <Route path=path!("/nodes/:id") view={Lazy::<NodeLazy>::new()} />
        </ParentRoute>
    }
    .into_inner()
    .into_any_nested_route()
}

/// How often an open page reads again: links and what is heard of nodes move without any event.
const AGAIN: Duration = Duration::from_secs(3);

/// Reads again every few seconds while the page is looked at, and when the given callback is run. A failed read changes
/// nothing: the frame says that the node is away.
fn reread<F: Future<Output = ()> + 'static>(read: impl Fn() -> F + Send + Sync + 'static) -> Callback<()> {
    let reading = NodeAction::new(move |(): &()| read());
    browser::every(AGAIN, move || {
        if !browser::is_hidden() && !reading.pending().get_untracked() {
            reading.dispatch(());
        }
    });
    Callback::new(move |()| reading.dispatch(()))
}
