//! Approvals in words: what is asked, where an "always" is written, who decided what. Also the answers of questions.
//! Pure functions; they must not shorten or soften what would run.

use model::approvals::{Approval, ApprovalKind, ApprovalState, Decide, Decided, Question, RememberScope, Verdict};
use std::collections::BTreeMap;

/// So many letters of what was decided are said again.
const TOLD: usize = 80;

/// The icon of a tool.
pub fn tool_icon(tool: &str) -> &'static str {
    match tool {
        "Bash" | "BashOutput" | "KillShell" | "PowerShell" => "terminal",
        "Edit" | "MultiEdit" | "NotebookEdit" => "file-pen",
        "Write" => "file-plus",
        "Read" => "eye",
        "Grep" | "Glob" | "LS" | "ToolSearch" => "text-search",
        "Task" | "Agent" => "bot",
        "WebFetch" | "WebSearch" => "external-link",
        "TodoWrite" | "TaskCreate" | "TaskUpdate" | "TaskList" => "list-todo",
        "ExitPlanMode" => "list-checks",
        "AskUserQuestion" => "message-square",
        "SlashCommand" | "Skill" => "square-slash",
        tool if tool.starts_with("mcp__") => "zap",
        _ => "settings",
    }
}

/// The tool's name for people: `mcp__slack__post` reads `slack post`.
pub fn tool_name(tool: &str) -> String {
    match tool.strip_prefix("mcp__").and_then(|rest| rest.split_once("__")) {
        Some((server, name)) => format!("{server} {name}"),
        None => tool.to_owned(),
    }
}

/// The icon of an approval.
pub fn icon(approval: &Approval) -> &'static str {
    match approval.kind {
        ApprovalKind::Tool => tool_icon(&approval.tool),
        ApprovalKind::Plan => "list-checks",
        ApprovalKind::Question => "message-square",
    }
}

/// What it is, in a word: `Bash`, `Plan`, `Question`.
pub fn kind_word(approval: &Approval) -> String {
    match approval.kind {
        ApprovalKind::Tool => tool_name(&approval.tool),
        ApprovalKind::Plan => "Plan".into(),
        ApprovalKind::Question => "Question".into(),
    }
}

/// One line under its title: the command, the path, the first question.
pub fn line(approval: &Approval) -> String {
    match approval.kind {
        ApprovalKind::Question => approval.questions.first().map_or_else(|| approval.target.clone(), |question| question.question.clone()),
        _ => approval.target.clone(),
    }
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
        ApprovalKind::Tool => match approval.tool.as_str() {
            "Bash" | "PowerShell" => format!("{who} asks to run a command"),
            "Edit" | "MultiEdit" | "NotebookEdit" => format!("{who} asks to change a file"),
            "Write" => format!("{who} asks to write a file"),
            "Read" => format!("{who} asks to read a file"),
            "WebFetch" => format!("{who} asks to fetch a page"),
            "WebSearch" => format!("{who} asks to search the web"),
            tool => format!("{who} asks to use {}", tool_name(tool)),
        },
    }
}

/// The question above the buttons, in a timeline.
pub fn short_title(approval: &Approval) -> String {
    match approval.kind {
        ApprovalKind::Plan => "Approve this plan?".into(),
        ApprovalKind::Question => "The agent asks".into(),
        ApprovalKind::Tool => match approval.tool.as_str() {
            "Bash" | "PowerShell" => "Allow this command?".into(),
            "Edit" | "MultiEdit" | "NotebookEdit" | "Write" => "Allow this change?".into(),
            tool => format!("Allow {}?", tool_name(tool)),
        },
    }
}

/// Why it asks, where the agent said nothing.
pub const fn reason(kind: ApprovalKind) -> &'static str {
    match kind {
        ApprovalKind::Tool => "the agent gave no reason",
        ApprovalKind::Plan => "it plans: it edits nothing before somebody approves",
        ApprovalKind::Question => "it goes on only with an answer",
    }
}

/// What the exact input is called.
pub fn input_title(approval: &Approval) -> &'static str {
    match approval.tool.as_str() {
        "Bash" | "PowerShell" => "Command",
        "Edit" | "MultiEdit" | "NotebookEdit" => "Change",
        "Write" => "File",
        "WebFetch" | "WebSearch" => "Request",
        _ => "Input",
    }
}

/// A scope for people.
pub const fn scope_title(scope: RememberScope) -> &'static str {
    match scope {
        RememberScope::Session => "this session",
        RememberScope::Local => "this project, only me",
        RememberScope::Project => "this project, everyone",
        RememberScope::User => "everywhere, only me",
    }
}

/// Where a scope is written.
pub const fn scope_file(scope: RememberScope) -> &'static str {
    match scope {
        RememberScope::Session => "nowhere: it holds until this session's agent ends",
        RememberScope::Local => ".claude/settings.local.json",
        RememberScope::Project => ".claude/settings.json",
        RememberScope::User => "~/.claude/settings.json",
    }
}

/// What came of it: `Mara allowed once`, `Mara denied: too broad`, `The agent withdrew it`.
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

/// What was just decided, where the item itself is gone: `Allowed once: cargo test`.
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
    if short.is_empty() { format!("{what}: {}", approval.session_title) } else { format!("{what}: {short}{more}") }
}

/// What somebody answered to one question so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The options chosen, by their place.
    pub chosen: Vec<usize>,
    /// Words of their own.
    pub own: String,
}

impl Answer {
    /// Chooses an option, or takes it back; without `multi` it is the only one.
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

    /// Says it in their own words; without `multi` instead of an option.
    pub fn say(&mut self, own: String, multi: bool) {
        if !multi && !own.trim().is_empty() {
            self.chosen.clear();
        }
        self.own = own;
    }

    fn text(&self, question: &Question) -> Option<String> {
        let labels = self.chosen.iter().filter_map(|at| question.options.get(*at)).map(|option| option.label.clone());
        let own = Some(self.own.trim().to_owned()).filter(|own| !own.is_empty());
        let all: Vec<String> = labels.chain(own).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// The answers as the agent wants them, once every question has one.
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
    use model::approvals::QuestionOption;

    fn question(text: &str, multi_select: bool) -> Question {
        let option = |label: &str| QuestionOption { label: label.into(), description: String::new() };
        Question { question: text.into(), header: String::new(), options: vec![option("Yes"), option("No")], multi_select }
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
        assert_eq!(decision(&decided, ApprovalKind::Plan), "mara sent the plan back: too broad");
        decided.decision = Verdict::Allow;
        decided.reason = None;
        decided.remember = Some(RememberScope::Local);
        assert_eq!(decision(&decided, ApprovalKind::Tool), "mara always allowed, this project, only me");
        decided.by_name = Some("node".into());
        decided.decision = Verdict::Deny;
        assert_eq!(decision(&decided, ApprovalKind::Tool), "OrchWiz denied");
    }

    #[test]
    fn tools_of_servers_are_named_for_people() {
        assert_eq!(tool_name("mcp__slack__chat_post"), "slack chat_post");
        assert_eq!(tool_name("Bash"), "Bash");
        assert_eq!(tool_icon("mcp__slack__chat_post"), "zap");
    }
}
