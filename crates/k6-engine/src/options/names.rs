//! Names of options in another case, which k6 takes as well.

use serde_json::{Map, Value};

use super::scenario::fields;

/// The options of a script.
const OPTIONS: [&str; 36] = [
    "vus",
    "duration",
    "iterations",
    "stages",
    "scenarios",
    "thresholds",
    "batch",
    "batchPerHost",
    "maxRedirects",
    "userAgent",
    "insecureSkipTLSVerify",
    "discardResponseBodies",
    "noConnectionReuse",
    "noVUConnectionReuse",
    "noCookiesReset",
    "throw",
    "rps",
    "tags",
    "systemTags",
    "summaryTrendStats",
    "summaryTimeUnit",
    "setupTimeout",
    "teardownTimeout",
    "minIterationDuration",
    "hosts",
    "blockHostnames",
    "blacklistIPs",
    "tlsAuth",
    "tlsCipherSuites",
    "tlsVersion",
    "noSetup",
    "noTeardown",
    "noThresholds",
    "noSummary",
    "executionSegment",
    "localIPs",
];

const STAGE: [&str; 2] = ["duration", "target"];

/// Writes the names of options, of scenarios and of stages as they are known.
pub(super) fn read(options: &mut Value) {
    if let Some(options) = options.as_object_mut() {
        known(options, OPTIONS);
        stages(options);
    }
    let scenarios = options.get_mut("scenarios").and_then(Value::as_object_mut);
    let scenarios = scenarios.into_iter().flat_map(|it| it.values_mut());
    for scenario in scenarios.filter_map(Value::as_object_mut) {
        known(scenario, fields());
        stages(scenario);
    }
}

fn stages(object: &mut Map<String, Value>) {
    let stages = object.get_mut("stages").and_then(Value::as_array_mut);
    for stage in stages
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        known(stage, STAGE);
    }
}

/// A name that is there as it should be wins over the same in another case.
fn known(object: &mut Map<String, Value>, names: impl IntoIterator<Item = &'static str>) {
    for name in names {
        if object.contains_key(name) {
            continue;
        }
        let other = object.keys().find(|it| it.eq_ignore_ascii_case(name));
        if let Some(value) = other.cloned().and_then(|it| object.remove(&it)) {
            object.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::Options, *};

    #[test]
    fn names_in_another_case_are_those_that_are_known() {
        let mut options = json!({
            "VUs": 2, "vus": 3, "ITERATIONS": 4, "Stages": [{"Target": 1, "duration": "1s"}], "mine": 1,
            "scenarios": {"MyOwn": {"Executor": "ramping-vus", "startvus": 5, "stages": [{"DURATION": "1s", "target": 2}]}},
        });
        read(&mut options);
        assert_eq!(
            options,
            json!({
                "VUs": 2, "vus": 3, "iterations": 4, "stages": [{"target": 1, "duration": "1s"}], "mine": 1,
                "scenarios": {"MyOwn": {"executor": "ramping-vus", "startVUs": 5, "stages": [{"duration": "1s", "target": 2}]}},
            })
        );
    }

    #[test]
    fn each_name_is_one_that_something_is_known_of() {
        for name in OPTIONS {
            let Ok(options) = Options::parse(&json!({name: true})) else {
                continue;
            };
            assert_eq!(options.unknown(), [""; 0], "{name}");
        }
    }
}
