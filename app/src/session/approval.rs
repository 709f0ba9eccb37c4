//! An approval in its place in the timeline: a card while it waits, one line once it is answered.
//! It must not say how a decision is made; `decision` does.

use super::store::Store;
use crate::{
    browser,
    decision::{
        Until,
        decider::Decider,
        decision::{AlwaysWould, DecisionActs, ExactInput, Questions},
        keys::hear_keys,
        waits::Waits,
        words,
    },
    ui::{Elapsed, Icon, Look, Shape},
    view,
};
use leptos::{html, prelude::*};
use model::{
    approvals::{Approval, ApprovalKind, ApprovalState},
    id::ApprovalId,
};

/// The decision about an entry, if it is known here.
#[component]
pub fn ApprovalSlot(
    /// What the page knows.
    store: Store,
    /// Which approval.
    id: ApprovalId,
) -> impl IntoView {
    let approval = store.approval(id);
    // Only a change of state draws it anew: half a reason written must not be lost.
    let state = Memo::new(move |_| approval.with(|approval| approval.as_ref().map(|approval| approval.state)));
    move || match state.get() {
        None => ().into_any(),
        Some(ApprovalState::Pending) => view! { <ApprovalCard store=store id=id /> },
        Some(_) => approval.get_untracked().map(|approval| view! { <Answered approval=approval /> }).into_any(),
    }
}

/// What was decided, on one line.
#[component]
fn Answered(approval: Approval) -> impl IntoView {
    let took = approval.decided.as_ref().map(|decided| (approval.created, decided.at));
    view! {
        <div class="row xs answered" id=approval.id.to_string() tabindex="-1">
            <Shape look=Look::from(approval.state) />
            <span class="muted">{words::outcome(&approval)}</span>
            {took
                .map(|(from, to)| {
                    view! { <span class="faint nw">"after " <Elapsed since=from until=Some(to) /></span> }
                })}
        </div>
    }
}

/// An approval that waits.
#[component]
pub fn ApprovalCard(
    /// What the page knows.
    store: Store,
    /// Which approval.
    id: ApprovalId,
) -> impl IntoView {
    let Some(approval) = store.approvals.with_untracked(|all| all.iter().find(|one| one.id == id).cloned()) else {
        return ().into_any();
    };
    let decider = Decider::new(approval.clone(), store.decided);
    let first = Memo::new(move |_| store.approvals.with(|all| all.iter().find(|one| one.state == ApprovalState::Pending).map(|one| one.id)) == Some(id));
    let keys = Signal::derive(move || first.get() && store.may_drive);
    // Off screen nobody reads what they would answer.
    hear_keys(decider, Signal::derive(move || keys.get() && store.in_sight(id)), false);
    let reason = approval.reason.clone().unwrap_or_else(|| words::reason(approval.kind).to_owned());
    let (created, expires) = (approval.created, approval.expires);
    let kind = approval.kind;
    let subagent = approval.subagent.clone();
    let title = words::short_title(&approval);
    let card = NodeRef::<html::Section>::new();
    Effect::new(move || {
        if let Some(card) = card.get() {
            browser::when_seen(&card, move |seen| store.sight(id, seen));
        }
    });
    on_cleanup(move || store.sight(id, false));
    // It comes when the one before was answered: whoever waits there for it goes on with it.
    Effect::new(move || {
        if card.get().is_some() && first.get_untracked() && browser::has(".answered:focus") {
            request_animation_frame(move || browser::focus(&id.to_string()));
        }
    });
    let title_id = format!("{id}-title");
    let labelled = title_id.clone();
    view! {
        <section class="appr" node_ref=card id=id.to_string() aria-labelledby=labelled tabindex="-1" data-keep="">
            <div class="appr-h">
                <Shape look=Look::WAITING />
                <h2 id=title_id>{title}</h2>
                <span class="push xs nw">
                    <Waits since=created />
                    {expires.map(|at| view! { <span class="no-phone">", denied by itself " <Until at=at /></span> })}
                </span>
            </div>
            <div class="appr-b">
                {if kind == ApprovalKind::Question {
                    view! { <Questions decider=decider /> }
                } else {
                    view! { <ExactInput decider=decider /> }
                }}
                <dl class="kv xs">
                    {subagent.map(|name| view! { <dt>"Asked by"</dt> <dd>{name}</dd> })}
                    <dt>"Why"</dt>
                    <dd>{reason}</dd>
                    {decider.can_always.then(|| view! { <dt>"Always"</dt> <dd><AlwaysWould decider=decider /></dd> })}
                </dl>
                {if store.may_drive {
                    view! {
                        <DecisionActs
                            decider=decider
                            keys=keys
                            aside=ViewFn::from(move || {
                                view! { <a class="push xs link no-phone" href=format!("/inbox?id={id}")>"Open in Inbox"</a> }
                            })
                        />
                    }
                } else {
                    view! { <p class="xs muted">"You may watch this session; somebody who may operate it decides."</p> }
                }}
            </div>
        </section>
    }
}

/// The next decision gets the focus, else what came of this one: there the keys of the next are heard, and nothing is typed into.
pub(super) fn after_decision(store: Store, decided: ApprovalId) {
    let next = store.approvals.with_untracked(|all| all.iter().find(|one| one.state == ApprovalState::Pending).map(|one| one.id));
    request_animation_frame(move || {
        let place = next.unwrap_or(decided).to_string();
        // What no entry of the timeline carries leaves nothing behind.
        if browser::has(&format!("#{place}")) {
            browser::focus(&place);
        } else if !browser::matches("(pointer: coarse)") {
            browser::focus("say");
        }
    });
}

/// The strip above the composer that leads to the next decision, while its card is out of sight.
#[component]
pub fn NextDecision(
    /// What the page knows.
    store: Store,
) -> impl IntoView {
    let next = move || {
        store.approvals.with(|all| {
            let waiting: Vec<_> = all.iter().filter(|one| one.state == ApprovalState::Pending).map(|one| one.id).collect();
            waiting.first().map(|id| (*id, waiting.len()))
        })
    };
    move || {
        // Beside the card itself it would only take room.
        next().filter(|(id, _)| !store.in_sight(*id)).map(|(id, count)| {
            let text = if count == 1 { "1 decision waits for you".to_owned() } else { format!("Decision 1 of {count} waits for you") };
            view! {
                <a class="dock-next" href=format!("#{id}")>
                    <Shape look=Look::WAITING />
                    <b class="medium">{text}</b>
                    <span class="push link row nw">"Show" <Icon name="arrow-up" /></span>
                </a>
            }
        })
    }
}
