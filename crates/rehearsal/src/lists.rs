//! Which lists merge by key and which are one value: what the API's own schemas say, for the
//! kinds that are built in, and what a custom resource's schema says.

use serde_json::Value;

use crate::resource::Resource;

/// How a list merges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// It is one value.
    Atomic,
    /// Its items are texts, each there or not.
    Set,
    /// Its items are objects told apart by these fields.
    Map(Vec<String>),
}

/// Returns how the list at a path of field names, joined with dots, merges.
pub(crate) fn kind(resource: &Resource, path: &str) -> ListKind {
    let keyed = |keys: &[&str]| ListKind::Map(keys.iter().map(|it| (*it).to_owned()).collect());
    match path {
        "metadata.finalizers" => return ListKind::Set,
        "metadata.ownerReferences" => return keyed(&["uid"]),
        _ => {}
    }
    if resource.custom {
        return resource
            .list_keys
            .get(path)
            .map_or(ListKind::Atomic, |it| ListKind::Map(it.clone()));
    }
    let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
    match last {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets"
        | "webhooks"
        | "resourceClaims" => keyed(&["name"]),
        "secrets" if resource.kind == "ServiceAccount" => keyed(&["name"]),
        "ports" if above.to_lowercase().ends_with("containers") => {
            keyed(&["containerPort", "protocol"])
        }
        "ports" if resource.kind == "Service" => keyed(&["port", "protocol"]),
        "volumeMounts" => keyed(&["mountPath"]),
        "volumeDevices" => keyed(&["devicePath"]),
        "conditions" => keyed(&["type"]),
        "hostAliases" => keyed(&["ip"]),
        "topologySpreadConstraints" => keyed(&["topologyKey", "whenUnsatisfiable"]),
        "versions" if resource.kind == "CustomResourceDefinition" => keyed(&["name"]),
        _ => ListKind::Atomic,
    }
}

/// Returns the key values of an item, with the defaults that the API gives.
pub(crate) fn key_of(item: &Value, keys: &[String]) -> Value {
    let mut key = serde_json::Map::new();
    for name in keys {
        let value = match item.get(name) {
            Some(value) => value.clone(),
            None if name == "protocol" => Value::from("TCP"),
            None => continue,
        };
        key.insert(name.clone(), value);
    }
    Value::Object(key)
}

/// Returns the path of a field below another.
pub(crate) fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
