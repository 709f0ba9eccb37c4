//! Prometheus' text format, version 0.0.4.
//! It writes what it is given and counts nothing.

use std::fmt::{Display, Write};

/// Lines being written.
#[derive(Default)]
pub struct Text(String);

impl Text {
    /// What a metric is.
    pub fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    /// One value of a metric.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escape(value))).collect();
        if labels.is_empty() {
            self.line(format_args!("{name} {value}"));
        } else {
            self.line(format_args!("{name}{{{}}} {value}", labels.join(",")));
        }
    }

    /// A figure that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: i64) {
        self.labelled(name, help, "gauge", &[], value);
    }

    /// A figure that may be unknown; an unknown one is left out, never zero.
    pub fn optional(&mut self, name: &str, help: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.gauge(name, help, value);
        }
    }

    /// A metric with one value.
    pub fn labelled(&mut self, name: &str, help: &str, kind: &str, labels: &[(&str, &str)], value: i64) {
        self.head(name, help, kind);
        self.sample(name, labels, value);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.0
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Microseconds as seconds, exactly.
pub fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_unknown_figures_left_out() {
        let mut text = Text::default();
        text.labelled("a", "An a.", "gauge", &[("b", "say \"hi\"\n")], 3);
        text.optional("c", "A c.", None);
        assert_eq!(text.finish(), "# HELP a An a.\n# TYPE a gauge\na{b=\"say \\\"hi\\\"\\n\"} 3\n");
        assert_eq!(seconds(2_500_000), "2.500000");
    }
}
