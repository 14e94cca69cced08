//! When virtual users and arrivals come and go: pure arithmetic on stages.

use std::time::Duration;

use crate::options::Stage;

/// Returns the times at which the number of virtual users changes, and what it changes to.
pub(super) fn steps(start: u64, stages: &[Stage]) -> Vec<(Duration, u64)> {
    let mut steps = vec![(Duration::ZERO, start)];
    let mut from = start;
    let mut elapsed = Duration::ZERO;
    for stage in stages {
        let (to, length) = (stage.target, stage.duration.0);
        let end = elapsed + length;
        if length.is_zero() {
            steps.push((elapsed, to));
        } else if to > from {
            let distance = (to - from) as f64;
            for vus in from + 1..=to {
                // The user number k of the way comes when k of its parts are behind.
                let left = length.mul_f64((to - vus) as f64 / distance);
                steps.push((end.saturating_sub(left), vus));
            }
        } else if to < from {
            let distance = (from - to) as f64;
            for vus in (to..from).rev() {
                // One step later than on the way up, so that nobody leaves at the very start.
                let left = length.mul_f64((vus - to) as f64 / distance);
                steps.push((end.saturating_sub(left), vus));
            }
        }
        from = to;
        elapsed = end;
    }
    steps
}

/// The times of arrivals.
#[derive(Clone, Debug)]
pub(super) enum Arrivals {
    /// At a rate a second that does not change.
    Constant {
        /// Arrivals a second.
        rate: f64,
        /// How many have been.
        count: u64,
    },
    /// At a rate that changes steadily within each stage.
    Ramping {
        /// From, to, both a second, and seconds.
        stages: Vec<(f64, f64, f64)>,
        /// How many have been.
        count: u64,
    },
}

impl Arrivals {
    /// Returns arrivals that ramp from `start` along `stages`, both for each `unit`.
    pub(super) fn ramping(start: f64, stages: &[Stage], unit: Duration) -> Self {
        let unit = unit.as_secs_f64();
        let mut from = start / unit;
        let stages = stages
            .iter()
            .map(|stage| {
                let to = stage.target as f64 / unit;
                let part = (from, to, stage.duration.0.as_secs_f64());
                from = to;
                part
            })
            .collect();
        Self::Ramping { stages, count: 0 }
    }

    /// Returns the time of the next arrival, `None` where there is none any more.
    pub(super) fn next(&mut self) -> Option<Duration> {
        match self {
            Self::Constant { rate, count } => {
                let at = *count as f64 / *rate;
                *count += 1;
                Duration::try_from_secs_f64(at).ok()
            }
            Self::Ramping { stages, count } => {
                *count += 1;
                let wanted = *count as f64;
                let (mut before, mut elapsed) = (0.0, 0.0);
                for (from, to, length) in stages {
                    let area = f64::midpoint(*from, *to) * *length;
                    // Rounding must not lose the arrival at the very end of a stage.
                    if before + area + 1e-9 >= wanted {
                        let part = wanted - before;
                        let slope = (*to - *from) / *length;
                        let x = if slope.abs() < 1e-12 {
                            part / *from
                        } else {
                            ((*from * *from + 2.0 * slope * part).max(0.0).sqrt() - *from) / slope
                        };
                        return Duration::try_from_secs_f64(elapsed + x.min(*length)).ok();
                    }
                    before += area;
                    elapsed += *length;
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Span;

    fn stage(seconds: u64, target: u64) -> Stage {
        Stage {
            duration: Span(Duration::from_secs(seconds)),
            target,
        }
    }

    #[test]
    fn users_come_in_equal_distances_and_leave_one_step_later() {
        let up: Vec<(u64, u64)> = steps(0, &[stage(4, 4)])
            .iter()
            .map(|it| (it.0.as_secs(), it.1))
            .collect();
        assert_eq!(up, [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
        let down: Vec<(u64, u64)> = steps(2, &[stage(2, 0)])
            .iter()
            .map(|it| (it.0.as_secs(), it.1))
            .collect();
        assert_eq!(down, [(0, 2), (1, 1), (2, 0)]);
        let jump = steps(0, &[stage(0, 9), stage(5, 9)]);
        assert_eq!(jump, [(Duration::ZERO, 0), (Duration::ZERO, 9)]);
    }

    #[test]
    fn constant_arrivals_begin_at_once() {
        let mut arrivals = Arrivals::Constant {
            rate: 10.0,
            count: 0,
        };
        let times: Vec<u128> = (0..3)
            .filter_map(|_| arrivals.next())
            .map(|it| it.as_millis())
            .collect();
        assert_eq!(times, [0, 100, 200]);
    }

    #[test]
    fn ramping_arrivals_are_as_many_as_the_area_under_the_ramp() {
        let second = Duration::from_secs(1);
        let mut arrivals =
            Arrivals::ramping(0.0, &[stage(10, 10), stage(5, 10), stage(10, 0)], second);
        let mut times = Vec::new();
        while let Some(at) = arrivals.next() {
            times.push(at.as_secs_f64());
        }
        assert_eq!(times.len(), 150);
        assert!(times.windows(2).all(|it| it[0] <= it[1]));
        assert!((times[49] - 10.0).abs() < 1e-6, "{}", times[49]);
        assert!((times[99] - 15.0).abs() < 1e-6);
        // 12.5 arrivals in the first half of a ramp that has 50.
        assert_eq!(times.iter().filter(|it| **it < 5.0).count(), 12);
    }
}
