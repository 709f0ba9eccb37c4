//! The rebuild: folds all events into shadow tables and swaps them with the live ones, in one transaction. Journal,
//! private and local tables stay as they are. The caller holds the lease and commits nothing meanwhile.

use super::{projection::projected, shadow};
use crate::store::{Store, StoreError, sql};
use serde::Serialize;

/// The outcome of a rebuild.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// The number of folded events.
    pub events: i64,
    /// Every projected table with its new number of rows.
    pub tables: Vec<RebuiltTable>,
}

/// A rebuilt table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RebuiltTable {
    /// Its name.
    pub table: String,
    /// Its rows now.
    pub rows: i64,
}

/// Rebuilds every projected table, or changes nothing if anything fails.
pub async fn rebuild(store: &Store) -> Result<Rebuilt, StoreError> {
    let txn = store.begin_unlimited().await?;
    shadow::create(&txn, false).await?;
    let events = shadow::fill(&txn).await?;
    shadow::swap(&txn).await?;
    let mut tables = Vec::new();
    for table in projected() {
        let row = sql::one(&txn, format!(r#"SELECT count(*) AS n FROM "{}""#, table.name), []).await?;
        let rows = row.map_or(Ok(0), |row| row.try_get("", "n"))?;
        tables.push(RebuiltTable {
            table: table.name.to_owned(),
            rows,
        });
    }
    txn.commit().await?;
    Ok(Rebuilt { events, tables })
}
