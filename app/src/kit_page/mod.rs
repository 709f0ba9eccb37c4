//! `/kit`: every component of the kit in every state, for people and for the accessibility test. It shows no data of
//! the node.

mod buttons;
mod charts;
mod choices;
mod code;
mod colour;
mod decisions;
mod fields;
mod floats;
mod lanes;
mod moments;
mod sample;
mod states;
mod status;
mod table_rows;
mod tools;
mod type_sizes;

use crate::{
    lazy::lazy_page,
    page::{PageLink, Place},
    ui::Mark,
    view,
};
use buttons::Buttons;
use charts::Charts;
use choices::Choices;
use code::Code;
use colour::Colour;
use decisions::Decisions;
use fields::Fields;
use floats::Floats;
use lanes::Lanes;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{
    Lazy,
    any_nested_route::IntoAnyNestedRoute,
    components::{Outlet, ParentRoute, Route},
    path,
};
use moments::Moments;
use states::States;
use status::Status;
use table_rows::TableRows;
use tools::Tools;
use type_sizes::Type;

/// The kit's entry in the lists of pages.
pub(crate) const PAGE: PageLink = PageLink {
    name: "Kit",
    href: "/kit",
    icon: "columns-3",
    letter: None,
    place: Place::Palette,
};

/// The sample page's entry in the lists of pages.
pub(crate) const SAMPLE: PageLink = PageLink {
    name: "Sample page",
    href: "/kit/sample",
    icon: "file-text",
    letter: None,
    place: Place::Palette,
};

lazy_page!(KitLazy, rest, Kit);
lazy_page!(SampleLazy, rest, sample::Sample);

/// `/kit` and `/kit/sample`.
#[component(transparent)]
pub(crate) fn KitRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    leptos::view! {
        <ParentRoute path=path!("/kit") view=Outlet>
            <Route path=path!("") view={Lazy::<KitLazy>::new()} />
            <Route path=path!("/sample") view={Lazy::<SampleLazy>::new()} />
        </ParentRoute>
    }
    .into_inner()
    .into_any_nested_route()
}

/// 2026-11-22 14:36:05 UTC. The kit uses a fixed time.
const AT: model::Millis = 1_795_358_165_000;

#[component]
fn Kit() -> impl IntoView {
    view! {
        <Title text="Kit" />
        <div class="kit">
            <header class="page-bar">
                <Mark />
                <h1>"Kit"</h1>
                <span class="muted xs">"every component in its states"</span>
            </header>
            <Colour />
            <Type />
            <Status />
            <Buttons />
            <Fields />
            <Choices />
            <TableRows />
            <Tools />
            <Code />
            <Decisions />
            <Lanes />
            <Moments />
            <Floats />
            <States />
            <Charts />
        </div>
    }
}

/// A section for one kind of component.
#[component]
fn Part(
    /// Its name.
    title: &'static str,
    /// The rule it follows.
    #[prop(optional)]
    rule: &'static str,
    /// Its states.
    children: Children,
) -> impl IntoView {
    view! {
        <section class="kx" aria-label=title>
            <header>
                <h2>{title}</h2>
                <p class="xs faint">{rule}</p>
            </header>
            <div class="kx-b">{children()}</div>
        </section>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use crate::testing::Fake;

    #[tokio::test]
    async fn the_kit_shows_every_component_to_whoever_is_signed_in() {
        let page = Fake::default().render("/kit").await;
        assert_eq!(page.status, 200);
        page.shows(&[
            "Needs you",
            "Interrupted",
            "Allow once",
            "Nothing here yet",
            "aria-invalid=\"true\"",
            "role=\"tablist\"",
            "dl-a",
            "meter",
            "Too many tries.",
        ]);
    }

    #[tokio::test]
    async fn nobody_sees_the_kit_without_signing_in() {
        let page = Fake {
            caller: None,
            ..Fake::default()
        }
        .render("/kit")
        .await;
        assert_eq!(page.status, 302);
    }
}
