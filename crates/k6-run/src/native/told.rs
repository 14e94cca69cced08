//! A finished run, in our words and in the script's own.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use autoscaleops_core::{Console, file};
use autoscaleops_k6_engine::{
    js::StopReason,
    metrics::{Contains, Kind, Sink, WS_SESSIONS},
    run::{Finished, Stumble},
    span,
    summary::{self, Shape},
};
use serde_json::{Map, Value};

use crate::details::{Check, EndedEarly, Generator, LoadDetails, Metric, Threshold};

/// Returns what is known of a finished run.
pub(super) fn details(
    script: &Path,
    finished: &mut Finished,
    shape: &Shape,
    workers: usize,
    must_not_saturate: bool,
) -> LoadDetails {
    let health = finished.health;
    let sockets = finished.totals.sinks.get(WS_SESSIONS);
    let tried = sockets.is_some_and(|it| it.as_ref().is_some_and(|it| it.count() > 0));
    LoadDetails {
        engine: "native".to_owned(),
        script: script.display().to_string(),
        duration_ms: finished.duration.as_secs_f64() * 1e3,
        iterations: finished.completed,
        interrupted: finished.interrupted,
        exceptions: finished.thrown,
        first_exception: finished.first_thrown.clone(),
        sockets_opened: tried.then_some(finished.sockets_opened),
        vus_max: finished.vus_max,
        thresholds: finished
            .thresholds
            .iter()
            .map(|it| Threshold {
                metric: it.metric.clone(),
                condition: it.source.clone(),
                // A distribution of nothing is told as zeros, which nobody has measured.
                value: it
                    .value
                    .filter(|_| it.samples > 0 || ["count", "rate"].contains(&it.label.as_str())),
                samples: Some(it.samples),
                ok: it.holds,
            })
            .collect(),
        checks: finished
            .totals
            .checks
            .all
            .iter()
            .map(|(group, name, passes, fails)| Check {
                group: group.clone(),
                name: name.clone(),
                passes: *passes,
                fails: *fails,
            })
            .collect(),
        generator: Some(Generator {
            workers,
            loop_lag_p99_ms: health.loop_lag_p99_ms,
            start_lag_p99_ms: health.start_lag_p99_ms,
            busy: health.busy,
            // Too short a run says little about lateness.
            saturated: health.busy > 0.8
                || (health.loop_lag_p99_ms > 10.0 && finished.duration.as_secs() >= 5),
            must_not_saturate,
        }),
        ended_early: early(finished),
        metrics: metrics(finished, shape),
        ..LoadDetails::default()
    }
}

fn early(finished: &Finished) -> Option<EndedEarly> {
    if let Some(text) = &finished.broken {
        return Some(EndedEarly::Broken(text.clone()));
    }
    match &finished.setup {
        Some(Stumble::Thrown(text)) => return Some(EndedEarly::Setup(text.clone())),
        Some(Stumble::TimedOut(limit)) => {
            return Some(EndedEarly::SetupTimeout(span::text(*limit)));
        }
        None => {}
    }
    match &finished.reason {
        Some(StopReason::Script(text)) => return Some(EndedEarly::Script(text.clone())),
        Some(StopReason::Threshold) => return Some(EndedEarly::Threshold),
        Some(StopReason::Signal) => return Some(EndedEarly::Signal),
        None => {}
    }
    match &finished.teardown {
        Some(Stumble::Thrown(text)) => return Some(EndedEarly::Teardown(text.clone())),
        Some(Stumble::TimedOut(limit)) => {
            return Some(EndedEarly::TeardownTimeout(span::text(*limit)));
        }
        None => {}
    }
    finished.marked_failed.clone().map(EndedEarly::Marked)
}

fn metrics(finished: &mut Finished, shape: &Shape) -> BTreeMap<String, Metric> {
    let exported = summary::export(finished, shape);
    let empty = Map::new();
    let metrics = exported
        .get("metrics")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    metrics
        .iter()
        .map(|(name, entry)| (name.clone(), metric(finished, name, entry)))
        .collect()
}

fn metric(finished: &mut Finished, name: &str, entry: &Value) -> Metric {
    let collector = Arc::clone(&finished.collector);
    let base = name.split('{').next().unwrap_or(name);
    let id = collector.registry.find(base);
    let kind = id
        .and_then(|it| collector.registry.get(it))
        .map_or(Kind::Counter, |it| it.kind);
    let place = collector.submetrics.iter().position(|it| it.name == name);
    let sink = match place {
        Some(place) => finished.totals.subs.get(place).and_then(Option::as_ref),
        None => id
            .and_then(|it| finished.totals.sinks.get(it))
            .and_then(Option::as_ref),
    };
    let contains = id
        .and_then(|it| collector.registry.get(it))
        .map(|it| it.contains);
    let values = entry.as_object().into_iter().flatten();
    Metric {
        kind: kind.to_string(),
        contains: match contains {
            Some(Contains::Time) => "time",
            Some(Contains::Data) => "data",
            _ => "default",
        }
        .to_owned(),
        samples: Some(sink.map_or(0, Sink::count)),
        values: values
            .filter_map(|(key, value)| {
                let key = if kind == Kind::Rate && key == "value" {
                    "rate"
                } else {
                    key
                };
                Some((key.to_owned(), value.as_f64()?))
            })
            .collect(),
    }
}

/// Returns what `handleSummary` returned for one target, where that can be written.
fn bytes(content: &Value) -> Option<Vec<u8>> {
    let text = content.as_str().map(|it| it.as_bytes().to_vec());
    text.or_else(|| serde_json::from_value(content.get(summary::BYTES)?.clone()).ok())
}

/// Writes what the script's `handleSummary` made, and returns what belongs on standard output.
pub(super) fn texts(finished: &mut Finished, shape: &Shape, console: &Console) -> Result<String> {
    let Some(made) = finished.summary.clone() else {
        let look = console.look();
        let paint = |good: bool, text: &str| {
            let color = if good {
                anstyle::AnsiColor::Green
            } else {
                anstyle::AnsiColor::Red
            };
            look.paint(color.on_default(), text)
        };
        return Ok(summary::text(finished, shape, &paint));
    };
    let mut own = String::new();
    for (target, content) in &made {
        let Some(content) = bytes(content) else {
            console.warn(&format!(
                "handleSummary returned for `{target}` what is neither a string nor an ArrayBuffer"
            ));
            continue;
        };
        let text = || String::from_utf8_lossy(&content);
        match target.as_str() {
            "stdout" => own.push_str(&text()),
            "stderr" => console.say(text().trim_end()),
            path => file::replace(Path::new(path), &content)
                .with_context(|| format!("cannot write `{path}`, which handleSummary asks for"))?,
        }
    }
    Ok(own)
}
