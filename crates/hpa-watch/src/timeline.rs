//! The story of one autoscaler, from the lines of a recording.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use autoscaleops_core::Failure;

use crate::recording::{Entry, Line, Point};

/// What a clock may lose while it is kept right, and lines that are a moment old when they are written.
const SLEWED: Duration = Duration::from_secs(2);

/// What was seen of one autoscaler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// `namespace/name`.
    pub hpa: String,
    /// When the recording began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// Why it ended, where it did not break off.
    pub ended: Option<String>,
    /// The points, oldest first.
    pub points: Vec<(Timestamp, Point)>,
    /// The cluster's events: when, whether a warning, reason, message.
    pub events: Vec<(Timestamp, bool, String, String)>,
    /// Gaps in the watch: their end and their length in milliseconds.
    pub gaps: Vec<(Timestamp, u64)>,
    /// When the command began.
    pub command_started: Option<Timestamp>,
    /// When the command ended.
    pub command_ended: Option<Timestamp>,
    /// The last spec that was seen, as a manifest.
    pub manifest: Option<Value>,
    /// The clock was set back by this much in the middle, so that no length of time can be believed.
    pub set_back: Option<Duration>,
}

/// A change of the target's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// The size before.
    pub from: i32,
    /// The size after.
    pub to: i32,
}

impl Timeline {
    /// Takes the lines of one autoscaler: the named one, or the only one.
    ///
    /// # Errors
    ///
    /// Fails when it is not in the recording, or when none is named and there are several.
    pub fn of(lines: &[Line], name: Option<&str>) -> Result<Self, Failure> {
        let mut known: Vec<&str> = Vec::new();
        for line in lines {
            if let Entry::Point { hpa, .. } | Entry::Spec { hpa, .. } = &line.entry
                && !known.contains(&hpa.as_str())
            {
                known.push(hpa);
            }
        }
        let list = || format!("the recording has: {}", known.join(", "));
        let hpa = match name {
            Some(name) => *known
                .iter()
                .find(|hpa| **hpa == name || hpa.split('/').next_back() == Some(name))
                .ok_or_else(|| {
                    let failure =
                        Failure::usage(format!("the recording has no autoscaler `{name}`"));
                    if known.is_empty() {
                        failure
                    } else {
                        failure.hint(list())
                    }
                })?,
            None if known.len() > 1 => {
                return Err(
                    Failure::usage("the recording is of several autoscalers; name one")
                        .hint(list()),
                );
            }
            None => known.first().copied().unwrap_or_default(),
        };
        let start = lines.first().map(|line| line.at).unwrap_or_default();
        let mut timeline = Self {
            hpa: hpa.to_owned(),
            start,
            end: start,
            ended: None,
            points: Vec::new(),
            events: Vec::new(),
            gaps: Vec::new(),
            command_started: None,
            command_ended: None,
            manifest: None,
            set_back: None,
        };
        for line in lines {
            timeline.take(line);
        }
        Ok(timeline)
    }

    /// Adds one line, when it is about this autoscaler or about all.
    pub fn take(&mut self, line: &Line) {
        self.end = self.end.max(line.at);
        let back = Duration::try_from(self.end.duration_since(line.at)).unwrap_or_default();
        if back > SLEWED {
            self.set_back = self.set_back.max(Some(back));
        }
        match &line.entry {
            Entry::Point { hpa, point } if *hpa == self.hpa => {
                self.points.push((line.at, (**point).clone()));
            }
            Entry::Spec { hpa, manifest } if *hpa == self.hpa => {
                self.manifest = Some(manifest.clone());
            }
            Entry::Event {
                hpa,
                kind,
                reason,
                message,
                ..
            } if *hpa == self.hpa => {
                let is_warning = kind == "Warning";
                self.events
                    .push((line.at, is_warning, reason.clone(), message.clone()));
            }
            Entry::Gap { lasted_ms, .. } => self.gaps.push((line.at, *lasted_ms)),
            Entry::CommandStarted { .. } => self.command_started = Some(line.at),
            Entry::CommandEnded { .. } => self.command_ended = Some(line.at),
            Entry::End { reason } => self.ended = Some(reason.clone()),
            _ => {}
        }
    }

    /// Returns the changes of the target's size.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for pair in self.points.windows(2) {
            let [(_, before), (at, after)] = pair else {
                continue;
            };
            let (from, to) = (before.size(), after.size());
            if from != to {
                steps.push(Step { at: *at, from, to });
            }
        }
        steps
    }

    /// Returns the sizes that the target went through, such as `1 → 3 → 1`.
    pub fn path(&self) -> String {
        let first = self.points.first().map(|(_, point)| point.size());
        let sizes = first
            .into_iter()
            .chain(self.steps().into_iter().map(|step| step.to));
        sizes
            .map(|size| size.to_string())
            .collect::<Vec<_>>()
            .join(" → ")
    }

    /// Returns how often the direction turned.
    pub fn reversals(&self) -> usize {
        let steps = self.steps();
        steps
            .windows(2)
            .filter(|pair| match pair {
                [a, b] => (a.to > a.from) != (b.to > b.from),
                _ => false,
            })
            .count()
    }

    /// Returns the seconds from the beginning to `at`.
    pub fn seconds(&self, at: Timestamp) -> f64 {
        at.duration_since(self.start).as_secs_f64()
    }
}
