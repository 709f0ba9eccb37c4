//! The reader's position in a long page: at its end, or above. Scrolling follows the end while the reader is there, and
//! keeps the position when older entries arrive above. No other part of the Session page touches scrolling.

use super::{api::entries_before, store::Store};
use crate::{browser, error::AppError};
use leptos::{ev, html, prelude::*};
use leptos_router::hooks::use_location;

/// Follows the end, and loads older entries.
#[derive(Clone, Copy)]
pub struct Follow {
    /// Whether older entries are being loaded.
    pub loading: RwSignal<bool>,
    /// The error of the last load.
    pub failed: RwSignal<Option<AppError>>,
    store: Store,
}

/// The distance from the end that counts as at the end, in pixels.
const NEAR_END: f64 = 120.0;
/// The distance from the start at which older entries are prefetched, in pixels.
const NEAR_START: f64 = 1_500.0;
/// The most pages of older entries to load for an entry that the address names.
const SEEK_PAGES: usize = 40;

impl Follow {
    /// Listens to the page's scrolling from hydration on.
    pub fn new(store: Store) -> Self {
        let follow = Self {
            loading: RwSignal::new(false),
            failed: RwSignal::new(None),
            store,
        };
        if cfg!(feature = "hydrate") {
            let handle = window_event_listener(ev::scroll, move |_| follow.look());
            on_cleanup(move || handle.remove());
            follow.go_where_the_address_says();
        }
        follow
    }

    /// Opens a session at its end, unless the address names an entry or the reader has scrolled already. While the
    /// reader is at the end, the end stays visible, whatever arrives, opens or is rendered.
    pub fn open_at_end(self, list: NodeRef<html::Div>) {
        Effect::new(move || {
            let Some(list) = list.get() else { return };
            let has_place = window().location().hash().is_ok_and(|hash| !hash.is_empty());
            if has_place || window().scroll_y().is_ok_and(|y| y > 0.0) {
                self.store.reader.at_end.set(false);
                self.look();
            }
            browser::when_resized(&list, move || {
                if self.is_shown() && self.store.reader.at_end.get_untracked() {
                    self.to_end();
                }
            });
        });
    }

    /// `#e123` names the entry 123. Loads what is above it, up to a bound, else the page says that the entry is not
    /// here.
    fn go_where_the_address_says(self) {
        let hash = use_location().hash;
        Effect::new(move || {
            let place = hash.with(|hash| {
                hash.trim_start_matches('#')
                    .strip_prefix('e')
                    .and_then(|seq| seq.parse().ok())
            });
            self.store.lost().set(None);
            match place {
                Some(seq) if self.store.row(seq).is_some() => self.go_to(seq),
                Some(seq) => self.seek(seq),
                None => {}
            }
        });
    }

    fn go_to(self, seq: i64) {
        self.store.reveal(seq, true);
        self.show(seq);
    }

    /// Loads older entries until this one is loaded.
    fn seek(self, seq: i64) {
        if self.loading.get_untracked() {
            return;
        }
        self.loading.set(true);
        self.failed.set(None);
        let store = self.store;
        leptos::task::spawn_local(async move {
            for _ in 0..SEEK_PAGES {
                // Loaded entries have no gaps: once they begin at or before `seq`, it is loaded or does not exist.
                if !store.is_here()
                    || !store.timeline.older.get_untracked()
                    || store.first().is_none_or(|first| first <= seq)
                    || !self.take_older().await
                {
                    break;
                }
            }
            if !store.is_here() {
                return;
            }
            self.loading.set(false);
            if store.row(seq).is_some() {
                self.go_to(seq);
            } else if self.failed.with_untracked(Option::is_none) {
                store
                    .lost()
                    .set(Some((seq, store.first().is_some_and(|first| first > seq))));
            }
        });
    }

    /// Whether the timeline is visible; on a phone another part may be.
    fn is_shown(self) -> bool {
        self.store.is_here()
            && document()
                .query_selector(".tl")
                .ok()
                .flatten()
                .is_some_and(|list| list.client_height() > 0)
    }

    fn look(self) {
        if !self.is_shown() {
            return;
        }
        let (above, below) = room();
        // Only scrolling up leaves the end: in a burst, more arrives between a jump to the end and its scroll event.
        let went_up = above < self.store.scrolled_to(above);
        let at_end = below < NEAR_END || (self.store.reader.at_end.get_untracked() && !went_up);
        if at_end != self.store.reader.at_end.get_untracked() {
            self.store.reader.at_end.set(at_end);
        }
        if at_end && self.store.reader.unseen.get_untracked() > 0 {
            self.store.reader.unseen.set(0);
        }
        if above < NEAR_START && self.failed.with_untracked(Option::is_none) {
            self.load_older();
        }
    }

    /// Scrolls to the end.
    pub fn to_end(self) {
        if !self.store.is_here() {
            return;
        }
        if let Some(root) = document().document_element() {
            root.set_scroll_top(root.scroll_height());
            self.store.scrolled_to(f64::from(root.scroll_top()));
        }
        self.store.reader.at_end.set(true);
        self.store.reader.unseen.set(0);
    }

    /// Loads the entries before the oldest loaded one, one request at a time.
    pub fn load_older(self) {
        let store = self.store;
        if !store.timeline.older.get_untracked() || self.loading.get_untracked() {
            return;
        }
        self.loading.set(true);
        self.failed.set(None);
        leptos::task::spawn_local(async move {
            self.take_older().await;
            if store.is_here() {
                self.loading.set(false);
            }
        });
    }

    /// Retries a failed load.
    pub fn ask_again(self) {
        if self.failed.with_untracked(Option::is_some) {
            self.load_older();
        }
    }

    /// Loads one page of older entries and keeps the visible ones in place. `true` if it came and the page is still
    /// there.
    async fn take_older(self) -> bool {
        let store = self.store;
        let Some(first) = store.first() else { return false };
        let id = store.session.with_untracked(|session| session.id);
        let answer = entries_before(id, first).await;
        if !store.is_here() {
            return false;
        }
        match answer {
            Ok(page) => {
                let anchor = anchor();
                store.load(&page.items);
                store
                    .timeline
                    .older
                    .set(page.items.first().is_some_and(|entry| entry.seq > 1));
                if let Some((seq, top)) = anchor {
                    request_animation_frame(move || keep(seq, top));
                }
                true
            }
            Err(error) => {
                self.failed.set(Some(error));
                false
            }
        }
    }

    /// Scrolls to an entry.
    pub fn show(self, seq: i64) {
        self.store.reader.at_end.set(false);
        request_animation_frame(move || {
            let id = format!("e{seq}");
            browser::scroll_to(&id, web_sys::ScrollLogicalPosition::Center);
            browser::focus(&id);
            // If it was visible already, no scroll event follows, so look here.
            self.look();
        });
    }
}

/// Pixels of the page above and below the window.
fn room() -> (f64, f64) {
    let Some(root) = document().document_element() else {
        return (f64::MAX, 0.0);
    };
    let above = f64::from(root.scroll_top());
    let below = f64::from(root.scroll_height()) - above - f64::from(root.client_height());
    (above, below)
}

/// The first visible entry and its distance from the top.
fn anchor() -> Option<(String, f64)> {
    let rows = document().query_selector_all(".tl [id^='e']").ok()?;
    (0..rows.length()).filter_map(|at| rows.item(at)).find_map(|node| {
        use wasm_bindgen::JsCast;
        let element = node.dyn_into::<web_sys::Element>().ok()?;
        let place = element.get_bounding_client_rect();
        (place.bottom() > 0.0).then(|| (element.id(), place.top()))
    })
}

/// Scrolls so that the entry keeps its distance from the top; the browser may have done it already.
fn keep(id: String, top: f64) {
    if let Some(element) = document().get_element_by_id(&id) {
        let moved = element.get_bounding_client_rect().top() - top;
        if moved.abs() > 1.0 {
            window().scroll_by_with_x_and_y(0.0, moved);
        }
    }
}
