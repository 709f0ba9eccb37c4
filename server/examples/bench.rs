//! The Rust part of `make bench`: fills a data directory through the journal, and measures the journal's commits. It
//! prints one line of JSON and judges nothing; `end2end/bench/` compares and writes.
//!
//! `bench seed DIR SESSIONS ENTRIES` and `bench commits DIR ROUNDS`; DIR must be empty or absent.

use futures::future::BoxFuture;
use model::{
    Caller,
    caller::Visibility,
    entries::EntryKind,
    event::{EntryAdded, ProjectAdded, SessionCreated, SessionMoved},
    id::{ProjectId, SessionId},
    sessions::{AgentKind, Mode, SessionState},
};
use node::{
    clock::Deps,
    journal::{Journal, Outcome, Tx},
    store::{Store, StoreConfig},
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement, TransactionTrait};
use std::{error::Error, io::Write, path::PathBuf, time::Instant};
use tokio::{sync::mpsc, sync::oneshot, task::JoinSet};

type Anything = Box<dyn Error + Send + Sync>;

/// Concurrent writers.
const WRITERS: u64 = 64;
/// Commits per round, over all writers.
const ROUND: u64 = 6_400;
/// The most operations in one commit, as in the journal.
const BATCH: usize = 256;
/// The text of an entry, as long as a usual message.
const TEXT: &str =
    "The retry path makes a new delivery id on every attempt, so the receiver cannot tell a retry from a new event.";

fn main() -> Result<(), Anything> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| {
        args.get(at)
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or("a number is missing")
    };
    let folder = PathBuf::from(
        args.get(1)
            .ok_or("usage: bench seed DIR SESSIONS ENTRIES | bench commits DIR ROUNDS")?,
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let printed = match args.first().map(String::as_str) {
        Some("seed") => runtime.block_on(seed(folder, number(2)?, number(3)?))?,
        Some("commits") => runtime.block_on(commits(folder, number(2)?))?,
        _ => return Err("unknown command".into()),
    };
    writeln!(std::io::stdout().lock(), "{printed}")?;
    Ok(())
}

async fn open(data_dir: PathBuf) -> Result<(Store, Journal, Deps), Anything> {
    std::fs::create_dir_all(&data_dir)?;
    let deps = Deps::system();
    let store = Store::open::<migration::Migrator>(&StoreConfig { url: None, data_dir }, &deps).await?;
    let journal = Journal::open(store.clone(), deps.clone()).await?;
    Ok((store, journal, deps))
}

fn entry(session: SessionId, seq: i64) -> EntryAdded {
    EntryAdded {
        session,
        seq,
        turn: 1,
        kind: EntryKind::Message,
        parent: None,
        by_name: None,
        preview: TEXT.into(),
        call: None,
        tool: None,
        shape: None,
        target: None,
        body: None,
    }
}

fn created(project: ProjectId, title: String) -> SessionCreated {
    SessionCreated {
        project,
        agent: AgentKind::Demo,
        mode: Mode::Ask,
        title,
        model: None,
        owner: None,
        visibility: Visibility::Project,
        branch: Some("main".into()),
        forked_from: None,
        unattended: false,
    }
}

async fn project(journal: &Journal, deps: &Deps) -> Result<ProjectId, Anything> {
    let id = ProjectId::from_uuid(deps.uuid_v7());
    let fact = ProjectAdded {
        id,
        name: "bench".into(),
        path: "/nowhere/bench".into(),
        demo: false,
    };
    commit(journal, move |_| {
        Box::pin(async move { Ok(Outcome::new(()).with(id, fact)) })
    })
    .await?;
    Ok(id)
}

async fn commit(
    journal: &Journal,
    operation: impl for<'t> FnOnce(&'t Tx<'t>) -> BoxFuture<'t, model::Result<Outcome<()>>> + Send + 'static,
) -> Result<(), Anything> {
    Ok(journal.commit(&Caller::node(), operation).await?)
}

/// Adds finished sessions with their entries, one commit per session.
async fn seed(folder: PathBuf, sessions: u64, entries: u64) -> Result<String, Anything> {
    let (store, journal, deps) = open(folder).await?;
    let project = project(&journal, &deps).await?;
    let start = Instant::now();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (journal, deps) = (journal.clone(), deps.clone());
        writers.spawn(async move {
            for number in (writer..sessions).step_by(usize::try_from(WRITERS)?) {
                let id = SessionId::from_uuid(deps.uuid_v7());
                let mut outcome = Outcome::new(()).with(id, created(project, format!("Session {number} of many")));
                for seq in 1..=i64::try_from(entries)? {
                    outcome = outcome.with(id, entry(id, seq));
                }
                outcome = outcome.with(
                    id,
                    SessionMoved {
                        state: SessionState::Done,
                        detail: None,
                        background: false,
                    },
                );
                commit(&journal, move |_| Box::pin(async move { Ok(outcome) })).await?;
            }
            Ok::<(), Anything>(())
        });
    }
    while let Some(done) = writers.join_next().await {
        done??;
    }
    let events = journal.head().await;
    let seconds = start.elapsed().as_secs_f64();
    journal.close().await;
    store.close().await;
    Ok(format!(r#"{{"events":{events},"seconds":{seconds:.3}}}"#))
}

/// Commits per second: through the journal, and as a baseline the same rows in plain SQL, equally grouped. Rounds
/// alternate.
async fn commits(folder: PathBuf, rounds: u64) -> Result<String, Anything> {
    let (store, journal, deps) = open(folder.join("journal")).await?;
    let project = project(&journal, &deps).await?;
    let mut sessions = Vec::new();
    for number in 0..WRITERS {
        let id = SessionId::from_uuid(deps.uuid_v7());
        let fact = created(project, format!("Writer {number}"));
        commit(&journal, move |_| {
            Box::pin(async move { Ok(Outcome::new(()).with(id, fact)) })
        })
        .await?;
        sessions.push(id);
    }
    let plain = Plain::open(folder.join("plain"), &deps, &sessions).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let per_writer = i64::try_from(ROUND / WRITERS)?;
        let first = i64::try_from(round)? * per_writer;
        let start = Instant::now();
        let mut writers = JoinSet::new();
        for id in sessions.clone() {
            let journal = journal.clone();
            writers.spawn(async move {
                for seq in first + 1..=first + per_writer {
                    commit(&journal, move |_| {
                        Box::pin(async move { Ok(Outcome::new(()).with(id, entry(id, seq))) })
                    })
                    .await?;
                }
                Ok::<(), Anything>(())
            });
        }
        while let Some(done) = writers.join_next().await {
            done??;
        }
        ours.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let mut writers = JoinSet::new();
        for id in sessions.clone() {
            let plain = plain.clone();
            writers.spawn(async move {
                for seq in first + 1..=first + per_writer {
                    plain.write(id, seq).await?;
                }
                Ok::<(), Anything>(())
            });
        }
        while let Some(done) = writers.join_next().await {
            done??;
        }
        theirs.push(start.elapsed().as_secs_f64());
    }
    journal.close().await;
    store.close().await;
    let list = |seconds: &[f64]| seconds.iter().map(|s| format!("{s:.4}")).collect::<Vec<_>>().join(",");
    Ok(format!(
        r#"{{"commits":{ROUND},"journal":[{}],"plain":[{}]}}"#,
        list(&ours),
        list(&theirs)
    ))
}

type Row = (SessionId, i64, oneshot::Sender<Result<(), sea_orm::DbErr>>);

/// The baseline: one task groups waiting rows into one transaction of prepared statements, without hash, fold or check.
#[derive(Clone)]
struct Plain(mpsc::Sender<Row>);

impl Plain {
    async fn open(folder: PathBuf, deps: &Deps, sessions: &[SessionId]) -> Result<Self, Anything> {
        let (store, journal, _) = open(folder.clone()).await?;
        let project = project(&journal, deps).await?;
        for id in sessions.iter().copied() {
            commit(&journal, move |_| {
                Box::pin(async move { Ok(Outcome::new(()).with(id, created(project, "Plain".into()))) })
            })
            .await?;
        }
        let head = journal.head().await;
        journal.close().await;
        store.close().await;
        let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rw", folder.join("orchwiz.db").display()));
        options.max_connections(1).sqlx_logging(false);
        let db = Box::pin(Database::connect(options)).await?;
        db.execute_unprepared("PRAGMA journal_mode = WAL").await?;
        db.execute_unprepared("PRAGMA synchronous = FULL").await?;
        let (queue, rows) = mpsc::channel(4096);
        tokio::spawn(Self::run(db, rows, head));
        Ok(Self(queue))
    }

    async fn write(&self, session: SessionId, seq: i64) -> Result<(), Anything> {
        let (reply, answer) = oneshot::channel();
        self.0.send((session, seq, reply)).await?;
        Ok(answer.await??)
    }

    async fn run(db: DatabaseConnection, mut rows: mpsc::Receiver<Row>, mut pos: i64) {
        let mut batch = Vec::with_capacity(BATCH);
        while rows.recv_many(&mut batch, BATCH).await > 0 {
            let result = Self::batch(&db, &batch, pos).await;
            pos += i64::try_from(batch.len()).expect("a batch is small");
            for (_, _, reply) in batch.drain(..) {
                reply.send(result.clone()).ok();
            }
        }
    }

    async fn batch(db: &DatabaseConnection, batch: &[Row], mut pos: i64) -> Result<(), sea_orm::DbErr> {
        let backend = db.get_database_backend();
        let txn = db.begin().await?;
        for (session, seq, _) in batch {
            pos += 1;
            let (id, hash) = (session.to_string(), vec![7_u8; 32]);
            let statement =
                |text: &str, values: Vec<sea_orm::Value>| Statement::from_sql_and_values(backend, text, values);
            txn.execute_raw(statement(
                "INSERT INTO event (pos, origin, epoch, seq, hlc, actor, kind, v, subject, payload, salt, commitment, hash, session) \
                 VALUES ($1, 'plain', 'plain', $1, $1, 'node', 'entry.added', 1, $2, $3, $4, $5, $5, $2)",
                vec![pos.into(), id.clone().into(), TEXT.as_bytes().to_vec().into(), vec![7_u8; 16].into(), hash.into()],
            ))
            .await?;
            txn.execute_raw(statement(
                "INSERT INTO entry (session, seq, origin, turn, kind, at, preview, more, pos) VALUES ($1, $2, 'plain', 1, 'message', $3, $4, FALSE, $3)",
                vec![id.clone().into(), (*seq).into(), pos.into(), TEXT.into()],
            ))
            .await?;
            txn.execute_raw(statement(
                "UPDATE session SET next_seq = $2 + 1, last = $3, updated = $4 WHERE id = $1",
                vec![id.into(), (*seq).into(), TEXT.into(), pos.into()],
            ))
            .await?;
        }
        txn.commit().await
    }
}
