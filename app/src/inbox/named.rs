//! An item that the address names and the lists lack: the page fetches it, or says that it does not exist. It must not
//! show another item instead, whose keys would answer the wrong question.

use super::{api::find_approval, lists::Lists};
use crate::{
    NodeAction,
    error::AppError,
    ui::{Empty, ErrorNote, Skeleton},
    view,
};
use leptos::prelude::*;
use model::{Error, id::ApprovalId};

/// Fetches the item with this id, in the browser only: on the server the page has already looked for it.
#[component]
pub fn Named(
    /// The approval that the address names.
    id: ApprovalId,
    /// The loaded lists; the found item joins them and is shown.
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

/// There is no such item.
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
