//! Projects: the folders this node knows, their trust, and the time limits of their approvals. It must not read a
//! folder: the node says what is there.

pub mod api;
#[cfg(all(test, feature = "ssr"))]
pub mod fake;
mod list;
mod page;
#[cfg(all(test, feature = "ssr"))]
mod tests;

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
use list::ProjectsPage;
use page::ProjectPage;

/// The entry of the list of projects in the lists of pages.
pub(crate) const PAGE: PageLink = PageLink {
    name: "Projects",
    href: "/projects",
    icon: "folder-git-2",
    letter: Some("P"),
    place: Place::Projects,
};

lazy_page!(ProjectsLazy, rest, ProjectsPage);
lazy_page!(ProjectLazy, rest, ProjectPage);

/// `/projects` and `/projects/:id`.
#[component(transparent)]
pub fn ProjectsRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    leptos::view! {
        <ParentRoute path=path!("/projects") view=Outlet>
            <Route path=path!("") view={Lazy::<ProjectsLazy>::new()} />
            <Route path=path!("/:id") view={Lazy::<ProjectLazy>::new()} />
        </ParentRoute>
    }
    .into_inner()
    .into_any_nested_route()
}
