//! The Usage page: bars by day, tables by project and model, the span in the address. It is read when opened, and again
//! when the node says that everything must be: sums do not move under a reader.

use super::{
    api::{UsageView, usage_sums},
    sums::{SPANS, cost, cost_bars, cost_word, day_titles, share, span, token_bars, tokens},
};
use crate::{
    NodeResource,
    live::use_live,
    ui::{Bars, Cost, Empty, Legend, Meter, QueryState, Short, format},
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::usage::UsageRow;

/// `/usage`.
#[component]
pub fn UsagePage() -> impl IntoView {
    let query = use_query_map();
    let days = Memo::new(move |_| query.with(|query| span(query.get("days").as_deref())));
    let live = use_live();
    let sums = NodeResource::new(
        move || {
            days.track();
            live.reloads.track();
        },
        move || usage_sums(days.get_untracked()),
    );
    let content = move |view: UsageView| view! { <Sums view=view /> };
    view! {
        <Title text="Usage" />
        <div class="page">
        <div class="page-bar">
            <h1>"Usage"</h1>
            <span class="xs faint">"UTC days, costs are the agents' own estimates"</span>
            <nav class="push seg" aria-label="Range">
                {SPANS
                    .into_iter()
                    .map(|span| {
                        view! {
                            <a href=format!("/usage?days={span}") aria-current=move || (days.get() == span).then_some("true")>
                                {format!("{span} days")}
                            </a>
                        }
                    })
                    .collect_view()}
            </nav>
        </div>
        <QueryState query=sums rows=8 failed="Usage could not be read." content=content />
        </div>
    }
}

#[component]
fn Sums(view: UsageView) -> impl IntoView {
    let UsageView { days, projects, models } = view;
    if tokens(&days) == 0 && cost(&days).is_none() {
        return view! {
            <Empty icon="zap" title="Nothing was used in this span" text="Tokens and cost appear here as soon as an agent reports them.">
                <a class="btn" href="/sessions/new">"Start a session"</a>
            </Empty>
        };
    }
    let first = days.first().map(|day| format::day(&day.key)).unwrap_or_default();
    let last = days.last().map(|day| format::day(&day.key)).unwrap_or_default();
    let (first_too, last_too) = (first.clone(), last.clone());
    let all_tokens = tokens(&days);
    let all_cost = cost(&days);
    let silent = days
        .iter()
        .filter(|day| day.tokens.total() > 0 && day.cost_micros.is_none())
        .count();
    let token_titles = day_titles(&days, |day| format!("{} tokens", format::exact(day.tokens.total())));
    let cost_titles = day_titles(&days, |day| cost_word(day.cost_micros));
    view! {
        <div class="us-top">
            <section class="chart" aria-labelledby="us-t">
                <h2 class="xs muted" id="us-t">"Tokens by day"</h2>
                <div><span class="fig"><Short n=all_tokens /></span> " " <span class="xs faint">"in all"</span></div>
                <Bars bars=token_bars(&days) titles=token_titles height=120 label=format!("Tokens by day from {first} to {last}, {} in all", format::exact(all_tokens)) />
                <div class="chart-x"><span>{first}</span><span>{last}</span></div>
                <Legend words=vec!["input", "output", "cache"] />
            </section>
            <section class="chart" aria-labelledby="us-c">
                <h2 class="xs muted" id="us-c">"Cost by day, estimate"</h2>
                <div><span class="fig"><Cost micros=all_cost /></span> " " <span class="xs faint">"in all"</span></div>
                <Bars bars=cost_bars(&days) titles=cost_titles height=120 label=format!("Cost by day, {} in all", cost_word(all_cost)) />
                <div class="chart-x"><span>{first_too}</span><span>{last_too}</span></div>
                <p class="xs faint">
                    {match silent {
                        0 => "Every day with tokens has a cost.".to_owned(),
                        n => format!("On {} no agent said a cost; that is not zero.", format::count(i64::try_from(n).unwrap_or(0), "day", "days")),
                    }}
                </p>
            </section>
        </div>
        <By title="By project" first="Project" rows=projects link=true />
        <By title="By model" first="Model" rows=models link=false />
        <By title="By day" first="Day" rows={let mut days = days; days.reverse(); days.retain(|day| day.tokens.total() > 0 || day.sessions > 0); days} link=false />
    }
}

#[component]
fn By(title: &'static str, first: &'static str, rows: Vec<UsageRow>, link: bool) -> impl IntoView {
    let by_cost = cost(&rows).is_some();
    let size = move |row: &UsageRow| {
        if by_cost {
            row.cost_micros.unwrap_or(0)
        } else {
            row.tokens.total()
        }
    };
    let largest = rows.iter().map(size).max().unwrap_or(0);
    let lines = rows
        .into_iter()
        .map(|row| {
            let percent = share(size(&row), largest);
            let name = if first == "Day" { format::day(&row.name) } else { row.name.clone() };
            view! {
                <div class="tr us-row" class:link-row=link role="row">
                    <span role="cell" class="c-title cut">
                        {if link {
                            view! { <a class="go" href=format!("/projects/{}", row.key)>{name.clone()}</a> }
                        } else {
                            name.clone().into_any()
                        }}
                    </span>
                    <span role="cell" class="c-bar"><Meter percent=percent label=format!("Share of {name}") /></span>
                    <span role="cell" class="num c-n"><Short n=row.sessions /></span>
                    <span role="cell" class="num c-in"><Short n=row.tokens.input /></span>
                    <span role="cell" class="num c-out"><Short n=row.tokens.output /></span>
                    <span role="cell" class="num c-cache"><Short n=row.tokens.cache_read + row.tokens.cache_write /></span>
                    <span role="cell" class="num c-cost"><Cost micros=row.cost_micros /></span>
                </div>
            }
        })
        .collect_view();
    view! {
        <section class="us-by" aria-label=title>
            <div class="sec-h"><h2>{title}</h2></div>
            <div class="table" role="table" aria-label=title>
                <div class="tr th us-row" role="row">
                    <span role="columnheader">{first}</span>
                    <span role="columnheader" class="c-bar"><span class="vh">"Share"</span></span>
                    <span role="columnheader" class="num c-n">"Sessions"</span>
                    <span role="columnheader" class="num c-in">"Input"</span>
                    <span role="columnheader" class="num c-out">"Output"</span>
                    <span role="columnheader" class="num c-cache">"Cache"</span>
                    <span role="columnheader" class="num c-cost">"Cost"</span>
                </div>
                {lines}
            </div>
        </section>
    }
}
