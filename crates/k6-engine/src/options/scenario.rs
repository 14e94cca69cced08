//! Scenarios: how many virtual users or iterations there are, and when.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use crate::span::Span;

mod parse;

pub(super) use parse::{fields, is_foreign};
mod words;

/// How long iterations may go on after the end of their scenario.
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// How long scenarios of a fixed number of iterations may take.
pub(super) const MAX_DURATION: Duration = Duration::from_secs(600);

/// A part of a ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Stage {
    /// How long the way to the target takes.
    #[serde(default)]
    pub duration: Span,
    /// Virtual users, or iterations per time unit, at its end.
    pub target: u64,
}

/// How iterations are handed out.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "they are k6's own names and meanings, written down in its documentation"
)]
pub enum Executor {
    SharedIterations {
        vus: u64,
        iterations: u64,
        max_duration: Duration,
    },
    PerVuIterations {
        vus: u64,
        iterations: u64,
        max_duration: Duration,
    },
    ConstantVus {
        vus: u64,
        duration: Duration,
    },
    RampingVus {
        start: u64,
        stages: Vec<Stage>,
        graceful_ramp_down: Duration,
    },
    ConstantArrivalRate {
        rate: f64,
        unit: Duration,
        duration: Duration,
        allocated: u64,
        max: u64,
    },
    RampingArrivalRate {
        start: f64,
        unit: Duration,
        stages: Vec<Stage>,
        allocated: u64,
        max: u64,
    },
}

/// A scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// How its iterations are handed out.
    pub executor: Executor,
    /// When it begins, from the start of the run.
    pub start: Duration,
    /// How long its last iterations may go on after its end.
    pub graceful_stop: Duration,
    /// The exported function that it calls.
    pub exec: String,
    /// What it adds to `__ENV`.
    pub env: BTreeMap<String, String>,
    /// What it adds to the tags of its samples.
    pub tags: BTreeMap<String, String>,
}

impl Scenario {
    /// Returns the scenario that a short form stands for.
    pub(super) fn short(executor: Executor) -> Self {
        Self {
            name: "default".to_owned(),
            executor,
            start: Duration::ZERO,
            graceful_stop: GRACE,
            exec: "default".to_owned(),
            env: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }

    /// Returns how long iterations may be started.
    pub fn duration(&self) -> Duration {
        match &self.executor {
            Executor::SharedIterations { max_duration, .. }
            | Executor::PerVuIterations { max_duration, .. } => *max_duration,
            Executor::ConstantVus { duration, .. }
            | Executor::ConstantArrivalRate { duration, .. } => *duration,
            Executor::RampingVus { stages, .. } | Executor::RampingArrivalRate { stages, .. } => {
                stages.iter().map(|it| it.duration.0).sum()
            }
        }
    }

    /// Returns the virtual users that are made before the run.
    pub fn planned_vus(&self) -> u64 {
        match &self.executor {
            Executor::SharedIterations { vus, .. }
            | Executor::PerVuIterations { vus, .. }
            | Executor::ConstantVus { vus, .. } => *vus,
            Executor::RampingVus { start, stages, .. } => stages
                .iter()
                .map(|it| it.target)
                .max()
                .unwrap_or(0)
                .max(*start),
            Executor::ConstantArrivalRate { allocated, .. }
            | Executor::RampingArrivalRate { allocated, .. } => *allocated,
        }
    }

    /// Returns the virtual users that there can be.
    pub fn max_vus(&self) -> u64 {
        match &self.executor {
            Executor::ConstantArrivalRate { max, .. }
            | Executor::RampingArrivalRate { max, .. } => *max,
            _ => self.planned_vus(),
        }
    }

    /// Returns the name of the executor.
    pub fn executor_name(&self) -> &'static str {
        match &self.executor {
            Executor::SharedIterations { .. } => "shared-iterations",
            Executor::PerVuIterations { .. } => "per-vu-iterations",
            Executor::ConstantVus { .. } => "constant-vus",
            Executor::RampingVus { .. } => "ramping-vus",
            Executor::ConstantArrivalRate { .. } => "constant-arrival-rate",
            Executor::RampingArrivalRate { .. } => "ramping-arrival-rate",
        }
    }
}

/// Returns a value as the text that a tag or a variable gets.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_executor_is_read() {
        for value in [
            json!({"executor": "shared-iterations", "vus": 2, "iterations": 4}),
            json!({"executor": "per-vu-iterations", "maxDuration": "5s"}),
            json!({"executor": "constant-vus", "duration": "1s", "exec": "other"}),
            json!({"executor": "ramping-vus", "startVUs": 0, "stages": [{"duration": "1s", "target": 3}]}),
            json!({"executor": "constant-arrival-rate", "rate": 5, "duration": "1s", "preAllocatedVUs": 1}),
            json!({"executor": "ramping-arrival-rate", "preAllocatedVUs": 1, "maxVUs": 3, "stages": [{"duration": "1s", "target": 3}]}),
        ] {
            let scenario = Scenario::parse("a", &value).unwrap();
            assert_eq!(scenario.executor_name(), value["executor"]);
            assert!(scenario.describe().contains("gracefulStop: 30s"));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for value in [
            json!({"executor": "constant-vus"}),
            json!({"executor": "constant-vus", "duration": "10ms"}),
            json!({"executor": "constant-vus", "duration": "1s", "rates": 1}),
            json!({"executor": "externally-controlled", "vus": 1}),
            json!({"executor": "shared-iterations", "vus": 5, "iterations": 2}),
            json!({"executor": "constant-arrival-rate", "rate": 5, "duration": "1s"}),
            json!({"executor": "constant-arrival-rate", "rate": 5, "duration": "1s", "preAllocatedVUs": 5, "maxVUs": 1}),
        ] {
            assert!(Scenario::parse("a", &value).is_err(), "{value}");
        }
        assert!(Scenario::parse("a b", &json!({"executor": "shared-iterations"})).is_err());
    }
}
