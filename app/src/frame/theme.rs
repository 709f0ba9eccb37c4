//! The choice of theme.

use crate::{
    browser::{Theme, show_pressed},
    view,
};
use leptos::prelude::*;

/// Light, dark, system; the head script does the work.
#[component]
pub(crate) fn ThemeSegment() -> impl IntoView {
    Effect::new(show_pressed);
    view! {
        <div class="seg" role="group" aria-label="Theme">
            {Theme::ALL
                .map(|theme| {
                    view! {
                        <button type="button" data-theme-set=theme.word() aria-pressed="false">
                            {theme.title()}
                        </button>
                    }
                })
                .collect_view()}
        </div>
    }
}
