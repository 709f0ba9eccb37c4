//! The usage of a session: tokens, cost and context as the agent reports them, by model if there were several. It must
//! not add up anything; the node does.

use super::{api::usage_by_model, header::no_model, store::Store};
use crate::{
    NodeResource,
    ui::{Cost, Elapsed, ErrorNote, Short, format},
    view,
};
use leptos::prelude::*;
use model::{
    sessions::{AgentKind, Session, Tokens},
    usage::UsageRow,
};

/// The part "Usage" of the panel.
#[component]
pub fn Usage(
    /// The page's store.
    store: Store,
) -> impl IntoView {
    let session = store.session;
    let tokens = move |of: fn(&Tokens) -> i64| Signal::derive(move || session.with(|session| of(&session.usage)));
    view! {
        <section class="pn-s">
            <div class="row pn-h"><h2>"Usage"</h2><span class="push xs faint">"as the agent reports it"</span></div>
            <dl class="kv pn-kv">
                <dt>"Agent"</dt>
                <dd>{move || session.with(agent)}</dd>
                <dt>"Time"</dt>
                <dd class="mono">
                    <Elapsed
                        since=Signal::derive(move || session.with(|s| s.started))
                        until=Signal::derive(move || session.with(|s| (!s.state.is_live()).then_some(s.updated)))
                    />
                </dd>
                <dt>"Model"</dt>
                <dd>{move || session.with(|session| session.model.clone().unwrap_or_else(|| no_model(session.agent).into()))}</dd>
                <dt>"Input"</dt>
                <dd class="mono"><Short n=tokens(|usage| usage.input) /></dd>
                <dt>"Output"</dt>
                <dd class="mono"><Short n=tokens(|usage| usage.output) /></dd>
                <dt>"Cache read"</dt>
                <dd class="mono"><Short n=tokens(|usage| usage.cache_read) /></dd>
                <dt>"Cache written"</dt>
                <dd class="mono"><Short n=tokens(|usage| usage.cache_write) /></dd>
                <dt>"All tokens"</dt>
                <dd class="mono"><Short n=tokens(|usage| usage.total()) /></dd>
                <dt>"Cost, estimate"</dt>
                <dd class="mono"><Cost micros=Signal::derive(move || session.with(|session| session.cost_micros)) /></dd>
                <dt>"Context"</dt>
                <dd class="mono">{move || session.with(|session| match (session.context_used, session.context_size) {
                    (Some(used), Some(size)) => format!("{} of {}", format::short(used), format::short(size)),
                    (Some(used), None) => format::short(used),
                    _ => "not known".into(),
                })}</dd>
                <dt>"Turns"</dt>
                <dd class="mono">{move || session.with(|session| session.turns)}</dd>
                <dt>"Tool calls"</dt>
                <dd class="mono">{move || session.with(|session| session.calls)}</dd>
            </dl>
        </section>
        <ByModel store=store />
    }
}

/// The agent and its version.
fn agent(session: &Session) -> AnyView {
    if session.agent == AgentKind::Demo {
        return "Demo, no model".into_any();
    }
    view! { {session.agent.title()} " " <span class="mono muted">{session.agent_version.clone()}</span> }
}

/// The usage by model, read again when the session's sums change.
#[component]
fn ByModel(store: Store) -> impl IntoView {
    let id = store.session.with_untracked(|session| session.id);
    let spent = Memo::new(move |_| store.session.with(|session| (session.usage, session.cost_micros)));
    let rows = NodeResource::new(move || spent.track(), move || usage_by_model(id));
    view! {
        <Transition fallback=|| ()>
            {move || {
                rows.get()
                    .map(|answer| match answer {
                        Ok(rows) => view! { <Models rows=rows /> },
                        Err(error) => {
                            let retry = Callback::new(move |()| rows.refetch());
                            view! { <section class="pn-s"><ErrorNote error=error title="Usage by model could not be read." retry=retry /></section> }
                        }
                    })
            }}
        </Transition>
    }
}

/// The table; with a single model the sums above are enough.
#[component]
fn Models(rows: Vec<UsageRow>) -> impl IntoView {
    (rows.len() > 1).then(|| {
        let rows = rows
            .into_iter()
            .map(|row| {
                let Tokens {
                    input,
                    output,
                    cache_read,
                    cache_write,
                } = row.tokens;
                let parts = format!(
                    "input {}, output {}, cache read {}, cache written {}",
                    format::exact(input),
                    format::exact(output),
                    format::exact(cache_read),
                    format::exact(cache_write)
                );
                view! {
                    <tr>
                        <th scope="row" class="cut" title=row.name.clone()>{row.name.clone()}</th>
                        <td class="mono" title=parts>{format::short(row.tokens.total())}</td>
                        <td class="mono"><Cost micros=row.cost_micros /></td>
                    </tr>
                }
            })
            .collect_view();
        view! {
            <section class="pn-s">
                <div class="row pn-h"><h2>"By model"</h2></div>
                <table class="pn-t">
                    <thead>
                        <tr><th scope="col">"Model"</th><th scope="col">"Tokens"</th><th scope="col">"Cost"</th></tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </section>
        }
    })
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    fn row(model: &str, output: i64, cost_micros: Option<i64>) -> UsageRow {
        let tokens = Tokens {
            input: 100,
            output,
            ..Tokens::default()
        };
        UsageRow {
            key: model.into(),
            name: model.into(),
            tokens,
            cost_micros,
            sessions: 1,
        }
    }

    fn html(rows: Vec<UsageRow>) -> String {
        Owner::new().with(|| view! { <Models rows=rows /> }.to_html())
    }

    #[test]
    fn several_models_are_told_apart_and_a_cost_nobody_said_is_not_known() {
        let html = html(vec![
            row("claude-opus-5", 2_400, Some(310_000)),
            row("claude-haiku-5", 40, None),
        ]);
        for wanted in [
            "claude-opus-5",
            "2,500",
            "$0.31",
            "input 100, output 2,400",
            "claude-haiku-5",
            "not known",
        ] {
            assert!(html.contains(wanted), "{wanted} is missing in {html}");
        }
    }

    #[test]
    fn one_model_needs_no_table() {
        assert!(!html(vec![row("claude-opus-5", 2_400, Some(1))]).contains("By model"));
    }
}
