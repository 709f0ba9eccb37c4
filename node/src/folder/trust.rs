//! Trust: what a folder would run by itself, and a seal over it as a person saw it. It only reads. Only a folder that
//! can be read as a whole can be trusted.

use super::{
    git,
    grant::{self, SETTINGS_MAX, meaning},
    open,
};
use crate::{
    agents::{Grant, obeyed},
    entity::project,
};
use model::{
    Millis,
    projects::{OwnFile, OwnFiles},
};
use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    io::{self, ErrorKind, Read},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

/// The most files and folders in the sources; no person could have looked at more.
const ENTRIES_MAX: usize = 5_000;
/// The most bytes of all files together.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The age at which a file counts as settled, in ms. File systems count time in steps of up to two seconds, so a
/// younger file may change again without a new time.
const SETTLED_MS: Millis = 2_500;

/// Why a folder cannot be trusted, as a part of a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unvouchable(String);

impl Unvouchable {
    fn too_much() -> Self {
        let mib = BYTES_MAX / (1024 * 1024);
        Self(format!(
            "what it would run is more than {ENTRIES_MAX} files or {mib} MiB, which is too much to vouch for"
        ))
    }

    fn unreadable(name: &str, cause: &io::Error) -> Self {
        Self(format!("{name} cannot be read ({cause})"))
    }
}

/// What a folder would run, and whether that is trusted.
pub(super) struct Look {
    /// The files found, sorted, relative if they lie in the folder; then what prevents trust, if anything.
    pub runs_own: Vec<String>,
    /// Whether it is what was trusted.
    pub holds: bool,
}

/// The trusted seals of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seals {
    /// The seal of what the folder would run, at the time of the decision.
    pub(crate) now: String,
    /// The seal once an agent has written the rule of an "always" into the folder and nothing else has changed.
    pub(crate) also: Option<String>,
}

impl Seals {
    /// The trusted seals of a project's folder; `None` when it is not trusted.
    pub(crate) fn of(project: &project::Model) -> Option<Self> {
        project.trusted_hash.clone().map(|now| Self {
            now,
            also: project.trusted_also.clone(),
        })
    }

    fn covers(&self, seal: &str) -> bool {
        self.now == seal || self.also.as_deref() == Some(seal)
    }
}

/// A cached seal with the stamp of the files it was made from: path, times, size, mode, device and inode of each.
pub(super) struct Sealed {
    stamp: blake3::Hash,
    seal: String,
}

/// What the folder would run, for display. A cached seal is reused while the stamp is the same. The stamp has the
/// kernel's change times, which a program cannot set back. `now` is before the look.
pub(super) fn look(folder: &Path, trusted: Option<&Seals>, kept: &mut Option<Sealed>, now: Millis) -> Look {
    let (mut files, lack) = gather(folder);
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    let runs_own = files
        .iter()
        .map(|(path, _)| shown(folder, path))
        .chain(lack.iter().map(Unvouchable::to_string))
        .collect();
    let holds = lack.is_none()
        && trusted.is_some_and(|trusted| {
            let stamp = stamp(&files);
            if let Some(sealed) = kept.as_ref().filter(|sealed| sealed.stamp == stamp) {
                return trusted.covers(&sealed.seal);
            }
            let settled = files
                .iter()
                .all(|(_, found)| changed(found).saturating_add(SETTLED_MS) < now);
            let Ok(contents) = Contents::of(folder, files, Keep::Nothing) else {
                return false;
            };
            let seal = contents.seal(folder);
            let holds = trusted.covers(&seal);
            *kept = settled.then_some(Sealed { stamp, seal });
            holds
        });
    Look { runs_own, holds }
}

fn stamp(files: &[(PathBuf, Metadata)]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for (path, found) in files {
        let name = path.as_os_str().as_bytes();
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name);
        for number in [found.dev(), found.ino(), found.size(), u64::from(found.mode())] {
            hasher.update(&number.to_le_bytes());
        }
        for number in [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()] {
            hasher.update(&number.to_le_bytes());
        }
    }
    hasher.finalize()
}

/// The kernel's change time of a file.
fn changed(found: &Metadata) -> Millis {
    found
        .ctime()
        .saturating_mul(1_000)
        .saturating_add(found.ctime_nsec() / 1_000_000)
}

/// The most files that are shown.
const SHOWN_FILES: usize = 200;
/// The most bytes of each that are shown.
const SHOWN_BYTES: u64 = 32 * 1024;
/// The most bytes of all together that are shown.
const SHOWN_BYTES_ALL: u64 = 256 * 1024;

/// What the folder would run, with the files' contents and the seal over exactly these. Each file is read once.
pub(super) fn own_files(folder: &Path) -> OwnFiles {
    let (mut found, lack) = gather(folder);
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let omitted = i64::try_from(found.len().saturating_sub(SHOWN_FILES)).unwrap_or(i64::MAX);
    let mut files: Vec<OwnFile> = found
        .iter()
        .take(SHOWN_FILES)
        .map(|(path, found)| OwnFile {
            name: shown(folder, path),
            size: i64::try_from(found.len()).unwrap_or(i64::MAX),
            text: None,
            cut: true,
        })
        .collect();
    let read = match lack {
        Some(why) => Err(why),
        None => Contents::of(folder, found, Keep::Beginnings),
    };
    match read {
        Ok(contents) => {
            for (file, begins) in files.iter_mut().zip(&contents.beginnings) {
                let (text, cut) = beginning(begins);
                file.cut = cut || begins.len() as u64 != file.size.unsigned_abs();
                file.text = text;
            }
            OwnFiles {
                files,
                omitted,
                seal: Some(contents.seal(folder)),
                lack: None,
            }
        }
        Err(why) => OwnFiles {
            files,
            omitted,
            seal: None,
            lack: Some(why.to_string()),
        },
    }
}

/// The first bytes of a file as text, which may end within a character; `None` if it is not text.
fn beginning(bytes: &[u8]) -> (Option<String>, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), false),
        Err(error) if error.error_len().is_none() => {
            (String::from_utf8(bytes[..error.valid_up_to()].to_vec()).ok(), true)
        }
        Err(_) => (None, true),
    }
}

/// The seal: BLAKE3 (hex) over names and contents of everything that the folder would run.
pub(super) fn seal(folder: &Path) -> Result<String, Unvouchable> {
    Ok(Contents::read(folder, Keep::Nothing)?.seal(folder))
}

/// The trust after a grant in a trusted folder: the folder as it is, and as it will be once the agent has written the
/// grant and nothing else has changed. `None` if the folder is not trusted as it is.
pub(super) fn follow(folder: &Path, trusted: &Seals, grant: &Grant) -> Option<Seals> {
    let file = grant::file(grant, folder);
    let lists = grant::lists(&file)?;
    let mut contents = Contents::read(folder, Keep::Whole(&file)).ok()?;
    let now = contents.seal(folder);
    if !trusted.covers(&now) {
        return None;
    }
    let granted = meaning(contents.kept.take().unwrap_or_default(), lists, Some(grant));
    contents.files.insert(file, blake3::hash(&granted));
    Some(Seals {
        now,
        also: Some(contents.seal(folder)),
    })
}

/// Every file that the folder would run, with the hash of its contents, all from one read.
struct Contents {
    files: BTreeMap<PathBuf, blake3::Hash>,
    /// The contents of the settings asked for.
    kept: Option<Vec<u8>>,
    /// The first bytes of the first files, in the given order.
    beginnings: Vec<Vec<u8>>,
}

/// What to keep of the contents beside the hashes.
#[derive(Clone, Copy)]
enum Keep<'p> {
    Nothing,
    /// These settings as a whole.
    Whole(&'p Path),
    /// The parts that a person is shown.
    Beginnings,
}

impl Contents {
    fn read(folder: &Path, keep: Keep<'_>) -> Result<Self, Unvouchable> {
        match gather(folder) {
            (files, None) => Self::of(folder, files, keep),
            (_, Some(why)) => Err(why),
        }
    }

    fn of(folder: &Path, files: Vec<(PathBuf, Metadata)>, keep: Keep<'_>) -> Result<Self, Unvouchable> {
        let mut contents = Self {
            files: BTreeMap::new(),
            kept: None,
            beginnings: Vec::new(),
        };
        let mut left = BYTES_MAX;
        let mut room = SHOWN_BYTES_ALL;
        for (path, _) in files {
            let unreadable = |cause: io::Error| Unvouchable::unreadable(&shown(folder, &path), &cause);
            // A file may have been replaced since it was found, by something that would block or is no file: that is
            // refused.
            let (file, length) = open::anywhere(&path).map_err(unreadable)?;
            left = left.checked_sub(length).ok_or_else(Unvouchable::too_much)?;
            // One byte more than the length. A file may grow meanwhile, or report a length of 0 like the kernel's own
            // files; either is refused.
            let mut file = file.take(length + 1);
            let mut begins = Vec::new();
            let shows = matches!(keep, Keep::Beginnings) && contents.beginnings.len() < SHOWN_FILES;
            let most = if shows { SHOWN_BYTES.min(room) } else { 0 };
            let (read, hash) = if let Some(lists) = grant::lists(&path).filter(|_| length <= SETTINGS_MAX) {
                let mut bytes = Vec::new();
                let read = file.read_to_end(&mut bytes).map_err(unreadable)? as u64;
                if matches!(keep, Keep::Whole(wanted) if wanted == path) {
                    contents.kept = Some(bytes.clone());
                }
                begins.extend_from_slice(&bytes[..bytes.len().min(usize::try_from(most).unwrap_or(usize::MAX))]);
                (read, blake3::hash(&meaning(bytes, lists, None)))
            } else {
                (&mut file).take(most).read_to_end(&mut begins).map_err(unreadable)?;
                let mut hasher = blake3::Hasher::new();
                hasher.update(&begins);
                hasher.update_reader(file).map_err(unreadable)?;
                (hasher.count(), hasher.finalize())
            };
            if shows {
                room -= begins.len() as u64;
                contents.beginnings.push(begins);
            }
            if read != length {
                return Err(unreadable(io::Error::other("it changes while it is read")));
            }
            contents.files.insert(path, hash);
        }
        Ok(contents)
    }

    fn seal(&self, folder: &Path) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.files.len() as u64).to_le_bytes());
        for (path, hash) in &self.files {
            let name = path.strip_prefix(folder).unwrap_or(path).as_os_str().as_bytes();
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name);
            hasher.update(hash.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Whether the folder's present seal is trusted.
pub(super) fn holds(trusted: Option<&Seals>, folder: &Path) -> bool {
    trusted.is_some_and(|trusted| seal(folder).is_ok_and(|seal| trusted.covers(&seal)))
}

/// The folders whose sources count: the folder, those above it up to its checkout's root (outside of git, the root of
/// all), and a worktree's main checkout. The way up ends below the home of the node's user, whose sources are the
/// agent's own.
fn places(folder: &Path) -> Vec<PathBuf> {
    let (root, home) = (git::root(folder), std::env::home_dir());
    let above = folder
        .ancestors()
        .skip(1)
        .take_while(|above| root.is_none_or(|root| above.starts_with(root)) && Some(*above) != home.as_deref());
    let mut places: Vec<PathBuf> = std::iter::once(folder).chain(above).map(Path::to_owned).collect();
    places.extend(git::main_root(folder).filter(|main| !places.contains(main) && Some(main) != home.as_ref()));
    places
}

/// Every file in the sources, unordered, and why these may not be all. Links are followed as an agent would follow
/// them, but not to folders outside the checkout. A circle of links ends at the kernel's limit or at [`ENTRIES_MAX`].
fn gather(folder: &Path) -> (Vec<(PathBuf, Metadata)>, Option<Unvouchable>) {
    let mut files = Vec::new();
    let lack = gather_into(&mut files, folder).err();
    (files, lack)
}

fn gather_into(files: &mut Vec<(PathBuf, Metadata)>, folder: &Path) -> Result<(), Unvouchable> {
    let places = places(folder);
    let above = |name: &'static str| {
        folder
            .ancestors()
            .map(move |above| (folder.to_owned(), above.join(name)))
    };
    let inside = |name: &'static str| places.iter().map(move |place| (place.clone(), place.join(name)));
    let above = obeyed().flat_map(|own| own.above).flat_map(|name| above(name));
    let sources = obeyed().flat_map(|own| own.sources).flat_map(|name| inside(name));
    let mut waiting: Vec<(PathBuf, PathBuf)> = above.chain(sources).filter(|(_, source)| is_there(source)).collect();
    let mut left = ENTRIES_MAX;
    while let Some((place, path)) = waiting.pop() {
        let unreadable = |cause: io::Error| Unvouchable::unreadable(&shown(folder, &path), &cause);
        let kind = fs::metadata(&path).map_err(unreadable)?;
        if kind.is_file() {
            files.push((path, kind));
            continue;
        }
        if !kind.is_dir() {
            return Err(Unvouchable(format!(
                "{} is neither a file nor a folder",
                shown(folder, &path)
            )));
        }
        if fs::symlink_metadata(&path).map_err(unreadable)?.is_symlink()
            && leads_out(&place, &path).map_err(unreadable)?
        {
            return Err(Unvouchable(format!(
                "{} is a link to a folder outside of the repository",
                shown(folder, &path)
            )));
        }
        for entry in fs::read_dir(&path).map_err(unreadable)? {
            left = left.checked_sub(1).ok_or_else(Unvouchable::too_much)?;
            waiting.push((place.clone(), entry.map_err(unreadable)?.path()));
        }
    }
    Ok(())
}

fn leads_out(place: &Path, link: &Path) -> io::Result<bool> {
    Ok(!fs::canonicalize(link)?.starts_with(fs::canonicalize(git::root(place).unwrap_or(place))?))
}

/// A missing source runs nothing.
fn is_there(source: &Path) -> bool {
    !fs::metadata(source).is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}

fn shown(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{
        approvals::{RememberScope, Suggestion},
        sessions::AgentKind,
    };
    use std::{
        fs::File,
        os::unix::{fs::symlink, net::UnixListener},
        time::{Duration, SystemTime},
    };

    type Act = fn(&Path);

    fn sealed(folder: &Path) -> Seals {
        Seals {
            now: seal(folder).unwrap(),
            also: None,
        }
    }

    fn found(folder: &Path) -> Vec<String> {
        look(folder, None, &mut None, 0).runs_own
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".claude/hooks")).unwrap();
        folder
    }

    #[test]
    fn a_change_of_what_would_run_changes_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        let now = || sealed(folder.path());
        let before = now();
        assert_eq!(found(folder.path()), Vec::<String>::new());
        fs::create_dir_all(folder.path().join(".claude/hooks")).unwrap();
        fs::write(folder.path().join(".claude/settings.json"), "{}").unwrap();
        let with_settings = now();
        fs::write(folder.path().join(".claude/hooks/a.sh"), "true").unwrap();
        let with_hook = now();
        fs::write(folder.path().join(".claude/hooks/a.sh"), "evil").unwrap();
        let with_other_hook = now();
        fs::write(folder.path().join("README.md"), "unrelated").unwrap();
        assert_eq!(found(folder.path()), [".claude/hooks/a.sh", ".claude/settings.json"]);
        assert_eq!(with_other_hook, now());
        assert!(
            holds(Some(&with_other_hook), folder.path())
                && !holds(Some(&with_hook), folder.path())
                && !holds(None, folder.path())
        );
        let all = [before, with_settings, with_hook, with_other_hook];
        for (i, one) in all.iter().enumerate() {
            assert!(!all[i + 1..].contains(one));
        }
    }

    #[test]
    fn nothing_is_too_far_away_to_count() {
        let cases: [(&str, Act, Act); 6] = [
            (
                "the last of 2,001 files",
                |hooks| (0..2_001).for_each(|n| fs::write(hooks.join(format!("{n:04}.sh")), "true").unwrap()),
                |hooks| fs::write(hooks.join("2000.sh"), "evil").unwrap(),
            ),
            (
                "a byte past 4 MiB",
                |hooks| fs::write(hooks.join("big"), vec![0; 5 << 20]).unwrap(),
                |hooks| {
                    let mut bytes = vec![0; 5 << 20];
                    bytes[(4 << 20) + 1] = 1;
                    fs::write(hooks.join("big"), bytes).unwrap();
                },
            ),
            (
                "a file nine folders down",
                |hooks| {
                    fs::create_dir_all(hooks.join("1/2/3/4/5/6/7/8/9")).unwrap();
                    fs::write(hooks.join("1/2/3/4/5/6/7/8/9/a.sh"), "true").unwrap();
                },
                |hooks| fs::write(hooks.join("1/2/3/4/5/6/7/8/9/a.sh"), "evil").unwrap(),
            ),
            (
                "a file behind a link to a folder",
                |hooks| {
                    fs::create_dir(hooks.join("../../shared")).unwrap();
                    fs::write(hooks.join("../../shared/a.sh"), "true").unwrap();
                    symlink("../../shared", hooks.join("more")).unwrap();
                },
                |hooks| fs::write(hooks.join("../../shared/a.sh"), "evil").unwrap(),
            ),
            (
                "a file behind a link that is a source itself",
                |hooks| {
                    fs::create_dir(hooks.join("../../shared")).unwrap();
                    fs::write(hooks.join("../../shared/a.sh"), "true").unwrap();
                    symlink("../shared", hooks.join("../skills")).unwrap();
                },
                |hooks| fs::write(hooks.join("../../shared/a.sh"), "evil").unwrap(),
            ),
            (
                "what a link to a file shows",
                |hooks| {
                    fs::write(hooks.join("../../run.sh"), "true").unwrap();
                    symlink("../../run.sh", hooks.join("a.sh")).unwrap();
                },
                |hooks| fs::write(hooks.join("../../run.sh"), "evil").unwrap(),
            ),
        ];
        for (what, prepare, change) in cases {
            let folder = folder();
            let hooks = folder.path().join(".claude/hooks");
            prepare(&hooks);
            let before = sealed(folder.path());
            assert!(holds(Some(&before), folder.path()), "{what}");
            change(&hooks);
            assert!(
                !holds(Some(&before), folder.path()),
                "{what} changed and is still trusted"
            );
            assert!(seal(folder.path()).is_ok(), "{what}");
        }
    }

    #[test]
    fn what_was_touched_is_read_again_and_what_was_not_is_not() {
        let folder = folder();
        let hook = folder.path().join(".claude/hooks/a.sh");
        let put = |text: &str| fs::write(&hook, text).unwrap();
        let stay_as_old = || {
            File::options()
                .write(true)
                .open(&hook)
                .unwrap()
                .set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1))
                .unwrap();
        };
        put("true");
        stay_as_old();
        let trusted = sealed(folder.path());
        let later = changed(&fs::metadata(&hook).unwrap()) + 10_000;
        let mut kept = None;
        let holds = |kept: &mut Option<Sealed>, now| look(folder.path(), Some(&trusted), kept, now).holds;

        assert!(holds(&mut kept, later - 10_000));
        assert!(
            kept.is_none(),
            "what has just been written may be written again within the same step of the clock"
        );
        assert!(holds(&mut kept, later));
        // Only the cache could return this seal.
        kept.as_mut().unwrap().seal = "another".into();
        assert!(!holds(&mut kept, later), "it was read again");
        kept = None;
        assert!(holds(&mut kept, later));

        // The same length and modification time: an agent can set that time.
        put("evil");
        stay_as_old();
        assert!(!holds(&mut kept, later));
        put("true");
        assert!(holds(&mut kept, later + 60_000));
        fs::write(hook.with_file_name("b.sh"), "").unwrap();
        assert!(!holds(&mut kept, later + 60_000));
        fs::remove_file(hook.with_file_name("b.sh")).unwrap();
        assert!(holds(&mut kept, later + 60_000));
        fs::rename(&hook, hook.with_file_name("c.sh")).unwrap();
        assert!(!holds(&mut kept, later + 60_000));
    }

    #[test]
    fn what_would_run_is_shown_with_its_contents_under_the_seal_that_is_trusted() {
        let folder = folder();
        let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(".claude").join(name), bytes).unwrap();
        put(
            "settings.json",
            br#"{"hooks":{"Stop":[{"command":"curl https://evil.example"}]}}"#,
        );
        put("hooks/binary", b"\xff\xfe\x00");
        put("hooks/long", "é".repeat(20_000).as_bytes());
        let own = own_files(folder.path());
        assert_eq!(own.seal, Some(seal(folder.path()).unwrap()));
        let names: Vec<_> = own
            .files
            .iter()
            .map(|file| (file.name.as_str(), file.size, file.cut))
            .collect();
        assert_eq!(
            names,
            [
                (".claude/hooks/binary", 3, true),
                (".claude/hooks/long", 40_000, true),
                (".claude/settings.json", 60, false)
            ]
        );
        assert_eq!(own.files[0].text, None);
        assert_eq!(own.files[1].text.as_deref(), Some("é".repeat(16 * 1024).as_str()));
        assert!(
            own.files[2]
                .text
                .as_deref()
                .is_some_and(|text| text.contains("curl https://evil.example"))
        );

        for n in 0..300 {
            put(&format!("hooks/{n:03}"), &vec![b'x'; 2_000]);
        }
        let own = own_files(folder.path());
        let shown: usize = own
            .files
            .iter()
            .map(|file| file.text.as_ref().map_or(0, String::len))
            .sum();
        assert_eq!((own.files.len(), own.omitted, shown), (200, 103, 256 * 1024));
        assert_eq!(
            own.seal,
            Some(seal(folder.path()).unwrap()),
            "what is not shown is sealed all the same"
        );
        symlink("/dev/zero", folder.path().join(".claude/hooks/zero")).unwrap();
        let own = own_files(folder.path());
        assert!(own.seal.is_none() && own.lack.is_some_and(|why| why.contains("neither a file nor a folder")));
    }

    #[test]
    fn what_an_agent_reads_outside_of_the_folder_counts_too() {
        let all = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = all.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let project = all.path().join("repository/packages/x");
        fs::create_dir_all(&project).unwrap();
        let changes = |name: &str, counts: bool| {
            let before = seal(&project).unwrap();
            let path = put(name, r#"{"hooks":{}}"#);
            assert_eq!(seal(&project).unwrap() != before, counts, "{name}");
            assert_eq!(
                found(&project),
                if counts {
                    vec![path.display().to_string()]
                } else {
                    Vec::new()
                },
                "{name}"
            );
            fs::remove_file(path).unwrap();
        };
        changes("repository/.claude/agents/a.md", true);
        changes(".claude/agents/a.md", true);
        put("repository/.git/HEAD", "ref: refs/heads/main\n");
        changes("repository/.claude/settings.local.json", true);
        changes("repository/packages/.claude/hooks/a.sh", true);
        changes(".claude/agents/a.md", false);
        changes(".mcp.json", true);

        // A worktree uses the settings of the checkout from which it was made.
        put(
            "repository/packages/x/.git",
            &format!("gitdir: {}\n", all.path().join("main/.git/worktrees/x").display()),
        );
        put("main/.git/worktrees/x/commondir", "../..\n");
        changes("main/.claude/settings.local.json", true);
        changes("repository/.claude/settings.local.json", false);
    }

    #[test]
    fn what_was_granted_is_trusted_before_and_after_it_is_written_and_nothing_else_is() {
        let rule = serde_json::json!({"type": "addRules", "behavior": "allow", "rules": [{"toolName": "Bash", "ruleContent": "make *"}]});
        let suggestions = [Suggestion {
            text: String::new(),
            scope: RememberScope::Session,
            raw: rule,
        }];
        let grant = |scope| crate::agents::grant(AgentKind::Claude, &suggestions, scope).unwrap();
        let written = |rules: &str| format!("{{\n  \"permissions\": {{\n    \"allow\": [{rules}]\n  }}\n}}\n");
        for (file, name) in [
            (RememberScope::Local, "settings.local.json"),
            (RememberScope::Project, "settings.json"),
        ] {
            for (before, after) in [
                (None, r#""Bash(make *)""#),
                (Some(r#""Read""#), r#""Read", "Bash(make *)""#),
            ] {
                let folder = folder();
                let settings = folder.path().join(".claude").join(name);
                if let Some(before) = before {
                    fs::write(&settings, written(before)).unwrap();
                }
                let sealed = sealed(folder.path());
                assert_eq!(
                    follow(
                        folder.path(),
                        &Seals {
                            now: "another".into(),
                            also: None
                        },
                        &grant(file)
                    ),
                    None
                );
                let trusted = follow(folder.path(), &sealed, &grant(file)).unwrap();
                let holds = || holds(Some(&trusted), folder.path());
                assert!(holds(), "{name} {before:?}");
                fs::write(&settings, written(after)).unwrap();
                assert!(holds(), "{name} {before:?}");
                fs::write(folder.path().join(".claude/hooks/a.sh"), "evil").unwrap();
                assert!(!holds(), "{name} {before:?}");
                fs::remove_file(folder.path().join(".claude/hooks/a.sh")).unwrap();
                fs::write(&settings, written(r#""Read", "Bash(make *)", "Bash""#)).unwrap();
                assert!(!holds(), "{name} {before:?}");
            }
        }
    }

    #[test]
    fn nobody_vouches_for_what_cannot_be_read_whole() {
        let cases: [(&str, Act); 7] = [
            ("outside of the repository", |hooks| {
                symlink("/usr", hooks.join("more")).unwrap();
            }),
            ("cannot be read", |hooks| symlink(".", hooks.join("again")).unwrap()),
            ("cannot be read", |hooks| {
                symlink("nowhere", hooks.join("a.sh")).unwrap();
            }),
            ("neither a file nor a folder", |hooks| {
                symlink("/dev/zero", hooks.join("a.sh")).unwrap();
            }),
            ("neither a file nor a folder", |hooks| {
                drop(UnixListener::bind(hooks.join("a.sh")).unwrap());
            }),
            ("too much", |hooks| {
                (0..=ENTRIES_MAX).for_each(|n| fs::write(hooks.join(n.to_string()), "").unwrap());
            }),
            ("too much", |hooks| {
                File::create(hooks.join("big")).unwrap().set_len(BYTES_MAX + 1).unwrap();
            }),
        ];
        for (says, prepare) in cases {
            let folder = folder();
            prepare(&folder.path().join(".claude/hooks"));
            let why = seal(folder.path()).unwrap_err().to_string();
            assert!(why.contains(says), "{says}: {why}");
        }
    }
}
