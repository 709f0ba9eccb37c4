//! The lanes: what needs a person, with the decision in place; below it sessions at work and done today. Rows are
//! patched in place; a decided item leaves by itself.

use super::{board::Board, troubled::TroubledRow};
use crate::{
    browser,
    decision::{
        decider::Decider,
        decision::{DecisionActs, ExactInput},
        keys::hear_keys,
        waits::Waits,
        words,
    },
    live::Rows,
    session::queued_why,
    ui::{Ago, Cost, Elapsed, Look, Shape, code, format, keyed_list},
    view,
};
use leptos::{html, prelude::*};
use model::{
    approvals::{Approval, ApprovalKind},
    sessions::{Session, SessionState},
    shown::marked,
};

/// How many approvals have their buttons here; the others link to the Inbox.
const OPEN: usize = 4;

/// The most troubled sessions that the node sends; there may be more.
const TROUBLED: usize = 10;

/// The most rows in *Working* and in *Done today*.
const ROWS: usize = 6;

/// "Needs you", and below it *Working* and *Done today* side by side.
#[component]
pub fn Lanes(
    /// The board.
    board: Board,
) -> impl IntoView {
    let needs = Memo::new(move |_| needs(board));
    let any = Memo::new(move |_| needs.with(|needs| !needs.is_empty()));
    let working = Signal::derive(move || board.counts.with(|counts| counts.working + counts.queued));
    let done = Signal::derive(move || board.counts.with(|counts| counts.done));
    view! {
        // Without entries the sentence above says so.
        {move || any.get().then(|| view! { <Needs board=board needs=needs /> })}
        <div class="duo">
            <section class="lane" aria-labelledby="l2">
                <LaneHead id="l2" title="Working" look=Look::WORKING count=working href="/sessions?state=queued,starting,working" all="All" />
                {keyed_list(move || board.working.slice(0, ROWS), |(key, _)| key.clone(), |(_, session)| view! { <LaneRow session=session since=true cost=false /> })}
                {move || board.working.is_empty().then(|| view! { <p class="lane-none muted">"Nothing is running. " <a class="link" href="/sessions/new">"New session"</a></p> })}
                <More count=working rows=board.working href="/sessions?state=queued,starting,working" />
            </section>
            <section class="lane" aria-labelledby="l3">
                <LaneHead id="l3" title="Done today" hover="Since midnight UTC" look=Look::DONE count=done href="/sessions?state=idle,interrupted,done" all="All" />
                {keyed_list(move || board.done.slice(0, ROWS), |(key, _)| key.clone(), |(_, session)| view! { <LaneRow session=session since=false cost=true /> })}
                {move || board.done.is_empty().then(|| view! { <p class="lane-none muted">"Nothing finished today."</p> })}
                <More count=done rows=board.done href="/sessions?state=idle,interrupted,done" />
            </section>
        </div>
    }
}

/// The number of sessions in `count` beyond the shown rows.
#[component]
fn More(count: Signal<i64>, rows: Rows<Session>, href: &'static str) -> impl IntoView {
    let more = move || count.get() - i64::try_from(rows.len().min(ROWS)).unwrap_or(0);
    move || (more() > 0).then(|| view! { <a class="more xs muted" href=href>{format!("{} more", more())}</a> })
}

#[component]
fn LaneHead(
    id: &'static str,
    title: &'static str,
    #[prop(optional)] hover: Option<&'static str>,
    look: Look,
    count: Signal<i64>,
    href: &'static str,
    all: &'static str,
) -> impl IntoView {
    view! {
        <div class="sec-h">
            <Shape look=look />
            <h2 id=id title=hover>{title}</h2>
            <span class="cnt">{move || (count.get() > 0).then(|| format::exact(count.get()))}</span>
            <a class="push xs link" href=href>{all}<span class="vh">{format!(": {title}")}</span></a>
        </div>
    }
}

/// An entry of "Needs you", by the key of its row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Need {
    /// A decision, with its buttons or as a line.
    Decision { key: String, open: bool },
    /// A failed or unknown session.
    Trouble(String),
}

/// The entries of "Needs you", longest waiting first.
fn needs(board: Board) -> Vec<Need> {
    let decisions = board.approvals.list().into_iter().enumerate();
    let decisions = decisions.map(|(at, (key, row))| {
        (
            row.with_untracked(|one| one.created),
            Need::Decision { key, open: at < OPEN },
        )
    });
    let troubled = board
        .troubled
        .list()
        .into_iter()
        .map(|(key, row)| (row.with_untracked(|one| one.state_since), Need::Trouble(key)));
    let mut needs: Vec<_> = decisions.chain(troubled).collect();
    needs.sort_by_key(|(since, _)| *since);
    needs.into_iter().map(|(_, need)| need).collect()
}

#[component]
fn Needs(board: Board, needs: Memo<Vec<Need>>) -> impl IntoView {
    let more = move || {
        board.counts.with(|counts| counts.needs)
            - i64::try_from(board.approvals.len() + board.troubled.len()).unwrap_or(0)
    };
    let first = Memo::new(move |_| board.approvals.list().into_iter().next().map(|(key, _)| key));
    view! {
        <section class="lane" aria-labelledby="l1" aria-live="polite" aria-relevant="additions">
            <LaneHead id="l1" title="Needs you" look=Look::WAITING count=Signal::derive(move || board.counts.with(|c| c.needs)) href="/inbox" all="Inbox" />
            <div class="needs">
                {keyed_list(
                    move || needs.get(),
                    |need| format!("{need:?}"),
                    move |need| match need {
                        Need::Decision { key, open } => match board.approvals.find_untracked(&key) {
                            Some(row) if open => view! { <OpenItem board=board row=row first=first /> },
                            Some(row) => view! { <ClosedItem row=row /> },
                            None => ().into_any(),
                        },
                        Need::Trouble(key) => match board.troubled.find_untracked(&key) {
                            Some(session) => view! { <TroubledRow board=board session=session /> },
                            None => ().into_any(),
                        },
                    },
                )}
            </div>
            {move || (more() > 0).then(|| view! { <a class="more xs muted" href="/inbox">{format!("{} more", more())}</a> })}
            {move || (board.troubled.len() >= TROUBLED).then(|| view! { <a class="more xs muted" href="/sessions?state=failed,unknown">"All that failed"</a> })}
        </section>
    }
}

#[component]
fn OpenItem(board: Board, row: ArcRwSignal<Approval>, first: Memo<Option<String>>) -> impl IntoView {
    let approval = row.get_untracked();
    let called = names(row);
    let project = move || called(|approval| &approval.project_name);
    let id = approval.id;
    let session = approval.session;
    let decider = Decider::new(approval.clone(), Callback::new(move |now: Approval| board.take(&now)));
    // A card does not show all of a plan or a question, so it has no keys.
    let keys = Signal::derive(move || {
        decider.kind == ApprovalKind::Tool
            && first.with(|first| first.as_ref().is_some_and(|key| *key == id.to_string()))
    });
    let card = NodeRef::<html::Article>::new();
    let seen = RwSignal::new(false);
    Effect::new(move || {
        if let Some(card) = card.get() {
            browser::when_seen(&card, move |now| {
                seen.try_set(now);
            });
        }
    });
    // Only while visible: otherwise a key would answer what nobody sees.
    hear_keys(decider, Signal::derive(move || keys.get() && seen.get()), false);
    let who = approval.subagent.clone().unwrap_or_else(|| "The agent".into());
    let title_id = format!("n-{id}");
    let labelled = title_id.clone();
    let inside = match approval.kind {
        ApprovalKind::Tool => view! {
            <p class="xs muted cut">
                <b class="medium">{who}</b>
                " in "
                {project}
                " asks for "
                <b class="medium">{words::tool_name(&approval)}</b>
                {approval
                    .diff
                    .as_ref()
                    .map(|diff| view! { " " <code>{code(&diff.path)}</code> " " <span class="mono nw"><span class="add">{format!("+{}", diff.added)}</span> " " <span class="del">{format!("\u{2212}{}", diff.removed)}</span></span> })}
            </p>
            <div class="lane-input"><ExactInput decider=decider brief=true /></div>
            <DecisionActs
                decider=decider
                keys=keys
                small=true
                aside=ViewFn::from(move || view! { <a class="push xs link no-phone" href=format!("/inbox?id={id}")>"Details"</a> })
            />
        },
        ApprovalKind::Plan => view! {
            <p class="xs muted cut">"Plan, "{project}": "<span class="ink">{words::line(&approval)}</span></p>
            <div class="acts"><a class="btn" href=format!("/inbox?id={id}")>"Read the plan"</a></div>
        },
        ApprovalKind::Question => view! {
            <p class="xs muted cut">"Question, "{project}": "<span class="ink">{words::line(&approval)}</span></p>
            <div class="acts"><a class="btn" href=format!("/inbox?id={id}")>"Answer"</a></div>
        },
    };
    view! {
        <article class="lane-item" node_ref=card aria-labelledby=labelled>
            <div class="row">
                <h3 id=title_id class="cut">
                    <Shape look=Look::WAITING />
                    " "
                    <a href=format!("/sessions/{session}")>{move || called(|approval| &approval.session_title)}</a>
                </h3>
                <span class="push xs nw"><Waits since=approval.created /></span>
            </div>
            {inside}
        </article>
    }
}

/// The present names in a row: sessions and projects may be renamed meanwhile.
fn names(row: ArcRwSignal<Approval>) -> impl Fn(fn(&Approval) -> &String) -> String + Copy {
    let row = RwSignal::from(row);
    move |name| row.with(|approval| name(approval).clone())
}

#[component]
fn ClosedItem(row: ArcRwSignal<Approval>) -> impl IntoView {
    let approval = row.get_untracked();
    let called = names(row);
    view! {
        <a class="lane-row" href=format!("/inbox?id={}", approval.id)>
            <Shape look=Look::WAITING />
            <span class="t cut">{move || called(|approval| &approval.session_title)}</span>
            <span class="r"><Waits since=approval.created short=true /></span>
            <span class="sub cut">{format!("{}: {}", words::kind_word(&approval), words::line(&approval))}</span>
        </a>
    }
}

/// The line under a row's title.
fn sub(session: &Session) -> String {
    let what = match session.state {
        SessionState::Failed | SessionState::Unknown | SessionState::Queued | SessionState::Starting => {
            let word = Look::from(session.state).word;
            match session
                .queued
                .map(|queued| queued_why(&queued))
                .as_deref()
                .or(session.state_detail.as_deref())
            {
                Some(detail) if !detail.is_empty() => format!("{word}: {detail}"),
                _ => word.to_owned(),
            }
        }
        _ => session
            .last
            .clone()
            .or_else(|| session.state_detail.clone())
            .unwrap_or_default(),
    };
    let place = if session.node.here {
        session.project_name.clone()
    } else {
        format!("{} on {}", session.project_name, session.node.name)
    };
    if what.is_empty() {
        place
    } else {
        format!("{place}, {}", marked(&what))
    }
}

/// A session as a row of a lane.
#[component]
pub fn LaneRow(
    /// The session as it is now.
    session: ArcRwSignal<Session>,
    /// Whether to show the time in this state.
    since: bool,
    /// Whether to show the cost.
    cost: bool,
) -> impl IntoView {
    let id = session.with_untracked(|session| session.id);
    let s = RwSignal::from(session);
    view! {
        <a class="lane-row" href=format!("/sessions/{id}")>
            <Shape look=Signal::derive(move || Look::from(s.with(|session| session.state))) />
            <span class="t cut">{move || s.with(|session| session.title.clone())}</span>
            <span class="r">
                {since.then(|| view! { <Elapsed since=Signal::derive(move || s.with(|session| session.state_since)) /> })}
                {move || s.with(|session| session.node.silent_since).map(|at| view! { " " <span class="faint" title="Nothing was heard of its node since then">"heard " <Ago at=Signal::stored(at) short=true /></span> })}
                {cost.then(|| view! { <Cost micros=Signal::derive(move || s.with(|session| session.cost_micros)) /> })}
            </span>
            <span class="sub cut" title=move || s.with(sub)>
                <span class="vh">{move || format!("{}: ", Look::from(s.with(|session| session.state)).word)}</span>
                {move || s.with(sub)}
            </span>
        </a>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::testing::session;

    #[test]
    fn a_row_says_why_it_failed_and_else_what_happened_last() {
        let failed = session(1, |s| {
            s.state = SessionState::Failed;
            s.state_detail = Some("exit 1".into());
        });
        assert_eq!(sub(&failed), "billing-api, Failed: exit 1");
        assert_eq!(
            sub(&session(1, |s| s.state = SessionState::Working)),
            "billing-api, Edit src/main.rs"
        );
        assert_eq!(sub(&session(1, |s| s.last = None)), "billing-api");
    }
}
