//! Diffs of two texts, or of the hunks an agent reports, as typed lines with the changes inside them marked. It reads
//! no files and takes bounded time.

use model::entries::{Diff, DiffLine, Unplaced};
use serde::Deserialize;
use similar::{Algorithm, DiffTag, TextDiff};
use std::time::Duration;

/// Unchanged lines around a change.
const CONTEXT: usize = 3;
/// The most lines that are shown.
const MOST_LINES: usize = 1_500;
/// The most characters of a line that are shown.
const MOST_OF_LINE: usize = 2_000;
/// The most bytes of both texts; larger ones are not compared.
const MOST_BYTES: usize = 4 << 20;
/// After this time the comparison no longer looks for the smallest difference.
const LONGEST: Duration = Duration::from_millis(150);
/// The most bytes of a pair of lines that is compared word by word.
const MOST_WORDS: usize = 1_000;
/// The most comparisons of words for a whole change, enough for thousands of lines of code.
const MOST_WORK: usize = 4_000_000;
/// The least similarity of a changed line; lines less alike count as different ones.
const ALIKE: f32 = 0.45;

/// A hunk before it is cut and its changes are marked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hunk {
    old_start: u32,
    #[serde(default)]
    old_lines: u32,
    new_start: u32,
    #[serde(default)]
    new_lines: u32,
    /// Lines, each with its sign first.
    #[serde(default)]
    lines: Vec<String>,
}

/// The difference of two texts, with three lines of context and with changes inside lines marked.
pub fn diff(path: &str, before: &str, after: &str) -> Diff {
    if before.len() + after.len() > MOST_BYTES {
        let count = |text: &str| i64::try_from(text.lines().count()).unwrap_or(i64::MAX);
        return Diff {
            path: path.to_owned(),
            omitted: count(before) + count(after),
            ..Diff::default()
        };
    }
    let compared = TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .timeout(LONGEST)
        .diff_lines(before, after);
    let mut hunks = Vec::new();
    for group in compared.grouped_ops(CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        let (old, new) = (
            first.old_range().start..last.old_range().end,
            first.new_range().start..last.new_range().end,
        );
        let mut lines = Vec::new();
        for op in &group {
            let signed = |sign: char, line: Option<&str>| {
                format!(
                    "{sign}{}",
                    line.map_or("", |line| line.strip_suffix('\n').unwrap_or(line))
                )
            };
            let removed = op.old_range().map(|at| {
                signed(
                    if op.tag() == DiffTag::Equal { ' ' } else { '-' },
                    compared.old_slice(at),
                )
            });
            lines.extend(removed);
            if op.tag() != DiffTag::Equal {
                lines.extend(op.new_range().map(|at| signed('+', compared.new_slice(at))));
            }
        }
        hunks.push(Hunk {
            old_start: start(&old),
            old_lines: narrow(old.len()),
            new_start: start(&new),
            new_lines: narrow(new.len()),
            lines,
        });
    }
    finish(path, hunks)
}

/// The difference of two pieces of a file at an unknown place: no line has a number.
pub fn unplaced(path: &str, before: &str, after: &str, why: Unplaced) -> Diff {
    let mut diff = diff(path, before, after);
    if diff.lines.first().is_some_and(|first| first.sign == '@') {
        diff.lines.remove(0);
    }
    for line in &mut diff.lines {
        (line.old, line.new) = (None, None);
        if line.sign == '@' {
            line.parts = vec![(false, "…".into())];
        }
    }
    diff.unplaced = Some(why);
    diff
}

/// The change that an agent reports as `structuredPatch`: `[{oldStart, oldLines, newStart, newLines, lines}]`.
/// Unreadable parts are left out.
pub fn diff_from_patch(path: &str, patch: &serde_json::Value) -> Diff {
    let hunks = patch
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|hunk| Hunk::deserialize(hunk).ok())
        .collect();
    finish(path, hunks)
}

fn finish(path: &str, hunks: Vec<Hunk>) -> Diff {
    let mut diff = Diff {
        path: path.to_owned(),
        ..Diff::default()
    };
    let mut work = MOST_WORK;
    for hunk in hunks {
        // Hunks beyond the limit are only counted, without the cost of comparing and copying.
        let room = MOST_LINES.saturating_sub(diff.lines.len());
        if room == 0 {
            diff.omitted += 1;
        }
        let mut lines = vec![DiffLine {
            sign: '@',
            old: None,
            new: None,
            parts: vec![(false, head(&hunk))],
        }];
        lines.truncate(room);
        let (mut old, mut new) = (hunk.old_start, hunk.new_start);
        // The start of the present run of removed and added lines.
        let mut run = 1;
        for line in &hunk.lines {
            let mut characters = line.chars();
            let (sign, text) = match characters.next() {
                Some(sign @ ('+' | '-' | ' ')) => (sign, characters.as_str()),
                None => (' ', ""),
                // `\ No newline at end of file`, and signs that newer agents may add.
                Some(_) => continue,
            };
            let (was, is) = (sign != '+', sign != '-');
            if sign == ' ' || (sign == '-' && lines.last().is_some_and(|last| last.sign == '+')) {
                mark(lines.get_mut(run..).unwrap_or_default(), &mut work);
                run = lines.len() + usize::from(sign == ' ');
            }
            diff.added += i64::from(!was);
            diff.removed += i64::from(!is);
            if lines.len() < room {
                let (text, shortened) = cut(text);
                diff.shortened += i64::from(shortened);
                lines.push(DiffLine {
                    sign,
                    old: was.then_some(old),
                    new: is.then_some(new),
                    parts: vec![(false, text)],
                });
            } else {
                diff.omitted += 1;
            }
            old = old.saturating_add(u32::from(was));
            new = new.saturating_add(u32::from(is));
        }
        mark(lines.get_mut(run..).unwrap_or_default(), &mut work);
        diff.lines.extend(lines);
    }
    diff
}

/// Marks the changes inside lines, pairing the n-th removed line with the n-th added one.
fn mark(run: &mut [DiffLine], work: &mut usize) {
    let removed = run.iter().take_while(|line| line.sign == '-').count();
    let (removed, added) = run.split_at_mut(removed);
    for (old, new) in removed.iter_mut().zip(added) {
        if let Some((old_parts, new_parts)) = compare(whole(old), whole(new), work) {
            old.parts = old_parts;
            new.parts = new_parts;
        }
    }
}

type Parts = Vec<(bool, String)>;

fn compare(old: &str, new: &str, work: &mut usize) -> Option<(Parts, Parts)> {
    if old.len() + new.len() > MOST_WORDS {
        return None;
    }
    let (old_words, new_words) = (words(old), words(new));
    *work = work.checked_sub(old_words.len() * new_words.len())?;
    let compared = TextDiff::configure().diff_slices(&old_words, &new_words);
    if compared.ratio() < ALIKE {
        return None;
    }
    let (mut before, mut after) = (Parts::new(), Parts::new());
    for op in compared.ops() {
        let changed = op.tag() != DiffTag::Equal;
        push(&mut before, changed, &old_words[op.old_range()].concat());
        push(&mut after, changed, &new_words[op.new_range()].concat());
    }
    Some((before, after))
}

fn push(parts: &mut Parts, changed: bool, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some((same, last)) if *same == changed => last.push_str(text),
        _ => parts.push((changed, text.to_owned())),
    }
}

/// The words of a line: runs of letters and digits, runs of spaces, and every other character alone.
fn words(line: &str) -> Vec<&str> {
    let class = |c: char| {
        if c.is_alphanumeric() || c == '_' {
            0
        } else if c.is_whitespace() {
            1
        } else {
            2
        }
    };
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let length = if class(first) == 2 {
            first.len_utf8()
        } else {
            rest.find(|c| class(c) != class(first)).unwrap_or(rest.len())
        };
        let (word, after) = rest.split_at(length);
        words.push(word);
        rest = after;
    }
    words
}

fn whole(line: &DiffLine) -> &str {
    line.parts.first().map_or("", |(_, text)| text)
}

/// The shown part of a line, and whether it was cut.
fn cut(text: &str) -> (String, bool) {
    match text.char_indices().nth(MOST_OF_LINE) {
        Some((at, _)) => (format!("{}…", &text[..at]), true),
        None => (text.to_owned(), false),
    }
}

fn head(hunk: &Hunk) -> String {
    let side = |start: u32, count: u32| {
        if count == 1 {
            start.to_string()
        } else {
            format!("{start},{count}")
        }
    };
    format!(
        "@@ -{} +{} @@",
        side(hunk.old_start, hunk.old_lines),
        side(hunk.new_start, hunk.new_lines)
    )
}

/// The number of a range's first line; by convention the line before if the range is empty.
fn start(range: &std::ops::Range<usize>) -> u32 {
    narrow(range.start + usize::from(!range.is_empty()))
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Lines as `-3 |text with [changed] words|`.
    fn shown(diff: &Diff) -> Vec<String> {
        let number = |n: Option<u32>| n.map_or(String::new(), |n| n.to_string());
        let part = |(changed, text): &(bool, String)| if *changed { format!("[{text}]") } else { text.clone() };
        diff.lines
            .iter()
            .map(|line| {
                format!(
                    "{}{},{}|{}",
                    line.sign,
                    number(line.old),
                    number(line.new),
                    line.parts.iter().map(part).collect::<String>()
                )
            })
            .collect()
    }

    #[test]
    fn a_change_shows_its_words_and_three_lines_around_it() {
        let before = "1\n2\n3\n4\nlet id = new();\n6\n7\n8\n9\n";
        let after = "1\n2\n3\n4\nlet key = new();\nand more\n6\n7\n8\n9\n";
        let diff = diff("a.rs", before, after);
        assert_eq!(
            (diff.path.as_str(), diff.added, diff.removed, diff.omitted),
            ("a.rs", 2, 1, 0)
        );
        assert_eq!(
            shown(&diff),
            [
                "@,|@@ -2,7 +2,8 @@",
                " 2,2|2",
                " 3,3|3",
                " 4,4|4",
                "-5,|let [id] = new();",
                "+,5|let [key] = new();",
                "+,6|and more",
                " 6,7|6",
                " 7,8|7",
                " 8,9|8"
            ]
        );
    }

    #[test]
    fn new_emptied_and_unchanged_files_are_diffs_too() {
        assert_eq!(shown(&diff("n", "", "a\nb")), ["@,|@@ -0,0 +1,2 @@", "+,1|a", "+,2|b"]);
        assert_eq!(shown(&diff("n", "a\n", "")), ["@,|@@ -1 +0,0 @@", "-1,|a"]);
        assert!(diff("n", "a\n", "a\n").lines.is_empty());
    }

    #[test]
    fn a_change_without_a_place_has_no_numbers() {
        let between = "same\n".repeat(10);
        let diff = unplaced(
            "p",
            &format!("one\n{between}two\n"),
            &format!("1\n{between}2\n"),
            Unplaced::NotFound,
        );
        assert_eq!(
            (diff.unplaced, diff.added, diff.removed),
            (Some(Unplaced::NotFound), 2, 2)
        );
        assert!(diff.lines.iter().all(|line| (line.old, line.new) == (None, None)));
        assert_eq!(
            diff.lines.iter().map(|line| line.sign).collect::<String>(),
            "-+   @   -+"
        );
        assert!(!shown(&diff).concat().contains("@@"), "{diff:?}");
    }

    #[test]
    fn an_agents_patch_reads_the_same() {
        let patch = json!([
            {"oldStart": 10, "oldLines": 3, "newStart": 10, "newLines": 3, "lines": [" a", "-old word", "+new word", " b", "\\ No newline at end of file"]},
            {"oldStart": 40, "oldLines": 1, "newStart": 40, "newLines": 0, "lines": ["-gone"]},
            {"nonsense": true}
        ]);
        let diff = diff_from_patch("p", &patch);
        assert_eq!((diff.added, diff.removed), (1, 2));
        assert_eq!(
            shown(&diff),
            [
                "@,|@@ -10,3 +10,3 @@",
                " 10,10|a",
                "-11,|[old] word",
                "+,11|[new] word",
                " 12,12|b",
                "@,|@@ -40 +40,0 @@",
                "-40,|gone"
            ]
        );
        for nonsense in [
            json!(null),
            json!("text"),
            json!([1, "x", {"oldStart": -1, "newStart": 1}]),
            json!({"a": 1}),
        ] {
            assert_eq!(diff_from_patch("p", &nonsense).lines, []);
        }
    }

    #[test]
    fn large_changes_are_cut_and_say_by_how_much() {
        let after: String = (0..5_000).map(|n| n.to_string() + "\n").collect();
        let cut = diff("n", "", &after);
        assert_eq!(
            (cut.lines.len(), cut.added, cut.omitted),
            (MOST_LINES, 5_000, 5_001 - 1_500)
        );
        let long = diff("n", "", &"x".repeat(100_000));
        assert_eq!(
            (long.lines[1].parts[0].1.chars().count(), long.shortened, cut.shortened),
            (MOST_OF_LINE + 1, 1, 0)
        );
        let huge = diff("n", "", &"x\n".repeat(MOST_BYTES));
        assert_eq!((huge.lines.len(), huge.omitted), (0, 4 << 20));
    }

    #[test]
    fn a_patch_of_any_shape_is_drawn_in_time() {
        let pair = |n: usize| {
            [
                format!("-{} old {n}", "a.b,c;".repeat(14)),
                format!("+{} new {n}", "a,b.c;".repeat(14)),
            ]
        };
        let one = json!([{"oldStart": 1, "newStart": 1, "lines": (0..40_000).flat_map(pair).collect::<Vec<_>>()}]);
        let many: Vec<_> = (0..40_000)
            .map(|n| json!({"oldStart": n, "newStart": n, "lines": pair(n)}))
            .collect();
        let long = json!([{"oldStart": 1, "newStart": 1, "lines": (0..8_000).flat_map(|n| [format!("-{}{n}", "a b".repeat(160)), format!("+{}{n}", "b a".repeat(160))]).collect::<Vec<_>>()}]);
        for (patch, omitted) in [
            (one, 80_001 - 1_500),
            (json!(many), 120_000 - 1_500),
            (long, 16_001 - 1_500),
        ] {
            // The fastest of three, because other programs use this machine too.
            let took = (0..3)
                .map(|_| {
                    let begun = std::time::Instant::now();
                    assert_eq!(diff_from_patch("p", &patch).omitted, omitted);
                    begun.elapsed()
                })
                .min();
            assert!(took < Some(Duration::from_millis(300)), "{took:?}");
        }
    }

    proptest! {
        #[test]
        fn the_lines_rebuild_both_texts(before in prop::collection::vec("[ab ]{0,4}", 0..12), after in prop::collection::vec("[ab ]{0,4}", 0..12)) {
            let text = |lines: &[String]| lines.iter().fold(String::new(), |text, line| text + line + "\n");
            let diff = diff("p", &text(&before), &text(&after));
            for line in &diff.lines {
                let whole: String = line.parts.iter().map(|(_, part)| part.as_str()).collect();
                for (number, lines) in [(line.old, &before), (line.new, &after)] {
                    if let Some(number) = number {
                        prop_assert_eq!(&lines[usize::try_from(number).expect("fits") - 1], &whole);
                    }
                }
            }
            let count = |sign| i64::try_from(diff.lines.iter().filter(|line| line.sign == sign).count()).expect("fits");
            prop_assert_eq!((count('+'), count('-')), (diff.added, diff.removed));
            prop_assert_eq!(i64::try_from(before.len()).expect("fits") - diff.removed, i64::try_from(after.len()).expect("fits") - diff.added);
        }
    }
}
