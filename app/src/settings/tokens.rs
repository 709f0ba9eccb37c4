//! API tokens: list, create (the secret is shown once), revoke.

use super::{
    Part,
    api::{CreateToken, RevokeToken, TokensView, tokens},
};
use crate::{
    FormAction, NodeForm, NodeResource, browser,
    ui::{Ago, Empty, ErrorNote, Exact, Field, Icon, Note, NoteTone, QueryState, TextInput, quiet_clock},
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;
use model::{
    Millis,
    accounts::{Token, TokenCreated},
    caller::Scope,
};

/// `/settings/tokens`.
#[component]
pub(super) fn Tokens() -> impl IntoView {
    let made = RwSignal::new(None::<String>);
    let create = FormAction::to::<CreateToken>(move |created: TokenCreated| made.set(Some(created.secret)));
    let revoke = FormAction::to::<RevokeToken>(|()| {});
    // Blocking: a secret left by a plain form is removed from its cookie in the response's head.
    let list = NodeResource::blocking(
        move || {
            create.track();
            revoke.track();
        },
        tokens,
    );
    view! {
        <Title text="API tokens" />
        <Part
            title="New token"
            id="t-new"
            text="For programs that use this node's REST interface. A token never allows more than your role, and cannot change tokens, passwords or users."
        >
            <CreateForm create=create list=list />
            <Suspense>
                {move || {
                    made.get().or_else(|| list.get().and_then(Result::ok).and_then(|view| view.secret))
                        .map(|secret| view! { <Secret secret=secret /> })
                }}
            </Suspense>
        </Part>
        <Part title="Your tokens" id="t-list">
            {move || revoke.refusal().map(|error| view! { <ErrorNote error=error title="The token was not revoked." /> })}
            <QueryState
                query=list
                failed="The tokens could not be read."
                rows=3
                content=move |view: TokensView| view! { <List tokens=view.tokens revoke=revoke /> }
            />
        </Part>
    }
}

#[component]
fn CreateForm(
    /// The form's action.
    create: FormAction,
    /// Says whether the form asks for a password.
    list: NodeResource<TokensView>,
) -> impl IntoView {
    let about =
        move |field: &'static str| Signal::derive(move || create.refusal().and_then(|error| error.about(field)));
    view! {
        <NodeForm action=create class="set-f">
            <TextInput label="Name" name="name" required=true maxlength=100 hint="What it is for: nightly report, laptop script." error=about("name") />
            <div class="g2">
                <Field label="Access" id="scope" error=about("scope")>
                    <span class="select-w">
                        <select class="select input-lg" id="scope" name="scope">
                            {Scope::ALL
                                .map(|scope| {
                                    view! {
                                        <option value=scope.word() selected=scope == Scope::Write>
                                            {scope_words(scope)}
                                        </option>
                                    }
                                })
                                .collect_view()}
                        </select>
                        <Icon name="chevron-down" />
                    </span>
                </Field>
                <Field label="Expires" id="days" error=about("days")>
                    <span class="select-w">
                        <select class="select input-lg" id="days" name="days">
                            <option value="7">"in 7 days"</option>
                            <option value="30">"in 30 days"</option>
                            <option value="90" selected>
                                "in 90 days"
                            </option>
                            <option value="365">"in a year"</option>
                            <option value="">"never"</option>
                        </select>
                        <Icon name="chevron-down" />
                    </span>
                </Field>
            </div>
            <Suspense>
                {move || {
                    list.get()
                        .and_then(Result::ok)
                        .is_some_and(|view| view.has_password)
                        .then(|| {
                            view! {
                                <TextInput
                                    label="Your password"
                                    name="password"
                                    kind="password"
                                    autocomplete="current-password"
                                    required=true
                                    hint="So that nobody makes a token from a browser you left open."
                                    error=about("password")
                                />
                            }
                        })
                }}
            </Suspense>
            {move || {
                create.refusal().filter(|error| error.field().is_none()).map(|error| view! { <ErrorNote error=error title="The token was not created." /> })
            }}
            <div class="acts">
                <button type="submit" class="btn btn-p btn-lg" disabled=move || create.pending().get()>
                    "Create token"
                </button>
            </div>
        </NodeForm>
    }
}

const fn scope_words(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read",
        Scope::Write => "read and write",
        Scope::Metrics => "read metrics only",
    }
}

#[component]
fn Secret(
    /// The secret.
    secret: String,
) -> impl IntoView {
    let text = secret.clone();
    let copied = RwSignal::new(false);
    view! {
        <div class="secret" role="status">
            <Note tone=NoteTone::Done title="The token was created.">
                "Copy it now: it is not shown again."
            </Note>
            <div class="row">
                <code class="code cut grow" tabindex="0">
                    {secret}
                </code>
                <button
                    type="button"
                    class="btn btn-lg"
                    on:click=move |_| {
                        browser::copy(&text);
                        copied.set(true);
                    }
                >
                    <Icon name="copy" />
                    {move || if copied.get() { "Copied" } else { "Copy" }}
                </button>
            </div>
        </div>
    }
}

#[component]
fn List(
    /// Newest first.
    tokens: Vec<Token>,
    /// The buttons' action.
    revoke: FormAction,
) -> impl IntoView {
    if tokens.is_empty() {
        return view! { <Empty icon="key-round" title="No tokens yet" text="Create one above for a script, a monitor or another machine." /> };
    }
    let row = move |token: Token| {
        let name = token.name.clone();
        view! {
            <li class="set-row">
                <span class="row wrap">
                    <b class="medium cut">{token.name}</b>
                    <span class="chip">{scope_words(token.scope)}</span>
                </span>
                <span class="xs muted">
                    "created "
                    <Ago at=token.created />
                    ", "
                    {match token.expires {
                        Some(at) => {
                            view! {
                                "expires "
                                <Exact at=at />
                            }
                        }
                        None => "never expires".into_any(),
                    }}
                    ", "
                    {match token.used {
                        Some(at) => view! { <Used at=at.max(token.created) /> },
                        None => "never used".into_any(),
                    }}
                </span>
                <details class="confirm">
                    <summary class="btn btn-d">"Revoke…"</summary>
                    <NodeForm action=revoke class="confirm-b">
                        <input type="hidden" name="id" value=token.id.to_string() />
                        <p>{format!("Whatever uses “{name}” stops working at once. This cannot be undone.")}</p>
                        <button type="submit" class="btn btn-lg btn-d" disabled=move || revoke.pending().get()>
                            {format!("Revoke {name}")}
                        </button>
                    </NodeForm>
                </details>
            </li>
        }
    };
    view! { <ul class="set-list">{tokens.into_iter().map(row).collect_view()}</ul> }
}

/// The precision of the last use: the node stores it to the minute.
const NOTED_MS: Millis = 120_000;

/// When a token was last used.
#[component]
fn Used(
    /// The last use as the node stored it.
    at: Millis,
) -> impl IntoView {
    let now = quiet_clock();
    let just = Memo::new(move |_| now.get().is_some_and(|now| now - at < NOTED_MS));
    move || {
        if just.get() {
            "used in the last minute".into_any()
        } else {
            view! {
                "last used "
                <Ago at=at />
            }
        }
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use crate::auth::fake::Accounts;
    use crate::testing::{Fake, NOW, token};
    use model::Error;

    #[tokio::test]
    async fn tokens_are_listed_and_their_forms_post_without_wasm() {
        let tokens = vec![
            token(1, |t| t.name = "nightly <report>".into()),
            token(2, |t| {
                (t.used, t.expires) = (Some(NOW - 60_000), Some(NOW + 86_400_000));
            }),
        ];
        let page = Fake {
            accounts: Accounts {
                tokens,
                ..Default::default()
            },
            ..Fake::default()
        }
        .render("/settings/tokens")
        .await;
        page.shows(&[
            "nightly &lt;report&gt;",
            "never used",
            "last used",
            "expires",
            "action=\"/api/rpc/settings/create-token\"",
            "action=\"/api/rpc/settings/revoke-token\"",
            "Revoke token 2",
        ]);
        page.lacks(&["owz_"]);
    }

    #[tokio::test]
    async fn a_token_is_never_used_before_it_was_created() {
        // The node stores the use to the minute, the creation to the millisecond.
        let tokens = vec![token(1, |t| (t.created, t.used) = (NOW, Some(NOW - 42_000)))];
        let page = Fake {
            accounts: Accounts {
                tokens,
                ..Default::default()
            },
            ..Fake::default()
        }
        .render("/settings/tokens")
        .await;
        page.shows(&["last used", "Access"]).lacks(&["14:35:23"]);
    }

    #[tokio::test]
    async fn without_tokens_the_first_step_is_offered() {
        Fake::default()
            .render("/settings/tokens")
            .await
            .shows(&["No tokens yet", "Create token"]);
    }

    #[tokio::test]
    async fn tokens_that_cannot_be_read_say_why() {
        Fake::failing(Error::Unavailable("the database does not answer".into()))
            .render("/settings/tokens")
            .await
            .shows(&["The tokens could not be read.", "The database does not answer."]);
    }
}
