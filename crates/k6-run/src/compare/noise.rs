//! How much a value changes from run to run by itself.

use crate::details::{LoadDetails, Point};

/// A run is cut into so many pieces at most, each of them a measurement.
const PIECES: usize = 20;
/// With fewer pieces or runs nothing can be said.
const LEAST: usize = 6;

/// What is known of how a value varies: its standard error, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) error: f64,
    freedom: usize,
}

/// Returns the spread of a value among several runs.
pub(super) fn of_runs(values: &[f64]) -> Option<Spread> {
    if values.len() < 2 {
        return None;
    }
    let count = count(values);
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Some(Spread {
        error: (variance / count).sqrt(),
        freedom: values.len() - 1,
    })
}

/// Returns the spread of a value within one run, from how `series` went in it.
///
/// A planned ramp is no noise: only the changes from piece to piece count, not the way they go.
pub(super) fn within(
    run: &LoadDetails,
    value: f64,
    series: impl Fn(&Point) -> Option<f64>,
) -> Option<Spread> {
    let points: Vec<f64> = run.timeline.iter().filter_map(series).collect();
    if points.len() < LEAST {
        return None;
    }
    let size = points.len().div_ceil(PIECES);
    let pieces: Vec<f64> = points
        .chunks(size)
        .map(|it| it.iter().sum::<f64>() / count(it))
        .collect();
    let mean = pieces.iter().sum::<f64>() / count(&pieces);
    if mean <= 0.0 {
        return None;
    }
    let steps = pieces.windows(2).map(|it| (it[1] - it[0]).powi(2));
    let variance = steps.sum::<f64>() / (2.0 * (count(&pieces) - 1.0));
    let error = (variance / count(&pieces)).sqrt();
    Some(Spread {
        // The pieces say how it varies, the value how large that is.
        error: error / mean * value.abs(),
        freedom: pieces.len() - 1,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a number of runs or pieces")]
fn count(values: &[f64]) -> f64 {
    values.len() as f64
}

/// Returns how large a difference of two values can be by chance, in 99 of 100 cases.
pub(super) fn band(base: Spread, head: Spread) -> f64 {
    // Student's t, two-sided 99 %, by degrees of freedom.
    let factor = match base.freedom + head.freedom {
        0..=2 => 9.925,
        3 => 5.841,
        4 => 4.604,
        5 => 4.032,
        6 => 3.707,
        7..=8 => 3.4,
        9..=12 => 3.1,
        13..=20 => 2.9,
        _ => 2.7,
    };
    factor * base.error.hypot(head.error)
}

/// Returns how large a difference of two shares can be by chance, in 99 of 100 cases.
#[expect(clippy::cast_precision_loss, reason = "a number of samples")]
pub(super) fn of_shares(base: (f64, u64), head: (f64, u64)) -> f64 {
    let (before, after) = (base.1 as f64, head.1 as f64);
    if before < 1.0 || after < 1.0 {
        return 0.0;
    }
    let pooled = (base.0 * before + head.0 * after) / (before + after);
    let pooled = pooled.clamp(0.0, 1.0);
    2.576 * (pooled * (1.0 - pooled) * (1.0 / before + 1.0 / after)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(series: impl Iterator<Item = f64>) -> LoadDetails {
        let timeline = series.map(|it| Point {
            latency_ms: it,
            ..Point::default()
        });
        LoadDetails {
            timeline: timeline.collect(),
            ..LoadDetails::default()
        }
    }

    #[test]
    fn a_ramp_is_no_noise_and_a_jumping_latency_is() {
        let ramp = run((0..60).map(|it| 100.0 + f64::from(it)));
        let jumps = run((0..60).map(|it| if it % 6 < 3 { 100.0 } else { 160.0 }));
        let error = |it: &LoadDetails| within(it, 130.0, |it| Some(it.latency_ms)).unwrap().error;
        assert!(error(&ramp) < 1.5, "{}", error(&ramp));
        assert!(error(&jumps) > 5.0, "{}", error(&jumps));
    }

    #[test]
    fn a_short_run_and_a_single_one_say_nothing_of_noise() {
        assert_eq!(
            within(&run([1.0; 5].into_iter()), 1.0, |it| Some(it.latency_ms)),
            None
        );
        assert_eq!(of_runs(&[1.0]), None);
    }

    #[test]
    fn a_few_samples_leave_more_to_chance_than_many() {
        let few = of_shares((0.02, 100), (0.05, 100));
        let many = of_shares((0.02, 100_000), (0.05, 100_000));
        assert!(few > 0.05 && many < 0.005, "{few} {many}");
        assert!(of_shares((0.0, 0), (0.5, 10)).abs() < 1e-12);
    }
}
