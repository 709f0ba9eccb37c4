//! The languages that highlighting knows, as data.
//! It must not grow into grammars: a language is its comments, quotes and words.

/// What colours a language.
pub(super) struct Language {
    /// What starts a comment that ends with the line.
    pub line: &'static [&'static str],
    /// What opens and closes a comment.
    pub block: Option<(&'static str, &'static str)>,
    /// What opens and closes a string, longest first.
    pub quotes: &'static [Quote],
    /// Its words.
    pub keywords: &'static [&'static str],
    /// Keywords in any case.
    pub any_case: bool,
    /// A quote may start a lifetime.
    pub lifetimes: bool,
    /// The first word of a line is a command.
    pub commands: bool,
    /// Words may hold `-`, `.` and `/`.
    pub dashes: bool,
}

/// A string's delimiter.
pub(super) struct Quote {
    /// It, at both ends.
    pub text: &'static str,
    /// A backslash hides it.
    pub escapes: bool,
    /// It may go over lines.
    pub lines: bool,
}

const DOUBLE: Quote = Quote { text: "\"", escapes: true, lines: false };
const DOUBLE_LINES: Quote = Quote { text: "\"", escapes: true, lines: true };
const SINGLE: Quote = Quote { text: "'", escapes: true, lines: false };
const SINGLE_RAW_LINES: Quote = Quote { text: "'", escapes: false, lines: true };
const BACKTICK: Quote = Quote { text: "`", escapes: true, lines: true };
const TRIPLE_DOUBLE: Quote = Quote { text: "\"\"\"", escapes: true, lines: true };
const TRIPLE_SINGLE: Quote = Quote { text: "'''", escapes: true, lines: true };

const BASE: Language = Language { line: &[], block: None, quotes: &[], keywords: &[], any_case: false, lifetimes: false, commands: false, dashes: false };
const CURLY: Language = Language { line: &["//"], block: Some(("/*", "*/")), quotes: &[DOUBLE, SINGLE], ..BASE };

static RUST: Language = Language {
    quotes: &[DOUBLE_LINES, SINGLE],
    lifetimes: true,
    keywords: &[
        "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn", "for", "if", "impl", "in", "let",
        "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "Self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use",
        "where", "while",
    ],
    ..CURLY
};
static SCRIPT: Language = Language {
    quotes: &[DOUBLE, SINGLE, BACKTICK],
    keywords: &[
        "abstract",
        "any",
        "as",
        "async",
        "await",
        "boolean",
        "break",
        "case",
        "catch",
        "class",
        "const",
        "continue",
        "default",
        "delete",
        "do",
        "else",
        "enum",
        "export",
        "extends",
        "false",
        "finally",
        "for",
        "from",
        "function",
        "if",
        "implements",
        "import",
        "in",
        "instanceof",
        "interface",
        "let",
        "new",
        "null",
        "number",
        "of",
        "private",
        "protected",
        "public",
        "readonly",
        "return",
        "static",
        "string",
        "super",
        "switch",
        "this",
        "throw",
        "true",
        "try",
        "type",
        "typeof",
        "undefined",
        "unknown",
        "var",
        "void",
        "while",
        "yield",
    ],
    ..CURLY
};
static PYTHON: Language = Language {
    line: &["#"],
    quotes: &[TRIPLE_DOUBLE, TRIPLE_SINGLE, DOUBLE, SINGLE],
    keywords: &[
        "and", "as", "assert", "async", "await", "break", "case", "class", "continue", "def", "del", "elif", "else", "except", "False", "finally", "for",
        "from", "global", "if", "import", "in", "is", "lambda", "match", "None", "nonlocal", "not", "or", "pass", "raise", "return", "self", "True", "try",
        "while", "with", "yield",
    ],
    ..BASE
};
static GO: Language = Language {
    quotes: &[DOUBLE, SINGLE, Quote { text: "`", escapes: false, lines: true }],
    keywords: &[
        "any",
        "break",
        "case",
        "chan",
        "const",
        "continue",
        "default",
        "defer",
        "else",
        "error",
        "fallthrough",
        "false",
        "for",
        "func",
        "go",
        "goto",
        "if",
        "import",
        "interface",
        "map",
        "nil",
        "package",
        "range",
        "return",
        "select",
        "struct",
        "switch",
        "true",
        "type",
        "var",
    ],
    ..CURLY
};
static C: Language = Language {
    keywords: &[
        "abstract",
        "auto",
        "bool",
        "boolean",
        "break",
        "case",
        "catch",
        "char",
        "class",
        "const",
        "constexpr",
        "continue",
        "default",
        "delete",
        "do",
        "double",
        "else",
        "enum",
        "explicit",
        "extends",
        "extern",
        "false",
        "final",
        "finally",
        "float",
        "for",
        "fun",
        "goto",
        "if",
        "implements",
        "import",
        "include",
        "inline",
        "instanceof",
        "int",
        "interface",
        "internal",
        "let",
        "long",
        "namespace",
        "new",
        "null",
        "nullptr",
        "operator",
        "override",
        "package",
        "private",
        "protected",
        "public",
        "register",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "super",
        "switch",
        "template",
        "this",
        "throw",
        "throws",
        "true",
        "try",
        "typedef",
        "typename",
        "union",
        "unsigned",
        "using",
        "val",
        "var",
        "virtual",
        "void",
        "volatile",
        "when",
        "while",
    ],
    ..CURLY
};
static SHELL: Language = Language {
    line: &["#"],
    quotes: &[DOUBLE_LINES, SINGLE_RAW_LINES],
    keywords: &["case", "do", "done", "elif", "else", "esac", "export", "fi", "for", "function", "if", "in", "local", "return", "then", "until", "while"],
    commands: true,
    dashes: true,
    ..BASE
};
static JSON: Language = Language { line: &["//"], block: Some(("/*", "*/")), quotes: &[DOUBLE], keywords: &["true", "false", "null"], ..BASE };
static TOML: Language = Language {
    line: &["#"],
    quotes: &[TRIPLE_DOUBLE, Quote { text: "'''", escapes: false, lines: true }, DOUBLE, Quote { text: "'", escapes: false, lines: false }],
    keywords: &["true", "false"],
    dashes: true,
    ..BASE
};
static YAML: Language =
    Language { line: &["#"], quotes: &[DOUBLE_LINES, SINGLE_RAW_LINES], keywords: &["true", "false", "null", "yes", "no"], dashes: true, ..BASE };
static CSS: Language = Language {
    block: Some(("/*", "*/")),
    quotes: &[DOUBLE, SINGLE],
    keywords: &["important", "inherit", "initial", "none", "unset", "from", "to", "media", "import", "supports", "layer", "theme", "apply"],
    dashes: true,
    ..BASE
};
static MARKUP: Language = Language { block: Some(("<!--", "-->")), quotes: &[DOUBLE_LINES], ..BASE };
static SQL: Language = Language {
    line: &["--"],
    block: Some(("/*", "*/")),
    quotes: &[Quote { text: "'", escapes: false, lines: true }],
    any_case: true,
    keywords: &[
        "add",
        "all",
        "alter",
        "and",
        "as",
        "asc",
        "begin",
        "between",
        "by",
        "case",
        "check",
        "column",
        "commit",
        "conflict",
        "constraint",
        "create",
        "default",
        "delete",
        "desc",
        "distinct",
        "do",
        "drop",
        "else",
        "end",
        "exists",
        "false",
        "for",
        "foreign",
        "from",
        "group",
        "having",
        "if",
        "in",
        "index",
        "inner",
        "insert",
        "into",
        "is",
        "join",
        "key",
        "left",
        "like",
        "limit",
        "not",
        "null",
        "on",
        "or",
        "order",
        "outer",
        "primary",
        "references",
        "returning",
        "right",
        "rollback",
        "select",
        "set",
        "table",
        "then",
        "true",
        "union",
        "unique",
        "update",
        "using",
        "values",
        "view",
        "when",
        "where",
        "with",
    ],
    ..BASE
};
static DOCKER: Language = Language {
    line: &["#"],
    quotes: &[DOUBLE, SINGLE],
    keywords: &["ADD", "ARG", "AS", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "SHELL", "USER", "VOLUME", "WORKDIR"],
    ..BASE
};
static RUBY: Language = Language {
    line: &["#"],
    quotes: &[DOUBLE_LINES, SINGLE],
    keywords: &[
        "begin", "break", "case", "class", "def", "do", "else", "elsif", "end", "ensure", "false", "for", "if", "in", "local", "module", "next", "nil", "not",
        "or", "require", "rescue", "return", "self", "super", "then", "true", "unless", "until", "when", "while", "yield",
    ],
    ..BASE
};

/// The language of a name (`rust`), an extension (`rs`) or a path (`src/lib.rs`).
pub(super) fn language(name_or_path: &str) -> Option<&'static Language> {
    let file = name_or_path.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let ending = file.rsplit('.').next().unwrap_or_default();
    Some(match ending {
        "rust" | "rs" => &RUST,
        "typescript" | "javascript" | "ts" | "tsx" | "js" | "jsx" | "mjs" | "cjs" | "mts" | "cts" | "vue" | "svelte" => &SCRIPT,
        "python" | "py" | "pyi" | "starlark" | "bzl" => &PYTHON,
        "go" | "golang" => &GO,
        "c" | "h" | "cc" | "cpp" | "c++" | "cxx" | "hpp" | "java" | "kotlin" | "kt" | "kts" | "swift" | "cs" | "csharp" | "scala" | "dart" | "php"
        | "proto" => &C,
        "bash" | "sh" | "shell" | "zsh" | "console" | "makefile" | "mk" | "envrc" => &SHELL,
        "json" | "jsonc" | "json5" | "jsonl" | "ndjson" => &JSON,
        "toml" | "ini" | "cfg" | "conf" | "properties" | "lock" | "tf" | "hcl" => &TOML,
        "yaml" | "yml" => &YAML,
        "css" | "scss" | "less" => &CSS,
        "html" | "htm" | "xml" | "svg" => &MARKUP,
        "sql" | "postgres" | "postgresql" | "sqlite" | "mysql" => &SQL,
        "dockerfile" | "containerfile" => &DOCKER,
        "ruby" | "rb" | "gemfile" | "rakefile" | "elixir" | "ex" | "exs" | "lua" => &RUBY,
        _ => return None,
    })
}
