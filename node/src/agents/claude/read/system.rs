//! `system` lines: the state of the process and of its background tasks.

use super::{
    super::{mode_of, tool},
    Background, Heard, bounded,
    text::said,
};
use crate::agents::{AgentEvent, Said, Session, Task};
use model::entries::CallStatus;
use serde_json::Value;

impl Heard {
    pub(super) fn system(&mut self, line: &Value, events: &mut Vec<AgentEvent>) -> bool {
        let status = |text: Option<String>| text.map(|text| AgentEvent::Said(Said::Status { text }));
        match line["subtype"].as_str().unwrap_or_default() {
            "init" => {
                if let Some(cwd) = line["cwd"].as_str() {
                    self.cwd = cwd.chars().take(4096).collect();
                }
                let mode = line["permissionMode"].as_str().and_then(mode_of);
                self.mode = mode;
                self.model = said(&line["model"]).map(|model| tool::one_line(&model));
                events.push(AgentEvent::Session(Session::Ready {
                    version: said(&line["claude_code_version"]),
                    model: self.model.clone(),
                    mode,
                }));
                self.begin(events);
                self.resumable(events);
            }
            "status" => {
                self.mode(&line["permissionMode"], events);
                match (line["status"].as_str(), line["compact_result"].as_str()) {
                    (Some("compacting"), _) => events.push(AgentEvent::Said(Said::Status {
                        text: "Compacting the conversation".into(),
                    })),
                    (_, Some(result)) if result != "success" => {
                        let why = said(&line["compact_error"]).unwrap_or_else(|| result.to_owned());
                        events.push(AgentEvent::Said(Said::Status {
                            text: format!("Compacting failed: {}", tool::one_line(&why)),
                        }));
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
                events.push(AgentEvent::Said(Said::Status {
                    text: format!("Compacted the conversation{sizes}"),
                }));
                if let Some(used) = tokens("post_tokens") {
                    self.context_used = Some(bounded(used));
                }
            }
            "api_retry" => {
                self.void(None, events);
                let number = |key: &str| line[key].as_i64().unwrap_or(0);
                let why = line["error_status"]
                    .as_i64()
                    .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
                let what = said(&line["error"])
                    .map(|error| format!(" {}", tool::one_line(&error)))
                    .unwrap_or_default();
                events.push(AgentEvent::Said(Said::Status {
                    text: format!(
                        "The model's service answered {why}{what}; try {} of {} in {} s",
                        number("attempt"),
                        number("max_retries"),
                        number("retry_delay_ms").max(0).saturating_add(999) / 1000
                    ),
                }));
            }
            "permission_denied" => {
                let tool = line["tool_name"].as_str().unwrap_or("a tool");
                let why = said(&line["decision_reason"])
                    .or_else(|| said(&line["message"]))
                    .map(|why| format!(": {}", tool::one_line(&why)))
                    .unwrap_or_default();
                events.push(AgentEvent::Said(Said::Status {
                    text: format!("{tool} was denied by the agent's own rules{why}"),
                }));
            }
            "task_started" => self.task_started(line, events),
            "task_progress" => {
                if let Some(id) = line["task_id"].as_str().filter(|id| self.tasks.get(id).is_some()) {
                    let text = said(&line["summary"])
                        .or_else(|| said(&line["description"]))
                        .unwrap_or_default();
                    events.push(AgentEvent::Task(Task::Progress {
                        id: id.into(),
                        text: tool::one_line(&text),
                    }));
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
                    let status = line["status"]
                        .as_str()
                        .and_then(task_status)
                        .or(task.ended)
                        .unwrap_or(CallStatus::Unknown);
                    let text = said(&line["summary"]).unwrap_or(task.text);
                    events.push(AgentEvent::Task(Task::Ended {
                        id,
                        status,
                        text: tool::one_line(&text),
                    }));
                }
            }
            "background_tasks_changed" => self.tasks_now(&line["tasks"], events),
            "informational" | "local_command_output" => events.extend(status(said(&line["content"]))),
            "notification" => events.extend(status(said(&line["text"]))),
            "model_refusal_fallback" | "model_refusal_no_fallback" => {
                events.extend(status(
                    said(&line["message"])
                        .or_else(|| said(&line["content"]))
                        .or(Some("The model refused; see the raw lines".into())),
                ));
            }
            "worker_shutting_down" | "session_writes_lost" | "mirror_error" => {
                let what = said(&line["message"])
                    .or_else(|| said(&line["error"]))
                    .map(|what| format!(": {}", tool::one_line(&what)))
                    .unwrap_or_default();
                events.push(AgentEvent::Said(Said::Status {
                    text: format!(
                        "The agent reports {}{what}",
                        line["subtype"].as_str().unwrap_or_default().replace('_', " ")
                    ),
                }));
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
        // A subagent that is awaited is a tool call like any other.
        if hidden("ambient") || hidden("skip_transcript") || line["is_backgrounded"].as_bool() == Some(false) {
            return;
        }
        let text = tool::one_line(&said(&line["description"]).unwrap_or_else(|| id.to_owned()));
        self.tasks.insert(
            id,
            Background {
                text: text.clone(),
                listed: true,
                ended: None,
            },
            text.len(),
        );
        events.push(AgentEvent::Task(Task::Started {
            id: id.into(),
            call: said(&line["tool_use_id"]),
            task: said(&line["task_type"]),
            text,
        }));
    }

    /// Ends each task that is missing from the agent's list of running tasks, even if its end was never reported.
    fn tasks_now(&mut self, list: &Value, events: &mut Vec<AgentEvent>) {
        let Some(list) = list.as_array() else { return };
        for id in self.tasks.names() {
            let gone = !list.iter().any(|task| task["task_id"] == id.as_str());
            if gone
                && self.tasks.get(&id).is_some_and(|task| task.listed)
                && let Some(task) = self.tasks.remove(&id)
            {
                events.push(AgentEvent::Task(Task::Ended {
                    id,
                    status: task.ended.unwrap_or(CallStatus::Unknown),
                    text: task.text,
                }));
            }
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
