//! Code, diffs and Markdown, which the node renders; these components only frame them. No other module puts raw HTML
//! into a page, and this one only HTML from the node's sanitiser.

use super::format::count;
use crate::view;
use leptos::prelude::*;
use model::{
    entries::{Diff, DiffLine, Unplaced},
    shown::{self, Piece},
};

/// A Markdown text, as sanitised HTML from the node.
#[component]
pub fn Markdown(
    /// The HTML.
    #[prop(into)]
    html: Signal<String>,
    /// More classes.
    #[prop(optional, into)]
    class: String,
) -> impl IntoView {
    view! { <div class=format!("md {class}").trim_end().to_owned() dir="auto" inner_html=move || html.get()></div> }
}

/// Code with a box for each hidden or reordering character.
pub(crate) fn code(text: &str) -> AnyView {
    let mut pieces = shown::pieces(text);
    match (pieces.next(), pieces.next()) {
        (None, _) => "".into_any(),
        (Some(Piece::Text(all)), None) => all.to_owned().into_any(),
        (first, second) => first
            .into_iter()
            .chain(second)
            .chain(pieces)
            .map(piece)
            .collect_view()
            .into_any(),
    }
}

fn piece(piece: Piece<'_>) -> AnyView {
    match piece {
        Piece::Text(text) => text.to_owned().into_any(),
        Piece::Hidden(c) => view! { <span class="hid">{shown::name(c)}</span> },
    }
}

/// A box with code or output: the node's highlighted HTML if there is any, else plain text.
#[component]
pub fn CodeBlock(
    /// The text.
    #[prop(optional, into)]
    text: String,
    /// The same as highlighted HTML spans from the node.
    #[prop(optional_no_strip)]
    html: Option<String>,
    /// Its label: `Command`, `Output`.
    #[prop(into)]
    label: String,
    /// Breaks long lines instead of scrolling.
    #[prop(optional)]
    wrap: bool,
    /// Larger, for the input to decide about.
    #[prop(optional)]
    big: bool,
) -> impl IntoView {
    let class = format!(
        "code{}{}",
        if wrap { " code-wrap" } else { "" },
        if big { " code-big" } else { "" }
    );
    match html {
        Some(html) => view! { <pre class=class tabindex="0" role="region" aria-label=label inner_html=html></pre> },
        None => view! { <pre class=class tabindex="0" role="region" aria-label=label>{code(&text)}</pre> },
    }
}

/// A change to one file.
#[component]
pub fn DiffView(
    /// The change.
    diff: Diff,
    /// Without the head that names the file.
    #[prop(optional)]
    bare: bool,
    /// Breaks long lines instead of scrolling, so that every line's end is visible.
    #[prop(optional)]
    wrap: bool,
) -> impl IntoView {
    let label = format!(
        "Change of {}: {} lines added, {} removed",
        shown::marked(&diff.path),
        diff.added,
        diff.removed
    );
    let head = (!bare).then(|| {
        view! {
            <div class="diff-h">
                <span class="cut" title=shown::marked(&diff.path).into_owned()>{code(&diff.path)}</span>
                <span class="mono nw">
                    <span class="add">{format!("+{}", diff.added)}</span>
                    {(diff.removed > 0).then(|| view! { " " <span class="del">{format!("\u{2212}{}", diff.removed)}</span> })}
                </span>
            </div>
        }
    });
    let no_numbers = diff.unplaced.is_some();
    let unplaced = diff
        .unplaced
        .map(|why| view! { <p class="dl-x xs">{format!("No line numbers: {}", nowhere(why))}</p> });
    view! {
        <div class="diff" class:diff-wrap=wrap class:diff-nn=no_numbers>
            {head}
            {unplaced}
            <div class="diff-b" tabindex="0" role="region" aria-label=label>
                <div>{diff.lines.into_iter().map(line).collect_view()}</div>
            </div>
            {(diff.omitted > 0).then(|| view! { <p class="dl-x xs">{format!("{} more lines are not shown", diff.omitted)}</p> })}
            {(diff.shortened > 0).then(|| view! { <p class="dl-x xs">{format!("Of {} only the beginning is shown", count(diff.shortened, "line", "lines"))}</p> })}
        </div>
    }
}

/// Why a change has no known place in its file.
const fn nowhere(why: Unplaced) -> &'static str {
    match why {
        Unplaced::Outside => "the file lies outside of the project's folder, and was not read.",
        Unplaced::Missing => "there is no such file.",
        Unplaced::TooLarge => "the file is too large to show where it changes.",
        Unplaced::Unreadable => "the file could not be read.",
        Unplaced::NotFound => "the text to replace is not in the file as it is now.",
        Unplaced::Ambiguous => "the text to replace is in the file more than once.",
        Unplaced::Past => "the file may have changed since.",
    }
}

fn line(line: DiffLine) -> AnyView {
    let number = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
    let parts = line
        .parts
        .into_iter()
        .map(|(changed, text)| {
            if changed {
                view! { <em>{code(&text)}</em> }
            } else {
                code(&text)
            }
        })
        .collect_view();
    let (class, sign) = match line.sign {
        '+' => ("dl dl-a", "+"),
        '-' => ("dl dl-d", "\u{2212}"),
        '@' => return view! { <div class="dl-h">{parts}</div> },
        _ => ("dl", " "),
    };
    view! {
        <div class=class>
            <span>{number(line.old)}</span>
            <span>{number(line.new)}</span>
            <span>{sign}</span>
            <span>{parts}</span>
        </div>
    }
}
