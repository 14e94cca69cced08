//! The result as JUnit: a case for each threshold, each check, and each further reason.

use autoscaleops_core::{Level, Report};

use crate::{details::LoadDetails, verdict::short};

/// Returns the result as JUnit.
pub(super) fn suite(report: &Report<LoadDetails>) -> String {
    let details = &report.details;
    let mut cases = Vec::new();
    for one in &details.thresholds {
        let value = one.value.map_or_else(|| "no samples".to_owned(), short);
        let failure = (!one.ok || (one.says_nothing() && !details.judged_as_k6))
            .then(|| format!("measured {value}"));
        cases.push((
            "threshold",
            format!("{} {}", one.metric, one.condition),
            failure,
        ));
    }
    for check in &details.checks {
        let name = format!("{} {}", check.group.replace("::", " › "), check.name)
            .trim()
            .to_owned();
        let all = check.passes + check.fails;
        let failure = (check.fails > 0).then(|| format!("failed {} of {all} times", check.fails));
        cases.push(("check", name, failure));
    }
    let known = ["threshold", "no-samples"];
    for finding in report
        .findings
        .iter()
        .filter(|it| it.level == Level::Error && !known.contains(&it.id.as_str()))
    {
        cases.push(("verdict", finding.id.clone(), Some(finding.message.clone())));
    }
    let failures = cases.iter().filter(|it| it.2.is_some()).count();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" time=\"{:.3}\">\n",
        escape(&details.script),
        cases.len(),
        details.duration_ms / 1e3
    );
    for (class, name, failure) in cases {
        let open = format!(
            "    <testcase classname=\"k6-run.{class}\" name=\"{}\"",
            escape(&name)
        );
        match failure {
            None => out.push_str(&format!("{open}/>\n")),
            Some(text) => out.push_str(&format!(
                "{open}><failure message=\"{}\"/></testcase>\n",
                escape(&text)
            )),
        }
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 has no place for other control characters.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
