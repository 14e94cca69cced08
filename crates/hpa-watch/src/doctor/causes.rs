//! The causes, from what was seen. Pure.

use autoscaleops_hpa::{
    Controller, Pod, Proposal, SelectPolicy, Spec, Target, Usages, kubernetes, manifest::spec_of,
};
use serde_json::Value;

use super::{
    Cause, Diagnosis, Weight,
    snapshot::{Seen, Snapshot},
};
use crate::{live::seen::HpaStatus, recording::Condition};

/// All that is looked at, in one place.
struct Case<'a> {
    snapshot: &'a Snapshot,
    status: HpaStatus,
    spec: Option<Spec>,
    /// The pods that the target's selector matches.
    pods: Vec<(Pod, &'a Value)>,
    usages: Vec<Usages>,
    found: Diagnosis,
}

/// Finds the causes, the decisive one first.
pub fn find(snapshot: &Snapshot) -> Diagnosis {
    let status = snapshot.hpa.status.clone().unwrap_or_default();
    let selector = snapshot
        .target
        .known()
        .map(|target| &target["spec"]["selector"]);
    let pods: Vec<(Pod, &Value)> = match (&snapshot.pods, selector) {
        (Seen::Known(pods), Some(selector)) => pods
            .iter()
            .filter(|pod| matches(selector, &pod["metadata"]["labels"]))
            .map(|pod| (kubernetes::pod(pod), pod))
            .collect(),
        _ => Vec::new(),
    };
    let usages = match &snapshot.usages {
        Seen::Known(items) => items.iter().map(Usages::of).collect(),
        _ => Vec::new(),
    };
    let mut case = Case {
        snapshot,
        status,
        spec: spec_of(&snapshot.hpa.spec).ok(),
        pods,
        usages,
        found: Diagnosis::default(),
    };
    case.rights();
    case.target();
    case.selection();
    case.metrics();
    case.requests();
    case.partial();
    case.bounds();
    case.held();
    case.capacity();
    case.others();
    case.found.causes.sort_by_key(|cause| match cause.weight {
        Weight::Error => 0,
        Weight::Warning => 1,
        Weight::Info => 2,
    });
    case.found
}

/// Whether a selector with `matchLabels` and `matchExpressions` matches labels.
fn matches(selector: &Value, labels: &Value) -> bool {
    let wanted = selector["matchLabels"].as_object();
    let expressions = selector["matchExpressions"].as_array();
    if wanted.is_none_or(serde_json::Map::is_empty) && expressions.is_none_or(Vec::is_empty) {
        return false;
    }
    let all = wanted
        .into_iter()
        .flatten()
        .all(|(name, value)| labels.get(name) == Some(value));
    all && expressions.into_iter().flatten().all(|expression| {
        let label = expression["key"].as_str().and_then(|key| labels.get(key));
        let values = expression["values"].as_array();
        let is_in =
            || label.is_some_and(|label| values.is_some_and(|values| values.contains(label)));
        match expression["operator"].as_str() {
            Some("In") => is_in(),
            Some("NotIn") => !is_in(),
            Some("Exists") => label.is_some(),
            Some("DoesNotExist") => label.is_none(),
            _ => false,
        }
    })
}

impl Case<'_> {
    fn add(&mut self, weight: Weight, id: &str, [symptom, evidence, cause, fix]: [String; 4]) {
        self.found.causes.push(Cause {
            hpa: self.snapshot.name.clone(),
            id: id.to_owned(),
            weight,
            symptom,
            evidence,
            cause,
            fix,
        });
    }

    fn not_checked(&mut self, what: &str) {
        self.found.not_checked.push(what.to_owned());
    }

    fn condition(&self, kind: &str) -> Option<Condition> {
        self.status.condition(kind)
    }

    fn is_failing(&self, kind: &str) -> Option<Condition> {
        self.condition(kind).filter(|condition| !condition.holds)
    }

    /// What we may not read is said first of all.
    fn rights(&mut self) {
        let snapshot = self.snapshot;
        let missing = |seen: &Seen<Vec<Value>>| match seen {
            Seen::Forbidden(right) => Some(right.clone()),
            Seen::Failed(code, text) if *code != 503 => Some(format!("{code} {text}")),
            _ => None,
        };
        let one = |seen: &Seen<Value>| match seen {
            Seen::Forbidden(right) => Some(right.clone()),
            _ => None,
        };
        let items = [
            (
                "readiness, requests and capacity of the pods",
                missing(&snapshot.pods),
            ),
            ("the usage of the pods", missing(&snapshot.usages)),
            ("the target", one(&snapshot.target)),
            (
                "whether resource metrics are served",
                one(&snapshot.metrics_api),
            ),
            (
                "the registration of the resource metrics",
                one(&snapshot.api_service),
            ),
        ];
        for (what, right) in items {
            if let Some(right) = right {
                self.not_checked(&format!("{what} (no permission: {right})"));
            }
        }
        self.not_checked("whether the controller reacts at all and whether it thrashes (needs time: hpa-watch record)");
    }

    fn reference(&self) -> String {
        let reference = &self.snapshot.hpa.spec["scaleTargetRef"];
        let text = |name: &str| reference[name].as_str().unwrap_or_default();
        format!("{} {}", text("kind"), text("name"))
    }

    fn target(&mut self) {
        let able = self.is_failing("AbleToScale");
        if let Seen::Absent(said) = &self.snapshot.target {
            let candidates = &self.snapshot.candidates;
            let near = if candidates.is_empty() {
                "there is no other of that kind in the namespace".to_owned()
            } else {
                format!("the namespace has: {}", candidates.join(", "))
            };
            let evidence = able.map_or_else(
                || said.clone(),
                |able| format!("{}: {}", able.reason, able.message),
            );
            let text = [
                "it never scales".to_owned(),
                evidence,
                format!(
                    "scaleTargetRef names {}, which does not exist",
                    self.reference()
                ),
                format!("correct spec.scaleTargetRef; {near}"),
            ];
            self.add(Weight::Error, "target_missing", text);
        } else if let Some(able) = able {
            let text = [
                "it never scales".to_owned(),
                format!("AbleToScale=False {}: {}", able.reason, able.message),
                "the controller cannot read or write the target's scale".to_owned(),
                "check the kind, its scale subresource and the controller's rights".to_owned(),
            ];
            self.add(Weight::Error, "target_unscalable", text);
        }
        let Some(target) = self.snapshot.target.known() else {
            return;
        };
        let min = self.spec.as_ref().map_or(1, |spec| spec.min_replicas);
        if target["spec"]["replicas"] == 0 {
            if min > 0 {
                let text = [
                    "it stays at 0 replicas".to_owned(),
                    "spec.replicas of the target is 0 while minReplicas is at least 1".to_owned(),
                    "someone scaled the target to 0, which pauses the autoscaler".to_owned(),
                    format!("kubectl scale --replicas={min} for {}", self.reference()),
                ];
                self.add(Weight::Error, "paused", text);
            } else {
                let percent_only = self
                    .spec
                    .as_ref()
                    .and_then(|spec| spec.behavior.as_ref())
                    .is_some_and(|behavior| {
                        behavior
                            .scale_up
                            .policies
                            .iter()
                            .all(|policy| policy.kind == autoscaleops_hpa::PolicyKind::Percent)
                    });
                let cause = if percent_only {
                    "only Percent policies lead upwards, and any percentage of 0 is 0"
                } else {
                    "a target that was scaled to 0 by hand is left alone (Kubernetes 1.36 and later)"
                };
                let text = [
                    "it stays at 0 replicas".to_owned(),
                    "spec.replicas of the target is 0 with minReplicas 0".to_owned(),
                    cause.to_owned(),
                    "add a Pods policy upwards, or scale to 1 once".to_owned(),
                ];
                self.add(Weight::Warning, "stuck_at_zero", text);
            }
        }
        self.fights(target);
    }

    /// Whether something else writes the number of replicas too.
    fn fights(&mut self, target: &Value) {
        let managers: Vec<&str> = target["metadata"]["managedFields"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| entry["subresource"] != "scale")
            .filter(|entry| !entry["fieldsV1"]["f:spec"]["f:replicas"].is_null())
            .filter_map(|entry| entry["manager"].as_str())
            .filter(|manager| *manager != "kube-controller-manager")
            .collect();
        if managers.is_empty() {
            return;
        }
        let text = [
            "replicas may jump back to a fixed number".to_owned(),
            format!("metadata.managedFields: {} owns spec.replicas", managers.join(", ")),
            "the manifest sets spec.replicas, and every apply or sync writes it over the autoscaler's number".to_owned(),
            "remove spec.replicas from the manifest; with Argo CD also ignoreDifferences on /spec/replicas and RespectIgnoreDifferences=true".to_owned(),
        ];
        self.add(Weight::Warning, "replicas_fought", text);
    }

    fn selection(&mut self) {
        if let Some(active) = self.is_failing("ScalingActive") {
            let (id, cause, fix) = match active.reason.as_str() {
                "AmbiguousSelector" => (
                    "ambiguous_selector",
                    "several autoscalers select the same pods",
                    "remove all but one, or make the pods' labels distinct",
                ),
                "InvalidSelector" => (
                    "no_selector",
                    "the target's scale has no usable selector",
                    "for a custom resource set labelSelectorPath in its definition",
                ),
                _ => return,
            };
            let evidence = format!("ScalingActive=False {}: {}", active.reason, active.message);
            let text = [
                "<unknown>".to_owned(),
                evidence,
                cause.to_owned(),
                fix.to_owned(),
            ];
            self.add(Weight::Error, id, text);
            return;
        }
        let foreign: Vec<String> = self
            .pods
            .iter()
            .filter(|(_, raw)| {
                let owner = raw["metadata"]["ownerReferences"][0]["name"].as_str();
                let target = self.snapshot.hpa.spec["scaleTargetRef"]["name"].as_str();
                match (owner, target) {
                    (Some(owner), Some(target)) => !owner.starts_with(target),
                    _ => false,
                }
            })
            .map(|(pod, _)| pod.name.clone())
            .collect();
        if !foreign.is_empty() {
            let text = [
                "the average is not the target's own".to_owned(),
                format!("the selector also matches {}", foreign.join(", ")),
                "pods of another workload carry the same labels, and labels alone select"
                    .to_owned(),
                "give each workload a label of its own in its selector".to_owned(),
            ];
            self.add(Weight::Warning, "foreign_pods", text);
        }
    }

    /// Why the metrics are unknown.
    fn metrics(&mut self) {
        let Some(active) = self.is_failing("ScalingActive") else {
            return;
        };
        let Some((id, weight, more, cause, fix)) = self.unknown(&active) else {
            return;
        };
        let mut evidence = format!("ScalingActive=False {}: {}", active.reason, active.message);
        if !more.is_empty() {
            evidence = format!("{evidence}; {more}");
        }
        let text = [
            "<unknown>".to_owned(),
            evidence,
            cause.to_owned(),
            fix.to_owned(),
        ];
        self.add(weight, id, text);
    }

    /// Identifier, weight, more evidence, cause and fix of unknown metrics.
    fn unknown(
        &self,
        active: &Condition,
    ) -> Option<(&'static str, Weight, String, &'static str, &'static str)> {
        let message = active.message.as_str();
        if active.reason == "ScalingDisabled"
            || active.reason.contains("Selector")
            // Said with the container by the check of the requests.
            || message.contains("missing request for")
        {
            return None;
        }
        if !active.reason.contains("ResourceMetric") {
            return Some((
                "metric_missing",
                Weight::Error,
                String::new(),
                "the adapter for custom or external metrics is missing or does not know this metric",
                "kubectl get --raw /apis/custom.metrics.k8s.io/v1beta2 (or external.metrics.k8s.io/v1beta1), and check the adapter's rules",
            ));
        }
        match &self.snapshot.metrics_api {
            Seen::Absent(_) => {
                return Some((
                    "metrics_server_missing",
                    Weight::Error,
                    "GET /apis/metrics.k8s.io/v1beta1 answers 404".to_owned(),
                    "nothing serves resource metrics: metrics-server is not installed",
                    "install metrics-server first of all (in KinD with --kubelet-insecure-tls)",
                ));
            }
            Seen::Failed(code, text) => {
                return Some((
                    "metrics_server_down",
                    Weight::Error,
                    format!(
                        "the metrics API answers {code} {text}{}",
                        self.registration()
                    ),
                    "whatever serves resource metrics is registered but does not answer",
                    "look at its pods and logs; certificates of the kubelets (--kubelet-insecure-tls) and network policies to port 10250 are the usual reasons",
                ));
            }
            _ => {}
        }
        let pods = self.pods.len();
        Some(if message.contains("no metrics returned") {
            let youngest = self.pods.iter().filter_map(|(pod, _)| pod.started).max();
            let is_young =
                youngest.is_some_and(|started| (self.snapshot.now - started).as_secs() < 60);
            if pods == 0 {
                (
                    "no_pods",
                    Weight::Error,
                    "the target's selector matches no pod".to_owned(),
                    "there is nothing to measure",
                    "check why the target has no pods",
                )
            } else if is_young {
                (
                    "no_samples_yet",
                    Weight::Info,
                    "the youngest pod is less than 60 s old".to_owned(),
                    "there is no sample yet",
                    "normal at the start: wait a minute",
                )
            } else {
                (
                    "no_samples",
                    Weight::Error,
                    format!("{pods} pods, no sample"),
                    "resource metrics are served, but not for these pods",
                    "kubectl top pods; check that the pods run and that their node is scraped",
                )
            }
        } else if message.contains("did not receive metrics for targeted pods") {
            let ready = self.pods.iter().filter(|(pod, _)| pod.is_serving()).count();
            (
                "pods_unready",
                Weight::Warning,
                format!("{ready} of {pods} pods are ready"),
                "no pod counts: they are unready or became ready less than one measurement ago",
                "within the first minutes normal; else look at the readiness probe and pending pods",
            )
        } else {
            (
                "metric_failed",
                Weight::Error,
                String::new(),
                "the controller cannot read the metric",
                "read the message; kubectl top pods shows the same path",
            )
        })
    }

    /// What the registration of the resource metrics says.
    fn registration(&self) -> String {
        self.snapshot
            .api_service
            .known()
            .and_then(|service| service["status"]["conditions"].as_array())
            .and_then(|list| list.iter().find(|item| item["type"] == "Available"))
            .map(|item| {
                format!(
                    ", APIService Available={} {}: {}",
                    item["status"].as_str().unwrap_or_default(),
                    item["reason"].as_str().unwrap_or_default(),
                    item["message"].as_str().unwrap_or_default()
                )
            })
            .unwrap_or_default()
    }

    /// Containers without a request spoil a utilization.
    fn requests(&mut self) {
        let Some(spec) = self.spec.clone() else {
            return;
        };
        for metric in &spec.metrics {
            let (
                autoscaleops_hpa::MetricKind::Resource { name, container },
                Target::Utilization(_),
            ) = (&metric.kind, metric.target)
            else {
                continue;
            };
            let missing = self.pods.iter().find_map(|(pod, _)| {
                pod.request(name, container.as_deref())
                    .err()
                    .map(|container| (pod.name.clone(), container))
            });
            if let Some((pod, container)) = missing {
                let text = [
                    "<unknown>".to_owned(),
                    format!(
                        "spec.containers[{container}].resources.requests.{name} of pod {pod} is absent"
                    ),
                    format!(
                        "a utilization is a share of the request, and container {container} has none; one such container (an injected sidecar too) is enough"
                    ),
                    format!(
                        "set requests.{name} on {container}, or use a ContainerResource metric or an AverageValue target"
                    ),
                ];
                self.add(Weight::Error, "missing_request", text);
                return;
            }
        }
    }

    /// Some metrics failed while others did not.
    fn partial(&mut self) {
        let Some(spec) = &self.spec else { return };
        let total = spec.metrics.len();
        let failed: Vec<&str> = spec
            .metrics
            .iter()
            .enumerate()
            .filter(|(index, _)| self.status.current_metric(*index).is_none())
            .map(|(_, metric)| metric.kind.name())
            .collect();
        if self
            .status
            .current_metrics
            .as_ref()
            .is_some_and(|list| list.len() == total)
            && !failed.is_empty()
            && failed.len() < total
        {
            let text = [
                "it does not scale down".to_owned(),
                format!(
                    "status.currentMetrics has no value for {}",
                    failed.join(", ")
                ),
                "while any metric fails, nothing is scaled down".to_owned(),
                format!("repair or remove {}", failed.join(", ")),
            ];
            self.add(Weight::Warning, "partial_metrics", text);
        }
    }

    /// What the algorithm makes of what is seen now, for the first utilization metric.
    fn proposal(&self) -> Option<(Proposal, i32, f64)> {
        let spec = self.spec.as_ref()?;
        let current = self.snapshot.target.known()?["spec"]["replicas"].as_i64()?;
        let current = i32::try_from(current).ok()?;
        let pods: Vec<Pod> = self.pods.iter().map(|(pod, _)| pod.clone()).collect();
        let (index, name, container) =
            spec.metrics
                .iter()
                .enumerate()
                .find_map(|(index, metric)| match (&metric.kind, metric.target) {
                    (
                        autoscaleops_hpa::MetricKind::Resource { name, container },
                        Target::Utilization(_),
                    ) => Some((index, name, container.as_deref())),
                    _ => None,
                })?;
        let reading = kubernetes::resource_reading(&pods, &self.usages, name, container).ok()?;
        let metric = spec.metrics.get(index)?;
        let controller = Controller::default();
        let proposal = controller
            .propose(spec, metric, &reading, &pods, current, self.snapshot.now)
            .ok()?;
        let Target::Utilization(target) = metric.target else {
            return None;
        };
        Some((proposal, current, f64::from(target)))
    }

    fn bounds(&mut self) {
        let Some(spec) = self.spec.clone() else {
            return;
        };
        let limited = self
            .condition("ScalingLimited")
            .filter(|limited| limited.holds);
        let proposal = self.proposal();
        let wish = proposal.as_ref().map(|(proposal, ..)| proposal.replicas);
        if let Some(limited) = &limited {
            let evidence = format!("ScalingLimited=True {}", limited.reason);
            match (limited.reason.as_str(), wish) {
                ("TooManyReplicas", Some(wish)) if wish <= spec.max_replicas => {
                    let text = [
                        "it is at its maximum".to_owned(),
                        format!("{evidence}; the metrics now ask for {wish}"),
                        "the maximum is reached and suffices".to_owned(),
                        String::new(),
                    ];
                    self.add(Weight::Info, "at_maximum_satisfied", text);
                }
                ("TooManyReplicas", wish) => {
                    let more = wish.map_or("more".to_owned(), |wish| wish.to_string());
                    let text = [
                        "the load is high and the replicas do not rise".to_owned(),
                        format!(
                            "{evidence}; maxReplicas {}, the metrics ask for {more}",
                            spec.max_replicas
                        ),
                        "maxReplicas is reached".to_owned(),
                        "raise maxReplicas, and check that the nodes have room".to_owned(),
                    ];
                    self.add(Weight::Warning, "at_maximum", text);
                }
                ("TooFewReplicas", _) => {
                    let text = [
                        "it is at its minimum".to_owned(),
                        evidence,
                        "normal while there is little to do: less was asked for than minReplicas"
                            .to_owned(),
                        String::new(),
                    ];
                    self.add(Weight::Info, "idle_at_minimum", text);
                }
                ("ScaleDownLimit" | "ScaleUpLimit", _) => {
                    let text = [
                        "it moves slowly".to_owned(),
                        format!("{evidence}: {}", limited.message),
                        "a policy of spec.behavior limits the change in a period".to_owned(),
                        "allow more in the policy, if that is not wanted".to_owned(),
                    ];
                    self.add(Weight::Info, "rate_limited", text);
                }
                _ => {}
            }
        }
        let Some((proposal, current, target)) = proposal else {
            return;
        };
        if proposal.is_within_tolerance && (proposal.ratio - 1.0).abs() > f64::EPSILON {
            let text = [
                "the metric is off its target and nothing changes".to_owned(),
                format!("{:.0}% of {target:.0}%, ratio {:.2}", proposal.ratio * target, proposal.ratio),
                format!("within the tolerance: it acts below {:.0}% and above {:.0}%", target * 0.9, target * 1.1),
                "lower the tolerance (spec.behavior.*.tolerance, Kubernetes 1.35 and later) or the target".to_owned(),
            ];
            self.add(Weight::Info, "within_tolerance", text);
        }
        if let Some(second) = proposal.second_ratio
            && proposal.ratio > 1.0
            && proposal.replicas <= current
        {
            let text = [
                "the load is high and the replicas do not rise".to_owned(),
                format!(
                    "{} pods unready, {} without a sample; ratio {:.2}, with them {second:.2}",
                    proposal.unready, proposal.missing, proposal.ratio
                ),
                "pods that are starting count as idle, which dampens the growth".to_owned(),
                "wait for readiness; shorten the start or the readiness delay".to_owned(),
            ];
            self.add(Weight::Warning, "damped_by_unready", text);
        }
    }

    fn held(&mut self) {
        let Some(spec) = self.spec.clone() else {
            return;
        };
        if let Some(able) = self.condition("AbleToScale")
            && able.holds
            && able.reason.ends_with("Stabilized")
        {
            let controller = Controller::default();
            let window = match &spec.behavior {
                Some(behavior) if able.reason == "ScaleUpStabilized" => {
                    controller.windows(behavior).0
                }
                Some(behavior) => controller.windows(behavior).1,
                None => controller.downscale_stabilization_s,
            };
            let text = [
                "the load has changed and the replicas have not".to_owned(),
                format!("AbleToScale {}: {}", able.reason, able.message),
                format!(
                    "a recommendation of the last {window} s holds the size; the window is a rolling one, not a delay"
                ),
                format!(
                    "at most {window} s more, if the load stays; `hpa-watch watch` counts down"
                ),
            ];
            self.add(Weight::Info, "stabilized", text);
        }
        let Some(behavior) = &spec.behavior else {
            return;
        };
        for (name, rules) in [("up", &behavior.scale_up), ("down", &behavior.scale_down)] {
            if rules.select == SelectPolicy::Disabled {
                let text = [
                    format!("it never scales {name}"),
                    format!("spec.behavior: selectPolicy Disabled on the way {name}"),
                    "this direction is switched off".to_owned(),
                    "remove selectPolicy, if that is not wanted".to_owned(),
                ];
                self.add(Weight::Warning, "direction_disabled", text);
            }
        }
        let is_memory = |index: usize| {
            spec.metrics
                .get(index)
                .is_some_and(|metric| metric.kind.name() == "memory")
        };
        let ratio = |index: usize| -> Option<f64> {
            let Target::Utilization(target) = spec.metrics.get(index)?.target else {
                return None;
            };
            let value = self.status.current_metric(index)?["averageUtilization"].as_f64()?;
            Some(value / f64::from(target))
        };
        let greatest = (0..spec.metrics.len())
            .filter_map(|index| Some((index, ratio(index)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((index, ratio)) = greatest
            && is_memory(index)
            && ratio > 0.9
            && self.status.current_replicas > spec.min_replicas
        {
            let text = [
                "it does not shrink after the load".to_owned(),
                format!(
                    "memory is at {:.0}% of its target and asks for most",
                    ratio * 100.0
                ),
                "most programs keep memory after a load, so the metric does not fall".to_owned(),
                "scale on cpu or on requests instead".to_owned(),
            ];
            self.add(Weight::Warning, "memory_winner", text);
        }
    }

    /// The autoscaler asks, and the cluster cannot give.
    fn capacity(&mut self) {
        let Some(target) = self.snapshot.target.known() else {
            return;
        };
        let wanted = target["spec"]["replicas"].as_i64().unwrap_or(0);
        let ready = target["status"]["readyReplicas"].as_i64().unwrap_or(0);
        if ready >= wanted {
            return;
        }
        let mut reasons: Vec<String> = Vec::new();
        for (pod, raw) in &self.pods {
            let conditions = raw["status"]["conditions"].as_array();
            let unscheduled = conditions.into_iter().flatten().find(|condition| {
                condition["type"] == "PodScheduled" && condition["status"] == "False"
            });
            let waiting = raw["status"]["containerStatuses"]
                .as_array()
                .into_iter()
                .flatten()
                .find_map(|status| status["state"]["waiting"]["reason"].as_str());
            if let Some(condition) = unscheduled {
                let message = condition["message"].as_str().unwrap_or_default();
                reasons.push(format!("{}: {message}", pod.name));
            } else if let Some(reason) = waiting.filter(|reason| *reason != "ContainerCreating") {
                reasons.push(format!("{}: {reason}", pod.name));
            }
        }
        let refused = target["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|item| item["type"] == "ReplicaFailure" && item["status"] == "True");
        if let Some(item) = refused {
            reasons.push(item["message"].as_str().unwrap_or_default().to_owned());
        }
        if reasons.is_empty() {
            return;
        }
        let text = [
            "more replicas are wanted than become ready".to_owned(),
            format!("{ready} of {wanted} ready; {}", reasons.join("; ")),
            "the cluster cannot start them: this is not the autoscaler".to_owned(),
            "make room on the nodes, raise the quota, or repair the image".to_owned(),
        ];
        self.add(Weight::Error, "capacity", text);
    }

    fn others(&mut self) {
        let reference = &self.snapshot.hpa.spec["scaleTargetRef"];
        let same: Vec<&str> = self
            .snapshot
            .others
            .iter()
            .filter(|other| {
                let theirs = &other.spec["scaleTargetRef"];
                theirs["kind"] == reference["kind"] && theirs["name"] == reference["name"]
            })
            .filter_map(|other| other.metadata.name.as_deref())
            .collect();
        if !same.is_empty() {
            let text = [
                "two autoscalers pull at one target".to_owned(),
                format!("{} scale the same {}", same.join(", "), self.reference()),
                "each undoes what the other does".to_owned(),
                "remove all but one".to_owned(),
            ];
            self.add(Weight::Error, "same_target", text);
        }
        let labels = self
            .snapshot
            .hpa
            .metadata
            .labels
            .clone()
            .unwrap_or_default();
        let name = self.snapshot.hpa.metadata.name.clone().unwrap_or_default();
        let of_keda = labels
            .get("app.kubernetes.io/managed-by")
            .is_some_and(|manager| manager == "keda-operator")
            || name.starts_with("keda-hpa-");
        if of_keda {
            let text = [
                "changes to it are undone".to_owned(),
                "it is made by KEDA".to_owned(),
                "KEDA owns this autoscaler, and handles 0 to 1 itself".to_owned(),
                "change the ScaledObject instead".to_owned(),
            ];
            self.add(Weight::Info, "owned_by_keda", text);
        }
    }
}
