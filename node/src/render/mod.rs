//! Rendering: Markdown, diffs and highlighted code as safe HTML or typed lines. All HTML is sanitised or escaped. It
//! must not read files or know what a session is.

mod command;
mod diff;
mod highlight;
mod markdown;

pub use command::command;
pub use diff::{diff, diff_from_patch, unplaced};
pub use highlight::highlight;
pub use markdown::markdown;

use crate::journal::Stored;
use model::{
    Result,
    shown::{self, Piece},
};
use std::sync::{Arc, LazyLock};
use tokio::sync::Semaphore;

/// Less input than this is drawn at once, in bytes: a thread switch would cost more.
const AT_ONCE: usize = 4 * 1024;

/// The added weight of highlighted code, which is never drawn at once.
pub const CODE: usize = AT_ONCE;

/// The approximate weight of a Markdown text in bytes; code in it is expensive.
pub fn text_weight(text: &str) -> usize {
    text.len()
        + if text.contains("```") || text.contains("~~~") {
            CODE
        } else {
            0
        }
}

/// The approximate weight of a value in bytes; it stops counting when the value is expensive anyway.
pub fn weight(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    let sum = |of: &mut dyn Iterator<Item = &Value>| {
        let mut sum = 1;
        for one in of {
            sum += weight(one);
            if sum >= AT_ONCE {
                break;
            }
        }
        sum
    };
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => sum(&mut items.iter()),
        Value::Object(fields) => sum(&mut fields.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

/// Draws from about `size` bytes of input. Expensive work runs on blocking threads, at most half as many as there are
/// processors, so that only its own callers wait.
pub async fn draw<T: Send + 'static>(size: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Arc::new(Semaphore::new((processors / 2).max(1)))
    });
    if size < AT_ONCE {
        return Ok(work());
    }
    let place = PLACES.clone().acquire_owned().await.stored()?;
    let drawn = tokio::task::spawn_blocking(move || {
        // The permit is held until the end, even if the caller is gone.
        let _place = place;
        work()
    });
    drawn.await.stored()
}

/// Text as HTML that shows exactly this text, for element content and quoted attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    escape_into(&mut escaped, text);
    escaped
}

/// [`escape`] for code, in element content only. A character that is invisible or reorders others becomes a box with
/// its name.
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
            // HTML cannot hold NUL, so the replacement character shows it.
            '\0' => to.push('\u{fffd}'),
            other => to.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_dear_to_draw_holds_up_nothing_else() {
        let lines: Vec<String> = (0..40_000)
            .flat_map(|n| {
                [
                    format!("-{}{n}", "a.b,c;".repeat(14)),
                    format!("+{}{n}", "a,b.c;".repeat(14)),
                ]
            })
            .collect();
        let patch = serde_json::json!([{"oldStart": 1, "newStart": 1, "lines": lines}]);
        let drawn: Vec<_> = (0..10)
            .map(|_| {
                let patch = patch.clone();
                tokio::spawn(draw(8 << 20, move || diff_from_patch("p", &patch).omitted))
            })
            .collect();
        let mut longest = Duration::ZERO;
        while drawn.iter().any(|one| !one.is_finished()) {
            let begun = Instant::now();
            tokio::time::sleep(Duration::from_millis(5)).await;
            longest = longest.max(begun.elapsed());
        }
        assert!(
            longest < Duration::from_millis(500),
            "something else waited {longest:?}"
        );
        for one in drawn {
            assert_eq!(one.await.expect("drawn"), Ok(80_001 - 1_500));
        }
    }
}
