//! An item that the address names and the lists do not have: it is asked for, or the page says that it is not there.
//! It must not show another one in its place: its keys would answer what nobody meant.

use super::{api::find_approval, detail::Detail, lists::Lists};
use crate::{
    error::AppError,
    ui::{Empty, ErrorNote, Skeleton},
    view,
};
use leptos::prelude::*;
use model::{
    Error,
    approvals::{Approval, ApprovalState},
    id::ApprovalId,
};

/// The item with this id.
#[component]
pub fn Named(
    /// Which.
    id: ApprovalId,
    /// What is loaded; an item that waits joins it.
    lists: RwSignal<Lists>,
    /// Hears what came of it.
    decided: Callback<Approval>,
) -> impl IntoView {
    let found = Resource::new(|| (), move |()| find_approval(id));
    // In the list it is patched by the socket, and what comes after it is known.
    Effect::new(move |_| {
        if let Some(Ok(approval)) = found.get()
            && approval.state == ApprovalState::Pending
        {
            lists.update(|lists| lists.take(approval));
        }
    });
    view! {
        <Transition fallback=|| view! { <div class="ib-detail"><Skeleton rows=6 /></div> }>
            {move || {
                found
                    .get()
                    .map(|answer| match answer {
                        Ok(approval) => view! { <Detail approval=approval decided=decided lists=lists /> }.into_any(),
                        Err(AppError(Error::NotFound(_))) => view! { <Gone /> }.into_any(),
                        Err(error) => {
                            view! {
                                <div class="ib-detail">
                                    <ErrorNote error=error title="The approval could not be read." retry=Callback::new(move |()| found.refetch()) />
                                </div>
                            }
                                .into_any()
                        }
                    })
            }}
        </Transition>
    }
}

/// There is nothing of that name.
#[component]
pub fn Gone() -> impl IntoView {
    view! {
        <div class="ib-detail">
            <Empty icon="inbox" title="This approval is not here any more" text="It went with its session, or it is not yours to see.">
                <a class="btn" href="/inbox">"What waits"</a>
            </Empty>
        </div>
    }
}
