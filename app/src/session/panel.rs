//! The panel beside the timeline: the newest plan, files, subagents, usage, raw lines. The address names the part; on a
//! phone the parts are tabs. The panel must not copy data: it reads the store, and raw lines on demand.

use super::{
    api::{raw_lines, read_body},
    entry::on_toggle,
    page::use_query,
    store::{Body, FileSum, Store},
    usage::Usage,
};
use crate::{
    NodeAction, browser,
    ui::{Empty, ErrorNote, Exact, Icon, Look, Markdown, Shape, Skeleton, Tab, Tabs, keyed_list},
    view,
};
use leptos::prelude::*;
use model::{
    PageQuery,
    entries::{Call, EntryBody, EntryKind, Todo, TodoState},
    sessions::RawLine,
};
use std::time::Duration;

/// The parts of a session's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The timeline, with the plan beside it where there is room.
    Timeline,
    /// The newest plan or list of things to do.
    Plan,
    /// The files that were changed.
    Files,
    /// The calls of subagents.
    Subagents,
    /// Tokens and cost.
    Usage,
    /// The agent's raw lines.
    Raw,
}

impl Part {
    #[cfg(test)]
    const ALL: [Self; 6] = [
        Self::Timeline,
        Self::Plan,
        Self::Files,
        Self::Subagents,
        Self::Usage,
        Self::Raw,
    ];

    /// The word in the address.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Timeline => "timeline",
            Self::Plan => "plan",
            Self::Files => "files",
            Self::Subagents => "subagents",
            Self::Usage => "usage",
            Self::Raw => "raw",
        }
    }

    /// The part of a word in the address; the timeline for an unknown word.
    pub fn of(key: &str) -> Self {
        match key {
            "plan" => Self::Plan,
            "files" => Self::Files,
            "subagents" => Self::Subagents,
            "usage" => Self::Usage,
            "raw" => Self::Raw,
            _ => Self::Timeline,
        }
    }
}

/// Whether the panel has nothing but sums.
pub fn is_bare(store: Store) -> bool {
    store.timeline.plan.get().is_none() && store.files().is_empty() && store.subagents().is_empty()
}

fn counted(n: usize) -> Option<i64> {
    i64::try_from(n).ok()
}

/// The tabs with content; the open one stays.
fn tabs(store: Store, open: Part, timeline: bool) -> Vec<Tab> {
    let (files, subagents) = (store.files().len(), store.subagents().len());
    let all = [
        (Part::Timeline, "Timeline", None, timeline),
        (Part::Plan, "Plan", None, store.timeline.plan.get().is_some()),
        (Part::Files, "Files", counted(files), files > 0),
        (Part::Subagents, "Subagents", counted(subagents), subagents > 0),
        (Part::Usage, "Usage", None, true),
        // Beside the timeline the session's menu links to it.
        (Part::Raw, "Raw", None, timeline),
    ];
    all.into_iter()
        .filter(|(part, _, _, shown)| *shown || *part == open)
        .map(|(part, word, count, _)| Tab {
            key: part.key(),
            word,
            count,
        })
        .collect()
}

/// The tabs on a phone.
#[component]
pub fn PartTabs(
    /// The page's store.
    store: Store,
    /// The shown part.
    part: Memo<Part>,
) -> impl IntoView {
    let go = use_query();
    let all = Memo::new(move |_| tabs(store, part.get(), true));
    view! {
        <div class="only-phone sx-tabs">
            <Tabs
                tabs=all
                value=Signal::derive(move || part.get().key().to_owned())
                on_change=Callback::new(move |key: String| go.run(("tab", (key != Part::Timeline.key()).then_some(key))))
                label="Parts"
                panel="sx-panel"
            />
        </div>
    }
}

/// The panel.
#[component]
pub fn Panel(
    /// The page's store.
    store: Store,
    /// The shown part.
    part: Memo<Part>,
) -> impl IntoView {
    let go = use_query();
    // Beside the timeline the panel shows its own choice: the first part with content.
    let beside = Memo::new(move |_| match part.get() {
        Part::Timeline if store.timeline.plan.get().is_some() => Part::Plan,
        Part::Timeline if !store.files().is_empty() => Part::Files,
        Part::Timeline if !store.subagents().is_empty() => Part::Subagents,
        Part::Timeline => Part::Usage,
        part => part,
    });
    let all = Memo::new(move |_| tabs(store, beside.get(), false));
    view! {
        <aside class="panel" aria-label="Session details">
            <Tabs
                tabs=all
                value=Signal::derive(move || beside.get().key().to_owned())
                on_change=Callback::new(move |key: String| go.run(("tab", Some(key))))
                label="Session details"
                panel="sx-panel"
                class="panel-tabs no-phone"
            />
            <div id="sx-panel" role="tabpanel" tabindex="0">
                {move || match beside.get() {
                    Part::Files => view! { <Files store=store /> },
                    Part::Subagents => view! { <Subagents store=store /> },
                    Part::Usage => view! { <Usage store=store /> },
                    Part::Raw => view! { <Raw store=store /> },
                    Part::Timeline | Part::Plan => view! { <Plan store=store /> },
                }}
            </div>
        </aside>
    }
}

/// The changed files, each linked to its newest change.
#[component]
fn Files(store: Store) -> impl IntoView {
    let files = Memo::new(move |_| {
        let mut files = store.files();
        files.reverse();
        files
    });
    let row = |file: FileSum| {
        let title = file.path.clone();
        view! {
            <li>
                <a class="file" href=format!("#e{}", file.seq) title=title>
                    <Icon name="file-pen" small=true />
                    <span class="cut mono">{file.path}</span>
                    <span class="mono xs nw"><span class="add">{(file.added > 0).then(|| format!("+{} ", file.added))}</span><span class="del">{(file.removed > 0).then(|| format!("-{}", file.removed))}</span></span>
                </a>
            </li>
        }
    };
    view! {
        <section class="pn-s">
            <div class="row pn-h"><h2>"Files"</h2><span class="push xs faint">{move || if store.timeline.older.get() { "changed in what is loaded" } else { "changed here" }}</span></div>
            {move || files.with(Vec::is_empty).then(|| view! { <Empty icon="file-pen" title="No file was changed" text="What the agent edits or writes stands here." /> })}
            <ul class="files">{keyed_list(move || files.get(), |file| format!("{} {} {} {}", file.path, file.seq, file.added, file.removed), row)}</ul>
        </section>
    }
}

/// The calls of subagents, each linked to its entry.
#[component]
fn Subagents(store: Store) -> impl IntoView {
    let calls = Memo::new(move |_| store.subagents());
    let row = |(seq, call): (i64, Call)| {
        let title = call.target.clone();
        view! {
            <li>
                <a class="file" href=format!("#e{seq}") title=title>
                    <Shape look=Look::from(call.status) />
                    <span class="cut">{if call.target.is_empty() { call.name().to_owned() } else { call.target }}</span>
                    <span class="xs muted nw">{call.result}</span>
                </a>
            </li>
        }
    };
    view! {
        <section class="pn-s">
            <div class="row pn-h"><h2>"Subagents"</h2></div>
            {move || calls.with(Vec::is_empty).then(|| view! { <Empty icon="bot" title="No subagents" text="What the agent gives to others stands here." /> })}
            <ul class="files">{keyed_list(move || calls.get(), |(seq, call)| format!("{seq} {:?}", call.status), row)}</ul>
        </section>
    }
}

#[component]
fn Plan(store: Store) -> impl IntoView {
    move || {
        let Some(row) = store
            .timeline
            .plan
            .get()
            .and_then(|seq| store.row(seq).map(|row| (seq, row)))
        else {
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

fn todo_view(body: &EntryBody, preview: &str) -> AnyView {
    let list = body
        .raw
        .clone()
        .and_then(|raw| serde_json::from_value::<Vec<Todo>>(raw).ok())
        .filter(|list| !list.is_empty());
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
            let look = match todo.state {
                TodoState::Done => Look::DONE,
                TodoState::Active => Look::WORKING,
                TodoState::Dropped => Look::DENIED.called("Dropped"),
                TodoState::Pending => Look::IDLE.called("To do"),
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

/// The agent's raw lines, by page.
#[component]
fn Raw(store: Store) -> impl IntoView {
    let id = store.session.with_untracked(|session| session.id);
    let lines = RwSignal::new(Vec::<RawLine>::new());
    let next = RwSignal::new(None::<String>);
    let error = RwSignal::new(None);
    let read = RwSignal::new(false);
    // The cursor of the newest page.
    let newest = StoredValue::new(None::<String>);
    let load = NodeAction::new(move |after: &Option<String>| {
        let query = PageQuery {
            after: after.clone(),
            limit: Some(100),
        };
        async move {
            match raw_lines(id, query.clone()).await {
                Ok(page) => {
                    error.set(None);
                    lines.update(|lines| {
                        // The last page is read again while it grows.
                        let new = page.items.into_iter().filter(|line| {
                            !lines
                                .iter()
                                .any(|known| (known.run, known.offset) == (line.run, line.offset))
                        });
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
    // At its end the panel follows the stream, at a reader's pace.
    let so_far = move || {
        (
            store.timeline.arrived.get_untracked(),
            store.session.with_untracked(|session| session.state),
        )
    };
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
    // Lazily parsed when opened: there may be thousands.
    let pretty = move || {
        let value = serde_json::from_str::<serde_json::Value>(&text);
        value
            .and_then(|value| serde_json::to_string_pretty(&value))
            .unwrap_or_else(|_| text.clone())
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

    #[test]
    fn every_part_is_known_by_its_key() {
        for part in Part::ALL {
            assert_eq!(Part::of(part.key()), part);
        }
    }
}
