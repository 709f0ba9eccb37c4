//! The Overview: what needs me, what works, what was done, what it cost, how this node is. It must not show a number
//! that was not counted.

pub mod api;
mod board;
#[cfg(all(test, feature = "ssr"))]
pub mod fake;
pub mod first_run;
mod fold;
mod lanes;
mod lower;
mod page;
mod sentence;
#[cfg(all(test, feature = "ssr"))]
mod tests;
mod troubled;

use crate::{
    lazy::lazy_page,
    page::{PageLink, Place},
};
use leptos::prelude::*;
use leptos_router::{Lazy, any_nested_route::IntoAnyNestedRoute, components::Route, path};
use page::OverviewPage;

/// The Overview's entry in the lists of pages.
pub(crate) const PAGE: PageLink = PageLink {
    name: "Overview",
    href: "/",
    icon: "gauge",
    letter: Some("O"),
    place: Place::First,
};

lazy_page!(OverviewLazy, home, OverviewPage);

/// `/`.
#[component(transparent)]
pub fn OverviewRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    leptos::view! { <Route path=path!("/") view={Lazy::<OverviewLazy>::new()} /> }
        .into_inner()
        .into_any_nested_route()
}
