//! The logs that this node holds, as the core speaks of them, and their rows as a link sends them.

use super::{
    contents::Contents,
    core::{Epoch, Event, Item, Log, LogId, Payload, Reading, Reason, Skip, Taken},
};
use crate::{
    fleet::LinkEnd,
    journal::{StoredEvent, chain::GENESIS},
    origin::{node_of, origin_of},
    store::{Store, Stored, sql},
};
use model::{Result, id::NodeId};
use sea_orm::{FromQueryResult, QueryResult};
use std::collections::HashMap;

/// Events that are read at once.
const PAGE: i64 = 1_000;

/// Every log that this node holds, for one link.
pub(super) async fn all(store: &Store, end: &LinkEnd, pass: u64) -> Result<Vec<Log>> {
    let taken = taken(store, end).await?;
    let text = r#"SELECT l."origin", l."epoch", l."seq", l."hash", l."own",
            coalesce((SELECT s."upto_seq" FROM "skip" s WHERE s."origin" = l."origin" AND s."epoch" = l."epoch" ORDER BY s."from_seq" DESC LIMIT 1), 0) AS "skipped",
            coalesce((SELECT e."seq" FROM "event" e WHERE e."origin" = l."origin" AND e."epoch" = l."epoch" AND e."payload" IS NULL ORDER BY e."seq" DESC LIMIT 1), 0) AS "withheld"
        FROM "log" l"#;
    let rows = sql::all(store.read(), text, []).await.stored()?;
    let own = node_of(store.origin());
    let mut logs = Vec::with_capacity(rows.len());
    for row in &rows {
        let Some(id) = id_of(row)? else { continue };
        let is_own: bool = row.try_get("", "own").stored()?;
        let (skipped, withheld): (i64, i64) = (
            row.try_get("", "skipped").stored()?,
            row.try_get("", "withheld").stored()?,
        );
        let offered = if id.origin == own {
            is_own
        } else {
            end.send.relay && id.origin != end.peer
        };
        logs.push(Log {
            id,
            seq: row.try_get("", "seq").stored()?,
            hash: hash(row)?,
            // Nobody sends this node its own log.
            hole: if id.origin == own { 0 } else { skipped.max(withheld) },
            offered,
            pass,
            taken: taken.get(&id).copied().unwrap_or_default(),
        });
    }
    Ok(logs)
}

/// One log, as [`all`] gives it.
pub(super) async fn one(store: &Store, end: &LinkEnd, pass: u64, id: LogId) -> Result<Option<Log>> {
    Ok(all(store, end, pass).await?.into_iter().find(|log| log.id == id))
}

async fn taken(store: &Store, end: &LinkEnd) -> Result<HashMap<LogId, Taken>> {
    let text = r#"SELECT "origin", "epoch", "pass", "through" FROM "taken" WHERE "link" = $1"#;
    let rows = sql::all(store.read(), text, [end.id.to_string().into()])
        .await
        .stored()?;
    let mut taken = HashMap::new();
    for row in &rows {
        let Some(id) = id_of(row)? else { continue };
        let pass: i64 = row.try_get("", "pass").stored()?;
        let through = row.try_get("", "through").stored()?;
        taken.insert(
            id,
            Taken {
                pass: pass.cast_unsigned(),
                through,
            },
        );
    }
    Ok(taken)
}

fn id_of(row: &QueryResult) -> Result<Option<LogId>> {
    let (origin, epoch): (String, String) = (row.try_get("", "origin").stored()?, row.try_get("", "epoch").stored()?);
    Ok(epoch_of(&epoch).map(|epoch| LogId {
        origin: node_of(&origin),
        epoch,
    }))
}

/// An epoch from its 16 hex digits.
pub(super) fn epoch_of(text: &str) -> Option<Epoch> {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
    bytes.try_into().ok().map(Epoch)
}

fn hash(row: &QueryResult) -> Result<[u8; 32]> {
    let hash: Vec<u8> = row.try_get("", "hash").stored()?;
    hash.as_slice().try_into().stored()
}

/// Rows of a log after a position, as a link sends them: events, and spans that its filter or this node leaves out.
pub(super) async fn read(
    store: &Store,
    contents: &mut Contents,
    (log, pass, after): (LogId, u64, i64),
    limit: usize,
    max_bytes: usize,
) -> Result<Reading> {
    let (origin, epoch) = (origin_of(log.origin), log.epoch.to_string());
    let skips = skips(store, &origin, &epoch, after).await?;
    let previous = previous(store, &origin, &epoch, after, &skips).await?;
    let (mut rows, mut at, mut bytes): (Vec<Item>, i64, usize) = (Vec::new(), after, 0);
    // After a position within a span only the rest of the span is known.
    if previous.is_none()
        && let Some(skip) = skips.iter().find(|skip| skip.from <= after && after < skip.to)
    {
        rows.push(Item::Skip(Skip {
            from: after + 1,
            ..skip.clone()
        }));
        at = skip.to;
    }
    'log: loop {
        let text =
            r#"SELECT * FROM "event" WHERE "origin" = $1 AND "epoch" = $2 AND "seq" > $3 ORDER BY "seq" LIMIT $4"#;
        let values = [origin.as_str().into(), epoch.as_str().into(), at.into(), PAGE.into()];
        let found = sql::all(store.read(), text, values).await.stored()?;
        let is_end = i64::try_from(found.len()).unwrap_or(PAGE) < PAGE;
        for row in &found {
            let event = StoredEvent::from_query_result(row, "").stored()?;
            if event.seq != at + 1 {
                let Some(skip) = skips
                    .iter()
                    .find(|skip| skip.from == at + 1 && skip.to + 1 == event.seq)
                else {
                    break 'log;
                };
                put(&mut rows, Item::Skip(skip.clone()));
            }
            at = event.seq;
            let item = sent(event, contents).await?;
            if let Item::Event(event) = &item {
                bytes += event.size();
            }
            put(&mut rows, item);
            if rows.len() >= limit || bytes >= max_bytes {
                break 'log;
            }
        }
        if is_end {
            if let Some(skip) = skips.iter().find(|skip| skip.from == at + 1) {
                put(&mut rows, Item::Skip(skip.clone()));
            }
            break;
        }
    }
    Ok(Reading {
        log,
        pass,
        after,
        previous,
        rows,
    })
}

/// Adds an item; a span that follows another for the same reason makes it longer.
fn put(rows: &mut Vec<Item>, item: Item) {
    match (rows.last_mut(), item) {
        (Some(Item::Skip(last)), Item::Skip(next)) if last.reason == next.reason && last.to + 1 == next.from => {
            (last.to, last.hash) = (next.to, next.hash);
        }
        (_, item) => rows.push(item),
    }
}

async fn sent(event: StoredEvent, contents: &mut Contents) -> Result<Item> {
    let hash = event.hash.as_slice().try_into().stored()?;
    if !contents.has(&event).await? {
        return Ok(Item::Skip(Skip {
            from: event.seq,
            to: event.seq,
            reason: Reason::Filtered,
            hash,
        }));
    }
    let payload = match (event.payload, event.salt) {
        (Some(bytes), Some(salt)) if bytes.len() <= super::core::PAYLOAD_MAX => Some(Payload {
            bytes,
            salt: salt.as_slice().try_into().stored()?,
        }),
        _ => None,
    };
    Ok(Item::Event(Event {
        seq: event.seq,
        hlc: event.hlc,
        actor: event.actor,
        kind: event.kind,
        v: event.v,
        subject: event.subject,
        payload,
        commitment: event.commitment.as_slice().try_into().stored()?,
        hash,
    }))
}

async fn skips(store: &Store, origin: &str, epoch: &str, after: i64) -> Result<Vec<Skip>> {
    let text = r#"SELECT "from_seq", "upto_seq", "hash" FROM "skip" WHERE "origin" = $1 AND "epoch" = $2 AND "upto_seq" >= $3 ORDER BY "from_seq""#;
    let rows = sql::all(store.read(), text, [origin.into(), epoch.into(), after.into()])
        .await
        .stored()?;
    let read = rows.iter().map(|row| {
        Ok(Skip {
            from: row.try_get("", "from_seq").stored()?,
            to: row.try_get("", "upto_seq").stored()?,
            reason: Reason::Absent,
            hash: hash(row)?,
        })
    });
    read.collect()
}

/// The hash at a position; `None` within a span.
async fn previous(store: &Store, origin: &str, epoch: &str, after: i64, skips: &[Skip]) -> Result<Option<[u8; 32]>> {
    if after == 0 {
        return Ok(Some(GENESIS));
    }
    if let Some(skip) = skips.iter().find(|skip| skip.to == after) {
        return Ok(Some(skip.hash));
    }
    let text = r#"SELECT "hash" FROM "event" WHERE "origin" = $1 AND "epoch" = $2 AND "seq" = $3"#;
    let row = sql::one(store.read(), text, [origin.into(), epoch.into(), after.into()])
        .await
        .stored()?;
    row.as_ref().map(hash).transpose()
}

/// How many events of this node's own log come after a position, and when the first of them happened.
pub(super) async fn unsent(store: &Store, after: i64, own: LogId) -> Result<(i64, Option<i64>)> {
    let (origin, epoch) = (origin_of(own.origin), own.epoch.to_string());
    let text = r#"SELECT l."seq" AS "seq", (SELECT e."hlc" FROM "event" e WHERE e."origin" = $1 AND e."epoch" = $2 AND e."seq" = $3) AS "hlc"
        FROM "log" l WHERE l."origin" = $1 AND l."epoch" = $2"#;
    let row = sql::one(store.read(), text, [origin.into(), epoch.into(), (after + 1).into()])
        .await
        .stored()?;
    let Some(row) = row else { return Ok((0, None)) };
    let head: i64 = row.try_get("", "seq").stored()?;
    let hlc: Option<i64> = row.try_get("", "hlc").stored()?;
    Ok(((head - after).max(0), hlc.map(|hlc| hlc >> 16)))
}

/// This node.
pub(super) fn here(store: &Store) -> NodeId {
    node_of(store.origin())
}
