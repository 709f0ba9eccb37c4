//! What a returning tab hears: every row that it may see, in order, a slice at a time.

use crate::{Running, SOON, mara, open, person};
use model::{
    Caller, Pos,
    caller::Visibility,
    event::ProjectAdded,
    id::ProjectId,
    live::{ClientSays, Row, ServerSays, Topic},
    sessions::{Mode, NewSession, Session, SessionPatch, SessionState},
};
use node::{
    journal::Outcome,
    live::{Follower, Told, Written},
    store::testing::Place,
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// Adds `count` projects, each with its own event; returns their ids in order.
async fn projects(running: &Running, from: u128, count: u128) -> Vec<ProjectId> {
    let ids: Vec<ProjectId> = (from..from + count)
        .map(|n| ProjectId::from_uuid(Uuid::from_u128(n)))
        .collect();
    for some in ids.chunks(500) {
        let some = some.to_vec();
        let add = move |id: ProjectId| ProjectAdded {
            id,
            name: format!("p{id}"),
            path: format!("/nowhere/{id}"),
            demo: false,
        };
        running
            .journal
            .commit(&Caller::node(), move |_| {
                Box::pin(async move {
                    Ok(some
                        .into_iter()
                        .fold(Outcome::new(()), |outcome, id| outcome.with(id, add(id))))
                })
            })
            .await
            .unwrap();
    }
    // Waits until the hub has heard of all.
    let last = *ids.last().unwrap();
    let mut follower = follow(running, mara(), vec![Topic::Node], running.journal.head().await - 1).await;
    while !matches!(hear(&mut follower).await, ServerSays::Row { row: Row::Project(row), .. } if row.id == last) {}
    ids
}

async fn hear(follower: &mut Follower) -> ServerSays {
    tokio::time::timeout(SOON, follower.next())
        .await
        .expect("the follower hears")
        .expect("the hub lives")
        .into()
}

async fn follow(running: &Running, caller: Caller, topics: Vec<Topic>, after: Pos) -> Follower {
    let mut follower = running.node.live().follow(caller);
    follower.say(ClientSays::Follow { topics, after }).await.unwrap();
    follower
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_hears_of_every_row_in_order_and_may_be_cut_off_anywhere() {
    let place = Place::new().await;
    let running = open(&place).await;
    let before = running.journal.head().await;
    let ids = projects(&running, 1, 700).await;
    let mut follower = follow(&running, mara(), vec![Topic::Node], before).await;
    let mut heard: Vec<(Pos, ProjectId)> = Vec::new();
    let head = loop {
        match hear(&mut follower).await {
            ServerSays::Row {
                pos,
                row: Row::Project(row),
            } => heard.push((pos, row.id)),
            ServerSays::Caught { pos, .. } => break pos,
            ServerSays::Health(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        heard.iter().map(|(_, id)| *id).collect::<Vec<_>>(),
        ids,
        "each once, in the order of the journal"
    );
    assert!(
        heard.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "who hears something at a position has heard all before it"
    );
    assert_eq!(heard.last().map(|(pos, _)| *pos), Some(head));
    // Cut off in the middle, it resumes at its last position and misses nothing.
    let (last, _) = heard[333];
    let mut follower = follow(&running, mara(), vec![Topic::Node], last - 1).await;
    match hear(&mut follower).await {
        ServerSays::Row {
            pos,
            row: Row::Project(row),
        } => assert_eq!((pos, row.id), heard[333]),
        other => panic!("{other:?}"),
    }
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_missed_thousands_of_rows_reads_the_page_again() {
    let place = Place::new().await;
    let running = open(&place).await;
    let before = running.journal.head().await;
    projects(&running, 1, 3_500).await;
    let mut follower = follow(&running, mara(), vec![Topic::Node], before).await;
    assert_eq!(hear(&mut follower).await, ServerSays::Reload);
    assert!(
        matches!(hear(&mut follower).await, ServerSays::Caught { .. }),
        "and hears on from there"
    );
    running.close(true).await;
    // The same for a new hub, which reads the journal.
    let running = open(&place).await;
    let mut follower = follow(&running, mara(), vec![Topic::Node], before).await;
    assert_eq!(hear(&mut follower).await, ServerSays::Reload);
    running.close(true).await;
}

/// A session of mara's whose agent has ended.
async fn ended(running: &Running, visibility: Visibility) -> Session {
    let shared = running.start(Mode::Ask, "error").await;
    running.state(shared.id, SessionState::Failed).await;
    let new = NewSession {
        project: Some(shared.project),
        folder: None,
        agent: shared.agent,
        mode: Mode::Ask,
        prompt: "error".into(),
        title: None,
        model: None,
        visibility: Some(visibility),
    };
    let session = running.services.sessions.create(&mara(), new).await.unwrap();
    running.state(session.id, SessionState::Failed).await
}

/// The ids that a tab hears as gone within a moment.
async fn gone(follower: &mut Follower) -> Vec<String> {
    let mut gone = Vec::new();
    while let Ok(Some(says)) = tokio::time::timeout(Duration::from_millis(700), follower.next()).await {
        if let ServerSays::Gone { id, .. } = says.into() {
            gone.push(id);
        }
    }
    gone
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_that_a_session_is_gone_who_never_saw_it() {
    let place = Place::new().await;
    let running = open(&place).await;
    let private = ended(&running, Visibility::Private).await;
    let shared = ended(&running, Visibility::Project).await;
    let after = running.journal.head().await;
    let (mut mine, mut theirs) = (
        follow(&running, mara(), vec![Topic::Node], after).await,
        follow(&running, person(2, "jonas"), vec![Topic::Node], after).await,
    );
    // Setting it to private again hides nothing.
    let again = SessionPatch {
        visibility: Some(Visibility::Private),
        title: Some("still mine".into()),
        ..SessionPatch::default()
    };
    running
        .services
        .sessions
        .update(&mara(), private.id, again)
        .await
        .unwrap();
    for id in [private.id, shared.id] {
        running.services.sessions.delete(&mara(), id).await.unwrap();
    }
    assert_eq!(gone(&mut mine).await, [private.id.to_string(), shared.id.to_string()]);
    assert_eq!(gone(&mut theirs).await, [shared.id.to_string()]);
    // The same for tabs that return later.
    let mut theirs = follow(&running, person(2, "jonas"), vec![Topic::Node], after).await;
    assert_eq!(gone(&mut theirs).await, [shared.id.to_string()]);
    running.close(true).await;
}

/// The next row of a session, as the shared value.
async fn row(follower: &mut Follower) -> Arc<Written<Row>> {
    loop {
        let told = tokio::time::timeout(SOON, follower.next())
            .await
            .expect("the follower hears")
            .expect("the hub lives");
        if let Told::Row { row, .. } = told {
            return row;
        }
    }
}

fn title(row: &Written<Row>) -> &str {
    match row.value() {
        Row::Session(row) => &row.title,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_and_an_event_are_made_once_for_all_who_may_see_them() {
    let place = Place::new().await;
    let running = open(&place).await;
    let session = ended(&running, Visibility::Project).await;
    let (hub, jonas) = (running.node.live(), person(2, "jonas"));
    let after = running.journal.head().await;
    let topics = vec![Topic::Session { id: session.id }];
    let (mut mine, mut theirs) = (
        follow(&running, mara(), topics.clone(), after).await,
        follow(&running, jonas.clone(), topics, after).await,
    );
    // A reading is shared for one second, which may pass on a busy machine.
    let mut shared = 0;
    for n in 0..10 {
        let patch = SessionPatch {
            title: Some(format!("title {n}")),
            ..SessionPatch::default()
        };
        running
            .services
            .sessions
            .update(&mara(), session.id, patch)
            .await
            .unwrap();
        let (one, other) = tokio::join!(row(&mut mine), row(&mut theirs));
        assert_eq!(
            (title(&one), title(&other)),
            (format!("title {n}").as_str(), format!("title {n}").as_str())
        );
        shared += usize::from(Arc::ptr_eq(&one, &other));
    }
    assert!(shared > 0, "each was read for each of them");
    let (mine, theirs) = (
        hub.events(&mara(), after, 100).await.unwrap(),
        hub.events(&jonas, after, 100).await.unwrap(),
    );
    assert_eq!(
        (mine.events.len(), theirs.events.len(), mine.upto, theirs.upto),
        (10, 10, after + 10, after + 10)
    );
    assert!(
        mine.events
            .iter()
            .zip(&theirs.events)
            .all(|(one, other)| Arc::ptr_eq(one, other)),
        "each was written out for each of them"
    );
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_changes_between_two_events_holds_from_the_second_on() {
    let place = Place::new().await;
    let running = open(&place).await;
    let session = ended(&running, Visibility::Project).await;
    let (hub, jonas) = (running.node.live(), person(2, "jonas"));
    let start = running.journal.head().await;
    let topics = vec![Topic::Node, Topic::Session { id: session.id }];
    let (mut mine, mut theirs) = (
        follow(&running, mara(), topics.clone(), start).await,
        follow(&running, jonas.clone(), topics, start).await,
    );
    let update = async |visibility: Option<Visibility>, title: &str| {
        let patch = SessionPatch {
            visibility,
            title: Some(title.into()),
            ..SessionPatch::default()
        };
        running
            .services
            .sessions
            .update(&mara(), session.id, patch)
            .await
            .unwrap();
    };
    let told = async |caller: &Caller| hub.events(caller, start, 100).await.unwrap().events.len();
    update(None, "for both").await;
    assert_eq!(
        (title(&*row(&mut mine).await), title(&*row(&mut theirs).await)),
        ("for both", "for both")
    );
    assert_eq!((told(&mara()).await, told(&jonas).await), (1, 1));
    // Both changes may be told at once: the first one does not read what was shared until then.
    update(Some(Visibility::Private), "mine").await;
    update(None, "mine alone").await;
    assert_eq!((told(&mara()).await, told(&jonas).await), (3, 0));
    while title(&*row(&mut mine).await) != "mine alone" {}
    loop {
        match hear(&mut theirs).await {
            ServerSays::Gone { id, .. } => break assert_eq!(id, session.id.to_string()),
            ServerSays::Row { row, .. } => panic!("{row:?}"),
            _ => {}
        }
    }
    update(Some(Visibility::Project), "for both again").await;
    assert_eq!(
        title(&*row(&mut theirs).await),
        "for both again",
        "in lists; its own page is followed no longer"
    );
    assert_eq!((told(&mara()).await, told(&jonas).await), (4, 4));
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_session_says_of_itself_and_what_lists_find_are_one_rule() {
    let place = Place::new().await;
    let running = open(&place).await;
    let mut sessions = vec![
        ended(&running, Visibility::Private).await.id,
        ended(&running, Visibility::Project).await.id,
        ended(&running, Visibility::Node).await.id,
    ];
    let (gone, gone_too) = (
        ended(&running, Visibility::Private).await.id,
        ended(&running, Visibility::Project).await.id,
    );
    for id in [gone, gone_too] {
        running.services.sessions.delete(&mara(), id).await.unwrap();
        sessions.push(id);
    }
    let mut seen = Vec::new();
    for caller in [mara(), person(2, "jonas"), Caller::cli(), Caller::node()] {
        for id in &sessions {
            let after = running.journal.head().await;
            let topics = vec![Topic::Session { id: *id }];
            let is_followed = !matches!(
                hear(&mut follow(&running, caller.clone(), topics, after).await).await,
                ServerSays::Gone { .. }
            );
            let is_found = running.services.sessions.find(&caller, *id).await.is_ok();
            assert_eq!(is_followed, is_found, "{id} by {}", caller.name);
            seen.push(is_found);
        }
    }
    assert_eq!(
        seen.iter().filter(|is_found| **is_found).count(),
        3 + 2 + 2 + 3,
        "{seen:?}"
    );
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_for_the_agents_one_look_runs_at_a_time() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (claude, count) = (folder.path().join("claude"), folder.path().join("count"));
    std::fs::write(
        &claude,
        format!(
            "#!/bin/sh\necho x >> {}\nsleep 1\necho '2.1.0 (Claude Code)'\n",
            count.display()
        ),
    )
    .unwrap();
    std::fs::set_permissions(&claude, std::fs::Permissions::from_mode(0o755)).unwrap();
    let running = crate::open_as(
        &place,
        crate::Setup {
            claude,
            ..crate::Setup::default()
        },
    )
    .await;
    let started = || std::fs::read_to_string(&count).unwrap_or_default().lines().count();
    running.services.node.agents(&mara(), true).await.unwrap();
    let each = started();
    assert!(each > 0);
    let begun = std::time::Instant::now();
    let asked = futures::future::join_all(
        (0..60).map(|_| async { running.services.node.agents(&mara(), true).await.unwrap() }),
    )
    .await;
    assert!(asked.iter().all(|found| !found.is_empty()));
    assert!(started() <= each * 2, "{} programs for 61 questions", started());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    running.close(true).await;
}
