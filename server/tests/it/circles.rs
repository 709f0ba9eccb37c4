//! Imports between the folders of a crate have one direction, so that each folder can be read, moved and left out. Test
//! modules (`testing.rs`, `tests.rs`, `fake.rs`) may import anything and are left out.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Known circles, as folders per crate. A new circle fails the test, and so does one in this list that is gone.
const KNOWN: &[(&str, &[&[&str]])] = &[("node", &[]), ("server", &[]), ("app", &[])];

type Imports = BTreeMap<String, BTreeSet<String>>;

/// What each folder or file directly under `src` imports of its own crate.
fn imports(src: &Path) -> Imports {
    let mut found = Imports::new();
    walk(src, src, &mut found);
    assert!(found.len() > 3, "the sources were not found");
    found
}

fn walk(src: &Path, folder: &Path, found: &mut Imports) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(src, &path, found);
            continue;
        }
        let file = path.file_name().unwrap().to_str().unwrap();
        let within = path.strip_prefix(src).unwrap();
        let feature = within
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        if path.extension().is_none_or(|ending| ending != "rs")
            || ["testing.rs", "tests.rs", "fake.rs"].contains(&file)
            || ["lib", "main", "testing"].contains(&feature.as_str())
        {
            continue;
        }
        // In the root file of a top-level module, `super` is the crate.
        let top = within.components().count() == 1 || (within.components().count() == 2 && file == "mod.rs");
        let tokens: TokenStream = fs::read_to_string(&path).unwrap().parse().unwrap();
        let of = found.entry(feature.clone()).or_default();
        read(tokens, top, of);
        of.remove(&feature);
    }
}

/// The tokens without items that are compiled for tests only.
pub fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_for_tests = |next: &TokenTree| {
        let attribute = next.to_string().replace(' ', "");
        attribute == "[cfg(test)]" || attribute.starts_with("[cfg(all(test,")
    };
    let is_test = |at: usize| tokens[at].to_string() == "#" && tokens.get(at + 1).is_some_and(is_for_tests);
    // To the end of the item that the attribute belongs to.
    let ends = |token: &TokenTree| {
        matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace) || token.to_string() == ";"
    };
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if is_test(at) {
            at += 2;
            at += tokens[at..].iter().position(ends).unwrap_or(tokens.len() - at);
        } else {
            kept.push(tokens[at].clone());
        }
        at += 1;
    }
    kept
}

/// Adds the names after `crate::` (and after `super::` where that is the crate), without items for tests only.
fn read(tokens: TokenStream, top: bool, found: &mut BTreeSet<String>) {
    let tokens = without_tests(tokens);
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(ident)
                if (ident == "crate" || (top && ident == "super")) && path_goes_on(&tokens[at + 1..]) =>
            {
                match &tokens[at + 3] {
                    TokenTree::Ident(name) => {
                        found.insert(name.to_string());
                    }
                    TokenTree::Group(group) => {
                        let names: Vec<TokenTree> = group.stream().into_iter().collect();
                        for (n, token) in names.iter().enumerate() {
                            let begins = n == 0 || names[n - 1].to_string() == ",";
                            if let TokenTree::Ident(name) = token
                                && begins
                            {
                                found.insert(name.to_string());
                            }
                        }
                    }
                    _ => {}
                }
            }
            TokenTree::Group(group) => read(group.stream(), top, found),
            _ => {}
        }
        at += 1;
    }
}

fn path_goes_on(tokens: &[TokenTree]) -> bool {
    tokens.len() > 2 && tokens[..2].iter().all(|token| token.to_string() == ":")
}

/// Groups of folders that import each other, directly or through others.
fn circles(imports: &Imports) -> BTreeSet<BTreeSet<String>> {
    let mut reached: Imports = imports.clone();
    loop {
        let mut more = reached.clone();
        for (from, to) in &reached {
            let further: Vec<String> = to
                .iter()
                .filter_map(|next| reached.get(next))
                .flatten()
                .cloned()
                .collect();
            more.get_mut(from).unwrap().extend(further);
        }
        if more == reached {
            break;
        }
        reached = more;
    }
    let reaches = |one: &String, other: &String| reached.get(one).is_some_and(|reached| reached.contains(other));
    let around = |one: &String| -> BTreeSet<String> {
        reached
            .keys()
            .filter(|other| reaches(one, other) && reaches(other, one))
            .cloned()
            .collect()
    };
    reached.keys().map(around).filter(|circle| circle.len() > 1).collect()
}

#[test]
fn features_stand_on_each_other_in_one_direction() {
    for (name, known) in KNOWN {
        let imports = imports(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src"));
        let known: BTreeSet<BTreeSet<String>> = known
            .iter()
            .map(|circle| circle.iter().map(ToString::to_string).collect())
            .collect();
        let found = circles(&imports);
        let shown = |circle: &BTreeSet<String>| {
            let of = |from: &String| format!("{from} -> {:?}", imports[from].intersection(circle).collect::<Vec<_>>());
            circle.iter().map(of).collect::<Vec<_>>().join("\n")
        };
        let new: Vec<String> = found.difference(&known).map(shown).collect();
        assert!(
            new.is_empty(),
            "folders of {name} import each other in a circle; move what both need below both:\n{}",
            new.join("\n\n")
        );
        let gone: Vec<_> = known.difference(&found).collect();
        assert!(
            gone.is_empty(),
            "these circles of {name} are cut: take them out of the list: {gone:?}"
        );
    }
}

#[test]
fn a_circle_is_found_whatever_way_it_is_written() {
    let of = |source: &str, top: bool| {
        let mut found = BTreeSet::new();
        read(source.parse().unwrap(), top, &mut found);
        found.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(
        of(
            "use crate::{a::{b, c}, d}; fn f() { view!{ <p>{crate::e::g()}</p> } }",
            false
        ),
        ["a", "d", "e"]
    );
    assert_eq!(
        of(
            "use super::a; #[cfg(test)] mod tests { use crate::b; } use crate::c;",
            true
        ),
        ["a", "c"]
    );
    assert_eq!(
        of("use super::a; #[cfg(test)] use crate::b;", false),
        Vec::<String>::new()
    );
    let imports: Imports = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]
        .map(|(from, to)| (from.to_owned(), BTreeSet::from([to.to_owned()])))
        .into();
    assert_eq!(
        circles(&imports),
        BTreeSet::from([["a", "b", "c"].map(str::to_owned).into()])
    );
}
