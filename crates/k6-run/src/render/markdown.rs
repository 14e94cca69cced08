//! The result as Markdown, for job summaries and comments.

use autoscaleops_core::{
    Level, Report, Verdict,
    text::{markdown_cell, printable},
};

use crate::{
    compare::{Comparison, Course},
    details::{Check, LoadDetails},
    quantity,
};

/// So many checks are listed; who has more looks at the page.
const CHECKS: usize = 50;

/// Returns the result as Markdown.
pub(super) fn page(report: &Report<LoadDetails>) -> String {
    let details = &report.details;
    let mark = match report.verdict {
        Verdict::Pass => "✅",
        Verdict::Fail => "❌",
        Verdict::Undecided => "❔",
        Verdict::Error => "💥",
    };
    let title = match (&details.comparison, &report.subject) {
        (Some(comparison), _) => format!(
            "{} against {}",
            code(&comparison.head),
            code(&comparison.base)
        ),
        (None, Some(subject)) => code(&subject.name),
        (None, None) => code(&details.script),
    };
    let mut out = format!(
        "### {mark} k6-run: {} · {title}\n\n{}\n",
        report.verdict,
        markdown_cell(&report.summary)
    );
    findings(report, &mut out);
    if let Some(comparison) = &details.comparison {
        changes(comparison, &mut out);
        return out;
    }
    numbers(details, &mut out);
    thresholds(details, &mut out);
    checks(details, &mut out);
    times(details, &mut out);
    for note in &details.notes {
        out.push_str(&format!("\n- {}", markdown_cell(note)));
    }
    if !details.engine.is_empty() {
        let mut foot = format!("engine {}", details.engine);
        if details.duration_ms > 0.0 {
            foot.push_str(&format!(" · took {}", quantity::time(details.duration_ms)));
        }
        if let Some(generator) = &details.generator {
            let busy = quantity::percent((generator.busy * 100.0).round() / 100.0);
            foot.push_str(&format!(" · generator {busy} busy"));
        }
        out.push_str(&format!("\n<sub>{}</sub>\n", markdown_cell(&foot)));
    }
    out
}

/// What is more than the one reason that stands above already.
fn findings(report: &Report<LoadDetails>, out: &mut String) {
    let told = |it: &&autoscaleops_core::Finding| !report.summary.starts_with(&it.message);
    let more: Vec<_> = report.findings.iter().filter(told).collect();
    if more.is_empty() || report.details.comparison.is_some() && more.len() > CHECKS {
        return;
    }
    out.push('\n');
    for finding in more {
        let mark = match finding.level {
            Level::Error => "❌",
            Level::Warning => "⚠️",
            Level::Note => "ℹ️",
        };
        let place = finding.location.as_ref();
        let place = place.map(|it| format!("{} ", code(&it.to_string())));
        out.push_str(&format!(
            "- {mark} {}{}\n",
            place.unwrap_or_default(),
            markdown_cell(&finding.message)
        ));
    }
}

fn numbers(details: &LoadDetails, out: &mut String) {
    let cells = super::numbers(details);
    if cells.is_empty() {
        return;
    }
    let names: Vec<&str> = cells.iter().map(|it| it.0).collect();
    let values: Vec<&str> = cells.iter().map(|it| it.1.as_str()).collect();
    out.push_str(&format!(
        "\n| {} |\n|{}\n| {} |\n",
        names.join(" | "),
        " ---: |".repeat(names.len()),
        values.join(" | ")
    ));
}

fn thresholds(details: &LoadDetails, out: &mut String) {
    if details.thresholds.is_empty() {
        return;
    }
    out.push_str("\n| | threshold | on | measured |\n| --- | --- | --- | ---: |\n");
    let is_fault = |it: &&crate::details::Threshold| super::is_fault(details, it);
    let all = &details.thresholds;
    let missed = all.iter().filter(is_fault);
    for one in missed.chain(all.iter().filter(|it| !is_fault(it))) {
        let mark = if is_fault(&one) { "❌" } else { "✅" };
        out.push_str(&format!(
            "| {mark} | {} | {} | {} |\n",
            code(&one.condition),
            code(&one.metric),
            quantity::measured(details, one)
        ));
    }
}

fn checks(details: &LoadDetails, out: &mut String) {
    let (failed, passed): (Vec<&Check>, Vec<&Check>) =
        details.checks.iter().partition(|it| it.fails > 0);
    let head = "\n| | check | passed | failed |\n| --- | --- | ---: | ---: |\n";
    let row = |check: &&Check| {
        let mark = if check.fails > 0 { "❌" } else { "✅" };
        let name = markdown_cell(&check.path());
        format!("| {mark} | {name} | {} | {} |\n", check.passes, check.fails)
    };
    if !failed.is_empty() {
        out.push_str(head);
        out.extend(failed.iter().take(CHECKS).map(row));
        if failed.len() > CHECKS {
            out.push_str(&format!(
                "\n…and {} more that failed\n",
                failed.len() - CHECKS
            ));
        }
    }
    if !passed.is_empty() {
        let title = match passed.len() {
            1 => "1 check passed every time".to_owned(),
            many => format!("{many} checks passed every time"),
        };
        out.push_str(&format!("\n<details><summary>{title}</summary>\n{head}"));
        out.extend(passed.iter().take(CHECKS).map(row));
        out.push_str("\n</details>\n");
    }
}

fn times(details: &LoadDetails, out: &mut String) {
    let trends = details.metrics.iter();
    let trends: Vec<_> = trends
        .filter(|it| it.1.kind == "trend" && shown(it.0))
        .collect();
    if trends.is_empty() {
        return;
    }
    let columns = ["avg", "min", "med", "max", "p(90)", "p(95)", "p(99)"];
    let known = |it: &&str| trends.iter().any(|one| one.1.values.contains_key(*it));
    let columns: Vec<&str> = columns.into_iter().filter(known).collect();
    out.push_str(&format!(
        "\n<details><summary>Times</summary>\n\n| | {} |\n| --- |{}\n",
        columns.join(" | "),
        " ---: |".repeat(columns.len())
    ));
    for (name, metric) in trends {
        let value = |key: &&str| {
            let value = metric.values.get(*key);
            value.map_or_else(String::new, |it| quantity::of(metric, key, *it))
        };
        let cells: Vec<String> = columns.iter().map(value).collect();
        out.push_str(&format!("| {} | {} |\n", code(name), cells.join(" | ")));
    }
    out.push_str("\n</details>\n");
}

fn changes(comparison: &Comparison, out: &mut String) {
    if comparison.changes.is_empty() {
        return;
    }
    out.push_str(
        "\n| | | base | head | change | noise |\n| --- | --- | ---: | ---: | ---: | ---: |\n",
    );
    for change in &comparison.changes {
        let mark = match change.course {
            Course::Worse => "❌",
            Course::Better => "🟢",
            Course::Same => "✅",
            Course::Unclear => "⚠️",
        };
        out.push_str(&format!(
            "| {mark} | {} {} | {} | {} | {} | {} |\n",
            markdown_cell(&change.metric),
            markdown_cell(&change.value),
            change.told(change.base),
            change.told(change.head),
            change.difference(),
            change.band()
        ));
    }
    let runs = |count: usize| quantity::count(f64::from(u32::try_from(count).unwrap_or(0)), "run");
    out.push_str(&format!(
        "\n<sub>{} before, {} after; a change within its noise is none</sub>\n",
        runs(comparison.base_runs),
        runs(comparison.head_runs)
    ));
}

fn shown(name: &str) -> bool {
    !name.starts_with("http_req_") || name.starts_with("http_req_duration")
}

/// Returns `text` as code, in which nothing but the end of the code and of the cell has a meaning.
fn code(text: &str) -> String {
    let text = printable(text).replace('|', "\\|");
    if text.contains('`') {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::details::Threshold;

    #[test]
    fn conditions_are_read_as_they_were_written() {
        let details = LoadDetails {
            thresholds: vec![
                Threshold {
                    metric: "http_req_duration{name:a|b}".to_owned(),
                    condition: "p(95)<500".to_owned(),
                    ok: true,
                    ..Threshold::default()
                },
                Threshold {
                    metric: "checks".to_owned(),
                    condition: "rate>0.9".to_owned(),
                    ..Threshold::default()
                },
            ],
            ..LoadDetails::default()
        };
        let page = page(&Report::new(Verdict::Fail, "x", details));
        assert!(
            page.contains("| `p(95)<500` | `http_req_duration{name:a\\|b}` |"),
            "{page}"
        );
        let place = |word: &str| page.find(word).unwrap();
        assert!(
            place("rate>0.9") < place("p(95)<500"),
            "missed ones stand first"
        );
    }

    #[test]
    fn what_a_script_says_cannot_become_markup() {
        let details = LoadDetails {
            checks: vec![Check {
                group: String::new(),
                name: "a|b <img src=x> @everyone".to_owned(),
                passes: 1,
                fails: 1,
            }],
            ..LoadDetails::default()
        };
        let page = page(&Report::new(Verdict::Fail, "x", details));
        assert!(
            page.contains("a\\|b &lt;img src=x&gt; \\@everyone"),
            "{page}"
        );
    }
}
