//! Objects for tests, and where they belong.

use serde_json::{Value, json};

/// Kind, plural, group and version, and whether it is namespaced.
pub(super) const KINDS: &[(&str, &str, &str, bool)] = &[
    (
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "autoscaling/v2",
        true,
    ),
    ("Deployment", "deployments", "apps/v1", true),
    ("StatefulSet", "statefulsets", "apps/v1", true),
    ("ReplicaSet", "replicasets", "apps/v1", true),
    ("Pod", "pods", "v1", true),
    ("Event", "events", "v1", true),
    ("Namespace", "namespaces", "v1", false),
    ("PodMetrics", "podmetrics", "metrics.k8s.io/v1beta1", true),
    ("Lease", "leases", "coordination.k8s.io/v1", true),
    (
        "VerticalPodAutoscaler",
        "verticalpodautoscalers",
        "autoscaling.k8s.io/v1",
        true,
    ),
    (
        "APIService",
        "apiservices",
        "apiregistration.k8s.io/v1",
        false,
    ),
];

pub(super) fn resource_of(object: &Value) -> &'static str {
    resource_of_kind(object["kind"].as_str().unwrap())
}

pub(super) fn resource_of_kind(kind: &str) -> &'static str {
    let found = KINDS.iter().find(|entry| entry.0 == kind);
    found.unwrap_or_else(|| panic!("no kind {kind}")).1
}

/// Returns `namespace/name`, or the name alone.
pub(super) fn key(object: &Value) -> String {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap();
    match metadata["namespace"].as_str() {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

/// Returns an autoscaler on CPU, 50 % of the request, between `min` and `max`.
pub fn hpa(namespace: &str, name: &str, (min, max): (i32, i32)) -> Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "minReplicas": min, "maxReplicas": max,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": 50}}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60,
                "policies": [{"type": "Percent", "value": 50, "periodSeconds": 15}]}},
        },
        "status": {"currentReplicas": min, "desiredReplicas": 0},
    })
}

/// Sets the status of an autoscaler whose metrics are known.
pub fn observe(hpa: &mut Value, current: i32, desired: i32, percent: i32) {
    let able = if current == desired {
        "ReadyForNewScale"
    } else {
        "SucceededRescale"
    };
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": "as a test says",
            "lastTransitionTime": "2026-11-23T09:00:00Z"})
    };
    hpa["status"] = json!({
        "currentReplicas": current, "desiredReplicas": desired,
        "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu",
            "current": {"averageUtilization": percent, "averageValue": format!("{percent}m")}}}],
        "conditions": [
            condition("AbleToScale", "True", able),
            condition("ScalingActive", "True", "ValidMetricFound"),
            condition("ScalingLimited", "False", "DesiredWithinRange"),
        ],
    });
}

/// Sets the status of an autoscaler whose metrics cannot be read.
pub fn blind(hpa: &mut Value, reason: &str, message: &str) {
    hpa["status"] = json!({
        "currentReplicas": 1, "desiredReplicas": 0, "currentMetrics": null,
        "conditions": [
            {"type": "AbleToScale", "status": "True", "reason": "SucceededGetScale", "message": ""},
            {"type": "ScalingActive", "status": "False", "reason": reason, "message": message},
        ],
    });
}

/// Returns a Deployment.
pub fn deployment(namespace: &str, name: &str, replicas: i32, ready: i32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}},
        "status": {"replicas": replicas, "readyReplicas": ready},
    })
}

/// Returns a running pod of a workload, ready since an hour, with a CPU request of 100m.
pub fn pod(namespace: &str, app: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": app},
            "ownerReferences": [{"kind": "ReplicaSet", "name": format!("{app}-5d8"), "uid": "x", "apiVersion": "apps/v1"}]},
        "spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "100m"}}}]},
        "status": {"phase": "Running", "startTime": "2026-11-23T09:00:00Z",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-23T09:00:30Z"}]},
    })
}

/// Returns the measured usage of a pod.
pub fn usage(namespace: &str, name: &str, cpu: &str) -> Value {
    json!({
        "apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics",
        "metadata": {"namespace": namespace, "name": name},
        "timestamp": "2026-11-23T10:00:00Z", "window": "15.1s",
        "containers": [{"name": "app", "usage": {"cpu": cpu, "memory": "20Mi"}}],
    })
}
