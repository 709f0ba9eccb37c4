//! The first-run checklist, shown until all steps are done. It must not tick a step by itself: the node knows what
//! exists.

use super::api::OverviewView;
use crate::{
    FormAction, NodeForm,
    sessions::api::RunDemo,
    ui::{Button, ButtonKind, ErrorNote, Icon, Kbd, Look, Shape, sentence},
    view,
};
use leptos::prelude::*;
use model::{
    node::{AgentFound, Checklist, NodeInfo, Overview},
    sessions::AgentKind,
};

/// Whether every step is done, so that the checklist is hidden.
pub const fn is_over(overview: &Overview) -> bool {
    left(overview.checklist) == 0
}

/// The number of steps.
const STEPS: u8 = 4;

/// The number of steps left.
pub const fn left(list: Checklist) -> u8 {
    let mut left = 0;
    if !list.demo_run {
        left += 1;
    }
    if !list.claude_ready {
        left += 1;
    }
    if !list.project_added {
        left += 1;
    }
    if !list.session_started {
        left += 1;
    }
    left
}

/// Whether no session has run yet, so that the checklist is the whole page.
pub const fn is_first(list: Checklist) -> bool {
    !list.demo_run && !list.session_started
}

/// The checklist as a page of its own.
#[component]
pub fn FirstRun(
    /// The reading.
    view: OverviewView,
    /// The present checklist.
    list: RwSignal<Checklist>,
) -> impl IntoView {
    let OverviewView { node, agents, .. } = view;
    let words = move || match left(list.get()) {
        1 => "One step is left.".to_owned(),
        n => format!("{n} steps, any order."),
    };
    view! {
        <div class="page-bar ov-head">
            <h1 class="vh">"Overview"</h1>
            <p class="fig"><b class="strong">"Nothing has run here yet."</b> " " <span class="muted">{words}</span></p>
        </div>
        <div class="first">
            <ol class="steps">
                <Step done=true title="This node is running" text=().into_any() />
                {move || view! { <Steps list=list.get() agents=agents.clone() /> }}
            </ol>
            <Aside node=node />
        </div>
    }
}

/// The remaining steps, under a board with content.
#[component]
pub fn Remaining(
    /// The present checklist.
    list: RwSignal<Checklist>,
    /// The agents found.
    agents: Vec<AgentFound>,
) -> impl IntoView {
    move || {
        let now = list.get();
        (left(now) > 0).then(|| {
            view! {
                <section class="ov-steps" aria-labelledby="ov-left">
                    <div class="sec-h"><h2 id="ov-left">"Set up this node"</h2><span class="xs faint">{format!("{} of {STEPS} left", left(now))}</span></div>
                    <ol class="steps"><Steps list=now agents=agents.clone() /></ol>
                </section>
            }
        })
    }
}

#[component]
fn Step(
    done: bool,
    title: &'static str,
    #[prop(optional)] note: &'static str,
    text: AnyView,
    #[prop(optional)] acts: Option<AnyView>,
) -> impl IntoView {
    let look = if done { Look::DONE } else { Look::IDLE.called("To do") };
    view! {
        // A done step is one line, so that the open ones stand out.
        <li class=if done { "step step-done" } else { "step" }>
            <span class="step-n"><Shape look=look label=look.word /></span>
            <div>
                <div class="row"><h2>{title}</h2><span class="push xs faint nw">{if done { "done" } else { note }}</span></div>
                {(!done).then(|| view! { <p class="muted">{text}</p> })}
                {acts.filter(|_| !done).map(|acts| view! { <div class="acts">{acts}</div> })}
            </div>
        </li>
    }
}

#[component]
fn Steps(list: Checklist, agents: Vec<AgentFound>) -> impl IntoView {
    let demo = FormAction::leaving::<RunDemo>();
    let claude = agents.into_iter().find(|found| found.agent == AgentKind::Claude);
    let start = if list.demo_run {
        ButtonKind::Plain
    } else {
        ButtonKind::Primary
    };
    view! {
        <Step
            done=list.demo_run
            title="Run the demo agent"
            note="no network, no cost"
            text="A scripted agent, labelled “demo, no model” everywhere. It plans, edits files in a scratch project and asks you for one approval.".into_any()
            acts=view! {
                <NodeForm action=demo>
                    <Button kind=start large=true submit=true icon="play" disabled=demo.pending()>"Run the demo agent"</Button>
                </NodeForm>
                {move || demo.refusal().map(|error| view! { <ErrorNote error=error title="The demo did not start." /> })}
            }
        />
        <Claude ready=list.claude_ready found=claude />
        <Step
            done=list.project_added
            title="Add a project"
            note="changes nothing in it"
            text="A folder on this machine, usually a git repository, in which agents may work. It is not trusted until you say so.".into_any()
            acts=view! { <a class="btn btn-lg" href="/projects"><Icon name="folder-git-2" /> "Add a project"</a> }
        />
        <Step
            done=list.session_started
            title="Start a session"
            note=""
            text="Give an agent something to do, watch it live, answer what it asks.".into_any()
            acts=view! { <a class="btn btn-lg" href="/sessions/new"><Icon name="plus" /> "Start a session"</a> }
        />
    }
}

/// Claude Code on this machine, and what it lacks.
#[component]
fn Claude(ready: bool, found: Option<AgentFound>) -> impl IntoView {
    let place = found.as_ref().and_then(|found| found.path.clone());
    let version = found
        .as_ref()
        .and_then(|found| found.version.clone())
        .unwrap_or_default();
    let problem = found.and_then(|found| found.problem);
    let text = match (place, problem) {
        (Some(path), None) => view! { "Found Claude Code " <code>{version}</code> " at " <code>{path}</code> "." },
        (Some(path), Some(problem)) => {
            view! { "Found Claude Code " <code>{version}</code> " at " <code>{path}</code> ". " {sentence(&problem)} }
        }
        (None, Some(problem)) => sentence(&problem).into_any(),
        (None, None) => "Not looked for yet.".into_any(),
    };
    view! {
        <Step
            done=ready
            title="Connect Claude Code on this machine"
            note="changes no file"
            text=text
            acts=view! { <a class="btn btn-lg" href="/settings/agents"><Icon name="settings" /> "Look again"</a> }
        />
    }
}

#[component]
fn Aside(node: NodeInfo) -> impl IntoView {
    view! {
        <aside class="first-a" aria-label="Good to know">
            <section>
                <h2>"What leaves this machine"</h2>
                <p class="muted">"OrchWiz sends nothing anywhere. An agent talks to its own model provider; the demo talks to nobody."</p>
            </section>
            <section>
                <h2>"Where things are"</h2>
                <dl class="kv xs">
                    <dt>"Data"</dt>
                    <dd><code>{node.data_dir}</code></dd>
                    <dt>"Database"</dt>
                    <dd>{node.database}</dd>
                    <dt>"Version"</dt>
                    <dd>{node.version}</dd>
                </dl>
            </section>
            <section>
                <h2>"What will be here"</h2>
                <p class="muted">"What needs you, what is working and what was done today, then usage and this node. Each appears with its first data."</p>
            </section>
            <section>
                <h2>"Keys"</h2>
                <dl class="kv xs kv-keys">
                    <dt><Kbd key="N" /></dt>
                    <dd>"new session"</dd>
                    <dt><Kbd key="Ctrl K" /></dt>
                    <dd>"go to, switch"</dd>
                    <dt><Kbd key="?" /></dt>
                    <dd>"all keys"</dd>
                </dl>
            </section>
        </aside>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checklist_is_the_page_until_something_ran_and_stays_until_all_is_done() {
        let mut list = Checklist::default();
        assert!(is_first(list));
        assert_eq!(left(list), 4);
        list.demo_run = true;
        assert!(!is_first(list));
        list.claude_ready = true;
        list.project_added = true;
        assert_eq!(left(list), 1);
        list.session_started = true;
        assert_eq!(left(list), 0);
    }
}
