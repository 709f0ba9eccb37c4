//! Claude Code over stream-json in both directions, with its control protocol on stdio. The protocol is open: unknown
//! kinds, words and fields are passed on or ignored, never an error.

mod argv;
mod memory;
mod money;
pub mod own;
pub mod permission;
mod read;
mod tool;

use super::{AgentEvent, Answer, Driver, Start, Wish};
use crate::process::Spec;
use model::{id::PromptId, sessions::Mode};
use serde_json::{Value, json};

/// The prefix of our request ids, `ow-<number>-<wish>`. The wish is in the id so that a driver rebuilt after a restart
/// understands the answer.
const PREFIX: &str = "ow-";

/// The driver of one process.
pub struct Claude {
    /// The first arguments: the demo agent is a subcommand of the node's own program.
    lead: &'static [&'static str],
    /// The number of our newest request.
    number: u64,
    /// The state read from the stream so far.
    heard: read::Heard,
}

impl Claude {
    /// For the real Claude Code.
    pub fn new() -> Self {
        Self {
            lead: &[],
            number: 0,
            heard: read::Heard::default(),
        }
    }

    /// For the demo agent: [`Start::program`] is the node's own program.
    pub fn demo() -> Self {
        Self {
            lead: &["demo-agent"],
            ..Self::new()
        }
    }

    fn control(&mut self, wish: Wish, request: Value) -> Vec<Vec<u8>> {
        self.number = self.number.max(self.heard.newest_request) + 1;
        vec![bytes(
            &json!({"type": "control_request", "request_id": format!("{PREFIX}{}-{}", self.number, word(wish)), "request": request}),
        )]
    }
}

impl Default for Claude {
    fn default() -> Self {
        Self::new()
    }
}

impl Driver for Claude {
    fn spec(&self, start: &Start) -> Spec {
        argv::spec(self.lead, start)
    }

    fn hello(&mut self) -> Vec<Vec<u8>> {
        self.control(Wish::Initialize, json!({"subtype": "initialize"}))
    }

    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        self.heard.line(line)
    }

    fn prompt(&mut self, id: PromptId, text: &str) -> Vec<Vec<u8>> {
        vec![bytes(&json!({
            "type": "user",
            "message": {"role": "user", "content": [{"type": "text", "text": text}]},
            "parent_tool_use_id": null,
            "session_id": "",
            // The agent ignores a prompt with the id of one in its transcript, so a prompt may be sent again after a
            // crash.
            "uuid": id.uuid().to_string(),
        }))]
    }

    fn interrupt(&mut self) -> Vec<Vec<u8>> {
        self.control(Wish::Interrupt, json!({"subtype": "interrupt"}))
    }

    fn set_mode(&mut self, mode: Mode) -> Vec<Vec<u8>> {
        self.control(
            Wish::Mode(mode),
            json!({"subtype": "set_permission_mode", "mode": mode_word(mode)}),
        )
    }

    fn set_model(&mut self, model: Option<&str>) -> Vec<Vec<u8>> {
        self.control(Wish::Model, json!({"subtype": "set_model", "model": model}))
    }

    fn answer(&mut self, request: &str, answer: &Answer) -> Vec<Vec<u8>> {
        let response = match answer {
            Answer::Allow {
                input,
                remember,
                mode,
                answers,
            } => {
                let mut input = input.clone();
                if let (Some(answers), Some(Value::Object(map))) = (answers, &mut input) {
                    map.insert("answers".into(), json!(answers));
                }
                let mut permissions = remember.clone();
                permissions.extend(
                    mode.map(|mode| json!({"type": "setMode", "mode": mode_word(mode), "destination": "session"})),
                );
                let mut allow = json!({"behavior": "allow", "updatedPermissions": permissions});
                if let Some(input) = input {
                    allow["updatedInput"] = input;
                }
                allow
            }
            Answer::Deny { message, interrupt } => {
                json!({"behavior": "deny", "message": message, "interrupt": interrupt})
            }
        };
        vec![bytes(
            &json!({"type": "control_response", "response": {"subtype": "success", "request_id": request, "response": response}}),
        )]
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// The answer to an ask that the mode `plan` forbids.
pub fn still_planning() -> Answer {
    Answer::deny(
        "The session is still planning: propose the plan with ExitPlanMode and wait until a person approves it. Nothing may be changed before.",
    )
}

/// The agent's name of a mode.
const fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Plan => "plan",
        Mode::Ask => "default",
        Mode::AutoAccept => "acceptEdits",
    }
}

/// The mode of an agent's name; `None` for modes that OrchWiz does not offer (`auto`, `dontAsk`, `bypassPermissions`,
/// newer ones).
fn mode_of(word: &str) -> Option<Mode> {
    match word {
        "plan" => Some(Mode::Plan),
        "default" | "manual" => Some(Mode::Ask),
        "acceptEdits" => Some(Mode::AutoAccept),
        _ => None,
    }
}

fn word(wish: Wish) -> String {
    match wish {
        Wish::Initialize => "initialize".into(),
        Wish::Interrupt => "interrupt".into(),
        Wish::Mode(mode) => format!("mode-{}", mode.word()),
        Wish::Model => "model".into(),
    }
}

/// The number and wish in one of our request ids.
fn request(id: &str) -> Option<(u64, Wish)> {
    let (number, word) = id.strip_prefix(PREFIX)?.split_once('-')?;
    let wish = match word {
        "initialize" => Wish::Initialize,
        "interrupt" => Wish::Interrupt,
        "model" => Wish::Model,
        _ => Wish::Mode(Mode::parse(word.strip_prefix("mode-")?)?),
    };
    // The id comes back from the agent: only a plausible number may become the newest.
    Some((number.parse().ok().filter(|number| *number < 1 << 53)?, wish))
}

#[cfg(test)]
mod tests;
