//! A session as a row: all columns if there is room, two lines on a phone. The row is a link; its actions are in a menu
//! beside the link, never inside it.

use crate::ui::{Ago, Cost, Elapsed, Icon, NodeChip, NodeStatus, Short};
use crate::view;
use leptos::prelude::*;
use model::sessions::{AgentKind, Session};

/// The head of the table.
#[component]
pub fn SessionsHead() -> impl IntoView {
    view! {
        <div class="tr th ss-row" role="row">
            <span role="columnheader">"State"</span>
            <span role="columnheader" class="c-title">"Title"</span>
            <span role="columnheader" class="c-proj">"Project, branch"</span>
            <span role="columnheader" class="c-agent">"Agent, model"</span>
            <span role="columnheader" class="c-mode">"Mode"</span>
            <span role="columnheader" class="num c-dur">"Duration"</span>
            <span role="columnheader" class="num c-tok">"Tokens"</span>
            <span role="columnheader" class="num c-cost">"Cost"</span>
            <span role="columnheader" class="num c-last" aria-sort="descending">"Last" <Icon name="arrow-down" small=true /></span>
            <span role="columnheader" class="c-more"><span class="vh">"More"</span></span>
        </div>
    }
}

/// The model without the common part of its name: `claude-sonnet-5` becomes `sonnet-5`.
fn short_model(model: &str) -> &str {
    model.strip_prefix("claude-").unwrap_or(model)
}

/// One session.
#[component]
pub fn SessionRow(
    /// The session.
    session: ArcRwSignal<Session>,
    /// The end of the row: a menu.
    #[prop(optional, into)]
    more: ViewFn,
) -> impl IntoView {
    let id = session.with_untracked(|session| session.id);
    let s = RwSignal::from(session);
    let text = move |of: fn(&Session) -> String| move || s.with(of);
    let title = text(|session| session.title.clone());
    view! {
        <div class="tr link-row ss-row" role="row">
            <span role="cell">
                <NodeStatus session=Signal::derive(move || s.get()) />
            </span>
            <span role="cell" class="c-title">
                <a class="go" href=format!("/sessions/{id}") title=title>{title}</a>
                {move || {
                    s.with(|session| session.tags.clone())
                        .into_iter()
                        .map(|tag| view! { " " <span class="chip">{tag}</span> })
                        .collect_view()
                }}
            </span>
            <span role="cell" class="c-proj" title=text(|s| format!("{}{}", s.project_name, s.branch.as_ref().map(|b| format!(", {b}")).unwrap_or_default()))>
                <NodeChip node=Signal::derive(move || s.with(|session| session.node.clone())) />
                {text(|session| session.project_name.clone())}
                " "
                <code class="faint">{text(|session| session.branch.clone().unwrap_or_default())}</code>
            </span>
            <span role="cell" class="c-agent">
                {move || s.with(|session| {
                    if session.agent == AgentKind::Demo {
                        return "demo, no model".into_any();
                    }
                    let model = session.model.as_deref().map(|model| short_model(model).to_owned());
                    view! { {session.agent.word()} " " <span class="faint">{model}</span> }
                })}
            </span>
            <span role="cell" class="c-mode muted">{text(|session| session.mode.word().to_owned())}</span>
            <span role="cell" class="num c-dur">
                <Elapsed
                    since=Signal::derive(move || s.with(|session| session.started))
                    until=Signal::derive(move || s.with(|session| (!session.state.is_live()).then_some(session.updated)))
                />
            </span>
            <span role="cell" class="num c-tok"><Short n=Signal::derive(move || s.with(|session| session.usage.total())) /></span>
            <span role="cell" class="num c-cost"><Cost micros=Signal::derive(move || s.with(|session| session.cost_micros)) /></span>
            <span role="cell" class="num c-last muted"><Ago at=Signal::derive(move || s.with(|session| session.updated)) short=true /></span>
            <span role="cell" class="c-more">{more.run()}</span>
        </div>
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn models_are_shown_without_their_vendor() {
        assert_eq!(super::short_model("claude-sonnet-5"), "sonnet-5");
        assert_eq!(super::short_model("gpt-5"), "gpt-5");
    }
}
