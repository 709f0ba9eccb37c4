//! The sign-in page. Plain forms, which work before WASM has loaded and without it.

use super::{
    Sheet, SignInView, sign_in_options,
    words::{self, Beside},
};
use crate::{
    AppError, NodeResource,
    ui::{Field, Icon, Note, NoteTone, TextInput},
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// `/signin?next&error&name&retry&out`.
#[component]
pub(super) fn SignIn() -> impl IntoView {
    let options = NodeResource::blocking(|| (), sign_in_options);
    view! {
        <Title text="Sign in" />
        <Suspense>{move || options.get().map(|options| view! { <SignInForm options=options /> })}</Suspense>
    }
}

#[component]
fn SignInForm(
    /// The node's name and the ways to sign in; the form works even without them.
    options: Result<SignInView, AppError>,
) -> impl IntoView {
    let query = use_query_map();
    let value = move |key: &str| query.read_untracked().get(key).unwrap_or_default();
    let (name, next) = (value("name"), value("next"));
    let wrong = Some(value("error"))
        .filter(|word| !word.is_empty())
        .map(|word| words::sign_in(&word, value("retry").parse().ok()));
    let beside = |place: Beside| {
        wrong
            .as_ref()
            .filter(|(at, _)| *at == place)
            .map(|(_, text)| text.clone())
    };
    let (form_error, github_error, password_error) =
        (beside(Beside::Form), beside(Beside::Github), beside(Beside::Password));
    let signed_out = wrong.is_none() && !value("out").is_empty();
    let github = options.as_ref().is_ok_and(|options| options.github);
    let node = options.map_or_else(|_| "OrchWiz".to_owned(), |options| options.node);
    let has_name = !name.is_empty();
    view! {
        <Sheet title=format!("Sign in to {node}")>
            {signed_out.then(|| view! { <Note tone=NoteTone::Done>"You are signed out."</Note> })}
            {form_error.map(|text| view! { <Note tone=NoteTone::Failed>{text}</Note> })}
            <form class="si-f" method="post" action="/auth/login">
                <input type="hidden" name="next" value=next.clone() />
                <NameInput name=name focus=!has_name />
                <TextInput
                    label="Password"
                    name="password"
                    kind="password"
                    autocomplete="current-password"
                    required=true
                    error=Signal::stored(password_error)
                />
                <p class="hint">"Forgotten? On the node's machine: " <code>"orchwiz user passwd NAME"</code></p>
                <button type="submit" class="btn btn-p btn-lg si-b">
                    "Sign in"
                </button>
            </form>
            {(github || github_error.is_some())
                .then(|| {
                    view! {
                        <form class="si-f" method="post" action="/auth/github">
                            <div class="si-or xs faint">
                                <span>"or"</span>
                            </div>
                            <input type="hidden" name="next" value=next />
                            <button type="submit" class="btn btn-lg si-b" disabled=!github>
                                "Continue with GitHub"
                                <Icon name="external-link" class="faint" />
                            </button>
                            {github_error
                                .map(|text| {
                                    view! {
                                        <p class="hint hint-bad" role="alert">
                                            <Icon name="circle-alert" small=true />
                                            {text}
                                        </p>
                                    }
                                })}
                        </form>
                    }
                })}
        </Sheet>
    }
}

/// The name field, without autocorrection or automatic capitals.
#[component]
pub(super) fn NameInput(
    /// Its value.
    name: String,
    /// Whether it takes the focus.
    #[prop(optional)]
    focus: bool,
    /// The error beside it.
    #[prop(optional_no_strip)]
    error: Option<String>,
) -> impl IntoView {
    let wrong = error.is_some();
    view! {
        <Field label="Name" id="name" error=Signal::stored(error)>
            <input
                class="input input-lg"
                id="name"
                name="name"
                type="text"
                autocomplete="username"
                autocapitalize="none"
                spellcheck="false"
                required
                maxlength="64"
                autofocus=focus
                value=name
                aria-invalid=wrong.then_some("true")
                aria-describedby=wrong.then_some("name-error")
            />
        </Field>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use crate::auth::fake::Accounts;
    use crate::testing::Fake;
    use model::Error;

    fn nobody() -> Fake {
        Fake {
            caller: None,
            ..Fake::default()
        }
    }

    #[tokio::test]
    async fn the_form_posts_without_wasm_and_keeps_name_and_next() {
        let page = nobody()
            .render("/signin?next=%2Fsessions%3Fq%3Da&name=mara&error=wrong")
            .await;
        assert_eq!(page.status, 200);
        page.shows(&[
            "Sign in to workbench",
            "action=\"/auth/login\"",
            "value=\"/sessions?q=a\"",
            "value=\"mara\"",
            "Name and password do not match.",
            "aria-invalid=\"true\"",
        ]);
        page.lacks(&["Continue with GitHub", "data-live"]);
    }

    #[tokio::test]
    async fn github_is_offered_only_when_it_is_configured() {
        let page = Fake {
            accounts: Accounts {
                github: true,
                ..Default::default()
            },
            ..nobody()
        }
        .render("/signin?next=%2Finbox&error=github_not_allowed")
        .await;
        page.shows(&[
            "Continue with GitHub",
            "action=\"/auth/github\"",
            "not on the list of this node",
        ]);
    }

    #[tokio::test]
    async fn too_many_tries_say_how_long_to_wait() {
        nobody()
            .render("/signin?error=limited&retry=250")
            .await
            .shows(&["The next one is accepted in 4m 10s."]);
    }

    #[tokio::test]
    async fn what_stands_in_the_address_is_text_and_nothing_else() {
        let page = nobody()
            .render("/signin?name=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&error=%3Cimg%3E&next=%22%3E%3Cb%3E")
            .await;
        page.lacks(&["<img>", "\"><b>"]);
        assert!(!page.html.contains("<script>alert(1)"), "the name was not escaped");
    }

    #[tokio::test]
    async fn signing_in_works_even_when_the_node_cannot_be_read() {
        let page = Fake {
            frame_fails: true,
            caller: None,
            ..Fake::failing(Error::Internal("ref-1".into()))
        }
        .render("/signin")
        .await;
        page.shows(&["Sign in to OrchWiz", "action=\"/auth/login\""]);
    }
}
