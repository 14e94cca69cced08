//! The shapes in which k6 tells a result, each brought to that of `--summary-export`.

use serde_json::{Map, Value, json};

use super::translate::translate;
use crate::details::LoadDetails;

/// Reads a result in any of k6's shapes for a whole run: the summary export, what `handleSummary`
/// gets, or the shape `1.0.0`.
pub(crate) fn any_shape(value: &Value) -> Option<LoadDetails> {
    if let Some(results) = value
        .get("results")
        .filter(|it| it.get("metrics").is_some())
    {
        let duration = value["config"]["duration"].as_f64().unwrap_or(0.0);
        let mut details = translate(&of_results(results, duration));
        details.duration_ms = duration * 1e3;
        details.script = text(&value["config"]["script"]);
        if let Some(version) = value["metadata"]["k6Version"].as_str() {
            details.engine = match version.strip_suffix("+k6-run") {
                Some(_) => "native".to_owned(),
                None => format!("k6 v{version}"),
            };
        }
        return Some(details);
    }
    let metrics = value.get("metrics")?.as_object()?;
    if !metrics.values().any(|it| it.get("values").is_some()) {
        return Some(translate(value));
    }
    let mut details = translate(&of_script(value, metrics));
    if let Some(millis) = value["state"]["testRunDurationMs"].as_f64() {
        details.duration_ms = millis;
    }
    for (name, metric) in metrics {
        if let Some(known) = details.metrics.get_mut(name) {
            known.kind = text(&metric["type"]);
            known.contains = text(&metric["contains"]);
        }
    }
    Some(details)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn of_script(value: &Value, metrics: &Map<String, Value>) -> Value {
    let mut flat = Map::new();
    for (name, metric) in metrics {
        let mut entry = Map::new();
        for (key, number) in metric["values"].as_object().into_iter().flatten() {
            let is_share = metric["type"] == "rate" && key == "rate";
            let key = if is_share { "value" } else { key };
            entry.insert(key.to_owned(), number.clone());
        }
        let thresholds = metric["thresholds"].as_object().into_iter().flatten();
        // Here `ok` means that it holds, there `true` that it was missed.
        let missed: Map<String, Value> = thresholds
            .map(|(condition, one)| (condition.clone(), (one["ok"] != true).into()))
            .collect();
        if !missed.is_empty() {
            entry.insert("thresholds".to_owned(), missed.into());
        }
        flat.insert(name.clone(), entry.into());
    }
    json!({"root_group": group(&value["root_group"]), "metrics": flat})
}

/// Names what is in a list.
fn group(group: &Value) -> Value {
    let named = |key: &str, make: &dyn Fn(&Value) -> Value| -> Map<String, Value> {
        let all = group[key].as_array().into_iter().flatten();
        all.map(|it| (text(&it["name"]), make(it))).collect()
    };
    json!({
        "path": group["path"],
        "groups": named("groups", &|it| self::group(it)),
        "checks": named("checks", &Value::clone),
    })
}

fn of_results(results: &Value, seconds: f64) -> Value {
    let checks = &results["checks"];
    let lists = [&results["metrics"], &checks["metrics"]];
    let all = lists.into_iter().filter_map(Value::as_array).flatten();
    let mut flat = Map::new();
    for metric in all {
        let name = match metric["name"].as_str() {
            Some("checks_succeeded") => "checks",
            Some("checks_total" | "checks_failed") | None => continue,
            Some(name) => name,
        };
        let values = &metric["values"];
        let number = |key: &str| values[key].as_f64().unwrap_or(0.0);
        let entry = match metric["type"].as_str() {
            Some("counter") => {
                let rate = if seconds > 0.0 {
                    number("count") / seconds
                } else {
                    0.0
                };
                json!({"count": number("count"), "rate": rate})
            }
            Some("rate") => json!({
                "value": number("rate"),
                "passes": number("matches"),
                "fails": number("total") - number("matches"),
            }),
            _ => values.clone(),
        };
        flat.insert(name.to_owned(), entry);
    }
    let checks = checks["results"].as_array().into_iter().flatten();
    let checks: Map<String, Value> = checks.map(|it| (text(&it["name"]), it.clone())).collect();
    json!({"root_group": {"path": "", "groups": {}, "checks": checks}, "metrics": flat})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_run_is_read_from_every_shape() {
        let export = json!({
            "root_group": {"path": "", "groups": {}, "checks": {"ok": {"passes": 3, "fails": 1}}},
            "metrics": {
                "checks": {"passes": 3, "fails": 1, "value": 0.75, "thresholds": {"rate>0.9": true}},
                "iterations": {"count": 4, "rate": 2.0},
                "http_req_duration": {"avg": 1.5, "p(95)": 2.5},
            },
        });
        let script = json!({
            "root_group": {"path": "", "groups": [], "checks": [{"name": "ok", "passes": 3, "fails": 1}]},
            "state": {"testRunDurationMs": 2000.0},
            "metrics": {
                "checks": {"type": "rate", "contains": "default", "values": {"passes": 3, "fails": 1, "rate": 0.75}, "thresholds": {"rate>0.9": {"ok": false}}},
                "iterations": {"type": "counter", "contains": "default", "values": {"count": 4, "rate": 2.0}},
                "http_req_duration": {"type": "trend", "contains": "time", "values": {"avg": 1.5, "p(95)": 2.5}},
            },
        });
        let machine = json!({
            "version": "1.0.0",
            "config": {"duration": 2.0, "script": "a.js"},
            "metadata": {"k6Version": "1.6.0"},
            "results": {
                "checks": {
                    "metrics": [{"name": "checks_succeeded", "type": "rate", "values": {"matches": 3, "total": 4, "rate": 0.75}}],
                    "results": [{"name": "ok", "passes": 3, "fails": 1}],
                },
                "metrics": [
                    {"name": "iterations", "type": "counter", "values": {"count": 4}},
                    {"name": "http_req_duration", "type": "trend", "contains": "time", "values": {"avg": 1.5, "p(95)": 2.5}},
                ],
            },
        });
        for (shape, judged) in [(export, 1), (script, 1), (machine, 0)] {
            let details = any_shape(&shape).unwrap();
            assert_eq!(details.iterations, 4);
            assert!((details.duration_ms - 2_000.0).abs() < 1e-9);
            assert_eq!(details.value("checks", "rate"), Some(0.75));
            assert_eq!(details.value("iterations", "rate"), Some(2.0));
            assert_eq!(details.value("http_req_duration", "p(95)"), Some(2.5));
            assert_eq!(details.metrics["http_req_duration"].contains, "time");
            assert_eq!((details.checks[0].passes, details.checks[0].fails), (3, 1));
            let missed = details.thresholds.iter().filter(|it| !it.ok).count();
            assert_eq!(missed, judged);
        }
        for other in [json!({}), json!([]), json!({"metrics": 3}), json!("x")] {
            assert!(any_shape(&other).is_none(), "{other}");
        }
    }
}
