//! Usage: tokens and cost by day, project and model. Costs are the agents' own estimates and are called so.
//! What no agent said is not known, never zero.

pub mod api;
mod page;
pub mod sums;
#[cfg(all(test, feature = "ssr"))]
mod tests;

use leptos::prelude::*;
use leptos_router::{any_nested_route::IntoAnyNestedRoute, components::Route, path};
use page::UsagePage;

/// `/usage`.
#[component(transparent)]
pub fn UsageRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    view! { <Route path=path!("/usage") view=UsagePage /> }.into_inner().into_any_nested_route()
}
