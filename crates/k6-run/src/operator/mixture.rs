//! The distribution of the samples of several runners, from the percentiles that each told.

/// What one runner told of a trend: how many samples, and values at shares of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    pub(super) count: f64,
    /// Share of the samples from 0 to 1, and the value that so many do not exceed; in order.
    pub(super) knots: Vec<(f64, f64)>,
}

impl Curve {
    /// Returns the share of samples that do not exceed `value`, straight between two knots.
    fn share(&self, value: f64) -> f64 {
        let above = self.knots.partition_point(|it| it.1 <= value);
        let (Some(before), after) = (
            above.checked_sub(1).map(|it| self.knots[it]),
            self.knots.get(above),
        ) else {
            return 0.0;
        };
        match after {
            Some(after) => {
                before.0 + (after.0 - before.0) * (value - before.1) / (after.1 - before.1)
            }
            None => 1.0,
        }
    }
}

/// Returns the value that a share of all samples does not exceed.
pub(super) fn percentile(curves: &[Curve], share: f64) -> f64 {
    let curves: Vec<&Curve> = curves
        .iter()
        .filter(|it| it.count > 0.0 && !it.knots.is_empty())
        .collect();
    let total: f64 = curves.iter().map(|it| it.count).sum();
    let lowest = curves.iter().filter_map(|it| it.knots.first());
    let highest = curves.iter().filter_map(|it| it.knots.last());
    let mut low = lowest.map(|it| it.1).fold(f64::INFINITY, f64::min);
    let mut high = highest.map(|it| it.1).fold(f64::NEG_INFINITY, f64::max);
    if curves.is_empty() {
        return 0.0;
    }
    // As in one run, the smallest value is at 0 and the largest at 1.
    if share <= 0.0 {
        return low;
    }
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        let below: f64 = curves.iter().map(|it| it.share(middle) * it.count).sum();
        if below / total >= share {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even(from: f64, to: f64, count: f64) -> Curve {
        let knots = (0..=100).map(|it| f64::from(it) / 100.0);
        Curve {
            count,
            knots: knots.map(|it| (it, from + it * (to - from))).collect(),
        }
    }

    #[test]
    fn one_runner_keeps_its_percentiles() {
        let curve = [even(0.0, 100.0, 1_000.0)];
        for share in [0.0, 0.5, 0.95, 1.0] {
            assert!((percentile(&curve, share) - share * 100.0).abs() < 1e-6);
        }
    }

    #[test]
    fn a_slow_runner_weighs_as_many_samples_as_it_has() {
        // 900 samples below 100, 100 between 900 and 1,000: nine of ten are fast.
        let curves = [even(0.0, 100.0, 900.0), even(900.0, 1_000.0, 100.0)];
        assert!((percentile(&curves, 0.45) - 50.0).abs() < 1.0);
        assert!((percentile(&curves, 0.95) - 950.0).abs() < 1.0);
        assert!((percentile(&curves, 1.0) - 1_000.0).abs() < 1e-6);
    }

    #[test]
    fn equal_values_and_nothing_at_all_are_no_trouble() {
        let flat = Curve {
            count: 5.0,
            knots: vec![(0.0, 7.0), (0.5, 7.0), (1.0, 7.0)],
        };
        assert!((percentile(&[flat.clone(), flat], 0.5) - 7.0).abs() < 1e-6);
        assert!(percentile(&[], 0.5).abs() < 1e-9);
    }
}
