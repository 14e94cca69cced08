//! A scenario in words, as the head of a run shows it.

use std::time::Duration;

use super::{Executor, Scenario};
use crate::span;

impl Scenario {
    /// Returns the scenario in one line, for the head of a run.
    pub fn describe(&self) -> String {
        let per = |rate: f64, unit: Duration| rate / unit.as_secs_f64();
        let mut notes = Vec::new();
        let body = match &self.executor {
            Executor::SharedIterations {
                vus,
                iterations,
                max_duration,
            } => {
                notes.push(format!("maxDuration: {}", span::text(*max_duration)));
                format!("{iterations} iterations shared among {vus} VUs")
            }
            Executor::PerVuIterations {
                vus,
                iterations,
                max_duration,
            } => {
                notes.push(format!("maxDuration: {}", span::text(*max_duration)));
                format!("{iterations} iterations for each of {vus} VUs")
            }
            Executor::ConstantVus { vus, duration } => {
                format!("{vus} looping VUs for {}", span::text(*duration))
            }
            Executor::RampingVus {
                stages,
                graceful_ramp_down,
                ..
            } => {
                notes.push(format!(
                    "gracefulRampDown: {}",
                    span::text(*graceful_ramp_down)
                ));
                let (vus, time) = (self.planned_vus(), span::text(self.duration()));
                format!(
                    "Up to {vus} looping VUs for {time} over {} stages",
                    stages.len()
                )
            }
            Executor::ConstantArrivalRate {
                rate,
                unit,
                duration,
                max,
                ..
            } => {
                notes.push(format!("maxVUs: {max}"));
                format!(
                    "{:.2} iterations/s for {}",
                    per(*rate, *unit),
                    span::text(*duration)
                )
            }
            Executor::RampingArrivalRate {
                start,
                unit,
                stages,
                max,
                ..
            } => {
                notes.push(format!("maxVUs: {max}"));
                let top = stages
                    .iter()
                    .map(|it| it.target as f64)
                    .fold(*start, f64::max);
                let (top, time) = (per(top, *unit), span::text(self.duration()));
                format!(
                    "Up to {top:.2} iterations/s for {time} over {} stages",
                    stages.len()
                )
            }
        };
        if self.exec != "default" {
            notes.push(format!("exec: {}", self.exec));
        }
        if !self.start.is_zero() {
            notes.push(format!("startTime: {}", span::text(self.start)));
        }
        notes.push(format!("gracefulStop: {}", span::text(self.graceful_stop)));
        format!("{}: {body} ({})", self.name, notes.join(", "))
    }
}
