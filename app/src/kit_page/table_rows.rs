//! Rows of tables.

use super::Part;
use crate::{
    ui::{Cost, Look, StatusWord},
    view,
};
use leptos::prelude::*;

#[component]
pub(super) fn TableRows() -> impl IntoView {
    let row = |look: Look, title: &'static str, class: &'static str, selected: bool, cost: Option<i64>| {
        view! {
            <div class=format!("tr kit-row {class}") role="row" aria-selected=selected.then_some("true")>
                <span role="cell">
                    <StatusWord look=look />
                </span>
                <b class="medium" role="cell">
                    {title}
                </b>
                <span class="num" role="cell">
                    "4m 10s"
                </span>
                <span class="num" role="cell">
                    <Cost micros=cost />
                </span>
            </div>
        }
    };
    view! {
        <Part title="Table rows" rule="32 or 26 high; 48 on touch. Numbers right, mono. What is not known is written out.">
            <div class="table" role="table" aria-label="Rows in their states">
                <div class="tr th kit-row" role="row">
                    <span role="columnheader">"State"</span>
                    <span role="columnheader">"Title"</span>
                    <span class="num" role="columnheader">
                        "Duration"
                    </span>
                    <span class="num" role="columnheader">
                        "Cost"
                    </span>
                </div>
                {row(Look::WORKING, "Rest", "", false, Some(220_000))}
                {row(Look::DONE, "Hover", "is-hover", false, Some(220_000))}
                {row(Look::WAITING, "Selected", "", true, Some(1_200))}
                {row(Look::UNKNOWN, "Not known", "", false, None)}
            </div>
        </Part>
    }
}
