//! What stands at the end of a timeline: prompts that wait for the agent, and how the session stands when nothing runs.
//! It must not promise: a state is said as the node knows it.

use super::{
    api::{Drive, drive_agent, say, withdraw},
    store::Store,
};
use crate::{
    Act,
    error::AppError,
    ui::{Ago, Button, ErrorNote, Look, Shape, changing, each, hear},
    view,
};
use leptos::prelude::*;
use model::{
    approvals::ApprovalState,
    entries::Entry,
    id::PromptId,
    sessions::{AgentKind, Prompt, SessionState},
};

/// Prompts that wait for the agent, each with a way to take it back.
#[component]
pub fn Queue(
    /// What the page knows.
    store: Store,
) -> impl IntoView {
    each(move || store.queued.get(), |prompt| prompt.id.to_string(), move |prompt| view! { <QueuedPrompt store=store prompt=prompt /> })
}

#[component]
fn QueuedPrompt(store: Store, prompt: Prompt) -> impl IntoView {
    let error = RwSignal::new(None::<AppError>);
    let id = prompt.session;
    let take_back = Act::new(move |prompt: &PromptId| {
        let prompt = *prompt;
        async move {
            match withdraw(id, prompt).await {
                Ok(()) => store.drop_prompt(prompt),
                Err(refused) => error.set(Some(refused)),
            }
        }
    });
    let own = prompt.id;
    view! {
        <div class="prompt prompt-q">
            <span class="row prompt-by">
                <Shape look=Look::QUEUED />
                <span class="muted">"Queued"</span>
                <span class="faint xs">{prompt.by_name} ", " <Ago at=prompt.at /></span>
                {store
                    .may_drive
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="push btn-link xs"
                                disabled=move || take_back.pending().get()
                                on:click=hear::click(move |_| { take_back.dispatch(own); })
                            >
                                "Withdraw"
                            </button>
                        }
                    })}
            </span>
            <p class="plain">{prompt.text}</p>
            {move || error.get().map(|error| view! { <ErrorNote error=error title="It was not withdrawn." /> })}
        </div>
    }
}

/// How the session stands when nothing runs, and the way on.
#[component]
pub fn StateLine(
    /// What the page knows.
    store: Store,
) -> impl IntoView {
    let state = Memo::new(move |_| store.session.with(|session| (session.state, session.state_detail.clone())));
    let error = RwSignal::new(None::<AppError>);
    let resume = Act::new(move |(): &()| {
        let id = store.session.with_untracked(|session| session.id);
        async move {
            match drive_agent(id, Drive::Resume).await {
                Ok(session) => store.take_answer(session),
                Err(refused) => error.set(Some(refused)),
            }
        }
    });
    let button = move || {
        store
            .may_drive
            .then(|| view! { <Button icon="play" disabled=resume.pending() on:click=hear::click(move |_| { resume.dispatch(()); })>"Resume"</Button> })
    };
    let line = move || {
        let (state, detail) = state.get();
        let detail = detail.unwrap_or_default();
        match state {
            SessionState::Failed => view! {
                <div class="note failed" role="alert">
                    <Shape look=Look::FAILED />
                    <span class="grow"><b class="medium">"It failed. "</b>{detail}</span>
                    {button()}
                </div>
            },
            SessionState::Unknown => view! {
                <div class="note">
                    <Shape look=Look::UNKNOWN />
                    <span class="grow"><b class="medium">"Nobody saw how its agent ended. "</b>{detail}</span>
                    {button()}
                </div>
            },
            SessionState::Queued | SessionState::Starting => {
                let look = Look::from(state);
                view! { <p class="ent-st muted"><Shape look=look />{look.word} {(!detail.is_empty()).then(|| format!(": {detail}"))}</p> }
            }
            SessionState::Interrupted => view! { <Interrupted store=store /> },
            SessionState::Done => view! {
                <p class="ent-st muted"><Shape look=Look::DONE />{if detail.is_empty() { "Done.".to_owned() } else { detail }}</p>
            },
            SessionState::Working | SessionState::Waiting | SessionState::Idle => ().into_any(),
        }
    };
    view! {
        {changing(line)}
        {move || error.get().map(|error| view! { <ErrorNote error=error title="It was not resumed." /> })}
    }
}

/// A turn that a person ended before its time, and the way on: what it asked for last can be asked for again.
#[component]
fn Interrupted(store: Store) -> impl IntoView {
    let asked = Memo::new(move |_| {
        let since = store.last_prompt().map_or(0, |prompt| prompt.at);
        store.approvals.with(|all| all.iter().any(|one| one.state == ApprovalState::Withdrawn && one.created >= since))
    });
    let error = RwSignal::new(None::<AppError>);
    let go_on = Act::new(move |(): &()| {
        let id = store.session.with_untracked(|session| session.id);
        let words = way_on(asked.get_untracked(), store.session.with_untracked(|session| session.agent), store.last_prompt());
        async move {
            match say(id, words).await {
                Ok(prompt) => store.take_accepted(prompt),
                Err(refused) => error.set(Some(refused)),
            }
        }
    });
    view! {
        <p class="ent-st muted">
            <Shape look=Look::DENIED />
            "Interrupted. Send a message to continue."
            {store
                .may_drive
                .then(|| {
                    view! {
                        <Button icon="play" disabled=go_on.pending() on:click=hear::click(move |_| { go_on.dispatch(()); })>
                            {move || if asked.get() { "Ask again" } else { "Continue" }}
                        </Button>
                    }
                })}
        </p>
        {move || error.get().map(|error| view! { <ErrorNote error=error title="It was not sent." /> })}
    }
}

/// What is said to an agent that was interrupted, so that it goes on, or asks again what it had `asked`.
fn way_on(asked: bool, agent: AgentKind, last: Option<Entry>) -> String {
    match (agent, last) {
        // A script has no memory: it plays again what it was told.
        (AgentKind::Demo, Some(prompt)) if !prompt.more => prompt.preview,
        _ if asked => "I interrupted you while you waited for my answer. Go on, and ask me again.".into(),
        _ => "I interrupted you. Continue where you were.".into(),
    }
}
