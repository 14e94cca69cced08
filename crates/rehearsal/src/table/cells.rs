//! What stands in the cells of a table, kind by kind.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    resource::Resource,
    selector,
    value::{age, list, number, text, truth},
};

/// Returns the cells of one object, in the order of its kind's headings.
#[expect(
    clippy::too_many_lines,
    reason = "one arm a kind, in the order of the headings above"
)]
pub(super) fn cells(resource: &Resource, value: &Value, now: Timestamp) -> Vec<Value> {
    let name = json!(text(value, "/metadata/name"));
    let old = json!(age(text(value, "/metadata/creationTimestamp"), now));
    let count = |pointer: &str| number(value, pointer).unwrap_or(0);
    let size = |pointer: &str| {
        value
            .pointer(pointer)
            .and_then(Value::as_object)
            .map_or(0, serde_json::Map::len)
    };
    if resource.custom {
        let mut cells = vec![name];
        for column in &resource.columns {
            cells.push(custom_cell(value, &column.path, &column.kind, now));
        }
        if resource.columns.is_empty() {
            cells.push(old);
        }
        return cells;
    }
    let template = |field: &str| {
        let parts: Vec<&str> = list(value, "/spec/template/spec/containers")
            .iter()
            .map(|it| text(it, field))
            .collect();
        json!(parts.join(","))
    };
    let selector = json!(selector::to_text(
        value.pointer("/spec/selector").unwrap_or(&Value::Null)
    ));
    match resource.kind.as_str() {
        "Pod" => pod_cells(value, &name, &old),
        "Deployment" => vec![
            name,
            json!(format!(
                "{}/{}",
                count("/status/readyReplicas"),
                count("/spec/replicas")
            )),
            json!(count("/status/updatedReplicas").to_string()),
            json!(count("/status/availableReplicas").to_string()),
            old,
            template("/name"),
            template("/image"),
            selector,
        ],
        "ReplicaSet" => vec![
            name,
            json!(count("/spec/replicas")),
            json!(count("/status/replicas")),
            json!(count("/status/readyReplicas")),
            old,
            template("/name"),
            template("/image"),
            selector,
        ],
        "StatefulSet" => vec![
            name,
            json!(format!(
                "{}/{}",
                count("/status/readyReplicas"),
                count("/spec/replicas")
            )),
            old,
        ],
        "Service" => {
            let ports: Vec<String> = list(value, "/spec/ports")
                .iter()
                .map(|it| match number(it, "/nodePort") {
                    Some(node) => format!(
                        "{}:{node}/{}",
                        number(it, "/port").unwrap_or(0),
                        text(it, "/protocol")
                    ),
                    None => format!(
                        "{}/{}",
                        number(it, "/port").unwrap_or(0),
                        text(it, "/protocol")
                    ),
                })
                .collect();
            vec![
                name,
                json!(text(value, "/spec/type")),
                json!(or_none(text(value, "/spec/clusterIP"))),
                json!("<none>"),
                json!(or_none(&ports.join(","))),
                old,
                json!(or_none(&selector::to_text(
                    value.pointer("/spec/selector").unwrap_or(&Value::Null)
                ))),
            ]
        }
        "Endpoints" => {
            let places: Vec<String> = list(value, "/subsets")
                .iter()
                .flat_map(|subset| {
                    list(subset, "/addresses").iter().flat_map(move |address| {
                        list(subset, "/ports").iter().map(move |port| {
                            format!(
                                "{}:{}",
                                text(address, "/ip"),
                                number(port, "/port").unwrap_or(0)
                            )
                        })
                    })
                })
                .collect();
            vec![name, json!(or_none(&places.join(","))), old]
        }
        "EndpointSlice" => {
            let join = |found: Vec<String>| json!(or_none(&found.join(",")));
            let ports = list(value, "/ports")
                .iter()
                .map(|it| number(it, "/port").unwrap_or(0).to_string());
            let places = list(value, "/endpoints")
                .iter()
                .flat_map(|it| list(it, "/addresses"))
                .filter_map(|it| it.as_str().map(str::to_owned));
            vec![
                name,
                json!(text(value, "/addressType")),
                join(ports.collect()),
                join(places.collect()),
                old,
            ]
        }
        "ConfigMap" => vec![
            name,
            json!((size("/data") + size("/binaryData")).to_string()),
            old,
        ],
        "Secret" => vec![name, json!(text(value, "/type")), json!(size("/data")), old],
        "ServiceAccount" => vec![name, json!(list(value, "/secrets").len().to_string()), old],
        "Namespace" => vec![name, json!(text(value, "/status/phase")), old],
        "Node" => {
            let ready = list(value, "/status/conditions")
                .iter()
                .any(|it| text(it, "/type") == "Ready" && text(it, "/status") == "True");
            vec![
                name,
                json!(if ready { "Ready" } else { "NotReady" }),
                json!("stand-in"),
                old,
                json!(text(value, "/status/nodeInfo/kubeletVersion")),
                json!("127.0.0.1"),
                json!("<none>"),
                json!(text(value, "/status/nodeInfo/osImage")),
                json!(text(value, "/status/nodeInfo/kernelVersion")),
                json!(text(value, "/status/nodeInfo/containerRuntimeVersion")),
            ]
        }
        "Event" => vec![
            json!(age(text(value, "/lastTimestamp"), now)),
            json!(text(value, "/type")),
            json!(text(value, "/reason")),
            json!(format!(
                "{}/{}",
                text(value, "/involvedObject/kind").to_lowercase(),
                text(value, "/involvedObject/name")
            )),
            json!(text(value, "/involvedObject/fieldPath")),
            json!(text(value, "/source/component")),
            json!(text(value, "/message")),
            json!(age(text(value, "/firstTimestamp"), now)),
            json!(count("/count").to_string()),
            name,
        ],
        "HorizontalPodAutoscaler" => vec![
            name,
            json!(format!(
                "{}/{}",
                text(value, "/spec/scaleTargetRef/kind"),
                text(value, "/spec/scaleTargetRef/name")
            )),
            json!(targets(value)),
            json!(count("/spec/minReplicas").to_string()),
            json!(count("/spec/maxReplicas").to_string()),
            json!(count("/status/currentReplicas").to_string()),
            old,
        ],
        "CustomResourceDefinition" => vec![name, json!(text(value, "/metadata/creationTimestamp"))],
        "Ingress" => {
            let hosts: Vec<&str> = list(value, "/spec/rules")
                .iter()
                .map(|it| text(it, "/host"))
                .collect();
            vec![
                name,
                json!(or_none(text(value, "/spec/ingressClassName"))),
                json!(or_none(&hosts.join(","))),
                json!(""),
                json!("80"),
                old,
            ]
        }
        _ => vec![name, old],
    }
}

fn or_none(text: &str) -> String {
    if text.is_empty() {
        "<none>".to_owned()
    } else {
        text.to_owned()
    }
}

fn custom_cell(value: &Value, path: &str, kind: &str, now: Timestamp) -> Value {
    let mut at = Some(value);
    for part in path.split('.') {
        let (name, index) = match part.split_once('[') {
            Some((name, index)) => (name, index.trim_end_matches(']').parse::<usize>().ok()),
            None => (part, None),
        };
        at = at.and_then(|it| it.get(name));
        if let Some(index) = index {
            at = at.and_then(|it| it.get(index));
        }
    }
    match (kind, at) {
        ("date", Some(Value::String(time))) => json!(age(time, now)),
        (_, Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_)))) => value.clone(),
        (_, None | Some(Value::Null)) => Value::Null,
        (_, Some(other)) => json!(other.to_string()),
    }
}

fn pod_cells(pod: &Value, name: &Value, old: &Value) -> Vec<Value> {
    let statuses = list(pod, "/status/containerStatuses");
    let ready = statuses.iter().filter(|it| truth(it, "/ready")).count();
    let total = list(pod, "/spec/containers").len();
    let restarts: i64 = statuses
        .iter()
        .filter_map(|it| number(it, "/restartCount"))
        .sum();
    vec![
        name.clone(),
        json!(format!("{ready}/{total}")),
        json!(pod_status(pod)),
        json!(restarts.to_string()),
        old.clone(),
        json!(or_none(text(pod, "/status/podIP"))),
        json!(or_none(text(pod, "/spec/nodeName"))),
        json!("<none>"),
        json!("<none>"),
    ]
}

/// Returns the one word that tells how a pod is.
pub(crate) fn pod_status(pod: &Value) -> String {
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return "Terminating".to_owned();
    }
    let mut word = text(pod, "/status/phase").to_owned();
    for status in list(pod, "/status/initContainerStatuses") {
        let waiting = text(status, "/state/waiting/reason");
        if !waiting.is_empty() && waiting != "PodInitializing" {
            return format!("Init:{waiting}");
        }
    }
    for status in list(pod, "/status/containerStatuses") {
        let waiting = text(status, "/state/waiting/reason");
        let ended = text(status, "/state/terminated/reason");
        if !waiting.is_empty() {
            waiting.clone_into(&mut word);
        } else if !ended.is_empty() {
            ended.clone_into(&mut word);
        }
    }
    word
}

fn targets(hpa: &Value) -> String {
    let metrics = list(hpa, "/spec/metrics");
    let current = list(hpa, "/status/currentMetrics");
    let parts: Vec<String> = metrics
        .iter()
        .map(|metric| {
            let (place, name) = match text(metric, "/type") {
                "ContainerResource" => {
                    ("containerResource", text(metric, "/containerResource/name"))
                }
                "Resource" => ("resource", text(metric, "/resource/name")),
                other => return format!("<unknown>/{other}"),
            };
            let seen = current
                .iter()
                .find(|it| text(it, &format!("/{place}/name")) == name);
            let target = format!("/{place}/target");
            if let Some(wanted) = number(metric, &format!("{target}/averageUtilization")) {
                let now =
                    seen.and_then(|it| number(it, &format!("/{place}/current/averageUtilization")));
                let now = now.map_or_else(|| "<unknown>".to_owned(), |it| format!("{it}%"));
                format!("{name}: {now}/{wanted}%")
            } else {
                let now = seen.map_or("", |it| text(it, &format!("/{place}/current/averageValue")));
                let now = if now.is_empty() { "<unknown>" } else { now };
                format!(
                    "{name}: {now}/{}",
                    text(metric, &format!("{target}/averageValue"))
                )
            }
        })
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_waits_shows_why() {
        let pod = json!({"status": {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]}});
        assert_eq!(pod_status(&pod), "ErrImagePull");
    }

    #[test]
    fn an_autoscaler_shows_what_it_measured_against_what_it_wants() {
        let hpa = json!({"spec": {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 50}}}]},
            "status": {"currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 73}}}]}});
        assert_eq!(targets(&hpa), "cpu: 73%/50%");
        assert_eq!(
            targets(&json!({"spec": {"metrics": hpa["spec"]["metrics"]}})),
            "cpu: <unknown>/50%"
        );
    }
}
