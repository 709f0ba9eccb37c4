//! The agent programs on this machine.

use super::{
    Part,
    api::{AgentsView, agents},
};
use crate::NodeResource;
use crate::ui::{Button, Empty, Look, QueryState, StatusWord};
use crate::view;
use leptos::prelude::*;
use leptos_meta::Title;
use model::{node::AgentFound, sessions::AgentKind};

/// `/settings/agents`.
#[component]
pub(super) fn Agents() -> impl IntoView {
    let looks = RwSignal::new(0_u32);
    let found = NodeResource::new(move || looks.track(), move || agents(looks.get_untracked() > 0));
    view! {
        <Title text="Agents" />
        <Part title="Agents on this machine" id="a-list" text="Programs that this node can run sessions with. Their paths can be set in orchwiz.toml.">
            <QueryState
                query=found
                failed="The agents could not be looked for."
                rows=2
                content=move |read: AgentsView| {
                    view! {
                        <List found=read.found />
                        {read.may_look.then(|| view! { <LookAgain looks=looks /> })}
                    }
                }
            />
        </Part>
    }
}

#[component]
fn LookAgain(
    /// Counts the requests for a new search.
    looks: RwSignal<u32>,
) -> impl IntoView {
    view! {
        <form class="acts" method="get" action="/settings/agents" on:submit=move |event| {
            event.prevent_default();
            looks.update(|n| *n += 1);
        }>
            <Button submit=true large=true>
                "Look again"
            </Button>
        </form>
    }
}

fn look(found: &AgentFound) -> Look {
    if found.path.is_none() && found.agent != AgentKind::Demo {
        Look::IDLE.called("Not found")
    } else if found.problem.is_some() {
        Look::FAILED.called("Not ready")
    } else {
        Look::DONE.called("Ready")
    }
}

#[component]
fn List(
    /// The agents found.
    found: Vec<AgentFound>,
) -> impl IntoView {
    if found.is_empty() {
        return view! { <Empty icon="bot" title="No agents" text="This node knows no agent programs." /> };
    }
    let row = |found: AgentFound| {
        let look = look(&found);
        let signed_in = match (found.agent, found.signed_in) {
            (AgentKind::Demo, _) => "needs no sign-in",
            (_, Some(true)) => "signed in",
            (_, Some(false)) => "not signed in",
            (_, None) => "sign-in not known",
        };
        view! {
            <li class="set-row">
                <span class="row wrap">
                    <b class="medium">{found.agent.title()}</b>
                    <StatusWord look=look chip=true />
                </span>
                <span class="xs muted">
                    {found.version.map(|version| format!("version {version}, "))}
                    {found.path.map(|path| view! { <code>{path}</code> ", " })}
                    {signed_in}
                </span>
                {found.problem.map(|problem| view! { <p class="set-problem">{problem}</p> })}
            </li>
        }
    };
    view! { <ul class="set-list">{found.into_iter().map(row).collect_view()}</ul> }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use crate::overview::fake::Node;
    use crate::testing::{Fake, caller};
    use model::{Error, Role, node::AgentFound, sessions::AgentKind};

    #[tokio::test]
    async fn agents_are_shown_with_what_is_wrong() {
        let ready = AgentFound {
            agent: AgentKind::Demo,
            path: None,
            version: Some("1".into()),
            signed_in: None,
            problem: None,
        };
        let broken = AgentFound {
            agent: AgentKind::Claude,
            path: Some("/usr/local/bin/claude".into()),
            version: Some("2.1.330".into()),
            signed_in: Some(false),
            problem: Some("Claude Code is not signed in: run claude once in a terminal.".into()),
        };
        let page = Fake {
            node: Node {
                agents: vec![broken, ready],
                ..Default::default()
            },
            ..Fake::default()
        }
        .render("/settings/agents")
        .await;
        page.shows(&[
            "Claude Code",
            "Not ready",
            "/usr/local/bin/claude",
            "not signed in",
            "run claude once",
            "Demo, no model",
            "Ready",
            "needs no sign-in",
            "Look again",
        ]);
    }

    #[tokio::test]
    async fn who_may_only_read_is_not_offered_to_start_programs() {
        let viewer = Fake {
            caller: Some(caller(Role::Viewer)),
            ..Fake::default()
        };
        viewer
            .render("/settings/agents")
            .await
            .shows(&["Agents on this machine"])
            .lacks(&["Look again"]);
    }

    #[tokio::test]
    async fn no_agents_and_errors_are_said() {
        Fake::default().render("/settings/agents").await.shows(&["No agents"]);
        Fake::failing(Error::Internal("ref-3".into()))
            .render("/settings/agents")
            .await
            .shows(&["The agents could not be looked for.", "ref-3"]);
    }
}
