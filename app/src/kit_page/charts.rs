//! Charts.

use super::Part;
use crate::{
    ui::{Bars, Legend, Line, Meter, Spark},
    view,
};
use leptos::prelude::*;

#[component]
pub(super) fn Charts() -> impl IntoView {
    let tokens: Vec<Vec<f64>> = (0..14_u32)
        .map(|day| {
            vec![
                f64::from(3 + day % 4),
                f64::from(2 + day % 3),
                f64::from(18 + day * 7 % 11),
            ]
        })
        .collect();
    let titles: Vec<String> = (9..23).map(|day| format!("{day} Nov")).collect();
    let wait: Vec<Option<f64>> = (0..14_u32)
        .map(|day| (!(6..8).contains(&day)).then(|| f64::from(20 + day * 13 % 29)))
        .collect();
    let spark: Vec<Option<f64>> = (0..24_u32).map(|hour| Some(f64::from(40 + hour * 17 % 23))).collect();
    view! {
        <Part title="Charts">
            <div class="g3">
                <div class="chart">
                    <div class="xs muted">"Processor, 24 h"</div>
                    <div class="row">
                        <span class="fig nw">"64 %"</span>
                        <Spark values=spark label="Processor over 24 hours" />
                    </div>
                    <div class="xs faint">"sparkline, no axis"</div>
                </div>
                <div class="chart">
                    <div class="xs muted">"Wait, median"</div>
                    <Line values=wait label="Median wait a day" />
                    <div class="chart-x">
                        <span>"9 Nov"</span>
                        <span>"22 Nov"</span>
                    </div>
                    <div class="xs faint">"a gap is dashed, never joined"</div>
                </div>
                <div class="chart">
                    <div class="xs muted">"Tokens"</div>
                    <Bars bars=tokens titles=titles label="Tokens a day" />
                    <div class="chart-x">
                        <span>"9 Nov"</span>
                        <span>"22 Nov"</span>
                    </div>
                    <Legend words=vec!["input", "output", "cache"] />
                </div>
            </div>
            <div class="stack">
                <div class="row xs">
                    <span>"Context"</span>
                    <Meter percent=61.0 label="Context used" />
                    <span class="mono nw">"61 %"</span>
                </div>
                <div class="row xs">
                    <span>"Budget"</span>
                    <Meter percent=92.0 label="Budget used" warn_at=80.0 />
                    <span class="mono nw waiting">"92 %"</span>
                </div>
            </div>
        </Part>
    }
}
