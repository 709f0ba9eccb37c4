//! Below the lanes: usage in small multiples, this node on a line, and recent events by session. Charts show the pure
//! sums of `usage`; unknown values are named as such.

use super::{board::Board, first_run::Remaining, fold::Thread};
use crate::{
    frame::{health_look, look_of},
    live::use_live,
    ui::{Bars, Cost, Exact, Legend, Look, Meter, Shape, Short, StatusWord, format, keyed_list, quiet_clock},
    usage::sums::{cost, cost_bars, cost_word, day_titles, session_bars, share, token_bars},
    view,
};
use leptos::prelude::*;
use model::{
    node::{Activity, AgentFound, HealthSample, NodeInfo},
    shown::marked,
    usage::UsageRow,
};

/// Usage, node and activity.
#[component]
pub fn Lower(
    /// The board.
    board: Board,
    /// The node.
    node: NodeInfo,
    /// Its health from the reading.
    health: Option<HealthSample>,
    /// The agents found, for the remaining steps.
    agents: Vec<AgentFound>,
) -> impl IntoView {
    view! {
        <div class="lower">
            <Remaining list=board.checklist agents=agents />
            <Usage board=board />
            <NodeLine node=node health=health />
            <Stream board=board />
        </div>
    }
}

#[component]
fn Usage(board: Board) -> impl IntoView {
    let days = board.days;
    let today = move |of: fn(&UsageRow) -> i64| days.with(|days| days.last().map_or(0, of));
    let ends = move || {
        days.with(|days| {
            let end = |day: Option<&UsageRow>| day.map(|day| format::day(&day.key)).unwrap_or_default();
            (end(days.first()), end(days.last()))
        })
    };
    let axis = move || {
        let (first, last) = ends();
        view! { <div class="chart-x"><span>{first}</span><span>{last}</span></div> }
    };
    view! {
        <section aria-labelledby="u1">
            <div class="sec-h">
                <h2 id="u1">"Usage"</h2>
                <span class="xs faint">"14 UTC days, costs are estimates"</span>
                <a class="push xs link" href="/usage">"All"<span class="vh">": usage"</span></a>
            </div>
            <div class="multi">
                <div class="chart">
                    <div class="xs muted">"Tokens per day"</div>
                    <div><span class="fig"><Short n=Signal::derive(move || today(|day| day.tokens.total())) /></span> " " <span class="xs faint">"today"</span></div>
                    <Bars
                        bars=Signal::derive(move || days.with(|days| token_bars(days)))
                        titles=Signal::derive(move || days.with(|days| day_titles(days, |day| format!("{} tokens", format::exact(day.tokens.total())))))
                        label=Signal::derive(move || format!("Tokens per day for 14 days; today {}", format::exact(today(|day| day.tokens.total()))))
                    />
                    {axis}
                    <Legend words=vec!["input", "output", "cache"] />
                </div>
                <div class="chart">
                    <div class="xs muted">"Cost per day"</div>
                    <div>
                        <span class="fig"><Cost micros=Signal::derive(move || days.with(|days| days.last().and_then(|day| day.cost_micros))) /></span>
                        " "
                        <span class="xs faint">"today"</span>
                    </div>
                    <Bars
                        bars=Signal::derive(move || days.with(|days| cost_bars(days)))
                        titles=Signal::derive(move || days.with(|days| day_titles(days, |day| cost_word(day.cost_micros))))
                        label=Signal::derive(move || format!("Cost per day for 14 days; {} in all", days.with(|days| cost_word(cost(days)))))
                    />
                    {axis}
                    <div class="xs faint">{move || format!("{} in 14 days", days.with(|days| cost_word(cost(days))))}</div>
                </div>
                <div class="chart">
                    <div class="xs muted">"Sessions per day"</div>
                    <div><span class="fig"><Short n=Signal::derive(move || today(|day| day.sessions)) /></span> " " <span class="xs faint">"today"</span></div>
                    <Bars
                        bars=Signal::derive(move || days.with(|days| session_bars(days)))
                        titles=Signal::derive(move || days.with(|days| day_titles(days, |day| format::count(day.sessions, "session", "sessions"))))
                        label=Signal::derive(move || format!("Sessions that used tokens per day for 14 days; today {}", today(|day| day.sessions)))
                    />
                    {axis}
                    <div class="xs faint">"that used tokens"</div>
                </div>
                <ByProject board=board />
            </div>
        </section>
    }
}

#[component]
fn ByProject(board: Board) -> impl IntoView {
    view! {
        <div class="chart">
            <div class="xs muted">"Cost by project"</div>
            {move || {
                let rows = board.projects.get();
                if rows.is_empty() {
                    return view! { <p class="xs faint">"Nothing was used in 14 days."</p> };
                }
                let largest = rows.iter().filter_map(|row| row.cost_micros).max().unwrap_or(0);
                let rows = rows
                    .into_iter()
                    .map(|row| {
                        let percent = share(row.cost_micros.unwrap_or(0), largest);
                        view! {
                            <li>
                                <a class="cut" href=format!("/projects/{}", row.key)>{row.name.clone()}</a>
                                <Meter percent=percent label=format!("Share of {}", row.name) />
                                <span class="mono"><Cost micros=row.cost_micros /></span>
                            </li>
                        }
                    })
                    .collect_view();
                view! { <ul class="hbars">{rows}</ul> }
            }}
        </div>
    }
}

#[component]
fn NodeLine(node: NodeInfo, health: Option<HealthSample>) -> impl IntoView {
    let live = use_live();
    let now = Signal::derive(move || live.health.get().or(health));
    let clock = quiet_clock();
    // The same function as in the rail, so that the two never disagree.
    let look = move || health_look(now.get().as_ref(), clock.get());
    let fact = move |of: fn(&HealthSample) -> Option<String>| {
        move || match now.get().as_ref().and_then(of) {
            Some(text) => text.into_any(),
            None => view! { <span class="faint">"not known"</span> },
        }
    };
    view! {
        <section aria-labelledby="f1">
            <div class="sec-h">
                <h2 id="f1">"This node"</h2>
                <a class="push xs link" href="/settings/node">"Health"</a>
            </div>
            <a class="node-line" href="/settings/node">
                <b class="cut medium">{node.name}</b>
                <span class="xs faint">{node.kind.word()}</span>
                <span class="xs"><StatusWord look=Signal::derive(look) /></span>
                <dl>
                    <dt>"Agents"</dt>
                    <dd>{fact(|sample| sample.agents.map(|n| n.to_string()))}</dd>
                    <dt>"Processor"</dt>
                    <dd>{fact(|sample| sample.cpu_percent.map(|n| format!("{n:.0} %")))}</dd>
                    <dt>"Memory"</dt>
                    <dd>{fact(|sample| sample.memory_used.map(format::bytes))}</dd>
                    <dt>"Disk free"</dt>
                    <dd>{fact(|sample| sample.disk_free.map(format::bytes))}</dd>
                    <dt>"Database"</dt>
                    <dd>{fact(|sample| sample.database_bytes.map(format::bytes))}</dd>
                </dl>
            </a>
        </section>
    }
}

#[component]
fn Stream(board: Board) -> impl IntoView {
    let live = use_live();
    let look = move || look_of(live.state.get());
    view! {
        <section class="lane act" aria-labelledby="a1">
            <div class="sec-h">
                <h2 id="a1">"Activity"</h2>
                <span class="push xs"><StatusWord look=Signal::derive(look) /></span>
            </div>
            {keyed_list(move || board.activity.list(), |(key, _)| key.clone(), |(_, thread)| view! { <Steps thread=thread /> })}
            {move || board.activity.is_empty().then(|| view! { <p class="lane-none muted">"Nothing happened yet."</p> })}
        </section>
    }
}

/// The events of one place: the newest, which opens to the earlier ones.
#[component]
fn Steps(thread: ArcRwSignal<Thread>) -> impl IntoView {
    let thread = RwSignal::from(thread);
    let newest = Signal::derive(move || thread.with(|thread| thread.newest.clone()));
    let earlier = Memo::new(move |_| thread.with(|thread| thread.earlier.clone()));
    let count = Memo::new(move |_| earlier.with(Vec::len));
    let alone = Memo::new(move |_| count.get() == 0);
    move || {
        if alone.get() {
            return view! { <Event line=newest /> };
        }
        view! {
            <div class="ev-w">
                <Event line=newest />
                <details>
                    <summary class="xs faint nw">{move || format!("{} more", count.get())}</summary>
                    {move || earlier.get().into_iter().map(|line| view! { <Event line=line /> }).collect_view()}
                </details>
            </div>
        }
    }
}

/// An event, as a link to its page.
#[component]
fn Event(#[prop(into)] line: Signal<Activity>) -> impl IntoView {
    let title = move || {
        line.with(|line| match &line.project {
            Some(project) => format!("{project}: {}", marked(&line.text)),
            None => marked(&line.text).into_owned(),
        })
    };
    let look = move || line.with(|line| Look::of_word(&line.status));
    view! {
        <a class="ev" href=move || line.with(|line| line.href.clone())>
            <span class="mono faint">{move || view! { <Exact at=line.with(|line| line.at) time=true /> }}</span>
            {move || view! { <Shape look=look() label=look().word /> }}
            <span class="cut" title=title>
                {move || line.with(|line| line.project.clone()).map(|project| view! { <span class="muted">{project}</span> " " })}
                {move || line.with(|line| marked(&line.text).into_owned())}
            </span>
        </a>
    }
}
