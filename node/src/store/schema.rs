//! The schema: refuses newer ones, backs up, migrates.
//! It must not know what the steps do.

use super::{StoreConfig, StoreError, sql};
use crate::clock::Deps;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};
use sea_orm_migration::MigratorTrait;
use std::{
    fs::{self, DirBuilder, File, Permissions},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Brings the schema up to date; makes a copy of an existing SQLite database first.
pub(super) async fn migrate<M: MigratorTrait>(writer: &DatabaseConnection, config: &StoreConfig, deps: &Deps) -> Result<(), StoreError> {
    let known: Vec<String> = M::migrations().iter().map(|step| step.name().to_owned()).collect();
    let applied = applied(writer).await?;
    if let Some(unknown) = applied.iter().find(|name| !known.contains(name)) {
        return Err(StoreError::Newer(unknown.clone()));
    }
    let Some(pending) = known.iter().find(|name| !applied.contains(name)) else {
        return Ok(());
    };
    if !applied.is_empty() && writer.get_database_backend() == DbBackend::Sqlite {
        let copy = back_up(writer, &config.data_dir, pending, deps).await?;
        tracing::info!(copy = %copy.display(), "made a copy of the database before changing its schema");
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
