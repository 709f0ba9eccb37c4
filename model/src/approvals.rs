//! Approvals: what an agent asks a person, and the answer. An approval is decided once.

use crate::{
    Millis,
    calls::{CallClass, CallParts, CallShape},
    entries::{Body, Diff},
    id::{ApprovalId, ProjectId, RunId, SessionId, UserId},
    sessions::{Mode, words},
};
use serde::{Deserialize, Serialize};

words! {
    /// The kind of an approval.
    ApprovalKind {
        /// May this tool run?
        Tool = "tool",
        /// Is this the plan?
        Plan = "plan",
        /// A question with options.
        Question = "question",
    }
}

words! {
    /// The state of an approval.
    ApprovalState {
        /// Waits for a person.
        Pending = "pending",
        /// Allowed.
        Allowed = "allowed",
        /// Denied.
        Denied = "denied",
        /// The agent no longer wants an answer, or is gone.
        Withdrawn = "withdrawn",
    }
}

words! {
    /// The answer.
    Verdict {
        /// Yes.
        Allow = "allow",
        /// No.
        Deny = "deny",
    }
}

words! {
    /// The scope in which an "always" is remembered.
    RememberScope {
        /// Until this session's agent ends.
        Session = "session",
        /// In this project on this machine.
        Local = "local",
        /// For everybody who has this project.
        Project = "project",
        /// In every project of this machine.
        User = "user",
    }
}

impl RememberScope {
    /// The scopes to offer. Agents do not read the settings of an untrusted project. A rule that `lasts` beyond the
    /// session lies in settings that everybody's sessions read, since all agents share the node's user.
    pub const fn offered(trusted: bool, lasts: bool) -> &'static [Self] {
        match (lasts, trusted) {
            (false, _) => &[Self::Session],
            (true, false) => &[Self::Session, Self::User],
            (true, true) => Self::ALL,
        }
    }
}

/// The whole effect of "always" at one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Always {
    /// The scope.
    pub scope: RememberScope,
    /// The rule and the sessions it holds for, in one sentence.
    pub text: String,
    /// The file that the agent writes the rule to; `None` where it writes none.
    #[serde(default)]
    pub file: Option<String>,
}

impl Always {
    /// One sentence that says what remembering all `suggestions` at `scope` does.
    pub fn text(suggestions: &[Suggestion], scope: RememberScope) -> String {
        let what: Vec<&str> = suggestions.iter().map(|suggestion| suggestion.text.as_str()).collect();
        let where_to = match scope {
            RememberScope::Session => "in this session, until its agent ends",
            RememberScope::Local => "in every session of this project on this machine",
            RememberScope::Project => "in every session of this project, for everybody who has its files",
            RememberScope::User => "in every session of every project on this machine",
        };
        format!("From now on, {where_to}: {}.", what.join("; "))
    }
}

/// A rule that the agent offers to remember: for people, and as the agent sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Suggestion {
    /// The rule: `allow Bash(cargo test *)`.
    pub text: String,
    /// The scope in which the agent would write it.
    pub scope: RememberScope,
    /// The suggestion as the agent sent it.
    pub raw: serde_json::Value,
}

/// An option of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuestionOption {
    /// The answer.
    pub label: String,
    /// What it means.
    #[serde(default)]
    pub description: String,
}

/// A question the agent asks a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Question {
    /// The question; answers are keyed by it.
    pub question: String,
    /// A word or two.
    #[serde(default)]
    pub header: String,
    /// The answers to choose from; a person may always answer in free text.
    pub options: Vec<QuestionOption>,
    /// Whether several options may be chosen.
    #[serde(default)]
    pub multi_select: bool,
}

/// The decision of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decided {
    /// The answer.
    pub decision: Verdict,
    /// When it was decided, unix ms.
    pub at: Millis,
    /// Who; `None` for the node (a time limit, the mode) and the command line.
    pub by: Option<UserId>,
    /// That person's name, or `node`.
    pub by_name: Option<String>,
    /// Through what: `browser`, `token`, `cli`, `node`.
    pub via: String,
    /// From which address.
    pub from: Option<String>,
    /// Why, or the comment on a plan.
    pub reason: Option<String>,
    /// The scope in which the answer is remembered.
    pub remember: Option<RememberScope>,
}

/// Something an agent asks of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Approval {
    /// The node whose agent asks.
    pub node: crate::fleet::NodeRef,
    /// Its id.
    pub id: ApprovalId,
    /// In which session.
    pub session: SessionId,
    /// That session's title.
    pub session_title: String,
    /// In which project.
    pub project: ProjectId,
    /// That project's name.
    pub project_name: String,
    /// Its kind.
    pub kind: ApprovalKind,
    /// Which tool, as the agent names it.
    pub tool: String,
    /// The class of the call.
    pub class: CallClass,
    /// The tool's name for people, where it is another: `slack post`.
    pub label: Option<String>,
    /// The agent's id of the call; ties it to the entry.
    pub call: Option<String>,
    /// Where in `input` the command, the path and so on are.
    pub parts: CallParts,
    /// The tool's exact input; only its beginning where `input_cut` is set.
    pub input: serde_json::Value,
    /// The full size, where `input` holds only a beginning of at most 32 KiB of JSON. `input_html`, `diff` and
    /// `plan_html` then end there too. Fetch the rest before deciding (`Approvals::input`,
    /// `GET /approvals/{id}/input`).
    #[serde(default)]
    pub input_cut: Option<Whole>,
    /// The same on one line: the command, the path.
    pub target: String,
    /// A shell's command, highlighted: sanitised HTML of spans.
    pub input_html: Option<String>,
    /// The change it would make, for edits.
    pub diff: Option<Diff>,
    /// The plan as sanitised HTML, for plans.
    pub plan_html: Option<String>,
    /// The questions, for questions; empty where they do not fit into a row, in which case `input_cut` is set.
    pub questions: Vec<Question>,
    /// Why it asked: the agent's reason, else the mode in words.
    pub reason: Option<String>,
    /// The subagent that asks; `None` for the main thread.
    pub subagent: Option<String>,
    /// What "always" would remember; empty when the agent offers nothing, or more than fits into a row.
    pub suggestions: Vec<Suggestion>,
    /// The scopes at which this caller's "always" would hold; empty when there is nothing to remember. Agents do not
    /// read an untrusted project's own settings, so its scopes are missing there. All scopes but `session` need the
    /// role admin.
    pub scopes: Vec<RememberScope>,
    /// What "always" does at each of those scopes, in the same order.
    pub always: Vec<Always>,
    /// Its state.
    pub state: ApprovalState,
    /// When it was asked.
    pub created: Millis,
    /// When it will be denied by itself; `None` means it waits.
    pub expires: Option<Millis>,
    /// Whose limit that is, where it is known.
    pub limit: Option<LimitOf>,
    /// The directory the session works in; `None` where its project was removed.
    pub directory: Option<String>,
    /// The git branch when the session started.
    pub branch: Option<String>,
    /// The decision; `None` while it is pending.
    pub decided: Option<Decided>,
}

impl Approval {
    /// The tool's name for people.
    pub fn name(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.tool)
    }

    /// Replaces the beginning of the input by the whole.
    pub fn complete(&mut self, whole: ApprovalInput) {
        self.input = whole.input;
        self.input_cut = None;
        self.input_html = whole.input_html;
        self.diff = whole.diff;
        self.plan_html = whole.plan_html;
        self.questions = whole.questions;
    }
}

/// The full size of an input that a row carries only the beginning of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Whole {
    /// Bytes of its JSON.
    pub bytes: i64,
    /// Lines of its texts.
    pub lines: i64,
}

/// The whole input of an approval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApprovalInput {
    /// Exactly what the tool would get; null when it was purged.
    pub input: serde_json::Value,
    /// The command or content highlighted: sanitised HTML of spans.
    pub input_html: Option<String>,
    /// The change it would make, for edits.
    pub diff: Option<Diff>,
    /// The plan as sanitised HTML, for plans.
    pub plan_html: Option<String>,
    /// The questions, for questions.
    pub questions: Vec<Question>,
}

words! {
    /// Whose limit denies an approval that nobody answers.
    LimitOf {
        /// The project's own.
        Project = "project",
        /// That of sessions started by a token or the command line, where nobody may be there to answer.
        Unattended = "unattended",
    }
}

/// What `POST /approvals/{id}` takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decide {
    /// The answer.
    pub decision: Verdict,
    /// Where to remember the answer. Only with `allow`, only if the agent made a suggestion, and only one of the
    /// approval's `scopes`: all but `session` need the role admin.
    #[serde(default)]
    pub remember: Option<RememberScope>,
    /// Why not, or comments on a plan; at most 10,000 characters.
    #[serde(default)]
    pub reason: Option<String>,
    /// For plans: the mode to go on in; `ask` when absent.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// For questions: the answers, keyed by the question's full text.
    #[serde(default)]
    pub answers: Option<std::collections::BTreeMap<String, String>>,
}

impl Decide {
    /// A plain yes.
    pub fn allow() -> Self {
        Self {
            decision: Verdict::Allow,
            remember: None,
            reason: None,
            mode: None,
            answers: None,
        }
    }

    /// A no with its reason.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self {
            decision: Verdict::Deny,
            reason: Some(reason.into()),
            ..Self::allow()
        }
    }
}

/// Which approvals a list shows; oldest first when pending, newest first otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApprovalFilter {
    /// Only in this state.
    pub state: Option<ApprovalState>,
    /// Only of this session.
    pub session: Option<SessionId>,
}

/// An agent asks a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalAsked {
    /// The approval.
    pub id: ApprovalId,
    /// In which session.
    pub session: SessionId,
    /// The process that asked: only it gets the answer.
    pub run: RunId,
    /// The process's id of the request.
    pub request: String,
    /// Its kind.
    pub kind: ApprovalKind,
    /// Which tool.
    pub tool: String,
    /// The class of the call, and where its input says what.
    #[serde(default)]
    pub shape: CallShape,
    /// The agent's id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Exactly what the tool would get.
    pub input: Body,
    /// A secret was masked in it, so the stored input differs from the agent's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
    /// The same on one line.
    pub target: String,
    /// Why it asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The subagent that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subagent: Option<String>,
    /// What "always" would remember.
    #[serde(default)]
    pub suggestions: Vec<Suggestion>,
    /// The questions.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// When it will be denied by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
}

/// A person answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalDecided {
    /// In which session.
    pub session: SessionId,
    /// The decision.
    pub decided: Decided,
    /// The answers, for questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<std::collections::BTreeMap<String, String>>,
    /// The mode to go on in, for plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}

/// The agent no longer wants an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalWithdrawn {
    /// In which session.
    pub session: SessionId,
    /// Why nobody needs to answer any more.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn always_says_what_it_does() {
        let suggestions = [Suggestion {
            text: "allow Bash(make *)".into(),
            scope: RememberScope::Local,
            raw: serde_json::Value::Null,
        }];
        assert_eq!(
            Always::text(&suggestions, RememberScope::User),
            "From now on, in every session of every project on this machine: allow Bash(make *)."
        );
    }
}
