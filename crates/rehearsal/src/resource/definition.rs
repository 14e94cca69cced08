//! The kind that a custom resource definition describes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Column, Resource, Scale};
use crate::value::{list, text, truth};

/// Returns the kind of a definition, in the version that is stored.
pub(super) fn from_definition(definition: &Value) -> Option<Resource> {
    let names = definition.pointer("/spec/names")?;
    let versions: Vec<&Value> = list(definition, "/spec/versions")
        .iter()
        .filter(|it| truth(it, "/served"))
        .collect();
    let first = versions
        .iter()
        .find(|it| truth(it, "/storage"))
        .or(versions.first())?;
    let pointer = |path: &str| path.replace('.', "/");
    let scale = first.pointer("/subresources/scale").map(|it| Scale {
        spec: pointer(text(it, "/specReplicasPath")),
        status: pointer(text(it, "/statusReplicasPath")),
        selector: pointer(text(it, "/labelSelectorPath")),
    });
    let columns = list(first, "/additionalPrinterColumns")
        .iter()
        .map(|it| Column {
            name: text(it, "/name").to_owned(),
            kind: text(it, "/type").to_owned(),
            path: text(it, "/jsonPath").trim_start_matches('.').to_owned(),
            priority: it.get("priority").and_then(Value::as_i64).unwrap_or(0),
        })
        .collect();
    let mut list_keys = BTreeMap::new();
    if let Some(schema) = first.pointer("/schema/openAPIV3Schema") {
        collect_list_keys(schema, "", &mut list_keys);
    }
    let mut names_of: Vec<String> = vec![text(first, "/name").to_owned()];
    for version in &versions {
        let name = text(version, "/name").to_owned();
        if !names_of.contains(&name) {
            names_of.push(name);
        }
    }
    let singular = match text(names, "/singular") {
        "" => text(names, "/kind").to_lowercase(),
        singular => singular.to_owned(),
    };
    let strings = |pointer: &str| -> Vec<String> {
        list(names, pointer)
            .iter()
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect()
    };
    Some(Resource {
        group: text(definition, "/spec/group").to_owned(),
        versions: names_of,
        plural: text(names, "/plural").to_owned(),
        singular,
        kind: text(names, "/kind").to_owned(),
        short: strings("/shortNames"),
        categories: strings("/categories"),
        namespaced: text(definition, "/spec/scope") == "Namespaced",
        status: first.pointer("/subresources/status").is_some(),
        scale,
        columns,
        list_keys,
        custom: true,
    })
}

fn collect_list_keys(schema: &Value, path: &str, keys: &mut BTreeMap<String, Vec<String>>) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            collect_list_keys(property, &below(name), keys);
        }
    }
    if let Some(items) = schema.get("items") {
        if text(schema, "/x-kubernetes-list-type") == "map" {
            let names = list(schema, "/x-kubernetes-list-map-keys")
                .iter()
                .filter_map(|it| it.as_str().map(str::to_owned))
                .collect();
            keys.insert(path.to_owned(), names);
        }
        collect_list_keys(items, path, keys);
    }
}
