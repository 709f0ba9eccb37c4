//! The time a decision has waited, in words that get stronger. It must not remind anybody; the frame does.

use crate::{
    ui::{format, long, quiet_clock, zoned},
    view,
};
use leptos::prelude::*;
use model::Millis;

const MINUTE: Millis = 60_000;
/// From here on the agent has waited longer than a person usually looks away.
const LONG: Millis = 5 * MINUTE;
/// From here on the decision counts as forgotten.
const OVER: Millis = 60 * MINUTE;

/// The words for a wait of so many milliseconds, and their emphasis.
fn words(waited: Millis) -> (String, &'static str) {
    match waited {
        ..MINUTE => ("just asked".into(), "waits"),
        MINUTE..LONG => (format!("waits for {} min", waited / MINUTE), "waits"),
        LONG..OVER => (format!("waits for {} min", waited / MINUTE), "waits waits-long"),
        OVER.. => (
            format!("has waited for {}", format::span(waited)),
            "waits waits-long waits-over",
        ),
    }
}

/// The time something has waited, updated by itself; the server's page gives the moment instead.
#[component]
pub fn Waits(
    /// Since when.
    since: Millis,
    /// Only `12m`, for rows whose place says that they wait.
    #[prop(optional)]
    short: bool,
) -> impl IntoView {
    let now = quiet_clock();
    let said = Memo::new(move |_| match now.get() {
        None => (format!("since {}", format::civil(since, 0).time()), "waits"),
        Some(now) => {
            let waited = (now - since).max(0);
            let (text, class) = words(waited);
            (if short { format::span(waited) } else { text }, class)
        }
    });
    let local = zoned(now);
    view! {
        <time
            class=move || said.with(|(_, class)| *class)
            datetime=format::iso(since)
            title=move || format!("since {}", long(since, local.get()))
        >
            {move || said.with(|(text, _)| text.clone())}
        </time>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_get_stronger_the_longer_it_waits() {
        let said = |seconds: i64| words(seconds * 1_000);
        assert_eq!(said(20), ("just asked".into(), "waits"));
        assert_eq!(said(61), ("waits for 1 min".into(), "waits"));
        assert_eq!(said(12 * 60 + 9), ("waits for 12 min".into(), "waits waits-long"));
        assert_eq!(
            said(65 * 60),
            ("has waited for 1h 05m".into(), "waits waits-long waits-over")
        );
    }
}
