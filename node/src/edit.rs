//! Edits: the change that a call wants to make to a file, placed in the file as it is. Lines have numbers only where
//! the file shows their place; the diff says why if they have none.

use crate::{
    folder::{Folders, Unread},
    journal::Journal,
    render,
};
use model::{
    calls::{CallParts, text},
    entries::{Diff, Unplaced},
};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The change that a call wants to make to a file.
#[derive(Clone)]
pub(crate) struct Edit {
    /// The path as it is shown: relative if it lies inside the folder.
    shown: String,
    path: PathBuf,
    change: Change,
}

#[derive(Clone)]
enum Change {
    Write(String),
    Replace { old: String, new: String, all: bool },
}

impl Edit {
    /// The edit of a call; `None` unless the call says what it changes in which file.
    pub(crate) fn of(folder: &str, parts: &CallParts, input: &Value) -> Option<Self> {
        let text = |part: &Option<String>| text(input, part.as_deref()).map(str::to_owned);
        let path = text(&parts.path)?;
        let change = match text(&parts.content) {
            Some(content) => Change::Write(content),
            None => Change::Replace {
                old: text(&parts.old)?,
                new: text(&parts.new)?,
                all: parts.is_everywhere(input),
            },
        };
        let inside = Path::new(&path)
            .strip_prefix(folder)
            .ok()
            .and_then(Path::to_str)
            .filter(|inside| !folder.is_empty() && !inside.is_empty());
        Some(Self {
            shown: inside.unwrap_or(&path).to_owned(),
            path: PathBuf::from(&path),
            change,
        })
    }

    /// Whether it replaces the whole file.
    pub(crate) const fn is_of_all(&self) -> bool {
        matches!(self.change, Change::Write(_))
    }

    /// The diff from the call alone.
    fn unplaced(&self, why: Unplaced) -> Diff {
        match &self.change {
            Change::Write(content) => render::unplaced(&self.shown, "", content, why),
            Change::Replace { old, new, .. } => render::unplaced(&self.shown, old, new, why),
        }
    }

    /// The diff placed in the file.
    pub(crate) fn placed(&self, file: std::result::Result<String, Unread>) -> Diff {
        match (&self.change, file) {
            (Change::Write(content), Ok(before)) => render::diff(&self.shown, &before, content),
            (Change::Write(content), Err(Unread::Missing)) => render::diff(&self.shown, "", content),
            (Change::Replace { old, new, .. }, Err(Unread::Missing)) if old.is_empty() => {
                render::diff(&self.shown, "", new)
            }
            (Change::Replace { old, new, all }, Ok(before)) => match replaced(before, old, new, *all) {
                Ok((before, after)) => render::diff(&self.shown, &before, &after),
                Err(why) => self.unplaced(why),
            },
            (_, Err(why)) => self.unplaced(match why {
                Unread::Outside => Unplaced::Outside,
                Unread::Missing => Unplaced::Missing,
                Unread::TooLarge => Unplaced::TooLarge,
                Unread::Unreadable => Unplaced::Unreadable,
            }),
        }
    }
}

/// A file before and after its replacement, as agents do it: line ends count as `\n`, and text that is replaced once
/// must occur once.
fn replaced(file: String, old: &str, new: &str, all: bool) -> std::result::Result<(String, String), Unplaced> {
    let file = if file.contains("\r\n") && !file.contains(old) {
        file.replace("\r\n", "\n")
    } else {
        file
    };
    if old.is_empty() {
        return if file.is_empty() {
            Ok((file, new.to_owned()))
        } else {
            Err(Unplaced::NotFound)
        };
    }
    match file.matches(old).take(2).count() {
        0 => Err(Unplaced::NotFound),
        2 if !all => Err(Unplaced::Ambiguous),
        _ => {
            let after = file.replace(old, new);
            Ok((file, after))
        }
    }
}

/// The change that a finished call wanted to make; `None` for calls that do not edit.
pub(crate) fn past(folder: &str, parts: &CallParts, input: &Value) -> Option<Diff> {
    Edit::of(folder, parts, input).map(|edit| edit.unplaced(Unplaced::Past))
}

/// The change that a call wants to make to the file as it is now, with context. Its lines have numbers only if the file
/// shows the place. `None` for calls that do not edit.
pub(crate) async fn proposed(
    folders: &Folders,
    journal: &Journal,
    folder: &str,
    parts: &CallParts,
    input: &Value,
) -> Option<Diff> {
    let edit = Edit::of(folder, parts, input)?;
    let (place, journal) = (edit.clone(), journal.clone());
    // The call was stored with masked secrets, so it is compared with the masked file.
    let read = folders
        .file(folder, edit.path.clone(), move |file| {
            place.placed(file.map(|text| journal.masked(&text).into_owned()))
        })
        .await;
    Some(read.unwrap_or_else(|_| edit.unplaced(Unplaced::Unreadable)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn numbers(diff: &Diff) -> Vec<(char, Option<u32>, Option<u32>)> {
        diff.lines
            .iter()
            .filter(|line| line.sign != '@')
            .map(|line| (line.sign, line.old, line.new))
            .collect()
    }

    fn edit(old: &str, new: &str, all: bool) -> Edit {
        let part = |name: &str| Some(format!("/{name}"));
        let parts = CallParts {
            path: part("path"),
            old: part("before"),
            new: part("after"),
            everywhere: part("all"),
            ..CallParts::default()
        };
        let input = json!({ "path": "/work/a.rs", "before": old, "after": new, "all": all });
        Edit::of("/work", &parts, &input).unwrap()
    }

    fn writes() -> CallParts {
        CallParts {
            path: Some("/file".into()),
            content: Some("/text".into()),
            ..CallParts::default()
        }
    }

    #[test]
    fn an_edit_stands_at_its_real_lines_with_what_is_around_it() {
        let file = "1\n2\n3\n4\n5\n6\n7\nlet a = 1;\n9\n10\n";
        let diff = edit("let a = 1;", "let a = 2;\nlet b = 3;", false).placed(Ok(file.into()));
        assert_eq!(
            (diff.path.as_str(), diff.unplaced, diff.added, diff.removed),
            ("a.rs", None, 2, 1)
        );
        let around = |n: u32, to: u32| (' ', Some(n), Some(to));
        assert_eq!(
            numbers(&diff),
            [
                around(5, 5),
                around(6, 6),
                around(7, 7),
                ('-', Some(8), None),
                ('+', None, Some(8)),
                ('+', None, Some(9)),
                around(9, 10),
                around(10, 11)
            ]
        );
    }

    #[test]
    fn replacing_all_shows_every_place_and_one_of_several_none() {
        let file: String = (1..=40)
            .map(|n| if n % 10 == 5 { "here\n".into() } else { format!("{n}\n") })
            .collect();
        let all = edit("here", "there", true).placed(Ok(file.clone()));
        let changed: Vec<_> = numbers(&all)
            .into_iter()
            .filter(|(sign, ..)| *sign == '-')
            .map(|(_, old, _)| old.unwrap())
            .collect();
        assert_eq!((changed, all.unplaced), (vec![5, 15, 25, 35], None));
        assert_eq!(
            edit("here", "there", false).placed(Ok(file)).unplaced,
            Some(Unplaced::Ambiguous)
        );
    }

    #[test]
    fn what_the_file_does_not_show_has_no_numbers_and_says_why() {
        let place = |file: std::result::Result<&str, Unread>| edit("old", "new", false).placed(file.map(str::to_owned));
        for (file, why) in [
            (Ok("something else\n"), Unplaced::NotFound),
            (Ok(""), Unplaced::NotFound),
            (Err(Unread::Outside), Unplaced::Outside),
            (Err(Unread::Missing), Unplaced::Missing),
            (Err(Unread::TooLarge), Unplaced::TooLarge),
            (Err(Unread::Unreadable), Unplaced::Unreadable),
        ] {
            let diff = place(file);
            assert_eq!(
                (diff.unplaced, numbers(&diff)),
                (Some(why), vec![('-', None, None), ('+', None, None)]),
                "{file:?}"
            );
        }
        assert_eq!(
            past("/work", &writes(), &json!({ "file": "b", "text": "x" }))
                .unwrap()
                .unplaced,
            Some(Unplaced::Past)
        );
    }

    #[test]
    fn a_written_file_is_compared_with_what_is_there() {
        let write = Edit::of(
            "/work",
            &writes(),
            &json!({ "file": "/work/a.rs", "text": "1\ntwo\n3\n" }),
        )
        .unwrap();
        let over = write.placed(Ok("1\n2\n3\n".into()));
        assert_eq!((over.added, over.removed, over.unplaced), (1, 1, None));
        let new = write.placed(Err(Unread::Missing));
        assert_eq!((new.added, new.removed, new.unplaced), (3, 0, None));
        assert_eq!(write.placed(Err(Unread::Outside)).unplaced, Some(Unplaced::Outside));
        assert!(
            edit("", "new", false).placed(Err(Unread::Missing)).unplaced.is_none(),
            "an edit of nothing makes a file"
        );
        let windows = edit("b\nc", "x", false).placed(Ok("a\r\nb\r\nc\r\n".into()));
        assert_eq!((windows.unplaced, windows.removed), (None, 2));
    }
}
