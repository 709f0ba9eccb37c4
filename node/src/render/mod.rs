//! Rendering: Markdown, diffs and highlighted code as safe HTML or typed lines.
//! Whatever it returns as HTML is sanitised or escaped; it must not read files or know what a session is.

mod command;
mod diff;
mod highlight;
mod language;
mod markdown;

pub use command::command;
pub use diff::{diff, diff_from_patch, unplaced};
pub use highlight::highlight;
pub use markdown::markdown;

use model::shown::{self, Piece};

/// Text as HTML that shows exactly it, in element content and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    escape_into(&mut escaped, text);
    escaped
}

/// The same for code, in element content only: what cannot be seen, or turns the order of what can, is a box with its name.
fn code_into(to: &mut String, code: &str) {
    for piece in shown::pieces(code) {
        match piece {
            Piece::Text(text) => escape_into(to, text),
            Piece::Hidden(c) => {
                to.push_str("<span class=\"hid\">");
                to.push_str(&shown::name(c));
                to.push_str("</span>");
            }
        }
    }
}

fn escape_into(to: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '\'' => to.push_str("&#39;"),
            // What HTML cannot hold shows as what it is: a character that is none.
            '\0' => to.push('\u{fffd}'),
            other => to.push(other),
        }
    }
}
