//! Measures durable commits of concurrent writers through the journal against the same rows by prepared SQL in the same
//! grouping, in interleaved rounds; prints one line of JSON with the medians. `cargo run --release -p node --example commits`.

use migration::Migrator;
use model::{
    Caller,
    entries::EntryKind,
    event::{Body, EntryAdded},
};
use node::{
    clock::Deps,
    journal::{
        Journal, Outcome,
        testing::{event, session},
    },
    store::{Store, sql, testing::Place},
};
use sea_orm::{DatabaseConnection, SqliteTransactionMode, TransactionOptions, TransactionTrait, Value};
use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

const WRITERS: usize = 64;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

fn entry(seq: i64) -> EntryAdded {
    EntryAdded {
        session: session(1),
        seq,
        turn: 1,
        kind: EntryKind::Message,
        parent: None,
        by_name: None,
        preview: "The tests pass now; the cause was a missing await in the retry loop of the uploader.".into(),
        call: None,
        tool: None,
        target: None,
        body: Some(Body::Inline("x".repeat(400).into())),
    }
}

/// Commits a second, by `WRITERS` tasks, each waiting for its answer before it goes on.
async fn measure<F: Future<Output = ()> + Send>(one: impl Fn(i64) -> F + Send + Sync + Clone + 'static, seq: &Arc<AtomicI64>) -> f64 {
    let (began, count) = (Instant::now(), Arc::new(AtomicI64::new(0)));
    let writers = (0..WRITERS).map(|_| {
        let (one, seq, count) = (one.clone(), seq.clone(), count.clone());
        async move {
            while began.elapsed() < ROUND {
                one(seq.fetch_add(1, Ordering::Relaxed)).await;
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    futures::future::join_all(writers).await;
    let commits = i32::try_from(count.load(Ordering::Relaxed)).expect("a few seconds of commits");
    f64::from(commits) / began.elapsed().as_secs_f64()
}

/// The baseline: the same three statements and the head's, prepared, in the same grouping, with nothing decided, hashed or encoded.
async fn baseline(db: DatabaseConnection, mut wishes: mpsc::Receiver<(i64, oneshot::Sender<()>)>) {
    let origin = "0".repeat(32);
    let text = |n: i64| Value::from(format!("ses_{n:032x}"));
    let mut waiting = Vec::new();
    while wishes.recv_many(&mut waiting, 256).await > 0 {
        let options = TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..TransactionOptions::default() };
        let txn = db.begin_with_options(options).await.expect("begins");
        for (seq, _) in &waiting {
            let values: [Value; 13] = [
                (*seq).into(),
                origin.clone().into(),
                "0123456789abcdef".into(),
                (*seq).into(),
                (*seq).into(),
                "node".into(),
                "entry.added".into(),
                1.into(),
                text(1),
                vec![b'x'; 700].into(),
                vec![0_u8; 16].into(),
                vec![0_u8; 32].into(),
                vec![0_u8; 32].into(),
            ];
            sql::run(
                &txn,
                r#"INSERT INTO "event" ("pos", "origin", "epoch", "seq", "hlc", "actor", "kind", "v", "subject", "payload", "salt", "commitment", "hash")
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"#,
                values,
            )
            .await
            .expect("inserts");
            let values: [Value; 9] = [
                text(1),
                (*seq).into(),
                origin.clone().into(),
                1_i64.into(),
                "message".into(),
                (*seq).into(),
                "x".repeat(85).into(),
                true.into(),
                (*seq).into(),
            ];
            sql::run(&txn, r#"INSERT INTO "entry" ("session", "seq", "origin", "turn", "kind", "at", "preview", "more", "pos") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"#, values)
                .await
                .expect("inserts");
            let values: [Value; 3] = [text(1), (*seq).into(), "x".repeat(85).into()];
            sql::run(&txn, r#"UPDATE "session" SET "next_seq" = $2, "updated" = $2, "last" = $3 WHERE "id" = $1"#, values).await.expect("updates");
        }
        sql::run(&txn, r#"UPDATE "log" SET "seq" = "seq" + 1 WHERE "own" = TRUE"#, []).await.expect("updates");
        txn.commit().await.expect("commits");
        for (_, done) in waiting.drain(..) {
            done.send(()).ok();
        }
    }
}

#[tokio::main]
async fn main() {
    let (ours, plain) = (Place::new().await, Place::new().await);
    let deps = Deps::system();
    let store = Store::open::<Migrator>(&ours.config, &deps).await.expect("opens");
    let journal = Journal::open(store, deps.clone()).await.expect("opens");
    let other = Store::open::<Migrator>(&plain.config, &deps).await.expect("opens");
    Journal::open(other.clone(), deps.clone()).await.expect("opens").close().await;
    let beside = plain.connect().await;
    if plain.config.url.is_none() {
        sql::run(&beside, "PRAGMA synchronous = FULL", []).await.expect("sets");
    }
    let first = vec![event([6, 1, 1, 1])];
    journal.commit(&Caller::node(), move |_| Box::pin(async move { Ok(Outcome { value: (), events: first }) })).await.expect("commits");
    let row = r#"INSERT INTO "session" ("id", "origin", "project", "agent", "mode", "title", "title_folded", "visibility", "tags", "state", "state_since",
        "started", "updated", "turns", "calls", "pending", "next_seq", "tok_input", "tok_output", "tok_cache_read", "tok_cache_write", "resumable")
        VALUES ($1, '0', 'p', 'demo', 'ask', 't', 't', 'node', '[]', 'idle', 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, FALSE)"#;
    sql::run(&beside, row, [format!("ses_{:032x}", 1).into()]).await.expect("inserts");
    let (wish, wishes) = mpsc::channel(4096);
    tokio::spawn(baseline(beside, wishes));

    let (mut through, mut direct) = (Vec::new(), Vec::new());
    let (seq, other_seq) = (Arc::new(AtomicI64::new(1)), Arc::new(AtomicI64::new(1)));
    for _ in 0..ROUNDS {
        let journal = journal.clone();
        let one = move |seq: i64| {
            let journal = journal.clone();
            async move {
                let committed = journal.commit(&Caller::node(), move |_| Box::pin(async move { Ok(Outcome::new(()).with(session(1), entry(seq))) })).await;
                committed.expect("commits");
            }
        };
        through.push(measure(one, &seq).await);
        let wish = wish.clone();
        let one = move |seq: i64| {
            let wish = wish.clone();
            async move {
                let (done, finished) = oneshot::channel();
                wish.send((seq, done)).await.expect("the writer lives");
                finished.await.expect("the writer answers");
            }
        };
        direct.push(measure(one, &other_seq).await);
    }
    let median = |mut rates: Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let (through, direct) = (median(through), median(direct));
    let line = format!(r#"{{"writers":{WRITERS},"journal_per_s":{through:.0},"prepared_per_s":{direct:.0},"ratio":{:.2}}}"#, through / direct);
    writeln!(std::io::stdout(), "{line}").expect("somebody reads it");
}
