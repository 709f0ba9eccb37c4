//! Blobs: large JSON values, content-addressed by BLAKE3, compressed and reference-counted. Each call of [`put`] counts
//! one reference for the event whose payload carries the [`Body`]. Only a purge drops references.

mod trash;

use crate::{
    entity,
    journal::{Stored, Tx},
    store::{Store, sql},
};
use model::{Error, Millis, Result, event::Body};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use serde_json::Value;
use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Smaller JSON stays in the payload, in bytes.
pub const INLINE_BELOW: usize = 4 * 1024;
/// Compressed blobs of at most this many bytes are rows; larger ones are files.
const ROW_AT_MOST: usize = 128 * 1024;
/// The zstd level: a good ratio at a speed that keeps up with any agent.
const LEVEL: i32 = 3;
/// The largest plain size in bytes, above any body the product accepts: it bounds the memory that a damaged header can
/// claim.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Stores a value with its secrets masked: inline when it is small, else as a blob. A blob's file is synced before the
/// commit.
pub async fn put(tx: &Tx<'_>, value: &Value) -> Result<Body> {
    let plain = serde_json::to_vec(value).stored()?;
    let (plain, masked) = match tx.secrets().mask_json(&plain) {
        Some(masked) => (masked, true),
        None => (plain, false),
    };
    if plain.len() < INLINE_BELOW {
        return Ok(Body::Inline(if masked {
            serde_json::from_slice(&plain).stored()?
        } else {
            value.clone()
        }));
    }
    let hash = blake3::hash(&plain).to_hex().to_string();
    let text = r#"UPDATE "blob" SET "refs" = "refs" + 1 WHERE "hash" = $1"#;
    if sql::run(tx.db(), text, [hash.as_str().into()]).await.stored()? > 0 {
        return Ok(Body::Blob(hash));
    }
    let size = i64::try_from(plain.len()).stored()?;
    let path = file(tx.store().data_dir(), &hash);
    // Compression and fsync block, so they leave the async threads.
    let bytes = tokio::task::spawn_blocking(move || pack(&plain, &path))
        .await
        .stored()?
        .stored()?;
    let text = r#"INSERT INTO "blob" ("hash", "size", "refs", "bytes") VALUES ($1, $2, 1, $3)"#;
    sql::run(tx.db(), text, [hash.as_str().into(), size.into(), bytes.into()])
        .await
        .stored()?;
    Ok(Body::Blob(hash))
}

/// Reads a value back.
///
/// # Errors
/// `NotFound` when the blob is gone with a purge; `Internal` when what is stored is damaged.
pub async fn get(store: &Store, body: &Body) -> Result<Value> {
    let hash = match body {
        Body::Inline(value) => return Ok(value.clone()),
        Body::Blob(hash) => hash,
    };
    let row = entity::blob::Entity::find_by_id(hash)
        .one(store.read())
        .await
        .stored()?
        .ok_or_else(|| Error::NotFound("text".into()))?;
    let path = file(store.data_dir(), hash);
    // Reading a large blob blocks, so it leaves the async threads.
    let read = move || serde_json::from_slice(&unpack(&row, &path)?).map_err(io::Error::from);
    tokio::task::spawn_blocking(read).await.stored()?.stored()
}

/// Compresses. Returns the bytes for the row, or `None` after writing and syncing the file.
fn pack(plain: &[u8], path: &Path) -> io::Result<Option<Vec<u8>>> {
    let packed = zstd::bulk::compress(plain, LEVEL)?;
    if packed.len() <= ROW_AT_MOST {
        return Ok(Some(packed));
    }
    let folder = path.parent().unwrap_or(path);
    if !folder.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let partial = path.with_extension("partial");
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .and_then(|mut file| {
            file.write_all(&packed)?;
            file.sync_all()?;
            fs::rename(&partial, path)?;
            // The name must survive a power cut as well as the content.
            File::open(folder)?.sync_all()
        });
    if let Err(error) = written {
        fs::remove_file(&partial).ok();
        return Err(error);
    }
    Ok(None)
}

/// The plain bytes of a blob, checked against its hash.
fn unpack(row: &entity::blob::Model, path: &Path) -> io::Result<Vec<u8>> {
    let size = u64::try_from(row.size)
        .ok()
        .filter(|size| *size <= LARGEST)
        .ok_or_else(|| io::Error::other("a blob's size is damaged"))?;
    let packed = match &row.bytes {
        Some(bytes) => bytes.clone(),
        None => fs::read(path)?,
    };
    let capacity = usize::try_from(size).map_err(io::Error::other)?;
    let plain = zstd::bulk::decompress(&packed, capacity)?;
    if blake3::hash(&plain).to_hex().as_str() != row.hash {
        return Err(io::Error::other(format!("blob {} is damaged", row.hash)));
    }
    Ok(plain)
}

fn file(data_dir: &Path, hash: &str) -> PathBuf {
    data_dir.join("blobs").join(hash)
}

/// Moves orphaned files, left by a failed operation or a crash, into the trash for a day. It takes only files with a
/// blob's name that are older than a day: a younger one may belong to a commit under way. A failure is logged.
pub(crate) async fn sweep(store: &Store, now: Millis) {
    tidy(store, now, true).await;
}

/// Removes what has been in the trash for a day. It may run while the node writes.
pub(crate) async fn empty_trash(store: &Store, now: Millis) {
    tidy(store, now, false).await;
}

async fn tidy(store: &Store, now: Millis, set_aside: bool) {
    let data_dir = store.data_dir().to_owned();
    let tidied = async {
        let rows = sql::all(store.read(), r#"SELECT "hash" FROM "blob" WHERE "bytes" IS NULL"#, [])
            .await
            .map_err(io::Error::other)?;
        let known: HashSet<String> = rows
            .iter()
            .map(|row| row.try_get("", "hash"))
            .collect::<std::result::Result<_, DbErr>>()
            .map_err(io::Error::other)?;
        tokio::task::spawn_blocking(move || trash::tidy(&data_dir, &known, now, set_aside))
            .await
            .map_err(io::Error::other)?
    };
    if let Err(error) = tidied.await {
        tracing::warn!(%error, "files of texts that nobody refers to could not be set aside");
    }
}

/// Drops one reference and returns whether it was the last; then the row is gone. [`discard`] removes the file after
/// the commit.
pub(crate) async fn release(db: &impl ConnectionTrait, hash: &str) -> std::result::Result<bool, DbErr> {
    sql::run(
        db,
        r#"UPDATE "blob" SET "refs" = "refs" - 1 WHERE "hash" = $1"#,
        [hash.into()],
    )
    .await?;
    sql::run(
        db,
        r#"DELETE FROM "blob" WHERE "hash" = $1 AND "refs" <= 0"#,
        [hash.into()],
    )
    .await
    .map(|gone| gone > 0)
}

/// Removes the files of blobs whose row is gone. The writer calls it between two batches, when no row can come back.
pub(crate) async fn discard(store: &Store, hashes: &[String]) {
    for hash in hashes {
        let row = sql::one(
            store.read(),
            r#"SELECT 1 AS one FROM "blob" WHERE "hash" = $1"#,
            [hash.as_str().into()],
        )
        .await;
        // The next start's sweep takes a file that cannot be removed now.
        if matches!(row, Ok(None)) {
            fs::remove_file(file(store.data_dir(), hash)).ok();
        }
    }
}

/// Whether the stored bytes match the hash.
pub(crate) fn check(store: &Store, row: &entity::blob::Model) -> io::Result<()> {
    unpack(row, &file(store.data_dir(), &row.hash)).map(drop)
}
