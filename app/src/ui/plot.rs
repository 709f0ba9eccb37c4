//! The geometry of charts: scales, ticks and paths as pure functions. A missing value stays a gap.

use std::fmt::Write;

/// The largest known value, or 1 so that nothing divides by zero.
pub fn ceiling(values: impl IntoIterator<Item = Option<f64>>) -> f64 {
    let top = values
        .into_iter()
        .flatten()
        .filter(|value| value.is_finite())
        .fold(0.0_f64, f64::max);
    if top > 0.0 { top } else { 1.0 }
}

/// The distance of `value` from the top of a height of `height`, clamped to it, when `top` is the largest value.
pub fn scale(value: f64, top: f64, height: f64) -> f64 {
    let part = if top > 0.0 && value.is_finite() {
        (value / top).clamp(0.0, 1.0)
    } else {
        0.0
    };
    height - part * height
}

/// A round number at or above `top` for an axis to end on: 1, 2, 2.5 or 5 times a power of ten.
pub fn round_up(top: f64) -> f64 {
    if !(top > 0.0 && top.is_finite()) {
        return 1.0;
    }
    let power = 10_f64.powf(top.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|end| *end >= top * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// Up to `count` + 1 evenly spaced values from 0 to `end`.
pub fn ticks(end: f64, count: u32) -> Vec<f64> {
    (0..=count.max(1))
        .map(|n| end * f64::from(n) / f64::from(count.max(1)))
        .collect()
}

/// The runs of known values, each with its start index.
fn runs(values: &[Option<f64>]) -> Vec<(usize, Vec<f64>)> {
    let mut runs: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut before = false;
    for (at, value) in values.iter().enumerate() {
        match value {
            Some(value) if before => {
                if let Some((_, run)) = runs.last_mut() {
                    run.push(*value);
                }
            }
            Some(value) => runs.push((at, vec![*value])),
            None => {}
        }
        before = value.is_some();
    }
    runs
}

fn x(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The paths of a line over values one unit apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinePaths {
    /// The line, broken where values are unknown.
    pub line: String,
    /// The area below it.
    pub area: String,
    /// The dashes across the gaps.
    pub gaps: String,
}

/// The paths for values one unit apart in a height; `top` is the value at the top.
pub fn line_paths(values: &[Option<f64>], top: f64, height: f64) -> LinePaths {
    let mut paths = LinePaths::default();
    let mut last: Option<(u32, f64)> = None;
    for (start, run) in runs(values) {
        let points: Vec<(u32, f64)> = run
            .iter()
            .enumerate()
            .map(|(n, value)| (x(start + n), scale(*value, top, height)))
            .collect();
        if let (Some((x0, y0)), Some((x1, y1))) = (last, points.first()) {
            let _ = write!(paths.gaps, "M{x0} {y0:.1}L{x1} {y1:.1}");
        }
        for (n, (px, py)) in points.iter().enumerate() {
            let _ = write!(paths.line, "{}{px} {py:.1}", if n == 0 { 'M' } else { 'L' });
        }
        if let (Some((x0, _)), Some((x1, y1))) = (points.first(), points.last()) {
            // A lone value becomes a short stroke, or nobody would see it.
            if points.len() == 1 {
                let _ = write!(paths.line, "h0.4");
            }
            let _ = write!(paths.area, "M{x0} {height}");
            for (px, py) in &points {
                let _ = write!(paths.area, "L{px} {py:.1}");
            }
            let _ = write!(paths.area, "L{x1} {height}Z");
            last = Some((*x1, *y1));
        }
    }
    paths
}

/// A part of a stacked bar; distances are from the top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// The index of its series.
    pub series: usize,
    /// Its upper edge.
    pub y: f64,
    /// Its height.
    pub height: f64,
}

/// Stacks the parts of a bar from the bottom, without empty parts.
pub fn stack(parts: &[f64], top: f64, height: f64) -> Vec<Block> {
    let mut below = 0.0;
    let mut blocks = Vec::with_capacity(parts.len());
    for (series, part) in parts.iter().enumerate().filter(|(_, part)| **part > 0.0) {
        let lower = scale(below, top, height);
        below += part;
        let upper = scale(below, top, height);
        if lower - upper > 0.05 {
            blocks.push(Block {
                series,
                y: upper,
                height: lower - upper,
            });
        }
    }
    blocks
}

/// Puts samples into `count` slots of `step` milliseconds that end at `end`. A slot without a sample is `None`; of
/// several samples the newest counts.
pub fn slots(samples: &[(i64, Option<f64>)], end: i64, step: i64, count: usize) -> Vec<Option<f64>> {
    let mut out = vec![None; count];
    if step <= 0 {
        return out;
    }
    for (at, value) in samples {
        let back = (end - at).div_euclid(step);
        if let Ok(back) = usize::try_from(back)
            && back < count
        {
            out[count - 1 - back] = *value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_ignores_what_is_not_known_and_is_never_zero() {
        assert!((ceiling([Some(2.0), None, Some(5.0)]) - 5.0).abs() < 1e-9);
        assert!((ceiling([None, Some(0.0)]) - 1.0).abs() < 1e-9);
        assert!((ceiling([Some(f64::NAN)]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn values_are_scaled_and_kept_inside() {
        assert!((scale(0.0, 10.0, 48.0) - 48.0).abs() < 1e-9);
        assert!((scale(10.0, 10.0, 48.0) - 0.0).abs() < 1e-9);
        assert!((scale(20.0, 10.0, 48.0) - 0.0).abs() < 1e-9);
        assert!((scale(1.0, 0.0, 48.0) - 48.0).abs() < 1e-9);
    }

    #[test]
    fn axes_end_on_round_numbers() {
        for (top, end) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (3.0, 5.0),
            (21.0, 25.0),
            (640.0, 1000.0),
            (0.7, 1.0),
        ] {
            assert!((round_up(top) - end).abs() < 1e-9, "{top} gave {}", round_up(top));
        }
        assert_eq!(ticks(10.0, 2), [0.0, 5.0, 10.0]);
    }

    #[test]
    fn a_gap_is_dashed_across_never_joined_never_zero() {
        let paths = line_paths(&[Some(0.0), Some(10.0), None, None, Some(5.0)], 10.0, 20.0);
        assert_eq!(paths.line, "M0 20.0L1 0.0M4 10.0h0.4");
        assert_eq!(paths.gaps, "M1 0.0L4 10.0");
        assert_eq!(paths.area, "M0 20L0 20.0L1 0.0L1 20ZM4 20L4 10.0L4 20Z");
        assert_eq!(line_paths(&[None, None], 10.0, 20.0), LinePaths::default());
    }

    #[test]
    fn bars_stack_from_the_bottom() {
        let blocks = stack(&[5.0, 0.0, 5.0], 10.0, 20.0);
        assert_eq!(
            blocks,
            [
                Block {
                    series: 0,
                    y: 10.0,
                    height: 10.0
                },
                Block {
                    series: 2,
                    y: 0.0,
                    height: 10.0
                }
            ]
        );
    }

    #[test]
    fn samples_fall_into_slots_and_downtime_stays_empty() {
        let samples = [
            (1_000, Some(1.0)),
            (11_000, Some(2.0)),
            (41_000, Some(5.0)),
            (43_000, None),
        ];
        assert_eq!(
            slots(&samples, 43_000, 10_000, 5),
            [Some(1.0), Some(2.0), None, None, None]
        );
        assert_eq!(
            slots(&samples[..3], 43_000, 10_000, 5),
            [Some(1.0), Some(2.0), None, None, Some(5.0)]
        );
        assert_eq!(slots(&samples, 43_000, 0, 2), [None, None]);
    }
}
