//! The demo agent's side of the protocol: lines in and out, pauses, and what interrupts a pause. The script decides
//! what is done.

use super::{MODEL, hands::Job};
use serde_json::{Value, json};
use std::{
    collections::{HashMap, VecDeque},
    io::{self, BufRead as _, Write as _},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// The polling interval for background jobs during a wait.
const LOOK: Duration = Duration::from_millis(40);

/// Why a turn ends early.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// A person interrupted it.
    Interrupted,
    /// Stdin ended while an answer was needed.
    Ended,
    /// The prompt asked for a failure, and the error was reported.
    Failed(String),
    /// The prompt asked for a crash.
    Crash,
}

/// A prompt of a person, or the notice of an ended background job.
pub struct Prompt {
    /// The prompt's id, if it has one.
    pub id: Option<String>,
    /// The text.
    pub text: String,
}

/// Stdin, stdout and the state of the session.
pub struct Wire {
    input: Receiver<Value>,
    session: String,
    mode: String,
    fast: bool,
    turn: usize,
    calls: usize,
    asks: usize,
    prompts: VecDeque<Prompt>,
    answers: HashMap<String, Value>,
    interrupt: bool,
    in_turn: bool,
    ended: bool,
    /// Rules added since the start, like `Bash(wc *)`.
    pub rules: Vec<String>,
    jobs: Vec<Job>,
}

impl Wire {
    /// Starts reading stdin.
    pub fn open(session: &str, mode: &str, fast: bool) -> Self {
        let (sender, input) = mpsc::channel();
        thread::spawn(move || {
            for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
                let value = serde_json::from_slice(&line).unwrap_or(Value::Null);
                if sender.send(value).is_err() {
                    break;
                }
            }
        });
        Self {
            input,
            session: session.into(),
            mode: mode.into(),
            fast,
            turn: 0,
            calls: 0,
            asks: 0,
            prompts: VecDeque::new(),
            answers: HashMap::new(),
            interrupt: false,
            in_turn: false,
            ended: false,
            rules: Vec::new(),
            jobs: Vec::new(),
        }
    }

    /// Writes one line. When nobody reads any more, it exits.
    pub fn emit(&self, mut line: Value) {
        line["session_id"] = json!(self.session);
        let mut out = io::stdout().lock();
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            std::process::exit(0);
        }
    }

    /// The mode by the dialect's name.
    pub fn mode(&self) -> &str {
        &self.mode
    }

    /// Changes the mode and reports that.
    pub fn set_mode(&mut self, mode: &str) {
        mode.clone_into(&mut self.mode);
        self.emit(json!({"type": "system", "subtype": "status", "status": null, "permissionMode": mode}));
    }

    /// Starts a background job.
    pub fn start(&mut self, job: Job) {
        self.emit(json!({"type": "system", "subtype": "task_started", "task_id": job.id, "tool_use_id": job.call, "description": job.what, "is_backgrounded": true, "task_type": "local_bash"}));
        self.jobs.push(job);
    }

    /// Reports the state of a prompt.
    pub fn lifecycle(&self, prompt: &Prompt, state: &str) {
        if let Some(id) = &prompt.id {
            self.emit(json!({"type": "command_lifecycle", "command_uuid": id, "state": state}));
        }
    }

    /// Waits for the next prompt; `None` when stdin has ended, no prompt waits and no job runs.
    pub fn next_prompt(&mut self) -> Option<Prompt> {
        self.in_turn = false;
        self.interrupt = false;
        loop {
            if let Some(prompt) = self.prompts.pop_front() {
                self.in_turn = true;
                return Some(prompt);
            }
            if self.ended && self.jobs.is_empty() {
                return None;
            }
            self.take(Instant::now() + LOOK);
        }
    }

    /// Writes the first line of a turn.
    pub fn begin(&mut self, turn: usize) {
        self.turn = turn;
        self.calls = 0;
        self.emit(json!({
            "type": "system", "subtype": "init", "cwd": std::env::current_dir().unwrap_or_default(), "model": MODEL, "permissionMode": self.mode,
            "tools": ["Read", "Write", "Edit", "Bash", "Agent", "TodoWrite", "AskUserQuestion", "ExitPlanMode"], "mcp_servers": [], "slash_commands": [],
            "apiKeySource": "none", "claude_code_version": env!("CARGO_PKG_VERSION"),
        }));
    }

    /// Writes the last line of a turn, without cost and tokens.
    pub fn result(&mut self, mut result: Value) {
        let more = json!({"type": "result", "num_turns": 1, "total_cost_usd": 0, "usage": {}, "modelUsage": {}, "model_usage_since_last_result": {}});
        for (key, value) in more.as_object().into_iter().flatten() {
            result[key] = value.clone();
        }
        self.in_turn = false;
        self.emit(result);
    }

    /// The id of the next tool call, the same in every replay.
    pub fn call_id(&mut self) -> String {
        self.calls += 1;
        format!("demo_{}_{}_{}", self.session, self.turn, self.calls)
    }

    /// Pauses for human readers; not at all at the fast pace.
    pub fn pause(&mut self, millis: u64) -> Result<(), Stop> {
        let millis = if self.fast { 0 } else { millis };
        self.wait(Duration::from_millis(millis))
    }

    /// Waits at any pace.
    pub fn wait(&mut self, time: Duration) -> Result<(), Stop> {
        let until = Instant::now() + time;
        loop {
            self.take(until);
            if self.interrupt {
                return Err(Stop::Interrupted);
            }
            if Instant::now() >= until {
                return Ok(());
            }
        }
    }

    /// Asks a person and waits for the answer.
    pub fn ask(&mut self, mut request: Value) -> Result<Value, Stop> {
        self.asks += 1;
        let id = format!("demo-ask-{}-{}", self.turn, self.asks);
        request["subtype"] = json!("can_use_tool");
        self.emit(json!({"type": "control_request", "request_id": id, "request": request}));
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return Ok(answer);
            }
            if self.interrupt {
                self.emit(json!({"type": "control_cancel_request", "request_id": id}));
                return Err(Stop::Interrupted);
            }
            if self.ended {
                return Err(Stop::Ended);
            }
            self.take(Instant::now() + LOOK);
        }
    }

    /// Streams a text and then writes it whole.
    pub fn text(&mut self, text: &str, parent: Option<&str>) -> Result<(), Stop> {
        self.stream("text", text, parent, 38)
    }

    /// [`text`](Self::text) at a fixed slow pace, for texts that take time even in tests.
    pub fn slow_text(&mut self, text: &str) -> Result<(), Stop> {
        self.stream("slow", text, None, 60)
    }

    /// Streams a thought.
    pub fn thought(&mut self, text: &str) -> Result<(), Stop> {
        self.stream("thinking", text, None, 22)
    }

    fn stream(&mut self, kind: &str, text: &str, parent: Option<&str>, millis: u64) -> Result<(), Stop> {
        let block = if kind == "thinking" { "thinking" } else { "text" };
        self.emit(json!({"type": "stream_event", "parent_tool_use_id": parent, "event": {"type": "message_start"}}));
        let mut said = String::new();
        for piece in text.split_inclusive(' ') {
            let paused = if kind == "slow" && self.fast {
                self.wait(Duration::from_millis(10))
            } else {
                self.pause(millis)
            };
            if let Err(stop) = paused {
                if !said.is_empty() {
                    self.emit(json!({"type": "assistant", "message": {"role": "assistant", "model": MODEL, "content": [{"type": block, block: said}]}, "parent_tool_use_id": parent, "aborted": true}));
                }
                return Err(stop);
            }
            said.push_str(piece);
            let delta = json!({"type": format!("{block}_delta"), block: piece});
            self.emit(json!({"type": "stream_event", "parent_tool_use_id": parent, "event": {"type": "content_block_delta", "index": 0, "delta": delta}}));
        }
        self.emit(json!({"type": "assistant", "message": {"role": "assistant", "model": MODEL, "content": [{"type": block, block: said}]}, "parent_tool_use_id": parent}));
        Ok(())
    }

    /// Handles input until then and checks the jobs.
    fn take(&mut self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now()).min(LOOK);
        match self.input.recv_timeout(left) {
            Ok(line) => self.heard(&line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                self.ended = true;
                thread::sleep(left);
            }
        }
        self.look();
    }

    fn heard(&mut self, line: &Value) {
        let request = &line["request"];
        let reply = |response: Value| json!({"type": "control_response", "response": {"subtype": "success", "request_id": line["request_id"], "response": response}});
        match (
            line["type"].as_str().unwrap_or_default(),
            request["subtype"].as_str().unwrap_or_default(),
        ) {
            ("user", _) => {
                let content = &line["message"]["content"];
                let texts: Vec<&str> = content
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|block| block["text"].as_str())
                    .chain(content.as_str())
                    .collect();
                let prompt = Prompt {
                    id: line["uuid"].as_str().map(str::to_owned),
                    text: texts.join("\n"),
                };
                self.lifecycle(&prompt, "queued");
                self.prompts.push_back(prompt);
            }
            ("control_response", _) => {
                if let Some(id) = line["response"]["request_id"].as_str() {
                    self.answers.insert(id.to_owned(), line["response"]["response"].clone());
                }
            }
            ("control_request", "initialize") => {
                self.emit(reply(json!({"commands": [], "agents": [], "models": [{"value": MODEL, "displayName": "Demo, no model"}], "account": {}})));
            }
            ("control_request", "interrupt") => {
                self.emit(reply(json!({"still_queued": []})));
                self.interrupt |= self.in_turn;
            }
            ("control_request", "set_permission_mode") => {
                let mode = request["mode"].as_str().unwrap_or("default").to_owned();
                self.emit(reply(json!({"mode": mode})));
                self.set_mode(&mode);
            }
            ("control_request", "set_model") => self.emit(reply(json!({"model": MODEL}))),
            ("control_request", other) => {
                let why = format!("the demo agent does not know {other}");
                self.emit(json!({"type": "control_response", "response": {"subtype": "error", "request_id": line["request_id"], "error": why}}));
            }
            _ => {}
        }
    }

    /// Reports progress of background jobs, and continues by itself when one has ended.
    fn look(&mut self) {
        for mut job in std::mem::take(&mut self.jobs) {
            if let Some(progress) = job.progress() {
                self.emit(json!({"type": "system", "subtype": "task_progress", "task_id": job.id, "tool_use_id": job.call, "description": progress}));
            }
            match job.end() {
                None => self.jobs.push(job),
                Some((status, summary)) => {
                    self.emit(json!({"type": "system", "subtype": "task_notification", "task_id": job.id, "tool_use_id": job.call, "status": status, "summary": summary}));
                    self.prompts.push_back(Prompt {
                        id: None,
                        text: format!("{}{summary}", super::script::NOTICE),
                    });
                }
            }
        }
    }
}
