//! Makes texts of the stream storable.

use serde_json::Value;

/// The most bytes of an unreadable line that are passed on; the run's spool has all of it.
pub(super) const RAW: usize = 64 * 1024;
/// The deepest JSON that is kept as JSON; deeper lines are passed on as text. serde_json reads 127 levels, and storage
/// adds some.
const DEEPEST: usize = 100;
/// The text, unless it is empty.
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

/// The text without NUL, which PostgreSQL cannot store.
fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

/// Makes every text in the value storable; `false` when the value is too deep.
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
