//! An agent's environment: an allow-list from the node's own, plus the driver's variables. Three kinds must not pass:
//! what changes how programs load, which repository git uses, or whose child an agent believes to be.

use std::{collections::BTreeMap, ffi::OsString};

/// The variable that marks every process of a run, so that they can be found when the shim is gone.
pub const MARK: &str = "ORCHWIZ_RUN";

const PASSED: [&str; 5] = ["PATH", "HOME", "LANG", "TERM", "TMPDIR"];
const PASSED_PREFIXES: [&str; 4] = ["SSL_CERT_", "ANTHROPIC_", "CLAUDE_", "DISABLE_"];
const NEVER: [&str; 4] = [
    "CLAUDECODE",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_CHILD_SESSION",
    MARK,
];
const NEVER_PREFIXES: [&str; 2] = ["LD_", "GIT_"];

/// The part of the node's own environment that an agent gets. Names and values that are not UTF-8 are left out.
pub(super) fn passed_on(own: impl Iterator<Item = (OsString, OsString)>) -> BTreeMap<String, String> {
    own.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| is_passed(name))
        .collect()
}

/// `base` with the driver's variables on top; `Err` is the first invalid name.
pub(super) fn complete(
    base: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    if let Some(bad) = own
        .iter()
        .find(|(name, value)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0'))
    {
        return Err(bad.0.clone());
    }
    let mut all = base.clone();
    all.extend(
        own.iter()
            .filter(|(name, _)| !is_never(name))
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    Ok(all)
}

/// The secrets in the environment that agents get: keys, tokens and passwords, also those inside of proxy URLs.
pub fn secrets(own: impl Iterator<Item = (OsString, OsString)>) -> Vec<String> {
    let telling = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CUSTOM_HEADERS"];
    let mut found = Vec::new();
    for (name, value) in passed_on(own) {
        if telling.iter().any(|part| name.to_ascii_uppercase().contains(part)) {
            found.push(value);
        } else if let Some((user, _)) = value.split_once("://").and_then(|(_, rest)| rest.split_once('@')) {
            found.extend(user.split_once(':').map(|(_, password)| password.to_owned()));
        }
    }
    found
}

fn is_passed(name: &str) -> bool {
    let proxy = name.to_ascii_lowercase().ends_with("_proxy");
    !is_never(name)
        && (PASSED.contains(&name) || proxy || PASSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

fn is_never(name: &str) -> bool {
    NEVER.contains(&name) || NEVER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tokens_and_passwords_are_secret() {
        let own = [
            ("ANTHROPIC_API_KEY", "sk-ant-1234"),
            ("CLAUDE_CODE_OAUTH_TOKEN", "oauth-5678"),
            ("HTTPS_PROXY", "http://mara:hunter22@proxy:3128"),
            ("ANTHROPIC_BASE_URL", "https://api.example"),
            ("PATH", "/usr/bin"),
            ("AWS_SECRET_ACCESS_KEY", "which agents do not get"),
        ];
        let found = secrets(
            own.iter()
                .map(|(name, value)| (OsString::from(name), OsString::from(value))),
        );
        assert_eq!(found, ["sk-ant-1234", "oauth-5678", "hunter22"]);
    }

    #[test]
    fn only_the_allow_list_passes_and_the_never_list_never() {
        for (name, passes) in [
            ("PATH", true),
            ("HOME", true),
            ("LANG", true),
            ("TERM", true),
            ("TMPDIR", true),
            ("SSL_CERT_FILE", true),
            ("HTTPS_PROXY", true),
            ("no_proxy", true),
            ("ANTHROPIC_API_KEY", true),
            ("CLAUDE_CONFIG_DIR", true),
            ("DISABLE_TELEMETRY", true),
            ("CLAUDECODE", false),
            ("CLAUDE_CODE_SESSION_ID", false),
            ("CLAUDE_CODE_CHILD_SESSION", false),
            ("LD_PRELOAD", false),
            ("GIT_DIR", false),
            ("GIT_PROXY", false),
            ("AWS_SECRET_ACCESS_KEY", false),
            ("ORCHWIZ_RUN", false),
            ("DATABASE_URL", false),
            ("PATHOLOGY", false),
            ("", false),
            ("é_proxy", true),
        ] {
            let own = [(OsString::from(name), OsString::from("x"))].into_iter();
            assert_eq!(passed_on(own).contains_key(name), passes, "{name}");
        }
    }

    #[test]
    fn a_driver_adds_variables_but_none_of_the_never_list() {
        let base = BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]);
        let own = BTreeMap::from(
            [
                ("PATH", "/usr/bin"),
                ("MINE", "1"),
                ("LD_PRELOAD", "x"),
                ("ORCHWIZ_RUN", "x"),
            ]
            .map(|(n, v)| (n.to_owned(), v.to_owned())),
        );
        let all = complete(&base, &own).expect("names are good");
        assert_eq!(
            all.into_iter().collect::<Vec<_>>(),
            [
                ("MINE".to_owned(), "1".to_owned()),
                ("PATH".to_owned(), "/usr/bin".to_owned())
            ]
        );
        for bad in ["", "A=B", "A\0"] {
            assert!(
                complete(&base, &BTreeMap::from([(bad.to_owned(), String::new())])).is_err(),
                "{bad:?}"
            );
        }
    }
}
