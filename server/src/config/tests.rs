use super::*;

fn load(
    flags: &[(&'static str, &str)],
    environment: &[(&str, &str)],
    file: Option<&str>,
) -> Result<Config, ConfigError> {
    let sources = Sources {
        flags: flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
        environment: environment
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect(),
        file: None,
    };
    Config::from_parts(&sources, file.map(|text| (Path::new(FILE), text)))
}

#[test]
fn nothing_said_gives_a_node_only_this_machine_can_reach() {
    let config = load(&[], &[("PATH", "/bin")], None).unwrap();
    assert_eq!(config.first_listen().to_string(), "127.0.0.1:3000");
    assert_eq!(config.data_dir, Path::new("data"));
    assert_eq!(config.agents_idle_seconds, 900);
    assert!(config.agents_max >= 4);
    assert_eq!(config.address().as_str(), "http://127.0.0.1:3000/");
}

#[test]
fn flags_beat_the_environment_and_the_environment_beats_the_file() {
    let file = "listen = \"127.0.0.1:1\"\nlog = \"debug\"\n[agents]\nmax = 2\nidle_seconds = 60";
    let environment = [("ORCHWIZ_LISTEN", "127.0.0.1:2"), ("ORCHWIZ_AGENTS_MAX", "3")];
    let config = load(&[("listen", "127.0.0.1:4")], &environment, Some(file)).unwrap();
    assert_eq!(
        (
            config.first_listen().port(),
            config.agents_max,
            config.agents_idle_seconds,
            config.log.as_str()
        ),
        (4, 3, 60, "debug")
    );
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_nearest() {
    for (environment, file, expected) in [
        (
            vec![],
            Some("lissten = \"x\""),
            "`lissten` is not a setting; did you mean `listen`?",
        ),
        (
            vec![],
            Some("[agents]\nmaximum = 3"),
            "`agents.maximum` is not a setting; did you mean `agents.max`?",
        ),
        (vec![], Some("[agent]\nmax = 3"), "did you mean `agents.max`?"),
        (
            vec![("ORCHWIZ_AGENTS_MX", "3")],
            None,
            "did you mean `ORCHWIZ_AGENTS_MAX`?",
        ),
        (vec![("ORCHWIZ_DATA_DIR", "x")], None, "did you mean `ORCHWIZ_DATA`?"),
    ] {
        let error = load(&[], &environment, file).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(
        load(&[], &[("ORCHWIZ_TEST_POSTGRES", "x")], None).is_ok(),
        "variables of the test suite are no settings"
    );
}

#[test]
fn a_wrong_value_names_where_it_was_said() {
    for (flags, environment, file, origin) in [
        (vec![("listen", "everywhere")], vec![], None, "--listen"),
        (vec![], vec![("ORCHWIZ_AGENTS_MAX", "many")], None, "ORCHWIZ_AGENTS_MAX"),
        (vec![], vec![("ORCHWIZ_AGENTS_MAX", "0")], None, "ORCHWIZ_AGENTS_MAX"),
        (
            vec![],
            vec![("ORCHWIZ_BEHIND_PROXY", "maybe")],
            None,
            "ORCHWIZ_BEHIND_PROXY",
        ),
        (
            vec![],
            vec![("ORCHWIZ_DATABASE_URL", "mysql://x")],
            None,
            "ORCHWIZ_DATABASE_URL",
        ),
        (
            vec![],
            vec![("ORCHWIZ_TRUSTED_PROXIES", "10.0.0.0/8, proxy")],
            None,
            "ORCHWIZ_TRUSTED_PROXIES",
        ),
        (vec![("public_url", "ftp://x")], vec![], None, "--public-url"),
        (vec![], vec![], Some("listen = 3000"), "orchwiz.toml: listen"),
        (
            vec![],
            vec![],
            Some("[projects]\nroots = [\"relative\"]"),
            "orchwiz.toml: projects.roots",
        ),
        (
            vec![],
            vec![],
            Some("[node]\nkind = \"toaster\""),
            "orchwiz.toml: node.kind",
        ),
        (
            vec![],
            vec![],
            Some("[github]\nrole = \"owner\""),
            "orchwiz.toml: github.role",
        ),
        (
            vec![],
            vec![("ORCHWIZ_GITHUB_ROLE", "everything")],
            None,
            "ORCHWIZ_GITHUB_ROLE",
        ),
        (vec![], vec![], Some("listen = "), "orchwiz.toml"),
    ] {
        let error = load(&flags, &environment, file).unwrap_err();
        assert_eq!(error.origin, origin, "{error}");
    }
}

#[test]
fn listening_where_others_reach_it_needs_a_proxy_that_speaks_tls() {
    let error = load(&[("listen", "0.0.0.0:3000")], &[], None).unwrap_err().to_string();
    assert!(error.contains("--behind-proxy"), "{error}");
    let url = ("public_url", "https://orchwiz.example.org");
    let config = load(&[("listen", "0.0.0.0:3000"), ("behind_proxy", "true"), url], &[], None).unwrap();
    assert!(
        config
            .trusted_proxies
            .iter()
            .any(|net| net.contains("127.0.0.1".parse().unwrap()))
    );
}

#[test]
fn a_cloud_node_says_how_it_is_reached_and_what_ends_tls() {
    let (cloud, url, proxy) = (
        ("node.kind", "cloud"),
        ("public_url", "https://cloud.example.org"),
        ("behind_proxy", "true"),
    );
    for flags in [vec![cloud], vec![cloud, url]] {
        let error = load(&flags, &[], None).unwrap_err();
        assert_eq!(error.origin, "--kind");
        assert!(
            error.message.contains("--public-url") && error.message.contains("--behind-proxy"),
            "{error}"
        );
    }
    let config = load(&[cloud, url, proxy], &[], None).unwrap();
    assert_eq!(config.fleet_urls(), ["https://cloud.example.org"]);
}

#[test]
fn a_node_may_listen_inside_and_outside_and_each_address_obeys_the_same_rule() {
    let file = r#"listen = ["127.0.0.1:3000", "10.0.0.2:3001"]
        public_url = ["https://out.example.org/", "https://in.example.org"]
        [node]
        kind = "hybrid""#;
    let error = load(&[], &[], Some(file)).unwrap_err();
    assert!(
        error.origin == "orchwiz.toml: listen" && error.message.contains("10.0.0.2:3001"),
        "{error}"
    );
    let config = load(&[("behind_proxy", "true")], &[], Some(file)).unwrap();
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.public_url().unwrap().as_str(), "https://out.example.org/");
    assert_eq!(
        config.fleet_urls(),
        ["https://out.example.org", "https://in.example.org"]
    );
    // A public address that is not protected is one too many.
    let flags = [
        ("behind_proxy", "true"),
        ("public_url", "https://out.example.org,http://in.example.org"),
    ];
    assert_eq!(load(&flags, &[], None).unwrap_err().origin, "--behind-proxy");
    let flags = [("listen", "127.0.0.1:1,127.0.0.1:2")];
    let config = load(&flags, &[], None).unwrap();
    assert_eq!(config.fleet_urls(), ["http://127.0.0.1:1", "http://127.0.0.1:2"]);
}

#[test]
fn secrets_do_not_show_in_debug() {
    let environment = [
        ("ORCHWIZ_DATABASE_URL", "postgres://u:hunter2@h/d"),
        ("ORCHWIZ_GITHUB_CLIENT_ID", "id"),
        ("ORCHWIZ_GITHUB_CLIENT_SECRET", "hunter3"),
    ];
    let text = format!("{:?}", load(&[], &environment, None).unwrap());
    assert!(!text.contains("hunter"), "{text}");
}

#[test]
fn who_comes_by_github_becomes_an_operator_unless_said_otherwise() {
    assert_eq!(load(&[], &[], None).unwrap().github.role, Role::Operator);
    assert_eq!(
        load(&[], &[], Some("[github]\nrole = \"viewer\"")).unwrap().github.role,
        Role::Viewer
    );
}

#[test]
fn behind_a_proxy_the_address_of_browsers_is_known_and_its_cookie_is_secure() {
    for flags in [
        vec![("behind_proxy", "true")],
        vec![("behind_proxy", "true"), ("public_url", "http://orchwiz.example.org")],
    ] {
        let error = load(&flags, &[("ORCHWIZ_ALLOWED_HOSTS", "orchwiz.example.org")], None).unwrap_err();
        assert_eq!(error.origin, "--behind-proxy");
        assert!(error.message.contains("--public-url"), "{error}");
    }
    assert!(
        load(
            &[("behind_proxy", "true"), ("public_url", "https://orchwiz.example.org")],
            &[],
            None
        )
        .unwrap()
        .is_secure()
    );
    // Traffic on this machine needs no TLS, which makes trying it out easy.
    load(
        &[("behind_proxy", "true"), ("public_url", "http://localhost:8080")],
        &[],
        None,
    )
    .unwrap();
}

#[test]
fn the_file_is_the_named_one_or_the_data_directorys_or_the_users_and_never_one_of_the_current_folder() {
    let files = |flags: &[(&'static str, &str)], environment: &[(&str, &str)]| {
        let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let environment = environment
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect();
        let sources = Sources {
            flags,
            environment,
            file: None,
        };
        let paths = sources
            .usual_files()
            .into_iter()
            .map(|path| path.to_str().unwrap().to_owned());
        (sources.named_file(), paths.collect::<Vec<_>>())
    };
    assert_eq!(files(&[], &[]), (None, vec![]));
    assert_eq!(
        files(&[], &[("HOME", "/home/mara")]).1,
        ["/home/mara/.config/orchwiz/orchwiz.toml"]
    );
    assert_eq!(
        files(&[], &[("HOME", "/home/mara"), ("XDG_CONFIG_HOME", "/etc/mara")]).1,
        ["/etc/mara/orchwiz/orchwiz.toml"]
    );
    assert_eq!(files(&[], &[("HOME", "."), ("XDG_CONFIG_HOME", "here")]).1, [""; 0]);
    let data = ("ORCHWIZ_DATA", "/srv/data");
    assert_eq!(
        files(&[], &[data, ("HOME", "/home/mara")]).1,
        ["/srv/data/orchwiz.toml", "/home/mara/.config/orchwiz/orchwiz.toml"]
    );
    assert_eq!(files(&[("data", "/srv/other")], &[data]).1, ["/srv/other/orchwiz.toml"]);
    assert_eq!(
        files(&[], &[("ORCHWIZ_CONFIG", "mine.toml")]).0.as_deref(),
        Some(Path::new("mine.toml"))
    );
}
