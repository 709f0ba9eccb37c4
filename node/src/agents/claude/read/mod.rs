//! Reads the stream: from a line of Claude Code's output to events. It must not panic on any line, and keeps only a
//! bounded part of the stream.

mod control;
mod system;
mod text;

use super::{memory::Recent, mode_of, money::Ledger, tool};
use crate::agents::{AgentEvent, Asks, Call, Said, Session, Turn, TurnOutcome};
use model::{
    entries::{CallStatus, EntryKind},
    sessions::{Mode, USAGE_MOST},
};
use serde_json::Value;
use std::collections::BTreeSet;
use text::{RAW, lossy, said, storable};

/// The most threads whose half-written text is tracked.
const THREADS: usize = 64;

/// A tool call that has not ended.
struct Begun {
    tool: String,
    input: Value,
}

/// A background task that has not ended.
struct Background {
    text: String,
    /// Whether `background_tasks_changed` has listed it.
    listed: bool,
    /// Its end, until its notification comes.
    ended: Option<CallStatus>,
}

/// The state read from a process's stream.
pub struct Heard {
    /// The highest answered number of our requests.
    pub newest_request: u64,
    cwd: String,
    mode: Option<Mode>,
    model: Option<String>,
    in_turn: bool,
    /// Whether this turn has reported an error.
    erred: bool,
    /// Whether a person interrupted this turn.
    interrupted: bool,
    resumable: bool,
    /// Threads with half-written text.
    half: BTreeSet<Option<String>>,
    /// Prompts that began, by id. A prompt that ends without a begin was in the transcript already.
    begun: Recent<()>,
    calls: Recent<Begun>,
    tasks: Recent<Background>,
    /// The types of subagents, by id.
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

/// The longest id or name, in bytes: it stands in every row that mentions it, and real ones are shorter.
const NAME: usize = 512;

/// Whether every name that goes into rows unchanged is short enough.
fn names_fit(line: &Value) -> bool {
    const NAMES: [&str; 11] = [
        "agent_id",
        "claude_code_version",
        "id",
        "name",
        "parent_tool_use_id",
        "request_id",
        "subagent_type",
        "task_id",
        "task_type",
        "tool_name",
        "tool_use_id",
    ];
    let fits = |value: &Value| {
        NAMES
            .iter()
            .all(|name| value[*name].as_str().is_none_or(|name| name.len() <= NAME))
    };
    let blocks = line["message"]["content"].as_array().into_iter().flatten();
    [line, &line["request"], &line["response"]]
        .into_iter()
        .chain(blocks)
        .all(fits)
}

/// A number of tokens within sane bounds.
fn bounded(tokens: i64) -> i64 {
    tokens.clamp(0, USAGE_MOST)
}

/// The id of the subagent's call that a line belongs to.
fn parent(line: &Value) -> Option<String> {
    line["parent_tool_use_id"].as_str().map(str::to_owned)
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
            _ => return vec![AgentEvent::Said(Said::Raw(lossy(bytes)))],
        };
        if !storable(&mut line, 1) || !names_fit(&line) {
            return vec![AgentEvent::Said(Said::Raw(lossy(bytes)))];
        }
        let mut events = Vec::new();
        if !self.read(&line, bytes.len(), &mut events) {
            events.push(AgentEvent::Said(Said::Raw(if bytes.len() > RAW {
                lossy(bytes)
            } else {
                line
            })));
        }
        events
    }

    /// Reads one parsed line; `false` if this version does not know it.
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
                events.extend(line["request_id"].as_str().map(|request| {
                    AgentEvent::Ask(Asks::Cancelled {
                        request: request.into(),
                    })
                }));
            }
            "command_lifecycle" => self.lifecycle(line, events),
            "rate_limit_event" => rate_limit(&line["rate_limit_info"], events),
            "auth_status" => events.extend(said(&line["error"]).map(|text| AgentEvent::Said(Said::Error { text }))),
            "conversation_reset" => events.push(AgentEvent::Said(Said::Status {
                text: "The conversation was cleared".into(),
            })),
            // A timeline does not need these: other lines repeat them, or they are for other hosts.
            "keep_alive" | "tool_progress" | "tool_use_summary" | "prompt_suggestion" | "transcript_mirror" => {}
            _ => return false,
        }
        true
    }

    /// The approximate number of bytes kept of the stream.
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
            events.push(AgentEvent::Turn(Turn::Started));
        }
    }

    /// Reports that the agent may have a transcript. It writes one from the moment it takes a prompt up, and then
    /// refuses to begin another conversation with the same id.
    fn resumable(&mut self, events: &mut Vec<AgentEvent>) {
        if !std::mem::replace(&mut self.resumable, true) {
            events.push(AgentEvent::Session(Session::Resumable));
        }
    }

    fn error(&mut self, text: String, events: &mut Vec<AgentEvent>) {
        self.erred = true;
        events.push(AgentEvent::Said(Said::Error { text }));
    }

    fn mode(&mut self, word: &Value, events: &mut Vec<AgentEvent>) {
        let Some(word) = word.as_str() else { return };
        match mode_of(word) {
            Some(mode) if self.mode != Some(mode) => events.push(AgentEvent::Session(Session::Mode(mode))),
            None => events.push(AgentEvent::Said(Said::Status {
                text: format!("The agent is in its own mode {}", tool::one_line(word)),
            })),
            Some(_) => {}
        }
        self.mode = mode_of(word);
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
            self.resumable(events);
        }
        let message = &line["message"];
        let text = |block: &Value| said(&block["text"]);
        let Some(blocks) = message["content"].as_array() else {
            events.extend(said(&message["content"]).map(|text| AgentEvent::Said(Said::Message { parent, text })));
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
                    events.extend(text(block).map(|text| {
                        AgentEvent::Said(Said::Message {
                            parent: parent.clone(),
                            text,
                        })
                    }));
                }
                "thinking" => {
                    self.half.remove(&parent);
                    events.extend(said(&block["thinking"]).map(|text| {
                        AgentEvent::Said(Said::Thought {
                            parent: parent.clone(),
                            text,
                        })
                    }));
                }
                "tool_use" | "server_tool_use" | "mcp_tool_use" => self.tool_use(block, parent.clone(), size, events),
                // Hidden thinking, and results of tools that the service itself ran: the answer covers them.
                "redacted_thinking" => {}
                kind if kind.ends_with("_tool_result") => {
                    if let Some(id) = block["tool_use_id"].as_str() {
                        self.tool_result(id, block, &Value::Null, &Value::Null, events);
                    }
                }
                _ => events.push(AgentEvent::Said(Said::Raw(block.clone()))),
            }
        }
        if parent.is_none() && !failed {
            self.context(&message["usage"]);
        }
    }

    fn tool_use(&mut self, block: &Value, parent: Option<String>, size: usize, events: &mut Vec<AgentEvent>) {
        let (Some(id), Some(name)) = (block["id"].as_str(), block["name"].as_str()) else {
            events.push(AgentEvent::Said(Said::Raw(block.clone())));
            return;
        };
        let name = tool::one_line(name);
        let input = block["input"].clone();
        self.calls.insert(
            id,
            Begun {
                tool: name.clone(),
                input: input.clone(),
            },
            size,
        );
        // The to-do list is shown once the agent has accepted it; see `tool_result`.
        if name != "TodoWrite" {
            events.push(AgentEvent::Call(Call::Start {
                id: id.into(),
                shape: tool::shape(&name, &input),
                target: tool::target(&name, &input, &self.cwd),
                tool: name,
                input,
                parent,
            }));
        }
    }

    fn tool_result(&mut self, id: &str, block: &Value, structured: &Value, meta: &Value, events: &mut Vec<AgentEvent>) {
        let call = self.calls.remove(id).unwrap_or(Begun {
            tool: String::new(),
            input: Value::Null,
        });
        let end = tool::outcome(&call.tool, &call.input, block, structured, meta, &self.cwd);
        if call.tool == "TodoWrite" {
            if end.status == CallStatus::Ok {
                events.push(AgentEvent::Said(Said::Todo {
                    parent: None,
                    todos: tool::todos(&call.input["todos"]),
                }));
                return;
            }
            let shape = tool::shape(&call.tool, &call.input);
            events.push(AgentEvent::Call(Call::Start {
                id: id.into(),
                tool: call.tool,
                shape,
                target: String::new(),
                input: call.input,
                parent: None,
            }));
        }
        let tool::Outcome {
            status,
            result,
            added,
            removed,
            output,
        } = end;
        events.push(AgentEvent::Call(Call::End {
            id: id.into(),
            status,
            result,
            added,
            removed,
            output,
        }));
    }

    fn user(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let content = &line["message"]["content"];
        let mut texts: Vec<&str> = content.as_str().into_iter().collect();
        for block in content.as_array().into_iter().flatten() {
            match (block["type"].as_str(), block["tool_use_id"].as_str()) {
                (Some("tool_result"), Some(id)) => {
                    let meta = line["tool_result_meta"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .find(|meta| meta["id"] == id)
                        .unwrap_or(&Value::Null);
                    self.tool_result(id, block, &line["tool_use_result"], meta, events);
                }
                _ => texts.extend(block["text"].as_str()),
            }
        }
        for text in texts {
            if text.starts_with("[Request interrupted by user") {
                self.interrupted = true;
            } else if let Some(said) = text
                .trim()
                .strip_prefix("<local-command-stdout>")
                .and_then(|rest| rest.strip_suffix("</local-command-stdout>"))
            {
                let said = said.trim();
                if !said.is_empty() {
                    events.push(AgentEvent::Said(Said::Status { text: said.to_owned() }));
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
                    events.push(AgentEvent::Said(Said::Delta {
                        kind,
                        parent,
                        text: text.into(),
                    }));
                }
            }
            "message_delta" if parent.is_none() => self.context(&event["usage"]),
            _ => {}
        }
    }

    /// Drops the half-written text of a thread, which will not be finished.
    fn void(&mut self, parent: Option<String>, events: &mut Vec<AgentEvent>) {
        if self.half.remove(&parent) {
            events.push(AgentEvent::Said(Said::DeltaReset { parent }));
        }
    }

    fn context(&mut self, usage: &Value) {
        let counts: Vec<i64> = [
            "input_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "output_tokens",
        ]
        .iter()
        .filter_map(|key| usage[*key].as_i64())
        .collect();
        let used = counts
            .iter()
            .fold(0_i64, |sum, count| sum.saturating_add((*count).max(0)));
        if used > 0 {
            self.context_used = Some(bounded(used));
        }
    }

    fn result(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        for parent in std::mem::take(&mut self.half) {
            events.push(AgentEvent::Said(Said::DeltaReset { parent }));
        }
        for (model, tokens, cost_micros) in self.ledger.result(line) {
            events.push(AgentEvent::Session(Session::Usage {
                model,
                tokens,
                cost_micros,
            }));
        }
        let window = self.model.as_ref().and_then(|model| {
            line["modelUsage"][model.as_str()]["contextWindow"]
                .as_i64()
                .map(bounded)
        });
        self.context_size = window.or(self.context_size);
        if let Some(used) = self.context_used {
            events.push(AgentEvent::Session(Session::Context {
                used,
                size: self.context_size,
            }));
        }
        let outcome = self.outcome(line);
        if let TurnOutcome::Failed(why) = &outcome {
            if !self.in_turn && why.contains("No conversation found with session ID") {
                events.push(AgentEvent::Session(Session::NothingToResume));
                return;
            }
            if !self.erred {
                self.error(why.clone(), events);
            }
        }
        self.erred = false;
        if std::mem::take(&mut self.in_turn) {
            events.push(AgentEvent::Turn(Turn::Ended { outcome }));
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
        let errors: Vec<&str> = line["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|error| !error.starts_with("[ede_diagnostic]"))
            .collect();
        let text = said(&line["result"]).or_else(|| (!errors.is_empty()).then(|| errors.join("\n")));
        let startup = line["startup_failure_reason"]
            .as_str()
            .map(|why| format!("The agent did not start ({})", why.replace('_', " ")));
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
}

fn rate_limit(info: &Value, events: &mut Vec<AgentEvent>) {
    let what = match info["status"].as_str() {
        Some("rejected") => "is used up",
        Some("allowed_warning") => "is nearly used up",
        _ => return,
    };
    let which = info["rateLimitType"]
        .as_str()
        .map(|kind| format!(" ({})", kind.replace('_', " ")))
        .unwrap_or_default();
    events.push(AgentEvent::Said(Said::Status {
        text: format!("The account's rate limit{which} {what}"),
    }));
}

/// An error with advice, where a remedy is known.
fn advice(text: &str, error: Option<&str>) -> String {
    let signed_out = error == Some("authentication_failed")
        || text.contains("Please run /login")
        || text.contains("Invalid API key");
    if signed_out && !text.contains("claude auth login") {
        return format!(
            "{text}\nSign Claude Code in on this machine with `claude auth login`, or start the node with ANTHROPIC_API_KEY."
        );
    }
    text.to_owned()
}
