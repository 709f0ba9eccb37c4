//! Sections and lanes.

use super::Part;
use crate::{
    ui::{Look, Shape},
    view,
};
use leptos::prelude::*;

#[component]
pub(super) fn Lanes() -> impl IntoView {
    view! {
        <Part title="Lane rows">
            <div>
                <div class="sec-h">
                    <Shape look=Look::WORKING />
                    <h3>"Working"</h3>
                    <span class="cnt">"2"</span>
                </div>
                <a class="lane-row" href="/kit">
                    <Shape look=Look::WORKING />
                    <span class="t cut">"Parse signature parameters"</span>
                    <span class="r">"6m 51s"</span>
                    <span class="sub cut">"tinyq, now: Bash " <code>"cargo test -p sig"</code></span>
                </a>
                <a class="lane-row" href="/kit">
                    <Shape look=Look::UNKNOWN />
                    <span class="t cut">"Nightly dependency bumps"</span>
                    <span class="r">"2h 33m"</span>
                    <span class="sub cut">"Unknown: nobody saw how its agent ended"</span>
                </a>
            </div>
        </Part>
    }
}
