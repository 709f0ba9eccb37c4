//! Empty, loading and refused.

use super::Part;
use crate::{
    AppError,
    ui::{Button, Empty, ErrorNote, Note, NoteTone, Skeleton},
    view,
};
use leptos::prelude::*;

#[component]
pub(super) fn States() -> impl IntoView {
    let error = |error: model::Error| view! { <ErrorNote error=AppError(error) retry=Callback::new(|()| ()) /> };
    view! {
        <Part title="Empty, skeleton, notices, errors" rule="Skeletons only before the first data, in the shape of what comes.">
            <div class="g2">
                <Empty icon="folder-git-2" title="Nothing here yet" text="When there is something, it shows up here. This is how to begin.">
                    <Button icon="plus">"Add project"</Button>
                </Empty>
                <Skeleton rows=4 />
            </div>
            <Note title="Worth knowing.">"The project is trusted since yesterday."</Note>
            <Note tone=NoteTone::Done title="Saved.">"It holds for the next session."</Note>
            <Note tone=NoteTone::Warning title="Catching up.">"Offline for 3 minutes; what you see is from 14:31."</Note>
            {error(model::Error::Internal("01J9-7F3A".into()))}
            {error(model::Error::RateLimited(42))}
            {error(model::Error::Forbidden("this needs the role admin".into()))}
        </Part>
    }
}
