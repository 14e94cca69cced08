//! Who owns which field: server-side apply with field managers, conflicts and `managedFields`.
//!
//! The rules are those of the Kubernetes documentation, "Server-Side Apply": an applier owns what
//! it sets, a different value for a field that another manager owns is a conflict, and a field that
//! an applier no longer sets goes when nobody else owns it.

use serde_json::{Map, Value};

use self::{
    element::{child, child_mut, printed, remove},
    entry::Entry,
    set::Fields,
};
use crate::{
    error::{ApiError, ApiResult},
    lists::{self, ListKind},
    resource::Resource,
    value::now,
};

mod element;
mod entry;
mod set;

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
    mut patch: Value,
    resource: &Resource,
    manager: &str,
    force: Force,
) -> ApiResult<Value> {
    let set = Fields::of_object(&patch, resource);
    let is_mine = |it: &Entry| it.is(manager, "Apply");
    let mut entries = live.map(entry::read).unwrap_or_default();
    if let Some(live) = live {
        let mut causes = Vec::new();
        for entry in entries.iter_mut().filter(|it| !is_mine(it)) {
            let mut found = Vec::new();
            let lost = conflicts(&set, &entry.fields, live, &patch, "", &mut found);
            entry.fields.subtract(&lost);
            causes.extend(found.into_iter().map(|field| (entry.label(), field)));
        }
        if force == Force::No && !causes.is_empty() {
            return Err(ApiError::apply_conflict(&causes));
        }
    }
    let mine = Entry::new(manager, "Apply", &patch, Fields::default());
    if resource.status
        && let Some(map) = patch.as_object_mut()
    {
        map.shift_remove("status");
    }
    let mut merged = live.cloned().unwrap_or(Value::Null);
    merge(&mut merged, patch, resource, "");
    let before = entries.iter().position(is_mine);
    if before.is_some_and(|it| entries[it].fields == set) {
        entry::write(&mut merged, &entries);
        return Ok(merged);
    }
    if let Some(before) = before {
        let mut gone = entries.remove(before).fields;
        gone.subtract(&set);
        let mut others = set.clone();
        for entry in &entries {
            others.union(&entry.fields);
        }
        prune(&mut merged, &gone, &others);
    }
    entries.push(Entry {
        fields: set,
        ..mine
    });
    entry::write(&mut merged, &entries);
    Ok(merged)
}

/// Collects the paths that both sets have and whose values differ. Returns them as a set as well.
fn conflicts(
    ours: &Fields,
    theirs: &Fields,
    live: &Value,
    patch: &Value,
    place: &str,
    found: &mut Vec<String>,
) -> Fields {
    let mut lost = Fields::default();
    for (element, mine) in ours.below() {
        let Some(other) = theirs.get(element) else {
            continue;
        };
        let (now, wanted) = (child(live, element), child(patch, element));
        let Some(wanted) = wanted else { continue };
        let field = format!("{place}{}", printed(element));
        let differs = mine.own && mine.is_leaf() && other.own && now != Some(wanted);
        if differs {
            found.push(field.clone());
        }
        let mut taken = match now {
            Some(now) => conflicts(mine, other, now, wanted, &field, found),
            None => Fields::default(),
        };
        taken.own |= differs;
        lost.insert(element, taken);
    }
    lost
}

/// Lays `patch` over `target`: maps and keyed lists merge, everything else is replaced.
fn merge(target: &mut Value, patch: Value, resource: &Resource, place: &str) {
    match patch {
        Value::Object(patch) => {
            if !target.is_object() {
                *target = Value::Object(Map::with_capacity(patch.len()));
            }
            let Some(map) = target.as_object_mut() else {
                return;
            };
            for (name, value) in patch {
                if value.is_null() {
                    continue;
                }
                let field = lists::below(place, &name);
                merge(
                    map.entry(name).or_insert(Value::Null),
                    value,
                    resource,
                    &field,
                );
            }
        }
        Value::Array(items) => match lists::kind(resource, place) {
            ListKind::Atomic => *target = Value::Array(items),
            ListKind::Set => {
                let list = as_list(target);
                for item in items {
                    if !list.contains(&item) {
                        list.push(item);
                    }
                }
            }
            ListKind::Map(keys) => {
                let list = as_list(target);
                for item in items {
                    let key = lists::key_of(&item, &keys);
                    match list.iter_mut().find(|it| lists::key_of(it, &keys) == key) {
                        Some(found) => merge(found, item, resource, place),
                        None => list.push(item),
                    }
                }
            }
        },
        other => *target = other,
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
    for (element, below) in gone.below() {
        let other = others.get(element);
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

/// Notes in `after` that `manager` changed what differs from `before`, by any other way than apply.
pub(crate) fn track(before: Option<&Value>, after: &mut Value, resource: &Resource, manager: &str) {
    let empty = Value::Null;
    let new = Fields::of_object(after, resource);
    let changed = differences(before.unwrap_or(&empty), after, &new);
    let mut removed = before.map_or_else(Fields::default, |it| Fields::of_object(it, resource));
    removed.subtract(&new);
    drop(new);
    let sent = after.pointer("/metadata/managedFields").is_some();
    let mut entries = match before {
        Some(before) if !sent => entry::read(before),
        _ => entry::read(after),
    };
    for entry in &mut entries {
        entry.fields.subtract(&removed);
        if entry.manager != manager || entry.operation != "Update" {
            entry.fields.subtract(&changed);
        }
    }
    if !changed.is_empty() {
        if let Some(mine) = entries.iter_mut().find(|it| it.is(manager, "Update")) {
            mine.fields.union(&changed);
            mine.time = now();
        } else {
            entries.push(Entry::new(manager, "Update", after, changed));
        }
    }
    entry::write(after, &entries);
}

/// Returns those of `fields` whose values in `after` are not those in `before`.
fn differences(before: &Value, after: &Value, fields: &Fields) -> Fields {
    let mut changed = Fields::default();
    for (element, below) in fields.below() {
        let (old, new) = (child(before, element), child(after, element));
        let Some(new) = new else { continue };
        let mut inner = differences(old.unwrap_or(&Value::Null), new, below);
        inner.own = below.own && (below.is_leaf() && old != Some(new) || old.is_none());
        changed.insert(element, inner);
    }
    changed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    /// Applies without force.
    fn applied(live: Option<&Value>, patch: Value, manager: &str) -> ApiResult<Value> {
        apply(live, patch, &resource(), manager, Force::No)
    }

    #[test]
    fn another_manager_s_field_is_a_conflict_that_names_it_and_force_takes_it() {
        let live = applied(None, deployment(Some(1), "a:1"), "one").unwrap();
        let error = applied(Some(&live), deployment(Some(2), "a:1"), "two").unwrap_err();
        assert_eq!(
            error.message,
            "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas"
        );
        assert_eq!(error.details["causes"][0]["field"], ".spec.replicas");
        let live = apply(
            Some(&live),
            deployment(Some(2), "a:1"),
            &resource(),
            "two",
            Force::Yes,
        )
        .unwrap();
        assert_eq!(live["spec"]["replicas"], 2);
        // The first manager lost the field, so it is the one in conflict now.
        assert!(applied(Some(&live), deployment(Some(1), "a:1"), "one").is_err());
    }

    #[test]
    fn the_same_value_is_shared_and_not_a_conflict() {
        let live = applied(None, deployment(Some(1), "a:1"), "one").unwrap();
        let both = applied(Some(&live), deployment(Some(1), "a:1"), "two").unwrap();
        let left = applied(Some(&both), deployment(None, "a:1"), "one").unwrap();
        assert_eq!(
            left["spec"]["replicas"], 1,
            "the other manager still owns it"
        );
    }

    #[test]
    fn a_field_no_longer_applied_goes_when_nobody_else_owns_it() {
        let live = applied(None, deployment(Some(1), "a:1"), "one").unwrap();
        let left = applied(Some(&live), deployment(None, "a:1"), "one").unwrap();
        assert!(left["spec"].get("replicas").is_none());
        assert_eq!(
            left["spec"]["template"]["spec"]["containers"][0]["image"],
            "a:1"
        );
    }

    #[test]
    fn the_same_apply_twice_changes_nothing() {
        let live = applied(None, deployment(Some(1), "a:1"), "one").unwrap();
        let again = applied(Some(&live), deployment(Some(1), "a:1"), "one").unwrap();
        assert_eq!(live, again);
    }

    #[test]
    fn an_update_takes_the_fields_that_it_changes() {
        let live = applied(None, deployment(Some(1), "a:1"), "one").unwrap();
        let mut after = live.clone();
        after["spec"]["replicas"] = json!(3);
        track(Some(&live), &mut after, &resource(), "scaler");
        let error = applied(Some(&after), deployment(Some(1), "a:1"), "one").unwrap_err();
        assert_eq!(
            error.message,
            "Apply failed with 1 conflict: conflict with \"scaler\" using apps/v1: .spec.replicas"
        );
        assert!(applied(Some(&after), deployment(None, "a:2"), "one").is_ok());
    }

    #[test]
    fn a_removed_container_goes_and_an_added_one_of_another_manager_stays() {
        let mut two = deployment(None, "a:1");
        two["spec"]["template"]["spec"]["containers"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "b", "image": "b:1"}));
        let live = applied(None, two, "one").unwrap();
        let mut third =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}});
        third["spec"] =
            json!({"template": {"spec": {"containers": [{"name": "c", "image": "c:1"}]}}});
        let live = applied(Some(&live), third, "two").unwrap();
        let live = applied(Some(&live), deployment(None, "a:1"), "one").unwrap();
        let names: Vec<&str> = live["spec"]["template"]["spec"]["containers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["a", "c"]);
    }
}
