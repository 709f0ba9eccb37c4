//! Validation of what people enter for a session: prompt, title, tags and model. It must not read or change any state.

use super::scribe::shorten;
use model::{Error, Result};

/// The longest prompt, in bytes.
const PROMPT_MAX: usize = 100_000;
/// The longest title, in characters.
pub(super) const TITLE_MAX: usize = 200;

/// The trimmed prompt; an error names the field `prompt`.
pub(super) fn checked_prompt(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid("prompt", "say what the agent shall do"));
    }
    if text.len() > PROMPT_MAX {
        return Err(Error::invalid(
            "prompt",
            format!("a prompt may have at most {PROMPT_MAX} bytes"),
        ));
    }
    if text.contains('\0') {
        return Err(Error::invalid("prompt", "a prompt must not hold the character NUL"));
    }
    Ok(text.to_owned())
}

/// The trimmed title.
pub(super) fn checked_title(title: &str) -> Result<String> {
    let title = title.trim();
    if title.is_empty() || title.chars().count() > TITLE_MAX || title.chars().any(char::is_control) {
        return Err(Error::invalid(
            "title",
            format!("a title has 1 to {TITLE_MAX} characters on one line"),
        ));
    }
    Ok(title.to_owned())
}

/// The tags, trimmed and without duplicates.
pub(super) fn checked_tags(tags: Vec<String>) -> Result<Vec<String>> {
    let mut checked: Vec<String> = Vec::new();
    for tag in tags {
        let tag = tag.trim();
        if tag.is_empty() || tag.chars().count() > 40 || tag.chars().any(char::is_control) {
            return Err(Error::invalid("tags", "a tag has 1 to 40 characters on one line"));
        }
        if !checked.iter().any(|known| known == tag) {
            checked.push(tag.to_owned());
        }
    }
    if checked.len() > 20 {
        return Err(Error::invalid("tags", "a session has at most 20 tags"));
    }
    Ok(checked)
}

/// The trimmed model; `None` is the agent's default.
pub(super) fn checked_model(model: Option<String>) -> Result<Option<String>> {
    let model = model
        .map(|model| model.trim().to_owned())
        .filter(|model| !model.is_empty());
    match &model {
        // The name becomes an argument of the agent's program, so it must not look like an option.
        Some(name)
            if name.len() > 100
                || name.starts_with('-')
                || !name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.:/@[]".contains(c)) =>
        {
            Err(Error::invalid(
                "model",
                "a model is named with letters, digits and - _ . : / @ [ ]",
            ))
        }
        _ => Ok(model),
    }
}

/// The given title, else the prompt's first words.
pub(super) fn title_or_first_words(title: Option<&str>, prompt: &str) -> Result<String> {
    match title {
        Some(title) if !title.trim().is_empty() => checked_title(title),
        _ => Ok(title_of(prompt)),
    }
}

/// The prompt's first words, as a title.
pub(super) fn title_of(prompt: &str) -> String {
    let line = prompt.lines().find(|line| !line.trim().is_empty()).unwrap_or(prompt);
    shorten(&line.split_whitespace().collect::<Vec<_>>().join(" "), 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_words_of_the_prompt() {
        assert_eq!(title_of("\n\n  Fix   the flaky test\nin ci"), "Fix the flaky test");
        assert_eq!(title_of(&"x".repeat(300)).chars().count(), 80);
    }

    #[test]
    fn a_model_cannot_become_an_option_of_the_program() {
        for bad in ["--dangerously-skip-permissions", "a b", "x;rm", "a\nb"] {
            assert!(checked_model(Some(bad.into())).is_err(), "{bad:?}");
        }
        assert_eq!(checked_model(Some(" opus[1m] ".into())), Ok(Some("opus[1m]".into())));
        assert_eq!(checked_model(Some("  ".into())), Ok(None));
    }

    #[test]
    fn tags_are_trimmed_and_unique() {
        assert_eq!(
            checked_tags(vec![" a ".into(), "a".into(), "b".into()]),
            Ok(vec!["a".into(), "b".into()])
        );
        assert!(checked_tags(vec![String::new()]).is_err());
        assert!(checked_tags((0..21).map(|n| n.to_string()).collect()).is_err());
    }
}
