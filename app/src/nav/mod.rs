//! The frame around every page: rail, top bar, bottom bar, palette, keys, announcer. It reads the caller and follows
//! the node. It is above all pages and lists them; no page imports it.

mod keys;
mod pages;
mod palette;
mod rail;
mod top;

pub(crate) use pages::{PAGES, pages_in};

use crate::{
    AppError, NodeResource, browser,
    frame::{FrameResource, LastProjects, PageVerbs, look_of, read_frame, remind},
    live::{LiveState, use_live},
    page::{PageLink, Place},
    sessions::filter::encode,
    settings,
    ui::{ErrorNote, Exact, Icon, Look, Menu, Note, NoteTone},
    view,
};
use keys::KeysDialog;
use leptos::prelude::*;
use leptos_router::{components::Outlet, hooks::use_navigate};
use model::{Millis, live::Topic};
use pages::page_of_letter;
use palette::Palette;
use rail::{Item, LastUsed, Rail};
use top::Top;

/// The dialogs of the frame.
#[derive(Clone, Copy)]
pub(crate) struct Open {
    /// The command palette.
    pub palette: RwSignal<bool>,
    /// The list of keys.
    pub keys: RwSignal<bool>,
}

impl Open {
    /// Whether the code of an opened dialog is still being fetched.
    fn is_coming(self) -> bool {
        [(self.palette, "dialog.palette"), (self.keys, "dialog.keys")]
            .iter()
            .any(|(open, dialog)| open.get_untracked() && !browser::has(dialog))
    }
}

/// The path of the sign-in page, with the way back. Slashes stay readable.
pub(crate) fn sign_in_path(back: &str) -> String {
    if back.is_empty() || back == "/" {
        "/signin".to_owned()
    } else {
        format!("/signin?next={}", encode(back).replace("%2F", "/"))
    }
}

/// Redirects anonymous visitors to the sign-in page; `true` if it did. Pages are not rendered for them.
#[cfg(feature = "ssr")]
fn turned_away() -> bool {
    if crate::server::caller().is_ok() {
        return false;
    }
    leptos_axum::redirect(&sign_in_path(&crate::server::requested_path()));
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::FOUND);
    }
    true
}

/// Leads to the sign-in page and back, if the error says that the login has ended.
fn leave_if_signed_out(error: &AppError) {
    if error.is_unauthenticated() {
        browser::leave_for(&sign_in_path(&browser::current_path()));
    }
}

/// How long after `G` the next key opens a page.
const GO_MS: Millis = 1_500;

/// Whether a key at `now` belongs to the `G` at `since`.
fn follows(since: Millis, now: Option<Millis>) -> bool {
    now.is_some_and(|now| (0..=GO_MS).contains(&(now - since)))
}

/// The frame; its outlet is the page.
#[component]
pub fn Frame() -> impl IntoView {
    #[cfg(feature = "ssr")]
    if turned_away() {
        return ().into_any();
    }
    let live = use_live();
    let open = Open {
        palette: RwSignal::new(false),
        keys: RwSignal::new(false),
    };
    provide_context(open);
    let frame: FrameResource = NodeResource::blocking(move || live.reloads.track(), read_frame);
    provide_context(frame);
    provide_context(LastProjects::follow());
    provide_context(PageVerbs::new());
    remind();

    Effect::new(move || match frame.get() {
        Some(Ok(view)) => {
            live.prime(view.pending, view.health);
            live.follow(vec![Topic::Node], view.pos);
        }
        Some(Err(error)) => leave_if_signed_out(&error),
        None => {}
    });
    // The login may have ended. While the node is away the page stays, since nothing more is known.
    Effect::new(move || {
        if live.doubts() > 0 {
            leptos::task::spawn_local(async move {
                match read_frame().await {
                    Ok(_) => frame.refetch(),
                    Err(error) => leave_if_signed_out(&error),
                }
            });
        }
    });

    let navigate = use_navigate();
    // The time of the last `G`.
    let going = StoredValue::new(None::<Millis>);
    browser::on_keys(move |key| {
        let go = |path: &str| navigate(path, leptos_router::NavigateOptions::default());
        if key.is_command("k") {
            open.palette.update(|shown| *shown = !*shown);
        } else if !key.command && open.is_coming() {
            // Until its code has come, other keys do nothing.
        } else if going
            .try_update_value(Option::take)
            .flatten()
            .is_some_and(|since| follows(since, browser::now()))
            && !key.typing
            && !key.command
        {
            // Any key after `G` ends here, so that it answers no decision.
            if let Some(page) = page_of_letter(&key.key) {
                go(page.href);
            }
        } else if key.is("g") {
            going.set_value(browser::now());
        } else if key.is("n") {
            go("/sessions/new");
        } else if key.is("[") {
            browser::flip("rail");
        } else if key.is("?") {
            open.keys.set(true);
        } else {
            return false;
        }
        true
    });

    view! {
        <a class="skip" href="#main">
            "Skip to content"
        </a>
        <div class="app">
            <Rail frame=frame />
            <div class="col">
                <Top frame=frame />
                <main id="main" class="main" tabindex="-1">
                    <Suspense>
                        {move || {
                            frame
                                .get()
                                .and_then(Result::err)
                                .filter(|error| !error.is_unauthenticated())
                                .map(|error| {
                                    view! {
                                        <div class="frame-note">
                                            <ErrorNote error=error title="The node could not be read." retry=move |()| frame.refetch() />
                                        </div>
                                    }
                                })
                        }}
                    </Suspense>
                    <Offline />
                    <Outlet />
                </main>
            </div>
            <BottomBar frame=frame />
        </div>
        <Announcer />
        <Palette open=open.palette />
        <KeysDialog open=open.keys />
    }
}

/// The notice of a lost connection, where no rail shows it. The announcer reads it aloud, not this.
#[component]
fn Offline() -> impl IntoView {
    let live = use_live();
    // Neither the server nor a page during hydration is offline, so both render nothing here.
    let since = Memo::new(move |_| match live.state.get() {
        LiveState::Offline { since } => Some(since),
        LiveState::Live | LiveState::CatchingUp => None,
    });
    move || {
        since.get().map(|since| {
            view! {
                <div class="frame-note only-slim">
                    <Note tone=NoteTone::Warning>
                        "Offline since " <Exact at=since time=true /> "; what you see is from then."
                    </Note>
                </div>
            }
        })
    }
}

/// The bottom bar of a phone: three pages, and a sheet with all others.
#[component]
fn BottomBar(
    /// Has the number of pending approvals.
    frame: FrameResource,
) -> impl IntoView {
    let open = expect_context::<Open>();
    let last = expect_context::<LastProjects>();
    let item = move |page: &'static PageLink| view! { <Item page=page frame=frame /> };
    let settings = [settings::YOU, settings::THIS_NODE, settings::ORCHWIZ].map(|group| {
        view! {
            <h2 class="menu-t">{group}</h2>
            {pages_in(Place::Settings(group)).map(item).collect_view()}
        }
    });
    view! {
        <nav class="tabs-bottom" aria-label="Main pages">
            {pages_in(Place::First).map(item).collect_view()}
            <Menu
                label="More pages"
                button="tab-more"
                class="sheet"
                up=true
                end=true
                trigger=|| {
                    view! {
                        <Icon name="menu" />
                        "More"
                    }
                }
            >
                <button type="button" class="find" on:click=move |_| open.palette.set(true)>
                    <Icon name="search" />
                    <span>"Search or run a command"</span>
                </button>
                <h2 class="menu-t">"Pages"</h2>
                {pages_in(Place::Rail).map(item).collect_view()}
                {pages_in(Place::Projects).map(item).collect_view()}
                <div class="nav-sub"><LastUsed last=last /></div>
                {settings.collect_view()}
                {pages_in(Place::Card).chain(pages_in(Place::Foot)).map(item).collect_view()}
            </Menu>
        </nav>
    }
}

/// The number of pending approvals; nothing for zero.
#[component]
fn Pending(
    /// The count before the socket's first message.
    frame: FrameResource,
) -> impl IntoView {
    let live = use_live();
    view! {
        <Transition>
            {move || {
                let read = frame.get().and_then(Result::ok).map_or(0, |view| view.pending);
                let pending = live.pending_or(read);
                (pending > 0)
                    .then(|| {
                        view! {
                            <b class="n n-hot">
                                {pending}
                                <span class="vh">{if pending == 1 { " waits" } else { " wait" }}</span>
                            </b>
                        }
                    })
            }}
        </Transition>
    }
}

/// Reads aloud what arrives by itself: pending approvals, and a lost connection.
#[component]
fn Announcer() -> impl IntoView {
    let live = use_live();
    let said = RwSignal::new(String::new());
    Effect::new(move |before: Option<i64>| {
        let pending = live.pending.get();
        match before {
            Some(before) if pending > before => {
                said.set(if pending == 1 {
                    "1 approval waits for you".to_owned()
                } else {
                    format!("{pending} approvals wait for you")
                });
            }
            // The same text twice is read once, so it is cleared: the next approval may lead to the same count.
            Some(before) if pending < before => said.set(String::new()),
            _ => {}
        }
        pending
    });
    Effect::new(move |before: Option<Look>| {
        let look = look_of(live.state.get());
        if before.is_some_and(|before| before != look) {
            said.set(look.word.to_owned());
        }
        look
    });
    view! {
        <p class="vh" role="status" aria-live="polite">
            {said}
        </p>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_survives_the_sign_in_page() {
        assert_eq!(sign_in_path("/"), "/signin");
        assert_eq!(
            sign_in_path("/sessions?state=failed&q=a b"),
            "/signin?next=/sessions%3Fstate%3Dfailed%26q%3Da%20b"
        );
        assert_eq!(encode("ü\n"), "%C3%BC%0A");
    }
}

#[cfg(all(test, feature = "ssr"))]
mod page_tests {
    use crate::testing::{Fake, approval, caller};
    use model::{Error, Role};

    #[tokio::test]
    async fn whoever_is_not_signed_in_is_led_to_the_sign_in_page_and_sees_nothing() {
        let page = Fake {
            caller: None,
            ..Fake::default()
        }
        .render("/settings/profile?x=1")
        .await;
        assert_eq!(
            (page.status, page.location.as_deref()),
            (302, Some("/signin?next=/settings/profile%3Fx%3D1"))
        );
        page.lacks(&["workbench", "Overview"]);
    }

    #[tokio::test]
    async fn the_frame_shows_who_where_and_what_waits() {
        let page = Fake {
            approvals: vec![approval(1, |_| {}), approval(2, |_| {})].into(),
            ..Fake::default()
        }
        .render("/settings/about")
        .await;
        assert_eq!(page.status, 200);
        page.shows(&[
            "Skip to content",
            "workbench",
            "local",
            "Inbox",
            ">2<",
            "mara, owner",
            "aria-current=\"page\"",
            "New session",
        ]);
        page.offers(&[("link", "Fleet: workbench local")]);
        page.lacks(&["Permissions", "Checks"]);
    }

    #[tokio::test]
    async fn nothing_waiting_shows_no_zero() {
        let page = Fake {
            caller: Some(caller(Role::Viewer)),
            ..Fake::default()
        }
        .render("/settings/about")
        .await;
        page.withholds(&[("link", " wait")]).shows(&["mara, viewer"]);
    }

    #[tokio::test]
    async fn a_frame_that_cannot_be_read_says_so_with_its_reference() {
        let fake = Fake {
            frame_fails: true,
            ..Fake::failing(Error::Internal("ref-7".into()))
        };
        let page = fake.render("/settings/about").await;
        assert_eq!(page.status, 500);
        page.shows(&["The node could not be read.", "ref-7"]);
    }
}
