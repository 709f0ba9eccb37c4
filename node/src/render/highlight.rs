//! Highlighting: code as escaped HTML with spans of three classes: `k` (keywords, tags, a shell's commands), `s`
//! (strings and numbers), `c` (comments).
//!
//! The grammars come from `syntect` and `two-face`. A thread loads them at the first code and drops them after a minute
//! without any, because one compiled language takes 5 to 60 MB. Code that takes too long is shown without colours, so
//! nothing waits for odd code.

use super::code_into;
use std::{
    collections::HashSet,
    sync::{
        LazyLock, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    time::{Duration, Instant},
};
use syntect::{
    parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet},
    util::LinesWithEndings,
};

/// The most bytes of code that are coloured.
const MOST: usize = 256 << 10;
/// The most bytes of a line that are coloured: with some grammars the time grows with the third power of the length.
const MOST_OF_LINE: usize = 300;
/// The time limit, shared by all code of one text. The rest is shown without colours.
const LONGEST: Duration = Duration::from_millis(250);
/// The caller gives up this much later, because the thread is stuck in a bad line.
const GRACE: Duration = Duration::from_millis(100);
/// The grammars' lifetime without code.
const KEPT: Duration = Duration::from_mins(1);
/// After this many languages the grammars are loaded anew, in two milliseconds, which frees what was compiled.
const MOST_LANGUAGES: usize = 6;
/// Grammars that are slow even for short lines.
const SLOW: &[&str] = &["SystemVerilog", "Typst"];

/// Code as HTML for the inside of a `code` element. `language_or_path` is a language's name, a file's extension or its
/// path; code of unknown ones is only escaped. Blocks for up to 350 ms, so never call it on an async thread.
pub fn highlight(code: &str, language_or_path: &str) -> String {
    Highlighter::default().highlight(code, language_or_path)
}

/// Highlights the pieces of one text, which share the time limit.
#[derive(Default)]
pub(super) struct Highlighter {
    until: Option<Instant>,
}

impl Highlighter {
    /// [`highlight`] in the time that earlier pieces have left.
    pub(super) fn highlight(&mut self, code: &str, language_or_path: &str) -> String {
        let until = *self.until.get_or_insert_with(|| Instant::now() + LONGEST);
        let is_worth_it = !code.is_empty() && code.len() <= MOST && !language_or_path.is_empty();
        let (mut html, read) = if is_worth_it {
            coloured(code, language_or_path, until)
        } else {
            None
        }
        .unwrap_or_default();
        code_into(&mut html, &code[read..]);
        html
    }
}

/// Code for the thread to colour.
struct Job {
    code: String,
    language_or_path: String,
    until: Instant,
    done: SyncSender<Coloured>,
}

/// HTML, and the number of code bytes it covers.
type Coloured = (String, usize);

/// The coloured beginning of the code, as far as it was read in time; `None` if nothing was.
fn coloured(code: &str, language_or_path: &str, until: Instant) -> Option<Coloured> {
    static JOBS: Mutex<Option<Sender<Job>>> = Mutex::new(None);
    // Tried twice, because the thread may end just as it gets a job.
    for _ in 0..2 {
        let wait = (until + GRACE)
            .checked_duration_since(Instant::now())
            .filter(|wait| *wait > GRACE)?;
        let (done, result) = sync_channel(1);
        let job = Job {
            code: code.to_owned(),
            language_or_path: language_or_path.to_owned(),
            until,
            done,
        };
        {
            // Nothing under this lock panics, so a poisoned lock is sound.
            let mut jobs = JOBS.lock().unwrap_or_else(PoisonError::into_inner);
            let unsent = match &*jobs {
                Some(jobs) => jobs.send(job).err().map(|unsent| unsent.0),
                None => Some(job),
            };
            if let Some(job) = unsent {
                let (send, receive) = channel();
                send.send(job).ok()?;
                std::thread::Builder::new()
                    .name("highlight".into())
                    .spawn(move || colour(&receive))
                    .ok()?;
                *jobs = Some(send);
            }
        }
        match result.recv_timeout(wait) {
            Ok(coloured) => return Some(coloured),
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => {}
        }
    }
    None
}

/// The thread: colours code until none comes any more.
fn colour(jobs: &Receiver<Job>) {
    let mut grammars = two_face::syntax::extra_newlines();
    let mut used = HashSet::new();
    while let Ok(job) = jobs.recv_timeout(KEPT) {
        let coloured = match syntax(&grammars, &job.language_or_path) {
            Some(syntax) => {
                used.insert(syntax.name.clone());
                beginning(&grammars, syntax, &job.code, job.until)
            }
            None => Coloured::default(),
        };
        // A caller that gave up no longer receives it.
        let _ = job.done.try_send(coloured);
        if used.len() > MOST_LANGUAGES {
            grammars = two_face::syntax::extra_newlines();
            used.clear();
        }
    }
}

/// The grammar for a name (`rust`), an extension (`rs`) or a path (`src/lib.rs`).
fn syntax<'a>(grammars: &'a SyntaxSet, name_or_path: &str) -> Option<&'a SyntaxReference> {
    let file = name_or_path.rsplit(['/', '\\']).next().unwrap_or_default();
    let ending = file.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    // Common names that the grammars lack.
    let ending = match ending.as_str() {
        "shell" | "console" | "zsh" | "envrc" => "sh",
        "golang" => "go",
        "jsx" => "tsx",
        "mjs" | "cjs" => "js",
        "starlark" => "py",
        "csharp" => "cs",
        "jsonc" | "json5" | "jsonl" | "ndjson" => "json",
        "postgres" | "postgresql" | "sqlite" | "mysql" => "sql",
        "containerfile" => "dockerfile",
        other => other,
    };
    let found = grammars
        .find_syntax_by_extension(file)
        .or_else(|| grammars.find_syntax_by_token(ending));
    found.filter(|syntax| syntax.name != "Plain Text" && !SLOW.contains(&syntax.name.as_str()))
}

/// As many coloured lines of the code as can be read in time.
fn beginning(grammars: &SyntaxSet, syntax: &SyntaxReference, code: &str, until: Instant) -> Coloured {
    let mut html = Html {
        to: String::with_capacity(code.len() * 5 / 4),
        class: "",
    };
    let (mut state, mut stack) = (ParseState::new(syntax), ScopeStack::new());
    let mut read = 0;
    for line in LinesWithEndings::from(code) {
        if Instant::now() >= until {
            break;
        }
        let ops = if line.len() <= MOST_OF_LINE {
            state.parse_line(line, grammars).unwrap_or_default()
        } else {
            Vec::new()
        };
        let mut from = 0;
        for (at, op) in ops {
            if at > from {
                html.push(&line[from..at], class(&stack));
                from = at;
            }
            if stack.apply(&op).is_err() {
                break;
            }
        }
        html.push(
            &line[from..],
            if line.len() <= MOST_OF_LINE { class(&stack) } else { "" },
        );
        read += line.len();
    }
    html.push("", "");
    (html.to, read)
}

/// An HTML writer that joins neighbours of one class in a span.
struct Html {
    to: String,
    class: &'static str,
}

impl Html {
    fn push(&mut self, text: &str, class: &'static str) {
        if class != self.class {
            if !self.class.is_empty() {
                self.to.push_str("</span>");
            }
            if !class.is_empty() {
                self.to.push_str("<span class=\"");
                self.to.push_str(class);
                self.to.push_str("\">");
            }
            self.class = class;
        }
        code_into(&mut self.to, text);
    }
}

/// The class of the innermost scope that has one.
fn class(stack: &ScopeStack) -> &'static str {
    /// The first prefix that matches a scope decides.
    static CLASSES: LazyLock<Vec<(Scope, &'static str)>> = LazyLock::new(|| {
        let classes = [
            ("comment", "c"),
            // Code inside of a string is code again.
            ("meta.interpolation", ""),
            ("meta.template.expression", ""),
            ("source", ""),
            ("string", "s"),
            ("constant.numeric", "s"),
            ("constant.character", "s"),
            ("constant.language", "k"),
            ("keyword.operator.word", "k"),
            ("keyword.operator.logical.python", "k"),
            ("keyword.operator", ""),
            ("keyword", "k"),
            ("storage.modifier.lifetime", ""),
            ("storage", "k"),
            ("variable.language", "k"),
            ("variable.function.shell", "k"),
            ("support.function", "k"),
            ("entity.name.tag", "k"),
            ("markup.heading", "k"),
            ("markup.inserted", "s"),
            ("markup.raw", "s"),
            ("markup.deleted", "k"),
        ];
        classes
            .into_iter()
            .filter_map(|(scope, class)| Some((Scope::new(scope).ok()?, class)))
            .collect()
    });
    let says = |scope: &Scope| {
        CLASSES
            .iter()
            .find(|(begins, _)| begins.is_prefix_of(*scope))
            .map(|(_, class)| *class)
    };
    stack.as_slice().iter().rev().find_map(says).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// [`highlight`](super::highlight) without a time limit.
    fn unhurried(grammars: &SyntaxSet, code: &str, language: &str) -> String {
        let Some(syntax) = syntax(grammars, language) else {
            return super::super::escape(code);
        };
        let (html, read) = beginning(grammars, syntax, code, Instant::now() + Duration::from_mins(10));
        assert_eq!(read, code.len());
        html
    }

    #[test]
    fn keywords_strings_and_comments_stand_out() {
        let grammars = two_face::syntax::extra_newlines();
        for (language, code, html) in [
            (
                "rust",
                "fn f<'a>(c: char) { 'x' }",
                "[k:fn] f<'a>(c: [k:char]) { [s:'x'] }",
            ),
            (
                "src/lib.rs",
                "let s = \"a\\\"b\"; /* x\n y */ 1",
                "[k:let] s = [s:\"a\\\"b\"]; [c:/* x\n y */] [s:1]",
            ),
            (
                "py",
                "def f(): # note\n  '''a\nb'''",
                "[k:def] f(): [c:# note\n]  [c:'''a\nb''']",
            ),
            ("ts", "const a = `x\n${y}`", "[k:const] a = [s:`x\n]${y}[s:`]"),
            (
                "sh",
                "FOO=1 ./run.sh --env staging | grep -c 'x' # all",
                "FOO=[s:1] [k:./run.sh] --env staging | [k:grep] -c [s:'x'] [c:# all]",
            ),
            (
                "bash",
                "if true; then echo $HOME; fi",
                "[k:if] [k:true]; [k:then] [k:echo] $HOME; [k:fi]",
            ),
            ("json", "{\"a\": [1, true]}", "{[s:\"a\"]: [[s:1], [k:true]]}"),
            (
                "sql",
                "SELECT * FROM t -- all",
                "[k:SELECT] [k:*] [k:FROM] t [c:-- all]",
            ),
            ("toml", "a = \"b\" # c", "[k:a] = [s:\"b\"] [c:# c]"),
            ("html", "<a href=\"b\">c</a>", "<[k:a] href=[s:\"b\"]>c</[k:a]>"),
            ("nothing-known", "let x = \"<\";", "let x = \"<\";"),
            ("rust", "\"never closed", "[s:\"never closed]"),
            ("go", "\"one line\nnext\"", "[s:\"one line\nnext\"]"),
        ] {
            let expected = html
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;");
            let got = unhurried(&grammars, code, language);
            let shown = ["k", "s", "c"]
                .iter()
                .fold(got.clone(), |text, class| {
                    text.replace(&format!("<span class=\"{class}\">"), &format!("[{class}:"))
                })
                .replace("</span>", "]");
            assert_eq!(shown, expected, "{language}: {got}");
        }
    }

    #[test]
    fn languages_are_known_by_name_ending_and_path() {
        let grammars = two_face::syntax::extra_newlines();
        let names = "rust rs typescript javascript ts tsx js jsx mjs cjs mts cts vue svelte python py pyi starlark bzl go golang c h cc cpp c++ cxx hpp java \
            kotlin kt kts swift cs csharp scala dart php proto bash sh shell zsh console makefile mk envrc json jsonc json5 jsonl ndjson toml ini cfg conf \
            properties tf hcl yaml yml css scss less html htm xml svg sql postgres postgresql sqlite mysql dockerfile containerfile ruby rb gemfile rakefile \
            elixir ex exs lua diff patch src/main.rs a\\b.PY Cargo.lock Makefile docker/Dockerfile .bashrc";
        let unknown: Vec<_> = names
            .split_whitespace()
            .filter(|name| syntax(&grammars, name).is_none())
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        for plain in ["txt", "text", "nothing-known", "", "/", "."] {
            assert!(syntax(&grammars, plain).is_none(), "{plain:?}");
        }
    }

    proptest! {
        #[test]
        fn the_text_stays_the_text(code in "[\\x00-\\x7f«é漢\u{202e}\u{200b}\u{e0041}]{0,200}", language in prop::sample::select(vec!["rust", "sh", "ts", "yaml", "html", "?"])) {
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
    fn a_long_line_is_plain_and_the_next_is_not() {
        let code = format!("let a = 1;\nlet b = \"{}\";\nlet c = 2;\n", "b".repeat(MOST_OF_LINE));
        let html = unhurried(&two_face::syntax::extra_newlines(), &code, "rust");
        let lines: Vec<_> = html.lines().map(|line| line.matches("<span").count()).collect();
        assert_eq!(lines, [2, 0, 2]);
    }

    /// Texts that are slow with some grammar, found by fuzzing.
    const BAD: &[&str] = &["\"", "a ", "`${", "![\\", "\t", "```", "__a", "?(`${"];

    #[test]
    fn code_of_any_kind_waits_no_longer_than_its_bound() {
        let lines = |text: &&str| format!("fn a<{}\n", text.repeat((MOST_OF_LINE - 10) / text.len()));
        let codes = BAD.iter().map(lines).chain(["\n".into(), "a".repeat(MOST)]);
        let mut longest = Duration::ZERO;
        for code in codes {
            let code = code.repeat(MOST / code.len());
            for language in ["cpp", "ts", "md"] {
                let began = Instant::now();
                highlight(&code, language);
                longest = longest.max(began.elapsed());
            }
        }
        assert!(
            longest < LONGEST + GRACE + Duration::from_millis(250),
            "took {longest:?}"
        );
    }

    #[test]
    fn the_code_of_one_text_shares_its_time() {
        let code = format!("fn a<{}\n", "a ".repeat(140)).repeat(20);
        let text = format!("```cpp\n{code}```\n").repeat(50);
        let began = Instant::now();
        let html = super::super::markdown(&text);
        assert!(began.elapsed() < Duration::from_secs(2), "took {:?}", began.elapsed());
        assert_eq!(html.matches("<pre").count(), 50);
    }
}
