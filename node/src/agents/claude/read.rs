//! Reading the stream: one line of Claude Code's output to events.
//! It must not panic on any line, nor keep more of the stream than the bounds below.

use super::{memory::Recent, mode_of, money::Ledger, permission, request, tool};
use crate::agents::{AgentEvent, Ask, TurnOutcome, Wish};
use model::{
    approvals::ApprovalKind,
    entries::{CallStatus, EntryKind},
    sessions::Mode,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How much of a line that cannot be understood is passed on, in bytes; all of it is in the run's spool.
const RAW: usize = 64 * 1024;
/// Deeper lines are passed on as text: what is stored wraps them once more, and must be readable again (serde_json reads 127 levels).
const DEEPEST: usize = 100;
/// Threads whose half-written text is tracked.
const THREADS: usize = 64;

/// A tool call that has not ended.
struct Call {
    tool: String,
    input: Value,
}

/// A background task that has not ended.
struct Task {
    text: String,
    /// Listed in `background_tasks_changed` while it runs.
    listed: bool,
    /// Over, but its notification has not come.
    ended: Option<CallStatus>,
}

/// What was heard of a process so far.
pub struct Heard {
    /// The highest number of our own requests that was answered.
    pub newest_request: u64,
    cwd: String,
    mode: Option<Mode>,
    model: Option<String>,
    in_turn: bool,
    /// An error was said in this turn.
    erred: bool,
    /// A person interrupted this turn.
    interrupted: bool,
    resumable: bool,
    /// Threads with text that is not whole yet.
    half: BTreeSet<Option<String>>,
    /// Prompts that began, by their id: an end without a beginning is a prompt the agent had already.
    begun: Recent<()>,
    calls: Recent<Call>,
    tasks: Recent<Task>,
    /// Types of subagents, by their id.
    subagents: Recent<String>,
    ledger: Ledger,
    context_used: Option<i64>,
    context_size: Option<i64>,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            newest_request: 0,
            cwd: String::new(),
            mode: None,
            model: None,
            in_turn: false,
            erred: false,
            interrupted: false,
            resumable: false,
            half: BTreeSet::new(),
            begun: Recent::new(64, 16 * 1024),
            calls: Recent::new(1024, 16 * 1024 * 1024),
            tasks: Recent::new(256, 1024 * 1024),
            subagents: Recent::new(256, 64 * 1024),
            ledger: Ledger::default(),
            context_used: None,
            context_size: None,
        }
    }
}

/// The id of the subagent call a line belongs to.
fn parent(line: &Value) -> Option<String> {
    line["parent_tool_use_id"].as_str().map(str::to_owned)
}

/// A text, or nothing where it says nothing.
fn said(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn lossy(line: &[u8]) -> Value {
    let text = String::from_utf8_lossy(&line[..line.len().min(RAW)]);
    Value::String(without_nul(text.into_owned()))
}

/// A text that every database takes: PostgreSQL has no NUL in texts.
fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// Makes every text of the value one that can be stored; `false` when the value is too deep for that.
fn storable(value: &mut Value, depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    match value {
        Value::String(text) => {
            *text = without_nul(std::mem::take(text));
            true
        }
        Value::Array(items) => items.iter_mut().all(|item| storable(item, depth + 1)),
        Value::Object(fields) => {
            if fields.keys().any(|key| key.contains('\0')) {
                *fields = std::mem::take(fields).into_iter().map(|(key, value)| (without_nul(key), value)).collect();
            }
            fields.values_mut().all(|field| storable(field, depth + 1))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

impl Heard {
    /// Reads one line.
    pub fn line(&mut self, bytes: &[u8]) -> Vec<AgentEvent> {
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return Vec::new();
        }
        let mut line: Value = match serde_json::from_slice(bytes) {
            Ok(line @ Value::Object(_)) => line,
            _ => return vec![AgentEvent::Raw(lossy(bytes))],
        };
        if !storable(&mut line, 1) {
            return vec![AgentEvent::Raw(lossy(bytes))];
        }
        let mut events = Vec::new();
        if !self.read(&line, bytes.len(), &mut events) {
            events.push(AgentEvent::Raw(if bytes.len() > RAW { lossy(bytes) } else { line }));
        }
        events
    }

    /// `false` when this version does not know the line.
    fn read(&mut self, line: &Value, size: usize, events: &mut Vec<AgentEvent>) -> bool {
        match line["type"].as_str().unwrap_or_default() {
            "system" => return self.system(line, events),
            "assistant" => self.assistant(line, size, events),
            "user" => self.user(line, events),
            "stream_event" => self.stream(line, events),
            "result" => self.result(line, events),
            "control_request" => self.asked(line, events),
            "control_response" => self.answered(line, events),
            "control_cancel_request" => {
                events.extend(line["request_id"].as_str().map(|request| AgentEvent::AskCancelled { request: request.into() }));
            }
            "command_lifecycle" => self.lifecycle(line, events),
            "rate_limit_event" => rate_limit(&line["rate_limit_info"], events),
            "auth_status" => events.extend(said(&line["error"]).map(|text| AgentEvent::Error { text })),
            "conversation_reset" => events.push(AgentEvent::Status { text: "The conversation was cleared".into() }),
            // Nothing a timeline needs: what they say comes again, or is only for other hosts.
            "keep_alive" | "tool_progress" | "tool_use_summary" | "prompt_suggestion" | "transcript_mirror" => {}
            _ => return false,
        }
        true
    }

    /// About how many bytes of the stream are kept.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        let half: usize = self.half.iter().flatten().map(String::len).sum();
        half + self.begun.held() + self.calls.held() + self.tasks.held() + self.subagents.held()
    }

    fn begin(&mut self, events: &mut Vec<AgentEvent>) {
        if !self.in_turn {
            self.in_turn = true;
            self.erred = false;
            self.interrupted = false;
            events.push(AgentEvent::TurnStarted);
        }
    }

    fn error(&mut self, text: String, events: &mut Vec<AgentEvent>) {
        self.erred = true;
        events.push(AgentEvent::Error { text });
    }

    fn mode(&mut self, word: &Value, events: &mut Vec<AgentEvent>) {
        let Some(word) = word.as_str() else { return };
        match mode_of(word) {
            Some(mode) if self.mode != Some(mode) => events.push(AgentEvent::Mode(mode)),
            None => events.push(AgentEvent::Status { text: format!("The agent is in its own mode {}", tool::one_line(word)) }),
            Some(_) => {}
        }
        self.mode = mode_of(word);
    }

    fn system(&mut self, line: &Value, events: &mut Vec<AgentEvent>) -> bool {
        let status = |text: Option<String>| text.map(|text| AgentEvent::Status { text });
        match line["subtype"].as_str().unwrap_or_default() {
            "init" => {
                if let Some(cwd) = line["cwd"].as_str() {
                    self.cwd = cwd.chars().take(4096).collect();
                }
                let mode = line["permissionMode"].as_str().and_then(mode_of);
                self.mode = mode;
                self.model = said(&line["model"]).map(|model| tool::one_line(&model));
                events.push(AgentEvent::Ready { version: said(&line["claude_code_version"]), model: self.model.clone(), mode });
                self.begin(events);
            }
            "status" => {
                self.mode(&line["permissionMode"], events);
                match (line["status"].as_str(), line["compact_result"].as_str()) {
                    (Some("compacting"), _) => events.push(AgentEvent::Status { text: "Compacting the conversation".into() }),
                    (_, Some(result)) if result != "success" => {
                        let why = said(&line["compact_error"]).unwrap_or_else(|| result.to_owned());
                        events.push(AgentEvent::Status { text: format!("Compacting failed: {}", tool::one_line(&why)) });
                    }
                    _ => {}
                }
            }
            "compact_boundary" => {
                let data = &line["compact_metadata"];
                let tokens = |key: &str| data[key].as_i64();
                let sizes = match (tokens("pre_tokens"), tokens("post_tokens")) {
                    (Some(before), Some(after)) => format!(" from {before} to {after} tokens"),
                    _ => String::new(),
                };
                events.push(AgentEvent::Status { text: format!("Compacted the conversation{sizes}") });
                if let Some(used) = tokens("post_tokens") {
                    self.context_used = Some(used);
                }
            }
            "api_retry" => {
                self.void(None, events);
                let number = |key: &str| line[key].as_i64().unwrap_or(0);
                let why = line["error_status"].as_i64().map_or_else(|| "no answer".to_owned(), |status| status.to_string());
                let what = said(&line["error"]).map(|error| format!(" {}", tool::one_line(&error))).unwrap_or_default();
                events.push(AgentEvent::Status {
                    text: format!(
                        "The model's service answered {why}{what}; try {} of {} in {} s",
                        number("attempt"),
                        number("max_retries"),
                        (number("retry_delay_ms").max(0) + 999) / 1000
                    ),
                });
            }
            "permission_denied" => {
                let tool = line["tool_name"].as_str().unwrap_or("a tool");
                let why =
                    said(&line["decision_reason"]).or_else(|| said(&line["message"])).map(|why| format!(": {}", tool::one_line(&why))).unwrap_or_default();
                events.push(AgentEvent::Status { text: format!("{tool} was denied by the agent's own rules{why}") });
            }
            "task_started" => self.task_started(line, events),
            "task_progress" => {
                if let Some(id) = line["task_id"].as_str().filter(|id| self.tasks.get(id).is_some()) {
                    let text = said(&line["summary"]).or_else(|| said(&line["description"])).unwrap_or_default();
                    events.push(AgentEvent::TaskProgress { id: id.into(), text: tool::one_line(&text) });
                }
            }
            "task_updated" => {
                let ended = line["patch"]["status"].as_str().and_then(task_status);
                if let (Some(id), Some(ended)) = (line["task_id"].as_str(), ended)
                    && let Some(task) = self.tasks.get_mut(id)
                {
                    task.ended = Some(ended);
                }
            }
            "task_notification" => {
                if let Some(task) = line["task_id"].as_str().and_then(|id| self.tasks.remove(id)) {
                    let id = line["task_id"].as_str().unwrap_or_default().to_owned();
                    let status = line["status"].as_str().and_then(task_status).or(task.ended).unwrap_or(CallStatus::Unknown);
                    let text = said(&line["summary"]).unwrap_or(task.text);
                    events.push(AgentEvent::TaskEnded { id, status, text: tool::one_line(&text) });
                }
            }
            "background_tasks_changed" => self.tasks_now(&line["tasks"], events),
            "informational" | "local_command_output" => events.extend(status(said(&line["content"]))),
            "notification" => events.extend(status(said(&line["text"]))),
            "model_refusal_fallback" | "model_refusal_no_fallback" => {
                events.extend(status(said(&line["message"]).or_else(|| said(&line["content"])).or(Some("The model refused; see the raw lines".into()))));
            }
            "worker_shutting_down" | "session_writes_lost" | "mirror_error" => {
                let what = said(&line["message"]).or_else(|| said(&line["error"])).map(|what| format!(": {}", tool::one_line(&what))).unwrap_or_default();
                events.push(AgentEvent::Status { text: format!("The agent reports {}{what}", line["subtype"].as_str().unwrap_or_default().replace('_', " ")) });
            }
            "session_state_changed"
            | "thinking_tokens"
            | "hook_started"
            | "hook_progress"
            | "hook_response"
            | "commands_changed"
            | "permission_check_status"
            | "session_title_changed"
            | "files_persisted"
            | "memory_recall"
            | "control_request_progress"
            | "turn_preempted"
            | "elicitation_complete"
            | "plugin_install"
            | "code_change_published"
            | "vcs_state_changed" => {}
            _ => return false,
        }
        true
    }

    fn task_started(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let Some(id) = line["task_id"].as_str() else { return };
        if let Some(kind) = line["subagent_type"].as_str() {
            self.subagents.insert(id, tool::one_line(kind), kind.len());
        }
        let hidden = |key: &str| line[key].as_bool() == Some(true);
        // A subagent that is waited for is a tool call like any other.
        if hidden("ambient") || hidden("skip_transcript") || line["is_backgrounded"].as_bool() == Some(false) {
            return;
        }
        let text = tool::one_line(&said(&line["description"]).unwrap_or_else(|| id.to_owned()));
        self.tasks.insert(id, Task { text: text.clone(), listed: true, ended: None }, text.len());
        events.push(AgentEvent::TaskStarted { id: id.into(), call: said(&line["tool_use_id"]), task: said(&line["task_type"]), text });
    }

    /// The agent lists every task that runs: one of ours that is not there has ended, whether its end was told or not.
    fn tasks_now(&mut self, list: &Value, events: &mut Vec<AgentEvent>) {
        let Some(list) = list.as_array() else { return };
        for id in self.tasks.names() {
            let gone = !list.iter().any(|task| task["task_id"] == id.as_str());
            if gone
                && self.tasks.get(&id).is_some_and(|task| task.listed)
                && let Some(task) = self.tasks.remove(&id)
            {
                events.push(AgentEvent::TaskEnded { id, status: task.ended.unwrap_or(CallStatus::Unknown), text: task.text });
            }
        }
    }

    fn assistant(&mut self, line: &Value, size: usize, events: &mut Vec<AgentEvent>) {
        let parent = parent(line);
        if let (Some(id), Some(kind)) = (line["agent_id"].as_str(), line["subagent_type"].as_str())
            && self.subagents.get(id).is_none()
        {
            self.subagents.insert(id, tool::one_line(kind), kind.len());
        }
        if parent.is_none() {
            self.begin(events);
            if !std::mem::replace(&mut self.resumable, true) {
                events.push(AgentEvent::Resumable);
            }
        }
        let message = &line["message"];
        let text = |block: &Value| said(&block["text"]);
        let Some(blocks) = message["content"].as_array() else {
            events.extend(said(&message["content"]).map(|text| AgentEvent::Message { parent, text }));
            return;
        };
        let failed = line["error"].is_string() || line["is_api_error_message"].as_bool() == Some(true);
        for block in blocks {
            match block["type"].as_str().unwrap_or_default() {
                "text" if failed => {
                    self.void(parent.clone(), events);
                    if let Some(text) = text(block) {
                        self.error(advice(&text, line["error"].as_str()), events);
                    }
                }
                "text" => {
                    self.half.remove(&parent);
                    events.extend(text(block).map(|text| AgentEvent::Message { parent: parent.clone(), text }));
                }
                "thinking" => {
                    self.half.remove(&parent);
                    events.extend(said(&block["thinking"]).map(|text| AgentEvent::Thought { parent: parent.clone(), text }));
                }
                "tool_use" | "server_tool_use" | "mcp_tool_use" => self.tool_use(block, parent.clone(), size, events),
                // Hidden thinking, and results of tools the service ran itself: the answer speaks of them.
                "redacted_thinking" => {}
                kind if kind.ends_with("_tool_result") => {
                    if let Some(id) = block["tool_use_id"].as_str() {
                        self.tool_result(id, block, &Value::Null, &Value::Null, events);
                    }
                }
                _ => events.push(AgentEvent::Raw(block.clone())),
            }
        }
        if parent.is_none() && !failed {
            self.context(&message["usage"]);
        }
    }

    fn tool_use(&mut self, block: &Value, parent: Option<String>, size: usize, events: &mut Vec<AgentEvent>) {
        let (Some(id), Some(name)) = (block["id"].as_str(), block["name"].as_str()) else {
            events.push(AgentEvent::Raw(block.clone()));
            return;
        };
        let name = tool::one_line(name);
        let input = block["input"].clone();
        self.calls.insert(id, Call { tool: name.clone(), input: input.clone() }, size);
        // The list of things to do is shown when the agent has taken it; see `tool_result`.
        if name != "TodoWrite" {
            events.push(AgentEvent::ToolStart { id: id.into(), target: tool::target(&name, &input, &self.cwd), tool: name, input, parent });
        }
    }

    fn tool_result(&mut self, id: &str, block: &Value, structured: &Value, meta: &Value, events: &mut Vec<AgentEvent>) {
        let call = self.calls.remove(id).unwrap_or(Call { tool: String::new(), input: Value::Null });
        let end = tool::outcome(&call.tool, &call.input, block, structured, meta, &self.cwd);
        if call.tool == "TodoWrite" {
            if end.status == CallStatus::Ok {
                events.push(AgentEvent::Todo { parent: None, todos: call.input["todos"].clone() });
                return;
            }
            events.push(AgentEvent::ToolStart { id: id.into(), tool: call.tool, target: String::new(), input: call.input, parent: None });
        }
        let tool::Outcome { status, result, added, removed, output } = end;
        events.push(AgentEvent::ToolEnd { id: id.into(), status, result, added, removed, output });
    }

    fn user(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let content = &line["message"]["content"];
        let mut texts: Vec<&str> = content.as_str().into_iter().collect();
        for block in content.as_array().into_iter().flatten() {
            match (block["type"].as_str(), block["tool_use_id"].as_str()) {
                (Some("tool_result"), Some(id)) => {
                    let meta = line["tool_result_meta"].as_array().into_iter().flatten().find(|meta| meta["id"] == id).unwrap_or(&Value::Null);
                    self.tool_result(id, block, &line["tool_use_result"], meta, events);
                }
                _ => texts.extend(block["text"].as_str()),
            }
        }
        for text in texts {
            if text.starts_with("[Request interrupted by user") {
                self.interrupted = true;
            } else if let Some(said) = text.trim().strip_prefix("<local-command-stdout>").and_then(|rest| rest.strip_suffix("</local-command-stdout>")) {
                let said = said.trim();
                if !said.is_empty() {
                    events.push(AgentEvent::Status { text: said.to_owned() });
                }
            }
        }
    }

    fn stream(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let (event, parent) = (&line["event"], parent(line));
        match event["type"].as_str().unwrap_or_default() {
            "message_start" => self.void(parent, events),
            "content_block_delta" => {
                let delta = &event["delta"];
                let (kind, text) = match delta["type"].as_str() {
                    Some("text_delta") => (EntryKind::Message, delta["text"].as_str()),
                    Some("thinking_delta") => (EntryKind::Thought, delta["thinking"].as_str()),
                    _ => return,
                };
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    if self.half.len() < THREADS {
                        self.half.insert(parent.clone());
                    }
                    events.push(AgentEvent::Delta { kind, parent, text: text.into() });
                }
            }
            "message_delta" if parent.is_none() => self.context(&event["usage"]),
            _ => {}
        }
    }

    /// Half-written text of a thread will not be finished.
    fn void(&mut self, parent: Option<String>, events: &mut Vec<AgentEvent>) {
        if self.half.remove(&parent) {
            events.push(AgentEvent::DeltaReset { parent });
        }
    }

    fn context(&mut self, usage: &Value) {
        let counts: Vec<i64> =
            ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"].iter().filter_map(|key| usage[*key].as_i64()).collect();
        let used = counts.iter().fold(0_i64, |sum, count| sum.saturating_add((*count).max(0)));
        if used > 0 {
            self.context_used = Some(used);
        }
    }

    fn result(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        for parent in std::mem::take(&mut self.half) {
            events.push(AgentEvent::DeltaReset { parent });
        }
        for (model, tokens, cost_micros) in self.ledger.result(line) {
            events.push(AgentEvent::Usage { model, tokens, cost_micros });
        }
        let window = self.model.as_ref().and_then(|model| line["modelUsage"][model.as_str()]["contextWindow"].as_i64());
        self.context_size = window.or(self.context_size);
        if let Some(used) = self.context_used {
            events.push(AgentEvent::Context { used, size: self.context_size });
        }
        let outcome = self.outcome(line);
        if let TurnOutcome::Failed(why) = &outcome {
            if !self.in_turn && why.contains("No conversation found with session ID") {
                events.push(AgentEvent::NothingToResume);
                return;
            }
            if !self.erred {
                self.error(why.clone(), events);
            }
        }
        self.erred = false;
        if std::mem::take(&mut self.in_turn) {
            events.push(AgentEvent::TurnEnded { outcome });
        }
    }

    fn outcome(&self, line: &Value) -> TurnOutcome {
        let reason = line["terminal_reason"].as_str().unwrap_or_default();
        let subtype = line["subtype"].as_str().unwrap_or_default();
        let failed = line["is_error"].as_bool().unwrap_or(subtype != "success");
        if reason.starts_with("aborted") || (failed && self.interrupted) {
            return TurnOutcome::Interrupted;
        }
        if !failed {
            return TurnOutcome::Completed;
        }
        let errors: Vec<&str> =
            line["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).filter(|error| !error.starts_with("[ede_diagnostic]")).collect();
        let text = said(&line["result"]).or_else(|| (!errors.is_empty()).then(|| errors.join("\n")));
        let startup = line["startup_failure_reason"].as_str().map(|why| format!("The agent did not start ({})", why.replace('_', " ")));
        let text = match (startup, text) {
            (Some(startup), Some(text)) => format!("{startup}: {text}"),
            (Some(text), None) | (None, Some(text)) => text,
            (None, None) => match subtype {
                "error_max_turns" => "The turn reached its limit of steps".into(),
                "error_max_budget_usd" => "The turn reached its limit of cost".into(),
                _ if reason.is_empty() => format!("The turn failed ({})", subtype.replace('_', " ")),
                _ => format!("The turn failed ({})", reason.replace('_', " ")),
            },
        };
        TurnOutcome::Failed(advice(&text, None))
    }

    fn asked(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let (Some(id), asked) = (line["request_id"].as_str(), &line["request"]) else { return };
        let reply = |response: Value| AgentEvent::Reply { line: json!({"type": "control_response", "response": response}).to_string().into_bytes() };
        let success = |response: Value| reply(json!({"subtype": "success", "request_id": id, "response": response}));
        match asked["subtype"].as_str().unwrap_or_default() {
            "can_use_tool" => {
                let ask = self.ask(id, asked);
                events.push(AgentEvent::Ask(Box::new(ask)));
            }
            "elicitation" => events.extend([
                AgentEvent::Status {
                    text: format!(
                        "An MCP server asked for input, which OrchWiz cannot show: {}",
                        tool::one_line(asked["message"].as_str().unwrap_or_default())
                    ),
                },
                success(json!({"action": "cancel"})),
            ]),
            "request_user_dialog" => events.extend([
                AgentEvent::Status {
                    text: format!(
                        "The agent wanted to show a dialog, which OrchWiz cannot: {}",
                        tool::one_line(asked["dialog_kind"].as_str().unwrap_or_default())
                    ),
                },
                success(json!({"behavior": "cancelled"})),
            ]),
            other => events.push(reply(json!({"subtype": "error", "request_id": id, "error": format!("OrchWiz does not answer {}", tool::one_line(other))}))),
        }
    }

    fn ask(&mut self, id: &str, asked: &Value) -> Ask {
        let name = tool::one_line(asked["tool_name"].as_str().unwrap_or_default());
        let call = asked["tool_use_id"].as_str().map(str::to_owned);
        let mut input = asked["input"].clone();
        let kind = match name.as_str() {
            "ExitPlanMode" => ApprovalKind::Plan,
            "AskUserQuestion" => ApprovalKind::Question,
            _ => ApprovalKind::Tool,
        };
        if kind == ApprovalKind::Plan && said(&input["plan"]).is_none() {
            // The request may come without the text: then it is in the call itself.
            let plan = call.as_ref().and_then(|call| self.calls.get(call)).and_then(|call| call.input["plan"].as_str()).unwrap_or_default();
            if !input.is_object() {
                input = json!({});
            }
            input["plan"] = json!(plan);
        }
        Ask {
            request: id.into(),
            kind,
            target: tool::target(&name, &input, &self.cwd),
            reason: permission::reason(asked),
            reason_type: asked["decision_reason_type"].as_str().map(str::to_owned),
            subagent: asked["agent_id"].as_str().map(|id| self.subagents.get(id).cloned().unwrap_or_else(|| tool::one_line(id))),
            suggestions: if asked["suppress_always_allow_rule"].as_bool() == Some(true) {
                Vec::new()
            } else {
                permission::suggestions(asked.get("permission_suggestions"))
            },
            questions: permission::questions(if kind == ApprovalKind::Question { &input } else { &Value::Null }),
            tool: name,
            call,
            input,
        }
    }

    fn answered(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let response = &line["response"];
        let Some((number, wish)) = response["request_id"].as_str().and_then(request) else { return };
        self.newest_request = self.newest_request.max(number);
        let ok = response["subtype"] == "success";
        if ok {
            match wish {
                Wish::Mode(_) => self.mode(&response["response"]["mode"], events),
                Wish::Model => {
                    if let Some(model) = said(&response["response"]["model"]) {
                        self.model = Some(tool::one_line(&model));
                        events.push(AgentEvent::Ready { version: None, model: self.model.clone(), mode: self.mode });
                    }
                }
                Wish::Initialize | Wish::Interrupt => {}
            }
        }
        let error = (!ok).then(|| said(&response["error"]).unwrap_or_else(|| "the agent refused without a reason".into()));
        events.push(AgentEvent::Control { wish, ok, error });
    }

    fn lifecycle(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let Some(id) = line["command_uuid"].as_str() else { return };
        match line["state"].as_str().unwrap_or_default() {
            "started" => self.begun.insert(id, (), 0),
            "completed" if self.begun.remove(id).is_none() && !self.in_turn => {
                // Given again after a crash: the agent has it in its transcript and says nothing more about it.
                events.push(AgentEvent::Status { text: "The agent already had this prompt".into() });
                events.push(AgentEvent::TurnEnded { outcome: TurnOutcome::Completed });
            }
            "cancelled" | "discarded" => {
                self.begun.remove(id);
            }
            _ => {}
        }
    }
}

fn task_status(word: &str) -> Option<CallStatus> {
    match word {
        "completed" => Some(CallStatus::Ok),
        "failed" | "killed" | "stopped" => Some(CallStatus::Failed),
        _ => None,
    }
}

fn rate_limit(info: &Value, events: &mut Vec<AgentEvent>) {
    let what = match info["status"].as_str() {
        Some("rejected") => "is used up",
        Some("allowed_warning") => "is nearly used up",
        _ => return,
    };
    let which = info["rateLimitType"].as_str().map(|kind| format!(" ({})", kind.replace('_', " "))).unwrap_or_default();
    events.push(AgentEvent::Status { text: format!("The account's rate limit{which} {what}") });
}

/// An error with what to do about it, where that is known.
fn advice(text: &str, error: Option<&str>) -> String {
    let signed_out = error == Some("authentication_failed") || text.contains("Please run /login") || text.contains("Invalid API key");
    if signed_out && !text.contains("claude auth login") {
        return format!("{text}\nSign Claude Code in on this machine with `claude auth login`, or start the node with ANTHROPIC_API_KEY.");
    }
    text.to_owned()
}
