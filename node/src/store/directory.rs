//! The ownership of a data directory: its file `node-id` names its node. It touches nothing else there, and prevents
//! the use of another node's database with the directory.

use super::{StoreError, failure::is_storage_full, sql};
use sea_orm::{DatabaseConnection, DbBackend, DbErr};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The file with the `origin` of the node's log: 32 hex digits and a newline.
const FILE: &str = "node-id";
/// Folders whose contents only their node's database can interpret.
const HELD: [&str; 2] = ["blobs", "runs"];

/// The owner of a database.
pub(super) struct Found {
    origin: String,
    /// Whether it has any event. A database without events may just have been created by mistake.
    used: bool,
}

/// The owner of a database; `None` while it has none.
pub(super) async fn found(db: &DatabaseConnection) -> Result<Option<Found>, DbErr> {
    let exists = match db.get_database_backend() {
        DbBackend::Sqlite => "SELECT 1 AS one FROM sqlite_master WHERE type = 'table' AND name = 'log'",
        _ => "SELECT 1 AS one WHERE to_regclass('log') IS NOT NULL",
    };
    if sql::one(db, exists, []).await?.is_none() {
        return Ok(None);
    }
    let row = sql::one(db, r#"SELECT "origin", "pos" FROM "log" WHERE "own" = TRUE"#, []).await?;
    row.map(|row| {
        Ok(Found {
            origin: row.try_get("", "origin")?,
            used: row.try_get::<i64>("", "pos")? > 0,
        })
    })
    .transpose()
}

/// Refuses a database of another node, and an empty database if the directory has a node's files.
pub(super) fn check(data_dir: &Path, found: Option<&Found>) -> Result<(), StoreError> {
    let failed = |cause| StoreError::File {
        path: data_dir.join(FILE),
        cause,
    };
    let owner = owner(data_dir).map_err(failed)?;
    let dir = data_dir.display();
    match (owner, found) {
        (Some(owner), Some(found)) if owner == found.origin => Ok(()),
        (Some(owner), Some(found)) => Err(StoreError::Foreign(format!(
            "the data directory {dir} belongs to the node {owner}, but this database to the node {}; nothing was changed: \
             name a database and a directory that belong together (--database-url, --data)",
            found.origin
        ))),
        // The directory is older than `node-id` files, or its first start was cut off.
        (None, Some(Found { used: true, .. })) => Ok(()),
        (None, _) if !holds(data_dir).map_err(failed)? => Ok(()),
        _ => Err(StoreError::Foreign(format!(
            "the data directory {dir} has the files of a node, but this database is empty; nothing was changed: \
             name that node's database (--database-url), or another directory (--data)"
        ))),
    }
}

/// Claims the directory for this node. A full disk does not stop the node from starting.
pub(super) fn claim(data_dir: &Path, origin: &str) -> Result<(), StoreError> {
    let path = data_dir.join(FILE);
    let claimed = || {
        if owner(data_dir)?.is_some() {
            return Ok(());
        }
        let new = data_dir.join(format!("{FILE}.partial"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        writeln!(file, "{origin}")?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(data_dir)?.sync_all()
    };
    match claimed() {
        Err(cause) if is_storage_full(&cause) => {
            tracing::warn!(path = %path.display(), "the disk is full: the next start writes down whose this directory is");
            Ok(())
        }
        claimed => claimed.map_err(|cause| StoreError::File {
            path: path.clone(),
            cause,
        }),
    }
}

/// The directory's node; `None` when nobody has claimed it.
fn owner(data_dir: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(data_dir.join(FILE)) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|owner| !owner.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a node has left files there.
fn holds(data_dir: &Path) -> io::Result<bool> {
    for folder in HELD {
        match fs::read_dir(data_dir.join(folder)) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
