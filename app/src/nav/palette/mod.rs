//! The command palette: runs verbs of the open page, opens pages and sessions, starts sessions and the demo agent,
//! switches the theme, signs out. It does nothing that a page could not do.

mod api;
mod entries;

use crate::{
    browser::{self, Theme},
    frame::{LastProjects, PageVerbs},
    lazy::lazy_dialog,
    ui::{Dialog, Icon, Kbd, Look, Shape, Toast, sentence, use_toasts},
    view,
};
use api::{Found, find, run_demo};
use entries::{Does, Entry, matching};
use leptos::{ev, html, prelude::*, task::spawn_local};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use model::{id::ProjectId, sessions::Session};

lazy_dialog!(Palette, dialogs, Commands);

/// The palette, open while `open` is true.
#[component]
fn Commands(
    /// Whether it is open.
    open: RwSignal<bool>,
) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let found = RwSignal::new(Found::default());
    let verbs = use_context::<PageVerbs>();
    let last = use_context::<LastProjects>();
    let failed = RwSignal::new(String::new());
    let chosen = RwSignal::new(0_usize);
    let input = NodeRef::<html::Input>::new();
    let sign_out = NodeRef::<html::Form>::new();
    let toasts = use_toasts();
    let navigate = use_navigate();

    Effect::new(move || {
        if open.get() {
            text.set(String::new());
            chosen.set(0);
            if let Some(input) = input.get() {
                let _ = input.focus();
            }
        }
    });

    // Only the answer to the newest search counts; older ones are dropped.
    Effect::new(move || {
        let wish = text.get().trim().to_owned();
        chosen.set(0);
        failed.set(String::new());
        if !open.get() {
            return;
        }
        // One letter finds too much; an empty text finds what was used last.
        if wish.chars().count() == 1 {
            found.set(Found::default());
            return;
        }
        browser::after(
            std::time::Duration::from_millis(if wish.is_empty() { 0 } else { 120 }),
            move || {
                spawn_local(async move {
                    let answer = find(wish.clone()).await;
                    if text.try_get_untracked().is_none_or(|now| now.trim() != wish) {
                        return;
                    }
                    match answer {
                        Ok(now) => found.set(now),
                        Err(error) => {
                            found.set(Found::default());
                            failed.set(sentence(&error.to_string()));
                        }
                    }
                });
            },
        );
    });

    let shown = Memo::new(move |_| {
        let typed = text.read();
        let verbs = verbs.map(PageVerbs::list).unwrap_or_default();
        let mut first: Vec<_> = verbs
            .into_iter()
            .enumerate()
            .map(|(at, verb)| Entry::new(verb.name, "this page", verb.icon, Does::Verb(at)))
            .collect();
        let sessions = found.read().sessions.iter().map(Entry::of_session).collect::<Vec<_>>();
        if typed.trim().is_empty() {
            // Recent entries are between the page's own and all others.
            first.extend(sessions);
            first.extend(
                last.map(LastProjects::recent)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(id, name)| Entry::of_project(id, name)),
            );
            return matching("", first);
        }
        let mut entries = matching(&typed, first);
        entries.extend(sessions);
        entries.extend(
            found
                .read()
                .projects
                .iter()
                .map(|(id, name)| Entry::of_project(*id, name.clone())),
        );
        entries
    });

    // The selection belongs to an entry, not to an index: later results may be inserted above it.
    Effect::new(move |before: Option<Vec<Entry>>| {
        let now = shown.get();
        let at = chosen.get_untracked();
        let same = before
            .filter(|_| at > 0)
            .and_then(|before| now.iter().position(|entry| before.get(at) == Some(entry)));
        if let Some(place) = same.filter(|place| *place != at) {
            chosen.set(place);
            let scroll =
                move || browser::scroll_to(&format!("palette-{place}"), web_sys::ScrollLogicalPosition::Nearest);
            browser::after(std::time::Duration::ZERO, scroll);
        }
        now
    });

    let run = move |entry: Entry| {
        open.set(false);
        match entry.does {
            Does::Open(path) => navigate(&path, NavigateOptions::default()),
            Does::Verb(at) => {
                // The list may have changed since it was rendered, so the name is compared as well.
                let all = untrack(|| verbs.map(PageVerbs::list).unwrap_or_default());
                if let Some(verb) = all.get(at).filter(|verb| verb.name == entry.name) {
                    verb.run.run(());
                }
            }
            Does::Theme(theme) => browser::set_theme(theme),
            Does::SignOut => {
                if let Some(form) = sign_out.get_untracked() {
                    let _ = form.submit();
                }
            }
            Does::Demo => {
                let navigate = navigate.clone();
                spawn_local(async move {
                    match run_demo().await {
                        Ok(session) => navigate(&format!("/sessions/{}", session.id), NavigateOptions::default()),
                        Err(error) => {
                            if let Some(toasts) = toasts {
                                toasts.show(Toast::failed(format!("The demo agent did not start: {error}")));
                            }
                        }
                    }
                });
            }
        }
    };
    let run = StoredValue::new(run);

    let on_key = move |event: ev::KeyboardEvent| {
        let count = shown.read_untracked().len();
        let step = |by: usize| {
            let at = (chosen.get_untracked() + by) % count;
            chosen.set(at);
            browser::scroll_to(&format!("palette-{at}"), web_sys::ScrollLogicalPosition::Nearest);
        };
        match event.key().as_str() {
            "ArrowDown" if count > 0 => step(1),
            "ArrowUp" if count > 0 => step(count - 1),
            "Enter" => {
                let entry = shown.read_untracked().get(chosen.get_untracked()).cloned();
                if let Some(entry) = entry {
                    run.with_value(|run| run(entry));
                }
            }
            _ => return,
        }
        event.prevent_default();
    };

    view! {
        <Dialog open=open title="Search or run a command" class="palette" bare=true>
            <div class="pal-in">
                <Icon name="search" />
                <input
                    node_ref=input
                    type="text"
                    role="combobox"
                    aria-label="Search or run a command"
                    aria-expanded="true"
                    aria-controls="palette-list"
                    aria-autocomplete="list"
                    aria-activedescendant=move || (!shown.read().is_empty()).then(|| format!("palette-{}", chosen.get()))
                    autocomplete="off"
                    spellcheck="false"
                    placeholder="Search or run a command"
                    prop:value=move || text.get()
                    on:input:target=move |event| text.set(event.target().value())
                    on:keydown=on_key
                />
                <Kbd key="Esc" />
            </div>
            <div id="palette-list" class="pal-list" role="listbox" aria-label="Results">
                {move || {
                    shown
                        .get()
                        .into_iter()
                        .enumerate()
                        .map(|(at, entry)| {
                            let wanted = entry.clone();
                            view! {
                                <div
                                    id=format!("palette-{at}")
                                    class="opt"
                                    role="option"
                                    aria-selected=move || (chosen.get() == at).to_string()
                                    on:mousemove=move |_| {
                                        if chosen.get_untracked() != at {
                                            chosen.set(at);
                                        }
                                    }
                                    on:click=move |_| {
                                        let entry = wanted.clone();
                                        run.with_value(|run| run(entry));
                                    }
                                >
                                    {match entry.look {
                                        Some(look) => view! { <Shape look=look /> },
                                        None => view! { <Icon name=entry.icon /> },
                                    }}
                                    <span class="cut">{entry.name}</span>
                                    <span class="push xs faint nw">{entry.note}</span>
                                </div>
                            }
                        })
                        .collect_view()
                }}
            </div>
            <p class="pal-none muted" role="status">
                {move || match failed.get() {
                    why if why.is_empty() && shown.read().is_empty() => "Nothing is called that. Titles of sessions are searched from two letters.".to_owned(),
                    why => why,
                }}
            </p>
        </Dialog>
        <form node_ref=sign_out method="post" action="/auth/logout" hidden></form>
    }
}

impl Entry {
    fn of_session(session: &Session) -> Self {
        Self {
            name: session.title.clone(),
            note: session.project_name.clone(),
            icon: "square-terminal",
            look: Some(Look::from(session.state)),
            does: Does::Open(format!("/sessions/{}", session.id)),
        }
    }

    fn of_project(id: ProjectId, name: String) -> Self {
        Self::new(name, "project", "folder-git-2", Does::Open(format!("/projects/{id}")))
    }

    fn theme(theme: Theme) -> Self {
        Self::new(format!("Theme: {}", theme.title()), "", "sun-moon", Does::Theme(theme))
    }
}
