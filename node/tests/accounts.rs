//! Accounts on a real store: set-up, passwords, roles, logins, tokens, GitHub. Also on PostgreSQL, if
//! `ORCHWIZ_TEST_POSTGRES` names a server.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; helpers of tests are no tests to the lint"
)]

use migration::Migrator;
use model::{
    Caller, Error, Role, Via,
    accounts::NewToken,
    caller::Scope,
    event::Fact,
    id::{TokenId, UserId},
    ports::Accounts,
};
use node::{
    accounts::{
        ABSOLUTE_MS, Account, AccountsService, Change, GithubIdentity, IDLE_MS, LoginRecord, NewUser, PENDING_MS,
    },
    store::testing::TestStore,
};
use std::time::Instant;

const PASSWORD: &str = "correct horse battery";
const HOUR: i64 = 3_600_000;

struct World {
    test: TestStore,
    accounts: AccountsService,
}

impl World {
    async fn new() -> Self {
        let test = TestStore::new::<Migrator>(1).await;
        let accounts = AccountsService::new(test.store.clone(), test.journal.clone(), test.deps.clone());
        Self { test, accounts }
    }

    /// A world with an owner called mara.
    async fn set_up() -> Self {
        let world = Self::new().await;
        let link = world.accounts.ensure_setup_link().await.unwrap().unwrap();
        world
            .accounts
            .set_up(&link.token, "mara", PASSWORD.into())
            .await
            .unwrap();
        world
    }

    async fn add(&self, name: &str, role: Role) -> UserId {
        self.accounts
            .create_user(
                &Caller::cli(),
                NewUser {
                    name: name.into(),
                    role,
                    password: Some(PASSWORD.into()),
                    github: None,
                },
            )
            .await
            .unwrap()
            .id
    }

    /// Signs `name` in with this login handle.
    async fn sign_in(&self, name: &str, handle: &str) -> Caller {
        self.sign_in_with(name, PASSWORD, handle).await
    }

    async fn sign_in_with(&self, name: &str, password: &str, handle: &str) -> Caller {
        let account = self.accounts.sign_in(name, password.into()).await.unwrap().unwrap();
        assert!(self.accounts.create_login(login(handle, &account)).await.unwrap());
        account.caller(handle.into(), None)
    }

    async fn events(&self) -> Vec<Fact> {
        self.test
            .journal
            .events(0, 100)
            .await
            .unwrap()
            .iter()
            .filter_map(node::journal::StoredEvent::fact)
            .collect()
    }
}

/// The login of a person whose password was checked.
fn login(handle: &str, account: &Account) -> LoginRecord {
    LoginRecord {
        epoch: Some(account.epoch),
        ..record(handle, Some(account.user.id))
    }
}

fn record(handle: &str, user: Option<UserId>) -> LoginRecord {
    LoginRecord {
        id_hash: handle.into(),
        user,
        epoch: None,
        way: None,
        data: b"{}".to_vec(),
        browser: None,
        address: None,
        seen: 0,
        expires: 0,
    }
}

fn token(days: Option<u32>, scope: Scope) -> NewToken {
    NewToken {
        name: "laptop".into(),
        scope,
        days,
    }
}

#[tokio::test]
async fn the_set_up_link_makes_one_owner_and_is_spent() {
    let world = World::new().await;
    let link = world.accounts.ensure_setup_link().await.unwrap().unwrap();
    assert!(world.accounts.setup_link_works(&link.token).await.unwrap());
    assert!(!world.accounts.setup_link_works("guess").await.unwrap());

    let short = world
        .accounts
        .set_up(&link.token, "mara", "short".into())
        .await
        .unwrap_err();
    assert!(
        matches!(short, Error::Invalid { ref field, .. } if field == "password"),
        "{short:?}"
    );
    let name = world
        .accounts
        .set_up(&link.token, "not a name", PASSWORD.into())
        .await
        .unwrap_err();
    assert!(
        matches!(name, Error::Invalid { ref field, .. } if field == "name"),
        "{name:?}"
    );

    let owner = world
        .accounts
        .set_up(&link.token, "mara", PASSWORD.into())
        .await
        .unwrap();
    assert_eq!(owner.user.role, Role::Owner);
    let again = world
        .accounts
        .set_up(&link.token, "eve", PASSWORD.into())
        .await
        .unwrap_err();
    assert!(matches!(again, Error::Forbidden(_)), "{again:?}");
    assert!(
        world.accounts.ensure_setup_link().await.unwrap().is_none(),
        "there is somebody now"
    );
}

#[tokio::test]
async fn a_set_up_link_expires_and_a_restart_replaces_it() {
    let world = World::new().await;
    let first = world.accounts.ensure_setup_link().await.unwrap().unwrap();
    let second = world.accounts.ensure_setup_link().await.unwrap().unwrap();
    assert!(
        !world.accounts.setup_link_works(&first.token).await.unwrap(),
        "the older one was replaced"
    );
    world.test.clock.advance(24 * HOUR);
    let late = world
        .accounts
        .set_up(&second.token, "mara", PASSWORD.into())
        .await
        .unwrap_err();
    assert!(matches!(late, Error::Forbidden(_)), "{late:?}");
    assert!(!world.accounts.has_users().await.unwrap());
}

#[tokio::test]
async fn of_two_who_use_the_link_at_once_one_becomes_the_owner() {
    let world = World::new().await;
    let link = world.accounts.ensure_setup_link().await.unwrap().unwrap();
    let attempts = (0..4).map(|n| {
        let (accounts, token) = (world.accounts.clone(), link.token.clone());
        tokio::spawn(async move { accounts.set_up(&token, &format!("user{n}"), PASSWORD.into()).await })
    });
    let outcomes = futures::future::join_all(attempts).await;
    let won = outcomes
        .iter()
        .filter(|outcome| outcome.as_ref().unwrap().is_ok())
        .count();
    assert_eq!(won, 1);
    assert_eq!(world.accounts.list_users(&Caller::cli()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn only_the_right_password_signs_in_whatever_the_case_of_the_name() {
    let world = World::set_up().await;
    for (name, password, signs_in) in [
        ("mara", PASSWORD, true),
        ("MARA", PASSWORD, true),
        ("mara", "wrong password", false),
        ("noor", PASSWORD, false),
        ("", "", false),
    ] {
        let found = world.accounts.sign_in(name, password.into()).await.unwrap();
        assert_eq!(found.is_some(), signs_in, "{name} {password}");
    }
    let long = world.accounts.sign_in("mara", "x".repeat(1_000_000)).await.unwrap();
    assert!(long.is_none());
}

#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let world = World::set_up().await;
    // The stand-in hash is created at the first unknown name.
    world.accounts.sign_in("nobody", "x".into()).await.unwrap();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..5 {
        for (name, times) in ["mara", "nobody"].iter().zip(&mut times) {
            let start = Instant::now();
            world.accounts.sign_in(name, "wrong password".into()).await.unwrap();
            times.push(start.elapsed());
        }
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort();
        times[2]
    });
    // Without the stand-in hash it would be a thousandth.
    assert!(unknown > known / 3, "known {known:?}, unknown {unknown:?}");
}

#[tokio::test]
async fn names_are_unique_however_they_are_written_and_only_owners_create_people() {
    let world = World::set_up().await;
    let new = |name: &str| NewUser {
        name: name.into(),
        role: Role::Viewer,
        password: Some(PASSWORD.into()),
        github: None,
    };
    let taken = world
        .accounts
        .create_user(&Caller::cli(), new("Mara"))
        .await
        .unwrap_err();
    assert!(matches!(taken, Error::Conflict(_)), "{taken:?}");
    world.add("noor", Role::Admin).await;
    let admin = world.sign_in("noor", "n1").await;
    let refused = world.accounts.create_user(&admin, new("zed")).await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden(_)), "{refused:?}");
    assert!(world.accounts.users(&admin).await.is_err());
}

#[tokio::test]
async fn no_secret_reaches_the_journal() {
    let world = World::set_up().await;
    let mara = world.sign_in("mara", "m1").await;
    let created = world
        .accounts
        .create_token(&mara, token(None, Scope::Write), PASSWORD.into())
        .await
        .unwrap();
    world
        .accounts
        .change_password(&mara, PASSWORD.into(), "another long password".into(), false)
        .await
        .unwrap();
    let stored = world.test.journal.events(0, 100).await.unwrap();
    assert!(!stored.is_empty());
    for event in &stored {
        let payload = String::from_utf8_lossy(event.payload.as_deref().unwrap_or_default()).into_owned();
        for secret in [PASSWORD, "another long password", created.secret.as_str(), "argon2"] {
            assert!(!payload.contains(secret), "{payload}");
        }
    }
}

#[tokio::test]
async fn a_new_role_or_password_ends_every_login() {
    let world = World::set_up().await;
    world.add("noor", Role::Operator).await;
    let noor = world.sign_in("noor", "n1").await;
    let mut changes = world.accounts.changes();

    world
        .accounts
        .set_role(&Caller::cli(), "noor", Role::Viewer)
        .await
        .unwrap();
    assert_eq!(changes.recv().await, Ok(Change::User(noor.user.unwrap())));
    assert_eq!(world.accounts.refresh(&noor).await, Ok(None));
    let epoch = world.accounts.account(noor.user.unwrap()).await.unwrap().unwrap().epoch;
    assert_eq!(epoch, 2);

    let noor = world.sign_in("noor", "n2").await;
    assert_eq!(noor.role, Role::Viewer);
    world
        .accounts
        .set_password(&Caller::cli(), "noor", "a brand new one".into(), false)
        .await
        .unwrap();
    assert_eq!(world.accounts.refresh(&noor).await, Ok(None));
    assert!(world.accounts.sign_in("noor", PASSWORD.into()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_last_owner_stays_one() {
    let world = World::set_up().await;
    let kept = world
        .accounts
        .set_role(&Caller::cli(), "mara", Role::Admin)
        .await
        .unwrap_err();
    assert!(matches!(kept, Error::Conflict(_)), "{kept:?}");
    world.add("noor", Role::Owner).await;
    assert_eq!(
        world
            .accounts
            .set_role(&Caller::cli(), "mara", Role::Admin)
            .await
            .unwrap()
            .role,
        Role::Admin
    );
}

#[tokio::test]
async fn changing_the_own_password_ends_the_other_logins_only() {
    let world = World::set_up().await;
    let here = world.sign_in("mara", "here").await;
    let there = world.sign_in("mara", "there").await;
    let wrong = world
        .accounts
        .change_password(&here, "wrong password".into(), "another long password".into(), false)
        .await
        .unwrap_err();
    assert!(
        matches!(wrong, Error::Invalid { ref field, .. } if field == "current"),
        "{wrong:?}"
    );
    let weak = world
        .accounts
        .change_password(&here, PASSWORD.into(), "weak".into(), false)
        .await
        .unwrap_err();
    assert!(
        matches!(weak, Error::Invalid { ref field, .. } if field == "new"),
        "{weak:?}"
    );
    world
        .accounts
        .change_password(&here, PASSWORD.into(), "another long password".into(), false)
        .await
        .unwrap();
    assert!(world.accounts.refresh(&here).await.unwrap().is_some());
    assert!(world.accounts.refresh(&there).await.unwrap().is_none());
    assert!(
        world
            .accounts
            .sign_in("mara", "another long password".into())
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_login_begun_before_a_password_change_does_not_survive_it() {
    let world = World::set_up().await;
    let here = world.sign_in("mara", "here").await;
    // A person with the old password, which was right at its check.
    let checked = world.accounts.sign_in("mara", PASSWORD.into()).await.unwrap().unwrap();
    world
        .accounts
        .change_password(&here, PASSWORD.into(), "another long password".into(), false)
        .await
        .unwrap();
    assert_eq!(
        world.accounts.create_login(login("late", &checked)).await,
        Err(Error::Unauthenticated)
    );
    assert!(world.accounts.find_login("late").await.unwrap().is_none());
    assert!(world.accounts.create_login(record("pending", None)).await.unwrap());
    assert_eq!(
        world.accounts.update_login(login("pending", &checked)).await,
        Err(Error::Unauthenticated)
    );
    // The person who changed it stays signed in, even if the login is stored again with older data.
    world.accounts.update_login(login("here", &checked)).await.unwrap();
    let kept = world.accounts.find_login("here").await.unwrap().unwrap();
    assert_eq!(
        kept.epoch,
        Some(world.accounts.account(checked.user.id).await.unwrap().unwrap().epoch)
    );
    world.sign_in_with("mara", "another long password", "again").await;
}

#[tokio::test]
async fn a_network_is_known_for_thirty_days_after_a_sign_in_from_it() {
    let world = World::set_up().await;
    let account = world.accounts.sign_in("mara", PASSWORD.into()).await.unwrap().unwrap();
    let from = |address: &str| Some(address.parse().unwrap());
    let known = async |name: &str, address: &str| world.accounts.knows_network(name, from(address)).await.unwrap();
    for n in 0..60 {
        world.test.clock.advance(1_000);
        let login = LoginRecord {
            address: Some(format!("192.0.2.{n}")),
            ..login(&format!("m{n}"), &account)
        };
        assert!(world.accounts.create_login(login).await.unwrap());
    }
    assert!(known("MARA", "192.0.2.59").await && known("mara", "::ffff:192.0.2.59").await);
    assert!(!known("mara", "192.0.2.9").await, "the newest fifty are kept");
    assert!(!known("mara", "192.0.2.99").await && !known("nobody", "192.0.2.59").await);
    world.test.clock.advance(30 * 24 * HOUR);
    assert!(!known("mara", "192.0.2.59").await);
}

#[tokio::test]
async fn logging_out_everywhere_ends_every_login_of_that_person_and_of_nobody_else() {
    let world = World::set_up().await;
    world.add("noor", Role::Operator).await;
    let (one, two, other) = (
        world.sign_in("mara", "m1").await,
        world.sign_in("mara", "m2").await,
        world.sign_in("noor", "n1").await,
    );
    let listed = world.accounts.logins(&one).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(
        listed
            .iter()
            .filter(|login| login.current)
            .map(|login| login.handle.as_str())
            .collect::<Vec<_>>(),
        ["m1"]
    );
    world.accounts.log_out_everywhere(&one, false).await.unwrap();
    for (caller, alive) in [(&one, false), (&two, false), (&other, true)] {
        assert_eq!(
            world.accounts.refresh(caller).await.unwrap().is_some(),
            alive,
            "{:?}",
            caller.via
        );
    }
}

#[tokio::test]
async fn a_login_that_ended_does_not_come_back_by_being_saved() {
    let world = World::set_up().await;
    let mara = world.sign_in("mara", "m1").await;
    let mut changes = world.accounts.changes();
    world.accounts.delete_login("m1").await.unwrap();
    assert_eq!(changes.recv().await, Ok(Change::Login("m1".into())));
    world.accounts.update_login(record("m1", mara.user)).await.unwrap();
    assert!(world.accounts.find_login("m1").await.unwrap().is_none());
}

#[tokio::test]
async fn a_login_ends_when_idle_and_after_fourteen_days_at_the_latest() {
    let world = World::set_up().await;
    let mara = world.sign_in("mara", "busy").await;
    world.sign_in("mara", "idle").await;
    world.test.clock.advance(IDLE_MS - 1);
    assert!(world.accounts.find_login("idle").await.unwrap().is_some());
    world.accounts.update_login(record("busy", mara.user)).await.unwrap();
    world.test.clock.advance(1);
    assert!(world.accounts.find_login("idle").await.unwrap().is_none());
    let mut days = 0;
    while world.accounts.find_login("busy").await.unwrap().is_some() {
        world.test.clock.advance(IDLE_MS / 2);
        world.accounts.update_login(record("busy", mara.user)).await.unwrap();
        days += 1;
        assert!(days < 100, "it never ends");
    }
    assert_eq!(world.accounts.find_login("busy").await.unwrap().map(|_| ()), None);
    assert_eq!(days, ABSOLUTE_MS / (IDLE_MS / 2) - 2);
    assert_eq!(world.accounts.delete_expired_logins().await.unwrap(), 2);
    assert_eq!(world.accounts.delete_expired_logins().await.unwrap(), 0);
}

#[tokio::test]
async fn a_sign_in_under_way_waits_ten_minutes_and_no_longer_by_being_saved() {
    let world = World::set_up().await;
    assert!(world.accounts.create_login(record("pending", None)).await.unwrap());
    assert!(
        !world.accounts.create_login(record("pending", None)).await.unwrap(),
        "a taken id is said to be taken"
    );
    world.test.clock.advance(PENDING_MS - 1);
    world.accounts.update_login(record("pending", None)).await.unwrap();
    world.test.clock.advance(1);
    assert!(world.accounts.find_login("pending").await.unwrap().is_none());
}

#[tokio::test]
async fn a_token_stands_for_its_owner_until_it_is_revoked_or_expires() {
    let world = World::set_up().await;
    let mara = world.sign_in("mara", "m1").await;
    let created = world
        .accounts
        .create_token(&mara, token(Some(1), Scope::Read), PASSWORD.into())
        .await
        .unwrap();
    assert!(created.secret.starts_with("owz_"));
    let caller = world
        .accounts
        .caller_for_token(&created.secret, Some("10.0.0.1".into()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (caller.name.as_str(), caller.role, &caller.via),
        (
            "mara",
            Role::Owner,
            &Via::Token {
                id: created.token.id,
                scope: Scope::Read
            }
        )
    );

    let mut wrong = created.secret.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    for garbage in [
        wrong.as_str(),
        "owz_",
        "",
        "owz_00000000000000000000000000000000_0",
        &created.secret.to_uppercase(),
    ] {
        assert!(
            world.accounts.caller_for_token(garbage, None).await.unwrap().is_none(),
            "{garbage}"
        );
    }

    world.test.clock.advance(24 * HOUR);
    assert!(
        world
            .accounts
            .caller_for_token(&created.secret, None)
            .await
            .unwrap()
            .is_none(),
        "it expired"
    );
    assert!(world.accounts.refresh(&caller).await.unwrap().is_none());
    let mut changes = world.accounts.changes();
    world
        .accounts
        .announce_expired_tokens(world.test.deps.now() - HOUR)
        .await
        .unwrap();
    assert_eq!(
        changes.recv().await,
        Ok(Change::Token(created.token.id)),
        "its sockets close"
    );

    let lasting = world
        .accounts
        .create_token(&mara, token(None, Scope::Write), PASSWORD.into())
        .await
        .unwrap();
    let caller = world
        .accounts
        .caller_for_token(&lasting.secret, None)
        .await
        .unwrap()
        .unwrap();
    let mut changes = world.accounts.changes();
    world.accounts.revoke_token(&mara, lasting.token.id).await.unwrap();
    let change = changes.recv().await.unwrap();
    assert!(change.concerns(&caller) && !change.concerns(&mara));
    assert!(world.accounts.refresh(&caller).await.unwrap().is_none());
    assert!(
        world
            .accounts
            .caller_for_token(&lasting.secret, None)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_token_is_gone_for_all_who_know_it_also_when_its_revoker_hung_up() {
    let world = World::set_up().await;
    let mara = world.sign_in("mara", "m1").await;
    let created = world
        .accounts
        .create_token(&mara, token(None, Scope::Write), PASSWORD.into())
        .await
        .unwrap();
    assert!(
        world
            .accounts
            .caller_for_token(&created.secret, None)
            .await
            .unwrap()
            .is_some(),
        "known by heart from here on"
    );
    let mut changes = world.accounts.changes();
    // Started, and dropped at its first wait.
    assert!(futures::FutureExt::now_or_never(world.accounts.revoke_token(&mara, created.token.id)).is_none());
    assert_eq!(
        tokio::time::timeout(std::time::Duration::from_secs(10), changes.recv())
            .await
            .unwrap(),
        Ok(Change::Token(created.token.id))
    );
    assert!(
        world
            .accounts
            .caller_for_token(&created.secret, None)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_token_that_another_process_took_away_is_believed_for_a_second_at_most() {
    let world = World::set_up().await;
    let mara = world.sign_in("mara", "m1").await;
    let created = world
        .accounts
        .create_token(&mara, token(None, Scope::Read), PASSWORD.into())
        .await
        .unwrap();
    assert!(
        world
            .accounts
            .caller_for_token(&created.secret, None)
            .await
            .unwrap()
            .is_some()
    );
    node::store::sql::run(&world.test.place.connect().await, r#"DELETE FROM "token""#, [])
        .await
        .unwrap();
    world.test.clock.advance(1_000);
    assert!(
        world
            .accounts
            .caller_for_token(&created.secret, None)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn the_last_use_of_a_token_is_noted_to_the_minute() {
    let world = World::set_up().await;
    let mara = world.sign_in("mara", "m1").await;
    let created = world
        .accounts
        .create_token(&mara, token(None, Scope::Read), PASSWORD.into())
        .await
        .unwrap();
    let used = || async { world.accounts.tokens(&mara).await.unwrap()[0].used };
    assert_eq!(used().await, None);
    world.accounts.caller_for_token(&created.secret, None).await.unwrap();
    let first = used().await.unwrap();
    assert_eq!(first % 60_000, 0);
    world.test.clock.advance(61_000);
    world.accounts.caller_for_token(&created.secret, None).await.unwrap();
    assert!(used().await.unwrap() > first);
}

#[tokio::test]
async fn a_token_follows_its_owners_role_and_cannot_multiply() {
    let world = World::set_up().await;
    world.add("noor", Role::Admin).await;
    let created = world
        .accounts
        .create_token_for(&Caller::cli(), "noor", token(None, Scope::Write))
        .await
        .unwrap();
    let bearer = world
        .accounts
        .caller_for_token(&created.secret, None)
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(
        world
            .accounts
            .create_token(&bearer, token(None, Scope::Write), PASSWORD.into())
            .await,
        Err(Error::Forbidden(_))
    ));
    assert!(matches!(
        world.accounts.revoke_token(&bearer, created.token.id).await,
        Err(Error::Forbidden(_))
    ));
    assert!(matches!(world.accounts.tokens(&bearer).await, Err(Error::Forbidden(_))));
    assert!(matches!(
        world.accounts.log_out_everywhere(&bearer, false).await,
        Err(Error::Forbidden(_))
    ));
    world
        .accounts
        .set_role(&Caller::cli(), "noor", Role::Viewer)
        .await
        .unwrap();
    assert_eq!(
        world
            .accounts
            .caller_for_token(&created.secret, None)
            .await
            .unwrap()
            .unwrap()
            .role,
        Role::Viewer
    );
    assert_eq!(
        world.accounts.refresh(&bearer).await.unwrap().unwrap().role,
        Role::Viewer
    );
}

#[tokio::test]
async fn another_persons_token_is_no_token() {
    let world = World::set_up().await;
    world.add("noor", Role::Admin).await;
    let (mara, noor) = (world.sign_in("mara", "m1").await, world.sign_in("noor", "n1").await);
    let created = world
        .accounts
        .create_token(&mara, token(None, Scope::Read), PASSWORD.into())
        .await
        .unwrap();
    assert_eq!(
        world.accounts.revoke_token(&noor, created.token.id).await,
        Err(Error::NotFound("token".into()))
    );
    assert!(world.accounts.tokens(&noor).await.unwrap().is_empty());
    let unknown = TokenId::from_uuid(world.test.deps.uuid_v7());
    assert_eq!(
        world.accounts.revoke_any_token(&Caller::cli(), unknown).await,
        Err(Error::NotFound("token".into()))
    );
    for bad in [
        NewToken {
            name: " ".into(),
            ..token(None, Scope::Read)
        },
        token(Some(0), Scope::Read),
        token(Some(3_651), Scope::Read),
    ] {
        assert!(matches!(
            world.accounts.create_token(&mara, bad, PASSWORD.into()).await,
            Err(Error::Invalid { .. })
        ));
    }
}

#[tokio::test]
async fn github_people_are_known_by_their_number_not_their_name() {
    let world = World::new().await;
    let octo = |id, login: &str| GithubIdentity {
        id,
        login: login.into(),
    };
    let early = world
        .accounts
        .sign_in_with_github(octo(7, "octocat"), Role::Operator)
        .await
        .unwrap_err();
    assert!(
        matches!(early, Error::Forbidden(_)),
        "the first is the owner, by the set-up link: {early:?}"
    );

    let world = World::set_up().await;
    let first = world
        .accounts
        .sign_in_with_github(octo(7, "octocat"), Role::Operator)
        .await
        .unwrap();
    assert_eq!(
        (first.user.name.as_str(), first.user.role, first.user.github.as_deref()),
        ("octocat", Role::Operator, Some("octocat"))
    );
    let renamed = world
        .accounts
        .sign_in_with_github(octo(7, "octodog"), Role::Operator)
        .await
        .unwrap();
    assert_eq!(
        (renamed.user.id, renamed.user.github.as_deref()),
        (first.user.id, Some("octodog"))
    );
    let other = world
        .accounts
        .sign_in_with_github(octo(8, "octocat"), Role::Operator)
        .await
        .unwrap();
    assert_ne!(
        other.user.id, first.user.id,
        "whoever takes the name over is somebody else"
    );
    assert_eq!(other.user.name, "octocat-2");

    let mara = world
        .accounts
        .sign_in_with_github(octo(9, "mara"), Role::Operator)
        .await
        .unwrap();
    assert_eq!(
        (mara.user.name.as_str(), mara.user.role),
        ("mara-2", Role::Operator),
        "a name on this node is no claim"
    );
    assert!(
        world
            .accounts
            .sign_in("octocat", String::new())
            .await
            .unwrap()
            .is_none(),
        "there is no password"
    );
}

#[tokio::test]
async fn a_person_created_with_a_github_login_gets_it_at_the_first_sign_in_only() {
    let world = World::set_up().await;
    let new = NewUser {
        name: "noor".into(),
        role: Role::Admin,
        password: None,
        github: Some("NoorK".into()),
    };
    let noor = world.accounts.create_user(&Caller::cli(), new).await.unwrap();
    let first = world
        .accounts
        .sign_in_with_github(
            GithubIdentity {
                id: 1,
                login: "noork".into(),
            },
            Role::Operator,
        )
        .await
        .unwrap();
    assert_eq!((first.user.id, first.user.role), (noor.id, Role::Admin));
    let second = world
        .accounts
        .sign_in_with_github(
            GithubIdentity {
                id: 2,
                login: "noork".into(),
            },
            Role::Operator,
        )
        .await
        .unwrap();
    assert_ne!(second.user.id, noor.id);
}

#[tokio::test]
async fn people_are_events_and_live_on_after_a_restart() {
    let world = World::set_up().await;
    world.add("noor", Role::Operator).await;
    world
        .accounts
        .set_role(&Caller::cli(), "noor", Role::Admin)
        .await
        .unwrap();
    let kinds: Vec<&str> = world.events().await.iter().map(Fact::kind).collect();
    assert_eq!(kinds, ["user.created", "node.set_up", "user.created", "user.changed"]);
    let World { test, accounts } = world;
    drop(accounts);
    let test = test.reopen::<Migrator>().await;
    let accounts = AccountsService::new(test.store.clone(), test.journal.clone(), test.deps.clone());
    assert_eq!(
        accounts.find_user(&Caller::cli(), "NOOR").await.unwrap().role,
        Role::Admin
    );
    assert!(accounts.sign_in("noor", PASSWORD.into()).await.unwrap().is_some());
}

/// The kinds of the events after `pos`, in order.
async fn kinds_after(world: &World, pos: i64) -> Vec<String> {
    world
        .test
        .journal
        .events(pos, 1_000)
        .await
        .unwrap()
        .into_iter()
        .map(|event| event.kind)
        .collect()
}

#[tokio::test]
async fn who_is_disabled_is_out_at_once_and_comes_back_when_enabled() {
    let world = World::set_up().await;
    world.add("noor", Role::Operator).await;
    let noor = world.sign_in("noor", "n1").await;
    let secret = world
        .accounts
        .create_token(&noor, token(None, Scope::Write), PASSWORD.into())
        .await
        .unwrap()
        .secret;
    let bearer = world.accounts.caller_for_token(&secret, None).await.unwrap().unwrap();
    let begun = world.accounts.sign_in("noor", PASSWORD.into()).await.unwrap().unwrap();
    let mut changes = world.accounts.changes();

    assert!(
        world
            .accounts
            .set_disabled(&Caller::cli(), "noor", true)
            .await
            .unwrap()
            .disabled
    );
    assert!(changes.recv().await.unwrap().concerns(&bearer));
    assert_eq!(world.accounts.refresh(&noor).await, Ok(None));
    assert_eq!(world.accounts.refresh(&bearer).await, Ok(None));
    assert_eq!(world.accounts.caller_for_token(&secret, None).await, Ok(None));
    assert_eq!(world.accounts.sign_in("noor", PASSWORD.into()).await, Ok(None));
    assert_eq!(
        world.accounts.create_login(login("late", &begun)).await,
        Err(Error::Unauthenticated)
    );
    let refused = world
        .accounts
        .create_token_for(&Caller::cli(), "noor", token(None, Scope::Read))
        .await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert!(
        world
            .accounts
            .list_users(&Caller::cli())
            .await
            .unwrap()
            .iter()
            .any(|user| user.name == "noor" && user.disabled)
    );

    assert!(
        !world
            .accounts
            .set_disabled(&Caller::cli(), "noor", false)
            .await
            .unwrap()
            .disabled
    );
    assert!(world.accounts.caller_for_token(&secret, None).await.unwrap().is_some());
    world.sign_in("noor", "n2").await;
    let viewer = Caller {
        role: Role::Admin,
        ..noor
    };
    assert!(
        matches!(
            world.accounts.set_disabled(&viewer, "mara", true).await,
            Err(Error::Forbidden(_))
        ),
        "only owners"
    );
    assert!(
        matches!(
            world.accounts.remove_user(&viewer, "mara").await,
            Err(Error::Forbidden(_))
        ),
        "only owners"
    );
}

#[tokio::test]
async fn who_is_removed_leaves_nothing_that_opens_anything_and_a_free_name() {
    let world = World::set_up().await;
    let id = world.add("noor", Role::Operator).await;
    let noor = world.sign_in("noor", "n1").await;
    let secret = world
        .accounts
        .create_token(&noor, token(None, Scope::Write), PASSWORD.into())
        .await
        .unwrap()
        .secret;
    let head = world.test.journal.head().await;
    world.accounts.remove_user(&Caller::cli(), "noor").await.unwrap();
    assert_eq!(kinds_after(&world, head).await, ["token.revoked", "user.removed"]);
    assert_eq!(world.accounts.refresh(&noor).await, Ok(None));
    assert_eq!(world.accounts.caller_for_token(&secret, None).await, Ok(None));
    assert_eq!(world.accounts.account(id).await, Ok(None));
    assert_eq!(
        world.accounts.find_user(&Caller::cli(), "noor").await,
        Err(Error::NotFound("user".into()))
    );
    assert_eq!(
        world.accounts.remove_user(&Caller::cli(), "noor").await,
        Err(Error::NotFound("user".into()))
    );
    let again = world.add("Noor", Role::Viewer).await;
    assert_ne!(again, id, "another person of that name");
    assert_eq!(world.sign_in("noor", "n2").await.role, Role::Viewer);
    let report = node::journal::doctor(&world.test.store).await.unwrap();
    assert!(report.healthy, "{report:?}");
}

#[tokio::test]
async fn the_last_owner_who_can_sign_in_cannot_be_taken_away() {
    let world = World::set_up().await;
    world.add("noor", Role::Owner).await;
    world.accounts.set_disabled(&Caller::cli(), "noor", true).await.unwrap();
    let cli = Caller::cli();
    let refusals = [
        world.accounts.set_role(&cli, "mara", Role::Admin).await.err(),
        world.accounts.set_disabled(&cli, "mara", true).await.err(),
        world.accounts.remove_user(&cli, "mara").await.err(),
    ];
    for refused in refusals {
        assert!(matches!(refused, Some(Error::Conflict(_))), "{refused:?}");
    }
    // Two removals at once, each while the other owner still exists: one owner stays.
    world.accounts.set_disabled(&cli, "noor", false).await.unwrap();
    let (mara, noor) = tokio::join!(
        world.accounts.remove_user(&cli, "mara"),
        world.accounts.set_role(&cli, "noor", Role::Viewer)
    );
    assert!(mara.is_ok() != noor.is_ok(), "{mara:?} {noor:?}");
}

#[tokio::test]
async fn tokens_end_with_the_password_where_that_is_asked() {
    let world = World::set_up().await;
    world.add("noor", Role::Operator).await;
    let works = async |secret: &str| world.accounts.caller_for_token(secret, None).await.unwrap().is_some();
    let made = async || {
        world
            .accounts
            .create_token_for(&Caller::cli(), "noor", token(None, Scope::Read))
            .await
            .unwrap()
            .secret
    };
    let (mut password, mut n) = (PASSWORD.to_owned(), 0);
    for revoke in [false, true] {
        for way in ["own", "set", "everywhere"] {
            n += 1;
            let (secret, noor) = (
                made().await,
                world.sign_in_with("noor", &password, &format!("n{n}")).await,
            );
            let new = format!("another long password {n}");
            match way {
                "own" => world
                    .accounts
                    .change_password(&noor, password.clone(), new.clone(), revoke)
                    .await
                    .unwrap(),
                "set" => world
                    .accounts
                    .set_password(&Caller::cli(), "noor", new.clone(), revoke)
                    .await
                    .unwrap(),
                _ => world.accounts.log_out_everywhere(&noor, revoke).await.unwrap(),
            }
            if way != "everywhere" {
                password = new;
            }
            assert_eq!(works(&secret).await, !revoke, "{way}, revoke: {revoke}");
        }
    }
}

#[tokio::test]
async fn a_token_is_made_only_by_who_knows_the_password_now() {
    let world = World::set_up().await;
    let (here, thief) = (
        world.sign_in("mara", "here").await,
        world.sign_in("mara", "stolen").await,
    );
    for _ in 0..5 {
        let refused = world
            .accounts
            .create_token(&thief, token(None, Scope::Write), "a guess".into())
            .await;
        assert!(
            matches!(&refused, Err(Error::Invalid { field, .. }) if field == "password"),
            "{refused:?}"
        );
    }
    let limited = world
        .accounts
        .create_token(&thief, token(None, Scope::Write), PASSWORD.into())
        .await;
    assert!(matches!(limited, Err(Error::RateLimited(_))), "{limited:?}");
    world.test.clock.advance(60_000);
    world
        .accounts
        .create_token(&here, token(None, Scope::Write), PASSWORD.into())
        .await
        .unwrap();
    world.accounts.delete_login("stolen").await.unwrap();
    let ended = world
        .accounts
        .create_token(&thief, token(None, Scope::Write), PASSWORD.into())
        .await;
    assert_eq!(
        ended.err(),
        Some(Error::Unauthenticated),
        "a login that ended makes no token"
    );
    // A person who uses GitHub only has no password to enter.
    let octo = world
        .accounts
        .sign_in_with_github(
            GithubIdentity {
                id: 7,
                login: "octocat".into(),
            },
            Role::Operator,
        )
        .await
        .unwrap();
    assert!(world.accounts.create_login(login("octo", &octo)).await.unwrap());
    let octo = octo.caller("octo".into(), None);
    assert!(!world.accounts.has_password(&octo).await.unwrap() && world.accounts.has_password(&here).await.unwrap());
    world
        .accounts
        .create_token(&octo, token(None, Scope::Read), String::new())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_happens_to_accounts_is_recorded_without_a_secret() {
    let world = World::set_up().await;
    let mara = world.sign_in("mara", "m1").await;
    let made = world
        .accounts
        .create_token(&mara, token(None, Scope::Read), PASSWORD.into())
        .await
        .unwrap();
    world.accounts.revoke_token(&mara, made.token.id).await.unwrap();
    world
        .accounts
        .change_password(&mara, PASSWORD.into(), "another long password".into(), false)
        .await
        .unwrap();
    world.add("noor", Role::Viewer).await;
    world
        .accounts
        .set_role(&Caller::cli(), "noor", Role::Operator)
        .await
        .unwrap();
    world.accounts.set_disabled(&Caller::cli(), "noor", true).await.unwrap();
    world
        .accounts
        .set_disabled(&Caller::cli(), "noor", false)
        .await
        .unwrap();
    world.accounts.remove_user(&Caller::cli(), "noor").await.unwrap();
    let kinds = kinds_after(&world, 0).await;
    let expected = [
        "user.created",
        "node.set_up",
        "user.signed_in",
        "token.made",
        "token.revoked",
        "user.password_set",
        "user.created",
        "user.changed",
        "user.changed",
        "user.changed",
        "user.removed",
    ];
    assert_eq!(kinds, expected);
    let signed_in = &world.test.journal.events(2, 1).await.unwrap()[0];
    assert_eq!(
        (signed_in.actor.as_str(), signed_in.subject.as_str()),
        (
            mara.user.unwrap().to_string().as_str(),
            mara.user.unwrap().to_string().as_str()
        )
    );
}

#[tokio::test]
async fn refused_sign_ins_are_recorded_but_not_all_of_a_flood_and_no_name_that_nobody_has() {
    let world = World::set_up().await;
    let head = world.test.journal.head().await;
    world.accounts.note_refusal("mara", Some("192.0.2.1".into()));
    for _ in 0..5_000 {
        world.accounts.note_refusal("my secret password", None);
    }
    let recorded = async || world.test.journal.events(head, 1_000).await.unwrap();
    for _ in 0..200 {
        if recorded().await.len() >= 60 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    world.test.clock.advance(60_000);
    world.accounts.note_refusal("mara", None);
    while recorded().await.len() < 61 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let events = recorded().await;
    assert_eq!(events.len(), 61);
    let mara = world
        .accounts
        .find_user(&Caller::cli(), "mara")
        .await
        .unwrap()
        .id
        .to_string();
    assert_eq!(events.iter().filter(|event| event.subject == mara).count(), 2);
    let more: i64 = events
        .iter()
        .filter_map(|event| match event.fact() {
            Some(Fact::SignInRefused(fact)) => Some(fact.more),
            _ => None,
        })
        .sum();
    assert_eq!(more, 5_002 - 61, "those that were not written down are counted");
    for event in events {
        assert!(!String::from_utf8_lossy(event.payload.as_deref().unwrap_or_default()).contains("secret"));
    }
}

#[tokio::test]
async fn who_is_taken_off_the_github_list_loses_logins_and_tokens() {
    let world = World::set_up().await;
    let by_github = async |id, login_name: &str, handle: &str| {
        let account = world
            .accounts
            .sign_in_with_github(
                GithubIdentity {
                    id,
                    login: login_name.into(),
                },
                Role::Operator,
            )
            .await
            .unwrap();
        assert!(world.accounts.create_login(login(handle, &account)).await.unwrap());
        let secret = world
            .accounts
            .create_token_for(&Caller::cli(), &account.user.name, token(None, Scope::Read))
            .await
            .unwrap()
            .secret;
        (account.caller(handle.into(), None), secret)
    };
    let (kept, gone) = (by_github(1, "kept", "k").await, by_github(2, "gone", "g").await);
    let mara = world.sign_in("mara", "m").await;
    assert_eq!(
        world
            .accounts
            .shut_out_of_github(|id, login| id == 1 && login == "kept")
            .await,
        Ok(1)
    );
    for ((caller, secret), stays) in [(&kept, true), (&gone, false)] {
        assert_eq!(world.accounts.refresh(caller).await.unwrap().is_some(), stays);
        assert_eq!(
            world.accounts.caller_for_token(secret, None).await.unwrap().is_some(),
            stays
        );
    }
    assert!(world.accounts.refresh(&mara).await.unwrap().is_some());
    assert_eq!(
        world.accounts.shut_out_of_github(|id, _| id == 1).await,
        Ok(0),
        "there is nothing left to end"
    );
}
