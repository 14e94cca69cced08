//! What is known of a run, the same from both engines.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result};
use autoscaleops_core::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is known of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LoadDetails {
    /// What ran the script: `native`, or k6 with its version.
    pub engine: String,
    /// The script.
    pub script: String,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// The exit code that k6 has for this end.
    pub k6_exit_code: u8,
    /// Iterations that ended by themselves.
    pub iterations: u64,
    /// Iterations that were stopped.
    pub interrupted: u64,
    /// Iterations that ended with an exception.
    pub exceptions: u64,
    /// The first exception.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_exception: Option<String>,
    /// The most virtual users that there were.
    pub vus_max: u64,
    /// The metrics, by name; those with tags as `name{tag:value}`.
    pub metrics: BTreeMap<String, Metric>,
    /// The thresholds.
    pub thresholds: Vec<Threshold>,
    /// The checks.
    pub checks: Vec<Check>,
    /// How it went, second by second.
    pub timeline: Vec<Point>,
    /// Replicas over time, from a recording of `hpa-watch`: seconds since the start of the recording, and how many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<(f64, u64)>,
    /// How well the generator itself did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generator: Option<Generator>,
    /// Why the run ended early, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<EndedEarly>,
    /// What makes the result incomplete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Whether only what k6 itself holds against a run was to count.
    pub judged_as_k6: bool,
    /// What was found in comparing or examining.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The summary for people.
    #[serde(skip)]
    pub text: String,
}

/// A metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metric {
    /// `counter`, `gauge`, `rate` or `trend`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many samples there were, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<u64>,
    /// The values: `count`, `rate`, `avg`, `p(95)` and so on. Times in milliseconds.
    pub values: BTreeMap<String, f64>,
}

/// A threshold with its result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Threshold {
    /// The metric, with tags where it has some.
    pub metric: String,
    /// The condition.
    pub condition: String,
    /// What was measured, where there was something.
    pub value: Option<f64>,
    /// How many samples there were, where that is known.
    pub samples: Option<u64>,
    /// Whether it holds, as k6 judges it.
    pub ok: bool,
}

/// A check with its results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// The group that it is in, as `::outer::inner`, empty at the top.
    pub group: String,
    /// Its name.
    pub name: String,
    /// How often it passed.
    pub passes: u64,
    /// How often it failed.
    pub fails: u64,
}

/// A second of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// Seconds since the start.
    pub at: f64,
    /// Virtual users that ran.
    pub vus: u64,
    /// Requests in this second, a second.
    pub requests: f64,
    /// Failed requests in this second, a second.
    pub failed: f64,
    /// The mean duration of the requests in this second, in milliseconds.
    pub latency_ms: f64,
}

/// How well the generator itself did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// Threads that ran virtual users.
    pub workers: usize,
    /// 99 of 100 turns of the event loop came at most this many milliseconds late.
    pub loop_lag_p99_ms: f64,
    /// 99 of 100 arrivals started at most this many milliseconds late.
    pub start_lag_p99_ms: Option<f64>,
    /// The share of its threads' time that it was busy.
    pub busy: f64,
    /// Whether it was too busy to measure well.
    pub saturated: bool,
    /// Whether that was to fail the run.
    pub must_not_saturate: bool,
}

/// Why a run ended early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "cause", content = "text")]
pub enum EndedEarly {
    /// The script called `exec.test.abort`.
    Script(String),
    /// A threshold with `abortOnFail` was missed.
    Threshold,
    /// A signal.
    Signal,
    /// `setup` threw.
    Setup(String),
    /// `setup` took too long.
    SetupTimeout(String),
    /// `teardown` threw.
    Teardown(String),
    /// `teardown` took too long.
    TeardownTimeout(String),
    /// The script marked the run as failed.
    Marked(String),
    /// Virtual users could not be made.
    Broken(String),
}

impl Threshold {
    /// Returns whether it holds only because nothing was measured. A counter that was never added
    /// to is zero, which is a measurement.
    pub fn says_nothing(&self) -> bool {
        let counts = ["count", "rate"]
            .iter()
            .any(|it| self.condition.trim_start().starts_with(it));
        let is_zero = counts && self.value.is_some();
        self.ok && self.samples == Some(0) && !is_zero
    }
}

impl LoadDetails {
    /// Returns a value of a metric.
    pub fn value(&self, metric: &str, name: &str) -> Option<f64> {
        self.metrics.get(metric)?.values.get(name).copied()
    }
}

/// Returns the replicas over time of a recording of `hpa-watch`.
///
/// # Errors
///
/// Fails when the file cannot be read or holds no replicas.
pub(crate) fn replicas(path: &Path) -> Result<Vec<(f64, u64)>> {
    let text = fs_err::read_to_string(path).context("cannot read the recording of hpa-watch")?;
    let mut points = Vec::new();
    let lines = text.lines().filter(|it| !it.trim().is_empty());
    let values: Vec<Value> = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Array(list)) => list,
        Ok(whole) => vec![whole],
        Err(_) => lines
            .filter_map(|it| serde_json::from_str(it).ok())
            .collect(),
    };
    for value in &values {
        gather(value, &mut points);
    }
    if points.is_empty() {
        let message = format!("`{}` holds no replicas over time", path.display());
        return Err(Failure::usage(message)
            .hint("record with: hpa-watch … --record FILE")
            .into());
    }
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    let first = points[0].0;
    Ok(points
        .into_iter()
        .map(|(at, replicas)| (at - first, replicas))
        .collect())
}

/// Finds objects that have a time and a number of replicas, wherever they stand.
fn gather(value: &Value, points: &mut Vec<(f64, u64)>) {
    match value {
        Value::Object(map) => {
            let time = ["at", "time", "timestamp", "elapsed_ms", "at_ms"]
                .iter()
                .find_map(|key| map.get(*key).map(|it| (*key, it)));
            let replicas = ["replicas", "current_replicas", "current", "ready_replicas"]
                .iter()
                .find_map(|key| map.get(*key)?.as_u64());
            let seconds = time.and_then(|(key, value)| match value {
                Value::Number(number) => {
                    let number = number.as_f64()?;
                    Some(if key.ends_with("_ms") {
                        number / 1e3
                    } else {
                        number
                    })
                }
                Value::String(text) => seconds_of(text),
                _ => None,
            });
            if let (Some(at), Some(replicas)) = (seconds, replicas) {
                points.push((at, replicas));
                return;
            }
            for inner in map.values() {
                gather(inner, points);
            }
        }
        Value::Array(list) => {
            for inner in list {
                gather(inner, points);
            }
        }
        _ => {}
    }
}

/// Returns an RFC 3339 time of the day in seconds since the epoch, near enough for a difference.
fn seconds_of(text: &str) -> Option<f64> {
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since the epoch fit"
    )]
    let seconds = timestamp.as_millisecond() as f64 / 1e3;
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_found_in_lines_and_in_lists() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recording");
        let lines = "{\"time\":\"2026-11-23T09:00:10Z\",\"replicas\":2}\n{\"time\":\"2026-11-23T09:00:00Z\",\"replicas\":1}\n";
        for text in [
            lines,
            "{\"points\":[{\"at\":5,\"replicas\":1},{\"at\":15,\"replicas\":2}]}",
        ] {
            fs_err::write(&path, text).unwrap();
            assert_eq!(replicas(&path).unwrap(), [(0.0, 1), (10.0, 2)]);
        }
        fs_err::write(&path, "{}").unwrap();
        assert!(replicas(&path).is_err());
    }
}
