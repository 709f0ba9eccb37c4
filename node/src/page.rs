//! Cursors of lists: the key of the last row, opaque to callers and validated when it comes back.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{Error, Result};

/// A cursor's text.
pub fn cursor(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(parts.join("\n"))
}

/// The parts of a cursor; `Invalid` (422) if it is not one of ours.
pub fn parts(after: &str, count: usize) -> Result<Vec<String>> {
    let bad = || Error::invalid("after", "this is not a cursor of this list");
    let bytes = URL_SAFE_NO_PAD.decode(after).map_err(|_| bad())?;
    let text = String::from_utf8(bytes).map_err(|_| bad())?;
    let parts: Vec<String> = text.split('\n').map(str::to_owned).collect();
    // No key contains NUL, and PostgreSQL accepts none.
    if parts.len() == count && !text.contains('\0') {
        Ok(parts)
    } else {
        Err(bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips_and_a_foreign_one_is_refused() {
        let text = cursor(&["12", "ses_1"]);
        assert_eq!(parts(&text, 2), Ok(vec!["12".into(), "ses_1".into()]));
        for bad in ["", "%%%", "AAAA", &cursor(&["1", "2", "3"]), &cursor(&["1", "a\0b"])] {
            assert!(parts(bad, 2).is_err(), "{bad:?}");
        }
    }
}
