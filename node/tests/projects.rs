//! Projects on a real store: adding, trusting, listing, removing, and who may.
//! On PostgreSQL too, where `ORCHWIZ_TEST_POSTGRES` names a server.

use migration::Migrator;
use model::{
    Caller, Error, PageQuery, Role, Via,
    caller::Visibility,
    event::{Exit, RunEnded, RunStarted, SessionCreated, SessionDeleted, SessionMoved},
    id::{ProjectId, RunId, SessionId},
    ports::Projects,
    projects::{NewProject, Project, ProjectPatch},
    sessions::{AgentKind, Mode, SessionState},
};
use node::{
    journal::Outcome,
    projects::{ProjectsService, demo},
    store::testing::TestStore,
};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

struct World {
    test: TestStore,
    /// Where projects may lie.
    root: TempDir,
    /// Where they may not.
    elsewhere: TempDir,
    projects: ProjectsService,
}

impl World {
    async fn new() -> Self {
        let test = TestStore::new::<Migrator>(1).await;
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let data = elsewhere.path().join("data");
        fs::create_dir(&data).unwrap();
        let projects = ProjectsService::new(test.store.clone(), test.journal.clone(), test.deps.clone(), vec![root.path().into()], data);
        Self { test, root, elsewhere, projects }
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.root.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    async fn add(&self, name: &str) -> Project {
        let path = self.folder(name).to_str().unwrap().to_owned();
        self.projects.create(&caller(Role::Admin), NewProject { path, name: None, trusted: None }).await.unwrap()
    }

    async fn find(&self, id: ProjectId) -> Project {
        self.projects.find(&caller(Role::Viewer), id).await.unwrap()
    }

    async fn session(&self, project: ProjectId) -> SessionId {
        let id = SessionId::from_uuid(self.test.deps.uuid_v7());
        let created = SessionCreated {
            project,
            agent: AgentKind::Demo,
            mode: Mode::Ask,
            title: "t".into(),
            model: None,
            owner: None,
            visibility: Visibility::Project,
            branch: None,
            forked_from: None,
        };
        self.happen(Outcome::new(()).with(id, created)).await;
        id
    }

    async fn happen(&self, outcome: Outcome<()>) {
        self.test.journal.commit(&Caller::node(), move |_| Box::pin(async move { Ok(outcome) })).await.unwrap();
    }
}

fn caller(role: Role) -> Caller {
    Caller { user: None, name: "mara".into(), role, via: Via::Cookie { login: "l".into() }, from: None }
}

fn field(error: &Error) -> &str {
    match error {
        Error::Invalid { field, .. } => field,
        other => panic!("{other:?} names no field"),
    }
}

#[tokio::test]
async fn a_folder_becomes_a_project_with_what_it_says_of_itself() {
    let world = World::new().await;
    let folder = world.folder("shop");
    fs::create_dir(folder.join(".git")).unwrap();
    fs::write(folder.join(".git/HEAD"), "ref: refs/heads/fix\n").unwrap();
    fs::write(folder.join(".git/config"), "[remote \"origin\"]\n\turl = https://me:secret@example.org/shop.git\n").unwrap();
    std::os::unix::fs::symlink(&folder, world.root.path().join("link")).unwrap();
    let path = world.root.path().join("link").to_str().unwrap().to_owned();
    let project = world.projects.create(&caller(Role::Admin), NewProject { path, name: None, trusted: None }).await.unwrap();
    assert_eq!(project.path, fs::canonicalize(&folder).unwrap().to_str().unwrap());
    assert_eq!((project.name.as_str(), project.branch.as_deref(), project.remote.as_deref()), ("shop", Some("fix"), Some("https://example.org/shop.git")));
    assert!(project.present && !project.trusted && !project.trust_stale && !project.demo);
    assert_eq!((project.sessions, project.updated), (0, project.added));
    assert_eq!(world.find(project.id).await, project);
    fs::remove_dir_all(&folder).unwrap();
    assert!(!world.find(project.id).await.present);
}

#[tokio::test]
async fn what_cannot_be_a_project_is_refused_with_its_field() {
    let world = World::new().await;
    world.folder("good");
    fs::write(world.root.path().join("file"), "").unwrap();
    let under = |name: &str| world.root.path().join(name).to_str().unwrap().to_owned();
    let outside = world.elsewhere.path().to_str().unwrap().to_owned();
    std::os::unix::fs::symlink(world.elsewhere.path(), world.root.path().join("escape")).unwrap();
    for (path, name, wrong) in [
        (String::new(), None, "path"),
        ("good".into(), None, "path"),
        ("/good\0".into(), None, "path"),
        ("/".repeat(5_000), None, "path"),
        (under("missing"), None, "path"),
        (under("file"), None, "path"),
        (outside, None, "path"),
        (under("escape"), None, "path"),
        (under("good/../../"), None, "path"),
        (under("good"), Some("x".repeat(101)), "name"),
        (under("good"), Some("two\nlines".into()), "name"),
    ] {
        let new = NewProject { path: path.clone(), name, trusted: None };
        let error = world.projects.create(&caller(Role::Admin), new).await.unwrap_err();
        assert_eq!(field(&error), wrong, "{path:?}");
    }
    let project = world.add("good").await;
    for (patch, wrong) in [
        (ProjectPatch { name: Some(" ".into()), ..ProjectPatch::default() }, "name"),
        (ProjectPatch { approval_timeout_s: Some(9), ..ProjectPatch::default() }, "approval_timeout_s"),
        (ProjectPatch { approval_timeout_s: Some(604_801), ..ProjectPatch::default() }, "approval_timeout_s"),
        (ProjectPatch { approval_timeout_s: Some(-1), ..ProjectPatch::default() }, "approval_timeout_s"),
    ] {
        assert_eq!(field(&world.projects.update(&caller(Role::Admin), project.id, patch).await.unwrap_err()), wrong);
    }
    assert_eq!(world.test.journal.head().await, 1, "what was refused wrote nothing");
}

#[tokio::test]
async fn a_folder_is_one_project_also_after_it_was_removed() {
    let world = World::new().await;
    let project = world.add("shop").await;
    let trusted = ProjectPatch { trusted: Some(true), name: Some("The shop".into()), approval_timeout_s: Some(60) };
    let changed = world.projects.update(&caller(Role::Admin), project.id, trusted).await.unwrap();
    assert!(changed.trusted);
    assert_eq!((changed.name.as_str(), changed.approval_timeout_s), ("The shop", Some(60)));
    let again = NewProject { path: project.path.clone(), name: Some("Other".into()), trusted: None };
    let error = world.projects.create(&caller(Role::Admin), again.clone()).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict(why) if why.contains("The shop")), "{error:?}");

    world.session(project.id).await;
    let session = world.session(project.id).await;
    world.happen(Outcome::new(()).with(session, SessionDeleted { deleted: true })).await;
    assert_eq!(world.find(project.id).await.sessions, 1);
    let error = world.projects.delete(&caller(Role::Admin), project.id).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error:?}");
    let world = remove_after_its_sessions_ended(world, project.id).await;

    let back = world.projects.create(&caller(Role::Admin), again).await.unwrap();
    assert_eq!((back.id, back.name.as_str(), back.sessions), (project.id, "Other", 1));
    assert!(!back.trusted && !back.trust_stale, "trust is asked anew");
    assert!(PathBuf::from(&back.path).is_dir(), "its folder is untouched");
}

async fn remove_after_its_sessions_ended(world: World, project: ProjectId) -> World {
    let sessions = world.test.journal.events(0, 100).await.unwrap();
    let session: SessionId = sessions.iter().find(|event| event.kind == "session.created").unwrap().subject.parse().unwrap();
    let run = RunId::from_uuid(world.test.deps.uuid_v7());
    let idle = SessionMoved { state: SessionState::Idle, detail: None };
    world.happen(Outcome::new(()).with(session, RunStarted { run, session, argv: vec!["agent".into()] }).with(session, idle)).await;
    let error = world.projects.delete(&caller(Role::Admin), project).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "an idle session's agent still runs there: {error:?}");
    world.happen(Outcome::new(()).with(session, RunEnded { run, session, exit: Exit::Code { code: 0 } })).await;
    world.projects.delete(&caller(Role::Admin), project).await.unwrap();
    assert_eq!(world.projects.find(&caller(Role::Admin), project).await.unwrap_err(), Error::NotFound("project".into()));
    assert_eq!(world.projects.delete(&caller(Role::Admin), project).await.unwrap_err(), Error::NotFound("project".into()));
    assert_eq!(world.projects.list(&caller(Role::Viewer), PageQuery::default()).await.unwrap().items, []);
    world
}

#[tokio::test]
async fn trust_holds_until_what_was_trusted_changes() {
    let world = World::new().await;
    let folder = world.folder("shop");
    fs::create_dir(folder.join(".claude")).unwrap();
    fs::write(folder.join(".claude/settings.json"), "{}").unwrap();
    let project = world.add("shop").await;
    assert_eq!(project.runs_own, [".claude/settings.json"]);
    let trust = |trusted| ProjectPatch { trusted: Some(trusted), ..ProjectPatch::default() };
    let admin = caller(Role::Admin);
    assert!(world.projects.update(&admin, project.id, trust(true)).await.unwrap().trusted);
    fs::write(folder.join(".mcp.json"), "{}").unwrap();
    let stale = world.find(project.id).await;
    assert!(!stale.trusted && stale.trust_stale);
    assert!(world.projects.update(&admin, project.id, trust(true)).await.unwrap().trusted);
    let head = world.test.journal.head().await;
    assert!(world.projects.update(&admin, project.id, trust(true)).await.unwrap().trusted);
    assert_eq!(world.test.journal.head().await, head, "what changes nothing is no event");
    let untrusted = world.projects.update(&admin, project.id, trust(false)).await.unwrap();
    assert!(!untrusted.trusted && !untrusted.trust_stale);
    fs::File::create(folder.join(".claude/settings.local.json")).unwrap().set_len(100 << 20).unwrap();
    assert_eq!(field(&world.projects.update(&admin, project.id, trust(true)).await.unwrap_err()), "trusted");
}

#[tokio::test]
async fn lists_page_by_name_without_gap_or_repeat() {
    let world = World::new().await;
    for name in ["d", "b", "a", "c", "e"] {
        world.add(name).await;
    }
    let twin = world.folder("twin").to_str().unwrap().to_owned();
    world.projects.create(&caller(Role::Admin), NewProject { path: twin, name: Some("c".into()), trusted: None }).await.unwrap();
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let page = world.projects.list(&caller(Role::Viewer), PageQuery { after, limit: Some(2) }).await.unwrap();
        assert!(page.items.len() <= 2);
        names.extend(page.items.into_iter().map(|project| project.name));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a", "b", "c", "c", "d", "e"]);
    for (query, wrong) in [
        (PageQuery { after: Some("nonsense".into()), limit: None }, "after"),
        (PageQuery { after: None, limit: Some(0) }, "limit"),
        (PageQuery { after: None, limit: Some(201) }, "limit"),
    ] {
        assert_eq!(field(&world.projects.list(&caller(Role::Viewer), query).await.unwrap_err()), wrong);
    }
}

#[tokio::test]
async fn what_a_session_does_is_the_projects_activity() {
    let world = World::new().await;
    let project = world.add("shop").await;
    world.test.clock.advance(60_000);
    let session = world.session(project.id).await;
    let started = world.find(project.id).await;
    assert_eq!((started.sessions, started.updated), (1, project.added + 60_000));
    world.test.clock.advance(60_000);
    world.happen(Outcome::new(()).with(session, SessionMoved { state: SessionState::Working, detail: None })).await;
    assert_eq!(world.find(project.id).await.updated, project.added + 120_000);
}

#[tokio::test]
async fn only_admins_change_projects_and_everybody_sees_them() {
    let world = World::new().await;
    let project = world.add("shop").await;
    let path = world.folder("other").to_str().unwrap().to_owned();
    for role in [Role::Viewer, Role::Operator] {
        let caller = caller(role);
        assert!(world.projects.find(&caller, project.id).await.is_ok());
        let refused = [
            world.projects.create(&caller, NewProject { path: path.clone(), name: None, trusted: None }).await.map(drop),
            // Not even whether a folder exists may be learnt.
            world.projects.create(&caller, NewProject { path: "/no/such/folder".into(), name: None, trusted: None }).await.map(drop),
            world.projects.update(&caller, project.id, ProjectPatch::default()).await.map(drop),
            world.projects.delete(&caller, project.id).await,
        ];
        for answer in refused {
            assert!(matches!(answer, Err(Error::Forbidden(_))), "{role:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn the_demo_has_one_scratch_project_whose_files_are_written_once() {
    let world = World::new().await;
    assert!(matches!(demo(&world.projects, &caller(Role::Viewer)).await, Err(Error::Forbidden(_))));
    let id = demo(&world.projects, &caller(Role::Operator)).await.unwrap();
    let project = world.find(id).await;
    assert!(project.demo && project.present);
    let file = fs::read_dir(&project.path).unwrap().next().unwrap().unwrap().path();
    fs::write(&file, "mine").unwrap();
    assert_eq!(demo(&world.projects, &caller(Role::Operator)).await.unwrap(), id);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    world.projects.delete(&caller(Role::Admin), id).await.unwrap();
    assert_eq!(demo(&world.projects, &caller(Role::Operator)).await.unwrap(), id, "it comes back as itself");
    assert!(world.find(id).await.demo);
}
