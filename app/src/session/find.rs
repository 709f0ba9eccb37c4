//! Find in a session: searches the loaded entries while a person types, and steps through the hits in a circle. It must
//! say that it searches only loaded entries, and offer to load the rest.

use super::{scroll::Follow, store::Store};
use crate::browser;
use crate::ui::{Icon, IconButton, format};
use crate::view;
use leptos::{html, prelude::*};

/// The find bar; rendered only while open.
#[component]
pub fn Find(
    /// The page's store.
    store: Store,
    /// The reader's position.
    follow: Follow,
    /// Whether it is open.
    open: RwSignal<bool>,
) -> impl IntoView {
    move || {
        open.get()
            .then(|| view! { <FindBar store=store follow=follow open=open /> })
    }
}

#[component]
fn FindBar(store: Store, follow: Follow, open: RwSignal<bool>) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let field = NodeRef::<html::Input>::new();
    Effect::new(move || {
        if let Some(field) = field.get() {
            let _ = field.focus();
        }
    });
    let hits = Memo::new(move |_| {
        store.timeline.arrived.track();
        store.timeline.turns.track();
        text.with(|text| store.find(text))
    });
    let at = RwSignal::new(None::<usize>);
    let go = move |step: isize| {
        let hits = hits.get_untracked();
        let Some(next) = step_round(at.get_untracked(), step, hits.len()) else {
            return;
        };
        at.set(Some(next));
        store.reveal(hits[next], false);
        // The field keeps the focus, so that Enter steps on.
        follow.show(hits[next]);
        request_animation_frame(move || browser::focus("find"));
    };
    let said = move || {
        let count = hits.with(Vec::len);
        match (text.with(|text| text.trim().is_empty()), count, at.get()) {
            (true, ..) => String::new(),
            (_, 0, _) => "No hits".to_owned(),
            (_, n, Some(at)) => format!("{} of {n}", at + 1),
            (_, n, None) => format!("{n} hits"),
        }
    };
    let close = move || {
        open.set(false);
        store.reader.at.set(None);
    };
    // Escape also works when nothing in the bar has the focus; the head leaves the key to it.
    browser::on_keys(move |key| {
        let closes = key.key == "Escape" && !key.typing;
        if closes {
            close();
        }
        closes
    });
    view! {
        <div class="find-bar xs" role="search">
            <div class="search">
                <Icon name="text-search" />
                <input
                    class="input"
                    id="find"
                    type="search"
                    aria-label="Find in this session"
                    placeholder="Find in this session"
                    node_ref=field
                    prop:value=move || text.get()
                    on:input:target=move |event| {
                        text.set(event.target().value());
                        at.set(None);
                    }
                    on:keydown=move |event| match event.key().as_str() {
                        "Enter" => {
                            event.prevent_default();
                            go(if event.shift_key() { -1 } else { 1 });
                        }
                        "Escape" => {
                            event.prevent_default();
                            event.stop_propagation();
                            close();
                        }
                        _ => {}
                    }
                />
            </div>
            <span class="mono nw" aria-live="polite">{said}</span>
            <IconButton icon="arrow-up" label="Hit before" on:click=move |_| go(-1) />
            <IconButton icon="arrow-down" label="Next hit" on:click=move |_| go(1) />
            <span class="push row muted">
                {move || {
                    store
                        .timeline.older
                        .get()
                        .then(|| {
                            store.timeline.arrived.track();
                            let loaded = i64::try_from(store.loaded()).unwrap_or(i64::MAX);
                            view! {
                                <span class="no-phone">{format!("in {}", format::count(loaded, "loaded entry", "loaded entries"))}</span>
                                <button type="button" class="btn-link" on:click=move |_| follow.load_older()>"Load older"</button>
                            }
                        })
                }}
            </span>
            <IconButton icon="x" label="Close" on:click=move |_| close() />
        </div>
    }
}

/// One step on or back among `count` hits, in a circle; `None` when there are none.
fn step_round(at: Option<usize>, step: isize, count: usize) -> Option<usize> {
    if count == 0 {
        return None;
    }
    Some(match (at, step < 0) {
        (None, false) => 0,
        (None | Some(0), true) => count - 1,
        (Some(at), true) => (at - 1).min(count - 1),
        (Some(at), false) => (at + 1) % count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_round_both_ways() {
        assert_eq!(step_round(None, 1, 3), Some(0));
        assert_eq!(step_round(Some(2), 1, 3), Some(0));
        assert_eq!(step_round(None, -1, 3), Some(2));
        assert_eq!(step_round(Some(0), -1, 3), Some(2));
        assert_eq!(step_round(Some(1), 1, 0), None);
    }
}
