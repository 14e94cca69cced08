//! Who owns which field: server-side apply with field managers, conflicts and `managedFields`.
//!
//! The rules are those of the Kubernetes documentation, "Server-Side Apply": an applier owns what
//! it sets, a different value for a field that another manager owns is a conflict, and a field that
//! an applier no longer sets goes when nobody else owns it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    error::{ApiError, ApiResult},
    lists::{self, ListKind},
    resource::Resource,
    value::{list, now, object, text},
};

/// A set of fields, as a tree of the path elements of `fieldsV1`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    /// Whether this very place is in the set.
    own: bool,
    below: BTreeMap<String, Self>,
}

impl Fields {
    fn leaf() -> Self {
        Self {
            own: true,
            below: BTreeMap::new(),
        }
    }

    fn is_empty(&self) -> bool {
        !self.own && self.below.is_empty()
    }

    fn from_json(value: &Value) -> Self {
        let Some(map) = value.as_object() else {
            return Self::leaf();
        };
        if map.is_empty() {
            return Self::leaf();
        }
        Self {
            own: map.contains_key("."),
            below: map
                .iter()
                .filter(|it| it.0 != ".")
                .map(|(element, below)| (element.clone(), Self::from_json(below)))
                .collect(),
        }
    }

    fn to_json(&self) -> Value {
        let mut map = Map::new();
        if self.own && !self.below.is_empty() {
            map.insert(".".to_owned(), json!({}));
        }
        for (element, below) in &self.below {
            map.insert(element.clone(), below.to_json());
        }
        Value::Object(map)
    }

    fn union(&mut self, other: &Self) {
        self.own |= other.own;
        for (element, below) in &other.below {
            self.below.entry(element.clone()).or_default().union(below);
        }
    }

    fn subtract(&mut self, other: &Self) {
        if other.own {
            self.own = false;
        }
        for (element, below) in &other.below {
            if let Some(mine) = self.below.get_mut(element) {
                mine.subtract(below);
                if mine.is_empty() {
                    self.below.remove(element);
                }
            }
        }
    }

    /// Returns the fields of `value`: every leaf, and every item of a list that merges.
    fn of(value: &Value, resource: &Resource, path: &str) -> Self {
        let Some(map) = value.as_object() else {
            return Self::leaf();
        };
        let mut fields = Self::default();
        for (name, value) in map {
            let place = lists::below(path, name);
            let below = match value {
                Value::Null => continue,
                Value::Object(map) if !map.is_empty() => Self::of(value, resource, &place),
                Value::Array(items) if !items.is_empty() => Self::of_list(items, resource, &place),
                _ => Self::leaf(),
            };
            fields.below.insert(format!("f:{name}"), below);
        }
        fields
    }

    fn of_list(items: &[Value], resource: &Resource, path: &str) -> Self {
        let mut fields = Self::default();
        match lists::kind(resource, path) {
            ListKind::Atomic => return Self::leaf(),
            ListKind::Set => {
                for item in items {
                    fields.below.insert(format!("v:{item}"), Self::leaf());
                }
            }
            ListKind::Map(keys) => {
                for item in items {
                    let mut below = Self::of(item, resource, path);
                    below.own = true;
                    fields
                        .below
                        .insert(format!("k:{}", lists::key_of(item, &keys)), below);
                }
            }
        }
        fields
    }

    /// Returns the fields of an object that a manager can own.
    fn of_object(value: &Value, resource: &Resource) -> Self {
        let mut stripped = value.clone();
        strip(&mut stripped);
        let mut fields = Self::of(&stripped, resource, "");
        fields.own = false;
        fields
    }
}

/// Removes what no manager owns.
fn strip(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        for name in ["apiVersion", "kind", "status"] {
            map.shift_remove(name);
        }
        if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
            for name in [
                "name",
                "namespace",
                "generateName",
                "uid",
                "resourceVersion",
                "generation",
                "creationTimestamp",
                "deletionTimestamp",
                "deletionGracePeriodSeconds",
                "managedFields",
                "selfLink",
            ] {
                metadata.shift_remove(name);
            }
            if metadata.is_empty() {
                map.shift_remove("metadata");
            }
        }
    }
}

/// Finds what a path element names.
fn child<'a>(value: &'a Value, element: &str) -> Option<&'a Value> {
    match element.split_once(':') {
        Some(("f", name)) => value.get(name),
        Some(("k", key)) => {
            let key: Value = serde_json::from_str(key).ok()?;
            value.as_array()?.iter().find(|it| matches(it, &key))
        }
        Some(("v", item)) => {
            let item: Value = serde_json::from_str(item).ok()?;
            value.as_array()?.iter().find(|it| **it == item)
        }
        _ => None,
    }
}

fn matches(item: &Value, key: &Value) -> bool {
    let names: Vec<String> = key
        .as_object()
        .into_iter()
        .flatten()
        .map(|it| it.0.clone())
        .collect();
    lists::key_of(item, &names) == *key
}

/// One manager's entry in `managedFields`.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    manager: String,
    operation: String,
    subresource: String,
    api_version: String,
    time: String,
    fields: Fields,
}

fn read_entries(value: &Value) -> Vec<Entry> {
    list(value, "/metadata/managedFields")
        .iter()
        .filter(|it| it.get("fieldsV1").is_some())
        .map(|it| Entry {
            manager: text(it, "/manager").to_owned(),
            operation: text(it, "/operation").to_owned(),
            subresource: text(it, "/subresource").to_owned(),
            api_version: text(it, "/apiVersion").to_owned(),
            time: text(it, "/time").to_owned(),
            fields: it
                .get("fieldsV1")
                .map(Fields::from_json)
                .unwrap_or_default(),
        })
        .collect()
}

fn write_entries(value: &mut Value, entries: &[Entry]) {
    let entries: Vec<Value> = entries
        .iter()
        .filter(|it| !it.fields.is_empty())
        .map(|it| {
            let mut entry = json!({
                "manager": it.manager, "operation": it.operation, "apiVersion": it.api_version,
                "time": it.time, "fieldsType": "FieldsV1", "fieldsV1": it.fields.to_json(),
            });
            if !it.subresource.is_empty() {
                crate::value::set(&mut entry, &[], "subresource", it.subresource.as_str());
            }
            entry
        })
        .collect();
    let metadata = object(value, &["metadata"]);
    if entries.is_empty() {
        metadata.shift_remove("managedFields");
    } else {
        metadata.insert("managedFields".to_owned(), Value::Array(entries));
    }
}

/// Whether an apply may take fields from their owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    /// A conflict is an error.
    No,
    /// A conflict is won.
    Yes,
}

/// Returns `live` with `patch` applied on it by `manager`.
///
/// # Errors
///
/// Fails with the conflicts when other managers own fields that the patch sets otherwise.
pub(crate) fn apply(
    live: Option<&Value>,
    patch: &Value,
    resource: &Resource,
    manager: &str,
    force: Force,
) -> ApiResult<Value> {
    let set = Fields::of_object(patch, resource);
    let mut entries = live.map(read_entries).unwrap_or_default();
    let mut merged = live.cloned().unwrap_or(Value::Null);
    let is_mine =
        |it: &Entry| it.manager == manager && it.operation == "Apply" && it.subresource.is_empty();
    if let Some(live) = live {
        let mut causes = Vec::new();
        let mut lost = Fields::default();
        for entry in entries.iter().filter(|it| !is_mine(it)) {
            let mut found = Vec::new();
            collect_conflicts(&set, &entry.fields, live, patch, "", &mut found, &mut lost);
            causes.extend(found.into_iter().map(|field| (label(entry), field)));
        }
        if force == Force::No && !causes.is_empty() {
            return Err(ApiError::apply_conflict(&causes));
        }
        for entry in entries.iter_mut().filter(|it| !is_mine(it)) {
            entry.fields.subtract(&lost);
        }
    }
    let mut content = patch.clone();
    drop_status(&mut content, resource);
    merge(&mut merged, &content, resource, "");
    let before = entries
        .iter()
        .find(|it| is_mine(it))
        .map(|it| it.fields.clone());
    if let Some(mut gone) = before.clone() {
        gone.subtract(&set);
        let mut others = set.clone();
        for entry in entries.iter().filter(|it| !is_mine(it)) {
            others.union(&entry.fields);
        }
        prune(&mut merged, &gone, &others);
    }
    if before.as_ref() != Some(&set) {
        entries.retain(|it| !is_mine(it));
        entries.push(Entry {
            manager: manager.to_owned(),
            operation: "Apply".to_owned(),
            subresource: String::new(),
            api_version: text(patch, "/apiVersion").to_owned(),
            time: now(),
            fields: set,
        });
    }
    write_entries(&mut merged, &entries);
    Ok(merged)
}

fn label(entry: &Entry) -> String {
    if entry.operation == "Apply" {
        format!("\"{}\"", entry.manager)
    } else {
        format!("\"{}\" using {}", entry.manager, entry.api_version)
    }
}

fn drop_status(value: &mut Value, resource: &Resource) {
    if resource.status
        && let Some(map) = value.as_object_mut()
    {
        map.shift_remove("status");
    }
}

/// Collects the paths that both sets have and whose values differ.
fn collect_conflicts(
    ours: &Fields,
    theirs: &Fields,
    live: &Value,
    patch: &Value,
    place: &str,
    found: &mut Vec<String>,
    lost: &mut Fields,
) {
    for (element, mine) in &ours.below {
        let Some(other) = theirs.below.get(element) else {
            continue;
        };
        let (now, wanted) = (child(live, element), child(patch, element));
        let field = format!("{place}{}", printed(element));
        let Some(wanted) = wanted else { continue };
        let taken = lost.below.entry(element.clone()).or_default();
        if mine.own && mine.below.is_empty() && other.own && now != Some(wanted) {
            found.push(field.clone());
            taken.own = true;
        }
        if let Some(now) = now {
            collect_conflicts(mine, other, now, wanted, &field, found, taken);
        }
        if lost.below.get(element).is_some_and(Fields::is_empty) {
            lost.below.remove(element);
        }
    }
}

fn printed(element: &str) -> String {
    match element.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", key)) => {
            let pairs: Vec<String> = serde_json::from_str::<Value>(key)
                .ok()
                .as_ref()
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("[{}]", pairs.join(","))
        }
        Some(("v", item)) => format!("[={item}]"),
        _ => element.to_owned(),
    }
}

/// Lays `patch` over `target`: maps and keyed lists merge, everything else is replaced.
fn merge(target: &mut Value, patch: &Value, resource: &Resource, place: &str) {
    match patch {
        Value::Object(patch) => {
            if !target.is_object() {
                *target = Value::Object(Map::new());
            }
            let Some(map) = target.as_object_mut() else {
                return;
            };
            for (name, value) in patch {
                if value.is_null() {
                    continue;
                }
                let field = lists::below(place, name);
                merge(
                    map.entry(name.clone()).or_insert(Value::Null),
                    value,
                    resource,
                    &field,
                );
            }
        }
        Value::Array(items) => match lists::kind(resource, place) {
            ListKind::Atomic => *target = patch.clone(),
            ListKind::Set => {
                let list = as_list(target);
                for item in items {
                    if !list.contains(item) {
                        list.push(item.clone());
                    }
                }
            }
            ListKind::Map(keys) => {
                let list = as_list(target);
                for item in items {
                    let key = lists::key_of(item, &keys);
                    if let Some(found) = list.iter_mut().find(|it| lists::key_of(it, &keys) == key)
                    {
                        merge(found, item, resource, place);
                    } else {
                        list.push(item.clone());
                    }
                }
            }
        },
        _ => *target = patch.clone(),
    }
}

fn as_list(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    #[expect(clippy::expect_used, reason = "it was made a list one line above")]
    value.as_array_mut().expect("a list")
}

/// Removes from `value` what is in `gone` and in no other set.
fn prune(value: &mut Value, gone: &Fields, others: &Fields) {
    for (element, below) in &gone.below {
        let other = others.below.get(element);
        if below.own && other.is_none() {
            remove(value, element);
            continue;
        }
        let none = Fields::default();
        let Some(inner) = child_mut(value, element) else {
            continue;
        };
        prune(inner, below, other.unwrap_or(&none));
        let empty = match inner {
            Value::Object(map) => map.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        if empty && other.is_none() {
            remove(value, element);
        }
    }
}

fn child_mut<'a>(value: &'a mut Value, element: &str) -> Option<&'a mut Value> {
    match element.split_once(':')? {
        ("f", name) => value.get_mut(name),
        ("k", key) => {
            let key: Value = serde_json::from_str(key).ok()?;
            value
                .as_array_mut()?
                .iter_mut()
                .find(|it| matches(it, &key))
        }
        _ => None,
    }
}

fn remove(value: &mut Value, element: &str) {
    match (element.split_once(':'), value) {
        (Some(("f", name)), Value::Object(map)) => {
            map.shift_remove(name);
        }
        (Some(("k", key)), Value::Array(items)) => {
            if let Ok(key) = serde_json::from_str::<Value>(key) {
                items.retain(|it| !matches(it, &key));
            }
        }
        (Some(("v", item)), Value::Array(items)) => {
            if let Ok(item) = serde_json::from_str::<Value>(item) {
                items.retain(|it| *it != item);
            }
        }
        _ => {}
    }
}

/// Notes in `after` that `manager` changed what differs from `before`, by any other way than apply.
pub(crate) fn track(before: Option<&Value>, after: &mut Value, resource: &Resource, manager: &str) {
    let empty = Value::Null;
    let old = Fields::of_object(before.unwrap_or(&empty), resource);
    let new = Fields::of_object(after, resource);
    let mut changed = Fields::default();
    differences(before.unwrap_or(&empty), after, &new, &mut changed);
    let mut removed = old;
    removed.own = false;
    removed.subtract(&new);
    let sent = after.pointer("/metadata/managedFields").is_some();
    let mut entries = match before {
        Some(before) if !sent => read_entries(before),
        _ => read_entries(after),
    };
    for entry in &mut entries {
        entry.fields.subtract(&removed);
        if entry.manager != manager || entry.operation != "Update" {
            entry.fields.subtract(&changed);
        }
    }
    if !changed.is_empty() {
        let is_mine = |it: &Entry| {
            it.manager == manager && it.operation == "Update" && it.subresource.is_empty()
        };
        if let Some(mine) = entries.iter_mut().find(|it| is_mine(it)) {
            mine.fields.union(&changed);
            mine.time = now();
        } else {
            entries.push(Entry {
                manager: manager.to_owned(),
                operation: "Update".to_owned(),
                subresource: String::new(),
                api_version: text(after, "/apiVersion").to_owned(),
                time: now(),
                fields: changed,
            });
        }
    }
    write_entries(after, &entries);
}

fn differences(before: &Value, after: &Value, fields: &Fields, changed: &mut Fields) {
    for (element, below) in &fields.below {
        let (old, new) = (child(before, element), child(after, element));
        let Some(new) = new else { continue };
        let mut inner = Fields::default();
        if below.own && (below.below.is_empty() && old != Some(new) || old.is_none()) {
            inner.own = true;
        }
        differences(old.unwrap_or(&Value::Null), new, below, &mut inner);
        if !inner.is_empty() {
            changed.below.insert(element.clone(), inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Registry;

    fn deployment(replicas: Option<i64>, image: &str) -> Value {
        let mut value = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "labels": {"app": "a"}},
            "spec": {"template": {"spec": {"containers": [{"name": "a", "image": image, "ports": [{"containerPort": 80}]}]}}}});
        if let Some(replicas) = replicas {
            crate::value::set(&mut value, &["spec"], "replicas", replicas);
        }
        value
    }

    fn resource() -> std::sync::Arc<Resource> {
        Registry::new().at("apps", "v1", "deployments").unwrap()
    }

    #[test]
    fn another_manager_s_field_is_a_conflict_that_names_it_and_force_takes_it() {
        let live = apply(
            None,
            &deployment(Some(1), "a:1"),
            &resource(),
            "one",
            Force::No,
        )
        .unwrap();
        let error = apply(
            Some(&live),
            &deployment(Some(2), "a:1"),
            &resource(),
            "two",
            Force::No,
        )
        .unwrap_err();
        assert_eq!(
            error.message,
            "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas"
        );
        assert_eq!(error.details["causes"][0]["field"], ".spec.replicas");
        let live = apply(
            Some(&live),
            &deployment(Some(2), "a:1"),
            &resource(),
            "two",
            Force::Yes,
        )
        .unwrap();
        assert_eq!(live["spec"]["replicas"], 2);
        // The first manager lost the field, so it is the one in conflict now.
        assert!(
            apply(
                Some(&live),
                &deployment(Some(1), "a:1"),
                &resource(),
                "one",
                Force::No
            )
            .is_err()
        );
    }

    #[test]
    fn the_same_value_is_shared_and_not_a_conflict() {
        let live = apply(
            None,
            &deployment(Some(1), "a:1"),
            &resource(),
            "one",
            Force::No,
        )
        .unwrap();
        let both = apply(
            Some(&live),
            &deployment(Some(1), "a:1"),
            &resource(),
            "two",
            Force::No,
        )
        .unwrap();
        let left = apply(
            Some(&both),
            &deployment(None, "a:1"),
            &resource(),
            "one",
            Force::No,
        )
        .unwrap();
        assert_eq!(
            left["spec"]["replicas"], 1,
            "the other manager still owns it"
        );
    }

    #[test]
    fn a_field_no_longer_applied_goes_when_nobody_else_owns_it() {
        let live = apply(
            None,
            &deployment(Some(1), "a:1"),
            &resource(),
            "one",
            Force::No,
        )
        .unwrap();
        let left = apply(
            Some(&live),
            &deployment(None, "a:1"),
            &resource(),
            "one",
            Force::No,
        )
        .unwrap();
        assert!(left["spec"].get("replicas").is_none());
        assert_eq!(
            left["spec"]["template"]["spec"]["containers"][0]["image"],
            "a:1"
        );
    }

    #[test]
    fn the_same_apply_twice_changes_nothing() {
        let live = apply(
            None,
            &deployment(Some(1), "a:1"),
            &resource(),
            "one",
            Force::No,
        )
        .unwrap();
        let again = apply(
            Some(&live),
            &deployment(Some(1), "a:1"),
            &resource(),
            "one",
            Force::No,
        )
        .unwrap();
        assert_eq!(live, again);
    }

    #[test]
    fn an_update_takes_the_fields_that_it_changes() {
        let live = apply(
            None,
            &deployment(Some(1), "a:1"),
            &resource(),
            "one",
            Force::No,
        )
        .unwrap();
        let mut after = live.clone();
        after["spec"]["replicas"] = json!(3);
        track(Some(&live), &mut after, &resource(), "scaler");
        let error = apply(
            Some(&after),
            &deployment(Some(1), "a:1"),
            &resource(),
            "one",
            Force::No,
        )
        .unwrap_err();
        assert_eq!(
            error.message,
            "Apply failed with 1 conflict: conflict with \"scaler\" using apps/v1: .spec.replicas"
        );
        assert!(
            apply(
                Some(&after),
                &deployment(None, "a:2"),
                &resource(),
                "one",
                Force::No
            )
            .is_ok()
        );
    }

    #[test]
    fn a_removed_container_goes_and_an_added_one_of_another_manager_stays() {
        let mut two = deployment(None, "a:1");
        two["spec"]["template"]["spec"]["containers"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "b", "image": "b:1"}));
        let live = apply(None, &two, &resource(), "one", Force::No).unwrap();
        let mut third =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}});
        third["spec"] =
            json!({"template": {"spec": {"containers": [{"name": "c", "image": "c:1"}]}}});
        let live = apply(Some(&live), &third, &resource(), "two", Force::No).unwrap();
        let live = apply(
            Some(&live),
            &deployment(None, "a:1"),
            &resource(),
            "one",
            Force::No,
        )
        .unwrap();
        let names: Vec<&str> = live["spec"]["template"]["spec"]["containers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["a", "c"]);
    }
}
