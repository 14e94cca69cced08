//! What is known of each autoscaler, and the lines that a change of it gives.

use std::collections::BTreeMap;

use autoscaleops_hpa::{Controller, Pod, Usages, manifest::spec_of};
use jiff::Timestamp;
use serde_json::json;

use super::{
    known::{Known, Theirs},
    seen::{Hpa, Target},
    server::Server,
    shadow::Heard,
};
use crate::recording::{Entry, Line, Point};

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
    theirs: Theirs,
}

/// What changed of the pods of a target.
#[derive(Debug)]
pub enum PodChange {
    /// These are all.
    All(Vec<Pod>),
    /// One is there, or is otherwise than before.
    Put(Pod),
    /// One is gone.
    Remove(String),
}

impl Tracker {
    /// Returns a tracker; with `shadows` the algorithm runs beside the controller
    /// of the server's version, by the server's clock.
    pub fn new(shadows: bool, server: &Server) -> Self {
        Self {
            known: BTreeMap::new(),
            shadows,
            theirs: Theirs {
                controller: Controller::of_version(server.minor.unwrap_or(Controller::NEWEST)),
                skew_ms: server.skew_ms,
            },
        }
    }

    /// Returns the names of all that are there, as `namespace/name`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    /// Returns whether it is there.
    pub fn has(&self, name: &str) -> bool {
        self.known.contains_key(name)
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
            let point = known.seen_alone(&self.theirs, &hpa.spec, status);
            known.tell(name, point, at, lines);
            return;
        }
        let has_synced = status != known.status && status.conditions.is_some();
        known.status = status;
        if has_synced {
            known.sync(
                &self.theirs.controller,
                self.theirs.moment(at),
                Heard::Written,
            );
        }
        known.emit(&self.theirs, name, at, lines);
    }

    /// Takes a target as it is now, or that there is none.
    pub fn see_target(
        &mut self,
        name: &str,
        target: Option<Target>,
        at: Timestamp,
        lines: &mut Vec<Line>,
    ) {
        self.update(name, at, lines, |known| {
            known.target = target;
            known.waits_since = None;
            known.not_checked.remove("target");
            if target.is_none() {
                known.pods = None;
                known.usages = None;
            }
        });
    }

    /// Takes a change of the target's pods.
    pub fn see_pods(
        &mut self,
        name: &str,
        change: PodChange,
        at: Timestamp,
        lines: &mut Vec<Line>,
    ) {
        self.update(name, at, lines, |known| {
            known.not_checked.remove("pods");
            let pods = known.pods.get_or_insert_default();
            match change {
                PodChange::All(mut all) => {
                    all.sort_by(|a, b| a.name.cmp(&b.name));
                    *pods = all;
                }
                PodChange::Put(pod) => {
                    match pods.binary_search_by(|known| known.name.cmp(&pod.name)) {
                        Ok(index) => {
                            if let Some(place) = pods.get_mut(index) {
                                *place = pod;
                            }
                        }
                        Err(index) => pods.insert(index, pod),
                    }
                }
                PodChange::Remove(gone) => pods.retain(|pod| pod.name != gone),
            }
        });
    }

    /// Takes the measured usage of the target's pods, or why there is none.
    pub fn see_usages(
        &mut self,
        name: &str,
        usages: Result<Vec<Usages>, String>,
        at: Timestamp,
        lines: &mut Vec<Line>,
    ) {
        self.update(name, at, lines, |known| match usages {
            Ok(usages) => {
                known.usages = Some(usages);
                known.not_checked.remove("usage");
            }
            Err(why) => {
                known.usages = None;
                known
                    .not_checked
                    .insert("usage", format!("the usage of the pods ({why})"));
            }
        });
    }

    /// Goes on without what cannot be seen: `what` is `target`, `pods` or `events`.
    pub fn give_up(
        &mut self,
        name: &str,
        what: &'static str,
        why: &str,
        at: Timestamp,
        lines: &mut Vec<Line>,
    ) {
        self.update(name, at, lines, |known| {
            if what == "target" {
                known.waits_since = None;
            }
            known
                .not_checked
                .insert(what, format!("the {what} ({why})"));
        });
    }

    /// Goes on with what can be seen again.
    pub fn look_again(
        &mut self,
        name: &str,
        what: &'static str,
        at: Timestamp,
        lines: &mut Vec<Line>,
    ) {
        self.update(name, at, lines, |known| {
            known.not_checked.remove(what);
        });
    }

    fn update(
        &mut self,
        name: &str,
        at: Timestamp,
        lines: &mut Vec<Line>,
        change: impl FnOnce(&mut Known),
    ) {
        if let Some(known) = self.known.get_mut(name) {
            change(known);
            known.emit(&self.theirs, name, at, lines);
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
        let now = self.theirs.moment(at);
        for (name, known) in &mut self.known {
            let is_late = known
                .waits_since
                .is_some_and(|since| now.0 - self.theirs.moment(since).0 >= TARGET_MS);
            if is_late {
                known.waits_since = None;
                known.emit(&self.theirs, name, at, lines);
            }
            let due = known
                .shadow
                .synced_at
                .is_some_and(|last| now.0 - last.0 >= SYNC_MS + 1_000);
            if due {
                known.sync(&self.theirs.controller, now, Heard::Silence);
                known.emit(&self.theirs, name, at, lines);
            }
        }
    }

    /// Returns what an autoscaler looks like now.
    pub fn point(&self, name: &str) -> Option<&Point> {
        self.known.get(name)?.last.as_deref()
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
        let mut tracker = Tracker::new(false, &Server::default());
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
        // Whatever the server's clock shows.
        for skew_ms in [0, 3_600_000, -86_400_000] {
            held(&Server {
                skew_ms,
                ..Server::default()
            });
        }
    }

    fn held(server: &Server) {
        let mut tracker = Tracker::new(true, server);
        let mut lines = Vec::new();
        let target = Target {
            spec: Some(3),
            ready: Some(3),
            status: 3,
        };
        tracker.see(
            "shop/web",
            hpa(3, 3, 60, "ReadyForNewScale"),
            at(0),
            &mut lines,
        );
        tracker.see_target("shop/web", Some(target), at(0), &mut lines);
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
        assert_eq!(point.held_until, Some(at(75)));
        tracker.tick(at(46), &mut lines);
        let why = &tracker.point("shop/web").unwrap().why;
        assert!(why.contains("for 29s more"), "{why}");
    }

    #[test]
    fn a_controller_that_does_something_else_is_named() {
        let mut tracker = Tracker::new(true, &Server::default());
        let mut lines = Vec::new();
        let target = Target {
            spec: Some(1),
            ready: Some(1),
            status: 1,
        };
        tracker.see(
            "shop/web",
            hpa(1, 1, 200, "ReadyForNewScale"),
            at(0),
            &mut lines,
        );
        tracker.see_target("shop/web", Some(target), at(0), &mut lines);
        tracker.tick(at(17), &mut lines);
        tracker.tick(at(34), &mut lines);
        let why = &tracker.point("shop/web").unwrap().why;
        assert!(
            why.starts_with("the controller keeps 1 where the algorithm gives 3"),
            "{why}"
        );
    }

    #[test]
    fn a_controller_that_sleeps_is_named_after_two_minutes() {
        let mut tracker = Tracker::new(true, &Server::default());
        let mut lines = Vec::new();
        let target = Target {
            spec: Some(1),
            ready: Some(1),
            status: 1,
        };
        tracker.see(
            "shop/web",
            hpa(1, 1, 2, "ReadyForNewScale"),
            at(0),
            &mut lines,
        );
        tracker.see_target("shop/web", Some(target), at(0), &mut lines);
        let pod = autoscaleops_hpa::kubernetes::pod(&json!({
            "metadata": {"name": "web-1"},
            "spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "100m"}}}]},
            "status": {"phase": "Running", "startTime": "1970-01-01T00:00:00Z", "conditions":
                [{"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:00Z"}]},
        }));
        tracker.see_pods("shop/web", PodChange::All(vec![pod]), at(1), &mut lines);
        let usage = |cpu: &str| {
            Usages::of(
                &json!({"metadata": {"name": "web-1"}, "timestamp": "1970-01-12T13:46:40Z",
                "window": "15s", "containers": [{"name": "app", "usage": {"cpu": cpu}}]}),
            )
        };
        for second in [15, 75, 134] {
            tracker.see_usages("shop/web", Ok(vec![usage("80m")]), at(second), &mut lines);
            let point = tracker.point("shop/web").unwrap();
            assert_eq!(point.measured, Some(80));
            assert!(!point.why.contains("not reacted"), "{}", point.why);
        }
        tracker.see_usages("shop/web", Ok(vec![usage("80m")]), at(135), &mut lines);
        assert_eq!(
            tracker.point("shop/web").unwrap().why,
            "the controller has not reacted for 2m: it last saw 2%, metrics.k8s.io shows 80%"
        );
        // It wakes up.
        tracker.see(
            "shop/web",
            hpa(1, 2, 80, "SucceededRescale"),
            at(136),
            &mut lines,
        );
        assert!(
            !tracker
                .point("shop/web")
                .unwrap()
                .why
                .contains("not reacted")
        );
        // Without the right to read it, that is said.
        let refused = Err("no permission: list pods.metrics.k8s.io".to_owned());
        tracker.see_usages("shop/web", refused, at(140), &mut lines);
        let point = tracker.point("shop/web").unwrap();
        assert_eq!(point.measured, None);
        assert_eq!(
            point.not_checked,
            ["the usage of the pods (no permission: list pods.metrics.k8s.io)"]
        );
    }
}
