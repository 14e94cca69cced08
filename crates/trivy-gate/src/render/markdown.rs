//! The answer for a step summary or a comment.

use std::fmt::Write as _;

use autoscaleops_core::{Report, Verdict, text::markdown_cell as cell};

use crate::details::{GateDetails, Item};

/// How many rows each table has. GitHub drops a summary of more than 1 MiB as a whole.
const ROWS: usize = 500;

/// Returns the answer in Markdown.
pub(super) fn render(report: &Report<GateDetails>) -> String {
    let details = &report.details;
    let mark = match report.verdict {
        Verdict::Pass => "✅ pass",
        Verdict::Fail => "❌ blocked",
        Verdict::Undecided => "❔ no verdict",
        Verdict::Error => "💥 no verdict",
    };
    let mut out = format!("### {mark}\n\n{}\n", cell(&report.summary));
    if let Some(hint) = report.error.as_ref().and_then(|it| it.hint.as_deref()) {
        let _ = writeln!(out, "\nTry: {}", cell(hint));
    }
    let (blocking, others): (Vec<&Item>, Vec<&Item>) =
        details.listed.iter().partition(|it| it.blocks());
    if !blocking.is_empty() {
        table(&mut out, &blocking, "fixed in");
    }
    if !others.is_empty() {
        let _ = writeln!(
            out,
            "\n<details><summary>{} not blocking</summary>",
            others.len()
        );
        table(&mut out, &others, "why");
        out.push_str("\n</details>\n");
    }
    for finding in report
        .findings
        .iter()
        .filter(|it| it.id == "waiver" || it.id == "end_of_life")
    {
        let _ = writeln!(out, "\n- {}", cell(&finding.message));
    }
    if let Some(comparison) = &details.comparison {
        let _ = writeln!(
            out,
            "\nCompared with {}: {} new, {} still there, {} gone",
            cell(&comparison.old),
            comparison.new,
            comparison.persisting,
            comparison.gone
        );
    }
    if let Some(scan) = &details.scan {
        let created = scan
            .created_at
            .map_or_else(|| "at an unknown time".to_owned(), |it| it.to_string());
        let _ = writeln!(
            out,
            "\n{} · {} · scanned {} · report sha256:{}",
            cell(&scan.artifact),
            cell(&scan.os),
            created,
            cell(&scan.report_sha256)
        );
    }
    out
}

fn table(out: &mut String, items: &[&Item], last: &str) {
    let _ = write!(
        out,
        "\n| severity | id | package | {last} | |\n|---|---|---|---|---|\n"
    );
    for item in items.iter().take(ROWS) {
        let id = if item.url.is_empty() {
            cell(&item.id)
        } else {
            format!("[{}]({})", cell(&item.id), link(&item.url))
        };
        let remedy = if last == "why" || item.fixed.is_empty() {
            &item.because
        } else {
            &item.fixed
        };
        let _ = writeln!(
            out,
            "| {} | {id} | {} | {} | {} |",
            item.severity,
            cell(&item.place()),
            cell(remedy),
            cell(&item.title)
        );
    }
    if items.len() > ROWS {
        let _ = writeln!(out, "\n… and {} more", items.len() - ROWS);
    }
}

/// Returns an address with nothing in it that could end the link.
fn link(url: &str) -> String {
    let mut escaped = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&+,;=%".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_end_its_link() {
        assert_eq!(
            link("https://a/b)[x](javascript:1)|\n"),
            "https://a/b%29%5Bx%5D%28javascript:1%29%7C%0A"
        );
    }
}
