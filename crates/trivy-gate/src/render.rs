//! The forms of the answer.

use autoscaleops_core::{Format, Look, Report};

use crate::details::GateDetails;

mod human;
mod junit;
mod markdown;
mod sarif;

/// Returns the answer in `format`, or `None` where the common form serves.
pub(crate) fn render(report: &Report<GateDetails>, format: Format, look: &Look) -> Option<String> {
    match format {
        Format::Human => Some(human::render(report, look)),
        Format::Markdown => Some(markdown::render(report)),
        Format::Sarif => Some(sarif::render(report)),
        Format::Junit => Some(junit::render(report)),
        _ => None,
    }
}
