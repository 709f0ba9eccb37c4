//! The demo agent's scripts, chosen by words in the prompt. They claim only what was really done: every number was
//! counted.

use super::{
    MODEL,
    hands::{self, OWN_FILE},
    history::History,
    wire::{Prompt, Stop, Wire},
};
use serde_json::json;
use std::{cmp::Ordering, fs};

/// The beginning of the prompt that the agent gives itself when a background job has ended.
pub const NOTICE: &str = "<task-notification>";

/// Plays the script that the prompt asks for.
pub fn play(wire: &mut Wire, history: &History, prompt: &Prompt) -> Result<(), Stop> {
    let text = prompt.text.to_lowercase();
    let word = |list: &[&str]| {
        text.split(|c: char| !c.is_alphanumeric())
            .any(|word| list.contains(&word))
    };
    if let Some(summary) = prompt.text.strip_prefix(NOTICE) {
        return wire.text(&format!("The background task is over. {summary}"), None);
    }
    if word(&["crash"]) {
        wire.text("You asked for a crash: this process ends now, without a result.", None)?;
        return Err(Stop::Crash);
    }
    if word(&["error", "fail"]) {
        return error(wire);
    }
    if word(&["slow", "long"]) {
        return slow(wire);
    }
    if word(&["plan"]) || wire.mode() == "plan" {
        return plan(wire, word(&["eager"]));
    }
    if word(&["ask", "question"]) {
        return question(wire);
    }
    if word(&["subagent"]) {
        return subagent(wire).and_then(|()| wire.text("The subagent is done.", None));
    }
    if word(&["background"]) {
        return background(wire)
            .and_then(|()| wire.text("It goes on in the background; I will say when it is over.", None));
    }
    if word(&["edit"]) {
        return edit(wire);
    }
    // A repeated prompt, as after an interrupt, repeats the tour.
    let repeated = history.before() == Some(prompt.text.as_str());
    if word(&["hello", "hi", "again"]) || history.turns() > 1 && !word(&["tour"]) && !repeated {
        return follow_up(wire, history);
    }
    tour(wire)
}

fn tour(wire: &mut Wire) -> Result<(), Stop> {
    let steps = [
        "Look around",
        "Write down what is here",
        "Send a subagent",
        "Count with a command",
    ];
    let todo = |done: usize| {
        let status = |at: usize| match at.cmp(&done) {
            Ordering::Less => "completed",
            Ordering::Equal => "in_progress",
            Ordering::Greater => "pending",
        };
        steps
            .iter()
            .enumerate()
            .map(|(at, step)| (*step, status(at)))
            .collect::<Vec<_>>()
    };
    wire.thought("I am a script, so this thought was written before you asked. I should look at what is here first, then write something down, and ask before I run a command.")?;
    wire.text("Hello. I am the **demo agent**: a script, no model, no network. What you see me do is real all the same: I read, edit and run in this folder, and you can interrupt me at any time.", None)?;
    hands::todo(wire, &todo(0))?;
    let files = hands::files();
    match files
        .iter()
        .find(|name| name.to_lowercase().starts_with("readme"))
        .or_else(|| files.iter().find(|name| has_ending(name, "md")))
    {
        Some(name) => {
            hands::read(wire, name, None)?;
        }
        None => wire.text("There is no text here to read yet.", None)?,
    }
    hands::todo(wire, &todo(1))?;
    let (are, here) = (if files.len() == 1 { "is" } else { "are" }, count(files.len(), "file"));
    wire.text(
        &format!("There {are} {here} here. I keep notes in `{OWN_FILE}`; that file is mine, so I need not ask for it."),
        None,
    )?;
    hands::change(wire, OWN_FILE, &notes(&files))?;
    hands::todo(wire, &todo(2))?;
    subagent(wire)?;
    hands::todo(wire, &todo(3))?;
    wire.text(
        "Now a command. Commands wait for you unless a rule allows them: have a look at it, then allow or deny it.",
        None,
    )?;
    let counted = hands::run(
        wire,
        &format!("wc -l {OWN_FILE}"),
        "Count the lines of the notes",
        "Bash(wc *)",
    )?;
    background(wire)?;
    if counted.ok {
        hands::todo(wire, &todo(steps.len()))?;
        wire.text(&format!("That was the tour. The command said:\n\n```\n{}\n```\n\nTry a prompt with one of these words: `plan`, `ask`, `edit`, `subagent`, `background`, `slow`, `error`.", counted.text.trim_end()), None)
    } else {
        wire.text(
            &format!(
                "Then I leave the command: {}\n\nTry a prompt with one of these words: `plan`, `ask`, `edit`, `subagent`, `background`, `slow`, `error`.",
                counted.text.trim_end()
            ),
            None,
        )
    }
}

/// `1 file`, `2 files`.
fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// The notes with an entry about the folder's present contents.
fn notes(files: &[String]) -> String {
    let before = fs::read_to_string(OWN_FILE)
        .unwrap_or_else(|_| "# Notes of the demo agent\n\nA script wrote this, no model.\n".into());
    let visits = before.lines().filter(|line| line.starts_with("## Visit")).count() + 1;
    let list: String = files.iter().flat_map(|name| ["- ", name.as_str(), "\n"]).collect();
    let list = if list.is_empty() {
        "Nothing was here yet.\n".to_owned()
    } else {
        list
    };
    format!("{before}\n## Visit {visits}\n\n{list}")
}

fn plan(wire: &mut Wire, eager: bool) -> Result<(), Stop> {
    if wire.mode() != "plan" {
        wire.set_mode("plan");
    }
    wire.thought("I should not change anything yet. I look at what is here and propose what I would do.")?;
    let files = hands::files();
    if let Some(name) = files.first() {
        hands::read(wire, name, None)?;
    }
    if eager {
        wire.text("I am eager, so I try to write at once.", None)?;
        hands::change(wire, "demo-greeting.md", "# Too early\n")?;
    }
    let mut greeting = "Hello from the demo agent.".to_owned();
    let mut remarks: Vec<String> = Vec::new();
    loop {
        let said: String = remarks
            .iter()
            .flat_map(|remark| ["- You said: ", remark.as_str(), "\n"])
            .collect();
        let proposal = format!(
            "# Greet the folder\n\n## What is here\n\n{}.\n\n## What I would do\n\n1. Write `demo-greeting.md` with one sentence: *{greeting}*\n2. Check it with `wc -w demo-greeting.md`\n\n{said}\nNothing else is touched.\n",
            count(files.len(), "file")
        );
        wire.text("Here is what I would do.", None)?;
        match hands::plan(wire, &proposal)? {
            Ok(()) => break,
            Err(remark) => {
                wire.text("I take that in and propose it anew.", None)?;
                greeting = format!("Hello from the demo agent, version {}.", remarks.len() + 2);
                remarks.push(remark.lines().next().unwrap_or_default().to_owned());
            }
        }
    }
    wire.text("Thank you. I do what the plan says, and no more.", None)?;
    let written = hands::change(wire, "demo-greeting.md", &format!("# Greeting\n\n{greeting}\n"))?;
    if !written.ok {
        return wire.text(&format!("Then the greeting stays unwritten: {}", written.text), None);
    }
    let counted = hands::run(wire, "wc -w demo-greeting.md", "Count the words", "Bash(wc *)")?;
    wire.text(
        &format!("The plan is done. The last command said: {}", counted.text.trim_end()),
        None,
    )
}

fn question(wire: &mut Wire) -> Result<(), Stop> {
    wire.text("I have a question before I go on.", None)?;
    let asked = hands::question(
        wire,
        "Which greeting shall I write?",
        &[
            ("Short", "one word"),
            ("Polite", "a whole sentence"),
            ("None", "write nothing"),
        ],
    )?;
    match asked.as_deref() {
        None | Some("None") => wire.text("Then I write nothing.", None),
        Some(answer) => {
            let greeting = match answer {
                "Short" => "Hello.".to_owned(),
                "Polite" => "A very good day to everybody who reads this.".to_owned(),
                other => other.to_owned(),
            };
            let written = hands::change(wire, "demo-greeting.md", &format!("# Greeting\n\n{greeting}\n"))?;
            wire.text(
                if written.ok {
                    "I wrote it as you said."
                } else {
                    "Then I leave it."
                },
                None,
            )
        }
    }
}

fn edit(wire: &mut Wire) -> Result<(), Stop> {
    let before = fs::read_to_string("demo-greeting.md").unwrap_or_default();
    if !before.is_empty() {
        hands::read(wire, "demo-greeting.md", None)?;
    }
    let after = if before.is_empty() {
        "# Greeting\n\nHello.\n".to_owned()
    } else {
        format!("{before}\nAnd hello once more.\n")
    };
    let done = hands::change(wire, "demo-greeting.md", &after)?;
    wire.text(
        if done.ok {
            "The greeting is edited."
        } else {
            "Then I leave the greeting as it is."
        },
        None,
    )
}

fn subagent(wire: &mut Wire) -> Result<(), Stop> {
    let input = json!({"description": "Count what is here", "prompt": "Count the files and their lines.", "subagent_type": "counter"});
    let id = hands::begin(wire, "Agent", &input, None);
    let mut calls = 0_usize;
    let mut lines = 0_usize;
    let files: Vec<String> = hands::files()
        .into_iter()
        .filter(|name| has_ending(name, "md") || has_ending(name, "txt"))
        .take(3)
        .collect();
    let mut work = || {
        wire.text("I read what there is.", Some(&id))?;
        for name in &files {
            let read = hands::read(wire, name, Some(&id))?;
            calls += 1;
            lines += if read.ok { read.text.lines().count() } else { 0 };
        }
        wire.text(
            &format!("{}, {}.", count(files.len(), "file"), count(lines, "line")),
            Some(&id),
        )
    };
    let worked = work();
    let report = format!("{}, {}.", count(files.len(), "file"), count(lines, "line"));
    match &worked {
        Ok(()) => {
            let structured = json!({"status": "completed", "agentId": id, "agentType": "counter", "content": [{"type": "text", "text": report}], "totalToolUseCount": calls});
            hands::end(wire, &id, None, &report, false, structured, json!({}));
        }
        Err(_) => hands::end(
            wire,
            &id,
            None,
            "The subagent was interrupted.",
            true,
            json!("interrupted"),
            json!({"non_execution_kind": "user-rejected"}),
        ),
    }
    worked
}

fn background(wire: &mut Wire) -> Result<(), Stop> {
    hands::start(
        wire,
        &format!("sleep 2; cat {OWN_FILE} 2>/dev/null | wc -c"),
        "Count the bytes of the notes",
    )
}

fn slow(wire: &mut Wire) -> Result<(), Stop> {
    let words: Vec<String> = (1..=300)
        .map(|n| {
            if n % 25 == 0 {
                format!("{n}.\n\n")
            } else {
                n.to_string()
            }
        })
        .collect();
    wire.slow_text(&format!(
        "I count slowly, so that you can interrupt me: {}",
        words.join(" ")
    ))
}

fn error(wire: &mut Wire) -> Result<(), Stop> {
    wire.text(
        "You asked for an error. First a file that is not there, then the turn fails.",
        None,
    )?;
    hands::read(wire, "there-is-no-such-file.md", None)?;
    let text = "This error was asked for: the demo agent ends its turn badly.";
    wire.emit(json!({"type": "assistant", "message": {"role": "assistant", "model": MODEL, "content": [{"type": "text", "text": text}]}, "parent_tool_use_id": null, "error": "unknown", "is_api_error_message": true}));
    Err(Stop::Failed(text.to_owned()))
}

fn follow_up(wire: &mut Wire, history: &History) -> Result<(), Stop> {
    let before = match history.before() {
        Some(text) if !text.starts_with(NOTICE) => format!(
            " Before this you said: \"{}\".",
            text.lines().next().unwrap_or_default()
        ),
        _ => String::new(),
    };
    wire.text(&format!("This is prompt number {} of this session.{before} I am a script, so I have no better answer; a prompt with `tour`, `plan`, `ask`, `edit`, `slow` or `error` shows you more.", history.turns()), None)
}

fn has_ending(name: &str, ending: &str) -> bool {
    std::path::Path::new(name)
        .extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(ending))
}
