//! Numbers, sizes, money and moments as text: pure functions, the same on both sides. They read no clock and no time
//! zone; callers pass both.

use model::{Micros, Millis};

/// The parts of a moment, in the zone of the given offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The year.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 is Monday.
    pub weekday: u8,
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn small(n: i64) -> u8 {
    u8::try_from(n).unwrap_or_default()
}

fn local(at: Millis, offset_minutes: i64) -> Millis {
    at.saturating_add(offset_minutes.saturating_mul(MINUTE))
}

/// The days since 1 January 1970, `offset_minutes` east of UTC.
pub fn day_number(at: Millis, offset_minutes: i64) -> i64 {
    local(at, offset_minutes).div_euclid(DAY)
}

/// Splits a moment, `offset_minutes` east of UTC.
pub fn civil(at: Millis, offset_minutes: i64) -> Civil {
    let local = local(at, offset_minutes);
    let days = local.div_euclid(DAY);
    let rest = local.rem_euclid(DAY);
    // Days to date in the proleptic Gregorian calendar, eras of 400 years that begin on 1 March.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    Civil {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month: small(month),
        day: small(day_of_year - (153 * shifted + 2) / 5 + 1),
        hour: small(rest / HOUR),
        minute: small(rest % HOUR / MINUTE),
        second: small(rest % MINUTE / SECOND),
        weekday: small((days + 3).rem_euclid(7)),
    }
}

impl Civil {
    fn month_name(&self) -> &'static str {
        MONTHS
            .get(usize::from(self.month).wrapping_sub(1))
            .copied()
            .unwrap_or("")
    }

    /// `14:36`.
    pub fn time(&self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }

    /// `22 Nov`.
    pub fn day_month(&self) -> String {
        format!("{} {}", self.day, self.month_name())
    }

    /// `22 Nov, 14:36`.
    pub fn short(&self) -> String {
        format!("{}, {}", self.day_month(), self.time())
    }

    /// `Sun 22 Nov 2026, 14:36:05`.
    pub fn long(&self) -> String {
        let weekday = WEEKDAYS.get(usize::from(self.weekday)).copied().unwrap_or("");
        format!(
            "{weekday} {} {}, {}:{:02}",
            self.day_month(),
            self.year,
            self.time(),
            self.second
        )
    }
}

/// `2026-11-22T14:36:05Z`, for `<time datetime>`.
pub fn iso(at: Millis) -> String {
    let c = civil(at, 0);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        c.year, c.month, c.day, c.hour, c.minute, c.second
    )
}

/// `22 Nov, 14:36 UTC`: written by the server, which does not know the browser's zone.
pub fn utc_short(at: Millis) -> String {
    format!("{} UTC", civil(at, 0).short())
}

/// `Sun 22 Nov 2026, 14:36:05 UTC`.
pub fn utc_long(at: Millis) -> String {
    format!("{} UTC", civil(at, 0).long())
}

/// `22 Nov` for `2026-11-22`; other text stays unchanged.
pub fn day(iso_day: &str) -> String {
    let mut parts = iso_day.split('-').map(str::parse::<u8>);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(Ok(month)), Some(Ok(day))) if (1..=12).contains(&month) => {
            format!("{day} {}", MONTHS.get(usize::from(month) - 1).copied().unwrap_or(""))
        }
        _ => iso_day.to_owned(),
    }
}

/// A duration: `0s`, `42s`, `4m 10s`, `2h 33m`, `3d 4h`. Negative ones count as zero.
pub fn span(millis: i64) -> String {
    let millis = millis.max(0);
    if millis < MINUTE {
        format!("{}s", millis / SECOND)
    } else if millis < HOUR {
        format!("{}m {:02}s", millis / MINUTE, millis % MINUTE / SECOND)
    } else if millis < DAY {
        format!("{}h {:02}m", millis / HOUR, millis % HOUR / MINUTE)
    } else {
        format!("{}d {}h", millis / DAY, millis % DAY / HOUR)
    }
}

/// A duration that a person chose, without parts that are zero: `15m`, `2h`, `1h 30m`.
pub fn span_round(millis: i64) -> String {
    let span = span(millis);
    let short = span
        .strip_suffix(" 00s")
        .or_else(|| span.strip_suffix(" 00m"))
        .or_else(|| span.strip_suffix(" 0h"));
    short.unwrap_or(&span).to_owned()
}

/// A short duration to tenths: `0.4s`, `41.2s`, then as [`span`].
pub fn span_exact(millis: i64) -> String {
    let millis = millis.max(0);
    if millis < MINUTE {
        format!("{}.{}s", millis / SECOND, millis % SECOND / 100)
    } else {
        span(millis)
    }
}

/// The time since: `now`, `12s ago`, `4m ago`, `2h ago`, `3d ago`. A moment in the future (clocks differ) is `now`.
pub fn ago(millis: i64) -> String {
    match millis {
        ..5_000 => "now".to_owned(),
        5_000..MINUTE => format!("{}s ago", millis / SECOND),
        MINUTE..HOUR => format!("{}m ago", millis / MINUTE),
        HOUR..DAY => format!("{}h ago", millis / HOUR),
        _ => format!("{}d ago", millis / DAY),
    }
}

/// The same for a column "last": `now`, `12s`, `4m`, `2h`, `3d`.
pub fn ago_short(millis: i64) -> String {
    ago(millis).trim_end_matches(" ago").to_owned()
}

/// The time left: `in 27m 46s`; `now` when it is over.
pub fn until(millis: i64) -> String {
    if millis < SECOND {
        "now".to_owned()
    } else {
        format!("in {}", span(millis))
    }
}

/// `1,924,311`.
pub fn exact(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        out.push('\u{2212}');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `48,211`, `412k`, `1.92M`, `6.41G`: exact below 100,000, then three digits.
pub fn short(n: i64) -> String {
    let size = n.unsigned_abs();
    if size < 100_000 {
        return exact(n);
    }
    let sign = if n < 0 { "\u{2212}" } else { "" };
    let (unit, word) = match size {
        ..999_500 => (1_000, "k"),
        999_500..999_500_000 => (1_000_000, "M"),
        999_500_000..999_500_000_000 => (1_000_000_000, "G"),
        _ => (1_000_000_000_000, "T"),
    };
    format!("{sign}{}{word}", three_digits(size, unit))
}

/// `size / unit` with three significant digits, rounded half up: `1.92`, `41.3`, `412`.
fn three_digits(size: u64, unit: u64) -> String {
    let thousandths = u128::from(size) * 1_000 / u128::from(unit);
    // Each limit is the value from which rounding would add a digit.
    match thousandths {
        ..9_995 => format!("{}.{:02}", (thousandths + 5) / 1_000, (thousandths + 5) % 1_000 / 10),
        9_995..99_950 => format!("{}.{}", (thousandths + 50) / 1_000, (thousandths + 50) % 1_000 / 100),
        _ => ((thousandths + 500) / 1_000).to_string(),
    }
}

/// `412 B`, `3.10 MB`, `41.3 GB`; powers of 1000.
pub fn bytes(n: i64) -> String {
    let size = n.unsigned_abs();
    let (unit, word) = match size {
        ..1_000 => return format!("{n} B"),
        1_000..999_500 => (1_000, "kB"),
        999_500..999_500_000 => (1_000_000, "MB"),
        999_500_000..999_500_000_000 => (1_000_000_000, "GB"),
        _ => (1_000_000_000_000, "TB"),
    };
    format!("{} {word}", three_digits(size, unit))
}

/// `$0.00`, `<$0.01`, `$0.22`, `$41.20`, `$1,204.50`.
pub fn cost(micros: Micros) -> String {
    if micros > 0 && micros < 5_000 {
        return "<$0.01".to_owned();
    }
    let sign = if micros < 0 { "\u{2212}" } else { "" };
    let cents = micros.unsigned_abs().saturating_add(5_000) / 10_000;
    format!(
        "{sign}${}.{:02}",
        exact(i64::try_from(cents / 100).unwrap_or(i64::MAX)),
        cents % 100
    )
}

/// `$0.218430`: to the micro-dollar, for the tooltip.
pub fn cost_exact(micros: Micros) -> String {
    let sign = if micros < 0 { "\u{2212}" } else { "" };
    let size = micros.unsigned_abs();
    format!(
        "{sign}${}.{:06}, the agent's own estimate",
        size / 1_000_000,
        size % 1_000_000
    )
}

/// `1 session`, `3 sessions`.
pub fn count(n: i64, one: &str, many: &str) -> String {
    format!("{} {}", exact(n), if n == 1 { one } else { many })
}

/// Two initials: `MK` for `Mara Klein`, `MA` for `mara`.
pub fn initials(name: &str) -> String {
    let mut words = name
        .split(|c: char| c.is_whitespace() || c.is_ascii_punctuation())
        .filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    let second = words.next();
    let letters: String = match second {
        Some(second) => first.chars().take(1).chain(second.chars().take(1)).collect(),
        None => first.chars().take(2).collect(),
    };
    upper(&letters)
}

/// The text in lower case. The browser's own tables are used; they would be 25 kB of wasm.
pub fn lower(text: &str) -> String {
    #[cfg(feature = "hydrate")]
    if !text.is_ascii() {
        return js_sys::JsString::from(text).to_lower_case().into();
    }
    if cfg!(feature = "hydrate") {
        text.to_ascii_lowercase()
    } else {
        text.to_lowercase()
    }
}

/// The text in upper case; see [`lower`].
pub fn upper(text: &str) -> String {
    #[cfg(feature = "hydrate")]
    if !text.is_ascii() {
        return js_sys::JsString::from(text).to_upper_case().into();
    }
    if cfg!(feature = "hydrate") {
        text.to_ascii_uppercase()
    } else {
        text.to_uppercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22 14:36:05 UTC, a Sunday.
    const AT: Millis = 1_795_358_165_000;

    #[test]
    fn moments_are_split_and_written() {
        assert_eq!(iso(AT), "2026-11-22T14:36:05Z");
        assert_eq!(utc_short(AT), "22 Nov, 14:36 UTC");
        assert_eq!(utc_long(AT), "Sun 22 Nov 2026, 14:36:05 UTC");
        assert_eq!(civil(AT, -15 * 60).short(), "21 Nov, 23:36");
        assert_eq!(civil(AT, 60).time(), "15:36");
        assert_eq!(civil(AT, 0).day_month(), "22 Nov");
        assert_eq!(day_number(AT, 9 * 60), day_number(AT, 0));
        assert_eq!(day_number(AT, 10 * 60), day_number(AT, 0) + 1);
        assert_eq!(day_number(0, -1), -1);
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(-1_000), "1969-12-31T23:59:59Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(iso(1_709_164_800_000), "2024-02-29T00:00:00Z");
        assert_eq!(day("2026-11-09"), "9 Nov");
        assert_eq!(day("claude"), "claude");
    }

    #[test]
    fn spans_grow_coarser() {
        for (millis, text) in [
            (-5, "0s"),
            (42_999, "42s"),
            (250_000, "4m 10s"),
            (1_084_000, "18m 04s"),
            (9_180_000, "2h 33m"),
            (273_600_000, "3d 4h"),
        ] {
            assert_eq!(span(millis), text);
        }
        for (millis, text) in [
            (15 * MINUTE, "15m"),
            (2 * HOUR, "2h"),
            (90 * MINUTE, "1h 30m"),
            (DAY, "1d"),
            (100 * SECOND, "1m 40s"),
        ] {
            assert_eq!(span_round(millis), text);
        }
        assert_eq!(span_exact(412), "0.4s");
        assert_eq!(span_exact(41_234), "41.2s");
    }

    #[test]
    fn ages_are_never_negative() {
        for (millis, text) in [
            (-60_000, "now"),
            (4_999, "now"),
            (12_000, "12s ago"),
            (250_000, "4m ago"),
            (9_180_000, "2h ago"),
            (273_600_000, "3d ago"),
        ] {
            assert_eq!(ago(millis), text);
        }
        assert_eq!(ago_short(250_000), "4m");
        assert_eq!(until(0), "now");
        assert_eq!(until(1_666_000), "in 27m 46s");
    }

    #[test]
    fn numbers_are_exact_until_they_are_long() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (48_211, "48,211"),
            (99_999, "99,999"),
            (412_345, "412k"),
            (999_600, "1.00M"),
            (9_996_000, "10.0M"),
            (1_924_311, "1.92M"),
            (12_345_678, "12.3M"),
            (6_412_000_000, "6.41G"),
            (-5, "\u{2212}5"),
        ] {
            assert_eq!(short(n), text);
        }
        assert_eq!(exact(-1_924_311), "\u{2212}1,924,311");
        assert_eq!(bytes(412), "412 B");
        assert_eq!(bytes(3_100_000), "3.10 MB");
    }

    #[test]
    fn costs_are_cents_and_never_round_to_nothing() {
        for (micros, text) in [
            (0, "$0.00"),
            (1, "<$0.01"),
            (218_430, "$0.22"),
            (41_200_000, "$41.20"),
            (1_204_500_000, "$1,204.50"),
        ] {
            assert_eq!(cost(micros), text);
        }
        assert!(cost_exact(218_430).starts_with("$0.218430"));
    }

    #[test]
    fn initials_are_two_letters() {
        assert_eq!(initials("Mara Klein"), "MK");
        assert_eq!(initials("mara"), "MA");
        assert_eq!(initials("m.klein"), "MK");
        assert_eq!(initials(""), "");
    }
}
