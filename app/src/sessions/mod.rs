//! The list of sessions, and the form that starts one. It must not drive a session; the Session page does.

mod actions;
pub mod api;
#[cfg(all(test, feature = "ssr"))]
pub mod fake;
pub mod filter;
mod filters;
#[cfg(feature = "ssr")]
mod form;
mod list;
mod new;
mod order;
mod row;
#[cfg(all(test, feature = "ssr"))]
mod tests;

pub use order::patch_sessions;
pub use row::{SessionRow, SessionsHead};

use crate::{
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
use list::SessionsPage;
use new::NewSessionPage;

/// The entry of the list of sessions in the lists of pages.
pub(crate) const PAGE: PageLink = PageLink {
    name: "Sessions",
    href: "/sessions",
    icon: "square-terminal",
    letter: Some("S"),
    place: Place::First,
};

lazy_page!(SessionsLazy, sessions, SessionsPage);
lazy_page!(NewSessionLazy, sessions, NewSessionPage);
lazy_page!(SessionLazy, session, crate::session::SessionPage);

/// `/sessions`, `/sessions/new` and, from the Session page's folder, `/sessions/:id`.
#[component(transparent)]
pub fn SessionsRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    leptos::view! {
        <ParentRoute path=path!("/sessions") view=Outlet>
            <Route path=path!("") view={Lazy::<SessionsLazy>::new()} />
            <Route path=path!("/new") view={Lazy::<NewSessionLazy>::new()} />
            <Route path=path!("/:id") view={Lazy::<SessionLazy>::new()} />
        </ParentRoute>
    }
    .into_inner()
    .into_any_nested_route()
}
