//! What happens to every object before it is stored: identity, defaults, and the rules that it
//! must keep.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    error::{ApiError, ApiResult},
    resource::Resource,
    store::Store,
    value::{default, list, now, number, object, remove, set, text, uid},
};

/// Completes `new`, which is to replace `old`, and checks it.
///
/// # Errors
///
/// Fails when the object breaks a rule, naming every field that does.
pub(crate) fn admit(
    store: &Store,
    resource: &Resource,
    old: Option<&Value>,
    new: &mut Value,
) -> ApiResult<()> {
    set(new, &[], "kind", resource.kind.as_str());
    let name = text(new, "/metadata/name").to_owned();
    if !is_name(&name, resource) {
        let what = format!(
            "Invalid value: \"{name}\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
        );
        return Err(ApiError::invalid(
            &resource.kind,
            &name,
            &[("metadata.name", what)],
        ));
    }
    if let Some(old) = old {
        for field in [
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "resourceVersion",
        ] {
            match old.pointer(&format!("/metadata/{field}")) {
                Some(value) => set(new, &["metadata"], field, value.clone()),
                None => {
                    remove(new, &["metadata"], field);
                }
            }
        }
    } else {
        for field in [
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
        ] {
            remove(new, &["metadata"], field);
        }
        set(new, &["metadata"], "uid", uid());
        set(new, &["metadata"], "creationTimestamp", now());
    }
    defaults(store, resource, old, new);
    check(resource, old, new)?;
    let spec_changed = old.is_none_or(|old| content(old) != content(new));
    if spec_changed
        && !matches!(
            resource.kind.as_str(),
            "ConfigMap"
                | "Secret"
                | "Event"
                | "Endpoints"
                | "Namespace"
                | "Node"
                | "ServiceAccount"
                | "Service"
        )
    {
        let generation = old
            .and_then(|it| number(it, "/metadata/generation"))
            .unwrap_or(0);
        set(new, &["metadata"], "generation", generation + 1);
    }
    Ok(())
}

fn is_name(name: &str, resource: &Resource) -> bool {
    let edge =
        |it: Option<char>| it.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    if resource.group == "rbac.authorization.k8s.io" {
        return !name.is_empty() && !name.contains(['/', '%']);
    }
    name.len() <= 253
        && edge(name.chars().next())
        && edge(name.chars().last())
        && name
            .chars()
            .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '-' | '.'))
}

/// Returns the part of an object whose change makes a new generation.
fn content(value: &Value) -> Vec<(&String, &Value)> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|it| !matches!(it.0.as_str(), "metadata" | "status" | "kind" | "apiVersion"))
        .collect()
}

fn defaults(store: &Store, resource: &Resource, old: Option<&Value>, new: &mut Value) {
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

fn node_ports(service: &Value) -> Vec<i64> {
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

fn check(resource: &Resource, old: Option<&Value>, new: &Value) -> ApiResult<()> {
    let mut causes: Vec<(&str, String)> = Vec::new();
    match resource.kind.as_str() {
        "Deployment" | "ReplicaSet" => {
            let labels = crate::value::texts(new, "/spec/template/metadata/labels");
            let selector = new.pointer("/spec/selector").unwrap_or(&Value::Null);
            if selector.as_object().is_none_or(serde_json::Map::is_empty) {
                causes.push(("spec.selector", "Required value".to_owned()));
            } else if !crate::selector::matches_object(selector, &labels) {
                causes.push((
                    "spec.template.metadata.labels",
                    "Invalid value: `selector` does not match template `labels`".to_owned(),
                ));
            }
            if let Some(old) = old
                && old.pointer("/spec/selector") != new.pointer("/spec/selector")
            {
                causes.push((
                    "spec.selector",
                    "Invalid value: field is immutable".to_owned(),
                ));
            }
            if number(new, "/spec/replicas").is_none_or(|it| it < 0) {
                causes.push((
                    "spec.replicas",
                    "Invalid value: must be greater than or equal to 0".to_owned(),
                ));
            }
            containers(
                list(new, "/spec/template/spec/containers"),
                "spec.template.spec.containers",
                &mut causes,
            );
        }
        "Pod" => containers(
            list(new, "/spec/containers"),
            "spec.containers",
            &mut causes,
        ),
        "Service" => {
            for port in list(new, "/spec/ports") {
                if !number(port, "/port").is_some_and(|it| (1..65_536).contains(&it)) {
                    causes.push((
                        "spec.ports.port",
                        "Invalid value: must be between 1 and 65535, inclusive".to_owned(),
                    ));
                }
            }
        }
        "HorizontalPodAutoscaler" => {
            let (least, most) = (
                number(new, "/spec/minReplicas").unwrap_or(1),
                number(new, "/spec/maxReplicas").unwrap_or(0),
            );
            if most < 1 {
                causes.push((
                    "spec.maxReplicas",
                    "Invalid value: must be greater than 0".to_owned(),
                ));
            } else if most < least {
                causes.push((
                    "spec.maxReplicas",
                    "Invalid value: must be greater than or equal to `minReplicas`".to_owned(),
                ));
            }
            if text(new, "/spec/scaleTargetRef/name").is_empty() {
                causes.push(("spec.scaleTargetRef.name", "Required value".to_owned()));
            }
        }
        "CustomResourceDefinition" => {
            let expected = format!(
                "{}.{}",
                text(new, "/spec/names/plural"),
                text(new, "/spec/group")
            );
            if text(new, "/metadata/name") != expected {
                causes.push((
                    "metadata.name",
                    format!(
                        "Invalid value: must be spec.names.plural+\".\"+spec.group: {expected}"
                    ),
                ));
            }
            if list(new, "/spec/versions").is_empty() {
                causes.push(("spec.versions", "Required value".to_owned()));
            }
        }
        _ => {}
    }
    if causes.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid(
            &resource.kind,
            text(new, "/metadata/name"),
            &causes,
        ))
    }
}

fn containers(containers: &[Value], path: &'static str, causes: &mut Vec<(&str, String)>) {
    if containers.is_empty() {
        causes.push((path, "Required value".to_owned()));
    }
    for container in containers {
        if text(container, "/name").is_empty() {
            causes.push((path, "Required value: a container needs a name".to_owned()));
        }
        if text(container, "/image").is_empty() {
            causes.push((
                path,
                "Required value: a container needs an image".to_owned(),
            ));
        }
        for (name, request) in container
            .pointer("/resources/requests")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let limit = container.pointer(&format!("/resources/limits/{name}"));
            if let (Some(request), Some(limit)) = (
                crate::value::milli(request),
                limit.and_then(crate::value::milli),
            ) && request > limit
            {
                causes.push((path, format!("Invalid value: the request of {name} must be less than or equal to its limit")));
            }
        }
    }
}

/// Returns bytes in base64, as secrets hold them.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .enumerate()
            .fold(0_usize, |word, (index, byte)| {
                word | usize::from(*byte) << (16 - 8 * index)
            });
        for index in 0..4 {
            if index <= chunk.len() {
                text.push(char::from(LETTERS[word >> (18 - 6 * index) & 63]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// Returns what base64 text holds, or `None` when it is not base64.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut word, mut bits) = (0_u32, 0);
    for letter in text
        .bytes()
        .filter(|it| !it.is_ascii_whitespace() && *it != b'=')
    {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        word = word << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(word >> bits & 0xff).unwrap_or_default());
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(kind: (&str, &str, &str), mut value: Value) -> ApiResult<Value> {
        let store = Store::open(None, 10).unwrap();
        let resource = store.registry().at(kind.0, kind.1, kind.2).unwrap();
        admit(&store, &resource, None, &mut value)?;
        Ok(value)
    }

    #[test]
    fn base64_goes_both_ways() {
        for text in ["", "a", "ab", "abc", "geheim!"] {
            assert_eq!(
                from_base64(&base64(text.as_bytes())).unwrap(),
                text.as_bytes()
            );
        }
        assert_eq!(base64(b"light w"), "bGlnaHQgdw==");
    }

    #[test]
    fn a_limit_is_the_request_when_there_is_none() {
        let pod = admitted(("", "v1", "pods"), json!({"apiVersion": "v1", "metadata": {"name": "a", "namespace": "default"},
            "spec": {"containers": [{"name": "a", "image": "a:1", "resources": {"limits": {"cpu": "1"}}}]}})).unwrap();
        assert_eq!(
            pod["spec"]["containers"][0]["resources"]["requests"]["cpu"],
            "1"
        );
        assert_eq!(
            pod["spec"]["containers"][0]["imagePullPolicy"],
            "IfNotPresent"
        );
    }

    #[test]
    fn every_broken_rule_is_named_at_once() {
        let error = admitted(
            ("apps", "v1", "deployments"),
            json!({"metadata": {"name": "a"}, "spec": {
            "replicas": -1, "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "b"}}, "spec": {"containers": []}}}}),
        )
        .unwrap_err();
        let fields: Vec<&str> = error.details["causes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["field"].as_str().unwrap())
            .collect();
        assert_eq!(
            fields,
            [
                "spec.template.metadata.labels",
                "spec.replicas",
                "spec.template.spec.containers"
            ]
        );
    }

    #[test]
    fn node_ports_do_not_collide() {
        let mut store = Store::open(None, 10).unwrap();
        let services = store.registry().at("", "v1", "services").unwrap();
        let mut ports = BTreeSet::new();
        for name in ["a", "b", "c"] {
            let mut value = json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}});
            admit(&store, &services, None, &mut value).unwrap();
            ports.extend(node_ports(&value));
            store.put("services", value).unwrap();
        }
        assert_eq!(ports.len(), 3);
    }
}
