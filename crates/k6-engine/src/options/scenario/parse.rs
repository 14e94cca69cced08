//! A scenario as options write it, and what of it is refused.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value};

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
    rate: Option<u64>,
    start_rate: Option<u64>,
    time_unit: Option<Span>,
    #[serde(rename = "preAllocatedVUs")]
    allocated: Option<u64>,
    #[serde(rename = "maxVUs")]
    max: Option<u64>,
    #[expect(dead_code, reason = "settings of the browser change nothing here")]
    options: Option<Settings>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "as above")]
struct Settings {
    browser: Option<Map<String, Value>>,
}

/// The executors, and the fields that a scenario of each has besides those of all.
const EXECUTORS: [(&str, &[&str]); 6] = [
    ("shared-iterations", &["vus", "iterations", "maxDuration"]),
    ("per-vu-iterations", &["vus", "iterations", "maxDuration"]),
    ("constant-vus", &["vus", "duration"]),
    ("ramping-vus", &["startVUs", "stages", "gracefulRampDown"]),
    (
        "constant-arrival-rate",
        &["rate", "timeUnit", "duration", "preAllocatedVUs", "maxVUs"],
    ),
    (
        "ramping-arrival-rate",
        &[
            "startRate",
            "timeUnit",
            "stages",
            "preAllocatedVUs",
            "maxVUs",
        ],
    ),
];

/// The fields of every scenario.
const COMMON: [&str; 7] = [
    "executor",
    "startTime",
    "gracefulStop",
    "exec",
    "env",
    "tags",
    "options",
];

/// Returns the fields that a scenario can have.
pub(in crate::options) fn fields() -> impl Iterator<Item = &'static str> {
    let own = EXECUTORS.iter().flat_map(|it| it.1);
    COMMON.iter().chain(own).copied()
}

/// Returns whether a scenario is one that only the real k6 runs: it is led through k6's own API.
pub(in crate::options) fn is_foreign(value: &Value) -> bool {
    value.get("executor").and_then(Value::as_str) == Some("externally-controlled")
}

fn wrong(name: &str, what: &str) -> String {
    format!("the scenario `{name}` is not usable: {what}")
}

fn raw(name: &str, value: &Value) -> Result<Raw, String> {
    let raw: Raw =
        serde_json::from_value(value.clone()).map_err(|err| wrong(name, &err.to_string()))?;
    let executor = raw.executor.as_str();
    let Some((_, own)) = EXECUTORS.iter().find(|it| it.0 == executor) else {
        return Err(wrong(name, &format!("there is no executor `{executor}`")));
    };
    let mut given = value.as_object().into_iter().flat_map(|it| it.keys());
    let is_known = |it: &str| COMMON.contains(&it) || own.contains(&it);
    if let Some(field) = given.find(|it| !is_known(it)) {
        let fields = own.join("`, `");
        let what = format!("`{executor}` has no `{field}`; it has `{fields}`");
        return Err(wrong(name, &what));
    }
    // The short form of a script's options is read with more patience, as k6 does.
    for stage in value["stages"].as_array().into_iter().flatten() {
        let fields: Vec<&str> = stage
            .as_object()
            .into_iter()
            .flatten()
            .map(|it| it.0.as_str())
            .collect();
        if fields.len() != 2 || !fields.contains(&"duration") {
            return Err(wrong(
                name,
                "a stage has `duration` and `target`, and nothing else",
            ));
        }
    }
    for (what, map) in [("variable", &raw.env), ("tag", &raw.tags)] {
        let mut all = map.iter();
        if let Some((key, _)) = all.find(|it| !it.1.is_string() && !it.1.is_null()) {
            return Err(wrong(name, &format!("the {what} `{key}` is no text")));
        }
    }
    Ok(raw)
}

/// Returns the texts of a map in which `null` stands for "not given".
fn texts(map: BTreeMap<String, Value>) -> BTreeMap<String, String> {
    let text = |(key, value)| match value {
        Value::String(text) => Some((key, text)),
        _ => None,
    };
    map.into_iter().filter_map(text).collect()
}

impl Scenario {
    /// Checks that the scenario `name` has the form of one, be it used or not.
    ///
    /// # Errors
    ///
    /// Fails on an unknown executor, on fields that it does not have, and on those that are no such thing.
    pub(in crate::options) fn check_form(name: &str, value: &Value) -> Result<(), String> {
        if is_foreign(value) {
            return Ok(());
        }
        raw(name, value).map(drop)
    }

    /// Reads the scenario `name`.
    ///
    /// # Errors
    ///
    /// Fails on an unknown executor, on fields that it does not have or lacks, and on values that
    /// cannot be meant.
    pub fn parse(name: &str, value: &Value) -> Result<Self, String> {
        let wrong = |what: &str| wrong(name, what);
        let usable = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(usable) {
            return Err(wrong(
                "a name has letters, digits, underscores and dashes only",
            ));
        }
        let raw = raw(name, value)?;
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
                    rate: need(raw.rate, "rate")? as f64,
                    unit,
                    duration: duration(raw.duration)?,
                    allocated,
                    max: raw.max.unwrap_or(allocated),
                }
            }
            "ramping-arrival-rate" => {
                let allocated = need(raw.allocated, "preAllocatedVUs")?;
                Executor::RampingArrivalRate {
                    start: raw.start_rate.unwrap_or(0) as f64,
                    unit,
                    stages: stages()?,
                    allocated,
                    max: raw.max.unwrap_or(allocated),
                }
            }
            other => return Err(wrong(&format!("there is no executor `{other}`"))),
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
                if *rate <= 0.0 {
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
                unit,
                allocated,
                max,
                ..
            } => {
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
