//! Goals against timelines, as claims.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::recording::{Condition, Point};

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

/// A run from 1 to 3 and back: the load lasts from 10 to 130 s.
fn run(points: &[(i64, i32, i32)], end: i64) -> Timeline {
    Timeline {
        hpa: "shop/web".to_owned(),
        start: at(0),
        end: at(end),
        ended: None,
        points: points
            .iter()
            .map(|&(seconds, spec, ready)| {
                let point = Point {
                    min: 1,
                    max: 3,
                    current: spec,
                    spec: Some(spec),
                    ready: Some(ready),
                    active: Some(Condition {
                        holds: true,
                        reason: "ValidMetricFound".to_owned(),
                        message: String::new(),
                    }),
                    ..Point::default()
                };
                (at(seconds), point)
            })
            .collect(),
        events: Vec::new(),
        gaps: Vec::new(),
        command_started: Some(at(10)),
        command_ended: Some(at(130)),
        manifest: None,
        set_back: None,
    }
}

fn expect(out: &str, back: &str) -> Expectations {
    Expectations {
        out: Some(out.parse().unwrap()),
        back: Some(back.parse().unwrap()),
        max_reversals: Some(1),
        ..Expectations::default()
    }
}

const GOOD: &[(i64, i32, i32)] = &[(0, 1, 1), (45, 3, 1), (85, 3, 3), (205, 1, 3), (220, 1, 1)];

fn verdicts(outcomes: &[Outcome]) -> Vec<Verdict> {
    outcomes.iter().map(|outcome| outcome.verdict).collect()
}

#[test]
fn goals_are_read_and_printed() {
    for text in [">=3 within 3m", "<=1 within 8m", "==2 within 1m30s"] {
        assert_eq!(text.parse::<Goal>().unwrap().to_string(), text);
    }
    for text in [
        "3 within 3m",
        ">=3",
        ">=x within 3m",
        ">=3 within 3",
        ">3 within 1m",
    ] {
        assert!(text.parse::<Goal>().is_err(), "{text}");
    }
}

#[test]
fn ready_pods_count_on_the_way_out_and_wanted_ones_on_the_way_back() {
    let outcomes =
        expect(">=3 within 3m", "<=1 within 8m").judge(&run(GOOD, 230), Evidence::Complete);
    assert_eq!(verdicts(&outcomes), [Verdict::Pass; 3]);
    assert_eq!(
        outcomes[0].after_s,
        Some(75.0),
        "ready at 85 s, load at 10 s"
    );
    assert_eq!(
        outcomes[1].after_s,
        Some(75.0),
        "wanted at 205 s, load ended at 130 s"
    );
    assert_eq!(overall(&outcomes), Verdict::Pass);
}

#[test]
fn too_late_is_a_failure_even_when_reached() {
    let outcomes =
        expect(">=3 within 1m", "<=1 within 1m").judge(&run(GOOD, 230), Evidence::Complete);
    assert_eq!(
        verdicts(&outcomes),
        [Verdict::Fail, Verdict::Fail, Verdict::Pass]
    );
}

#[test]
fn a_recording_that_ends_before_the_deadline_decides_nothing() {
    let points = &GOOD[..2];
    let outcomes =
        expect(">=3 within 3m", "<=1 within 8m").judge(&run(points, 100), Evidence::Complete);
    assert_eq!(outcomes[0].verdict, Verdict::Undecided, "{outcomes:?}");
    assert_eq!(overall(&outcomes), Verdict::Undecided);
}

#[test]
fn a_settled_recording_decides_before_the_deadline() {
    let mut timeline = run(&[(0, 1, 1)], 150);
    timeline.ended = Some("settled".to_owned());
    let outcomes = expect(">=3 within 3m", "<=1 within 8m").judge(&timeline, Evidence::Complete);
    assert_eq!(outcomes[0].verdict, Verdict::Fail, "{outcomes:?}");
}

#[test]
fn metrics_that_were_never_known_decide_nothing() {
    let mut timeline = run(&[(0, 1, 1)], 1_000);
    for (_, point) in &mut timeline.points {
        point.active = None;
    }
    let outcomes = expect(">=3 within 3m", "<=1 within 8m").judge(&timeline, Evidence::Complete);
    assert_eq!(overall(&outcomes), Verdict::Undecided);
    assert!(outcomes[0].observed.contains("never known"));
}

#[test]
fn one_turn_too_many_is_a_failure() {
    let points = [(0, 1, 1), (20, 3, 3), (60, 2, 2), (90, 3, 3), (200, 1, 1)];
    let timeline = run(&points, 300);
    assert_eq!(timeline.path(), "1 → 3 → 2 → 3 → 1");
    assert_eq!(timeline.reversals(), 3);
    let outcomes = expect(">=3 within 3m", "<=1 within 8m").judge(&timeline, Evidence::Complete);
    assert_eq!(outcomes[2].verdict, Verdict::Fail);
}

#[test]
fn no_length_of_time_is_believed_when_the_clock_was_set_back() {
    let expectations = expect(">=3 within 2m", "<=1 within 2m");
    let mut timeline = run(GOOD, 300);
    let good = expectations.judge(&timeline, Evidence::Complete);
    assert_eq!(verdicts(&good), [Verdict::Pass; 3]);
    timeline.set_back = Some(Duration::from_secs(3_600));
    let judged = expectations.judge(&timeline, Evidence::Complete);
    // How often it turned is no matter of time.
    let undecided = Verdict::Undecided;
    assert_eq!(verdicts(&judged), [undecided, undecided, Verdict::Pass]);
    assert!(
        judged[0].observed.contains("set back by 1h"),
        "{}",
        judged[0].observed
    );

    let line = |seconds| crate::recording::Line {
        at: at(seconds),
        entry: crate::recording::Entry::Gap {
            what: String::new(),
            lasted_ms: 0,
        },
    };
    timeline = run(GOOD, 0);
    for seconds in [100, 99, 101] {
        timeline.take(&line(seconds));
    }
    assert_eq!(timeline.set_back, None, "a clock that is kept right");
    timeline.take(&line(40));
    timeline.take(&line(50));
    assert_eq!(timeline.set_back, Some(Duration::from_secs(61)));
}
