//! One value in two results, and what its change means.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Tolerance,
    noise::{self, Spread},
};
use crate::{
    details::{LoadDetails, Metric, Point},
    quantity,
};

/// Where a value went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// Beyond what is tolerated and what can be noise, to the worse.
    Worse,
    /// The same to the better.
    Better,
    /// Not further than what is tolerated.
    #[default]
    Same,
    /// Further than what is tolerated, and still within the noise of the runs.
    Unclear,
}

/// One value in two results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Change {
    /// The metric, with tags where it has some; or a check.
    pub metric: String,
    /// What of it: `p(95)`, `rate`.
    pub value: String,
    /// What it is: `time`, `rate` a second, or a `share` of one.
    pub unit: String,
    /// Before; the median where there were several runs.
    pub base: f64,
    /// After.
    pub head: f64,
    /// A change up to this is tolerated, or can be noise.
    pub noise: f64,
    /// Where it went.
    pub course: Course,
}

impl Change {
    /// Returns one of its values for people.
    pub(crate) fn told(&self, value: f64) -> String {
        match self.unit.as_str() {
            "time" => quantity::time(value),
            "share" => quantity::percent(value),
            _ => format!("{}/s", quantity::number(value)),
        }
    }

    /// Returns the change for people: percent, or points of a share.
    pub(crate) fn difference(&self) -> String {
        let change = self.head - self.base;
        if self.unit == "share" {
            return format!("{:+.2} points", change * 100.0);
        }
        if self.base == 0.0 {
            return if change == 0.0 { "0 %" } else { "new" }.to_owned();
        }
        format!("{:+.1} %", change / self.base * 100.0)
    }

    /// Returns the band in which a change means nothing.
    pub(crate) fn band(&self) -> String {
        if self.unit == "share" {
            return format!("±{:.2} points", self.noise * 100.0);
        }
        if self.base == 0.0 {
            return format!("±{}", self.told(self.noise));
        }
        format!("±{:.1} %", self.noise / self.base.abs() * 100.0)
    }

    /// Returns it in words.
    pub(crate) fn words(&self) -> String {
        format!(
            "{} {} went from {} to {} ({}, noise {})",
            self.metric,
            self.value,
            self.told(self.base),
            self.told(self.head),
            self.difference(),
            self.band()
        )
    }
}

/// Returns all values that both sides have, with what their changes mean.
pub(super) fn changes(
    base: &[LoadDetails],
    head: &[LoadDetails],
    tolerance: Tolerance,
) -> Vec<Change> {
    let sides = Sides {
        base,
        head,
        tolerance,
    };
    let mut found = Vec::new();
    let mut times: Vec<(&str, &[&str])> = vec![(
        "http_req_duration",
        &["avg", "med", "p(90)", "p(95)", "p(99)"],
    )];
    let names = head.first().into_iter().flat_map(|it| &it.metrics);
    for (name, _) in names.filter(|it| is_own_time(it.0, it.1)) {
        times.push((name, &["med", "p(95)"]));
    }
    for (name, values) in times {
        for value in values {
            found.extend(sides.time(name, value));
        }
    }
    found.extend(sides.rate("http_reqs", Good::More, |it| Some(it.requests)));
    found.extend(sides.rate("dropped_iterations", Good::Less, |_| None));
    found.extend(sides.share("http_req_failed", Good::Less));
    found.extend(sides.checks());
    found
}

/// Returns whether a metric is a time that is compared besides the duration of all requests.
fn is_own_time(name: &str, metric: &Metric) -> bool {
    let base = name.split('{').next().unwrap_or(name);
    let of_k6 = base.starts_with("http_req_") || base.ends_with("iteration_duration");
    let is_part =
        base == "http_req_duration" && name != base && !name.contains("expected_response");
    metric.kind == "trend"
        && metric.contains == "time"
        && (is_part || !of_k6)
        && base != "group_duration"
}

#[derive(Clone, Copy)]
enum Good {
    More,
    Less,
}

struct Sides<'a> {
    base: &'a [LoadDetails],
    head: &'a [LoadDetails],
    tolerance: Tolerance,
}

impl Sides<'_> {
    fn time(&self, metric: &str, value: &str) -> Option<Change> {
        let is_high = value.starts_with("p(");
        let of_all = metric == "http_req_duration";
        let series = |point: &Point| {
            let found = if is_high { point.p95_ms } else { None };
            found
                .or(Some(point.latency_ms))
                .filter(|it| of_all && *it > 0.0)
        };
        self.change(metric, value, "time", Good::Less, series)
    }

    fn rate(
        &self,
        metric: &str,
        good: Good,
        series: impl Fn(&Point) -> Option<f64>,
    ) -> Option<Change> {
        self.change(metric, "rate", "rate", good, series)
    }

    fn change(
        &self,
        metric: &str,
        value: &str,
        unit: &str,
        good: Good,
        series: impl Fn(&Point) -> Option<f64>,
    ) -> Option<Change> {
        let of = |side: &[LoadDetails]| -> Vec<f64> {
            let values = side.iter().filter_map(|it| it.value(metric, value));
            values.collect()
        };
        let (before, after) = (of(self.base), of(self.head));
        let (base, head) = (median(&before)?, median(&after)?);
        let spread = |values: &[f64], side: &[LoadDetails], middle: f64| -> Option<Spread> {
            noise::of_runs(values).or_else(|| noise::within(side.first()?, middle, &series))
        };
        let spreads = spread(&before, self.base, base).zip(spread(&after, self.head, head));
        let chance = spreads.map_or(0.0, |it| noise::band(it.0, it.1));
        let mut tolerated = base.abs() * self.tolerance.share;
        if unit == "time" {
            tolerated = tolerated.max(self.tolerance.millis);
        }
        Some(judged(
            metric,
            value,
            unit,
            (base, head),
            tolerated,
            chance,
            good,
        ))
    }

    fn share(&self, metric: &str, good: Good) -> Option<Change> {
        let (base, head) = (pooled(self.base, metric)?, pooled(self.head, metric)?);
        let chance = noise::of_shares(base, head);
        let points = self.tolerance.points;
        Some(judged(
            metric,
            "rate",
            "share",
            (base.0, head.0),
            points,
            chance,
            good,
        ))
    }

    /// All checks together, and each that got worse by itself.
    fn checks(&self) -> Vec<Change> {
        let mut found: Vec<Change> = self.share("checks", Good::More).into_iter().collect();
        let sum = |side: &[LoadDetails], wanted: &str| -> (f64, u64) {
            let checks = side.iter().flat_map(|it| &it.checks);
            let own = checks.filter(|it| it.path() == wanted);
            let (passes, fails) = own.fold((0, 0), |all, it| (all.0 + it.passes, all.1 + it.fails));
            let total = passes + fails;
            #[expect(clippy::cast_precision_loss, reason = "a number of checks")]
            let share = passes as f64 / total.max(1) as f64;
            (share, total)
        };
        let checks = self.head.first().into_iter().flat_map(|it| &it.checks);
        for check in checks {
            let wanted = check.path();
            let (base, head) = (sum(self.base, &wanted), sum(self.head, &wanted));
            if base.1 == 0 || head.1 == 0 {
                continue;
            }
            let change = judged(
                &format!("check “{wanted}”"),
                "passed",
                "share",
                (base.0, head.0),
                self.tolerance.points,
                noise::of_shares(base, head),
                Good::More,
            );
            if change.course != Course::Same {
                found.push(change);
            }
        }
        found
    }
}

fn judged(
    metric: &str,
    value: &str,
    unit: &str,
    (base, head): (f64, f64),
    tolerated: f64,
    chance: f64,
    good: Good,
) -> Change {
    let worse_by = match good {
        Good::Less => head - base,
        Good::More => base - head,
    };
    // What comes out equal but for the last bit is equal.
    let noise = tolerated.max(chance) * (1.0 + 1e-9);
    let course = if worse_by > noise {
        Course::Worse
    } else if worse_by < -noise {
        Course::Better
    } else if worse_by.abs() > tolerated * (1.0 + 1e-9) {
        Course::Unclear
    } else {
        Course::Same
    };
    Change {
        metric: metric.to_owned(),
        value: value.to_owned(),
        unit: unit.to_owned(),
        base,
        head,
        noise,
        course,
    }
}

/// Returns the share of all runs together, and of how many samples.
#[expect(clippy::cast_precision_loss, reason = "a number of samples")]
fn pooled(side: &[LoadDetails], metric: &str) -> Option<(f64, u64)> {
    let mut shares = Vec::new();
    let (mut hits, mut total) = (0.0, 0);
    for run in side {
        let share = run.value(metric, "rate")?;
        let samples = run.metrics.get(metric)?.samples.unwrap_or(0);
        shares.push(share);
        hits += share * samples as f64;
        total += samples;
    }
    let middle = median(&shares)?;
    Some((
        if total > 0 {
            hits / total as f64
        } else {
            middle
        },
        total,
    ))
}

fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        it if it % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}
