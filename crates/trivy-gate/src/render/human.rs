//! The answer for a person: the verdict, a table of what counts, and what else one should know.

use std::fmt::Write as _;

use anstyle::AnsiColor;
use autoscaleops_core::{Level, Look, Report, text};

use crate::{
    details::{GateDetails, Item},
    scan::{Class, Severity},
};

/// How many rows a terminal gets of findings that do not count.
const OTHER_ROWS: usize = 20;

/// Returns the answer laid out for a terminal.
pub(super) fn render(report: &Report<GateDetails>, look: &Look) -> String {
    let details = &report.details;
    let mut out = format!(
        "{}  {}\n",
        look.verdict(report.verdict),
        text::printable(&report.summary)
    );
    let (blocking, others): (Vec<&Item>, Vec<&Item>) =
        details.listed.iter().partition(|it| it.blocks());
    if !blocking.is_empty() {
        out.push('\n');
        out.push_str(&table(&blocking, look, false));
    }
    if !others.is_empty() {
        let _ = writeln!(out, "\n{}", look.bold(&heading(details)));
        let shown = &others[..others.len().min(OTHER_ROWS)];
        out.push_str(&table(shown, look, true));
        if shown.len() < others.len() {
            let _ = writeln!(
                out,
                "  … and {} more, see the report (`--report gate.json`)",
                others.len() - shown.len()
            );
        }
    }
    if details.unlisted > 0 {
        let _ = writeln!(
            out,
            "\n{} more are counted and not listed (`--max-listed`)",
            details.unlisted
        );
    }
    if let Some(comparison) = &details.comparison {
        let _ = writeln!(
            out,
            "\ncompared with {}: {} new, {} still there, {} gone",
            comparison.old, comparison.new, comparison.persisting, comparison.gone
        );
    }
    let notices: Vec<String> = report
        .findings
        .iter()
        .filter(|it| {
            matches!(it.id.as_str(), "waiver" | "end_of_life")
                || details.listed.is_empty() && it.level != Level::Note
        })
        .map(|it| {
            let place = it
                .location
                .as_ref()
                .map_or_else(String::new, |it| format!("{it}: "));
            format!(
                "  {} {}{}\n",
                look.level(it.level),
                text::printable(&place),
                text::printable(&it.message)
            )
        })
        .collect();
    if !notices.is_empty() && report.error.is_none() {
        out.push('\n');
        out.extend(notices);
    }
    let facts = facts(details);
    if !facts.is_empty() {
        let _ = writeln!(out, "\n{}", look.dim(&facts));
    }
    out
}

/// `not blocking: 2 unfixed, 1 waived`
fn heading(details: &GateDetails) -> String {
    let parts: Vec<String> = details
        .passed
        .iter()
        .filter(|it| it.0 != "below")
        .map(|(word, count)| format!("{count} {}", word.replace('_', " ")))
        .collect();
    if parts.is_empty() {
        "not blocking".to_owned()
    } else {
        format!("not blocking: {}", parts.join(", "))
    }
}

/// Lays out findings in columns: severity, id, package and version, fixed version or reason, title.
fn table(items: &[&Item], look: &Look, because: bool) -> String {
    let rows: Vec<[String; 4]> = items
        .iter()
        .map(|it| {
            let remedy = if because || it.class != Class::Vulnerability || it.fixed.is_empty() {
                it.because.clone()
            } else {
                format!("fixed in {}", it.fixed)
            };
            [
                it.id.clone(),
                text::shorten(&it.place(), 44),
                text::shorten(&remedy, 60),
                it.title.clone(),
            ]
        })
        .collect();
    let mut widths = [0; 4];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for (item, row) in items.iter().zip(&rows) {
        let used = 2 + 8 + 2 + widths[..3].iter().map(|it| it + 2).sum::<usize>();
        let mut line = format!("  {}  ", painted(item.severity, look));
        for (cell, width) in row[..3].iter().zip(widths) {
            let padding = " ".repeat(width - cell.chars().count() + 2);
            line.push_str(cell);
            line.push_str(&padding);
        }
        if let Some(room) = look.width.checked_sub(used).filter(|it| *it >= 16) {
            line.push_str(&text::shorten(&row[3], room));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn painted(severity: Severity, look: &Look) -> String {
    let color = match severity {
        Severity::Critical => AnsiColor::Red.on_default().bold(),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low => AnsiColor::Cyan.on_default(),
        Severity::Unknown => AnsiColor::White.on_default(),
    };
    look.paint(color, &format!("{severity:<8}"))
}

/// One line on what the verdict rests on.
fn facts(details: &GateDetails) -> String {
    let Some(scan) = &details.scan else {
        return String::new();
    };
    // The name comes from the report, and no line begins with such a text.
    let mut parts = vec![format!("report of {}", scan.artifact)];
    if !scan.os.is_empty() {
        parts.push(scan.os.clone());
    }
    if let Some(created) = scan.created_at {
        parts.push(format!(
            "scanned {}",
            created.strftime("%Y-%m-%d %H:%M UTC")
        ));
    }
    if !scan.trivy_version.is_empty() {
        parts.push(format!("Trivy {}", scan.trivy_version));
    }
    if let Some(short) = scan.report_sha256.get(..12) {
        parts.push(format!("sha256:{short}…"));
    }
    parts.join(" · ")
}
