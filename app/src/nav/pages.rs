//! The table of pages, from which all lists of pages are rendered: the rail, the phone's bar and its "More", the
//! palette, the keys after `G`, the list under `?`, the settings. Each feature exports its `PAGE`.

use crate::{
    fleet, inbox, kit_page, overview,
    page::{PageLink, Place},
    projects, sessions, settings, usage,
};

/// All pages, in the order of the lists.
pub(crate) const PAGES: &[PageLink] = &[
    overview::PAGE,
    inbox::PAGE,
    sessions::PAGE,
    usage::PAGE,
    projects::PAGE,
    fleet::PAGE,
    settings::PAGE,
    settings::PROFILE,
    settings::TOKENS,
    settings::NODE,
    settings::AGENTS,
    settings::ABOUT,
    kit_page::PAGE,
    kit_page::SAMPLE,
];

/// The pages of a place.
pub(crate) fn pages_in(place: Place) -> impl Iterator<Item = &'static PageLink> {
    PAGES.iter().filter(move |page| page.place == place)
}

/// The page that this key opens after `G`, ignoring case.
pub(crate) fn page_of_letter(key: &str) -> Option<&'static PageLink> {
    PAGES
        .iter()
        .find(|page| page.letter.is_some_and(|letter| letter.eq_ignore_ascii_case(key)))
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::testing::Fake;

    /// Static routes that no list contains: a page for something new, pages without login, the link of set-up.
    const ELSEWHERE: &[&str] = &["/sessions/new", "/signin", "/setup"];

    #[test]
    fn every_static_page_is_in_the_table_and_nothing_else_is() {
        let routes: Vec<String> = leptos_axum::generate_route_list(crate::App)
            .iter()
            .map(|route| route.path().to_owned())
            .collect();
        assert!(routes.len() > 10, "{routes:?}");
        for page in PAGES {
            assert!(
                routes.iter().any(|route| route == page.href),
                "{} leads to {}, which is no route of {routes:?}",
                page.name,
                page.href
            );
        }
        for route in routes.iter().filter(|route| !route.contains([':', '{', '*'])) {
            assert!(
                PAGES.iter().any(|page| page.href == route) || ELSEWHERE.contains(&route.as_str()),
                "nothing lists {route}"
            );
        }
    }

    #[test]
    fn every_page_is_on_the_tour_of_the_browsers_tests() {
        let tour = include_str!("../../../end2end/fixtures/tour.ts");
        // The list of settings links to the first of them.
        for page in PAGES.iter().filter(|page| page.href != settings::PAGE.href) {
            assert!(
                tour.contains(&format!("\"{}\"", page.href)),
                "axe and the screenshots do not see {}: add it to end2end/fixtures/tour.ts",
                page.href
            );
        }
    }

    #[test]
    fn no_two_pages_share_a_letter_a_name_or_a_path() {
        for (at, page) in PAGES.iter().enumerate() {
            for other in &PAGES[at + 1..] {
                assert!(
                    page.letter.is_none() || page.letter != other.letter,
                    "{} and {}",
                    page.name,
                    other.name
                );
                assert!(
                    page.name != other.name && page.href != other.href,
                    "{} and {}",
                    page.name,
                    other.name
                );
            }
        }
        assert_eq!(page_of_letter("o").map(|page| page.href), Some("/"));
        assert_eq!(page_of_letter("x"), None);
    }

    #[tokio::test]
    async fn each_page_answers_and_its_list_leads_to_it() {
        for page in PAGES {
            let rendered = Fake::default().render(page.href).await;
            let leads_on = page.href == settings::PAGE.href;
            assert_eq!(rendered.status, if leads_on { 302 } else { 200 }, "{}", page.href);
        }
        let (home, about) = (
            Fake::default().render("/").await,
            Fake::default().render("/settings/about").await,
        );
        for page in PAGES {
            let links = |html: &str| html.matches(&format!("href=\"{}\"", page.href)).count();
            match page.place {
                Place::First | Place::Rail | Place::Projects | Place::Card | Place::Foot => {
                    assert!(links(&home.html) >= 2, "the rail and the phone lead to {}", page.name);
                }
                Place::Settings(_) => assert!(links(&about.html) >= 1, "the list of settings leads to {}", page.name),
                Place::Palette => {}
            }
        }
    }
}
