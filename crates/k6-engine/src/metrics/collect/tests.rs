//! Samples, from a worker to the totals.

use super::*;
use crate::{metrics::HTTP_REQ_DURATION, threshold::Expression};

fn threshold(text: &str) -> Threshold {
    Threshold {
        expression: Expression::parse(text).unwrap(),
        abort_on_fail: false,
        delay: std::time::Duration::ZERO,
    }
}

#[test]
fn a_submetric_takes_only_the_samples_with_its_tags() {
    let thresholds = vec![(
        "http_req_duration{scenario:a}".to_owned(),
        vec![threshold("p(95)<1")],
    )];
    let collector = Collector::new(Registry::default(), thresholds, false).unwrap();
    let shard = Arc::new(Mutex::new(Shard::default()));
    for scenario in ["a", "b", "a"] {
        let own = [("scenario", scenario)];
        lock(&shard).add(
            &collector,
            HTTP_REQ_DURATION,
            1.0,
            Tags {
                base: &[],
                own: &own,
                metadata: &[],
            },
        );
    }
    let mut totals = Totals::default();
    totals.drain(&collector, &shard);
    totals.drain(&collector, &shard);
    assert_eq!(totals.sink(HTTP_REQ_DURATION).unwrap().count(), 3);
    assert_eq!(totals.subs[0].as_ref().unwrap().count(), 2);
    assert!(totals.subs[1].is_none());
}

#[test]
fn a_threshold_on_an_unknown_metric_or_aggregation_is_refused() {
    for (name, text) in [
        ("nothing", "p(95)<1"),
        ("http_reqs", "p(95)<1"),
        ("http_reqs{a:b", "count>1"),
    ] {
        let thresholds = vec![(name.to_owned(), vec![threshold(text)])];
        assert!(
            Collector::new(Registry::default(), thresholds, false).is_err(),
            "{name}"
        );
    }
}

#[test]
fn checks_are_summed_by_group_and_name() {
    let mut checks = Checks::default();
    checks.add("", "ok", true);
    checks.add("::a", "ok", false);
    checks.add("", "ok", true);
    let mut all = Checks::default();
    all.absorb(&mut checks);
    all.absorb(&mut checks);
    assert_eq!(
        all.all,
        [
            (String::new(), "ok".to_owned(), 2, 0),
            ("::a".to_owned(), "ok".to_owned(), 0, 1)
        ]
    );
}
