//! The result in the tool's own forms.

use std::path::{Path, PathBuf};

use anyhow::Result;
use autoscaleops_core::{Console, Finding, Format, Look, Report, Subject, text::printable};
use clap::Args;

use crate::{
    compare,
    details::{LoadDetails, Threshold},
    quantity, verdict,
};

mod chart;
mod html;
mod junit;
mod markdown;
mod table;

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
    let mut report = read(&flags.result)?;
    if let Some(recording) = &flags.hpa_recording {
        let began = report.details.started_at;
        report.details.scaling = crate::details::scalings(recording, began)?;
    }
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

/// Reads a report of k6-run as it is, and judges what k6 summed up.
fn read(path: &Path) -> Result<Report<LoadDetails>> {
    let details = compare::read(path)?;
    let text = fs_err::read_to_string(path)?;
    if let Ok(report) = serde_json::from_str::<Report<LoadDetails>>(&text) {
        return Ok(report);
    }
    let judged = verdict::judge(&details);
    let name = if details.script.is_empty() {
        path.display().to_string()
    } else {
        details.script.clone()
    };
    let report = Report::new(judged.verdict, judged.summary, details)
        .subject(Subject::new("load-test", name))
        .findings(judged.findings);
    Ok(verdict::with_outputs(report))
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

/// Returns the numbers that everybody asks for first, with their names.
fn numbers(details: &LoadDetails) -> Vec<(&'static str, String)> {
    let of = |metric: &str, name: &str| {
        let value = details.value(metric, name)?;
        Some(quantity::of(details.metrics.get(metric)?, name, value))
    };
    let time = |name: &str| {
        let value = details.value("http_req_duration", name);
        value.map(quantity::time)
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "numbers of iterations and users"
    )]
    let count = |it: u64| (it > 0).then(|| quantity::number(it as f64));
    let dropped = details.value("dropped_iterations", "count");
    let all = [
        ("requests", of("http_reqs", "count")),
        (
            "requests/s",
            details.value("http_reqs", "rate").map(quantity::number),
        ),
        ("failed", of("http_req_failed", "rate")),
        ("median", time("med")),
        ("p(95)", time("p(95)")),
        ("p(99)", time("p(99)")),
        ("max", time("max")),
        ("iterations", count(details.iterations)),
        (
            "not started",
            dropped.filter(|it| *it > 0.0).map(quantity::number),
        ),
        ("VUs", count(details.vus_max)),
    ];
    all.into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// Returns whether a threshold counts against the run.
fn is_fault(details: &LoadDetails, one: &Threshold) -> bool {
    !one.ok || (one.says_nothing() && !details.judged_as_k6)
}

fn human(report: &Report<LoadDetails>, look: &Look) -> Option<String> {
    let details = &report.details;
    let comparison = details.comparison.as_ref();
    if report.error.is_some() || (details.text.is_empty() && comparison.is_none()) {
        return None;
    }
    let mut out = details.text.clone();
    if let Some(comparison) = comparison {
        out.push_str(&table::changes(comparison, look));
    }
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&format!(
        "{} {}\n",
        look.verdict(report.verdict),
        printable(&report.summary)
    ));
    // The one reason stands in the summary already.
    let told = |it: &&Finding| !report.summary.starts_with(&it.message);
    for finding in report.findings.iter().filter(told) {
        out.push_str(&format!(
            "  {} {}: {}\n",
            look.level(finding.level),
            finding.id,
            printable(&finding.message)
        ));
    }
    Some(out)
}
