//! A shell command for people: highlighted, and long lines broken between commands. It must not change what is copied.
//! Where it is unsure it adds no break: one inside of a string would show commands that do not exist.

use super::highlight::Highlighter;

/// The language of `sh` and similar shells, whose quotes are understood here.
const SH: &str = "sh";
/// Shorter lines are not broken.
const LONG: usize = 60;
/// A line break of the page, but not of the clipboard.
const BREAK: &str = "<i class=\"brk\"></i>";

/// A shell command as HTML for the inside of a `code` element. `language` is the shell's, like `sh`; empty if unknown.
pub fn command(command: &str, language: &str) -> String {
    let mut html = String::with_capacity(command.len() * 5 / 4);
    let (mut from, mut highlighter) = (0, Highlighter::default());
    // Other shells quote in other ways.
    let breaks = if language == SH { breaks(command) } else { Vec::new() };
    for at in breaks {
        html.push_str(&highlighter.highlight(&command[from..at], language));
        html.push_str(BREAK);
        from = at;
    }
    html.push_str(&highlighter.highlight(&command[from..], language));
    html
}

/// The breaks in long lines: after `&&`, `||`, `|` and `;` with the spaces behind them, outside of quotes, brackets and
/// comments.
fn breaks(command: &str) -> Vec<usize> {
    // Another program reads the here-document, up to a word that only the shell knows.
    if command.contains("<<") {
        return Vec::new();
    }
    let mut breaks = Vec::new();
    let mut line_at = 0;
    let mut depth = 0_i32;
    let mut rest = command.char_indices().peekable();
    let mut before = '\n';
    while let Some((at, c)) = rest.next() {
        let next = rest.peek().map(|(_, c)| *c);
        match c {
            '\\' => {
                rest.next();
            }
            '\'' => {
                let escapes = before == '$';
                if !skip(&mut rest, '\'', escapes) {
                    return Vec::new();
                }
            }
            '"' | '`' => {
                if !skip(&mut rest, c, true) {
                    return Vec::new();
                }
            }
            '#' if before.is_whitespace() || matches!(before, ';' | '&' | '|' | '(') => {
                while rest.next_if(|(_, c)| *c != '\n').is_some() {}
            }
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            '\n' => line_at = at + 1,
            '&' | '|' | ';' if depth == 0 => {
                let doubled = next == Some(c);
                let ends = match c {
                    '&' => doubled,
                    // `>|` is a redirection, `;;` ends a case, and `|&` is one operator.
                    '|' => before != '>',
                    _ => !doubled,
                };
                if doubled || (c == '|' && next == Some('&')) {
                    rest.next();
                }
                while rest.next_if(|(_, c)| *c == ' ').is_some() {}
                let is_long = || {
                    command[line_at..]
                        .chars()
                        .take_while(|c| *c != '\n')
                        .nth(LONG)
                        .is_some()
                };
                if let Some((to, _)) = rest.peek().filter(|(_, c)| ends && *c != '\n' && is_long()) {
                    breaks.push(*to);
                }
            }
            _ => {}
        }
        if depth < 0 {
            return Vec::new();
        }
        before = c;
    }
    if depth == 0 { breaks } else { Vec::new() }
}

/// Skips to behind the closing quote; `false` if there is none.
fn skip(rest: &mut std::iter::Peekable<std::str::CharIndices<'_>>, quote: char, escapes: bool) -> bool {
    while let Some((_, c)) = rest.next() {
        if c == quote {
            return true;
        }
        if escapes && c == '\\' {
            rest.next();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn broken(text: &str) -> Vec<&str> {
        let mut parts = Vec::new();
        let mut from = 0;
        for at in breaks(text) {
            parts.push(&text[from..at]);
            from = at;
        }
        parts.push(&text[from..]);
        parts
    }

    #[test]
    fn a_long_line_is_broken_between_its_commands() {
        let long = "cargo build --release --locked --workspace && cargo test || echo failed; ls | wc -l";
        assert_eq!(
            broken(long),
            [
                "cargo build --release --locked --workspace && ",
                "cargo test || ",
                "echo failed; ",
                "ls | ",
                "wc -l"
            ]
        );
        assert_eq!(
            broken("cd app && cargo test"),
            ["cd app && cargo test"],
            "short ones are read at once"
        );
        let two = "set -e; true\necho one two three four five six seven eight nine ten eleven |& tee log";
        assert_eq!(
            broken(two),
            [
                "set -e; true\necho one two three four five six seven eight nine ten eleven |& ",
                "tee log"
            ]
        );
    }

    #[test]
    fn what_is_quoted_grouped_or_not_understood_is_not_broken() {
        for text in [
            "git commit -m 'one && two; three | four' -m \"five; $(six | seven) && eight\" --no-verify",
            "echo \"a long text with an escaped \\\" && rm -rf / \" and more words to be long enough",
            "find . -name '*.rs' -exec grep -n todo {} \\; -print -maxdepth 99 -mindepth 1 -newer x",
            "(cd /tmp && ls; rm -rf x | cat) > /tmp/a-very-long-name-of-a-file-that-is-written",
            "cat <<EOF > /tmp/file-with-a-long-name && echo done && echo more && echo even more\nEOF",
            "echo 'never closed && rm -rf / ; ls | wc -l and so on and so on and so on and so on",
            "echo done # && this is a comment; with | signs in it and long enough to be broken",
            "case $x in a) echo one;; b) echo two;; esac > /tmp/a-file-with-a-rather-long-name-indeed",
            "echo $'it\\'s && fine; really | so' and more and more and more and more and more and more",
            "echo long long long long long long long long long long long long long long x >| /tmp/file",
        ] {
            assert_eq!(broken(text).len(), 1, "{text}");
        }
    }

    proptest! {
        #[test]
        fn breaking_changes_nothing_but_where_lines_begin(text in "[a-z &|;'\"\\\\(){}#$\n<>`é\u{202e}]{0,160}") {
            prop_assert_eq!(broken(&text).concat(), text.clone());
            let html = command(&text, SH);
            prop_assert_eq!(html.matches(BREAK).count(), breaks(&text).len());
        }
    }
}
