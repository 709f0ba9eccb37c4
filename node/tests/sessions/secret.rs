//! A secret that this node knows can be read nowhere, wherever an agent prints it and however a cut falls.

use crate::{Running, Setup, mara, odd, open_as};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{
    Error, PageQuery,
    approvals::{ApprovalFilter, ApprovalState},
    id::SessionId,
    live::{ClientSays, ServerSays, Topic},
    sessions::{AgentKind, Mode, SessionFilter, SessionState},
};
use node::store::testing::Place;
use serde_json::{Value, json};
use std::{fmt::Write as _, fs, time::Duration};

const CANARY: &str = "sk-ant-api03-Zq7Rk2Wm9Xt4Lp8Vb3Nc6Hd1Fs5Gj0Ty";
/// No part of the canary of this length may be readable anywhere.
const WINDOW: usize = 8;

fn leak(text: &[u8]) -> Option<&'static str> {
    let windows = (0..=CANARY.len() - WINDOW).map(|at| &CANARY[at..at + WINDOW]);
    windows.into_iter().find(|window| memchr_find(text, window.as_bytes()))
}

fn memchr_find(text: &[u8], part: &[u8]) -> bool {
    // The first byte is compared first, because database files are large.
    text.iter()
        .enumerate()
        .any(|(at, byte)| *byte == part[0] && text[at..].starts_with(part))
}

/// Lines in which the canary begins at this offset of every text, and the deltas of that text.
fn lines(n: usize, offset: usize) -> Vec<Value> {
    let text = format!("{}{CANARY} and more", "x".repeat(offset));
    let call = |tool: &str, input: Value| json!({"type": "tool_use", "id": format!("{tool}-{n}"), "name": tool, "input": input});
    let result = |tool: &str, content: &str, failed: bool| {
        let block = json!({"type": "tool_result", "tool_use_id": format!("{tool}-{n}"), "content": content, "is_error": failed});
        json!({"type": "user", "message": {"role": "user", "content": [block]}})
    };
    let say = |content: Value| json!({"type": "assistant", "message": {"role": "assistant", "content": content}});
    let mut lines: Vec<Value> = text
        .as_bytes()
        .chunks(9)
        .map(|piece| {
            let delta = json!({"type": "text_delta", "text": String::from_utf8_lossy(piece)});
            json!({"type": "stream_event", "event": {"type": "content_block_delta", "index": 0, "delta": delta}})
        })
        .collect();
    lines.extend([
        say(json!([{"type": "text", "text": text}, {"type": "thinking", "thinking": text}])),
        say(json!([call("Bash", json!({"command": text})), call("Read", json!({"file_path": format!("/{text}")})), call("mcp__a__b", json!({"field": text}))])),
        result("Bash", &text, false),
        result("Read", &text, true),
        result("mcp__a__b", &text, false),
        json!({"type": "system", "subtype": "task_started", "task_id": format!("t{n}"), "description": text}),
        json!({"type": "system", "subtype": "task_notification", "task_id": format!("t{n}"), "status": "completed", "summary": text}),
        json!({"type": "system", "subtype": "informational", "content": text}),
        json!({"type": format!("unknown {text}"), "text": text}),
        json!({"type": "control_request", "request_id": format!("r{n}"), "request":
            {"subtype": "can_use_tool", "tool_name": "Bash", "tool_use_id": format!("a{n}"), "decision_reason": text, "input": {"command": text}}}),
        json!({"type": "control_cancel_request", "request_id": format!("r{n}")}),
    ]);
    lines
}

async fn said(running: &Running, session: SessionId) -> String {
    let caller = mara();
    let services = &running.services;
    let mut all = String::new();
    let mut add = |value: Value| writeln!(all, "{value}").unwrap();
    add(json!(
        services
            .sessions
            .list(&caller, SessionFilter::default(), PageQuery::default())
            .await
            .unwrap()
    ));
    add(json!(services.sessions.view(&caller, session).await.unwrap()));
    for entry in running.entries(session).await {
        add(json!(entry));
        add(json!(
            services.sessions.entry_body(&caller, session, entry.seq).await.unwrap()
        ));
    }
    let mut page = PageQuery {
        after: None,
        limit: Some(200),
    };
    loop {
        let filter = ApprovalFilter {
            state: None,
            session: Some(session),
        };
        let found = services.approvals.list(&caller, filter, page.clone()).await.unwrap();
        for approval in &found.items {
            add(json!(approval));
            add(json!(services.approvals.input(&caller, approval.id).await.unwrap()));
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    let mut after = 0;
    loop {
        let page = services.node.events(&caller, after, 200).await.unwrap();
        add(json!(page.items));
        match page.next {
            Some(next) => after = next.parse().unwrap(),
            None => return all,
        }
    }
}

/// Every raw line, also from cursors between two lines.
async fn raw(running: &Running, session: SessionId) -> String {
    let mut all = String::new();
    let mut page = PageQuery {
        after: None,
        limit: Some(200),
    };
    let mut first = None;
    loop {
        let found = running
            .services
            .sessions
            .raw(&mara(), session, page.clone())
            .await
            .unwrap();
        first = first.or_else(|| found.items.get(3).cloned());
        found.items.iter().for_each(|line| all.push_str(&line.text));
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    let line = first.expect("there are lines");
    for inside in 1..line.text.len() as u64 {
        let cursor = URL_SAFE_NO_PAD.encode(format!("{}\n{}", line.run, line.offset + inside));
        let given = running
            .services
            .sessions
            .raw(
                &mara(),
                session,
                PageQuery {
                    after: Some(cursor),
                    limit: Some(1),
                },
            )
            .await;
        match given {
            Err(error) => assert!(
                matches!(&error, Error::Invalid { field, .. } if field == "after"),
                "{error:?}"
            ),
            Ok(found) => found.items.iter().for_each(|line| all.push_str(&line.text)),
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_known_secret_is_stored_shown_or_sent_wherever_it_is_printed() {
    let place = Place::new().await;
    fs::create_dir_all(&place.config.data_dir).unwrap();
    let offsets = (0..=8).chain(140..=210).chain(240..=310).chain(440..=510);
    let output = offsets
        .enumerate()
        .flat_map(|(n, offset)| lines(n, offset))
        .map(|line| format!("{line}\n"))
        .collect::<Vec<_>>()
        .concat();
    // It fits into a raw line, but not into its shown part.
    let long = (65_500..65_540)
        .map(|offset| format!("{}{CANARY}\n", "y".repeat(offset)))
        .collect::<Vec<_>>()
        .concat();
    fs::write(place.config.data_dir.join("said"), output + &long).unwrap();
    let slow = lines(0, 3)
        .into_iter()
        .filter(|line| line["type"] == "stream_event")
        .map(|line| format!("{line}\n"))
        .collect::<Vec<_>>()
        .concat();
    fs::write(place.config.data_dir.join("slow"), slow).unwrap();
    let stderr = (0..60)
        .map(|n| format!("{}{CANARY}\n", "z".repeat(n)))
        .collect::<Vec<_>>()
        .concat();
    fs::write(place.config.data_dir.join("stderr"), stderr).unwrap();
    let script = format!(
        "{}read -r prompt\nwhile read -r line; do printf '%s\\n' \"$line\"; sleep 0.1; done <{d}/slow\ncat {d}/said\nread -r go\ncat {d}/stderr >&2\nexit 3\n",
        odd::GREETS,
        d = place.config.data_dir.display()
    );
    let claude = odd::agent(&place, &script);
    let running = open_as(
        &place,
        Setup {
            claude,
            ..Setup::default()
        },
    )
    .await;
    assert!(running.journal.mask(CANARY));

    let mut follower = running.node.live().follow(mara());
    let session = running
        .start_agent(AgentKind::Claude, Mode::Ask, &format!("{}{CANARY}", "x".repeat(70)))
        .await;
    let topics = vec![Topic::Node, Topic::Session { id: session.id }];
    follower.say(ClientSays::Follow { topics, after: 0 }).await.unwrap();
    let listener = tokio::spawn(async move {
        let (mut frames, mut partials) = (0, 0);
        while let Ok(Some(says)) = tokio::time::timeout(Duration::from_secs(5), follower.next()).await {
            let text = says.text();
            assert_eq!(leak(text.as_bytes()), None, "{text}");
            frames += 1;
            partials += usize::from(matches!(says.into(), ServerSays::Partial(_)));
        }
        (frames, partials)
    });
    running
        .until(session.id, "all of it", |session| session.calls > 600)
        .await;
    let pending = ApprovalFilter {
        state: Some(ApprovalState::Pending),
        session: Some(session.id),
    };
    assert!(
        running
            .services
            .approvals
            .list(&mara(), pending, PageQuery::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    // The agent reads on and ends.
    running.services.sessions.interrupt(&mara(), session.id).await.ok();
    let failed = running.state(session.id, SessionState::Failed).await;
    assert!(
        failed
            .state_detail
            .as_deref()
            .is_some_and(|why| why.contains("[masked]")),
        "{failed:?}"
    );

    let shown = said(&running, session.id).await;
    assert_eq!(leak(shown.as_bytes()), None);
    assert!(shown.matches("[masked]").count() > 1_000);
    let raw = raw(&running, session.id).await;
    assert_eq!(leak(raw.as_bytes()), None);
    assert!(raw.contains("[masked]"));
    let (frames, partials) = listener.await.unwrap();
    assert!(
        frames > 100 && partials > 3,
        "{frames} frames, {partials} of them partial"
    );
    if place.config.url.is_none() {
        for file in ["orchwiz.db", "orchwiz.db-wal"] {
            let bytes = fs::read(place.config.data_dir.join(file)).unwrap_or_default();
            assert_eq!(leak(&bytes), None, "{file}");
        }
    }
    running.close(true).await;
}
