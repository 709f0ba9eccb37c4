//! The secrets that this node knows, masked before anything is journaled. It keeps them in memory only, and must never
//! log or return one.

use memchr::memmem;
use std::{
    borrow::Cow,
    ops::Range,
    sync::{PoisonError, RwLock},
};

/// The replacement for a secret.
pub const MASK: &str = "[masked]";
/// The least length of a secret in bytes: shorter values are ordinary words.
const SHORTEST: usize = 8;
/// The least length in bytes of a line of a multi-line secret: shorter lines are ordinary text.
const SHORTEST_LINE: usize = 16;
/// An API token of any OrchWiz node: this prefix, 32 hex digits, an underscore, 64 hex digits. Nodes store tokens
/// hashed, so tokens are recognised by their shape.
const TOKEN: &[u8] = b"owz_";
const TOKEN_PARTS: (usize, usize) = (32, 64);
const TOKEN_LENGTH: usize = TOKEN.len() + TOKEN_PARTS.0 + 1 + TOKEN_PARTS.1;

/// The registry of secrets.
#[derive(Default)]
pub struct Secrets(RwLock<Vec<Form>>);

/// One way in which a secret is written.
struct Form {
    text: String,
    finder: memmem::Finder<'static>,
}

/// All forms in which a secret may be written: plain, as JSON, as JSON within JSON, percent-decoded, and line by line.
fn forms(secret: &str) -> Vec<String> {
    let mut plain = vec![secret.to_owned(), secret.trim().to_owned()];
    plain.extend(
        percent_encoding::percent_decode_str(secret)
            .decode_utf8()
            .ok()
            .map(Cow::into_owned),
    );
    // The first and last line of a PEM key only name its kind, so they are not secret.
    let lines = secret
        .lines()
        .map(str::trim)
        .filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"));
    if secret.trim().contains('\n') {
        plain.extend(lines.map(str::to_owned));
    }
    let escaped = |text: &String| {
        let json = serde_json::to_string(text).unwrap_or_default();
        json.strip_prefix('"')
            .and_then(|json| json.strip_suffix('"'))
            .unwrap_or_default()
            .to_owned()
    };
    let once: Vec<String> = plain.iter().map(escaped).collect();
    let twice: Vec<String> = once.iter().map(escaped).collect();
    plain
        .into_iter()
        .chain(once)
        .chain(twice)
        .filter(|form| form.len() >= SHORTEST)
        .collect()
}

impl Secrets {
    /// Adds a secret in all its forms; returns whether it was accepted.
    pub fn add(&self, secret: &str) -> bool {
        if secret.len() < SHORTEST {
            return false;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for text in forms(secret) {
            if !known.iter().any(|form| form.text == text) {
                let finder = memmem::Finder::new(text.as_bytes()).into_owned();
                known.push(Form { text, finder });
            }
        }
        true
    }

    /// The text with every secret replaced.
    pub fn mask_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let found = self.spans(text.as_bytes());
        if found.is_empty() {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(replaced(text, &found))
        }
    }

    /// Masks a text that is still being written. Leaves out its end where a secret may begin there.
    pub fn mask_so_far(&self, text: &str) -> String {
        let found = self.spans(text.as_bytes());
        let mut end = text.len() - self.may_begin(text.as_bytes());
        // A secret that crosses the new end waits as well.
        while let Some(cut) = found.iter().find(|span| span.start < end && span.end > end) {
            end = cut.start;
        }
        let whole: Vec<Range<usize>> = found.into_iter().filter(|span| span.end <= end).collect();
        replaced(&text[..end], &whole)
    }

    /// Masks the strings and keys inside of JSON bytes and keeps the structure. `None` when there is nothing to mask:
    /// the bytes stay as they are.
    pub fn mask_json(&self, json: &[u8]) -> Option<Vec<u8>> {
        if self.spans(json).is_empty() {
            return None;
        }
        let mut value = serde_json::from_slice::<serde_json::Value>(json).ok()?;
        self.mask_value(&mut value)
            .then(|| serde_json::to_vec(&value).unwrap_or_default())
    }

    /// Masks a line of an agent's output, as JSON if it is JSON, else as text. `None` when there is nothing to mask.
    pub fn mask_line(&self, line: &[u8]) -> Option<Vec<u8>> {
        let found = !self.spans(line).is_empty();
        // Other programs escape characters in JSON that need no escape, which hides a secret.
        let hides = !self.is_empty()
            && [&b"\\u"[..], b"\\/"]
                .iter()
                .any(|escape| memmem::find(line, escape).is_some());
        if !found && !hides {
            return None;
        }
        match serde_json::from_slice::<serde_json::Value>(line) {
            Ok(mut value) => self
                .mask_value(&mut value)
                .then(|| serde_json::to_vec(&value).unwrap_or_default()),
            Err(_) if found => Some(self.mask_text(&String::from_utf8_lossy(line)).into_owned().into_bytes()),
            Err(_) => None,
        }
    }

    /// Masks the strings and keys of a value; returns whether anything changed.
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
                // `any` would stop at the first masked item and leave the others.
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
                let named: Vec<String> = fields
                    .keys()
                    .filter(|key| matches!(self.mask_text(key), Cow::Owned(_)))
                    .cloned()
                    .collect();
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

    fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The spans of all secrets, in order; overlapping spans are merged.
    fn spans(&self, text: &[u8]) -> Vec<Range<usize>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Range<usize>> = Vec::new();
        for form in known.iter() {
            let mut from = 0;
            while let Some(at) = form.finder.find(&text[from..]) {
                let start = from + at;
                add(&mut found, start..start + form.text.len());
                from = start + 1;
            }
        }
        for start in memmem::find_iter(text, TOKEN) {
            if token(&text[start..]) == TOKEN_LENGTH {
                add(&mut found, start..start + TOKEN_LENGTH);
            }
        }
        found.sort_by_key(|span| span.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for span in found {
            add(&mut merged, span);
        }
        merged
    }

    /// The number of bytes at the end of the text that may begin a secret.
    fn may_begin(&self, text: &[u8]) -> usize {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let begun = |form: &Form| {
            let form = form.text.as_bytes();
            (1..form.len().min(text.len() + 1))
                .rev()
                .find(|length| text.ends_with(&form[..*length]))
                .unwrap_or(0)
        };
        let token = (1..TOKEN_LENGTH.min(text.len() + 1))
            .rev()
            .find(|length| token(&text[text.len() - length..]) == *length);
        known.iter().map(begun).chain(token).max().unwrap_or(0)
    }
}

/// Appends a span and merges it with the last one if they overlap.
fn add(spans: &mut Vec<Range<usize>>, span: Range<usize>) {
    match spans.last_mut() {
        Some(last) if last.start <= span.start && span.start < last.end => last.end = last.end.max(span.end),
        _ => spans.push(span),
    }
}

/// The text with the mask in the place of each span.
fn replaced(text: &str, spans: &[Range<usize>]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for span in spans {
        masked.push_str(&text[from..span.start]);
        masked.push_str(MASK);
        from = span.end;
    }
    masked.push_str(&text[from..]);
    masked
}

/// The number of bytes that have the shape of a token; [`TOKEN_LENGTH`] for a whole token.
fn token(text: &[u8]) -> usize {
    let underscore = TOKEN.len() + TOKEN_PARTS.0;
    let fits = |(at, byte): &(usize, &u8)| match *at {
        at if at < TOKEN.len() => **byte == TOKEN[at],
        at if at == underscore => **byte == b'_',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    text.iter().take(TOKEN_LENGTH).enumerate().take_while(fits).count()
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
        let json =
            serde_json::to_vec(&json!({"a": ["x hunter2hunter2 y", 1], "hunter2hunter2": "quote\"and\\slash", "n": 1}))
                .expect("encodes");
        let masked: serde_json::Value =
            serde_json::from_slice(&secrets.mask_json(&json).expect("something to mask")).expect("still JSON");
        assert_eq!(
            masked,
            json!({"a": ["x [masked] y", 1], "[masked]": "[masked]", "n": 1})
        );
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

    #[test]
    fn secrets_that_overlap_are_masked_whole() {
        let secrets = secrets(&["first-and-then", "then-the-second"]);
        assert_eq!(secrets.mask_text("a first-and-then-the-second b"), "a [masked] b");
        let twice = "aaaaaaaaaa";
        let secrets = Secrets::default();
        secrets.add("aaaaaaaa");
        assert_eq!(secrets.mask_text(twice), MASK);
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let secrets = secrets(&["p%40ss/w%22rd", "line one of the key\nline two of the key"]);
        let password = "p@ss/w\"rd";
        let json = json!({"a": password, "b": json!({"c": password}).to_string()}).to_string();
        for text in ["p%40ss/w%22rd", password, json.as_str(), "x line two of the key y"] {
            let masked = secrets.mask_text(text);
            assert!(
                masked.contains(MASK) && !masked.contains("ss/w") && !masked.contains("two of"),
                "{masked}"
            );
        }
        let hidden = br#"{"a":"\u0070@ss\/w\u0022rd"}"#;
        assert_eq!(
            secrets.mask_line(hidden).as_deref(),
            Some(br#"{"a":"[masked]"}"#.as_slice())
        );
        assert_eq!(secrets.mask_line(br#"{"a":"\u001b[1m"}"#), None);
    }

    #[test]
    fn a_token_of_any_node_is_known_by_its_shape() {
        let secrets = Secrets::default();
        let token = format!("owz_{}_{}", "0af9".repeat(8), "12bc".repeat(16));
        assert_eq!(
            secrets.mask_text(&format!("curl -H 'Bearer {token}'")),
            "curl -H 'Bearer [masked]'"
        );
        assert_eq!(secrets.mask_text("owz_garbage and owz_"), "owz_garbage and owz_");
        for length in 1..token.len() {
            assert_eq!(
                secrets.mask_so_far(&format!("x {}", &token[..length])),
                "x ",
                "{length}"
            );
        }
        assert_eq!(secrets.mask_so_far(&format!("x {token}.")), "x [masked].");
        assert_eq!(secrets.mask_so_far("x owz_garbage"), "x owz_garbage");
    }

    #[test]
    fn a_text_that_goes_on_never_shows_the_beginning_of_a_secret() {
        let canary = "sk-ant-api03-Zq7Rk2Wm9Xt4Lp8Vb3Nc6Hd1Fs5Gj0";
        let secrets = secrets(&[canary, "sk-ant-api03-Zq7R", "5Gj0-and-on-it-goes"]);
        let text = format!("The key is {canary}, and that is all of it.");
        for end in 0..=text.len() {
            let shown = secrets.mask_so_far(&text[..end]);
            let leaks = (0..=canary.len() - 4).any(|at| shown.contains(&canary[at..at + 4]));
            assert!(!leaks, "{shown:?} of {:?}", &text[..end]);
        }
        assert_eq!(
            secrets.mask_so_far(&text),
            "The key is [masked], and that is all of it."
        );
    }
}
