//! Beside the timeline: the newest plan, what was spent, the agent's raw lines. On the phone these are tabs of their own.
//! It must not keep a copy of anything: it reads the store, and raw lines when they are asked for.

use super::{
    api::{raw_lines, read_body},
    entry::on_toggle,
    store::{Body, Store},
    usage::Usage,
};
use crate::{
    NodeAction, browser,
    ui::{Empty, ErrorNote, Exact, Markdown, Skeleton, Tab, Tabs, keyed_list},
    view,
};
use leptos::prelude::*;
use model::{
    PageQuery,
    entries::{EntryBody, EntryKind},
    sessions::RawLine,
};
use std::time::Duration;

/// The parts of a session's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The timeline; beside it, where there is room, the plan.
    Timeline,
    /// The newest plan or list of things to do.
    Plan,
    /// Tokens and cost.
    Usage,
    /// The agent's lines as they came.
    Raw,
}

impl Part {
    const fn key(self) -> &'static str {
        match self {
            Self::Timeline => "timeline",
            Self::Plan => "plan",
            Self::Usage => "usage",
            Self::Raw => "raw",
        }
    }

    fn of(key: &str) -> Self {
        match key {
            "plan" => Self::Plan,
            "usage" => Self::Usage,
            "raw" => Self::Raw,
            _ => Self::Timeline,
        }
    }
}

fn tab(part: Part, word: &'static str) -> Tab {
    Tab { key: part.key(), word, count: None }
}

/// The tabs of the phone.
#[component]
pub fn PartTabs(
    /// The part that is shown.
    part: RwSignal<Part>,
) -> impl IntoView {
    let tabs = || vec![tab(Part::Timeline, "Timeline"), tab(Part::Plan, "Plan"), tab(Part::Usage, "Usage"), tab(Part::Raw, "Raw")];
    view! {
        <div class="only-phone sx-tabs">
            <Tabs
                tabs=Signal::derive(tabs)
                value=Signal::derive(move || part.get().key().to_owned())
                on_change=Callback::new(move |key: String| part.set(Part::of(&key)))
                label="Parts"
                panel="sx-panel"
            />
        </div>
    }
}

/// The panel.
#[component]
pub fn Panel(
    /// What the page knows.
    store: Store,
    /// The part that is shown.
    part: RwSignal<Part>,
) -> impl IntoView {
    let tabs = || vec![tab(Part::Plan, "Plan"), tab(Part::Usage, "Usage"), tab(Part::Raw, "Raw")];
    // On wide windows the timeline is always there and the panel shows its own choice.
    let beside = Memo::new(move |_| match part.get() {
        Part::Timeline => Part::Plan,
        part => part,
    });
    view! {
        <aside class="panel" aria-label="Session details">
            <Tabs
                tabs=Signal::derive(tabs)
                value=Signal::derive(move || beside.get().key().to_owned())
                on_change=Callback::new(move |key: String| part.set(Part::of(&key)))
                label="Session details"
                panel="sx-panel"
                class="panel-tabs no-phone"
            />
            <div id="sx-panel" role="tabpanel" tabindex="0">
                {move || match beside.get() {
                    Part::Usage => view! { <Usage store=store /> },
                    Part::Raw => view! { <Raw store=store /> },
                    Part::Timeline | Part::Plan => view! { <Plan store=store /> },
                }}
            </div>
        </aside>
    }
}

#[component]
fn Plan(store: Store) -> impl IntoView {
    move || {
        let Some(row) = store.plan.get().and_then(|seq| store.row(seq).map(|row| (seq, row))) else {
            return view! {
                <section class="pn-s">
                    <Empty icon="list-checks" title="No plan yet" text="What the agent plans, or lists to do, stands here." />
                </section>
            };
        };
        let (seq, row) = row;
        let (kind, at, html) = row.entry.with(|entry| (entry.kind, entry.at, entry.html.clone()));
        let title = if kind == EntryKind::Todo { "To do" } else { "Plan" };
        let body = row.body.clone();
        if html.is_none() {
            let body = row.body.clone();
            let id = store.session.with_untracked(|session| session.id);
            Effect::new(move || {
                if body.with(|body| *body == Body::Unasked) {
                    body.set(Body::Asked);
                    let body = body.clone();
                    leptos::task::spawn_local(async move {
                        body.set(match read_body(id, seq).await {
                            Ok(whole) => Body::Here(Box::new(whole)),
                            Err(error) => Body::Failed(error),
                        });
                    });
                }
            });
        }
        let preview = row.entry.with(|entry| entry.preview.clone());
        let inside = move || match (&html, body.get()) {
            (Some(html), _) => view! { <Markdown html=html.clone() /> },
            (None, Body::Here(whole)) => todo_view(&whole, &preview),
            (None, Body::Failed(error)) => view! { <ErrorNote error=error /> },
            (None, _) => view! { <p class="plain muted">{preview.clone()}</p> },
        };
        view! {
            <section class="pn-s">
                <div class="row pn-h"><h2>{title}</h2><span class="push xs faint"><Exact at=at time=true /></span></div>
                {inside}
            </section>
        }
    }
}

/// One thing the agent means to do.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Todo {
    text: String,
    status: String,
}

/// Reads the list an agent keeps: `{"todos":[{"content","status"}]}` or such a list itself; `None` for anything else.
fn todos(value: &serde_json::Value) -> Option<Vec<Todo>> {
    let list = value.get("todos").or_else(|| value.get("tasks")).or_else(|| value.get("items")).unwrap_or(value).as_array()?;
    let all: Vec<Todo> = list
        .iter()
        .filter_map(|one| {
            let word = |name: &str| one.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
            let text = word("content").or_else(|| word("text")).or_else(|| word("subject")).or_else(|| word("title"))?;
            Some(Todo { text, status: word("status").unwrap_or_else(|| "pending".into()) })
        })
        .collect();
    (!all.is_empty()).then_some(all)
}

fn todo_view(body: &EntryBody, preview: &str) -> AnyView {
    use crate::ui::{Look, Shape};
    let list = body.input.as_ref().or(body.raw.as_ref()).and_then(todos);
    let Some(list) = list else {
        let text = body.text.clone().unwrap_or_else(|| preview.to_owned());
        return match &body.html {
            Some(html) => view! { <Markdown html=html.clone() /> },
            None => view! { <p class="plain">{text}</p> },
        };
    };
    let rows = list
        .into_iter()
        .map(|todo| {
            let look = match todo.status.as_str() {
                "completed" | "done" => Look::DONE,
                "in_progress" | "active" | "running" => Look::WORKING,
                "cancelled" | "deleted" => Look::DENIED.called("Dropped"),
                _ => Look::IDLE.called("To do"),
            };
            view! {
                <li class="todo" class:muted=look == Look::DONE>
                    <Shape look=look label=look.word />
                    <span>{todo.text}</span>
                </li>
            }
        })
        .collect_view();
    view! { <ul class="todos">{rows}</ul> }
}

/// The agent's lines as they came, a page at a time.
#[component]
fn Raw(store: Store) -> impl IntoView {
    let id = store.session.with_untracked(|session| session.id);
    let lines = RwSignal::new(Vec::<RawLine>::new());
    let next = RwSignal::new(None::<String>);
    let error = RwSignal::new(None);
    let read = RwSignal::new(false);
    // Where the newest page begins.
    let newest = StoredValue::new(None::<String>);
    let load = NodeAction::new(move |after: &Option<String>| {
        let query = PageQuery { after: after.clone(), limit: Some(100) };
        async move {
            match raw_lines(id, query.clone()).await {
                Ok(page) => {
                    error.set(None);
                    lines.update(|lines| {
                        // The last page is read again while it grows.
                        let new = page.items.into_iter().filter(|line| !lines.iter().any(|known| (known.run, known.offset) == (line.run, line.offset)));
                        let new: Vec<_> = new.collect();
                        lines.extend(new);
                    });
                    newest.set_value(query.after);
                    next.set(page.next);
                }
                Err(refused) => error.set(Some(refused)),
            }
            read.set(true);
        }
    });
    Effect::new(move |before: Option<()>| {
        if before.is_none() {
            load.dispatch(None);
        }
    });
    let again = Callback::new(move |()| {
        load.dispatch(next.get_untracked());
    });
    // At its end the stream is followed, at a reader's pace.
    let so_far = move || (store.arrived.get_untracked(), store.session.with_untracked(|session| session.state));
    let followed = StoredValue::new(so_far());
    browser::every(Duration::from_secs(2), move || {
        let at_end = read.get_untracked() && next.with_untracked(Option::is_none) && !load.pending().get_untracked();
        if at_end && followed.get_value() != so_far() {
            followed.set_value(so_far());
            load.dispatch(newest.get_value());
        }
    });
    view! {
        <section class="pn-s">
            <div class="row pn-h"><h2>"Raw lines"</h2><span class="push xs faint">"the agent's stream, kept 30 days"</span></div>
            {move || error.get().map(|error| view! { <ErrorNote error=error retry=again /> })}
            <ol class="raws">
                {keyed_list(move || lines.get(), |line| format!("{} {}", line.run, line.offset), |line| view! { <RawRow line=line /> })}
            </ol>
            {move || {
                let empty = lines.with(Vec::is_empty);
                match (read.get(), empty, next.get().is_some()) {
                    (false, ..) => view! { <Skeleton rows=6 /> },
                    (true, true, _) if error.with(Option::is_none) => {
                        view! { <p class="muted xs">"The agent has not written anything yet."</p> }
                    }
                    (true, _, true) => {
                        view! {
                            <button type="button" class="btn btn-q" disabled=move || load.pending().get() on:click=move |_| again.run(())>
                                "More lines"
                            </button>
                        }
                    }
                    _ => ().into_any(),
                }
            }}
        </section>
    }
}

#[component]
fn RawRow(line: RawLine) -> impl IntoView {
    let open = ArcRwSignal::new(false);
    let shown = open.clone();
    let text = line.text;
    let head: String = text.chars().take(160).collect();
    // Only what is opened is read: there may be thousands.
    let pretty = move || {
        let value = serde_json::from_str::<serde_json::Value>(&text);
        value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| text.clone())
    };
    view! {
        <li>
            <details on:toggle=on_toggle(open)>
                <summary class="cut mono xs">{head}</summary>
                {move || shown.get().then(|| view! { <pre class="code code-wrap">{pretty()}</pre> })}
            </details>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_of_things_to_do_are_read_in_both_shapes() {
        let list = json!([{"content": "a", "status": "completed"}, {"subject": "b"}]);
        let read = todos(&json!({ "todos": list })).unwrap();
        assert_eq!(read, todos(&list).unwrap());
        assert_eq!(read[1], Todo { text: "b".into(), status: "pending".into() });
        assert_eq!(todos(&json!("nothing")), None);
        assert_eq!(todos(&json!([])), None);
    }

    #[test]
    fn every_part_is_known_by_its_key() {
        for part in [Part::Timeline, Part::Plan, Part::Usage, Part::Raw] {
            assert_eq!(Part::of(part.key()), part);
        }
    }
}
