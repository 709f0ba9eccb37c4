//! Events of other nodes: stored once, in order, folded as at home; they change no row of this node's.

use crate::{commit, examine};
use model::{Error, event::Fact};
use node::{
    entity::event,
    journal::{
        Item, Received, Sent, TakenBy,
        testing::{self, Plausible},
    },
    store::{sql, testing::TestStore},
};
use proptest::prelude::*;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use std::collections::BTreeMap;

/// A short history: moves of the four sessions.
fn moves() -> [[u8; 4]; 4] {
    let kind = kind_of("session.moved");
    [0, 1, 2, 3].map(|n| [kind, n, n + 1, n + 1])
}

fn kind_of(kind: &str) -> u8 {
    let place = Fact::KINDS.iter().position(|known| *known == kind);
    u8::try_from(place.expect("a kind")).expect("few kinds")
}

/// A node with a history; all nodes of these tests use the same ids.
async fn node_with(seed: u64, said: &[[u8; 4]]) -> TestStore {
    let test = TestStore::new::<migration::Migrator>(seed).await;
    let mut plausible = Plausible::default();
    let begins = (0..2)
        .map(|n| testing::of_kind("project.added", n))
        .chain((0..4).map(|n| testing::of_kind("session.created", n)));
    let events: Vec<_> = begins
        .chain(said.iter().copied().map(testing::event))
        .filter(|event| plausible.admit(event))
        .collect();
    commit(&test, events).await;
    test
}

/// A node's own log as it is sent.
async fn log_of(test: &TestStore) -> Vec<Sent> {
    let rows = event::Entity::find()
        .filter(event::Column::Origin.eq(test.journal.origin()))
        .order_by_asc(event::Column::Seq)
        .all(test.store.read())
        .await
        .expect("reads");
    rows.into_iter()
        .map(|row| Sent {
            seq: row.seq,
            hlc: row.hlc,
            actor: row.actor,
            kind: row.kind,
            v: row.v,
            subject: row.subject,
            whole: row
                .payload
                .zip(row.salt)
                .map(|(payload, salt)| (payload, salt.try_into().expect("16 bytes"))),
            commitment: row.commitment.try_into().expect("32 bytes"),
            hash: row.hash.try_into().expect("32 bytes"),
        })
        .collect()
}

fn part(from: &TestStore, events: &[Sent]) -> Received {
    Received {
        origin: from.journal.origin().to_owned(),
        epoch: from.journal.epoch().to_owned(),
        via: from.journal.origin().to_owned(),
        taken: None,
        items: events.iter().cloned().map(|sent| Item::Event(Box::new(sent))).collect(),
    }
}

/// The rows that a node's events made, in all tables, without the positions, which are each node's own.
async fn rows_of(test: &TestStore, origin: &str) -> BTreeMap<&'static str, Vec<String>> {
    let mut tables = BTreeMap::new();
    for (table, columns) in [
        ("user", "id, name, role, removed"),
        (
            "project",
            "id, name, path, trusted_hash, added, updated, removed, sessions",
        ),
        (
            "session",
            "id, project, title, state, state_since, updated, turns, calls, pending, tok_input, tok_output, cost_micros, run, archived, deleted",
        ),
        ("run", "id, session, started, ended, exit"),
        ("prompt", "id, session, text, state"),
        ("entry", "session, seq, kind, preview, status, result, approval"),
        ("approval", "id, session, state, decided, created, expires"),
        ("usage_total", "run, model, tok_input, cost_micros"),
        ("usage_day", "day, project, model, session, tok_input, cost_micros"),
    ] {
        let shown: Vec<String> = columns
            .split(", ")
            .map(|column| format!(r#"coalesce(CAST("{column}" AS text), '-')"#))
            .collect();
        let text = format!(
            r#"SELECT {} AS "row" FROM "{table}" WHERE "origin" = $1 ORDER BY 1"#,
            shown.join(" || '|' || ")
        );
        let rows = sql::all(test.store.read(), text, [origin.into()]).await.expect("reads");
        let rows = rows.iter().map(|row| row.try_get("", "row").expect("text")).collect();
        tables.insert(table, rows);
    }
    tables
}

fn on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn logs_of_three_nodes_fold_the_same_in_any_interleaving_and_touch_no_other_row(
        ours in proptest::collection::vec(any::<[u8; 4]>(), 1..80),
        theirs in proptest::collection::vec(any::<[u8; 4]>(), 1..80),
        thirds in proptest::collection::vec(any::<[u8; 4]>(), 1..80),
        order in proptest::collection::vec((any::<bool>(), 1_usize..9, any::<bool>()), 1..40),
    ) {
        on(async {
            let here = node_with(1, &ours).await;
            let peers = [node_with(2, &theirs).await, node_with(3, &thirds).await];
            let before = rows_of(&here, here.journal.origin()).await;
            let logs = [log_of(&peers[0]).await, log_of(&peers[1]).await];
            let mut at = [0, 0];
            let rest = [(false, 1_000, false), (true, 1_000, false)];
            for (which, many, again) in order.into_iter().chain(rest) {
                let which = usize::from(which);
                // A part may come twice, and begin before what is here.
                let from = if again { 0 } else { at[which] };
                let to = (at[which] + many).min(logs[which].len());
                let frontier = here.journal.receive(part(&peers[which], &logs[which][from..to])).await.expect("received");
                at[which] = to;
                prop_assert_eq!(usize::try_from(frontier.seq).unwrap(), to);
            }
            for peer in &peers {
                let mut there = rows_of(peer, peer.journal.origin()).await;
                // People of another node are nobody here.
                there.insert("user", Vec::new());
                prop_assert_eq!(rows_of(&here, peer.journal.origin()).await, there);
            }
            prop_assert_eq!(rows_of(&here, here.journal.origin()).await, before);
            let report = examine(&here).await;
            prop_assert!(report.healthy, "{:#?}", report);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn what_does_not_follow_or_is_not_what_it_says_is_refused_and_leaves_nothing() {
    let (here, peer) = (node_with(1, &[]).await, node_with(2, &moves()).await);
    let log = log_of(&peer).await;
    let head = here.journal.head().await;
    let changed = |change: &dyn Fn(&mut Sent)| {
        let mut log = log[..3].to_vec();
        change(&mut log[1]);
        part(&peer, &log)
    };
    let mut ours = part(&peer, &log[..1]);
    ours.origin = here.journal.origin().to_owned();
    let mut nameless = part(&peer, &log[..1]);
    nameless.origin = "../../etc".into();
    for (what, wrong) in [
        ("a gap", part(&peer, &log[1..3])),
        ("another actor", changed(&|sent| sent.actor = "mallory".into())),
        ("another time", changed(&|sent| sent.hlc += 1)),
        ("another kind", changed(&|sent| sent.kind = "session.purged".into())),
        ("another subject", changed(&|sent| sent.subject = "ses_1".into())),
        (
            "another payload",
            changed(&|sent| sent.whole.as_mut().expect("whole").0.push(b' ')),
        ),
        ("another hash", changed(&|sent| sent.hash[0] ^= 1)),
        ("our own log", ours),
        ("a name that is none", nameless),
    ] {
        let answer = here.journal.receive(wrong).await;
        assert!(matches!(answer, Err(Error::Conflict(_))), "{what}: {answer:?}");
        assert_eq!(here.journal.head().await, head, "{what}");
    }
    assert!(examine(&here).await.healthy);
}

#[tokio::test]
async fn what_a_filter_left_out_is_a_gap_that_the_doctor_understands() {
    let (here, peer) = (node_with(1, &[]).await, node_with(2, &moves()).await);
    let log = log_of(&peer).await;
    let skip = |to: usize| Item::Skip {
        upto: log[to - 1].seq,
        hash: log[to - 1].hash,
    };
    let event = |n: usize| Item::Event(Box::new(log[n - 1].clone()));
    let withheld = |n: usize| {
        let mut sent = log[n - 1].clone();
        sent.whole = None;
        Item::Event(Box::new(sent))
    };
    let items = |items: Vec<Item>| Received {
        items,
        ..part(&peer, &[])
    };
    let frontier = here
        .journal
        .receive(items(vec![skip(2), event(3), withheld(4), skip(6)]))
        .await
        .expect("received");
    assert_eq!(frontier.seq, 6);
    // Once more, and overlapping.
    here.journal
        .receive(items(vec![event(3), skip(6), event(7)]))
        .await
        .expect("received");
    let report = examine(&here).await;
    assert!(report.healthy, "{report:#?}");
    let kept = sql::all(
        here.store.read(),
        r#"SELECT "seq" FROM "event" WHERE "origin" = $1 ORDER BY "pos""#,
        [peer.journal.origin().into()],
    )
    .await
    .expect("reads");
    let kept: Vec<i64> = kept
        .iter()
        .map(|row| row.try_get("", "seq").expect("a number"))
        .collect();
    assert_eq!(kept, [3, 4, 7]);
    node::journal::rebuild(&here.store).await.expect("rebuilds");
    assert!(examine(&here).await.healthy);
}

#[tokio::test]
async fn a_link_that_has_ended_brings_nothing_and_a_node_with_a_link_is_heard_over_that_alone() {
    let (here, peer, relay) = (
        node_with(1, &[]).await,
        node_with(2, &moves()).await,
        node_with(3, &[]).await,
    );
    let log = log_of(&peer).await;
    // The helpers' links lead to nodes of their own making: these lead to the nodes here.
    let link = |n: u8, to: &TestStore| {
        let mut event = testing::event([kind_of("link.made"), n, 0, 0]);
        if let Fact::LinkMade(made) = &mut event.fact {
            made.peer.id = to.journal.node_id();
            made.confirmed = true;
        }
        event
    };
    let over = |n: u8, via: &TestStore| Received {
        via: via.journal.origin().to_owned(),
        taken: Some(TakenBy {
            link: link(n, via).subject,
            pass: 1,
            through: 1,
        }),
        ..part(&peer, &log)
    };
    commit(&here, vec![link(0, &peer), link(1, &relay)]).await;
    let relayed = here.journal.receive(over(1, &relay)).await;
    assert!(matches!(relayed, Err(Error::Conflict(_))), "{relayed:?}");
    assert!(here.journal.receive(over(0, &peer)).await.is_ok());
    let mut ends = testing::of_kind("link.revoked", 0);
    ends.subject = link(0, &peer).subject;
    if let Fact::LinkRevoked(revoked) = &mut ends.fact {
        revoked.forget = true;
    }
    commit(&here, vec![ends]).await;
    let late = here.journal.receive(over(0, &peer)).await;
    assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
    // With "and forget" nothing of it is left, and a rebuild brings nothing back.
    node::journal::rebuild(&here.store).await.expect("rebuilds");
    assert!(rows_of(&here, peer.journal.origin()).await.values().all(Vec::is_empty));
    let report = examine(&here).await;
    assert!(report.healthy, "{report:#?}");
}
