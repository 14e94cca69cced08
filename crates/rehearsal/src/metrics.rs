//! The measured use of CPU and memory, as metrics.k8s.io serves it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    api::{lock, matching},
    cluster::Cluster,
    error::{ApiError, ApiResult},
    selector::Selector,
    value::stamp,
};

/// What a container used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usage {
    /// When it was measured.
    pub(crate) at: Timestamp,
    /// How long the CPU was averaged.
    pub(crate) window: Duration,
    /// CPU in billionths of a core.
    pub(crate) cpu_nano: i64,
    /// Memory in bytes.
    pub(crate) memory: i64,
}

/// Answers a request below `/apis/metrics.k8s.io/v1beta1`.
///
/// # Errors
///
/// Fails when there is no such object, or nothing was measured of it yet.
pub(crate) fn answer(cluster: &Cluster, path: &[&str], selector: &Selector) -> ApiResult<Value> {
    match path {
        ["nodes"] => Ok(list("NodeMetricsList", &[node(cluster)])),
        ["nodes", name] if *name == crate::NODE => Ok(node(cluster)),
        ["pods"] => pods(cluster, None, selector),
        ["namespaces", namespace, "pods"] => pods(cluster, Some(namespace), selector),
        ["namespaces", namespace, "pods", name] => {
            let found = pods(
                cluster,
                Some(namespace),
                &Selector::parse("", &format!("metadata.name={name}"))?,
            )?;
            let first = crate::value::list(&found, "/items").first().cloned();
            first.ok_or_else(|| ApiError::not_found("podmetrics.metrics.k8s.io", name))
        }
        _ => Err(ApiError::no_route()),
    }
}

fn list(kind: &str, items: &[Value]) -> Value {
    json!({"kind": kind, "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items})
}

fn pods(cluster: &Cluster, namespace: Option<&str>, selector: &Selector) -> ApiResult<Value> {
    let store = lock(&cluster.store);
    let resource = store
        .registry()
        .at("", "v1", "pods")
        .ok_or_else(ApiError::no_route)?;
    let usage = lock(&cluster.usage);
    let items: Vec<Value> = matching(&store, &resource, namespace, selector)
        .iter()
        .filter_map(|pod| {
            let containers = usage.get(&pod.uid)?;
            let (_, first) = containers.iter().next()?;
            let listed: Vec<Value> = containers
                .iter()
                .map(|(name, it)| {
                    json!({"name": name, "usage": {"cpu": format!("{}n", it.cpu_nano), "memory": format!("{}Ki", it.memory / 1024)}})
                })
                .collect();
            let labels: serde_json::Map<String, Value> = pod.labels.iter().map(|it| (it.0.clone(), json!(it.1))).collect();
            Some(json!({
                "kind": "PodMetrics", "apiVersion": "metrics.k8s.io/v1beta1",
                "metadata": {"name": pod.name, "namespace": pod.namespace, "creationTimestamp": stamp(first.at), "labels": labels},
                "timestamp": stamp(first.at), "window": format!("{}s", first.window.as_secs_f64()), "containers": listed,
            }))
        })
        .collect();
    Ok(list("PodMetricsList", &items))
}

/// The sum of what the pods used; the rest of the machine is none of the stand-in's.
fn node(cluster: &Cluster) -> Value {
    let usage = lock(&cluster.usage);
    let (mut cpu, mut memory) = (0, 0);
    for used in usage.values().flat_map(std::collections::BTreeMap::values) {
        cpu += used.cpu_nano;
        memory += used.memory;
    }
    json!({
        "kind": "NodeMetrics", "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {"name": crate::NODE, "creationTimestamp": crate::value::now()},
        "timestamp": crate::value::now(), "window": "15s",
        "usage": {"cpu": format!("{cpu}n"), "memory": format!("{}Ki", memory / 1024)},
    })
}
