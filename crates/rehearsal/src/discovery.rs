//! What the API says about itself: groups, kinds, version and the little of OpenAPI that kubectl
//! needs to know that the server checks fields itself.

use serde_json::{Map, Value, json};

use crate::resource::{Registry, Resource, api_version};

const VERBS: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

/// The media type of discovery in one answer.
pub(crate) const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// The version of Kubernetes whose API this follows, marked as a stand-in.
pub(crate) const VERSION: &str = "v1.37.0+rehearsal";

/// Returns the answer to `/version`.
pub(crate) fn version() -> Value {
    json!({
        "major": "1", "minor": "37", "gitVersion": VERSION, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none, this is an embedded stand-in",
        "compiler": "rustc", "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

/// Returns discovery in one answer: the core group alone, or all the others.
pub(crate) fn aggregated(registry: &Registry, core: bool) -> Value {
    let mut items: Vec<Value> = registry
        .groups()
        .iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    let resources: Vec<Value> = registry
                        .all()
                        .filter(|it| it.group == *group && it.versions.contains(version))
                        .map(|it| aggregated_resource(it, version))
                        .collect();
                    json!({"version": version, "freshness": "Current", "resources": resources})
                })
                .collect();
            json!({"metadata": if group.is_empty() { json!({}) } else { json!({"name": group}) }, "versions": versions})
        })
        .collect();
    if !core {
        let metrics = |plural: &str, kind: &str, scope: &str| {
            json!({
                "resource": plural, "responseKind": {"group": "metrics.k8s.io", "version": "v1beta1", "kind": kind},
                "scope": scope, "singularResource": "", "verbs": ["get", "list"],
            })
        };
        items.push(json!({"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Current",
            "resources": [metrics("nodes", "NodeMetrics", "Cluster"), metrics("pods", "PodMetrics", "Namespaced")]}]}));
    }
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated_resource(resource: &Resource, version: &str) -> Value {
    let kind = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let mut subresources = Vec::new();
    if resource.status {
        subresources.push(json!({"subresource": "status", "responseKind": kind(&resource.group, version, &resource.kind), "verbs": ["get", "patch", "update"]}));
    }
    if resource.scale.is_some() {
        subresources.push(json!({"subresource": "scale", "responseKind": kind("autoscaling", "v1", "Scale"), "verbs": ["get", "patch", "update"]}));
    }
    if resource.kind == "Pod" {
        subresources.push(
            json!({"subresource": "log", "responseKind": kind("", "v1", "Pod"), "verbs": ["get"]}),
        );
        subresources.push(json!({"subresource": "eviction", "responseKind": kind("policy", "v1", "Eviction"), "verbs": ["create"]}));
    }
    let mut value = json!({
        "resource": resource.plural, "responseKind": kind(&resource.group, version, &resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular, "verbs": VERBS,
    });
    for (name, list) in [
        ("shortNames", &resource.short),
        ("categories", &resource.categories),
    ] {
        if !list.is_empty() {
            crate::value::set(&mut value, &[], name, json!(list));
        }
    }
    if !subresources.is_empty() {
        crate::value::set(&mut value, &[], "subresources", Value::Array(subresources));
    }
    value
}

/// Returns the answer to `/apis` in the older form.
pub(crate) fn groups(registry: &Registry) -> Value {
    let mut groups: Vec<Value> = registry
        .groups()
        .iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(name, versions)| group_entry(name, versions))
        .collect();
    groups.push(group_entry("metrics.k8s.io", &["v1beta1".to_owned()]));
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

fn group_entry(name: &str, versions: &[String]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|it| json!({"groupVersion": format!("{name}/{it}"), "version": it}))
        .collect();
    json!({"name": name, "versions": versions, "preferredVersion": versions.first()})
}

/// Returns the answer to `/apis/GROUP`.
pub(crate) fn group(registry: &Registry, name: &str) -> Option<Value> {
    let groups = groups(registry);
    let found = crate::value::list(&groups, "/groups")
        .iter()
        .find(|it| crate::value::text(it, "/name") == name)?;
    let mut found = found.clone();
    crate::value::set(&mut found, &[], "kind", "APIGroup");
    crate::value::set(&mut found, &[], "apiVersion", "v1");
    Some(found)
}

/// Returns the kinds of one group and version in the older form.
pub(crate) fn resources(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    if group == "metrics.k8s.io" && version == "v1beta1" {
        for (name, kind, namespaced) in [
            ("nodes", "NodeMetrics", false),
            ("pods", "PodMetrics", true),
        ] {
            resources.push(json!({"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"]}));
        }
    }
    for resource in registry
        .all()
        .filter(|it| it.group == group && it.versions.iter().any(|it| it == version))
    {
        let mut entry = json!({
            "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
            "kind": resource.kind, "verbs": VERBS,
        });
        for (name, list) in [
            ("shortNames", &resource.short),
            ("categories", &resource.categories),
        ] {
            if !list.is_empty() {
                crate::value::set(&mut entry, &[], name, json!(list));
            }
        }
        resources.push(entry);
        if resource.status {
            resources.push(json!({
                "name": format!("{}/status", resource.plural), "singularName": "", "namespaced": resource.namespaced,
                "kind": resource.kind, "verbs": ["get", "patch", "update"],
            }));
        }
        if resource.scale.is_some() {
            resources.push(json!({
                "name": format!("{}/scale", resource.plural), "singularName": "", "namespaced": resource.namespaced,
                "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"],
            }));
        }
        if resource.kind == "Pod" {
            resources.push(json!({"name": "pods/log", "singularName": "", "namespaced": true, "kind": "Pod", "verbs": ["get"]}));
        }
    }
    (!resources.is_empty()).then(|| {
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version(group, version), "resources": resources})
    })
}

/// Returns the list of OpenAPI documents.
pub(crate) fn openapi_index(registry: &Registry) -> Value {
    let mut paths = Map::new();
    for (group, versions) in registry.groups() {
        for version in versions {
            let path = if group.is_empty() {
                format!("api/{version}")
            } else {
                format!("apis/{group}/{version}")
            };
            let address = format!("/openapi/v3/{path}");
            paths.insert(path, json!({"serverRelativeURL": address}));
        }
    }
    json!({"paths": paths})
}

/// Returns the OpenAPI document of one group and version: which patches check fields, no more.
pub(crate) fn openapi(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let mut paths = Map::new();
    for resource in registry
        .all()
        .filter(|it| it.group == group && it.versions.iter().any(|it| it == version))
    {
        let base = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        let within = if resource.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
        let parameters = ["dryRun", "fieldManager", "fieldValidation"].map(parameter);
        let operation = json!({
            "parameters": parameters,
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": resource.kind},
        });
        paths.insert(
            format!("{base}{within}/{}/{{name}}", resource.plural),
            json!({"patch": operation}),
        );
    }
    (!paths.is_empty()).then(|| {
        json!({
            "openapi": "3.0.0", "info": {"title": "Kubernetes (embedded stand-in)", "version": VERSION},
            "paths": paths, "components": {"schemas": {}},
        })
    })
}
