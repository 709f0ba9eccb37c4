//! The node's ports keep the same contract as their fakes.

#[path = "../../../model/contract.rs"]
mod ports;

use crate::{mara, open};
use model::{
    approvals::Decide,
    sessions::{Mode, SessionPatch, SessionState},
};
use node::store::testing::Place;

#[tokio::test(flavor = "multi_thread")]
async fn the_nodes_ports_keep_the_contract() {
    let place = Place::new().await;
    let running = open(&place).await;
    let rests = running.start(Mode::AutoAccept, "hello").await;
    let asks = running.start(Mode::Ask, "ask").await;
    let answered = running.start(Mode::Ask, "ask").await;
    for session in [&asks, &answered] {
        running.asked(session.id).await;
    }
    let asked = running.asked(answered.id).await;
    running
        .services
        .approvals
        .decide(&mara(), asked.id, Decide::deny("no"))
        .await
        .unwrap();
    for session in [&rests, &answered] {
        running
            .until(session.id, "rest", |session| session.state == SessionState::Idle)
            .await;
    }
    let patch = SessionPatch {
        title: Some("Größe".into()),
        tags: Some(vec!["a b".into()]),
        ..SessionPatch::default()
    };
    running
        .services
        .sessions
        .update(&mara(), rests.id, patch)
        .await
        .unwrap();
    ports::sessions(&*running.services.sessions, &mara()).await;
    ports::approvals(&*running.services.approvals, &mara()).await;
    ports::projects(&*running.services.projects, &mara()).await;
    ports::fleet(&*running.services.fleet, &mara()).await;
    running.close(true).await;
}
