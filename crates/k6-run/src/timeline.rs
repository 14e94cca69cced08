//! What is kept of a run second by second.

use std::time::Duration;

use autoscaleops_k6_engine::{
    metrics::{DROPPED_ITERATIONS, HTTP_REQ_DURATION, HTTP_REQ_FAILED, HTTP_REQS, Sink, Totals},
    run::Status,
};

use crate::details::Point;

/// So many points are kept; a longer run has longer steps.
const KEPT: usize = 1_200;
/// Less than this at the end is no step of its own.
const LEAST: f64 = 0.2;

/// What is kept of a run second by second.
#[derive(Default)]
pub(crate) struct Timeline {
    pub(crate) points: Vec<Point>,
    last: Seen,
    /// How many seconds a step has.
    step: f64,
}

/// What was summed up so far.
#[derive(Clone, Copy, Default)]
struct Seen {
    at: f64,
    requests: f64,
    failed: u64,
    dropped: f64,
    spent_ms: f64,
    timed: u64,
    vus: u64,
}

impl Timeline {
    /// Adds a point where a step has passed.
    pub(crate) fn advance(&mut self, status: &Status, totals: &mut Totals) {
        let now = status.elapsed.as_secs_f64();
        if now - self.last.at >= self.step.max(1.0) {
            self.add(now, status.active, totals);
        }
    }

    /// Adds what came after the last point.
    pub(crate) fn close(&mut self, elapsed: Duration, totals: &mut Totals) {
        let now = elapsed.as_secs_f64();
        if now - self.last.at >= LEAST {
            // At the end nobody runs any more.
            self.add(now, self.last.vus, totals);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
    fn add(&mut self, at: f64, vus: u64, totals: &mut Totals) {
        let last = self.last;
        let (spent_ms, timed) = match totals.sink(HTTP_REQ_DURATION) {
            Some(Sink::Trend(trend)) => (trend.average() * trend.count() as f64, trend.count()),
            _ => (0.0, 0),
        };
        let now = Seen {
            at,
            requests: totals.sum(HTTP_REQS),
            failed: totals.rate(HTTP_REQ_FAILED).0,
            dropped: totals.sum(DROPPED_ITERATIONS),
            spent_ms,
            timed,
            vus,
        };
        let mut recent = std::mem::take(&mut totals.recent);
        let step = at - last.at;
        self.points.push(Point {
            at,
            vus,
            requests: (now.requests - last.requests) / step,
            failed: (now.failed - last.failed) as f64 / step,
            dropped: (now.dropped - last.dropped) / step,
            latency_ms: if now.timed > last.timed {
                (now.spent_ms - last.spent_ms).max(0.0) / (now.timed - last.timed) as f64
            } else {
                0.0
            },
            p95_ms: (recent.count() > 0).then(|| recent.percentile(0.95)),
        });
        self.last = now;
        if self.points.len() > KEPT {
            self.step = self.step.max(1.0) * 2.0;
            self.points = joined(&self.points);
        }
    }
}

/// Joins each two points to one.
fn joined(points: &[Point]) -> Vec<Point> {
    let mut before = 0.0;
    points
        .chunks(2)
        .map(|pair| {
            let from = before;
            let (one, two) = (pair[0], pair[pair.len() - 1]);
            before = two.at;
            if pair.len() == 1 {
                return one;
            }
            let (first, second) = (one.at - from, two.at - one.at);
            let mean = |value: fn(&Point) -> f64| {
                (value(&one) * first + value(&two) * second) / (first + second)
            };
            let requests = mean(|it| it.requests);
            let spent = mean(|it| it.requests * it.latency_ms);
            Point {
                at: two.at,
                vus: one.vus.max(two.vus),
                requests,
                failed: mean(|it| it.failed),
                dropped: mean(|it| it.dropped),
                latency_ms: if requests > 0.0 {
                    spent / requests
                } else {
                    0.0
                },
                // The worse of both: a slow second stays to be seen.
                p95_ms: one.p95_ms.into_iter().chain(two.p95_ms).reduce(f64::max),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use autoscaleops_k6_engine::metrics::Kind;

    use super::*;

    fn more(totals: &mut Totals, millis: &[f64]) {
        totals.sinks.resize(20, None);
        for value in millis {
            let mut add = |id: usize, kind: Kind, value: f64| {
                totals.sinks[id]
                    .get_or_insert_with(|| Sink::new(kind))
                    .add(value);
            };
            add(HTTP_REQS, Kind::Counter, 1.0);
            add(HTTP_REQ_DURATION, Kind::Trend, *value);
            add(HTTP_REQ_FAILED, Kind::Rate, f64::from(*value > 100.0));
            totals.recent.add(*value);
        }
    }

    fn status(seconds: f64) -> Status {
        Status {
            elapsed: Duration::from_secs_f64(seconds),
            active: 3,
            ..Status::default()
        }
    }

    #[test]
    fn each_second_tells_of_itself_alone_and_the_rest_is_not_lost() {
        let (mut timeline, mut totals) = (Timeline::default(), Totals::default());
        more(&mut totals, &[10.0, 30.0]);
        timeline.advance(&status(1.0), &mut totals);
        more(&mut totals, &[200.0]);
        timeline.advance(&status(1.5), &mut totals);
        timeline.close(Duration::from_millis(1_500), &mut totals);
        let [first, second] = timeline.points.as_slice() else {
            panic!("{:?}", timeline.points);
        };
        assert_eq!((first.requests, first.latency_ms), (2.0, 20.0));
        assert_eq!((second.requests, second.failed, second.vus), (2.0, 2.0, 3));
        assert_eq!(second.p95_ms, Some(200.0));
    }

    #[test]
    fn a_day_has_no_more_points_than_a_page_can_show() {
        let (mut timeline, mut totals) = (Timeline::default(), Totals::default());
        for second in 1..=86_400 {
            more(&mut totals, if second % 2 == 0 { &[10.0] } else { &[] });
            timeline.advance(&status(f64::from(second)), &mut totals);
        }
        let points = &timeline.points;
        assert!(points.len() <= KEPT && points.len() > KEPT / 3);
        assert!(points.last().unwrap().at > 86_000.0);
        let steps = points.windows(2).map(|it| it[1].at - it[0].at);
        let whole: f64 = points
            .iter()
            .skip(1)
            .zip(steps)
            .map(|it| it.0.requests * it.1)
            .sum();
        assert!((whole - 43_200.0).abs() < 200.0, "{whole}");
    }
}
