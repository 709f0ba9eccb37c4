//! The dialog that pairs two nodes, in three steps on either side. Its place is in the address (`?pair=invite`,
//! `?pair=join`, `?invite=ow1_...`), so an invite can be opened as a link and every form works before WASM has loaded.

use super::{
    api::{FleetView, InviteView, Join, MakeInvite, read_invite},
    page::Seen,
    parts::{ConfirmPeer, Fingerprint, PeerFacts, SEND_FIELDS, SendFields, Steps},
};
use crate::{
    FormAction, NodeForm, NodeResource, browser,
    sessions::filter::encode,
    ui::{
        Button, ButtonKind, Dialog, ErrorNote, Exact, Icon, Look, Note, NoteTone, QueryState, StatusWord, TextInput,
        quiet_clock,
    },
    view,
};
use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    components::A,
    hooks::{use_navigate, use_query_map},
};
use model::{
    fleet::{Invite, InviteRead, Link, LinkState, Send},
    id::LinkId,
};

const INVITING: [&str; 3] = ["Choose what is sent", "Hand the invite over", "Compare and confirm"];
const JOINING: [&str; 3] = ["Open the invite", "Compare and choose", "Confirmed over there"];

/// What is under way in the dialog; it outlives a new reading of the page.
#[derive(Clone, Copy)]
pub(super) struct Pairing {
    /// Whether the dialog is open.
    pub open: RwSignal<bool>,
    made: RwSignal<Option<Invite>>,
    /// The links that were there when the invite was made: any other of this node's invites is its use.
    before: RwSignal<Vec<LinkId>>,
    /// The link that was joined, and what its invite said.
    joined: RwSignal<Option<(Link, InviteRead)>>,
}

impl Pairing {
    pub(super) fn new() -> Self {
        Self {
            open: RwSignal::new(false),
            made: RwSignal::new(None),
            before: RwSignal::new(Vec::new()),
            joined: RwSignal::new(None),
        }
    }

    /// Takes an invite that a plain form has made.
    pub(super) fn take(self, view: &FleetView) {
        if let Some(invite) = view.made.clone() {
            self.shows(invite, &view.links);
        }
    }

    fn shows(self, invite: Invite, links: &[Link]) {
        self.before.set(links.iter().map(|link| link.id).collect());
        self.made.set(Some(invite));
    }

    fn forget(self) {
        self.made.set(None);
        self.joined.set(None);
    }

    /// The link that came of the invite. Subscribes.
    fn found(self, seen: Seen) -> Option<Link> {
        let before = self.before.get();
        seen.all.with(|(_, links)| {
            links
                .iter()
                .find(|link| link.inviter && !before.contains(&link.id))
                .cloned()
        })
    }
}

/// Where the address says that the dialog is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Closed,
    Invite,
    Join,
    Read(String),
}

/// The invite in what somebody pasted: itself, or a link that holds it.
fn invite_in(text: &str) -> Option<String> {
    let at = text.find("ow1_")?;
    let is_part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    Some(text[at..].chars().take_while(is_part).collect())
}

fn place(invite: Option<String>, pair: Option<&str>) -> At {
    match (invite, pair) {
        // What is no invite is refused by the node, in its words.
        (Some(text), _) if !text.trim().is_empty() => At::Read(invite_in(&text).unwrap_or(text)),
        (Some(_), _) | (None, Some("join")) => At::Join,
        (None, Some(_)) => At::Invite,
        (None, None) => At::Closed,
    }
}

/// The dialog.
#[component]
pub(super) fn Pair(seen: Seen, again: Callback<()>, pairing: Pairing) -> impl IntoView {
    let query = use_query_map();
    let at = Memo::new(move |_| query.with(|query| place(query.get("invite"), query.get("pair").as_deref())));
    let open = pairing.open;
    open.set(at.with_untracked(|at| *at != At::Closed));
    Effect::new(move || open.set(at.with(|at| *at != At::Closed)));
    let navigate = use_navigate();
    Effect::new(move || {
        if open.get() {
            return;
        }
        pairing.forget();
        if at.with_untracked(|at| *at != At::Closed) {
            // The invite leaves the history with the dialog.
            let replace = NavigateOptions {
                replace: true,
                ..NavigateOptions::default()
            };
            navigate("/fleet", replace);
        }
    });
    let inside = move || {
        let at = at.get();
        if !seen.may_change.get() && at != At::Closed {
            return view! { <Note tone=NoteTone::Warning title="Pairing needs the role admin.">"Ask an admin of this node."</Note> };
        }
        match at {
            At::Closed => ().into_any(),
            At::Invite => view! { <Inviting seen=seen again=again pairing=pairing /> },
            At::Join => view! { <Paste /> },
            At::Read(invite) => view! { <Joining invite=invite seen=seen again=again pairing=pairing /> },
        }
    };
    view! { <Dialog open=open title="Pair with a node" class="dialog-wide pair">{inside}</Dialog> }
}

/// The two ways to begin.
#[component]
fn Ways(join: bool) -> impl IntoView {
    let current = |is: bool| is.then_some("page");
    view! {
        <nav class="seg" aria-label="Way to pair">
            <a href="/fleet?pair=invite" aria-current=current(!join)>"Make an invite"</a>
            <a href="/fleet?pair=join" aria-current=current(join)>"Open an invite"</a>
        </nav>
    }
}

#[component]
fn Inviting(seen: Seen, again: Callback<()>, pairing: Pairing) -> impl IntoView {
    let make = FormAction::to::<MakeInvite>(move |invite: Invite| {
        let links = seen.all.with_untracked(|(_, links)| links.clone());
        pairing.shows(invite, &links);
    });
    // Only what it is and how it stands: a question that somebody answers is not drawn anew for each word of the peer.
    let found = Memo::new(move |_| {
        let link = pairing.made.get().and_then(|_| pairing.found(seen));
        link.map(|link| (link.id, link.state))
    });
    let step = Memo::new(move |_| match (pairing.made.read().is_some(), found.read().is_some()) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => 2,
    });
    view! {
        <Steps names=INVITING at=step />
        {move || match step.get() {
            0 => view! { <MakeForm make=make projects=seen.projects.get_untracked() /> },
            1 => pairing.made.get().map_or_else(|| ().into_any(), |invite| view! { <HandOver invite=invite pairing=pairing /> }),
            _ => (move || {
                found.track();
                untrack(|| pairing.found(seen)).map(|link| came_of_it(link, again))
            })
            .into_any(),
        }}
    }
}

/// The inviting side's last step.
fn came_of_it(link: Link, again: Callback<()>) -> AnyView {
    match link.state {
        LinkState::Pending => view! { <ConfirmPeer link=link done=again /> },
        LinkState::Revoked => view! {
            <Note tone=NoteTone::Failed title="It was refused.">"The invite is used up: make another for the right node."</Note>
        },
        LinkState::Live | LinkState::Retrying | LinkState::Paused => paired(&link.peer.name, link.id),
    }
}

fn paired(name: &str, id: LinkId) -> AnyView {
    view! {
        <div role="status" class="stack">
            <Note tone=NoteTone::Done title=format!("Paired with {name}.")>"What is sent can be changed on the link's page."</Note>
            <div class="acts">
                <A href=format!("/fleet/links/{id}") attr:class="btn btn-p btn-lg">"Open the link"</A>
                <A href="/fleet" attr:class="btn btn-lg">"Done"</A>
            </div>
        </div>
    }
}

#[component]
fn MakeForm(make: FormAction, projects: super::api::Names) -> impl IntoView {
    let refusal = Signal::derive(move || make.refusal());
    view! {
        <Ways join=false />
        <NodeForm action=make class="stack">
            <SendFields send=Send::default() projects=projects error=refusal />
            <details class="form-more">
                <summary class="link xs">"For scripts"</summary>
                <label class="check choice">
                    <input type="checkbox" name="auto" />
                    <span><span class="medium">"Confirm by itself"</span> " " <span class="muted xs">"whoever has the invite is let in, without a look at the fingerprint"</span></span>
                </label>
            </details>
            {move || other(refusal.get()).map(|error| view! { <ErrorNote error=error title="The invite was not made." /> })}
            <div class="acts">
                <Button kind=ButtonKind::Primary large=true submit=true disabled=make.pending()>"Make invite"</Button>
            </div>
        </NodeForm>
    }
}

/// A refusal that no field of the form shows.
pub(super) fn other(refusal: Option<crate::AppError>) -> Option<crate::AppError> {
    refusal.filter(|error| error.field().is_none_or(|field| !SEND_FIELDS.contains(&field)))
}

#[component]
fn HandOver(invite: Invite, pairing: Pairing) -> impl IntoView {
    let (now, expires) = (quiet_clock(), invite.expires);
    let over = Memo::new(move |_| now.get().is_some_and(|now| now >= expires));
    let text = invite.invite.clone();
    let copied = RwSignal::new(false);
    view! {
        <p>
            "On the other node open Fleet, choose " <b class="medium">"Pair with a node"</b> ", then " <b class="medium">"Open an invite"</b>
            ", and paste this. In a terminal: " <code>"orchwiz peer join INVITE"</code> "."
        </p>
        <div class="row">
            <code class="code cut grow" tabindex="0" aria-label="Invite">{invite.invite}</code>
            <button
                type="button"
                class="btn btn-lg"
                on:click=move |_| {
                    browser::copy(&text);
                    copied.set(true);
                }
            >
                <Icon name="copy" />
                {move || if copied.get() { "Copied" } else { "Copy" }}
            </button>
        </div>
        <p class="xs muted">"It works once, until " <Exact at=invite.expires time=true /> ". Whoever has it can ask to be let in: send it only to whom you mean."</p>
        <Fingerprint of="This node" text=invite.fingerprint />
        <div role="status">
            {move || {
                if over.get() {
                    view! { <Note tone=NoteTone::Failed title="The invite is over.">"Nobody used it in time."</Note> }
                } else {
                    view! { <StatusWord look=Look::QUEUED.called("Waiting for the other node") /> }
                }
            }}
        </div>
        {move || over.get().then(|| view! {
            <div class="acts"><Button large=true on:click=move |_| pairing.forget()>"Make another"</Button></div>
        })}
    }
}

/// The joining side's first step: a plain form that only opens an address.
#[component]
fn Paste() -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let navigate = use_navigate();
    view! {
        <Steps names=JOINING at=Signal::stored(0) />
        <Ways join=true />
        <form
            class="stack"
            method="get"
            action="/fleet"
            on:submit=move |event| {
                event.prevent_default();
                let invite = typed.with_untracked(|typed| invite_in(typed).unwrap_or_else(|| typed.trim().to_owned()));
                navigate(&format!("/fleet?invite={}", encode(&invite)), NavigateOptions::default());
            }
        >
            <TextInput
                label="Invite"
                name="invite"
                required=true
                autocomplete="off"
                hint="It begins with ow1_ and was made on the other node not longer than ten minutes ago."
                on_input=Callback::new(move |text| typed.set(text))
            />
            <div class="acts">
                <Button kind=ButtonKind::Primary large=true submit=true>"Open invite"</Button>
            </div>
        </form>
    }
}

#[component]
fn Joining(invite: String, seen: Seen, again: Callback<()>, pairing: Pairing) -> impl IntoView {
    let asked = invite.clone();
    let read = NodeResource::new(|| (), move || read_invite(asked.clone()));
    let joined = Memo::new(move |_| pairing.joined.read().is_some());
    let step = Memo::new(move |_| if joined.get() { 2 } else { 1 });
    view! {
        <Steps names=JOINING at=step />
        // Hidden and not removed: its own answer comes while it is on the page.
        <div class="stack" hidden=joined>
            <QueryState
                query=read
                rows=4
                failed="The invite could not be opened."
                content=move |view: InviteView| view! { <JoinForm invite=invite.clone() view=view again=again pairing=pairing /> }
            />
            <p class="xs"><a class="link" href="/fleet?pair=join">"Open another invite"</a></p>
        </div>
        {move || pairing.joined.get().map(|(link, read)| view! { <Joined link=link read=read seen=seen /> })}
    }
}

#[component]
fn JoinForm(invite: String, view: InviteView, again: Callback<()>, pairing: Pairing) -> impl IntoView {
    let InviteView { read, projects } = view;
    let said = read.clone();
    let join = FormAction::to::<Join>(move |link: Link| {
        pairing.joined.set(Some((link, said.clone())));
        again.run(());
    });
    let refusal = Signal::derive(move || join.refusal());
    let name = read.peer.name.clone();
    view! {
        <PeerFacts peer=read.peer.clone() encrypted=read.encrypted />
        <p>{format!("Compare: {name} must show the first of these beside its invite, and the second before it confirms.")}</p>
        <Fingerprint of=name.clone() text=read.peer.fingerprint />
        <Fingerprint of="This node" text=read.own_fingerprint />
        <NodeForm action=join class="stack">
            <input type="hidden" name="invite" value=invite />
            <SendFields send=Send::default() projects=projects error=refusal />
            {(!read.encrypted)
                .then(|| view! {
                    <label class="check choice">
                        <input type="checkbox" name="unencrypted" />
                        <span><span class="medium">"Pair without encryption"</span> " " <span class="muted xs">"only needed where the way leaves this machine"</span></span>
                    </label>
                })}
            {move || other(refusal.get()).map(|error| view! { <ErrorNote error=error title="The nodes were not paired." /> })}
            <div class="acts">
                <Button kind=ButtonKind::Primary large=true submit=true disabled=join.pending()>{format!("Pair with {name}")}</Button>
            </div>
        </NodeForm>
    }
}

/// The joining side's last step.
#[component]
fn Joined(link: Link, read: InviteRead, seen: Seen) -> impl IntoView {
    let id = link.id;
    // The answer to the form comes before the next reading.
    let now = Memo::new(move |_| {
        let read = seen
            .all
            .with(|(_, links)| links.iter().find(|link| link.id == id).map(|link| link.state));
        read.unwrap_or(link.state)
    });
    let peer = link.peer.clone();
    move || {
        let name = peer.name.clone();
        match now.get() {
            LinkState::Pending => view! {
                <p>{format!("Now confirm it on {name}: its page Fleet must show this fingerprint.")}</p>
                <Fingerprint of="This node" text=read.own_fingerprint.clone() />
                <p class="row" role="status"><StatusWord look=Look::QUEUED.called("Waiting for the confirmation") /></p>
            },
            LinkState::Revoked => {
                view! { <Note tone=NoteTone::Failed title=format!("{name} refused.")>"Ask for another invite."</Note> }
            }
            LinkState::Live | LinkState::Retrying | LinkState::Paused => paired(&name, id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_is_found_in_what_was_pasted() {
        assert_eq!(invite_in("  ow1_ABC-def\n").as_deref(), Some("ow1_ABC-def"));
        assert_eq!(
            invite_in("https://laptop:3000/fleet?invite=ow1_ABC&x=1").as_deref(),
            Some("ow1_ABC")
        );
        assert_eq!(invite_in("owz_ABC"), None);
    }

    #[test]
    fn the_address_says_where_the_dialog_is() {
        assert_eq!(place(None, None), At::Closed);
        assert_eq!(place(None, Some("invite")), At::Invite);
        assert_eq!(place(None, Some("join")), At::Join);
        assert_eq!(place(Some(String::new()), None), At::Join);
        assert_eq!(place(Some("ow1_a".into()), Some("join")), At::Read("ow1_a".into()));
        assert_eq!(place(Some("nonsense".into()), None), At::Read("nonsense".into()));
    }
}
