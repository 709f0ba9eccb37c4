//! The rules for names and passwords, each with a sentence for people. Pure; it must not look anything up.

use model::{Error, Result};

/// The longest name, in characters.
const NAME_MAX: usize = 64;
/// The shortest password, in characters.
const PASSWORD_MIN: usize = 10;
/// The longest password, in bytes: hashing longer ones would keep the node busy.
const PASSWORD_MAX: usize = 1_000;
/// Names that the audit trail uses for actors that are not people.
const RESERVED: [&str; 3] = ["node", "cli", "orchwiz"];

/// The form in which names are compared: names with the same form are the same person.
pub(super) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

pub(super) const fn name_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Refuses an invalid name.
pub(super) fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(name_letter) {
        return Err(Error::invalid(
            "name",
            "a name is 1 to 64 letters, digits, dots, underscores or hyphens",
        ));
    }
    if RESERVED.contains(&fold(name).as_str()) {
        return Err(Error::invalid(
            "name",
            format!("{name} stands for the node itself: choose another name"),
        ));
    }
    Ok(())
}

/// Refuses a password that is too short, too long or not text. The error names `field`.
pub(super) fn check_password(field: &str, password: &str) -> Result<()> {
    if password.chars().count() < PASSWORD_MIN {
        return Err(Error::invalid(field, "a password has at least 10 characters"));
    }
    if password.len() > PASSWORD_MAX {
        return Err(Error::invalid(field, "a password has at most 1,000 bytes"));
    }
    if password.chars().any(|c| c == '\0' || c == char::REPLACEMENT_CHARACTER) {
        return Err(Error::invalid(
            field,
            "a password is text: it holds a character that cannot be read",
        ));
    }
    Ok(())
}

/// Refuses an invalid name of a token.
pub(super) fn check_token_name(name: &str) -> Result<()> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > 100 || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "name",
            "say what the token is for, in 1 to 100 characters",
        ));
    }
    Ok(())
}

/// The nearest valid name to a foreign one: other characters become hyphens.
pub(super) fn name_like(foreign: &str) -> String {
    let name: String = foreign
        .chars()
        .map(|c| if name_letter(c) { c } else { '-' })
        .take(NAME_MAX)
        .collect();
    if check_name(&name).is_ok() {
        name
    } else {
        "github-user".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_digits_dots_underscores_and_hyphens() {
        for good in ["m", "Mara.K-2_x", &"a".repeat(64)] {
            assert!(check_name(good).is_ok(), "{good:?} was refused");
        }
        for bad in [
            "",
            " mara",
            "mara k",
            "mära",
            "a/b",
            "a\0",
            "NODE",
            "cli",
            &"a".repeat(65),
        ] {
            assert!(check_name(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn passwords_have_ten_characters_to_a_thousand_bytes() {
        for good in ["0123456789", "äöüäöüäöüä", "with a space", &"x".repeat(1_000)] {
            assert!(check_password("password", good).is_ok(), "{good:?} was refused");
        }
        for bad in [
            "",
            "012345678",
            "äöüäöüäöü",
            "nul\0nul\0nul",
            "0123456789\u{fffd}",
            &"x".repeat(1_001),
        ] {
            assert!(check_password("password", bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_foreign_name_becomes_an_acceptable_one() {
        assert_eq!(name_like("octo cat"), "octo-cat");
        assert_eq!(name_like(""), "github-user");
        assert_eq!(name_like("node"), "github-user");
        assert!(check_name(&name_like(&"ü".repeat(200))).is_ok());
    }
}
