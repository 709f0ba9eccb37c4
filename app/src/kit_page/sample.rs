//! `/kit/sample`: a page to copy. It reads from the node and renders a list that is patched in place. It has an action,
//! and a form that also works before WASM has loaded. All of it is real, and nothing is stored.
//!
//! To make a page of it: copy the file into a feature's folder, and its server functions into `api.rs`. Then add the
//! route and a `PAGE` (`nav/pages.rs`).

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{
    AppResult, FormAction, NodeAction, NodeForm, NodeResource,
    live::use_live,
    ui::{Button, Empty, ErrorNote, Note, NoteTone, QueryState, TextInput, keyed_list},
    view,
    wire::{FormRpc, Rpc},
};
use leptos::{prelude::*, server};
use leptos_meta::Title;
use model::id::ProjectId;
#[cfg(feature = "ssr")]
use model::{
    Action,
    caller::{Resource, require},
};

/// Names of all projects, in order.
#[server(prefix = "/api/rpc", endpoint = "sample/names", protocol = Rpc)]
async fn sample_names() -> AppResult<Vec<(ProjectId, String)>> {
    Ok(services()?.projects.names(&caller()?).await?)
}

/// The number of characters of a text; refuses an empty one.
#[server(prefix = "/api/rpc", endpoint = "sample/count", protocol = FormRpc)]
#[allow(
    clippy::unused_async,
    reason = "server functions are asynchronous, also where nothing is waited for"
)]
async fn count_letters(text: String) -> AppResult<usize> {
    require(&caller()?, Action::ReadNode, Resource::Node, "sample")?;
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    if letters == 0 {
        Err(model::Error::invalid("text", "it has no letters").into())
    } else {
        Ok(letters)
    }
}

/// `/kit/sample`.
#[component]
pub(super) fn Sample() -> impl IntoView {
    let live = use_live();
    // One read, at the top of the page; repeated when the node says that everything must be read again.
    let names = NodeResource::new(move || live.reloads.track(), sample_names);
    let count = RwSignal::new(None::<usize>);
    let form = FormAction::to::<CountLetters>(move |letters| count.set(Some(letters)));
    view! {
        <Title text="Sample" />
        <div class="page">
            <div class="page-bar">
                <h1>"Sample"</h1>
                <span class="xs muted">"a page to copy"</span>
            </div>
            <QueryState query=names rows=3 failed="The projects could not be read." content=move |names| view! { <Names names=names /> } />
            <Count form=form count=count />
        </div>
    }
}

/// The list, and a button that reads it again.
#[component]
fn Names(names: Vec<(ProjectId, String)>) -> impl IntoView {
    let shown = RwSignal::new(names);
    let failed = RwSignal::new(None);
    let again = NodeAction::new(move |(): &()| async move {
        match sample_names().await {
            Ok(names) => {
                failed.set(None);
                shown.set(names);
            }
            Err(error) => failed.set(Some(error)),
        }
    });
    let row = |(_, name): (ProjectId, String)| view! { <li class="cut">{name}</li> };
    view! {
        {move || shown.read().is_empty().then(|| view! { <Empty icon="folder-git-2" title="No projects yet" text="Projects appear here when they are added." /> })}
        <ul class="stack">{keyed_list(move || shown.get(), |(id, _)| id.to_string(), row)}</ul>
        {move || failed.get().map(|error| view! { <ErrorNote error=error title="The projects could not be read." /> })}
        <div class="acts">
            <Button disabled=again.pending() on:click=move |_| again.dispatch(())>"Read again"</Button>
        </div>
    }
}

/// The form, with its error beside the field.
#[component]
fn Count(form: FormAction, count: RwSignal<Option<usize>>) -> impl IntoView {
    let about = Signal::derive(move || form.refusal().and_then(|error| error.about("text")));
    view! {
        <NodeForm action=form class="form">
            <TextInput label="Text" name="text" required=true maxlength=200 error=about />
            {move || form.refusal().filter(|error| error.field() != Some("text")).map(|error| view! { <ErrorNote error=error title="The letters were not counted." /> })}
            {move || count.get().map(|letters| view! { <Note tone=NoteTone::Done>{crate::ui::format::count(i64::try_from(letters).unwrap_or(i64::MAX), "letter", "letters")}</Note> })}
            <div class="acts">
                <Button submit=true disabled=form.pending()>"Count"</Button>
            </div>
        </NodeForm>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use crate::testing::{Fake, project};

    #[tokio::test]
    async fn the_sample_shows_what_it_read_what_is_missing_and_what_went_wrong() {
        let page = Fake {
            projects: vec![project(1, |p| p.name = "billing".into())].into(),
            ..Fake::default()
        }
        .render("/kit/sample")
        .await;
        page.shows(&[
            "billing",
            "Read again",
            "method=\"post\"",
            "action=\"/api/rpc/sample/count\"",
        ])
        .lacks(&["No projects yet"]);
        Fake::default().render("/kit/sample").await.shows(&["No projects yet"]);
        Fake::failing(model::Error::StorageFull)
            .render("/kit/sample")
            .await
            .shows(&["The projects could not be read."]);
    }
}
