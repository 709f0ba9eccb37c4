//! Status in shape, word and colour.

use super::Part;
use crate::{
    ui::{Look, StatusWord},
    view,
};
use leptos::prelude::*;
use model::sessions::SessionState;

#[component]
pub(super) fn Status() -> impl IntoView {
    let looks = SessionState::ALL
        .iter()
        .map(|state| Look::from(*state))
        .chain([Look::DENIED, Look::LAGGING]);
    view! {
        <Part title="Status" rule="Shape, word, colour. Plain in tables and lanes; chip only where it stands alone.">
            <div class="stack">
                {looks
                    .map(|look| {
                        view! {
                            <div class="kx-i">
                                <StatusWord look=look />
                                <span>
                                    <StatusWord look=look chip=true />
                                </span>
                            </div>
                        }
                    })
                    .collect_view()}
            </div>
        </Part>
    }
}
