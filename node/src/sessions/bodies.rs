//! The whole of one entry, rendered for people: text, input, output, diff.
//! It reads the events behind the row; what was purged is simply absent. Of files it sees what `folder` reads.

use crate::{
    entity::{entry, project, session},
    folder::Unread,
    journal::internal,
    projects::ProjectsService,
    render,
    rows::Rows,
    store::Store,
};
use model::{
    Error, Result,
    approvals::is_shell,
    entries::{CallStatus, Diff, EntryBody, EntryKind, Unplaced},
    event::{Body, Fact},
    id::SessionId,
};
use sea_orm::EntityTrait;
use serde_json::Value;
use std::path::{Path, PathBuf};

pub(super) async fn body(rows: &Rows, store: &Store, session: SessionId, seq: i64) -> Result<EntryBody> {
    let row = entry::Entity::find_by_id((session.to_string(), seq)).one(store.read()).await.map_err(internal)?;
    let row = row.ok_or_else(|| Error::NotFound("entry".into()))?;
    let begun = match rows.fact(row.pos).await? {
        Some(Fact::EntryAdded(fact)) => whole(rows, fact.body.as_ref()).await?,
        _ => None,
    };
    let ended = match row.end_pos {
        Some(pos) => match rows.fact(pos).await? {
            Some(Fact::EntryEnded(fact)) => whole(rows, fact.body.as_ref()).await?,
            _ => None,
        },
        None => None,
    };
    let change = unreported(rows, store, session, &row, begun.as_ref(), ended.as_ref()).await?;
    let size: usize = [&begun, &ended].into_iter().flatten().map(render::weight).sum();
    render::draw(size + render::CODE, move || drawn(row, begun, ended, change)).await
}

/// The change of a call that edits, where its output does not report it.
async fn unreported(rows: &Rows, store: &Store, session: SessionId, row: &entry::Model, begun: Option<&Value>, ended: Option<&Value>) -> Result<Option<Diff>> {
    let is_call = matches!(EntryKind::parse(&row.kind), Some(EntryKind::Tool | EntryKind::Task));
    let (Some(name), Some(input)) = (row.tool.as_deref().filter(|_| is_call), begun) else { return Ok(None) };
    if ended.and_then(patch).is_some() || Edit::of("", name, input).is_none() {
        return Ok(None);
    }
    let folder = folder_of(store, session).await?;
    Ok(match row.status.as_deref().and_then(CallStatus::parse) {
        Some(CallStatus::Running) => proposed(rows.projects(), &folder, name, input).await,
        // What was written without a report of what it changed was not there before.
        Some(CallStatus::Ok) if name == "Write" => Edit::of(&folder, name, input).map(|edit| edit.placed(Err(Unread::Missing))),
        _ => past(&folder, name, input),
    })
}

/// What a call's output says that it changed.
fn patch(output: &Value) -> Option<&Value> {
    output.get("patch").filter(|patch| patch.as_array().is_some_and(|hunks| !hunks.is_empty()))
}

fn drawn(row: entry::Model, begun: Option<Value>, ended: Option<Value>, change: Option<Diff>) -> EntryBody {
    let mut body = EntryBody::default();
    match EntryKind::parse(&row.kind) {
        Some(EntryKind::Tool | EntryKind::Task) => {
            let (name, input) = (row.tool.as_deref().unwrap_or_default(), begun.unwrap_or(Value::Null));
            tool(&mut body, name, &input, ended);
            body.diff = body.diff.or(change);
            body.input = Some(input).filter(|input| !input.is_null());
        }
        Some(EntryKind::Raw | EntryKind::Todo) => body.raw = begun,
        kind => {
            let text = begun.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or(row.preview);
            if matches!(kind, Some(EntryKind::Prompt | EntryKind::Message | EntryKind::Plan | EntryKind::Thought)) {
                body.html = Some(render::markdown(&text));
            }
            body.text = Some(text);
        }
    }
    body
}

async fn whole(rows: &Rows, body: Option<&Body>) -> Result<Option<Value>> {
    match body {
        Some(body) => Ok(Some(rows.body(body).await?).filter(|value| !value.is_null())),
        None => Ok(None),
    }
}

/// The folder that a session works in; empty where its project is not known.
async fn folder_of(store: &Store, session: SessionId) -> Result<String> {
    let row = session::Entity::find_by_id(session.to_string()).one(store.read()).await.map_err(internal)?;
    let Some(row) = row else { return Ok(String::new()) };
    let project = project::Entity::find_by_id(row.project).one(store.read()).await.map_err(internal)?;
    Ok(project.map(|project| project.path).unwrap_or_default())
}

fn tool(body: &mut EntryBody, tool: &str, input: &Value, output: Option<Value>) {
    let text = |key: &str| input.get(key).and_then(Value::as_str);
    let path = text("file_path").unwrap_or_default().to_owned();
    if let Some(command) = text("command").filter(|_| is_shell(tool)) {
        body.input_html = Some(render::command(command, tool));
    } else if let Some(content) = text("content") {
        body.input_html = Some(render::highlight(content, &path));
    }
    if let Some(output) = output {
        body.output = output.get("output").and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(patch) = patch(&output) {
            let path = output.get("path").and_then(Value::as_str).unwrap_or(&path);
            body.diff = Some(render::diff_from_patch(path, patch));
        }
    }
}

/// The change that a call wants to make to a file.
#[derive(Clone)]
struct Edit {
    /// The path as it is shown: relative to the folder where it lies inside.
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
    /// `None` for tools that do not edit.
    fn of(folder: &str, tool: &str, input: &Value) -> Option<Self> {
        let text = |key: &str| input.get(key).and_then(Value::as_str).map(str::to_owned);
        let path = text("file_path")?;
        let change = match tool {
            "Edit" => Change::Replace {
                old: text("old_string")?,
                new: text("new_string")?,
                all: input.get("replace_all").is_some_and(|all| all.as_bool() == Some(true) || all.as_str() == Some("true")),
            },
            "Write" => Change::Write(text("content")?),
            _ => return None,
        };
        let inside = Path::new(&path).strip_prefix(folder).ok().and_then(Path::to_str).filter(|inside| !folder.is_empty() && !inside.is_empty());
        Some(Self { shown: inside.unwrap_or(&path).to_owned(), path: PathBuf::from(&path), change })
    }

    /// As far as the call itself says.
    fn unplaced(&self, why: Unplaced) -> Diff {
        match &self.change {
            Change::Write(content) => render::unplaced(&self.shown, "", content, why),
            Change::Replace { old, new, .. } => render::unplaced(&self.shown, old, new, why),
        }
    }

    /// In the file as it is.
    fn placed(&self, file: std::result::Result<String, Unread>) -> Diff {
        match (&self.change, file) {
            (Change::Write(content), Ok(before)) => render::diff(&self.shown, &before, content),
            (Change::Write(content), Err(Unread::Missing)) => render::diff(&self.shown, "", content),
            (Change::Replace { old, new, .. }, Err(Unread::Missing)) if old.is_empty() => render::diff(&self.shown, "", new),
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

/// A file before and after its replacement, as Claude Code does it: line ends count as `\n`, and what is replaced once must be there once.
fn replaced(file: String, old: &str, new: &str, all: bool) -> std::result::Result<(String, String), Unplaced> {
    let file = if file.contains("\r\n") && !file.contains(old) { file.replace("\r\n", "\n") } else { file };
    if old.is_empty() {
        return if file.is_empty() { Ok((file, new.to_owned())) } else { Err(Unplaced::NotFound) };
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

/// The change a call that is over wanted to make. `None` for tools that do not edit.
pub(crate) fn past(folder: &str, tool: &str, input: &Value) -> Option<Diff> {
    Edit::of(folder, tool, input).map(|edit| edit.unplaced(Unplaced::Past))
}

/// The change a call wants to make, in the file as it is at this moment, with the lines around it. Its lines have no numbers where the file does
/// not show where it is. `None` for tools that do not edit.
pub(crate) async fn proposed(projects: &ProjectsService, folder: &str, tool: &str, input: &Value) -> Option<Diff> {
    let edit = Edit::of(folder, tool, input)?;
    let (place, journal) = (edit.clone(), projects.journal().clone());
    // The call was stored without the node's secrets, so the file is compared without them too.
    let read = projects.folders().file(folder, edit.path.clone(), move |file| place.placed(file.map(|text| journal.masked(&text).into_owned()))).await;
    Some(read.unwrap_or_else(|_| edit.unplaced(Unplaced::Unreadable)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn numbers(diff: &Diff) -> Vec<(char, Option<u32>, Option<u32>)> {
        diff.lines.iter().filter(|line| line.sign != '@').map(|line| (line.sign, line.old, line.new)).collect()
    }

    fn edit(old: &str, new: &str, all: bool) -> Edit {
        let input = json!({ "file_path": "/work/a.rs", "old_string": old, "new_string": new, "replace_all": all });
        Edit::of("/work", "Edit", &input).unwrap()
    }

    #[test]
    fn an_edit_stands_at_its_real_lines_with_what_is_around_it() {
        let file = "1\n2\n3\n4\n5\n6\n7\nlet a = 1;\n9\n10\n";
        let diff = edit("let a = 1;", "let a = 2;\nlet b = 3;", false).placed(Ok(file.into()));
        assert_eq!((diff.path.as_str(), diff.unplaced, diff.added, diff.removed), ("a.rs", None, 2, 1));
        let around = |n: u32, to: u32| (' ', Some(n), Some(to));
        assert_eq!(
            numbers(&diff),
            [around(5, 5), around(6, 6), around(7, 7), ('-', Some(8), None), ('+', None, Some(8)), ('+', None, Some(9)), around(9, 10), around(10, 11)]
        );
    }

    #[test]
    fn replacing_all_shows_every_place_and_one_of_several_none() {
        let file: String = (1..=40).map(|n| if n % 10 == 5 { "here\n".into() } else { format!("{n}\n") }).collect();
        let all = edit("here", "there", true).placed(Ok(file.clone()));
        let changed: Vec<_> = numbers(&all).into_iter().filter(|(sign, ..)| *sign == '-').map(|(_, old, _)| old.unwrap()).collect();
        assert_eq!((changed, all.unplaced), (vec![5, 15, 25, 35], None));
        assert_eq!(edit("here", "there", false).placed(Ok(file)).unplaced, Some(Unplaced::Ambiguous));
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
            assert_eq!((diff.unplaced, numbers(&diff)), (Some(why), vec![('-', None, None), ('+', None, None)]), "{file:?}");
        }
        assert_eq!(past("/work", "Write", &json!({ "file_path": "b", "content": "x" })).unwrap().unplaced, Some(Unplaced::Past));
    }

    #[test]
    fn a_written_file_is_compared_with_what_is_there() {
        let write = Edit::of("/work", "Write", &json!({ "file_path": "/work/a.rs", "content": "1\ntwo\n3\n" })).unwrap();
        let over = write.placed(Ok("1\n2\n3\n".into()));
        assert_eq!((over.added, over.removed, over.unplaced), (1, 1, None));
        let new = write.placed(Err(Unread::Missing));
        assert_eq!((new.added, new.removed, new.unplaced), (3, 0, None));
        assert_eq!(write.placed(Err(Unread::Outside)).unplaced, Some(Unplaced::Outside));
        assert!(edit("", "new", false).placed(Err(Unread::Missing)).unplaced.is_none(), "an edit of nothing makes a file");
        let windows = edit("b\nc", "x", false).placed(Ok("a\r\nb\r\nc\r\n".into()));
        assert_eq!((windows.unplaced, windows.removed), (None, 2));
    }
}
