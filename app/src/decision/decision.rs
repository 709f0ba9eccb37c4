//! The parts of a decision on a page: the exact input, and the controls to answer it. They must not decide where they
//! stand; the Inbox, the Overview and the Session page place them.

use super::{
    decider::{Asking, Decider},
    words,
};
use crate::{
    browser,
    error::AppError,
    ui::{
        Button, ButtonKind, CodeBlock, DiffView, ErrorNote, Icon, Markdown, Note, NoteTone, RunsElsewhere, Steady,
        TextArea, code, keep_typed, quiet_clock,
    },
    view,
};
use leptos::{prelude::*, server::ServerActionError, server_fn::error::ServerFnUrlError};
use model::{
    approvals::{Always, Approval, ApprovalKind, Question, RememberScope},
    id::ApprovalId,
    sessions::Mode,
};

/// The tool's exact input: a change as a diff, a command highlighted, other fields as fields. It says what it leaves
/// out, and can be allowed only once its end was visible.
#[component]
pub fn ExactInput(
    /// The decision.
    decider: Decider,
    /// Larger type, in the Inbox.
    #[prop(optional)]
    big: bool,
    /// On a card among others: shows only the beginning of a long input, until a person asks for the rest.
    #[prop(optional)]
    brief: bool,
) -> impl IntoView {
    let approval = decider.approval();
    let head = brief.then(|| words::head(&approval)).flatten();
    if let Some(head) = head.as_ref().filter(|_| !decider.is_beginning()) {
        decider.left_out.set(Some(head.rest.clone()));
    }
    let end = NodeRef::<leptos::html::Span>::new();
    Effect::new(move || {
        if let Some(end) = end.get() {
            browser::when_seen(&end, move |seen| decider.sees_end(seen));
        }
    });
    let input = move || {
        let approval = decider.approval();
        // Also without a head: the rest that has come is shown, and must be seen, in place of its beginning.
        let left_out = decider.left_out.get();
        let input = match &head {
            Some(head) if left_out.is_some() => beginning(&approval, head),
            _ => whole(&approval, big),
        };
        let rest = left_out.filter(|_| approval.input_cut.is_some()).map(|rest| {
            view! {
                <p class="xs muted">
                    "Only the beginning is shown. "
                    <a class="link" href=format!("/inbox?id={}", decider.id) on:click=act(move || decider.read_on())>"Read all, " {rest}</a>
                </p>
            }
        });
        view! { {warnings(&approval)} {input} {rest} }
    };
    view! {
        {input}
        <span class="end" id=decider.end_id() node_ref=end></span>
    }
}

/// Warnings of what the eye misses.
fn warnings(approval: &Approval) -> AnyView {
    let (hidden, mixed) = words::suspicions(approval);
    view! {
        {hidden.then(|| view! { <Note tone=NoteTone::Warning title="Contains hidden characters.">"They are shown as boxes with their numbers."</Note> })}
        {mixed
            .map(|word| {
                view! { <Note tone=NoteTone::Warning title="Contains letters that look alike.">"The word " <code>{code(&word)}</code> " mixes letters of different alphabets."</Note> }
            })}
    }
}

/// The beginning of the input.
fn beginning(approval: &Approval, head: &words::Head) -> AnyView {
    match (&head.shown, approval.diff.clone()) {
        (words::Beginning::Lines(shown), Some(mut diff)) => {
            diff.lines.truncate(*shown);
            diff.omitted = 0;
            view! { <DiffView diff=diff wrap=true /> }
        }
        (words::Beginning::Text(text), _) => {
            view! { <CodeBlock text=text.clone() label=words::input_title(approval) wrap=true /> }
        }
        (words::Beginning::Lines(_), None) => ().into_any(),
    }
}

/// The whole input.
fn whole(approval: &Approval, big: bool) -> AnyView {
    let mut all = words::fields(&approval.input);
    let unsaid = words::unsaid(approval);
    let (inside, open) = if let Some(diff) = approval.diff.clone() {
        let note = if words::is_everywhere(approval) {
            "Replaces every place where this text stands in the file."
        } else {
            ""
        };
        let (cut, empty) = (!words::is_whole(&diff), diff.lines.is_empty() && diff.omitted == 0);
        let inside = view! {
            {(!note.is_empty()).then(|| view! { <p class="medium">{note}</p> })}
            <DiffView diff=diff wrap=true />
            {cut.then(|| {
                let why = if empty { "No line differs. What was asked for stands below." } else { "The change is too large for this view. All of it stands below." };
                view! { <p class="xs muted">{why}</p> }
            })}
        };
        (inside, cut || !unsaid.is_empty())
    } else if approval.kind == ApprovalKind::Plan {
        let html = approval.plan_html.clone().unwrap_or_default();
        let open = !unsaid.is_empty() || words::suspicions(approval).0;
        (view! { <div class="plan-md"><Markdown html=html /></div> }, open)
    } else if let Some(command) = words::command(approval) {
        let said =
            words::purpose(approval).map(|said| view! { <p class="muted said" dir="auto">"“"{code(said)}"”"</p> });
        let block = view! { <CodeBlock text=command html=approval.input_html.clone() label=words::input_title(approval) wrap=true big=big /> };
        (view! { {said} {block} }, !unsaid.is_empty())
    } else {
        // Then all of it is shown as fields.
        let shown = view! { <Fields fields=std::mem::take(&mut all) /> };
        (shown, false)
    };
    let more = (open || all.len() > 1).then(|| {
        view! {
            <details class="whole" open=open>
                <summary class="xs link">"All fields"</summary>
                <Fields fields=all />
            </details>
        }
    });
    view! { {inside} {more} }
}

/// Fields with their values, as they are.
#[component]
fn Fields(fields: Vec<(String, String)>) -> impl IntoView {
    if fields.is_empty() {
        return view! { <p class="xs muted">"It gets no input."</p> };
    }
    let rows = fields
        .into_iter()
        .map(|(key, value)| {
            let label = key.clone();
            view! {
                <dt><code>{code(&key)}</code></dt>
                <dd>{if value.contains('\n') { view! { <CodeBlock text=value label=label wrap=true /> } } else { view! { <code>{code(&value)}</code> } }}</dd>
            }
        })
        .collect_view();
    view! { <dl class="kv xs fields">{rows}</dl> }
}

/// The effect of "always" at the chosen scope.
#[component]
pub fn AlwaysWould(
    /// The decision.
    decider: Decider,
) -> impl IntoView {
    let suggestions = decider.approval().suggestions;
    move || code(&Always::text(&suggestions, decider.scope.get()))
}

/// Why no wider scope can be chosen, if that is so.
fn longer(scopes: &[RememberScope]) -> Option<&'static str> {
    match scopes {
        [RememberScope::Session] => Some(" What holds for other sessions too needs the role admin."),
        _ if !scopes.contains(&RememberScope::Local) => {
            Some(" The project is not trusted: its agents do not read rules kept in it.")
        }
        _ => None,
    }
}

/// The rule that "always" would remember, with a choice of scopes.
#[component]
pub fn AlwaysRule(
    /// The decision.
    decider: Decider,
) -> impl IntoView {
    let Approval {
        suggestions, always, ..
    } = decider.approval();
    let rules: Vec<String> = suggestions.into_iter().map(|suggestion| suggestion.text).collect();
    let scopes = decider.scopes;
    let scope = decider.scope;
    view! {
        <div class="rule">
            <code class="code">
                {rules
                    .into_iter()
                    .map(|rule| view! { <span class="rule-l"><span class="add">"+"</span> " " {code(&rule)}</span> })
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
            <AlwaysWould decider=decider />
            {move || {
                let chosen = scope.get();
                let file = always.iter().find(|always| always.scope == chosen).and_then(|always| always.file.clone());
                match (chosen, file) {
                    (RememberScope::Session, _) => " It is not saved.".into_any(),
                    (_, Some(file)) => view! { " Written to " <code>{file}</code> "." },
                    // The scope became possible only meanwhile, or the agent does not say where it writes.
                    (_, None) => ().into_any(),
                }
            }}
            {move || scopes.with(|scopes| longer(scopes))}
        </p>
    }
}

/// The target of a decision's plain form.
const ANSWER: &str = "/api/rpc/approvals/answer";

/// The id of a decision's form, for fields outside of it.
fn form_id(id: ApprovalId) -> String {
    format!("{id}-form")
}

/// The buttons of a decision, and the boxes they open: a scope, a reason, a comment. Before hydration they are plain
/// forms.
#[component]
pub fn DecisionActs(
    /// The decision.
    decider: Decider,
    /// Whether its keys are active and shown in the buttons.
    #[prop(optional, into)]
    keys: Signal<bool>,
    /// The scope is chosen beside it, so Always acts at once.
    #[prop(optional)]
    scope_shown: bool,
    /// Smaller buttons, for lanes.
    #[prop(optional)]
    small: bool,
    /// The Inbox item that a plain form leads to; empty for none. Absent, the form leads back to its page.
    #[prop(optional, into)]
    next: MaybeProp<String>,
    /// Shown at the end of the line.
    #[prop(optional, into)]
    aside: ViewFn,
) -> impl IntoView {
    let node = decider.approval().node;
    if !node.here {
        return view! { <RunsElsewhere node=node what="decide" /> };
    }
    let now = quiet_clock();
    let live = Memo::new(move |_| now.get().is_some());
    // The redirect of a plain form says what was refused, not which decision of the page it was about.
    if keys.get_untracked()
        && !live.get_untracked()
        && let Some(refused) = use_context::<ServerActionError>().filter(|error| error.path() == ANSWER)
    {
        decider
            .error
            .set(Some(ServerFnUrlError::<AppError>::decode_err(refused.err())));
    }
    // Escape closes a box even when nothing in it has the focus.
    browser::on_keys(move |key| {
        let closes = key.key == "Escape" && !key.typing && decider.asking.get_untracked() != Asking::Nothing;
        if closes {
            decider.asking.set(Asking::Nothing);
        }
        closes
    });
    let form = NodeRef::<leptos::html::Form>::new();
    let steady = Steady::new(form);
    // The socket may take the chosen scope away.
    Effect::new(move || {
        decider.scopes.track();
        steady.changed();
    });
    let acts = Acts {
        decider,
        keys: Signal::derive(move || keys.get() && live.get()),
        live,
        steady,
        large: !small,
    };
    let buttons = move || match decider.kind {
        ApprovalKind::Tool => view! { <ToolActs acts=acts scope_shown=scope_shown /> },
        ApprovalKind::Plan => view! { <PlanActs acts=acts /> },
        ApprovalKind::Question => view! { <QuestionActs acts=acts /> },
    };
    let id = decider.id;
    view! {
        <form
            id=form_id(id)
            class="contents"
            action=ANSWER
            method="post"
            node_ref=form
            on:pointerdown:capture=move |_| steady.press()
            on:click:capture=move |event| steady.drop_unmeant(&event)
            on:submit=|event| event.prevent_default()
        >
            <Hidden id=id next=next />
            {move || match decider.asking.get() {
                Asking::Nothing => view! { <div class="acts">{buttons()} {aside.run()}</div> },
                Asking::Always => view! { <AlwaysBox acts=acts /> },
                Asking::Deny => view! { <DenyBox decider=decider large=acts.large /> },
            }}
        </form>
        <PlainDeny decider=decider next=next />
        {move || decider.error.get().map(|error| view! { <ErrorNote error=error title="The answer was not given." /> })}
    }
}

/// What a decision's buttons share.
#[derive(Clone, Copy)]
struct Acts {
    decider: Decider,
    keys: Signal<bool>,
    live: Memo<bool>,
    steady: Steady,
    large: bool,
}

impl Acts {
    /// A press that comes too soon does nothing; this says so to people who do not see it.
    fn soon(self) -> Signal<bool> {
        Signal::derive(move || !self.steady.is_still())
    }
}

/// A press that the page handles itself, without sending the form.
fn act(does: impl Fn() + 'static) -> Box<dyn FnMut(leptos::ev::MouseEvent)> {
    Box::new(move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        does();
    })
}

/// The hidden fields of a plain form.
#[component]
fn Hidden(id: ApprovalId, next: MaybeProp<String>) -> impl IntoView {
    view! {
        <input type="hidden" name="id" value=id.to_string() />
        {move || next.get().map(|next| view! { <input type="hidden" name="next" value=next /> })}
    }
}

/// The denial before hydration; the browser itself opens it.
#[component]
fn PlainDeny(decider: Decider, next: MaybeProp<String>) -> impl IntoView {
    let id = decider.id;
    let plan = decider.kind == ApprovalKind::Plan;
    let (label, verb) = if plan {
        ("What should change", "Send back")
    } else {
        ("Reason", "Deny")
    };
    view! {
        <div id=plain_deny(id) class="pop" popover="auto">
            <form class="ask-box" action=ANSWER method="post">
                <Hidden id=id next=next />
                <input type="hidden" name="verdict" value="deny" />
                <label class="field">
                    {label} <textarea class="input area" name="reason" rows="2" maxlength="10000" required=plan></textarea>
                </label>
                <Button kind=ButtonKind::Danger large=true submit=true>{verb}</Button>
            </form>
        </div>
    }
}

fn plain_deny(id: ApprovalId) -> String {
    format!("{id}-no")
}

/// Replaces the yes until the end of the input was visible.
#[component]
fn ReadOn(acts: Acts) -> impl IntoView {
    let decider = acts.decider;
    let class = if acts.large { "btn btn-p btn-lg" } else { "btn btn-p" };
    move || {
        let words = decider
            .left_out
            .get()
            .map_or_else(|| "Read to the end".to_owned(), |rest| format!("Read all, {rest}"));
        view! {
            // Before hydration the link leads to the Inbox, which shows all of it.
            <a class=class href=format!("/inbox?id={}", decider.id) on:click=act(move || decider.read_on())>
                {words} <KeyHint key="A" shown=acts.keys />
            </a>
        }
    }
}

#[component]
fn ToolActs(acts: Acts, scope_shown: bool) -> impl IntoView {
    let Acts {
        decider,
        keys,
        live,
        large,
        ..
    } = acts;
    let busy = decider.busy();
    let shown = decider.may_allow();
    let always = move || {
        if scope_shown {
            decider.always();
        } else {
            decider.asking.set(Asking::Always);
        }
    };
    let cannot = Signal::derive(move || busy.get() || !live.get());
    view! {
        {move || {
            if !shown.get() {
                return view! { <ReadOn acts=acts /> };
            }
            view! {
                <Button kind=ButtonKind::Primary large=large submit=true name="verdict" value="allow" soon=acts.soon() disabled=busy on:click=act(move || decider.allow())>
                    "Allow once" <KeyHint key="A" shown=keys />
                </Button>
                {decider
                    .can_always
                    .then(|| {
                        view! {
                            <Button large=large soon=acts.soon() disabled=cannot on:click=act(always)>
                                {if scope_shown { "Always" } else { "Always…" }} {move || (!live.get()).then_some(" (connecting)")} <KeyHint key="Shift A" shown=keys />
                            </Button>
                        }
                    })}
            }
        }}
        <DenyButton acts=acts kind=ButtonKind::Danger word="Deny…" />
    }
}

#[component]
fn PlanActs(acts: Acts) -> impl IntoView {
    let Acts {
        decider, keys, large, ..
    } = acts;
    let busy = decider.busy();
    let shown = decider.may_allow();
    view! {
        {move || {
            if !shown.get() {
                return view! { <ReadOn acts=acts /> };
            }
            view! {
                <input type="hidden" name="verdict" value="allow" />
                <Button kind=ButtonKind::Primary large=large submit=true name="mode" value="ask" soon=acts.soon() disabled=busy on:click=act(move || decider.approve(Mode::Ask))>
                    "Approve" <KeyHint key="A" shown=keys />
                </Button>
                <Button large=large submit=true name="mode" value="auto-accept" soon=acts.soon() disabled=busy on:click=act(move || decider.approve(Mode::AutoAccept))>
                    "Approve, auto-accept edits" <KeyHint key="Shift A" shown=keys />
                </Button>
            }
        }}
        <DenyButton acts=acts kind=ButtonKind::Plain word="Send back…" />
    }
}

#[component]
fn QuestionActs(acts: Acts) -> impl IntoView {
    let Acts {
        decider, live, large, ..
    } = acts;
    let busy = decider.busy();
    let cannot = Signal::derive(move || busy.get() || (live.get() && decider.given().is_none()));
    view! {
        <Button kind=ButtonKind::Primary large=large submit=true name="verdict" value="allow" soon=acts.soon() disabled=cannot on:click=act(move || decider.allow())>"Answer"</Button>
        <DenyButton acts=acts kind=ButtonKind::Danger word="Do not answer…" />
    }
}

#[component]
fn DenyButton(acts: Acts, kind: ButtonKind, word: &'static str) -> impl IntoView {
    let Acts {
        decider, keys, large, ..
    } = acts;
    let keys = Signal::derive(move || keys.get() && decider.kind != ApprovalKind::Question);
    view! {
        <Button kind=kind large=large opens=plain_deny(decider.id) soon=acts.soon() disabled=decider.busy() on:click=act(move || decider.ask_deny())>
            {word} <KeyHint key="D" shown=keys />
        </Button>
    }
}

/// Closes a box on Escape, and stops the event there: otherwise it would interrupt the agent.
fn closes(decider: Decider, event: &leptos::ev::KeyboardEvent) {
    if event.key() == "Escape" {
        event.prevent_default();
        event.stop_propagation();
        decider.asking.set(Asking::Nothing);
    }
}

#[component]
fn AlwaysBox(acts: Acts) -> impl IntoView {
    let Acts {
        decider, steady, large, ..
    } = acts;
    let busy = decider.busy();
    let own = NodeRef::<leptos::html::Div>::new();
    // Not the box's button: the key that opened the box may still be held, and would press it.
    Effect::new(move || {
        if let Some(own) = own.get() {
            let _ = own.focus();
        }
    });
    let keydown = move |event: leptos::ev::KeyboardEvent| {
        // A list or a button in the box uses Enter itself.
        let own = event.target() == event.current_target() || event.ctrl_key() || event.meta_key();
        if event.key() == "Enter" && own {
            event.prevent_default();
            if !event.repeat() && steady.look() {
                decider.always();
            }
        } else {
            closes(decider, &event);
        }
    };
    view! {
        <div class="ask-box" role="group" aria-label="Always allow" tabindex="-1" node_ref=own on:keydown=keydown>
            <h3>"What “always” would add"</h3>
            <AlwaysRule decider=decider />
            <div class="acts">
                <Button kind=ButtonKind::Primary large=large soon=acts.soon() disabled=busy on:click=act(move || decider.always())>
                    "Always allow" <KeyHint key="⏎" shown=Signal::stored(true) />
                </Button>
                <Button large=large on:click=act(move || decider.asking.set(Asking::Nothing))>"Back"</Button>
            </div>
        </div>
    }
}

#[component]
fn DenyBox(decider: Decider, large: bool) -> impl IntoView {
    let busy = decider.busy();
    let field = NodeRef::<leptos::html::Textarea>::new();
    Effect::new(move || {
        if let Some(field) = field.get() {
            let _ = field.focus();
        }
    });
    let plan = decider.kind == ApprovalKind::Plan;
    let (label, hint, verb) = if plan {
        (
            "What should change",
            "The agent reads this and plans again.",
            "Send back",
        )
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
        <div class="ask-box" on:keydown=keydown>
            <TextArea value=decider.reason label=label placeholder=label rows=2 maxlength=10_000 node_ref=field />
            <p class="hint">{hint}</p>
            <div class="acts">
                <Button kind=if plan { ButtonKind::Primary } else { ButtonKind::Danger } large=large disabled=cannot on:click=move |_| decider.deny()>
                    {verb} <kbd class="kbd kbd-f" aria-hidden="true">"Ctrl ⏎"</kbd>
                </Button>
                <Button large=large on:click=move |_| decider.asking.set(Asking::Nothing)>"Back"</Button>
            </div>
        </div>
    }
}

/// The key in a button, while keys are active.
#[component]
fn KeyHint(key: &'static str, shown: Signal<bool>) -> impl IntoView {
    move || {
        shown
            .get()
            .then(|| view! { <kbd class="kbd kbd-d" aria-hidden="true">{key}</kbd> })
    }
}

/// The questions of an approval, each with options and a field for free text.
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
    let form = form_id(decider.id);
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
                        name=format!("chosen[q{at}][]")
                        value=n.to_string()
                        form=form.clone()
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
        <fieldset class="q" dir="auto">
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
                    name=format!("own[q{at}]")
                    form=form
                    placeholder="In your own words"
                    use:keep_typed=Callback::new(move |typed: String| answers.update(|all| all[at].say(typed, multi)))
                    prop:value=move || answers.with(|all| all.get(at).map(|answer| answer.own.clone()).unwrap_or_default())
                    on:input:target=move |event| answers.update(|all| all[at].say(event.target().value(), multi))
                />
            </label>
        </fieldset>
    }
}
