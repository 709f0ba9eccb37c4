//! Control lines: the agent's requests to its host, its answers, and the lifecycle of prompts.

use super::{
    super::{permission, request, tool},
    Heard,
    text::said,
};
use crate::agents::{AgentEvent, Ask, Asks, Said, Session, Turn, TurnOutcome, Wish};
use model::{approvals::ApprovalKind, calls::CallClass};
use serde_json::{Value, json};

impl Heard {
    pub(super) fn asked(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let (Some(id), asked) = (line["request_id"].as_str(), &line["request"]) else {
            return;
        };
        let reply = |response: Value| {
            AgentEvent::Session(Session::Reply {
                line: json!({"type": "control_response", "response": response})
                    .to_string()
                    .into_bytes(),
            })
        };
        let success = |response: Value| reply(json!({"subtype": "success", "request_id": id, "response": response}));
        match asked["subtype"].as_str().unwrap_or_default() {
            "can_use_tool" => {
                let ask = self.ask(id, asked);
                events.push(AgentEvent::Ask(Asks::New(Box::new(ask))));
            }
            "elicitation" => events.extend([
                AgentEvent::Said(Said::Status {
                    text: format!(
                        "An MCP server asked for input, which OrchWiz cannot show: {}",
                        tool::one_line(asked["message"].as_str().unwrap_or_default())
                    ),
                }),
                success(json!({"action": "cancel"})),
            ]),
            "request_user_dialog" => events.extend([
                AgentEvent::Said(Said::Status {
                    text: format!(
                        "The agent wanted to show a dialog, which OrchWiz cannot: {}",
                        tool::one_line(asked["dialog_kind"].as_str().unwrap_or_default())
                    ),
                }),
                success(json!({"behavior": "cancelled"})),
            ]),
            other => events.push(reply(json!({"subtype": "error", "request_id": id, "error": format!("OrchWiz does not answer {}", tool::one_line(other))}))),
        }
    }

    fn ask(&mut self, id: &str, asked: &Value) -> Ask {
        let name = tool::one_line(asked["tool_name"].as_str().unwrap_or_default());
        let call = asked["tool_use_id"].as_str().map(str::to_owned);
        let mut input = asked["input"].clone();
        let kind = match tool::class(&name) {
            CallClass::Plan => ApprovalKind::Plan,
            CallClass::Question => ApprovalKind::Question,
            _ => ApprovalKind::Tool,
        };
        if kind == ApprovalKind::Plan && said(&input["plan"]).is_none() {
            // The request may lack the plan's text; then the call has it.
            let plan = call
                .as_ref()
                .and_then(|call| self.calls.get(call))
                .and_then(|call| call.input["plan"].as_str())
                .unwrap_or_default();
            if !input.is_object() {
                input = json!({});
            }
            input["plan"] = json!(plan);
        }
        Ask {
            request: id.into(),
            kind,
            masked: false,
            target: tool::target(&name, &input, &self.cwd),
            reason: permission::reason(asked),
            cause: permission::cause(asked),
            subagent: asked["agent_id"]
                .as_str()
                .map(|id| self.subagents.get(id).cloned().unwrap_or_else(|| tool::one_line(id))),
            suggestions: if asked["suppress_always_allow_rule"].as_bool() == Some(true) {
                Vec::new()
            } else {
                permission::suggestions(asked.get("permission_suggestions"))
            },
            questions: permission::questions(if kind == ApprovalKind::Question {
                &input
            } else {
                &Value::Null
            }),
            shape: tool::shape(&name, &input),
            tool: name,
            call,
            input,
        }
    }

    pub(super) fn answered(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let response = &line["response"];
        let Some((number, wish)) = response["request_id"].as_str().and_then(request) else {
            return;
        };
        self.newest_request = self.newest_request.max(number);
        let ok = response["subtype"] == "success";
        if ok {
            match wish {
                Wish::Mode(_) => self.mode(&response["response"]["mode"], events),
                Wish::Model => {
                    if let Some(model) = said(&response["response"]["model"]) {
                        self.model = Some(tool::one_line(&model));
                        events.push(AgentEvent::Session(Session::Ready {
                            version: None,
                            model: self.model.clone(),
                            mode: self.mode,
                        }));
                    }
                }
                Wish::Initialize | Wish::Interrupt => {}
            }
        }
        let error =
            (!ok).then(|| said(&response["error"]).unwrap_or_else(|| "the agent refused without a reason".into()));
        events.push(AgentEvent::Session(Session::Control { wish, ok, error }));
    }

    pub(super) fn lifecycle(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let Some(id) = line["command_uuid"].as_str() else {
            return;
        };
        match line["state"].as_str().unwrap_or_default() {
            "started" => self.begun.insert(id, (), 0),
            "completed" if self.begun.remove(id).is_none() && !self.in_turn => {
                // The prompt was sent again after a crash. The agent has it in its transcript and reports nothing more
                // about it.
                events.push(AgentEvent::Said(Said::Status {
                    text: "The agent already had this prompt".into(),
                }));
                events.push(AgentEvent::Turn(Turn::Ended {
                    outcome: TurnOutcome::Completed,
                }));
            }
            "cancelled" | "discarded" => {
                self.begun.remove(id);
            }
            _ => {}
        }
    }
}
