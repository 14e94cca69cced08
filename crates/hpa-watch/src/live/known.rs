//! One autoscaler: what is known of it, and what it looks like.

use std::{collections::BTreeMap, time::Duration};

use autoscaleops_core::time::Span;
use autoscaleops_hpa::{
    Controller, MetricKind, Moment, Pod, Spec, Target as MetricTarget, Usages,
    manifest::spec_of,
    quantity::{format_milli, parse_milli},
};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    seen::{HpaStatus, Target},
    shadow::{Heard, Shadow, Surroundings, band, measured},
};
use crate::recording::{Entry, Line, Point};

/// How long a controller may see something else than `metrics.k8s.io` shows, in milliseconds.
const SILENT_MS: i64 = 120_000;
/// By how many points a utilization must differ to count as another one.
const DIFFERENT: i32 = 5;

/// One autoscaler.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) manifest: Value,
    pub(super) spec: Option<Spec>,
    pub(super) status: HpaStatus,
    pub(super) target: Option<Target>,
    /// The pods of the target, by name.
    pub(super) pods: Option<Vec<Pod>>,
    pub(super) usages: Option<Vec<Usages>>,
    /// What cannot be looked at, and why.
    pub(super) not_checked: BTreeMap<&'static str, String>,
    pub(super) shadow: Shadow,
    /// Since when the controller saw something else than is measured.
    pub(super) differs_since: Option<Moment>,
    pub(super) last: Option<Box<Point>>,
    /// Since when its target is waited for. Without it the sizes are those of the last sync, and
    /// would be taken for the present.
    pub(super) waits_since: Option<Timestamp>,
}

/// The cluster's controller and its clock.
#[derive(Debug, Default)]
pub(super) struct Theirs {
    pub(super) controller: Controller,
    /// By how much the clock that pods and measurements have is ahead of ours, in milliseconds.
    pub(super) skew_ms: i64,
}

impl Theirs {
    /// A time of ours as the algorithm has it.
    pub(super) fn moment(&self, at: Timestamp) -> Moment {
        Moment(at.as_millisecond().saturating_add(self.skew_ms))
    }

    /// The same back again.
    fn time(&self, moment: Moment) -> Option<Timestamp> {
        Timestamp::from_millisecond(moment.0.saturating_sub(self.skew_ms)).ok()
    }
}

impl Known {
    pub(super) fn around(&self) -> Surroundings<'_> {
        Surroundings {
            target: self.target,
            pods: self.pods.as_deref(),
            usages: self.usages.as_deref(),
        }
    }

    pub(super) fn sync(&mut self, controller: &Controller, now: Moment, heard: Heard) {
        if heard == Heard::Written {
            self.differs_since = None;
        }
        let Some(spec) = &self.spec else { return };
        let around = Surroundings {
            target: self.target,
            pods: self.pods.as_deref(),
            usages: self.usages.as_deref(),
        };
        self.shadow
            .sync(controller, spec, &self.status, around, now, heard);
    }

    fn point(&self, theirs: &Theirs) -> Point {
        let controller = &theirs.controller;
        let status = &self.status;
        let spec = self.spec.as_ref();
        let target = spec.and_then(|spec| {
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
        let metric = match (target, spec) {
            (None, Some(spec)) => amount(spec, status),
            _ => String::new(),
        };
        Point {
            min: spec.map_or(1, |spec| spec.min_replicas),
            max: spec.map_or(0, |spec| spec.max_replicas),
            current: status.current_replicas,
            desired: status.desired_replicas,
            spec: self.target.and_then(|target| target.spec),
            ready: self.ready(),
            target: target.map(|(_, target)| target),
            utilization,
            band: target.and_then(|(_, target)| band(controller, spec?, target)),
            measured: None,
            metric,
            recommended: self.shadow.recommended,
            able: status.condition("AbleToScale"),
            active: status.condition("ScalingActive"),
            limited: status.condition("ScalingLimited"),
            why: self.shadow.why.clone(),
            held_until: self.shadow.held_until.and_then(|until| theirs.time(until)),
            expected: self.shadow.expected,
            not_checked: self.not_checked.values().cloned().collect(),
        }
    }

    /// The ready pods: as the target counts them, or as they are seen.
    fn ready(&self) -> Option<i32> {
        let target = self.target?;
        target.ready.or_else(|| {
            let serving = self.pods.as_ref()?.iter().filter(|pod| pod.is_serving());
            i32::try_from(serving.count()).ok()
        })
    }

    /// What an autoscaler looks like, of which nothing else is kept.
    pub(super) fn seen_alone(&mut self, theirs: &Theirs, spec: &Value, status: HpaStatus) -> Point {
        self.spec = spec_of(spec).ok();
        self.status = status;
        let mut point = self.point(theirs);
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

    pub(super) fn emit(
        &mut self,
        theirs: &Theirs,
        name: &str,
        at: Timestamp,
        lines: &mut Vec<Line>,
    ) {
        if self.waits_since.is_some() {
            return;
        }
        let mut point = self.point(theirs);
        let now = theirs.moment(at);
        let proposal = self
            .spec
            .as_ref()
            .and_then(|spec| measured(&theirs.controller, spec, self.around(), point.size(), now));
        point.measured = proposal.and_then(|proposal| proposal.utilization);
        if let (Some(seen), Some(is)) = (point.utilization, point.measured)
            && (seen - is).abs() > DIFFERENT
        {
            let since = *self.differs_since.get_or_insert(now);
            if now.0 - since.0 >= SILENT_MS {
                let waited = Span(Duration::from_secs((now - since).as_secs()));
                point.why = format!(
                    "the controller has not reacted for {waited}: it last saw {seen}%, metrics.k8s.io shows {is}%"
                );
            }
        } else {
            self.differs_since = None;
        }
        self.tell(name, point, at, lines);
    }

    pub(super) fn tell(&mut self, name: &str, point: Point, at: Timestamp, lines: &mut Vec<Line>) {
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

/// The first metric with its value and its target, such as `requests 12 of 10`.
fn amount(spec: &Spec, status: &HpaStatus) -> String {
    let Some(metric) = spec.metrics.first() else {
        return String::new();
    };
    let field = match metric.target {
        MetricTarget::Value(_) => "value",
        _ => "averageValue",
    };
    let value = status
        .current_metric(0)
        .and_then(|value| value.get(field)?.as_str().and_then(parse_milli))
        .map_or("?".to_owned(), format_milli);
    let (MetricTarget::AverageValue(target) | MetricTarget::Value(target)) = metric.target else {
        return String::new();
    };
    let each = match (&metric.kind, metric.target) {
        (
            MetricKind::Object { .. } | MetricKind::External { .. },
            MetricTarget::AverageValue(_),
        ) => " a pod",
        _ => "",
    };
    format!(
        "{} {value} of {}{each}",
        metric.kind.name(),
        format_milli(target)
    )
}
