//! The verdict on a run: values in, verdict out.

use autoscaleops_core::{Finding, Level, Report, Verdict};

use crate::{
    details::{EndedEarly, LoadDetails},
    quantity,
};

/// A verdict with its reasons.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) summary: String,
    pub(crate) findings: Vec<Finding>,
    /// The exit code that k6 has for this end.
    pub(crate) k6_exit_code: u8,
}

/// Judges a run. Where `judged_as_k6` is set, only what k6 itself holds against a run counts.
pub(crate) fn judge(details: &LoadDetails) -> Judged {
    let as_k6 = details.judged_as_k6;
    let mut findings = Vec::new();
    let mut fault =
        |id: &str, message: String| findings.push(Finding::new(Level::Error, id, message));
    let mut code = 0;
    if let Some(early) = &details.ended_early {
        let (id, message, number) = told(early);
        code = number;
        fault(id, message);
    }
    for one in details.thresholds.iter().filter(|it| !it.ok) {
        // A script's own end counts before its thresholds, as in k6.
        code = if code == 0 { 99 } else { code };
        let with = match one.value {
            Some(_) => format!(" with {}", quantity::measured(details, one)),
            None => String::new(),
        };
        fault(
            "threshold",
            format!("{}: '{}' was missed{with}", one.metric, one.condition),
        );
    }
    if !as_k6 {
        beyond_k6(details, &mut fault);
    }
    let is_whole = details.iterations > 0 && details.warnings.is_empty();
    let verdict = match (findings.is_empty(), is_whole) {
        (false, _) => Verdict::Fail,
        (true, false) if !as_k6 => Verdict::Undecided,
        (true, _) => Verdict::Pass,
    };
    let summary = summary(details, verdict, &findings);
    findings.extend(warnings(details));
    Judged {
        verdict,
        summary,
        findings,
        k6_exit_code: code,
    }
}

/// Returns what an early end is called, what it says, and the exit code that k6 has for it.
fn told(early: &EndedEarly) -> (&'static str, String, u8) {
    let threw = |name: &str, text: &str| format!("{name}() threw: {}", first_line(text));
    let took = |name: &str, limit: &str| format!("{name}() took longer than {limit}");
    match early {
        EndedEarly::Script(text) => ("aborted", text.clone(), 108),
        EndedEarly::Threshold => {
            let text = "a threshold with abortOnFail ended the run";
            ("aborted", text.to_owned(), 99)
        }
        EndedEarly::Signal => ("interrupted", "the run was interrupted".to_owned(), 105),
        EndedEarly::Setup(text) => ("setup", threw("setup", text), 107),
        EndedEarly::SetupTimeout(limit) => ("setup", took("setup", limit), 100),
        EndedEarly::Teardown(text) => ("teardown", threw("teardown", text), 107),
        EndedEarly::TeardownTimeout(limit) => ("teardown", took("teardown", limit), 101),
        EndedEarly::Marked(text) => {
            let mut message = "the script marked the run as failed".to_owned();
            if !text.is_empty() {
                message.push_str(&format!(": {text}"));
            }
            ("marked-failed", message, 110)
        }
        EndedEarly::Broken(text) => {
            let message = format!("virtual users could not be made: {text}");
            ("broken", message, 107)
        }
    }
}

/// What does not fail a run, and should be known of it.
fn warnings(details: &LoadDetails) -> Vec<Finding> {
    let mut found = Vec::new();
    let warn = |id: &str, message: String| Finding::new(Level::Warning, id, message);
    if let Some(generator) = details
        .generator
        .filter(|it| it.saturated && !it.must_not_saturate)
    {
        found.push(warn("saturated", saturation(&generator)));
    }
    let dropped = details.value("dropped_iterations", "count").unwrap_or(0.0);
    if dropped > 0.0 && !judged(details, "dropped_iterations") {
        let message = format!(
            "{} could not be started for want of virtual users, so there was less load than asked for",
            quantity::count(dropped, "iteration")
        );
        found.push(warn("dropped", message));
    }
    found.extend(
        details
            .warnings
            .iter()
            .map(|it| warn("incomplete", it.clone())),
    );
    if details.thresholds.is_empty() && details.iterations > 0 && !details.judged_as_k6 {
        let message = "the script has no threshold, so only a run in which nothing works can fail";
        found.push(Finding::new(Level::Note, "no-thresholds", message));
    }
    found
}

/// Returns whether a threshold is on `metric`.
fn judged(details: &LoadDetails, metric: &str) -> bool {
    details.thresholds.iter().any(|it| it.metric == metric)
}

fn summary(details: &LoadDetails, verdict: Verdict, faults: &[Finding]) -> String {
    let numbers = numbers(details);
    match (verdict, faults) {
        (Verdict::Pass, _) => match details.thresholds.len() {
            0 => numbers,
            1 => format!("the threshold holds; {numbers}"),
            count => format!("all {count} thresholds hold; {numbers}"),
        },
        (Verdict::Undecided, _) if details.iterations == 0 => {
            "no iteration came to its end, so nothing was measured".to_owned()
        }
        (Verdict::Undecided, _) => format!("{}; {numbers}", details.warnings.join("; ")),
        (_, [only]) => format!("{}; {numbers}", only.message),
        (_, [first, more @ ..]) => {
            format!("{}, and {} more; {numbers}", first.message, more.len())
        }
        (_, []) => numbers,
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
            match requests {
                1.0 => "the only request failed".to_owned(),
                many => format!("none of the {} requests succeeded", quantity::number(many)),
            },
        );
    }
    let sockets = details.value("ws_sessions", "count").unwrap_or(0.0);
    if sockets > 0.0 && details.sockets_opened == Some(0) {
        fault(
            "nothing-succeeded",
            match sockets {
                1.0 => "the only WebSocket was not opened".to_owned(),
                many => format!(
                    "none of the {} WebSockets was opened",
                    quantity::number(many)
                ),
            },
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
        "this program was {} busy and up to {} late, so what it measured includes its own delay",
        quantity::percent((generator.busy * 100.0).round() / 100.0),
        quantity::time(generator.loop_lag_p99_ms)
    )
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn numbers(details: &LoadDetails) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a number of iterations")]
    let iterations = details.iterations as f64;
    let mut parts = vec![quantity::count(iterations, "iteration")];
    if let Some(requests) = details.value("http_reqs", "count") {
        let rate = details.value("http_reqs", "rate").unwrap_or(0.0);
        let requests = quantity::count(requests, "request");
        parts.push(format!("{requests} ({}/s)", quantity::number(rate)));
    }
    if let Some(failed) = details.value("http_req_failed", "rate") {
        parts.push(format!("{} failed", quantity::percent(failed)));
    }
    if let Some(slow) = details.value("http_req_duration", "p(95)") {
        parts.push(format!("p(95) {}", quantity::time(slow)));
    }
    parts.join(", ")
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
            contains: "default".to_owned(),
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
        let mut unopened = ran();
        unopened.metrics.insert(
            "ws_sessions".to_owned(),
            Metric {
                kind: "counter".to_owned(),
                values: [("count".to_owned(), 10.0)].into(),
                ..Metric::default()
            },
        );
        unopened.sockets_opened = Some(0);
        let mut some = unopened.clone();
        some.sockets_opened = Some(1);
        let mut untold = unopened.clone();
        untold.sockets_opened = None;
        for details in [some, untold] {
            assert_eq!(judge(&details).verdict, Verdict::Pass);
        }
        for details in [throws, empty, refused, unopened] {
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
    fn a_run_whose_samples_are_lost_does_not_pass_unless_judged_as_k6_does() {
        let mut details = ran();
        details
            .warnings
            .push("`out.json` is not complete".to_owned());
        let judged = judge(&details);
        assert_eq!(judged.verdict, Verdict::Undecided);
        assert!(judged.summary.starts_with("`out.json` is not complete; 10"));
        assert_eq!(judged.findings[0].id, "incomplete");
        assert_eq!(judge(&as_judged(&details, true)).verdict, Verdict::Pass);
        details.thresholds.push(threshold(false, 10));
        assert_eq!(judge(&details).verdict, Verdict::Fail);
    }

    #[test]
    fn a_script_that_judges_nothing_is_told_so_and_k6_says_nothing_of_it() {
        let ids = |details: &LoadDetails| -> Vec<String> {
            judge(details)
                .findings
                .into_iter()
                .map(|it| it.id)
                .collect()
        };
        let mut details = ran();
        assert_eq!(ids(&details), ["no-thresholds"]);
        assert!(ids(&as_judged(&details, true)).is_empty());
        details.thresholds.push(threshold(true, 10));
        assert!(ids(&details).is_empty());
    }

    #[test]
    fn less_load_than_asked_for_is_a_warning_unless_a_threshold_judges_it() {
        let mut details = ran();
        let dropped = Metric {
            kind: "counter".to_owned(),
            values: [("count".to_owned(), 49.0)].into(),
            ..Metric::default()
        };
        details
            .metrics
            .insert("dropped_iterations".to_owned(), dropped);
        let judged = judge(&details);
        assert_eq!(judged.verdict, Verdict::Pass);
        assert!(judged.findings[0].message.starts_with("49 iterations"));
        let mut one = threshold(true, 10);
        one.metric = "dropped_iterations".to_owned();
        details.thresholds.push(one);
        assert!(judge(&details).findings.is_empty());
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
