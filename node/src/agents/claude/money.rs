//! Exact sums of tokens and money for one process. It never computes with floating point: amounts are read from their
//! decimal text.

use model::sessions::{Tokens, USAGE_MOST};
use serde_json::Value;
use std::collections::BTreeMap;

/// The cost of one model so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Spent {
    tokens: Tokens,
    /// Billionths of a dollar; `None` until the agent names a price.
    nanos: Option<i64>,
}

/// The sums of one process, for at most [`Ledger::MODELS`] models.
///
/// Claude Code's own totals (`modelUsage`) continue across resume and fork and restart after `/clear`, so they count
/// earlier processes again. Newer versions also report the usage since the last result, which is summed here. For older
/// versions the totals are taken.
#[derive(Default)]
pub struct Ledger(BTreeMap<String, Spent>);

impl Ledger {
    const MODELS: usize = 64;
    /// The longest name of a model, in bytes.
    const NAME: usize = 200;

    /// Adds a result. Returns the models whose sums changed: name, tokens, millionths of a dollar.
    pub fn result(&mut self, result: &Value) -> Vec<(String, Tokens, Option<i64>)> {
        let (list, adds) = match (
            result["model_usage_since_last_result"].as_object(),
            result["modelUsage"].as_object(),
        ) {
            (Some(since), _) => (since, true),
            (None, Some(totals)) => (totals, false),
            (None, None) => return Vec::new(),
        };
        let mut changed = Vec::new();
        for (model, usage) in list {
            if model.len() > Self::NAME || (self.0.len() >= Self::MODELS && !self.0.contains_key(model)) {
                continue;
            }
            let count = |key: &str| usage[key].as_i64().unwrap_or(0).clamp(0, USAGE_MOST);
            let tokens = Tokens {
                input: count("inputTokens"),
                output: count("outputTokens"),
                cache_read: count("cacheReadInputTokens"),
                cache_write: count("cacheCreationInputTokens"),
            };
            let now = Spent {
                tokens,
                nanos: nanos(&usage["costUSD"]),
            };
            let before = self.0.get(model).copied().unwrap_or_default();
            let sum = if adds { before.plus(now) } else { now };
            if sum != before {
                self.0.insert(model.clone(), sum);
                changed.push((model.clone(), sum.tokens, sum.nanos.map(micros)));
            }
        }
        changed
    }
}

impl Spent {
    fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.plus(other.tokens).bounded(),
            nanos: match (self.nanos, other.nanos) {
                (None, None) => None,
                (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
            },
        }
    }
}

/// Billionths to millionths, half up.
fn micros(nanos: i64) -> i64 {
    (nanos.saturating_add(500) / 1000).min(USAGE_MOST)
}

/// A JSON number of dollars in billionths, from its shortest decimal text; further digits are cut. `None` for negative
/// or absurd numbers and other values.
fn nanos(value: &Value) -> Option<i64> {
    let text = value.as_number()?.to_string();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text.as_str(), 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(9)?;
    if point <= 0 {
        return digits.bytes().all(|b| b.is_ascii_digit()).then_some(0);
    }
    let point = usize::try_from(point).ok().filter(|point| *point <= 18)?;
    let kept: String = digits.chars().chain(std::iter::repeat('0')).take(point).collect();
    kept.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| kept.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dollars_become_integers_by_their_text() {
        for (dollars, expected) in [
            ("0", 0),
            ("0.00125", 1_250_000),
            ("0.007500000000000001", 7_500_000),
            ("6.255e-05", 62_550),
            ("6.255e-5", 62_550),
            ("12", 12_000_000_000),
            ("1e-12", 0),
            ("0.1", 100_000_000),
        ] {
            let value: Value = serde_json::from_str(dollars).expect("a number");
            assert_eq!(nanos(&value), Some(expected), "{dollars}");
        }
        assert_eq!(nanos(&json!(-1)), None);
        assert_eq!(nanos(&json!("1")), None);
        assert_eq!(nanos(&json!(1e300)), None);
        assert_eq!(micros(62_550), 63);
    }

    #[test]
    fn a_resumed_process_counts_only_its_own() {
        let mut ledger = Ledger::default();
        let usage = |input: i64, cost: f64| json!({"m": {"inputTokens": input, "outputTokens": 1, "costUSD": cost}});
        let first =
            ledger.result(&json!({"modelUsage": usage(500, 0.5), "model_usage_since_last_result": usage(100, 0.1)}));
        assert_eq!(
            first,
            [(
                "m".into(),
                Tokens {
                    input: 100,
                    output: 1,
                    ..Tokens::default()
                },
                Some(100_000)
            )]
        );
        let second =
            ledger.result(&json!({"modelUsage": usage(700, 0.7), "model_usage_since_last_result": usage(200, 0.2)}));
        assert_eq!(
            second,
            [(
                "m".into(),
                Tokens {
                    input: 300,
                    output: 2,
                    ..Tokens::default()
                },
                Some(300_000)
            )]
        );
    }

    #[test]
    fn what_one_process_says_of_itself_is_bounded_however_often_it_says_it() {
        let mut ledger = Ledger::default();
        let most = json!({"m": {"inputTokens": i64::MAX, "outputTokens": i64::MIN, "costUSD": 9e8}});
        for _ in 0..40 {
            ledger.result(&json!({"model_usage_since_last_result": most}));
        }
        let sum = ledger.0["m"];
        assert_eq!(
            sum.tokens,
            Tokens {
                input: USAGE_MOST,
                ..Tokens::default()
            }
        );
        assert!(
            sum.nanos
                .map(micros)
                .is_some_and(|cost| (0..=USAGE_MOST).contains(&cost)),
            "{sum:?}"
        );
    }

    #[test]
    fn without_increments_the_newest_totals_count() {
        let mut ledger = Ledger::default();
        let result = json!({"modelUsage": {"m": {"inputTokens": 5, "costUSD": 0.000_001}}});
        assert_eq!(ledger.result(&result).len(), 1);
        assert_eq!(ledger.result(&result), [], "nothing changed");
    }
}
