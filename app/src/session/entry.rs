//! One entry of a timeline: a line that opens to its body, which is fetched then. It must not know its place; the store
//! knows order and nesting.

use super::{
    approval::ApprovalSlot,
    body::BodyView,
    order::{Spot, blocks_of, in_block},
    store::{Body, Row, Store},
    timeline::{Entries, Writing},
};
use crate::{
    decision::words::class_icon,
    session::api::read_body,
    ui::{Elapsed, Exact, Icon, Look, Markdown, Shape, StatusWord, format, keyed_list},
    view,
};
use leptos::prelude::*;
use model::{
    calls::CallClass,
    entries::{Call, CallStatus, Entry, EntryKind},
    shown::marked,
};

/// An entry, and the decision about it if there is one.
#[component]
pub fn EntryRow(
    /// The page's store.
    store: Store,
    /// The entry.
    seq: i64,
) -> impl IntoView {
    let Some(row) = store.row(seq) else {
        return ().into_any();
    };
    fetch_when_open(store, &row, seq);
    let entry = row.entry.clone();
    let approval = {
        let entry = entry.clone();
        Memo::new(move |_| entry.with(|entry| entry.approval))
    };
    let kind = entry.with_untracked(|entry| entry.kind);
    let found = move || store.reader.at.get() == Some(seq);
    let inside = match kind {
        EntryKind::Prompt => view! { <PromptRow store=store row=row /> },
        EntryKind::Message => view! { <MessageRow row=row /> },
        EntryKind::Thought => view! { <FoldRow row=row icon="lightbulb" name="Thought" /> },
        EntryKind::Tool | EntryKind::Task => view! { <CallRow store=store row=row /> },
        EntryKind::Plan => view! { <PlanRow row=row /> },
        EntryKind::Todo => view! { <FoldRow row=row icon="list-todo" name="To do" /> },
        EntryKind::Status => view! { <StatusRow row=row /> },
        EntryKind::Error => view! { <ErrorRow row=row /> },
        EntryKind::Raw => view! { <FoldRow row=row icon="ellipsis" name="Other" /> },
    };
    view! {
        <div class="ent" class:is-at=found id=format!("e{seq}") tabindex="-1">
            {inside}
            {move || approval.get().map(|id| view! { <ApprovalSlot store=store id=id /> })}
        </div>
    }
}

/// Fetches the body of a row once it is open.
fn fetch_when_open(store: Store, row: &Row, seq: i64) {
    let (open, body) = (row.open.clone(), row.body.clone());
    Effect::new(move || {
        if open.get() && body.with(|body| *body == Body::Unasked) {
            body.set(Body::Asked);
            let id = store.session.with_untracked(|session| session.id);
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

/// Keeps a `<details>` and the store's signal in sync, whoever opened it.
pub fn on_toggle(open: ArcRwSignal<bool>) -> impl Fn(leptos::ev::Event) + 'static {
    move |event| {
        use wasm_bindgen::JsCast;
        if let Some(details) = event
            .current_target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
        {
            let now = details.has_attribute("open");
            if open.get_untracked() != now {
                open.set(now);
            }
        }
    }
}

#[component]
fn PromptRow(store: Store, row: Row) -> impl IntoView {
    let (at, by, turn) = row
        .entry
        .with_untracked(|entry| (entry.at, entry.by_name.clone(), entry.turn));
    let by = by.unwrap_or_else(|| "Somebody".into());
    let blocks = store.turn(turn);
    let sums = Memo::new(move |_| {
        let mut sums = TurnSums::default();
        for block in blocks.get() {
            store.block(block).with(|seqs| {
                for row in seqs.iter().filter_map(|seq| store.row(*seq)) {
                    row.entry.with_untracked(|entry| sums.add(entry));
                    // Only a running call will get another end.
                    if row.entry.with_untracked(runs) {
                        row.entry.track();
                    }
                }
            });
        }
        sums.to_string()
    });
    view! {
        <header class="turn-h">
            <span class="gut mono faint"><Exact at=at time=true /></span>
            <div class="prompt">
                <span class="row prompt-by">
                    <span class="av" aria-hidden="true">{format::initials(&by)}</span>
                    <b class="medium">{by}</b>
                    <span class="push xs faint nw">{move || sums.get()}</span>
                </span>
                <Text row=row />
            </div>
        </header>
    }
}

fn runs(entry: &Entry) -> bool {
    entry
        .call
        .as_ref()
        .is_some_and(|call| call.status == CallStatus::Running)
}

/// The sums of a turn so far: `9 calls, 6m 20s`.
#[derive(Default)]
struct TurnSums {
    calls: i64,
    span: Option<(i64, i64)>,
}

impl TurnSums {
    fn add(&mut self, entry: &Entry) {
        let ended = entry.call.as_ref().and_then(|call| call.ended).unwrap_or(entry.at);
        self.calls += i64::from(entry.kind == EntryKind::Tool);
        self.span = Some(
            self.span
                .map_or((entry.at, ended), |(from, to)| (from.min(entry.at), to.max(ended))),
        );
    }
}

impl std::fmt::Display for TurnSums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some((from, to)) = self.span.filter(|(from, to)| to > from) else {
            return Ok(());
        };
        if self.calls > 0 {
            write!(f, "{}, ", format::count(self.calls, "call", "calls"))?;
        }
        f.write_str(&format::span(to - from))
    }
}

#[component]
fn MessageRow(row: Row) -> impl IntoView {
    view! {
        <div class="msg">
            <Text row=row />
        </div>
    }
}

/// The text of an entry: its HTML if the row has it, else its preview with a link to the rest.
#[component]
fn Text(row: Row) -> impl IntoView {
    let Row { entry, open, body } = row;
    move || {
        let (html, preview, more) = entry.with(|entry| (entry.html.clone(), entry.preview.clone(), entry.more));
        if let Some(html) = html {
            return view! { <Markdown html=html /> };
        }
        let whole = body.with(|body| match body {
            Body::Here(whole) => whole
                .html
                .clone()
                .map(|html| view! { <Markdown html=html /> })
                .or_else(|| {
                    whole
                        .text
                        .clone()
                        .map(|text| view! { <p class="plain" dir="auto">{text}</p> })
                }),
            _ => None,
        });
        let open = open.clone();
        whole.unwrap_or_else(|| {
            view! {
                <p class="plain" dir="auto">
                    {preview} {more.then_some("…")}
                    {more
                        .then(|| {
                            view! {
                                " "
                                <button type="button" class="btn-link" on:click=move |_| open.set(true)>"Show all"</button>
                            }
                        })}
                </p>
            }
        })
    }
}

/// A foldable line: thoughts, lists, unknown messages.
#[component]
fn FoldRow(row: Row, icon: &'static str, name: &'static str) -> impl IntoView {
    let Row { entry, open, body } = row;
    let shown = open.clone();
    let toggled = on_toggle(open.clone());
    let preview = entry.clone();
    view! {
        <details class="tool" open=move || open.get() on:toggle=toggled>
            <summary>
                <Icon name="chevron-right" class="chev" />
                <Icon name=icon />
                <span class="name cut">{name}</span>
                <span class="tgt cut"><span class="sans muted">{move || preview.with(|entry| first_line(&entry.preview))}</span></span>
                <span class="res"></span>
                <span class="dur"></span>
            </summary>
            <BodyView entry=entry body=body open=shown />
        </details>
    }
}

fn first_line(text: &str) -> String {
    text.lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
        .to_owned()
}

#[component]
fn PlanRow(row: Row) -> impl IntoView {
    view! {
        <section class="plan plan-quiet" aria-label="Plan">
            <div class="plan-h">
                <Icon name="list-checks" class="muted" />
                <h2>"Plan"</h2>
            </div>
            <div class="plan-md">
                <Text row=row />
            </div>
        </section>
    }
}

#[component]
fn StatusRow(row: Row) -> impl IntoView {
    let entry = row.entry;
    let at = entry.with_untracked(|entry| entry.at);
    view! {
        <p class="ent-st xs faint">
            <span>{move || entry.with(|entry| entry.preview.clone())}</span>
            <span class="push mono"><Exact at=at time=true /></span>
        </p>
    }
}

#[component]
fn ErrorRow(row: Row) -> impl IntoView {
    view! {
        <div class="note failed">
            <Shape look=Look::FAILED />
            <div class="grow">
                <Text row=row />
            </div>
        </div>
    }
}

/// A tool call: one line, or a nest with a subagent's entries.
#[component]
fn CallRow(store: Store, row: Row) -> impl IntoView {
    let id = row
        .entry
        .with_untracked(|entry| entry.call.as_ref().map(|call| call.id.clone()))
        .unwrap_or_default();
    let nested = store.nested(&id);
    let has_nested = {
        let nested = nested.clone();
        Memo::new(move |_| nested.with(|nested| !nested.is_empty()))
    };
    move || {
        if has_nested.get() {
            view! { <Nest store=store row=row.clone() id=id.clone() nested=nested.clone() /> }
        } else {
            view! { <ToolLine store=store row=row.clone() /> }
        }
    }
}

#[component]
fn ToolLine(store: Store, row: Row) -> impl IntoView {
    let Row { entry, open, body } = row;
    let shown = open.clone();
    let toggled = on_toggle(open.clone());
    let bad = {
        let entry = entry.clone();
        Memo::new(move |_| {
            entry.with(|entry| {
                entry
                    .call
                    .as_ref()
                    .is_some_and(|call| call.status == CallStatus::Failed)
            })
        })
    };
    let (call, task) = entry.with_untracked(|entry| (entry.call.clone(), entry.kind == EntryKind::Task));
    let icon = if task {
        "list-todo"
    } else {
        class_icon(call.as_ref().map_or(CallClass::Other, |call| call.class))
    };
    let name = call
        .as_ref()
        .map(|call| marked(call.name()).into_owned())
        .unwrap_or_default();
    let tool = call.map(|call| call.tool).unwrap_or_default();
    let target = {
        let entry = entry.clone();
        Memo::new(move |_| {
            entry.with(|entry| marked(entry.call.as_ref().map_or(&entry.preview, |call| &call.target)).into_owned())
        })
    };
    // The agent reports it as running, but it waits for a person.
    let waits = {
        let entry = entry.clone();
        Memo::new(move |_| entry.with(|entry| entry.approval).is_some_and(|id| store.waits(id)))
    };
    let outcome = entry.clone();
    view! {
        <details class="tool" class:bad=move || bad.get() open=move || open.get() on:toggle=toggled>
            <summary>
                <Icon name="chevron-right" class="chev" />
                <Icon name=icon />
                <span class="name cut" title=tool>{if task { "Task".to_owned() } else { name }}</span>
                <span class="tgt cut" title=move || target.get()>{move || target.get()}</span>
                {move || {
                    outcome.with(|entry| entry.call.clone().map(|call| view! { <Outcome at=entry.at call=call waits=waits.get() /> }))
                }}
            </summary>
            <BodyView entry=entry body=body open=shown />
        </details>
    }
}

/// The result and the duration of a call, in the last two columns of its line.
#[component]
fn Outcome(at: i64, call: Call, waits: bool) -> impl IntoView {
    let lines = (call.added.is_some() || call.removed.is_some()).then(|| {
        let (added, removed) = (call.added.unwrap_or(0), call.removed.unwrap_or(0));
        view! {
            <span class="mono nw">
                <span class="add">{format!("+{added}")}</span>
                {(removed > 0).then(|| view! { " " <span class="del">{format!("\u{2212}{removed}")}</span> })}
            </span>
        }
    });
    let result = call.result.as_deref().map(|result| marked(result).into_owned());
    let said = result.clone();
    let word = move |look: Look| {
        view! {
            <span class=format!("st {}", look.tone)>
                <Shape look=look />
                <span class="cut">{said.clone().unwrap_or_else(|| look.word.to_owned())}</span>
            </span>
        }
    };
    let result = match call.status {
        CallStatus::Ok => match lines {
            Some(lines) => lines.into_any(),
            None => result.unwrap_or_default().into_any(),
        },
        CallStatus::Running => {
            let look = if waits {
                Look::WAITING.called("waits")
            } else {
                Look::from(CallStatus::Running)
            };
            view! { <StatusWord look=look /> }
        }
        status => word(Look::from(status)),
    };
    let duration = match (call.ended, call.status) {
        (Some(ended), _) => format::span_exact(ended - at).into_any(),
        (None, CallStatus::Running) => view! { <Elapsed since=at /> },
        (None, _) => "".into_any(),
    };
    view! {
        <span class="res" title=call.result>{result}</span>
        <span class="dur">{duration}</span>
    }
}

/// A subagent's call with its entries.
#[component]
fn Nest(store: Store, row: Row, id: String, nested: ArcRwSignal<Vec<i64>>) -> impl IntoView {
    let Row { entry, .. } = row.clone();
    let open = row.open.clone();
    let shown = open.clone();
    let waits = {
        let nested = nested.clone();
        Memo::new(move |_| {
            let seqs = nested.get();
            seqs.iter()
                .filter_map(|seq| store.row(*seq))
                .filter_map(|row| row.entry.with(|e| e.approval))
                .any(|id| store.waits(id))
        })
    };
    // A subagent's nest is open while it works, since that is the present activity. One in the background may ask long
    // after its call has ended.
    if entry.with_untracked(runs) || waits.get_untracked() {
        open.set(true);
    }
    let asked = open.clone();
    Effect::new(move || {
        if waits.get() {
            asked.set(true);
        }
    });
    let head = entry.clone();
    let (count, list, call) = (nested.clone(), nested.clone(), id.clone());
    let blocks = Memo::new(move |_| list.with(|nested| blocks_of(nested)));
    view! {
        <details class="nest" open=move || open.get() on:toggle=on_toggle(shown)>
            <summary class="nest-h">
                <Icon name="chevron-right" class="chev" />
                <Icon name="bot" />
                <b class="medium">"Subagent"</b>
                {move || {
                    head.with(|entry| {
                        let call = entry.call.clone();
                        let target = call.as_ref().map(|call| marked(&call.target).into_owned()).unwrap_or_default();
                        let look = call.as_ref().map_or(Look::UNKNOWN, |call| Look::from(call.status));
                        let look = if waits.get() { Look::WAITING.called("Waiting") } else { look };
                        let ended = call.as_ref().and_then(|call| call.ended);
                        let calls = count.with(|seqs| {
                            let rows = seqs.iter().filter_map(|seq| store.row(*seq));
                            rows.filter(|row| row.entry.with_untracked(|entry| entry.call.is_some())).count()
                        });
                        view! {
                            <span class="muted cut">{target}</span>
                            <span class="push row nw">
                                <StatusWord look=look />
                                <span class="mono faint">
                                    {(calls > 0).then(|| format!("{}, ", format::count(i64::try_from(calls).unwrap_or(i64::MAX), "call", "calls")))}
                                    <Elapsed since=entry.at until=ended />
                                </span>
                            </span>
                        }
                    })
                }}
            </summary>
            <div class="nest-b">
                {keyed_list(
                    move || blocks.get(),
                    ToString::to_string,
                    move |block| {
                        let (nested, spot) = (nested.clone(), Spot::Nest(call.clone(), block));
                        let entries = Memo::new(move |_| nested.with(|nested| in_block(nested, block).to_vec()));
                        view! { <Entries store=store entries=entries spot=spot class="nest-e" /> }
                    },
                )}
                <Writing store=store parent=Some(id) />
                <BodyView entry=entry body=row.body.clone() open=row.open.clone() />
            </div>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::id::SessionId;

    fn sums(entries: &[Entry]) -> String {
        let mut sums = TurnSums::default();
        for entry in entries {
            sums.add(entry);
        }
        sums.to_string()
    }

    #[test]
    fn a_turn_sums_its_calls_and_its_time() {
        let entry = |seq: i64, kind, at| Entry {
            session: "ses_01920000000070008000000000000001".parse::<SessionId>().unwrap(),
            seq,
            turn: 1,
            kind,
            at,
            parent: None,
            by_name: None,
            preview: String::new(),
            more: false,
            html: None,
            call: None,
            approval: None,
        };
        let all = [
            entry(1, EntryKind::Prompt, 0),
            entry(2, EntryKind::Tool, 5_000),
            entry(3, EntryKind::Message, 70_000),
        ];
        assert_eq!(sums(&all), "1 call, 1m 10s");
        assert_eq!(sums(&[entry(1, EntryKind::Prompt, 9)]), "");
    }
}
