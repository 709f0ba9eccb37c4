//! The palette's entries, and how a text matches them. Pure.

use crate::{
    browser::Theme,
    nav::PAGES,
    ui::{Look, format},
};

/// The effect of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Goes to a page.
    Open(String),
    /// Switches the theme.
    Theme(Theme),
    /// Runs a verb of the open page, by index.
    Verb(usize),
    /// Runs the demo agent.
    Demo,
    /// Signs out.
    SignOut,
}

/// One line of the palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name.
    pub name: String,
    /// More about it, on the right.
    pub note: String,
    /// Its icon.
    pub icon: &'static str,
    /// A status instead of the icon.
    pub look: Option<Look>,
    /// Its effect.
    pub does: Does,
}

impl Entry {
    pub(super) fn new(name: impl Into<String>, note: &str, icon: &'static str, does: Does) -> Self {
        Self {
            name: name.into(),
            note: note.to_owned(),
            icon,
            look: None,
            does,
        }
    }
}

fn all() -> Vec<Entry> {
    let mut all = vec![
        Entry::new("New session", "", "plus", Does::Open("/sessions/new".into())),
        Entry::new("Run the demo agent", "no model", "play", Does::Demo),
    ];
    all.extend(
        PAGES
            .iter()
            .map(|page| Entry::new(page.name, "page", page.icon, Does::Open(page.href.to_owned()))),
    );
    all.extend(Theme::ALL.map(Entry::theme));
    all.push(Entry::new("Sign out", "", "undo-2", Does::SignOut));
    all
}

/// How well a text matches a name, lower is better; `None` when it does not. The start of the name comes before the
/// start of a word, and that before letters in order.
fn rank(name: &str, text: &str) -> Option<u8> {
    let (name, text) = (format::lower(name), format::lower(text.trim()));
    if text.is_empty() || name.starts_with(&text) {
        return Some(0);
    }
    if name.split_whitespace().any(|word| word.starts_with(&text)) {
        return Some(1);
    }
    if name.contains(&text) {
        return Some(2);
    }
    let mut letters = name.chars();
    text.chars()
        .filter(|c| !c.is_whitespace())
        .all(|wanted| letters.any(|c| c == wanted))
        .then_some(3)
}

/// The entries that match, best first, else in their own order; `first` comes before the entries of every page.
pub(super) fn matching(text: &str, first: Vec<Entry>) -> Vec<Entry> {
    let mut ranked = Vec::<(u8, Entry)>::new();
    for entry in first.into_iter().chain(all()) {
        if let Some(rank) = rank(&entry.name, text) {
            let at = ranked.partition_point(|(other, _)| *other <= rank);
            ranked.insert(at, (rank, entry));
        }
    }
    ranked.into_iter().map(|(_, entry)| entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        matching(text, Vec::new()).into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn nothing_typed_offers_everything_in_its_order() {
        assert_eq!(names("").len(), all().len());
        assert_eq!(names("")[0], "New session");
    }

    #[test]
    fn what_the_open_page_can_do_comes_first() {
        let verb = Entry::new("Stop the agent", "this page", "square", Does::Verb(0));
        assert_eq!(matching("", vec![verb.clone()])[0], verb);
        assert_eq!(matching("st", vec![verb.clone()])[0], verb);
    }

    #[test]
    fn the_beginning_of_a_name_comes_first() {
        assert_eq!(names("se")[0], "Sessions");
        assert_eq!(names("SESS")[..2], ["Sessions", "New session"]);
        assert_eq!(names("dark"), ["Theme: Dark"]);
        assert_eq!(names("nses")[0], "New session");
        assert!(names("qqq").is_empty());
    }
}
