//! Services: which ready pods stand behind each of their ports, and the objects that say so.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::{Value, json};

use crate::{
    selector,
    store::{Store, Stored},
    value::{list, number, set, text},
    workloads::is_ready,
};

/// One port of a service that listens on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodePort {
    /// The service, as `namespace/name`.
    pub(crate) service: String,
    /// Whether requests are balanced one by one, not whole connections.
    pub(crate) http: bool,
    /// The places behind it that are ready.
    pub(crate) backends: Vec<SocketAddr>,
}

/// Returns a port of this machine for a pod's port.
pub(crate) fn outside(pod: &Value, inside: u16) -> Option<u16> {
    let listed = text(
        pod,
        "/metadata/annotations/rehearsal.autoscaleops.dev~1ports",
    );
    let ports: Value = serde_json::from_str(listed).ok()?;
    u16::try_from(ports.get(inside.to_string())?.as_i64()?).ok()
}

fn target(pod: &Value, port: &Value) -> Option<u16> {
    let inside = match port.get("targetPort") {
        Some(Value::String(name)) => list(pod, "/spec/containers")
            .iter()
            .flat_map(|it| list(it, "/ports"))
            .find(|it| text(it, "/name") == name)
            .and_then(|it| number(it, "/containerPort"))?,
        Some(other) => other.as_i64()?,
        None => number(port, "/port")?,
    };
    let inside = u16::try_from(inside).ok()?;
    Some(outside(pod, inside).unwrap_or(inside))
}

/// Returns the ready places behind one port of a service, with the names of their pods.
fn places(service: &Value, port: &Value, pods: &[Value]) -> Vec<(String, String, u16)> {
    let Some(wanted) = service
        .pointer("/spec/selector")
        .filter(|it| it.as_object().is_some_and(|it| !it.is_empty()))
    else {
        return Vec::new();
    };
    pods.iter()
        .filter(|pod| {
            pod.pointer("/metadata/deletionTimestamp").is_none()
                && is_ready(pod)
                && selector::matches_object(wanted, &crate::value::texts(pod, "/metadata/labels"))
        })
        .filter_map(|pod| {
            Some((
                text(pod, "/metadata/name").to_owned(),
                text(pod, "/metadata/uid").to_owned(),
                target(pod, port)?,
            ))
        })
        .collect()
}

fn pods_of(store: &Store, namespace: &str) -> Vec<Value> {
    store
        .list("pods", Some(namespace))
        .iter()
        .map(|it| it.value())
        .collect()
}

/// Writes endpoints and endpoint slices of every service.
pub(crate) fn reconcile(store: &mut Store) {
    for service in store.list("services", None) {
        let value = service.value();
        if value.pointer("/spec/selector").is_none() {
            continue;
        }
        let pods = pods_of(store, &service.namespace);
        // Here every pod has its own port, so every pod is a subset of its own.
        let mut by_pod: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
        for port in list(&value, "/spec/ports") {
            for (name, uid, outside) in places(&value, port, &pods) {
                let reference = json!({"kind": "Pod", "namespace": service.namespace, "name": name, "uid": uid});
                let entry = by_pod
                    .entry(name)
                    .or_insert_with(|| (reference, Vec::new()));
                let mut listed = json!({"port": outside, "protocol": text(port, "/protocol")});
                if !text(port, "/name").is_empty() {
                    set(&mut listed, &[], "name", text(port, "/name"));
                }
                entry.1.push(listed);
            }
        }
        write(store, &service, &by_pod);
    }
}

fn write(store: &mut Store, service: &Stored, by_pod: &BTreeMap<String, (Value, Vec<Value>)>) {
    let owner = json!([{"apiVersion": "v1", "kind": "Service", "name": service.name, "uid": service.uid, "controller": true, "blockOwnerDeletion": true}]);
    let subsets: Vec<Value> = by_pod
        .values()
        .map(|(reference, ports)| json!({"addresses": [{"ip": "127.0.0.1", "nodeName": crate::NODE, "targetRef": reference}], "ports": ports}))
        .collect();
    let metadata = |name: &str| json!({"name": name, "namespace": service.namespace, "ownerReferences": owner, "labels": {"kubernetes.io/service-name": service.name}});
    let endpoints = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata(&service.name), "subsets": subsets});
    keep(
        store,
        "endpoints",
        &service.namespace,
        &service.name,
        endpoints,
    );
    let mut wanted = Vec::new();
    for (pod, (reference, ports)) in by_pod {
        let name = format!("{}-{}", service.name, pod.rsplit('-').next().unwrap_or(pod));
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata(&name), "addressType": "IPv4",
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": true, "serving": true, "terminating": false}, "nodeName": crate::NODE, "targetRef": reference}],
            "ports": ports,
        });
        keep(
            store,
            "endpointslices.discovery.k8s.io",
            &service.namespace,
            &name,
            slice,
        );
        wanted.push(name);
    }
    for slice in store.list("endpointslices.discovery.k8s.io", Some(&service.namespace)) {
        if slice.owners.contains(&service.uid)
            && !wanted.contains(&slice.name)
            && let Err(err) = store.delete(&slice.resource, &slice.namespace, &slice.name)
        {
            tracing::warn!("cannot remove an endpoint slice: {err}");
        }
    }
}

fn keep(store: &mut Store, resource: &str, namespace: &str, name: &str, mut wanted: Value) {
    if let Some(live) = store.get(resource, namespace, name) {
        let old = live.value();
        for field in ["uid", "creationTimestamp", "resourceVersion"] {
            set(
                &mut wanted,
                &["metadata"],
                field,
                text(&old, &format!("/metadata/{field}")),
            );
        }
        if old == wanted {
            return;
        }
    } else {
        set(&mut wanted, &["metadata"], "uid", crate::value::uid());
        set(
            &mut wanted,
            &["metadata"],
            "creationTimestamp",
            crate::value::now(),
        );
    }
    if let Err(err) = store.put(resource, wanted) {
        tracing::warn!("cannot write {resource}: {err}");
    }
}

/// Returns every port that must listen on this machine.
pub(crate) fn node_ports(store: &Store) -> BTreeMap<u16, NodePort> {
    let mut ports = BTreeMap::new();
    for service in store.list("services", None) {
        let value = service.value();
        if service.deleting || !matches!(text(&value, "/spec/type"), "NodePort" | "LoadBalancer") {
            continue;
        }
        let pods = pods_of(store, &service.namespace);
        for port in list(&value, "/spec/ports") {
            let Some(outside) = number(port, "/nodePort").and_then(|it| u16::try_from(it).ok())
            else {
                continue;
            };
            let backends = places(&value, port, &pods)
                .into_iter()
                .map(|it| SocketAddr::from(([127, 0, 0, 1], it.2)))
                .collect();
            let http = text(port, "/name").starts_with("http")
                || text(port, "/appProtocol").starts_with("http");
            ports.insert(
                outside,
                NodePort {
                    service: format!("{}/{}", service.namespace, service.name),
                    http,
                    backends,
                },
            );
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, ready: &str, port: u16) -> Value {
        json!({"metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": "web"},
            "annotations": {"rehearsal.autoscaleops.dev/ports": format!("{{\"8080\":{port}}}")}},
            "spec": {"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}]},
            "status": {"conditions": [{"type": "Ready", "status": ready}]}})
    }

    #[test]
    fn only_ready_pods_stand_behind_a_port_and_by_their_own_port() {
        let mut store = Store::open(None, 10).unwrap();
        store.put("pods", pod("a", "True", 4001)).unwrap();
        store.put("pods", pod("b", "False", 4002)).unwrap();
        store.put("services", json!({"metadata": {"name": "web", "namespace": "default", "uid": "s"}, "spec": {"type": "NodePort",
            "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30007, "protocol": "TCP"}]}})).unwrap();
        let ports = node_ports(&store);
        assert_eq!(ports[&30007].backends, ["127.0.0.1:4001".parse().unwrap()]);
        assert!(ports[&30007].http);
        reconcile(&mut store);
        let endpoints = store.get("endpoints", "default", "web").unwrap().value();
        assert_eq!(number(&endpoints, "/subsets/0/ports/0/port"), Some(4001));
        let version = store.version();
        reconcile(&mut store);
        assert_eq!(
            store.version(),
            version,
            "nothing changed, so nothing is written"
        );
    }
}
