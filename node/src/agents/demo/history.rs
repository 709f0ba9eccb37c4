//! The demo agent's history: one small file of prompts for each session, for resume and fork. It holds only prompts,
//! because the conversation lives in the node's journal.

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

/// No such conversation exists.
#[derive(Debug)]
pub struct Missing;

fn file(state: &Path, session: &str) -> PathBuf {
    // The name comes from the command line and must not lead out of the directory.
    let name: String = session
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    state.join(format!("{name}.ndjson"))
}

impl History {
    /// A new conversation.
    pub fn fresh(state: Option<PathBuf>, session: &str) -> Self {
        Self {
            file: state.map(|state| file(&state, session)),
            said: Vec::new(),
        }
    }

    /// Resumes the conversation `from`, or forks a copy of it named `session`.
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

    /// Whether this prompt is in the history.
    pub fn has(&self, id: &str) -> bool {
        self.said.iter().any(|(said, _)| said.as_deref() == Some(id))
    }

    /// Adds a prompt. If the file cannot be written, only a later resume is lost.
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

    /// The number of prompts, including the present one.
    pub fn turns(&self) -> usize {
        self.said.len()
    }

    /// The prompt before the present one.
    pub fn before(&self) -> Option<&str> {
        self.said.len().checked_sub(2).map(|at| self.said[at].1.as_str())
    }
}
