//! What is known of each autoscaler, and the lines that a change of it gives.

use std::collections::BTreeMap;

use autoscaleops_hpa::{
    Controller, Inputs, MetricError, MetricKind, Moment, Reading, Scale, Selection, Spec, State,
    Target as MetricTarget, manifest::spec_of, quantity::parse_milli,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::seen::{Hpa, HpaStatus, Target};
use crate::{
    recording::{Entry, Line, Point},
    why,
};

/// How often a controller syncs, in milliseconds; it writes nothing when nothing changed.
const SYNC_MS: i64 = 15_000;
/// How long a target is waited for at the beginning, in milliseconds.
const TARGET_MS: i64 = 5_000;

/// All autoscalers that were seen.
#[derive(Debug, Default)]
pub struct Tracker {
    known: BTreeMap<String, Known>,
    /// Whether the algorithm runs beside the controller.
    shadows: bool,
    controller: Controller,
}

/// One autoscaler.
#[derive(Debug, Default)]
struct Known {
    manifest: Value,
    spec: Option<Spec>,
    status: HpaStatus,
    target: Option<Target>,
    shadow: State,
    synced_at: Option<Moment>,
    recommended: Option<i32>,
    why: String,
    /// How many syncs in a row the controller did something else.
    disagreed: u32,
    last: Option<Box<Point>>,
    /// Since when its target is waited for. Without it the sizes are those of the last sync, and
    /// would be taken for the present.
    waits_since: Option<Timestamp>,
}

impl Tracker {
    /// Returns a tracker; with `shadows` the algorithm runs beside the controller of Kubernetes
    /// 1.`minor`.
    pub fn new(shadows: bool, minor: Option<u32>) -> Self {
        Self {
            known: BTreeMap::new(),
            shadows,
            controller: Controller::of_version(minor.unwrap_or(Controller::NEWEST)),
        }
    }

    /// Returns the names of all that are there, as `namespace/name`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    /// Takes an autoscaler as it is now.
    pub fn see(&mut self, name: &str, hpa: Hpa, at: Timestamp, lines: &mut Vec<Line>) {
        let shadows = self.shadows;
        let known = self.known.entry(name.to_owned()).or_insert_with(|| Known {
            waits_since: shadows.then_some(at),
            ..Known::default()
        });
        if shadows && (known.manifest.is_null() || known.manifest["spec"] != hpa.spec) {
            known.spec = spec_of(&hpa.spec).ok();
            known.manifest = json!({
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": hpa.metadata.name, "namespace": hpa.metadata.namespace},
                "spec": hpa.spec,
            });
            lines.push(Line {
                at,
                entry: Entry::Spec {
                    hpa: name.to_owned(),
                    manifest: known.manifest.clone(),
                },
            });
        }
        let status = hpa.status.unwrap_or_default();
        if !shadows {
            // Of thousands only what is shown is kept.
            let point = known.seen_alone(&hpa.spec, status);
            known.tell(name, point, at, lines);
            return;
        }
        let has_synced = status != known.status && status.conditions.is_some();
        known.status = status;
        if has_synced {
            known.sync(&self.controller, moment(at), true);
        }
        known.emit(name, at, lines);
    }

    /// Takes a target as it is now.
    pub fn see_target(&mut self, name: &str, target: Target, at: Timestamp, lines: &mut Vec<Line>) {
        if let Some(known) = self.known.get_mut(name) {
            known.target = Some(target);
            known.waits_since = None;
            known.emit(name, at, lines);
        }
    }

    /// Goes on without the targets that are waited for: they cannot be seen.
    pub fn give_up_targets(&mut self, at: Timestamp, lines: &mut Vec<Line>) {
        for (name, known) in &mut self.known {
            if known.waits_since.take().is_some() {
                known.emit(name, at, lines);
            }
        }
    }

    /// Forgets an autoscaler.
    pub fn forget(&mut self, name: &str, at: Timestamp, lines: &mut Vec<Line>) {
        if self.known.remove(name).is_some() {
            lines.push(Line {
                at,
                entry: Entry::Deleted {
                    hpa: name.to_owned(),
                },
            });
        }
    }

    /// Lets time pass: a controller that writes nothing has still synced.
    pub fn tick(&mut self, at: Timestamp, lines: &mut Vec<Line>) {
        if !self.shadows {
            return;
        }
        let now = moment(at);
        for (name, known) in &mut self.known {
            let is_late = known
                .waits_since
                .is_some_and(|since| now.0 - moment(since).0 >= TARGET_MS);
            if is_late {
                known.waits_since = None;
                known.emit(name, at, lines);
            }
            let due = known
                .synced_at
                .is_some_and(|last| now.0 - last.0 >= SYNC_MS + 1_000);
            if due {
                known.sync(&self.controller, now, false);
                known.emit(name, at, lines);
            }
        }
    }

    /// Returns what an autoscaler looks like now.
    pub fn point(&self, name: &str) -> Option<&Point> {
        self.known.get(name)?.last.as_deref()
    }
}

fn moment(at: Timestamp) -> Moment {
    Moment(at.as_millisecond())
}

impl Known {
    /// Runs the algorithm on what the controller says that it saw.
    fn sync(&mut self, controller: &Controller, now: Moment, was_written: bool) {
        let Some(spec) = &self.spec else { return };
        let current = if was_written {
            self.status.current_replicas
        } else {
            self.target
                .and_then(|target| target.spec)
                .unwrap_or(self.status.current_replicas)
        };
        let ready = self.target.map_or(current, |target| target.ready);
        let readings: Vec<Result<Reading, MetricError>> = spec
            .metrics
            .iter()
            .enumerate()
            .map(|(index, metric)| {
                let unknown = || MetricError::Unavailable("the controller has no value".to_owned());
                let value = self.status.current_metric(index).ok_or_else(unknown)?;
                reading(&metric.kind, metric.target, value, ready, current).ok_or_else(unknown)
            })
            .collect();
        let inputs = Inputs {
            scale: Ok(Scale {
                spec_replicas: current,
                status_replicas: current,
            }),
            selection: &Selection::Valid,
            pods: &[],
            readings: &readings,
        };
        let state = std::mem::take(&mut self.shadow);
        let outcome = controller.reconcile(state, spec, &inputs, now);
        self.shadow = outcome.state;
        self.synced_at = Some(now);
        self.recommended = outcome.trace.recommended;
        self.why = why::sentence(spec, &outcome.trace, &outcome.decision, now);
        let agrees =
            outcome.trace.recommended.is_none() || outcome.decision.desired == self.asked_for();
        self.disagreed = if agrees { 0 } else { self.disagreed + 1 };
        if self.disagreed >= 2 {
            let (mine, theirs) = (outcome.decision.desired, self.asked_for());
            self.why = format!(
                "the controller keeps {theirs} where the algorithm gives {mine}: {}",
                self.why
            );
        }
    }

    fn asked_for(&self) -> i32 {
        self.status.desired_replicas
    }

    fn point(&self) -> Point {
        let status = &self.status;
        let target = self.spec.as_ref().and_then(|spec| {
            spec.metrics
                .iter()
                .enumerate()
                .find_map(|(index, metric)| match metric.target {
                    MetricTarget::Utilization(target) => Some((index, target)),
                    _ => None,
                })
        });
        let utilization = target.and_then(|(index, _)| {
            let value = status.current_metric(index)?.get("averageUtilization")?;
            i32::try_from(value.as_i64()?).ok()
        });
        Point {
            min: self.spec.as_ref().map_or(1, |spec| spec.min_replicas),
            max: self.spec.as_ref().map_or(0, |spec| spec.max_replicas),
            current: status.current_replicas,
            desired: status.desired_replicas,
            spec: self.target.and_then(|target| target.spec),
            ready: self.target.map(|target| target.ready),
            target: target.map(|(_, target)| target),
            utilization,
            recommended: self.recommended,
            able: status.condition("AbleToScale"),
            active: status.condition("ScalingActive"),
            limited: status.condition("ScalingLimited"),
            why: self.why.clone(),
        }
    }

    /// What an autoscaler looks like, of which nothing else is kept.
    fn seen_alone(&mut self, spec: &Value, status: HpaStatus) -> Point {
        self.spec = spec_of(spec).ok();
        self.status = status;
        let mut point = self.point();
        self.spec = None;
        self.status = HpaStatus::default();
        for condition in [&mut point.able, &mut point.active, &mut point.limited]
            .into_iter()
            .flatten()
            .filter(|condition| condition.holds)
        {
            condition.message = String::new();
        }
        point
    }

    fn emit(&mut self, name: &str, at: Timestamp, lines: &mut Vec<Line>) {
        if self.waits_since.is_some() {
            return;
        }
        let point = self.point();
        self.tell(name, point, at, lines);
    }

    fn tell(&mut self, name: &str, point: Point, at: Timestamp, lines: &mut Vec<Line>) {
        if self.last.as_deref() == Some(&point) {
            return;
        }
        self.last = Some(Box::new(point.clone()));
        lines.push(Line {
            at,
            entry: Entry::Point {
                hpa: name.to_owned(),
                point: Box::new(point),
            },
        });
    }
}

/// The reading behind a value of the status, as far as it can be told.
fn reading(
    kind: &MetricKind,
    target: MetricTarget,
    value: &Value,
    ready: i32,
    current: i32,
) -> Option<Reading> {
    let amount = |name: &str| value.get(name)?.as_str().and_then(parse_milli);
    match (kind, target) {
        (MetricKind::Resource { .. }, MetricTarget::Utilization(_)) => {
            let percent = i32::try_from(value.get("averageUtilization")?.as_i64()?).ok()?;
            Some(Reading::Utilization { percent, ready })
        }
        (MetricKind::Object { .. } | MetricKind::External { .. }, MetricTarget::Value(_)) => {
            Some(Reading::Value(amount("value")?))
        }
        (
            MetricKind::Object { .. } | MetricKind::External { .. },
            MetricTarget::AverageValue(_),
        ) => Some(Reading::Value(
            amount("averageValue")?.saturating_mul(i64::from(current)),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hpa(current: i32, desired: i32, percent: i32, able: &str) -> Hpa {
        serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "minReplicas": 1, "maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "metrics": [{"type": "Resource", "resource": {"name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 50}}}],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
            },
            "status": {
                "currentReplicas": current, "desiredReplicas": desired,
                "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu",
                    "current": {"averageUtilization": percent}}}],
                "conditions": [
                    {"type": "AbleToScale", "status": "True", "reason": able},
                    {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"},
                ],
            },
        }))
        .unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    #[test]
    fn the_same_thing_seen_twice_gives_one_line() {
        let mut tracker = Tracker::new(false, None);
        let mut lines = Vec::new();
        tracker.see(
            "shop/web",
            hpa(1, 1, 2, "ReadyForNewScale"),
            at(0),
            &mut lines,
        );
        tracker.see(
            "shop/web",
            hpa(1, 1, 2, "ReadyForNewScale"),
            at(5),
            &mut lines,
        );
        assert_eq!(lines.len(), 1, "{lines:?}");
        tracker.see(
            "shop/web",
            hpa(1, 1, 3, "ReadyForNewScale"),
            at(9),
            &mut lines,
        );
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_held_size_is_explained_with_a_countdown() {
        let mut tracker = Tracker::new(true, None);
        let mut lines = Vec::new();
        let target = Target {
            spec: Some(3),
            ready: 3,
            status: 3,
        };
        tracker.see(
            "shop/web",
            hpa(3, 3, 60, "ReadyForNewScale"),
            at(0),
            &mut lines,
        );
        tracker.see_target("shop/web", target, at(0), &mut lines);
        tracker.see(
            "shop/web",
            hpa(3, 3, 60, "SucceededRescale"),
            at(15),
            &mut lines,
        );
        tracker.see(
            "shop/web",
            hpa(3, 3, 2, "ScaleDownStabilized"),
            at(30),
            &mut lines,
        );
        let point = tracker.point("shop/web").unwrap();
        assert_eq!(point.recommended, Some(1));
        assert_eq!(
            point.why,
            "holding 3: cpu at 2% of 50% asks for 1, but a recommendation of 4 stays in the 1m window for 45s more"
        );
        tracker.tick(at(46), &mut lines);
        let why = &tracker.point("shop/web").unwrap().why;
        assert!(why.contains("for 29s more"), "{why}");
    }

    #[test]
    fn a_controller_that_does_something_else_is_named() {
        let mut tracker = Tracker::new(true, None);
        let mut lines = Vec::new();
        let target = Target {
            spec: Some(1),
            ready: 1,
            status: 1,
        };
        tracker.see(
            "shop/web",
            hpa(1, 1, 200, "ReadyForNewScale"),
            at(0),
            &mut lines,
        );
        tracker.see_target("shop/web", target, at(0), &mut lines);
        tracker.tick(at(17), &mut lines);
        tracker.tick(at(34), &mut lines);
        let why = &tracker.point("shop/web").unwrap().why;
        assert!(
            why.starts_with("the controller keeps 1 where the algorithm gives 3"),
            "{why}"
        );
    }
}
