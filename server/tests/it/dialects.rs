//! The words of an agent's dialect (tools, input fields, files) stay in its driver, so that another agent touches
//! `agents/` alone. Tests and example texts of pages are left out.

use super::circles::without_tests;
use proc_macro2::{TokenStream, TokenTree};
use std::{fs, path::Path};

/// Where these words may occur. The demo agent speaks Claude Code's dialect.
const SAID_IN: [&str; 3] = ["node/src/agents/claude", "node/src/agents/demo", "app/src/kit_page"];
const TOOLS: [&str; 18] = [
    "AskUserQuestion",
    "Bash",
    "BashOutput",
    "Edit",
    "ExitPlanMode",
    "Glob",
    "Grep",
    "KillShell",
    "MultiEdit",
    "NotebookEdit",
    "PowerShell",
    "Read",
    "Skill",
    "TodoWrite",
    "ToolSearch",
    "WebFetch",
    "WebSearch",
    "Write",
];
/// Tools whose names are also words on pages.
const WORDS: [&str; 2] = ["Agent", "Task"];
const FIELDS: [&str; 8] = [
    "activeForm",
    "decision_reason_type",
    "file_path",
    "new_string",
    "notebook_path",
    "old_string",
    "permission_suggestions",
    "replace_all",
];
const BEGINNINGS: [&str; 3] = ["mcp__", ".claude", ".mcp"];

fn is_dialect(text: &str, in_pages: bool) -> bool {
    TOOLS.contains(&text)
        || FIELDS.contains(&text)
        || (!in_pages && WORDS.contains(&text))
        || BEGINNINGS.iter().any(|begins| text.starts_with(begins))
}

/// Whether a source may contain one of them: a cheap search, because tokenising all sources takes long.
fn may_say(source: &str) -> bool {
    let quoted = |word: &str| source.contains(&format!("\"{word}\""));
    let begun = |word: &str| source.contains(&format!("\"{word}"));
    source.contains("ExitPlanMode")
        || TOOLS.iter().chain(&FIELDS).chain(&WORDS).any(|word| quoted(word))
        || BEGINNINGS.iter().any(|word| begun(word))
}

/// The dialect's words in string literals of these tokens; `ExitPlanMode` also inside a sentence.
fn found(tokens: TokenStream, in_pages: bool, into: &mut Vec<String>) {
    for token in without_tests(tokens) {
        match token {
            TokenTree::Group(group) => found(group.stream(), in_pages, into),
            TokenTree::Literal(literal) => {
                let said = literal.to_string();
                let text = said.trim_start_matches(['r', 'b']).trim_matches('#').trim_matches('"');
                if said.ends_with(['"', '#']) && (is_dialect(text, in_pages) || text.contains("ExitPlanMode")) {
                    into.push(text.to_owned());
                }
            }
            _ => {}
        }
    }
}

fn walk(root: &Path, folder: &Path, into: &mut Vec<(String, Vec<String>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let file = path.file_name().unwrap().to_str().unwrap();
        if SAID_IN.contains(&name.as_str()) || ["testing.rs", "tests.rs", "fake.rs", "testing"].contains(&file) {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let mut said = Vec::new();
            if may_say(&source) {
                found(source.parse().unwrap(), name.starts_with("app/"), &mut said);
            }
            into.push((name, said));
        }
    }
}

#[test]
fn the_words_of_a_dialect_stay_with_its_driver() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    for part in [
        "app/src",
        "frontend/src",
        "model/src",
        "node/src",
        "server/src",
        "migration/src",
    ] {
        walk(&root, &root.join(part), &mut all);
    }
    assert!(all.len() > 200, "the sources were not found");
    all.retain(|(_, said)| !said.is_empty());
    assert!(
        all.is_empty(),
        "these say words of an agent's dialect; have its driver say what they mean (model::calls, agents::Own): {all:#?}"
    );
}

#[test]
fn a_word_of_a_dialect_is_found_in_code_and_in_no_comment_or_test() {
    let of = |source: &str, in_pages: bool| {
        let mut said = Vec::new();
        found(source.parse().unwrap(), in_pages, &mut said);
        assert!(said.is_empty() || may_say(source), "{source}");
        said
    };
    assert_eq!(
        of(
            r##"match tool { "Bash" => 1, r"mcp__a" => 2, r#"old_string"# => 3, b"Edit" => 4, _ => 5 }"##,
            true
        ),
        ["Bash", "mcp__a", "old_string", "Edit"]
    );
    assert_eq!(
        of(r#"let a = "call ExitPlanMode, then"; view! { <p>"Agent"</p> }"#, true),
        ["call ExitPlanMode, then"]
    );
    assert_eq!(of(r#"view! { <p>"Agent"</p> }"#, false), ["Agent"]);
    assert_eq!(
        of(
            r#"#[cfg(all(test, feature = "ssr"))] mod tests { const A: &str = "Bash"; }"#,
            false
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        of(
            "/// `Bash` in a comment\n// \"Bash\"\n#[cfg(test)] mod tests { const A: &str = \"Bash\"; }",
            false
        ),
        Vec::<String>::new()
    );
}
