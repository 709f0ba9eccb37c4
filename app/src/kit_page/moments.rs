//! Times, durations and sums.

use super::{AT, Part};
use crate::{
    ui::{Ago, Cost, Elapsed, Exact, Short},
    view,
};
use leptos::prelude::*;

#[component]
pub(super) fn Moments() -> impl IntoView {
    view! {
        <Part title="Moments and numbers" rule="Short in the page, exact on hover. The server writes UTC, the browser its own zone.">
            <dl class="kv">
                <dt>"Ago"</dt>
                <dd>
                    <Ago at=AT />
                </dd>
                <dt>"Elapsed"</dt>
                <dd>
                    <Elapsed since=AT until=Some(AT + 250_000) />
                </dd>
                <dt>"Exact"</dt>
                <dd>
                    <Exact at=AT />
                </dd>
                <dt>"Counts"</dt>
                <dd class="mono">
                    <Short n=48_211 />
                    " "
                    <Short n=1_924_311 />
                </dd>
                <dt>"Costs"</dt>
                <dd class="mono">
                    <Cost micros=Some(218_430) />
                    " "
                    <Cost micros=Some(900) />
                    " "
                    <Cost micros=None />
                </dd>
            </dl>
        </Part>
    }
}
