//! Reminders of pending approvals while the tab is hidden: browser notifications, for people who chose them in this
//! browser. The choice is the browser's, not the node's. In a visible tab it must stay silent: the count, the title and
//! the announcement suffice there.

use crate::{
    browser::{self, Notices},
    decision::words,
    live::use_live,
    view,
};
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use model::{
    Millis,
    approvals::{Approval, ApprovalState},
    live::{Row, ServerSays},
};
use std::time::Duration;

/// The storage key of the choice.
const CHOICE: &str = "orchwiz-notify";
/// The storage key of the newest notification's time, shared by all tabs of this browser.
const SPOKEN: &str = "orchwiz-notified";
/// The interval of reminders while something still waits.
const AGAIN: Millis = 10 * 60_000;
/// The interval of checking for it: browsers wake hidden tabs once a minute.
const LOOK: Duration = Duration::from_mins(1);

fn is_chosen() -> bool {
    browser::recall(CHOICE).as_deref() == Some("on")
}

/// Whether a reminder is due, when it was last shown or seen at `known`.
const fn is_due(pending: i64, known: Millis, now: Millis) -> bool {
    pending > 0 && now - known >= AGAIN
}

/// Title and text for a new approval.
fn told(approval: &Approval) -> (String, String) {
    (
        format!("{}: {}", approval.project_name, words::title(approval)),
        format!("{}\n{}", approval.session_title, words::line(approval)),
    )
}

/// The title of a reminder.
fn reminded(pending: i64) -> String {
    if pending == 1 {
        "1 decision still waits for you".to_owned()
    } else {
        format!("{pending} decisions still wait for you")
    }
}

/// Notifies as long as the frame exists.
pub(crate) fn remind() {
    let live = use_live();
    let navigate = use_navigate();
    let speak = move |title: &str, text: &str, tag: &str, path: String| {
        let navigate = navigate.clone();
        if browser::notify(title, text, tag, move || navigate(&path, NavigateOptions::default())) {
            browser::remember(SPOKEN, browser::now().map(|now| now.to_string()).as_deref());
        }
    };
    let known = StoredValue::new(Vec::new());
    let say = speak.clone();
    live.on(move |said| {
        let ServerSays::Row {
            row: Row::Approval(approval),
            ..
        } = said
        else {
            return;
        };
        if approval.state != ApprovalState::Pending {
            return;
        }
        let mut new = false;
        known.update_value(|known| {
            new = !known.contains(&approval.id);
            if new {
                known.push(approval.id);
            }
        });
        if new && browser::is_hidden() && is_chosen() {
            let (title, text) = told(approval);
            say(
                &title,
                &text,
                &approval.id.to_string(),
                format!("/inbox?id={}", approval.id),
            );
        }
    });
    let seen = StoredValue::new(browser::now().unwrap_or_default());
    Effect::new(move || {
        let speak = speak.clone();
        browser::every(LOOK, move || {
            let Some(now) = browser::now() else { return };
            if !browser::is_hidden() {
                seen.set_value(now);
                return;
            }
            let pending = live.pending.get_untracked();
            let spoken = browser::recall(SPOKEN)
                .and_then(|at| at.parse().ok())
                .unwrap_or_default();
            if is_due(pending, seen.get_value().max(spoken), now) && is_chosen() {
                speak(
                    &reminded(pending),
                    "Open the inbox to answer.",
                    "orchwiz-waiting",
                    "/inbox".to_owned(),
                );
            }
        });
    });
}

/// What prevents notifications, and what to do about it; `None` if nothing does.
const fn obstacle(notices: Notices) -> Option<&'static str> {
    match notices {
        Notices::Unasked | Notices::Allowed => None,
        Notices::Refused => Some(
            "This browser refuses notifications from this site. Allow them in the site's settings, beside the address, then load this page again.",
        ),
        Notices::Insecure => Some(
            "Browsers notify only on pages that came over HTTPS or from this machine. Put TLS in front of this node, or open it through a tunnel to localhost.",
        ),
        Notices::Missing => Some(
            "This browser shows no notifications from pages. On a phone, keep the page open: the title and the bottom bar count what waits.",
        ),
    }
}

/// "Notify me in this browser": the choice, and what prevents it.
#[component]
pub(crate) fn ReminderChoice() -> impl IntoView {
    let notices = RwSignal::new(None::<Notices>);
    let chosen = RwSignal::new(false);
    Effect::new(move || {
        notices.set(browser::notices());
        chosen.set(is_chosen());
    });
    let on = Memo::new(move |_| chosen.get() && notices.get() == Some(Notices::Allowed));
    let choose = move |wanted: bool| {
        if !wanted {
            browser::remember(CHOICE, None);
            chosen.set(false);
            return;
        }
        browser::ask_for_notices(move |answer| {
            // A first notification proves that they arrive: on some phones a page may ask but cannot show any.
            let shown = answer == Notices::Allowed
                && browser::notify(
                    "Notifications are on",
                    "What waits for you will be said like this.",
                    CHOICE,
                    || (),
                );
            if shown {
                browser::remember(CHOICE, Some("on"));
            }
            notices.set(Some(if answer == Notices::Allowed && !shown {
                Notices::Missing
            } else {
                answer
            }));
            chosen.set(shown);
        });
    };
    let stopped = move || notices.get().and_then(obstacle);
    view! {
        <div class="field">
            <label class="check">
                <input
                    type="checkbox"
                    aria-describedby="notices-hint"
                    // Before hydration a press would change nothing.
                    disabled=move || notices.get().is_none() || stopped().is_some()
                    prop:checked=move || on.get()
                    on:change:target=move |event| {
                        choose(event.target().checked());
                        // The box shows the choice, which a refusal leaves unchanged.
                        event.target().set_checked(on.get_untracked());
                    }
                />
                "Notify me in this browser"
            </label>
            <p class="hint" id="notices-hint">
                {move || {
                    stopped()
                        .unwrap_or("When something begins to wait for you while this tab is hidden, and every 10 minutes while it still waits. A press leads to it.")
                }}
            </p>
        </div>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::testing::approval;

    #[test]
    fn what_still_waits_is_said_again_after_ten_minutes_and_nothing_is_said_of_nothing() {
        assert!(!is_due(1, 7, 7 + AGAIN - 1));
        assert!(is_due(2, 7, 7 + AGAIN));
        assert!(!is_due(0, 7, 7 + AGAIN));
        assert_eq!(reminded(1), "1 decision still waits for you");
        assert_eq!(reminded(3), "3 decisions still wait for you");
    }

    #[test]
    fn a_notification_says_where_what_and_in_which_session() {
        let (title, text) = told(&approval(1, |_| ()));
        assert!(title.contains("The agent asks to run a command"), "{title}");
        assert!(text.starts_with("Session 1\n") && text.contains("cargo test"), "{text}");
    }

    #[test]
    fn whatever_stands_in_the_way_says_what_to_do() {
        assert_eq!((obstacle(Notices::Allowed), obstacle(Notices::Unasked)), (None, None));
        for (notices, wanted) in [
            (Notices::Refused, "Allow them"),
            (Notices::Insecure, "HTTPS"),
            (Notices::Missing, "keep the page open"),
        ] {
            assert!(
                obstacle(notices).is_some_and(|text| text.contains(wanted)),
                "{notices:?}"
            );
        }
    }
}
