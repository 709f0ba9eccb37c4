//! What several pages of the fleet show: the choice of what is sent, fingerprints, the question whether to confirm.
//! Every form here works before WASM has loaded.

use super::api::{ConfirmLink, Names, RevokeLink};
use crate::{
    FormAction, NodeForm,
    error::AppError,
    ui::{Button, ButtonKind, ErrorNote, Note, NoteTone},
    view,
};
use leptos::prelude::*;
use model::fleet::{Link, Peer, Send, SentProjects};

/// The fields of what this node sends: `which`, `projects[]`, `detail`, `private`, `relay`.
#[component]
pub(super) fn SendFields(
    /// What is chosen at first.
    send: Send,
    /// The projects to choose from.
    projects: Names,
    /// The refusal of the form around it.
    error: Signal<Option<AppError>>,
) -> impl IntoView {
    let chosen = match &send.projects {
        SentProjects::Some(ids) => ids.clone(),
        SentProjects::All | SentProjects::None => Vec::new(),
    };
    let none_yet = projects.is_empty();
    let which = [
        (
            "all",
            "All projects",
            "with their sessions, later ones too",
            send.projects == SentProjects::All,
        ),
        (
            "none",
            "Nothing",
            "it only receives",
            send.projects == SentProjects::None,
        ),
        (
            "some",
            "Chosen projects",
            "and no others",
            matches!(send.projects, SentProjects::Some(_)),
        ),
    ];
    let about = move |field: &'static str| error.with(|error| error.as_ref().and_then(|error| error.about(field)));
    let said = move |field: &'static str| {
        move || about(field).map(|text| view! { <p class="hint hint-bad" role="alert">{text}</p> })
    };
    view! {
        <fieldset class="field send-which">
            <legend class="label">"What this node sends"</legend>
            {which
                .into_iter()
                .map(|(value, word, about, checked)| {
                    view! {
                        <label class="check choice">
                            <input type="radio" name="which" value=value checked=checked disabled={value == "some" && none_yet} />
                            <span><span class="medium">{word}</span> " " <span class="muted xs">{about}</span></span>
                        </label>
                    }
                })
                .collect_view()}
            <div class="send-some" role="group" aria-label="Projects to send">
                {projects
                    .into_iter()
                    .map(|(id, name)| {
                        view! {
                            <label class="check">
                                <input type="checkbox" name="projects[]" value=id.to_string() checked=chosen.contains(&id) />
                                <span class="cut">{name}</span>
                            </label>
                        }
                    })
                    .collect_view()}
            </div>
            {said("projects")}
            {said("which")}
        </fieldset>
        <fieldset class="field send-more">
            <legend class="label">"And"</legend>
            <input type="hidden" name="detail" value=send.detail.word() />
            {said("detail")}
            <label class="check choice">
                <input type="checkbox" name="private" checked=send.private />
                <span><span class="medium">"Private sessions too"</span> " " <span class="muted xs">"admins of the other node see them"</span></span>
            </label>
            <label class="check choice">
                <input type="checkbox" name="relay" checked=send.relay />
                <span><span class="medium">"Pass on other nodes"</span> " " <span class="muted xs">"what this node holds of third ones"</span></span>
            </label>
        </fieldset>
    }
}

/// Fields whose refusals [`SendFields`] shows.
pub(super) const SEND_FIELDS: [&str; 3] = ["which", "projects", "detail"];

/// A fingerprint in its groups, with whose it is.
#[component]
pub(super) fn Fingerprint(
    /// Whose: `This node`.
    #[prop(into)]
    of: String,
    /// Eight groups of four characters.
    text: String,
) -> impl IntoView {
    view! {
        <div class="finger">
            <span class="xs muted">{format!("{of}, fingerprint")}</span>
            <code class="finger-t">{text}</code>
        </div>
    }
}

/// Who the other node says that it is.
#[component]
pub(super) fn PeerFacts(
    /// The other node.
    peer: Peer,
    /// Whether the way there is encrypted.
    encrypted: bool,
) -> impl IntoView {
    view! {
        <dl class="kv">
            <dt>"Name"</dt>
            <dd>{peer.name}</dd>
            <dt>"Kind"</dt>
            <dd>{peer.kind.word()}</dd>
            <dt>"Address"</dt>
            <dd>
                {match peer.url {
                    Some(url) => view! { <code class="plain">{url}</code> },
                    None => "none: it connects to this node".into_any(),
                }}
            </dd>
        </dl>
        {(!encrypted).then(not_encrypted)}
    }
}

/// The warning about a link in plain HTTP.
pub(super) fn not_encrypted() -> AnyView {
    view! {
        <Note tone=NoteTone::Warning title="Not encrypted.">
            "Whoever is on the way can read what is sent. Signatures still keep them from changing it."
        </Note>
    }
}

/// The question of the inviting side: is it the right node?
#[component]
pub(super) fn ConfirmPeer(
    /// The link that waits.
    link: Link,
    /// Called after either answer.
    done: Callback<()>,
) -> impl IntoView {
    let confirm = FormAction::to::<ConfirmLink>(move |_: Link| done.run(()));
    let refuse = FormAction::to::<RevokeLink>(move |()| done.run(()));
    let id = link.id;
    let name = link.peer.name.clone();
    let (asks, yes) = (format!("Confirm {name}"), format!("Confirm {name}"));
    let busy = Signal::derive(move || confirm.pending().get() || refuse.pending().get());
    view! {
        <div class="confirm-peer" role="group" aria-label=asks>
            <p>
                <b class="medium">{name.clone()}</b>
                " used your invite. Look at its page: it must show this same fingerprint. If it does not, somebody else used the invite."
            </p>
            <Fingerprint of=name.clone() text=link.peer.fingerprint.clone() />
            <PeerFacts peer=link.peer encrypted=link.encrypted />
            {move || confirm.refusal().map(|error| view! { <ErrorNote error=error title="The link was not confirmed." /> })}
            {move || refuse.refusal().map(|error| view! { <ErrorNote error=error title="The node was not refused." /> })}
            <div class="acts">
                <NodeForm action=confirm>
                    <input type="hidden" name="id" value=id.to_string() />
                    <Button kind=ButtonKind::Primary large=true submit=true disabled=busy>{yes}</Button>
                </NodeForm>
                <NodeForm action=refuse>
                    <input type="hidden" name="id" value=id.to_string() />
                    <Button kind=ButtonKind::Danger large=true submit=true disabled=busy>"Refuse it"</Button>
                </NodeForm>
            </div>
        </div>
    }
}

/// The three steps of pairing, with the present one.
#[component]
pub(super) fn Steps(
    /// Their names.
    names: [&'static str; 3],
    /// The present one, from 0.
    #[prop(into)]
    at: Signal<usize>,
) -> impl IntoView {
    view! {
        <ol class="steps xs" aria-label="Steps">
            {names
                .into_iter()
                .enumerate()
                .map(|(n, name)| {
                    view! {
                        <li aria-current=move || (at.get() == n).then_some("step") class:is-over=move || { at.get() > n }>
                            {format!("{}. {name}", n + 1)}
                        </li>
                    }
                })
                .collect_view()}
        </ol>
    }
}
