//! Lines of tool calls.

use super::Part;
use crate::{
    ui::{CodeBlock, Icon, Look, StatusWord},
    view,
};
use leptos::prelude::*;

#[component]
pub(super) fn Tools() -> impl IntoView {
    let line = |icon: &'static str,
                tool: &'static str,
                target: &'static str,
                look: Option<Look>,
                result: &'static str,
                took: &'static str,
                open: bool| {
        let bad = look.is_some_and(|look| look.shape == "failed");
        view! {
            <details class=if bad { "tool bad" } else { "tool" } open=open>
                <summary>
                    <Icon name="chevron-right" class="chev" />
                    <Icon name=icon />
                    <span class="name cut">{tool}</span>
                    <span class="tgt cut">{target}</span>
                    <span class="res">
                        {match look {
                            Some(look) => view! { <StatusWord look=look.called(result) /> },
                            None => result.into_any(),
                        }}
                    </span>
                    <span class="dur">{took}</span>
                </summary>
                <div class="tool-body">
                    <CodeBlock text="test result: FAILED. 8 passed; 1 failed" label=format!("Output of {tool} {target}") />
                </div>
            </details>
        }
    };
    view! {
        <Part title="Tool-call line" rule="Closed by default. Failures and the newest edit open by themselves.">
            <div>
                {line("eye", "Read", "src/webhooks/dispatch.rs", None, "214 lines", "0.1s", false)}
                {line("terminal", "Bash", "cargo build --release", Some(Look::WORKING), "running", "18s", false)}
                {line("terminal", "Bash", "cargo test -p billing", Some(Look::FAILED), "exit 101", "41.2s", true)}
                {line("eye", "Read", ".env", Some(Look::DENIED), "denied by rule", "0s", false)}
                {line("terminal", "Bash", "make bench", Some(Look::UNKNOWN), "not known", "", false)}
            </div>
        </Part>
    }
}
