//! Thresholds: `p(95)<500` and what it says about a metric's values.

use std::fmt;

use thiserror::Error;

use crate::metrics::{Kind, Sink};

/// What a threshold looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregation {
    /// How many, of a counter.
    Count,
    /// Per second of a counter, or the share of a rate.
    Rate,
    /// The last of a gauge.
    Value,
    /// The mean of a trend.
    Average,
    /// The smallest of a trend.
    Min,
    /// The largest of a trend.
    Max,
    /// The median of a trend.
    Median,
    /// A percentile of a trend, in percent.
    Percentile(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    LessEqual,
    Less,
    GreaterEqual,
    Greater,
    Equal,
    NotEqual,
}

/// A condition on the values of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// As it stands in the script.
    pub source: String,
    /// What it looks at.
    pub aggregation: Aggregation,
    operator: Operator,
    bound: f64,
}

/// Why a threshold cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ThresholdError {
    /// It does not have the form `aggregation operator number`.
    #[error("the threshold `{0}` is not of the form `p(95)<500`")]
    Syntax(String),
    /// The metric's kind has no such aggregation.
    #[error("the threshold `{expression}` cannot apply to the {kind} metric `{metric}`")]
    Aggregation {
        /// The threshold.
        expression: String,
        /// The kind of metric.
        kind: Kind,
        /// The metric.
        metric: String,
    },
}

// Longer signs first, since `<` begins `<=`.
const OPERATORS: [(&str, Operator); 7] = [
    ("<=", Operator::LessEqual),
    ("<", Operator::Less),
    (">=", Operator::GreaterEqual),
    (">", Operator::Greater),
    ("===", Operator::Equal),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
];

impl Expression {
    /// Parses `source`.
    ///
    /// # Errors
    ///
    /// Fails when `source` is not an aggregation, an operator and a number.
    pub fn parse(source: &str) -> Result<Self, ThresholdError> {
        let problem = || ThresholdError::Syntax(source.to_owned());
        let (left, operator, right) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| {
                let (left, right) = source.split_once(sign)?;
                Some((left.trim(), *operator, right.trim()))
            })
            .ok_or_else(problem)?;
        let bound: f64 = right.parse().map_err(|_| problem())?;
        let aggregation = match left {
            "count" => Aggregation::Count,
            "rate" => Aggregation::Rate,
            "value" => Aggregation::Value,
            "avg" => Aggregation::Average,
            "min" => Aggregation::Min,
            "max" => Aggregation::Max,
            "med" => Aggregation::Median,
            _ => {
                let inner = left.strip_prefix("p(").and_then(|it| it.strip_suffix(')'));
                let percent: f64 = inner
                    .and_then(|it| it.trim().parse().ok())
                    .ok_or_else(problem)?;
                if !(0.0..=100.0).contains(&percent) {
                    return Err(problem());
                }
                Aggregation::Percentile(percent)
            }
        };
        Ok(Self {
            source: source.to_owned(),
            aggregation,
            operator,
            bound,
        })
    }

    /// Refuses aggregations that metrics of `kind` do not have.
    ///
    /// # Errors
    ///
    /// Fails with the name of the metric and its kind.
    pub fn check(&self, metric: &str, kind: Kind) -> Result<(), ThresholdError> {
        let fits = match self.aggregation {
            Aggregation::Count => kind == Kind::Counter,
            Aggregation::Rate => kind == Kind::Counter || kind == Kind::Rate,
            Aggregation::Value => kind == Kind::Gauge,
            _ => kind == Kind::Trend,
        };
        if fits {
            return Ok(());
        }
        Err(ThresholdError::Aggregation {
            expression: self.source.clone(),
            kind,
            metric: metric.to_owned(),
        })
    }

    /// Returns the value that the threshold looks at, `None` where a rate has no samples.
    pub fn observed(&self, sink: &mut Sink, seconds: f64) -> Option<f64> {
        match sink {
            Sink::Counter { sum, .. } => Some(match self.aggregation {
                Aggregation::Rate if seconds > 0.0 => *sum / seconds,
                Aggregation::Rate => 0.0,
                _ => *sum,
            }),
            Sink::Gauge { last, .. } => Some(*last),
            Sink::Rate { hits, total } => (*total > 0).then(|| *hits as f64 / *total as f64),
            Sink::Trend(trend) => Some(match self.aggregation {
                Aggregation::Average => trend.average(),
                Aggregation::Min => trend.min(),
                Aggregation::Max => trend.max(),
                Aggregation::Percentile(percent) => trend.percentile(percent / 100.0),
                _ => trend.percentile(0.5),
            }),
        }
    }

    /// Returns whether `value` satisfies the threshold.
    pub fn holds(&self, value: f64) -> bool {
        match self.operator {
            Operator::LessEqual => value <= self.bound,
            Operator::Less => value < self.bound,
            Operator::GreaterEqual => value >= self.bound,
            Operator::Greater => value > self.bound,
            Operator::Equal => value == self.bound,
            Operator::NotEqual => value != self.bound,
        }
    }

    /// Returns the aggregation as it is written in a summary: `p(95)`, `rate`.
    pub fn label(&self) -> String {
        self.aggregation.to_string()
    }
}

impl fmt::Display for Aggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count => f.write_str("count"),
            Self::Rate => f.write_str("rate"),
            Self::Value => f.write_str("value"),
            Self::Average => f.write_str("avg"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Median => f.write_str("med"),
            Self::Percentile(percent) => write!(f, "p({percent})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_parsed_with_and_without_spaces() {
        let threshold = Expression::parse("p(99.9) <= 1e3").unwrap();
        assert_eq!(threshold.aggregation, Aggregation::Percentile(99.9));
        assert!(threshold.holds(1_000.0) && !threshold.holds(1_000.1));
        assert!(Expression::parse("rate===0.5").unwrap().holds(0.5));
        assert!(!Expression::parse("count != 3").unwrap().holds(3.0));
    }

    #[test]
    fn what_is_no_threshold_is_refused() {
        for wrong in [
            "", "p(95)", "p(101)<1", "p95<1", "foo<1", "avg<x", "<1", "avg<",
        ] {
            assert!(Expression::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_aggregation_must_fit_the_kind() {
        let rate = Expression::parse("rate<0.1").unwrap();
        assert!(rate.check("http_req_failed", Kind::Rate).is_ok());
        assert!(rate.check("http_reqs", Kind::Counter).is_ok());
        assert!(rate.check("http_req_duration", Kind::Trend).is_err());
        let count = Expression::parse("count<0.1").unwrap();
        assert!(count.check("http_req_duration", Kind::Trend).is_err());
    }

    #[test]
    fn a_rate_without_samples_has_no_value() {
        let rate = Expression::parse("rate<0.1").unwrap();
        let mut empty = Sink::Rate { hits: 0, total: 0 };
        assert_eq!(rate.observed(&mut empty, 1.0), None);
    }
}
