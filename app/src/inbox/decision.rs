//! The parts of a decision on a page: exactly what is asked, and the ways to answer it.
//! They must not decide where they stand; the Inbox, the Overview and the Session page place them.

use super::{
    decider::{Asking, Decider},
    words,
};
use crate::{
    browser,
    ui::{Button, ButtonKind, CodeBlock, DiffView, ErrorNote, Icon, Markdown, TextArea, changing, effect, hear, keep_typed},
    view,
};
use leptos::prelude::*;
use model::{
    approvals::{Approval, ApprovalKind, Question, RememberScope},
    sessions::Mode,
};
use wasm_bindgen::JsCast;

/// Exactly what the tool would get: the change as a diff, the command or content highlighted, anything else as JSON.
#[component]
pub fn ExactInput(
    /// What is asked.
    approval: Approval,
    /// Larger type, in the Inbox.
    #[prop(optional)]
    big: bool,
) -> impl IntoView {
    if let Some(diff) = approval.diff {
        return view! { <DiffView diff=diff /> };
    }
    if approval.kind == ApprovalKind::Plan {
        let html = approval.plan_html.unwrap_or_default();
        return view! { <div class="plan-md"><Markdown html=html /></div> };
    }
    let label = words::input_title(&approval);
    let command = approval.input_html.is_some();
    let json = serde_json::to_string_pretty(&approval.input).unwrap_or_default();
    let whole = command && approval.input.as_object().is_some_and(|fields| fields.len() > 1);
    view! {
        <CodeBlock text=json.clone() html=approval.input_html label=label wrap=true big=big />
        {whole
            .then(|| {
                view! {
                    <details class="whole">
                        <summary class="xs link">"The whole input"</summary>
                        <pre class="code code-wrap">{json}</pre>
                    </details>
                }
            })}
    }
}

/// What "always" would remember, with the scope to choose.
#[component]
pub fn AlwaysRule(
    /// The decision.
    decider: Decider,
) -> impl IntoView {
    let Approval { suggestions, .. } = decider.approval();
    let rules: Vec<String> = suggestions.into_iter().map(|suggestion| suggestion.text).collect();
    let scopes = decider.scopes;
    let scope = decider.scope;
    view! {
        <div class="rule">
            <code class="code">
                {rules
                    .into_iter()
                    .map(|rule| view! { <span class="rule-l"><span class="add">"+"</span> " " {rule}</span> })
                    .collect_view()}
            </code>
            <span class="select-w">
                <select
                    class="select"
                    aria-label="Where the rule is written"
                    on:change:target=move |event| {
                        if let Some(chosen) = RememberScope::parse(&event.target().value()) {
                            scope.set(chosen);
                        }
                    }
                >
                    {move || {
                        scopes
                            .get()
                            .into_iter()
                            .map(|one| {
                                view! {
                                    <option value=one.word() selected=move || scope.get() == one>
                                        {words::scope_title(one)}
                                    </option>
                                }
                            })
                            .collect_view()
                    }}
                </select>
                <Icon name="chevron-down" />
            </span>
        </div>
        <p class="xs muted">
            {move || match scope.get() {
                RememberScope::Session => "Written nowhere: it holds until this session's agent ends.".into_any(),
                scope => view! { "Written to " <code>{words::scope_file(scope)}</code> "." },
            }}
            {move || scopes.with(|scopes| !scopes.contains(&RememberScope::Local)).then_some(" The project is not trusted: its agents do not read rules kept in it.")}
        </p>
    }
}

/// The buttons of a decision and what they open: a scope, a reason, a comment.
#[component]
pub fn DecisionActs(
    /// The decision.
    decider: Decider,
    /// Keys are heard here and shown in the buttons.
    #[prop(optional, into)]
    keys: Signal<bool>,
    /// The scope is already chosen beside it: Always acts at once.
    #[prop(optional)]
    scope_shown: bool,
    /// Smaller buttons, in lanes.
    #[prop(optional)]
    small: bool,
    /// What stands at the end of the line.
    #[prop(optional, into)]
    aside: ViewFn,
) -> impl IntoView {
    let large = !small;
    // Boxes close by Escape also when nothing in them has the focus.
    browser::on_keys(move |key| {
        let closes = key.key == "Escape" && !key.typing && decider.asking.get_untracked() != Asking::Nothing;
        if closes {
            decider.asking.set(Asking::Nothing);
        }
        closes
    });
    let buttons = move || match decider.kind {
        ApprovalKind::Tool => view! { <ToolActs decider=decider keys=keys scope_shown=scope_shown large=large aside=aside.clone() /> },
        ApprovalKind::Plan => view! { <PlanActs decider=decider keys=keys large=large aside=aside.clone() /> },
        ApprovalKind::Question => view! { <QuestionActs decider=decider large=large aside=aside.clone() /> },
    };
    view! {
        <div class="contents" on:click:capture=|event| drop_second_press(&event)>
            {move || match decider.asking.get() {
                Asking::Nothing => view! { <div class="acts">{buttons.clone()()}</div> },
                Asking::Always => view! { <AlwaysBox decider=decider large=large /> },
                Asking::Deny => view! { <DenyBox decider=decider large=large /> },
            }}
        </div>
        {move || decider.error.get().map(|error| view! { <ErrorNote error=error title="The answer was not given." /> })}
    }
}

/// The second press of a double click is about what was under the first: by then another decision may stand there.
fn drop_second_press(event: &leptos::ev::MouseEvent) {
    let pressed = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    if event.detail() > 1 && pressed.is_some_and(|element| element.closest("button").ok().flatten().is_some()) {
        event.prevent_default();
        event.stop_propagation();
    }
}

#[component]
fn ToolActs(decider: Decider, keys: Signal<bool>, scope_shown: bool, large: bool, aside: ViewFn) -> impl IntoView {
    let busy = decider.busy();
    let always = move |_| if scope_shown { decider.always() } else { decider.asking.set(Asking::Always) };
    view! {
        <Button kind=ButtonKind::Primary large=large disabled=busy on:click=hear::click(move |_| decider.allow())>
            "Allow once" <KeyHint key="A" shown=keys />
        </Button>
        {decider
            .can_always
            .then(|| {
                view! {
                    <Button large=large disabled=busy on:click=hear::click(always)>
                        {if scope_shown { "Always" } else { "Always…" }} <KeyHint key="Shift A" shown=keys />
                    </Button>
                }
            })}
        <Button kind=ButtonKind::Danger large=large disabled=busy on:click=hear::click(move |_| decider.ask_deny())>
            "Deny…" <KeyHint key="D" shown=keys />
        </Button>
        {aside.run()}
    }
}

#[component]
fn PlanActs(decider: Decider, keys: Signal<bool>, large: bool, aside: ViewFn) -> impl IntoView {
    let busy = decider.busy();
    view! {
        <Button kind=ButtonKind::Primary large=large disabled=busy on:click=hear::click(move |_| decider.approve(Mode::Ask))>
            "Approve" <KeyHint key="A" shown=keys />
        </Button>
        <Button large=large disabled=busy on:click=hear::click(move |_| decider.approve(Mode::AutoAccept))>
            "Approve, auto-accept edits" <KeyHint key="Shift A" shown=keys />
        </Button>
        <Button large=large disabled=busy on:click=hear::click(move |_| decider.ask_deny())>
            "Send back…" <KeyHint key="D" shown=keys />
        </Button>
        {aside.run()}
    }
}

#[component]
fn QuestionActs(decider: Decider, large: bool, aside: ViewFn) -> impl IntoView {
    let busy = decider.busy();
    let cannot = Signal::derive(move || busy.get() || decider.given().is_none());
    view! {
        <Button kind=ButtonKind::Primary large=large disabled=cannot on:click=hear::click(move |_| decider.allow())>"Answer"</Button>
        <Button kind=ButtonKind::Danger large=large disabled=busy on:click=hear::click(move |_| decider.ask_deny())>"Do not answer…"</Button>
        {aside.run()}
    }
}

/// Closes a box of a decision on Escape, and nothing else does: the agent is not interrupted by it.
fn closes(decider: Decider, event: &leptos::ev::KeyboardEvent) {
    if event.key() == "Escape" {
        event.prevent_default();
        event.stop_propagation();
        decider.asking.set(Asking::Nothing);
    }
}

#[component]
fn AlwaysBox(decider: Decider, large: bool) -> impl IntoView {
    let busy = decider.busy();
    let own = NodeRef::<leptos::html::Div>::new();
    // Not its button: whoever holds the key that opened it would press that at once.
    effect(move || {
        if let Some(own) = own.get() {
            let _ = own.focus();
        }
    });
    view! {
        <div class="ask-box" role="group" aria-label="Always allow" tabindex="-1" node_ref=own on:keydown=hear::keydown(move |event| closes(decider, &event))>
            <h3>"What “always” would add"</h3>
            <AlwaysRule decider=decider />
            <div class="acts">
                <Button kind=ButtonKind::Primary large=large disabled=busy on:click=hear::click(move |_| decider.always())>"Always allow"</Button>
                <Button large=large on:click=hear::click(move |_| decider.asking.set(Asking::Nothing))>"Back"</Button>
            </div>
        </div>
    }
}

#[component]
fn DenyBox(decider: Decider, large: bool) -> impl IntoView {
    let busy = decider.busy();
    let field = NodeRef::<leptos::html::Textarea>::new();
    effect(move || {
        if let Some(field) = field.get() {
            let _ = field.focus();
        }
    });
    let plan = decider.kind == ApprovalKind::Plan;
    let (label, hint, verb) = if plan {
        ("What should change", "The agent reads this and plans again.", "Send back")
    } else {
        ("Reason", "The agent reads this; it may be left empty.", "Deny")
    };
    let cannot = Signal::derive(move || busy.get() || (plan && decider.reason.with(|reason| reason.trim().is_empty())));
    let keydown = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) && !cannot.get_untracked() {
            event.prevent_default();
            decider.deny();
        } else {
            closes(decider, &event);
        }
    };
    view! {
        <div class="ask-box" on:keydown=hear::keydown(keydown)>
            <TextArea value=decider.reason label=label placeholder=label rows=2 maxlength=10_000 node_ref=field />
            <p class="hint">{hint}</p>
            <div class="acts">
                <Button kind=if plan { ButtonKind::Primary } else { ButtonKind::Danger } large=large disabled=cannot on:click=hear::click(move |_| decider.deny())>
                    {verb} <kbd class="kbd kbd-f" aria-hidden="true">"Ctrl ⏎"</kbd>
                </Button>
                <Button large=large on:click=hear::click(move |_| decider.asking.set(Asking::Nothing))>"Back"</Button>
            </div>
        </div>
    }
}

/// A key in a button, where keys are heard.
#[component]
fn KeyHint(key: &'static str, shown: Signal<bool>) -> impl IntoView {
    changing(move || shown.get().then(|| view! { <kbd class="kbd kbd-d" aria-hidden="true">{key}</kbd> }))
}

/// The questions of an approval, to be answered by options or in the person's own words.
#[component]
pub fn Questions(
    /// The decision.
    decider: Decider,
) -> impl IntoView {
    let id = decider.id;
    decider
        .approval()
        .questions
        .into_iter()
        .enumerate()
        .map(|(at, question)| view! { <OneQuestion decider=decider at=at name=format!("{id}-{at}") question=question /> })
        .collect_view()
}

#[component]
fn OneQuestion(decider: Decider, at: usize, name: String, question: Question) -> impl IntoView {
    let multi = question.multi_select;
    let answers = decider.answers;
    let own_id = format!("{name}-own");
    let options = question
        .options
        .into_iter()
        .enumerate()
        .map(|(n, option)| {
            let chosen = move || answers.with(|all| all.get(at).is_some_and(|answer| answer.chosen.contains(&n)));
            view! {
                <label class="check q-o">
                    <input
                        type=if multi { "checkbox" } else { "radio" }
                        name=name.clone()
                        prop:checked=chosen
                        on:change=move |_| answers.update(|all| all[at].toggle(n, multi))
                    />
                    <span>
                        <span class="medium">{option.label}</span>
                        {(!option.description.is_empty()).then(|| view! { <span class="muted q-d">{option.description}</span> })}
                    </span>
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset class="q">
            <legend>
                {(!question.header.is_empty()).then(|| view! { <span class="chip">{question.header}</span> " " })}
                {question.question}
            </legend>
            {options}
            <label class="field q-own" for=own_id.clone()>
                <span class="vh">"In your own words"</span>
                <input
                    class="input input-lg"
                    id=own_id.clone()
                    placeholder="In your own words"
                    use:keep_typed=Callback::new(move |typed: String| answers.update(|all| all[at].say(typed, multi)))
                    prop:value=move || answers.with(|all| all.get(at).map(|answer| answer.own.clone()).unwrap_or_default())
                    on:input:target=move |event| answers.update(|all| all[at].say(event.target().value(), multi))
                />
            </label>
        </fieldset>
    }
}
