//! The results of several runners, summed up to that of one run.

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use autoscaleops_core::Failure;
use autoscaleops_k6_engine::threshold::Expression;
use serde_json::Value;

use super::{
    bundle::MARK,
    mixture::{Curve, percentile},
};
use crate::details::{Check, LoadDetails, Metric, Threshold};

/// Reads what runners told: every marked line of the files, of the files in the folders, of standard input.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Value>> {
    let mut parts = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read standard input")?;
            gather(&text, path, &mut parts)?;
        } else if path.is_dir() {
            let mut files: Vec<PathBuf> = fs_err::read_dir(path)?
                .map(|it| it.map(|it| it.path()))
                .collect::<std::io::Result<_>>()?;
            files.sort();
            for file in files.iter().filter(|it| it.is_file()) {
                gather(&fs_err::read_to_string(file)?, file, &mut parts)?;
            }
        } else {
            let text = fs_err::read_to_string(path).context("cannot read the results")?;
            gather(&text, path, &mut parts)?;
        }
    }
    if parts.is_empty() {
        return Err(Failure::usage("no runner told a result")
            .hint("kubectl logs -l k6_cr=load,runner=true --tail=-1 | k6-run operator SCRIPT --results -")
            .into());
    }
    Ok(parts)
}

pub(crate) fn gather(text: &str, path: &Path, parts: &mut Vec<Value>) -> Result<()> {
    for (place, line) in text.lines().enumerate() {
        // Logs may put the name of the pod or a time before it.
        let Some((_, data)) = line.split_once(MARK).filter(|it| it.1.starts_with('{')) else {
            continue;
        };
        let value: Value = serde_json::from_str(data).map_err(|err| {
            Failure::usage(format!("a runner's result is cut off: {err}")).at(path, place + 1, 1)
        })?;
        if value.get("metrics").is_some_and(Value::is_object) {
            parts.push(value);
        }
    }
    Ok(())
}

/// Sums up the results, and judges the thresholds anew on the sum.
pub(crate) fn merge(parts: &[Value]) -> Result<LoadDetails> {
    let mut details = LoadDetails::default();
    let durations = parts
        .iter()
        .filter_map(|it| it["state"]["testRunDurationMs"].as_f64());
    details.duration_ms = durations.fold(0.0, f64::max);
    let mut names: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for part in parts {
        for (name, metric) in part["metrics"].as_object().into_iter().flatten() {
            names.entry(name).or_default().push(metric);
        }
        checks(&part["root_group"], &mut details.checks);
    }
    for (name, metrics) in names {
        let kind = metrics[0]["type"].as_str().unwrap_or_default();
        let curves = curves(&metrics);
        let mut metric = sum(name, kind, &metrics, &curves, details.duration_ms / 1e3);
        metrics[0]["contains"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut metric.contains);
        let mut conditions: Vec<&str> = Vec::new();
        for metric in &metrics {
            for (condition, _) in metric["thresholds"].as_object().into_iter().flatten() {
                if !conditions.contains(&condition.as_str()) {
                    conditions.push(condition);
                }
            }
        }
        for condition in conditions {
            details
                .thresholds
                .push(judged(name, condition, kind, &metric, &curves)?);
        }
        details.metrics.insert(name.to_owned(), metric);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "k6's counts"
    )]
    let whole = |value: Option<f64>| value.unwrap_or(0.0) as u64;
    details.iterations = whole(details.value("iterations", "count"));
    details.vus_max = whole(details.value("vus_max", "max"));
    Ok(details)
}

fn judged(
    name: &str,
    condition: &str,
    kind: &str,
    metric: &Metric,
    curves: &[Curve],
) -> Result<Threshold> {
    let expression = Expression::parse(condition).map_err(|err| Failure::usage(err.to_string()))?;
    let label = expression.label();
    let share = label
        .strip_prefix("p(")
        .and_then(|it| it.strip_suffix(')')?.parse::<f64>().ok());
    let nothing = metric.samples == Some(0) && kind != "counter";
    let value = match share {
        _ if nothing => None,
        Some(share) => Some(percentile(curves, share / 100.0)),
        None => metric.values.get(&label).copied(),
    };
    Ok(Threshold {
        metric: name.to_owned(),
        condition: condition.to_owned(),
        value,
        samples: metric.samples,
        ok: value.is_none_or(|it| expression.holds(it)),
    })
}

fn number(metric: &Value, name: &str) -> f64 {
    metric["values"][name].as_f64().unwrap_or(0.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "k6's counts"
)]
fn sum(name: &str, kind: &str, metrics: &[&Value], curves: &[Curve], seconds: f64) -> Metric {
    let all = |key: &str| metrics.iter().map(|it| number(it, key)).sum::<f64>();
    let least = |key: &str| {
        metrics
            .iter()
            .map(|it| number(it, key))
            .fold(f64::INFINITY, f64::min)
    };
    let most = |key: &str| {
        metrics
            .iter()
            .map(|it| number(it, key))
            .fold(f64::NEG_INFINITY, f64::max)
    };
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let (samples, values) = match kind {
        "counter" => (
            None,
            vec![
                ("count", all("count")),
                ("rate", share(all("count"), seconds)),
            ],
        ),
        "rate" => {
            let (passes, fails) = (all("passes"), all("fails"));
            let total = passes + fails;
            (
                Some(total as u64),
                vec![
                    ("rate", share(passes, total)),
                    ("passes", passes),
                    ("fails", fails),
                ],
            )
        }
        // Every runner has its own virtual users; other gauges are of one thing.
        "gauge" if name.starts_with("vus") => (
            None,
            vec![
                ("value", all("value")),
                ("min", all("min")),
                ("max", all("max")),
            ],
        ),
        "gauge" => (
            None,
            vec![
                ("value", most("value")),
                ("min", least("min")),
                ("max", most("max")),
            ],
        ),
        _ => {
            let total: f64 = curves.iter().map(|it| it.count).sum();
            let weighted: f64 = metrics
                .iter()
                .map(|it| number(it, "avg") * number(it, "count"))
                .sum();
            let values = vec![
                ("count", total),
                ("avg", share(weighted, total)),
                ("min", percentile(curves, 0.0)),
                ("med", percentile(curves, 0.5)),
                ("max", percentile(curves, 1.0)),
                ("p(90)", percentile(curves, 0.9)),
                ("p(95)", percentile(curves, 0.95)),
                ("p(99)", percentile(curves, 0.99)),
            ];
            (Some(total as u64), values)
        }
    };
    Metric {
        kind: kind.to_owned(),
        contains: String::new(),
        samples,
        values: values
            .into_iter()
            .map(|it| (it.0.to_owned(), it.1))
            .collect(),
    }
}

/// Returns what each runner told of a trend.
fn curves(metrics: &[&Value]) -> Vec<Curve> {
    let curve = |metric: &&Value| {
        let values = metric["values"].as_object().into_iter().flatten();
        let mut knots: Vec<(f64, f64)> = values
            .filter_map(|(name, value)| {
                let share = match name.as_str() {
                    "min" => 0.0,
                    "med" => 0.5,
                    "max" => 1.0,
                    other => {
                        other
                            .strip_prefix("p(")?
                            .strip_suffix(')')?
                            .parse::<f64>()
                            .ok()?
                            / 100.0
                    }
                };
                Some((share, value.as_f64()?))
            })
            .collect();
        knots.sort_by(|one, other| one.0.total_cmp(&other.0));
        Curve {
            count: number(metric, "count"),
            knots,
        }
    };
    metrics.iter().map(curve).collect()
}

fn checks(group: &Value, all: &mut Vec<Check>) {
    let path = group["path"].as_str().unwrap_or_default();
    for check in group["checks"].as_array().into_iter().flatten() {
        let name = check["name"].as_str().unwrap_or_default();
        let count = |key: &str| check[key].as_u64().unwrap_or(0);
        let known = all
            .iter_mut()
            .find(|it| it.group == path && it.name == name);
        if let Some(known) = known {
            known.passes += count("passes");
            known.fails += count("fails");
        } else {
            all.push(Check {
                group: path.to_owned(),
                name: name.to_owned(),
                passes: count("passes"),
                fails: count("fails"),
            });
        }
    }
    for inner in group["groups"].as_array().into_iter().flatten() {
        checks(inner, all);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part(count: u64, p95: f64, fails: u64) -> Value {
        json!({
            "root_group": {"path": "", "groups": [], "checks": [{"name": "ok", "path": "::ok", "passes": count, "fails": fails}]},
            "state": {"testRunDurationMs": 2_000.0},
            "metrics": {
                "iterations": {"type": "counter", "values": {"count": count, "rate": 1}},
                "checks": {"type": "rate", "values": {"rate": 1, "passes": count, "fails": fails}, "thresholds": {"rate>0.9": {"ok": fails == 0}}},
                "vus_max": {"type": "gauge", "values": {"value": 5, "min": 5, "max": 5}},
                "http_req_duration": {"type": "trend", "thresholds": {"p(95)<100": {"ok": p95 < 100.0}}, "values": {
                    "count": count, "avg": p95 / 2.0, "min": 0.0, "med": p95 / 2.0, "p(95)": p95, "max": p95}},
            },
        })
    }

    #[test]
    fn a_runner_that_missed_a_threshold_can_be_outweighed_and_one_that_held_it_can_lose() {
        // Alone the second misses p(95)<100; of all 1,000 samples, 99 % are of the first.
        let merged = merge(&[part(990, 50.0, 0), part(10, 400.0, 1)]).unwrap();
        assert_eq!(merged.iterations, 1_000);
        assert_eq!(merged.vus_max, 10);
        assert!(
            merged.thresholds.iter().all(|it| it.ok),
            "{:?}",
            merged.thresholds
        );
        let merged = merge(&[part(100, 50.0, 0), part(100, 400.0, 50)]).unwrap();
        assert!(
            merged.thresholds.iter().all(|it| !it.ok),
            "{:?}",
            merged.thresholds
        );
        assert_eq!((merged.checks[0].passes, merged.checks[0].fails), (200, 50));
        assert_eq!(merged.value("iterations", "rate"), Some(100.0));
    }

    #[test]
    fn results_are_found_in_logs_and_a_cut_one_is_an_error() {
        let mut parts = Vec::new();
        let log = format!(
            "starting\n[load-1] {MARK}{}\nend\n{MARK}{}\n",
            part(1, 1.0, 0),
            part(2, 1.0, 0)
        );
        gather(&log, Path::new("log"), &mut parts).unwrap();
        assert_eq!(parts.len(), 2);
        assert!(
            gather(
                &format!("{MARK}{{\"metrics\": {{"),
                Path::new("log"),
                &mut parts
            )
            .is_err()
        );
    }
}
