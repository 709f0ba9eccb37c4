//! Sessions as a list, and starting one.
//! It must not drive a session: that is the Session page's.

pub mod api;
pub mod filter;
mod form;
mod list;
mod new;
mod row;
#[cfg(all(test, feature = "ssr"))]
mod tests;

pub use new::NewSessionForm;
pub use row::{SessionRow, SessionsHead};

use leptos::prelude::*;
use leptos_router::{
    any_nested_route::IntoAnyNestedRoute,
    components::{Outlet, ParentRoute, Route},
    path,
};
use list::SessionsPage;
use new::NewSessionPage;

/// `/sessions`, `/sessions/new` and, from the Session page's folder, `/sessions/:id`.
#[component(transparent)]
pub fn SessionsRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    view! {
        <ParentRoute path=path!("/sessions") view=Outlet>
            <Route path=path!("") view=SessionsPage />
            <Route path=path!("/new") view=NewSessionPage />
            <Route path=path!("/:id") view=crate::session::SessionPage />
        </ParentRoute>
    }
    .into_inner()
    .into_any_nested_route()
}
