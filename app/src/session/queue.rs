//! The end of a timeline: queued prompts, and the session's state when nothing runs. It must not promise anything; it
//! shows the state as the node knows it.

use super::{
    acts::SessionAct,
    api::{say, send_again, withdraw},
    header::{Controls, Offer, offer},
    store::Store,
};
use crate::{
    NodeAction,
    error::AppError,
    ui::{Ago, Button, ErrorNote, Look, Shape, keyed_list},
    view,
};
use leptos::prelude::*;
use model::{
    approvals::ApprovalState,
    id::PromptId,
    sessions::{AgentKind, Prompt, Queued, QueuedWhy, SessionState},
};

/// The queued prompts, each with a button to withdraw it.
#[component]
pub fn Queue(
    /// The page's store.
    store: Store,
) -> impl IntoView {
    keyed_list(
        move || store.queued.get(),
        |prompt| prompt.id.to_string(),
        move |prompt| view! { <QueuedPrompt store=store prompt=prompt /> },
    )
}

#[component]
fn QueuedPrompt(store: Store, prompt: Prompt) -> impl IntoView {
    let error = RwSignal::new(None::<AppError>);
    let id = prompt.session;
    let take_back = NodeAction::new(move |prompt: &PromptId| {
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
                                on:click=move |_| { take_back.dispatch(own); }
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

/// The state when nothing runs, with the next action. The head of the page shows refusals.
#[component]
pub fn StateLine(
    /// The page's store.
    store: Store,
    /// The actions.
    controls: Controls,
) -> impl IntoView {
    let state = Memo::new(move |_| {
        let (state, detail, offer, queued) = store.session.with(|session| {
            (
                session.state,
                session.state_detail.clone(),
                offer(session),
                session.queued,
            )
        });
        let detail = detail.unwrap_or_default();
        // The entry with the cause may arrive after the state.
        let said = state == SessionState::Failed && {
            store.timeline.arrived.track();
            store.said_why(&detail)
        };
        (state, detail, offer, queued, said)
    });
    let act = controls.act;
    let button = move |offer: Offer| {
        store.may_drive.then(|| match offer {
            Offer::SendAgain => {
                view! { <Button icon="play" disabled=act.pending() on:click=move |_| { act.dispatch(SessionAct::SendAgain); }>"Send again"</Button> }
            }
            Offer::Resume => {
                view! { <Button icon="play" disabled=act.pending() on:click=move |_| { act.dispatch(SessionAct::Resume); }>"Resume"</Button> }
            }
            Offer::Interrupt | Offer::Nothing => ().into_any(),
        })
    };
    move || {
        let (state, detail, offer, queued, said) = state.get();
        match state {
            SessionState::Failed => view! {
                <div class="note failed" role="alert">
                    <Shape look=Look::FAILED />
                    <span class="grow">
                        {if said {
                            "The turn failed. Send it again, or say something else.".into_any()
                        } else {
                            view! { <b class="medium">"It failed. "</b>{detail} }
                        }}
                    </span>
                    {button(offer)}
                </div>
            },
            SessionState::Unknown => view! {
                <div class="note">
                    <Shape look=Look::UNKNOWN />
                    <span class="grow"><b class="medium">"Nobody saw how its agent ended. "</b>{detail}</span>
                    {button(offer)}
                </div>
            },
            SessionState::Queued if queued.is_some() => {
                queued.map(|queued| view! { <QueuedLine queued=queued /> }).into_any()
            }
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
    }
}

/// Why it is queued, and what would help.
#[component]
fn QueuedLine(queued: Queued) -> impl IntoView {
    let way = match queued.why {
        QueuedWhy::People => Some(("/inbox", "Answer one")),
        QueuedWhy::Places => Some(("/sessions?state=queued,starting,working", "See what works")),
        QueuedWhy::Next | QueuedWhy::Ending => None,
    };
    view! {
        <div class="note">
            <Shape look=Look::QUEUED />
            <span class="grow">
                <b class="medium">"Queued. "</b>
                {queued_why(&queued)}
                {way.map(|(to, word)| view! { " " <a class="link" href=to>{word}</a> })}
            </span>
        </div>
    }
}

/// Why a session is queued, in a sentence.
pub fn queued_why(queued: &Queued) -> String {
    let Queued {
        why,
        busy,
        waiting,
        max,
    } = *queued;
    match why {
        QueuedWhy::Next => "It is started next.".into(),
        QueuedWhy::Ending => "Its agent of before is still being ended.".into(),
        QueuedWhy::Places if waiting > 0 => {
            format!(
                "{busy} of {max} agents are at work, and {waiting} more wait for a decision. It starts when one of them rests."
            )
        }
        QueuedWhy::Places => format!("{busy} of {max} agents are at work. It starts when one of them rests."),
        QueuedWhy::People => {
            let agents = if waiting == 1 {
                "1 agent waits".to_owned()
            } else {
                format!("{waiting} agents wait")
            };
            format!("{agents} for a decision, and no place is left. It starts when one is answered and done.")
        }
    }
}

/// A turn that a person interrupted, and the way on: its last question can be asked again.
#[component]
fn Interrupted(store: Store) -> impl IntoView {
    let asked = Memo::new(move |_| {
        let since = store.last_prompt().map_or(0, |prompt| prompt.at);
        store.asked.approvals.with(|all| {
            all.iter()
                .any(|one| one.state == ApprovalState::Withdrawn && one.created >= since)
        })
    });
    let error = RwSignal::new(None::<AppError>);
    let go_on = NodeAction::new(move |(): &()| {
        let id = store.session.with_untracked(|session| session.id);
        let words = way_on(
            asked.get_untracked(),
            store.session.with_untracked(|session| session.agent),
        );
        async move {
            let said = match words {
                Some(words) => say(id, words.to_owned()).await,
                None => send_again(id).await,
            };
            match said {
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
                        <Button icon="play" disabled=go_on.pending() on:click=move |_| { go_on.dispatch(()); }>
                            {move || if asked.get() { "Ask again" } else { "Continue" }}
                        </Button>
                    }
                })}
        </p>
        {move || error.get().map(|error| view! { <ErrorNote error=error title="It was not sent." /> })}
    }
}

/// The prompt that makes an interrupted agent go on, or ask again if it had `asked`. `None` sends the last prompt
/// again: the demo script remembers nothing.
const fn way_on(asked: bool, agent: AgentKind) -> Option<&'static str> {
    match (agent, asked) {
        (AgentKind::Demo, _) => None,
        (_, true) => Some("I interrupted you while you waited for my answer. Go on, and ask me again."),
        (_, false) => Some("I interrupted you. Continue where you were."),
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_queued_says_what_for() {
        let why = |why| {
            queued_why(&Queued {
                why,
                busy: 8,
                waiting: 5,
                max: 8,
            })
        };
        assert_eq!(
            why(QueuedWhy::Places),
            "8 of 8 agents are at work, and 5 more wait for a decision. It starts when one of them rests."
        );
        assert_eq!(
            why(QueuedWhy::People),
            "5 agents wait for a decision, and no place is left. It starts when one is answered and done."
        );
        assert_eq!(why(QueuedWhy::Next), "It is started next.");
    }
}
