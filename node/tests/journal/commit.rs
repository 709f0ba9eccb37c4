//! Commits through the journal: order, isolation, durability of what was acknowledged.

use migration::Migrator;
use model::{
    Caller, Error,
    caller::Visibility,
    event::{Fact, SessionCreated, SessionMoved},
    id::{ProjectId, SessionId},
    sessions::{AgentKind, Mode, SessionState},
};
use node::{
    clock::{Clock, Deps},
    entity,
    journal::{Journal, Outcome, Stored},
    store::testing::TestStore,
};
use sea_orm::EntityTrait;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

fn created() -> Fact {
    let project = ProjectId::from_uuid(uuid::Uuid::from_u128(7));
    SessionCreated {
        project,
        agent: AgentKind::Demo,
        mode: Mode::Ask,
        title: "Ein Titel ÄÖ".into(),
        model: None,
        owner: None,
        visibility: Visibility::Project,
        branch: None,
        forked_from: None,
        unattended: false,
    }
    .into()
}

#[tokio::test]
async fn a_commit_is_read_back_with_its_event_after_a_restart() {
    let test = TestStore::new::<Migrator>(1).await;
    let id = SessionId::from_uuid(test.deps.uuid_v7());
    let given = test
        .journal
        .commit(&Caller::cli(), move |tx| {
            Box::pin(async move {
                assert!(
                    entity::session::Entity::find_by_id(tx.key(id))
                        .one(tx.db())
                        .await
                        .stored()?
                        .is_none()
                );
                Ok(Outcome::new(41).with(id, created()).with(
                    id,
                    SessionMoved {
                        state: SessionState::Working,
                        detail: None,
                        background: false,
                    },
                ))
            })
        })
        .await;
    assert_eq!(given, Ok(41));
    assert_eq!(test.journal.head().await, 2);

    let test = test.reopen::<Migrator>().await;
    let row = entity::session::Entity::find_by_id(test.store.key(id))
        .one(test.store.read())
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(
        (row.state.as_str(), row.title_folded.as_str(), row.origin.as_str()),
        ("working", "ein titel äö", test.journal.origin())
    );
    let events = test.journal.events(0, 10).await.expect("reads");
    assert_eq!(
        events
            .iter()
            .map(|event| (event.pos, event.seq, event.kind.as_str(), event.actor.as_str()))
            .collect::<Vec<_>>(),
        [(1, 1, "session.created", "cli"), (2, 2, "session.moved", "cli")]
    );
    assert_eq!(events[0].fact(), Some(created()));
    assert!(events[1].hlc > events[0].hlc);
}

#[tokio::test]
async fn an_operation_that_fails_or_panics_uses_up_no_number_and_leaves_its_neighbours_alone() {
    let test = TestStore::new::<Migrator>(2).await;
    let tries = (0..90).map(|n| {
        let (journal, id) = (test.journal.clone(), SessionId::from_uuid(test.deps.uuid_v7()));
        tokio::spawn(async move {
            let result = journal
                .commit(&Caller::node(), move |tx| {
                    Box::pin(async move {
                        let setting = entity::setting::ActiveModel {
                            key: sea_orm::Set(id.to_string()),
                            value: sea_orm::Set("1".into()),
                        };
                        entity::setting::Entity::insert(setting)
                            .exec_without_returning(tx.db())
                            .await
                            .stored()?;
                        match n % 3 {
                            0 => Ok(Outcome::new(()).with(id, created())),
                            1 => Err(Error::Conflict("no".into())),
                            _ => panic!("an operation panics"),
                        }
                    })
                })
                .await;
            (n, result)
        })
    });
    for done in futures::future::join_all(tries.collect::<Vec<_>>()).await {
        let (n, result) = done.expect("the caller lives");
        match n % 3 {
            0 => assert_eq!(result, Ok(())),
            1 => assert_eq!(result, Err(Error::Conflict("no".into()))),
            _ => assert!(matches!(result, Err(Error::Internal(_))), "{result:?}"),
        }
    }
    let events = test.journal.events(0, 1000).await.expect("reads");
    assert_eq!(
        events.iter().map(|event| event.seq).collect::<Vec<_>>(),
        (1..=30).collect::<Vec<_>>()
    );
    let settings = entity::setting::Entity::find()
        .all(test.store.read())
        .await
        .expect("reads");
    assert_eq!(settings.len(), 30, "what a failed operation wrote went with it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn numbers_are_gapless_under_64_concurrent_writers() {
    let test = TestStore::new::<Migrator>(6).await;
    let writers = (0..64).map(|writer: u128| {
        let journal = test.journal.clone();
        tokio::spawn(async move {
            for n in 0..10_u128 {
                let id = SessionId::from_uuid(uuid::Uuid::from_u128(writer * 100 + n));
                let refuse = (writer + n).is_multiple_of(7);
                let result = journal
                    .commit(&Caller::node(), move |_| {
                        Box::pin(async move {
                            if refuse {
                                Err(Error::Conflict("no".into()))
                            } else {
                                Ok(Outcome::new(id).with(id, created()))
                            }
                        })
                    })
                    .await;
                assert_eq!(result.is_err(), refuse);
                if let Ok(given) = result {
                    assert_eq!(given, id, "each caller gets its own answer");
                }
            }
        })
    });
    for writer in futures::future::join_all(writers.collect::<Vec<_>>()).await {
        writer.expect("no writer fails");
    }
    let events = test.journal.events(0, 10_000).await.expect("reads");
    assert_eq!(
        events.iter().map(|event| (event.pos, event.seq)).collect::<Vec<_>>(),
        (1..=i64::try_from(events.len()).expect("few"))
            .map(|n| (n, n))
            .collect::<Vec<_>>()
    );
    assert_eq!(test.journal.head().await, i64::try_from(events.len()).expect("few"));
    let report = crate::examine(&test).await;
    assert!(report.healthy, "{report:#?}");
}

#[tokio::test]
async fn of_two_callers_who_decide_at_once_one_wins_and_the_other_learns_the_decision() {
    use node::journal::testing::{approval, decided, event, session};
    let test = TestStore::new::<Migrator>(7).await;
    let asked = Fact::KINDS
        .iter()
        .position(|kind| *kind == "approval.asked")
        .expect("a kind");
    crate::commit(&test, vec![event([u8::try_from(asked).expect("few"), 1, 1, 1])]).await;
    let decide = |allow: bool| {
        let journal = test.journal.clone();
        async move {
            let id = approval(1);
            journal
                .commit(&Caller::cli(), move |tx| {
                    Box::pin(async move {
                        let row = entity::approval::Entity::find_by_id(tx.key(id))
                            .one(tx.db())
                            .await
                            .stored()?
                            .expect("was asked");
                        if row.state != "pending" {
                            let before = serde_json::from_str(&row.decided.expect("was decided")).expect("a decision");
                            return Err(Error::AlreadyDecided(Box::new(before)));
                        }
                        let fact = model::event::ApprovalDecided {
                            session: session(1),
                            decided: decided(allow),
                            answers: None,
                            mode: None,
                        };
                        Ok(Outcome::new(allow).with(id, fact))
                    })
                })
                .await
        }
    };
    let (yes, no) = futures::future::join(decide(true), decide(false)).await;
    assert_eq!(
        [&yes, &no].iter().filter(|result| result.is_ok()).count(),
        1,
        "{yes:?} {no:?}"
    );
    let (won, lost) = if yes.is_ok() { (yes, no) } else { (no, yes) };
    let Err(Error::AlreadyDecided(decision)) = lost else {
        panic!("{lost:?}")
    };
    assert_eq!(Ok(decision.decision == model::approvals::Verdict::Allow), won);
    let report = crate::examine(&test).await;
    assert!(report.healthy, "{report:#?}");
}

#[tokio::test]
async fn a_stopped_journal_finishes_what_waits_and_refuses_the_rest() {
    let test = TestStore::new::<Migrator>(8).await;
    let id = SessionId::from_uuid(test.deps.uuid_v7());
    let caller = Caller::node();
    let first = test.journal.commit(&caller, move |_| {
        Box::pin(async move { Ok(Outcome::new(()).with(id, created())) })
    });
    let (first, ()) = futures::future::join(first, test.journal.close()).await;
    assert_eq!(first, Ok(()));
    let late = test
        .journal
        .commit(&Caller::node(), |_| Box::pin(async { Ok(Outcome::new(())) }))
        .await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
}

#[tokio::test]
async fn readers_cannot_write_beside_the_journal() {
    let test = TestStore::new::<Migrator>(9).await;
    let tried = node::store::sql::run(
        test.store.read(),
        r#"INSERT INTO "setting" ("key", "value") VALUES ('a', '1')"#,
        [],
    )
    .await;
    assert!(tried.is_err());
}

/// A clock that panics where the writer reads it outside of any operation.
struct Breaks(AtomicBool);

impl Clock for Breaks {
    fn now(&self) -> model::Millis {
        assert!(!self.0.load(Ordering::SeqCst), "the clock is broken");
        1_795_305_600_000
    }

    fn elapsed(&self) -> model::Millis {
        0
    }
}

#[tokio::test]
async fn a_writer_that_panics_is_the_end_of_the_node_and_not_a_silence() {
    let test = TestStore::new::<Migrator>(10).await;
    let clock = Arc::new(Breaks(AtomicBool::new(false)));
    let deps = Deps::new(clock.clone(), test.deps.random.clone());
    let journal = Journal::open(test.store.clone(), deps).await.expect("opens");
    assert_eq!(
        journal
            .commit(&Caller::node(), |_| Box::pin(async { Ok(Outcome::new(())) }))
            .await,
        Ok(())
    );
    assert_eq!(journal.vitals().failure(), None);

    clock.0.store(true, Ordering::SeqCst);
    let result = journal
        .commit(&Caller::node(), |_| Box::pin(async { Ok(Outcome::new(())) }))
        .await;
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    let why = tokio::time::timeout(Duration::from_secs(5), journal.vitals().failed())
        .await
        .expect("it is said at once");
    assert_eq!(
        why,
        "the journal's writer has stopped: it panicked: the clock is broken"
    );
}
