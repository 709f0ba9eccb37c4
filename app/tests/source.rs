//! Rules that no compiler checks, held against the source of the dashboard itself.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its own sources has nothing to say"
)]

use std::{fs, path::Path};

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// Where an element's closing tag does not directly follow its opening one.
fn with_children(source: &str, element: &str) -> Vec<usize> {
    let closing = format!("</{element}>");
    source
        .match_indices(&closing)
        .map(|(at, _)| at)
        .filter(|at| !source[..*at].ends_with('>') || source[..*at].ends_with("</"))
        .collect()
}

#[test]
fn no_textarea_has_text_between_its_tags() {
    // Leptos 0.8 writes such text unescaped into the page: what somebody typed would run in another's browser.
    for (path, source) in sources() {
        assert!(
            with_children(&source, "textarea").is_empty(),
            "{path}: set prop:value instead of text between <textarea> and </textarea>"
        );
    }
}

#[test]
fn the_rule_itself_finds_what_it_looks_for() {
    assert!(with_children("<textarea rows=3 on:input=move |e| f(e)></textarea>", "textarea").is_empty());
    assert_eq!(with_children("<textarea>{text}</textarea>", "textarea").len(), 1);
    assert_eq!(
        with_children("<textarea>\n    \"text\"\n</textarea>", "textarea").len(),
        1
    );
}

/// The names that stand after `before` in double quotes.
fn named<'s>(source: &'s str, before: &'s str) -> impl Iterator<Item = &'s str> {
    source
        .split(before)
        .skip(1)
        .filter_map(|rest| rest.strip_prefix('"')?.split('"').next())
}

#[test]
fn every_icon_that_is_named_is_in_the_sprite() {
    let sprite = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../public/icons.svg")).unwrap();
    let mut found = 0;
    for (path, source) in sources() {
        for name in ["<Icon name=", "icon=", "icon: "]
            .iter()
            .flat_map(|before| named(&source, before))
        {
            found += 1;
            assert!(
                sprite.contains(&format!("id=\"i-{name}\"")),
                "{path}: there is no icon `{name}` in public/icons.svg"
            );
        }
    }
    assert!(found > 50, "only {found} icons were found in the sources");
}

#[test]
fn raw_html_enters_the_page_only_through_the_kit() {
    for (path, source) in sources() {
        assert!(
            path.contains("/ui/code.rs") || !source.contains("inner_html"),
            "{path}: use ui::Markdown or ui::CodeBlock, which take what the sanitiser made"
        );
    }
}

#[test]
fn pages_reach_the_browser_only_through_its_module() {
    let allowed = ["/browser/", "/live/socket.rs", "/ui/"];
    for (path, source) in sources() {
        let uses = ["set_timeout(", "set_interval(", "local_storage(", "set_href("]
            .into_iter()
            .find(|call| source.contains(call));
        assert!(
            uses.is_none() || allowed.iter().any(|part| path.contains(part)),
            "{path}: {uses:?} belongs into app::browser"
        );
    }
}

#[test]
fn a_title_that_changes_is_made_within_its_request() {
    for (path, source) in sources() {
        assert!(
            !source.contains("<Title text=move"),
            "{path}: take ui::LiveTitle, which says why"
        );
    }
}

#[test]
fn nothing_of_a_page_is_bound_to_the_thread_that_drew_it() {
    // The server may drop a page on another thread than the one that drew it; what is local to a thread panics then.
    for (path, source) in sources() {
        for local in ["new_local(", "LocalResource", "SendWrapper"] {
            assert!(
                !source.contains(local),
                "{path}: {local} would panic on the server, take the sendable form"
            );
        }
    }
}

/// What the book says and we do not write (`app/src/lib.rs` says why), what to write instead, and the one file that
/// may.
const BANNED: &[(&str, &str, &str)] = &[
    ("Resource::new", "NodeResource::new", "/node_resource.rs"),
    ("Action::new", "NodeAction::new", "/node_action.rs"),
    ("ServerAction::", "FormAction::to", "/node_form.rs"),
    ("ActionForm", "NodeForm", "/node_form.rs"),
    ("<For", "ui::keyed_list", "/ui/keyed_list.rs"),
];

/// Whether code of `source` says `word` as a name of its own, not as the end of a longer one, and not in a comment.
fn says(source: &str, word: &str) -> bool {
    source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .any(|line| {
            let alone = |at: usize| {
                let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
                let is_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                !is_name(before) && (word.ends_with("new") || word.ends_with(':') || !is_name(after))
            };
            line.match_indices(word).any(|(at, _)| alone(at))
        })
}

#[test]
fn what_the_book_says_is_written_as_the_table_in_lib_says() {
    for (path, source) in sources() {
        for (word, instead, allowed) in BANNED {
            assert!(
                !says(&source, word) || path.ends_with(allowed),
                "{path}: write {instead} instead of {word}"
            );
        }
    }
    assert!(says("let a = Resource::new_blocking(when, fetch);", "Resource::new") && says("<For each=rows", "<For"));
    assert!(!says("NodeResource::new(when, fetch)", "Resource::new") && !says("/// Like Action::new", "Action::new"));
    assert!(!says("<Form action", "<For") && !says("<NodeForm action", "ActionForm"));
}

/// The positions that `source` follows the socket from, as they are written.
fn followed_from(source: &str) -> Vec<&str> {
    source
        .match_indices(".follow(")
        .filter_map(|(at, call)| {
            let rest = &source[at + call.len()..];
            let mut depth = 1_u32;
            let end = rest.find(|c| {
                match c {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth -= 1,
                    _ => {}
                }
                depth == 0
            })?;
            rest[..end].rsplit_once(',').map(|(_, after)| after.trim())
        })
        .collect()
}

#[test]
fn pages_follow_the_socket_from_where_they_were_read() {
    // From a number everything is said again, and where that is too much, the page is told to reload, for ever.
    for (path, source) in sources() {
        let written = followed_from(&source)
            .into_iter()
            .find(|after| after.starts_with(|c: char| c.is_ascii_digit()));
        assert!(
            written.is_none() || path.contains("/live/"),
            "{path}: follow from the position that came with the answer, not from {written:?}"
        );
    }
    assert_eq!(followed_from("use_live().follow(vec![Topic::Node], 0);"), ["0"]);
    assert_eq!(
        followed_from("live.follow(vec![Topic::Node], self.now.with_value(|now| now.pos));"),
        ["self.now.with_value(|now| now.pos)"]
    );
}
