//! The time left for a decision.

use crate::ui::{format, moment, quiet_clock, zoned};
use leptos::prelude::*;

/// The time until a moment, updated by itself; the moment itself on hover.
#[component]
pub fn Until(
    /// The moment, unix ms.
    at: i64,
) -> impl IntoView {
    let now = quiet_clock();
    let text = Memo::new(move |_| match now.get() {
        Some(now) => format::until(at - now),
        None => format!("at {}", format::utc_short(at)),
    });
    moment(Signal::stored(at), false, zoned(now), text)
}
