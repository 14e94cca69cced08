//! What the API fills in where an object says nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    base64::base64,
    resource::Resource,
    store::Store,
    value::{default, list, now, number, object, remove, set, text},
};

/// Fills in the defaults of `new`, which is to replace `old`.
pub(super) fn fill(store: &Store, resource: &Resource, old: Option<&Value>, new: &mut Value) {
    match resource.kind.as_str() {
        "Deployment" => {
            default(new, &["spec"], "replicas", 1);
            default(new, &["spec"], "revisionHistoryLimit", 10);
            default(new, &["spec"], "progressDeadlineSeconds", 600);
            default(new, &["spec", "strategy"], "type", "RollingUpdate");
            if text(new, "/spec/strategy/type") == "RollingUpdate" {
                let path = ["spec", "strategy", "rollingUpdate"];
                default(new, &path, "maxSurge", "25%");
                default(new, &path, "maxUnavailable", "25%");
            }
            template(new, &["spec", "template"]);
        }
        "ReplicaSet" | "StatefulSet" | "ReplicationController" => {
            default(new, &["spec"], "replicas", 1);
            template(new, &["spec", "template"]);
        }
        "DaemonSet" => template(new, &["spec", "template"]),
        "Pod" => {
            pod_spec(object(new, &["spec"]).into());
            default(new, &["spec"], "nodeName", crate::NODE);
            default(new, &["status"], "phase", "Pending");
        }
        "Service" => service(store, old, new),
        "HorizontalPodAutoscaler" => {
            default(new, &["spec"], "minReplicas", 1);
            if list(new, "/spec/metrics").is_empty() {
                set(
                    new,
                    &["spec"],
                    "metrics",
                    json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]),
                );
            }
        }
        "Secret" => {
            default(new, &[], "type", "Opaque");
            if let Some(Value::Object(texts)) = remove(new, &[], "stringData") {
                for (key, value) in texts {
                    let encoded = base64(value.as_str().unwrap_or_default().as_bytes());
                    set(new, &["data"], &key, encoded);
                }
            }
        }
        "Namespace" => {
            let name = text(new, "/metadata/name").to_owned();
            set(
                new,
                &["metadata", "labels"],
                "kubernetes.io/metadata.name",
                name,
            );
            default(new, &["spec"], "finalizers", json!(["kubernetes"]));
            default(new, &["status"], "phase", "Active");
        }
        "CustomResourceDefinition" => definition(new),
        _ => {}
    }
}

fn template(value: &mut Value, path: &[&str]) {
    let mut spec = object(value, path)
        .get("spec")
        .cloned()
        .unwrap_or_else(|| json!({}));
    if let Some(map) = spec.as_object_mut() {
        pod_spec(map.into());
    }
    set(value, path, "spec", spec);
}

/// The fields of a pod's specification.
struct PodSpec<'a>(&'a mut serde_json::Map<String, Value>);

impl<'a> From<&'a mut serde_json::Map<String, Value>> for PodSpec<'a> {
    fn from(map: &'a mut serde_json::Map<String, Value>) -> Self {
        Self(map)
    }
}

fn pod_spec(spec: PodSpec<'_>) {
    let spec = spec.0;
    let mut fill = |key: &str, value: Value| {
        if spec.get(key).is_none_or(Value::is_null) {
            spec.insert(key.to_owned(), value);
        }
    };
    fill("restartPolicy", json!("Always"));
    fill("terminationGracePeriodSeconds", json!(30));
    fill("dnsPolicy", json!("ClusterFirst"));
    fill("schedulerName", json!("default-scheduler"));
    fill("securityContext", json!({}));
    for field in ["containers", "initContainers"] {
        for container in spec
            .get_mut(field)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let image = text(container, "/image");
            let moving = image.ends_with(":latest")
                || !image
                    .rsplit('/')
                    .next()
                    .is_some_and(|it| it.contains([':', '@']));
            let policy = if moving { "Always" } else { "IfNotPresent" };
            default(container, &[], "imagePullPolicy", policy);
            default(container, &[], "resources", json!({}));
            default(
                container,
                &[],
                "terminationMessagePath",
                "/dev/termination-log",
            );
            default(container, &[], "terminationMessagePolicy", "File");
            for port in container
                .get_mut("ports")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                default(port, &[], "protocol", "TCP");
            }
            // A limit without a request is a request of as much.
            if let Some(limits) = container.pointer("/resources/limits").cloned() {
                for (name, limit) in limits.as_object().into_iter().flatten() {
                    default(container, &["resources", "requests"], name, limit.clone());
                }
            }
            for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
                if container.get(probe).is_some() {
                    for (key, value) in [
                        ("timeoutSeconds", 1),
                        ("periodSeconds", 10),
                        ("successThreshold", 1),
                        ("failureThreshold", 3),
                    ] {
                        default(container, &[probe], key, value);
                    }
                    if container.pointer(&format!("/{probe}/httpGet")).is_some() {
                        default(container, &[probe, "httpGet"], "path", "/");
                        default(container, &[probe, "httpGet"], "scheme", "HTTP");
                    }
                }
            }
        }
    }
}

fn service(store: &Store, old: Option<&Value>, new: &mut Value) {
    default(new, &["spec"], "type", "ClusterIP");
    default(new, &["spec"], "sessionAffinity", "None");
    default(new, &["spec"], "internalTrafficPolicy", "Cluster");
    if text(new, "/spec/type") == "ExternalName" {
        return;
    }
    let address = old
        .map(|it| text(it, "/spec/clusterIP").to_owned())
        .filter(|it| !it.is_empty())
        .unwrap_or_else(|| free_address(store));
    default(new, &["spec"], "clusterIP", address);
    let address = text(new, "/spec/clusterIP").to_owned();
    default(new, &["spec"], "clusterIPs", json!([address]));
    default(new, &["spec"], "ipFamilies", json!(["IPv4"]));
    default(new, &["spec"], "ipFamilyPolicy", "SingleStack");
    let outside = matches!(text(new, "/spec/type"), "NodePort" | "LoadBalancer");
    if outside {
        default(new, &["spec"], "externalTrafficPolicy", "Cluster");
    }
    let mut taken: BTreeSet<i64> = store
        .list("services", None)
        .iter()
        .flat_map(|it| node_ports(&it.value()))
        .collect();
    for (index, port) in object(new, &["spec"])
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .enumerate()
    {
        default(port, &[], "protocol", "TCP");
        if let Some(number) = port.get("port").cloned() {
            default(port, &[], "targetPort", number);
        }
        if outside && number(port, "/nodePort").unwrap_or(0) == 0 {
            let before = old.and_then(|it| number(it, &format!("/spec/ports/{index}/nodePort")));
            let free = before.or_else(|| (30_000..32_768).rev().find(|it| !taken.contains(it)));
            if let Some(free) = free {
                taken.insert(free);
                set(port, &[], "nodePort", free);
            }
        }
    }
    if old.is_none() {
        set(new, &["status"], "loadBalancer", json!({}));
    }
}

pub(super) fn node_ports(service: &Value) -> Vec<i64> {
    list(service, "/spec/ports")
        .iter()
        .filter_map(|it| number(it, "/nodePort"))
        .collect()
}

fn free_address(store: &Store) -> String {
    let taken: BTreeSet<String> = store
        .list("services", None)
        .iter()
        .map(|it| text(&it.value(), "/spec/clusterIP").to_owned())
        .collect();
    (1..65_000_u32)
        .map(|it| format!("10.96.{}.{}", it / 250, it % 250 + 1))
        .find(|it| !taken.contains(it))
        .unwrap_or_else(|| "None".to_owned())
}

fn definition(new: &mut Value) {
    let kind = text(new, "/spec/names/kind").to_owned();
    default(new, &["spec", "names"], "singular", kind.to_lowercase());
    default(new, &["spec", "names"], "listKind", format!("{kind}List"));
    default(new, &["spec"], "conversion", json!({"strategy": "None"}));
    let names = new.pointer("/spec/names").cloned().unwrap_or_default();
    let stored: Vec<String> = list(new, "/spec/versions")
        .iter()
        .filter(|it| crate::value::truth(it, "/storage"))
        .map(|it| text(it, "/name").to_owned())
        .collect();
    set(new, &["status"], "acceptedNames", names);
    set(new, &["status"], "storedVersions", json!(stored));
    if list(new, "/status/conditions").is_empty() {
        let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now(), "reason": reason, "message": message});
        set(
            new,
            &["status"],
            "conditions",
            json!([
                condition("NamesAccepted", "NoConflicts", "no conflicts found"),
                condition(
                    "Established",
                    "InitialNamesAccepted",
                    "the initial names have been accepted"
                ),
            ]),
        );
    }
}
