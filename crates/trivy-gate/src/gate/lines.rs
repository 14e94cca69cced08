//! The lines of the report: what counts, what to look at, what passed.

use autoscaleops_core::{Finding as Line, Level, text};

use super::Gate;
use crate::{
    details::{GateDetails, Item, WaiverState, WaiverUse},
    scan::Scan,
    tally::Tally,
};

impl Gate {
    pub(super) fn waiver_uses(&self, tally: &Tally<'_>) -> Vec<WaiverUse> {
        self.waivers
            .all
            .iter()
            .enumerate()
            .map(|(number, waiver)| {
                let count = |of: &std::collections::HashMap<usize, u64>| {
                    of.get(&number).copied().unwrap_or(0)
                };
                let findings = count(&tally.used) + count(&tally.missed);
                WaiverUse::new(
                    waiver,
                    findings,
                    self.settings.expiring_days,
                    self.policy.now,
                )
            })
            .collect()
    }

    /// Returns the lines of the envelope: what counts, what to look at, what passed.
    pub(super) fn lines(&self, scan: &Scan, details: &GateDetails) -> Vec<Line> {
        let mut lines: Vec<Line> = details
            .listed
            .iter()
            .filter(|it| it.blocks())
            .map(Item::line)
            .collect();
        if let Some(os) = scan.os.as_ref().filter(|it| it.is_end_of_life) {
            let level = if self.policy.fail_on_eol {
                Level::Error
            } else {
                Level::Warning
            };
            let name = text::printable(&format!("{} {}", os.family, os.name));
            lines.push(Line::new(
                level,
                "end_of_life",
                format!(
                    "{name} gets no fixes any more, so that unfixed vulnerabilities stay unfixed"
                ),
            ));
        }
        for problem in &self.waivers.problems {
            lines.push(
                Line::new(Level::Warning, "waiver", problem.message.clone()).at(
                    &problem.file,
                    problem.line,
                    0,
                ),
            );
        }
        for waiver in &details.waivers {
            let message = match waiver.state {
                WaiverState::Used => continue,
                WaiverState::Unused => {
                    format!("the waiver for {} waives nothing: remove it", waiver.id)
                }
                WaiverState::Expired => format!("the waiver for {} has expired", waiver.id),
                WaiverState::Expiring => format!(
                    "the waiver for {} ends on {}",
                    waiver.id,
                    waiver.expires.as_deref().unwrap_or_default()
                ),
            };
            lines.push(Line::new(Level::Warning, "waiver", message).at(
                &waiver.file,
                waiver.line,
                0,
            ));
        }
        lines.extend(
            details
                .listed
                .iter()
                .filter(|it| !it.blocks())
                .map(Item::line),
        );
        lines
    }
}
