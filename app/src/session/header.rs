//! The head of a session: what it is, its state, and all actions on it. It shows changes only after the server
//! function's answer; only the mode is optimistic.

use super::{
    acts::{Done, MODELS, SessionAct, SessionActs, agent_acts, mode_word, own_acts, perform, settings_acts},
    api::update_session,
    changed::say_done,
    page::use_query,
    panel::Part,
    store::Store,
};
use crate::{
    NodeAction, browser,
    error::AppError,
    frame::{Verb, offer_verbs},
    ui::{
        Button, Cost, Elapsed, ErrorNote, Icon, IconButton, Menu, Meter, NodeChip, NodeStatus, Segment, format,
        use_toasts,
    },
    view,
};
use leptos::{html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use model::sessions::{AgentKind, Mode, Session, SessionPatch, SessionState};

/// The actions of the page on its session, and the last refusal.
#[derive(Clone, Copy)]
pub struct Controls {
    /// The last refusal.
    error: RwSignal<Option<AppError>>,
    /// Whether the title is being edited.
    editing: RwSignal<bool>,
    /// Performs an act on it.
    pub act: NodeAction<SessionAct>,
    /// Gives it another title.
    rename: NodeAction<String>,
}

impl Controls {
    /// The actions on the session of `store`.
    pub fn new(store: Store) -> Self {
        let (error, editing) = (RwSignal::new(None::<AppError>), RwSignal::new(false));
        let id = store.session.with_untracked(|session| session.id);
        let toasts = use_toasts();
        let navigate = use_navigate();
        let act = NodeAction::new(move |act: &SessionAct| {
            let (act, go) = (act.clone(), navigate.clone());
            let title = store.session.with_untracked(|session| session.title.clone());
            // The mode shows at once what was pressed.
            let before = match act {
                SessionAct::Mode(mode) => store
                    .session
                    .try_update(|session| std::mem::replace(&mut session.mode, mode)),
                _ => None,
            };
            async move {
                let done = match perform(id, act.clone()).await {
                    Ok(done) => done,
                    Err(refused) => {
                        if let Some(mode) = before {
                            store.session.update(|session| session.mode = mode);
                        }
                        return error.set(Some(refused));
                    }
                };
                error.set(None);
                say_done(toasts, id, &title, &act, &done);
                // Whoever has gone elsewhere meanwhile is not led away from there.
                let lead = |to: &str| {
                    if store.is_here() {
                        go(to, NavigateOptions::default());
                    }
                };
                match done {
                    Done::Changed(session) => store.take_answer(*session),
                    Done::Forked(fork) => lead(&format!("/sessions/{fork}")),
                    Done::Sent(prompt) => store.take_accepted(prompt),
                    Done::Deleted => lead("/sessions"),
                    Done::Asked => editing.set(true),
                }
            }
        });
        let rename = NodeAction::new(move |title: &String| {
            let patch = SessionPatch {
                title: Some(title.clone()),
                ..SessionPatch::default()
            };
            async move {
                match update_session(id, patch).await {
                    Ok(session) => {
                        error.set(None);
                        editing.set(false);
                        store.take_answer(session);
                    }
                    Err(refused) => error.set(Some(refused)),
                }
            }
        });
        let controls = Self {
            error,
            editing,
            act,
            rename,
        };
        if store.may_drive {
            let go = use_navigate();
            let go = Callback::new(move |to: String| go(&to, NavigateOptions::default()));
            offer_verbs(move || {
                store
                    .session
                    .with(|session| controls.verbs(session))
                    .into_iter()
                    .chain(Self::trust(store, go))
                    .collect()
            });
        }
        controls
    }

    /// The same for the palette.
    fn verbs(self, session: &Session) -> Vec<Verb> {
        let all = agent_acts(session)
            .into_iter()
            .chain(own_acts(session))
            .chain(settings_acts(session));
        all.map(|act| Verb {
            name: act.word(),
            icon: act.icon(),
            run: Callback::new(move |()| self.act.dispatch(act.clone())),
        })
        .collect()
    }

    /// The link to its project's trust, if there is something to trust.
    fn trust(store: Store, go: Callback<String>) -> Option<Verb> {
        let asks = !store.trusted.get() && store.runs_own.get();
        let to = store
            .session
            .with(|session| format!("/projects/{}?look=trust", session.project));
        asks.then(|| Verb {
            name: "Trust its project…".into(),
            icon: "shield-check",
            run: Callback::new(move |()| go.run(to.clone())),
        })
    }
}

/// The head of a session.
#[component]
pub fn Header(
    /// The page's store.
    store: Store,
    /// The actions.
    controls: Controls,
) -> impl IntoView {
    let error = controls.error;
    let session = store.session;
    let project = session.with_untracked(|session| session.project);
    view! {
        // The way back on a phone, where the head itself scrolls away.
        <div class="sx-back only-phone">
            <a class="btn btn-i btn-lg btn-q" href="/sessions" aria-label="Back to all sessions"><Icon name="arrow-left" /></a>
            <b class="medium cut">{move || session.with(|session| session.title.clone())}</b>
        </div>
        <header class="sx-h">
            <div class="sx-t">
                <nav class="crumb xs" aria-label="Where">
                    <a class="no-phone" href="/sessions">"Sessions"</a>
                    <span class="faint no-phone">"/"</span>
                    <a href=format!("/projects/{project}")>{move || session.with(|session| session.project_name.clone())}</a>
                </nav>
                <TitleEdit store=store controls=controls />
                <p class="s-state cut">
                    <NodeStatus session=session.into() />
                    " "
                    <span class="muted">{move || session.with(why)} {move || with_comma(session.with(|s| why(s).is_empty()))} <Elapsed since=Signal::derive(move || session.with(|s| s.state_since)) /></span>
                </p>
                <span class="push row sx-acts">
                    <Show when=move || store.may_drive>
                        <DriveButtons store=store controls=controls />
                    </Show>
                    <More store=store controls=controls />
                    <PanelButton />
                </span>
            </div>
            <Chips store=store act=controls.act />
            {move || error.get().map(|error| view! { <div class="sx-err"><ErrorNote error=error /></div> })}
        </header>
    }
}

/// The button that opens and closes the panel, served by the page's head script.
#[component]
fn PanelButton() -> impl IntoView {
    Effect::new(browser::show_pressed);
    view! {
        <button
            type="button"
            class="btn btn-i btn-q no-phone"
            data-flip="panel"
            aria-expanded="true"
            aria-keyshortcuts="]"
            aria-label="Session details"
            title="Open or close the details (])"
        >
            <Icon name="columns-3" />
        </button>
    }
}

/// The second line: place, mode, model, and cost. The rest is under Usage.
#[component]
fn Chips(store: Store, act: NodeAction<SessionAct>) -> impl IntoView {
    let session = store.session;
    let go = use_query();
    let usage = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        go.run(("tab", Some(Part::Usage.key().to_owned())));
        browser::unfold("panel");
    };
    view! {
        <div class="chips xs">
            <NodeChip node=Signal::derive(move || session.with(|session| session.node.clone())) />
            {move || {
                session
                    .with(|session| session.branch.clone())
                    .map(|branch| view! { <span class="chip mono s-branch" title=format!("Branch {branch}")><span class="vh">"Branch "</span><span class="cut">{branch.clone()}</span></span> })
            }}
            {store.may_drive.then(|| view! { <ModeSwitch store=store act=act /> })}
            {(!store.may_drive).then(|| view! { <span class="chip">{move || session.with(|session| mode_word(session.mode))}</span> })}
            <ModelSwitch store=store act=act />
            {move || {
                session
                    .with(|session| session.unattended)
                    .then(|| view! { <span class="chip" title="Started by a token or the command line: what nobody answers in time is denied">"unattended"</span> })
            }}
            <a class="chip" href="?tab=usage" title="Context that is used" on:click=usage><Context store=store /></a>
            <a class="chip" href="?tab=usage" title="Cost, as the agent estimates it" on:click=usage>"Cost " <span class="mono"><Cost micros=Signal::derive(move || session.with(|s| s.cost_micros)) /></span></a>
        </div>
    }
}

const fn with_comma(empty: bool) -> &'static str {
    if empty { "" } else { ", " }
}

/// The cause of its state in a few words, beside the state's word. The timeline says why a turn failed, or what a
/// queued session waits for.
pub fn why(session: &Session) -> String {
    if matches!(session.state, SessionState::Failed | SessionState::Queued) {
        return String::new();
    }
    if session.state == SessionState::Waiting && session.pending > 0 {
        return format::count(session.pending, "decision", "decisions");
    }
    session.state_detail.clone().unwrap_or_default()
}

/// The used part of the context, in percent.
#[allow(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
fn share(used: i64, size: i64) -> f64 {
    (used as f64 * 100.0 / size as f64).clamp(0.0, 100.0)
}

#[component]
fn Context(store: Store) -> impl IntoView {
    move || {
        let (used, size) = store
            .session
            .with(|session| (session.context_used, session.context_size));
        match (used, size.filter(|size| *size > 0)) {
            (Some(used), Some(size)) => view! {
                "Context " <span class="mono">{format!("{:.0} %", share(used, size))}</span>
                <Meter percent=share(used, size) label=format!("{} of {} tokens", format::exact(used), format::exact(size)) warn_at=80.0 />
            },
            (Some(used), None) => view! { "Context " <span class="mono">{format::short(used)}</span> },
            _ => view! { "Context " <span class="faint">"not known"</span> },
        }
    }
}

/// The title, editable in place.
#[component]
fn TitleEdit(store: Store, controls: Controls) -> impl IntoView {
    let Controls { editing, rename, .. } = controls;
    let field = NodeRef::<html::Input>::new();
    Effect::new(move || {
        if let Some(field) = field.get() {
            let _ = field.focus();
            field.select();
        }
    });
    let title = move || store.session.with(|session| session.title.clone());
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some(field) = field.get_untracked() {
            let text = field.value().trim().to_owned();
            if text.is_empty() || text == title() {
                editing.set(false);
            } else {
                rename.dispatch(text);
            }
        }
    };
    move || {
        if editing.get() {
            return view! {
                <form
                    class="row sx-title"
                    on:submit=save
                    on:keydown=move |event| {
                        if event.key() == "Escape" {
                            event.prevent_default();
                            event.stop_propagation();
                            editing.set(false);
                        }
                    }
                >
                    <input
                        class="input"
                        aria-label="Title"
                        maxlength="200"
                        node_ref=field
                        prop:value=store.session.with_untracked(|session| session.title.clone())
                    />
                    <Button submit=true disabled=rename.pending()>"Rename"</Button>
                </form>
            };
        }
        view! {
            <h1>
                <span title=title>{title}</span>
                {store
                    .may_drive
                    .then(|| view! { <IconButton icon="pencil" label="Edit title" class="btn-mini no-phone" on:click=move |_| editing.set(true) /> })}
            </h1>
        }
    }
}

#[component]
fn ModeSwitch(store: Store, act: NodeAction<SessionAct>) -> impl IntoView {
    let options = || {
        [Mode::Plan, Mode::Ask, Mode::AutoAccept]
            .map(|mode| (mode.word().to_owned(), mode_word(mode).to_owned()))
            .to_vec()
    };
    view! {
        <Segment
            options=Signal::derive(options)
            value=Signal::derive(move || store.session.with(|session| session.mode.word().to_owned()))
            label="Mode"
            disabled=act.pending()
            on_change=Callback::new(move |word: String| {
                if let Some(mode) = Mode::parse(&word) {
                    act.dispatch(SessionAct::Mode(mode));
                }
            })
        />
    }
}

/// The main action on the agent, of those that can succeed, and Stop while the agent may run.
#[component]
fn DriveButtons(store: Store, controls: Controls) -> impl IntoView {
    let act = controls.act;
    let busy = Signal::from(act.pending());
    browser::on_keys(move |key| {
        let working = store.session.with_untracked(can_interrupt);
        // Escape in a field belongs to the field; the composer handles it itself. Things it can close come first: a box
        // for a reason or a scope, the find bar, the title's editor.
        if key.key == "Escape"
            && !key.typing
            && working
            && !browser::has("div.ask-box, .find-bar, .sx-title, :popover-open")
        {
            act.dispatch(SessionAct::Interrupt);
            return true;
        }
        false
    });
    let offered = Memo::new(move |_| store.session.with(offer));
    move || match offered.get() {
        Offer::Interrupt => view! {
            <Button icon="square" disabled=busy class="sx-int" on:click=move |_| { act.dispatch(SessionAct::Interrupt); }>
                "Interrupt" <kbd class="kbd" aria-hidden="true">"Esc"</kbd>
            </Button>
        },
        Offer::SendAgain => {
            view! { <Button icon="play" disabled=busy on:click=move |_| { act.dispatch(SessionAct::SendAgain); }>"Send again"</Button> }
        }
        Offer::Resume => {
            view! { <Button icon="play" disabled=busy on:click=move |_| { act.dispatch(SessionAct::Resume); }>"Resume"</Button> }
        }
        Offer::Nothing => ().into_any(),
    }
}

/// Whether a turn runs, the only thing that can be interrupted.
pub fn can_interrupt(session: &Session) -> bool {
    session.standing().in_turn()
}

/// The main action on a session's agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Interrupt the turn.
    Interrupt,
    /// Send the last prompt again, after a failed turn.
    SendAgain,
    /// Start the agent again.
    Resume,
    /// None: the session goes on by itself, or by a prompt.
    Nothing,
}

/// The main action in the session's state.
pub fn offer(session: &Session) -> Offer {
    match session.state {
        _ if can_interrupt(session) => Offer::Interrupt,
        SessionState::Failed if session.turns > 0 => Offer::SendAgain,
        SessionState::Done | SessionState::Failed | SessionState::Unknown => Offer::Resume,
        _ => Offer::Nothing,
    }
}

/// The menu with the row's actions, and the link to the raw lines.
#[component]
fn More(store: Store, controls: Controls) -> impl IntoView {
    let go = use_query();
    view! {
        <Menu label="More" end=true button="btn btn-i btn-q" trigger=ViewFn::from(|| view! { <Icon name="ellipsis" /> })>
            {store.may_drive.then(|| view! { <SessionActs session=store.session act=Callback::new(move |act| controls.act.dispatch(act)) /> <hr /> })}
            <button
                type="button"
                on:click=move |_| {
                    go.run(("tab", Some(Part::Raw.key().to_owned())));
                    browser::unfold("panel");
                }
            >
                <Icon name="file-text" />
                "Raw lines"
            </button>
        </Menu>
    }
}

/// The text shown when no model is known.
pub const fn no_model(agent: AgentKind) -> &'static str {
    if matches!(agent, AgentKind::Demo) {
        "none"
    } else {
        "default"
    }
}

/// The model's name as the agent reported it, with a menu to change it.
#[component]
fn ModelSwitch(store: Store, act: NodeAction<SessionAct>) -> impl IntoView {
    let own = RwSignal::new(String::new());
    let agent = store.session.with_untracked(|session| session.agent);
    let name = move || store.session.with(|session| session.model.clone());
    let shown = move || match name() {
        Some(name) => view! { <span class="mono cut">{name}</span> },
        None => view! { <span class="faint">{no_model(agent)}</span> },
    };
    if agent == AgentKind::Demo || !store.may_drive {
        return view! { <span class="chip" title="Model"><span class="vh">"Model "</span>{shown}</span> };
    }
    let pick = move |model: Option<&'static str>| act.dispatch(SessionAct::Model(model.map(str::to_owned)));
    view! {
        <div class="s-model">
                <Menu label="Change the model" button="chip row" trigger=ViewFn::from(move || view! { {shown} <Icon name="chevron-down" small=true /> })>
                    <button type="button" on:click=move |_| { pick(None); }>"The agent's default"</button>
                    {MODELS.map(|model| view! { <button type="button" on:click=move |_| { pick(Some(model)); }>{model}</button> }).collect_view()}
                    <hr />
                    <form
                        class="menu-f"
                        on:submit=move |event| {
                            event.prevent_default();
                            let text = own.get_untracked().trim().to_owned();
                            if !text.is_empty() {
                                act.dispatch(SessionAct::Model(Some(text)));
                            }
                        }
                    >
                        <input
                            class="input"
                            aria-label="Another model"
                            placeholder="Another model"
                            prop:value=move || own.get()
                            // A press into the field chooses nothing yet, so the menu stays open.
                            on:click=|event| event.stop_propagation()
                            on:input:target=move |event| own.set(event.target().value())
                        />
                        <Button submit=true>"Use"</Button>
                    </form>
                </Menu>
        </div>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::testing::session;

    #[test]
    fn a_waiting_session_counts_its_decisions_and_others_give_their_cause() {
        let waiting = session(1, |s| {
            s.state = SessionState::Waiting;
            s.pending = 2;
            s.state_detail = Some("Bash".into());
        });
        assert_eq!(why(&waiting), "2 decisions");
        let of = |state| {
            session(1, |s| {
                s.state = state;
                s.state_detail = Some("exit 1".into());
            })
        };
        assert_eq!(why(&of(SessionState::Unknown)), "exit 1");
        assert_eq!(why(&of(SessionState::Failed)), "", "the timeline says it, once");
    }

    #[test]
    fn a_session_offers_the_one_thing_that_fits() {
        let of = |state, turns| {
            offer(&session(1, |s| {
                s.state = state;
                s.turns = turns;
            }))
        };
        assert_eq!(of(SessionState::Working, 1), Offer::Interrupt);
        assert_eq!(of(SessionState::Failed, 1), Offer::SendAgain);
        assert_eq!(
            of(SessionState::Failed, 0),
            Offer::Resume,
            "nothing was said that could be said again"
        );
        assert_eq!(of(SessionState::Unknown, 1), Offer::Resume);
        assert_eq!(of(SessionState::Idle, 1), Offer::Nothing);
        let waits = |background| {
            session(1, |s| {
                s.state = SessionState::Waiting;
                s.background = background;
            })
        };
        assert!(can_interrupt(&waits(false)));
        assert!(!can_interrupt(&waits(true)), "its turn is over");
    }
}
