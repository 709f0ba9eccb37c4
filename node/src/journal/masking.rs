//! Secrets this node knows, replaced before anything is journaled.
//! It keeps them in memory only, and must never log or return one.

use std::{
    borrow::Cow,
    sync::{PoisonError, RwLock},
};

/// What stands where a secret stood.
pub const MASK: &str = "[masked]";
/// Shorter values are ordinary words.
const SHORTEST: usize = 8;

/// The registry.
#[derive(Default)]
pub struct Secrets(RwLock<Vec<String>>);

impl Secrets {
    /// Adds a value; longer ones are replaced first, so that one that contains another is masked whole.
    pub fn add(&self, secret: &str) -> bool {
        if secret.len() < SHORTEST {
            return false;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !known.iter().any(|other| other == secret) {
            known.push(secret.to_owned());
            known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
        true
    }

    /// The text with every secret replaced.
    pub fn mask_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut masked = Cow::Borrowed(text);
        for secret in known.iter() {
            if masked.contains(secret.as_str()) {
                masked = Cow::Owned(masked.replace(secret.as_str(), MASK));
            }
        }
        masked
    }

    /// The same for JSON bytes: strings and keys inside are masked, the structure stays. `None` when there is nothing to
    /// mask: then the bytes stay as they are.
    pub fn mask_json(&self, json: &[u8]) -> Option<Vec<u8>> {
        if !self.may_contain(json) {
            return None;
        }
        let mut value = serde_json::from_slice::<serde_json::Value>(json).ok()?;
        self.mask_value(&mut value).then(|| serde_json::to_vec(&value).unwrap_or_default())
    }

    /// Masks strings and keys of a value; says whether anything changed.
    pub fn mask_value(&self, value: &mut serde_json::Value) -> bool {
        use serde_json::Value;
        match value {
            Value::String(text) => {
                let masked = match self.mask_text(text) {
                    Cow::Borrowed(_) => return false,
                    Cow::Owned(masked) => masked,
                };
                *text = masked;
                true
            }
            Value::Array(items) => {
                // Every item is masked, also after one was: `any` would stop there.
                let mut changed = false;
                for item in items {
                    changed |= self.mask_value(item);
                }
                changed
            }
            Value::Object(fields) => {
                let mut changed = false;
                for field in fields.values_mut() {
                    changed |= self.mask_value(field);
                }
                let named: Vec<String> = fields.keys().filter(|key| matches!(self.mask_text(key), Cow::Owned(_))).cloned().collect();
                for key in named {
                    if let Some(field) = fields.remove(&key) {
                        fields.insert(self.mask_text(&key).into_owned(), field);
                        changed = true;
                    }
                }
                changed
            }
            _ => false,
        }
    }

    /// A quick look at the bytes before they are parsed; secrets are compared as JSON writes them.
    fn may_contain(&self, json: &[u8]) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return false;
        }
        let text = String::from_utf8_lossy(json);
        known.iter().any(|secret| {
            let escaped = serde_json::to_string(secret).unwrap_or_default();
            text.contains(escaped.trim_matches('"')) || text.contains(secret.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secrets(of: &[&str]) -> Secrets {
        let secrets = Secrets::default();
        for secret in of {
            assert!(secrets.add(secret));
        }
        secrets
    }

    #[test]
    fn a_secret_is_masked_in_values_and_keys_and_nothing_else_changes() {
        let secrets = secrets(&["hunter2hunter2", "quote\"and\\slash"]);
        let json = serde_json::to_vec(&json!({"a": ["x hunter2hunter2 y", 1], "hunter2hunter2": "quote\"and\\slash", "n": 1})).expect("encodes");
        let masked: serde_json::Value = serde_json::from_slice(&secrets.mask_json(&json).expect("something to mask")).expect("still JSON");
        assert_eq!(masked, json!({"a": ["x [masked] y", 1], "[masked]": "[masked]", "n": 1}));
        assert_eq!(secrets.mask_json(br#"{ "kept":   "byte for byte" }"#), None);
    }

    #[test]
    fn a_secret_that_looks_like_a_number_leaves_numbers_alone() {
        let secrets = secrets(&["12345678"]);
        let masked = secrets.mask_json(br#"{"n":12345678,"s":"12345678"}"#);
        assert_eq!(masked.as_deref(), Some(br#"{"n":12345678,"s":"[masked]"}"#.as_slice()));
    }

    #[test]
    fn the_longer_of_two_nested_secrets_goes_first_and_words_are_refused() {
        let secrets = secrets(&["abcdefgh", "abcdefgh-ijkl"]);
        assert_eq!(secrets.mask_text("abcdefgh-ijkl"), MASK);
        assert!(!secrets.add("short"));
    }
}
