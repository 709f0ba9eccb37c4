//! The command line: output and exit codes, with a running node and without.

use crate::real::{Running, run, run_with, text};
use serde_json::Value;

const PASSWORD: &str = "correct horse battery\n";

fn add(data: &str, name: &str) {
    let (code, out, err) = text(&run(
        &[
            "user",
            "add",
            name,
            "--role",
            "owner",
            "--password-stdin",
            "--data",
            data,
        ],
        Some(PASSWORD),
    ));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{err}");
    assert!(out.starts_with("usr_"), "{out}");
}

#[test]
fn a_wrong_call_ends_with_2_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    for (args, says) in [
        (vec![], "Usage"),
        (vec!["sing"], "unrecognized"),
        (vec!["user", "add", "mara", "--data", data], "--role"),
        (
            vec![
                "user",
                "add",
                "mara",
                "--role",
                "king",
                "--password-stdin",
                "--data",
                data,
            ],
            "king",
        ),
        (vec!["token", "create", "--data", data], "--user"),
        (
            vec!["token", "create", "--user", "mara", "--expires", "soon", "--data", data],
            "soon",
        ),
        (vec!["token", "revoke", "x", "--data", data], "tok_"),
        (vec!["serve", "--listen", "everywhere", "--data", data], "--listen"),
        (vec!["serve", "--listen", "0.0.0.0:0", "--data", data], "--behind-proxy"),
        (vec!["serve", "--kind", "cloud", "--data", data], "--public-url"),
        (vec!["serve", "--kind", "toaster", "--data", data], "toaster"),
        (vec!["peer", "confirm", "x", "--data", data], "lnk_"),
        (vec!["peer", "join", "ow1_x", "--send", "some", "--data", data], "prj_"),
        (
            vec!["serve", "--database-url", "mysql://x", "--data", data],
            "postgres://",
        ),
        (vec!["doctor", "--config", "/no/such/file.toml"], "/no/such/file.toml"),
    ] {
        let (code, _, err) = text(&run(&args, None));
        assert_eq!(code, Some(2), "{args:?}: {err}");
        assert!(err.contains(says), "{args:?}: {err}");
    }
    let (code, _, err) = text(&run_with(&["doctor", "--data", data], None, &[("ORCHWIZ_LISTN", "x")]));
    assert_eq!(code, Some(2));
    assert!(err.contains("did you mean `ORCHWIZ_LISTEN`?"), "{err}");
    assert!(
        std::fs::read_dir(folder.path()).unwrap().next().is_none(),
        "a wrong call made something"
    );
}

#[test]
fn people_and_tokens_are_kept_without_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    add(data, "mara");
    let (code, _, err) = text(&run(
        &[
            "user",
            "add",
            "mara",
            "--role",
            "viewer",
            "--password-stdin",
            "--data",
            data,
        ],
        Some(PASSWORD),
    ));
    assert_eq!(code, Some(1));
    assert!(err.starts_with("orchwiz: ") && err.lines().count() == 1, "{err}");
    let (code, out, _) = text(&run(&["user", "list", "--data", data], None));
    assert!(
        code == Some(0) && out.contains("mara") && out.contains("owner"),
        "{out}"
    );

    let (code, token, err) = text(&run(
        &[
            "token",
            "create",
            "--user",
            "mara",
            "--scope",
            "read",
            "--expires",
            "30d",
            "--data",
            data,
        ],
        None,
    ));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(
        token.starts_with("owz_") && token.lines().count() == 1 && !token.trim().contains(' '),
        "the token and nothing else: {token:?}"
    );
    let (_, out, _) = text(&run(&["token", "list", "--json", "--data", data], None));
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (listed[0]["owner"].as_str(), listed[0]["token"]["scope"].as_str()),
        (Some("mara"), Some("read"))
    );
    assert!(!out.contains(token.trim()));
    let id = listed[0]["token"]["id"].as_str().unwrap();
    assert_eq!(text(&run(&["token", "revoke", id, "--data", data], None)).0, Some(0));
    assert_eq!(text(&run(&["token", "revoke", id, "--data", data], None)).0, Some(1));
    assert_eq!(
        text(&run(
            &["user", "passwd", "mara", "--password-stdin", "--data", data],
            Some("another long password\n")
        ))
        .0,
        Some(0)
    );
    let named = |args: &[&str]| text(&run(&[args, &["--data", data]].concat(), None));
    for (args, code) in [
        (&["user", "role", "mara", "admin"][..], Some(1)),
        (&["user", "disable", "mara"], Some(1)),
        (&["user", "remove", "mara"], Some(1)),
        (&["user", "role", "mara", "king"], Some(2)),
        (&["user", "remove", "nobody"], Some(1)),
    ] {
        assert_eq!(named(args).0, code, "{args:?}: the last owner stays");
    }
    add(data, "noor");
    let (code, out, _) = named(&["user", "role", "noor", "viewer"]);
    assert!(code == Some(0) && out.contains("noor viewer"), "{out}");
    assert!(named(&["user", "disable", "noor"]).1.contains("disabled"));
    assert!(named(&["user", "list"]).1.contains("disabled"));
    assert!(!named(&["user", "enable", "noor"]).1.contains("disabled"));
    assert_eq!(named(&["user", "remove", "noor"]).0, Some(0));
    assert!(!named(&["user", "list"]).1.contains("noor"));
    assert_eq!(
        text(&run(
            &["user", "passwd", "nobody", "--password-stdin", "--data", data],
            Some("another long password\n")
        ))
        .0,
        Some(1)
    );
}

#[test]
fn the_data_is_examined_rebuilt_and_migrated_without_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    add(data, "mara");
    let report = || {
        let (code, out, err) = text(&run(&["doctor", "--json", "--data", data], None));
        assert_eq!(code, Some(0), "{out}{err}");
        serde_json::from_str::<Value>(&out).unwrap()
    };
    let before = report();
    assert_eq!(before["healthy"], true);
    assert!(before["head"]["hash"].as_str().is_some_and(|hash| hash.len() == 64));
    let (code, out, err) = text(&run(&["rebuild", "--data", data], None));
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(report(), before, "a rebuild changes nothing");
    assert_eq!(text(&run(&["migrate", "--data", data], None)).0, Some(0));
    let (code, out, _) = text(&run(&["doctor", "--data", data], None));
    assert!(code == Some(0) && out.contains("healthy"), "{out}");
}

#[test]
fn a_running_node_is_asked_through_its_socket_and_refuses_what_needs_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let node = Running::start(folder.path());
    let data = node.data.to_str().unwrap();
    add(data, "mara");
    let (code, token, err) = text(&run(&["token", "create", "--user", "mara", "--data", data], None));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(token.starts_with("owz_"));
    assert_eq!(text(&run(&["doctor", "--data", data], None)).0, Some(0));
    assert_eq!(
        text(&run(
            &[
                "user",
                "add",
                "mara",
                "--role",
                "viewer",
                "--password-stdin",
                "--data",
                data
            ],
            Some(PASSWORD)
        ))
        .0,
        Some(1)
    );
    for command in ["rebuild", "migrate"] {
        let (code, _, err) = text(&run(&[command, "--data", data], None));
        assert_eq!(code, Some(3), "{command}: {err}");
        assert!(err.contains("running"), "{command}: {err}");
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(node.data.join("orchwiz.sock")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn two_running_nodes_are_paired_by_the_command_line() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [one, two] = folders.each_ref().map(|folder| Running::start(folder.path()));
    let [one, two] = [&one, &two].map(|node| node.data.to_str().unwrap());
    let peer = |args: &[&str], data: &str, code: i32| {
        let (ended, out, err) = text(&run(&[&["peer"][..], args, &["--data", data]].concat(), None));
        assert_eq!(ended, Some(code), "{args:?}: {out}{err}");
        (out.trim().to_owned(), err)
    };
    let list = |data: &str| -> Value { serde_json::from_str(&peer(&["list", "--json"], data, 0).0).unwrap() };
    let (invite, fingerprint) = peer(&["invite", "--send", "none"], one, 0);
    assert!(invite.starts_with("ow1_") && !invite.contains('\n'), "{invite}");
    let (joined, said) = peer(&["join", &invite], two, 0);
    let id = joined.split(' ').next().unwrap();
    assert!(joined.contains("pending"), "{joined}");
    let own = list(two)[0]["peer"]["fingerprint"].as_str().unwrap().to_owned();
    assert!(
        fingerprint.contains(&own) && said.contains(&own),
        "{fingerprint} {said}"
    );
    peer(&["join", &invite], two, 1);
    assert!(peer(&["confirm", id], one, 0).0.contains("retrying"));
    for _ in 0..200 {
        if [one, two].iter().all(|data| list(data)[0]["state"] == "live") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let (here, there) = (list(two)[0].clone(), list(one)[0].clone());
    assert_eq!((&here["state"], &there["state"]), (&"live".into(), &"live".into()));
    assert_eq!(
        (&there["receive"]["detail"], &here["receive"]["projects"]),
        (&"full".into(), &"none".into())
    );
    assert!(peer(&["pause", id], two, 0).0.contains("paused"));
    assert!(!peer(&["resume", id], two, 0).0.contains("paused"));
    peer(&["revoke", id, "--forget"], one, 0);
    assert!(peer(&["list"], one, 0).0.contains("revoked"));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(format!("{one}/node.key")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn damage_makes_the_doctor_fail() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    add(data, "mara");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use sea_orm::ConnectionTrait;
        let url = format!("sqlite://{}", folder.path().join("orchwiz.db").display());
        let db = Box::pin(sea_orm::Database::connect(url)).await.unwrap();
        db.execute_unprepared(
            "UPDATE event SET payload = CAST(replace(CAST(payload AS TEXT), 'mara', 'lara') AS BLOB)",
        )
        .await
        .unwrap();
        db.close().await.unwrap();
    });
    let (code, out, _) = text(&run(&["doctor", "--json", "--data", data], None));
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, report["healthy"].as_bool()), (Some(1), Some(false)));
    assert_eq!(report["chain"]["first_bad"]["pos"], 1);
}

#[test]
fn the_openapi_document_is_printed_without_any_data() {
    let (code, out, _) = text(&run(&["openapi"], None));
    assert_eq!(code, Some(0));
    assert_eq!(out, server::openapi::text());
}

#[test]
fn no_command_makes_a_database_beside_the_files_of_a_node_that_has_another() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    std::fs::create_dir(folder.path().join("blobs")).unwrap();
    let text_of_a_node = folder.path().join("blobs").join("ab".repeat(32));
    std::fs::write(&text_of_a_node, "x").unwrap();
    let add = [
        "user",
        "add",
        "mara",
        "--role",
        "owner",
        "--password-stdin",
        "--data",
        data,
    ];
    let commands: [&[&str]; 6] = [
        &add,
        &["user", "list", "--data", data],
        &["doctor", "--data", data],
        &["rebuild", "--data", data],
        &["migrate", "--data", data],
        &["serve", "--listen", "127.0.0.1:0", "--data", data],
    ];
    for command in commands {
        let (code, out, err) = text(&run(command, Some(PASSWORD)));
        assert_eq!(code, Some(1), "{command:?}: {out}{err}");
        assert!(
            err.contains("this database is empty") && err.contains("--database-url"),
            "{command:?}: {err}"
        );
        assert!(
            !folder.path().join("orchwiz.db").exists(),
            "{command:?} made a database"
        );
    }
    assert!(text_of_a_node.exists());
}
