//! The beginning of a long input: the part that a row carries, and the length of the whole. It must report every
//! omission, and must keep short fields whole: a path is worth more than a file's last line.

use model::approvals::Whole;
use serde_json::Value;

/// The most bytes of an input's JSON in a row.
pub(crate) const ROW: usize = 32 * 1024;

/// The least room that any value takes: `false`.
const SHORTEST: usize = 5;

/// The value; or, if its JSON has more than `most` bytes, as much of it as fits, and the length of the whole. Structure
/// and names stay while they fit; long texts are cut.
pub(crate) fn beginning(value: Value, most: usize) -> (Value, Option<Whole>) {
    let bytes = size(&value);
    if bytes <= most {
        return (value, None);
    }
    let whole = Whole {
        bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        lines: i64::try_from(lines(&value)).unwrap_or(i64::MAX),
    };
    (first(value, &mut { most }), Some(whole))
}

/// The number of JSON bytes of a character.
const fn escaped(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => c.len_utf8(),
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => 2 + text.chars().map(escaped).sum::<usize>(),
        Value::Array(items) => 2 + items.iter().map(|item| 1 + size(item)).sum::<usize>(),
        Value::Object(fields) => {
            2 + fields
                .iter()
                .map(|(name, field)| name_size(name) + size(field))
                .sum::<usize>()
        }
        Value::Null | Value::Bool(_) => 5,
        Value::Number(number) => number.to_string().len(),
    }
}

/// The size of a field's name with its quotes, colon and comma.
fn name_size(name: &str) -> usize {
    4 + name.chars().map(escaped).sum::<usize>()
}

fn lines(value: &Value) -> usize {
    match value {
        Value::String(text) => text.lines().count(),
        Value::Array(items) => items.iter().map(lines).sum(),
        Value::Object(fields) => fields.values().map(lines).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Takes as much of the value as fits into `room`, and reduces `room`.
fn first(value: Value, room: &mut usize) -> Value {
    let mut take = |bytes: usize| {
        let fits = bytes <= *room;
        *room -= if fits { bytes } else { 0 };
        fits
    };
    // Every value takes this much; the caller has checked that it fits.
    take(SHORTEST);
    match value {
        Value::String(text) => {
            let end = text
                .char_indices()
                .find(|(_, c)| !take(escaped(*c)))
                .map_or(text.len(), |(at, _)| at);
            Value::String(text[..end].to_owned())
        }
        Value::Array(items) => {
            let mut kept = Vec::new();
            for item in items {
                if *room <= SHORTEST {
                    break;
                }
                *room -= 1;
                kept.push(first(item, room));
            }
            Value::Array(kept)
        }
        Value::Object(fields) => {
            // Short fields first, so that a long one takes only what they leave.
            let mut by_size: Vec<(usize, String, Value)> = fields
                .into_iter()
                .map(|(name, field)| (size(&field), name, field))
                .collect();
            by_size.sort_by_key(|(size, ..)| *size);
            let mut kept = serde_json::Map::new();
            for (_, name, field) in by_size {
                let needed = name_size(&name);
                if needed + SHORTEST > *room {
                    break;
                }
                *room -= needed;
                kept.insert(name, first(field, room));
            }
            Value::Object(kept)
        }
        other => {
            let rest = size(&other).saturating_sub(SHORTEST);
            if take(rest) { other } else { Value::Null }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn bytes(value: &Value) -> usize {
        serde_json::to_vec(value).expect("encodes").len()
    }

    #[test]
    fn a_long_text_ends_early_and_says_how_long_it_is() {
        let content = "0123456\n".repeat(100_000);
        let input = json!({"content": content, "file_path": "/p/a", "mode": 7});
        let (cut, whole) = beginning(input.clone(), ROW);
        assert!(bytes(&cut) <= ROW && bytes(&cut) > ROW - 100, "{}", bytes(&cut));
        assert_eq!((&cut["file_path"], &cut["mode"]), (&json!("/p/a"), &json!(7)));
        assert!(content.starts_with(cut["content"].as_str().expect("a text")));
        let whole = whole.expect("it was cut");
        assert_eq!(whole.lines, 100_001);
        assert!(
            usize::try_from(whole.bytes).is_ok_and(|said| said.abs_diff(bytes(&input)) < 20),
            "{whole:?}"
        );
        assert_eq!(
            beginning(json!({"command": "ls"}), ROW),
            (json!({"command": "ls"}), None)
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,40}".prop_map(Value::from),
            "[\u{0}\\n\"]{0,20}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                proptest::collection::vec(("[a-z\"]{0,6}", inner), 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect()))
            ]
        })
    }

    proptest! {
        #[test]
        fn a_beginning_has_room_and_nothing_is_left_out_unsaid(value in any_json(), most in 8_usize..200) {
            let (cut, whole) = beginning(value.clone(), most);
            prop_assert!(whole.is_none() || bytes(&cut) <= most, "{cut} in {most}");
            prop_assert!(whole.is_some() || cut == value);
        }
    }
}
