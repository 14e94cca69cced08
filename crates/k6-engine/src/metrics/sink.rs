//! How samples are summed up.

use super::Kind;

/// Values up to this many are kept as they are; beyond, a histogram takes over.
const EXACT: usize = 1_000_000;
/// 2 to this power linear steps in each power of two: the error stays under 0.05 %.
const STEP_BITS: u32 = 11;

/// What is known of a metric's samples.
#[derive(Clone, Debug)]
pub enum Sink {
    /// A sum.
    Counter {
        /// The sum.
        sum: f64,
        /// How many samples there were.
        count: u64,
    },
    /// The last value.
    Gauge {
        /// The last value.
        last: f64,
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
        /// How many samples there were.
        count: u64,
    },
    /// A share.
    Rate {
        /// Samples that are not zero.
        hits: u64,
        /// All samples.
        total: u64,
    },
    /// A distribution.
    Trend(Trend),
}

impl Sink {
    /// Returns an empty sink for metrics of `kind`.
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter { sum: 0.0, count: 0 },
            Kind::Gauge => Self::Gauge {
                last: 0.0,
                min: 0.0,
                max: 0.0,
                count: 0,
            },
            Kind::Rate => Self::Rate { hits: 0, total: 0 },
            Kind::Trend => Self::Trend(Trend::default()),
        }
    }

    /// Adds a sample.
    pub fn add(&mut self, value: f64) {
        match self {
            Self::Counter { sum, count } => {
                *sum += value;
                *count += 1;
            }
            Self::Gauge {
                last,
                min,
                max,
                count,
            } => {
                *last = value;
                *min = if *count == 0 { value } else { min.min(value) };
                *max = if *count == 0 { value } else { max.max(value) };
                *count += 1;
            }
            Self::Rate { hits, total } => {
                *hits += u64::from(value != 0.0);
                *total += 1;
            }
            Self::Trend(trend) => trend.add(value),
        }
    }

    /// Adds what `other` holds and empties it.
    pub fn absorb(&mut self, other: &mut Self) {
        match (self, other) {
            (Self::Counter { sum, count }, Self::Counter { sum: s, count: c }) => {
                *sum += std::mem::take(s);
                *count += std::mem::take(c);
            }
            (
                Self::Gauge {
                    last,
                    min,
                    max,
                    count,
                },
                Self::Gauge {
                    last: l,
                    min: n,
                    max: x,
                    count: c,
                },
            ) if *c > 0 => {
                *last = *l;
                *min = if *count == 0 { *n } else { min.min(*n) };
                *max = if *count == 0 { *x } else { max.max(*x) };
                *count += std::mem::take(c);
            }
            (Self::Rate { hits, total }, Self::Rate { hits: h, total: t }) => {
                *hits += std::mem::take(h);
                *total += std::mem::take(t);
            }
            (Self::Trend(trend), Self::Trend(more)) => trend.absorb(more),
            // A metric has one kind for life.
            _ => {}
        }
    }

    /// Returns how many samples there were.
    pub fn count(&self) -> u64 {
        match self {
            Self::Counter { count, .. } | Self::Gauge { count, .. } => *count,
            Self::Rate { total, .. } => *total,
            Self::Trend(trend) => trend.count,
        }
    }
}

/// A distribution: exact up to a million values, then a histogram with log-linear steps.
#[derive(Clone, Debug, Default)]
pub struct Trend {
    values: Vec<f64>,
    sorted: bool,
    histogram: Option<Histogram>,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Trend {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.min = if self.count == 0 {
            value
        } else {
            self.min.min(value)
        };
        self.max = if self.count == 0 {
            value
        } else {
            self.max.max(value)
        };
        self.count += 1;
        self.sum += value;
        if let Some(histogram) = &mut self.histogram {
            histogram.add(value, 1);
        } else {
            self.values.push(value);
            self.sorted = false;
            if self.values.len() > EXACT {
                self.condense();
            }
        }
    }

    /// Adds what `other` holds and empties it, keeping its memory for the next samples.
    pub fn absorb(&mut self, other: &mut Self) {
        if other.count == 0 {
            return;
        }
        self.min = if self.count == 0 {
            other.min
        } else {
            self.min.min(other.min)
        };
        self.max = if self.count == 0 {
            other.max
        } else {
            self.max.max(other.max)
        };
        self.count += other.count;
        self.sum += other.sum;
        if let Some(histogram) = &mut self.histogram {
            for value in &other.values {
                histogram.add(*value, 1);
            }
        } else {
            self.values.extend_from_slice(&other.values);
            self.sorted = false;
            if self.values.len() > EXACT {
                self.condense();
            }
        }
        if let Some(more) = other.histogram.take() {
            if self.histogram.is_none() {
                self.condense();
            }
            if let Some(histogram) = &mut self.histogram {
                histogram.absorb(&more);
            }
        }
        other.values.clear();
        other.count = 0;
        other.sum = 0.0;
    }

    fn condense(&mut self) {
        let mut histogram = Histogram::default();
        for value in self.values.drain(..) {
            histogram.add(value, 1);
        }
        self.values = Vec::new();
        self.histogram = Some(histogram);
    }

    /// Returns how many values there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns whether the percentiles are exact, and not from the histogram.
    pub fn is_exact(&self) -> bool {
        self.histogram.is_none()
    }

    /// Returns the mean, 0 where there are no values.
    pub fn average(&self) -> f64 {
        if self.count == 0 {
            0.0
        } else {
            self.sum / self.count as f64
        }
    }

    /// Returns the smallest value, 0 where there are none.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// Returns the largest value, 0 where there are none.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// Returns the value below which the share `quantile` of all lies, interpolated between the two
    /// nearest, as k6 does it.
    pub fn percentile(&mut self, quantile: f64) -> f64 {
        if let Some(histogram) = &self.histogram {
            return histogram
                .percentile(quantile, self.count)
                .clamp(self.min, self.max);
        }
        match self.values.len() {
            0 => return 0.0,
            1 => return self.values[0],
            _ => {}
        }
        if !self.sorted {
            self.values.sort_unstable_by(f64::total_cmp);
            self.sorted = true;
        }
        let place = quantile * (self.values.len() - 1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        let (below, above) = (self.values[low], self.values[high]);
        below + (above - below) * (place - place.floor())
    }
}

/// Counts in steps that grow with the value. Values are taken in millionths.
#[derive(Clone, Debug, Default)]
struct Histogram {
    counts: Vec<u64>,
    negatives: u64,
}

impl Histogram {
    fn add(&mut self, value: f64, times: u64) {
        if value < 0.0 {
            self.negatives += times;
            return;
        }
        let step = step_of((value * 1e6) as u64);
        if step >= self.counts.len() {
            self.counts.resize(step + 1, 0);
        }
        self.counts[step] += times;
    }

    fn absorb(&mut self, other: &Self) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (sum, more) in self.counts.iter_mut().zip(&other.counts) {
            *sum += more;
        }
        self.negatives += other.negatives;
    }

    fn percentile(&self, quantile: f64, count: u64) -> f64 {
        let place = (quantile * count.saturating_sub(1) as f64).round() as u64;
        let mut seen = self.negatives;
        for (step, times) in self.counts.iter().enumerate() {
            seen += times;
            if seen > place {
                return middle_of(step) / 1e6;
            }
        }
        f64::MAX
    }
}

fn step_of(value: u64) -> usize {
    if value < (1 << STEP_BITS) {
        return value as usize;
    }
    let exponent = value.ilog2() - (STEP_BITS - 1);
    ((exponent as usize) << (STEP_BITS - 1)) + (value >> exponent) as usize
}

fn middle_of(step: usize) -> f64 {
    if step < (1 << STEP_BITS) {
        return step as f64;
    }
    let exponent = (step >> (STEP_BITS - 1)) - 1;
    let low = (step - (exponent << (STEP_BITS - 1))) << exponent;
    low as f64 + (1_u64 << exponent) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate_between_the_nearest_values() {
        let mut trend = Trend::default();
        for value in [4.0, 1.0, 3.0, 2.0] {
            trend.add(value);
        }
        assert_eq!(trend.percentile(0.5), 2.5);
        assert!((trend.percentile(0.95) - 3.85).abs() < 1e-9);
        assert_eq!(trend.percentile(1.0), 4.0);
        assert_eq!((trend.min(), trend.max(), trend.average()), (1.0, 4.0, 2.5));
    }

    #[test]
    fn the_histogram_errs_by_less_than_a_twentieth_of_a_percent() {
        let mut trend = Trend::default();
        for i in 0..=EXACT {
            trend.add(0.01 * i as f64);
        }
        assert!(!trend.is_exact());
        for quantile in [0.1, 0.5, 0.9, 0.99, 0.999] {
            let exact = 0.01 * EXACT as f64 * quantile;
            let error = (trend.percentile(quantile) - exact).abs() / exact;
            assert!(error < 0.0005, "{quantile}: {error}");
        }
    }

    #[test]
    fn absorbing_loses_nothing_and_empties_the_source() {
        let (mut all, mut part) = (Trend::default(), Trend::default());
        for value in [5.0, 1.0] {
            part.add(value);
        }
        all.absorb(&mut part);
        part.add(9.0);
        all.absorb(&mut part);
        assert_eq!((all.count(), all.min(), all.max()), (3, 1.0, 9.0));
        assert_eq!(part.count(), 0);
    }

    #[test]
    fn steps_are_in_the_order_of_their_values() {
        let mut last = 0;
        for value in (0..2_000_000).step_by(37) {
            let step = step_of(value);
            assert!(step >= last);
            assert!((middle_of(step) - value as f64).abs() <= 1.0 + value as f64 / 2_048.0);
            last = step;
        }
    }
}
