//! The set-up page behind the one-time link: the first owner's account. A plain form.

use super::{
    Sheet, setup_link_works,
    sign_in::NameInput,
    words::{self, Beside},
};
use crate::NodeResource;
use crate::ui::{ErrorNote, Field, Note, NoteTone};
use crate::view;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// `/setup?token&error&name&retry`.
#[component]
pub(super) fn SetUp() -> impl IntoView {
    let query = use_query_map();
    let token = query.read_untracked().get("token").unwrap_or_default();
    let asked = token.clone();
    let works = NodeResource::blocking(|| (), move || setup_link_works(asked.clone()));
    view! {
        <Title text="Set up" />
        <Suspense>
            {move || {
                works
                    .get()
                    .map(|works| match works {
                        Ok(true) => view! { <SetUpForm token=token.clone() /> },
                        Ok(false) if token.is_empty() => view! { <NoLink /> },
                        Ok(false) => view! { <Spent /> },
                        Err(error) => {
                            view! {
                                <Sheet title="Set up">
                                    <ErrorNote error=error title="The link could not be checked." />
                                </Sheet>
                            }
                        }
                    })
            }}
        </Suspense>
    }
}

#[component]
fn NoLink() -> impl IntoView {
    view! {
        <Sheet title="Set up this node">
            <p class="muted">
                "If this node has no owner yet, open the set-up link that it printed when it started. It prints one again on every start until one is used."
            </p>
            <a class="btn btn-lg si-b" href="/signin">
                "Sign in"
            </a>
        </Sheet>
    }
}

#[component]
fn Spent() -> impl IntoView {
    view! {
        <Sheet title="This link no longer works">
            <p class="muted">
                "A set-up link works once and for 24 hours. If this node has no owner yet, restart it: it prints a new one."
            </p>
            <a class="btn btn-lg si-b" href="/signin">
                "Sign in"
            </a>
        </Sheet>
    }
}

#[component]
fn SetUpForm(
    /// The link's secret.
    token: String,
) -> impl IntoView {
    let query = use_query_map();
    let value = move |key: &str| query.read_untracked().get(key).unwrap_or_default();
    let wrong = Some(value("error"))
        .filter(|word| !word.is_empty())
        .map(|word| words::set_up(&word, value("retry").parse().ok()));
    let beside = |place: Beside| {
        wrong
            .as_ref()
            .filter(|(at, _)| *at == place)
            .map(|(_, text)| text.clone())
    };
    let (name_error, password_error, form_error) =
        (beside(Beside::Name), beside(Beside::Password), beside(Beside::Form));
    let password = RwSignal::new(String::new());
    let shown = RwSignal::new(false);
    let password_wrong = password_error.is_some();
    let strength = Memo::new(move |_| words::strength(&password.read()));
    view! {
        <Sheet title="Set up this node">
            <p class="muted">"You become its owner. The account lives on this node only."</p>
            {form_error.map(|text| view! { <Note tone=NoteTone::Failed>{text}</Note> })}
            <form class="si-f" method="post" action="/auth/setup">
                <input type="hidden" name="token" value=token />
                <NameInput name=value("name") focus=true error=name_error />
                <Field label="Password" id="password" error=Signal::stored(password_error)>
                    <input
                        class="input input-lg"
                        id="password"
                        name="password"
                        type=move || if shown.get() { "text" } else { "password" }
                        autocomplete="new-password"
                        required
                        minlength="10"
                        aria-invalid=password_wrong.then_some("true")
                        aria-describedby="password-strength"
                        on:input:target=move |event| password.set(event.target().value())
                    />
                    <svg width="100%" height="4" aria-hidden="true">
                        <rect class="strength-0" width="100%" height="4"></rect>
                        <rect
                            class=move || match strength.get() {
                                Some((1, _)) => "strength-bad",
                                Some((2, _)) => "strength-fair",
                                _ => "strength-good",
                            }
                            width=move || format!("{}%", strength.get().map_or(0, |(n, _)| n * 20))
                            height="4"
                        ></rect>
                    </svg>
                    <p class="hint" id="password-strength" aria-live="polite">
                        {move || match strength.get() {
                            None => "At least 10 characters; a sentence is best.".to_owned(),
                            Some((_, word)) => format!("Strength: {word}."),
                        }}
                    </p>
                </Field>
                <label class="check">
                    <input type="checkbox" on:change:target=move |event| shown.set(event.target().checked()) />
                    <span>"Show what I type"</span>
                </label>
                <button type="submit" class="btn btn-p btn-lg si-b">
                    "Create the owner account"
                </button>
            </form>
        </Sheet>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use crate::testing::Fake;

    fn nobody() -> Fake {
        Fake {
            caller: None,
            ..Fake::default()
        }
    }

    #[tokio::test]
    async fn a_link_that_works_shows_the_form_and_carries_its_token() {
        let page = nobody().render("/setup?token=works&name=mara&error=password").await;
        page.shows(&[
            "Set up this node",
            "action=\"/auth/setup\"",
            "value=\"works\"",
            "value=\"mara\"",
            "at least 10 characters",
            "Create the owner account",
        ]);
    }

    #[tokio::test]
    async fn a_used_or_expired_link_says_so_and_shows_no_form() {
        for path in ["/setup?token=spent", "/setup?token=spent&error=link"] {
            let page = nobody().render(path).await;
            page.shows(&["This link no longer works", "restart it"])
                .lacks(&["action=\"/auth/setup\""]);
        }
    }

    #[tokio::test]
    async fn without_a_link_the_page_says_where_it_is() {
        nobody()
            .render("/setup")
            .await
            .shows(&["open the set-up link that it printed"])
            .lacks(&["action=\"/auth/setup\""]);
    }
}
