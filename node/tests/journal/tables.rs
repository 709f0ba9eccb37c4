//! Tables are a fold over the journal: a rebuild gives the same rows, and folding twice changes nothing.

use crate::{commit, examine};
use migration::Migrator;
use model::{
    Role,
    caller::Visibility,
    event::{Fact, LinkChanged, ProjectChanged, SessionChanged, UserChanged},
    fleet::{Detail, Send, SentProjects},
    sessions::Mode,
};
use node::{
    entity::{approval, entry, link, project, prompt, run, session, usage_day, usage_total, user},
    journal::{
        self, NewEvent,
        testing::{Plausible, event, fold_again, folded, of_kind, rebuilt},
    },
    live::touches,
    rows::RowId,
    store::testing::TestStore,
};
use proptest::prelude::*;
use sea_orm::EntityTrait;
use std::collections::{BTreeMap, BTreeSet};

/// Any history: the contents, and how many events share an operation.
fn histories() -> impl Strategy<Value = Vec<(Vec<[u8; 4]>, u16)>> {
    proptest::collection::vec(
        (proptest::collection::vec(any::<[u8; 4]>(), 1..12), 0..2_000_u16),
        1..10,
    )
}

/// Commits a history, with a clock that is sometimes set back.
async fn live(history: Vec<(Vec<[u8; 4]>, u16)>, mut keep: impl FnMut(&NewEvent) -> bool) -> TestStore {
    let test = TestStore::new::<Migrator>(3).await;
    for (operation, pause) in history {
        test.clock.advance(i64::from(pause) - 500);
        commit(&test, operation.into_iter().map(event).filter(&mut keep).collect()).await;
    }
    test
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// The number of cases; fewer on PostgreSQL, where creating the database takes most of the time.
fn cases() -> u32 {
    if node::store::testing::postgres_server().is_some() {
        6
    } else {
        20
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rebuild_gives_the_live_tables_row_for_row(history in histories()) {
        run(async {
            let test = live(history, |_| true).await;
            let before = examine(&test).await;
            prop_assert!(before.healthy, "{before:#?}");
            let rebuilt = journal::rebuild(&test.store).await.expect("rebuilds");
            prop_assert_eq!(rebuilt.events, before.chain.verified);
            prop_assert_eq!(&examine(&test).await, &before);
            Ok(())
        })?;
    }

    #[test]
    fn folding_what_was_folded_before_changes_nothing(history in histories()) {
        run(async {
            let mut plausible = Plausible::default();
            // The first events create subjects for the others.
            let mut history = history;
            history.insert(0, ((0..4).map(|n| [6, n, n, n]).collect(), 0));
            let test = live(history, |event| plausible.admit(event)).await;
            let before = examine(&test).await;
            prop_assert!(before.healthy, "{before:#?}");
            fold_again(&test.store).await.expect("folds");
            prop_assert_eq!(&examine(&test).await, &before);
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 2, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// `Rows` caches sessions by this position: a row that changed without it would stay stale for ever.
    #[test]
    fn a_sessions_row_names_the_event_that_changed_it_last(said in proptest::collection::vec(any::<[u8; 4]>(), 1..60)) {
        run(async {
            let test = TestStore::new::<Migrator>(6).await;
            // The first events create subjects for the others.
            commit(&test, (0..4).map(|n| event([6, n, n, n])).collect()).await;
            let mut before = sessions(&test).await;
            for one in said {
                commit(&test, vec![event(one)]).await;
                let pos = test.journal.head().await;
                let now = sessions(&test).await;
                for (id, row) in &now {
                    prop_assert!(before.get(id) == Some(row) || row.pos == pos, "{row:#?} at {pos} after {one:?}, before {:#?}", before.get(id));
                }
                before = now;
            }
            Ok(())
        })?;
    }

    /// Pages hear only of rows that an event touches. A row that changed untouched would stay stale until the page is
    /// read again.
    #[test]
    fn every_row_that_an_event_changes_is_touched_by_it(said in proptest::collection::vec(any::<[u8; 4]>(), 1..400)) {
        run(async {
            let test = TestStore::new::<Migrator>(8).await;
            let mut plausible = Plausible::default();
            // The first events create subjects for the others.
            let start: Vec<_> = (0..4).flat_map(|n| [event([2, n, n, n]), event([6, n, n, n])]).filter(|event| plausible.admit(event)).collect();
            commit(&test, start).await;
            let mut before = rows(&test).await;
            for one in said.into_iter().map(event).filter(|event| plausible.admit(event)) {
                let kind = one.fact.kind();
                commit(&test, vec![one]).await;
                let pos = test.journal.head().await;
                let happened = test.journal.events(pos - 1, 1).await.expect("reads").remove(0);
                let now = rows(&test).await;
                let touched: BTreeSet<String> = touches(&happened).into_iter().flat_map(|touched| names(touched.touch.row, &now)).collect();
                for name in before.keys().chain(now.keys()).filter(|name| before.get(*name) != now.get(*name)) {
                    let within = now.get(name).or(before.get(name)).filter(|row| row.within);
                    if let Some(session) = within.and_then(|row| row.session.as_ref()) {
                        prop_assert!(touched.contains(session), "{kind} changed {name} and touched {touched:?}");
                        continue;
                    }
                    let of_a_session_that_is_gone = !now.contains_key(name) && before[name].session.as_ref().is_some_and(|id| touched.contains(id));
                    prop_assert!(touched.contains(name) || of_a_session_that_is_gone, "{kind} changed {name} and touched {touched:?}");
                }
                before = now;
            }
            Ok(())
        })?;
    }
}

/// Every fact that changes a row field by field, about a subject of [`of_kind`]. All fields are set, without
/// `..default()`, so that the compiler asks for new ones. Every value differs from the initial one.
fn changes() -> [(&'static str, Fact); 4] {
    let session = SessionChanged {
        title: Some("another title".into()),
        tags: Some(vec!["tag".into()]),
        archived: Some(true),
        visibility: Some(Visibility::Private),
        mode: Some(Mode::AutoAccept),
        model: Some("another-model".into()),
        agent_version: Some("9.9".into()),
        context_used: Some(1),
        context_size: Some(2),
        resumable: Some(true),
    };
    let project = ProjectChanged {
        name: Some("another name".into()),
        approval_timeout_s: Some(60),
    };
    let id = of_kind("user.created", 1)
        .subject
        .parse()
        .expect("a user is named by its id");
    let user = UserChanged {
        id,
        role: Some(Role::Owner),
        github: Some("another".into()),
        disabled: Some(true),
    };
    let sends = Send {
        projects: SentProjects::All,
        detail: Detail::Full,
        private: true,
        relay: true,
    };
    let link = LinkChanged {
        send: Some(sends.clone()),
        receive: Some(sends),
    };
    [
        ("link.made", link.into()),
        ("session.created", session.into()),
        ("project.added", project.into()),
        ("user.created", user.into()),
    ]
}

/// The row that an event is about, without the fields that every event changes.
async fn row_of(test: &TestStore, subject: &str) -> String {
    let (key, db) = (test.store.key(subject), test.store.read());
    match &subject[..3] {
        "ses" => {
            let row = session::Entity::find_by_id(key).one(db).await.expect("reads");
            format!(
                "{:?}",
                row.map(|row| session::Model {
                    pos: 0,
                    updated: 0,
                    ..row
                })
            )
        }
        "lnk" => format!("{:?}", link::Entity::find_by_id(key).one(db).await.expect("reads")),
        "prj" => {
            let row = project::Entity::find_by_id(key).one(db).await.expect("reads");
            format!("{:?}", row.map(|row| project::Model { updated: 0, ..row }))
        }
        _ => format!("{:?}", user::Entity::find_by_id(key).one(db).await.expect("reads")),
    }
}

#[tokio::test]
async fn every_field_of_a_change_changes_a_row() {
    let told: BTreeSet<&str> = changes().iter().map(|(_, fact)| fact.kind()).collect();
    assert_eq!(
        told,
        Fact::KINDS
            .iter()
            .copied()
            .filter(|kind| kind.ends_with(".changed"))
            .collect(),
        "every kind of change is here"
    );
    for (began, change) in changes() {
        let payload: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&change.encode().expect("encodes")).expect("is an object");
        for field in payload.keys().filter(|name| *name != "id") {
            let test = TestStore::new::<Migrator>(6).await;
            let subject = of_kind(began, 1).subject;
            commit(&test, vec![of_kind(began, 1)]).await;
            let before = row_of(&test, &subject).await;
            let alone: serde_json::Map<_, _> = payload
                .clone()
                .into_iter()
                .filter(|(name, _)| name == field || name == "id")
                .collect();
            let fact = Fact::decode(change.kind(), 1, &serde_json::to_vec(&alone).expect("encodes"))
                .expect("a change of one field is a change");
            commit(
                &test,
                vec![NewEvent {
                    subject: subject.clone(),
                    fact,
                }],
            )
            .await;
            assert_ne!(
                row_of(&test, &subject).await,
                before,
                "`{field}` of {} is folded into nothing",
                change.kind()
            );
        }
    }
}

#[tokio::test]
async fn every_table_that_carries_an_origin_is_rebuilt_and_watched_here() {
    let test = TestStore::new::<Migrator>(9).await;
    let folded: BTreeSet<_> = folded(&test.store).await.into_iter().collect();
    assert_eq!(folded, rebuilt().into_iter().collect());
    let watched: BTreeSet<&str> = WATCHED.into_iter().collect();
    assert_eq!(
        folded.iter().map(|(name, _)| name.as_str()).collect::<BTreeSet<_>>(),
        watched,
        "`rows` below reads every one of them"
    );
}

/// The tables whose rows [`rows`] reads. People and links are in no row that pages follow.
const WATCHED: [&str; 10] = [
    "approval",
    "entry",
    "link",
    "project",
    "prompt",
    "run",
    "session",
    "usage_day",
    "usage_total",
    "user",
];

/// A row with what it depends on: its session, which takes it along at its end, its call and its project.
#[derive(Debug, Default, PartialEq)]
struct Shown {
    row: String,
    session: Option<String>,
    call: Option<String>,
    project: Option<String>,
    /// Whether it has no row of its own on any page and is shown in its session's.
    within: bool,
}

/// Every row that the live socket carries, by name.
async fn rows(test: &TestStore) -> BTreeMap<String, Shown> {
    let db = test.store.read();
    let mut all = BTreeMap::new();
    for row in project::Entity::find().all(db).await.expect("reads") {
        all.insert(
            row.id.clone(),
            Shown {
                row: format!("{row:?}"),
                ..Shown::default()
            },
        );
    }
    for row in session::Entity::find().all(db).await.expect("reads") {
        all.insert(
            row.id.clone(),
            Shown {
                row: format!("{row:?}"),
                project: Some(row.project),
                ..Shown::default()
            },
        );
    }
    for row in approval::Entity::find().all(db).await.expect("reads") {
        all.insert(
            row.id.clone(),
            Shown {
                row: format!("{row:?}"),
                session: Some(row.session),
                call: row.call,
                ..Shown::default()
            },
        );
    }
    for row in prompt::Entity::find().all(db).await.expect("reads") {
        all.insert(
            row.id.clone(),
            Shown {
                row: format!("{row:?}"),
                session: Some(row.session),
                ..Shown::default()
            },
        );
    }
    for row in entry::Entity::find().all(db).await.expect("reads") {
        let name = format!("{}/{}", row.session, row.seq);
        all.insert(
            name,
            Shown {
                row: format!("{row:?}"),
                session: Some(row.session),
                call: row.call,
                ..Shown::default()
            },
        );
    }
    // A run is shown only in its session's row.
    for row in run::Entity::find().all(db).await.expect("reads") {
        all.insert(
            row.id.clone(),
            Shown {
                row: format!("{row:?}"),
                session: Some(row.session),
                within: true,
                ..Shown::default()
            },
        );
    }
    for row in usage_total::Entity::find().all(db).await.expect("reads") {
        let name = format!("{}/{}", row.run, row.model);
        all.insert(
            name,
            Shown {
                row: format!("{row:?}"),
                session: Some(row.session),
                within: true,
                ..Shown::default()
            },
        );
    }
    for row in usage_day::Entity::find().all(db).await.expect("reads") {
        let name = format!("{}/{}/{}/{}", row.day, row.project, row.model, row.session);
        all.insert(
            name,
            Shown {
                row: format!("{row:?}"),
                session: Some(row.session),
                within: true,
                ..Shown::default()
            },
        );
    }
    all
}

/// The names of the rows that an id stands for.
fn names(id: RowId, rows: &BTreeMap<String, Shown>) -> Vec<String> {
    match id {
        RowId::ProjectOf(session) => rows
            .get(&session.to_string())
            .and_then(|row| row.project.clone())
            .into_iter()
            .collect(),
        RowId::AskedAbout(approval) => {
            let Some(asked) = rows.get(&approval.to_string()) else {
                return Vec::new();
            };
            let same = |row: &Shown| row.session == asked.session && row.call.is_some() && row.call == asked.call;
            rows.iter()
                .filter(|(_, row)| same(row))
                .map(|(name, _)| name.clone())
                .collect()
        }
        one => vec![one.to_string()],
    }
}

async fn sessions(test: &TestStore) -> BTreeMap<String, session::Model> {
    let rows = session::Entity::find().all(test.store.read()).await.expect("reads");
    rows.into_iter().map(|row| (row.id.clone(), row)).collect()
}

#[tokio::test]
async fn a_rebuild_keeps_columns_keys_and_indexes_and_the_node_writes_on() {
    let test = TestStore::new::<Migrator>(4).await;
    let schema = |test: &TestStore| {
        let place = test.place.config.clone();
        async move { crate::store::schema_of(&place).await }
    };
    commit(&test, every_kind()).await;
    let before = schema(&test).await;
    for _ in 0..2 {
        journal::rebuild(&test.store).await.expect("rebuilds");
    }
    assert_eq!(schema(&test).await, before);
    commit(&test, every_kind()).await;
    let report = examine(&test).await;
    assert!(report.healthy, "{report:#?}");
}

#[tokio::test]
async fn the_doctor_names_a_row_that_no_event_explains() {
    let test = TestStore::new::<Migrator>(5).await;
    commit(&test, every_kind()).await;
    let beside = test.place.connect().await;
    node::store::sql::run(&beside, r#"UPDATE "project" SET "name" = 'nobody said so'"#, [])
        .await
        .expect("damages");
    let report = examine(&test).await;
    assert!(!report.healthy && report.chain.first_bad.is_none(), "{report:#?}");
    let differing: Vec<_> = report.tables.iter().filter(|table| !table.rebuilds).collect();
    assert_eq!(differing.len(), 1);
    assert_eq!(differing[0].table, "project");
    assert!(
        differing[0]
            .differs
            .as_deref()
            .is_some_and(|key| key.starts_with("prj_")),
        "{differing:?}"
    );
    journal::rebuild(&test.store).await.expect("rebuilds");
    assert!(examine(&test).await.healthy, "a rebuild repairs it");
}

/// One event of each kind, ordered so that most of them leave a row.
pub(crate) fn every_kind() -> Vec<NewEvent> {
    let kinds = u8::try_from(model::event::Fact::KINDS.len()).expect("few kinds");
    let purge = model::event::Fact::KINDS
        .iter()
        .position(|kind| *kind == "session.purged")
        .expect("there is a purge");
    (0..kinds)
        .filter(|kind| usize::from(*kind) != purge)
        .map(|kind| event([kind, 1, 6, 2]))
        .collect()
}
