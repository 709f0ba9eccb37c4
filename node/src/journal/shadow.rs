//! Shadow tables: empty copies of the projected tables under another name, filled by folding the journal anew.
//! `rebuild` swaps them in and `doctor` compares with them; nothing else may see them.

use super::{
    StoredEvent,
    projection::{self, Happened, Target, projected},
};
use crate::store::sql::{self, Together};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, FromQueryResult};

/// The prefix of a shadow's name and of its indexes' names.
pub(super) const PREFIX: &str = "shadow_";
/// Events per page.
const PAGE: i64 = 1_000;

/// Creates the shadows with the columns, key and indexes of the live tables. Only this connection sees temporary ones.
pub(super) async fn create(db: &DatabaseTransaction, temporary: bool) -> Result<(), DbErr> {
    let kind = if temporary { "TEMPORARY TABLE" } else { "TABLE" };
    for table in projected() {
        let name = table.name;
        if db.get_database_backend() == DbBackend::Sqlite {
            let text = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = $1";
            let made: String = sql::one(db, text, [name.into()])
                .await?
                .ok_or_else(|| missing(name))?
                .try_get("", "sql")?;
            let columns = made.find('(').map(|at| &made[at..]).ok_or_else(|| missing(name))?;
            db.execute_unprepared(&format!(r#"CREATE {kind} "{PREFIX}{name}" {columns}"#))
                .await?;
        } else {
            db.execute_unprepared(&format!(
                r#"CREATE {kind} "{PREFIX}{name}" (LIKE "{name}" INCLUDING DEFAULTS)"#
            ))
            .await?;
        }
        for index in indexes(db, name).await? {
            let unique = if index.unique { "UNIQUE " } else { "" };
            db.execute_unprepared(&format!(
                r#"CREATE {unique}INDEX "{PREFIX}{}" ON "{PREFIX}{name}" {}"#,
                index.name, index.columns
            ))
            .await?;
        }
    }
    Ok(())
}

/// Folds every stored event into the shadows by position and returns the number of events.
pub(super) async fn fill(db: &DatabaseTransaction) -> Result<i64, DbErr> {
    let together = Together::default();
    let target = Target {
        db,
        prefix: PREFIX,
        together: &together,
    };
    let (mut after, mut count) = (0_i64, 0);
    loop {
        let rows = sql::all(
            db,
            r#"SELECT * FROM "event" WHERE "pos" > $1 ORDER BY "pos" LIMIT $2"#,
            [after.into(), PAGE.into()],
        )
        .await?;
        if rows.is_empty() {
            return together.run(db).await.map(|()| count);
        }
        for row in &rows {
            after = row.try_get("", "pos")?;
            count += 1;
            // A damaged row folds to nothing here; the chain check reports it.
            let Ok(event) = StoredEvent::from_query_result(row, "") else {
                continue;
            };
            let Some(fact) = event.fact() else { continue };
            let happened = Happened {
                pos: event.pos,
                origin: &event.origin,
                at: event.at(),
                subject: &event.subject,
                fact: &fact,
                foreign: event.received.is_some(),
            };
            projection::apply(&target, &happened).await?;
        }
    }
}

/// Swaps the shadows for the live tables.
pub(super) async fn swap(db: &DatabaseTransaction) -> Result<(), DbErr> {
    for table in projected() {
        let name = table.name;
        let indexes = indexes(db, name).await?;
        db.execute_unprepared(&format!(r#"DROP TABLE "{name}""#)).await?;
        db.execute_unprepared(&format!(r#"ALTER TABLE "{PREFIX}{name}" RENAME TO "{name}""#))
            .await?;
        for index in indexes {
            let Index {
                name: index,
                unique,
                primary,
                columns,
            } = index;
            match db.get_database_backend() {
                // SQLite cannot rename an index.
                DbBackend::Sqlite => {
                    let unique = if unique { "UNIQUE " } else { "" };
                    db.execute_unprepared(&format!(r#"DROP INDEX "{PREFIX}{index}""#))
                        .await?;
                    db.execute_unprepared(&format!(r#"CREATE {unique}INDEX "{index}" ON "{name}" {columns}"#))
                        .await?;
                }
                _ if primary => {
                    let text = format!(
                        r#"ALTER TABLE "{name}" ADD CONSTRAINT "{index}" PRIMARY KEY USING INDEX "{PREFIX}{index}""#
                    );
                    db.execute_unprepared(&text).await?;
                }
                _ => {
                    db.execute_unprepared(&format!(r#"ALTER INDEX "{PREFIX}{index}" RENAME TO "{index}""#))
                        .await?;
                }
            }
        }
    }
    Ok(())
}

/// An index of a live table.
struct Index {
    name: String,
    unique: bool,
    /// Whether it belongs to the primary key. SQLite makes that part of the table and never lists it.
    primary: bool,
    /// The definition from the opening bracket (SQLite) or `USING` (PostgreSQL) on.
    columns: String,
}

async fn indexes(db: &DatabaseTransaction, table: &str) -> Result<Vec<Index>, DbErr> {
    let (text, from) = match db.get_database_backend() {
        DbBackend::Sqlite => {
            ("SELECT name, sql AS definition, 0 > 1 AS is_key FROM sqlite_master WHERE type = 'index' AND tbl_name = $1 AND sql IS NOT NULL ORDER BY name", "(")
        }
        _ => (
            "SELECT i.indexname::text AS name, i.indexdef AS definition, c.oid IS NOT NULL AS is_key FROM pg_indexes i
             LEFT JOIN pg_constraint c ON c.conname = i.indexname AND c.contype = 'p' AND c.connamespace = current_schema()::regnamespace
             WHERE i.schemaname = current_schema() AND i.tablename = $1 ORDER BY i.indexname",
            "USING ",
        ),
    };
    let rows = sql::all(db, text, [table.into()]).await?;
    let read = rows.iter().map(|row| {
        let definition: String = row.try_get("", "definition")?;
        let at = definition.find(from).ok_or_else(|| missing(table))?;
        Ok(Index {
            name: row.try_get("", "name")?,
            unique: definition.starts_with("CREATE UNIQUE"),
            primary: row.try_get("", "is_key")?,
            columns: definition[at..].to_owned(),
        })
    });
    read.collect()
}

fn missing(table: &str) -> DbErr {
    DbErr::RecordNotFound(format!("the definition of the table {table}"))
}
