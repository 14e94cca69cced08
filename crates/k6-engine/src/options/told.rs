//! The options of a run as `exec.test.options` shows them: every one that k6 knows, `null` where it was
//! left out, the short forms of load as the scenario that they stand for.

use serde_json::{Map, Value, json};

use crate::{js::SYSTEM_TAGS, span};

/// The names of options, in the order of k6.
const NAMES: [&str; 38] = [
    "paused",
    "scenarios",
    "executionSegment",
    "executionSegmentSequence",
    "noSetup",
    "setupTimeout",
    "noTeardown",
    "teardownTimeout",
    "rps",
    "dns",
    "maxRedirects",
    "userAgent",
    "batch",
    "batchPerHost",
    "httpDebug",
    "insecureSkipTLSVerify",
    "tlsCipherSuites",
    "tlsVersion",
    "tlsAuth",
    "throw",
    "thresholds",
    "blacklistIPs",
    "blockHostnames",
    "hosts",
    "noConnectionReuse",
    "noVUConnectionReuse",
    "minIterationDuration",
    "ext",
    "summaryTrendStats",
    "summaryTimeUnit",
    "systemTags",
    "tags",
    "metricSamplesBufferSize",
    "noCookiesReset",
    "discardResponseBodies",
    "consoleOutput",
    "localIPs",
    "cloud",
];

/// The fields that every scenario has, in the order of k6.
const COMMON: [&str; 6] = [
    "executor",
    "startTime",
    "gracefulStop",
    "env",
    "exec",
    "tags",
];

/// Returns the fields of an executor.
fn fields(executor: &str) -> &'static [&'static str] {
    match executor {
        "shared-iterations" | "per-vu-iterations" => &["vus", "iterations", "maxDuration"],
        "constant-vus" => &["vus", "duration"],
        "ramping-vus" => &["startVUs", "stages", "gracefulRampDown"],
        "constant-arrival-rate" => &["rate", "timeUnit", "duration", "preAllocatedVUs", "maxVUs"],
        "ramping-arrival-rate" => &[
            "startRate",
            "timeUnit",
            "stages",
            "preAllocatedVUs",
            "maxVUs",
        ],
        _ => &[],
    }
}

/// Returns all options from those that were given.
pub fn told(given: &Value) -> Value {
    let mut given = given.clone();
    super::numbers::read(&mut given);
    let given = &given;
    let mut all = Map::new();
    for name in NAMES {
        let value = given.get(name).cloned().unwrap_or(Value::Null);
        // The cloud's options are shown where there are some.
        if name == "cloud" && value.is_null() {
            continue;
        }
        let value = match (name, value) {
            ("scenarios", value) => scenarios(given, &value),
            ("setupTimeout" | "teardownTimeout" | "minIterationDuration", value) => length(&value),
            ("dns", value) => {
                let part = |name: &str| value.get(name).cloned().unwrap_or(Value::Null);
                json!({"ttl": part("ttl"), "select": part("select"), "policy": part("policy")})
            }
            ("tlsVersion", Value::String(one)) => json!({"min": one, "max": one}),
            ("thresholds", Value::Object(mut thresholds)) => {
                let lists = thresholds.values_mut().filter_map(Value::as_array_mut);
                for delay in lists
                    .flatten()
                    .filter_map(|it| it.get_mut("delayAbortEval"))
                {
                    *delay = length(delay);
                }
                Value::Object(thresholds)
            }
            ("summaryTrendStats", Value::Null) => json!(crate::summary::TREND_STATS),
            ("systemTags", value) => {
                let mut tags: Vec<&str> = match &value {
                    Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
                    _ => SYSTEM_TAGS[..14].to_vec(),
                };
                tags.sort_unstable();
                json!(tags)
            }
            (_, value) => value,
        };
        all.insert(name.to_owned(), value);
    }
    Value::Object(all)
}

/// Writes a length of time as Go does.
fn length(value: &Value) -> Value {
    let read = match value {
        Value::String(text) => span::parse(text),
        Value::Number(number) => span::parse(&number.to_string()),
        _ => None,
    };
    read.map_or_else(|| value.clone(), |it| span::text(it).into())
}

fn scenarios(given: &Value, scenarios: &Value) -> Value {
    let is_given = |name: &str| given.get(name).filter(|it| !it.is_null());
    if let Some(scenarios) = scenarios.as_object().filter(|it| !it.is_empty()) {
        let all = scenarios.iter();
        return all.map(|(name, it)| (name.clone(), scenario(it))).collect();
    }
    let executor = if is_given("stages").is_some() {
        "ramping-vus"
    } else if is_given("iterations").is_some() {
        "shared-iterations"
    } else if is_given("duration").is_some() {
        "constant-vus"
    } else {
        return json!({"default": scenario(&json!({"executor": "per-vu-iterations"}))});
    };
    let mut short = given.clone();
    short["executor"] = executor.into();
    match executor {
        "ramping-vus" => short["startVUs"] = given.get("vus").cloned().unwrap_or(Value::Null),
        "shared-iterations" => {
            short["maxDuration"] = given.get("duration").cloned().unwrap_or(Value::Null);
        }
        _ => {}
    }
    // These are of the run, not of a scenario.
    short["tags"] = Value::Null;
    json!({"default": scenario(&short)})
}

fn scenario(given: &Value) -> Value {
    let executor = given["executor"].as_str().unwrap_or_default();
    let names = COMMON.iter().chain(fields(executor));
    let pairs = names.map(|name| {
        let value = given.get(*name).cloned().unwrap_or(Value::Null);
        let value = match (*name, value) {
            ("stages", Value::Array(mut stages)) => {
                for duration in stages.iter_mut().filter_map(|it| it.get_mut("duration")) {
                    *duration = length(duration);
                }
                Value::Array(stages)
            }
            (
                "startTime" | "gracefulStop" | "maxDuration" | "duration" | "timeUnit"
                | "gracefulRampDown",
                value,
            ) => length(&value),
            (_, value) => value,
        };
        ((*name).to_owned(), value)
    });
    Value::Object(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_form_is_shown_as_its_scenario() {
        let all = told(&json!({"vus": 2, "iterations": 4, "duration": "90s", "tags": {"a": "b"}}));
        let scenario = &all["scenarios"]["default"];
        assert_eq!(scenario["executor"], "shared-iterations");
        assert_eq!(scenario["maxDuration"], "1m30s");
        assert_eq!(
            (&scenario["tags"], &all["tags"]["a"]),
            (&Value::Null, &json!("b"))
        );
        let all = told(&json!({"stages": [{"duration": 1500, "target": 1}]}));
        let scenario = &all["scenarios"]["default"];
        assert_eq!(
            scenario["stages"],
            json!([{"duration": "1.5s", "target": 1}])
        );
        assert_eq!(all["userAgent"], Value::Null);
        assert_eq!(
            told(&Value::Null)["scenarios"]["default"]["executor"],
            "per-vu-iterations"
        );
    }
}
