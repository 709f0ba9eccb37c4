//! The controls that filter the list of sessions: views, search box, selects and chips. The address is the only place
//! of a filter; only text being typed is in the search box first.

use super::filter::{Asked, to_href};
use crate::{browser, frame::read_project_names, ui::Icon, view};
use leptos::{html, prelude::*};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use model::sessions::{AgentKind, SessionFilter, SessionState};

/// The filter in the address.
pub(super) fn use_filter() -> Memo<SessionFilter> {
    let query = use_query_map();
    Memo::new(move |_| query.with(|query| SessionFilter::from_query(|name| query.get(name))))
}

/// A named part of the filter; the other parts stay when the view changes.
struct View {
    /// The word on its tab.
    word: &'static str,
    /// Its states in the address's order; empty means any.
    states: &'static [SessionState],
    /// Whether it shows archived sessions.
    archived: bool,
}

const VIEWS: [View; 6] = [
    View {
        word: "All",
        states: &[],
        archived: false,
    },
    View {
        word: "Needs you",
        states: &[SessionState::Waiting],
        archived: false,
    },
    View {
        word: "Working",
        states: &[SessionState::Queued, SessionState::Starting, SessionState::Working],
        archived: false,
    },
    View {
        word: "Done",
        states: &[SessionState::Idle, SessionState::Interrupted, SessionState::Done],
        archived: false,
    },
    View {
        word: "Failed or unknown",
        states: &[SessionState::Failed, SessionState::Unknown],
        archived: false,
    },
    View {
        word: "Archived",
        states: &[],
        archived: true,
    },
];

impl View {
    /// The filter with this view instead of its own.
    fn of(&self, filter: &SessionFilter) -> SessionFilter {
        // By name, so that each new field is either assigned to the view or kept.
        let SessionFilter {
            state: _,
            project,
            agent,
            q,
            tag,
            archived: _,
        } = filter.clone();
        SessionFilter {
            state: self.states.to_vec(),
            project,
            agent,
            q,
            tag,
            archived: self.archived,
        }
    }

    /// Whether the filter shows this view.
    fn is(&self, filter: &SessionFilter) -> bool {
        self.of(filter) == *filter
    }
}

/// Whether a view shows exactly these states.
fn has_view(filter: &SessionFilter) -> bool {
    VIEWS.iter().any(|view| view.is(filter))
}

/// The views, as tabs with an address each.
#[component]
pub(super) fn Views(filter: Memo<SessionFilter>) -> impl IntoView {
    view! {
        <nav class="tabs" aria-label="Views">
            {VIEWS
                .iter()
                .map(|one| {
                    let href = move || filter.with(|now| to_href(&one.of(now)));
                    let current = move || filter.with(|now| one.is(now));
                    view! { <a href=href aria-current=move || current().then_some("page")>{one.word}</a> }
                })
                .collect_view()}
        </nav>
    }
}

/// The search box and the other filters. A plain form before WASM has loaded.
#[component]
pub(super) fn Filters(filter: Memo<SessionFilter>) -> impl IntoView {
    let field = NodeRef::<html::Input>::new();
    browser::on_keys(move |key| {
        if key.is("/") || (key.is("f") && !key.shift) {
            if let Some(field) = field.get_untracked() {
                let _ = field.focus();
                field.select();
            }
            return true;
        }
        false
    });
    let go = StoredValue::new(use_navigate());
    let show = move |wanted: &SessionFilter, replace: bool| {
        let options = NavigateOptions {
            replace,
            scroll: false,
            ..NavigateOptions::default()
        };
        go.with_value(|go| go(&to_href(wanted), options));
    };
    let looked_for = move || filter.get_untracked().q.unwrap_or_default();
    // The text in the box: longer than the address while a space is typed, and ahead of it while the page follows.
    // `None` until somebody types or the address changes, so that text typed before hydration stays.
    let typed = RwSignal::new(None::<String>);
    let asked = StoredValue::new(Asked::default());
    let look = move |text: String, replace: bool| {
        let q = text.trim().to_owned();
        typed.set(Some(text));
        if q != looked_for() {
            asked.update_value(|asked| asked.ask(&q));
            show(
                &SessionFilter {
                    q: Some(q).filter(|q| !q.is_empty()),
                    ..filter.get_untracked()
                },
                replace,
            );
        }
    };
    // Text typed before hydration starts a search like text typed now.
    Effect::new(move |done: Option<bool>| {
        let Some(field) = field.get().filter(|_| done != Some(true)) else {
            return done.unwrap_or_default();
        };
        let there = field.value();
        if there.trim() != looked_for() {
            look(there, true);
        }
        true
    });
    Effect::new(move |before: Option<()>| {
        let q = filter.with(|filter| filter.q.clone()).unwrap_or_default();
        if before.is_none() {
            return;
        }
        // The box already has the text it sent; only changes from elsewhere (Back, a link) are written into it.
        let ours = asked.try_update_value(|asked| asked.came(&q)).unwrap_or_default();
        if !ours && typed.with_untracked(|typed| typed.as_deref().is_none_or(|typed| typed.trim() != q)) {
            typed.set(Some(q));
        }
    });
    let projects = read_project_names();
    view! {
        <form
            class="ss-filters"
            method="get"
            action="/sessions"
            role="search"
            on:submit=move |event| {
                event.prevent_default();
                if let Some(field) = field.get_untracked() {
                    look(field.value(), false);
                }
            }
        >
            <div class="search ss-q">
                <Icon name="search" />
                <input
                    class="input"
                    type="search"
                    name="q"
                    aria-label="Search titles and projects"
                    placeholder="Search titles and projects"
                    value=looked_for()
                    prop:value=move || typed.get()
                    node_ref=field
                    on:input:target=move |event| look(event.target().value(), true)
                />
                <span class="end no-phone"><kbd class="kbd" aria-hidden="true">"/"</kbd></span>
            </div>
            <Transition fallback=|| ()>
                {move || {
                    projects
                        .get()
                        .map(|names| {
                            let names: Vec<_> = names.unwrap_or_default().into_iter().map(|(id, name)| (id.to_string(), name)).collect();
                            view! { <ProjectFilter names=names filter=filter on_pick=Callback::new(move |wanted: SessionFilter| show(&wanted, false)) /> }
                        })
                }}
            </Transition>
            <AgentFilter filter=filter on_pick=Callback::new(move |wanted: SessionFilter| show(&wanted, false)) />
            {move || {
                filter
                    .with(|filter| (!has_view(filter)).then(|| filter.state.iter().map(|state| state.word()).collect::<Vec<_>>().join(", ")))
                    .map(|states| {
                        let without = move || SessionFilter { state: Vec::new(), ..filter.get_untracked() };
                        view! { <FilterChip name="State" value=states on_remove=Callback::new(move |()| show(&without(), false)) /> }
                    })
            }}
            {move || {
                filter
                    .with(|filter| filter.tag.clone())
                    .map(|tag| {
                        let without = move || SessionFilter { tag: None, ..filter.get_untracked() };
                        view! { <FilterChip name="Tag" value=tag on_remove=Callback::new(move |()| show(&without(), false)) /> }
                    })
            }}
            {move || {
                (filter.get() != SessionFilter::default()).then(|| view! { <a class="btn btn-q" href="/sessions">"Clear"</a> })
            }}
            <noscript><button class="btn" type="submit">"Filter"</button></noscript>
        </form>
    }
}

/// A chip for a filter without a tab, box or select, with a button to remove it.
#[component]
fn FilterChip(name: &'static str, value: String, on_remove: Callback<()>) -> impl IntoView {
    let title = value.clone();
    view! {
        <span class="chip chip-f">
            <i>{name}</i>
            <b title=title>{value}</b>
            <button type="button" aria-label=format!("Remove filter {name}") on:click=move |_| on_remove.run(())>
                <Icon name="x" small=true />
            </button>
        </span>
    }
}

/// The filter by agent. The value is set as a property, because browsers ignore `selected` once a person has chosen.
#[component]
fn AgentFilter(filter: Memo<SessionFilter>, on_pick: Callback<SessionFilter>) -> impl IntoView {
    let at_first = filter.with_untracked(|filter| filter.agent);
    view! {
        <span class="select-w">
            <select
                class="select"
                name="agent"
                aria-label="Agent"
                prop:value=move || filter.with(|filter| filter.agent.map_or("", AgentKind::word)).to_owned()
                on:change:target=move |event| {
                    let agent = AgentKind::parse(&event.target().value());
                    on_pick.run(SessionFilter { agent, ..filter.get_untracked() });
                }
            >
                <option value="" selected=at_first.is_none()>"All agents"</option>
                {AgentKind::ALL
                    .iter()
                    .map(|agent| view! { <option value=agent.word() selected=at_first == Some(*agent)>{agent.title()}</option> })
                    .collect_view()}
            </select>
            <Icon name="chevron-down" />
        </span>
    }
}

/// The filter by project, where the top bar has no room for it.
#[component]
fn ProjectFilter(
    names: Vec<(String, String)>,
    filter: Memo<SessionFilter>,
    on_pick: Callback<SessionFilter>,
) -> impl IntoView {
    let chosen = move |filter: &SessionFilter| filter.project.map(|project| project.to_string()).unwrap_or_default();
    let at_first = filter.with_untracked(chosen);
    view! {
        // The top bar has the same if there is room.
        <div class="select-w only-phone">
            <select
                class="select"
                name="project"
                aria-label="Project"
                prop:value=move || filter.with(chosen)
                on:change:target=move |event| {
                    let project = event.target().value().parse().ok();
                    on_pick.run(SessionFilter { project, ..filter.get_untracked() });
                }
            >
                <option value="" selected=at_first.is_empty()>"All projects"</option>
                {names
                    .into_iter()
                    .map(|(id, name)| {
                        let selected = id == at_first;
                        view! { <option value=id selected=selected>{name}</option> }
                    })
                    .collect_view()}
            </select>
            <Icon name="chevron-down" />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_known_by_its_states_as_the_address_has_them() {
        let of_states = |words: &str| SessionFilter::from_query(|name| (name == "state").then(|| words.to_owned()));
        assert!(
            has_view(&of_states("interrupted,done,idle")),
            "the Overview's lane leads to the view Done"
        );
        assert!(!has_view(&of_states("idle,failed")));
        for view in &VIEWS {
            let filter = view.of(&SessionFilter::default());
            let words = view
                .states
                .iter()
                .map(|state| state.word())
                .collect::<Vec<_>>()
                .join(",");
            assert_eq!(of_states(&words).state, filter.state, "{}", view.word);
            assert_eq!(
                VIEWS.iter().filter(|other| other.is(&filter)).count(),
                1,
                "{} is one view",
                view.word
            );
            let searched = SessionFilter {
                q: Some("x".into()),
                ..filter
            };
            assert!(
                view.is(&searched) && view.of(&searched) == searched,
                "what is looked for stays in {}",
                view.word
            );
        }
    }
}
