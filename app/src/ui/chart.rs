//! Small SVG charts from the geometry in `plot`. Colours come from classes; every chart has a description in words.

use super::plot;
use crate::view;
use leptos::prelude::*;

/// Stacked bars, one unit wide each: counts per day.
#[component]
pub fn Bars(
    /// The parts of each bar, bottom first, in the order of the legend; at most three.
    #[prop(into)]
    bars: Signal<Vec<Vec<f64>>>,
    /// The hover text of each bar, in the same order.
    #[prop(optional, into)]
    titles: Signal<Vec<String>>,
    /// The description of the chart.
    #[prop(into)]
    label: Signal<String>,
    /// Height in pixels.
    #[prop(default = 48)]
    height: u32,
) -> impl IntoView {
    let h = f64::from(height);
    let body = move || {
        let bars = bars.get();
        let titles = titles.get();
        let top = plot::ceiling(bars.iter().map(|bar| Some(bar.iter().sum())));
        bars.iter()
            .enumerate()
            .map(|(at, bar)| {
                let blocks = plot::stack(bar, top, h)
                    .into_iter()
                    .map(|block| {
                        let class = ["c1", "c2", "c3"][block.series.min(2)];
                        view! {
                            <rect class=class x=format!("{at}.14") y=format!("{:.1}", block.y) width="0.72" height=format!("{:.1}", block.height)></rect>
                        }
                    })
                    .collect_view();
                let title = titles.get(at).cloned();
                view! {
                    <g>
                        {title.map(|title| view! { <title>{title}</title> })}
                        <rect class="c0" x=at y="0" width="1" height=height></rect>
                        {blocks}
                    </g>
                }
            })
            .collect_view()
    };
    view! {
        <svg
            role="img"
            aria-label=move || label.get()
            height=height
            viewBox=move || format!("0 0 {} {height}", bars.read().len().max(1))
            preserveAspectRatio="none"
        >
            <path class="grid-l" d=move || format!("M0 {:.1}H{}", h - 0.5, bars.read().len().max(1))></path>
            {body}
        </svg>
    }
}

/// A line over evenly spaced values with a filled area below; gaps are dashed.
#[component]
pub fn Line(
    /// The values; `None` is unknown.
    #[prop(into)]
    values: Signal<Vec<Option<f64>>>,
    /// The value at the top; a round number above the largest when absent.
    #[prop(optional, into)]
    top: Signal<Option<f64>>,
    /// The description of the chart.
    #[prop(into)]
    label: Signal<String>,
    /// Height in pixels.
    #[prop(default = 48)]
    height: u32,
) -> impl IntoView {
    let h = f64::from(height);
    let paths = Memo::new(move |_| {
        let values = values.get();
        let top = top
            .get()
            .unwrap_or_else(|| plot::round_up(plot::ceiling(values.iter().copied())));
        plot::line_paths(&values, top, h)
    });
    let last = move || values.read().len().saturating_sub(1).max(1);
    view! {
        <svg
            role="img"
            aria-label=move || label.get()
            height=height
            viewBox=move || format!("0 0 {} {height}", last())
            preserveAspectRatio="none"
        >
            <path class="grid-l" d=move || format!("M0 {:.1}H{}", h - 0.5, last())></path>
            <path class="a1" d=move || paths.get().area></path>
            <path class="l1" d=move || paths.get().line></path>
            <path class="gap-l" d=move || paths.get().gaps></path>
        </svg>
    }
}

/// A line without axis or area, beside a figure.
#[component]
pub fn Spark(
    /// The values; `None` is unknown.
    #[prop(into)]
    values: Signal<Vec<Option<f64>>>,
    /// Its description.
    #[prop(into)]
    label: Signal<String>,
) -> impl IntoView {
    let paths = Memo::new(move |_| {
        let values = values.get();
        plot::line_paths(&values, plot::ceiling(values.iter().copied()), 22.0)
    });
    view! {
        <svg
            role="img"
            aria-label=move || label.get()
            height="24"
            viewBox=move || format!("0 -1 {} 24", values.read().len().saturating_sub(1).max(1))
            preserveAspectRatio="none"
        >
            <path class="l1" d=move || paths.get().line></path>
            <path class="gap-l" d=move || paths.get().gaps></path>
        </svg>
    }
}

/// A meter of how full something is. The number is beside it in words.
#[component]
pub fn Meter(
    /// 0 to 100; more is shown as full.
    #[prop(into)]
    percent: Signal<f64>,
    /// What is measured: `Context used`.
    #[prop(into)]
    label: String,
    /// The amber threshold; none when absent.
    #[prop(optional)]
    warn_at: Option<f64>,
) -> impl IntoView {
    let shown = move || percent.get().clamp(0.0, 100.0);
    view! {
        <span
            class=move || if warn_at.is_some_and(|at| percent.get() >= at) { "meter waiting" } else { "meter" }
            role="img"
            aria-label=move || format!("{label}: {:.0} percent", percent.get())
        >
            <svg width="100%" height="4" aria-hidden="true">
                <rect class="meter-i" width=move || format!("{:.1}%", shown()) height="4"></rect>
            </svg>
        </span>
    }
}

/// The legend of a stacked chart, in the order of the parts.
#[component]
pub fn Legend(
    /// The words, bottom first; at most three.
    words: Vec<&'static str>,
) -> impl IntoView {
    view! {
        <div class="row xs faint lgs wrap">
            {words.into_iter().enumerate().map(|(at, word)| view! { <span class=format!("lg lg-{}", at + 1)>{word}</span> }).collect_view()}
        </div>
    }
}
