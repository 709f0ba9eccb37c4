//! The purge: nulls the payloads of a session's events, keeps their hashes and drops the blobs that nothing else refers
//! to. It runs in the transaction of the event `session.purged`. A rebuild that folds this event again does not run it.

use super::{blob, projection::projected};
use crate::store::sql;
use model::{
    Pos,
    event::{Body, Fact},
};
use sea_orm::{DatabaseTransaction, DbErr};

/// Nulls payload and salt of every event before `pos` that is about the session. Returns the blobs without references:
/// their files can go after the commit. Only this node's own events count references (`counts`).
pub(super) async fn purge(
    db: &DatabaseTransaction,
    origin: &str,
    session: &str,
    pos: Pos,
    counts: bool,
) -> Result<Vec<String>, DbErr> {
    let about = || [session.into(), origin.into(), pos.into()];
    let mut unreferenced = Vec::new();
    let text = r#"SELECT "kind", "v", "payload" FROM "event" WHERE "session" = $1 AND "origin" = $2 AND "pos" < $3 AND "payload" IS NOT NULL"#;
    for row in sql::all(db, text, about()).await? {
        let payload: Vec<u8> = row.try_get("", "payload")?;
        let fact = Fact::decode(&row.try_get::<String>("", "kind")?, row.try_get("", "v")?, &payload);
        if let Some(hash) = fact.as_ref().and_then(referred).filter(|_| counts)
            && blob::release(db, hash).await?
        {
            unreferenced.push(hash.to_owned());
        }
    }
    let text = r#"UPDATE "event" SET "payload" = NULL, "salt" = NULL WHERE "session" = $1 AND "origin" = $2 AND "pos" < $3 AND "kind" <> 'session.purged'"#;
    sql::run(db, text, about()).await?;
    Ok(unreferenced)
}

/// Nulls payload and salt of every event of another node and empties the tables of it: nothing of what it said is left
/// here but that it said something.
pub(super) async fn forget(db: &DatabaseTransaction, origin: &str) -> Result<(), DbErr> {
    let text = r#"UPDATE "event" SET "payload" = NULL, "salt" = NULL WHERE "origin" = $1"#;
    sql::run(db, text, [origin.into()]).await?;
    for table in projected() {
        let text = format!(r#"DELETE FROM "{}" WHERE "origin" = $1"#, table.name);
        sql::run(db, text, [origin.into()]).await?;
    }
    Ok(())
}

/// The blob a fact refers to.
pub(super) fn referred(fact: &Fact) -> Option<&str> {
    match fact.body()? {
        Body::Blob(hash) => Some(hash),
        Body::Inline(_) => None,
    }
}
