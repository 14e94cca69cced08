//! The result as JUnit: a suite each for the verdict, the thresholds, the checks, and the changes.

use autoscaleops_core::{Level, Report, Verdict, text::xml};

use crate::{compare::Course, details::LoadDetails, quantity};

/// A case and why it failed, in a word and in full.
struct Case {
    name: String,
    failure: Option<(String, String)>,
}

/// Returns the result as JUnit.
pub(super) fn suite(report: &Report<LoadDetails>) -> String {
    let details = &report.details;
    let mut suites = vec![("verdict", vec![verdict(report)])];
    let thresholds: Vec<Case> = details
        .thresholds
        .iter()
        .map(|one| Case {
            name: format!("{} {}", one.metric, one.condition),
            failure: super::is_fault(details, one).then(|| {
                let message = format!("measured {}", quantity::measured(details, one));
                (message.clone(), message)
            }),
        })
        .collect();
    suites.push(("thresholds", thresholds));
    let checks = details.checks.iter().map(|check| {
        let all = check.passes + check.fails;
        let message = format!("failed {} of {all} times", check.fails);
        Case {
            name: check.path(),
            failure: (check.fails > 0).then(|| (message.clone(), message)),
        }
    });
    suites.push(("checks", checks.collect()));
    let changes = details.comparison.iter().flat_map(|it| &it.changes);
    let changes = changes.map(|it| Case {
        name: format!("{} {}", it.metric, it.value),
        failure: (it.course == Course::Worse).then(|| (it.difference(), it.words())),
    });
    suites.push(("changes", changes.collect()));
    // What was compared has thresholds and checks of its own, which are not judged again.
    suites.retain(|it| {
        let judged = details.comparison.is_none() || ["verdict", "changes"].contains(&it.0);
        judged && !it.1.is_empty()
    });
    let seconds = details.duration_ms / 1e3;
    let failed = |cases: &[Case]| cases.iter().filter(|it| it.failure.is_some()).count();
    let tests: usize = suites.iter().map(|it| it.1.len()).sum();
    let failures: usize = suites.iter().map(|it| failed(&it.1)).sum();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"k6-run\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" time=\"{seconds:.3}\">\n"
    );
    let subject = report.subject.as_ref().map(|it| it.name.clone());
    let script = xml(&subject.unwrap_or_else(|| details.script.clone()));
    let began = details
        .started_at
        .map(|it| it.strftime("%FT%T").to_string());
    let began = began
        .map(|it| format!(" timestamp=\"{it}\""))
        .unwrap_or_default();
    for (class, cases) in suites {
        out.push_str(&format!(
            "  <testsuite name=\"{script} {class}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" time=\"{seconds:.3}\"{began}>\n",
            cases.len(),
            failed(&cases)
        ));
        if class == "verdict" {
            properties(report, &mut out);
        }
        for case in cases {
            let open = format!(
                "    <testcase classname=\"k6-run.{class}\" name=\"{}\" time=\"0\"",
                xml(&case.name)
            );
            match case.failure {
                None => out.push_str(&format!("{open}/>\n")),
                Some((message, text)) => out.push_str(&format!(
                    "{open}><failure message=\"{}\" type=\"{class}\">{}</failure></testcase>\n",
                    xml(&message),
                    xml(&text)
                )),
            }
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// The case that is always there: readers take a file without cases for a broken one.
fn verdict(report: &Report<LoadDetails>) -> Case {
    let errors = report.findings.iter().filter(|it| it.level == Level::Error);
    let mut lines: Vec<String> = errors
        .map(|it| format!("{}: {}", it.id, it.message))
        .collect();
    if let Some(error) = &report.error {
        lines.push(error.message.clone());
        lines.extend(error.causes.iter().map(|it| format!("cause: {it}")));
    }
    Case {
        name: "verdict".to_owned(),
        failure: (report.verdict != Verdict::Pass).then(|| {
            let message = format!("{}: {}", report.verdict, report.summary);
            (message, lines.join("\n"))
        }),
    }
}

fn properties(report: &Report<LoadDetails>, out: &mut String) {
    out.push_str("    <properties>\n");
    for (name, value) in &report.outputs {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        out.push_str(&format!(
            "      <property name=\"{}\" value=\"{}\"/>\n",
            xml(name),
            xml(&value)
        ));
    }
    out.push_str("    </properties>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::details::Check;

    #[test]
    fn there_is_always_a_case_and_it_fails_with_the_verdict() {
        let of = |verdict| suite(&Report::new(verdict, "why", LoadDetails::default()));
        assert!(of(Verdict::Pass).contains("tests=\"1\" failures=\"0\""));
        for verdict in [Verdict::Fail, Verdict::Undecided, Verdict::Error] {
            let text = of(verdict);
            assert!(text.contains("tests=\"1\" failures=\"1\""), "{text}");
            assert!(text.contains("why"), "{text}");
        }
    }

    #[test]
    fn what_a_script_says_stays_inside_its_attribute() {
        let details = LoadDetails {
            checks: vec![Check {
                group: "::a".to_owned(),
                name: "\"/><x>\u{1}".to_owned(),
                passes: 1,
                fails: 1,
            }],
            ..LoadDetails::default()
        };
        let text = suite(&Report::new(Verdict::Fail, "x", details));
        assert!(text.contains("name=\"a › &quot;/&gt;&lt;x&gt;\""), "{text}");
    }
}
