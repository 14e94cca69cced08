//! What k6 exports, in our words.

use serde_json::{Map, Value, json};

use crate::details::{Check, LoadDetails, Metric, Threshold};

/// Tells what k6 exported in our words.
pub(crate) fn translate(exported: &Value) -> LoadDetails {
    let empty = Map::new();
    let mut details = LoadDetails::default();
    let metrics = exported
        .get("metrics")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    for (name, entry) in metrics {
        let Some(entry) = entry.as_object() else {
            continue;
        };
        let kind = if entry.contains_key("passes") {
            "rate"
        } else if entry.contains_key("count") && entry.contains_key("rate") {
            "counter"
        } else if entry.contains_key("value") {
            "gauge"
        } else {
            "trend"
        };
        let values = entry.iter().filter_map(|(key, value)| {
            let key = if kind == "rate" && key == "value" {
                "rate"
            } else {
                key
            };
            Some((key.to_owned(), value.as_f64()?))
        });
        let metric = Metric {
            kind: kind.to_owned(),
            contains: contains(name).to_owned(),
            samples: None,
            values: values.collect(),
        };
        let samples = samples(kind, &metric);
        // Here `true` means that it was missed.
        let thresholds = entry
            .get("thresholds")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        for (condition, missed) in thresholds {
            let label = condition
                .split(['<', '>', '=', '!'])
                .next()
                .unwrap_or_default()
                .trim();
            details.thresholds.push(Threshold {
                metric: name.clone(),
                condition: condition.clone(),
                value: metric
                    .values
                    .get(label)
                    .copied()
                    .filter(|_| samples != Some(0)),
                samples,
                ok: missed.as_bool() != Some(true),
            });
        }
        details
            .metrics
            .insert(name.clone(), Metric { samples, ..metric });
    }
    if let Some(root) = exported.get("root_group") {
        checks(root, &mut details.checks);
    }
    let rate = details.value("iterations", "rate");
    let vus = details.value("vus_max", "max");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "k6's counts"
    )]
    let whole = |value: Option<f64>| value.unwrap_or(0.0) as u64;
    let iterations = details.value("iterations", "count");
    details.iterations = whole(iterations);
    details.vus_max = whole(vus);
    if let (Some(count), Some(rate)) = (iterations, rate) {
        details.duration_ms = if rate > 0.0 { count / rate * 1e3 } else { 0.0 };
    }
    details
}

/// Returns what k6 exported in the shape `1.0.0` of newer versions. `details` are of the same run.
pub(super) fn machine_readable(exported: &Value, details: &LoadDetails) -> Value {
    let metrics = exported["metrics"].as_object().into_iter().flatten();
    let metric = |(name, entry): (&String, &Value)| {
        let kind = details
            .metrics
            .get(name)
            .map_or("trend", |it| it.kind.as_str());
        let number = |key: &str| entry[key].as_f64().unwrap_or(0.0);
        let keep = |keys: &[&str]| -> Map<String, Value> {
            let kept = keys
                .iter()
                .filter_map(|key| Some(((*key).to_owned(), entry.get(*key)?.clone())));
            kept.collect()
        };
        let values = match kind {
            "counter" => keep(&["count"]).into(),
            "gauge" => keep(&["max", "min", "value"]).into(),
            "rate" => json!({
                "matches": entry["passes"],
                "rate": entry["value"],
                "total": number("passes") + number("fails"),
            }),
            _ => Value::from(keep(&["avg", "max", "med", "min", "p(90)", "p(95)"])),
        };
        json!({"contains": contains(name), "name": name, "type": kind, "values": values})
    };
    let (passes, fails) = details
        .checks
        .iter()
        .fold((0, 0), |sum, it| (sum.0 + it.passes, sum.1 + it.fails));
    let total = passes + fails;
    #[expect(clippy::cast_precision_loss, reason = "a number of checks")]
    let part = |name: &str, hits: u64| {
        let rate = if total > 0 {
            hits as f64 / total as f64
        } else {
            0.0
        };
        json!({
            "contains": "default", "name": name, "type": "rate",
            "values": {"matches": hits, "rate": rate, "total": total},
        })
    };
    let results = details.checks.iter();
    let results =
        results.map(|it| json!({"fails": it.fails, "name": it.name, "passes": it.passes}));
    json!({
        "config": {"duration": details.duration_ms / 1e3, "execution": "local", "script": details.script},
        "metadata": {
            "generatedAt": jiff::Timestamp::now().to_string(),
            "k6Version": details.engine.trim_start_matches("k6 ").trim_start_matches('v'),
        },
        "results": {
            "checks": {
                "metrics": [
                    {"contains": "default", "name": "checks_total", "type": "counter", "values": {"count": total}},
                    part("checks_failed", fails),
                    part("checks_succeeded", passes),
                ],
                "results": results.collect::<Vec<_>>(),
            },
            "metrics": metrics.filter(|it| it.0 != "checks").map(metric).collect::<Vec<_>>(),
        },
        "version": "1.0.0",
    })
}

/// Returns what the samples of one of k6's own metrics are; the export does not say it.
fn contains(name: &str) -> &'static str {
    let base = name.split('{').next().unwrap_or(name);
    match base {
        "data_sent" | "data_received" => "data",
        "http_req_failed" | "http_reqs" => "default",
        "iteration_duration" | "group_duration" => "time",
        _ if base.starts_with("http_req_") => "time",
        _ => "default",
    }
}

/// Returns how many samples there were, where k6 lets it be known.
fn samples(kind: &str, metric: &Metric) -> Option<u64> {
    let value = |name: &str| metric.values.get(name).copied().unwrap_or(0.0);
    match kind {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "k6's counts"
        )]
        "rate" => Some((value("passes") + value("fails")) as u64),
        "trend" if metric.values.values().all(|it| *it == 0.0) => Some(0),
        _ => None,
    }
}

fn checks(group: &Value, all: &mut Vec<Check>) {
    let path = group
        .get("path")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
    for (name, check) in group
        .get("checks")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        all.push(Check {
            group: path.to_owned(),
            name: name.clone(),
            passes: number(check, "passes"),
            fails: number(check, "fails"),
        });
    }
    for (_, inner) in group
        .get("groups")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        checks(inner, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_k6_exports_is_told_in_our_words() {
        let exported = json!({
            "root_group": {"path": "", "checks": {"ok": {"passes": 3, "fails": 1}}, "groups": {
                "a": {"path": "::a", "checks": {"in": {"passes": 1, "fails": 0}}, "groups": {}}}},
            "metrics": {
                "checks": {"passes": 4, "fails": 1, "value": 0.8, "thresholds": {"rate>0.9": true}},
                "iterations": {"count": 4, "rate": 2.0},
                "http_req_duration": {"avg": 1.5, "p(95)": 2.5, "thresholds": {"p(95)<500": false}},
            },
        });
        let details = translate(&exported);
        assert_eq!(details.iterations, 4);
        assert_eq!(details.value("checks", "rate"), Some(0.8));
        assert!((details.duration_ms - 2_000.0).abs() < 1e-9);
        let missed: Vec<&str> = details
            .thresholds
            .iter()
            .filter(|it| !it.ok)
            .map(|it| it.metric.as_str())
            .collect();
        assert_eq!(missed, ["checks"]);
        assert_eq!(details.checks[1].group, "::a");
    }
}
