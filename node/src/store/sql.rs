//! Hand-written SQL for both databases: `$1` placeholders, quoted names. It is for the few statements that are hot or
//! beyond the query builder; all others use the entities.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryResult, QueryTrait, Select, Statement, Value,
    sea_query::{Expr, Query, SelectStatement},
};
use serde::de::DeserializeOwned;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Builds a statement for the backend of `db`.
pub fn statement(
    db: &impl ConnectionTrait,
    text: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), text, values)
}

/// Runs a statement and returns the number of changed rows.
pub async fn run(
    db: &impl ConnectionTrait,
    text: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DbErr> {
    db.execute_raw(statement(db, text, values))
        .await
        .map(|done| done.rows_affected())
}

/// A batch of statements of one transaction whose row counts nobody needs. SQLite runs several as one, because the
/// round trip to its thread costs more than most statements. PostgreSQL takes one at a time, so there each runs at
/// once.
#[derive(Default)]
pub(crate) struct Together(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    text: String,
    values: Vec<Value>,
    statements: usize,
}

/// The most statements in one batch: every different sequence of statements is prepared and cached as its own text.
const TOGETHER: usize = 8;

impl Together {
    /// Adds a statement to the batch. It runs at the latest with [`run`](Self::run).
    pub(crate) async fn add(
        &self,
        db: &impl ConnectionTrait,
        text: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<(), DbErr> {
        if db.get_database_backend() != DbBackend::Sqlite {
            return run(db, text, values).await.map(drop);
        }
        let is_full = {
            let mut waiting = self.waiting();
            let before = waiting.values.len();
            push_moved(&mut waiting.text, text, before);
            waiting.values.extend(values);
            waiting.statements += 1;
            waiting.statements >= TOGETHER
        };
        if is_full { self.run(db).await } else { Ok(()) }
    }

    /// Runs the batch.
    pub(crate) async fn run(&self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        let Waiting {
            text,
            values,
            statements,
        } = std::mem::take(&mut *self.waiting());
        if statements == 0 {
            Ok(())
        } else {
            run(db, text, values).await.map(drop)
        }
    }

    /// Nothing under this lock panics, so a poisoned lock is sound.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Appends a statement with its placeholders raised by `by`.
fn push_moved(to: &mut String, text: &str, by: usize) {
    let mut pieces = text.split('$');
    to.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = piece.split_at(digits);
        to.push('$');
        match number.parse::<usize>() {
            Ok(number) => to.push_str(&(number + by).to_string()),
            Err(_) => to.push_str(number),
        }
        to.push_str(rest);
    }
    to.push(';');
}

/// Reads at most one row.
pub async fn one(
    db: &impl ConnectionTrait,
    text: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<QueryResult>, DbErr> {
    db.query_one_raw(statement(db, text, values)).await
}

/// Reads all rows; use it only where their number is bounded.
pub async fn all(
    db: &impl ConnectionTrait,
    text: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(statement(db, text, values)).await
}

/// Reads all rows of `query` one by one. An unreadable row is returned raw and stops no other.
pub async fn each<E: EntityTrait>(
    db: &impl ConnectionTrait,
    query: Select<E>,
) -> Result<Vec<Result<E::Model, QueryResult>>, DbErr> {
    let rows = db.query_all_raw(query.build(db.get_database_backend())).await?;
    Ok(rows
        .into_iter()
        .map(|row| E::Model::from_query_result(&row, "").map_err(|_| row))
        .collect())
}

/// Reads all rows of `query` as one: the database packs the named columns of each row into a JSON array, in the query's
/// order. That halves the cost of a page, because each separate row is a message between two threads with a copy of
/// every value.
pub async fn packed<T: DeserializeOwned>(
    db: &impl ConnectionTrait,
    query: SelectStatement,
    columns: &[&str],
) -> Result<Vec<T>, DbErr> {
    let columns: Vec<String> = columns.iter().map(|column| format!(r#""{column}""#)).collect();
    let columns = columns.join(", ");
    let backend = db.get_database_backend();
    let packed = match backend {
        DbBackend::Sqlite => format!("json_group_array(json_array({columns}))"),
        _ => format!("CAST(json_agg(json_build_array({columns})) AS text)"),
    };
    let query = Query::select()
        .expr(Expr::cust(packed))
        .from_subquery(query, "page")
        .to_owned();
    let row = db.query_one_raw(backend.build(&query)).await?;
    let text: Option<String> = row.map_or(Ok(None), |row| row.try_get_by_index(0))?;
    // PostgreSQL packs an empty result into NULL.
    text.map_or(Ok(Vec::new()), |text| serde_json::from_str(&text))
        .map_err(|error| DbErr::Json(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_a_later_statement_come_after_those_of_an_earlier() {
        let mut text = String::new();
        push_moved(&mut text, "INSERT INTO a VALUES ($1, $2, $10)", 0);
        push_moved(&mut text, "UPDATE a SET b = $2 WHERE c = $1", 10);
        assert_eq!(
            text,
            "INSERT INTO a VALUES ($1, $2, $10);UPDATE a SET b = $12 WHERE c = $11;"
        );
    }
}
