//! What happens to every object before it is stored: identity, defaults, and the rules that it
//! must keep.

use serde_json::Value;

use crate::{
    error::{ApiError, ApiResult},
    resource::Resource,
    store::Store,
    value::{now, number, remove, set, text, uid},
};

mod defaults;
mod rules;

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
    defaults::fill(store, resource, old, new);
    rules::check(resource, old, new)?;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn admitted(kind: (&str, &str, &str), mut value: Value) -> ApiResult<Value> {
        let store = Store::open(None, 10).unwrap();
        let resource = store.registry().at(kind.0, kind.1, kind.2).unwrap();
        admit(&store, &resource, None, &mut value)?;
        Ok(value)
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
            ports.extend(defaults::node_ports(&value));
            store.put("services", value).unwrap();
        }
        assert_eq!(ports.len(), 3);
    }
}
