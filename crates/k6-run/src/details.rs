//! What is known of a run, the same from both engines.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Comparison;

mod recording;

pub(crate) use recording::scalings;
pub use recording::{Scaling, Step};

/// What is known of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LoadDetails {
    /// What ran the script: `native`, or k6 with its version.
    pub engine: String,
    /// The script.
    pub script: String,
    /// When its clock began, where that is known.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
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
    /// `WebSockets` that were opened, where any was tried and the engine tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sockets_opened: Option<u64>,
    /// The most virtual users that there were.
    pub vus_max: u64,
    /// The metrics, by name; those with tags as `name{tag:value}`.
    pub metrics: BTreeMap<String, Metric>,
    /// The thresholds.
    pub thresholds: Vec<Threshold>,
    /// The checks.
    pub checks: Vec<Check>,
    /// How it went, second by second; in longer steps where it took long.
    pub timeline: Vec<Point>,
    /// Replicas over time, from a recording of `hpa-watch`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scaling: Vec<Scaling>,
    /// The changes since an earlier result, where two were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
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
    /// What was found in examining.
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
    /// What the samples are: `time` in milliseconds, `data` in bytes, or `default`.
    #[serde(default)]
    pub contains: String,
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

/// A second of a run, or a longer step of a long one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Point {
    /// Its end, in seconds since the start.
    pub at: f64,
    /// Virtual users that ran.
    pub vus: u64,
    /// Requests a second.
    pub requests: f64,
    /// Failed requests a second.
    pub failed: f64,
    /// Iterations that could not be started, a second.
    pub dropped: f64,
    /// The mean duration of the requests in it, in milliseconds.
    pub latency_ms: f64,
    /// 95 of 100 requests in it took at most this many milliseconds, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
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

impl Check {
    /// Returns its name with those of its groups: `shop › is paid`.
    pub fn path(&self) -> String {
        let path = format!("{}::{}", self.group, self.name);
        path.trim_start_matches("::").replace("::", " › ")
    }
}

impl LoadDetails {
    /// Returns a value of a metric.
    pub fn value(&self, metric: &str, name: &str) -> Option<f64> {
        self.metrics.get(metric)?.values.get(name).copied()
    }
}
