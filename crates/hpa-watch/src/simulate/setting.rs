//! An autoscaler from a file, with changes from the command line.

use std::path::Path;

use autoscaleops_core::Failure;
use autoscaleops_hpa::manifest::Manifest;
use serde::Deserialize as _;
use serde_json::{Map, Value};

/// Reads the first autoscaler of a YAML or JSON file.
///
/// # Errors
///
/// Fails when there is none.
pub fn read(path: &Path) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(path).map_err(|err| {
        Failure::usage(format!("cannot read `{}`: {err}", path.display())).kind_of("io")
    })?;
    for document in serde_yaml::Deserializer::from_str(&text) {
        let value = Value::deserialize(document).map_err(|err| {
            let (line, column) = err
                .location()
                .map_or((0, 0), |place| (place.line(), place.column()));
            Failure::usage(format!("not YAML: {err}")).at(path, line, column)
        })?;
        let items = value.get("items").and_then(Value::as_array).cloned();
        let found = items
            .unwrap_or_else(|| vec![value])
            .into_iter()
            .find(|item| {
                item.get("kind").and_then(Value::as_str) == Some("HorizontalPodAutoscaler")
            });
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(Failure::usage("the file has no HorizontalPodAutoscaler")
        .at(path, 0, 0)
        .hint("for a chart: helm template CHART | hpa-watch simulate --hpa /dev/stdin …"))
}

/// Checks a manifest as the API server would.
///
/// # Errors
///
/// Fails with the field that is wrong.
pub fn check(value: &Value, path: &Path) -> Result<Manifest, Failure> {
    Manifest::of(value).map_err(|err| Failure::usage(err.to_string()).at(path, 0, 0))
}

/// Changes one field of the spec, as in `behavior.scaleDown.stabilizationWindowSeconds=120`. The
/// value `null` takes the field away.
///
/// # Errors
///
/// Fails when the text has no `=`, or the path leads through something that is no mapping or list.
pub fn set(manifest: &mut Value, change: &str) -> Result<(), Failure> {
    let problem = |what: &str| {
        Failure::usage(format!("`--set {change}`: {what}"))
            .hint("such as `--set behavior.scaleDown.stabilizationWindowSeconds=120`")
    };
    let (path, text) = change
        .split_once('=')
        .ok_or_else(|| problem("has no `=`"))?;
    let value: Value =
        serde_yaml::from_str(text).map_err(|err| problem(&format!("not a value: {err}")))?;
    let mut place = manifest
        .get_mut("spec")
        .ok_or_else(|| problem("the manifest has no spec"))?;
    let names: Vec<&str> = path
        .trim()
        .trim_start_matches("spec.")
        .split('.')
        .map(str::trim)
        .collect();
    let Some((last, parents)) = names.split_last() else {
        return Err(problem("names no field"));
    };
    for name in parents {
        place = step(place, name).ok_or_else(|| problem(&format!("`{name}` is no such part")))?;
    }
    if let (Value::Object(map), true) = (&mut *place, value.is_null()) {
        map.remove(*last);
        return Ok(());
    }
    let field = step(place, last).ok_or_else(|| problem(&format!("`{last}` is no such part")))?;
    *field = value;
    Ok(())
}

fn step<'a>(place: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    if place.is_null() {
        *place = Value::Object(Map::new());
    }
    match place {
        Value::Object(map) => Some(map.entry(name).or_insert(Value::Null)),
        Value::Array(list) => list.get_mut(name.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_set_made_and_taken_away() {
        let mut manifest = json!({"spec": {"maxReplicas": 3, "metrics": [{"type": "Resource"}]}});
        set(&mut manifest, "maxReplicas=5").unwrap();
        set(
            &mut manifest,
            "behavior.scaleDown.stabilizationWindowSeconds=120",
        )
        .unwrap();
        set(&mut manifest, "metrics.0.type=Pods").unwrap();
        assert_eq!(
            manifest,
            json!({"spec": {
                "maxReplicas": 5,
                "metrics": [{"type": "Pods"}],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 120}},
            }})
        );
        set(&mut manifest, "behavior=null").unwrap();
        assert_eq!(manifest["spec"].get("behavior"), None);
        assert!(set(&mut manifest, "maxReplicas").is_err());
        assert!(set(&mut manifest, "maxReplicas.x=1").is_err());
        assert!(set(&mut manifest, "metrics.7.type=Pods").is_err());
    }
}
