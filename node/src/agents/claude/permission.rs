//! Permission updates: what Claude Code offers to remember, in words and at the scope that a person chose. It returns
//! only what the agent suggested.

use super::{mode_of, own, tool::one_line};
use crate::agents::{Cause, Grant};
use model::{
    approvals::{Question, RememberScope, Suggestion},
    sessions::Mode,
};
use serde_json::{Value, json};

/// The agent's name of a scope.
const fn destination(scope: RememberScope) -> &'static str {
    match scope {
        RememberScope::Session => "session",
        RememberScope::Local => "localSettings",
        RememberScope::Project => "projectSettings",
        RememberScope::User => "userSettings",
    }
}

/// The scope of an agent's name; an unknown name counts as the session, the smallest scope.
fn scope(destination: Option<&str>) -> RememberScope {
    match destination {
        Some("localSettings") => RememberScope::Local,
        Some("projectSettings") => RememberScope::Project,
        Some("userSettings") => RememberScope::User,
        _ => RememberScope::Session,
    }
}

/// The suggestions as rules at the scope that a person chose; rules forbidden in every session are left out.
pub fn remember(suggestions: &[Suggestion], scope: RememberScope) -> Vec<Value> {
    suggestions
        .iter()
        .filter(|suggestion| may_remember(&suggestion.raw))
        .map(|suggestion| at_scope(&suggestion.raw, scope))
        .collect()
}

/// Whether this may go back to the agent: it must not change to a mode that OrchWiz lacks (`bypassPermissions` and the
/// like).
fn may_remember(raw: &Value) -> bool {
    raw["type"] != "setMode" || mode(raw).is_some()
}

/// Whether all of these can outlast the session. A change of mode cannot.
pub fn can_last(suggestions: &[Suggestion]) -> bool {
    suggestions.iter().all(|suggestion| suggestion.raw["type"] != "setMode")
}

/// The mode that a suggestion changes to; `None` for modes that OrchWiz lacks.
fn mode(raw: &Value) -> Option<Mode> {
    raw["mode"].as_str().and_then(mode_of)
}

/// A suggestion at another scope. A change of mode always stays with the session, because nobody expects it elsewhere.
fn at_scope(raw: &Value, scope: RememberScope) -> Value {
    let mut raw = raw.clone();
    let scope = if raw["type"] == "setMode" {
        RememberScope::Session
    } else {
        scope
    };
    if let Value::Object(map) = &mut raw {
        map.insert("destination".into(), json!(destination(scope)));
    }
    raw
}

/// What the agent adds to the folder's own settings for these suggestions at this scope. `None` if it leaves them
/// alone, or does anything but add permissions.
pub fn grant(suggestions: &[Suggestion], scope: RememberScope) -> Option<Grant> {
    let (mut allow, mut directories) = (Vec::new(), Vec::new());
    for Suggestion { raw, .. } in suggestions {
        match raw["type"].as_str()? {
            "addRules" if raw["behavior"] == "allow" => allow.extend(
                raw["rules"]
                    .as_array()?
                    .iter()
                    .map(written)
                    .collect::<Option<Vec<_>>>()?,
            ),
            "addDirectories" => directories.extend(
                raw["directories"]
                    .as_array()?
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned),
            ),
            _ => return None,
        }
    }
    own::grant(scope, allow, directories)
}

/// A rule in the syntax of a settings file.
fn written(rule: &Value) -> Option<String> {
    let tool = rule["toolName"].as_str()?;
    Some(match rule["ruleContent"].as_str() {
        Some(content) if !content.is_empty() => format!(
            "{tool}({})",
            content.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)")
        ),
        _ => tool.to_owned(),
    })
}

/// What "always" would remember, in words. The agent offers alternatives from narrow to wide: rules, folders, another
/// mode. Only the narrowest kind is taken, because allowing a command is no consent to unasked edits. Unknown kinds are
/// left out, because nobody could knowingly agree to them.
pub fn suggestions(raw: Option<&Value>) -> Vec<Suggestion> {
    let list = raw.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let width = |raw: &Value| match raw["type"].as_str() {
        Some("addRules" | "replaceRules" | "removeRules") => 0,
        Some("addDirectories" | "removeDirectories") => 1,
        _ => 2,
    };
    let known: Vec<(u8, Suggestion)> = list
        .iter()
        .filter_map(|raw| {
            Some((
                width(raw),
                Suggestion {
                    text: text(raw)?,
                    scope: scope(raw["destination"].as_str()),
                    raw: raw.clone(),
                },
            ))
        })
        .collect();
    let narrowest = known.iter().map(|(width, _)| *width).min();
    known
        .into_iter()
        .filter(|(width, _)| Some(*width) == narrowest)
        .map(|(_, suggestion)| suggestion)
        .collect()
}

/// Why the agent asks, in its own words, if it says so.
pub fn reason(request: &Value) -> Option<String> {
    let rule = &request["matched_ask_rule"];
    request["decision_reason"]
        .as_str()
        .map(one_line)
        .filter(|line| !line.is_empty())
        .or_else(|| {
            let tool = rule["tool_name"].as_str()?;
            let what = rule["rule_content"]
                .as_str()
                .map_or(tool.to_owned(), |content| format!("{tool}({content})"));
            Some(format!("a rule asks for {what}"))
        })
        .or_else(|| match request["decision_reason_type"].as_str()? {
            "mode" => Some("its mode forbids this".into()),
            "subcommandResults" => Some("a part of the command is not allowed yet".into()),
            "workingDir" => Some("it reaches outside the project".into()),
            "sandboxOverride" => Some("it wants to leave the sandbox".into()),
            "safetyCheck" => Some("a safety check asks".into()),
            "asyncAgent" => Some("a background agent asks".into()),
            _ => None,
        })
}

/// Why the agent asks, by its own keyword.
pub fn cause(request: &Value) -> Cause {
    match request["decision_reason_type"].as_str() {
        None => Cause::Unsaid,
        Some("mode") => Cause::Mode,
        Some("rule") => Cause::Rule,
        Some("workingDir") => Cause::Outside,
        Some("safetyCheck") => Cause::Safety,
        Some("hook") => Cause::Hook,
        Some("subcommandResults") => Cause::Part,
        Some(_) => Cause::Other,
    }
}

/// The questions of `AskUserQuestion`; unreadable ones are left out.
pub fn questions(input: &Value) -> Vec<Question> {
    let list = input["questions"].as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter_map(|question| serde_json::from_value(question.clone()).ok())
        .collect()
}

/// `allow Bash(cargo test *)`, `set mode acceptEdits`, `add directory /srv/data`.
fn text(raw: &Value) -> Option<String> {
    let behavior = raw["behavior"].as_str();
    match raw["type"].as_str()? {
        "addRules" => Some(format!("{} {}", behavior?, rules(raw)?)),
        "replaceRules" => Some(format!("replace all {} rules by {}", behavior?, rules(raw)?)),
        "removeRules" => Some(format!("remove {} {}", behavior?, rules(raw)?)),
        "setMode" => Some(match mode(raw)? {
            Mode::AutoAccept => "accept all edits".into(),
            Mode::Ask => "ask before edits".into(),
            Mode::Plan => "only plan".into(),
        }),
        "addDirectories" => Some(format!("allow the folder {}", names(&raw["directories"])?)),
        "removeDirectories" => Some(format!("no longer allow the folder {}", names(&raw["directories"])?)),
        _ => None,
    }
}

/// `Bash(cargo test *), Read`.
fn rules(raw: &Value) -> Option<String> {
    let rules: Vec<String> = raw["rules"]
        .as_array()?
        .iter()
        .map(|rule| {
            let tool = rule["toolName"].as_str()?;
            Some(match rule["ruleContent"].as_str() {
                Some(content) => format!("{tool}({content})"),
                None => tool.to_owned(),
            })
        })
        .collect::<Option<_>>()?;
    (!rules.is_empty()).then(|| rules.join(", "))
}

fn names(list: &Value) -> Option<String> {
    let names: Vec<&str> = list.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_says_what_would_be_remembered_and_where() {
        let raw = json!([
            {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "cargo test *"}, {"toolName": "Read"}], "behavior": "allow", "destination": "localSettings"},
            {"type": "setMode", "mode": "acceptEdits", "destination": "session"},
            {"type": "addDirectories", "directories": ["/srv/data"], "destination": "session"},
            {"type": "rewriteHistory", "destination": "userSettings"},
            {"type": "addRules", "rules": [], "behavior": "allow", "destination": "session"},
        ]);
        let said = |raw: &Value| {
            suggestions(Some(raw))
                .into_iter()
                .map(|s| (s.text, s.scope))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            said(&raw),
            [("allow Bash(cargo test *), Read".into(), RememberScope::Local)]
        );
        assert_eq!(
            said(&json!([raw[1], raw[2]])),
            [("allow the folder /srv/data".into(), RememberScope::Session)]
        );
        assert_eq!(
            said(&json!([raw[1], raw[3]])),
            [("accept all edits".into(), RememberScope::Session)]
        );
        assert_eq!(said(&json!("nonsense")), []);
    }

    #[test]
    fn a_mode_that_a_session_cannot_have_is_neither_offered_nor_given_back() {
        for mode in ["bypassPermissions", "auto", "dontAsk", "newest", ""] {
            let raw = json!({"type": "setMode", "mode": mode, "destination": "session"});
            assert_eq!(suggestions(Some(&json!([raw]))), [], "{mode} is offered");
            let stored = [Suggestion {
                text: "go on".into(),
                scope: RememberScope::Session,
                raw,
            }];
            assert_eq!(
                remember(&stored, RememberScope::Session),
                Vec::<Value>::new(),
                "{mode} is given back"
            );
        }
        for mode in ["plan", "default", "acceptEdits"] {
            let raw = json!({"type": "setMode", "mode": mode, "destination": "session"});
            let offered = suggestions(Some(&json!([raw])));
            assert_eq!(remember(&offered, RememberScope::Session), [raw], "{mode}");
        }
    }

    #[test]
    fn a_change_of_mode_is_never_written_to_a_file() {
        let at = at_scope(
            &json!({"type": "setMode", "mode": "acceptEdits", "destination": "session"}),
            RememberScope::User,
        );
        assert_eq!(at["destination"], "session");
    }

    #[test]
    fn only_more_permission_in_the_folders_own_settings_is_a_grant() {
        let suggestion = |raw: Value| Suggestion {
            text: String::new(),
            scope: RememberScope::Session,
            raw,
        };
        let rules = json!([{"toolName": "Bash", "ruleContent": r"echo (a) \n"}, {"toolName": "Bash", "ruleContent": ""}, {"toolName": "Read"}]);
        let rules = suggestion(json!({"type": "addRules", "rules": rules, "behavior": "allow"}));
        let granted = own::grant(
            RememberScope::Local,
            vec![r"Bash(echo \(a\) \\n)".into(), "Bash".into(), "Read".into()],
            Vec::new(),
        );
        assert!(granted.is_some());
        assert_eq!(grant(std::slice::from_ref(&rules), RememberScope::Local), granted);
        for scope in [RememberScope::Session, RememberScope::User] {
            assert_eq!(grant(std::slice::from_ref(&rules), scope), None);
        }
        for other in [
            json!({"type": "addRules", "rules": [], "behavior": "deny"}),
            json!({"type": "setMode", "mode": "acceptEdits"}),
            json!({"type": "new"}),
        ] {
            assert_eq!(grant(&[rules.clone(), suggestion(other)], RememberScope::Project), None);
        }
    }

    #[test]
    fn the_scope_a_person_chose_replaces_the_suggested_one_and_nothing_else() {
        let raw = json!({"type": "addRules", "rules": [{"toolName": "Read"}], "behavior": "allow", "destination": "localSettings"});
        let at = at_scope(&raw, RememberScope::User);
        assert_eq!(
            at,
            json!({"type": "addRules", "rules": [{"toolName": "Read"}], "behavior": "allow", "destination": "userSettings"})
        );
    }
}
