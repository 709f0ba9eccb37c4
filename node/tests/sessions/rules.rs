//! What an approval offers and how long it waits, by the project's trust and by whether a person is there.

use crate::{mara, open};
use model::{
    Caller, Error, Role, Via,
    approvals::{Decide, RememberScope},
    projects::ProjectPatch,
    sessions::{AgentKind, Mode, NewSession, Session},
};
use node::store::testing::Place;

/// Mara at her browser.
fn at_a_browser() -> Caller {
    Caller {
        via: Via::Cookie {
            login: "a login".into(),
        },
        ..mara()
    }
}

async fn ask(running: &crate::Running, caller: &Caller, like: &Session) -> Session {
    let new = NewSession {
        project: Some(like.project),
        folder: None,
        agent: AgentKind::Demo,
        mode: Mode::Ask,
        prompt: "run".into(),
        title: None,
        model: None,
        visibility: None,
    };
    running.services.sessions.create(caller, new).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn always_is_offered_only_where_it_holds() {
    let place = Place::new().await;
    let running = open(&place).await;
    let session = running.start(Mode::Ask, "run").await;
    let asked = running.asked(session.id).await;
    assert!(!asked.suggestions.is_empty(), "{asked:?}");
    assert_eq!(
        asked.scopes,
        [RememberScope::Session, RememberScope::User],
        "nobody trusts the demo's project"
    );
    for scope in [RememberScope::Local, RememberScope::Project] {
        let refused = running
            .services
            .approvals
            .decide(
                &mara(),
                asked.id,
                Decide {
                    remember: Some(scope),
                    ..Decide::allow()
                },
            )
            .await;
        assert!(
            matches!(&refused, Err(Error::Invalid { field, message }) if field == "remember" && message.contains("not trusted")),
            "{refused:?}"
        );
    }
    running
        .services
        .projects
        .update(
            &mara(),
            session.project,
            ProjectPatch {
                trusted: Some(true),
                ..ProjectPatch::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(running.asked(session.id).await.scopes, RememberScope::ALL);
    let before = running.services.projects.find(&mara(), session.project).await.unwrap();
    let operator = Caller {
        role: Role::Operator,
        ..mara()
    };
    let seen = running.services.approvals.find(&operator, asked.id).await.unwrap();
    assert_eq!(
        seen.scopes,
        [RememberScope::Session],
        "what lasts is for whoever may change projects"
    );
    assert_eq!(
        seen.always.iter().map(|always| always.scope).collect::<Vec<_>>(),
        seen.scopes
    );
    for scope in [RememberScope::Local, RememberScope::Project, RememberScope::User] {
        let refused = running
            .services
            .approvals
            .decide(
                &operator,
                asked.id,
                Decide {
                    remember: Some(scope),
                    ..Decide::allow()
                },
            )
            .await;
        assert!(matches!(&refused, Err(Error::Forbidden(_))), "{refused:?}");
    }
    assert_eq!(
        running.services.projects.find(&mara(), session.project).await.unwrap(),
        before
    );
    let decided = running
        .services
        .approvals
        .decide(
            &operator,
            asked.id,
            Decide {
                remember: Some(RememberScope::Session),
                ..Decide::allow()
            },
        )
        .await
        .unwrap();
    assert_eq!(decided.scopes, [], "a decided one offers nothing");
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unattended_session_asks_has_a_limit_of_an_hour_or_the_projects() {
    let place = Place::new().await;
    let running = open(&place).await;
    let unattended = running.start(Mode::Ask, "run").await;
    assert!(unattended.unattended, "the command line started it");
    let asked = running.asked(unattended.id).await;
    assert_eq!(
        asked.expires,
        Some(asked.created + 3_600_000),
        "an hour where the project says nothing"
    );
    let attended = ask(&running, &at_a_browser(), &unattended).await;
    assert!(!attended.unattended);
    assert_eq!(
        running.asked(attended.id).await.expires,
        None,
        "somebody is there: it waits"
    );

    let limit = ProjectPatch {
        approval_timeout_s: Some(7_200),
        ..ProjectPatch::default()
    };
    running
        .services
        .projects
        .update(&mara(), unattended.project, limit)
        .await
        .unwrap();
    for caller in [mara(), at_a_browser()] {
        let session = ask(&running, &caller, &unattended).await;
        let asked = running.asked(session.id).await;
        assert_eq!(
            asked.expires,
            Some(asked.created + 7_200_000),
            "the project's limit holds for all"
        );
    }
    running.close(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_read_starts_no_program_by_looking_for_agents() {
    let place = Place::new().await;
    let running = open(&place).await;
    let viewer = Caller {
        role: Role::Viewer,
        ..mara()
    };
    let refused = running.services.node.agents(&viewer, true).await;
    assert!(matches!(&refused, Err(Error::Forbidden(_))), "{refused:?}");
    assert!(running.services.node.agents(&viewer, false).await.is_ok());
    assert!(
        running
            .services
            .node
            .agents(
                &Caller {
                    role: Role::Operator,
                    ..mara()
                },
                true
            )
            .await
            .is_ok()
    );
    running.close(true).await;
}
