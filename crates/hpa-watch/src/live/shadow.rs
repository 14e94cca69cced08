//! The algorithm beside the controller: fed with what the controller says that it saw, and with
//! the pods where they may be read.

use autoscaleops_hpa::{
    Controller, Group, Inputs, Metric, MetricError, MetricKind, Moment, Phase, Pod, Proposal,
    Readiness, Reading, Ready, Sample, Samples, Scale, Selection, Spec, State,
    Target as MetricTarget, Usages, kubernetes, quantity::parse_milli,
};
use serde_json::Value;

use super::seen::{HpaStatus, Target};
use crate::{recording::Band, why};

/// How many syncs in a row the controller must do something else before that is said: one may fall
/// between two things that were seen.
const TWICE: u32 = 2;

/// What is known around an autoscaler.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Surroundings<'a> {
    pub(super) target: Option<Target>,
    pub(super) pods: Option<&'a [Pod]>,
    pub(super) usages: Option<&'a [Usages]>,
}

/// How a sync became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The controller wrote a status.
    Written,
    /// It wrote nothing, because nothing changed.
    Silence,
}

/// The algorithm's own state, and what came of its last sync.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    state: State,
    pub(super) synced_at: Option<Moment>,
    pub(super) recommended: Option<i32>,
    pub(super) why: String,
    disagreed: u32,
    pub(super) expected: Option<i32>,
    pub(super) held_until: Option<Moment>,
}

impl Shadow {
    /// Does a sync on what the controller says that it saw.
    pub(super) fn sync(
        &mut self,
        controller: &Controller,
        spec: &Spec,
        status: &HpaStatus,
        around: Surroundings<'_>,
        now: Moment,
        heard: Heard,
    ) {
        let current = match heard {
            Heard::Written => status.current_replicas,
            Heard::Silence => around
                .target
                .and_then(|target| target.spec)
                .unwrap_or(status.current_replicas),
        };
        let status_replicas = match around.target {
            Some(target) if target.status > 0 => target.status,
            _ => current,
        };
        let ready = around.target.and_then(|target| target.ready);
        let stand_ins;
        let pods = match around.pods {
            Some(pods) if !pods.is_empty() => pods,
            _ => {
                stand_ins = stand_ins_of(ready.unwrap_or(current));
                &stand_ins
            }
        };
        let view = View {
            controller,
            spec,
            pods,
            usages: around.usages.filter(|_| around.pods.is_some()),
            current,
            status_replicas,
            now,
        };
        let readings: Vec<Result<Reading, MetricError>> = spec
            .metrics
            .iter()
            .enumerate()
            .map(|(index, metric)| {
                let unknown = || MetricError::Unavailable("the controller has no value".to_owned());
                let value = status.current_metric(index).ok_or_else(unknown)?;
                view.reading(metric, value).ok_or_else(unknown)
            })
            .collect();
        let inputs = Inputs {
            scale: Ok(Scale {
                spec_replicas: current,
                status_replicas,
            }),
            selection: &Selection::Valid,
            pods,
            readings: &readings,
        };
        let outcome = controller.reconcile(std::mem::take(&mut self.state), spec, &inputs, now);
        self.state = outcome.state;
        self.synced_at = Some(now);
        let (trace, decision) = (outcome.trace, outcome.decision);
        self.recommended = trace.recommended;
        self.why = why::sentence(spec, &trace, &decision, now);
        self.held_until = trace.stabilized.and_then(|held| {
            let by = held.held_by?;
            let holds = trace.recommended.is_some_and(|wish| wish != held.replicas);
            (holds && !decision.rescales).then(|| by.at.seconds_after(held.window_s))
        });
        let theirs = status.desired_replicas;
        let agrees = trace.recommended.is_none() || decision.desired == theirs;
        self.disagreed = if agrees {
            0
        } else {
            self.disagreed.saturating_add(1)
        };
        self.expected = (self.disagreed >= TWICE).then_some(decision.desired);
        if let Some(mine) = self.expected {
            self.why = format!(
                "the controller keeps {theirs} where the algorithm gives {mine}: {}",
                self.why
            );
        }
    }
}

/// What one sync looks at.
struct View<'a> {
    controller: &'a Controller,
    spec: &'a Spec,
    pods: &'a [Pod],
    usages: Option<&'a [Usages]>,
    current: i32,
    status_replicas: i32,
    now: Moment,
}

impl View<'_> {
    /// The reading behind a value of the status.
    fn reading(&self, metric: &Metric, value: &Value) -> Option<Reading> {
        let amount = |name: &str| value.get(name)?.as_str().and_then(parse_milli);
        match (&metric.kind, metric.target) {
            (MetricKind::Resource { name, container }, MetricTarget::Utilization(_)) => {
                let percent = i32::try_from(value.get("averageUtilization")?.as_i64()?).ok()?;
                let is_it = |proposal: &Proposal| proposal.utilization == Some(percent);
                Some(
                    self.all_ready(name == "cpu")
                        .map(|ready| Reading::Utilization { percent, ready })
                        .or_else(|| self.own(metric, is_it))
                        .or_else(|| self.assumed(name, container.as_deref(), percent))
                        .unwrap_or(Reading::Utilization {
                            percent,
                            ready: self.current,
                        }),
                )
            }
            (
                MetricKind::Resource { .. } | MetricKind::Pods { .. },
                MetricTarget::AverageValue(_),
            ) => {
                let average = amount("averageValue")?;
                let is_it = |proposal: &Proposal| proposal.value_milli == Some(average);
                Some(
                    self.own(metric, is_it)
                        .unwrap_or_else(|| self.of_each(|_| Some(average))),
                )
            }
            (MetricKind::Object { .. } | MetricKind::External { .. }, MetricTarget::Value(_)) => {
                Some(Reading::Value(amount("value")?))
            }
            // The status has the total over the pods, rounded up.
            (
                MetricKind::Object { .. } | MetricKind::External { .. },
                MetricTarget::AverageValue(_),
            ) => Some(Reading::Value(
                amount("averageValue")?.saturating_mul(i64::from(self.status_replicas)),
            )),
            _ => None,
        }
    }

    /// How many pods count, when no pod is starting or without a sample: then the average says all.
    fn all_ready(&self, is_cpu: bool) -> Option<i32> {
        let mut ready = 0;
        for pod in self.pods {
            let sample = match self.usages {
                Some(usages) => usages
                    .iter()
                    .find(|usage| usage.pod == pod.name)
                    .map(|usage| Sample {
                        milli: 0,
                        at: usage.at,
                        window_ms: usage.window_ms,
                    }),
                None => Some(self.sample(0)),
            };
            match Group::of(pod, sample.as_ref(), is_cpu, self.controller, self.now) {
                Group::Ready => ready += 1,
                Group::Ignored => {}
                Group::Unready | Group::Missing => return None,
            }
        }
        Some(ready)
    }

    /// Our own measurement, when the algorithm makes of it what the controller saw.
    fn own(&self, metric: &Metric, is_it: impl Fn(&Proposal) -> bool) -> Option<Reading> {
        let MetricKind::Resource { name, container } = &metric.kind else {
            return None;
        };
        let reading =
            kubernetes::resource_reading(self.pods, self.usages?, name, container.as_deref())
                .ok()?;
        let proposal = self
            .controller
            .propose(
                self.spec,
                metric,
                &reading,
                self.pods,
                self.current,
                self.now,
            )
            .ok()?;
        is_it(&proposal).then_some(reading)
    }

    /// The same use on each pod, so that the average is what the controller saw.
    fn assumed(&self, resource: &str, container: Option<&str>, percent: i32) -> Option<Reading> {
        let mut requests = Vec::with_capacity(self.pods.len());
        for pod in self.pods {
            requests.push(pod.request(resource, container).ok()?);
        }
        let used = |index: usize| {
            let request = requests.get(index).copied()?;
            Some(
                request
                    .saturating_mul(i64::from(percent))
                    .saturating_add(99)
                    / 100,
            )
        };
        Some(self.of_each(used))
    }

    fn of_each(&self, milli: impl Fn(usize) -> Option<i64>) -> Reading {
        let by_pod = (0..self.pods.len())
            .map(|index| milli(index).map(|milli| self.sample(milli)))
            .collect();
        Reading::Samples(Samples {
            by_pod,
            others: Vec::new(),
        })
    }

    fn sample(&self, milli: i64) -> Sample {
        Sample {
            milli,
            at: self.now,
            window_ms: 0,
        }
    }
}

/// Pods that count, where the real ones are not known.
fn stand_ins_of(number: i32) -> Vec<Pod> {
    let pod = Pod {
        phase: Phase::Running,
        started: Some(Moment(0)),
        ready: Some(Ready {
            status: Readiness::True,
            since: Moment(0),
        }),
        ..Pod::default()
    };
    vec![pod; usize::try_from(number).unwrap_or(0)]
}

/// Returns what the algorithm makes of what `metrics.k8s.io` shows now, for the first resource metric.
pub(super) fn measured(
    controller: &Controller,
    spec: &Spec,
    around: Surroundings<'_>,
    current: i32,
    now: Moment,
) -> Option<Proposal> {
    let (pods, usages) = (around.pods?, around.usages?);
    let metric = spec
        .metrics
        .iter()
        .find(|metric| matches!(metric.kind, MetricKind::Resource { .. }))?;
    let MetricKind::Resource { name, container } = &metric.kind else {
        return None;
    };
    let reading = kubernetes::resource_reading(pods, usages, name, container.as_deref()).ok()?;
    controller
        .propose(spec, metric, &reading, pods, current, now)
        .ok()
}

/// Returns between which percentages a utilization target changes nothing.
pub(crate) fn band(controller: &Controller, spec: &Spec, target: i32) -> Option<Band> {
    let tolerances = controller.tolerances_of(spec.behavior.as_ref());
    let is_within = |percent: i32| {
        controller.is_within(tolerances, f64::from(percent) / f64::from(target.max(1)))
    };
    if !is_within(target) {
        return None;
    }
    // A tolerance is small in practice; one without bounds ends at what can be shown.
    let most = target.saturating_mul(3).min(100_000);
    let low = (0..=target)
        .rev()
        .take_while(|percent| is_within(*percent))
        .last()?;
    let high = (target..=most)
        .take_while(|percent| is_within(*percent))
        .last()?;
    Some(Band { low, high })
}

#[cfg(test)]
mod tests {
    use autoscaleops_hpa::{Container, manifest::spec_of};
    use serde_json::json;

    use super::*;

    const NOW: Moment = Moment(1_000_000_000);

    fn spec(metrics: &Value) -> Spec {
        spec_of(&json!({"minReplicas": 1, "maxReplicas": 20, "metrics": metrics})).unwrap()
    }

    fn status(current: i32, desired: i32, metric: &Value) -> HpaStatus {
        serde_json::from_value(json!({
            "currentReplicas": current, "desiredReplicas": desired, "currentMetrics": [metric],
            "conditions": [{"type": "ScalingActive", "status": "True"}],
        }))
        .unwrap()
    }

    fn pods(number: usize) -> Vec<Pod> {
        stand_ins_of(i32::try_from(number).unwrap())
            .into_iter()
            .enumerate()
            .map(|(index, pod)| Pod {
                name: format!("web-{index}"),
                containers: vec![Container {
                    name: "app".to_owned(),
                    requests: vec![("cpu".to_owned(), 100)],
                }],
                ..pod
            })
            .collect()
    }

    /// What the algorithm recommends for one metric of four pods, all alike.
    fn wish(metric: &Value, current: &Value, pods: Option<&[Pod]>) -> Option<i32> {
        let mut shadow = Shadow::default();
        shadow.sync(
            &Controller::default(),
            &spec(&json!([metric])),
            &status(4, 4, current),
            Surroundings {
                target: Some(Target {
                    spec: Some(4),
                    ready: Some(4),
                    status: 4,
                }),
                pods,
                usages: None,
            },
            NOW,
            Heard::Written,
        );
        shadow.recommended
    }

    #[test]
    fn every_type_of_metric_is_followed_from_the_status_alone() {
        let named = |kind: &str, more: Value| {
            let mut field = kind.to_owned();
            field[..1].make_ascii_lowercase();
            let mut inner = more;
            if kind != "Resource" && kind != "ContainerResource" {
                inner["metric"] = json!({"name": "m"});
            } else {
                inner["name"] = json!("cpu");
            }
            if kind == "ContainerResource" {
                inner["container"] = json!("app");
            }
            if kind == "Object" {
                inner["describedObject"] = json!({"kind": "Ingress", "name": "main", "apiVersion": "networking.k8s.io/v1"});
            }
            json!({"type": kind, field: inner})
        };
        let utilization = json!({"type": "Utilization", "averageUtilization": 50});
        let average = json!({"type": "AverageValue", "averageValue": "100m"});
        let total = json!({"type": "Value", "value": "100m"});
        for (kind, target, current, expected) in [
            (
                "Resource",
                &utilization,
                json!({"averageUtilization": 75}),
                6,
            ),
            (
                "ContainerResource",
                &utilization,
                json!({"averageUtilization": 75}),
                6,
            ),
            ("Resource", &average, json!({"averageValue": "150m"}), 6),
            ("Pods", &average, json!({"averageValue": "150m"}), 6),
            ("Object", &total, json!({"value": "150m"}), 6),
            ("Object", &average, json!({"averageValue": "150m"}), 6),
            ("External", &total, json!({"value": "150m"}), 6),
            ("External", &average, json!({"averageValue": "150m"}), 6),
            // Within the tolerance.
            ("Pods", &average, json!({"averageValue": "105m"}), 4),
            ("External", &total, json!({"value": "105m"}), 4),
        ] {
            let metric = named(kind, json!({"target": target}));
            let shown = named(kind, json!({"current": current}));
            for pods in [None, Some(pods(4))] {
                assert_eq!(
                    wish(&metric, &shown, pods.as_deref()),
                    Some(expected),
                    "{metric} {shown}"
                );
            }
        }
    }

    #[test]
    fn pods_that_start_dampen_the_growth_as_they_do_in_the_controller() {
        let metric = json!({"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": 50}}});
        let shown = json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 100}}});
        let mut starting = pods(4);
        starting[3].phase = Phase::Pending;
        // Three at 100 % and one counted as idle: 75 % of 50 % on four pods.
        assert_eq!(wish(&metric, &shown, Some(&starting)), Some(6));
        assert_eq!(wish(&metric, &shown, Some(&pods(4))), Some(8));
    }

    #[test]
    fn the_band_of_the_tolerance_is_that_of_the_version() {
        let spec = spec(&json!([]));
        let of = |minor, target| band(&Controller::of_version(minor), &spec, target).unwrap();
        assert_eq!(of(37, 50), Band { low: 45, high: 55 });
        assert_eq!(of(32, 50), Band { low: 45, high: 54 });
        assert_eq!(of(37, 80), Band { low: 72, high: 88 });
    }

    #[test]
    fn a_difference_is_said_when_it_lasts_for_two_syncs() {
        let spec = spec(&json!([{"type": "Pods", "pods": {"metric": {"name": "m"},
            "target": {"type": "AverageValue", "averageValue": "1"}}}]));
        let status = status(
            4,
            4,
            &json!({"type": "Pods", "pods": {"metric": {"name": "m"}, "current": {"averageValue": "2"}}}),
        );
        let mut shadow = Shadow::default();
        let mut sync = |at| {
            shadow.sync(
                &Controller::default(),
                &spec,
                &status,
                Surroundings::default(),
                at,
                Heard::Silence,
            );
            shadow.expected
        };
        assert_eq!(sync(NOW), None);
        assert_eq!(sync(NOW.seconds_after(15)), Some(8));
    }
}
