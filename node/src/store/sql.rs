//! Hand-written SQL that runs on both databases: `$1` placeholders, quoted names.
//! For the few statements that are hot or that the query builder cannot say; everything else uses the entities.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};

/// Builds a statement for the backend of `db`.
pub fn statement(db: &impl ConnectionTrait, text: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), text, values)
}

/// Runs a statement and gives the number of rows it changed.
pub async fn run(db: &impl ConnectionTrait, text: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Result<u64, DbErr> {
    db.execute_raw(statement(db, text, values)).await.map(|done| done.rows_affected())
}

/// Reads at most one row.
pub async fn one(db: &impl ConnectionTrait, text: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Result<Option<QueryResult>, DbErr> {
    db.query_one_raw(statement(db, text, values)).await
}

/// Reads all rows; only where their number is bounded.
pub async fn all(db: &impl ConnectionTrait, text: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(statement(db, text, values)).await
}
