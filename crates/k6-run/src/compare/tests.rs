//! Comparisons: what is noise, what is a regression.

use std::slice::from_ref;

use super::*;
use crate::details::{Check, Metric, Point};

fn result(p95: f64, rate: f64, failed: f64) -> LoadDetails {
    let mut details = LoadDetails::default();
    for (metric, kind, name, value) in [
        ("http_req_duration", "trend", "p(95)", p95),
        ("http_reqs", "counter", "rate", rate),
        ("http_req_failed", "rate", "rate", failed),
    ] {
        let metric_of = Metric {
            kind: kind.to_owned(),
            samples: Some(100_000),
            values: [(name.to_owned(), value)].into(),
            ..Metric::default()
        };
        details.metrics.insert(metric.to_owned(), metric_of);
    }
    details
}

/// A result with a latency that goes up and down by `swing` from second to second.
fn swinging(p95: f64, swing: f64) -> LoadDetails {
    let mut details = result(p95, 1_000.0, 0.0);
    let points = (0..60).map(|it| Point {
        at: f64::from(it + 1),
        requests: 1_000.0,
        latency_ms: p95 / 2.0,
        p95_ms: Some(if it % 6 < 3 { p95 - swing } else { p95 + swing }),
        ..Point::default()
    });
    details.timeline = points.collect();
    details
}

const TOLERANCE: Tolerance = Tolerance {
    share: 0.1,
    millis: 1.0,
    points: 0.01,
};

fn courses(base: &[LoadDetails], head: &[LoadDetails], course: Course) -> Vec<String> {
    change::changes(base, head, TOLERANCE)
        .into_iter()
        .filter(|it| it.course == course)
        .map(|it| format!("{} {}", it.metric, it.value))
        .collect()
}

fn worse(base: &LoadDetails, head: &LoadDetails) -> Vec<String> {
    courses(from_ref(base), from_ref(head), Course::Worse)
}

#[test]
fn a_change_beyond_the_noise_is_a_regression() {
    let base = result(100.0, 1_000.0, 0.0);
    assert!(worse(&base, &result(109.0, 950.0, 0.005)).is_empty());
    assert_eq!(
        worse(&base, &result(120.0, 1_000.0, 0.0)),
        ["http_req_duration p(95)"]
    );
    assert_eq!(worse(&base, &result(100.0, 800.0, 0.0)), ["http_reqs rate"]);
    assert_eq!(
        worse(&base, &result(100.0, 1_000.0, 0.02)),
        ["http_req_failed rate"]
    );
}

#[test]
fn a_large_share_of_a_tiny_time_is_noise() {
    assert!(worse(&result(0.2, 10.0, 0.0), &result(0.4, 10.0, 0.0)).is_empty());
}

#[test]
fn a_run_that_swings_hides_a_change_that_a_steady_one_shows() {
    let steady = [swinging(100.0, 1.0)];
    assert_eq!(
        courses(&steady, &[swinging(125.0, 1.0)], Course::Worse),
        ["http_req_duration p(95)"]
    );
    let (base, head) = ([swinging(100.0, 60.0)], [swinging(125.0, 60.0)]);
    assert!(courses(&base, &head, Course::Worse).is_empty());
    assert_eq!(
        courses(&base, &head, Course::Unclear),
        ["http_req_duration p(95)"]
    );
}

#[test]
fn several_runs_tell_their_own_noise() {
    let runs = |values: [f64; 5]| values.map(|it| result(it, 1_000.0, 0.0));
    let base = runs([98.0, 100.0, 101.0, 99.0, 102.0]);
    let slower = runs([121.0, 119.0, 122.0, 120.0, 118.0]);
    assert_eq!(
        courses(&base, &slower, Course::Worse),
        ["http_req_duration p(95)"]
    );
    // One slow run of five moves no median.
    let once = runs([98.0, 100.0, 101.0, 99.0, 500.0]);
    assert!(courses(&base, &once, Course::Worse).is_empty());
    let wild = runs([60.0, 200.0, 120.0, 70.0, 180.0]);
    assert!(courses(&base, &wild, Course::Worse).is_empty());
}

#[test]
fn a_check_that_began_to_fail_is_named() {
    let with = |fails: u64| {
        let mut details = result(100.0, 1_000.0, 0.0);
        details.checks.push(Check {
            group: "::shop".to_owned(),
            name: "is paid".to_owned(),
            passes: 1_000 - fails,
            fails,
        });
        details
    };
    assert!(worse(&with(0), &with(5)).is_empty());
    assert_eq!(
        worse(&with(0), &with(200)),
        ["check “shop › is paid” passed"]
    );
}

#[test]
fn what_was_not_the_same_test_is_said() {
    let one = LoadDetails {
        engine: "native".to_owned(),
        vus_max: 5,
        duration_ms: 10_000.0,
        ..result(1.0, 1.0, 0.0)
    };
    let other = LoadDetails {
        engine: "k6 v1.1.0".to_owned(),
        vus_max: 50,
        duration_ms: 60_000.0,
        ..one.clone()
    };
    assert!(remarks(from_ref(&one), from_ref(&one)).is_empty());
    assert_eq!(remarks(&[one], &[other]).len(), 3);
}
