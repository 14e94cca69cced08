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
    let facts = lines(&facts(details), look.width);
    if !facts.is_empty() {
        out.push('\n');
        for line in facts {
            let _ = writeln!(out, "{}", look.dim(&line));
        }
    }
    out
}

/// Puts as many facts on a line as it has room for.
fn lines(facts: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for fact in facts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 3 + fact.chars().count() <= width => {
                line.push_str(" · ");
                line.push_str(fact);
            }
            _ => lines.push(fact.clone()),
        }
    }
    lines
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
///
/// Where the terminal is too narrow, the title goes first, then words, then the ends of the longest
/// cells: a row is a line as long as that can be.
fn table(items: &[&Item], look: &Look, because: bool) -> String {
    let mut rows = rows(items, because, "fixed in ");
    let mut widths = widths(&rows);
    let used = |widths: &[usize; 3]| 2 + 8 + 2 + widths.iter().sum::<usize>() + 2 * 2;
    if used(&widths) > look.width {
        rows = self::rows(items, because, "→ ");
        widths = self::widths(&rows);
    }
    while used(&widths) > look.width {
        let widest = if widths[1] > widths[2] { 1 } else { 2 };
        if widths[widest] <= LEAST {
            break;
        }
        widths[widest] -= 1;
    }
    let room = look.width.saturating_sub(used(&widths) + 2);
    let mut out = String::new();
    for (item, row) in items.iter().zip(&rows) {
        let mut line = format!("  {}", painted(item.severity, look));
        for (cell, width) in row.iter().zip(widths) {
            let cell = text::shorten(cell, width);
            let padding = width - cell.chars().count();
            let _ = write!(line, "  {cell}{}", " ".repeat(padding));
        }
        if room >= 16 {
            let _ = write!(line, "  {}", text::shorten(&item.title, room));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// No column of a table is made narrower than this.
const LEAST: usize = 14;

fn rows(items: &[&Item], because: bool, fixed_in: &str) -> Vec<[String; 3]> {
    let row = |it: &&Item| {
        let remedy = if because || it.class != Class::Vulnerability || it.fixed.is_empty() {
            it.because.clone()
        } else {
            format!("{fixed_in}{}", it.fixed)
        };
        [
            text::shorten(&it.id, 40),
            text::shorten(&it.place(), 44),
            text::shorten(&remedy, 60),
        ]
    };
    items.iter().map(row).collect()
}

fn widths(rows: &[[String; 3]]) -> [usize; 3] {
    let mut widths = [0; 3];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
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

/// Returns what the verdict rests on. The first one begins with a word of ours, as each line does.
fn facts(details: &GateDetails) -> Vec<String> {
    let Some(scan) = &details.scan else {
        return Vec::new();
    };
    let artifact = if scan.artifact.is_empty() {
        "something without a name"
    } else {
        &scan.artifact
    };
    let mut parts = vec![format!("report of {artifact}")];
    if !scan.os.is_empty() {
        parts.push(format!("on {}", scan.os));
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
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, package: &str, fixed: &str) -> Item {
        Item {
            class: Class::Vulnerability,
            id: id.to_owned(),
            severity: Severity::High,
            package: package.to_owned(),
            installed: "32:9.9.4-73.el7_6".to_owned(),
            fixed: fixed.to_owned(),
            status: None,
            target: String::new(),
            path: String::new(),
            line: 0,
            purl: String::new(),
            title: "a flaw with a title that is longer than any terminal is wide, or nearly so"
                .to_owned(),
            url: String::new(),
            published: None,
            decision: "blocks".to_owned(),
            because: "HIGH with a fix, and a long reason why that is so important".to_owned(),
        }
    }

    #[test]
    fn a_row_is_a_line_of_the_terminal() {
        let all = [
            item(
                "CVE-2019-11745",
                "nss-softokn-freebl",
                "32:9.9.4-74.el7_6.1",
            ),
            item(
                "CVE-2018-5743",
                "bind",
                "1.2.3, 4.5.6, 7.8.9-10.el7_6.20, 11.12",
            ),
            item("GHSA-xxxx-yyyy-zzzz", "a", ""),
        ];
        let all: Vec<&Item> = all.iter().collect();
        for width in [64, 72, 80, 100, 120, 160, 240] {
            for because in [true, false] {
                let look = Look {
                    width,
                    color: false,
                };
                let table = table(&all, &look, because);
                assert_eq!(table.lines().count(), 3);
                for line in table.lines() {
                    assert!(line.chars().count() <= width, "{width}: {line}");
                }
                assert_eq!(
                    table.contains("a flaw with a title"),
                    width >= 160,
                    "{table}"
                );
            }
        }
    }

    #[test]
    fn facts_fill_lines_and_none_is_cut() {
        let facts = ["report of x", "on debian", "Trivy 1"].map(str::to_owned);
        assert_eq!(lines(&facts, 80), ["report of x · on debian · Trivy 1"]);
        assert_eq!(lines(&facts, 24), ["report of x · on debian", "Trivy 1"]);
        assert_eq!(lines(&facts, 5).len(), 3);
    }
}
