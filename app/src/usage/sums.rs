//! The numbers of charts and tables of usage. Pure functions; an unknown cost stays unknown through all of them.

use crate::ui::format;
use model::{Micros, usage::UsageRow};

/// The spans that can be chosen, in days.
pub const SPANS: [u32; 4] = [7, 14, 30, 90];

/// The span in the address; 14 days for any other word.
pub fn span(word: Option<&str>) -> u32 {
    word.and_then(|word| word.parse().ok())
        .filter(|days| SPANS.contains(days))
        .unwrap_or(14)
}

/// The cost of all rows; `None` when no agent reported any.
pub fn cost(rows: &[UsageRow]) -> Option<Micros> {
    rows.iter()
        .filter_map(|row| row.cost_micros)
        .reduce(i64::saturating_add)
}

/// All tokens of all rows.
pub fn tokens(rows: &[UsageRow]) -> i64 {
    rows.iter().map(|row| row.tokens.total()).fold(0, i64::saturating_add)
}

/// An integer as a number for a chart.
#[allow(clippy::cast_precision_loss, reason = "a chart is some hundred pixels wide")]
pub const fn real(n: i64) -> f64 {
    n as f64
}

/// The bars of tokens per day: input, output, cache.
pub fn token_bars(days: &[UsageRow]) -> Vec<Vec<f64>> {
    days.iter()
        .map(|day| {
            let tokens = day.tokens;
            vec![
                real(tokens.input),
                real(tokens.output),
                real(tokens.cache_read.saturating_add(tokens.cache_write)),
            ]
        })
        .collect()
}

/// The bars of cost per day.
pub fn cost_bars(days: &[UsageRow]) -> Vec<Vec<f64>> {
    days.iter()
        .map(|day| vec![real(day.cost_micros.unwrap_or(0))])
        .collect()
}

/// The bars of sessions per day.
pub fn session_bars(days: &[UsageRow]) -> Vec<Vec<f64>> {
    days.iter().map(|day| vec![real(day.sessions)]).collect()
}

/// The hover text of each day.
pub fn day_titles(days: &[UsageRow], say: impl Fn(&UsageRow) -> String) -> Vec<String> {
    days.iter()
        .map(|day| format!("{}: {}", format::day(&day.key), say(day)))
        .collect()
}

/// A cost in words; `not known` when no agent reported any.
pub fn cost_word(cost: Option<Micros>) -> String {
    cost.map_or_else(|| "not known".to_owned(), format::cost)
}

/// Percent of the largest value, for a meter beside the number.
pub fn share(value: i64, largest: i64) -> f64 {
    if largest <= 0 {
        0.0
    } else {
        real(value) * 100.0 / real(largest)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use model::sessions::Tokens;

    /// A sum for tests.
    pub(crate) fn row(key: &str, tokens: i64, cost_micros: Option<i64>) -> UsageRow {
        UsageRow {
            key: key.into(),
            name: key.into(),
            tokens: Tokens {
                input: tokens,
                output: 1,
                cache_read: 2,
                cache_write: 3,
            },
            cost_micros,
            sessions: 1,
        }
    }

    #[test]
    fn an_unknown_cost_is_not_zero_and_does_not_hide_the_known() {
        assert_eq!(cost(&[row("a", 1, None)]), None);
        assert_eq!(cost(&[row("a", 1, None), row("b", 1, Some(5))]), Some(5));
        assert_eq!(cost_word(None), "not known");
        assert_eq!(cost_word(Some(0)), "$0.00");
    }

    #[test]
    fn bars_carry_input_output_and_all_of_the_cache() {
        assert_eq!(token_bars(&[row("2026-11-22", 10, None)]), [[10.0, 1.0, 5.0]]);
        assert_eq!(tokens(&[row("a", 10, None), row("b", 20, None)]), 42);
        assert_eq!(day_titles(&[row("2026-11-22", 1, None)], |_| "x".into()), ["22 Nov: x"]);
    }

    #[test]
    fn only_offered_spans_are_accepted() {
        assert_eq!(span(Some("30")), 30);
        assert_eq!(span(Some("31")), 14);
        assert_eq!(span(None), 14);
    }

    #[test]
    fn shares_are_of_the_largest() {
        assert!((share(5, 10) - 50.0).abs() < f64::EPSILON);
        assert!(share(5, 0).abs() < f64::EPSILON);
    }
}
