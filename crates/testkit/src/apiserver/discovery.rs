//! What the server says that it serves.

use serde_json::{Value, json};

use super::{Inner, objects::KINDS};

/// Whether resource metrics are served: when a test put some.
pub(super) fn serves_metrics(inner: &Inner) -> bool {
    inner.objects.contains_key("podmetrics")
}

/// Returns the discovery document of a path.
pub(super) fn of(path: &str, inner: &Inner) -> Option<Value> {
    let is_served = |version: &str| version != "metrics.k8s.io/v1beta1" || serves_metrics(inner);
    match path {
        "/version" => Some(json!({"major": "1", "minor": "37", "gitVersion": "v1.37.0",
            "gitCommit": "", "gitTreeState": "clean", "buildDate": "2026-08-01T00:00:00Z",
            "goVersion": "go1.25", "compiler": "gc", "platform": "linux/amd64"})),
        "/api" => Some(json!({"kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": []})),
        "/apis" => {
            let mut groups: Vec<Value> = Vec::new();
            let mut seen: Vec<&str> = Vec::new();
            for (_, _, version, _) in KINDS {
                let Some((group, number)) = version.split_once('/') else {
                    continue;
                };
                if seen.contains(version) || !is_served(version) {
                    continue;
                }
                seen.push(version);
                let entry = json!({"groupVersion": version, "version": number});
                groups.push(json!({"name": group, "versions": [entry], "preferredVersion": entry}));
            }
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        path => {
            let version = path
                .strip_prefix("/apis/")
                .or_else(|| path.strip_prefix("/api/"))?;
            if !is_served(version) {
                return None;
            }
            let resources: Vec<Value> = KINDS
                .iter()
                .filter(|(_, _, of, _)| *of == version)
                .map(|(kind, plural, _, namespaced)| {
                    let plural = if *plural == "podmetrics" {
                        "pods"
                    } else {
                        plural
                    };
                    let short = match plural {
                        "horizontalpodautoscalers" => json!(["hpa"]),
                        "deployments" => json!(["deploy"]),
                        _ => json!([]),
                    };
                    json!({"name": plural, "singularName": kind.to_lowercase(), "kind": kind,
                        "namespaced": namespaced, "verbs": ["get", "list", "watch"],
                        "shortNames": short})
                })
                .collect();
            (!resources.is_empty()).then(|| {
                json!({"kind": "APIResourceList", "apiVersion": "v1",
                    "groupVersion": version, "resources": resources})
            })
        }
    }
}
