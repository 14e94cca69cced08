//! A report as people read it, for tools that have no form of their own.

use std::fmt::Write as _;

use super::{Level, Report, Verdict};
use crate::{console::Look, text};

/// Returns `report` for a terminal: the verdict, the findings, nothing else.
pub fn human<D>(report: &Report<D>, look: &Look) -> String {
    let mut out = format!(
        "{} {}\n",
        look.verdict(report.verdict),
        text::printable(&report.summary)
    );
    for finding in &report.findings {
        let place = finding
            .location
            .as_ref()
            .map(|it| format!("{it}: "))
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "  {} {}{}: {}",
            look.level(finding.level),
            text::printable(&place),
            text::printable(&finding.id),
            text::printable(&finding.message)
        );
    }
    out
}

/// Returns `report` for a step summary.
pub fn markdown<D>(report: &Report<D>) -> String {
    let mark = match report.verdict {
        Verdict::Pass => "✅",
        Verdict::Fail => "❌",
        Verdict::Undecided => "❔",
        Verdict::Error => "💥",
    };
    let mut out = format!(
        "### {mark} {}: {}\n\n{}\n",
        text::markdown_cell(&report.tool),
        report.verdict,
        text::markdown_cell(&report.summary)
    );
    if !report.findings.is_empty() {
        out.push_str("\n| | finding | |\n|---|---|---|\n");
        for finding in &report.findings {
            let mark = match finding.level {
                Level::Error => "❌",
                Level::Warning => "⚠️",
                Level::Note => "·",
            };
            let _ = writeln!(
                out,
                "| {mark} | {} | {} |",
                text::markdown_cell(&finding.id),
                text::markdown_cell(&finding.message)
            );
        }
    }
    out
}
