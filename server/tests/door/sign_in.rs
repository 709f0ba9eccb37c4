//! Sign-in and sign-out as browsers and programs do them, and attacks on them.

use crate::bench::{Door, PASSWORD};
use axum::body::Body;
use http::{Request, StatusCode};
use model::{Caller, Role, accounts::NewToken, caller::Scope, ports::Accounts};
use node::journal::Outcome;
use sea_orm::ConnectionTrait;
use serde_json::json;

const HOUR: i64 = 3_600_000;

#[tokio::test]
async fn a_name_and_password_sign_in_and_lead_on() {
    let door = Door::new(&[]).await;
    let mut browser = door.browser();
    assert_eq!(browser.who().await, json!(null));
    let answer = browser.sign_in("mara", PASSWORD, "/sessions?state=idle").await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/sessions?state=idle")
    );
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with(&format!("{}=", door.cookie())), "{cookie}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain http could not keep it: {cookie}");
    assert_eq!(browser.who().await, "mara");
    let logins = door
        .accounts
        .logins(&Caller {
            user: Some(door.accounts.find_user(&Caller::cli(), "mara").await.unwrap().id),
            ..Caller::cli()
        })
        .await
        .unwrap();
    assert_eq!((logins.len(), logins[0].browser.as_deref()), (1, Some("Test/1.0")));
}

#[tokio::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let door = Door::new(&[("public_url", "https://orch.example.org")]).await;
    let mut browser = crate::bench::Browser::new(door.app.clone(), "orch.example.org");
    let answer = browser.sign_in("mara", PASSWORD, "/").await;
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with(&format!("__Host-{}=", door.cookie()))
            && cookie.contains("Secure")
            && cookie.contains("Path=/")
            && !cookie.contains("Domain"),
        "{cookie}"
    );
    assert_eq!(browser.who().await, "mara");
    let answer = browser.post("/auth/logout", &[]).await;
    let gone = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .any(|cookie| cookie.to_str().unwrap().contains("Max-Age=0; HttpOnly; Secure"));
    assert!(gone, "{answer:?}");
    assert_eq!(browser.who().await, json!(null));
}

#[tokio::test]
async fn a_wrong_password_leads_back_without_it() {
    let door = Door::new(&[]).await;
    let mut browser = door.browser();
    let answer = browser.sign_in("mara", "wrong password", "/inbox").await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/signin?error=wrong&name=mara&next=%2Finbox")
    );
    assert!(browser.cookies.is_empty());
    let program = Request::post("/auth/login").header("content-type", "application/x-www-form-urlencoded");
    let answer = door
        .send(program.body(Body::from("name=mara&password=wrong+password")).unwrap())
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::UNAUTHORIZED, "unauthenticated")
    );
}

#[tokio::test]
async fn a_foreign_next_leads_to_the_start_page() {
    let door = Door::new(&[]).await;
    for next in [
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        "/\t/evil.test",
        "javascript:alert(1)",
        "",
    ] {
        let answer = door.browser().sign_in("mara", PASSWORD, next).await;
        assert_eq!(answer.location(), "/", "{next:?}");
    }
}

#[tokio::test]
async fn a_form_that_is_no_form_is_refused_with_its_field() {
    let door = Door::new(&[]).await;
    let form = "application/x-www-form-urlencoded";
    for (kind, body, status, field) in [
        (form, "password=x", 422, "name"),
        (form, "name=mara", 422, "password"),
        (form, "name=mara&name=noor&password=x", 422, "name"),
        (form, "name=mara&password=%00", 422, "password"),
        (form, "name=%ff&password=x", 422, "name"),
        ("application/json", "{}", 415, ""),
        ("", "name=mara&password=x", 415, ""),
    ] {
        let request = Request::post("/auth/login").header("content-type", kind);
        let answer = door.send(request.body(Body::from(body)).unwrap()).await;
        let said = answer.json()["error"]["field"].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (answer.status.as_u16(), said.as_str()),
            (status, field),
            "{kind} {body}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_planted_cookie_is_not_the_one_that_gets_signed_in() {
    let door = Door::new(&[]).await;
    door.user("eve", Role::Viewer).await;
    // Eve plants one of her cookies: one with a login, and one without.
    let eve = door.signed_in("eve").await;
    for planted in [
        eve.cookies.clone(),
        [(door.cookie(), "AAAAAAAAAAAAAAAAAAAAAA".to_owned())].into(),
    ] {
        let mut victim = door.browser();
        victim.cookies = planted.clone();
        victim.sign_in("mara", PASSWORD, "/").await;
        assert_ne!(victim.cookies, planted, "the id is a new one");
        assert_eq!(victim.who().await, "mara");
        let mut thief = door.browser();
        thief.cookies = planted;
        assert_eq!(thief.who().await, json!(null), "the planted id is worth nothing now");
    }
}

#[tokio::test]
async fn after_signing_out_the_old_cookie_opens_nothing() {
    let door = Door::new(&[]).await;
    let mut browser = door.signed_in("mara").await;
    let mut replayed = browser.clone();
    let mut changes = door.accounts.changes();
    let answer = browser.post("/auth/logout", &[]).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/signin?out=1")
    );
    assert!(browser.cookies.is_empty(), "the browser forgets it");
    assert!(
        matches!(changes.recv().await, Ok(node::accounts::Change::Login(_))),
        "sockets hear of it"
    );
    assert_eq!(replayed.who().await, json!(null));
    assert_eq!(browser.post("/auth/logout", &[]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn signing_out_everywhere_reaches_the_other_browser() {
    let door = Door::new(&[]).await;
    let (mut here, mut there) = (door.signed_in("mara").await, door.signed_in("mara").await);
    assert_eq!(
        here.post("/auth/logout-everywhere", &[]).await.location(),
        "/signin?out=1"
    );
    assert_eq!((here.who().await, there.who().await), (json!(null), json!(null)));
}

#[tokio::test]
async fn a_new_role_ends_the_login() {
    let door = Door::new(&[]).await;
    door.user("noor", Role::Admin).await;
    let mut noor = door.signed_in("noor").await;
    door.accounts
        .set_role(&Caller::cli(), "noor", Role::Viewer)
        .await
        .unwrap();
    assert_eq!(noor.who().await, json!(null));
}

#[tokio::test]
async fn the_own_password_is_changed_by_a_form() {
    let door = Door::new(&[]).await;
    let (mut here, mut there) = (door.signed_in("mara").await, door.signed_in("mara").await);
    for (current, new, leads) in [
        (
            "wrong password",
            "another long password",
            "/settings/profile?error=current",
        ),
        (PASSWORD, "short", "/settings/profile?error=new"),
        (PASSWORD, "another long password", "/settings/profile?saved=password"),
    ] {
        assert_eq!(
            here.post("/auth/password", &[("current", current), ("new", new)])
                .await
                .location(),
            leads
        );
    }
    assert_eq!((here.who().await, there.who().await), (json!("mara"), json!(null)));
}

#[tokio::test]
async fn a_login_that_is_known_by_heart_and_ends_is_refused_at_its_very_next_request() {
    let door = Door::new(&[]).await;
    let cli = Caller::cli();
    for (way, name) in ["out", "everywhere", "role", "disabled", "password", "removed"]
        .into_iter()
        .zip(["ada", "bea", "cleo", "dora", "ella", "fay"])
    {
        door.user(name, Role::Admin).await;
        let (mut browser, mut other) = (door.signed_in(name).await, door.signed_in(name).await);
        for _ in 0..3 {
            assert_eq!((browser.who().await, other.who().await), (json!(name), json!(name)));
        }
        let mut replayed = browser.clone();
        match way {
            "out" => drop(browser.post("/auth/logout", &[]).await),
            "everywhere" => drop(other.post("/auth/logout-everywhere", &[]).await),
            "role" => drop(door.accounts.set_role(&cli, name, Role::Viewer).await.unwrap()),
            "disabled" => drop(door.accounts.set_disabled(&cli, name, true).await.unwrap()),
            "password" => door
                .accounts
                .set_password(&cli, name, "another long password".into(), false)
                .await
                .unwrap(),
            _ => door.accounts.remove_user(&cli, name).await.unwrap(),
        }
        assert_eq!(replayed.who().await, json!(null), "{way}");
        assert_eq!(
            other.who().await,
            if way == "out" { json!(name) } else { json!(null) },
            "{way}: the other browser"
        );
    }
}

#[tokio::test]
async fn what_another_process_ended_is_believed_for_a_second_at_most() {
    let door = Door::new(&[]).await;
    let mut browser = door.signed_in("mara").await;
    assert_eq!(browser.who().await, "mara");
    let node = Caller::node();
    let ends = door.test.journal.commit(&node, |tx| {
        Box::pin(async move {
            tx.db().execute_unprepared(r#"DELETE FROM "login""#).await.unwrap();
            Ok(Outcome::new(()))
        })
    });
    ends.await.unwrap();
    assert_eq!(browser.who().await, "mara", "no statement a request");
    door.test.clock.advance(1_000);
    assert_eq!(browser.who().await, json!(null));
}

/// `seen` of the only login of `mara`.
async fn seen(door: &Door) -> i64 {
    let mara = door.accounts.find_user(&Caller::cli(), "mara").await.unwrap().id;
    door.accounts
        .logins(&Caller {
            user: Some(mara),
            ..Caller::cli()
        })
        .await
        .unwrap()[0]
        .seen
}

#[tokio::test]
async fn where_nothing_can_be_written_who_is_signed_in_goes_on_and_who_signs_in_is_told_why() {
    let door = Door::new(&[]).await;
    let mut browser = door.signed_in("mara").await;
    door.test.journal.close().await;
    door.test.clock.advance(HOUR);
    for _ in 0..2 {
        assert_eq!(browser.who().await, "mara");
    }
    let answer = door.browser().sign_in("mara", PASSWORD, "/").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    );
}

#[tokio::test]
async fn a_login_lives_as_long_as_it_is_used_but_not_for_ever() {
    let door = Door::new(&[]).await;
    let mut browser = door.signed_in("mara").await;
    let began = seen(&door).await;
    door.test.clock.advance(9 * 60_000);
    assert_eq!(browser.who().await, "mara");
    assert_eq!(seen(&door).await, began, "at most every ten minutes");
    door.test.clock.advance(11 * HOUR);
    assert_eq!(browser.who().await, "mara");
    assert!(seen(&door).await > began + 11 * HOUR);
    door.test.clock.advance(11 * HOUR);
    assert_eq!(browser.who().await, "mara", "it was seen, so it lasts longer");
    door.test.clock.advance(12 * HOUR);
    assert_eq!(browser.who().await, json!(null));
    let mut browser = door.signed_in("mara").await;
    for _ in 0..42 {
        door.test.clock.advance(8 * HOUR);
        browser.who().await;
    }
    assert_eq!(browser.who().await, json!(null), "fourteen days are over");
}

#[tokio::test]
async fn the_sixth_wrong_password_in_a_minute_has_to_wait() {
    let door = Door::new(&[]).await;
    let wrong = || {
        Request::post("/auth/login")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from("name=MARA&password=wrong+password"))
            .unwrap()
    };
    for _ in 0..5 {
        assert_eq!(door.send(wrong()).await.status, StatusCode::UNAUTHORIZED);
    }
    let answer = door.send(wrong()).await;
    assert_eq!(
        (answer.status, answer.header("retry-after"), answer.code().as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "12", "rate_limited")
    );
    let answer = door.browser().sign_in("mara", PASSWORD, "/").await;
    assert_eq!(
        answer.location(),
        "/signin?error=limited&name=mara&next=%2F&retry=12",
        "the right one has to wait, too"
    );
    door.test.clock.advance(12_000);
    assert_eq!(door.browser().sign_in("mara", PASSWORD, "/").await.location(), "/");
}

#[tokio::test]
async fn a_stranger_cannot_keep_an_account_locked() {
    let door = Door::new(&[]).await;
    let mut home = door.browser().from("192.0.2.1");
    assert_eq!(home.sign_in("mara", PASSWORD, "/").await.location(), "/");
    // Many tries from one address, then from hundreds.
    let strangers = (0..40)
        .map(|_| "203.0.113.1".to_owned())
        .chain((0..200).map(|n| format!("198.51.100.{n}")));
    let mut refused = 0;
    for address in strangers {
        let answer = door
            .browser()
            .from(&address)
            .sign_in("mara", "wrong password", "/")
            .await;
        refused += i32::from(answer.location().contains("error=limited"));
    }
    assert!(refused > 200, "{refused}: all of them together are slow");
    let answer = door.browser().from("192.0.2.77").sign_in("mara", PASSWORD, "/").await;
    assert!(
        answer.location().contains("error=limited"),
        "a network that the owner has not used waits with the strangers: {}",
        answer.location()
    );
    assert_eq!(
        door.browser()
            .from("192.0.2.1")
            .sign_in("mara", PASSWORD, "/")
            .await
            .location(),
        "/",
        "the owner's own network is spared"
    );
    for (current, leads) in [("wrong password", "error=current"), (PASSWORD, "saved=password")] {
        let answer = home
            .post(
                "/auth/password",
                &[("current", current), ("new", "another long password")],
            )
            .await;
        assert!(
            answer.location().ends_with(leads),
            "who is signed in can change the password: {}",
            answer.location()
        );
    }
}

#[tokio::test]
async fn a_stolen_cookie_is_no_way_to_try_passwords() {
    let door = Door::new(&[]).await;
    let mut thief = door.signed_in("mara").await;
    let mut tries = Vec::new();
    for _ in 0..6 {
        tries.push(
            thief
                .post(
                    "/auth/password",
                    &[("current", "a guess of mine"), ("new", "another long password")],
                )
                .await
                .location()
                .to_owned(),
        );
    }
    assert!(
        tries[..5]
            .iter()
            .all(|location| location == "/settings/profile?error=current"),
        "{tries:?}"
    );
    assert_eq!(tries[5], "/settings/profile?error=limited&retry=12");
}

#[tokio::test]
async fn a_sign_in_that_a_password_change_overtakes_leads_back_as_a_wrong_password() {
    let door = Door::new(&[]).await;
    let mut owner = door.signed_in("mara").await;
    // Tries of the old password during the change.
    let tries = (0..4).map(|_| {
        let mut thief = door.browser();
        async move {
            let answer = thief.sign_in("mara", PASSWORD, "/").await;
            (answer.status, answer.location().to_owned(), thief)
        }
    });
    let change = owner.post(
        "/auth/password",
        &[("current", PASSWORD), ("new", "another long password")],
    );
    let (tries, changed) = tokio::join!(futures::future::join_all(tries), change);
    assert_eq!(changed.location(), "/settings/profile?saved=password");
    for (status, location, mut thief) in tries {
        assert!(
            status == StatusCode::SEE_OTHER && (location == "/" || location.contains("error=wrong")),
            "{status} {location}"
        );
        assert_eq!(thief.who().await, json!(null), "{location}");
    }
    assert_eq!(owner.who().await, "mara");
}

#[tokio::test]
async fn two_nodes_on_one_host_do_not_share_a_login() {
    let one = Door::new(&[]).await;
    let two = Door::seeded(2, &[]).await;
    two.user("mara", Role::Owner).await;
    let first = one.signed_in("mara").await;
    let mut second = first.at(&two);
    assert_eq!(second.who().await, json!(null));
    second.sign_in("mara", PASSWORD, "/").await;
    assert_eq!(second.who().await, "mara");
    let mut first = second.at(&one);
    assert_eq!(first.who().await, "mara", "signing in there signs nobody out here");
    first.post("/auth/logout", &[]).await;
    assert_eq!(first.at(&two).who().await, "mara");
    // The cookie name of earlier versions, which every node of the host would accept as its own.
    let mut old = one.browser();
    let cookie = one.signed_in("mara").await.cookies[&one.cookie()].clone();
    old.cookies = [("orchwiz".to_owned(), cookie)].into();
    assert_eq!(old.who().await, json!(null));
}

#[tokio::test]
async fn signing_in_rightly_is_not_limited() {
    let door = Door::new(&[]).await;
    for _ in 0..30 {
        door.signed_in("mara").await;
    }
}

#[tokio::test]
async fn one_address_cannot_try_every_account() {
    let door = Door::new(&[]).await;
    let mut refused = 0;
    for n in 0..25 {
        let body = format!("name=user{n}&password=wrong+password");
        let request = Request::post("/auth/login")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        refused += i32::from(door.send(request).await.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(refused, 5);
}

#[tokio::test]
async fn the_set_up_form_makes_the_owner_and_signs_them_in() {
    let door = Door::without_users(&[]).await;
    let link = door.accounts.ensure_setup_link().await.unwrap().unwrap();
    let mut browser = door.browser();
    for (token, name, password, leads) in [
        (
            "guess",
            "mara",
            PASSWORD,
            "/setup?error=link&token=guess&name=mara".to_owned(),
        ),
        (
            &link.token,
            "not a name",
            PASSWORD,
            format!("/setup?error=name&token={}&name=not+a+name", link.token),
        ),
        (
            &link.token,
            "mara",
            "short",
            format!("/setup?error=password&token={}&name=mara", link.token),
        ),
        (&link.token, "mara", PASSWORD, "/".to_owned()),
    ] {
        let answer = browser
            .post(
                "/auth/setup",
                &[("token", token), ("name", name), ("password", password)],
            )
            .await;
        assert_eq!(
            (answer.status, answer.location()),
            (StatusCode::SEE_OTHER, leads.as_str())
        );
    }
    assert_eq!(browser.who().await, "mara");
    let again = door
        .browser()
        .post(
            "/auth/setup",
            &[("token", &link.token), ("name", "eve"), ("password", PASSWORD)],
        )
        .await;
    assert!(again.location().starts_with("/setup?error=link"), "{again:?}");
    let limited = door
        .browser()
        .post(
            "/auth/setup",
            &[("token", "x"), ("name", "eve"), ("password", PASSWORD)],
        )
        .await;
    assert!(
        limited.location().contains("error=limited"),
        "the sixth in a minute: {limited:?}"
    );
}

#[tokio::test]
async fn a_bearer_token_stands_alone() {
    let door = Door::new(&[]).await;
    door.user("noor", Role::Viewer).await;
    let secret = door
        .accounts
        .create_token_for(
            &Caller::cli(),
            "noor",
            NewToken {
                name: "t".into(),
                scope: Scope::Read,
                days: None,
            },
        )
        .await
        .unwrap()
        .secret;
    let mara = door.signed_in("mara").await;
    let ask = |bearer: String, cookie: Option<String>| {
        let mut request = Request::post("/who").header("authorization", bearer);
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        door.send(request.body(Body::empty()).unwrap())
    };
    let cookie = format!("{}={}", door.cookie(), mara.cookies[&door.cookie()]);
    let answer = ask(format!("Bearer {secret}"), Some(cookie.clone())).await;
    assert_eq!(answer.json()["name"], "noor", "the cookie beside it does not count");
    assert_eq!(answer.json()["via"]["kind"], "token");
    for bad in [
        "Bearer owz_garbage".to_owned(),
        "Bearer ".into(),
        "Bearer x".into(),
        format!("Bearer {secret}0"),
        format!("Basic {secret}"),
        format!("Bearer {secret} {secret}"),
    ] {
        let answer = ask(bad.clone(), Some(cookie.clone())).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::UNAUTHORIZED, "unauthenticated"),
            "{bad}"
        );
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{bad}");
    }
}

#[tokio::test]
async fn the_address_behind_a_proxy_counts_only_when_configured() {
    let proxied = [("behind_proxy", "true"), ("public_url", "https://orchwiz.example.org")];
    for (flags, from) in [(&[][..], "127.0.0.1"), (&proxied[..], "203.0.113.7")] {
        let door = Door::new(flags).await;
        let secret = door
            .accounts
            .create_token_for(
                &Caller::cli(),
                "mara",
                NewToken {
                    name: "t".into(),
                    scope: Scope::Read,
                    days: None,
                },
            )
            .await
            .unwrap()
            .secret;
        let mut request = Request::get("/who")
            .header("authorization", format!("Bearer {secret}"))
            .header("x-forwarded-for", "1.2.3.4, 203.0.113.7")
            .body(Body::empty())
            .unwrap();
        request
            .extensions_mut()
            .insert(axum::extract::ConnectInfo(std::net::SocketAddr::from((
                [127, 0, 0, 1],
                9,
            ))));
        assert_eq!(door.send(request).await.json()["from"], from);
    }
}
