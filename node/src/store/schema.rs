//! The schema: refuses newer ones, backs up, migrates. It does not know what the steps do.

use super::{StoreConfig, StoreError, sql};
use crate::clock::Deps;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, TransactionTrait};
use sea_orm_migration::MigratorTrait;
use std::{
    fs::{self, DirBuilder, File, Permissions},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The most copies that are kept, the newest. Each still has what was purged after it was made.
const KEPT: usize = 2;
/// The prefix of a copy's comment, before the node's id.
const OWNER: &str = "a copy of the OrchWiz node ";
/// The longest name in PostgreSQL, in bytes.
const NAME_MAX: usize = 63;

/// What this version would do to a schema.
pub(super) struct Pending {
    /// Whether the schema is empty.
    first: bool,
    /// The first missing step; `None` when none is missing.
    step: Option<String>,
}

impl Pending {
    pub(super) fn is_first(&self) -> bool {
        self.first
    }
}

/// Finds the missing steps; refuses the schema of a newer version.
pub(super) async fn pending<M: MigratorTrait>(writer: &DatabaseConnection) -> Result<Pending, StoreError> {
    let known: Vec<String> = M::migrations().iter().map(|step| step.name().to_owned()).collect();
    let applied = applied(writer).await?;
    if let Some(unknown) = applied.iter().find(|name| !known.contains(name)) {
        return Err(StoreError::Newer(unknown.clone()));
    }
    Ok(Pending {
        first: applied.is_empty(),
        step: known.into_iter().find(|name| !applied.contains(name)),
    })
}

/// Migrates the schema, after a copy of an existing database.
pub(super) async fn migrate<M: MigratorTrait>(
    writer: &DatabaseConnection,
    config: &StoreConfig,
    deps: &Deps,
    pending: Pending,
) -> Result<(), StoreError> {
    let Pending {
        first,
        step: Some(pending),
    } = &pending
    else {
        return Ok(());
    };
    if !first {
        let copy = match writer.get_database_backend() {
            DbBackend::Sqlite => back_up(writer, &config.data_dir, pending, deps)
                .await?
                .display()
                .to_string(),
            _ => back_up_inside(writer, pending, deps).await?,
        };
        tracing::info!(copy, "made a copy of the database before changing its schema");
    }
    M::up(writer, None).await?;
    Ok(())
}

/// The steps that a database has had; empty for a new one.
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

/// Copies the database to `backups/before-<step>-<ms>.db`, syncs the copy, and removes old copies.
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
    let name = copy
        .to_str()
        .ok_or_else(|| failed(&copy)(std::io::Error::other("the path is not UTF-8")))?;
    writer
        .execute_unprepared(&format!("VACUUM INTO '{}'", name.replace('\'', "''")))
        .await?;
    fs::set_permissions(&copy, Permissions::from_mode(0o600)).map_err(failed(&copy))?;
    File::open(&copy)
        .and_then(|file| file.sync_all())
        .map_err(failed(&copy))?;
    let mut copies: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
        let entry = entry.map_err(failed(&folder))?;
        copies.extend(
            entry
                .file_name()
                .to_str()
                .and_then(made_at)
                .map(|at| (at, entry.path())),
        );
    }
    copies.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
    for (_, old) in copies.iter().skip(KEPT) {
        fs::remove_file(old).map_err(failed(old))?;
    }
    Ok(copy)
}

/// The time of a copy in unix ms, from its name; `None` for other files.
fn made_at(name: &str) -> Option<u64> {
    name.strip_prefix("before-")?
        .strip_suffix(".db")?
        .rsplit_once('-')?
        .1
        .parse()
        .ok()
}

/// Copies every table into a schema `before_<step>_<ms>` of the same PostgreSQL database, atomically, and drops this
/// node's old copies. Other nodes may have theirs in the same database, so a comment on each schema names its node. The
/// copies hold rows only: the old version's migrations create keys and indexes.
async fn back_up_inside(writer: &DatabaseConnection, step: &str, deps: &Deps) -> Result<String, DbErr> {
    let now = deps.now().to_string();
    let room = NAME_MAX - "before__".len() - now.len();
    let copy = format!(
        "before_{}_{now}",
        step.chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
            .take(room)
            .collect::<String>()
    );
    let txn = writer.begin().await?;
    txn.execute_unprepared(&format!(r#"CREATE SCHEMA "{copy}""#)).await?;
    let tables = sql::all(
        &txn,
        "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = current_schema()",
        [],
    )
    .await?;
    for table in &tables {
        let table: String = table.try_get("", "name")?;
        txn.execute_unprepared(&format!(r#"CREATE TABLE "{copy}".{table} AS TABLE {table}"#))
            .await?;
    }
    let own = sql::one(&txn, r#"SELECT "origin" FROM "log" WHERE "own" = TRUE"#, []).await?;
    if let Some(own) = own {
        let whose = format!("{OWNER}{}", own.try_get::<String>("", "origin")?);
        txn.execute_unprepared(&format!(
            r#"COMMENT ON SCHEMA "{copy}" IS '{}'"#,
            whose.replace('\'', "''")
        ))
        .await?;
        let ours = r"SELECT nspname::text AS name FROM pg_namespace WHERE nspname ~ '^before_\w+_\d+$' AND nspowner = current_user::regrole
            AND obj_description(oid, 'pg_namespace') = $1 ORDER BY substring(nspname::text from '\d+$')::bigint DESC";
        for old in sql::all(&txn, ours, [whose.into()]).await?.iter().skip(KEPT) {
            let old: String = old.try_get("", "name")?;
            txn.execute_unprepared(&format!(r#"DROP SCHEMA "{old}" CASCADE"#))
                .await?;
        }
    }
    txn.commit().await?;
    Ok(format!("schema {copy}"))
}
