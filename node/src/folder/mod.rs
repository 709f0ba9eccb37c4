//! The folders of projects: everything that is read from one is read here, off the threads that serve, few at once, and for no longer than a limit.
//! It must not write in a folder or run what lies there, and believes nothing it reads: names are short, files small, links stay inside.

mod borders;
mod git;
mod grant;
mod open;
mod trust;

pub use borders::Borders;
pub use grant::{Grant, SettingsFile};
pub use trust::Unvouchable;

use crate::{clock::Deps, entity::project};
use rustix::fs::{Access, access};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Semaphore, task, time::Instant};

/// So many readings at once, of all folders: those that never end must leave room on the 512 threads that may wait for a disk.
const AT_ONCE: usize = 64;
/// What is only shown is waited for so long: then it is shown as not known.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);
/// What an agent's start or a person's decision depends on is waited for so long.
const CERTAIN_WITHIN: Duration = Duration::from_secs(5);
/// Folders whose last reading is remembered.
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

/// What a folder says of itself at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The branch checked out: one line, at most 200 characters.
    pub branch: Option<String>,
    /// The remote `origin`: one line, at most 200 characters, no credentials.
    pub remote: Option<String>,
    /// Whether what it would run is what was trusted.
    pub trusted: bool,
    /// What it would run if trusted: the files found, relative, and what stands in the way of trust.
    pub runs_own: Vec<String>,
    /// Whether it is there and can be entered.
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

/// One folder. It is read by one at a time.
#[derive(Default)]
struct Place {
    /// With what was sealed last, as long as nothing has touched it.
    turn: Arc<tokio::sync::Mutex<Option<trust::Sealed>>>,
    /// Since when it is being read.
    since: Mutex<Option<Instant>>,
}

impl Place {
    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reading that has begun; dropped when it ends, however it ends.
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
        Self(Arc::new(Inner { deps, borders, room: Arc::new(Semaphore::new(AT_ONCE)), places: Mutex::default() }))
    }

    /// The folder that a person names, as it is kept: canonical, a directory, inside the borders, writable. Refusals name `path`.
    pub async fn check(&self, text: &str) -> model::Result<PathBuf> {
        let inner = self.0.clone();
        let named = text.to_owned();
        let found = self.read(Path::new(text), CERTAIN_WITHIN, move |_, _| inner.borders.folder(&named)).await;
        found.unwrap_or_else(|silent| Err(silent.to_string())).map_err(|why| model::Error::invalid("path", why))
    }

    /// Where the demo agent's project lies, after `prepare` was given the path.
    pub(crate) async fn demo<T: Send + 'static>(&self, prepare: impl FnOnce(&Path) -> T + Send + 'static) -> model::Result<(PathBuf, T)> {
        let inner = self.0.clone();
        let prepared = move |_: &Path, _: &mut _| inner.borders.demo().map(|path| (path.clone(), prepare(&path)));
        self.read(&self.0.borders.data_dir, CERTAIN_WITHIN, prepared).await?.map_err(model::Error::Conflict)
    }

    /// What a folder says of itself, for showing it.
    pub async fn facts(&self, project: &project::Model) -> Result<Facts, Silent> {
        let (inner, trusted) = (self.0.clone(), project.trusted_hash.clone());
        let facts = move |folder: &Path, kept: &mut Option<trust::Sealed>| {
            let look = trust::look(folder, trusted.as_deref(), kept, inner.deps.now());
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

    /// The branch checked out; `None` outside git, or where the folder does not answer.
    pub async fn branch(&self, folder: &str) -> Option<String> {
        self.read(Path::new(folder), SHOWN_WITHIN, |folder, _| git::branch(folder)).await.ok().flatten()
    }

    /// Whether a person trusts what the folder would run, for showing it; not, where it does not answer.
    pub async fn seems_trusted(&self, project: &project::Model) -> bool {
        let (inner, trusted) = (self.0.clone(), project.trusted_hash.clone());
        if trusted.is_none() {
            return false;
        }
        let holds = move |folder: &Path, kept: &mut Option<trust::Sealed>| trust::look(folder, trusted.as_deref(), kept, inner.deps.now()).holds;
        self.read(Path::new(&project.path), SHOWN_WITHIN, holds).await.unwrap_or(false)
    }

    /// Whether a person trusts what the folder would run. All of it is read, for an agent is about to run it.
    pub async fn trusts(&self, project: &project::Model) -> Result<bool, Silent> {
        let trusted = project.trusted_hash.clone();
        self.read(Path::new(&project.path), CERTAIN_WITHIN, move |folder, _| trust::holds(trusted.as_deref(), folder)).await
    }

    /// What a person trusts who trusts the folder as it is now.
    pub async fn seal(&self, folder: &Path) -> Result<Result<String, Unvouchable>, Silent> {
        self.read(folder, CERTAIN_WITHIN, |folder, _| trust::seal(folder)).await
    }

    /// Whether the folder is trusted, and what is trusted once a person has granted something in it; see [`trust::follow`].
    pub(crate) async fn grant(&self, project: &project::Model, grant: Option<Grant>) -> Result<(bool, Option<String>), Silent> {
        let trusted = project.trusted_hash.clone();
        let read = move |folder: &Path, _: &mut _| {
            let follows = trusted.as_deref().zip(grant).and_then(|(trusted, grant)| trust::follow(folder, trusted, &grant));
            (trust::holds(trusted.as_deref(), folder), follows)
        };
        self.read(Path::new(&project.path), CERTAIN_WITHIN, read).await
    }

    /// Whether an agent may start in a project's folder as it is now, and then whether the folder is trusted. An error is a sentence.
    pub(crate) async fn may_start(&self, project: &project::Model) -> Result<bool, String> {
        let (inner, trusted) = (self.0.clone(), project.trusted_hash.clone());
        let read = move |folder: &Path, _: &mut _| inner.borders.still_holds(folder).map(|()| trust::holds(trusted.as_deref(), folder));
        let unread = |Silent| Err(format!("its folder {} does not answer; it may be on a disk that is away", project.path));
        self.read(Path::new(&project.path), CERTAIN_WITHIN, read).await.unwrap_or_else(unread)
    }

    /// Reads a folder on a thread that may wait. Whoever asks waits no longer than `within`; a reading that takes longer goes on by itself, keeps
    /// its place among those at once, and everybody else is told at once that the folder is silent.
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::Condvar;

    fn folders() -> Folders {
        Folders::new(Deps::system(), Borders { roots: Vec::new(), data_dir: "/nowhere/data".into() })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn folders_that_never_answer_leave_threads_for_everything_else() {
        let folders = folders();
        let released = Arc::new((Mutex::new(false), Condvar::new()));
        let hang = |n: usize| {
            let released = released.clone();
            let (folders, folder) = (folders.clone(), PathBuf::from(format!("/away/{n}")));
            async move {
                let hanging = move |_: &Path, _: &mut _| drop(released.1.wait_while(released.0.lock().unwrap(), |released| !*released).unwrap());
                folders.read(&folder, Duration::from_millis(300), hanging).await
            }
        };
        let begun = Instant::now();
        let answers = join_all((0..600).map(hang)).await;
        assert!(answers.iter().all(|answer| *answer == Err(Silent)), "nobody waits longer than the limit");
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(folders.0.room.available_permits(), 0);
        let other = tokio::time::timeout(Duration::from_secs(1), task::spawn_blocking(|| 1)).await;
        assert_eq!(other.expect("a thread is free").unwrap(), 1);
        // It is known by now that it does not answer.
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
        assert!(join_all((0..20).map(|_| alone())).await.into_iter().all(|alone| alone == Ok(true)));
        let failed = folders.read(Path::new("/there"), Duration::from_secs(1), |_, _| panic!("as a test wants")).await;
        assert_eq!(failed, Err::<(), _>(Silent));
        assert_eq!(alone().await, Ok(true));
    }
}
