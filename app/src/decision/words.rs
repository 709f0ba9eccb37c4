//! Approvals in words: what is asked, where an "always" is written, who decided. Also the answers to questions. Pure
//! functions. They must not shorten or soften what would run.

use crate::ui::format;
use model::approvals::{
    Approval, ApprovalKind, ApprovalState, Decide, Decided, Question, RememberScope, Verdict, Whole,
};
use model::{
    calls::{CallClass, text},
    entries::Diff,
    shown::{has_hidden, marked, mixed_word},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The most characters of an input that the message about a decision repeats.
const TOLD: usize = 80;
/// The most lines and characters of an input on a card among others.
const BRIEF: (usize, usize) = (10, 800);

/// The icon of a call's class.
pub const fn class_icon(class: CallClass) -> &'static str {
    match class {
        CallClass::Shell => "terminal",
        CallClass::Edit => "file-pen",
        CallClass::Write => "file-plus",
        CallClass::Read => "eye",
        CallClass::Search => "text-search",
        CallClass::Subagent => "bot",
        CallClass::Web => "external-link",
        CallClass::Todo => "list-todo",
        CallClass::Plan => "list-checks",
        CallClass::Question => "message-square",
        CallClass::Skill => "square-slash",
        CallClass::Server => "zap",
        CallClass::Other => "settings",
    }
}

/// The icon of an approval.
pub fn icon(approval: &Approval) -> &'static str {
    match approval.kind {
        ApprovalKind::Tool => class_icon(approval.class),
        ApprovalKind::Plan => "list-checks",
        ApprovalKind::Question => "message-square",
    }
}

/// The tool's name for people, with hidden characters marked.
pub fn tool_name(approval: &Approval) -> String {
    marked(approval.name()).into_owned()
}

/// Whether it only runs a command in a shell.
fn is_command(approval: &Approval) -> bool {
    approval.class == CallClass::Shell && approval.parts.command.is_some()
}

/// Its kind in a word: the tool, `Plan`, `Question`.
pub fn kind_word(approval: &Approval) -> String {
    match approval.kind {
        ApprovalKind::Tool => tool_name(approval),
        ApprovalKind::Plan => "Plan".into(),
        ApprovalKind::Question => "Question".into(),
    }
}

/// The line under its title: the command, the path, the first question. Hidden characters are marked.
pub fn line(approval: &Approval) -> String {
    let line = match approval.kind {
        ApprovalKind::Question => approval
            .questions
            .first()
            .map_or(&approval.target, |question| &question.question),
        _ => &approval.target,
    };
    marked(line).into_owned()
}

/// The title of the decision: who asks for what.
pub fn title(approval: &Approval) -> String {
    let who = approval.subagent.as_deref().unwrap_or("The agent");
    match approval.kind {
        ApprovalKind::Plan => format!("{who} proposes a plan"),
        ApprovalKind::Question if approval.questions.len() > 1 => {
            format!("{who} asks {} questions", approval.questions.len())
        }
        ApprovalKind::Question => format!("{who} asks a question"),
        ApprovalKind::Tool => match approval.class {
            CallClass::Shell if is_command(approval) => format!("{who} asks to run a command"),
            CallClass::Edit => format!("{who} asks to change a file"),
            CallClass::Write => format!("{who} asks to write a file"),
            CallClass::Read => format!("{who} asks to read a file"),
            CallClass::Web if approval.parts.url.is_some() => format!("{who} asks to fetch a page"),
            CallClass::Web if approval.parts.query.is_some() => format!("{who} asks to search the web"),
            _ => format!("{who} asks to use {}", tool_name(approval)),
        },
    }
}

/// The question above the buttons, in a timeline.
pub fn short_title(approval: &Approval) -> String {
    match approval.kind {
        ApprovalKind::Plan => "Approve this plan?".into(),
        ApprovalKind::Question => "The agent asks".into(),
        ApprovalKind::Tool => match approval.class {
            CallClass::Shell if is_command(approval) => "Allow this command?".into(),
            CallClass::Edit | CallClass::Write => "Allow this change?".into(),
            _ => format!("Allow {}?", tool_name(approval)),
        },
    }
}

/// The reason shown when the agent gave none.
pub const fn reason(kind: ApprovalKind) -> &'static str {
    match kind {
        ApprovalKind::Tool => "the agent gave no reason",
        ApprovalKind::Plan => "it plans: it edits nothing before somebody approves",
        ApprovalKind::Question => "it goes on only with an answer",
    }
}

/// The fields of an input with their values as text: strings unchanged, everything else as JSON.
pub fn fields(input: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    match input {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
        Value::Null => Vec::new(),
        other => vec![("input".into(), text(other))],
    }
}

/// The fields of the input that the rendered parts do not show: to allow an approval is to allow these too.
pub fn unsaid(approval: &Approval) -> Vec<(String, String)> {
    let parts = &approval.parts;
    // The parts rendered as text, as a sentence, and as questions.
    let (texts, flag, list): (&[&Option<String>], &Option<String>, &Option<String>) = match approval.kind {
        ApprovalKind::Plan => (&[&parts.plan], &None, &None),
        ApprovalKind::Question => (&[], &None, &parts.questions),
        ApprovalKind::Tool if command(approval).is_some() => (&[&parts.command, &parts.purpose], &None, &None),
        ApprovalKind::Tool => match &approval.diff {
            Some(diff) if !is_whole(diff) => (&[], &None, &None),
            Some(_) if parts.content.is_some() => (&[&parts.path, &parts.content], &None, &None),
            Some(_) => (&[&parts.path, &parts.old, &parts.new], &parts.everywhere, &None),
            None => (&[], &None, &None),
        },
    };
    let is_said = |key: &str| {
        let value = &approval.input[key];
        let is_text = value.is_string() && texts.iter().any(|part| is_field(part.as_deref(), key));
        is_text || (value.is_boolean() && is_field(flag.as_deref(), key)) || is_field(list.as_deref(), key)
    };
    fields(&approval.input)
        .into_iter()
        .filter(|(key, _)| !is_said(key))
        .collect()
}

/// Whether a part is exactly this field: a pointer to a deeper value shows nothing of its neighbours.
fn is_field(part: Option<&str>, key: &str) -> bool {
    let name = part
        .and_then(|pointer| pointer.strip_prefix('/'))
        .filter(|name| !name.contains('/'));
    name.is_some_and(|name| name.replace("~1", "/").replace("~0", "~") == key)
}

/// The command, where a shell runs it.
pub fn command(approval: &Approval) -> Option<&str> {
    text(&approval.input, approval.parts.command.as_deref())
        .filter(|_| approval.kind == ApprovalKind::Tool && is_command(approval))
}

/// The agent's own description of the command.
pub fn purpose(approval: &Approval) -> Option<&str> {
    command(approval)
        .and_then(|_| text(&approval.input, approval.parts.purpose.as_deref()))
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// Whether an edit replaces every occurrence of the old text.
pub fn is_everywhere(approval: &Approval) -> bool {
    approval.class == CallClass::Edit && approval.parts.is_everywhere(&approval.input)
}

/// Whether a diff shows the whole change.
pub fn is_whole(diff: &Diff) -> bool {
    diff.omitted == 0 && diff.shortened == 0 && !diff.lines.is_empty()
}

/// Whether an input has hidden or reordering characters, and its first word of mixed alphabets.
pub fn suspicions(approval: &Approval) -> (bool, Option<String>) {
    fn read(text: &str, found: &mut (bool, Option<String>)) {
        found.0 |= has_hidden(text);
        if found.1.is_none() {
            found.1 = mixed_word(text).map(str::to_owned);
        }
    }
    fn look(value: &Value, found: &mut (bool, Option<String>)) {
        match value {
            Value::String(string) => read(string, found),
            Value::Array(items) => items.iter().for_each(|item| look(item, found)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    read(key, found);
                    look(value, found);
                }
            }
            _ => {}
        }
    }
    let mut found = (
        has_hidden(&approval.tool),
        mixed_word(&approval.tool).map(str::to_owned),
    );
    look(&approval.input, &mut found);
    found
}

/// The beginning of an input that is too long for a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its first lines.
    pub shown: Beginning,
    /// The size of the rest: `6 more lines`.
    pub rest: String,
}

/// The visible part of a [`Head`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// Text.
    Text(String),
    /// So many lines of the diff.
    Lines(usize),
}

/// The beginning of an input that is too long for a card; `None` if all of it fits.
pub fn head(approval: &Approval) -> Option<Head> {
    let fields: Vec<String> = unsaid(approval)
        .into_iter()
        .map(|(key, value)| format!("{key}: {value}"))
        .collect();
    if let Some(diff) = &approval.diff {
        let lines = diff
            .lines
            .iter()
            .map(|line| line.parts.iter().map(|(_, part)| part.chars().count()).sum::<usize>());
        let fields = fields
            .iter()
            .flat_map(|field| field.lines())
            .map(|line| line.chars().count());
        let all = lines.clone().count() + fields.clone().count();
        let shown = fitting(lines.chain(fields));
        return (shown < all).then(|| Head {
            shown: Beginning::Lines(shown),
            rest: rest("line", all - shown),
        });
    }
    let text = command(approval)
        .map(str::to_owned)
        .into_iter()
        .chain(fields)
        .collect::<Vec<_>>()
        .join("\n");
    let all = text.lines().count();
    let shown = fitting(text.lines().map(|line| line.chars().count()));
    if shown == all {
        return None;
    }
    if shown == 0 {
        let beginning: String = text.chars().take(BRIEF.1).collect();
        let left = text.chars().count().saturating_sub(BRIEF.1);
        return Some(Head {
            shown: Beginning::Text(beginning),
            rest: rest("character", left),
        });
    }
    Some(Head {
        shown: Beginning::Text(text.lines().take(shown).collect::<Vec<_>>().join("\n")),
        rest: rest("line", all - shown),
    })
}

/// The size of an input of which the row carries only the beginning: `1,200 lines`.
pub fn length(whole: Whole) -> String {
    // Few but very long lines are counted in bytes.
    if whole.bytes / whole.lines.max(1) > 1_000 {
        format::bytes(whole.bytes)
    } else {
        format!("{} lines", format::exact(whole.lines))
    }
}

/// How many lines of these lengths fit on a card.
fn fitting(lengths: impl Iterator<Item = usize>) -> usize {
    let mut letters = 0;
    lengths
        .take(BRIEF.0)
        .take_while(|length| {
            letters += length;
            letters <= BRIEF.1
        })
        .count()
}

fn rest(word: &str, n: usize) -> String {
    if n == 1 {
        format!("1 more {word}")
    } else {
        format!("{n} more {word}s")
    }
}

/// The title of the exact input.
pub fn input_title(approval: &Approval) -> &'static str {
    match approval.class {
        CallClass::Shell if is_command(approval) => "Command",
        CallClass::Edit => "Change",
        CallClass::Write => "File",
        CallClass::Web => "Request",
        _ => "Input",
    }
}

/// A scope for people.
pub const fn scope_title(scope: RememberScope) -> &'static str {
    match scope {
        RememberScope::Session => "this session",
        RememberScope::Local => "this project, on this machine",
        RememberScope::Project => "this project, for everybody",
        RememberScope::User => "every project on this machine",
    }
}

/// The outcome: `Mara allowed once`, `Mara denied: too broad`, `The agent withdrew it`.
pub fn outcome(approval: &Approval) -> String {
    match (&approval.decided, approval.state) {
        (_, ApprovalState::Pending) => "Waiting".into(),
        (Some(decided), _) => decision(decided, approval.kind),
        (None, ApprovalState::Allowed) => "Allowed".into(),
        (None, ApprovalState::Denied) => "Denied".into(),
        (None, ApprovalState::Withdrawn) => "The agent no longer wants an answer".into(),
    }
}

/// A decision in words.
pub fn decision(decided: &Decided, kind: ApprovalKind) -> String {
    let who = match decided.by_name.as_deref() {
        Some("node") | None => "OrchWiz",
        Some(name) => name,
    };
    let what = match (decided.decision, kind, decided.remember) {
        (Verdict::Allow, ApprovalKind::Plan, _) => "approved the plan".to_owned(),
        (Verdict::Allow, ApprovalKind::Question, _) => "answered".to_owned(),
        (Verdict::Allow, ApprovalKind::Tool, None) => "allowed once".to_owned(),
        (Verdict::Allow, ApprovalKind::Tool, Some(scope)) => format!("always allowed, {}", scope_title(scope)),
        (Verdict::Deny, ApprovalKind::Plan, _) => "sent the plan back".to_owned(),
        (Verdict::Deny, _, _) => "denied".to_owned(),
    };
    match decided.reason.as_deref().filter(|reason| !reason.trim().is_empty()) {
        Some(reason) => format!("{who} {what}: {reason}"),
        None => format!("{who} {what}"),
    }
}

/// The message about a decision whose item is gone: `Allowed once: cargo test`.
pub fn told(approval: &Approval, wish: &Decide) -> String {
    let what = match (wish.decision, approval.kind, wish.remember) {
        (Verdict::Allow, ApprovalKind::Tool, None) => "Allowed once".to_owned(),
        (Verdict::Allow, ApprovalKind::Tool, Some(scope)) => format!("Always allowed, {}", scope_title(scope)),
        (Verdict::Allow, ApprovalKind::Plan, _) => "Plan approved".to_owned(),
        (Verdict::Allow, ApprovalKind::Question, _) => "Answered".to_owned(),
        (Verdict::Deny, ApprovalKind::Tool, _) => "Denied".to_owned(),
        (Verdict::Deny, ApprovalKind::Plan, _) => "Plan sent back".to_owned(),
        (Verdict::Deny, ApprovalKind::Question, _) => "Not answered".to_owned(),
    };
    let line = line(approval);
    let mut letters = line.lines().next().unwrap_or_default().chars();
    let short: String = letters.by_ref().take(TOLD).collect();
    let more = if letters.next().is_some() { "…" } else { "" };
    if short.is_empty() {
        format!("{what}: {}", approval.session_title)
    } else {
        format!("{what}: {short}{more}")
    }
}

/// A person's answer to one question so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The chosen options, by index.
    pub chosen: Vec<usize>,
    /// Free text.
    pub own: String,
}

impl Answer {
    /// Chooses an option or unchooses it; without `multi` it replaces the others.
    pub fn toggle(&mut self, option: usize, multi: bool) {
        if let Some(at) = self.chosen.iter().position(|other| *other == option) {
            if multi {
                self.chosen.remove(at);
            }
            return;
        }
        if !multi {
            self.chosen.clear();
            self.own.clear();
        }
        let at = self.chosen.partition_point(|other| *other < option);
        self.chosen.insert(at, option);
    }

    /// Sets the free text; without `multi` it replaces the option.
    pub fn say(&mut self, own: String, multi: bool) {
        if !multi && !own.trim().is_empty() {
            self.chosen.clear();
        }
        self.own = own;
    }

    fn text(&self, question: &Question) -> Option<String> {
        let labels = self
            .chosen
            .iter()
            .filter_map(|at| question.options.get(*at))
            .map(|option| option.label.clone());
        let own = Some(self.own.trim().to_owned()).filter(|own| !own.is_empty());
        let all: Vec<String> = labels.chain(own).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// The answers in the agent's form, once every question has one.
pub fn answers(questions: &[Question], given: &[Answer]) -> Option<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for (at, question) in questions.iter().enumerate() {
        all.insert(question.question.clone(), given.get(at)?.text(question)?);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::approval;
    use model::{approvals::QuestionOption, calls::CallParts};
    use serde_json::json;

    fn question(text: &str, multi_select: bool) -> Question {
        let option = |label: &str| QuestionOption {
            label: label.into(),
            description: String::new(),
        };
        Question {
            question: text.into(),
            header: String::new(),
            options: vec![option("Yes"), option("No")],
            multi_select,
        }
    }

    #[test]
    fn nothing_is_sent_before_every_question_has_an_answer() {
        let questions = [question("One?", false), question("Two?", true)];
        let mut given = vec![Answer::default(), Answer::default()];
        given[0].toggle(1, false);
        assert_eq!(answers(&questions, &given), None);
        given[1].toggle(1, true);
        given[1].toggle(0, true);
        given[1].say("but later".into(), true);
        let all = answers(&questions, &given).unwrap();
        assert_eq!(all["One?"], "No");
        assert_eq!(all["Two?"], "Yes, No, but later");
    }

    #[test]
    fn of_a_single_choice_the_last_one_holds() {
        let mut answer = Answer::default();
        answer.toggle(0, false);
        answer.toggle(1, false);
        assert_eq!(answer.chosen, [1]);
        answer.say("neither".into(), false);
        assert_eq!((answer.chosen.len(), answer.own.as_str()), (0, "neither"));
        answer.toggle(0, false);
        assert_eq!((answer.chosen, answer.own), (vec![0], String::new()));
    }

    #[test]
    fn decisions_say_who_what_and_why() {
        let mut decided = Decided {
            decision: Verdict::Deny,
            at: 0,
            by: None,
            by_name: Some("mara".into()),
            via: "browser".into(),
            from: None,
            reason: Some("too broad".into()),
            remember: None,
        };
        assert_eq!(decision(&decided, ApprovalKind::Tool), "mara denied: too broad");
        assert_eq!(
            decision(&decided, ApprovalKind::Plan),
            "mara sent the plan back: too broad"
        );
        decided.decision = Verdict::Allow;
        decided.reason = None;
        decided.remember = Some(RememberScope::Local);
        assert_eq!(
            decision(&decided, ApprovalKind::Tool),
            "mara always allowed, this project, on this machine"
        );
        decided.by_name = Some("node".into());
        decided.decision = Verdict::Deny;
        assert_eq!(decision(&decided, ApprovalKind::Tool), "OrchWiz denied");
    }

    #[test]
    fn a_tool_has_the_name_that_its_driver_gives_it() {
        let named = |label: Option<&str>| {
            approval(1, |a| {
                a.class = CallClass::Server;
                a.label = label.map(str::to_owned);
                a.parts = CallParts::default();
            })
        };
        let server = named(Some("slack post"));
        assert_eq!((kind_word(&server).as_str(), icon(&server)), ("slack post", "zap"));
        assert_eq!(
            (title(&server), short_title(&server)),
            ("The agent asks to use slack post".into(), "Allow slack post?".into())
        );
        assert_eq!(tool_name(&named(None)), named(None).tool);
    }

    #[test]
    fn a_call_is_named_by_what_it_does() {
        let asks = |class, change: fn(&mut CallParts)| {
            let asked = approval(1, |a| {
                a.class = class;
                a.parts = CallParts::default();
                change(&mut a.parts);
            });
            title(&asked).trim_start_matches("The agent asks to ").to_owned()
        };
        let nothing: fn(&mut CallParts) = |_| ();
        assert_eq!(
            asks(CallClass::Shell, |parts| parts.command = Some("/command".into())),
            "run a command"
        );
        assert!(
            asks(CallClass::Shell, nothing).starts_with("use "),
            "it looks after one that runs"
        );
        assert_eq!(
            [CallClass::Edit, CallClass::Write, CallClass::Read].map(|class| asks(class, nothing)),
            ["change a file", "write a file", "read a file"]
        );
        assert_eq!(
            asks(CallClass::Web, |parts| parts.url = Some("/url".into())),
            "fetch a page"
        );
        assert_eq!(
            asks(CallClass::Web, |parts| parts.query = Some("/query".into())),
            "search the web"
        );
        assert!(asks(CallClass::Web, nothing).starts_with("use "));
    }

    #[test]
    fn only_a_field_that_is_shown_whole_and_as_text_counts_as_said() {
        let left = |input: serde_json::Value, parts: CallParts| {
            let asked = approval(1, |a| {
                a.input = input;
                a.parts = parts;
            });
            unsaid(&asked).into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        let at = |command: &str| CallParts {
            command: Some(command.into()),
            purpose: Some("/why".into()),
            ..CallParts::default()
        };
        assert_eq!(
            left(json!({ "argv": "make", "why": "to build", "more": 1 }), at("/argv")),
            ["more"]
        );
        assert_eq!(left(json!({ "a/b~": "make" }), at("/a~1b~0")), [""; 0]);
        // The neighbours of a deeper value are shown.
        assert_eq!(
            left(json!({ "argv": ["sh", "-c", "make"], "why": "x" }), at("/argv/2")),
            ["argv"]
        );
        assert_eq!(
            left(json!({ "a": { "b": "make" }, "a/b": "rm" }), at("/a/b")),
            ["a", "a/b"]
        );
        // A part that is not text is not shown as text.
        assert_eq!(left(json!({ "argv": "make", "why": ["rm"] }), at("/argv")), ["why"]);
        assert_eq!(
            left(json!({ "argv": ["rm"], "why": "x" }), at("/argv")),
            ["argv", "why"]
        );
        // The driver names no command, so nothing is shown as one.
        assert_eq!(left(json!({ "command": "make" }), CallParts::default()), ["command"]);
    }
}
