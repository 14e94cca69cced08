//! A run on the program k6, its result told in the same words.

use std::path::Path;

use anyhow::{Context as _, Result};
use autoscaleops_core::{
    Console, Failure,
    process::{Output, Run},
};
use serde_json::{Map, Value};

use crate::{
    details::{Check, EndedEarly, LoadDetails, Metric, Threshold},
    flags::RunFlags,
};

/// Runs `script` on `program` and returns what is known of the run.
pub(crate) fn run(
    program: &Path,
    script: &Path,
    flags: &RunFlags,
    console: &Console,
) -> Result<LoadDetails> {
    let version = version(program)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let export = folder.path().join("summary.json");
    let mut run = Run::new(program)
        .args(["run", "--quiet", "--no-usage-report", "--no-color"])
        .arg(format!("--summary-export={}", export.display()))
        .args(flags.k6_flags.arguments())
        .arg(script)
        // Programs are not downloaded for a test.
        .env("K6_AUTO_EXTENSION_RESOLUTION", "false");
    if flags.k6_flags.no_system_env_vars {
        run = run.arg("--include-system-env-vars=false");
    }
    let progress = console.spinner(&format!("{version} runs {}", script.display()));
    let output = run
        .capture()
        .map_err(|err| err.into_unavailable("install k6, or name it with --k6"))?;
    drop(progress);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for line in said.lines() {
        console.say(line);
    }
    let Ok(text) = fs_err::read_to_string(&export) else {
        return Err(refused(script, &output, &said));
    };
    let exported: Value =
        serde_json::from_str(&text).context("cannot read the summary that k6 wrote")?;
    if let Some(path) = &flags.k6_flags.summary_export {
        autoscaleops_core::file::replace(path, text.as_bytes())
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let mut details = translate(&exported, &said, output.status.code().unwrap_or(255));
    details.engine = version;
    details.script = script.display().to_string();
    details.text = output.text();
    Ok(details)
}

fn version(program: &Path) -> Result<String> {
    let output = Run::new(program)
        .arg("version")
        .capture()
        .map_err(|err| err.into_unavailable("install k6, or name it with --k6"))?;
    let text = output.text();
    let mut words = text.split_whitespace();
    Ok(format!(
        "{} {}",
        words.next().unwrap_or("k6"),
        words.next().unwrap_or("of unknown version")
    ))
}

/// k6 wrote no summary: it did not get as far as running anything.
fn refused(script: &Path, output: &Output, said: &str) -> anyhow::Error {
    let last = said
        .lines()
        .rev()
        .find_map(|line| line.split("msg=\"").nth(1))
        .map_or_else(|| said.trim(), |it| it.trim_end_matches('"'));
    let message = format!(
        "k6 cannot run {}: {}",
        script.display(),
        last.lines().next().unwrap_or_default()
    );
    match output.status.code() {
        Some(104 | 107 | 255) => Failure::usage(message).kind_of("script").into(),
        _ => Failure::error("k6", message).into(),
    }
}

/// Tells what k6 exported in our words. `code` is its exit code, `said` its standard error.
pub(crate) fn translate(exported: &Value, said: &str, code: i32) -> LoadDetails {
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
                value: metric.values.get(label).copied(),
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
    let thrown: Vec<&str> = said
        .lines()
        .filter(|it| it.contains("source=stacktrace") && it.contains("executor="))
        .collect();
    details.exceptions = thrown.len() as u64;
    details.first_exception = thrown.first().map(|it| message(it));
    details.ended_early = match code {
        100 => Some(EndedEarly::SetupTimeout("its limit".to_owned())),
        101 => Some(EndedEarly::TeardownTimeout("its limit".to_owned())),
        105 => Some(EndedEarly::Signal),
        107 => Some(EndedEarly::Setup(
            said.lines().last().map(message).unwrap_or_default(),
        )),
        108 => Some(EndedEarly::Script("test aborted".to_owned())),
        110 => Some(EndedEarly::Marked(String::new())),
        _ => None,
    };
    details
}

fn message(line: &str) -> String {
    let text = line.split("msg=\"").nth(1).unwrap_or(line);
    text.split("\\n")
        .next()
        .unwrap_or(text)
        .trim_end_matches('"')
        .to_owned()
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
    use serde_json::json;

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
        let said = "time=\"x\" level=error msg=\"Error: boom\\n\\tat default\" executor=per-vu-iterations scenario=default source=stacktrace";
        let details = translate(&exported, said, 99);
        assert_eq!((details.iterations, details.exceptions), (4, 1));
        assert_eq!(details.first_exception.as_deref(), Some("Error: boom"));
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
