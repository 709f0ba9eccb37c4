//! `/fleet/links/:id`: what a link is doing, what it sends, and the acts on it. Admins act, everybody looks.

use super::{
    api::{LinkView, Names, PauseLink, ResumeLink, RevokeLink, UpdateLink, find_link},
    pair::other,
    parts::{ConfirmPeer, SendFields, not_encrypted},
    reread,
    words::{direction, lag, link_look, sent_words, transport},
};
use crate::{
    FormAction, NodeForm, NodeResource,
    error::AppError,
    live::use_live,
    ui::{
        Ago, Button, ButtonKind, ErrorNote, Exact, LiveTitle, Note, NoteTone, Skeleton, StatusWord, format, sentence,
    },
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{components::A, hooks::use_params_map};
use model::{
    Error,
    fleet::{Link, LinkState},
    id::LinkId,
};

/// `/fleet/links/:id`.
#[component]
pub(super) fn LinkPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").and_then(|id| id.parse::<LinkId>().ok())));
    let inside = move || match id.get() {
        Some(id) => view! { <OpenLink id=id /> },
        None => {
            crate::error::reject(Error::NotFound("link".into()));
            view! { <NoLink /> }
        }
    };
    view! { <div class="page">{inside}</div> }
}

#[component]
fn NoLink() -> impl IntoView {
    view! {
        <Title text="No such link" />
        <div class="page-bar"><h1>"There is no such link"</h1></div>
        <p class="muted">"It may have been revoked and forgotten. " <a class="link" href="/fleet">"Fleet"</a></p>
    }
}

#[component]
fn OpenLink(id: LinkId) -> impl IntoView {
    let live = use_live();
    let found = NodeResource::blocking(move || live.reloads.track(), move || find_link(id));
    view! {
        <Transition fallback=|| view! { <Skeleton rows=8 /> }>
            {move || {
                found
                    .get()
                    .map(|answer| match answer {
                        Ok(view) => view! { <One view=view gone=Callback::new(move |()| found.refetch()) /> },
                        Err(AppError(Error::NotFound(_))) => view! { <NoLink /> },
                        Err(error) => view! {
                            <Title text="Link" />
                            <div class="page-bar"><h1>"Link"</h1></div>
                            <ErrorNote error=error title="The link could not be read." retry=Callback::new(move |()| found.refetch()) />
                        },
                    })
            }}
        </Transition>
    }
}

/// The state of the page.
#[derive(Clone, Copy)]
struct State {
    link: RwSignal<Link>,
    names: RwSignal<Names>,
    may_change: bool,
    again: Callback<()>,
}

#[component]
fn One(view: LinkView, gone: Callback<()>) -> impl IntoView {
    let id = view.link.id;
    let may_change = view.may_change;
    let link = RwSignal::new(view.link);
    let names = RwSignal::new(view.projects);
    let again = reread(move || async move {
        match find_link(id).await {
            Ok(view) => {
                if link.try_with_untracked(|old| *old != view.link) == Some(true) {
                    link.set(view.link);
                }
                if names.try_with_untracked(|old| *old != view.projects) == Some(true) {
                    names.set(view.projects);
                }
            }
            Err(AppError(Error::NotFound(_))) => {
                gone.try_run(());
            }
            Err(_) => {}
        }
    });
    let state = State {
        link,
        names,
        may_change,
        again,
    };
    let pending = Memo::new(move |_| link.with(|link| (link.state == LinkState::Pending).then_some(link.inviter)));
    let ended = Memo::new(move |_| link.with(|link| link.state == LinkState::Revoked));
    let detail = Memo::new(move |_| {
        link.with(|link| {
            link.state_detail
                .clone()
                .map(|text| (link.state == LinkState::Retrying, text))
        })
    });
    let open_text = Memo::new(move |_| link.with(|link| !link.encrypted));
    view! {
        <LiveTitle text=move || link.with(|link| format!("Link to {}", link.peer.name)) />
        <Head state=state />
        {move || {
            detail
                .get()
                .map(|(failed, text)| {
                    let tone = if failed { NoteTone::Failed } else { NoteTone::Plain };
                    view! { <Note tone=tone>{sentence(&text)}</Note> }
                })
        }}
        {move || open_text.get().then(not_encrypted)}
        {move || match pending.get() {
            Some(true) if may_change => Some(view! { <ConfirmPeer link=link.get_untracked() done=again /> }),
            Some(true) => Some(view! { <Note tone=NoteTone::Warning title="It waits for an admin of this node.">"Nothing is sent before it is confirmed."</Note> }),
            Some(false) => Some(view! { <Elsewhere link=link /> }),
            None => None,
        }}
        <Facts link=link />
        <Sent state=state />
        {move || (may_change && pending.get() != Some(true)).then(|| view! { <Revoke state=state ended=ended.get() /> })}
    }
}

/// The joining side waits for the other.
#[component]
fn Elsewhere(link: RwSignal<Link>) -> impl IntoView {
    let name = move || link.with(|link| link.peer.name.clone());
    view! {
        <Note title="Waiting for the confirmation.">
            "An admin of " {name} " confirms it on its page Fleet, after comparing this node's fingerprint. Nothing is sent before."
        </Note>
    }
}

#[component]
fn Head(state: State) -> impl IntoView {
    let State {
        link,
        may_change,
        again,
        ..
    } = state;
    let look = Signal::derive(move || link.with(link_look));
    let since = Memo::new(move |_| link.with(|link| link.state_since));
    let now = Memo::new(move |_| link.with(|link| link.state));
    let pause = FormAction::to::<PauseLink>(move |_: Link| again.run(()));
    let resume = FormAction::to::<ResumeLink>(move |_: Link| again.run(()));
    let id = link.with_untracked(|link| link.id);
    let act = move || {
        let (action, word) = match now.get() {
            LinkState::Live | LinkState::Retrying => (pause, "Pause"),
            LinkState::Paused => (resume, "Resume"),
            LinkState::Pending | LinkState::Revoked => return None,
        };
        may_change.then(|| {
            view! {
                <NodeForm action=action class="push">
                    <input type="hidden" name="id" value=id.to_string() />
                    <Button large=true submit=true disabled=action.pending()>{word}</Button>
                </NodeForm>
            }
        })
    };
    let refused = move || {
        let of = |action: FormAction, title: &'static str| {
            action
                .refusal()
                .map(|error| view! { <ErrorNote error=error title=title /> })
        };
        (
            of(pause, "The link was not paused."),
            of(resume, "The link was not resumed."),
        )
    };
    view! {
        <div class="page-bar">
            <nav class="xs muted" aria-label="Where"><A href="/fleet">"Fleet"</A> " /"</nav>
            <h1 class="cut">{move || link.with(|link| format!("Link to {}", link.peer.name))}</h1>
            <StatusWord look=look chip=true />
            <span class="xs muted nw">"since " <Exact at=since time=true /></span>
            {act}
        </div>
        {refused}
    }
}

#[component]
fn Facts(link: RwSignal<Link>) -> impl IntoView {
    let peer = Memo::new(move |_| link.with(|link| link.peer.clone()));
    let heard = Memo::new(move |_| link.with(|link| link.last_heard));
    let unsent = Memo::new(move |_| link.with(|link| link.unsent_events));
    view! {
        <section class="fl-s" aria-labelledby="lk-f">
            <div class="sec-h"><h2 id="lk-f">"State"</h2></div>
            <dl class="kv">
                <dt>"Peer"</dt>
                <dd>{move || { let peer = peer.get(); view! { <a class="link" href=format!("/fleet/nodes/{}", peer.id)>{peer.name}</a> ", " {peer.kind.word()} } }}</dd>
                <dt>"Fingerprint"</dt>
                <dd><code class="finger-t">{move || peer.get().fingerprint}</code></dd>
                <dt>"Address"</dt>
                <dd>
                    {move || match peer.get().url {
                        Some(url) => view! { <code class="plain">{url}</code> },
                        None => "none: the peer connects to this node".into_any(),
                    }}
                </dd>
                <dt>"Direction"</dt>
                <dd>{move || link.with(direction)}</dd>
                <dt>"Transport"</dt>
                <dd>
                    {move || {
                        link.with(|link| {
                            let way = link.transport.map_or("not connected", transport);
                            format!("{way}, {}", if link.encrypted { "encrypted" } else { "not encrypted" })
                        })
                    }}
                </dd>
                <dt>"Events the peer has not acknowledged"</dt>
                <dd>{move || format::exact(unsent.get())}</dd>
                <dt>"Lag"</dt>
                <dd>{move || link.with(lag)}</dd>
                <dt>"Last heard"</dt>
                <dd>
                    {move || match heard.get() {
                        Some(at) => view! { <Ago at=at /> },
                        None => "never".into_any(),
                    }}
                </dd>
            </dl>
        </section>
    }
}

#[component]
fn Sent(state: State) -> impl IntoView {
    let State {
        link,
        names,
        may_change,
        again,
    } = state;
    let words = move |of: fn(&Link) -> &model::fleet::Send| {
        move || names.with(|names| link.with(|link| sentence(&sent_words(of(link), names))))
    };
    let ended = Memo::new(move |_| link.with(|link| link.state == LinkState::Revoked));
    view! {
        <section class="fl-s" aria-labelledby="lk-s">
            <div class="sec-h"><h2 id="lk-s">"What is sent"</h2></div>
            <dl class="kv">
                <dt>"This node sends"</dt>
                <dd>{words(|link| &link.send)}</dd>
                <dt>{move || link.with(|link| format!("{} sends", link.peer.name))}</dt>
                <dd>{words(|link| &link.receive)}</dd>
            </dl>
            {move || (may_change && !ended.get()).then(|| view! { <Change link=link names=names again=again /> })}
        </section>
    }
}

#[component]
fn Change(link: RwSignal<Link>, names: RwSignal<Names>, again: Callback<()>) -> impl IntoView {
    let update = FormAction::to::<UpdateLink>(move |_: Link| again.run(()));
    let refusal = Signal::derive(move || update.refusal());
    let (id, send) = link.with_untracked(|link| (link.id.to_string(), link.send.clone()));
    view! {
        <details class="form-more" open=refusal.get_untracked().is_some()>
            <summary class="link xs">"Change what this node sends"</summary>
            <NodeForm action=update class="stack fl-form">
                <input type="hidden" name="id" value=id />
                <SendFields send=send projects=names.get_untracked() error=refusal />
                <p class="xs faint">"What the peer has and shall no longer have is taken back from it; what is new to it is sent."</p>
                {move || other(refusal.get()).map(|error| view! { <ErrorNote error=error title="Nothing was changed." /> })}
                {move || update.done().then(|| view! { <Note tone=NoteTone::Done>"It is sent like this from now on."</Note> })}
                <div class="acts">
                    <Button kind=ButtonKind::Primary large=true submit=true disabled=update.pending()>"Save"</Button>
                </div>
            </NodeForm>
        </details>
    }
}

/// The end of the link, asked first; what the peer sent stays or goes.
#[component]
fn Revoke(state: State, ended: bool) -> impl IntoView {
    let State { link, again, .. } = state;
    let revoke = FormAction::to::<RevokeLink>(move |()| again.run(()));
    let (id, name) = link.with_untracked(|link| (link.id, link.peer.name.clone()));
    let ask = move |word: &'static str, says: String, does: String, forget: bool| {
        view! {
            <details class="confirm">
                <summary class="btn btn-d">{word}</summary>
                <NodeForm action=revoke class="confirm-b">
                    <input type="hidden" name="id" value=id.to_string() />
                    {forget.then(|| view! { <input type="hidden" name="forget" value="on" /> })}
                    <p>{says}</p>
                    <Button kind=ButtonKind::Danger large=true submit=true disabled=revoke.pending()>{does}</Button>
                </NodeForm>
            </details>
        }
    };
    let keep = (!ended).then(|| {
        ask(
            "Revoke…",
            format!("Nothing is sent or received any more, at once and on both sides. What {name} sent stays here, marked as old. To connect again, pair again."),
            format!("Revoke the link to {name}"),
            false,
        )
    });
    let forget = ask(
        if ended { "Forget…" } else { "Revoke and forget…" },
        format!(
            "{}Every project, session, approval and sum that {name} sent is removed from this node. {name} keeps its own.",
            if ended {
                ""
            } else {
                "The link ends at once, on both sides. "
            }
        ),
        if ended {
            format!("Forget what {name} sent")
        } else {
            format!("Revoke and forget {name}")
        },
        true,
    );
    view! {
        <section class="fl-s" aria-labelledby="lk-r">
            <div class="sec-h"><h2 id="lk-r">{if ended { "What it sent" } else { "End the link" }}</h2></div>
            {move || revoke.refusal().map(|error| view! { <ErrorNote error=error title="The link was not revoked." /> })}
            <div class="acts fl-ends">{keep}{forget}</div>
        </section>
    }
}
