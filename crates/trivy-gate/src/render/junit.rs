//! The answer as JUnit XML: a suite per target, a case per finding, one passing case when clean.

use std::{collections::BTreeMap, fmt::Write as _};

use autoscaleops_core::{Report, Verdict, text::xml};

use crate::details::{GateDetails, Item};

/// Returns the answer in the form that CI systems read test results in.
pub(super) fn render(report: &Report<GateDetails>) -> String {
    let details = &report.details;
    let mut suites: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in &details.listed {
        suites.entry(item.target.as_str()).or_default().push(item);
    }
    let failures = details.listed.iter().filter(|it| it.blocks()).count();
    let skipped = details.listed.len() - failures;
    let no_verdict = usize::from(report.error.is_some());
    // Without a finding that blocks, the gate itself may still be closed: an EOL system, a waiver.
    let gate_failed = usize::from(report.verdict == Verdict::Fail && failures == 0);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"trivy-gate\" tests=\"{}\" failures=\"{}\" errors=\"{no_verdict}\" skipped=\"{skipped}\">",
        details.listed.len() + 1,
        failures + gate_failed,
    );
    let _ = writeln!(
        out,
        "  <testsuite name=\"verdict\" tests=\"1\" failures=\"{gate_failed}\" errors=\"{no_verdict}\" skipped=\"0\">"
    );
    let summary = xml(&report.summary);
    let outcome = if let Some(error) = &report.error {
        format!(
            "<error type=\"{}\" message=\"{summary}\"/>",
            xml(&error.kind)
        )
    } else if gate_failed == 1 {
        format!("<failure type=\"policy\" message=\"{summary}\"/>")
    } else {
        format!("<system-out>{summary}</system-out>")
    };
    let _ = writeln!(
        out,
        "    <testcase classname=\"trivy-gate\" name=\"verdict\">{outcome}</testcase>\n  </testsuite>"
    );
    for (target, items) in suites {
        let failures = items.iter().filter(|it| it.blocks()).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{}\">",
            xml(target),
            items.len(),
            items.len() - failures
        );
        for item in items {
            case(&mut out, item);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(out: &mut String, item: &Item) {
    let class = if item.package.is_empty() {
        item.place()
    } else {
        format!("{}-{}", item.package, item.installed)
    };
    let name = format!("[{}] {}", item.severity, item.id);
    let because = xml(&item.because);
    let outcome = if item.blocks() {
        let fixed = if item.fixed.is_empty() {
            String::new()
        } else {
            format!("\nfixed in {}", item.fixed)
        };
        let text = xml(&format!("{}{fixed}\n{}", item.title, item.url));
        format!(
            "<failure type=\"{}\" message=\"{because}\">{text}</failure>",
            item.class.as_str()
        )
    } else {
        format!("<skipped message=\"{because}\"/>")
    };
    let _ = writeln!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\">{outcome}</testcase>",
        xml(&class),
        xml(&name)
    );
}
