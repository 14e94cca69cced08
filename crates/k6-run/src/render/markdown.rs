//! The result as Markdown, for job summaries and comments.

use autoscaleops_core::Report;

use crate::{details::LoadDetails, verdict::short};

/// Returns the result as Markdown.
pub(super) fn page(report: &Report<LoadDetails>) -> String {
    let details = &report.details;
    let mut out = format!(
        "### Load test: {}\n\n{}\n",
        report.verdict.as_str(),
        escape(&report.summary)
    );
    if !report.findings.is_empty() {
        out.push('\n');
        for finding in &report.findings {
            out.push_str(&format!(
                "- **{}** {}\n",
                finding.id,
                escape(&finding.message)
            ));
        }
    }
    if !details.thresholds.is_empty() {
        out.push_str("\n| threshold | on | measured | |\n| --- | --- | ---: | --- |\n");
        for one in &details.thresholds {
            let value = one.value.map_or_else(|| "no samples".to_owned(), short);
            let mark = if one.ok { "✓" } else { "✗" };
            out.push_str(&format!(
                "| `{}` | `{}` | {value} | {mark} |\n",
                escape(&one.condition),
                escape(&one.metric)
            ));
        }
    }
    if !details.checks.is_empty() {
        out.push_str("\n| check | passed | failed |\n| --- | ---: | ---: |\n");
        for check in &details.checks {
            let name = format!("{} {}", check.group.replace("::", " › "), check.name);
            out.push_str(&format!(
                "| {} | {} | {} |\n",
                escape(name.trim()),
                check.passes,
                check.fails
            ));
        }
    }
    let trends: Vec<_> = details
        .metrics
        .iter()
        .filter(|it| it.1.kind == "trend" && shown(it.0))
        .collect();
    if !trends.is_empty() {
        out.push_str("\n| times in ms | avg | med | p(90) | p(95) | max |\n| --- | ---: | ---: | ---: | ---: | ---: |\n");
        for (name, metric) in trends {
            let value = |key: &str| {
                metric
                    .values
                    .get(key)
                    .copied()
                    .map_or_else(String::new, short)
            };
            let cells = ["avg", "med", "p(90)", "p(95)", "max"]
                .map(value)
                .join(" | ");
            out.push_str(&format!("| `{}` | {cells} |\n", escape(name)));
        }
    }
    for note in &details.notes {
        out.push_str(&format!("\n- {}", escape(note)));
    }
    out.push_str(&format!("\nEngine: {}\n", escape(&details.engine)));
    out
}

fn shown(name: &str) -> bool {
    !name.starts_with("http_req_") || name.starts_with("http_req_duration")
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('<', "&lt;")
        .replace(['\n', '\r'], " ")
}
