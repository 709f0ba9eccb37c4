//! The trash: orphaned blob files stay here for a day before they are removed, because the node may have judged them by
//! the wrong database. It must touch only files with a blob's name.

use model::Millis;
use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
    time::{Duration, SystemTime},
};

/// The least age of a file that is set aside, and its time in the trash.
const DAY_MS: Millis = 86_400_000;

/// Whether this is the name of a blob's file, finished or partial.
fn is_ours(name: &str) -> bool {
    let hash = name.strip_suffix(".partial").unwrap_or(name);
    hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The plain files with a blob's name in a folder, as name and modification time in unix ms. A missing folder has none.
fn files(folder: &Path) -> io::Result<Vec<(String, Millis)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let (Ok(name), metadata) = (entry.file_name().into_string(), entry.metadata()?) else {
            continue;
        };
        if is_ours(&name) && metadata.is_file() {
            let written = metadata
                .modified()?
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            files.push((name, Millis::try_from(written.as_millis()).unwrap_or(Millis::MAX)));
        }
    }
    Ok(files)
}

/// Restores from the trash what the database refers to and removes what has been there for a day. With `set_aside` it
/// also moves orphans into the trash.
pub(super) fn tidy(data_dir: &Path, known: &HashSet<String>, now: Millis, set_aside: bool) -> io::Result<()> {
    let (blobs, trash) = (data_dir.join("blobs"), data_dir.join("trash"));
    for (name, since) in files(&trash)? {
        let (there, here) = (trash.join(&name), blobs.join(&name));
        if known.contains(&name) && !here.exists() {
            fs::rename(there, here)?;
        } else if now.saturating_sub(since) > DAY_MS {
            fs::remove_file(there)?;
        }
    }
    for (name, written) in if set_aside { files(&blobs)? } else { Vec::new() } {
        if known.contains(&name) || now.saturating_sub(written) <= DAY_MS {
            continue;
        }
        if !trash.is_dir() {
            DirBuilder::new().mode(0o700).create(&trash)?;
        }
        let (here, there) = (blobs.join(&name), trash.join(&name));
        // The file's day in the trash begins now. The time is set before the rename, so that no crash shortens the day.
        File::options()
            .write(true)
            .open(&here)?
            .set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(now.unsigned_abs()))?;
        fs::rename(here, there)?;
        tracing::warn!(
            file = name,
            "no text of this node is in this file: it stays in the trash for a day"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_305_600_000;

    fn file(path: &Path, written: Millis) {
        let file = File::create(path).expect("creates");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(written.unsigned_abs()))
            .expect("dates");
    }

    fn names(folder: &Path) -> Vec<String> {
        let Ok(entries) = fs::read_dir(folder) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn only_old_files_with_names_of_ours_are_set_aside_and_only_after_a_day_there_they_are_removed() {
        let place = tempfile::tempdir().expect("a folder");
        let (blobs, trash) = (place.path().join("blobs"), place.path().join("trash"));
        fs::create_dir(&blobs).expect("creates");
        let [known, old, young] = ["a", "b", "c"].map(|letter| letter.repeat(64));
        let partial = format!("{}.partial", "d".repeat(64));
        let capital = "E".repeat(64);
        for name in [&known, &old, &partial, &capital, &"notes.txt".to_owned()] {
            file(&blobs.join(name), NOW - 2 * DAY_MS);
        }
        file(&blobs.join(&young), NOW - DAY_MS / 2);
        let speaks_of = HashSet::from([known.clone()]);
        let tidy = |now, known: &HashSet<String>| super::tidy(place.path(), known, now, true).expect("tidies");

        tidy(NOW, &speaks_of);
        assert_eq!(
            names(&blobs),
            [capital.clone(), known.clone(), young.clone(), "notes.txt".into()]
        );
        assert_eq!(names(&trash), [old.clone(), partial]);
        // With the right database back, the files it refers to are back too.
        tidy(NOW + DAY_MS / 4, &HashSet::from([known.clone(), old.clone()]));
        assert_eq!(
            names(&blobs),
            [
                capital.clone(),
                known.clone(),
                old.clone(),
                young.clone(),
                "notes.txt".into()
            ]
        );
        tidy(NOW + DAY_MS / 3, &speaks_of);
        assert_eq!(
            names(&trash).len(),
            1,
            "not removed before a day in the trash, however old it is"
        );
        super::tidy(place.path(), &speaks_of, NOW + 3 * DAY_MS, false).expect("tidies");
        assert_eq!((names(&trash).len(), names(&blobs).len()), (0, 5));
    }
}
