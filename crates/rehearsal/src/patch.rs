//! The three ways to patch by difference: JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386) and
//! the strategic merge patch of Kubernetes.

use serde_json::{Map, Value};

use crate::{
    error::{ApiError, ApiResult},
    lists::{self, ListKind},
    resource::Resource,
};

/// Applies a JSON Patch.
///
/// # Errors
///
/// Fails when an operation is malformed, its place is missing, or a test does not hold.
pub(crate) fn json(target: &mut Value, operations: &Value) -> ApiResult<()> {
    let operations = operations
        .as_array()
        .ok_or_else(|| ApiError::bad_request("a JSON patch is a list of operations"))?;
    for operation in operations {
        let path = pointer(operation, "path")?;
        let value = || {
            operation
                .get("value")
                .cloned()
                .ok_or_else(|| ApiError::bad_request("a JSON patch operation lacks its value"))
        };
        match operation.get("op").and_then(Value::as_str) {
            Some("add") => insert(target, path, value()?, Placing::Add)?,
            Some("replace") => insert(target, path, value()?, Placing::Replace)?,
            Some("remove") => {
                take(target, path)?;
            }
            Some("move") => {
                let moved = take(target, pointer(operation, "from")?)?;
                insert(target, path, moved, Placing::Add)?;
            }
            Some("copy") => {
                let from = pointer(operation, "from")?;
                let copied = target.pointer(from).cloned().ok_or_else(|| missing(from))?;
                insert(target, path, copied, Placing::Add)?;
            }
            Some("test") => {
                if target.pointer(path) != Some(&value()?) {
                    return Err(unprocessable(&format!("testing value {path} failed")));
                }
            }
            _ => return Err(ApiError::bad_request("a JSON patch operation is unknown")),
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Placing {
    Add,
    Replace,
}

fn unprocessable(message: &str) -> ApiError {
    let mut error = ApiError::invalid("", "", &[]);
    error.message =
        format!("the server rejected our request due to an error in our request: {message}");
    error
}

fn missing(path: &str) -> ApiError {
    unprocessable(&format!("there is nothing at {path}"))
}

fn pointer<'a>(operation: &'a Value, name: &str) -> ApiResult<&'a str> {
    operation
        .get(name)
        .and_then(Value::as_str)
        .filter(|it| it.is_empty() || it.starts_with('/'))
        .ok_or_else(|| ApiError::bad_request(format!("a JSON patch operation lacks its {name}")))
}

fn split(path: &str) -> Option<(&str, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn insert(target: &mut Value, path: &str, value: Value, placing: Placing) -> ApiResult<()> {
    let Some((parent, last)) = split(path) else {
        *target = value;
        return Ok(());
    };
    match target.pointer_mut(parent).ok_or_else(|| missing(parent))? {
        Value::Object(map) => {
            if placing == Placing::Replace && !map.contains_key(&last) {
                return Err(missing(path));
            }
            map.insert(last, value);
        }
        Value::Array(items) => {
            let index = if last == "-" {
                items.len()
            } else {
                last.parse().map_err(|_| missing(path))?
            };
            match placing {
                Placing::Add if index <= items.len() => items.insert(index, value),
                Placing::Replace if index < items.len() => items[index] = value,
                _ => return Err(missing(path)),
            }
        }
        _ => return Err(missing(path)),
    }
    Ok(())
}

fn take(target: &mut Value, path: &str) -> ApiResult<Value> {
    let (parent, last) = split(path).ok_or_else(|| missing(path))?;
    let taken = match target.pointer_mut(parent) {
        Some(Value::Object(map)) => map.shift_remove(&last),
        Some(Value::Array(items)) => last
            .parse()
            .ok()
            .filter(|index| *index < items.len())
            .map(|index: usize| items.remove(index)),
        _ => None,
    };
    taken.ok_or_else(|| missing(path))
}

/// Applies a JSON Merge Patch.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            map.shift_remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Applies a strategic merge patch: as a merge patch, but lists that have a key merge by it.
pub(crate) fn strategic(target: &mut Value, patch: &Value, resource: &Resource) {
    strategic_at(target, patch, resource, "");
}

fn strategic_at(target: &mut Value, patch: &Value, resource: &Resource, place: &str) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if patch.get("$patch").and_then(Value::as_str) == Some("replace") {
        let mut replaced = patch.clone();
        replaced.shift_remove("$patch");
        *target = Value::Object(replaced);
        return;
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else {
        return;
    };
    if let Some(kept) = patch.get("$retainKeys").and_then(Value::as_array) {
        map.retain(|key, _| kept.iter().any(|it| it.as_str() == Some(key)));
    }
    for (key, value) in patch {
        if let Some(field) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(Value::Array(items)), Some(gone)) = (map.get_mut(field), value.as_array())
            {
                items.retain(|it| !gone.contains(it));
            }
        } else if key.starts_with('$') {
            // Orders of lists are cosmetic here, and retained keys were done above.
        } else if value.is_null() {
            map.shift_remove(key);
        } else {
            let below = lists::below(place, key);
            match (value, lists::kind(resource, &below)) {
                (Value::Array(items), ListKind::Map(keys)) => {
                    let list = map.entry(key.clone()).or_insert(Value::Null);
                    merge_list(
                        list,
                        items,
                        keys.first().map_or("", String::as_str),
                        resource,
                        &below,
                    );
                }
                (Value::Array(items), ListKind::Set) => {
                    let list = map.entry(key.clone()).or_insert(Value::Null);
                    if let Value::Array(list) = list {
                        for item in items {
                            if !list.contains(item) {
                                list.push(item.clone());
                            }
                        }
                    } else {
                        *list = value.clone();
                    }
                }
                _ => strategic_at(
                    map.entry(key.clone()).or_insert(Value::Null),
                    value,
                    resource,
                    &below,
                ),
            }
        }
    }
}

fn merge_list(list: &mut Value, patches: &[Value], key: &str, resource: &Resource, path: &str) {
    let mut items = match list.take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let directive = |it: &Value| it.get("$patch").and_then(Value::as_str).map(str::to_owned);
    if patches
        .iter()
        .any(|it| directive(it).as_deref() == Some("replace"))
    {
        items.clear();
    }
    for patch in patches {
        match directive(patch).as_deref() {
            Some("replace") => continue,
            Some("delete") => {
                items.retain(|it| it.get(key) != patch.get(key));
                continue;
            }
            _ => {}
        }
        let found = items
            .iter_mut()
            .find(|it| it.get(key).is_some() && it.get(key) == patch.get(key));
        if let Some(item) = found {
            strategic_at(item, patch, resource, path);
        } else {
            let mut fresh = Value::Null;
            strategic_at(&mut fresh, patch, resource, path);
            items.push(fresh);
        }
    }
    *list = Value::Array(items);
}

#[cfg(test)]
mod tests {
    use serde_json::json as j;

    use super::*;
    use crate::resource::Registry;

    #[test]
    fn a_json_patch_adds_moves_and_refuses_what_is_missing() {
        let mut value = j!({"a": [1, 3], "b": {"c/d": 1}});
        let patch = j!([
            {"op": "add", "path": "/a/1", "value": 2},
            {"op": "test", "path": "/b/c~1d", "value": 1},
            {"op": "move", "from": "/b/c~1d", "path": "/e"},
        ]);
        json(&mut value, &patch).unwrap();
        assert_eq!(value, j!({"a": [1, 2, 3], "b": {}, "e": 1}));
        let error = json(
            &mut value,
            &j!([{"op": "replace", "path": "/x", "value": 1}]),
        );
        assert_eq!(error.unwrap_err().code, 422);
    }

    #[test]
    fn a_merge_patch_removes_nulls_and_replaces_lists() {
        let mut value = j!({"a": {"b": 1, "c": 2}, "l": [1]});
        merge(&mut value, &j!({"a": {"b": null}, "l": [2, 3]}));
        assert_eq!(value, j!({"a": {"c": 2}, "l": [2, 3]}));
    }

    #[test]
    fn a_strategic_patch_changes_one_container_and_keeps_the_others() {
        let registry = Registry::new();
        let deployments = registry.at("apps", "v1", "deployments").unwrap();
        let mut value = j!({"spec": {"template": {"spec": {"containers": [
            {"name": "a", "image": "x:1", "env": [{"name": "K", "value": "1"}]}, {"name": "b", "image": "y:1"}]}}}});
        let patch = j!({"spec": {"template": {"spec": {
            "$setElementOrder/containers": [{"name": "a"}],
            "containers": [{"name": "a", "image": "x:2", "env": [{"name": "K", "$patch": "delete"}]}, {"name": "b", "$patch": "delete"}]}}}});
        strategic(&mut value, &patch, &deployments);
        assert_eq!(
            value,
            j!({"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "x:2", "env": []}]}}}})
        );
    }
}
