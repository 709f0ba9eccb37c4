//! Clients that hang up at random, over every route that changes something: acknowledged changes happen all the same.
//! Afterwards rows and processes agree.

use crate::{
    access::{ALSO, TABLE},
    bench::Bench,
    live::serve,
};
use node::store::sql;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

/// The duration of the test.
const FOR: Duration = Duration::from_mins(1);
/// Concurrent clients.
const CLIENTS: u64 = 6;
/// Sessions of clients that do not hang up; aborted requests make more.
const SESSIONS: usize = 16;
/// Time for everything to settle: the demo agent takes seconds, the runners' polling of their tables a few more.
const SETTLES: Duration = Duration::from_mins(1);

/// A fast pseudorandom source (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn one_of<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        let n = self.below(all.len().max(1) as u64);
        all.get(usize::try_from(n).unwrap())
    }
}

/// The ids that requests use.
#[derive(Default)]
struct Known {
    sessions: Vec<String>,
    approvals: Vec<String>,
    projects: Vec<String>,
}

/// Whether a route changes something here and leaves enough for the other requests.
fn changes(method: &str, path: &str) -> bool {
    // Excludes reads, and routes that need a login of their own: `node/tests/accounts.rs` aborts those.
    method != "GET" && !path.starts_with("/auth/") && !path.contains("-token") && !path.contains("settings/profile")
}

/// The bytes of a request on the wire.
fn wire(method: &str, path: &str, body: &str, token: &str) -> Vec<u8> {
    let kind = if body.starts_with('{') {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    let content = if body.is_empty() && path.starts_with("/api/v1/") {
        String::new()
    } else {
        format!("Content-Type: {kind}\r\n")
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nAuthorization: Bearer {token}\r\n{content}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends a request. Reads the first bytes of the answer, or hangs up after `patience`.
async fn send(address: SocketAddr, request: &[u8], patience: Duration) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    stream.write_all(request).await.ok()?;
    let mut head = [0; 12];
    tokio::time::timeout(patience, stream.read_exact(&mut head))
        .await
        .ok()?
        .ok()?;
    std::str::from_utf8(&head[9..12]).ok()?.parse().ok()
}

/// The runs with a live shim, found by the run's directory in the shim's arguments.
fn living(data: &Path) -> BTreeSet<String> {
    let runs = data.join("runs");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        for word in line.split(|byte| *byte == 0) {
            let path = Path::new(std::str::from_utf8(word).unwrap_or_default());
            if let Ok(rest) = path.strip_prefix(&runs)
                && let Some(run) = rest.components().next()
            {
                found.insert(run.as_os_str().to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// All present contradictions between rows and processes.
async fn disagreements(bench: &Bench) -> Vec<String> {
    let db = bench.test.store.read();
    let text = async |query: &str| -> Vec<String> {
        let rows = sql::all(db, query, []).await.unwrap();
        rows.iter()
            .map(|row| row.try_get::<String>("", "id").unwrap())
            .collect()
    };
    let mut wrong = Vec::new();
    let open: BTreeSet<String> = text(r#"SELECT "id" FROM "run" WHERE "ended" IS NULL"#)
        .await
        .into_iter()
        .collect();
    let living = living(bench.test.store.data_dir());
    wrong.extend(
        open.difference(&living)
            .map(|run| format!("{run} is open and has no process")),
    );
    wrong.extend(
        living
            .difference(&open)
            .map(|run| format!("{run} lives and its row says that it ended")),
    );
    for (what, query) in [
        (
            "at work for good",
            r#"SELECT "id" FROM "session" WHERE "state" IN ('queued', 'starting', 'working')"#,
        ),
        ("stopped or deleted, and its agent lives", {
            r#"SELECT s."id" FROM "session" s JOIN "run" r ON r."session" = s."id" AND r."ended" IS NULL WHERE s."state" = 'done' OR s."deleted" IS NOT NULL"#
        }),
        ("waits for nobody", {
            r#"SELECT s."id" FROM "session" s WHERE s."state" = 'waiting'
               AND NOT EXISTS (SELECT 1 FROM "approval" a WHERE a."session" = s."id" AND a."state" = 'pending')"#
        }),
        ("rests beside a prompt that nobody gave it", {
            r#"SELECT s."id" FROM "session" s JOIN "prompt" p ON p."session" = s."id" AND p."state" = 'queued'
               WHERE s."state" = 'idle' AND s."deleted" IS NULL"#
        }),
    ] {
        wrong.extend(text(query).await.into_iter().map(|id| format!("{id}: {what}")));
    }
    wrong
}

/// The events of the sessions named in `wrong`, so that a failure shows its history.
async fn told_of(bench: &Bench, wrong: &[String]) -> String {
    let db = bench.test.store.read();
    let mut told = String::new();
    for session in wrong
        .iter()
        .filter_map(|line| line.split(':').next())
        .filter(|id| id.starts_with("ses_"))
    {
        for query in [
            r#"SELECT "state" || ' ' || coalesce("state_detail", '') || ' run ' || coalesce("run", 'none') AS "id" FROM "session" WHERE "id" = $1"#,
            r#"SELECT "pos" || ' ' || "kind" || ' ' || "subject" || ' ' || coalesce(CAST("payload" AS TEXT), '') AS "id" FROM "event" WHERE "session" = $1 ORDER BY "pos""#,
        ] {
            for row in sql::all(db, query, [session.into()]).await.unwrap() {
                told.push_str(&row.try_get::<String>("", "id").unwrap());
                told.push('\n');
            }
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_hangs_up_changes_nothing_about_what_was_acknowledged() {
    let bench = Bench::with(|_| vec![("agents.max", "64".to_owned())]).await;
    let address = serve(&bench).await;
    let known = Arc::new(Mutex::new(Known::default()));
    for n in 0..4 {
        let project = bench.project(&format!("p{n}")).await;
        known.lock().unwrap().projects.push(project);
    }
    for n in 0..SESSIONS {
        let project = known.lock().unwrap().projects[n % 3].clone();
        let session = bench.session(&project, ["ask", "slow", "hello", "edit"][n % 4]).await;
        known.lock().unwrap().sessions.push(session);
    }
    let asked = Arc::new(AtomicU64::new(0));
    let failed = Arc::new(Mutex::new(Vec::new()));
    let end = Instant::now() + FOR;
    let clients = (1..=CLIENTS).map(|seed| {
        let (known, asked, failed, token) = (known.clone(), asked.clone(), failed.clone(), bench.token.clone());
        tokio::spawn(async move {
            let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let rows: Vec<_> = TABLE
                .iter()
                .chain(ALSO)
                .filter(|(method, path, ..)| changes(method, path))
                .collect();
            while Instant::now() < end {
                let Some((method, path, body, ..)) = dice.one_of(&rows) else {
                    break;
                };
                let makes = matches!(
                    *path,
                    "/api/v1/sessions"
                        | "/api/rpc/sessions/create"
                        | "/api/rpc/sessions/demo"
                        | "/api/rpc/palette/demo"
                ) || path.ends_with("/fork")
                    || body.contains("fork");
                // A few extra sessions are enough.
                if makes && dice.below(20) > 0 {
                    continue;
                }
                // Only projects without sessions are removed, else there would soon be nothing to prompt.
                let removes = (*method == "DELETE" && path.contains("/projects/")) || path.ends_with("projects/delete");
                let (session, approval, project) = {
                    let known = known.lock().unwrap();
                    let session = dice.one_of(&known.sessions).cloned().unwrap_or_default();
                    let approval = dice
                        .one_of(&known.approvals)
                        .cloned()
                        .unwrap_or_else(|| "apr_01920000000070008000000000000001".to_owned());
                    (
                        session,
                        approval,
                        known.projects[if removes {
                            3
                        } else {
                            usize::try_from(dice.below(3)).unwrap()
                        }]
                        .clone(),
                    )
                };
                let id = if path.contains("/projects/") {
                    &project
                } else if path.contains("/approvals/") {
                    &approval
                } else {
                    &session
                };
                let body = body
                    .replace("$S", &session)
                    .replace("$P", &project)
                    .replace("$A", &approval);
                let request = wire(method, &path.replace("{id}", id), &body, &token);
                // Most hang up within a commit's time; the rest stay, so that work goes on.
                let patience = if dice.below(4) == 0 {
                    Duration::from_secs(10)
                } else {
                    Duration::from_micros(dice.below(6_000))
                };
                if let Some(status) = send(address, &request, patience).await
                    && status >= 500
                {
                    failed.lock().unwrap().push(format!("{method} {path}: {status}"));
                }
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(dice.below(20))).await;
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    while Instant::now() < end {
        // Decisions are about the approvals pending now.
        let pending: Value = bench
            .get("/api/v1/approvals?state=pending&limit=200")
            .await
            .expect(200)
            .json();
        let ids = pending["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect();
        known.lock().unwrap().approvals = ids;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for client in clients {
        client.await.unwrap();
    }
    let failed = std::mem::take(&mut *failed.lock().unwrap());
    // An agent that starts or ends may fail to answer in time.
    let failed: Vec<_> = failed.into_iter().filter(|line| !line.ends_with("503")).collect();
    assert_eq!(failed, Vec::<String>::new());
    assert!(
        asked.load(Ordering::Relaxed) > 1_000,
        "only {} requests",
        asked.load(Ordering::Relaxed)
    );

    let deadline = Instant::now() + SETTLES;
    loop {
        let wrong = disagreements(&bench).await;
        if wrong.is_empty() {
            break;
        }
        if Instant::now() >= deadline {
            let told = told_of(&bench, &wrong).await;
            panic!(
                "{} disagreements {SETTLES:?} after {} requests:\n{}\n\n{told}",
                wrong.len(),
                asked.load(Ordering::Relaxed),
                wrong.join("\n")
            );
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let report = node::journal::doctor(&bench.test.store).await.unwrap();
    assert!(report.healthy, "{report:?}");
    bench.end().await;
}
