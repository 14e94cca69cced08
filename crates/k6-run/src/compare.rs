//! `compare`: did it get worse between two results?

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use autoscaleops_core::{Failure, Finding, Level, Report, Subject, Verdict};
use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::details::LoadDetails;

mod change;
mod noise;

pub use change::{Change, Course};

/// Two results to compare.
#[derive(Clone, Debug, Args)]
pub(crate) struct CompareFlags {
    /// The earlier result: a report of k6-run, a summary of k6, or a folder with several of the same test
    base: PathBuf,
    /// The later result, or a folder with several
    head: PathBuf,
    /// Change in percent that is tolerated, and taken for noise where the runs do not tell their own
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0)]
    tolerance: f64,
    /// Change of a time in milliseconds that is tolerated, however large it is in percent
    #[arg(long, value_name = "MS", default_value_t = 1.0)]
    tolerance_ms: f64,
    /// Change of a share, such as failed requests, that is tolerated, in percentage points
    #[arg(long, value_name = "POINTS", default_value_t = 1.0)]
    tolerance_points: f64,
}

/// What changed between two results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Comparison {
    /// Where the earlier result is from.
    pub base: String,
    /// How many runs it has.
    pub base_runs: usize,
    /// Where the later result is from.
    pub head: String,
    /// How many runs it has.
    pub head_runs: usize,
    /// The values that both have.
    pub changes: Vec<Change>,
    /// What makes them hard to compare.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// What is tolerated.
#[derive(Clone, Copy, Debug)]
struct Tolerance {
    share: f64,
    millis: f64,
    points: f64,
}

/// Compares two results.
pub(crate) fn run(flags: &CompareFlags) -> Result<Report<LoadDetails>> {
    let numbers = [flags.tolerance, flags.tolerance_ms, flags.tolerance_points];
    if numbers.iter().any(|it| !it.is_finite() || *it < 0.0) {
        return Err(Failure::usage("a tolerance must be a number from 0 on").into());
    }
    let tolerance = Tolerance {
        share: flags.tolerance / 100.0,
        millis: flags.tolerance_ms,
        points: flags.tolerance_points / 100.0,
    };
    let (base, head) = (read_all(&flags.base)?, read_all(&flags.head)?);
    let comparison = Comparison {
        base: flags.base.display().to_string(),
        base_runs: base.len(),
        head: flags.head.display().to_string(),
        head_runs: head.len(),
        changes: change::changes(&base, &head, tolerance),
        remarks: remarks(&base, &head),
    };
    let subject = Subject::new("load-test", comparison.head.clone());
    let (verdict, summary, findings) = judge(&comparison);
    let count = |course: Course| {
        let changes = comparison.changes.iter();
        changes.filter(|it| it.course == course).count()
    };
    let (worse, better, unclear) = (
        count(Course::Worse),
        count(Course::Better),
        count(Course::Unclear),
    );
    let compared = comparison.changes.len();
    let last = head.into_iter().last().unwrap_or_default();
    let details = LoadDetails {
        comparison: Some(comparison),
        ..last
    };
    Ok(Report::new(verdict, summary, details)
        .subject(subject)
        .output("result", verdict.as_str())
        .output("compared", compared)
        .output("worse", worse)
        .output("better", better)
        .output("unclear", unclear)
        .findings(findings))
}

fn judge(comparison: &Comparison) -> (Verdict, String, Vec<Finding>) {
    let changes = &comparison.changes;
    let of = |course: Course| -> Vec<&Change> {
        changes.iter().filter(|it| it.course == course).collect()
    };
    let (worse, better, unclear) = (of(Course::Worse), of(Course::Better), of(Course::Unclear));
    let mut findings: Vec<Finding> = worse
        .iter()
        .map(|it| Finding::new(Level::Error, "regression", it.words()))
        .collect();
    findings.extend(unclear.iter().map(|it| {
        let message = format!(
            "{}, which may be noise: longer or more runs would tell",
            it.words()
        );
        Finding::new(Level::Warning, "unclear", message)
    }));
    let remarks = comparison.remarks.iter();
    findings.extend(remarks.map(|it| Finding::new(Level::Warning, "not-alike", it)));
    let (verdict, summary) = if changes.is_empty() {
        let (base, head) = (&comparison.base, &comparison.head);
        let summary = format!("{base} and {head} have no metric in common");
        (Verdict::Undecided, summary)
    } else if let Some(first) = worst(&worse) {
        let summary = format!(
            "{} of {} values got worse, most of all {}",
            worse.len(),
            changes.len(),
            first.words()
        );
        (Verdict::Fail, summary)
    } else {
        let mut summary = format!("no regression in {} values", changes.len());
        if !better.is_empty() {
            summary.push_str(&format!(", {} better", better.len()));
        }
        if !unclear.is_empty() {
            summary.push_str(&format!(", {} unclear", unclear.len()));
        }
        (Verdict::Pass, summary)
    };
    (verdict, summary, findings)
}

/// Returns the change that is the furthest beyond its noise.
fn worst<'a>(worse: &[&'a Change]) -> Option<&'a Change> {
    let excess = |it: &Change| (it.head - it.base).abs() / it.noise.max(1e-9);
    worse
        .iter()
        .copied()
        .max_by(|one, other| excess(one).total_cmp(&excess(other)))
}

/// Returns what makes results hard to compare.
fn remarks(base: &[LoadDetails], head: &[LoadDetails]) -> Vec<String> {
    let mut found = Vec::new();
    let (Some(before), Some(after)) = (base.first(), head.first()) else {
        return found;
    };
    let known = |one: &str, other: &str| !one.is_empty() && !other.is_empty();
    if known(&before.engine, &after.engine) && before.engine != after.engine {
        found.push(format!(
            "engines differ: {} and {}",
            before.engine, after.engine
        ));
    }
    let name = |it: &LoadDetails| {
        let name = Path::new(&it.script).file_name();
        name.map(|it| it.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    if known(&before.script, &after.script) && name(before) != name(after) {
        found.push(format!(
            "scripts differ: {} and {}",
            before.script, after.script
        ));
    }
    if before.vus_max != after.vus_max {
        found.push(format!(
            "virtual users differ: {} and {}",
            before.vus_max, after.vus_max
        ));
    }
    let (short, long) = (
        before.duration_ms.min(after.duration_ms),
        before.duration_ms.max(after.duration_ms),
    );
    if short > 0.0 && long > short * 1.25 + 1_000.0 {
        found.push(format!(
            "durations differ: {} and {}",
            crate::quantity::time(before.duration_ms),
            crate::quantity::time(after.duration_ms)
        ));
    }
    let saturated = |it: &LoadDetails| it.generator.is_some_and(|it| it.saturated);
    if base.iter().chain(head).any(saturated) {
        found.push("a generator was too busy to measure well".to_owned());
    }
    found
}

/// Reads a result, or all of a folder.
fn read_all(path: &Path) -> Result<Vec<LoadDetails>> {
    if !path.is_dir() {
        return Ok(vec![read(path)?]);
    }
    let entries = fs_err::read_dir(path)?;
    let mut files: Vec<PathBuf> = entries
        .map(|it| it.map(|it| it.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|it| it.extension().is_some_and(|it| it == "json"));
    files.sort();
    if files.is_empty() {
        let message = format!("the folder `{}` has no result (*.json)", path.display());
        return Err(Failure::usage(message).into());
    }
    files.iter().map(|it| read(it)).collect()
}

/// Reads a result: one of our reports, or one of the summaries that k6 makes.
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
        let message = |what: &str| format!("`{}` is no report of k6-run: {what}", path.display());
        let tool = value.get("tool").and_then(Value::as_str);
        if tool.is_some_and(|it| it != "k6-run") {
            let what = format!("it is one of {}", tool.unwrap_or_default());
            return Err(Failure::usage(message(&what)).into());
        }
        return serde_json::from_value(details.clone())
            .map_err(|err| Failure::usage(message(&err.to_string())).into());
    }
    crate::real::any_shape(&value).ok_or_else(|| {
        let message = format!(
            "`{}` is neither a report of k6-run nor a summary of k6",
            path.display()
        );
        Failure::usage(message).into()
    })
}

#[cfg(test)]
mod tests;
