//! One project: its folder, what trust would run, the time limit of approvals, its sessions. To remove a project
//! forgets it and never touches its folder; the page says so.

use super::{
    api::{ProjectView, delete_project, find_project, read_own_files, update_project},
    list::{look, trust_kind},
};
use crate::{
    NodeAction, NodeResource,
    error::{AppError, AppResult},
    frame::{Verb, offer_verbs},
    live::{Rows, use_live},
    sessions::{SessionRow, SessionsHead, patch_sessions},
    ui::{
        Button, ButtonKind, CodeBlock, Dialog, Empty, ErrorNote, Exact, Icon, IconButton, LiveTitle, NodeChip, Note,
        NoteTone, RunsElsewhere, Skeleton, StatusWord, Toast, Toasts, code, format, keyed_list, use_toasts,
    },
    view,
};
use leptos::{html, prelude::*};
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_params_map, use_query_map},
};
use model::{
    Error,
    id::ProjectId,
    live::{Row, ServerSays, Topic},
    projects::{OwnFile, OwnFiles, Project, ProjectPatch},
    sessions::{Session, SessionFilter},
};

/// `/projects/:id`.
#[component]
pub fn ProjectPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").and_then(|id| id.parse::<ProjectId>().ok())));
    let inside = move || {
        if let Some(id) = id.get() {
            view! { <OpenProject id=id /> }
        } else {
            crate::error::reject(Error::NotFound("project".into()));
            view! { <NoProject /> }
        }
    };
    view! { <div class="page">{inside}</div> }
}

#[component]
fn NoProject() -> impl IntoView {
    view! {
        <Title text="No such project" />
        <div class="page-bar"><h1>"There is no such project"</h1></div>
        <p class="muted">"It may have been removed. "<a class="link" href="/projects">"All projects"</a></p>
    }
}

#[component]
fn OpenProject(id: ProjectId) -> impl IntoView {
    let live = use_live();
    let found = NodeResource::blocking(move || live.reloads.track(), move || find_project(id));
    // A removed project may be added again.
    let missing = StoredValue::new(false);
    live.on(move |said| match said {
        ServerSays::Row {
            row: Row::Project(project),
            ..
        } if project.id == id && missing.get_value() => found.refetch(),
        _ => {}
    });
    view! {
        <Transition fallback=|| view! { <Skeleton rows=8 /> }>
            {move || {
                found
                    .get()
                    .map(|answer| match answer {
                        Ok(view) => {
                            missing.set_value(false);
                            view! { <One view=view again=Callback::new(move |()| found.refetch()) /> }
                        },
                        Err(AppError(Error::NotFound(_))) => {
                            missing.set_value(true);
                            view! { <NoProject /> }
                        }
                        Err(error) => {
                            view! {
                                <Title text="Project" />
                                <div class="page-bar"><h1>"Project"</h1></div>
                                <ErrorNote error=error title="The project could not be read." retry=Callback::new(move |()| found.refetch()) />
                            }
                        }
                    })
            }}
        </Transition>
    }
}

/// The state of the page.
#[derive(Clone, Copy)]
struct State {
    project: RwSignal<Project>,
    /// The refusal of a change of trust or limit.
    refused: RwSignal<Option<AppError>>,
    /// Changes the project.
    change: NodeAction<ProjectPatch>,
    /// The last accepted change.
    accepted: RwSignal<ProjectPatch>,
    /// Whether the name is being edited.
    editing: RwSignal<bool>,
    /// Whether it is being removed on this page, which is then left.
    leaving: RwSignal<bool>,
    /// Whether the dialog with the files is open; it shows its own refusals.
    trusting: RwSignal<bool>,
}

#[component]
fn One(view: ProjectView, again: Callback<()>) -> impl IntoView {
    let id = view.project.id;
    let project = RwSignal::new(view.project);
    // Each refusal is shown at its control: the name in the head, the rest beside the controls.
    let unnamed = RwSignal::new(None::<AppError>);
    let refused = RwSignal::new(None::<AppError>);
    let accepted = RwSignal::new(ProjectPatch::default());
    // How often the socket has sent the project.
    let heard = StoredValue::new(0_u32);
    let change = NodeAction::new(move |patch: &ProjectPatch| {
        let patch = patch.clone();
        let said = if patch.name.is_some() { unnamed } else { refused };
        let before = heard.get_value();
        async move {
            match update_project(id, patch.clone()).await {
                Ok(now) => {
                    said.set(None);
                    // A row from the socket may be newer than this answer, and it contains this change too.
                    if heard.try_get_value() == Some(before) {
                        project.set(now);
                    }
                    accepted.set(patch);
                }
                Err(error) => said.set(Some(error)),
            }
        }
    });
    let leaving = RwSignal::new(false);
    let state = State {
        project,
        refused,
        change,
        accepted,
        editing: RwSignal::new(false),
        leaving,
        trusting: RwSignal::new(false),
    };
    let node = project.with_untracked(|project| project.node.clone());
    let here = node.here;
    if here {
        offer_verbs(verbs(state));
    }
    let rows = Rows::new(|session: &Session| session.id.to_string());
    let more = view.sessions.next.is_some();
    rows.replace(view.sessions.items);
    let empty = Memo::new(move |_| rows.is_empty());
    let live = use_live();
    live.follow(vec![Topic::Node], view.pos);
    let filter = SessionFilter {
        project: Some(id),
        ..SessionFilter::default()
    };
    live.on(move |said| match said {
        ServerSays::Row {
            row: Row::Project(now), ..
        } if now.id == id => {
            heard.update_value(|heard| *heard = heard.wrapping_add(1));
            project.set((**now).clone());
        }
        ServerSays::Row {
            row: Row::Session(session),
            ..
        } if session.project == id => {
            patch_sessions(rows, &filter, session, more);
        }
        ServerSays::Gone { id: gone, .. } if *gone == id.to_string() => {
            if !leaving.get_untracked() {
                again.run(());
            }
        }
        ServerSays::Gone { id: gone, .. } => rows.remove(gone),
        _ => {}
    });
    let query = use_query_map();
    // A link that asks to see the files means the settings.
    let settings = Memo::new(move |_| {
        query.with(|query| query.get("tab").is_some_and(|tab| tab == "settings") || query.get("look").is_some())
    });
    view! {
        <LiveTitle text=move || project.with(|project| project.name.clone()) />
        <Head state=state />
        {move || unnamed.get().map(not_changed)}
        {move || {
            project
                .with(|project| (!project.present).then(|| project.path.clone()))
                .map(|path| {
                    view! {
                        <Note tone=NoteTone::Failed title="The folder is missing.">
                            <code>{path}</code>
                            " is not there or cannot be entered. No session can start here until it is back."
                        </Note>
                    }
                })
        }}
        <nav class="tabs" aria-label="Project">
            <a href=format!("/projects/{id}") aria-current=move || (!settings.get()).then_some("page")>
                "Sessions" <span class="cnt">{move || project.with(|project| project.sessions)}</span>
            </a>
            <a href=format!("/projects/{id}?tab=settings") aria-current=move || settings.get().then_some("page")>"Settings"</a>
        </nav>
        <div class="pj">
            <section class="pj-m" aria-labelledby="pj-s" hidden=move || settings.get()>
                <div class="sec-h">
                    <h2 id="pj-s">"Sessions"</h2>
                    <span class="cnt">{move || project.with(|project| project.sessions)}</span>
                    <a class="push xs link" href=format!("/sessions?project={id}")>"All"</a>
                </div>
                {move || {
                    if empty.get() {
                        view! {
                            <Empty icon="square-terminal" title="No sessions here yet" text="What agents did in this project stands here.">
                                {here.then(|| view! { <a class="btn" href=format!("/sessions/new?project={id}")>"Start a session"</a> })}
                            </Empty>
                        }
                    } else {
                        view! {
                            <div class="table pj-t" role="table" aria-label="Sessions of this project">
                                <SessionsHead />
                                {keyed_list(move || rows.list(), |(key, _)| key.clone(), |(_, session)| view! { <SessionRow session=session /> })}
                            </div>
                        }
                    }
                }}
            </section>
            <section class="pj-a" aria-label="About this project" hidden=move || !settings.get()>
                {move || refused.get().filter(|_| !state.trusting.get()).map(|error| view! { <div class="pn-s">{not_changed(error)}</div> })}
                <About project=project />
                {if here {
                    view! { <Trust state=state /> <Limit state=state /> <Remove state=state /> }.into_any()
                } else {
                    view! { <RunsElsewhere node=node what="change this project" /> }.into_any()
                }}
            </section>
        </div>
    }
}

/// The verbs of the page, for the palette.
fn verbs(state: State) -> impl Fn() -> Vec<Verb> {
    let navigate = use_navigate();
    let go = Callback::new(move |to: String| navigate(&to, NavigateOptions::default()));
    let State { project, editing, .. } = state;
    move || {
        project.with(|project| {
            let id = project.id;
            let verb = |name: &str, icon, run: Callback<()>| Verb {
                name: name.into(),
                icon,
                run,
            };
            let leads = |to: String| Callback::new(move |()| go.run(to.clone()));
            let mut verbs = vec![verb(
                "New session here",
                "plus",
                leads(format!("/sessions/new?project={id}")),
            )];
            if !project.trusted || project.trust_stale {
                verbs.push(verb(
                    "Trust this project…",
                    "shield-check",
                    leads(format!("/projects/{id}?look=trust")),
                ));
            }
            verbs.push(verb(
                "Rename this project",
                "pencil",
                Callback::new(move |()| editing.set(true)),
            ));
            verbs.push(verb(
                "Settings of this project",
                "settings",
                leads(format!("/projects/{id}?tab=settings")),
            ));
            verbs
        })
    }
}

fn not_changed(error: AppError) -> AnyView {
    view! { <ErrorNote error=error title="The project was not changed." /> }
}

#[component]
fn Head(state: State) -> impl IntoView {
    let State {
        project,
        change,
        accepted,
        editing,
        ..
    } = state;
    let field = NodeRef::<html::Input>::new();
    Effect::new(move || {
        if let Some(field) = field.get() {
            let _ = field.focus();
            field.select();
        }
    });
    // The editor keeps its text until the name is accepted.
    Effect::new(move || {
        if accepted.with(|patch| patch.name.is_some()) {
            editing.set(false);
        }
    });
    let (id, here) = project.with_untracked(|project| (project.id, project.node.here));
    view! {
        <div class="page-bar">
            {move || {
                if editing.get() {
                    view! {
                        <form
                            class="row"
                            on:submit=move |event| {
                                event.prevent_default();
                                if let Some(field) = field.get_untracked() {
                                    change.dispatch(ProjectPatch { name: Some(field.value()), ..ProjectPatch::default() });
                                }
                            }
                        >
                            <input class="input" aria-label="Name" maxlength="100" node_ref=field prop:value=project.with_untracked(|p| p.name.clone()) />
                            <Button submit=true disabled=change.pending()>"Rename"</Button>
                            <Button kind=ButtonKind::Quiet on:click=move |_| editing.set(false)>"Cancel"</Button>
                        </form>
                    }
                } else {
                    view! {
                        <h1>{move || project.with(|project| project.name.clone())}</h1>
                        {move || project.with(|project| project.demo).then(|| view! { <span class="chip">"demo, no model"</span> })}
                        <NodeChip node=Signal::derive(move || project.with(|project| project.node.clone())) />
                        {here.then(|| view! { <IconButton icon="pencil" label="Edit name" class="btn-mini" on:click=move |_| editing.set(true) /> })}
                    }
                }
            }}
            {here.then(|| view! { <a class="btn push" href=format!("/sessions/new?project={id}")><Icon name="plus" /> "New session here"</a> })}
        </div>
        <p class="row wrap xs pj-h">
            <a href=format!("/projects/{id}?tab=settings") title="Trust"><StatusWord look=Signal::derive(move || project.with(look)) chip=true /></a>
            <code class="muted">{move || project.with(|project| project.path.clone())}</code>
            {move || project.with(|project| project.branch.clone()).map(|branch| view! { <span class="chip mono" title="Branch">{branch}</span> })}
        </p>
    }
}

#[component]
fn About(project: RwSignal<Project>) -> impl IntoView {
    let text = move |of: fn(&Project) -> Option<String>| {
        move || match project.with(|project| (of(project), project.unread)) {
            (Some(text), _) => view! { <code>{text}</code> },
            (None, unread) => view! { <span class="faint">{if unread { "not known" } else { "none" }}</span> },
        }
    };
    view! {
        <section class="pn-s">
            <div class="row pn-h"><h2>"Folder"</h2></div>
            <dl class="kv xs">
                <dt>"Path"</dt>
                <dd>{text(|project| Some(project.path.clone()))}</dd>
                <dt>"Branch"</dt>
                <dd>{text(|project| project.branch.clone())}</dd>
                <dt>"Remote"</dt>
                <dd>{text(|project| project.remote.clone())}</dd>
                <dt>"Added"</dt>
                <dd><Exact at=Signal::derive(move || project.with(|project| project.added)) /></dd>
            </dl>
        </section>
    }
}

/// Trust: the files the folder would run by itself, and the switch.
#[component]
fn Trust(state: State) -> impl IntoView {
    let State {
        project,
        change,
        trusting: open,
        ..
    } = state;
    view! {
        <section class="pn-s">
            <div class="row pn-h">
                <h2>"Trust"</h2>
                <span class="push"><StatusWord look=Signal::derive(move || project.with(look)) /></span>
            </div>
            <p class="muted">
                {move || project.with(|project| if project.unread {
                    "The folder does not answer, so whether it is trusted is not known. Nothing can start here until it answers."
                } else if project.trust_stale {
                    "What this folder would run has changed since it was trusted. Until it is trusted again, it runs nothing of its own."
                } else if project.trusted {
                    "Agents here run what the folder's own settings ask for."
                } else {
                    "Agents work here, but the folder's own hooks, MCP servers and settings do not run."
                })}
            </p>
            {move || {
                let runs = project.with(|project| project.runs_own.clone());
                if project.with(|project| project.unread) {
                    ().into_any()
                } else if runs.is_empty() {
                    view! { <p class="xs faint">"The folder has no settings, hooks or MCP servers of its own."</p> }
                } else {
                    view! {
                        <p class="xs faint">"If trusted, these files may run commands:"</p>
                        <ul class="runs">{runs.into_iter().map(|file| view! { <li><code>{file}</code></li> }).collect_view()}</ul>
                    }
                }
            }}
            <div class="acts">
                {move || {
                    project.with(|project| {
                        let holds = project.trusted && !project.trust_stale;
                        let word = if holds { "Stop trusting" } else if project.trust_stale { "Trust it as it is now…" } else { "Trust this project…" };
                        view! {
                            <Button kind=trust_kind(project) disabled=change.pending() on:click=move |_| {
                                if holds {
                                    change.dispatch(ProjectPatch { trusted: Some(false), ..ProjectPatch::default() });
                                } else {
                                    open.set(true);
                                }
                            }>{word}</Button>
                        }
                    })
                }}
            </div>
            <Trusting state=state />
        </section>
    }
}

/// The files, read on demand, and the decision below them.
#[component]
fn Trusting(state: State) -> impl IntoView {
    let State {
        project,
        refused,
        change,
        accepted,
        trusting: open,
        ..
    } = state;
    let id = project.with_untracked(|project| project.id);
    let found = RwSignal::new(None::<AppResult<OwnFiles>>);
    let look = NodeAction::new(move |(): &()| async move {
        let answer = read_own_files(id).await;
        found.try_set(Some(answer));
    });
    let again = move || {
        refused.set(None);
        found.set(None);
        look.dispatch(());
    };
    Effect::new(move || {
        if open.get() {
            again();
        }
    });
    // A link can open the dialog directly.
    let query = use_query_map();
    Effect::new(move || {
        if query.with(|query| query.get("look").is_some_and(|what| what == "trust")) {
            open.set(true);
        }
    });
    let toasts = use_toasts();
    Effect::new(move || {
        if accepted.with(|patch| patch.trusted == Some(true)) {
            open.set(false);
            say_trusted(toasts, id, &project.with_untracked(|project| project.name.clone()));
        }
    });
    let seal = move || {
        found.with(|found| {
            found
                .as_ref()
                .and_then(|answer| answer.as_ref().ok())
                .and_then(|own| own.seal.clone())
        })
    };
    let cannot = Signal::derive(move || seal().is_none() || change.pending().get());
    view! {
        <Dialog open=open title="Trust this project" class="dialog-wide">
            {move || match found.get() {
                None => view! { <Skeleton rows=4 /> },
                Some(Err(error)) => {
                    view! { <ErrorNote error=error title="What it would run could not be read." retry=Callback::new(move |()| again()) /> }
                }
                Some(Ok(own)) => would_run(own),
            }}
            {move || {
                refused
                    .get()
                    .map(|error| view! { <ErrorNote error=error title="The project was not trusted." retry=Callback::new(move |()| again()) /> })
            }}
            <div class="acts">
                <Button large=true on:click=move |_| open.set(false)>"Not now"</Button>
                <Button kind=ButtonKind::Primary large=true disabled=cannot on:click=move |_| {
                    if let Some(seen) = untrack(seal) {
                        change.dispatch(ProjectPatch { trusted: Some(true), seen: Some(seen), ..ProjectPatch::default() });
                    }
                }>"Trust it"</Button>
            </div>
        </Dialog>
    }
}

fn would_run(own: OwnFiles) -> AnyView {
    let none = own.files.is_empty() && own.lack.is_none();
    view! {
        <p class="muted">
            {if none {
                "The folder has no settings, hooks or MCP servers of its own. When some appear, you are asked again."
            } else {
                "If trusted, these files may run commands:"
            }}
        </p>
        {own.files.into_iter().map(own_file).collect_view()}
        {(own.omitted > 0).then(|| view! { <p class="xs">{format!("{} more files are not shown: look at them on the machine.", own.omitted)}</p> })}
        {own.lack.map(|why| view! { <Note tone=NoteTone::Failed title="It cannot be trusted.">{why}</Note> })}
    }
}

fn own_file(file: OwnFile) -> AnyView {
    let OwnFile { name, size, text, cut } = file;
    let rest = match &text {
        None => Some(format!("{} are no text, and not shown.", format::bytes(size))),
        Some(text) if cut => Some(format!(
            "Only the first {} of {} are shown: look at the rest on the machine.",
            format::bytes(length(text)),
            format::bytes(size)
        )),
        Some(_) => None,
    };
    view! {
        <section class="own-file">
            <h4><code>{code(&name)}</code></h4>
            {text.map(|text| view! { <CodeBlock text=text html=None label=name wrap=true /> })}
            {rest.map(|rest| view! { <p class="xs failed">{rest}</p> })}
        </section>
    }
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// Announces that a project is trusted, with an undo.
fn say_trusted(toasts: Option<Toasts>, id: ProjectId, name: &str) {
    let Some(toasts) = toasts else { return };
    let undo = move || {
        leptos::task::spawn_local(async move {
            if let Err(error) = update_project(
                id,
                ProjectPatch {
                    trusted: Some(false),
                    ..ProjectPatch::default()
                },
            )
            .await
            {
                toasts.show(Toast::failed(format!("It is still trusted: {error}")));
            }
        });
    };
    toasts.show(Toast::done(format!("Trusted: {name}.")).undo(undo));
}

/// The offered limits: none, then spans in seconds.
const LIMITS: [(i64, &str); 7] = [
    (0, "wait"),
    (300, "denied after 5 minutes"),
    (1_800, "denied after 30 minutes"),
    (7_200, "denied after 2 hours"),
    (28_800, "denied after 8 hours"),
    (86_400, "denied after a day"),
    (604_800, "denied after a week"),
];

/// The time limit of unanswered approvals.
#[component]
fn Limit(state: State) -> impl IntoView {
    let State {
        project,
        change,
        refused,
        ..
    } = state;
    let now = move || project.with(|project| project.approval_timeout_s.unwrap_or(0));
    let at_first = project.with_untracked(|project| project.approval_timeout_s.unwrap_or(0));
    view! {
        <section class="pn-s">
            <div class="row pn-h"><h2>"Approvals nobody answers"</h2></div>
            <span class="select-w">
                <select
                    class="select"
                    aria-label="Approvals nobody answers"
                    // Written again after a refusal too, so that the refused choice does not stay visible.
                    prop:value=move || {
                        refused.track();
                        now().to_string()
                    }
                    on:change:target=move |event| {
                        if let Ok(seconds) = event.target().value().parse::<i64>() {
                            change.dispatch(ProjectPatch { approval_timeout_s: Some(seconds), ..ProjectPatch::default() });
                        }
                    }
                >
                    {LIMITS
                        .into_iter()
                        .map(|(seconds, word)| view! { <option value=seconds selected=seconds == at_first>{word}</option> })
                        .collect_view()}
                    {move || {
                        let now = now();
                        LIMITS
                            .iter()
                            .all(|(seconds, _)| *seconds != now)
                            .then(|| view! { <option value=now selected=true>{format!("denied after {}", format::span_round(now * 1_000))}</option> })
                    }}
                </select>
                <Icon name="chevron-down" />
            </span>
            <p class="xs faint">
                "With a limit the node itself denies what nobody answered in time, and the session says so. Sessions that a token or the command line "
                "started always have one: an hour, where none is chosen here."
            </p>
        </section>
    }
}

/// Removal, confirmed by typing, because it takes the project's sessions out of every list.
#[component]
fn Remove(state: State) -> impl IntoView {
    let State { project, leaving, .. } = state;
    let id = project.with_untracked(|project| project.id);
    let open = RwSignal::new(false);
    let typed = RwSignal::new(String::new());
    let failed = RwSignal::new(None::<AppError>);
    let navigate = StoredValue::new(use_navigate());
    let toasts = use_toasts();
    let remove = NodeAction::new(move |(): &()| {
        let (name, path) = project.with_untracked(|project| (project.name.clone(), project.path.clone()));
        leaving.set(true);
        async move {
            match delete_project(id).await {
                Ok(()) => {
                    if let Some(toasts) = toasts {
                        toasts.show(Toast::done(format!(
                            "Removed {name}. Adding {path} again takes it back."
                        )));
                    }
                    // A person who has gone elsewhere meanwhile is not led away from there.
                    navigate.try_with_value(|go| go("/projects", NavigateOptions::default()));
                }
                Err(refused) => {
                    leaving.set(false);
                    failed.set(Some(refused));
                }
            }
        }
    });
    let matches = move || project.with(|project| typed.get() == project.name);
    let cannot = Signal::derive(move || !matches() || remove.pending().get());
    view! {
        <section class="pn-s">
            <Button kind=ButtonKind::Danger icon="trash-2" on:click=move |_| {
                typed.set(String::new());
                failed.set(None);
                open.set(true);
            }>"Remove project…"</Button>
            <Dialog open=open title="Remove project">
                <p>
                    "OrchWiz forgets "
                    <b class="medium">{move || project.with(|project| project.name.clone())}</b>
                    ". Its folder is not touched, and adding the same path again takes it back with its sessions."
                </p>
                <form
                    class="stack"
                    on:submit=move |event| {
                        event.prevent_default();
                        if !cannot.get_untracked() {
                            remove.dispatch(());
                        }
                    }
                >
                    <label class="field">
                        <span class="label">"Type its name to remove it"</span>
                        <input class="input input-lg" autocomplete="off" prop:value=move || typed.get() on:input:target=move |event| typed.set(event.target().value()) />
                    </label>
                    {move || failed.get().map(|error| view! { <ErrorNote error=error title="The project was not removed." /> })}
                    <div class="acts">
                        <Button kind=ButtonKind::Danger large=true submit=true disabled=cannot>"Remove"</Button>
                        <Button large=true on:click=move |_| open.set(false)>"Keep it"</Button>
                    </div>
                </form>
            </Dialog>
        </section>
    }
}
