//! Replica sets: as many pods as are wanted, the youngest taken away first.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{REPLICA_SETS, is_ready, owned, owner_reference, resource, seconds_since, warn};
use crate::{
    objects::{self, Deletion, Write},
    store::{Store, Stored},
    value::{default, list, number, set, text, texts},
};

/// Brings a replica set one step nearer to what is wanted.
pub(super) fn step(store: &mut Store, stored: &Stored) {
    let value = stored.value();
    let wanted = usize::try_from(number(&value, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
    let mut pods: Vec<(Arc<Stored>, Value)> = owned(store, "pods", stored)
        .into_iter()
        .map(|it| {
            let value = it.value();
            (it, value)
        })
        .collect();
    // Pods that ended are replaced.
    pods.retain(|(pod, value)| {
        !pod.deleting && !matches!(text(value, "/status/phase"), "Succeeded" | "Failed")
    });
    if pods.len() < wanted {
        for _ in pods.len()..wanted {
            create_pod(store, &value);
        }
    } else if pods.len() > wanted {
        let excess = pods.len() - wanted;
        // Not ready before ready, then the youngest.
        pods.sort_by_key(|(pod, value)| {
            (
                is_ready(value),
                std::cmp::Reverse(pod_age(value)),
                pod.name.clone(),
            )
        });
        let pods_resource = resource(store, "pods");
        for (pod, _) in pods.drain(..excess) {
            if let Some(resource) = &pods_resource {
                warn(objects::delete(
                    store,
                    resource,
                    &pod.namespace,
                    &pod.name,
                    &Deletion::default(),
                ));
            }
            let message = format!("Deleted pod: {}", pod.name);
            objects::event(
                store,
                &value,
                "Normal",
                "SuccessfulDelete",
                &message,
                "replicaset-controller",
            );
        }
    }
    write_status(store, stored);
}

fn pod_age(pod: &Value) -> String {
    text(pod, "/metadata/creationTimestamp").to_owned()
}

fn create_pod(store: &mut Store, set_value: &Value) {
    let template = set_value
        .pointer("/spec/template")
        .cloned()
        .unwrap_or_default();
    let mut pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": template.get("spec")});
    for field in ["labels", "annotations"] {
        if let Some(copied) = template.pointer(&format!("/metadata/{field}")) {
            set(&mut pod, &["metadata"], field, copied.clone());
        }
    }
    let start = format!("{}-", text(set_value, "/metadata/name"));
    set(&mut pod, &["metadata"], "generateName", start);
    default(
        &mut pod,
        &["metadata"],
        "ownerReferences",
        owner_reference(set_value),
    );
    let namespace = text(set_value, "/metadata/namespace").to_owned();
    let Some(pods) = resource(store, "pods") else {
        return;
    };
    match objects::create(
        store,
        &pods,
        &namespace,
        pod,
        Write::by("replicaset-controller"),
    ) {
        Ok(made) => {
            let message = format!("Created pod: {}", text(&made, "/metadata/name"));
            objects::event(
                store,
                set_value,
                "Normal",
                "SuccessfulCreate",
                &message,
                "replicaset-controller",
            );
        }
        Err(err) => {
            let message = format!("Error creating: {}", err.message);
            objects::event(
                store,
                set_value,
                "Warning",
                "FailedCreate",
                &message,
                "replicaset-controller",
            );
        }
    }
}

fn write_status(store: &mut Store, stored: &Stored) {
    let Some(live) = store.get(REPLICA_SETS, &stored.namespace, &stored.name) else {
        return;
    };
    let mut value = live.value();
    let labels = texts(&value, "/spec/template/metadata/labels");
    let mut counts = [0_i64; 4];
    for pod in owned(store, "pods", stored) {
        let pod_value = pod.value();
        if pod.deleting || matches!(text(&pod_value, "/status/phase"), "Succeeded" | "Failed") {
            continue;
        }
        let labelled = labels
            .iter()
            .all(|(key, value)| pod.label(key) == Some(value));
        let ready = is_ready(&pod_value);
        let least = number(&value, "/spec/minReadySeconds").unwrap_or(0);
        let since = list(&pod_value, "/status/conditions")
            .iter()
            .find(|it| text(it, "/type") == "Ready")
            .and_then(|it| seconds_since(text(it, "/lastTransitionTime")));
        let available = ready && (least == 0 || since.is_some_and(|it| it >= least));
        counts[0] += 1;
        counts[1] += i64::from(labelled);
        counts[2] += i64::from(ready);
        counts[3] += i64::from(available);
    }
    let mut status = json!({"observedGeneration": number(&value, "/metadata/generation"), "replicas": counts[0]});
    for (name, count) in [
        ("fullyLabeledReplicas", counts[1]),
        ("readyReplicas", counts[2]),
        ("availableReplicas", counts[3]),
    ] {
        if count > 0 {
            set(&mut status, &[], name, count);
        }
    }
    if value.get("status") != Some(&status) {
        set(&mut value, &[], "status", status);
        warn(store.put(REPLICA_SETS, value));
    }
}
