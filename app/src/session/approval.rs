//! The decisions of a session: one line each in the timeline, and the pending ones, one at a time, in a dock above the
//! composer. `decision` knows how a decision is made; this module must not.

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
    ui::{Elapsed, Icon, IconButton, Look, Shape},
    view,
};
use leptos::{html, prelude::*};
use model::{
    approvals::{Approval, ApprovalKind, ApprovalState},
    id::ApprovalId,
};

/// The decision about an entry, if it is loaded.
#[component]
pub fn ApprovalSlot(
    /// The page's store.
    store: Store,
    /// The approval.
    id: ApprovalId,
) -> impl IntoView {
    let approval = store.approval(id);
    move || {
        approval.get().map(|approval| match approval.state {
            ApprovalState::Pending => view! { <Waiting store=store approval=approval /> }.into_any(),
            _ => view! { <Answered approval=approval /> }.into_any(),
        })
    }
}

/// A pending approval, as a line that leads to the dock.
#[component]
fn Waiting(store: Store, approval: Approval) -> impl IntoView {
    let id = approval.id;
    let to_dock = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        store.asked.docked.set(Some(id));
        request_animation_frame(move || browser::focus(&id.to_string()));
    };
    view! {
        <div class="row xs answered">
            <Shape look=Look::WAITING />
            // Before hydration the link leads to the Inbox.
            <a class="link" href=format!("/inbox?id={id}") on:click=to_dock>"Decide"</a>
            <span class="faint nw"><Waits since=approval.created /></span>
        </div>
    }
}

/// A decided approval, as a line.
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

/// The dock above the composer: the oldest pending decision, or a chosen one, with a stepper to the others.
#[component]
pub fn DecisionDock(
    /// The page's store.
    store: Store,
) -> impl IntoView {
    let waiting = Memo::new(move |_| store.pending());
    let place = Memo::new(move |_| {
        let chosen = store.asked.docked.get();
        waiting.with(|ids| (!ids.is_empty()).then(|| ids.iter().position(|id| Some(*id) == chosen).unwrap_or(0)))
    });
    let shown = Memo::new(move |_| place.get().and_then(|at| waiting.with(|ids| ids.get(at).copied())));
    // The shown decision stays while older ones come and go.
    Effect::new(move || store.asked.docked.set(shown.get()));
    let step = move |by: isize| {
        let to = place
            .get_untracked()
            .and_then(|at| at.checked_add_signed(by))
            .and_then(|at| waiting.with_untracked(|ids| ids.get(at).copied()));
        if to.is_some() {
            store.asked.docked.set(to);
        }
        to.is_some()
    };
    browser::on_keys(move |key| !key.shift && (key.is("j") && step(1) || key.is("k") && step(-1)));
    let count = move || waiting.with(Vec::len);
    move || {
        let id = shown.get()?;
        let others = ViewFn::from(move || {
            (count() > 1).then(|| {
                let at = move || place.get().unwrap_or(0);
                let (before, after) = (Signal::derive(move || at() == 0), Signal::derive(move || at() + 1 == count()));
                view! {
                    <span class="dock-step nw">
                        {move || format!("{} of {}", at() + 1, count())}
                        <IconButton icon="arrow-up" label="The decision before (K)" class="btn-mini" disabled=before on:click=move |_| { step(-1); } />
                        <IconButton icon="arrow-down" label="The next decision (J)" class="btn-mini" disabled=after on:click=move |_| { step(1); } />
                    </span>
                }
            })
        });
        Some(view! { <Docked store=store id=id others=others /> })
    }
}

/// A decision in the dock. `others` is shown in its head.
#[component]
fn Docked(store: Store, id: ApprovalId, others: ViewFn) -> impl IntoView {
    let Some(approval) = store
        .asked
        .approvals
        .with_untracked(|all| all.iter().find(|one| one.id == id).cloned())
    else {
        return ().into_any();
    };
    let decider = Decider::new(approval.clone(), store.asked.decided);
    let folded = RwSignal::new(false);
    let card = NodeRef::<html::Section>::new();
    // On a phone another part of the page may cover it: then nobody reads what a key would answer.
    let seen = RwSignal::new(false);
    Effect::new(move || {
        if let Some(card) = card.get() {
            browser::when_seen(&card, move |now| {
                seen.try_set(now);
            });
        }
    });
    let keys = Signal::derive(move || store.may_drive && !folded.get());
    hear_keys(decider, Signal::derive(move || keys.get() && seen.get()), false);
    let reason = approval
        .reason
        .clone()
        .unwrap_or_else(|| words::reason(approval.kind).to_owned());
    let (created, expires) = (approval.created, approval.expires);
    let kind = approval.kind;
    let subagent = approval.subagent.clone();
    // When the previous decision is answered, this one takes over the focus that waits there.
    Effect::new(move || {
        if card.get().is_some() && browser::has(".answered:focus") {
            request_animation_frame(move || browser::focus(&id.to_string()));
        }
    });
    let title_id = format!("{id}-title");
    let labelled = title_id.clone();
    view! {
        <section class="appr docked" class:is-folded=move || folded.get() node_ref=card id=id.to_string() aria-labelledby=labelled tabindex="-1">
            <div class="appr-h">
                <Shape look=Look::WAITING />
                <h2 id=title_id class="cut">{words::short_title(&approval)}</h2>
                <span class="push xs nw">
                    <Waits since=created />
                    {expires.map(|at| view! { <span class="no-phone">", denied by itself " <Until at=at /></span> })}
                </span>
                {others.run()}
                <button
                    type="button"
                    class="btn btn-i btn-q btn-mini"
                    aria-expanded=move || (!folded.get()).to_string()
                    aria-label="Fold the decision"
                    on:click=move |_| folded.update(|folded| *folded = !*folded)
                >
                    <Icon name=Signal::derive(move || if folded.get() { "chevron-right" } else { "chevron-down" }) />
                </button>
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
            </div>
            <div class="appr-a">
                {if store.may_drive || store.elsewhere().is_some() {
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
    .into_any()
}

/// Focuses the next decision, else the line with this one's outcome. Neither is a field, so the next decision's keys
/// work.
pub(super) fn after_decision(store: Store, decided: ApprovalId) {
    let next = store.pending().first().copied();
    request_animation_frame(move || {
        let place = next.unwrap_or(decided).to_string();
        // A decision without an entry in the timeline has no such line.
        if browser::has(&format!("#{place}")) {
            browser::focus(&place);
        } else if !browser::matches("(pointer: coarse)") {
            browser::focus("say");
        }
    });
}
