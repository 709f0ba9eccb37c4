//! One item of the Inbox: who asks, the exact input, the reason, the effect of "always", and the answer. A decided one
//! is shown as it was decided; nothing here can decide it again.

use super::lists::Lists;
use crate::{
    decision::{
        Until,
        decider::Decider,
        decision::{AlwaysRule, DecisionActs, ExactInput, Questions},
        keys::hear_keys,
        waits::Waits,
        words,
    },
    ui::{Exact, Look, Shape, StatusWord},
    view,
};
use leptos::prelude::*;
use model::{
    approvals::{Approval, ApprovalKind, ApprovalState, LimitOf},
    id::ApprovalId,
};

/// One item.
#[component]
pub fn Detail(
    /// The approval.
    approval: Approval,
    /// Called when an answer is sent.
    pressed: Callback<ApprovalId>,
    /// Called with the outcome.
    decided: Callback<Approval>,
    /// The lists, for the next item.
    lists: RwSignal<Lists>,
) -> impl IntoView {
    let pending = approval.state == ApprovalState::Pending;
    let id = approval.id;
    let decider = Decider::new(approval.clone(), decided).on_press(Callback::new(move |()| pressed.run(id)));
    if pending {
        hear_keys(decider, Signal::stored(true), true);
    }
    let following = move || lists.with(|lists| lists.after(id));
    let next = move || {
        lists.with(|lists| {
            lists
                .after(id)
                .and_then(|next| lists.waiting.iter().find(|other| other.id == next))
                .map(|next| format!("Next: {}, {}", words::kind_word(next), next.project_name))
        })
    };
    let kind = approval.kind;
    let session = approval.session;
    // Names may change meanwhile. The item itself is not rendered again, or a half-written reason would be lost.
    let called = move |name: fn(&Approval) -> &String| {
        move || lists.with(|lists| lists.shown(Some(id)).map(|approval| name(approval).clone()))
    };
    view! {
        <article class="ib-detail" aria-labelledby="ibt">
            <header class="ib-h">
                <div class="row">
                    {if pending {
                        view! {
                            <span class="chip chip-st waiting"><Shape look=Look::WAITING /> <Waits since=approval.created /></span>
                            {approval.expires.map(|at| view! { <span class="xs faint">"denied by itself " <Until at=at /></span> })}
                        }
                    } else {
                        view! { <StatusWord look=Look::from(approval.state) chip=true /> }
                    }}
                    <a class="push link xs" href=format!("/sessions/{session}")>"Open session"</a>
                </div>
                <h2 id="ibt" tabindex="-1">{words::title(&approval)}</h2>
                <p class="muted xs">
                    {approval.subagent.is_some().then_some("Subagent of ")}
                    <a class="link" href=format!("/sessions/{session}")>{called(|approval| &approval.session_title)}</a>
                    ", "
                    {called(|approval| &approval.project_name)}
                </p>
            </header>
            <section class="ib-sec">
                <h3>{section_title(&approval)}</h3>
                {if kind == ApprovalKind::Question && pending {
                    view! { <Questions decider=decider /> }
                } else if kind == ApprovalKind::Question {
                    approval.questions.iter().map(|question| view! { <p>{question.question.clone()}</p> }).collect_view().into_any()
                } else {
                    view! { <ExactInput decider=decider big=true /> }
                }}
            </section>
            <section class="ib-sec">
                <h3>"Why it asks"</h3>
                <dl class="kv xs">
                    <dt>"Because"</dt>
                    <dd>{approval.reason.clone().unwrap_or_else(|| words::reason(kind).into())}</dd>
                    <Place approval=approval.clone() />
                    <dt>"Asked"</dt>
                    <dd><Exact at=approval.created /></dd>
                </dl>
            </section>
            {(pending && kind == ApprovalKind::Tool && decider.can_always)
                .then(|| view! { <section class="ib-sec"><h3>"What “always” would add"</h3> <AlwaysRule decider=decider /></section> })}
            {if pending {
                view! {
                    <footer class="ib-acts">
                        <DecisionActs
                            decider=decider
                            keys=Signal::stored(true)
                            scope_shown=true
                            next=Signal::derive(move || Some(following().map(|next| next.to_string()).unwrap_or_default()))
                            aside=ViewFn::from(move || view! { <span class="push xs faint no-phone no-mid">{next}</span> })
                        />
                    </footer>
                }
            } else {
                view! { <Outcome approval=approval /> }
            }}
        </article>
    }
}

/// The place of the session, and whose time limit applies.
#[component]
fn Place(approval: Approval) -> impl IntoView {
    let or = |known: Option<String>, word: &'static str| match known {
        Some(text) => view! { <code>{text}</code> },
        None => view! { <span class="faint">{word}</span> },
    };
    let whose = match approval.limit {
        Some(LimitOf::Project) => ": the project's limit",
        Some(LimitOf::Unattended) => ": a token or the command line started this session",
        None => "",
    };
    let limit = approval.expires.filter(|_| approval.state == ApprovalState::Pending);
    view! {
        <dt>"Directory"</dt>
        <dd>{or(approval.directory, "not known")}</dd>
        <dt>"Branch"</dt>
        <dd>{or(approval.branch, "none")}</dd>
        {limit.map(|at| view! { <dt>"Limit"</dt> <dd>"denied by itself " <Until at=at /> {whose}</dd> })}
    }
}

fn section_title(approval: &Approval) -> &'static str {
    match approval.kind {
        ApprovalKind::Tool => words::input_title(approval),
        ApprovalKind::Plan => "Plan",
        ApprovalKind::Question => "Questions",
    }
}

/// The decision.
#[component]
fn Outcome(approval: Approval) -> impl IntoView {
    let decided = approval.decided.clone();
    view! {
        <section class="ib-sec">
            <h3>"Decision"</h3>
            <p>{words::outcome(&approval)}"."</p>
            {decided
                .map(|decided| {
                    view! {
                        <dl class="kv xs">
                            <dt>"When"</dt>
                            <dd><Exact at=decided.at /></dd>
                            <dt>"Through"</dt>
                            <dd>{decided.via}{decided.from.map(|from| format!(", from {from}"))}</dd>
                        </dl>
                    }
                })}
        </section>
    }
}
