//! The schema: refuses newer ones, backs up, migrates.
//! It must not know what the steps do.

use super::{StoreConfig, StoreError, sql};
use crate::clock::Deps;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, TransactionTrait};
use sea_orm_migration::MigratorTrait;
use std::{
    fs::{self, DirBuilder, File, Permissions},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// So many copies are kept inside a PostgreSQL database: of the newest changes.
const KEPT: usize = 2;
/// A name in PostgreSQL has at most so many bytes.
const NAME_MAX: usize = 63;

/// Brings the schema up to date; makes a copy of an existing database first.
pub(super) async fn migrate<M: MigratorTrait>(writer: &DatabaseConnection, config: &StoreConfig, deps: &Deps) -> Result<(), StoreError> {
    let known: Vec<String> = M::migrations().iter().map(|step| step.name().to_owned()).collect();
    let applied = applied(writer).await?;
    if let Some(unknown) = applied.iter().find(|name| !known.contains(name)) {
        return Err(StoreError::Newer(unknown.clone()));
    }
    let Some(pending) = known.iter().find(|name| !applied.contains(name)) else {
        return Ok(());
    };
    if !applied.is_empty() {
        let copy = match writer.get_database_backend() {
            DbBackend::Sqlite => back_up(writer, &config.data_dir, pending, deps).await?.display().to_string(),
            _ => back_up_inside(writer, pending, deps).await?,
        };
        tracing::info!(copy, "made a copy of the database before changing its schema");
    }
    M::up(writer, None).await?;
    Ok(())
}

/// Names of the steps a database has had; empty for a new one.
async fn applied(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let exists = match db.get_database_backend() {
        DbBackend::Sqlite => "SELECT 1 AS one FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'",
        _ => "SELECT 1 AS one WHERE to_regclass('seaql_migrations') IS NOT NULL",
    };
    if sql::one(db, exists, []).await?.is_none() {
        return Ok(Vec::new());
    }
    let rows = sql::all(db, r#"SELECT "version" FROM "seaql_migrations" ORDER BY "version""#, []).await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}

/// Copies the database as it is now to `backups/before-<step>-<ms>.db` and syncs the copy.
async fn back_up(writer: &DatabaseConnection, data_dir: &Path, step: &str, deps: &Deps) -> Result<PathBuf, StoreError> {
    let folder = data_dir.join("backups");
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |cause| StoreError::File { path, cause }
    };
    if !folder.is_dir() {
        DirBuilder::new().mode(0o700).create(&folder).map_err(failed(&folder))?;
    }
    let copy = folder.join(format!("before-{step}-{}.db", deps.now()));
    let name = copy.to_str().ok_or_else(|| failed(&copy)(std::io::Error::other("the path is not UTF-8")))?;
    writer.execute_unprepared(&format!("VACUUM INTO '{}'", name.replace('\'', "''"))).await?;
    fs::set_permissions(&copy, Permissions::from_mode(0o600)).map_err(failed(&copy))?;
    File::open(&copy).and_then(|file| file.sync_all()).map_err(failed(&copy))?;
    Ok(copy)
}

/// Copies every table as it is now into a schema `before_<step>_<ms>` of the same PostgreSQL database, all or nothing, and drops all such
/// schemas but the newest. The copies hold the rows; keys and indexes are the old version's migrations to make.
async fn back_up_inside(writer: &DatabaseConnection, step: &str, deps: &Deps) -> Result<String, DbErr> {
    let now = deps.now().to_string();
    let room = NAME_MAX - "before__".len() - now.len();
    let copy = format!("before_{}_{now}", step.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(room).collect::<String>());
    let txn = writer.begin().await?;
    txn.execute_unprepared(&format!(r#"CREATE SCHEMA "{copy}""#)).await?;
    let tables = sql::all(&txn, "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = current_schema()", []).await?;
    for table in &tables {
        let table: String = table.try_get("", "name")?;
        txn.execute_unprepared(&format!(r#"CREATE TABLE "{copy}".{table} AS TABLE {table}"#)).await?;
    }
    let ours = r"SELECT nspname::text AS name FROM pg_namespace WHERE nspname ~ '^before_\w+_\d+$' AND nspowner = current_user::regrole
        ORDER BY substring(nspname::text from '\d+$')::bigint DESC";
    for old in sql::all(&txn, ours, []).await?.iter().skip(KEPT) {
        let old: String = old.try_get("", "name")?;
        txn.execute_unprepared(&format!(r#"DROP SCHEMA "{old}" CASCADE"#)).await?;
    }
    txn.commit().await?;
    Ok(format!("schema {copy}"))
}
