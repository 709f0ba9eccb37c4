//! Marks invisible and reordering characters in untrusted text, so that a person sees them. Only the shown text
//! changes, never what is stored or sent on. This module knows nothing of HTML.

use std::borrow::Cow;

/// A stretch of text as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Visible text.
    Text(&'a str),
    /// A hidden character: shown as its [`name`].
    Hidden(char),
}

/// Whether a character is invisible or reorders others, whatever its neighbours: controls except line feed and tab,
/// direction controls, zero-width and filler characters, tags. [`pieces`] decides about variation selectors of emoji.
pub const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text in pieces, in order. Joined with their hidden characters they give the text again.
pub fn pieces(text: &str) -> Pieces<'_> {
    Pieces {
        rest: text,
        before: None,
    }
}

/// See [`pieces`].
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    rest: &'a str,
    before: Option<char>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let first = self.rest.chars().next()?;
        if hides(self.before, first) {
            self.before = Some(first);
            self.rest = &self.rest[first.len_utf8()..];
            return Some(Piece::Hidden(first));
        }
        let mut end = self.rest.len();
        for (at, c) in self.rest.char_indices() {
            if hides(self.before, c) {
                end = at;
                break;
            }
            self.before = Some(c);
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Piece::Text(text))
    }
}

/// Whether a character is hidden after `before`. A variation selector belongs after a symbol; elsewhere it can smuggle
/// data.
fn hides(before: Option<char>, c: char) -> bool {
    match c {
        '\u{fe0e}' | '\u{fe0f}' => before
            .is_none_or(|before| before < '\u{a9}' || matches!(before, '\u{fe0e}' | '\u{fe0f}') || is_hidden(before)),
        c => is_hidden(c),
    }
}

/// The name of a hidden character: `U+202E`.
pub fn name(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// The text with `<U+202E>` for each hidden character, for places that take plain text only.
pub fn marked(text: &str) -> Cow<'_, str> {
    let mut pieces = pieces(text);
    match (pieces.next(), pieces.next()) {
        (None, _) => Cow::Borrowed(""),
        (Some(Piece::Text(all)), None) => Cow::Borrowed(all),
        (first, second) => {
            let mut shown = String::with_capacity(text.len() + 16);
            for piece in first.into_iter().chain(second).chain(pieces) {
                match piece {
                    Piece::Text(text) => shown.push_str(text),
                    Piece::Hidden(c) => {
                        shown.push('<');
                        shown.push_str(&name(c));
                        shown.push('>');
                    }
                }
            }
            Cow::Owned(shown)
        }
    }
}

/// Whether the text has hidden characters to warn of. The carriage return of a CRLF is marked but gives no warning.
pub fn has_hidden(text: &str) -> bool {
    let mut rest = text;
    pieces(text).any(|piece| {
        let length = match piece {
            Piece::Text(text) => text.len(),
            Piece::Hidden(c) => c.len_utf8(),
        };
        rest = &rest[length..];
        matches!(piece, Piece::Hidden(c) if c != '\r' || !(rest.is_empty() || rest.starts_with('\n')))
    })
}

/// The first word that mixes Latin with Cyrillic or Greek letters, many of which look the same.
pub fn mixed_word(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_alphanumeric())
        .find(|word| !word.is_ascii() && word.chars().any(is_latin) && word.chars().any(looks_latin))
}

const fn is_latin(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

const fn looks_latin(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{1f00}'..='\u{1fff}' | '\u{a640}'..='\u{a69f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_marked_and_everything_else_stays() {
        for (text, shown) in [
            ("", ""),
            ("cargo test\n\t--all", "cargo test\n\t--all"),
            ("echo 'مرحبا' > مرحبا.txt; שלום", "echo 'مرحبا' > مرحبا.txt; שלום"),
            ("safe \u{202e}; rm -rf ~", "safe <U+202E>; rm -rf ~"),
            ("a\u{200b}b\u{2066}\u{feff}", "a<U+200B>b<U+2066><U+FEFF>"),
            ("x\u{e0041}\u{e007f}", "x<U+E0041><U+E007F>"),
            ("\u{1b}[2K\r", "<U+001B>[2K<U+000D>"),
            ("✔\u{fe0f} done", "✔\u{fe0f} done"),
            ("a\u{fe0f}✔\u{fe0f}\u{fe0f}", "a<U+FE0F>✔\u{fe0f}<U+FE0F>"),
            ("\u{61c}\u{9b}", "<U+061C><U+009B>"),
        ] {
            assert_eq!(marked(text), shown);
        }
    }

    #[test]
    fn every_character_is_text_or_named_and_none_is_lost() {
        for c in ('\0'..=char::MAX).chain(['\n', '\t']) {
            let text = format!("a{c}b");
            let back: String = pieces(&text)
                .map(|piece| match piece {
                    Piece::Text(text) => text.to_owned(),
                    Piece::Hidden(c) => c.to_string(),
                })
                .collect();
            assert_eq!(back, text);
            assert!(!marked(&text).chars().any(is_hidden), "{}", name(c));
        }
    }

    #[test]
    fn line_ends_of_another_system_are_no_reason_to_warn() {
        assert!(!has_hidden("one\r\ntwo\r\n") && !has_hidden("one\r"));
        assert!(has_hidden("one\rtwo") && has_hidden("\u{202e}") && has_hidden("a\u{200d}"));
        assert!(!has_hidden("plain ✔\u{fe0f}"));
    }

    #[test]
    fn letters_of_two_scripts_in_one_word_are_found() {
        assert_eq!(mixed_word("curl https://раypal.com"), Some("раypal"));
        assert_eq!(mixed_word("echo Ελλάδα and привет, naïve"), None);
        assert_eq!(mixed_word("αlpha"), Some("αlpha"));
    }
}
