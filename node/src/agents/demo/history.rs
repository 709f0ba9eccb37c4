//! What was said to the demo agent, in one small file a session, so that it can be resumed and forked.
//! It must not hold more than prompts; the node's journal is where the conversation lives.

use super::wire::Prompt;
use serde_json::{Value, json};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

/// The prompts of one session.
pub struct History {
    file: Option<PathBuf>,
    said: Vec<(Option<String>, String)>,
}

/// There is no such conversation.
#[derive(Debug)]
pub struct Missing;

fn file(state: &Path, session: &str) -> PathBuf {
    // The name comes from the command line: nothing of it may lead out of the directory.
    let name: String = session
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    state.join(format!("{name}.ndjson"))
}

impl History {
    /// A conversation that has not begun.
    pub fn fresh(state: Option<PathBuf>, session: &str) -> Self {
        Self {
            file: state.map(|state| file(&state, session)),
            said: Vec::new(),
        }
    }

    /// The conversation `from`, to go on with, or a copy of it under the name `session`.
    pub fn resume(state: Option<PathBuf>, from: &str, session: &str, fork: bool) -> Result<Self, Missing> {
        let state = state.ok_or(Missing)?;
        let text = fs::read_to_string(file(&state, from)).map_err(|_| Missing)?;
        let said = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|line| {
                (
                    line["id"].as_str().map(str::to_owned),
                    line["text"].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect();
        let name = if fork { session } else { from };
        let own = file(&state, name);
        if fork {
            fs::write(&own, text).map_err(|_| Missing)?;
        }
        Ok(Self { file: Some(own), said })
    }

    /// Whether this prompt was said before.
    pub fn has(&self, id: &str) -> bool {
        self.said.iter().any(|(said, _)| said.as_deref() == Some(id))
    }

    /// Keeps a prompt. A file that cannot be written costs only the resume.
    pub fn add(&mut self, prompt: &Prompt) {
        self.said.push((prompt.id.clone(), prompt.text.clone()));
        if let Some(path) = &self.file {
            let open = || {
                fs::create_dir_all(path.parent().unwrap_or(path))?;
                fs::OpenOptions::new().create(true).append(true).open(path)
            };
            let kept = open().and_then(|mut file| writeln!(file, "{}", json!({"id": prompt.id, "text": prompt.text})));
            if kept.is_err() {
                self.file = None;
            }
        }
    }

    /// How many prompts there were, the present one included.
    pub fn turns(&self) -> usize {
        self.said.len()
    }

    /// What was said before the present prompt.
    pub fn before(&self) -> Option<&str> {
        self.said.len().checked_sub(2).map(|at| self.said[at].1.as_str())
    }
}
