//! Causes at the target and around it: whether it is there, who else pulls at it, and whose pods
//! count.

use autoscaleops_hpa::{MetricKind, PolicyKind};
use serde_json::Value;

use super::Case;
use crate::doctor::{Weight, snapshot::Seen};

impl Case<'_> {
    pub(super) fn target(&mut self) {
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
                self.at_zero();
            }
        }
        self.fights(target);
    }

    /// The target has no replicas, and may have none.
    fn at_zero(&mut self) {
        let behavior = self.spec.as_ref().and_then(|spec| spec.behavior.as_ref());
        let percent_only = behavior.is_some_and(|behavior| {
            let mut policies = behavior.scale_up.policies.iter();
            policies.all(|policy| policy.kind == PolicyKind::Percent)
        });
        let own = self.condition("ScaledToZero");
        if !percent_only && let Some(own) = own.filter(|condition| condition.holds) {
            let text = [
                "it is at 0 replicas".to_owned(),
                format!("ScaledToZero=True {}", own.reason),
                "normal while there is nothing to do: it scaled to zero itself".to_owned(),
                String::new(),
            ];
            self.add(Weight::Info, "scaled_to_zero", text);
            return;
        }
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

    pub(super) fn selection(&mut self) {
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
                let owner = &raw["metadata"]["ownerReferences"][0];
                let target = self.snapshot.hpa.spec["scaleTargetRef"]["name"].as_str();
                match (owner["name"].as_str(), target) {
                    (Some(owner), Some(target)) => !is_of(owner, target),
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

    pub(super) fn others(&mut self) {
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
        self.vertical();
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

    /// A vertical autoscaler that changes the requests of the same pods.
    fn vertical(&mut self) {
        let reference = &self.snapshot.hpa.spec["scaleTargetRef"];
        let mode = |vertical: &Value| {
            let mode = vertical["spec"]["updatePolicy"]["updateMode"].as_str();
            mode.unwrap_or("Auto").to_owned()
        };
        let same = self.snapshot.verticals.known().into_iter().flatten();
        let found = same
            .filter(|vertical| {
                let theirs = &vertical["spec"]["targetRef"];
                theirs["kind"] == reference["kind"] && theirs["name"] == reference["name"]
            })
            .find(|vertical| !matches!(mode(vertical).as_str(), "Off" | "Initial"));
        let by_resource = self.spec.as_ref().is_some_and(|spec| {
            let mut metrics = spec.metrics.iter();
            metrics.any(|metric| matches!(metric.kind, MetricKind::Resource { .. }))
        });
        if let (Some(found), true) = (found, by_resource) {
            let name = found["metadata"]["name"].as_str().unwrap_or_default();
            let text = [
                "the utilization jumps without a change of the load".to_owned(),
                format!(
                    "the VerticalPodAutoscaler {name} has the same target, updateMode {}",
                    mode(found)
                ),
                "it changes the requests that the utilization is a share of".to_owned(),
                "set its updateMode to Off, or scale on a metric that is no resource".to_owned(),
            ];
            self.add(Weight::Warning, "vertical_autoscaler", text);
        }
    }
}

/// Whether a pod's owner is the target, or a set of replicas that the target made: its name with one
/// more word, the hash of the template.
fn is_of(owner: &str, target: &str) -> bool {
    let rest = owner.strip_prefix(target);
    rest.is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix('-')
                .is_some_and(|hash| !hash.contains('-'))
    })
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn pods_of_a_workload_with_a_longer_name_are_not_ones_own() {
        assert!(is_of("web-5d8c7f", "web") && is_of("web", "web"));
        assert!(!is_of("web-admin-5d8c7f", "web") && !is_of("website", "web"));
        assert!(!is_of("other-5d8c7f", "web"));
    }
}
