//! The tables that `kubectl get` prints.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::resource::Resource;

mod cells;

pub(crate) use self::cells::pod_status;

/// A heading: its name, the type of its cells, and whether only wide output shows it.
type Heading = (&'static str, &'static str, u8);

const NAME: Heading = ("Name", "string", 0);
const AGE: Heading = ("Age", "string", 0);

fn headings(kind: &str) -> &'static [Heading] {
    match kind {
        "Pod" => &[
            NAME,
            ("Ready", "string", 0),
            ("Status", "string", 0),
            ("Restarts", "string", 0),
            AGE,
            ("IP", "string", 1),
            ("Node", "string", 1),
            ("Nominated Node", "string", 1),
            ("Readiness Gates", "string", 1),
        ],
        "Deployment" => &[
            NAME,
            ("Ready", "string", 0),
            ("Up-to-date", "string", 0),
            ("Available", "string", 0),
            AGE,
            ("Containers", "string", 1),
            ("Images", "string", 1),
            ("Selector", "string", 1),
        ],
        "ReplicaSet" => &[
            NAME,
            ("Desired", "integer", 0),
            ("Current", "integer", 0),
            ("Ready", "integer", 0),
            AGE,
            ("Containers", "string", 1),
            ("Images", "string", 1),
            ("Selector", "string", 1),
        ],
        "StatefulSet" => &[NAME, ("Ready", "string", 0), AGE],
        "Service" => &[
            NAME,
            ("Type", "string", 0),
            ("Cluster-IP", "string", 0),
            ("External-IP", "string", 0),
            ("Port(s)", "string", 0),
            AGE,
            ("Selector", "string", 1),
        ],
        "Endpoints" => &[NAME, ("Endpoints", "string", 0), AGE],
        "EndpointSlice" => &[
            NAME,
            ("AddressType", "string", 0),
            ("Ports", "string", 0),
            ("Endpoints", "string", 0),
            AGE,
        ],
        "ConfigMap" => &[NAME, ("Data", "string", 0), AGE],
        "Secret" => &[NAME, ("Type", "string", 0), ("Data", "integer", 0), AGE],
        "ServiceAccount" => &[NAME, ("Secrets", "string", 0), AGE],
        "Namespace" => &[NAME, ("Status", "string", 0), AGE],
        "Node" => &[
            NAME,
            ("Status", "string", 0),
            ("Roles", "string", 0),
            AGE,
            ("Version", "string", 0),
            ("Internal-IP", "string", 1),
            ("External-IP", "string", 1),
            ("OS-Image", "string", 1),
            ("Kernel-Version", "string", 1),
            ("Container-Runtime", "string", 1),
        ],
        "Event" => &[
            ("Last Seen", "string", 0),
            ("Type", "string", 0),
            ("Reason", "string", 0),
            ("Object", "string", 0),
            ("Subobject", "string", 1),
            ("Source", "string", 1),
            ("Message", "string", 0),
            ("First Seen", "string", 1),
            ("Count", "string", 1),
            ("Name", "string", 1),
        ],
        "HorizontalPodAutoscaler" => &[
            NAME,
            ("Reference", "string", 0),
            ("Targets", "string", 0),
            ("MinPods", "string", 0),
            ("MaxPods", "string", 0),
            ("Replicas", "string", 0),
            AGE,
        ],
        "CustomResourceDefinition" => &[NAME, ("Created At", "date", 0)],
        "Ingress" => &[
            NAME,
            ("Class", "string", 0),
            ("Hosts", "string", 0),
            ("Address", "string", 0),
            ("Ports", "string", 0),
            AGE,
        ],
        _ => &[NAME, AGE],
    }
}

/// Returns objects as a `Table`. `metadata` tells whether rows carry an object's metadata, all of
/// it, or nothing.
pub(crate) fn table(resource: &Resource, values: &[Value], version: u64, include: &str) -> Value {
    let now = Timestamp::now();
    let rows: Vec<Value> = values
        .iter()
        .map(|it| row(resource, it, now, include))
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version.to_string()},
        "columnDefinitions": definitions(resource), "rows": rows,
    })
}

fn definitions(resource: &Resource) -> Vec<Value> {
    let column = |name: &str, kind: &str, priority: i64| {
        let format = if name == "Name" { "name" } else { "" };
        json!({"name": name, "type": kind, "format": format, "description": "", "priority": priority})
    };
    if resource.custom {
        let mut columns = vec![column("Name", "string", 0)];
        columns.extend(
            resource
                .columns
                .iter()
                .map(|it| column(&it.name, &it.kind, it.priority)),
        );
        if resource.columns.is_empty() {
            columns.push(column("Age", "date", 0));
        }
        return columns;
    }
    headings(&resource.kind)
        .iter()
        .map(|(name, kind, priority)| column(name, kind, i64::from(*priority)))
        .collect()
}

fn row(resource: &Resource, value: &Value, now: Timestamp, include: &str) -> Value {
    let cells = cells::cells(resource, value, now);
    match include {
        "None" => json!({"cells": cells}),
        "Object" => json!({"cells": cells, "object": value}),
        _ => json!({"cells": cells, "object": {
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": value.get("metadata"),
        }}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{resource::Registry, value::list};

    #[test]
    fn every_built_in_kind_has_as_many_cells_as_headings() {
        for resource in Registry::new().all() {
            let table = table(
                resource,
                &[json!({"metadata": {"name": "a"}})],
                1,
                "Metadata",
            );
            assert_eq!(
                list(&table, "/columnDefinitions").len(),
                list(&table, "/rows/0/cells").len(),
                "{}",
                resource.kind
            );
        }
    }
}
