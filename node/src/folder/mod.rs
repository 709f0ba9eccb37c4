//! The folders of projects. All reading happens here, on blocking threads, few at once and with a time limit. It must
//! not write in a folder or run anything from it. It does not trust what it reads: names are cut, files are bounded,
//! links must stay inside.

mod borders;
mod git;
mod grant;
mod open;
mod trust;

pub use borders::Borders;
pub(crate) use trust::Seals;
pub use trust::Unvouchable;

use crate::{agents::Grant, clock::Deps, entity::project};
use futures::future::join_all;
use model::projects::OwnFiles;
use rustix::{
    fs::{Access, access},
    io::Errno,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Semaphore, task, time::Instant};

/// The most concurrent reads of all folders. Reads that never end must leave room on the 512 blocking threads.
const AT_ONCE: usize = 64;
/// The time limit of a read for display; after it the facts count as unknown.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);
/// The time limit of a read for an agent's start or a person's decision.
const CERTAIN_WITHIN: Duration = Duration::from_secs(5);
/// The most bytes of a file that an agent wants to change.
const FILE_MAX: u64 = 1024 * 1024;
/// The most folders whose last seal is cached.
const PLACES: usize = 4_096;

/// A folder did not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the folder does not answer")]
pub struct Silent;

impl From<Silent> for model::Error {
    fn from(_: Silent) -> Self {
        Self::Unavailable("the project's folder does not answer; it may be on a disk that is away".into())
    }
}

/// Why a file of a folder was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Its path, or a link in it, leads outside.
    Outside,
    /// It is not there.
    Missing,
    /// It has more than [`FILE_MAX`] bytes.
    TooLarge,
    /// It is unreadable, or anything but a text file.
    Unreadable,
}

/// A folder's present state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The current branch: one line, at most 200 characters.
    pub branch: Option<String>,
    /// The remote `origin`: one line, at most 200 characters, no credentials.
    pub remote: Option<String>,
    /// Whether its seal is the trusted one.
    pub trusted: bool,
    /// What it would run if trusted: relative paths of the files found, and what prevents trust.
    pub runs_own: Vec<String>,
    /// Whether it exists and can be entered.
    pub present: bool,
}

/// Reads folders; cheap to clone.
#[derive(Clone)]
pub struct Folders(Arc<Inner>);

struct Inner {
    deps: Deps,
    borders: Borders,
    room: Arc<Semaphore>,
    places: Mutex<HashMap<PathBuf, Arc<Place>>>,
}

/// The state of one folder; one read at a time.
#[derive(Default)]
struct Place {
    /// The last seal, while nothing has touched the files.
    turn: Arc<tokio::sync::Mutex<Option<trust::Sealed>>>,
    /// When the present read began.
    since: Mutex<Option<Instant>>,
}

impl Place {
    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A read under way; dropped at its end, however it ends.
struct Begun(Arc<Place>);

impl Begun {
    fn new(place: Arc<Place>) -> Self {
        *place.since() = Some(Instant::now());
        Self(place)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        *self.0.since() = None;
    }
}

impl Folders {
    /// Reads folders inside these borders.
    pub fn new(deps: Deps, borders: Borders) -> Self {
        Self(Arc::new(Inner {
            deps,
            borders,
            room: Arc::new(Semaphore::new(AT_ONCE)),
            places: Mutex::default(),
        }))
    }

    /// The canonical path of a folder that a person named: a writable directory inside the borders. Refusals name
    /// `path`.
    pub async fn check(&self, text: &str) -> model::Result<PathBuf> {
        let inner = self.0.clone();
        let named = text.to_owned();
        // A text too long for a path must not be cached as one.
        let place = Path::new(if text.len() <= borders::PATH_MAX { text } else { "" });
        let found = self
            .read(place, CERTAIN_WITHIN, move |_, _| inner.borders.folder(&named))
            .await;
        found
            .unwrap_or_else(|silent| Err(silent.to_string()))
            .map_err(|why| model::Error::invalid("path", why))
    }

    /// The folder of the demo agent's project, after `prepare` has run on it.
    pub(crate) async fn demo<T: Send + 'static>(
        &self,
        prepare: impl FnOnce(&Path) -> T + Send + 'static,
    ) -> model::Result<(PathBuf, T)> {
        let inner = self.0.clone();
        let prepared = move |_: &Path, _: &mut _| inner.borders.demo().map(|path| (path.clone(), prepare(&path)));
        self.read(&self.0.borders.data_dir, CERTAIN_WITHIN, prepared)
            .await?
            .map_err(model::Error::Conflict)
    }

    /// The facts of a folder, for display.
    pub async fn facts(&self, project: &project::Model) -> Result<Facts, Silent> {
        let (inner, trusted) = (self.0.clone(), Seals::of(project));
        let facts = move |folder: &Path, kept: &mut Option<trust::Sealed>| {
            let look = trust::look(folder, trusted.as_ref(), kept, inner.deps.now());
            Facts {
                branch: git::branch(folder),
                remote: git::remote(folder),
                trusted: look.holds,
                runs_own: look.runs_own,
                present: access(folder, Access::READ_OK | Access::EXEC_OK).is_ok() && folder.is_dir(),
            }
        };
        self.read(Path::new(&project.path), SHOWN_WITHIN, facts).await
    }

    /// The current branch; `None` outside git and for a silent folder.
    pub async fn branch(&self, folder: &str) -> Option<String> {
        self.read(Path::new(folder), SHOWN_WITHIN, |folder, _| git::branch(folder))
            .await
            .ok()
            .flatten()
    }

    /// Whether a person trusts what the folder would run, for display; `false` for a silent folder.
    pub async fn seems_trusted(&self, project: &project::Model) -> bool {
        let (inner, trusted) = (self.0.clone(), Seals::of(project));
        if trusted.is_none() {
            return false;
        }
        let holds = move |folder: &Path, kept: &mut Option<trust::Sealed>| {
            trust::look(folder, trusted.as_ref(), kept, inner.deps.now()).holds
        };
        self.read(Path::new(&project.path), SHOWN_WITHIN, holds)
            .await
            .unwrap_or(false)
    }

    /// [`Folders::seems_trusted`] for several projects at once; returns the ids of the trusted ones.
    pub async fn seem_trusted(&self, projects: impl IntoIterator<Item = &project::Model>) -> HashSet<String> {
        let asked: BTreeMap<&String, &project::Model> =
            projects.into_iter().map(|project| (&project.id, project)).collect();
        let looks = asked
            .into_values()
            .map(async |project| self.seems_trusted(project).await.then(|| project.id.clone()));
        join_all(looks).await.into_iter().flatten().collect()
    }

    /// Whether a person trusts what the folder would run. It reads everything, because an agent is about to run it.
    pub async fn trusts(&self, project: &project::Model) -> Result<bool, Silent> {
        let trusted = Seals::of(project);
        self.read(Path::new(&project.path), CERTAIN_WITHIN, move |folder, _| {
            trust::holds(trusted.as_ref(), folder)
        })
        .await
    }

    /// The seal that trusting the folder as it is now would store.
    pub async fn seal(&self, folder: &Path) -> Result<Result<String, Unvouchable>, Silent> {
        self.read(folder, CERTAIN_WITHIN, |folder, _| trust::seal(folder)).await
    }

    /// What the folder would run, with the contents of the files.
    pub async fn own_files(&self, folder: &str) -> Result<OwnFiles, Silent> {
        self.read(Path::new(folder), CERTAIN_WITHIN, |folder, _| trust::own_files(folder))
            .await
    }

    /// Whether the folder is trusted, and its trust after a grant; see [`trust::follow`].
    pub(crate) async fn grant(
        &self,
        project: &project::Model,
        grant: Option<Grant>,
    ) -> Result<(bool, Option<Seals>), Silent> {
        let trusted = Seals::of(project);
        let read = move |folder: &Path, _: &mut _| {
            let follows = trusted
                .as_ref()
                .zip(grant)
                .and_then(|(trusted, grant)| trust::follow(folder, trusted, &grant));
            (trust::holds(trusted.as_ref(), folder), follows)
        };
        self.read(Path::new(&project.path), CERTAIN_WITHIN, read).await
    }

    /// Whether an agent may start in a project's folder as it is now, and if so whether the folder is trusted. `Err` is
    /// a sentence.
    pub(crate) async fn may_start(&self, project: &project::Model) -> Result<bool, String> {
        let (inner, trusted) = (self.0.clone(), Seals::of(project));
        let read = move |folder: &Path, _: &mut _| {
            inner
                .borders
                .still_holds(folder)
                .map(|()| trust::holds(trusted.as_ref(), folder))
        };
        let unread = |Silent| {
            Err(format!(
                "its folder {} does not answer; it may be on a disk that is away",
                project.path
            ))
        };
        self.read(Path::new(&project.path), CERTAIN_WITHIN, read)
            .await
            .unwrap_or_else(unread)
    }

    /// Runs `then` on the text of a file in the folder, on a blocking thread. `path` is relative or absolute, as the
    /// agent wrote it.
    pub(crate) async fn file<T, F>(&self, folder: &str, path: PathBuf, then: F) -> Result<T, Silent>
    where
        T: Send + 'static,
        F: FnOnce(Result<String, Unread>) -> T + Send + 'static,
    {
        self.read(Path::new(folder), SHOWN_WITHIN, move |folder, _| {
            then(file(folder, &path))
        })
        .await
    }

    /// Reads a folder on a blocking thread. After `within` the caller gets [`Silent`]. The read itself goes on and
    /// keeps its permit, and later callers get [`Silent`] at once.
    async fn read<T, F>(&self, folder: &Path, within: Duration, read: F) -> Result<T, Silent>
    where
        T: Send + 'static,
        F: FnOnce(&Path, &mut Option<trust::Sealed>) -> T + Send + 'static,
    {
        let place = self.place(folder);
        if place.since().is_some_and(|since| since.elapsed() > within) {
            return Err(Silent);
        }
        let folder = folder.to_owned();
        let room = self.0.room.clone();
        let reading = async move {
            let mut turn = place.turn.clone().lock_owned().await;
            let permit = room.acquire_owned().await.map_err(|_| Silent)?;
            let begun = Begun::new(place);
            let done = task::spawn_blocking(move || {
                let _held = (permit, begun);
                read(&folder, &mut turn)
            });
            done.await.map_err(|error| {
                tracing::error!(%error, "a folder could not be read");
                Silent
            })
        };
        tokio::time::timeout(within, reading).await.unwrap_or(Err(Silent))
    }

    fn place(&self, folder: &Path) -> Arc<Place> {
        let mut places = self.0.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(folder) {
            return place.clone();
        }
        if places.len() >= PLACES {
            places.retain(|_, place| Arc::strong_count(place) > 1);
        }
        places.entry(folder.to_owned()).or_default().clone()
    }
}

fn file(folder: &Path, path: &Path) -> Result<String, Unread> {
    let inside = if path.is_absolute() {
        path.strip_prefix(folder).map_err(|_| Unread::Outside)?
    } else {
        path
    };
    let failed = |error: io::Error| match Errno::from_io_error(&error) {
        // A link or `..` leads out, or links form a circle. Without `openat2` every link ends here.
        Some(Errno::XDEV | Errno::LOOP) => Unread::Outside,
        Some(Errno::NOENT) => Unread::Missing,
        _ => Unread::Unreadable,
    };
    let (file, length) = open::beneath(folder, inside).map_err(failed)?;
    let mut bytes = Vec::new();
    if length <= FILE_MAX {
        file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if length > FILE_MAX || bytes.len() as u64 > FILE_MAX {
        return Err(Unread::TooLarge);
    }
    String::from_utf8(bytes).map_err(|_| Unread::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::Condvar;

    fn folders() -> Folders {
        Folders::new(
            Deps::system(),
            Borders {
                roots: Vec::new(),
                data_dir: "/nowhere/data".into(),
            },
        )
    }

    #[tokio::test]
    async fn files_are_read_inside_the_folder_only_and_only_whole() {
        let all = tempfile::tempdir().unwrap();
        let folder = all.path().join("work");
        std::fs::create_dir_all(folder.join("src")).unwrap();
        std::fs::write(all.path().join("secret"), "secret").unwrap();
        let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
        put("src/a.rs", b"text");
        put("most", &vec![b'x'; usize::try_from(FILE_MAX).unwrap()]);
        put("large", &vec![b'x'; usize::try_from(FILE_MAX).unwrap() + 1]);
        put("binary", b"\xff\xfe");
        std::os::unix::fs::symlink("../secret", folder.join("out")).unwrap();
        std::os::unix::fs::symlink("circle", folder.join("circle")).unwrap();
        let folders = folders();
        let read = async |path: PathBuf| folders.file(folder.to_str().unwrap(), path, |text| text).await.unwrap();
        assert_eq!(read("src/a.rs".into()).await.as_deref(), Ok("text"));
        assert_eq!(read(folder.join("src/a.rs")).await.as_deref(), Ok("text"));
        assert!(read("most".into()).await.is_ok());
        for (path, why) in [
            (all.path().join("secret"), Unread::Outside),
            ("../secret".into(), Unread::Outside),
            (folder.join("../secret"), Unread::Outside),
            ("out".into(), Unread::Outside),
            ("circle".into(), Unread::Outside),
            ("nowhere/a".into(), Unread::Missing),
            ("large".into(), Unread::TooLarge),
            ("binary".into(), Unread::Unreadable),
            ("src".into(), Unread::Unreadable),
            (folder.clone(), Unread::Missing),
        ] {
            assert_eq!(read(path.clone()).await, Err(why), "{}", path.display());
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn folders_that_never_answer_leave_threads_for_everything_else() {
        let folders = folders();
        let released = Arc::new((Mutex::new(false), Condvar::new()));
        let hang = |n: usize| {
            let released = released.clone();
            let (folders, folder) = (folders.clone(), PathBuf::from(format!("/away/{n}")));
            async move {
                let hanging = move |_: &Path, _: &mut _| {
                    drop(
                        released
                            .1
                            .wait_while(released.0.lock().unwrap(), |released| !*released)
                            .unwrap(),
                    );
                };
                folders.read(&folder, Duration::from_millis(300), hanging).await
            }
        };
        let begun = Instant::now();
        let answers = join_all((0..600).map(hang)).await;
        assert!(
            answers.iter().all(|answer| *answer == Err(Silent)),
            "nobody waits longer than the limit"
        );
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(folders.0.room.available_permits(), 0);
        let other = tokio::time::timeout(Duration::from_secs(1), task::spawn_blocking(|| 1)).await;
        assert_eq!(other.expect("a thread is free").unwrap(), 1);
        // The folder is known to be silent, so the answer is immediate.
        let again = Instant::now();
        assert_eq!(hang(0).await, Err(Silent));
        assert!(again.elapsed() < Duration::from_millis(200));
        *released.0.lock().unwrap() = true;
        released.1.notify_all();
        while folders.0.room.available_permits() < AT_ONCE {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(hang(0).await, Ok(()), "it answers again");
    }

    #[tokio::test]
    async fn a_folder_is_read_by_one_at_a_time_and_a_reading_that_fails_frees_it() {
        let folders = folders();
        let reading = Arc::new(Mutex::new(()));
        let alone = || {
            let reading = reading.clone();
            folders.read(Path::new("/there"), Duration::from_secs(10), move |_, _| {
                let held = reading.try_lock();
                std::thread::sleep(Duration::from_millis(5));
                held.is_ok()
            })
        };
        assert!(
            join_all((0..20).map(|_| alone()))
                .await
                .into_iter()
                .all(|alone| alone == Ok(true))
        );
        let failed = folders
            .read(Path::new("/there"), Duration::from_secs(1), |_, _| {
                panic!("as a test wants")
            })
            .await;
        assert_eq!(failed, Err::<(), _>(Silent));
        assert_eq!(alone().await, Ok(true));
    }
}
