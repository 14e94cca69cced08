//! Replicas over time, from a recording of `hpa-watch`.

use std::path::Path;

use anyhow::{Context as _, Result};
use autoscaleops_core::Failure;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How one autoscaler scaled, on the clock of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Scaling {
    /// The autoscaler, as `namespace/name`.
    pub hpa: String,
    /// Its lower bound.
    pub min: u64,
    /// Its upper bound.
    pub max: u64,
    /// Its sizes, each until the next.
    pub steps: Vec<Step>,
}

/// A size, from a moment on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Step {
    /// Seconds since the start of the run; what was before has a minus.
    pub at: f64,
    /// Replicas that are wanted.
    pub wanted: u64,
    /// Pods that are ready, where that was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<u64>,
}

/// A line of a recording, as far as it matters here.
#[derive(Deserialize)]
struct Line {
    at: Timestamp,
    #[serde(rename = "type")]
    kind: String,
    hpa: Option<String>,
    min: Option<u64>,
    max: Option<u64>,
    spec: Option<u64>,
    current: Option<u64>,
    ready: Option<u64>,
}

/// Reads how autoscalers scaled. `began` is when the run began; where it is not known, that is when
/// the recording says that its command was started, or else its own beginning.
///
/// # Errors
///
/// Fails when the file cannot be read or is no recording.
pub(crate) fn scalings(path: &Path, began: Option<Timestamp>) -> Result<Vec<Scaling>> {
    let text = fs_err::read_to_string(path).context("cannot read the recording of hpa-watch")?;
    let mut lines = Vec::new();
    for (place, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Line>(line) {
            Ok(line) => lines.push(line),
            // A recording that was cut off is good up to its last whole line.
            Err(_) if !lines.is_empty() && place + 1 == text.lines().count() => {}
            Err(err) => {
                let message = format!("`{}` is no recording of hpa-watch: {err}", path.display());
                return Err(Failure::usage(message)
                    .at(path, place + 1, 1)
                    .hint("record with: hpa-watch record -o FILE -- k6-run …")
                    .into());
            }
        }
    }
    let started = lines.iter().find(|it| it.kind == "command_started");
    let first = started.or(lines.first()).map(|it| it.at);
    let zero = began.or(first).unwrap_or_default();
    let mut found: Vec<Scaling> = Vec::new();
    for line in lines.iter().filter(|it| it.kind == "point") {
        let hpa = line.hpa.clone().unwrap_or_default();
        let step = Step {
            at: line.at.duration_since(zero).as_secs_f64(),
            wanted: line.spec.or(line.current).unwrap_or(0),
            ready: line.ready,
        };
        let place = found.iter().position(|it| it.hpa == hpa);
        let place = place.unwrap_or_else(|| {
            found.push(Scaling {
                hpa,
                ..Scaling::default()
            });
            found.len() - 1
        });
        let known = &mut found[place];
        known.min = line.min.unwrap_or(known.min);
        known.max = line.max.unwrap_or(known.max);
        let same = |last: &Step| (last.wanted, last.ready) == (step.wanted, step.ready);
        if !known.steps.last().is_some_and(same) {
            known.steps.push(step);
        }
    }
    if found.is_empty() {
        let message = format!("`{}` holds no replicas over time", path.display());
        return Err(Failure::usage(message)
            .hint("record with: hpa-watch record -o FILE -- k6-run …")
            .into());
    }
    // What happened after the last change is known up to the last line.
    if let Some(end) = lines.last() {
        let at = end.at.duration_since(zero).as_secs_f64();
        for scaling in &mut found {
            if let Some(last) = scaling.steps.last().copied().filter(|it| it.at < at) {
                scaling.steps.push(Step { at, ..last });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"at":"2026-11-23T09:00:00Z","type":"start","schema":"hpa-watch/recording/v1","version":"0.1.0"}
{"at":"2026-11-23T09:00:00Z","type":"point","hpa":"dev/shop","min":1,"max":3,"current":1,"desired":1,"spec":1,"ready":1}
{"at":"2026-11-23T09:00:05Z","type":"command_started","command":["k6-run"]}
{"at":"2026-11-23T09:00:15Z","type":"point","hpa":"dev/shop","min":1,"max":3,"current":1,"desired":3,"spec":3,"ready":1}
{"at":"2026-11-23T09:00:16Z","type":"point","hpa":"dev/shop","min":1,"max":3,"current":3,"desired":3,"spec":3,"ready":1,"utilization":90}
{"at":"2026-11-23T09:00:25Z","type":"end","reason":"settled"}
"#;

    fn read(text: &str, began: Option<&str>) -> Result<Vec<Scaling>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("recording.jsonl");
        fs_err::write(&path, text)?;
        scalings(&path, began.map(str::parse).transpose()?)
    }

    #[test]
    fn replicas_stand_on_the_clock_of_the_run() {
        let step = |at, wanted, ready| Step {
            at,
            wanted,
            ready: Some(ready),
        };
        let found = read(LINES, None).unwrap();
        assert_eq!((found[0].hpa.as_str(), found[0].max), ("dev/shop", 3));
        assert_eq!(
            found[0].steps,
            [step(-5.0, 1, 1), step(10.0, 3, 1), step(20.0, 3, 1)]
        );
        let found = read(LINES, Some("2026-11-23T09:00:08Z")).unwrap();
        assert!((found[0].steps[1].at - 7.0).abs() < 1e-9);
    }

    #[test]
    fn a_recording_that_was_cut_off_is_good_up_to_there_and_other_files_are_refused() {
        let cut = &LINES[..LINES.len() - 20];
        assert_eq!(read(cut, None).unwrap()[0].steps.len(), 3);
        for other in ["", "{}", "not json\n", "[1,2]"] {
            assert!(read(other, None).is_err(), "{other}");
        }
    }
}
