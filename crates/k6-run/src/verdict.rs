//! The verdict on a run: values in, verdict out.

use autoscaleops_core::{Finding, Level, Report, Verdict};

use crate::details::{EndedEarly, LoadDetails};

/// A verdict with its reasons.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) summary: String,
    pub(crate) findings: Vec<Finding>,
    /// The exit code that k6 has for this end.
    pub(crate) k6_exit_code: u8,
}

/// Judges a run. Where `judged_as_k6` is set, only what k6 itself holds against a run counts.
#[expect(
    clippy::too_many_lines,
    reason = "a table of ends, each with its word and its code"
)]
pub(crate) fn judge(details: &LoadDetails) -> Judged {
    let as_k6 = details.judged_as_k6;
    let mut findings = Vec::new();
    let mut fault =
        |id: &str, message: String| findings.push(Finding::new(Level::Error, id, message));
    let mut code = 0;
    if let Some(early) = &details.ended_early {
        let (id, message, number) = match early {
            EndedEarly::Script(text) => ("aborted", text.clone(), 108),
            EndedEarly::Threshold => (
                "aborted",
                "a threshold with abortOnFail ended the run".to_owned(),
                99,
            ),
            EndedEarly::Signal => ("interrupted", "the run was interrupted".to_owned(), 105),
            EndedEarly::Setup(text) => {
                ("setup", format!("setup() threw: {}", first_line(text)), 107)
            }
            EndedEarly::SetupTimeout(text) => {
                ("setup", format!("setup() took longer than {text}"), 100)
            }
            EndedEarly::Teardown(text) => (
                "teardown",
                format!("teardown() threw: {}", first_line(text)),
                107,
            ),
            EndedEarly::TeardownTimeout(text) => (
                "teardown",
                format!("teardown() took longer than {text}"),
                101,
            ),
            EndedEarly::Marked(text) if text.is_empty() => (
                "marked-failed",
                "the script marked the run as failed".to_owned(),
                110,
            ),
            EndedEarly::Marked(text) => (
                "marked-failed",
                format!("the script marked the run as failed: {text}"),
                110,
            ),
            EndedEarly::Broken(text) => (
                "broken",
                format!("virtual users could not be made: {text}"),
                107,
            ),
        };
        code = number;
        fault(id, message);
    }
    let missed: Vec<String> = details
        .thresholds
        .iter()
        .filter(|it| !it.ok)
        .map(|it| match it.value {
            Some(value) => format!(
                "{}: '{}' was missed with {}",
                it.metric,
                it.condition,
                short(value)
            ),
            None => format!("{}: '{}' was missed", it.metric, it.condition),
        })
        .collect();
    if !missed.is_empty() {
        // A script's own end counts before its thresholds, as in k6.
        code = if code == 0 { 99 } else { code };
    }
    for message in missed {
        fault("threshold", message);
    }
    if !as_k6 {
        beyond_k6(details, &mut fault);
    }
    let measured = details.iterations > 0;
    let verdict = match (findings.is_empty(), measured) {
        (false, _) => Verdict::Fail,
        (true, false) if !as_k6 => Verdict::Undecided,
        (true, _) => Verdict::Pass,
    };
    if let Some(generator) = details
        .generator
        .filter(|it| it.saturated && !it.must_not_saturate)
    {
        findings.push(Finding::new(
            Level::Warning,
            "saturated",
            saturation(&generator),
        ));
    }
    for warning in &details.warnings {
        findings.push(Finding::new(Level::Warning, "incomplete", warning));
    }
    let summary = match verdict {
        Verdict::Pass => format!("passed: {}", numbers(details)),
        Verdict::Undecided => "no iteration came to its end, so nothing was measured".to_owned(),
        _ => {
            let first = findings.first().map_or("failed", |it| it.message.as_str());
            match findings
                .iter()
                .filter(|it| it.level == Level::Error)
                .count()
            {
                1 => format!("{first}; {}", numbers(details)),
                more => format!("{first}, and {} more; {}", more - 1, numbers(details)),
            }
        }
    };
    Judged {
        verdict,
        summary,
        findings,
        k6_exit_code: code,
    }
}

/// What k6 passes and nobody means.
fn beyond_k6(details: &LoadDetails, fault: &mut impl FnMut(&str, String)) {
    for one in details.thresholds.iter().filter(|it| it.says_nothing()) {
        fault(
            "no-samples",
            format!(
                "{}: '{}' says nothing, as there was no sample",
                one.metric, one.condition
            ),
        );
    }
    if details.iterations > 0 && details.exceptions >= details.iterations {
        let first = details
            .first_exception
            .as_deref()
            .map(first_line)
            .unwrap_or_default();
        fault(
            "exceptions",
            format!("every iteration threw an exception: {first}"),
        );
    }
    let requests = details.value("http_reqs", "count").unwrap_or(0.0);
    let failed = details.value("http_req_failed", "rate");
    if requests > 0.0 && failed == Some(1.0) {
        fault(
            "nothing-succeeded",
            format!("none of the {requests} requests succeeded"),
        );
    }
    if let Some(generator) = details
        .generator
        .filter(|it| it.saturated && it.must_not_saturate)
    {
        fault("saturated", saturation(&generator));
    }
}

fn saturation(generator: &crate::details::Generator) -> String {
    format!(
        "this program was {:.0} % busy and up to {} ms late, so what it measured includes its own delay",
        generator.busy * 100.0,
        short(generator.loop_lag_p99_ms)
    )
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Writes a number with at most three decimals.
pub(crate) fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn numbers(details: &LoadDetails) -> String {
    let requests = details.value("http_reqs", "count").unwrap_or(0.0);
    let mut text = format!("{} iterations, {requests} requests", details.iterations);
    if let Some(rate) = details.value("http_reqs", "rate") {
        text.push_str(&format!(" ({rate:.1}/s)"));
    }
    if let Some(slow) = details.value("http_req_duration", "p(95)") {
        text.push_str(&format!(", p(95) {} ms", short(slow)));
    }
    text
}

/// Adds what other programs want to know in a word.
pub(crate) fn with_outputs(report: Report<LoadDetails>) -> Report<LoadDetails> {
    let details = report.details.clone();
    let missed = details.thresholds.iter().filter(|it| !it.ok).count();
    let value = |metric: &str, name: &str| details.value(metric, name);
    let result = report.verdict.as_str();
    report
        .output("result", result)
        .output("engine", details.engine.as_str())
        .output("iterations", details.iterations)
        .output("requests", value("http_reqs", "count"))
        .output("requests_per_second", value("http_reqs", "rate"))
        .output("failed_rate", value("http_req_failed", "rate"))
        .output("p95_ms", value("http_req_duration", "p(95)"))
        .output("thresholds_missed", missed)
        .output("exceptions", details.exceptions)
        .output("k6_exit_code", details.k6_exit_code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::details::{Metric, Threshold};

    fn ran() -> LoadDetails {
        let mut details = LoadDetails {
            iterations: 10,
            ..LoadDetails::default()
        };
        let metric = |kind: &str, name: &str, value: f64| Metric {
            kind: kind.to_owned(),
            samples: Some(10),
            values: [(name.to_owned(), value)].into(),
        };
        details
            .metrics
            .insert("http_reqs".to_owned(), metric("counter", "count", 10.0));
        details
            .metrics
            .insert("http_req_failed".to_owned(), metric("rate", "rate", 0.0));
        details
    }

    fn as_judged(details: &LoadDetails, as_k6: bool) -> LoadDetails {
        LoadDetails {
            judged_as_k6: as_k6,
            ..details.clone()
        }
    }

    fn threshold(ok: bool, samples: u64) -> Threshold {
        Threshold {
            metric: "checks".to_owned(),
            condition: "rate>0.9".to_owned(),
            value: (samples > 0).then_some(0.5),
            samples: Some(samples),
            ok,
        }
    }

    #[test]
    fn a_run_without_faults_passes() {
        let judged = judge(&ran());
        assert_eq!((judged.verdict, judged.k6_exit_code), (Verdict::Pass, 0));
    }

    #[test]
    fn a_missed_threshold_fails_either_way() {
        let mut details = ran();
        details.thresholds.push(threshold(false, 10));
        for as_k6 in [true, false] {
            let judged = judge(&as_judged(&details, as_k6));
            assert_eq!((judged.verdict, judged.k6_exit_code), (Verdict::Fail, 99));
        }
    }

    #[test]
    fn what_k6_passes_and_nobody_means_fails() {
        let mut throws = ran();
        throws.exceptions = 10;
        let mut empty = ran();
        empty.thresholds.push(threshold(true, 0));
        let mut refused = ran();
        refused
            .metrics
            .get_mut("http_req_failed")
            .unwrap()
            .values
            .insert("rate".to_owned(), 1.0);
        for details in [throws, empty, refused] {
            let verdict = |as_k6| judge(&as_judged(&details, as_k6)).verdict;
            assert_eq!(
                (verdict(false), verdict(true)),
                (Verdict::Fail, Verdict::Pass)
            );
        }
    }

    #[test]
    fn a_counter_without_samples_is_zero_and_that_says_something() {
        let mut details = ran();
        details.thresholds.push(Threshold {
            metric: "dropped_iterations".to_owned(),
            condition: "count<1".to_owned(),
            value: Some(0.0),
            samples: Some(0),
            ok: true,
        });
        assert_eq!(judge(&details).verdict, Verdict::Pass);
    }

    #[test]
    fn what_is_incomplete_is_told_and_does_not_fail() {
        let mut details = ran();
        details
            .warnings
            .push("`out.json` is not complete".to_owned());
        let judged = judge(&details);
        assert_eq!(judged.verdict, Verdict::Pass);
        assert_eq!(judged.findings[0].id, "incomplete");
    }

    #[test]
    fn some_exceptions_and_some_failures_are_for_thresholds_to_judge() {
        let mut details = ran();
        details.exceptions = 9;
        details
            .metrics
            .get_mut("http_req_failed")
            .unwrap()
            .values
            .insert("rate".to_owned(), 0.9);
        assert_eq!(judge(&details).verdict, Verdict::Pass);
    }

    #[test]
    fn nothing_run_is_no_answer() {
        let details = LoadDetails::default();
        assert_eq!(judge(&details).verdict, Verdict::Undecided);
    }

    #[test]
    fn an_early_end_keeps_the_code_that_k6_has_for_it() {
        let mut details = ran();
        details.ended_early = Some(EndedEarly::Script("test aborted".to_owned()));
        details.thresholds.push(threshold(false, 10));
        let judged = judge(&details);
        assert_eq!((judged.verdict, judged.k6_exit_code), (Verdict::Fail, 108));
        assert_eq!(judged.findings.len(), 2);
    }
}
