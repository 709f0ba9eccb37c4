//! The doctor: checks the chain, compares the tables with a rebuild and checks the blobs, on one snapshot, also beside
//! a running node. It must change nothing: the rebuild goes into temporary tables that end with the connection.

use super::{
    StoredEvent, blob,
    chain::{self, Fields, GENESIS},
    projection::{Holds, Table, projected},
    purge, shadow,
};
use crate::store::{Store, StoreError, sql};
use futures::TryStreamExt;
use model::{Pos, event::Fact};
use sea_orm::{
    DatabaseTransaction, DbBackend, DbErr, FromQueryResult, IsolationLevel, QueryResult, StreamTrait, TransactionTrait,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the doctor found. Serialises to what `orchwiz doctor --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether nothing at all is wrong.
    pub healthy: bool,
    /// Name and version, like `SQLite 3.51.3`.
    pub database: String,
    /// The result of the database's own check, `ok` when nothing is wrong. PostgreSQL has no such check.
    pub integrity: String,
    /// The head of this node's own log.
    pub head: Option<Head>,
    /// The chain.
    pub chain: Chain,
    /// Each projected table.
    pub tables: Vec<TableReport>,
    /// The blobs.
    pub blobs: Blobs,
}

/// Where a log stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The node, 32 hex digits.
    pub origin: String,
    /// The log's incarnation, 16 hex digits.
    pub epoch: String,
    /// The newest sequence number.
    pub seq: i64,
    /// The newest position.
    pub pos: Pos,
    /// The newest hash, 64 hex digits.
    pub hash: String,
}

/// The verdict on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Events found good, from the first on.
    pub verified: i64,
    /// The first that is not; `None` when all are good.
    pub first_bad: Option<Bad>,
}

/// The first bad position, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bad {
    /// The position.
    pub pos: Pos,
    /// One sentence.
    pub why: String,
}

/// A projected table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableReport {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: i64,
    /// BLAKE3 (hex) over all rows in order of the key; the same on both databases.
    pub hash: String,
    /// Whether a rebuild gives the same rows.
    pub rebuilds: bool,
    /// The key of a row that differs.
    pub differs: Option<String>,
}

/// The blobs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blobs {
    /// How many there are.
    pub count: i64,
    /// Missing, damaged or wrongly counted blobs: one sentence each, at most 20.
    pub bad: Vec<String>,
}

/// The most sentences about blobs.
const SENTENCES: usize = 20;
/// Events per page.
const PAGE: i64 = 1_000;

/// Examines the database.
pub async fn doctor(store: &Store) -> Result<Report, StoreError> {
    let scratch = store.scratch().await?;
    let isolation = (store.backend() == DbBackend::Postgres).then_some(IsolationLevel::RepeatableRead);
    let db = scratch.begin_with_config(isolation, None).await?;
    let integrity = integrity(&db).await?;
    let head = head(&db).await?;
    let (chain, referred) = verify(&db, head.as_ref()).await?;
    shadow::create(&db, true).await?;
    shadow::fill(&db).await?;
    let mut tables = Vec::new();
    for table in projected() {
        tables.push(compare(&db, &table).await?);
    }
    let blobs = blobs(store, &db, &referred).await?;
    db.rollback().await?;
    scratch.close().await?;
    let healthy = integrity == "ok"
        && head.is_some()
        && chain.first_bad.is_none()
        && tables.iter().all(|table| table.rebuilds)
        && blobs.bad.is_empty();
    Ok(Report {
        healthy,
        database: store.backend_name(),
        integrity,
        head,
        chain,
        tables,
        blobs,
    })
}

async fn integrity(db: &DatabaseTransaction) -> Result<String, DbErr> {
    if is_postgres(db) {
        return Ok("ok".into());
    }
    let rows = sql::all(db, "PRAGMA integrity_check(10)", []).await?;
    let lines: Vec<String> = rows
        .iter()
        .map(|row| row.try_get_by_index(0))
        .collect::<Result<_, _>>()?;
    Ok(lines.join("; "))
}

fn is_postgres(db: &DatabaseTransaction) -> bool {
    db.get_database_backend() == DbBackend::Postgres
}

async fn head(db: &DatabaseTransaction) -> Result<Option<Head>, DbErr> {
    let row = sql::one(
        db,
        r#"SELECT "origin", "epoch", "seq", "pos", "hash" FROM "log" WHERE "own" = TRUE"#,
        [],
    )
    .await?;
    row.map(|row| {
        Ok(Head {
            origin: row.try_get("", "origin")?,
            epoch: row.try_get("", "epoch")?,
            seq: row.try_get("", "seq")?,
            pos: row.try_get("", "pos")?,
            hash: crate::hex::hex(&row.try_get::<Vec<u8>>("", "hash")?),
        })
    })
    .transpose()
}

/// Walks all events by position. Returns the verdict and each blob's number of references.
async fn verify(db: &DatabaseTransaction, head: Option<&Head>) -> Result<(Chain, HashMap<String, i64>), DbErr> {
    let mut walk = Walk {
        own: head.map(|head| head.origin.clone()).unwrap_or_default(),
        skips: skips(db).await?,
        ..Walk::default()
    };
    let mut referred = HashMap::new();
    let (mut after, mut first_bad): (Pos, _) = (0, None);
    'walk: loop {
        let rows = sql::all(
            db,
            r#"SELECT * FROM "event" WHERE "pos" > $1 ORDER BY "pos" LIMIT $2"#,
            [after.into(), PAGE.into()],
        )
        .await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            after = row.try_get("", "pos")?;
            match StoredEvent::from_query_result(row, "") {
                Err(_) => {
                    first_bad = Some(Bad {
                        pos: after,
                        why: "the row cannot be read".into(),
                    });
                }
                Ok(event) => {
                    let fact = event.fact();
                    // A text of another node's event lies there until somebody opens it.
                    if let Some(hash) = fact
                        .as_ref()
                        .and_then(purge::referred)
                        .filter(|_| event.origin == walk.own)
                    {
                        *referred.entry(hash.to_owned()).or_insert(0) += 1;
                    }
                    first_bad = walk.step(&event, fact.as_ref());
                }
            }
            if first_bad.is_some() {
                break 'walk;
            }
        }
    }
    let first_bad = match first_bad {
        Some(bad) => Some(bad),
        None => walk.end(db, head).await?,
    };
    Ok((
        Chain {
            verified: walk.pos,
            first_bad,
        },
        referred,
    ))
}

/// A log: its origin and epoch.
type Log = (String, String);

/// What filters left out of the logs of other nodes.
async fn skips(db: &DatabaseTransaction) -> Result<BTreeMap<Log, BTreeMap<i64, (i64, Vec<u8>)>>, DbErr> {
    let mut skips: BTreeMap<Log, BTreeMap<i64, (i64, Vec<u8>)>> = BTreeMap::new();
    for row in sql::all(
        db,
        r#"SELECT "origin", "epoch", "from_seq", "upto_seq", "hash" FROM "skip""#,
        [],
    )
    .await?
    {
        let log = (row.try_get("", "origin")?, row.try_get("", "epoch")?);
        let span = (row.try_get("", "upto_seq")?, row.try_get("", "hash")?);
        skips.entry(log).or_default().insert(row.try_get("", "from_seq")?, span);
    }
    Ok(skips)
}

/// The state of the logs up to the current event.
#[derive(Default)]
struct Walk {
    /// This node's own origin.
    own: String,
    pos: Pos,
    /// Per origin and epoch, what a filter left out: from which number to which, and the hash there.
    skips: BTreeMap<Log, BTreeMap<i64, (i64, Vec<u8>)>>,
    /// Per origin and epoch: the newest sequence number and hash.
    logs: BTreeMap<Log, (i64, Vec<u8>)>,
    /// Events without a payload: position, origin, session.
    withheld: Vec<(Pos, String, Option<String>)>,
    /// Sessions purged so far, with their origin.
    purged: BTreeSet<(String, String)>,
}

impl Walk {
    /// Takes the next event, or returns what is wrong with it.
    fn step(&mut self, event: &StoredEvent, fact: Option<&Fact>) -> Option<Bad> {
        let expected = self.pos + 1;
        if event.pos != expected {
            return Some(Bad {
                pos: expected,
                why: format!("an event is missing: after position {} comes {}", self.pos, event.pos),
            });
        }
        let bad = |why: String| Some(Bad { pos: event.pos, why });
        let foreign = event.origin != self.own;
        if event.received.is_some() != foreign || event.via.is_some() != foreign {
            return bad("it does not say truly whether it came from another node".into());
        }
        let log = (event.origin.clone(), event.epoch.clone());
        let skips = self.skips.get(&log);
        let (seq, previous) = self.logs.entry(log).or_insert_with(|| (0, GENESIS.to_vec()));
        if let Some(skips) = skips {
            pass(skips, seq, previous);
        }
        if event.seq != *seq + 1 {
            return bad(format!("the log has number {} where {} belongs", event.seq, *seq + 1));
        }
        if chain::hash(previous, &Fields::from(event)).as_slice() != event.hash {
            return bad("the hash does not fit the event and the one before".into());
        }
        match (&event.payload, &event.salt) {
            (Some(payload), Some(salt)) => {
                let fits = <&[u8; 16]>::try_from(salt.as_slice())
                    .is_ok_and(|salt| chain::commitment(salt, payload).as_slice() == event.commitment);
                if !fits {
                    return bad("the payload is not the one that was recorded".into());
                }
            }
            // A filter withholds payloads on their way from another node.
            (None, None) if foreign => {}
            (None, None) => self
                .withheld
                .push((event.pos, event.origin.clone(), event.session.clone())),
            _ => return bad("of payload and salt only one is there".into()),
        }
        // An unreadable event belongs to its subject's session, if the subject is one.
        let spoken_of = fact
            .map_or_else(|| event.subject.parse().ok(), |fact| fact.session(&event.subject))
            .map(|session| session.to_string());
        if (fact.is_some() || spoken_of.is_some()) && spoken_of != event.session {
            return bad("it is kept under another session than the one it is about".into());
        }
        if event.kind == "session.purged" {
            self.purged.insert((event.origin.clone(), event.subject.clone()));
        }
        (*seq, *previous) = (event.seq, event.hash.clone());
        self.pos = event.pos;
        None
    }

    /// Checks the end of the walk: the heads agree, and every missing payload was purged.
    async fn end(&self, db: &DatabaseTransaction, head: Option<&Head>) -> Result<Option<Bad>, DbErr> {
        for (pos, origin, session) in &self.withheld {
            let purged = session
                .as_ref()
                .is_some_and(|session| self.purged.contains(&(origin.clone(), session.clone())));
            if !purged {
                return Ok(Some(Bad {
                    pos: *pos,
                    why: "the payload is gone, but nothing was purged".into(),
                }));
            }
        }
        let mut heads = BTreeMap::new();
        for row in sql::all(db, r#"SELECT "origin", "epoch", "seq", "hash" FROM "log""#, []).await? {
            heads.insert(
                (
                    row.try_get::<String>("", "origin")?,
                    row.try_get::<String>("", "epoch")?,
                ),
                (row.try_get::<i64>("", "seq")?, row.try_get::<Vec<u8>>("", "hash")?),
            );
        }
        let behind = |why: String| Ok(Some(Bad { pos: self.pos + 1, why }));
        for (log, (seq, hash)) in &heads {
            let mut found = self.logs.get(log).cloned().unwrap_or_else(|| (0, GENESIS.to_vec()));
            if let Some(skips) = self.skips.get(log) {
                pass(skips, &mut found.0, &mut found.1);
            }
            if found != (*seq, hash.clone()) {
                return behind(format!(
                    "the log ends at number {}, but its head is {seq}: events after it are missing",
                    found.0
                ));
            }
        }
        if let Some(log) = self.logs.keys().find(|log| !heads.contains_key(*log)) {
            return behind(format!("the log of {} has no head", log.0));
        }
        match head {
            Some(head) if head.pos != self.pos => behind(format!(
                "the head is at position {}, the last event at {}",
                head.pos, self.pos
            )),
            None => behind("this node's own log has no head".into()),
            Some(_) => Ok(None),
        }
    }
}

/// Goes over what was left out after number `seq`.
fn pass(skips: &BTreeMap<i64, (i64, Vec<u8>)>, seq: &mut i64, hash: &mut Vec<u8>) {
    while let Some((upto, after)) = skips.get(&(*seq + 1)) {
        (*seq, *hash) = (*upto, after.clone());
    }
}

/// Compares a live table with its shadow, row for row.
async fn compare(db: &DatabaseTransaction, table: &Table) -> Result<TableReport, DbErr> {
    let (rows, live) = digest(db, table, "").await?;
    let (_, rebuilt) = digest(db, table, shadow::PREFIX).await?;
    let rebuilds = live == rebuilt;
    let differs = if rebuilds { None } else { difference(db, table).await? };
    Ok(TableReport {
        table: table.name.to_owned(),
        rows,
        hash: crate::hex::hex(&live),
        rebuilds,
        differs,
    })
}

/// The number of rows, and BLAKE3 over each value with its kind and, for text, its length.
async fn digest(db: &DatabaseTransaction, table: &Table, prefix: &str) -> Result<(i64, [u8; 32]), DbErr> {
    // Bytewise order, so that both databases agree whatever their locale.
    let collate = if is_postgres(db) { r#" COLLATE "C""# } else { "" };
    let order: Vec<String> = table
        .key
        .iter()
        .map(|key| {
            let text = table
                .columns
                .iter()
                .any(|column| column.name == *key && column.holds == Holds::Text);
            format!(r#""{key}"{}"#, if text { collate } else { "" })
        })
        .collect();
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!(r#""{}""#, column.name))
        .collect();
    let text = format!(
        r#"SELECT {} FROM "{prefix}{}" ORDER BY {}"#,
        columns.join(", "),
        table.name,
        order.join(", ")
    );
    let mut rows = db.stream_raw(sql::statement(db, text, [])).await?;
    let (mut count, mut hasher) = (0, blake3::Hasher::new());
    while let Some(row) = rows.try_next().await? {
        count += 1;
        for column in &table.columns {
            hash_value(&mut hasher, &row, column.name, column.holds);
        }
    }
    Ok((count, *hasher.finalize().as_bytes()))
}

fn hash_value(hasher: &mut blake3::Hasher, row: &QueryResult, name: &str, holds: Holds) {
    // An unreadable value does not stop the doctor: it differs from every value of a rebuild.
    const UNREADABLE: u8 = 255;
    match holds {
        Holds::Text => match row.try_get::<Option<String>>("", name) {
            Err(_) => hasher.update(&[UNREADABLE]),
            Ok(None) => hasher.update(&[0]),
            Ok(Some(text)) => hasher
                .update(&[1])
                .update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes())
                .update(text.as_bytes()),
        },
        Holds::Number => match row.try_get::<Option<i64>>("", name) {
            Err(_) => hasher.update(&[UNREADABLE]),
            Ok(None) => hasher.update(&[0]),
            Ok(Some(number)) => hasher.update(&[2]).update(&number.to_be_bytes()),
        },
        Holds::Flag => match row.try_get::<Option<bool>>("", name) {
            Err(_) => hasher.update(&[UNREADABLE]),
            Ok(None) => hasher.update(&[0]),
            Ok(Some(flag)) => hasher.update(&[3, u8::from(flag)]),
        },
    };
}

/// The key of one row that only one of the two tables holds.
async fn difference(db: &DatabaseTransaction, table: &Table) -> Result<Option<String>, DbErr> {
    let (live, rebuilt) = (
        format!(r#""{}""#, table.name),
        format!(r#""{}{}""#, shadow::PREFIX, table.name),
    );
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!(r#""{}""#, column.name))
        .collect();
    let columns = columns.join(", ");
    let key: Vec<String> = table
        .key
        .iter()
        .map(|key| format!(r#"CAST("{key}" AS TEXT)"#))
        .collect();
    for (one, other) in [(&live, &rebuilt), (&rebuilt, &live)] {
        let text = format!(
            "SELECT {} AS k FROM (SELECT {columns} FROM {one} EXCEPT SELECT {columns} FROM {other}) d LIMIT 1",
            key.join(" || ' ' || ")
        );
        if let Some(row) = sql::one(db, text, []).await? {
            return row.try_get("", "k").map(Some);
        }
    }
    Ok(None)
}

async fn blobs(store: &Store, db: &DatabaseTransaction, referred: &HashMap<String, i64>) -> Result<Blobs, DbErr> {
    let mut report = Blobs::default();
    let mut found = BTreeSet::new();
    let mut say = |sentence: String| {
        if report.bad.len() < SENTENCES {
            report.bad.push(sentence);
        }
    };
    let mut after = String::new();
    loop {
        let rows = sql::all(
            db,
            r#"SELECT * FROM "blob" WHERE "hash" > $1 ORDER BY "hash" LIMIT 100"#,
            [after.clone().into()],
        )
        .await?;
        let Some(last) = rows.last() else { break };
        after = last.try_get("", "hash")?;
        for row in &rows {
            report.count += 1;
            let Ok(row) = crate::entity::blob::Model::from_query_result(row, "") else {
                let hash: String = row.try_get("", "hash")?;
                say(format!("blob {hash}: its row cannot be read"));
                found.insert(hash);
                continue;
            };
            let counted = referred.get(&row.hash).copied().unwrap_or(0);
            if counted != row.refs {
                say(format!(
                    "blob {} counts {} references, {counted} events refer to it",
                    row.hash, row.refs
                ));
            }
            if let Err(error) = blob::check(store, &row) {
                say(format!("blob {}: {error}", row.hash));
            }
            found.insert(row.hash);
        }
    }
    for hash in referred.keys().filter(|hash| !found.contains(*hash)) {
        say(format!("blob {hash} is missing"));
    }
    Ok(report)
}
