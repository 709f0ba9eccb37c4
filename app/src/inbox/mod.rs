//! The Inbox: everything that waits for a person, one decision at a time. It must not know what an answer does to a
//! session; the node knows that.

pub mod api;
mod detail;
#[cfg(all(test, feature = "ssr"))]
pub mod fake;
mod lists;
mod named;
mod page;
#[cfg(all(test, feature = "ssr"))]
mod tests;

use crate::{
    lazy::lazy_page,
    page::{PageLink, Place},
};
use leptos::prelude::*;
use leptos_router::{Lazy, any_nested_route::IntoAnyNestedRoute, components::Route, path};
use page::InboxPage;

/// The Inbox's entry in the lists of pages.
pub(crate) const PAGE: PageLink = PageLink {
    name: "Inbox",
    href: "/inbox",
    icon: "inbox",
    letter: Some("I"),
    place: Place::First,
};

lazy_page!(InboxLazy, home, InboxPage);

/// `/inbox`.
#[component(transparent)]
pub fn InboxRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    leptos::view! { <Route path=path!("/inbox") view={Lazy::<InboxLazy>::new()} /> }
        .into_inner()
        .into_any_nested_route()
}
