//! Replays streams recorded from the real program (see `end2end/mock-model/record.py`) and checks the driver's events.

use super::*;
use crate::agents::{Ask, Asks, Call, How, Said, Session, Turn, TurnOutcome};
use model::{
    approvals::ApprovalKind,
    entries::CallStatus,
    id::{PromptId, SessionId},
};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};
use uuid::Uuid;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/claude")
}

/// The names of the recorded streams.
fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(fixtures())
        .expect("fixtures are part of the repository")
        .filter_map(|entry| {
            entry
                .ok()?
                .file_name()
                .to_str()?
                .strip_suffix(".ndjson")
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    names
}

/// The agent's lines of a stream.
fn lines(name: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(fixtures().join(format!("{name}.ndjson"))).expect("a fixture");
    text.lines()
        .filter_map(|line| {
            serde_json::from_str::<Value>(line)
                .expect("a fixture is NDJSON")
                .get("out")
                .cloned()
        })
        .map(|out| match out {
            Value::String(text) => text.into_bytes(),
            line => bytes(&line),
        })
        .collect()
}

fn events(name: &str) -> Vec<AgentEvent> {
    let mut driver = Claude::new();
    lines(name).iter().flat_map(|line| driver.line(line)).collect()
}

/// One line for each event, with the pieces of one text joined.
fn told(events: &[AgentEvent]) -> String {
    let mut text = String::new();
    let mut half: Option<(String, String)> = None;
    for event in events {
        if let AgentEvent::Said(Said::Delta {
            kind,
            parent,
            text: piece,
        }) = event
        {
            let thread = format!("Delta {} {}", kind.word(), parent.as_deref().unwrap_or("main"));
            match &mut half {
                Some((of, sum)) if *of == thread => sum.push_str(piece),
                _ => half = Some((thread, piece.clone())),
            }
            continue;
        }
        if let Some((thread, sum)) = half.take() {
            writeln!(text, "{thread} {sum:?}").expect("strings take text");
        }
        writeln!(text, "{event:?}").expect("strings take text");
    }
    text
}

#[test]
fn every_recorded_stream_is_told_as_it_was_agreed() {
    let mut wrong = Vec::new();
    for name in names() {
        let agreed = fs::read_to_string(fixtures().join(format!("{name}.events"))).unwrap_or_default();
        let now = told(&events(&name));
        if agreed != now {
            wrong.push(format!("== {name}\n{now}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "changed (agree with `cargo test -p node agree_with_streams -- --ignored` after reading the difference):\n{}",
        wrong.join("\n")
    );
}

#[test]
#[ignore = "writes the snapshots that every_recorded_stream_is_told_as_it_was_agreed reads"]
fn agree_with_streams() {
    for name in names() {
        fs::write(fixtures().join(format!("{name}.events")), told(&events(&name)))
            .expect("the fixtures can be written");
    }
}

#[test]
fn nothing_of_the_pinned_version_is_unknown() {
    for name in names() {
        for event in events(&name) {
            assert!(!matches!(event, AgentEvent::Said(Said::Raw(_))), "{name}: {event:?}");
        }
    }
}

#[test]
fn every_call_that_starts_ends_and_every_turn_too() {
    for name in names() {
        let (mut open, mut turns) = (Vec::new(), 0);
        for event in events(&name) {
            match event {
                AgentEvent::Call(Call::Start { id, .. }) => open.push(id),
                AgentEvent::Call(Call::End { id, .. }) => {
                    let at = open.iter().position(|held| *held == id);
                    open.remove(at.unwrap_or_else(|| panic!("{name}: {id} ended without a start")));
                }
                AgentEvent::Turn(Turn::Started) => turns += 1,
                AgentEvent::Turn(Turn::Ended { .. }) if name != "resume_same" => turns -= 1,
                _ => {}
            }
        }
        assert_eq!((open.len(), turns), (0, 0), "{name}");
    }
}

#[test]
fn the_words_a_person_sees_are_the_plan_the_model_wrote() {
    for name in ["plan", "plan_file", "plan_back"] {
        let asks: Vec<Ask> = events(name)
            .into_iter()
            .filter_map(|event| {
                if let AgentEvent::Ask(Asks::New(ask)) = event {
                    Some(*ask)
                } else {
                    None
                }
            })
            .collect();
        let plans: Vec<&str> = asks
            .iter()
            .filter(|ask| ask.kind == ApprovalKind::Plan)
            .map(|ask| ask.input["plan"].as_str().expect("text"))
            .collect();
        let expected: &[&str] = match name {
            "plan" => &["# Plan\n\n1. Write plan.txt"],
            "plan_file" => &["# Plan in a file"],
            _ => &["One step.", "Two steps."],
        };
        assert_eq!(plans, expected, "{name}");
        let against: Vec<&str> = asks
            .iter()
            .filter(|ask| ask.is_against_plan())
            .map(|ask| ask.tool.as_str())
            .collect();
        assert_eq!(against, if name == "plan" { &["Write"][..] } else { &[] }, "{name}");
    }
}

#[test]
fn an_interrupted_turn_is_not_a_failed_one() {
    for (name, expected) in [
        ("interrupt", vec![TurnOutcome::Interrupted, TurnOutcome::Completed]),
        ("interrupt_tool", vec![TurnOutcome::Interrupted]),
        ("interrupt_ask", vec![TurnOutcome::Interrupted]),
        ("queued", vec![TurnOutcome::Completed, TurnOutcome::Completed]),
        ("resume_same", vec![TurnOutcome::Completed]),
    ] {
        let ends: Vec<TurnOutcome> = events(name)
            .into_iter()
            .filter_map(|event| {
                if let AgentEvent::Turn(Turn::Ended { outcome }) = event {
                    Some(outcome)
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(ends, expected, "{name}");
    }
    assert!(
        events("interrupt_ask")
            .iter()
            .any(|event| matches!(event, AgentEvent::Ask(Asks::Cancelled { .. })))
    );
    assert!(events("interrupt_tool").iter().any(|event| matches!(
        event,
        AgentEvent::Call(Call::End {
            status: CallStatus::Failed,
            ..
        })
    )));
}

#[test]
fn a_resumed_or_forked_process_is_not_charged_for_the_one_before() {
    for name in ["resume", "fork"] {
        let costs: Vec<Option<i64>> = events(name)
            .into_iter()
            .filter_map(|event| {
                if let AgentEvent::Session(Session::Usage { cost_micros, .. }) = event {
                    Some(cost_micros)
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(costs, [Some(1250)], "{name}");
    }
}

#[test]
fn what_increments_sum_to_is_what_a_fresh_process_says_in_all() {
    for name in names()
        .into_iter()
        .filter(|name| !matches!(name.as_str(), "resume" | "fork" | "resume_same"))
    {
        let mut sums: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for event in events(&name) {
            if let AgentEvent::Session(Session::Usage {
                model,
                tokens,
                cost_micros,
            }) = event
            {
                sums.insert(model, (tokens.total(), cost_micros.unwrap_or(0)));
            }
        }
        let Some(result) = lines(&name)
            .iter()
            .rev()
            .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
            .find(|line| line["type"] == "result")
        else {
            continue;
        };
        for (model, usage) in result["modelUsage"].as_object().into_iter().flatten() {
            let total: i64 = [
                "inputTokens",
                "outputTokens",
                "cacheReadInputTokens",
                "cacheCreationInputTokens",
            ]
            .iter()
            .filter_map(|key| usage[*key].as_i64())
            .sum();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a test compares small amounts by another way than the code"
            )]
            let micros = (usage["costUSD"].as_f64().unwrap_or(0.0) * 1e6).round() as i64;
            assert_eq!(sums.get(model), Some(&(total, micros)), "{name} {model}");
        }
    }
}

#[test]
fn a_conversation_that_is_not_there_is_said_so() {
    assert_eq!(
        events("resume_nothing"),
        [AgentEvent::Session(Session::NothingToResume)],
        "the node then starts anew with the same id"
    );
}

#[test]
fn being_signed_out_says_what_to_do() {
    for name in ["no_key", "unauthorized"] {
        let errors: Vec<String> = events(name)
            .into_iter()
            .filter_map(|event| {
                if let AgentEvent::Said(Said::Error { text }) = event {
                    Some(text)
                } else {
                    None
                }
            })
            .collect();
        assert!(
            matches!(&errors[..], [text] if text.contains("claude auth login")),
            "{name}: {errors:?}"
        );
    }
}

#[test]
fn a_driver_that_hears_the_stream_again_is_the_same_driver() {
    for name in names() {
        let lines = lines(&name);
        let whole = events(&name);
        for cut in (0..=lines.len()).step_by(5) {
            let mut again = Claude::new();
            for line in &lines[..cut] {
                again.line(line);
            }
            let rest: Vec<AgentEvent> = lines[cut..].iter().flat_map(|line| again.line(line)).collect();
            assert!(whole.ends_with(&rest), "{name} at {cut}");
        }
    }
}

fn start() -> Start {
    Start {
        session: SessionId::from_uuid(Uuid::from_u128(7)),
        cwd: "/project".into(),
        mode: Mode::Plan,
        model: None,
        trusted: false,
        how: How::Fresh,
        program: "/usr/bin/claude".into(),
        env: BTreeMap::new(),
    }
}

#[test]
fn every_start_says_the_mode_and_whose_settings_count() {
    let other = SessionId::from_uuid(Uuid::from_u128(8));
    let args = |start: &Start| Claude::new().spec(start).args.join(" ");
    let base = "-p --output-format stream-json --verbose --input-format stream-json --permission-prompt-tool stdio";
    let (one, two) = (
        "00000000-0000-0000-0000-000000000007",
        "00000000-0000-0000-0000-000000000008",
    );
    assert_eq!(
        args(&start()),
        format!(
            "{base} --permission-mode plan --include-partial-messages --session-id {one} --setting-sources user --strict-mcp-config"
        )
    );
    let resume = Start {
        how: How::Resume,
        mode: Mode::AutoAccept,
        trusted: true,
        model: Some("opus".into()),
        ..start()
    };
    assert_eq!(
        args(&resume),
        format!(
            "{base} --permission-mode acceptEdits --include-partial-messages --resume {one} --setting-sources user,project,local --model=opus"
        )
    );
    let fork = Start {
        how: How::Fork { from: other },
        mode: Mode::Ask,
        ..start()
    };
    assert!(args(&fork).contains(&format!(
        "--permission-mode default --include-partial-messages --resume {two} --fork-session --session-id {one}"
    )));
    assert!(
        Claude::demo()
            .spec(&start())
            .args
            .join(" ")
            .starts_with("demo-agent -p ")
    );
}

#[test]
fn wishes_and_answers_are_lines_the_agent_reads() {
    let mut driver = Claude::new();
    let read = |lines: Vec<Vec<u8>>| -> Value { serde_json::from_slice(&lines[0]).expect("JSON") };
    assert_eq!(read(driver.hello())["request_id"], "ow-1-initialize");
    assert_eq!(
        read(driver.set_mode(Mode::AutoAccept)),
        json!({"type": "control_request", "request_id": "ow-2-mode-auto-accept", "request": {"subtype": "set_permission_mode", "mode": "acceptEdits"}})
    );
    assert_eq!(
        read(driver.set_model(None))["request"],
        json!({"subtype": "set_model", "model": null})
    );
    assert_eq!(
        read(driver.prompt(PromptId::from_uuid(Uuid::from_u128(9)), "hi"))["uuid"],
        "00000000-0000-0000-0000-000000000009"
    );
    let questions = json!({"questions": [{"question": "Which?"}]});
    let answers = Answer::Allow {
        input: Some(questions),
        remember: Vec::new(),
        mode: None,
        answers: Some([("Which?".to_owned(), "Blue".to_owned())].into()),
    };
    assert_eq!(
        read(driver.answer("r", &answers))["response"]["response"]["updatedInput"],
        json!({"questions": [{"question": "Which?"}], "answers": {"Which?": "Blue"}})
    );
    let approve = Answer::Allow {
        input: Some(json!({"plan": "x"})),
        remember: Vec::new(),
        mode: Some(Mode::AutoAccept),
        answers: None,
    };
    assert_eq!(
        read(driver.answer("r", &approve)),
        json!({"type": "control_response", "response": {"subtype": "success", "request_id": "r", "response": {
            "behavior": "allow", "updatedInput": {"plan": "x"}, "updatedPermissions": [{"type": "setMode", "mode": "acceptEdits", "destination": "session"}]}}})
    );
    assert_eq!(
        read(driver.answer("r", &Answer::deny("no")))["response"]["response"],
        json!({"behavior": "deny", "message": "no", "interrupt": false})
    );
}

#[test]
fn a_restarted_node_understands_answers_to_requests_it_does_not_remember() {
    let mut driver = Claude::new();
    let events = driver.line(br#"{"type":"control_response","response":{"subtype":"success","request_id":"ow-41-mode-plan","response":{"mode":"plan"}}}"#);
    assert_eq!(
        events,
        [
            AgentEvent::Session(Session::Mode(Mode::Plan)),
            AgentEvent::Session(Session::Control {
                wish: Wish::Mode(Mode::Plan),
                ok: true,
                error: None
            })
        ]
    );
    let next: Value = serde_json::from_slice(&driver.interrupt()[0]).expect("JSON");
    assert_eq!(next["request_id"], "ow-42-interrupt", "numbers are not given twice");
}

#[test]
fn requests_nobody_can_answer_are_answered_at_once() {
    let mut driver = Claude::new();
    for (asked, expected) in [
        (
            r#"{"subtype":"elicitation","message":"Your token?"}"#,
            r#""action":"cancel""#,
        ),
        (
            r#"{"subtype":"request_user_dialog","dialog_kind":"x"}"#,
            r#""behavior":"cancelled""#,
        ),
        (r#"{"subtype":"hook_callback"}"#, r#""subtype":"error""#),
    ] {
        let events =
            driver.line(format!(r#"{{"type":"control_request","request_id":"r","request":{asked}}}"#).as_bytes());
        let Some(AgentEvent::Session(Session::Reply { line })) = events.last() else {
            panic!("no reply to {asked}")
        };
        assert!(String::from_utf8_lossy(line).contains(expected), "{asked}");
    }
}

#[test]
fn a_line_with_an_endless_id_is_shown_as_it_came_and_cut() {
    let id = "x".repeat(1 << 20);
    for line in [
        json!({"type": "assistant", "parent_tool_use_id": id, "message": {"content": [{"type": "text", "text": "hi"}]}}),
        json!({"type": "assistant", "message": {"content": [{"type": "tool_use", "id": id, "name": "Bash", "input": {}}]}}),
        json!({"type": "control_request", "request_id": "r", "request": {"subtype": "can_use_tool", "tool_name": "Bash", "tool_use_id": id, "input": {}}}),
        json!({"type": "system", "subtype": "task_started", "task_id": "t", "task_type": id}),
    ] {
        let events = Claude::new().line(&bytes(&line));
        assert!(
            matches!(events.as_slice(), [AgentEvent::Said(Said::Raw(Value::String(text)))] if text.len() <= 64 * 1024),
            "{}",
            line["type"]
        );
    }
}

#[test]
fn what_is_not_understood_is_shown_as_it_came() {
    let mut driver = Claude::new();
    assert_eq!(driver.line(b""), []);
    assert_eq!(
        driver.line(b"Segmentation fault"),
        [AgentEvent::Said(Said::Raw(json!("Segmentation fault")))]
    );
    assert_eq!(
        driver.line(br#"{"type":"telepathy","mood":"calm"}"#),
        [AgentEvent::Said(Said::Raw(
            json!({"type": "telepathy", "mood": "calm"})
        ))]
    );
    assert_eq!(driver.line(br#"{"type":"system","subtype":"new"}"#).len(), 1);
    assert_eq!(driver.line(b"[1,2]"), [AgentEvent::Said(Said::Raw(json!("[1,2]")))]);
    let long = driver.line(&vec![b'x'; 8 * 1024 * 1024]);
    assert!(matches!(&long[..], [AgentEvent::Said(Said::Raw(Value::String(text)))] if text.len() == 64 * 1024));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_driver_panic(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..20)) {
        let mut driver = Claude::new();
        for line in &lines {
            driver.line(line);
        }
    }

    #[test]
    fn no_mutation_of_a_real_stream_makes_a_driver_panic(which in prop::sample::select(names()), edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..20)) {
        let mut stream = lines(&which);
        for (line, at, byte, how) in edits {
            let count = stream.len();
            let line = line.index(count);
            let other = at.index(count);
            let text = &mut stream[line];
            match how {
                0 if !text.is_empty() => { let at = at.index(text.len()); text[at] = byte; }
                1 if !text.is_empty() => { let at = at.index(text.len()); text.truncate(at); }
                2 => stream.swap(line, other),
                _ => { let copy = stream[line].clone(); stream.push(copy); }
            }
        }
        let mut driver = Claude::new();
        for line in &stream {
            driver.line(line);
        }
    }

    #[test]
    fn no_shape_of_json_makes_a_driver_panic(kind in 0..12_usize, field in "[a-z_]{1,12}", value in shape()) {
        let kinds = ["system", "assistant", "user", "stream_event", "result", "control_request", "control_response", "control_cancel_request", "command_lifecycle", "rate_limit_event", "auth_status", "?"];
        let mut driver = Claude::new();
        for key in [field.as_str(), "message", "event", "request", "response", "subtype", "modelUsage", "patch", "tasks", "permission_suggestions", "tool_use_result"] {
            driver.line(&bytes(&json!({"type": kinds[kind], key: value})));
        }
    }
}

/// JSON of any shape, with the protocol's own keys.
fn shape() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z]{0,8}".prop_map(Value::from)
    ];
    let key = prop::sample::select(vec![
        "content",
        "type",
        "text",
        "id",
        "name",
        "input",
        "subtype",
        "usage",
        "delta",
        "tool_use_id",
        "plan",
        "questions",
        "rules",
        "structuredPatch",
        "lines",
        "costUSD",
        "status",
        "mode",
    ]);
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
        ]
    })
}

#[test]
fn no_number_however_large_makes_a_driver_panic_or_counts_as_more_than_the_most() {
    let numbers = [
        json!(i64::MIN),
        json!(-1),
        json!(0),
        json!(1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
    ];
    for (n, m) in numbers.iter().flat_map(|n| numbers.iter().map(move |m| (n, m))) {
        let mut driver = Claude::new();
        let usage = json!({"inputTokens": n, "outputTokens": m, "cacheReadInputTokens": n, "cacheCreationInputTokens": m, "costUSD": n, "contextWindow": m});
        let tokens = json!({"input_tokens": n, "cache_read_input_tokens": m, "cache_creation_input_tokens": n, "output_tokens": m});
        let calls = json!([{"type": "tool_use", "id": "r", "name": "Read", "input": {}}, {"type": "tool_use", "id": "g", "name": "Grep", "input": {}}]);
        let result = |id: &str| json!([{"type": "tool_result", "tool_use_id": id, "content": "x"}]);
        let lines = [
            json!({"type": "system", "subtype": "init", "model": "m"}),
            json!({"type": "system", "subtype": "compact_boundary", "compact_metadata": {"pre_tokens": n, "post_tokens": m}}),
            json!({"type": "system", "subtype": "api_retry", "attempt": n, "max_retries": m, "retry_delay_ms": n, "error_status": m}),
            json!({"type": "assistant", "message": {"content": calls, "usage": tokens}}),
            json!({"type": "user", "message": {"content": result("r")}, "tool_use_result": {"type": "text", "file": {"numLines": n, "content": "x\n"}}}),
            json!({"type": "user", "message": {"content": result("g")}, "tool_use_result": {"numMatches": n}}),
            json!({"type": "stream_event", "event": {"type": "message_delta", "usage": tokens}}),
            json!({"type": "result", "subtype": "success", "model_usage_since_last_result": {"m": usage}, "modelUsage": {"m": usage}}),
            json!({"type": "result", "subtype": "success", "modelUsage": {"m": usage}}),
            json!({"type": "control_response", "response": {"subtype": "success", "request_id": format!("ow-{n}-model"), "response": {}}}),
        ];
        for line in lines.iter().chain(&lines) {
            for event in driver.line(&bytes(line)) {
                let counted = match event {
                    AgentEvent::Session(Session::Usage {
                        tokens, cost_micros, ..
                    }) => {
                        vec![
                            tokens.input,
                            tokens.output,
                            tokens.cache_read,
                            tokens.cache_write,
                            cost_micros.unwrap_or(0),
                        ]
                    }
                    AgentEvent::Session(Session::Context { used, size }) => vec![used, size.unwrap_or(0)],
                    _ => Vec::new(),
                };
                assert!(
                    counted
                        .iter()
                        .all(|count| (0..=model::sessions::USAGE_MOST).contains(count)),
                    "{counted:?} of {n} and {m}"
                );
            }
        }
        assert!(!driver.interrupt().is_empty());
    }
}

#[test]
fn an_agent_that_never_ends_its_calls_does_not_fill_the_memory() {
    let mut driver = Claude::new();
    let input = "x".repeat(64 * 1024);
    for n in 0..400 {
        let line = json!({"type": "assistant", "message": {"content": [{"type": "tool_use", "id": format!("toolu_{n}"), "name": "Write", "input": {"content": input}}]}});
        driver.line(&bytes(&line));
        driver.line(&bytes(&json!({"type": "system", "subtype": "task_started", "task_id": format!("t{n}"), "description": input, "subagent_type": input})));
        driver.line(&bytes(
            &json!({"type": "command_lifecycle", "command_uuid": format!("c{n}"), "state": "started"}),
        ));
        driver.line(&bytes(&json!({"type": "stream_event", "parent_tool_use_id": format!("p{n}"), "event": {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x"}}})));
    }
    assert!(driver.heard.held() <= 20 * 1024 * 1024, "{} bytes", driver.heard.held());
}
