//! Highlighting: code as escaped HTML with spans of three classes, `k` (keywords), `s` (strings and numbers), `c` (comments).
//! One pass over the text without looking back, so that no text, however odd, takes long; it must not try to understand a language.

use super::{
    code_into,
    language::{Language, language},
};

/// Longer code is shown without colours.
const MOST: usize = 256 << 10;

/// Code as HTML, for the inside of a `code` element. `language_or_path` is a language's name, a file's extension or its path; unknown ones are
/// escaped only.
pub fn highlight(code: &str, language_or_path: &str) -> String {
    let mut html = String::with_capacity(code.len() * 5 / 4);
    match language(language_or_path) {
        Some(language) if code.len() <= MOST => Pass { html: &mut html, language, rest: code, command: Command::Next }.run(),
        _ => code_into(&mut html, code),
    }
    html
}

struct Pass<'a> {
    html: &'a mut String,
    language: &'static Language,
    rest: &'a str,
    command: Command,
}

/// Where the command of a shell's line is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    /// The next word is it.
    Next,
    /// Here is the value of a variable set for it.
    Value,
    /// It has been.
    Past,
}

impl<'a> Pass<'a> {
    fn run(mut self) {
        let mut before = '\n';
        while let Some(first) = self.rest.chars().next() {
            let taken =
                self.comment(before).map(|length| (length, "c")).or_else(|| self.string(before).map(|length| (length, "s"))).or_else(|| self.word(before));
            let (length, class) = taken.unwrap_or_else(|| (first.len_utf8(), ""));
            let text = self.take(length);
            if class.is_empty() {
                code_into(self.html, text);
            } else {
                self.html.push_str("<span class=\"");
                self.html.push_str(class);
                self.html.push_str("\">");
                code_into(self.html, text);
                self.html.push_str("</span>");
            }
            if self.language.commands {
                self.command = match (first, self.command) {
                    ('\n' | '|' | ';' | '&' | '(' | '{', _) | (' ' | '\t', Command::Value) => Command::Next,
                    (' ' | '\t', same) | (_, same @ Command::Value) => same,
                    (_, Command::Next) if self.rest.starts_with('=') => Command::Value,
                    (_, Command::Next) if matches!(text, "if" | "then" | "elif" | "else" | "while" | "until" | "do" | "sudo") => Command::Next,
                    _ => Command::Past,
                };
            }
            before = text.chars().next_back().unwrap_or(before);
        }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        text
    }

    fn comment(&self, before: char) -> Option<usize> {
        for start in self.language.line {
            // In shells and their kin `a#b` is a word.
            if self.rest.starts_with(start) && (*start != "#" || before.is_whitespace() || before == ';') {
                return Some(self.rest.find('\n').unwrap_or(self.rest.len()));
            }
        }
        let (open, close) = self.language.block?;
        let inside = self.rest.strip_prefix(open)?;
        Some(open.len() + inside.find(close).map_or(inside.len(), |at| at + close.len()))
    }

    fn string(&self, before: char) -> Option<usize> {
        for quote in self.language.quotes {
            let Some(inside) = self.rest.strip_prefix(quote.text) else { continue };
            // `'a` is a lifetime and `don't` is none of either.
            if quote.text == "'" && (before.is_alphanumeric() || (self.language.lifetimes && !is_char(inside))) {
                continue;
            }
            let mut escaped = false;
            for (at, _) in inside.char_indices() {
                let here = &inside[at..];
                if escaped {
                    escaped = false;
                } else if quote.escapes && here.starts_with('\\') {
                    escaped = true;
                } else if here.starts_with(quote.text) {
                    return Some(quote.text.len() + at + quote.text.len());
                } else if !quote.lines && here.starts_with('\n') {
                    return Some(quote.text.len() + at);
                }
            }
            return Some(self.rest.len());
        }
        None
    }

    fn word(&mut self, before: char) -> Option<(usize, &'static str)> {
        let first = self.rest.chars().next()?;
        let part = |c: char| c.is_alphanumeric() || c == '_' || (self.language.dashes && matches!(c, '-' | '.' | '/'));
        if first.is_ascii_digit() && !before.is_alphanumeric() {
            let length = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(self.rest.len());
            return Some((length, "s"));
        }
        if !(first.is_alphabetic() || first == '_' || (self.language.dashes && matches!(first, '.' | '/' | '-'))) {
            return None;
        }
        let length = self.rest.find(|c: char| !part(c)).unwrap_or(self.rest.len()).max(first.len_utf8());
        let word = &self.rest[..length];
        let is_keyword =
            self.language.keywords.iter().any(|keyword| if self.language.any_case { keyword.eq_ignore_ascii_case(word) } else { *keyword == word });
        let is_command = self.language.commands && self.command == Command::Next && !self.rest[length..].starts_with('=') && before != '$';
        Some((length, if is_keyword || is_command { "k" } else { "" }))
    }
}

/// Whether a quote in a language with lifetimes opens a character: `x'` or `\...'`.
fn is_char(inside: &str) -> bool {
    let mut characters = inside.chars();
    match characters.next() {
        Some('\\') => true,
        Some(_) => characters.next() == Some('\''),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keywords_strings_and_comments_stand_out() {
        for (language, code, html) in [
            ("rust", "fn f<'a>(c: char) { 'x' }", "[k:fn] f<'a>(c: char) { [s:'x'] }"),
            ("src/lib.rs", "let s = \"a\\\"b\"; /* x\n y */ 1", "[k:let] s = [s:\"a\\\"b\"]; [c:/* x\n y */] [s:1]"),
            ("py", "def f(): # note\n  '''a\nb'''", "[k:def] f(): [c:# note]\n  [s:'''a\nb''']"),
            ("ts", "const a = `x\n${y}`", "[k:const] a = [s:`x\n${y}`]"),
            ("sh", "FOO=1 ./run.sh --env staging | grep -c 'x' # all", "FOO=[s:1] [k:./run.sh] --env staging | [k:grep] -c [s:'x'] [c:# all]"),
            ("bash", "if true; then echo $HOME; fi", "[k:if] [k:true]; [k:then] [k:echo] $HOME; [k:fi]"),
            ("json", "{\"a\": [1, true]}", "{[s:\"a\"]: [[s:1], [k:true]]}"),
            ("sql", "SELECT * FROM t -- all", "[k:SELECT] * [k:FROM] t [c:-- all]"),
            ("toml", "a = \"b\" # c", "a = [s:\"b\"] [c:# c]"),
            ("nothing-known", "let x = \"<\";", "let x = \"<\";"),
            ("rust", "\"never closed", "[s:\"never closed]"),
            ("go", "\"one line\nnext\"", "[s:\"one line]\nnext[s:\"]"),
        ] {
            let expected = html.replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;");
            let got = highlight(code, language);
            let shown = ["k", "s", "c"]
                .iter()
                .fold(got.clone(), |text, class| text.replace(&format!("<span class=\"{class}\">"), &format!("[{class}:")))
                .replace("</span>", "]");
            assert_eq!(shown, expected, "{language}: {got}");
        }
    }

    proptest! {
        #[test]
        fn the_text_stays_the_text(code in "[\\x00-\\x7f«é漢\u{202e}\u{200b}\u{e0041}]{0,200}", language in prop::sample::select(vec!["rust", "sh", "py", "ts", "json", "yaml", "css", "html", "sql", "?"])) {
            let html = highlight(&code, language);
            let mut text = html.replace("</span>", "");
            for class in ["k", "s", "c"] {
                text = text.replace(&format!("<span class=\"{class}\">"), "");
            }
            for hidden in code.chars().filter(|c| model::shown::is_hidden(*c)) {
                text = text.replacen(&format!("<span class=\"hid\">{}", model::shown::name(hidden)), &hidden.to_string(), 1);
            }
            prop_assert!(!text.contains(['<', '>']));
            let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&");
            prop_assert_eq!(text, code);
        }
    }

    #[test]
    fn a_quarter_of_a_megabyte_of_anything_is_quick() {
        for text in ["\"", "'", "/*", "\\", "a", "\n", "`${"] {
            let began = std::time::Instant::now();
            for language in ["rust", "ts", "sh", "py"] {
                highlight(&text.repeat(MOST / text.len()), language);
            }
            assert!(began.elapsed() < std::time::Duration::from_secs(5), "{text:?} took {:?}", began.elapsed());
        }
    }
}
