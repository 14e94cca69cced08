//! The environment of a container: what its specification says, looked up in the objects it names.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use crate::{
    base64::from_base64,
    store::Store,
    value::{list, milli, text, truth},
};

/// Returns what every container gets: nothing of ours but the way to programs.
pub(crate) fn base(folder: &Path, tag: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for name in ["PATH", "LANG", "TZ"] {
        if let Some(value) = autoscaleops_core::config::env(name) {
            all.insert(name.to_owned(), value);
        }
    }
    all.insert("HOME".to_owned(), folder.display().to_string());
    all.insert("TMPDIR".to_owned(), folder.display().to_string());
    all.insert("APP_VERSION".to_owned(), tag.to_owned());
    all.insert("IMAGE_TAG".to_owned(), tag.to_owned());
    all
}

/// Returns the variables that a container's specification sets.
///
/// # Errors
///
/// Fails with what is missing.
pub(crate) fn variables(
    store: &Store,
    namespace: &str,
    pod: &str,
    spec: &Value,
    ports: &BTreeMap<u16, u16>,
) -> Result<BTreeMap<String, String>, String> {
    let mut all = BTreeMap::new();
    let pod_value = store
        .get("pods", namespace, pod)
        .map(|it| it.value())
        .unwrap_or_default();
    all.insert("HOSTNAME".to_owned(), pod.to_owned());
    all.insert("POD_NAME".to_owned(), pod.to_owned());
    for source in list(spec, "/envFrom") {
        let prefix = text(source, "/prefix");
        for (field, resource) in [("configMapRef", "configmaps"), ("secretRef", "secrets")] {
            let Some(reference) = source.get(field) else {
                continue;
            };
            let name = text(reference, "/name");
            match store.get(resource, namespace, name) {
                Some(found) => {
                    for (key, value) in data(&found.value(), resource) {
                        all.insert(format!("{prefix}{key}"), value);
                    }
                }
                None if truth(reference, "/optional") => {}
                None => {
                    return Err(format!(
                        "{} \"{name}\" not found",
                        resource.trim_end_matches('s')
                    ));
                }
            }
        }
    }
    for variable in list(spec, "/env") {
        let name = text(variable, "/name").to_owned();
        if let Some(value) = variable.get("value").and_then(Value::as_str) {
            let expanded = expand(value, &all);
            all.insert(name, expanded);
            continue;
        }
        if let Some(value) = from(store, namespace, &pod_value, spec, variable, ports)? {
            all.insert(name, value);
        }
    }
    Ok(all)
}

fn data(value: &Value, resource: &str) -> Vec<(String, String)> {
    let pairs = crate::value::texts(value, "/data");
    if resource == "configmaps" {
        return pairs;
    }
    pairs
        .into_iter()
        .filter_map(|(key, value)| Some((key, String::from_utf8(from_base64(&value)?).ok()?)))
        .collect()
}

fn from(
    store: &Store,
    namespace: &str,
    pod: &Value,
    spec: &Value,
    variable: &Value,
    _ports: &BTreeMap<u16, u16>,
) -> Result<Option<String>, String> {
    for (field, resource) in [
        ("configMapKeyRef", "configmaps"),
        ("secretKeyRef", "secrets"),
    ] {
        let Some(reference) = variable.pointer(&format!("/valueFrom/{field}")) else {
            continue;
        };
        let (name, key) = (text(reference, "/name"), text(reference, "/key"));
        let found = store
            .get(resource, namespace, name)
            .map(|it| data(&it.value(), resource));
        let kind = resource.trim_end_matches('s');
        return match found {
            None if truth(reference, "/optional") => Ok(None),
            None => Err(format!("{kind} \"{name}\" not found")),
            Some(pairs) => match pairs.into_iter().find(|it| it.0 == key) {
                Some((_, value)) => Ok(Some(value)),
                None if truth(reference, "/optional") => Ok(None),
                None => Err(format!(
                    "couldn't find key {key} in {kind} {namespace}/{name}"
                )),
            },
        };
    }
    if let Some(path) = variable
        .pointer("/valueFrom/fieldRef/fieldPath")
        .and_then(Value::as_str)
    {
        let value = match path {
            "status.podIP" | "status.hostIP" => "127.0.0.1".to_owned(),
            "spec.nodeName" => crate::NODE.to_owned(),
            _ => match path.strip_suffix("']").and_then(|it| it.split_once("['")) {
                Some((place, key)) => {
                    let place = format!(
                        "/{}/{}",
                        place.replace('.', "/"),
                        key.replace('~', "~0").replace('/', "~1")
                    );
                    text(pod, &place).to_owned()
                }
                None => text(pod, &format!("/{}", path.replace('.', "/"))).to_owned(),
            },
        };
        return Ok(Some(value));
    }
    if let Some(resource) = variable
        .pointer("/valueFrom/resourceFieldRef/resource")
        .and_then(Value::as_str)
    {
        let place = format!("/resources/{}", resource.replace('.', "/"));
        let amount = spec.pointer(&place).and_then(milli).unwrap_or(0);
        let divisor = variable
            .pointer("/valueFrom/resourceFieldRef/divisor")
            .and_then(milli)
            .filter(|it| *it > 0)
            .unwrap_or(1000);
        return Ok(Some(((amount + divisor - 1) / divisor).to_string()));
    }
    Ok(None)
}

/// Replaces `$(NAME)` by the variable; `$$` stands for one `$`.
pub(crate) fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) =
            rest.strip_prefix("$(").and_then(|it| it.split_once(')'))
            && let Some(value) = variables.get(name)
        {
            expanded.push_str(value);
            rest = after;
        } else {
            expanded.push('$');
            rest = &rest[1..];
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_replaced_and_unknown_ones_stay() {
        let variables = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        assert_eq!(expand("x$(A)y$(B)z$$(A)$", &variables), "x1y$(B)z$(A)$");
    }

    #[test]
    fn a_missing_secret_is_named_and_an_optional_one_is_not_missed() {
        let store = Store::open(None, 10).unwrap();
        let spec = |optional: bool| json!({"env": [{"name": "T", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": optional}}}]});
        let error = variables(&store, "default", "p", &spec(false), &BTreeMap::new()).unwrap_err();
        assert_eq!(error, "secret \"s\" not found");
        assert!(
            !variables(&store, "default", "p", &spec(true), &BTreeMap::new())
                .unwrap()
                .contains_key("T")
        );
    }

    #[test]
    fn secrets_config_maps_and_limits_are_looked_up() {
        let mut store = Store::open(None, 10).unwrap();
        store.put("secrets", json!({"metadata": {"name": "s", "namespace": "default"}, "data": {"k": "Z2VoZWlt"}})).unwrap();
        store
            .put(
                "configmaps",
                json!({"metadata": {"name": "c", "namespace": "default"}, "data": {"A": "1"}}),
            )
            .unwrap();
        let spec = json!({"resources": {"limits": {"cpu": "500m"}}, "envFrom": [{"configMapRef": {"name": "c"}, "prefix": "P_"}], "env": [
            {"name": "T", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
            {"name": "BOTH", "value": "$(P_A)-$(T)"}]});
        let found = variables(&store, "default", "p", &spec, &BTreeMap::new()).unwrap();
        assert_eq!(
            (
                found["T"].as_str(),
                found["CPU"].as_str(),
                found["BOTH"].as_str()
            ),
            ("geheim", "500", "1-geheim")
        );
    }
}
