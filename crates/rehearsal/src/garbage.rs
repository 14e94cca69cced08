//! What goes with what was deleted: dependents with their owner, everything with its namespace,
//! events with time.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{
    objects::{self, Deletion},
    store::{DEFINITIONS, Store},
    value::text,
};

/// How long an event is kept, in seconds.
const EVENTS: i64 = 3600;

/// Removes what nobody wants any more.
pub(crate) fn collect(store: &mut Store) {
    // What is removed may have dependents of its own, as a replica set has pods.
    loop {
        let before = store.version();
        dependents(store);
        if store.version() == before {
            break;
        }
    }
    namespaces(store);
    let now = Timestamp::now().as_second();
    for event in store.list("events", None) {
        let value = event.value();
        let seen: Option<Timestamp> = text(&value, "/lastTimestamp").parse().ok();
        if seen.is_some_and(|it| now - it.as_second() > EVENTS)
            && let Err(err) = store.delete("events", &event.namespace, &event.name)
        {
            tracing::warn!("cannot remove an event: {err}");
        }
    }
}

fn dependents(store: &mut Store) {
    let alive: BTreeSet<String> = store.all().map(|it| it.uid.clone()).collect();
    let lost: Vec<_> = store
        .all()
        .filter(|it| {
            !it.deleting && !it.owners.is_empty() && it.owners.iter().all(|it| !alive.contains(it))
        })
        .cloned()
        .collect();
    for stored in lost {
        remove(store, &stored.resource, &stored.namespace, &stored.name);
    }
}

fn remove(store: &mut Store, resource: &str, namespace: &str, name: &str) {
    let Some(kind) = store.registry().keyed(resource) else {
        return;
    };
    if let Err(err) = objects::delete(store, &kind, namespace, name, &Deletion::default()) {
        tracing::warn!("cannot remove {resource} {name}: {}", err.message);
    }
}

fn namespaces(store: &mut Store) {
    for namespace in store.list("namespaces", None) {
        if !namespace.deleting {
            continue;
        }
        let inside: Vec<_> = store
            .all()
            .filter(|it| it.namespace == namespace.name)
            .cloned()
            .collect();
        if inside.is_empty() {
            if let Err(err) = store.delete("namespaces", "", &namespace.name) {
                tracing::warn!("cannot remove a namespace: {err}");
            }
            continue;
        }
        for stored in inside.iter().filter(|it| !it.deleting) {
            remove(store, &stored.resource, &stored.namespace, &stored.name);
        }
    }
    // Objects of a kind whose definition is gone go with it.
    let registry = store.registry();
    for kind in store.kinds() {
        if registry.keyed(&kind).is_some() || &*kind == DEFINITIONS {
            continue;
        }
        for stored in store.list(&kind, None) {
            if let Err(err) = store.delete(&kind, &stored.namespace, &stored.name) {
                tracing::warn!("cannot remove {kind}: {err}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dependents_of_dependents_go_with_their_owner_and_others_stay() {
        let mut store = Store::open(None, 10).unwrap();
        store
            .put(
                "configmaps",
                json!({"metadata": {"name": "a", "namespace": "n", "uid": "1"}}),
            )
            .unwrap();
        store.put("configmaps", json!({"metadata": {"name": "b", "namespace": "n", "uid": "2", "ownerReferences": [{"uid": "1"}]}})).unwrap();
        store.put("configmaps", json!({"metadata": {"name": "c", "namespace": "n", "uid": "3", "ownerReferences": [{"uid": "9"}]}})).unwrap();
        collect(&mut store);
        let names: Vec<_> = store
            .list("configmaps", None)
            .iter()
            .map(|it| it.name.clone())
            .collect();
        assert_eq!(names, ["a", "b"]);
    }
}
