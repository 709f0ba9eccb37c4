//! The demo agent's tools. Each really reads, edits or runs in the agent's folder. They touch nothing outside it, and
//! run only the script's own commands.

use super::{
    MODEL,
    wire::{Stop, Wire},
};
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};
use std::{
    fs,
    io::Read as _,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The file that the agent may always edit, so that the full tour asks only for its command.
pub const OWN_FILE: &str = "demo-notes.md";

/// The outcome of a call.
pub struct Done {
    /// Whether it was allowed and went well.
    pub ok: bool,
    /// The output, or the reason of a refusal or failure.
    pub text: String,
}

/// A child process: `sh -c` with stdin closed.
#[expect(
    clippy::disallowed_methods,
    reason = "it is an agent: running commands is what agents do, and the node watches over it from outside"
)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    shell
}

fn rest(stream: Option<impl std::io::Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // An unreadable stream counts as empty.
        stream.take(64 * 1024).read_to_end(&mut bytes).ok();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A command that runs in the background.
pub struct Job {
    /// Its name.
    pub id: String,
    /// The call that started it.
    pub call: String,
    /// What it does.
    pub what: String,
    child: Child,
    began: Instant,
    told: u64,
}

impl Job {
    /// A progress line, at most once a second.
    pub fn progress(&mut self) -> Option<String> {
        let seconds = self.began.elapsed().as_secs();
        (seconds > self.told).then(|| {
            self.told = seconds;
            format!("{} ({seconds} s)", self.what)
        })
    }

    /// Its status and outcome; `None` while it runs.
    pub fn end(&mut self) -> Option<(&'static str, String)> {
        let status = match self.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status.code(),
            Err(_) => None,
        };
        let said = rest(self.child.stdout.take());
        let (word, how) = match status {
            Some(0) => ("completed", "ended well".to_owned()),
            Some(code) => ("failed", format!("ended with exit {code}")),
            None => ("failed", "was ended by a signal".to_owned()),
        };
        Some((word, format!("{} {how}: {}", self.what, said.trim())))
    }
}

/// Reports the begin of a call and returns its id.
pub fn begin(wire: &mut Wire, tool: &str, input: &Value, parent: Option<&str>) -> String {
    let id = wire.call_id();
    wire.emit(json!({"type": "assistant", "message": {"role": "assistant", "model": MODEL, "content": [{"type": "tool_use", "id": id, "name": tool, "input": input}]}, "parent_tool_use_id": parent}));
    id
}

/// Reports the end of a call.
pub fn end(wire: &Wire, id: &str, parent: Option<&str>, text: &str, error: bool, structured: Value, meta: Value) {
    let mut meta = meta;
    meta["id"] = json!(id);
    wire.emit(json!({
        "type": "user", "parent_tool_use_id": parent, "tool_use_result": structured, "tool_result_meta": [meta],
        "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": text, "is_error": error}]},
    }));
}

/// Reports the end of a call that a person interrupted.
fn interrupted(wire: &Wire, id: &str, stop: Stop) -> Stop {
    if stop == Stop::Interrupted {
        end(
            wire,
            id,
            None,
            "The call was interrupted.",
            true,
            json!("interrupted"),
            json!({"non_execution_kind": "user-rejected"}),
        );
    }
    stop
}

/// Asks whether a call may go on: the mode, then a rule, then a person. The inner error is the reason of a refusal.
fn permitted(wire: &mut Wire, id: &str, tool: &str, input: &Value, rule: &str) -> Result<Result<Value, String>, Stop> {
    let planning = wire.mode() == "plan";
    let edits = matches!(tool, "Edit" | "Write");
    let own = edits && input["file_path"].as_str().is_some_and(|path| path.ends_with(OWN_FILE));
    let ruled = own || wire.rules.iter().any(|held| held == rule || held == tool);
    if !planning && (ruled || (edits && wire.mode() == "acceptEdits")) {
        return Ok(Ok(
            json!({"permission_decision": {"decision": "accept", "source": "config"}}),
        ));
    }
    let mut request = json!({"tool_name": tool, "input": input, "tool_use_id": id});
    if planning {
        request["decision_reason_type"] = json!("mode");
    } else if edits {
        request["permission_suggestions"] =
            json!([{"type": "setMode", "mode": "acceptEdits", "destination": "session"}]);
    } else {
        let content = rule
            .strip_prefix(tool)
            .and_then(|rest| rest.strip_prefix('('))
            .and_then(|rest| rest.strip_suffix(')'));
        request["permission_suggestions"] = json!([{"type": "addRules", "rules": [{"toolName": tool, "ruleContent": content}], "behavior": "allow", "destination": "session"}]);
    }
    let answer = wire.ask(request).map_err(|stop| interrupted(wire, id, stop))?;
    if answer["behavior"] == "allow" {
        remember(wire, &answer);
        return Ok(Ok(
            json!({"permission_decision": {"decision": "accept", "source": "user_temporary"}}),
        ));
    }
    let why = answer["message"].as_str().unwrap_or("no").to_owned();
    end(
        wire,
        id,
        None,
        &why,
        true,
        json!(format!("Error: {why}")),
        json!({"permission_decision": {"decision": "reject", "source": "user_reject"}}),
    );
    if answer["interrupt"] == true {
        return Err(Stop::Interrupted);
    }
    Ok(Err(why))
}

/// Remembers the rules in an answer.
pub fn remember(wire: &mut Wire, answer: &Value) {
    for update in answer["updatedPermissions"].as_array().into_iter().flatten() {
        match update["type"].as_str() {
            Some("setMode") => {
                let mode = update["mode"].as_str().unwrap_or("default").to_owned();
                wire.set_mode(&mode);
            }
            Some("addRules") if update["behavior"] == "allow" => {
                for rule in update["rules"].as_array().into_iter().flatten() {
                    let tool = rule["toolName"].as_str().unwrap_or_default();
                    wire.rules.push(
                        rule["ruleContent"]
                            .as_str()
                            .map_or_else(|| tool.to_owned(), |content| format!("{tool}({content})")),
                    );
                }
            }
            _ => {}
        }
    }
}

fn absolute(name: &str) -> String {
    std::env::current_dir()
        .unwrap_or_default()
        .join(name)
        .to_string_lossy()
        .into_owned()
}

/// Reads a file of the folder, without asking.
pub fn read(wire: &mut Wire, name: &str, parent: Option<&str>) -> Result<Done, Stop> {
    let path = absolute(name);
    let id = begin(wire, "Read", &json!({"file_path": path}), parent);
    wire.pause(350).map_err(|stop| interrupted(wire, &id, stop))?;
    match fs::read_to_string(&path) {
        Ok(text) => {
            let numbered: Vec<String> = text
                .lines()
                .enumerate()
                .map(|(n, line)| format!("{}\t{line}", n + 1))
                .collect();
            let lines = numbered.len();
            let file = json!({"filePath": path, "content": text, "numLines": lines + usize::from(text.ends_with('\n')), "startLine": 1, "totalLines": lines});
            end(
                wire,
                &id,
                parent,
                &numbered.join("\n"),
                false,
                json!({"type": "text", "file": file}),
                json!({}),
            );
            Ok(Done { ok: true, text })
        }
        Err(error) => {
            let why = format!("{name} cannot be read: {error}");
            end(wire, &id, parent, &why, true, json!(format!("Error: {why}")), json!({}));
            Ok(Done { ok: false, text: why })
        }
    }
}

/// Replaces the content of a file in the folder: `Write` for a new file, else `Edit`.
pub fn change(wire: &mut Wire, name: &str, after: &str) -> Result<Done, Stop> {
    let path = absolute(name);
    let before = fs::read_to_string(&path).ok();
    let (tool, input) = match &before {
        None => ("Write", json!({"file_path": path, "content": after})),
        Some(before) => (
            "Edit",
            json!({"file_path": path, "old_string": before, "new_string": after, "replace_all": false}),
        ),
    };
    let id = begin(wire, tool, &input, None);
    wire.pause(250).map_err(|stop| interrupted(wire, &id, stop))?;
    let meta = match permitted(wire, &id, tool, &input, "")? {
        Ok(meta) => meta,
        Err(why) => return Ok(Done { ok: false, text: why }),
    };
    if let Err(error) = fs::write(&path, after) {
        let why = format!("{name} cannot be written: {error}");
        end(wire, &id, None, &why, true, json!(format!("Error: {why}")), meta);
        return Ok(Done { ok: false, text: why });
    }
    let patch = hunks(before.as_deref().unwrap_or_default(), after);
    let structured = match &before {
        None => {
            json!({"type": "create", "filePath": path, "content": after, "structuredPatch": [], "originalFile": null})
        }
        Some(before) => {
            json!({"filePath": path, "oldString": before, "newString": after, "originalFile": before, "structuredPatch": patch})
        }
    };
    let text = format!(
        "The file {path} has been {}.",
        if before.is_none() { "created" } else { "updated" }
    );
    end(wire, &id, None, &text, false, structured, meta);
    Ok(Done { ok: true, text })
}

/// The hunks between two texts with three lines of context, in the dialect's shape.
fn hunks(before: &str, after: &str) -> Value {
    let diff = TextDiff::from_lines(before, after);
    let hunks: Vec<Value> = diff
        .grouped_ops(3)
        .iter()
        .filter_map(|group| {
            let (first, last) = (group.first()?, group.last()?);
            let lines: Vec<String> = group
                .iter()
                .flat_map(|op| diff.iter_changes(op))
                .map(|change| {
                    let sign = match change.tag() {
                        ChangeTag::Delete => '-',
                        ChangeTag::Insert => '+',
                        ChangeTag::Equal => ' ',
                    };
                    format!("{sign}{}", change.value().trim_end_matches('\n'))
                })
                .collect();
            Some(json!({
                "oldStart": first.old_range().start + 1, "oldLines": last.old_range().end - first.old_range().start,
                "newStart": first.new_range().start + 1, "newLines": last.new_range().end - first.new_range().start, "lines": lines,
            }))
        })
        .collect();
    Value::Array(hunks)
}

/// Runs one of the script's commands after a person allowed it.
pub fn run(wire: &mut Wire, command: &str, what: &str, rule: &str) -> Result<Done, Stop> {
    let input = json!({"command": command, "description": what});
    let id = begin(wire, "Bash", &input, None);
    wire.pause(250).map_err(|stop| interrupted(wire, &id, stop))?;
    let meta = match permitted(wire, &id, "Bash", &input, rule)? {
        Ok(meta) => meta,
        Err(why) => return Ok(Done { ok: false, text: why }),
    };
    let mut child = match shell(command).spawn() {
        Ok(child) => child,
        Err(error) => {
            let why = format!("Error: {error}");
            end(wire, &id, None, &why, true, json!(why), meta);
            return Ok(Done { ok: false, text: why });
        }
    };
    let code = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.code().unwrap_or(128),
            Err(_) => break 128,
            Ok(None) => {}
        }
        if let Err(stop) = wire.wait(Duration::from_millis(20)) {
            // The wait was interrupted, and nothing of the command may stay.
            child.kill().and_then(|()| child.wait()).ok();
            return Err(interrupted(wire, &id, stop));
        }
    };
    let (out, err) = (rest(child.stdout.take()), rest(child.stderr.take()));
    let said = format!("{out}{err}");
    let text = if code == 0 {
        said
    } else {
        format!("Exit code {code}\n{said}")
    };
    let structured = if code == 0 {
        json!({"stdout": out, "stderr": err, "interrupted": false})
    } else {
        json!(format!("Error: {text}"))
    };
    end(wire, &id, None, &text, code != 0, structured, meta);
    Ok(Done { ok: code == 0, text })
}

/// Starts one of the script's commands in the background. A rule of the script allows it.
pub fn start(wire: &mut Wire, command: &str, what: &str) -> Result<(), Stop> {
    let id = begin(
        wire,
        "Bash",
        &json!({"command": command, "description": what, "run_in_background": true}),
        None,
    );
    wire.pause(250).map_err(|stop| interrupted(wire, &id, stop))?;
    match shell(command).spawn() {
        Ok(child) => {
            let job = Job {
                id: format!("job-{id}"),
                call: id.clone(),
                what: what.into(),
                child,
                began: Instant::now(),
                told: 0,
            };
            let structured = json!({"stdout": "", "stderr": "", "interrupted": false, "backgroundTaskId": job.id});
            let text = format!("Command running in background with ID: {}", job.id);
            wire.start(job);
            end(
                wire,
                &id,
                None,
                &text,
                false,
                structured,
                json!({"permission_decision": {"decision": "accept", "source": "config"}}),
            );
        }
        Err(error) => end(
            wire,
            &id,
            None,
            &format!("Error: {error}"),
            true,
            json!(format!("Error: {error}")),
            json!({}),
        ),
    }
    Ok(())
}

/// Reports the to-do list.
pub fn todo(wire: &mut Wire, items: &[(&str, &str)]) -> Result<(), Stop> {
    let todos: Vec<Value> = items
        .iter()
        .map(|(text, status)| json!({"content": text, "activeForm": text, "status": status}))
        .collect();
    let id = begin(wire, "TodoWrite", &json!({"todos": todos}), None);
    wire.pause(150).map_err(|stop| interrupted(wire, &id, stop))?;
    end(
        wire,
        &id,
        None,
        "Todos have been modified.",
        false,
        json!({"oldTodos": [], "newTodos": todos}),
        json!({}),
    );
    Ok(())
}

/// Proposes a plan; the inner error is the comment with which it is sent back.
pub fn plan(wire: &mut Wire, plan: &str) -> Result<Result<(), String>, Stop> {
    let id = begin(wire, "ExitPlanMode", &json!({"plan": plan}), None);
    wire.pause(200).map_err(|stop| interrupted(wire, &id, stop))?;
    // Like Claude Code, it leaves the text out of the request, because the call has it.
    let answer = wire
        .ask(json!({"tool_name": "ExitPlanMode", "input": {}, "tool_use_id": id, "requires_user_interaction": true}))
        .map_err(|stop| interrupted(wire, &id, stop))?;
    if answer["behavior"] == "allow" {
        let before = wire.mode().to_owned();
        remember(wire, &answer);
        if wire.mode() == before {
            wire.set_mode("default");
        }
        end(
            wire,
            &id,
            None,
            "User has approved the plan.",
            false,
            json!({"plan": plan}),
            json!({"permission_decision": {"decision": "accept", "source": "user_temporary"}}),
        );
        return Ok(Ok(()));
    }
    let why = answer["message"].as_str().unwrap_or_default().to_owned();
    end(
        wire,
        &id,
        None,
        &why,
        true,
        json!(format!("Error: {why}")),
        json!({"permission_decision": {"decision": "reject", "source": "user_reject"}}),
    );
    if answer["interrupt"] == true {
        return Err(Stop::Interrupted);
    }
    Ok(Err(why))
}

/// Lets a person choose; `None` when they decline.
pub fn question(wire: &mut Wire, question: &str, options: &[(&str, &str)]) -> Result<Option<String>, Stop> {
    let options: Vec<Value> = options
        .iter()
        .map(|(label, description)| json!({"label": label, "description": description}))
        .collect();
    let input =
        json!({"questions": [{"question": question, "header": "Choice", "multiSelect": false, "options": options}]});
    let id = begin(wire, "AskUserQuestion", &input, None);
    wire.pause(200).map_err(|stop| interrupted(wire, &id, stop))?;
    let answer = wire
        .ask(json!({"tool_name": "AskUserQuestion", "input": input, "tool_use_id": id, "requires_user_interaction": true}))
        .map_err(|stop| interrupted(wire, &id, stop))?;
    let chosen = answer["updatedInput"]["answers"][question]
        .as_str()
        .filter(|_| answer["behavior"] == "allow")
        .map(str::to_owned);
    if let Some(text) = &chosen {
        let meta = json!({"permission_decision": {"decision": "accept", "source": "user_temporary"}});
        end(
            wire,
            &id,
            None,
            &format!("The answer is: {text}"),
            false,
            json!({"answers": {question: text}}),
            meta,
        );
    } else {
        let why = answer["message"].as_str().unwrap_or("no answer").to_owned();
        end(
            wire,
            &id,
            None,
            &why,
            true,
            json!(format!("Error: {why}")),
            json!({"permission_decision": {"decision": "reject", "source": "user_reject"}}),
        );
    }
    Ok(chosen)
}

/// The sorted names of the files in the folder, without folders and hidden files.
pub fn files() -> Vec<String> {
    let entries = fs::read_dir(".").into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}
