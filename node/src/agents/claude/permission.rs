//! Permission updates: what Claude Code offers to remember, in words, and at the scope a person chose.
//! It must not invent rules: only what the agent suggested is ever returned.

use model::approvals::{RememberScope, Suggestion};
use serde_json::{Value, json};

/// The agent's word for a scope.
const fn destination(scope: RememberScope) -> &'static str {
    match scope {
        RememberScope::Session => "session",
        RememberScope::Local => "localSettings",
        RememberScope::Project => "projectSettings",
        RememberScope::User => "userSettings",
    }
}

/// The scope of an agent's word; one it does not have in common with us counts as the session, the smallest.
fn scope(destination: Option<&str>) -> RememberScope {
    match destination {
        Some("localSettings") => RememberScope::Local,
        Some("projectSettings") => RememberScope::Project,
        Some("userSettings") => RememberScope::User,
        _ => RememberScope::Session,
    }
}

/// A suggestion with its destination rewritten.
pub fn at_scope(raw: &Value, scope: RememberScope) -> Value {
    let mut raw = raw.clone();
    if let Value::Object(map) = &mut raw {
        map.insert("destination".into(), json!(destination(scope)));
    }
    raw
}

/// What the agent suggests to remember, in words. Kinds it does not know are left out: nobody could say yes to them knowingly.
pub fn suggestions(raw: Option<&Value>) -> Vec<Suggestion> {
    let list = raw.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter_map(|raw| Some(Suggestion { text: text(raw)?, scope: scope(raw["destination"].as_str()), raw: raw.clone() }))
        .collect()
}

/// `allow Bash(cargo test *)`, `set mode acceptEdits`, `add directory /srv/data`.
fn text(raw: &Value) -> Option<String> {
    let behavior = raw["behavior"].as_str();
    match raw["type"].as_str()? {
        "addRules" => Some(format!("{} {}", behavior?, rules(raw)?)),
        "replaceRules" => Some(format!("replace all {} rules by {}", behavior?, rules(raw)?)),
        "removeRules" => Some(format!("remove {} {}", behavior?, rules(raw)?)),
        "setMode" => Some(match raw["mode"].as_str()? {
            "acceptEdits" => "auto-accept edits from now on".into(),
            mode => format!("go on in mode {mode}"),
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
        let found = suggestions(Some(&raw));
        let said: Vec<(&str, RememberScope)> = found.iter().map(|s| (s.text.as_str(), s.scope)).collect();
        assert_eq!(
            said,
            [
                ("allow Bash(cargo test *), Read", RememberScope::Local),
                ("auto-accept edits from now on", RememberScope::Session),
                ("allow the folder /srv/data", RememberScope::Session),
            ]
        );
    }

    #[test]
    fn the_scope_a_person_chose_replaces_the_suggested_one_and_nothing_else() {
        let raw = json!({"type": "addRules", "rules": [{"toolName": "Read"}], "behavior": "allow", "destination": "localSettings"});
        let at = at_scope(&raw, RememberScope::User);
        assert_eq!(at, json!({"type": "addRules", "rules": [{"toolName": "Read"}], "behavior": "allow", "destination": "userSettings"}));
    }
}
