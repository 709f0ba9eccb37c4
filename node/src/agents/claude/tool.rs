//! Tools: a call's target and outcome in a few words. For an unknown tool or shape it uses the words of the input or
//! output.

use model::{
    calls::{CallClass, CallParts, CallShape},
    entries::{CallStatus, Todo, TodoState},
};
use serde_json::{Value, json};

/// The most characters of a target or result.
const ONE_LINE: usize = 200;

/// The outcome of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub status: CallStatus,
    /// The result in a few words.
    pub result: Option<String>,
    /// Lines added by an edit.
    pub added: Option<i64>,
    /// Lines removed by an edit.
    pub removed: Option<i64>,
    /// `{"output": text, "patch": [hunks]?, "path": text?}`.
    pub output: Value,
}

/// The first line of a text, shortened.
pub fn one_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.next().unwrap_or_default();
    if line.chars().count() > ONE_LINE {
        let cut: String = line.chars().take(ONE_LINE - 1).collect();
        return format!("{cut}…");
    }
    line.to_owned()
}

/// A path relative to the project's folder, if it is inside.
pub fn relative(path: &str, cwd: &str) -> String {
    match path.strip_prefix(cwd).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) if !rest.is_empty() && !cwd.is_empty() => rest.to_owned(),
        _ => path.to_owned(),
    }
}

/// The class of a tool.
pub fn class(tool: &str) -> CallClass {
    match tool {
        "Bash" | "BashOutput" | "KillShell" | "PowerShell" => CallClass::Shell,
        "Edit" | "MultiEdit" | "NotebookEdit" => CallClass::Edit,
        "Write" => CallClass::Write,
        "Read" => CallClass::Read,
        "Grep" | "Glob" | "LS" | "ToolSearch" => CallClass::Search,
        "WebFetch" | "WebSearch" => CallClass::Web,
        "Task" | "Agent" => CallClass::Subagent,
        "ExitPlanMode" => CallClass::Plan,
        "TodoWrite" | "TaskCreate" | "TaskUpdate" | "TaskList" => CallClass::Todo,
        "AskUserQuestion" => CallClass::Question,
        "SlashCommand" | "Skill" => CallClass::Skill,
        _ if server_tool(tool).is_some() => CallClass::Server,
        _ => CallClass::Other,
    }
}

/// The server and name of an MCP tool: `mcp__slack__post`.
fn server_tool(tool: &str) -> Option<(&str, &str)> {
    tool.strip_prefix("mcp__")?.split_once("__")
}

/// The shape of a call. It points only to fields that the tool defines: another tool's field of the same name has no
/// such meaning.
pub fn shape(tool: &str, input: &Value) -> CallShape {
    let text = |key: &str| input[key].is_string().then(|| format!("/{key}"));
    let none = CallParts::default;
    let parts = match tool {
        "Bash" => CallParts {
            command: text("command"),
            purpose: text("description"),
            language: Some("sh".into()),
            ..none()
        },
        "PowerShell" => CallParts {
            command: text("command"),
            purpose: text("description"),
            language: Some("powershell".into()),
            ..none()
        },
        "Edit" => CallParts {
            path: text("file_path"),
            old: text("old_string"),
            new: text("new_string"),
            everywhere: input.get("replace_all").map(|_| "/replace_all".into()),
            ..none()
        },
        "Write" => CallParts {
            path: text("file_path"),
            content: text("content"),
            ..none()
        },
        "Read" | "MultiEdit" => CallParts {
            path: text("file_path"),
            ..none()
        },
        "NotebookEdit" => CallParts {
            path: text("notebook_path"),
            ..none()
        },
        "WebFetch" => CallParts {
            url: text("url"),
            ..none()
        },
        "WebSearch" => CallParts {
            query: text("query"),
            ..none()
        },
        "ExitPlanMode" => CallParts {
            plan: text("plan"),
            ..none()
        },
        "AskUserQuestion" => CallParts {
            questions: input.get("questions").map(|_| "/questions".into()),
            ..none()
        },
        _ => none(),
    };
    CallShape {
        class: class(tool),
        label: server_tool(tool).map(|(server, name)| format!("{server} {name}")),
        parts: Box::new(parts),
    }
}

/// The items of a to-do list; empty ones are left out.
pub fn todos(list: &Value) -> Vec<Todo> {
    let state = |todo: &Value| match todo["status"].as_str() {
        Some("completed") => TodoState::Done,
        Some("in_progress") => TodoState::Active,
        Some("cancelled" | "deleted") => TodoState::Dropped,
        _ => TodoState::Pending,
    };
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter_map(|todo| {
            Some(Todo {
                text: todo["content"].as_str()?.to_owned(),
                state: state(todo),
            })
        })
        .collect()
}

/// The target of a call, on one line.
pub fn target(tool: &str, input: &Value, cwd: &str) -> String {
    let text = |key: &str| input[key].as_str().map(one_line);
    let found = match tool {
        "ExitPlanMode" => text("plan").map(|line| line.trim_start_matches('#').trim().to_owned()),
        "AskUserQuestion" => input["questions"][0]["question"].as_str().map(one_line),
        "Agent" | "Task" => text("description"),
        "WebSearch" => text("query"),
        "Skill" => text("skill"),
        _ => None,
    };
    found
        .or_else(|| text("command"))
        .or_else(|| {
            ["file_path", "notebook_path"]
                .iter()
                .find_map(|key| text(key))
                .map(|path| relative(&path, cwd))
        })
        .or_else(|| {
            text("pattern").map(|pattern| {
                text("path").map_or(pattern.clone(), |path| format!("{pattern} in {}", relative(&path, cwd)))
            })
        })
        .or_else(|| {
            ["path", "url", "query", "description", "task_id", "name", "prompt"]
                .iter()
                .find_map(|key| text(key))
        })
        .unwrap_or_else(|| match input.as_object() {
            Some(map) if map.is_empty() => String::new(),
            None if input.is_null() => String::new(),
            _ => one_line(&input.to_string()),
        })
}

/// The outcome of a call. `block` is the `tool_result`, `structured` the tool's own output if given, `meta` its entry
/// in `tool_result_meta`, `input` what the tool got.
pub fn outcome(tool: &str, input: &Value, block: &Value, structured: &Value, meta: &Value, cwd: &str) -> Outcome {
    let text = content(&block["content"]);
    let failed = block["is_error"].as_bool() == Some(true);
    let denied = meta["permission_decision"]["decision"] == "reject";
    let status = match (failed, denied) {
        (_, true) => CallStatus::Denied,
        (true, false) => CallStatus::Failed,
        (false, false) => CallStatus::Ok,
    };
    if status != CallStatus::Ok {
        let result = match status {
            CallStatus::Denied => "denied".to_owned(),
            _ if meta["non_execution_kind"] == "user-rejected" => "interrupted".to_owned(),
            _ => failure(&text),
        };
        return Outcome {
            status,
            result: Some(result),
            added: None,
            removed: None,
            output: json!({"output": plain(&text)}),
        };
    }
    let patch = patch(tool, input, structured);
    let (added, removed) = match &patch {
        Some(patch) => count(patch),
        None => edited(tool, input),
    };
    let result = match (added, removed) {
        (Some(added), Some(0)) if removed == Some(0) && structured["type"] == "create" => Some(lines(added)),
        (Some(added), Some(removed)) => Some(format!("+{added} -{removed}")),
        _ => words(tool, structured, &text),
    };
    let mut output = json!({"output": text});
    if let Some(patch) = patch {
        let path = structured["filePath"]
            .as_str()
            .or_else(|| input["file_path"].as_str())
            .unwrap_or_default();
        output["patch"] = patch;
        output["path"] = json!(relative(path, cwd));
    }
    Outcome {
        status,
        result,
        added,
        removed,
        output,
    }
}

/// The text of a `tool_result`: a string, or blocks.
fn content(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let parts: Vec<String> = blocks
                .iter()
                .map(|block| match (block["type"].as_str(), block["text"].as_str()) {
                    (_, Some(text)) => text.to_owned(),
                    (Some(kind), None) => format!("[{kind}]"),
                    (None, None) => block.to_string(),
                })
                .collect();
            parts.join("\n")
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// An error without the tags that the agent adds for its model.
fn plain(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("<tool_use_error>")
        .and_then(|rest| rest.strip_suffix("</tool_use_error>"))
        .unwrap_or(text)
}

/// `exit 101`, else the error's first line.
fn failure(text: &str) -> String {
    let text = plain(text);
    match text
        .strip_prefix("Exit code ")
        .and_then(|rest| rest.split_whitespace().next())
        .filter(|code| code.bytes().all(|b| b.is_ascii_digit()))
    {
        Some(code) => format!("exit {code}"),
        None => one_line(text.strip_prefix("Error: ").unwrap_or(text)),
    }
}

/// The hunks of an edit; a new file has one hunk that adds all of it.
fn patch(tool: &str, input: &Value, structured: &Value) -> Option<Value> {
    if let Some(hunks) = structured["structuredPatch"]
        .as_array()
        .filter(|hunks| !hunks.is_empty())
    {
        return Some(Value::Array(hunks.clone()));
    }
    let creates = structured["type"] == "create" || (tool == "Write" && structured.is_null());
    let text = structured["content"]
        .as_str()
        .or_else(|| input["content"].as_str())
        .filter(|text| creates && !text.is_empty())?;
    let lines: Vec<String> = text.lines().map(|line| format!("+{line}")).collect();
    Some(json!([{"oldStart": 0, "oldLines": 0, "newStart": 1, "newLines": lines.len(), "lines": lines}]))
}

/// The lines that hunks add and remove.
fn count(patch: &Value) -> (Option<i64>, Option<i64>) {
    let lines = || {
        patch
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|hunk| hunk["lines"].as_array())
            .flatten()
            .filter_map(Value::as_str)
    };
    let starting = |sign: char| i64::try_from(lines().filter(|line| line.starts_with(sign)).count()).ok();
    (starting('+'), starting('-'))
}

/// The lines that an edit adds and removes when the agent reports no hunks (subagents).
fn edited(tool: &str, input: &Value) -> (Option<i64>, Option<i64>) {
    let lines = |key: &str| {
        input[key]
            .as_str()
            .and_then(|text| i64::try_from(text.lines().count()).ok())
    };
    if tool == "Edit" {
        (lines("new_string"), lines("old_string"))
    } else {
        (None, None)
    }
}

fn lines(n: i64) -> String {
    plural(n, "line")
}

fn plural(n: i64, word: &str) -> String {
    if n == 1 {
        format!("1 {word}")
    } else {
        format!("{n} {word}s")
    }
}

/// The result of a successful call that edits nothing.
fn words(tool: &str, structured: &Value, text: &str) -> Option<String> {
    let number = |key: &str| structured[key].as_i64();
    let counted = |text: &str| i64::try_from(text.lines().count()).ok().map(lines);
    match tool {
        "Bash" | "PowerShell" if structured["backgroundTaskId"].is_string() => Some("in the background".into()),
        "Bash" | "PowerShell" => {
            let said = structured["stdout"].as_str().map_or(text, |stdout| {
                if stdout.trim().is_empty() {
                    structured["stderr"].as_str().unwrap_or("")
                } else {
                    stdout
                }
            });
            if said.trim().is_empty() || said.starts_with("(Bash completed with no output)") {
                Some("no output".into())
            } else {
                counted(said.trim_end())
            }
        }
        "Read" => match structured["file"]["numLines"].as_i64() {
            // The agent counts the empty rest after the last line feed as a line.
            Some(n) => Some(lines(
                n - i64::from(
                    structured["file"]["content"]
                        .as_str()
                        .is_some_and(|c| c.ends_with('\n') && n > 1),
                ),
            )),
            None if structured["type"].is_string() => structured["type"].as_str().map(str::to_owned),
            None => {
                let numbered = text.trim_end();
                let rest = numbered
                    .lines()
                    .next_back()
                    .is_some_and(|line| line.trim().bytes().all(|b| b.is_ascii_digit()));
                i64::try_from(numbered.lines().count())
                    .ok()
                    .map(|n| lines(n - i64::from(rest && n > 1)))
            }
        },
        "Write" | "Edit" | "NotebookEdit" => Some("unchanged".into()),
        "Grep" => number("numMatches")
            .or_else(|| number("numLines"))
            .or_else(|| number("numFiles"))
            .map(|n| plural(n, "hit"))
            .or_else(|| Some(one_line(text))),
        "Glob" => number("numFiles")
            .map(|n| plural(n, "file"))
            .or_else(|| Some(one_line(text))),
        "WebFetch" => number("code").map(|code| code.to_string()),
        "WebSearch" => structured["results"]
            .as_array()
            .and_then(|r| i64::try_from(r.len()).ok())
            .map(|n| plural(n, "result")),
        "Agent" | "Task" if structured["status"] == "async_launched" => Some("in the background".into()),
        "Agent" | "Task" => number("totalToolUseCount").map(|n| plural(n, "call")),
        "ExitPlanMode" => Some("approved".into()),
        "AskUserQuestion" => {
            let answers: Vec<&str> = structured["answers"]
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(_, answer)| answer.as_str())
                .collect();
            Some(if answers.is_empty() {
                "answered".into()
            } else {
                one_line(&answers.join("; "))
            })
        }
        _ => Some(one_line(text)).filter(|line| !line.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_what_a_person_would_name() {
        for (tool, input, expected) in [
            (
                "Bash",
                json!({"command": "cargo test\n  --all", "description": "run"}),
                "cargo test",
            ),
            ("Read", json!({"file_path": "/srv/app/src/main.rs"}), "src/main.rs"),
            ("Read", json!({"file_path": "/srv/application/x"}), "/srv/application/x"),
            (
                "Grep",
                json!({"pattern": "todo", "path": "/srv/app/src"}),
                "todo in src",
            ),
            (
                "WebFetch",
                json!({"url": "https://example.org/a", "prompt": "read"}),
                "https://example.org/a",
            ),
            ("ExitPlanMode", json!({"plan": "# The plan\n\n1. one"}), "The plan"),
            (
                "AskUserQuestion",
                json!({"questions": [{"question": "Which?"}]}),
                "Which?",
            ),
            (
                "mcp__slack__post",
                json!({"channel": "general"}),
                r#"{"channel":"general"}"#,
            ),
            ("Anything", json!({}), ""),
            ("Anything", Value::Null, ""),
        ] {
            assert_eq!(target(tool, &input, "/srv/app"), expected, "{tool}");
        }
        assert_eq!(one_line(&"x".repeat(1000)).chars().count(), ONE_LINE);
    }

    #[test]
    fn a_call_says_what_it_is_and_points_only_to_what_it_has() {
        let shell = shape(
            "Bash",
            &json!({"command": "make", "description": "Build it", "timeout": 7}),
        );
        assert_eq!((shell.class, shell.label), (CallClass::Shell, None));
        assert_eq!(
            (
                shell.parts.command.as_deref(),
                shell.parts.purpose.as_deref(),
                shell.parts.language.as_deref()
            ),
            (Some("/command"), Some("/description"), Some("sh"))
        );
        assert_eq!(
            shape("Bash", &json!({"command": ["make"]})).parts.command,
            None,
            "what is no text cannot be shown as one"
        );
        let server = shape("mcp__slack__chat_post", &json!({"command": "select", "content": "x"}));
        assert_eq!(
            (server.class, server.label.as_deref(), server.parts),
            (CallClass::Server, Some("slack chat_post"), Box::default())
        );
        let ends = shape("KillShell", &json!({"shell_id": "1", "command": "x"}));
        assert_eq!(
            (ends.class, ends.parts),
            (CallClass::Shell, Box::default()),
            "it runs no command"
        );
        let edit = shape(
            "Edit",
            &json!({"file_path": "/a", "old_string": "one", "new_string": "two", "replace_all": true}),
        )
        .parts;
        assert_eq!(
            [edit.path, edit.old, edit.new, edit.everywhere].map(Option::unwrap),
            ["/file_path", "/old_string", "/new_string", "/replace_all"]
        );
        assert_eq!(shape("NewestTool", &Value::Null), CallShape::default());
        assert_eq!(shape("mcp__half", &Value::Null).class, CallClass::Other);
    }

    #[test]
    fn a_list_of_things_to_do_is_read_and_what_says_nothing_left_out() {
        let list = json!([{"content": "a", "status": "completed", "activeForm": "x"}, {"content": "b", "status": "newest"}, {"status": "pending"}, 7]);
        assert_eq!(
            todos(&list),
            [
                Todo {
                    text: "a".into(),
                    state: TodoState::Done
                },
                Todo {
                    text: "b".into(),
                    state: TodoState::Pending
                }
            ]
        );
        assert_eq!(todos(&json!({"todos": []})), []);
    }

    #[test]
    fn an_outcome_is_told_in_few_words() {
        let none = Value::Null;
        let said = |tool: &str, block: Value, structured: Value| {
            let o = outcome(tool, &none, &block, &structured, &none, "/p");
            (o.status, o.result.unwrap_or_default())
        };
        assert_eq!(
            said(
                "Bash",
                json!({"content": "Exit code 101\nboom", "is_error": true}),
                json!("Error: Exit code 101")
            ),
            (CallStatus::Failed, "exit 101".into())
        );
        assert_eq!(
            said(
                "Bash",
                json!({"content": "a\nb"}),
                json!({"stdout": "a\nb\n", "stderr": ""})
            ),
            (CallStatus::Ok, "2 lines".into())
        );
        assert_eq!(
            said("Bash", json!({"content": ""}), json!({"stdout": "", "stderr": ""})),
            (CallStatus::Ok, "no output".into())
        );
        assert_eq!(
            said("Grep", json!({"content": "x"}), json!({"numLines": 17})),
            (CallStatus::Ok, "17 hits".into())
        );
        assert_eq!(
            said(
                "Read",
                json!({"content": "1\tx"}),
                json!({"type": "text", "file": {"numLines": 215, "content": "x\n"}})
            ),
            (CallStatus::Ok, "214 lines".into())
        );
        assert_eq!(
            said("Agent", json!({"content": []}), json!({"status": "async_launched"})),
            (CallStatus::Ok, "in the background".into())
        );
        assert_eq!(
            said(
                "mcp__a__b",
                json!({"content": [{"type": "text", "text": "sent"}, {"type": "image"}]}),
                none.clone()
            ),
            (CallStatus::Ok, "sent".into())
        );
    }

    #[test]
    fn an_edit_without_hunks_is_counted_by_its_input() {
        let input = json!({"file_path": "/p/a", "old_string": "one", "new_string": "two\nthree"});
        let o = outcome(
            "Edit",
            &input,
            &json!({"content": "updated"}),
            &Value::Null,
            &Value::Null,
            "/p",
        );
        assert_eq!(
            (o.added, o.removed, o.result.as_deref()),
            (Some(2), Some(1), Some("+2 -1"))
        );
        assert_eq!(o.output["patch"], Value::Null, "no line numbers are made up");
    }
}
