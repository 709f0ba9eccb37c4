//! The inside of an opened entry: input, output, diff, text, or the raw message. It must not fetch. It shows the body,
//! a placeholder of its shape, or the error.

use super::store::Body;
use crate::ui::{CodeBlock, DiffView, ErrorNote, Markdown};
use crate::view;
use leptos::prelude::*;
use model::entries::{Entry, EntryBody, EntryKind};

/// The last lines of output are shown at first, since they say how it ended.
const TAIL: usize = 12;

/// The inside of an opened entry.
#[component]
pub fn BodyView(
    /// The entry.
    entry: ArcRwSignal<Entry>,
    /// Its body, if it has come.
    body: ArcRwSignal<Body>,
    /// Whether it is open; closed ones render nothing.
    open: ArcRwSignal<bool>,
) -> impl IntoView {
    move || {
        if !open.get() {
            return ().into_any();
        }
        let again = {
            let body = body.clone();
            Callback::new(move |()| body.set(Body::Unasked))
        };
        let inside = match body.get() {
            Body::Unasked | Body::Asked => {
                view! { <i class="skel sk-60"></i> <i class="skel sk-72"></i> <span class="vh">"Loading"</span> }
            }
            Body::Failed(error) => view! { <ErrorNote error=error retry=again /> },
            Body::Here(whole) => {
                let kind = entry.with_untracked(|entry| entry.kind);
                view! { <Whole kind=kind body=*whole /> }
            }
        };
        view! { <div class="tool-body">{inside}</div> }
    }
}

#[component]
fn Whole(kind: EntryKind, body: EntryBody) -> impl IntoView {
    let nothing = body == EntryBody::default();
    let EntryBody {
        text,
        html,
        input,
        input_html,
        output,
        diff,
        raw,
    } = body;
    let has_diff = diff.is_some();
    let words = match (html, text) {
        (Some(html), _) => Some(view! { <Markdown html=html /> }),
        (None, Some(text)) if kind == EntryKind::Thought => {
            Some(view! { <p class="plain muted" dir="auto">{text}</p> })
        }
        (None, Some(text)) => Some(view! { <CodeBlock text=text label="Text" wrap=true /> }),
        (None, None) => None,
    };
    let json = input
        .as_ref()
        .and_then(|input| serde_json::to_string_pretty(input).ok());
    let input = match (input_html, json) {
        // The diff shows the input's content.
        (_, Some(json)) if has_diff => Some(view! { <Folded label="Input" text=json /> }),
        (Some(html), json) => Some(view! {
            <CodeBlock html=Some(html) label="Input" wrap=true />
            {json.filter(|json| json.lines().count() > 3).map(|json| view! { <Folded label="All fields" text=json /> })}
        }),
        (None, Some(json)) => Some(view! { <CodeBlock text=json label="Input" wrap=true /> }),
        (None, None) => None,
    };
    view! {
        {words}
        {input}
        {diff.map(|diff| view! { <DiffView diff=diff /> })}
        {output.filter(|output| !output.trim().is_empty()).map(|output| view! { <Output text=output folded=has_diff /> })}
        {raw
            .and_then(|raw| serde_json::to_string_pretty(&raw).ok())
            .map(|raw| view! { <CodeBlock text=raw label="Raw message" wrap=true /> })}
        {nothing.then(|| view! { <p class="xs faint">"Nothing more was recorded."</p> })}
    }
}

/// Text behind a label that opens it.
#[component]
fn Folded(label: &'static str, text: String) -> impl IntoView {
    view! {
        <details class="whole">
            <summary class="xs link">{label}</summary>
            <CodeBlock text=text label=label wrap=true />
        </details>
    }
}

/// The output of a tool: its last lines, and a button for all of them.
#[component]
fn Output(text: String, folded: bool) -> impl IntoView {
    let all = RwSignal::new(false);
    if folded {
        return view! { <Folded label="Output" text=text /> };
    }
    let (shown, hidden, lines) = tail(&text, TAIL);
    if hidden == 0 {
        return view! { <CodeBlock text=text label="Output" /> };
    }
    let shown = shown.to_owned();
    view! {
        {move || {
            let text = if all.get() { text.clone() } else { shown.clone() };
            view! { <CodeBlock text=text label="Output" /> }
        }}
        {move || {
            (!all.get())
                .then(|| {
                    view! {
                        <p class="xs faint">
                            {format!("Last {TAIL} of {lines} lines. ")}
                            <button type="button" class="btn-link" on:click=move |_| all.set(true)>"Show all"</button>
                        </p>
                    }
                })
        }}
    }
}

/// The last `keep` lines, the number of lines before them, and the number of all lines.
fn tail(text: &str, keep: usize) -> (&str, usize, usize) {
    let text = text.trim_end_matches('\n');
    let lines = text.split('\n').count();
    if lines <= keep + 2 {
        return (text, 0, lines);
    }
    let from = text.rmatch_indices('\n').nth(keep - 1).map_or(0, |(at, _)| at + 1);
    (&text[from..], lines - keep, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_lines_and_short_outputs_are_whole() {
        let long: String = (1..=40)
            .flat_map(|n| ["line ".to_owned(), n.to_string(), "\n".to_owned()])
            .collect();
        let (shown, hidden, lines) = tail(&long, 12);
        assert_eq!((hidden, lines), (28, 40));
        assert!(shown.starts_with("line 29\n") && shown.ends_with("line 40"));
        assert_eq!(tail("a\nb\n", 12), ("a\nb", 0, 2));
        assert_eq!(tail("", 12), ("", 0, 1));
    }
}
