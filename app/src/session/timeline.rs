//! The timeline: turns, blocks of entries, text being written, queued prompts, and the reader's position. A virtual
//! list: of a long session only the blocks near the reader are in the document. It must not render an entry's inside.

use super::{
    entry::EntryRow,
    find::Find,
    header::Controls,
    order::{Block, Shown, Spot},
    page::use_query,
    queue::{Queue, StateLine},
    scroll::Follow,
    store::Store,
};
use crate::{
    browser,
    ui::{Button, ButtonKind, Dialog, ErrorNote, Icon, Segment, VirtualChunk, format, keyed_list},
    view,
};
use leptos::prelude::*;
use model::{entries::EntryKind, sessions::AgentKind};
use std::time::Duration;

/// The timeline with its bar.
#[component]
pub fn Timeline(
    /// The page's store.
    store: Store,
    /// The reader's position.
    follow: Follow,
    /// The actions.
    controls: Controls,
) -> impl IntoView {
    let finding = RwSignal::new(false);
    let outline = RwSignal::new(false);
    let list = NodeRef::new();
    follow.open_at_end(list);
    let jump = Jump {
        store,
        follow,
        none: RwSignal::new(None),
    };
    browser::on_keys(move |key| {
        if key.shift || key.command || key.alt || key.typing {
            return false;
        }
        if key.is("e") {
            jump.to(Wanted::Error);
        } else if key.is("w") {
            jump.to(Wanted::Edit);
        } else if key.is("f") {
            finding.set(true);
        } else if key.is("o") {
            outline.set(true);
        } else {
            return false;
        }
        true
    });
    let counts = move || {
        store.session.with(|session| {
            format!(
                "{}, {}",
                format::count(session.turns, "turn", "turns"),
                format::count(session.calls, "call", "calls")
            )
        })
    };
    view! {
        <div class="tl-bar xs no-phone">
            <span class="muted no-mid">{counts}</span>
            <ShownSegment store=store />
            <span class="muted" role="status">{move || jump.said()}</span>
            <span class="push row">
                <Button kind=ButtonKind::Quiet keys="O" on:click=move |_| outline.set(true)>"Outline"</Button>
                <Button kind=ButtonKind::Quiet keys="E" on:click=move |_| jump.to(Wanted::Error)>"Next error"</Button>
                <Button kind=ButtonKind::Quiet keys="W" on:click=move |_| jump.to(Wanted::Edit)>"Next edit"</Button>
                <Button kind=ButtonKind::Quiet keys="F" on:click=move |_| finding.set(true)>"Find"</Button>
            </span>
        </div>
        <Find store=store follow=follow open=finding />
        <Outline store=store follow=follow open=outline />
        <div class="tl" role="log" aria-label="Timeline" node_ref=list>
            <Older store=store follow=follow />
            <Notices store=store />
            <ol class="turns">
                {keyed_list(move || store.timeline.turns.get(), ToString::to_string, move |turn| view! { <Turn store=store turn=turn /> })}
            </ol>
            <div class="ents ents-end">
                <Writing store=store parent=None />
                <Queue store=store />
                <StateLine store=store controls=controls />
            </div>
        </div>
        <NewPill store=store follow=follow />
    }
}

/// The filter of the timeline, kept in the address.
#[component]
fn ShownSegment(store: Store) -> impl IntoView {
    let go = use_query();
    view! {
        <Segment
            options=Signal::derive(|| Shown::ALL.map(|shown| (shown.key().to_owned(), shown.word().to_owned())).to_vec())
            value=Signal::derive(move || store.reader.shown.get().key().to_owned())
            label="Show"
            on_change=Callback::new(move |key: String| go.run(("show", (key != Shown::All.key()).then_some(key))))
        />
    }
}

/// The outline: the loaded turns by their prompts, each linked to its place.
#[component]
fn Outline(store: Store, follow: Follow, open: RwSignal<bool>) -> impl IntoView {
    let turns = move || if open.get() { store.prompts() } else { Vec::new() };
    let row = move |(seq, text): (i64, String)| {
        view! {
            <button
                type="button"
                class="opt"
                on:click=move |_| {
                    open.set(false);
                    store.reveal(seq, false);
                    follow.show(seq);
                }
            >
                <span class="cut">{text}</span>
            </button>
        }
    };
    view! {
        <Dialog open=open title="Outline" class="dialog-wide">
            <div class="outline">{keyed_list(turns, |(seq, _)| seq.to_string(), row)}</div>
            {move || store.timeline.older.get().then(|| view! { <p class="xs faint">"Turns further up are not loaded yet."</p> })}
        </Dialog>
    }
}

/// How long the note that there is nothing to jump to is shown.
const SAID: Duration = Duration::from_secs(4);

/// The target of a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Error,
    Edit,
}

/// Jumps to the next entry of a kind, or says that there is none.
#[derive(Clone, Copy)]
struct Jump {
    store: Store,
    follow: Follow,
    /// The target that was not found, and the count of entries at that time.
    none: RwSignal<Option<(Wanted, u64)>>,
}

impl Jump {
    fn to(self, wanted: Wanted) {
        let next = match wanted {
            Wanted::Error => self.store.next_error(),
            Wanted::Edit => self.store.next_edit(),
        };
        self.none.set(
            next.is_none()
                .then(|| (wanted, self.store.timeline.arrived.get_untracked())),
        );
        if next.is_none() {
            let none = self.none;
            browser::after(SAID, move || {
                none.try_set(None);
            });
        }
        if let Some(seq) = next {
            self.store.reveal(seq, true);
            self.follow.show(seq);
        }
    }

    /// Shown for a while, and only until a new entry may have changed it.
    fn said(self) -> Option<&'static str> {
        let (wanted, arrived) = self.none.get()?;
        let words = match (wanted, self.store.timeline.older.get()) {
            (Wanted::Error, false) => "No errors",
            (Wanted::Error, true) => "No errors in what is loaded",
            (Wanted::Edit, false) => "No edits",
            (Wanted::Edit, true) => "No edits in what is loaded",
        };
        (arrived == self.store.timeline.arrived.get()).then_some(words)
    }
}

/// Notices before reading: untrusted project, demo agent, read-only.
#[component]
fn Notices(store: Store) -> impl IntoView {
    let demo = store.session.with_untracked(|session| session.agent == AgentKind::Demo);
    let project = store.session.with_untracked(|session| session.project);
    view! {
        {move || {
            (!store.trusted.get() && store.runs_own.get() && !demo)
                .then(|| {
                    view! {
                        <div class="note tl-note" role="note">
                            <Icon name="shield-check" />
                            <span>
                                <b class="medium">"This project is not trusted."</b>
                                " Its own hooks, MCP servers and settings do not run. "
                                <a class="link" href=format!("/projects/{project}?look=trust")>"See what they would run"</a>
                            </span>
                        </div>
                    }
                })
        }}
        {demo
            .then(|| {
                view! {
                    <div class="note tl-note" role="note">
                        <Icon name="bot" />
                        <span>
                            <b class="medium">"Demo, no model."</b>
                            " This agent follows a script. What it reads and writes in its scratch project is real."
                        </span>
                    </div>
                }
            })}
    }
}

/// The button for older entries, which scrolling up loads as well.
#[component]
fn Older(store: Store, follow: Follow) -> impl IntoView {
    view! {
        {move || {
            store
                .lost()
                .get()
                .map(|(seq, above)| {
                    let text = if above { format!("Entry {seq} is further up than is loaded.") } else { format!("There is no entry {seq}.") };
                    view! { <p class="note tl-note" role="status">{text}</p> }
                })
        }}
        <OlderWay store=store follow=follow />
    }
}

#[component]
fn OlderWay(store: Store, follow: Follow) -> impl IntoView {
    move || {
        if let Some(error) = follow.failed.get() {
            return view! {
                <ErrorNote error=error title="Older entries did not come." retry=Callback::new(move |()| follow.load_older()) />
            };
        }
        if !store.timeline.older.get() {
            return ().into_any();
        }
        view! {
            <div class="tl-older">
                <Button kind=ButtonKind::Quiet disabled=follow.loading on:click=move |_| follow.load_older()>
                    {move || if follow.loading.get() { "Loading older entries" } else { "Load older entries" }}
                </Button>
            </div>
        }
    }
}

#[component]
fn Turn(store: Store, turn: i64) -> impl IntoView {
    let blocks = store.turn(turn);
    view! {
        <li class="turn">
            {keyed_list(move || blocks.get(), |(from, to)| format!("{from} {to}"), move |block: Block| view! { <TurnBlock store=store block=block /> })}
        </li>
    }
}

/// A block of fifty entries.
#[component]
fn TurnBlock(store: Store, block: Block) -> impl IntoView {
    view! { <Entries store=store entries=store.block(block) spot=Spot::Turn(block) class="ents blk" /> }
}

/// A group of entries, rendered together or, far from the reader, not at all.
#[component]
pub fn Entries(
    /// The page's store.
    store: Store,
    /// The entries.
    #[prop(into)]
    entries: Signal<Vec<i64>>,
    /// Their place.
    spot: Spot,
    /// The class of the element around them.
    class: &'static str,
) -> impl IntoView {
    let entries = Signal::derive(move || {
        let all = entries.get();
        if store.reader.shown.get() == Shown::All {
            all
        } else {
            all.into_iter().filter(|seq| store.is_shown(*seq)).collect()
        }
    });
    let rows = Signal::derive(move || entries.with(Vec::len));
    view! {
        <VirtualChunk blank=store.blank(spot) rows=rows class=class>
            {keyed_list(move || entries.get(), ToString::to_string, move |seq| view! { <EntryRow store=store seq=seq /> })}
        </VirtualChunk>
    }
}

/// Text being written.
#[component]
pub fn Writing(
    /// The page's store.
    store: Store,
    /// Its call; `None` on the main thread.
    parent: Option<String>,
) -> impl IntoView {
    let partial = Memo::new(move |_| store.timeline.partials.with(|partials| partials.get(&parent).cloned()));
    move || {
        partial.get().map(|partial| match partial.kind {
            EntryKind::Thought => {
                let last = partial
                    .text
                    .lines()
                    .rev()
                    .find(|line| !line.trim().is_empty())
                    .unwrap_or_default()
                    .to_owned();
                view! {
                    <div class="tool-line writing" aria-live="off">
                        <span></span>
                        <Icon name="lightbulb" />
                        <span class="name">"Thinking"</span>
                        <span class="cut muted">{last}</span>
                    </div>
                }
            }
            _ => view! { <div class="msg writing" aria-live="off">{partial.text}</div> },
        })
    }
}

/// The pill with the number of entries that arrived while the reader was above.
#[component]
fn NewPill(store: Store, follow: Follow) -> impl IntoView {
    let text = move || {
        let new = store.reader.unseen.get();
        let waiting = store.waiting();
        let mut text = if new > 0 {
            format!("{new} new")
        } else {
            "To the end".to_owned()
        };
        if waiting == 1 {
            text.push_str(", 1 waits for you");
        } else if waiting > 1 {
            text = format!("{text}, {waiting} wait for you");
        }
        text
    };
    let shown = move || !store.reader.at_end.get() && store.reader.unseen.get() > 0;
    view! {
        <div class="pill-w" aria-live="polite">
            {move || {
                shown()
                    .then(|| {
                        view! {
                            <button type="button" class="pill" on:click=move |_| follow.to_end()>
                                <Icon name="arrow-down" />
                                {text}
                            </button>
                        }
                    })
            }}
        </div>
    }
}
