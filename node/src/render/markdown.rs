//! Markdown as HTML: parsed, with raw HTML shown as text, and then sanitised as well. A message must not load, run or
//! style anything.

use super::{code_into, highlight::Highlighter};
use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};
use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// The most bytes of Markdown that are parsed. Longer texts are shown as plain text: nobody reads them, and each viewer
/// would pay for the parsing.
const MOST: usize = 512 << 10;
/// The deepest nesting that is parsed; deeper texts are accidents or attacks and shown as plain text.
const DEEPEST: usize = 40;

/// Markdown (CommonMark with tables, strikethrough and task lists) as sanitised HTML. Raw HTML is shown as text, images
/// become links, and links open in a new tab. Headings start at level 3, below those of the page. Code blocks are
/// highlighted.
pub fn markdown(text: &str) -> String {
    if text.len() > MOST {
        return plain(text);
    }
    let mut blocks = Vec::new();
    let mut depth = 0_usize;
    let mut code: Option<(String, String)> = None;
    let mut links = 0_usize;
    let mut highlighter = Highlighter::default();
    for event in Parser::new_ext(
        text,
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS,
    ) {
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return plain(text);
        }
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.split([' ', ',', '{']).next().unwrap_or_default().to_owned(),
                    CodeBlockKind::Indented => String::new(),
                };
                code = Some((language, String::new()));
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((language, text)) = code.take() {
                    blocks.push(Event::Html(block(&mut highlighter, &language, &text).into()));
                }
            }
            Event::Text(part) if code.is_some() => {
                if let Some((_, text)) = &mut code {
                    text.push_str(&part);
                }
            }
            Event::Start(Tag::HtmlBlock) => blocks.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => blocks.push(Event::End(TagEnd::Paragraph)),
            Event::Html(raw) | Event::InlineHtml(raw) => blocks.push(Event::Text(raw)),
            Event::TaskListMarker(done) => {
                blocks.push(Event::Text(CowStr::Borrowed(if done { "☑ " } else { "☐ " })));
            }
            Event::Start(Tag::Heading { level, .. }) => {
                blocks.push(Event::Start(Tag::Heading {
                    level: below_the_page(level),
                    id: None,
                    classes: Vec::new(),
                    attrs: Vec::new(),
                }));
            }
            Event::End(TagEnd::Heading(level)) => blocks.push(Event::End(TagEnd::Heading(below_the_page(level)))),
            Event::Start(Tag::Image { dest_url, title, .. } | Tag::Link { dest_url, title, .. }) => {
                links += 1;
                // An image inside of a link keeps only its description.
                if links == 1 {
                    blocks.push(Event::Start(Tag::Link {
                        link_type: LinkType::Inline,
                        dest_url,
                        title,
                        id: CowStr::Borrowed(""),
                    }));
                }
            }
            Event::End(TagEnd::Image | TagEnd::Link) => {
                links = links.saturating_sub(1);
                if links == 0 {
                    blocks.push(Event::End(TagEnd::Link));
                }
            }
            Event::Code(text) => blocks.push(Event::InlineHtml(format!("<code>{}</code>", as_code(&text)).into())),
            other => blocks.push(other),
        }
    }
    let mut unsafe_html = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut unsafe_html, blocks.into_iter());
    // Columns keep their alignment as an attribute instead of a style. Raw text is escaped by now, so no text contains
    // a whole tag.
    for cell in ["td", "th"] {
        for side in ["right", "center"] {
            unsafe_html = unsafe_html.replace(
                &format!("<{cell} style=\"text-align: {side}\">"),
                &format!("<{cell} align=\"{side}\">"),
            );
        }
    }
    SANITISER.clean(&unsafe_html).to_string()
}

fn plain(text: &str) -> String {
    format!(
        "<pre tabindex=\"0\"><code class=\"code\">{}</code></pre>",
        as_code(text)
    )
}

fn as_code(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    code_into(&mut html, text);
    html
}

fn block(highlighter: &mut Highlighter, language: &str, text: &str) -> String {
    format!(
        "<pre tabindex=\"0\"><code class=\"code\">{}</code></pre>",
        highlighter.highlight(text.strip_suffix('\n').unwrap_or(text), language)
    )
}

const fn below_the_page(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(HashSet::from([
            "a",
            "blockquote",
            "br",
            "code",
            "del",
            "em",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "li",
            "ol",
            "p",
            "pre",
            "span",
            "strong",
            "table",
            "tbody",
            "td",
            "th",
            "thead",
            "tr",
            "ul",
        ]))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "title"])),
            ("ol", HashSet::from(["start"])),
            ("pre", HashSet::from(["tabindex"])),
        ]))
        .tag_attribute_values(
            ["td", "th"]
                .into_iter()
                .map(|cell| (cell, HashMap::from([("align", HashSet::from(["right", "center"]))])))
                .collect(),
        )
        .set_tag_attribute_value("a", "target", "_blank")
        .link_rel(Some("noopener nofollow"))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::Deny)
        .allowed_classes(HashMap::from([
            ("code", HashSet::from(["code"])),
            ("span", HashSet::from(["k", "s", "c", "hid"])),
        ]));
    builder
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write_reads_as_they_meant_it() {
        for (text, html) in [
            (
                "plain *and* **strong** `x < y`",
                "<p>plain <em>and</em> <strong>strong</strong> <code>x &lt; y</code></p>\n",
            ),
            ("# One\n#### Four", "<h3>One</h3>\n<h6>Four</h6>\n"),
            (
                "`a\u{202e}b`",
                "<p><code>a<span class=\"hid\">U+202E</span>b</code></p>\n",
            ),
            ("~~gone~~", "<p><del>gone</del></p>\n"),
            (
                "- [x] done\n- [ ] open",
                "<ul>\n<li>☑ done</li>\n<li>☐ open</li>\n</ul>\n",
            ),
            ("3. c\n4. d", "<ol start=\"3\">\n<li>c</li>\n<li>d</li>\n</ol>\n"),
            (
                "[site](https://example.org/a?b=c&d \"Title\")",
                "<p><a href=\"https://example.org/a?b=c&amp;d\" title=\"Title\" target=\"_blank\" rel=\"noopener nofollow\">site</a></p>\n",
            ),
            (
                "![a picture](https://example.org/p.png)",
                "<p><a href=\"https://example.org/p.png\" target=\"_blank\" rel=\"noopener nofollow\">a picture</a></p>\n",
            ),
            (
                "[![badge](https://example.org/b.svg)](https://example.org/)",
                "<p><a href=\"https://example.org/\" target=\"_blank\" rel=\"noopener nofollow\">badge</a></p>\n",
            ),
            ("use the <div> element", "<p>use the &lt;div&gt; element</p>\n"),
            (
                "<details>\n<summary>x</summary>\n</details>",
                "<p>&lt;details&gt;\n&lt;summary&gt;x&lt;/summary&gt;\n&lt;/details&gt;</p>\n",
            ),
            (
                "```rust\nlet x = \"<b>\"; // y\n```",
                "<pre tabindex=\"0\"><code class=\"code\"><span class=\"k\">let</span> x = <span class=\"s\">\"&lt;b&gt;\"</span>; <span class=\"c\">// y</span></code></pre>",
            ),
            (
                "    indented < code",
                "<pre tabindex=\"0\"><code class=\"code\">indented &lt; code</code></pre>",
            ),
            (
                "|a|b|c|\n|-|-:|:-:|\n|1|2|3|",
                "<table><thead><tr><th>a</th><th align=\"right\">b</th><th align=\"center\">c</th></tr></thead><tbody>\n<tr><td>1</td><td align=\"right\">2</td><td align=\"center\">3</td></tr>\n</tbody></table>\n",
            ),
            (
                "<td style=\"text-align: right\">",
                "<p>&lt;td style=\"text-align: right\"&gt;</p>\n",
            ),
            ("", ""),
        ] {
            assert_eq!(markdown(text), html, "{text:?}");
        }
    }

    /// Attacks that passed other sanitisers: mutation through foreign content, broken attributes, odd schemes, nested
    /// parsing contexts.
    const ATTACKS: &[&str] = &[
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
        "<math><annotation-xml encoding=\"text/html\"><svg><foreignObject><iframe srcdoc=\"<script>alert(1)</script>\">",
        "<iframe src=\"javascript:alert(1)\"></iframe>",
        "<a href=\"java\nscript:alert(1)\">x</a>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java&#10;script:alert(1))",
        "[x](&#x6A;avascript:alert(1))",
        "[x](\\javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
        "[x](vbscript:msgbox(1))",
        "[x](//evil.example/)",
        "[x](/auth/logout)",
        "[x](https://example.org/\"onmouseover=\"alert(1))",
        "[x](https://example.org 'a\" onmouseover=\"alert(1)')",
        "[x](<javascript:alert(1)>)",
        "<javascript:alert(1)>",
        "<https://example.org/\"onclick=alert(1)>",
        "![x\" onerror=\"alert(1)](https://example.org/x.png)",
        "![x](https://example.org/x.png\" onerror=\"alert(1))",
        "```\"><script>alert(1)</script>\ncode\n```",
        "```html\n</code></pre><script>alert(1)</script>\n```",
        "`</code><script>alert(1)</script>`",
        "<style>@import url(https://evil.example/x.css)</style>",
        "<div style=\"background:url(https://evil.example/)\">x</div>",
        "<base href=\"https://evil.example/\">",
        "<meta http-equiv=\"refresh\" content=\"0;url=https://evil.example/\">",
        "<!--><img src=x onerror=alert(1)>-->",
        "<![CDATA[<img src=x onerror=alert(1)>]]>",
        "<?xml version=\"1.0\"?><img src=x onerror=alert(1)>",
        "<template><script>alert(1)</script></template>",
        "<select><template><img src=x onerror=alert(1)></template></select>",
        "<textarea></textarea><img src=x onerror=alert(1)>",
        "<xmp><img src=x onerror=alert(1)></xmp>",
        "<plaintext><img src=x onerror=alert(1)>",
        "<video><source onerror=\"alert(1)\">",
        "<input autofocus onfocus=alert(1)>",
        "<a id=\"location\" name=\"cookie\">clobber</a>",
        "<p id=\"app\" class=\"dialog\">x</p>",
        "|<img src=x onerror=alert(1)>|b|\n|-|-|\n|</table><script>alert(1)</script>|c|",
        "# <img src=x onerror=alert(1)> {onclick=alert(1)}",
        "[a]: javascript:alert(1)\n[a]",
        "*<img src=x*onerror=alert(1)>*",
        "\u{0}<scr\u{0}ipt>alert(1)</scr\u{0}ipt>",
        "<\u{200b}script>alert(1)</script>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "<svg/onload=alert(1)>",
        "<body onload=alert(1)>",
    ];

    /// Checks every tag in the HTML as a browser reads it: `<` opens a tag before a letter, a slash, `!` or `?`.
    fn assert_harmless(text: &str, html: &str) {
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            rest = &rest[at + 1..];
            let end = rest
                .find('>')
                .unwrap_or_else(|| panic!("an open tag in {html:?} of {text:?}"));
            let tag = &rest[..end];
            rest = &rest[end + 1..];
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            let name = name.trim_start_matches('/');
            let known = [
                "a",
                "blockquote",
                "br",
                "code",
                "del",
                "em",
                "h3",
                "h4",
                "h5",
                "h6",
                "hr",
                "li",
                "ol",
                "p",
                "pre",
                "span",
                "strong",
                "table",
                "tbody",
                "td",
                "th",
                "thead",
                "tr",
                "ul",
            ];
            assert!(known.contains(&name), "<{tag}> in {html:?} of {text:?}");
            let mut attributes = attributes;
            while let Some((attribute, value)) = attributes.trim_start().split_once("=\"") {
                let (value, after) = value.split_once('"').expect("attributes are quoted");
                let good = match (name, attribute) {
                    ("a", "href") => ["http://", "https://", "mailto:"]
                        .iter()
                        .any(|scheme| value.to_ascii_lowercase().starts_with(scheme)),
                    ("a", "title") | ("ol", "start") => true,
                    ("a", "target") => value == "_blank",
                    ("a", "rel") => value == "noopener nofollow",
                    ("code", "class") => value == "code",
                    ("span", "class") => ["k", "s", "c", "hid"].contains(&value),
                    ("pre", "tabindex") => value == "0",
                    ("td" | "th", "align") => ["right", "center"].contains(&value),
                    _ => false,
                };
                assert!(good, "{attribute}={value:?} in {html:?} of {text:?}");
                attributes = after;
            }
            assert!(attributes.trim().is_empty(), "{attributes:?} in {html:?} of {text:?}");
        }
    }

    #[test]
    fn no_attack_gets_through_alone_or_in_company() {
        for attack in ATTACKS {
            for text in [
                (*attack).to_owned(),
                format!("> - {attack}"),
                format!("**{attack}**"),
                format!("{attack}\n\n{attack}"),
                format!("| a |\n|-|\n| {attack} |"),
            ] {
                let html = markdown(&text);
                assert_harmless(&text, &html);
                // A browser's second parse must give the same HTML (mutation XSS).
                assert_eq!(SANITISER.clean(&html).to_string(), html, "not stable: {text:?}");
            }
        }
    }

    #[test]
    fn too_deep_and_too_long_are_shown_as_they_are() {
        for text in [
            ">".repeat(50_000),
            "- ".repeat(5_000),
            "*a **b ".repeat(20_000),
            "x".repeat(MOST + 1),
            "[".repeat(50_000),
            "`".repeat(50_001),
        ] {
            let html = markdown(&text);
            assert_harmless("a flood", &html);
        }
        assert!(markdown(&"> ".repeat(100)).starts_with("<pre"));
    }

    proptest! {
        #[test]
        fn any_mixture_is_harmless(parts in prop::collection::vec(prop_oneof![
            prop::sample::select(ATTACKS).prop_map(str::to_owned),
            prop::sample::select(vec!["*", "_", "`", "```", "\n", "\n\n", "    ", "> ", "- ", "[", "](", ")", "<", ">", "\"", "'", "&", "|", "\\", "# ", "!"]).prop_map(str::to_owned),
            ".{0,12}",
        ], 0..12)) {
            let text = parts.concat();
            let html = markdown(&text);
            assert_harmless(&text, &html);
        }
    }
}
