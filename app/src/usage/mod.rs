//! Usage: tokens and cost by day, project and model. Costs are the agents' own estimates, and pages say so. A cost that
//! no agent reported is unknown, never zero.

pub mod api;
#[cfg(all(test, feature = "ssr"))]
pub mod fake;
mod page;
pub mod sums;
#[cfg(all(test, feature = "ssr"))]
mod tests;

use crate::{
    lazy::lazy_page,
    page::{PageLink, Place},
};
use leptos::prelude::*;
use leptos_router::{Lazy, any_nested_route::IntoAnyNestedRoute, components::Route, path};
use page::UsagePage;

/// The entry of Usage in the lists of pages.
pub(crate) const PAGE: PageLink = PageLink {
    name: "Usage",
    href: "/usage",
    icon: "zap",
    letter: Some("U"),
    place: Place::Rail,
};

lazy_page!(UsageLazy, rest, UsagePage);

/// `/usage`.
#[component(transparent)]
pub fn UsageRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    leptos::view! { <Route path=path!("/usage") view={Lazy::<UsageLazy>::new()} /> }
        .into_inner()
        .into_any_nested_route()
}
