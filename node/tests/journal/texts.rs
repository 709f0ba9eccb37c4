//! Large texts and secrets: texts are stored once, counted, and removed with their last reference; secrets are never
//! stored.

use crate::examine;
use migration::Migrator;
use model::{
    Caller, Error,
    entries::EntryKind,
    event::{Body, EntryAdded, SessionDeleted, SessionPurged},
    id::SessionId,
};
use node::{
    entity,
    journal::{Outcome, blob},
    store::{sql, testing::TestStore},
};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};

/// Adds an entry whose body is `value`.
async fn add(test: &TestStore, session: SessionId, seq: i64, value: Value) -> Body {
    let result = test
        .journal
        .commit(&Caller::node(), move |tx| {
            Box::pin(async move {
                let body = blob::put(tx, &value).await?;
                let fact = EntryAdded {
                    session,
                    seq,
                    turn: 1,
                    kind: EntryKind::Message,
                    parent: None,
                    by_name: None,
                    preview: "p".into(),
                    call: None,
                    tool: None,
                    shape: None,
                    target: None,
                    body: Some(body.clone()),
                };
                Ok(Outcome::new(body).with(session, fact))
            })
        })
        .await;
    result.expect("commits")
}

async fn purge(test: &TestStore, session: SessionId) {
    let done = test
        .journal
        .commit(&Caller::node(), move |_| {
            Box::pin(async move { Ok(Outcome::new(()).with(session, SessionPurged {})) })
        })
        .await;
    assert_eq!(done, Ok(()));
}

/// Text that does not compress.
fn noise(test: &TestStore, bytes: usize) -> String {
    let mut buffer = vec![0; bytes / 2];
    test.deps.random.fill(&mut buffer);
    buffer
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

async fn refs(test: &TestStore) -> Vec<(i64, bool)> {
    let rows = entity::blob::Entity::find()
        .all(test.store.read())
        .await
        .expect("reads");
    rows.into_iter().map(|row| (row.refs, row.bytes.is_some())).collect()
}

fn files(test: &TestStore) -> usize {
    std::fs::read_dir(test.store.data_dir().join("blobs")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn texts_are_inline_rows_or_files_by_size_and_read_back_the_same() {
    let test = TestStore::new::<Migrator>(21).await;
    let session = SessionId::from_uuid(test.deps.uuid_v7());
    let values = [
        json!({"small": 1}),
        Value::from("a".repeat(100_000)),
        Value::from(noise(&test, 600_000)),
    ];
    for (seq, value) in (1..).zip(&values) {
        let body = add(&test, session, seq, value.clone()).await;
        assert_eq!(matches!(body, Body::Inline(_)), seq == 1);
        assert_eq!(blob::get(&test.store, &body).await.as_ref(), Ok(value));
    }
    let mut stored = refs(&test).await;
    stored.sort_unstable();
    assert_eq!(stored, [(1, false), (1, true)], "one in a file, one in its row");
    assert_eq!(files(&test), 1);
    let report = examine(&test).await;
    assert!(report.healthy && report.blobs.count == 2, "{report:#?}");
}

#[tokio::test]
async fn the_same_text_is_stored_once_and_goes_with_its_last_reference() {
    let test = TestStore::new::<Migrator>(22).await;
    let [one, other] = [1, 2].map(|n| SessionId::from_uuid(uuid::Uuid::from_u128(n)));
    let value = Value::from(noise(&test, 600_000));
    let body = add(&test, one, 1, value.clone()).await;
    add(&test, one, 2, value.clone()).await;
    add(&test, other, 1, value.clone()).await;
    assert_eq!(refs(&test).await, [(3, false)]);
    purge(&test, one).await;
    assert_eq!(refs(&test).await, [(1, false)]);
    assert!(blob::get(&test.store, &body).await.is_ok());
    assert!(examine(&test).await.healthy);
    purge(&test, other).await;
    assert_eq!(refs(&test).await, []);
    // The file is removed after the answer.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while files(&test) > 0 {
        assert!(std::time::Instant::now() < deadline, "the file stays");
        tokio::task::yield_now().await;
    }
    assert_eq!(blob::get(&test.store, &body).await, Err(Error::NotFound("text".into())));
    assert!(examine(&test).await.healthy);
}

#[tokio::test]
async fn an_operation_that_fails_leaves_no_reference_and_its_file_is_swept() {
    let test = TestStore::new::<Migrator>(23).await;
    let value = Value::from(noise(&test, 600_000));
    let result: model::Result<()> = test
        .journal
        .commit(&Caller::node(), move |tx| {
            Box::pin(async move {
                blob::put(tx, &value).await?;
                Err(Error::Conflict("changed my mind".into()))
            })
        })
        .await;
    assert!(result.is_err());
    assert_eq!((refs(&test).await.len(), files(&test)), (0, 1));
    let file = std::fs::read_dir(test.store.data_dir().join("blobs"))
        .expect("a folder")
        .next()
        .expect("a file")
        .expect("an entry")
        .path();
    let written = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(test.deps.now().unsigned_abs());
    std::fs::File::options()
        .write(true)
        .open(file)
        .and_then(|file| file.set_modified(written))
        .expect("dates");
    let test = test.reopen::<Migrator>().await;
    assert_eq!(
        files(&test),
        1,
        "it is less than a day old: whoever wrote it may not have committed yet"
    );
    test.clock.advance(86_400_001);
    let test = test.reopen::<Migrator>().await;
    let trash = test.store.data_dir().join("trash");
    assert_eq!(
        (files(&test), std::fs::read_dir(&trash).expect("a folder").count()),
        (0, 1)
    );
    test.clock.advance(86_400_001);
    let _test = test.reopen::<Migrator>().await;
    assert_eq!(std::fs::read_dir(&trash).expect("a folder").count(), 0);
}

#[tokio::test]
async fn the_doctor_finds_a_damaged_a_missing_and_a_miscounted_text() {
    let test = TestStore::new::<Migrator>(24).await;
    let session = SessionId::from_uuid(test.deps.uuid_v7());
    for seq in 1..=3 {
        let value = Value::from(noise(&test, 20_000));
        add(&test, session, seq, value).await;
    }
    add(&test, session, 4, Value::from(noise(&test, 600_000))).await;
    let rows = entity::blob::Entity::find()
        .all(test.store.read())
        .await
        .expect("reads");
    let [damaged, missing, miscounted] = {
        let mut hashes = rows
            .iter()
            .filter(|row| row.bytes.is_some())
            .map(|row| row.hash.clone());
        std::array::from_fn(|_| hashes.next().expect("three rows"))
    };
    let in_file = rows
        .iter()
        .find(|row| row.bytes.is_none())
        .expect("one file")
        .hash
        .clone();
    let beside = test.place.connect().await;
    let other = zstd_of(b"something else");
    sql::run(
        &beside,
        r#"UPDATE "blob" SET "bytes" = $2 WHERE "hash" = $1"#,
        [damaged.clone().into(), other.into()],
    )
    .await
    .expect("damages");
    sql::run(
        &beside,
        r#"DELETE FROM "blob" WHERE "hash" = $1"#,
        [missing.clone().into()],
    )
    .await
    .expect("damages");
    sql::run(
        &beside,
        r#"UPDATE "blob" SET "refs" = 7 WHERE "hash" = $1"#,
        [miscounted.clone().into()],
    )
    .await
    .expect("damages");
    std::fs::write(test.store.data_dir().join("blobs").join(&in_file), b"torn").expect("damages");
    let report = examine(&test).await;
    assert!(!report.healthy);
    for hash in [damaged, missing, miscounted, in_file] {
        assert!(
            report.blobs.bad.iter().any(|sentence| sentence.contains(&hash)),
            "{hash} is not in {:#?}",
            report.blobs.bad
        );
    }
}

fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    // A frame that the decoder accepts: a raw block without checksum.
    let length = u8::try_from(bytes.len()).expect("short");
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, length];
    let header = 1_u32 | (u32::from(length) << 3);
    frame.extend_from_slice(&header.to_le_bytes()[..3]);
    frame.extend_from_slice(bytes);
    frame
}

#[tokio::test]
async fn a_secret_reaches_neither_events_nor_rows_nor_blobs() {
    let test = TestStore::new::<Migrator>(25).await;
    let secret = "s3cret-token-value";
    assert!(test.journal.mask(secret));
    let session = SessionId::from_uuid(test.deps.uuid_v7());
    let body = add(
        &test,
        session,
        1,
        Value::from(format!("{} {secret}", "x".repeat(10_000))),
    )
    .await;
    let small = add(&test, session, 2, json!({"env": {"TOKEN": secret}})).await;
    assert_eq!(
        blob::get(&test.store, &small).await,
        Ok(json!({"env": {"TOKEN": "[masked]"}}))
    );
    let read = blob::get(&test.store, &body).await.expect("reads");
    assert!(read.as_str().is_some_and(|text| text.ends_with("x [masked]")));
    let done = test
        .journal
        .commit(&Caller::node(), move |_| {
            Box::pin(async move {
                let id = model::id::PromptId::from_uuid(uuid::Uuid::from_u128(9));
                let text = format!("use {secret}");
                Ok(Outcome::new(()).with(
                    id,
                    model::event::PromptQueued {
                        id,
                        session,
                        text,
                        by_name: "mara".into(),
                    },
                ))
            })
        })
        .await;
    assert_eq!(done, Ok(()));
    let row = entity::prompt::Entity::find()
        .one(test.store.read())
        .await
        .expect("reads")
        .expect("a prompt");
    assert_eq!(row.text, "use [masked]");
    for event in test.journal.events(0, 100).await.expect("reads") {
        assert!(
            !String::from_utf8_lossy(&event.payload.unwrap_or_default()).contains(secret),
            "{} has it",
            event.kind
        );
    }
    assert!(examine(&test).await.healthy);
}

#[tokio::test]
async fn who_follows_hears_what_the_database_holds_and_nothing_of_what_failed_or_was_purged() {
    let test = TestStore::new::<Migrator>(27).await;
    let session = SessionId::from_uuid(test.deps.uuid_v7());
    let stored = async || {
        let rows = entity::event::Entity::find()
            .order_by_asc(entity::event::Column::Pos)
            .all(test.store.read())
            .await
            .expect("reads");
        assert_eq!(test.journal.events(0, 1_000).await, Ok(rows.clone()));
        rows
    };
    for seq in 1..=3 {
        add(&test, session, seq, json!({"a": seq})).await;
        let fails = test
            .journal
            .commit::<()>(&Caller::node(), move |_| {
                Box::pin(async move { Err(Error::Conflict("no".into())) })
            })
            .await;
        assert!(fails.is_err());
    }
    // Together, so that one fails beside others.
    let both = futures::future::join_all((4..=9).map(|seq| {
        let journal = test.journal.clone();
        async move {
            let operation = move |tx: &node::journal::Tx<'_>| {
                let _ = tx.now();
                if seq % 2 == 0 {
                    Err(Error::Conflict("no".into()))
                } else {
                    Ok(Outcome::new(()).with(session, SessionDeleted { deleted: false }))
                }
            };
            journal
                .commit(&Caller::node(), move |tx| Box::pin(async move { operation(tx) }))
                .await
        }
    }));
    assert_eq!(both.await.iter().filter(|done| done.is_ok()).count(), 3);
    assert_eq!(
        stored().await.iter().map(|event| event.pos).collect::<Vec<_>>(),
        (1..=6).collect::<Vec<_>>()
    );
    purge(&test, session).await;
    assert!(
        stored().await.iter().take(6).all(|event| event.payload.is_none()),
        "what was purged is told to nobody"
    );
    add(&test, session, 10, json!({"a": 10})).await;
    assert_eq!(test.journal.events(7, 9).await.expect("reads").len(), 1);
    assert_eq!(stored().await.len(), 8);
}
