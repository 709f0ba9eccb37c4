//! Texts of the stream as they can be stored.

use serde_json::Value;

/// How much of a line that cannot be understood is passed on, in bytes; all of it is in the run's spool.
pub(super) const RAW: usize = 64 * 1024;
/// Deeper lines are passed on as text: what is stored wraps them once more, and must be readable again (serde_json
/// reads 127 levels).
const DEEPEST: usize = 100;
/// A text, or nothing where it says nothing.
pub(super) fn said(value: &Value) -> Option<String> {
    value
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

pub(super) fn lossy(line: &[u8]) -> Value {
    let text = String::from_utf8_lossy(&line[..line.len().min(RAW)]);
    Value::String(without_nul(text.into_owned()))
}

/// A text that every database takes: PostgreSQL has no NUL in texts.
fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

/// Makes every text of the value one that can be stored; `false` when the value is too deep for that.
pub(super) fn storable(value: &mut Value, depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    match value {
        Value::String(text) => {
            *text = without_nul(std::mem::take(text));
            true
        }
        Value::Array(items) => items.iter_mut().all(|item| storable(item, depth + 1)),
        Value::Object(fields) => {
            if fields.keys().any(|key| key.contains('\0')) {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(key, value)| (without_nul(key), value))
                    .collect();
            }
            fields.values_mut().all(|field| storable(field, depth + 1))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}
