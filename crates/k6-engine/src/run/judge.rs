//! The thresholds of a run, judged while it goes on and at its end.

use std::time::Duration;

use super::Judged;
use crate::{
    js::{Shared, StopReason},
    metrics::{Collector, Kind, Sink, Totals},
};

/// Ends the run where a threshold that is to end it is missed.
pub(super) fn abort_on_missed(
    shared: &Shared,
    collector: &Collector,
    totals: &mut Totals,
    elapsed: Duration,
) {
    for (name, conditions) in &collector.thresholds {
        for one in conditions.iter().filter(|it| it.abort_on_fail) {
            let Some(sink) = find(collector, totals, name) else {
                continue;
            };
            let value = one.expression.observed(sink, elapsed.as_secs_f64());
            if value.is_some_and(|it| !one.expression.holds(it)) && elapsed > one.delay {
                shared.stop(StopReason::Threshold);
            }
        }
    }
}

/// Returns the samples that a threshold's name means.
fn find<'a>(collector: &Collector, totals: &'a mut Totals, name: &str) -> Option<&'a mut Sink> {
    if let Some(place) = collector.submetrics.iter().position(|it| it.name == name) {
        return totals.subs.get_mut(place).and_then(Option::as_mut);
    }
    totals.sink(collector.registry.find(name)?)
}

/// Returns all thresholds with their results.
pub(super) fn judge(collector: &Collector, totals: &mut Totals, duration: Duration) -> Vec<Judged> {
    let mut judged = Vec::new();
    for (name, conditions) in &collector.thresholds {
        let base = name.split('{').next().unwrap_or(name);
        let kind = collector
            .registry
            .find(base)
            .and_then(|it| collector.registry.get(it))
            .map(|it| it.kind);
        for one in conditions {
            let mut empty = Sink::new(kind.unwrap_or(Kind::Counter));
            let sink = find(collector, totals, name).unwrap_or(&mut empty);
            let value = one.expression.observed(sink, duration.as_secs_f64());
            judged.push(Judged {
                metric: name.clone(),
                source: one.expression.source.clone(),
                label: one.expression.label(),
                value,
                samples: sink.count(),
                holds: value.is_none_or(|it| one.expression.holds(it)),
            });
        }
    }
    judged
}
