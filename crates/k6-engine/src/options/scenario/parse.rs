//! A scenario as options write it, and what of it is refused.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use super::{Executor, GRACE, MAX_DURATION, Scenario, Stage};
use crate::span::Span;

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
        let texts = |map: BTreeMap<String, Value>, what: &str| -> Result<BTreeMap<_, _>, String> {
            let given = map.into_iter().filter(|it| !it.1.is_null());
            given
                .map(|(key, value)| match value {
                    Value::String(text) => Ok((key, text)),
                    _ => Err(wrong(&format!("the {what} `{key}` is no text"))),
                })
                .collect::<Result<_, String>>()
        };
        let scenario = Self {
            name: name.to_owned(),
            executor,
            start: raw.start_time.unwrap_or_default().0,
            graceful_stop: raw.graceful_stop.map_or(GRACE, |it| it.0),
            exec: raw.exec.unwrap_or_else(|| "default".to_owned()),
            env: texts(raw.env, "variable")?,
            tags: texts(raw.tags, "tag")?,
        };
        scenario.check()?;
        Ok(scenario)
    }

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    ///
    /// Fails with the scenario's name and what is wrong.
    pub(in crate::options) fn check(&self) -> Result<(), String> {
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
}
