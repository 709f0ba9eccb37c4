//! Diff, code and Markdown.

use super::Part;
use crate::{
    ui::{CodeBlock, DiffView, Markdown},
    view,
};
use leptos::prelude::*;
use model::entries::{Diff, DiffLine, Unplaced};

fn diff() -> Diff {
    let line = |sign: char, old: Option<u32>, new: Option<u32>, parts: &[(bool, &str)]| DiffLine {
        sign,
        old,
        new,
        parts: parts
            .iter()
            .map(|(changed, text)| (*changed, (*text).to_owned()))
            .collect(),
    };
    Diff {
        shortened: 0,
        path: "prod/rds.tf".into(),
        added: 2,
        removed: 1,
        lines: vec![
            line('@', None, None, &[(false, "@@ -39,3 +39,4 @@")]),
            line(
                ' ',
                Some(39),
                Some(39),
                &[(false, "resource \"aws_db_instance\" \"main\" {")],
            ),
            line('-', Some(40), None, &[(false, "  allocated_storage = "), (true, "200")]),
            line('+', None, Some(40), &[(false, "  allocated_storage = "), (true, "320")]),
            line('+', None, Some(41), &[(false, "  apply_immediately = false")]),
            line(' ', Some(41), Some(42), &[(false, "}")]),
        ],
        omitted: 24,
        unplaced: None,
    }
}

fn without_place(mut diff: Diff) -> Diff {
    diff.lines.remove(0);
    for line in &mut diff.lines {
        (line.old, line.new) = (None, None);
    }
    Diff {
        unplaced: Some(Unplaced::Outside),
        omitted: 0,
        ..diff
    }
}

#[component]
pub(super) fn Code() -> impl IntoView {
    let html = "git push --force-with-lease origin <span class=\"s\">fix/webhook-retry</span>".to_owned();
    view! {
        <Part title="Diff, code, Markdown">
            <DiffView diff=diff() />
            <DiffView diff=without_place(diff()) />
            <CodeBlock html=Some(html) label="Command" wrap=true />
            <CodeBlock text="git push" html=None label="Large command" big=true />
            <Markdown html="<p>Text with <strong>strong</strong>, <code>code</code> and a list:</p><ul><li>one</li><li>two</li></ul><pre><code>fn main() {}</code></pre>" />
        </Part>
    }
}
