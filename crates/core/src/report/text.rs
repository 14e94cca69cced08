//! A report as people read it, for tools that have no form of their own.

use std::fmt::Write as _;

use super::{Level, Report, Verdict};
use crate::{cli::Format, console::Look, text};

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

/// Returns a report without details, most of all of an error, in a form that readers of that form take;
/// `None` where there is none but for the tool itself.
pub fn bare<D>(report: &Report<D>, format: Format) -> Option<String> {
    let (tool, verdict) = (text::xml(&report.tool), report.verdict.as_str());
    let summary = text::xml(&report.summary);
    let more: Vec<String> = report
        .error
        .iter()
        .flat_map(|it| it.causes.iter().map(|it| format!("cause: {it}")))
        .collect();
    let more = text::xml(&more.join("\n"));
    match format {
        Format::Junit => Some(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{tool}\" tests=\"1\" failures=\"0\" errors=\"1\">\n  <testsuite name=\"{tool}\" tests=\"1\" failures=\"0\" errors=\"1\">\n    <testcase classname=\"{tool}\" name=\"verdict\"><error message=\"{summary}\" type=\"{verdict}\">{more}</error></testcase>\n  </testsuite>\n</testsuites>\n"
        )),
        Format::Html => Some(format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{verdict} · {tool}</title><style>:root{{color-scheme:light dark}}body{{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}}pre{{white-space:pre-wrap}}</style></head><body><h1>{tool}: {verdict}</h1><p>{summary}</p><pre>{more}</pre></body></html>\n"
        )),
        _ => None,
    }
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
