//! Hand-written SQL that runs on both databases: `$1` placeholders, quoted names.
//! For the few statements that are hot or that the query builder cannot say; everything else uses the entities.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryResult, QueryTrait, Select, Statement, Value,
    sea_query::{Expr, Query, SelectStatement},
};
use serde::de::DeserializeOwned;

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

/// Reads all rows of `query`, each by itself: one that cannot be read is given as it came and stops no other.
pub async fn each<E: EntityTrait>(db: &impl ConnectionTrait, query: Select<E>) -> Result<Vec<Result<E::Model, QueryResult>>, DbErr> {
    let rows = db.query_all_raw(query.build(db.get_database_backend())).await?;
    Ok(rows.into_iter().map(|row| E::Model::from_query_result(&row, "").map_err(|_| row)).collect())
}

/// Reads all rows of `query` as one: the database packs the named columns of each into a JSON array, in the query's order. A page of a list
/// costs half of what it does row by row, for each row is a message between two threads and each of its values is copied for the way.
pub async fn packed<T: DeserializeOwned>(db: &impl ConnectionTrait, query: SelectStatement, columns: &[&str]) -> Result<Vec<T>, DbErr> {
    let columns: Vec<String> = columns.iter().map(|column| format!(r#""{column}""#)).collect();
    let columns = columns.join(", ");
    let backend = db.get_database_backend();
    let packed = match backend {
        DbBackend::Sqlite => format!("json_group_array(json_array({columns}))"),
        _ => format!("CAST(json_agg(json_build_array({columns})) AS text)"),
    };
    let query = Query::select().expr(Expr::cust(packed)).from_subquery(query, "page").to_owned();
    let row = db.query_one_raw(backend.build(&query)).await?;
    let text: Option<String> = row.map_or(Ok(None), |row| row.try_get_by_index(0))?;
    // PostgreSQL packs no rows into nothing.
    text.map_or(Ok(Vec::new()), |text| serde_json::from_str(&text)).map_err(|error| DbErr::Json(error.to_string()))
}
