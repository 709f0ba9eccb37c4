//! The only writer to standard output and standard error. It must not decide what is worth saying. It must not panic
//! when a pipe is closed or a disk full.

use std::io::{self, Write};

/// A line of the answer.
pub fn line(text: impl AsRef<str>) {
    let _ = writeln!(io::stdout(), "{}", text.as_ref());
}

/// Text that already ends in a newline.
pub fn text(text: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_ref().as_bytes()).and_then(|()| out.flush());
}

/// A line about the work, on standard error.
pub fn note(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr(), "{}", text.as_ref());
}

/// The reason of a failure, on standard error.
pub fn error(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr(), "orchwiz: {}", text.as_ref());
}

/// A table with space-padded columns; the last one is not padded.
pub fn table(head: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let show = |cells: Vec<&str>| {
        let last = cells.len().saturating_sub(1);
        let cells = cells.iter().enumerate().map(|(place, cell)| {
            let padding = if place == last {
                0
            } else {
                widths.get(place).copied().unwrap_or(0) + 2
            };
            format!("{cell:<padding$}")
        });
        line(cells.collect::<String>());
    };
    show(head.to_vec());
    for row in rows {
        show(row.iter().map(String::as_str).collect());
    }
}

/// A moment as `2026-11-22 13:05`, UTC.
pub fn moment(at: model::Millis) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]");
    time::OffsetDateTime::from_unix_timestamp(at.div_euclid(1000))
        .ok()
        .and_then(|at| at.format(&format).ok())
        .unwrap_or_else(|| "-".to_owned())
}
