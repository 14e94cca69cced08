//! What people read: the diff, and one sentence.

use anstyle::AnsiColor;
use autoscaleops_core::{Format, Look, Report, text};

use crate::details::{BumpDetails, Place};

/// Returns the answer in the tool's own form.
pub(crate) fn render(report: &Report<BumpDetails>, format: Format, look: &Look) -> Option<String> {
    match format {
        Format::Human => Some(human(report, look)),
        Format::Markdown => Some(markdown(report)),
        _ => None,
    }
}

fn human(report: &Report<BumpDetails>, look: &Look) -> String {
    let details = &report.details;
    let is_question = details.place == Place::Nowhere && !details.values.is_empty();
    if is_question {
        let lines: Vec<&str> = details
            .values
            .iter()
            .map(|it| it.value.new.as_str())
            .collect();
        return text_lines(&lines);
    }
    let mut answer = String::new();
    for line in details.diff.lines() {
        let color = match line.as_bytes().first() {
            Some(b'+') => Some(AnsiColor::Green),
            Some(b'-') => Some(AnsiColor::Red),
            Some(b'@') => Some(AnsiColor::Cyan),
            _ => None,
        };
        // The content of a file is not to move the cursor.
        let line = text::printable(&line.replace('\t', "    "));
        answer.push_str(&match color {
            Some(color) => look.paint(color.on_default(), &line),
            None => line,
        });
        answer.push('\n');
    }
    answer.push_str(&format!(
        "{} {}\n",
        look.verdict(report.verdict),
        report.summary
    ));
    if let Some(url) = &details.review_url {
        answer.push_str(&format!("open the pull request at {url}\n"));
    }
    answer
}

fn text_lines(lines: &[&str]) -> String {
    let lines: Vec<String> = lines.iter().map(|it| text::printable(it)).collect();
    lines.join("\n")
}

fn markdown(report: &Report<BumpDetails>) -> String {
    let details = &report.details;
    let mut answer = format!(
        "**tag-bump: {}** — {}\n",
        report.verdict,
        text::markdown_cell(&report.summary)
    );
    if details.values.is_empty() {
        return answer;
    }
    answer.push_str("\n| file | value | before | after |\n| --- | --- | --- | --- |\n");
    for it in &details.values {
        let cells = [&it.file, &it.value.path, &it.value.old, &it.value.new]
            .map(|it| text::markdown_cell(it));
        answer.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    if let Some(url) = &details.review_url {
        answer.push_str(&format!("\n[Open the pull request]({url})\n"));
    }
    answer
}
