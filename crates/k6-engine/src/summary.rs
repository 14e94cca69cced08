//! The result of a run in the shapes that k6 has for it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::{
    js::md5_of,
    metrics::{Contains, Kind, Sink, Trend},
    run::Finished,
};

mod text;

pub use text::text;

/// The one key of an object that stands for bytes which `handleSummary` returned.
pub const BYTES: &str = "\u{1}bytes";

/// What of trends is told when the options do not say it.
pub const TREND_STATS: [&str; 6] = ["avg", "min", "med", "max", "p(90)", "p(95)"];

/// How a summary is made.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What of trends is told.
    pub trend_stats: Vec<String>,
    /// The unit of times: `s`, `ms`, `us`, or the best for each.
    pub time_unit: Option<String>,
    /// Whether standard output is a terminal.
    pub is_terminal: bool,
}

/// One line of a summary: a metric, or the part of it with certain tags.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) contains: Contains,
    pub(crate) values: Vec<(String, f64)>,
    /// The condition, and whether it holds.
    pub(crate) thresholds: Vec<(String, bool)>,
}

/// Returns one statistic of a trend.
///
/// # Errors
///
/// Fails when there is no such statistic.
pub fn statistic(trend: &mut Trend, name: &str) -> Result<f64, String> {
    Ok(match name {
        "avg" => trend.average(),
        "min" => trend.min(),
        "max" => trend.max(),
        "med" => trend.percentile(0.5),
        "count" => trend.count() as f64,
        other => {
            let percent = other.strip_prefix("p(").and_then(|it| it.strip_suffix(')'));
            let percent: f64 = percent
                .and_then(|it| it.parse().ok())
                .filter(|it| (0.0..=100.0).contains(it))
                .ok_or_else(|| format!("`{other}` is no statistic of a trend"))?;
            trend.percentile(percent / 100.0)
        }
    })
}

fn values(sink: &mut Sink, stats: &[String], duration: Duration) -> Vec<(String, f64)> {
    let pair = |name: &str, value: f64| (name.to_owned(), value);
    match sink {
        Sink::Counter { sum, .. } => {
            let seconds = duration.as_secs_f64();
            let rate = if seconds > 0.0 { *sum / seconds } else { 0.0 };
            vec![pair("count", *sum), pair("rate", rate)]
        }
        Sink::Gauge { last, min, max, .. } => {
            vec![pair("value", *last), pair("min", *min), pair("max", *max)]
        }
        Sink::Rate { hits, total } => {
            let share = if *total > 0 {
                *hits as f64 / *total as f64
            } else {
                0.0
            };
            vec![
                pair("rate", share),
                pair("passes", *hits as f64),
                pair("fails", (*total - *hits) as f64),
            ]
        }
        Sink::Trend(trend) => stats
            .iter()
            .map(|name| pair(name, statistic(trend, name).unwrap_or_default()))
            .collect(),
    }
}

/// Returns all metrics that have samples or thresholds, in the order of their names.
pub(crate) fn rows(finished: &mut Finished, shape: &Shape) -> Vec<Row> {
    let collector = std::sync::Arc::clone(&finished.collector);
    let mut rows = Vec::new();
    let thresholds = |name: &str| -> Vec<(String, bool)> {
        let own = finished.thresholds.iter().filter(|it| it.metric == name);
        own.map(|it| (it.source.clone(), it.holds)).collect()
    };
    let definitions = collector.registry.all();
    for (id, metric) in definitions.iter().enumerate() {
        let own = thresholds(&metric.name);
        let mut empty = Sink::new(metric.kind);
        let sink = match finished.totals.sinks.get_mut(id).and_then(Option::as_mut) {
            Some(sink) => sink,
            None if own.is_empty() => continue,
            None => &mut empty,
        };
        rows.push(Row {
            name: metric.name.clone(),
            kind: metric.kind,
            contains: metric.contains,
            values: values(sink, &shape.trend_stats, finished.duration),
            thresholds: own,
        });
    }
    for (place, sub) in collector.submetrics.iter().enumerate() {
        let parent = &definitions[sub.parent];
        let own = thresholds(&sub.name);
        let mut empty = Sink::new(parent.kind);
        let sink = match finished.totals.subs.get_mut(place).and_then(Option::as_mut) {
            Some(sink) => sink,
            None if own.is_empty() => continue,
            None => &mut empty,
        };
        rows.push(Row {
            name: sub.name.clone(),
            kind: parent.kind,
            contains: parent.contains,
            values: values(sink, &shape.trend_stats, finished.duration),
            thresholds: own,
        });
    }
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    rows
}

/// Returns what `--summary-export` writes. There, `true` beside a threshold means that it was missed.
pub fn export(finished: &mut Finished, shape: &Shape) -> Value {
    let mut metrics = Map::new();
    for row in rows(finished, shape) {
        let mut entry = Map::new();
        for (name, value) in row.values {
            let name = if row.kind == Kind::Rate && name == "rate" {
                "value".to_owned()
            } else {
                name
            };
            entry.insert(name, number(value));
        }
        if !row.thresholds.is_empty() {
            let missed = row
                .thresholds
                .into_iter()
                .map(|(source, holds)| (source, Value::Bool(!holds)));
            entry.insert("thresholds".to_owned(), Value::Object(missed.collect()));
        }
        metrics.insert(row.name, Value::Object(entry));
    }
    let root = group(finished, "", &|nodes| by_name(nodes));
    let mut exported = json!({"root_group": root, "metrics": metrics});
    if let Some(data) = setup_data(finished) {
        exported["setup_data"] = data;
    }
    exported
}

/// Returns what `setup` returned.
fn setup_data(finished: &Finished) -> Option<Value> {
    serde_json::from_str(finished.setup_data.as_deref()?).ok()
}

/// Returns what `handleSummary` gets. There, `ok` beside a threshold means that it holds.
pub fn for_script(finished: &mut Finished, shape: &Shape) -> Value {
    let mut metrics = Map::new();
    for row in rows(finished, shape) {
        let values: Map<String, Value> = row
            .values
            .into_iter()
            .map(|(name, value)| (name, number(value)))
            .collect();
        let mut entry = json!({"type": row.kind, "contains": row.contains, "values": values});
        if !row.thresholds.is_empty() {
            let judged = row
                .thresholds
                .into_iter()
                .map(|(source, holds)| (source, json!({"ok": holds})));
            entry["thresholds"] = Value::Object(judged.collect());
        }
        metrics.insert(row.name, entry);
    }
    let mut data = json!({
        "root_group": group(finished, "", &Value::Array),
        "options": {
            "summaryTrendStats": shape.trend_stats,
            "summaryTimeUnit": shape.time_unit.clone().unwrap_or_default(),
            "noColor": !shape.is_terminal,
        },
        "state": {
            "isStdOutTTY": shape.is_terminal,
            "isStdErrTTY": shape.is_terminal,
            "testRunDurationMs": finished.duration.as_nanos() as f64 / 1e6,
        },
        "metrics": metrics,
    });
    if let Some(setup_data) = setup_data(finished) {
        data["setup_data"] = setup_data;
    }
    data
}

/// Returns the summary in the shape `1.0.0` that newer versions of k6 write for programs.
///
/// `version` is that of the program, in the form of semantic versioning.
pub fn machine_readable(
    finished: &mut Finished,
    shape: &Shape,
    script: &str,
    version: &str,
) -> Value {
    let rows = rows(finished, shape);
    let metrics = rows.iter().filter(|it| it.name != "checks");
    let metrics: Vec<Value> = metrics.map(machine_metric).collect();
    let (passes, total) = finished.totals.rate(crate::metrics::CHECKS);
    let seconds = finished.duration.as_secs_f64();
    let part = |name: &str, hits: u64| {
        let rate = if total > 0 {
            hits as f64 / total as f64
        } else {
            0.0
        };
        json!({
            "contains": "default", "name": name, "type": "rate",
            "values": {"matches": hits, "rate": number(rate), "total": total},
        })
    };
    let checks: Vec<Value> = finished
        .totals
        .checks
        .all
        .iter()
        .map(|(_, name, passes, fails)| json!({"fails": fails, "name": name, "passes": passes}))
        .collect();
    json!({
        "config": {"duration": number(seconds), "execution": "local", "script": script},
        "metadata": {"generatedAt": jiff::Timestamp::now().to_string(), "k6Version": version},
        "results": {
            "checks": {
                "metrics": [
                    {"contains": "default", "name": "checks_total", "type": "counter", "values": {"count": total}},
                    part("checks_failed", total - passes),
                    part("checks_succeeded", passes),
                ],
                "results": checks,
            },
            "metrics": metrics,
        },
        "version": "1.0.0",
    })
}

fn machine_metric(row: &Row) -> Value {
    let find = |name: &str| {
        let found = row.values.iter().find(|it| it.0 == name);
        found.map_or(0.0, |it| it.1)
    };
    let values = match row.kind {
        Kind::Counter => json!({"count": number(find("count"))}),
        Kind::Gauge => json!({
            "max": number(find("max")), "min": number(find("min")), "value": number(find("value")),
        }),
        Kind::Rate => json!({
            "matches": number(find("passes")),
            "rate": number(find("rate")),
            "total": number(find("passes") + find("fails")),
        }),
        Kind::Trend => ["avg", "max", "med", "min", "p(90)", "p(95)"]
            .into_iter()
            .filter(|name| row.values.iter().any(|it| it.0 == *name))
            .map(|name| (name.to_owned(), number(find(name))))
            .collect::<Map<_, _>>()
            .into(),
    };
    json!({"contains": row.contains, "name": row.name, "type": row.kind, "values": values})
}

/// Writes whole numbers without a point.
pub(crate) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Value::from(value as i64);
    }
    Value::from(value)
}

fn by_name(nodes: Vec<Value>) -> Value {
    let named = nodes
        .into_iter()
        .map(|node| (node["name"].as_str().unwrap_or_default().to_owned(), node));
    Value::Object(named.collect())
}

/// Returns the group `path` with its checks, and the groups in it.
fn group(finished: &Finished, path: &str, collect: &dyn Fn(Vec<Value>) -> Value) -> Value {
    let checks = &finished.totals.checks.all;
    let own: Vec<Value> = checks
        .iter()
        .filter(|it| it.0 == path)
        .map(|(group, name, passes, fails)| {
            let path = format!("{group}::{name}");
            json!({"name": name, "path": path, "id": md5_of(&path), "passes": passes, "fails": fails})
        })
        .collect();
    let mut inner: Vec<&str> = Vec::new();
    let entered = finished.totals.checks.groups.iter();
    for other in entered.chain(checks.iter().map(|it| &it.0)) {
        let rest = other
            .strip_prefix(path)
            .and_then(|it| it.strip_prefix("::"));
        if let Some(rest) = rest {
            let name = rest.split("::").next().unwrap_or_default();
            if !inner.contains(&name) {
                inner.push(name);
            }
        }
    }
    let inner: Vec<Value> = inner
        .iter()
        .map(|name| group(finished, &format!("{path}::{name}"), collect))
        .collect();
    let name = path.rsplit("::").next().unwrap_or_default();
    json!({"name": name, "path": path, "id": md5_of(path), "groups": collect(inner), "checks": collect(own)})
}
