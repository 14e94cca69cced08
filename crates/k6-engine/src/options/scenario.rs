//! Scenarios: how many virtual users or iterations there are, and when.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use crate::span::{self, Span};

/// How long iterations may go on after the end of their scenario.
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// How long scenarios of a fixed number of iterations may take.
pub(super) const MAX_DURATION: Duration = Duration::from_secs(600);

/// A part of a ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Stage {
    /// How long the way to the target takes.
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    executor: String,
    start_time: Option<Span>,
    graceful_stop: Option<Span>,
    exec: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, Value>,
    #[serde(default)]
    tags: BTreeMap<String, Value>,
    vus: Option<u64>,
    iterations: Option<u64>,
    max_duration: Option<Span>,
    duration: Option<Span>,
    #[serde(rename = "startVUs")]
    start_vus: Option<u64>,
    stages: Option<Vec<Stage>>,
    graceful_ramp_down: Option<Span>,
    rate: Option<f64>,
    start_rate: Option<f64>,
    time_unit: Option<Span>,
    #[serde(rename = "preAllocatedVUs")]
    allocated: Option<u64>,
    #[serde(rename = "maxVUs")]
    max: Option<u64>,
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "settings of the browser and the cloud change nothing here"
    )]
    options: Value,
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

    /// Reads the scenario `name`.
    ///
    /// # Errors
    ///
    /// Fails on an unknown executor, on fields that it does not have or lacks, and on values that
    /// cannot be meant.
    pub fn parse(name: &str, value: &Value) -> Result<Self, String> {
        let wrong = |what: &str| format!("the scenario `{name}` is not usable: {what}");
        let usable = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(usable) {
            return Err(wrong(
                "a name has letters, digits, underscores and dashes only",
            ));
        }
        let raw: Raw =
            serde_json::from_value(value.clone()).map_err(|err| wrong(&err.to_string()))?;
        let need = |what: Option<u64>, field: &str| {
            what.ok_or_else(|| wrong(&format!("it needs `{field}`")))
        };
        let vus = raw.vus.unwrap_or(1);
        let max_duration = raw.max_duration.map_or(MAX_DURATION, |it| it.0);
        let unit = raw.time_unit.map_or(Duration::from_secs(1), |it| it.0);
        let duration = |field: Option<Span>| {
            field
                .map(|it| it.0)
                .ok_or_else(|| wrong("it needs `duration`"))
        };
        let stages = || match &raw.stages {
            Some(stages) if !stages.is_empty() => Ok(stages.clone()),
            _ => Err(wrong("it needs `stages`")),
        };
        let executor = match raw.executor.as_str() {
            "shared-iterations" => Executor::SharedIterations {
                vus,
                iterations: raw.iterations.unwrap_or(1),
                max_duration,
            },
            "per-vu-iterations" => Executor::PerVuIterations {
                vus,
                iterations: raw.iterations.unwrap_or(1),
                max_duration,
            },
            "constant-vus" => Executor::ConstantVus {
                vus,
                duration: duration(raw.duration)?,
            },
            "ramping-vus" => Executor::RampingVus {
                start: raw.start_vus.unwrap_or(1),
                stages: stages()?,
                graceful_ramp_down: raw.graceful_ramp_down.map_or(GRACE, |it| it.0),
            },
            "constant-arrival-rate" => {
                let allocated = need(raw.allocated, "preAllocatedVUs")?;
                Executor::ConstantArrivalRate {
                    rate: raw.rate.ok_or_else(|| wrong("it needs `rate`"))?,
                    unit,
                    duration: duration(raw.duration)?,
                    allocated,
                    max: raw.max.unwrap_or(allocated),
                }
            }
            "ramping-arrival-rate" => {
                let allocated = need(raw.allocated, "preAllocatedVUs")?;
                Executor::RampingArrivalRate {
                    start: raw.start_rate.unwrap_or(0.0),
                    unit,
                    stages: stages()?,
                    allocated,
                    max: raw.max.unwrap_or(allocated),
                }
            }
            other => return Err(wrong(&format!("there is no executor `{other}`"))),
        };
        let texts = |map: BTreeMap<String, Value>| {
            map.into_iter()
                .map(|(key, value)| (key, text_of(&value)))
                .collect()
        };
        let scenario = Self {
            name: name.to_owned(),
            executor,
            start: raw.start_time.unwrap_or_default().0,
            graceful_stop: raw.graceful_stop.map_or(GRACE, |it| it.0),
            exec: raw.exec.unwrap_or_else(|| "default".to_owned()),
            env: texts(raw.env),
            tags: texts(raw.tags),
        };
        scenario.check()?;
        Ok(scenario)
    }

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    ///
    /// Fails with the scenario's name and what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| {
            Err(format!(
                "the scenario `{}` is not usable: {what}",
                self.name
            ))
        };
        let second = Duration::from_secs(1);
        match &self.executor {
            Executor::SharedIterations {
                vus,
                iterations,
                max_duration,
            } => {
                if *vus == 0 || *iterations == 0 {
                    return wrong("the numbers of VUs and of iterations must be more than 0");
                }
                if iterations < vus {
                    return wrong("there are fewer iterations than VUs");
                }
                if *max_duration < second {
                    return wrong("`maxDuration` must be at least 1s");
                }
            }
            Executor::PerVuIterations {
                vus,
                iterations,
                max_duration,
            } => {
                if *vus == 0 || *iterations == 0 {
                    return wrong("the numbers of VUs and of iterations must be more than 0");
                }
                if *max_duration < second {
                    return wrong("`maxDuration` must be at least 1s");
                }
            }
            Executor::ConstantVus { vus, duration } => {
                if *vus == 0 {
                    return wrong("the number of VUs must be more than 0");
                }
                if *duration < second {
                    return wrong("`duration` must be at least 1s");
                }
            }
            Executor::RampingVus { start, stages, .. } => {
                if *start == 0 && stages.iter().all(|it| it.target == 0) {
                    return wrong("`startVUs` or the target of a stage must be more than 0");
                }
            }
            Executor::ConstantArrivalRate {
                rate,
                unit,
                duration,
                allocated,
                max,
            } => {
                if !(*rate > 0.0 && rate.is_finite()) {
                    return wrong("`rate` must be more than 0");
                }
                if *duration < second {
                    return wrong("`duration` must be at least 1s");
                }
                if unit.is_zero() {
                    return wrong("`timeUnit` must be more than 0");
                }
                if max < allocated {
                    return wrong("`maxVUs` is less than `preAllocatedVUs`");
                }
            }
            Executor::RampingArrivalRate {
                start,
                unit,
                allocated,
                max,
                ..
            } => {
                if !(*start >= 0.0 && start.is_finite()) {
                    return wrong("`startRate` must not be negative");
                }
                if unit.is_zero() {
                    return wrong("`timeUnit` must be more than 0");
                }
                if max < allocated {
                    return wrong("`maxVUs` is less than `preAllocatedVUs`");
                }
            }
        }
        Ok(())
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

    /// Returns the scenario in one line, for the head of a run.
    pub fn describe(&self) -> String {
        let per = |rate: f64, unit: Duration| rate / unit.as_secs_f64();
        let mut notes = Vec::new();
        let body = match &self.executor {
            Executor::SharedIterations {
                vus,
                iterations,
                max_duration,
            } => {
                notes.push(format!("maxDuration: {}", span::text(*max_duration)));
                format!("{iterations} iterations shared among {vus} VUs")
            }
            Executor::PerVuIterations {
                vus,
                iterations,
                max_duration,
            } => {
                notes.push(format!("maxDuration: {}", span::text(*max_duration)));
                format!("{iterations} iterations for each of {vus} VUs")
            }
            Executor::ConstantVus { vus, duration } => {
                format!("{vus} looping VUs for {}", span::text(*duration))
            }
            Executor::RampingVus {
                stages,
                graceful_ramp_down,
                ..
            } => {
                notes.push(format!(
                    "gracefulRampDown: {}",
                    span::text(*graceful_ramp_down)
                ));
                let (vus, time) = (self.planned_vus(), span::text(self.duration()));
                format!(
                    "Up to {vus} looping VUs for {time} over {} stages",
                    stages.len()
                )
            }
            Executor::ConstantArrivalRate {
                rate,
                unit,
                duration,
                max,
                ..
            } => {
                notes.push(format!("maxVUs: {max}"));
                format!(
                    "{:.2} iterations/s for {}",
                    per(*rate, *unit),
                    span::text(*duration)
                )
            }
            Executor::RampingArrivalRate {
                start,
                unit,
                stages,
                max,
                ..
            } => {
                notes.push(format!("maxVUs: {max}"));
                let top = stages
                    .iter()
                    .map(|it| it.target as f64)
                    .fold(*start, f64::max);
                let (top, time) = (per(top, *unit), span::text(self.duration()));
                format!(
                    "Up to {top:.2} iterations/s for {time} over {} stages",
                    stages.len()
                )
            }
        };
        if self.exec != "default" {
            notes.push(format!("exec: {}", self.exec));
        }
        if !self.start.is_zero() {
            notes.push(format!("startTime: {}", span::text(self.start)));
        }
        notes.push(format!("gracefulStop: {}", span::text(self.graceful_stop)));
        format!("{}: {body} ({})", self.name, notes.join(", "))
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
