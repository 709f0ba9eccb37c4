//! Sentences for the error words in `/auth/...` redirects, each with the field it belongs to. Pure. An unknown word
//! only says that it failed.

use crate::ui::format;

/// The part of the form beside which a sentence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// The name.
    Name,
    /// The password; the present one where there are two.
    Password,
    /// The new password.
    New,
    /// The GitHub button.
    Github,
    /// The whole form.
    Form,
}

/// The sentence for a failed sign-in. `retry`: seconds until the next try is accepted.
pub(super) fn sign_in(word: &str, retry: Option<i64>) -> (Beside, String) {
    match word {
        "wrong" => (Beside::Password, "Name and password do not match.".into()),
        "limited" => (Beside::Form, limited(retry)),
        "github_expired" => (
            Beside::Github,
            "That took longer than ten minutes, or began in another browser. Try again.".into(),
        ),
        "github_state" => (
            Beside::Github,
            "GitHub's answer did not belong to this browser. Try again from here.".into(),
        ),
        "github_denied" => (Beside::Github, "GitHub says that access was refused.".into()),
        "github_failed" => (
            Beside::Github,
            "GitHub did not answer as expected. Try again in a minute; the node's log says more.".into(),
        ),
        "github_not_allowed" => (
            Beside::Github,
            "This GitHub account is not on the list of this node. Ask an owner to add it.".into(),
        ),
        "github_no_setup" => (
            Beside::Github,
            "This node has no owner yet. Open the set-up link that it printed first.".into(),
        ),
        _ => (Beside::Form, "Signing in failed. The node's log says why.".into()),
    }
}

/// The sentence for a failed set-up.
pub(super) fn set_up(word: &str, retry: Option<i64>) -> (Beside, String) {
    match word {
        "name" => (
            Beside::Name,
            "A name is 1 to 64 letters, digits, dots, underscores or hyphens; node, cli and orchwiz are taken.".into(),
        ),
        "password" => (Beside::Password, TOO_SHORT.into()),
        "limited" => (Beside::Form, limited(retry)),
        _ => (
            Beside::Form,
            "The account could not be created. The node's log says why.".into(),
        ),
    }
}

/// The sentence for a failed change of password.
pub(crate) fn change(word: &str, retry: Option<i64>) -> (Beside, String) {
    match word {
        "current" => (Beside::Password, "This is not your present password.".into()),
        "new" => (Beside::New, TOO_SHORT.into()),
        "limited" => (Beside::Form, limited(retry)),
        _ => (
            Beside::Form,
            "The password was not changed. The node's log says why.".into(),
        ),
    }
}

const TOO_SHORT: &str = "A password has at least 10 characters and at most 1,000 bytes.";

fn limited(retry: Option<i64>) -> String {
    match retry {
        Some(seconds) if seconds > 0 => format!(
            "Too many tries. The next one is accepted in {}.",
            format::span(seconds.saturating_mul(1_000))
        ),
        _ => "Too many tries. Wait a few minutes.".into(),
    }
}

/// The strength of a password: 1 to 5, and in words. `None` for an empty one.
pub(super) fn strength(password: &str) -> Option<(u8, &'static str)> {
    if password.is_empty() {
        return None;
    }
    let length = password.chars().count();
    let kinds = [
        char::is_lowercase as fn(char) -> bool,
        char::is_uppercase,
        char::is_numeric,
        |c| !c.is_alphanumeric(),
    ]
    .into_iter()
    .filter(|kind| password.chars().any(kind))
    .count();
    let mut letters = Vec::new();
    for letter in password.chars() {
        if !letters.contains(&letter) {
            letters.push(letter);
        }
    }
    Some(match (length, kinds, letters.len()) {
        (..10, ..) => (1, "too short, at least 10 characters"),
        (_, _, ..5) => (1, "easy to guess, hardly any different letters"),
        (20.., ..) => (5, "very strong"),
        (16.., ..) | (12.., 3.., _) => (4, "strong"),
        (12.., ..) | (_, 3.., _) => (3, "good, longer is better"),
        _ => (2, "fair, longer is better"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_server_has_its_sentence_and_others_do_not_leak() {
        assert_eq!(sign_in("wrong", None).0, Beside::Password);
        for word in [
            "github_expired",
            "github_state",
            "github_denied",
            "github_failed",
            "github_not_allowed",
            "github_no_setup",
        ] {
            assert_eq!(sign_in(word, None).0, Beside::Github, "{word}");
        }
        assert!(sign_in("limited", Some(250)).1.contains("4m 10s"));
        assert!(!sign_in("<script>", None).1.contains("script"));
        assert_eq!(set_up("name", None).0, Beside::Name);
        assert_eq!(set_up("password", None).0, Beside::Password);
        assert_eq!(change("current", None).0, Beside::Password);
        assert_eq!(change("new", None).0, Beside::New);
    }

    #[test]
    fn strength_grows_with_length() {
        assert_eq!(strength(""), None);
        let rated: Vec<_> = [
            "short",
            "aaaaaaaaaaaaaaaa",
            "abcdefghij",
            "abcdefghijkl",
            "abcDEF123!xyz",
            "correct horse battery staple",
        ]
        .into_iter()
        .filter_map(|password| strength(password).map(|(n, _)| n))
        .collect();
        assert_eq!(rated, [1, 1, 2, 3, 4, 5]);
    }
}
