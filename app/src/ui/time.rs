//! Moments and numbers on pages: the server writes UTC, and the browser converts to its zone and keeps them current.
//! One clock per tab ticks for all of them; no component starts a timer of its own.

use super::format;
use crate::{browser, view};
use leptos::prelude::*;
use model::{Micros, Millis};
use std::time::Duration;

/// The tab's clock; `None` until hydration.
#[derive(Clone, Copy)]
pub struct Clock(RwSignal<Option<Millis>>);

impl Clock {
    /// The time, to the second; `None` on the server and during hydration. Subscribes.
    pub fn now(self) -> Option<Millis> {
        self.0.get()
    }
}

/// Starts the tab's clock; the application calls it once.
pub fn provide_clock() {
    let clock = Clock(RwSignal::new(None));
    provide_context(clock);
    Effect::new(move || {
        clock.0.set(browser::now());
        browser::every(Duration::from_secs(1), move || clock.0.set(browser::now()));
    });
}

/// The tab's clock; without a provided one a clock that stands still.
pub fn use_clock() -> Clock {
    use_context::<Clock>().unwrap_or_else(|| Clock(RwSignal::new(None)))
}

/// The clock for components: `None` until the component is hydrated, so that both sides render the same at first.
pub fn quiet_clock() -> Signal<Option<Millis>> {
    let clock = use_clock();
    let taken_over = RwSignal::new(false);
    Effect::new(move || taken_over.set(true));
    Signal::derive(move || if taken_over.get() { clock.now() } else { None })
}

/// The viewer's offset at that moment, in minutes east of UTC.
fn offset_minutes(at: Millis) -> i64 {
    if !cfg!(feature = "hydrate") {
        return 0;
    }
    // Moments are far below 2^53 and offsets below a day, so the casts are exact.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    let minutes = js_sys::Date::new(&(at as f64).into()).get_timezone_offset() as i64;
    -minutes
}

/// Whether moments are shown in the viewer's zone, which is once the clock runs.
pub(crate) fn zoned(now: Signal<Option<Millis>>) -> Memo<bool> {
    Memo::new(move |_| now.get().is_some())
}

/// A moment in full; in the viewer's zone with `local`.
pub(crate) fn long(at: Millis, local: bool) -> String {
    if local {
        format::civil(at, offset_minutes(at)).long()
    } else {
        format::utc_long(at)
    }
}

/// A moment as `text`, with the full moment on hover; with `since` that word precedes it. Compiled once for all
/// components.
pub(crate) fn moment(at: Signal<Millis>, since: bool, local: Memo<bool>, text: Memo<String>) -> AnyView {
    let title = move || format!("{}{}", if since { "since " } else { "" }, long(at.get(), local.get()));
    view! {
        <time datetime=move || format::iso(at.get()) title=title>
            {text}
        </time>
    }
}

/// The time since a moment, updated by itself; the exact moment on hover.
#[component]
pub fn Ago(
    /// The moment, unix ms.
    #[prop(into)]
    at: Signal<Millis>,
    /// `4m` instead of `4m ago`, for columns.
    #[prop(optional)]
    short: bool,
) -> impl IntoView {
    let now = quiet_clock();
    let text = Memo::new(move |_| match now.get() {
        None => format::utc_short(at.get()),
        Some(now) if short => format::ago_short(now - at.get()),
        Some(now) => format::ago(now - at.get()),
    });
    moment(at, false, zoned(now), text)
}

/// How long something has been going on (`4m 10s`, updated by itself), or took, if `until` is known.
#[component]
pub fn Elapsed(
    /// Its start.
    #[prop(into)]
    since: Signal<Millis>,
    /// Its end; `None` while it goes on.
    #[prop(optional, into)]
    until: Signal<Option<Millis>>,
) -> impl IntoView {
    let now = quiet_clock();
    let text = Memo::new(move |_| match (until.get(), now.get()) {
        (Some(until), _) => format::span(until - since.get()),
        (None, Some(now)) => format::span(now - since.get()),
        (None, None) => format!("since {}", format::civil(since.get(), 0).time()),
    });
    moment(since, true, zoned(now), text)
}

/// The moment itself: `22 Nov, 14:36` in the viewer's zone; with `time` only the time, or the day if it is not today.
#[component]
pub fn Exact(
    /// The moment, unix ms.
    #[prop(into)]
    at: Signal<Millis>,
    /// Only `14:36`, or `22 Nov` if it is not today.
    #[prop(optional)]
    time: bool,
) -> impl IntoView {
    let now = quiet_clock();
    let text = Memo::new(move |_| {
        let at = at.get();
        let Some(now) = now.get() else {
            return if time {
                format::civil(at, 0).time()
            } else {
                format::utc_short(at)
            };
        };
        let (offset, here) = (offset_minutes(at), offset_minutes(now));
        let civil = format::civil(at, offset);
        if !time {
            civil.short()
        } else if format::day_number(at, offset) == format::day_number(now, here) {
            civil.time()
        } else {
            civil.day_month()
        }
    });
    moment(at, false, zoned(now), text)
}

/// A count, short; exact on hover.
#[component]
pub fn Short(
    /// The count.
    #[prop(into)]
    n: Signal<i64>,
) -> impl IntoView {
    view! { <span class="num-t" title=move || format::exact(n.get())>{move || format::short(n.get())}</span> }
}

/// A cost; an unknown one is shown as not known.
#[component]
pub fn Cost(
    /// Millionths of a dollar.
    #[prop(into)]
    micros: Signal<Option<Micros>>,
) -> impl IntoView {
    move || match micros.get() {
        Some(micros) => view! { <span class="num-t" title=format::cost_exact(micros)>{format::cost(micros)}</span> },
        None => view! { <span class="faint nk" title="The agent said nothing about cost">"not known"</span> },
    }
}
