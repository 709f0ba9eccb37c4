//! The parts of the kit page, one component each.

use super::Part;
use crate::{
    AppError,
    ui::{
        Ago, Bars, Button, ButtonKind, CodeBlock, Cost, Dialog, DiffView, Elapsed, Empty, ErrorNote, Exact, Field, Icon, IconButton, Kbd, Legend, Line, Look,
        Markdown, Menu, Meter, Note, NoteTone, Segment, Select, Shape, Short, Skeleton, Spark, StatusWord, Tab, Tabs, TextArea, TextInput, Toast, ToastRow,
        toast,
    },
    view,
};
use leptos::prelude::*;
use model::{
    entries::{Diff, DiffLine, Unplaced},
    sessions::SessionState,
};

/// 2026-11-22 14:36:05 UTC: the kit shows no present.
const AT: model::Millis = 1_795_358_165_000;

const COLOURS: &[(&str, &str)] = &[
    ("canvas", "bg-canvas"),
    ("surface", "bg-surface"),
    ("raised", "bg-raised"),
    ("fill", "bg-fill"),
    ("fill-strong", "bg-fill-strong"),
    ("line", "bg-line"),
    ("line-strong", "bg-line-strong"),
    ("line-control", "bg-line-control"),
    ("ink-faint", "bg-ink-faint"),
    ("ink-muted", "bg-ink-muted"),
    ("ink", "bg-ink"),
    ("accent-soft", "bg-accent-soft"),
    ("accent", "bg-accent"),
    ("accent-solid", "bg-accent-solid"),
    ("working-soft", "bg-working-soft"),
    ("working", "bg-working"),
    ("waiting-soft", "bg-waiting-soft"),
    ("waiting", "bg-waiting"),
    ("done-soft", "bg-done-soft"),
    ("done", "bg-done"),
    ("failed-soft", "bg-failed-soft"),
    ("failed", "bg-failed"),
    ("unknown-soft", "bg-unknown-soft"),
    ("unknown", "bg-unknown"),
    ("add-ground", "bg-add-ground"),
    ("add-word", "bg-add-word"),
    ("del-ground", "bg-del-ground"),
    ("del-word", "bg-del-word"),
    ("mark-ground", "bg-mark-ground"),
];

#[component]
pub(super) fn Colour() -> impl IntoView {
    view! {
        <Part title="Colour" rule="Three grounds, three lines, three inks, one accent.">
            <div class="sws">
                {COLOURS
                    .iter()
                    .map(|(name, class)| {
                        view! {
                            <div class="sw">
                                <i class=*class></i>
                                <code>{*name}</code>
                            </div>
                        }
                    })
                    .collect_view()}
            </div>
        </Part>
    }
}

#[component]
pub(super) fn Type() -> impl IntoView {
    view! {
        <Part title="Type" rule="Five sizes. Nothing is upper-case or letter-spaced.">
            <div class="stack">
                <p class="text-xl">"24 sign-in title"</p>
                <p class="text-lg">"18 the one sentence, big figures 1,284"</p>
                <p class="text-md strong">"15 page and dialog titles"</p>
                <p>"13 base: text, rows, buttons. " <b class="medium">"Medium for names"</b> ", " <b>"strong for heads"</b></p>
                <p class="xs muted">"12 meta and labels. " <code>"12 JetBrains Mono 0123456789 4m 12s $1.84 != =>"</code></p>
            </div>
        </Part>
    }
}

#[component]
pub(super) fn Status() -> impl IntoView {
    let looks = SessionState::ALL.iter().map(|state| Look::from(*state)).chain([Look::DENIED, Look::LAGGING]);
    view! {
        <Part title="Status" rule="Shape, word, colour. Plain in tables and lanes; chip only where it stands alone.">
            <div class="stack">
                {looks
                    .map(|look| {
                        view! {
                            <div class="kx-i">
                                <StatusWord look=look />
                                <span>
                                    <StatusWord look=look chip=true />
                                </span>
                            </div>
                        }
                    })
                    .collect_view()}
            </div>
        </Part>
    }
}

#[component]
pub(super) fn Buttons() -> impl IntoView {
    view! {
        <Part title="Buttons" rule="28 in bars, 32 in forms and decisions, 48 under a thumb. One primary a decision.">
            <div class="row wrap">
                <Button kind=ButtonKind::Primary keys="A">"Allow once"</Button>
                <Button>"Always…"</Button>
                <Button kind=ButtonKind::Danger keys="D">"Deny…"</Button>
                <Button kind=ButtonKind::Quiet icon="columns-3">"Columns"</Button>
                <IconButton icon="ellipsis" label="More" />
            </div>
            <div class="row wrap">
                <Button kind=ButtonKind::Primary class="is-hover">"Hover"</Button>
                <Button class="is-hover">"Hover"</Button>
                <Button kind=ButtonKind::Danger class="is-hover">"Hover"</Button>
                <Button class="is-active">"Pressed"</Button>
                <Button kind=ButtonKind::Primary class="is-focus">"Focus"</Button>
                <Button class="is-focus">"Focus"</Button>
            </div>
            <div class="row wrap">
                <Button disabled=true>"Disabled"</Button>
                <Button kind=ButtonKind::Primary disabled=true>"Disabled"</Button>
                <Button kind=ButtonKind::Primary large=true>"Approve 5 steps"</Button>
                <Button large=true icon="plus">"Large"</Button>
            </div>
        </Part>
    }
}

#[component]
pub(super) fn Fields() -> impl IntoView {
    let area = RwSignal::new(String::from("Several lines\nof text"));
    let model = RwSignal::new(String::from("sonnet"));
    let models: Vec<(String, String)> = ["sonnet", "opus", "haiku", "fable", "default"].map(|name| (name.to_owned(), name.to_owned())).into();
    view! {
        <Part title="Fields">
            <div class="g2">
                <Field label="Empty" id="kit-empty">
                    <input class="input" id="kit-empty" placeholder="What is this about?" />
                </Field>
                <Field label="Focus" id="kit-focus">
                    <input class="input is-focus" id="kit-focus" value="Retry webhooks" />
                </Field>
                <TextInput label="Invalid" name="kit-invalid" value="Bash(rm" error=Signal::stored(Some("The bracket is not closed.".to_owned())) />
                <TextInput label="With a hint" name="kit-hint" hint="1 to 64 characters." />
                <Field label="Disabled" id="kit-disabled">
                    <input class="input" id="kit-disabled" disabled value="set by the node" />
                </Field>
                <Field label="Select" id="kit-select">
                    <Select options=models value=model on_change=move |value| model.set(value) id="kit-select" />
                </Field>
                <Field label="Several lines" id="kit-area">
                    <TextArea value=area id="kit-area" rows=2 />
                </Field>
                <Field label="Search" id="kit-search">
                    <div class="search">
                        <Icon name="search" />
                        <input class="input" id="kit-search" type="search" placeholder="Search" />
                        <span class="end">
                            <Kbd key="/" />
                        </span>
                    </div>
                </Field>
            </div>
            <div class="row wrap">
                <label class="check">
                    <input type="checkbox" />
                    <span>"Off"</span>
                </label>
                <label class="check">
                    <input type="checkbox" checked />
                    <span>"On"</span>
                </label>
                <label class="check">
                    <input type="radio" name="kit-radio" />
                    <span>"This session"</span>
                </label>
                <label class="check">
                    <input type="radio" name="kit-radio" checked />
                    <span>"Project"</span>
                </label>
            </div>
        </Part>
    }
}

fn words(words: &[&str]) -> Vec<(String, String)> {
    words.iter().map(|word| (crate::ui::format::lower(word), (*word).to_owned())).collect()
}

#[component]
pub(super) fn Choices() -> impl IntoView {
    let mode = RwSignal::new(String::from("plan"));
    let tab = RwSignal::new(String::from("files"));
    let tabs = vec![
        Tab { key: "plan", word: "Plan", count: None },
        Tab { key: "files", word: "Files", count: Some(5) },
        Tab { key: "raw", word: "Raw", count: Some(0) },
    ];
    view! {
        <Part title="Segments, tabs, chips" rule="Segment: 2 to 4 exclusive views. Tabs: parts of one thing. Select: 5 or more.">
            <div class="row wrap">
                <Segment options=words(&["Plan", "Ask", "Auto-accept"]) value=mode on_change=move |value| mode.set(value) label="Mode in the kit" />
                <Segment options=words(&["Plan", "Ask"]) value=mode on_change=|_| () label="Disabled" disabled=true />
                <span class="chip chip-f">
                    "State "
                    <b>"failed"</b>
                    <button type="button" aria-label="Remove the filter State failed">
                        <Icon name="x" small=true />
                    </button>
                </span>
            </div>
            <Tabs tabs=tabs value=tab on_change=move |value| tab.set(value) label="Tabs in the kit" panel="kit-panel" />
            <p id="kit-panel" role="tabpanel" class="muted" tabindex="0">
                {move || format!("The part called {}.", tab.get())}
            </p>
            <div class="row wrap">
                <span class="chip">"this node"</span>
                <span class="chip mono">"main"</span>
                <span class="av" aria-hidden="true">"MK"</span>
                <Kbd key="Ctrl K" />
                <Kbd key="?" />
                <span class="tip">"Edit title " <Kbd key="T" /></span>
            </div>
        </Part>
    }
}

#[component]
pub(super) fn TableRows() -> impl IntoView {
    let row = |look: Look, title: &'static str, class: &'static str, selected: bool, cost: Option<i64>| {
        view! {
            <div class=format!("tr kit-row {class}") role="row" aria-selected=selected.then_some("true")>
                <span role="cell">
                    <StatusWord look=look />
                </span>
                <b class="medium" role="cell">
                    {title}
                </b>
                <span class="num" role="cell">
                    "4m 10s"
                </span>
                <span class="num" role="cell">
                    <Cost micros=cost />
                </span>
            </div>
        }
    };
    view! {
        <Part title="Table rows" rule="32 or 26 high; 48 on touch. Numbers right, mono. What is not known is written out.">
            <div class="table" role="table" aria-label="Rows in their states">
                <div class="tr th kit-row" role="row">
                    <span role="columnheader">"State"</span>
                    <span role="columnheader">"Title"</span>
                    <span class="num" role="columnheader">
                        "Duration"
                    </span>
                    <span class="num" role="columnheader">
                        "Cost"
                    </span>
                </div>
                {row(Look::WORKING, "Rest", "", false, Some(220_000))}
                {row(Look::DONE, "Hover", "is-hover", false, Some(220_000))}
                {row(Look::WAITING, "Selected", "", true, Some(1_200))}
                {row(Look::UNKNOWN, "Not known", "", false, None)}
            </div>
        </Part>
    }
}

#[component]
pub(super) fn Tools() -> impl IntoView {
    let line = |icon: &'static str, tool: &'static str, target: &'static str, look: Option<Look>, result: &'static str, took: &'static str, open: bool| {
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

fn diff() -> Diff {
    let line = |sign: char, old: Option<u32>, new: Option<u32>, parts: &[(bool, &str)]| DiffLine {
        sign,
        old,
        new,
        parts: parts.iter().map(|(changed, text)| (*changed, (*text).to_owned())).collect(),
    };
    Diff {
        shortened: 0,
        path: "prod/rds.tf".into(),
        added: 2,
        removed: 1,
        lines: vec![
            line('@', None, None, &[(false, "@@ -39,3 +39,4 @@")]),
            line(' ', Some(39), Some(39), &[(false, "resource \"aws_db_instance\" \"main\" {")]),
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
    Diff { unplaced: Some(Unplaced::Outside), omitted: 0, ..diff }
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

#[component]
pub(super) fn Decisions() -> impl IntoView {
    view! {
        <Part title="Approval" rule="Waiting: a card. Answered: one line.">
            <section class="appr" aria-label="An approval that waits">
                <div class="appr-h">
                    <Shape look=Look::WAITING />
                    <h3>"Allow this command?"</h3>
                    <span class="push xs waiting nw">"42s"</span>
                </div>
                <div class="appr-b">
                    <code class="code code-wrap">"terraform apply -target=aws_db_instance.main"</code>
                    <dl class="kv xs">
                        <dt>"Asks because"</dt>
                        <dd>"the mode ask asks before commands"</dd>
                    </dl>
                    <div class="acts">
                        <Button kind=ButtonKind::Primary large=true keys="A">
                            "Allow once"
                        </Button>
                        <Button large=true>"Always"</Button>
                        <Button kind=ButtonKind::Danger large=true keys="D">
                            "Deny…"
                        </Button>
                    </div>
                </div>
            </section>
            <div class="answered row xs">
                <Shape look=Look::DONE />
                <span>
                    <b class="medium">"Mara"</b>
                    " allowed once"
                </span>
                <code class="muted cut">"terraform plan -out=rds.plan"</code>
                <span class="push faint nw">"after 14s"</span>
            </div>
            <div class="answered row xs">
                <Shape look=Look::DENIED />
                <span>
                    <b class="medium">"Nobody answered"</b>
                    ", denied after 30m"
                </span>
                <code class="muted cut">"rm -rf target"</code>
            </div>
        </Part>
    }
}

#[component]
pub(super) fn Lanes() -> impl IntoView {
    view! {
        <Part title="Lane rows">
            <div>
                <div class="sec-h">
                    <Shape look=Look::WORKING />
                    <h3>"Working"</h3>
                    <span class="cnt">"2"</span>
                </div>
                <a class="lane-row" href="/kit">
                    <Shape look=Look::WORKING />
                    <span class="t cut">"Parse signature parameters"</span>
                    <span class="r">"6m 51s"</span>
                    <span class="sub cut">"tinyq, now: Bash " <code>"cargo test -p sig"</code></span>
                </a>
                <a class="lane-row" href="/kit">
                    <Shape look=Look::UNKNOWN />
                    <span class="t cut">"Nightly dependency bumps"</span>
                    <span class="r">"2h 33m"</span>
                    <span class="sub cut">"Unknown: nobody saw how its agent ended"</span>
                </a>
            </div>
        </Part>
    }
}

#[component]
pub(super) fn Moments() -> impl IntoView {
    view! {
        <Part title="Moments and numbers" rule="Short in the page, exact on hover. The server writes UTC, the browser its own zone.">
            <dl class="kv">
                <dt>"Ago"</dt>
                <dd>
                    <Ago at=AT />
                </dd>
                <dt>"Elapsed"</dt>
                <dd>
                    <Elapsed since=AT until=Some(AT + 250_000) />
                </dd>
                <dt>"Exact"</dt>
                <dd>
                    <Exact at=AT />
                </dd>
                <dt>"Counts"</dt>
                <dd class="mono">
                    <Short n=48_211 />
                    " "
                    <Short n=1_924_311 />
                </dd>
                <dt>"Costs"</dt>
                <dd class="mono">
                    <Cost micros=Some(218_430) />
                    " "
                    <Cost micros=Some(900) />
                    " "
                    <Cost micros=None />
                </dd>
            </dl>
        </Part>
    }
}

#[component]
pub(super) fn Floats() -> impl IntoView {
    let open = RwSignal::new(false);
    view! {
        <Part title="Menu, dialog, toast, pill" rule="The only things with a shadow.">
            <div class="row wrap">
                <Menu label="A menu" button="btn" trigger=|| view! { "Menu" <Icon name="chevron-down" small=true /> }>
                    <button type="button">
                        <Icon name="pencil" />
                        "Rename"
                        <span class="push">
                            <Kbd key="T" />
                        </span>
                    </button>
                    <button type="button">
                        <Icon name="copy" />
                        "Copy link"
                    </button>
                    <hr />
                    <button type="button" class="bad">
                        <Icon name="trash-2" />
                        "Delete session…"
                    </button>
                </Menu>
                <Button on:click=move |_| open.set(true)>"Open the dialog"</Button>
                <Button on:click=move |_| toast(Toast::done("Allowed once: replay.sh").undo(|| toast(Toast::done("Taken back"))))>"Show a toast"</Button>
                <Button on:click=move |_| toast(Toast::failed("Not sent: the node did not answer.").action("Retry", || ()))>"Show a failure"</Button>
            </div>
            <div class="stack">
                <ToastRow toast=Toast::done("Allowed once: replay.sh").undo(|| ()) on_close=|| () />
                <ToastRow toast=Toast::failed("Not sent: the node did not answer. Kept, tried again in 8 s.").action("Retry", || ()) on_close=|| () />
                <span>
                    <button type="button" class="pill">
                        <Icon name="arrow-down" small=true />
                        "3 new, 1 waits for you"
                    </button>
                </span>
            </div>
            <Dialog
                open=open
                title="Delete this session?"
                footer=move || {
                    view! {
                        <Button large=true on:click=move |_| open.set(false)>
                            "Keep it"
                        </Button>
                        <Button kind=ButtonKind::Danger large=true on:click=move |_| open.set(false)>
                            "Delete session"
                        </Button>
                    }
                }
            >
                <p class="muted">
                    "Removes the transcript (214 entries) of " <b class="ink medium">"Try to cache the planner output"</b> ". Commits and files stay. You can undo it for 30 days."
                </p>
            </Dialog>
        </Part>
    }
}

#[component]
pub(super) fn States() -> impl IntoView {
    let error = |error: model::Error| view! { <ErrorNote error=AppError(error) retry=Callback::new(|()| ()) /> };
    view! {
        <Part title="Empty, skeleton, notices, errors" rule="Skeletons only before the first data, in the shape of what comes.">
            <div class="g2">
                <Empty icon="folder-git-2" title="Nothing here yet" text="When there is something, it shows up here. This is how to begin.">
                    <Button icon="plus">"Add project"</Button>
                </Empty>
                <Skeleton rows=4 />
            </div>
            <Note title="Worth knowing.">"The project is trusted since yesterday."</Note>
            <Note tone=NoteTone::Done title="Saved.">"It holds for the next session."</Note>
            <Note tone=NoteTone::Warning title="Catching up.">"Offline for 3 minutes; what you see is from 14:31."</Note>
            {error(model::Error::Internal("01J9-7F3A".into()))}
            {error(model::Error::RateLimited(42))}
            {error(model::Error::Forbidden("this needs the role admin".into()))}
        </Part>
    }
}

#[component]
pub(super) fn Charts() -> impl IntoView {
    let tokens: Vec<Vec<f64>> = (0..14_u32).map(|day| vec![f64::from(3 + day % 4), f64::from(2 + day % 3), f64::from(18 + day * 7 % 11)]).collect();
    let titles: Vec<String> = (9..23).map(|day| format!("{day} Nov")).collect();
    let wait: Vec<Option<f64>> = (0..14_u32).map(|day| (!(6..8).contains(&day)).then(|| f64::from(20 + day * 13 % 29))).collect();
    let spark: Vec<Option<f64>> = (0..24_u32).map(|hour| Some(f64::from(40 + hour * 17 % 23))).collect();
    view! {
        <Part title="Charts">
            <div class="g3">
                <div class="chart">
                    <div class="xs muted">"Processor, 24 h"</div>
                    <div class="row">
                        <span class="fig nw">"64 %"</span>
                        <Spark values=spark label="Processor over 24 hours" />
                    </div>
                    <div class="xs faint">"sparkline, no axis"</div>
                </div>
                <div class="chart">
                    <div class="xs muted">"Wait, median"</div>
                    <Line values=wait label="Median wait a day" />
                    <div class="chart-x">
                        <span>"9 Nov"</span>
                        <span>"22 Nov"</span>
                    </div>
                    <div class="xs faint">"a gap is dashed, never joined"</div>
                </div>
                <div class="chart">
                    <div class="xs muted">"Tokens"</div>
                    <Bars bars=tokens titles=titles label="Tokens a day" />
                    <div class="chart-x">
                        <span>"9 Nov"</span>
                        <span>"22 Nov"</span>
                    </div>
                    <Legend words=vec!["input", "output", "cache"] />
                </div>
            </div>
            <div class="stack">
                <div class="row xs">
                    <span>"Context"</span>
                    <Meter percent=61.0 label="Context used" />
                    <span class="mono nw">"61 %"</span>
                </div>
                <div class="row xs">
                    <span>"Budget"</span>
                    <Meter percent=92.0 label="Budget used" warn_at=80.0 />
                    <span class="mono nw waiting">"92 %"</span>
                </div>
            </div>
        </Part>
    }
}
