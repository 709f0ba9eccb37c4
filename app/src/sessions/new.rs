//! The form for a new session: place, agent, mode, prompt. A plain form that works before WASM has loaded. The node
//! validates; its refusal is shown beside the field.

use super::api::{CreateSession, FormChoices, session_form};
use crate::{
    FormAction, NodeForm, NodeResource, browser,
    error::AppError,
    ui::{Button, ButtonKind, ErrorNote, Field, Icon, Note, NoteTone, QueryState, TextArea, TextInput},
    view,
};
use leptos::{html, prelude::*};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::{
    node::AgentFound,
    sessions::{AgentKind, Mode},
};

/// `/sessions/new`.
#[component]
pub fn NewSessionPage() -> impl IntoView {
    view! {
        <Title text="New session" />
        <div class="page">
            <div class="page-bar"><h1>"New session"</h1></div>
            <div class="form-page">
                <NewSessionForm />
            </div>
        </div>
    }
}

/// The form, once its choices are loaded.
#[component]
fn NewSessionForm() -> impl IntoView {
    let form = NodeResource::new(|| (), session_form);
    let create = FormAction::leaving::<CreateSession>();
    view! {
        <QueryState
            query=form
            rows=6
            failed="The form could not be prepared."
            content=move |form: FormChoices| view! { <Form choices=form create=create /> }
        />
    }
}

/// The preselected agent: the first that is ready, the demo last.
fn first_agent(agents: &[AgentFound]) -> AgentKind {
    agents
        .iter()
        .find(|found| found.agent != AgentKind::Demo && found.problem.is_none() && found.path.is_some())
        .map_or(AgentKind::Demo, |found| found.agent)
}

#[component]
fn Form(choices: FormChoices, create: FormAction) -> impl IntoView {
    let FormChoices {
        projects,
        first,
        agents,
    } = choices;
    let query = use_query_map();
    let wanted = query.with_untracked(|query| query.get("project")).unwrap_or_default();
    let chosen = projects
        .iter()
        .map(|(id, _)| *id)
        .find(|id| id.to_string() == wanted)
        .or(first)
        .map_or_else(|| "new".to_owned(), |id| id.to_string());
    let adding = RwSignal::new(chosen == "new");
    let error = Signal::derive(move || create.refusal());
    let about = move |field: &'static str| {
        Signal::derive(move || error.with(|error| error.as_ref().and_then(|error| error.about(field))))
    };
    let known = ["project", "folder", "agent", "mode", "prompt", "title", "model"];
    let other = move || {
        error
            .get()
            .filter(|error| error.field().is_none_or(|field| !known.contains(&field)))
    };
    let agent = first_agent(&agents);
    let prompt = RwSignal::new(String::new());
    let form = NodeRef::<html::Form>::new();
    let none = projects.is_empty();
    // With a known place only the prompt is left, so it gets the focus. Not on a touch screen, where the keyboard would
    // cover the form.
    let ask_prompt = !adding.get_untracked();
    let words = NodeRef::<html::Textarea>::new();
    Effect::new(move || {
        // Text typed before hydration stays.
        if let Some(typed) = words
            .get_untracked()
            .map(|field| field.value())
            .filter(|typed| !typed.is_empty())
        {
            prompt.set(typed);
        }
        let busy = document()
            .active_element()
            .is_some_and(|at| browser::is_typing(&at.tag_name(), at.get_attribute("type").as_deref(), false));
        if ask_prompt && !busy && !browser::matches("(pointer: coarse)") {
            browser::focus("prompt");
        }
    });
    view! {
        <NodeForm action=create class="form" node_ref=form>
            <Field label="Project" id="project" error=about("project")>
                <span class="select-w">
                    <select
                        class="select input-lg"
                        id="project"
                        name="project"
                        on:change:target=move |event| adding.set(event.target().value() == "new")
                    >
                        {projects
                            .into_iter()
                            .map(|(id, name)| {
                                let id = id.to_string();
                                let selected = id == chosen;
                                view! { <option value=id selected=selected>{name}</option> }
                            })
                            .collect_view()}
                        <option value="new" selected=none>"Add a folder"</option>
                    </select>
                    <Icon name="chevron-down" />
                </span>
            </Field>
            <div class="form-add" class:is-shown=move || adding.get()>
                <TextInput
                    label="Path of the folder to add"
                    name="folder"
                    hint="Absolute, on this node. It becomes a project, not trusted until you say so."
                    error=about("folder")
                />
            </div>
            <Agents agents=agents first=agent error=about("agent") />
            <Modes error=about("mode") />
            <Field label="Prompt" id="prompt" error=about("prompt")>
                <div on:keydown=move |event| {
                    if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                        event.prevent_default();
                        if let Some(form) = form.get_untracked() {
                            let _ = form.request_submit();
                        }
                    }
                }>
                    <TextArea
                        value=prompt
                        id="prompt"
                        name="prompt"
                        placeholder="What shall the agent do?"
                        rows=6
                        maxlength=100_000
                        node_ref=words
                    />
                </div>
            </Field>
            <details class="form-more">
                <summary class="link xs">"Title and model"</summary>
                <div class="stack">
                    <TextInput label="Title" name="title" maxlength=200 hint="The first words of the prompt when empty." error=about("title") />
                    <TextInput label="Model" name="model" hint="The agent's default when empty: opus, sonnet, haiku or a full name." error=about("model") />
                </div>
            </details>
            {move || other().map(|error: AppError| view! { <ErrorNote error=error title="The session was not started." /> })}
            <div class="acts">
                <Button kind=ButtonKind::Primary large=true submit=true disabled=create.pending()>
                    "Start session" <kbd class="kbd kbd-f" aria-hidden="true">"Ctrl ⏎"</kbd>
                </Button>
            </div>
        </NodeForm>
    }
}

#[component]
fn Agents(agents: Vec<AgentFound>, first: AgentKind, error: Signal<Option<String>>) -> impl IntoView {
    let problems: Vec<_> = agents
        .iter()
        .filter_map(|found| found.problem.clone().map(|problem| (found.agent.title(), problem)))
        .collect();
    let kinds = AgentKind::ALL.iter().copied().map(move |kind| {
        let found = agents.iter().find(|found| found.agent == kind);
        let missing = kind != AgentKind::Demo && found.is_none_or(|found| found.path.is_none());
        let about = match (kind, found) {
            (AgentKind::Demo, _) => "a script: no model, no network, no cost".to_owned(),
            (
                _,
                Some(AgentFound {
                    path: Some(_), version, ..
                }),
            ) => version.clone().unwrap_or_default(),
            _ => "not found on this machine".to_owned(),
        };
        let title = if kind == AgentKind::Demo { "Demo" } else { kind.title() };
        view! {
            <label class="check choice">
                <input type="radio" name="agent" value=kind.word() checked=kind == first disabled=missing />
                <span><span class="medium">{title}</span> " " <span class="muted xs">{about}</span></span>
            </label>
        }
    });
    view! {
        <fieldset class="field">
            <legend class="label">"Agent"</legend>
            {kinds.collect_view()}
            {problems
                .into_iter()
                .map(|(agent, problem)| view! { <Note tone=NoteTone::Warning title=format!("{agent}:")>{problem}</Note> })
                .collect_view()}
            {move || error.get().map(|error| view! { <p class="hint hint-bad" role="alert">{error}</p> })}
        </fieldset>
    }
}

#[component]
fn Modes(error: Signal<Option<String>>) -> impl IntoView {
    let modes = [
        (
            Mode::Plan,
            "Plan",
            "explores and proposes; edits nothing until you approve",
        ),
        (Mode::Ask, "Ask", "asks before edits, commands and network"),
        (
            Mode::AutoAccept,
            "Auto-accept",
            "edits files unasked, asks for the rest",
        ),
    ];
    view! {
        <fieldset class="field">
            <legend class="label">"Mode"</legend>
            {modes
                .into_iter()
                .map(|(mode, word, about)| {
                    view! {
                        <label class="check choice">
                            <input type="radio" name="mode" value=mode.word() checked=mode == Mode::Ask />
                            <span><span class="medium">{word}</span> " " <span class="muted xs">{about}</span></span>
                        </label>
                    }
                })
                .collect_view()}
            {move || error.get().map(|error| view! { <p class="hint hint-bad" role="alert">{error}</p> })}
        </fieldset>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_is_ready_comes_first_and_the_demo_is_always_there() {
        let found = |agent, path: Option<&str>, problem: Option<&str>| AgentFound {
            agent,
            path: path.map(str::to_owned),
            version: None,
            signed_in: None,
            problem: problem.map(str::to_owned),
        };
        assert_eq!(
            first_agent(&[found(AgentKind::Claude, Some("/bin/claude"), None)]),
            AgentKind::Claude
        );
        assert_eq!(
            first_agent(&[found(AgentKind::Claude, Some("/bin/claude"), Some("not signed in"))]),
            AgentKind::Demo
        );
        assert_eq!(
            first_agent(&[found(AgentKind::Claude, None, Some("not found"))]),
            AgentKind::Demo
        );
        assert_eq!(first_agent(&[]), AgentKind::Demo);
    }
}
