//! Every query of a projected table says whose rows it reads: this node's own, by `Store::own`, one node's, by
//! `of_origin`, or all that a caller may see. Only what shows rows to people may read those of all nodes: a node that
//! acts on a row of another would start agents in a folder that is not there.

use super::circles::without_tests;
use proc_macro2::TokenStream;
use std::{fs, path::Path};

/// The sources that show rows of all nodes.
const SHOW: [&str; 5] = [
    "node/src/rows/",
    "node/src/sessions/lists.rs",
    "node/src/usage/mod.rs",
    "node/src/approvals/mod.rs",
    "node/src/projects/mod.rs",
];
const TABLES: [&str; 9] = [
    "user",
    "project",
    "session",
    "run",
    "prompt",
    "entry",
    "approval",
    "usage_total",
    "usage_day",
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            found.push((path.to_string_lossy().replace("../", ""), text));
        }
    }
}

#[test]
fn nothing_but_what_shows_rows_reads_those_of_other_nodes() {
    let mut all = Vec::new();
    sources(Path::new("../node/src"), &mut all);
    assert!(all.len() > 50, "the sources were found");
    let mut wrong = Vec::new();
    for (path, text) in all
        .iter()
        .filter(|(path, _)| !SHOW.iter().any(|shows| path.starts_with(shows)))
    {
        let tokens = text.parse().expect("the sources parse");
        let code: TokenStream = without_tests(tokens).into_iter().collect();
        let code = code.to_string().replace([' ', '\n'], "");
        for table in TABLES {
            for reads in ["find()", "update_many()", "delete_many()"] {
                if code.contains(&format!("{table}::Entity::{reads}")) {
                    wrong.push(format!("{path}: {table}::Entity::{reads}"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "say whose rows these are, by `own` or `of_origin`:\n{}",
        wrong.join("\n")
    );
}
