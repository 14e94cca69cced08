//! `compare`: did it get worse between two results?

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use autoscaleops_core::{Failure, Finding, Level, Report, Subject, Verdict};
use clap::Args;
use serde_json::Value;

use crate::{details::LoadDetails, verdict::short};

/// Two results to compare.
#[derive(Clone, Debug, Args)]
pub(crate) struct CompareFlags {
    /// The earlier result: a report of k6-run, or a summary export
    base: PathBuf,
    /// The later result
    head: PathBuf,
    /// Change in percent that is taken for noise
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0)]
    tolerance: f64,
    /// Change of a time in milliseconds that is taken for noise, however large it is in percent
    #[arg(long, value_name = "MS", default_value_t = 1.0)]
    tolerance_ms: f64,
}

/// What is compared: metric, value, whether more is worse, whether it is a time.
const COMPARED: [(&str, &str, bool, bool); 7] = [
    ("http_req_duration", "avg", true, true),
    ("http_req_duration", "med", true, true),
    ("http_req_duration", "p(90)", true, true),
    ("http_req_duration", "p(95)", true, true),
    ("http_reqs", "rate", false, false),
    ("http_req_failed", "rate", true, false),
    ("checks", "rate", false, false),
];

/// One value in both results.
struct Change {
    name: String,
    base: f64,
    head: f64,
    worse: bool,
    better: bool,
}

/// Compares two results.
pub(crate) fn run(flags: &CompareFlags) -> Result<Report<LoadDetails>> {
    let (base, head) = (read(&flags.base)?, read(&flags.head)?);
    let changes = changes(&base, &head, flags.tolerance / 100.0, flags.tolerance_ms);
    let names = format!("{} and {}", flags.base.display(), flags.head.display());
    let line = |it: &Change| {
        let percent = if it.base == 0.0 {
            String::new()
        } else {
            format!(" ({:+.1} %)", (it.head / it.base - 1.0) * 100.0)
        };
        format!(
            "{}: {} -> {}{percent}",
            it.name,
            short(it.base),
            short(it.head)
        )
    };
    let worse: Vec<&Change> = changes.iter().filter(|it| it.worse).collect();
    let better = changes.iter().filter(|it| it.better).count();
    let (verdict, summary) = if changes.is_empty() {
        (
            Verdict::Undecided,
            format!("{names} have no metric in common"),
        )
    } else if worse.is_empty() {
        let summary = format!(
            "no regression: {} values compared, {better} better",
            changes.len()
        );
        (Verdict::Pass, summary)
    } else {
        let summary = format!(
            "{} of {} values got worse, first {}",
            worse.len(),
            changes.len(),
            line(worse[0])
        );
        (Verdict::Fail, summary)
    };
    let details = LoadDetails {
        notes: changes
            .iter()
            .map(|it| {
                let word = if it.worse {
                    "worse "
                } else if it.better {
                    "better"
                } else {
                    "same  "
                };
                format!("{word} {}", line(it))
            })
            .collect(),
        ..head
    };
    let findings = worse
        .iter()
        .map(|it| Finding::new(Level::Error, "regression", line(it)));
    Ok(Report::new(verdict, summary, details)
        .subject(Subject::new("load-test", flags.head.display().to_string()))
        .output("result", verdict.as_str())
        .output("compared", changes.len())
        .output("worse", worse.len())
        .output("better", better)
        .findings(findings))
}

fn changes(
    base: &LoadDetails,
    head: &LoadDetails,
    tolerance: f64,
    tolerance_ms: f64,
) -> Vec<Change> {
    COMPARED
        .iter()
        .filter_map(|(metric, value, more_is_worse, is_time)| {
            let (before, after) = (base.value(metric, value)?, head.value(metric, value)?);
            let noise = if *is_time {
                (before.abs() * tolerance).max(tolerance_ms)
            } else if *metric == "http_reqs" {
                before.abs() * tolerance
            } else {
                // Shares: one percent more failures matters, however few there were.
                0.01
            };
            let change = if *more_is_worse {
                after - before
            } else {
                before - after
            };
            Some(Change {
                name: format!("{metric} {value}"),
                base: before,
                head: after,
                worse: change > noise,
                better: change < -noise,
            })
        })
        .collect()
}

/// Reads a result: one of our reports, or what `--summary-export` wrote.
pub(crate) fn read(path: &Path) -> Result<LoadDetails> {
    let text = fs_err::read_to_string(path).context("cannot read the result")?;
    let value: Value = serde_json::from_str(text.trim()).map_err(|err| {
        Failure::usage(format!("`{}` is not JSON: {err}", path.display())).at(
            path,
            err.line(),
            err.column(),
        )
    })?;
    if let Some(details) = value.get("details") {
        return serde_json::from_value(details.clone()).map_err(|err| {
            Failure::usage(format!(
                "`{}` is no report of k6-run: {err}",
                path.display()
            ))
            .into()
        });
    }
    if value.get("metrics").is_some_and(Value::is_object) {
        return Ok(crate::real::translate(&value));
    }
    let message = format!(
        "`{}` is neither a report of k6-run nor a summary export",
        path.display()
    );
    Err(Failure::usage(message).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::details::Metric;

    fn result(p95: f64, rate: f64, failed: f64) -> LoadDetails {
        let mut details = LoadDetails::default();
        for (metric, name, value) in [
            ("http_req_duration", "p(95)", p95),
            ("http_reqs", "rate", rate),
            ("http_req_failed", "rate", failed),
        ] {
            let metric_of = Metric {
                values: [(name.to_owned(), value)].into(),
                ..Metric::default()
            };
            details.metrics.insert(metric.to_owned(), metric_of);
        }
        details
    }

    fn worse(base: &LoadDetails, head: &LoadDetails) -> Vec<String> {
        let all = changes(base, head, 0.1, 1.0);
        all.into_iter()
            .filter(|it| it.worse)
            .map(|it| it.name)
            .collect()
    }

    #[test]
    fn a_change_beyond_the_noise_is_a_regression() {
        let base = result(100.0, 1_000.0, 0.0);
        assert!(worse(&base, &result(109.0, 950.0, 0.005)).is_empty());
        assert_eq!(
            worse(&base, &result(120.0, 1_000.0, 0.0)),
            ["http_req_duration p(95)"]
        );
        assert_eq!(worse(&base, &result(100.0, 800.0, 0.0)), ["http_reqs rate"]);
        assert_eq!(
            worse(&base, &result(100.0, 1_000.0, 0.02)),
            ["http_req_failed rate"]
        );
    }

    #[test]
    fn a_large_share_of_a_tiny_time_is_noise() {
        assert!(worse(&result(0.2, 10.0, 0.0), &result(0.4, 10.0, 0.0)).is_empty());
    }
}
