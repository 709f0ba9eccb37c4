//! The caller's account: name and role, theme, password, logins.

use super::{
    Part,
    api::{ProfileView, profile},
    browsers::browser_name,
};
use crate::{
    NodeResource,
    auth::words::{self, Beside},
    browser::{Density, show_pressed},
    frame::{ReminderChoice, ThemeSegment},
    ui::{Ago, Note, NoteTone, QueryState, TextInput, format},
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::accounts::Login;

/// `/settings/profile?saved&error&retry`.
#[component]
pub(super) fn Profile() -> impl IntoView {
    let profile = NodeResource::new(|| (), profile);
    view! {
        <Title text="Profile" />
        <QueryState query=profile failed="The profile could not be read." content=|view| view! { <Content view=view /> } />
    }
}

#[component]
fn Content(
    /// The reading.
    view: ProfileView,
) -> impl IntoView {
    let ProfileView { me, logins } = view;
    let user = me.name.clone();
    view! {
        <Part title="Account" id="p-account">
            <dl class="kv">
                <dt>"Name"</dt>
                <dd>{me.name}</dd>
                <dt>"Role"</dt>
                <dd>{me.role.word()}</dd>
            </dl>
            <form class="acts" method="post" action="/auth/logout">
                <button type="submit" class="btn btn-lg">
                    "Sign out"
                </button>
            </form>
        </Part>
        <Part title="Appearance" id="p-look" text="Remembered in this browser.">
            <div class="field">
                <span class="label">"Theme"</span>
                <ThemeSegment />
            </div>
            <div class="field">
                <span class="label">"Rows"</span>
                <DensitySegment />
            </div>
        </Part>
        <Part title="Notifications" id="p-notices" text="Remembered in this browser.">
            <ReminderChoice />
        </Part>
        <Part title="Password" id="p-password" text="Changing it signs you out everywhere else.">
            <PasswordForm user=user />
        </Part>
        <Part title="Where you are signed in" id="p-logins">
            <Logins logins=logins.clone() />
            <SignOutEverywhere logins=logins />
        </Part>
    }
}

/// Asks for confirmation and names what will end. Works without WASM, like revoking a token.
#[component]
fn SignOutEverywhere(
    /// All logins.
    logins: Vec<Login>,
) -> impl IntoView {
    let count = format::count(i64::try_from(logins.len()).unwrap_or(i64::MAX), "login", "logins");
    let named = logins
        .into_iter()
        .map(|login| {
            let browser = login_name(&login);
            let from = login.from.map(|from| format!(" from {from}")).unwrap_or_default();
            view! { <li>{browser}{from}{login.current.then_some(", this one")}</li> }
        })
        .collect_view();
    view! {
        <details class="confirm">
            <summary class="btn btn-lg btn-d">"Sign out everywhere…"</summary>
            <form class="confirm-b" method="post" action="/auth/logout-everywhere">
                <p>{format!("This ends {count}:")}</p>
                <ul class="runs">{named}</ul>
                <p>"You sign in again with your password. Agents go on working."</p>
                <TokensToo />
                <button type="submit" class="btn btn-lg btn-d">
                    "Sign out everywhere"
                </button>
            </form>
        </details>
    }
}

/// The offer to revoke the API tokens together with the logins.
#[component]
fn TokensToo() -> impl IntoView {
    view! {
        <label class="check">
            <input type="checkbox" name="tokens" value="revoke" checked=true />
            <span>"Revoke my API tokens, too"</span>
        </label>
    }
}

/// The name of a login: its browser.
fn login_name(login: &Login) -> String {
    login
        .browser
        .as_deref()
        .map_or_else(|| "A browser that did not say its name".to_owned(), browser_name)
}

#[component]
fn DensitySegment() -> impl IntoView {
    Effect::new(show_pressed);
    view! {
        <div class="seg" role="group" aria-label="Rows">
            {Density::ALL
                .map(|density| {
                    view! {
                        <button type="button" data-density-set=density.word() aria-pressed="false">
                            {density.title()}
                        </button>
                    }
                })
                .collect_view()}
        </div>
    }
}

#[component]
fn PasswordForm(
    /// The account's name.
    user: String,
) -> impl IntoView {
    let query = use_query_map();
    let value = move |key: &str| query.read_untracked().get(key).unwrap_or_default();
    let wrong = Some(value("error"))
        .filter(|word| !word.is_empty())
        .map(|word| words::change(&word, value("retry").parse().ok()));
    let beside = |place: Beside| {
        wrong
            .as_ref()
            .filter(|(at, _)| *at == place)
            .map(|(_, text)| text.clone())
    };
    let (current, new, form) = (beside(Beside::Password), beside(Beside::New), beside(Beside::Form));
    let saved = value("saved") == "password";
    view! {
        {saved.then(|| view! { <Note tone=NoteTone::Done>"The password was changed. Your other logins have ended."</Note> })}
        {form.map(|text| view! { <Note tone=NoteTone::Failed>{text}</Note> })}
        <form class="set-f" method="post" action="/auth/password">
            // Not sent: it tells a password manager which account the password belongs to.
            <input type="text" autocomplete="username" value=user.clone() readonly=true hidden=true />
            <TextInput
                label="Present password"
                name="current"
                kind="password"
                autocomplete="current-password"
                hint="Leave it empty if you have none yet and sign in with GitHub."
                error=Signal::stored(current)
            />
            <TextInput
                label="New password"
                name="new"
                kind="password"
                autocomplete="new-password"
                required=true
                hint="At least 10 characters; a sentence is best."
                error=Signal::stored(new)
            />
            <TokensToo />
            <div class="acts">
                <button type="submit" class="btn btn-lg">
                    "Change password"
                </button>
            </div>
        </form>
    }
}

#[component]
fn Logins(
    /// All logins.
    logins: Vec<Login>,
) -> impl IntoView {
    let row = |login: Login| {
        view! {
            <li class="set-row">
                <span class="row">
                    <b class="medium cut" title=login.browser.clone()>
                        {login_name(&login)}
                    </b>
                    {login.current.then(|| view! { <span class="chip chip-st done nw">"this one"</span> })}
                </span>
                <span class="xs muted">
                    {login.from.map_or_else(|| "from an address not known".to_owned(), |from| format!("from {from}"))}
                    ", signed in "
                    <Ago at=login.since />
                    ", seen "
                    <Ago at=login.seen />
                </span>
            </li>
        }
    };
    if logins.is_empty() {
        view! { <p class="muted">"No browser is signed in."</p> }
    } else {
        view! { <ul class="set-list">{logins.into_iter().map(row).collect_view()}</ul> }
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use crate::auth::fake::Accounts;
    use crate::testing::{Fake, NOW};
    use model::{Error, accounts::Login};

    #[tokio::test]
    async fn the_profile_shows_account_looks_password_and_logins() {
        let login = |n: i64, current| Login {
            handle: format!("login-{n}"),
            since: NOW - n * 3_600_000,
            seen: NOW - 60_000,
            browser: Some(format!("Firefox {n}")),
            from: Some("192.0.2.7".into()),
            current,
        };
        let page = Fake {
            accounts: Accounts {
                logins: vec![login(1, true), login(2, false)],
                ..Default::default()
            },
            ..Fake::default()
        }
        .render("/settings/profile")
        .await;
        assert_eq!(page.status, 200);
        page.shows(&[
            "mara",
            "owner",
            "Firefox 1",
            "Firefox 2",
            "this one",
            "192.0.2.7",
            "action=\"/auth/password\"",
            "action=\"/auth/logout-everywhere\"",
            "Compact",
            "Notify me in this browser",
            "Sign out everywhere…",
            "This ends 2 logins:",
            "Revoke my API tokens, too",
        ]);
    }

    #[tokio::test]
    async fn what_the_password_form_led_back_with_stands_beside_its_field() {
        Fake::default()
            .render("/settings/profile?error=current")
            .await
            .shows(&["This is not your present password.", "current-error"]);
        Fake::default()
            .render("/settings/profile?saved=password")
            .await
            .shows(&["The password was changed."]);
    }

    #[tokio::test]
    async fn a_profile_without_logins_says_so() {
        Fake::default()
            .render("/settings/profile")
            .await
            .shows(&["No browser is signed in."]);
    }

    #[tokio::test]
    async fn an_error_is_shown_with_its_reference() {
        Fake::failing(Error::Internal("ref-9".into()))
            .render("/settings/profile")
            .await
            .shows(&["The profile could not be read.", "ref-9", "Try again"]);
    }
}
