//! Numbers that are given as texts, as `vus: __ENV.VUS` gives them.

use serde_json::Value;

const OPTIONS: [&str; 6] = [
    "vus",
    "iterations",
    "batch",
    "batchPerHost",
    "maxRedirects",
    "rps",
];

const SCENARIO: [&str; 7] = [
    "vus",
    "iterations",
    "startVUs",
    "rate",
    "startRate",
    "preAllocatedVUs",
    "maxVUs",
];

/// Makes numbers of texts where k6 does: whole ones, and nothing of an empty one.
pub(super) fn read(options: &mut Value) {
    make(options, &OPTIONS);
    let scenarios = options.get_mut("scenarios").and_then(Value::as_object_mut);
    for scenario in scenarios.into_iter().flat_map(|it| it.values_mut()) {
        make(scenario, &SCENARIO);
    }
}

fn make(object: &mut Value, names: &[&str]) {
    for name in names {
        number(object.get_mut(*name));
    }
    let stages = object.get_mut("stages").and_then(Value::as_array_mut);
    for stage in stages.into_iter().flatten() {
        number(stage.get_mut("target"));
    }
}

fn number(value: Option<&mut Value>) {
    if let Some(value) = value
        && let Some(text) = value.as_str()
    {
        match text.parse::<i64>() {
            Ok(number) => *value = number.into(),
            Err(_) if text.is_empty() => *value = Value::Null,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_number_may_be_a_text() {
        let mut options = json!({
            "vus": "2", "iterations": "", "rps": "1.5", "batch": " 1", "tags": {"vus": "3"},
            "stages": [{"target": "4"}],
            "scenarios": {"a": {"rate": "5", "stages": [{"target": "6"}], "exec": "7"}},
        });
        read(&mut options);
        let wanted = json!({
            "vus": 2, "iterations": null, "rps": "1.5", "batch": " 1", "tags": {"vus": "3"},
            "stages": [{"target": 4}],
            "scenarios": {"a": {"rate": 5, "stages": [{"target": 6}], "exec": "7"}},
        });
        assert_eq!(options, wanted);
    }
}
