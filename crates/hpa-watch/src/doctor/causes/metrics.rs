//! Causes at the metrics: why they are unknown, and what spoils them.

use autoscaleops_hpa::{MetricKind, Target};

use super::Case;
use crate::{
    doctor::{Weight, snapshot::Seen},
    recording::Condition,
};

impl Case<'_> {
    /// Why the metrics are unknown.
    pub(super) fn metrics(&mut self) {
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
            let (evidence, cause) = self.adapter();
            return Some((
                "metric_missing",
                Weight::Error,
                evidence,
                cause,
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

    /// Evidence and cause of a custom or external metric that cannot be read.
    fn adapter(&self) -> (String, &'static str) {
        match &self.snapshot.adapter {
            Some((path, Seen::Absent(_))) => (
                format!("GET {path} answers 404"),
                "nothing serves this API: the adapter for custom or external metrics is not installed",
            ),
            Some((path, Seen::Failed(code, text))) => (
                format!("GET {path} answers {code} {text}"),
                "the adapter for custom or external metrics is registered but does not answer",
            ),
            Some((path, Seen::Known(_))) => (
                format!("GET {path} answers"),
                "the adapter for custom or external metrics does not know this metric",
            ),
            _ => (
                String::new(),
                "the adapter for custom or external metrics is missing or does not know this metric",
            ),
        }
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
    pub(super) fn requests(&mut self) {
        let Some(spec) = self.spec.clone() else {
            return;
        };
        for metric in &spec.metrics {
            let (MetricKind::Resource { name, container }, Target::Utilization(_)) =
                (&metric.kind, metric.target)
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
    pub(super) fn partial(&mut self) {
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
}
