//! What a run says while it goes on and once it is over.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use crate::{
    js::StopReason,
    metrics::{Collector, Totals},
};

/// How it goes.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Since the start.
    pub elapsed: Duration,
    /// Virtual users that run.
    pub active: u64,
    /// Virtual users that exist.
    pub initialized: u64,
    /// Iterations that ended by themselves.
    pub completed: u64,
    /// Iterations that were stopped.
    pub interrupted: u64,
    /// Each scenario's name, share that is done, and state in words.
    pub scenarios: Vec<(String, f64, String)>,
}

/// A threshold with its result.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The metric, with tags where it has some.
    pub metric: String,
    /// The condition.
    pub source: String,
    /// What it looks at, as `p(95)`.
    pub label: String,
    /// What was measured; `None` where there was nothing to measure.
    pub value: Option<f64>,
    /// How many samples there were.
    pub samples: u64,
    /// Whether k6 would say that it holds.
    pub holds: bool,
}

/// How well the generator itself did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Health {
    /// 99 of 100 turns of the event loop came at most this many milliseconds late.
    pub loop_lag_p99_ms: f64,
    /// 99 of 100 arrivals started at most this many milliseconds late.
    pub start_lag_p99_ms: Option<f64>,
    /// Processor time over wall time and threads.
    pub busy: f64,
}

/// A finished run.
pub struct Finished {
    /// All samples.
    pub totals: Totals,
    /// The metrics.
    pub collector: Arc<Collector>,
    /// From the start to the end.
    pub duration: Duration,
    /// The thresholds with their results.
    pub thresholds: Vec<Judged>,
    /// Why it ended early.
    pub reason: Option<StopReason>,
    /// What the script said when it marked the run as failed.
    pub marked_failed: Option<String>,
    /// Iterations that ended by themselves.
    pub completed: u64,
    /// Iterations that were stopped.
    pub interrupted: u64,
    /// Iterations that ended with an exception.
    pub thrown: u64,
    /// The first exception.
    pub first_thrown: Option<String>,
    /// `WebSockets` that were opened.
    pub sockets_opened: u64,
    /// What went wrong in `setup`.
    pub setup: Option<Stumble>,
    /// What went wrong in `teardown`.
    pub teardown: Option<Stumble>,
    /// What went wrong while virtual users were made.
    pub broken: Option<String>,
    /// What `setup` returned, as JSON.
    pub setup_data: Option<String>,
    /// What `handleSummary` returned: texts by the name of their stream or file.
    pub summary: Option<serde_json::Map<String, Value>>,
    /// How well the generator itself did.
    pub health: Health,
    /// The most virtual users that existed.
    pub vus_max: u64,
}

/// What went wrong in `setup` or `teardown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stumble {
    /// It threw.
    Thrown(String),
    /// It took too long.
    TimedOut(Duration),
}
