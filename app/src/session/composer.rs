//! The composer, and above it pending decisions and background tasks. Text is never lost: the browser stores a draft,
//! and a refusal keeps the text. It sends by a server function, which works while the socket is down, and before WASM
//! has loaded by a plain form.

use super::{api::say, approval::DecisionDock, scroll::Follow, store::Store};
use crate::{
    NodeAction, browser,
    error::AppError,
    ui::{ErrorNote, Look, RunsElsewhere, Shape, TextArea},
    view,
};
use leptos::{html, prelude::*};
use model::sessions::SessionState;

/// The composer, with pending decisions and background tasks above it.
#[component]
pub fn Composer(
    /// The page's store.
    store: Store,
    /// The reader's position.
    follow: Follow,
) -> impl IntoView {
    view! {
        <div class="dock">
            <DecisionDock store=store />
            <Background store=store />
            {if store.may_drive {
                view! { <Say store=store follow=follow /> }
            } else if let Some(node) = store.elsewhere() {
                view! { <div class="dock-note"><RunsElsewhere node=node what="speak to it" /></div> }
            } else {
                view! { <p class="xs muted dock-note">"You may watch this session. Somebody with the role operator can speak to it."</p> }
            }}
        </div>
    }
}

/// The background tasks on one line, each linked to its entry.
#[component]
fn Background(store: Store) -> impl IntoView {
    let running = Memo::new(move |_| store.background());
    move || {
        let running = running.get();
        (!running.is_empty()).then(|| {
            let one =
                |(seq, what): (i64, String)| view! { <a class="link cut mono" href=format!("#e{seq}")>{what}</a> };
            view! {
                <div class="dock-bg xs">
                    <Shape look=Look::WORKING />
                    <span class="nw">{format!("{} in the background", running.len())}</span>
                    {running.into_iter().map(one).collect_view()}
                </div>
            }
        })
    }
}

#[component]
fn Say(store: Store, follow: Follow) -> impl IntoView {
    let id = store.session.with_untracked(|session| session.id);
    let draft_key = format!("orchwiz.draft.{id}");
    let text = RwSignal::new(String::new());
    let error = RwSignal::new(None::<AppError>);
    let field = NodeRef::<html::Textarea>::new();
    let past = RwSignal::new(Past::default());

    let key = draft_key.clone();
    Effect::new(move |before: Option<()>| {
        let now = text.get();
        if before.is_none() {
            // Text typed before hydration beats the draft; the field has already put it into `text`.
            if now.is_empty()
                && let Some(draft) = browser::recall(&key)
            {
                text.set(draft);
                return;
            }
        }
        browser::remember(&key, (!now.is_empty()).then_some(now.as_str()));
    });
    // The field grows with its text, up to a third of the window.
    Effect::new(move || {
        text.track();
        if let Some(field) = field.get() {
            request_animation_frame(move || grow(&field));
        }
    });

    let send = NodeAction::new(move |words: &String| {
        let (words, key) = (words.clone(), draft_key.clone());
        async move {
            match say(id, words.clone()).await {
                Ok(prompt) => {
                    error.set(None);
                    // The field removes its draft itself, but only while its page is there.
                    if browser::recall(&key).is_some_and(|draft| draft == words) {
                        browser::remember(&key, None);
                    }
                    past.update(|past| past.add(words.clone()));
                    // Text typed meanwhile stays.
                    text.update(|text| {
                        if *text == words {
                            text.clear();
                        }
                    });
                    store.take_accepted(prompt);
                    follow.to_end();
                }
                Err(refused) => error.set(Some(refused)),
            }
        }
    });
    let submit = move || {
        let words = text.get_untracked();
        if !words.trim().is_empty() && !send.pending().get_untracked() {
            send.dispatch(words);
        }
    };
    let keydown = move |event: leptos::ev::KeyboardEvent| {
        if event.is_composing() {
            return;
        }
        match event.key().as_str() {
            // On a touch screen Enter makes a new line; the button sends.
            "Enter" if !event.shift_key() && !browser::matches("(pointer: coarse)") => {
                event.prevent_default();
                submit();
            }
            // Only leaves the field; the next Escape, on the page, interrupts.
            "Escape" => {
                event.prevent_default();
                if let Some(field) = field.get_untracked() {
                    let _ = field.blur();
                }
            }
            "ArrowUp" | "ArrowDown" => {
                let up = event.key() == "ArrowUp";
                let Some(field) = field.get_untracked() else { return };
                if at_edge(&field, up) {
                    let said = store.said();
                    let now = text.get_untracked();
                    let mut next = None;
                    past.update(|past| next = past.step(&said, &now, up));
                    if let Some(next) = next {
                        event.prevent_default();
                        text.set(next);
                    }
                }
            }
            _ => {}
        }
    };
    // The session's state, and whether a new prompt waits for the end of a turn.
    let state = Memo::new(move |_| {
        store
            .session
            .with(|session| (session.state, session.standing().queues_prompts()))
    });
    let queues = move || state.get().1;
    let hint = move || match state.get().0 {
        SessionState::Waiting if !queues() => "A subagent waits for your decision. The agent itself hears you.",
        SessionState::Waiting => {
            "Waits for your decision: A or D answers it while this is empty. What you send is queued."
        }
        SessionState::Working | SessionState::Starting | SessionState::Queued => "What you send now is queued.",
        SessionState::Done | SessionState::Failed | SessionState::Unknown => "Sending resumes the agent.",
        SessionState::Idle | SessionState::Interrupted => "",
    };
    let verb = move || if queues() { "Queue" } else { "Send" };
    let placeholder = Signal::derive(move || {
        if queues() {
            "Message, sent when the agent is ready".to_owned()
        } else {
            "Message the agent".to_owned()
        }
    });
    let empty = move || text.with(|text| text.trim().is_empty());
    view! {
        <form
            class="comp"
            method="post"
            action="/api/rpc/session/prompt"
            aria-label="Message"
            on:submit=move |event| {
                event.prevent_default();
                submit();
            }
        >
            <input type="hidden" name="id" value=id.to_string() />
            // Keys of a decision pass through while the field is empty.
            <div class="comp-in" data-passes="adjk" on:keydown=keydown>
                <TextArea
                    value=text
                    id="say"
                    name="text"
                    label="Message to the agent"
                    placeholder=placeholder
                    rows=1
                    maxlength=100_000
                    class="comp-t"
                    node_ref=field
                />
            </div>
            {move || error.get().map(|error| view! { <ErrorNote error=error title="It was not sent; the text is kept." /> })}
            <div class="comp-f">
                <span class="xs faint no-phone cut">{hint}</span>
                <span class="push"></span>
                <button type="submit" class="btn" disabled=move || send.pending().get() || (cfg!(feature = "hydrate") && hydrated() && empty())>
                    {verb}
                    <kbd class="kbd kbd-f" aria-hidden="true">"Enter"</kbd>
                </button>
            </div>
        </form>
    }
}

/// Whether the page is hydrated; until then the plain form must stay usable.
fn hydrated() -> bool {
    crate::ui::use_clock().now().is_some()
}

fn grow(field: &web_sys::HtmlTextAreaElement) {
    let style = web_sys::HtmlElement::style(field);
    let _ = style.set_property("height", "auto");
    let highest = window()
        .inner_height()
        .ok()
        .and_then(|height| height.as_f64())
        .unwrap_or(900.0)
        / 3.0;
    let wanted = f64::from(field.scroll_height()).clamp(24.0, highest.max(72.0));
    let _ = style.set_property("height", &format!("{wanted}px"));
}

/// Whether an arrow key leaves the text: on the first line going up, on the last going down.
fn at_edge(field: &web_sys::HtmlTextAreaElement, up: bool) -> bool {
    let text = field.value();
    let Some(caret) = field.selection_start().ok().flatten() else {
        return false;
    };
    let units: Vec<u16> = text.encode_utf16().collect();
    let at = usize::try_from(caret).unwrap_or_default().min(units.len());
    let newline = u16::from(b'\n');
    if up {
        !units[..at].contains(&newline)
    } else {
        !units[at..].contains(&newline)
    }
}

/// The history of prompts, as the arrow keys walk through it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Past {
    own: Vec<String>,
    at: Option<usize>,
    draft: String,
}

impl Past {
    fn add(&mut self, words: String) {
        self.own.push(words);
        self.at = None;
    }

    /// One step up or down from `now`; `None` at the ends.
    fn step(&mut self, said: &[String], now: &str, up: bool) -> Option<String> {
        let mut all: Vec<&String> = said.iter().collect();
        for words in &self.own {
            if !all.contains(&words) {
                all.push(words);
            }
        }
        let at = match (self.at, up) {
            (None, false) => return None,
            (None, true) => {
                now.clone_into(&mut self.draft);
                all.len().checked_sub(1)?
            }
            (Some(at), true) => at.checked_sub(1)?,
            (Some(at), false) => at + 1,
        };
        if let Some(words) = all.get(at) {
            let words = (*words).clone();
            self.at = Some(at);
            Some(words)
        } else {
            self.at = None;
            Some(std::mem::take(&mut self.draft))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_walk_through_what_was_said_and_back_to_the_draft() {
        let said = ["one".to_owned(), "two".to_owned()];
        let mut past = Past::default();
        assert_eq!(past.step(&said, "half", true).as_deref(), Some("two"));
        assert_eq!(past.step(&said, "two", true).as_deref(), Some("one"));
        assert_eq!(past.step(&said, "one", true), None);
        assert_eq!(past.step(&said, "one", false).as_deref(), Some("two"));
        assert_eq!(past.step(&said, "two", false).as_deref(), Some("half"));
        assert_eq!(past.step(&said, "half", false), None);
        assert_eq!(Past::default().step(&[], "x", true), None);
    }

    #[test]
    fn what_was_sent_in_this_tab_comes_first() {
        let mut past = Past::default();
        past.add("three".into());
        past.add("one".into());
        assert_eq!(past.step(&["one".to_owned()], "", true).as_deref(), Some("three"));
    }
}
