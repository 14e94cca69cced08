//! Every object that we render is one that Kubernetes, Argo CD, its Image Updater and the Prometheus
//! operator take: no field that they do not know, no value of another type.

use std::collections::BTreeMap;

use autoscaleops_testkit::{command, peer};
use k8s_openapi::api::{
    apps::v1::Deployment,
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{ConfigMap, Pod, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::files::{documents, helm, list, read, yaml};

const SCHEMAS: &str = "argocd/schemas";

/// Every object of the platform, with the place that it comes from.
fn all() -> Option<Vec<(String, Value)>> {
    let mut found = Vec::new();
    let mut add = |place: &str, objects: Vec<Value>| {
        found.extend(objects.into_iter().map(|object| (place.to_owned(), object)));
    };
    for file in ["argocd/root-app.yaml".to_owned()]
        .into_iter()
        .chain(list("argocd/bootstrap", &[".yaml"]))
    {
        add(&file, documents(&read(&file)));
    }
    let charts = [
        (
            "argocd/apps",
            vec![
                "",
                "argocd/apps/tests/image-updater-values.yaml",
                "argocd/apps/tests/private-values.yaml",
            ],
        ),
        (
            "charts/demo-app",
            vec![
                "",
                "charts/demo-app/values-dev.yaml",
                "charts/demo-app/values-prod.yaml",
                "charts/demo-app/ci/full-values.yaml",
                "charts/demo-app/ci/hpa-off-values.yaml",
            ],
        ),
        (
            "charts/observability",
            vec!["", "charts/observability/tests/flask-values.yaml"],
        ),
    ];
    for (chart, sets) in charts {
        for values in sets {
            let files: Vec<&str> = [values]
                .into_iter()
                .filter(|file| !file.is_empty())
                .collect();
            let rendered = helm(chart, "demo-app", "argocd", &files)?;
            let rendered = rendered.unwrap_or_else(|error| panic!("{chart} {values}: {error}"));
            add(&format!("{chart} {values}"), rendered.objects);
        }
    }
    Some(found)
}

/// What is wrong with an object of Kubernetes' own kinds; `None` for a kind of somebody else.
///
/// The types are made from Kubernetes' own description, and read past fields that they do not
/// know; such a field is missing in what they write.
fn builtin(object: &Value) -> Option<Result<(), String>> {
    fn kept<T: DeserializeOwned + Serialize>(object: &Value) -> Result<(), String> {
        let typed: T = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
        match lost(object, &serde_json::to_value(typed).unwrap(), "") {
            Some(path) => Err(format!("{path}: unknown")),
            None => Ok(()),
        }
    }
    let check = match (object["apiVersion"].as_str()?, object["kind"].as_str()?) {
        ("v1", "ConfigMap") => kept::<ConfigMap>,
        ("v1", "Pod") => kept::<Pod>,
        ("v1", "Service") => kept::<Service>,
        ("v1", "ServiceAccount") => kept::<ServiceAccount>,
        ("apps/v1", "Deployment") => kept::<Deployment>,
        ("autoscaling/v2", "HorizontalPodAutoscaler") => kept::<HorizontalPodAutoscaler>,
        ("networking.k8s.io/v1", "NetworkPolicy") => kept::<NetworkPolicy>,
        ("policy/v1", "PodDisruptionBudget") => kept::<PodDisruptionBudget>,
        _ => return None,
    };
    Some(check(object))
}

/// The path of the first thing in `before` that is not in `after`.
fn lost(before: &Value, after: &Value, path: &str) -> Option<String> {
    match (before, after) {
        (Value::Object(fields), Value::Object(kept)) => fields.iter().find_map(|(key, value)| {
            let path = format!("{path}/{key}");
            match kept.get(key) {
                Some(other) => lost(value, other, &path),
                // Absent and null are one to Kubernetes.
                None if value.is_null() => None,
                None => Some(path),
            }
        }),
        (Value::Array(items), Value::Array(kept)) if items.len() == kept.len() => items
            .iter()
            .zip(kept)
            .enumerate()
            .find_map(|(index, (one, other))| lost(one, other, &format!("{path}/{index}"))),
        _ => (before != after).then(|| path.to_owned()),
    }
}

/// Our schema of a custom kind.
fn schemas() -> BTreeMap<String, Value> {
    list(SCHEMAS, &[".schema.json"])
        .iter()
        .map(|file| {
            let schema: Value = serde_json::from_str(&read(file)).unwrap();
            let kind = schema["properties"]["kind"]["const"].as_str().unwrap();
            (kind.to_owned(), schema)
        })
        .collect()
}

/// What is wrong with objects of one custom kind, by the validator in Helm: it is the one that
/// judges the values too.
fn custom(schema: &Value, objects: &[&Value]) -> Result<(), String> {
    let chart = tempfile::tempdir().unwrap();
    let put = |name: &str, value: &Value| {
        std::fs::write(chart.path().join(name), value.to_string()).unwrap();
    };
    put(
        "Chart.yaml",
        &json!({ "apiVersion": "v2", "name": "objects", "version": "0.1.0" }),
    );
    put("values.yaml", &json!({ "objects": objects }));
    // With a name of its own, so that the references in it are to itself.
    let mut schema = schema.clone();
    schema["$id"] = json!("urn:objects");
    put(
        "values.schema.json",
        &json!({ "properties": { "objects": { "items": schema } } }),
    );
    let output = command(peer("helm").unwrap())
        .args(["template", "objects"])
        .arg(chart.path())
        .output()
        .unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

#[test]
fn every_object_is_one_that_its_controller_takes() {
    let Some(all) = all() else { return };
    let schemas = schemas();
    let mut customs: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (place, object) in &all {
        let (kind, name) = (
            object["kind"].as_str().unwrap(),
            &object["metadata"]["name"],
        );
        match builtin(object) {
            Some(Ok(())) => {}
            Some(Err(error)) => panic!("{place}: {kind} {name}: {error}"),
            None => {
                assert!(schemas.contains_key(kind), "{place}: no schema of {kind}");
                customs.entry(kind).or_default().push(object);
            }
        }
    }
    for (kind, objects) in &customs {
        if let Err(error) = custom(&schemas[*kind], objects) {
            panic!("{kind}: {error}");
        }
    }
    assert_eq!(
        customs.keys().collect::<Vec<_>>(),
        schemas.keys().collect::<Vec<_>>(),
        "a schema of every custom kind, and none for nothing"
    );
}

#[test]
fn an_object_that_its_controller_would_read_past_is_refused_with_its_place() {
    let Some(all) = all() else { return };
    let first = |kind: &str, name: &str| {
        let found = all
            .iter()
            .find(|(_, object)| object["kind"] == kind && object["metadata"]["name"] == name);
        found
            .unwrap_or_else(|| panic!("no {kind} {name}"))
            .1
            .clone()
    };
    let schemas = schemas();
    for row in yaml("crates/testkit/tests/platform/worse.yaml")
        .as_array()
        .unwrap()
    {
        let text = |index: usize| row[index].as_str().unwrap();
        let (kind, name, place, value) = (text(0), text(1), text(2), row[3].clone());
        let mut object = first(kind, name);
        set(&mut object, place, value);
        let error = match builtin(&object) {
            Some(result) => result.err(),
            None => custom(&schemas[kind], &[&object]).err(),
        };
        let error = error.unwrap_or_else(|| panic!("{kind} {name} with {place} was taken"));
        // The place itself, what it stands in when it should not be there at all, or its name.
        let (parent, key) = place.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/");
        // The types of Kubernetes say what they wanted, not where.
        let typed = builtin(&object).is_some() && error.contains("expected");
        assert!(
            error.contains(place) || error.contains(parent) || error.contains(&key) || typed,
            "{place} is not in: {error}"
        );
    }
}

/// Puts a value at a JSON pointer; null removes what is there.
fn set(object: &mut Value, place: &str, value: Value) {
    let (parent, key) = place.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    let parent = object
        .pointer_mut(parent)
        .unwrap_or_else(|| panic!("no {parent}"));
    match parent {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        Value::Object(fields) if value.is_null() => {
            fields.remove(&key).unwrap_or_else(|| panic!("no {place}"));
        }
        Value::Object(fields) => {
            fields.insert(key, value);
        }
        _ => panic!("{place} is in no object"),
    }
}
