//! An item that the address names and the lists do not have: it is asked for, or the page says that it is not there.
//! It must not show another one in its place: its keys would answer what nobody meant.

use super::{api::find_approval, lists::Lists};
use crate::{
    NodeAction,
    error::AppError,
    ui::{Empty, ErrorNote, Skeleton},
    view,
};
use leptos::prelude::*;
use model::{Error, id::ApprovalId};

/// The item with this id, until it is found. Only the browser looks: the node that draws a page has looked before.
#[component]
pub fn Named(
    /// The approval that the address names.
    id: ApprovalId,
    /// What is loaded; it joins them, and is shown in this one's place.
    lists: RwSignal<Lists>,
) -> impl IntoView {
    let failed = RwSignal::new(None::<AppError>);
    let find = NodeAction::new(move |(): &()| async move {
        match find_approval(id).await {
            Ok(approval) => {
                lists.try_update(|lists| lists.name(approval));
            }
            Err(error) => failed.set(Some(error)),
        }
    });
    Effect::new(move || {
        find.dispatch(());
    });
    move || match failed.get() {
        None => view! { <div class="ib-detail"><Skeleton rows=6 /></div> },
        Some(AppError(Error::NotFound(_))) => view! { <Gone /> },
        Some(error) => {
            let again = Callback::new(move |()| {
                failed.set(None);
                find.dispatch(());
            });
            view! { <div class="ib-detail"><ErrorNote error=error title="The approval could not be read." retry=again /></div> }
        }
    }
}

/// There is nothing of that name.
#[component]
pub fn Gone() -> impl IntoView {
    #[cfg(feature = "ssr")]
    let _ = crate::error::reject(Error::NotFound("approval".into()));
    view! {
        <div class="ib-detail">
            <Empty icon="inbox" title="This approval is not here any more" text="It went with its session, or it is not yours to see.">
                <a class="btn" href="/inbox">"What waits"</a>
            </Empty>
        </div>
    }
}
