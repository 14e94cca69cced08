//! The result in the tool's own forms.

use std::path::PathBuf;

use anyhow::Result;
use autoscaleops_core::{Console, Format, Look, Report, Subject};
use clap::Args;

use crate::{compare, details::LoadDetails, verdict};

mod html;
mod junit;
mod markdown;

/// A result to be written in another form.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReportFlags {
    /// The result: a report of k6-run, or a summary export
    result: PathBuf,
    /// As a page
    #[arg(long, group = "form")]
    html: bool,
    /// As Markdown
    #[arg(long, group = "form")]
    md: bool,
    /// As JUnit
    #[arg(long, group = "form")]
    junit: bool,
    /// A recording of `hpa-watch`, to show replicas beside the load
    #[arg(long, value_name = "FILE")]
    hpa_recording: Option<PathBuf>,
}

/// Writes a result in another form. The verdict is that of the result.
pub(crate) fn rewrite(flags: &ReportFlags, console: &mut Console) -> Result<Report<LoadDetails>> {
    let mut details = compare::read(&flags.result)?;
    if let Some(recording) = &flags.hpa_recording {
        details.replicas = crate::details::replicas(recording)?;
    }
    let judged = verdict::judge(&details);
    let name = if details.script.is_empty() {
        flags.result.display().to_string()
    } else {
        details.script.clone()
    };
    let report = Report::new(judged.verdict, judged.summary, details)
        .subject(Subject::new("load-test", name))
        .findings(judged.findings);
    let report = verdict::with_outputs(report);
    let text = if flags.html {
        html::page(&report)
    } else if flags.junit {
        junit::suite(&report)
    } else if flags.md {
        markdown::page(&report)
    } else {
        return Ok(report);
    };
    console.answer(&text)?;
    Ok(report.emitted())
}

/// Returns the result in `format`, where it has a form of its own there.
pub(crate) fn render(report: &Report<LoadDetails>, format: Format, look: &Look) -> Option<String> {
    match format {
        Format::Human => human(report, look),
        Format::Html => Some(html::page(report)),
        Format::Junit => Some(junit::suite(report)),
        Format::Markdown => Some(markdown::page(report)),
        _ => None,
    }
}

fn human(report: &Report<LoadDetails>, look: &Look) -> Option<String> {
    let details = &report.details;
    if details.text.is_empty() && details.notes.is_empty() {
        return None;
    }
    let mut out = details.text.clone();
    for note in &details.notes {
        out.push_str(note);
        out.push('\n');
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out.push_str(&format!(
        "\n{} {}\n",
        look.verdict(report.verdict),
        report.summary
    ));
    for finding in &report.findings {
        out.push_str(&format!(
            "  {} {}: {}\n",
            look.level(finding.level),
            finding.id,
            finding.message
        ));
    }
    Some(out)
}
