//! Deployments: a replica set for each template, and replicas moved from the old ones to the new.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    BY, DEPLOYMENTS, REPLICA_SETS, REVISION, owned, owner_reference, resource, status, warn,
};
use crate::{
    objects::{self, PatchKind, Write},
    store::{Store, Stored},
    value::{hash, number, set, text, truth},
};

/// Brings a deployment one step nearer to what is wanted.
pub(super) fn step(store: &mut Store, stored: &Stored) {
    let value = stored.value();
    let template = value.pointer("/spec/template").cloned().unwrap_or_default();
    let wanted = number(&value, "/spec/replicas").unwrap_or(1);
    let template_hash = hash(&template);
    let mut sets = owned(store, REPLICA_SETS, stored);
    let new_name = format!("{}-{template_hash}", stored.name);
    let highest = sets
        .iter()
        .filter_map(|it| revision(&it.value()))
        .max()
        .unwrap_or(0);
    let paused = truth(&value, "/spec/paused");
    if !sets.iter().any(|it| it.name == new_name) && !paused {
        let first = if sets.is_empty() { wanted } else { 0 };
        create_replica_set(
            store,
            &value,
            &template,
            &template_hash,
            &new_name,
            first,
            highest + 1,
        );
        sets = owned(store, REPLICA_SETS, stored);
    }
    let (new, old): (Vec<_>, Vec<_>) = sets.into_iter().partition(|it| it.name == new_name);
    if let Some(new) = new.first() {
        // A set that comes back, as after a rollback, is the newest revision again.
        let mut new_value = new.value();
        if !old.is_empty() && revision(&new_value).is_some_and(|it| it < highest) {
            set(
                &mut new_value,
                &["metadata", "annotations"],
                REVISION,
                (highest + 1).to_string(),
            );
            warn(store.put(REPLICA_SETS, new_value.clone()));
        }
        if let Some(revision) = revision(&new_value)
            && text(
                &value,
                "/metadata/annotations/deployment.kubernetes.io~1revision",
            ) != revision.to_string()
        {
            let patch = json!({"metadata": {"annotations": {REVISION: revision.to_string()}}});
            if let Some(deployments) = resource(store, DEPLOYMENTS) {
                warn(objects::patch(
                    store,
                    &deployments,
                    &stored.namespace,
                    &stored.name,
                    &patch,
                    PatchKind::Merge,
                    Write::by(BY),
                ));
            }
        }
        if !paused || old.is_empty() {
            roll(store, &value, new, &old, wanted);
        }
    }
    clean_up(store, &value, &old);
    status::write(store, stored, &new_name);
}

fn revision(set: &Value) -> Option<i64> {
    text(
        set,
        "/metadata/annotations/deployment.kubernetes.io~1revision",
    )
    .parse()
    .ok()
}

fn create_replica_set(
    store: &mut Store,
    deployment: &Value,
    template: &Value,
    template_hash: &str,
    name: &str,
    replicas: i64,
    revision: i64,
) {
    let mut template = template.clone();
    set(
        &mut template,
        &["metadata", "labels"],
        "pod-template-hash",
        template_hash,
    );
    let mut selector = deployment
        .pointer("/spec/selector")
        .cloned()
        .unwrap_or_default();
    set(
        &mut selector,
        &["matchLabels"],
        "pod-template-hash",
        template_hash,
    );
    let labels = template.pointer("/metadata/labels").cloned();
    let namespace = text(deployment, "/metadata/namespace").to_owned();
    let value = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": namespace, "labels": labels, "ownerReferences": owner_reference(deployment),
            "annotations": {
                REVISION: revision.to_string(),
                "deployment.kubernetes.io/desired-replicas": number(deployment, "/spec/replicas").unwrap_or(1).to_string(),
            },
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    });
    let Some(sets) = resource(store, REPLICA_SETS) else {
        return;
    };
    match objects::create(store, &sets, &namespace, value, Write::by(BY)) {
        Ok(_) if replicas > 0 => scaled(store, deployment, "up", name, 0, replicas),
        Ok(_) => {}
        Err(err) => tracing::warn!("cannot create the replica set {name}: {}", err.message),
    }
}

fn scaled(store: &mut Store, deployment: &Value, way: &str, name: &str, from: i64, to: i64) {
    let message = format!("Scaled {way} replica set {name} from {from} to {to}");
    objects::event(
        store,
        deployment,
        "Normal",
        "ScalingReplicaSet",
        &message,
        BY,
    );
}

fn scale(store: &mut Store, deployment: &Value, stored: &Stored, to: i64) {
    let mut value = stored.value();
    let from = number(&value, "/spec/replicas").unwrap_or(0);
    if from == to {
        return;
    }
    set(&mut value, &["spec"], "replicas", to);
    let generation = number(&value, "/metadata/generation").unwrap_or(0);
    set(&mut value, &["metadata"], "generation", generation + 1);
    warn(store.put(REPLICA_SETS, value));
    scaled(
        store,
        deployment,
        if to > from { "up" } else { "down" },
        &stored.name,
        from,
        to,
    );
}

/// Resolves a number or a percentage of `total`.
pub(super) fn share(value: Option<&Value>, total: i64, up: bool) -> i64 {
    match value {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(0),
        Some(Value::String(text)) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let product = percent * total;
            product / 100 + i64::from(up && product % 100 != 0)
        }
        _ => 0,
    }
}

/// Moves replicas from the old sets to the new one within `maxSurge` and `maxUnavailable`.
fn roll(store: &mut Store, deployment: &Value, new: &Stored, old: &[Arc<Stored>], wanted: i64) {
    let count = |it: &Stored, pointer: &str| number(&it.value(), pointer).unwrap_or(0);
    let new_count = count(new, "/spec/replicas");
    let old_total: i64 = old.iter().map(|it| count(it, "/spec/replicas")).sum();
    if old_total == 0 {
        scale(store, deployment, new, wanted);
        return;
    }
    if text(deployment, "/spec/strategy/type") == "Recreate" {
        for set in old {
            scale(store, deployment, set, 0);
        }
        let left: i64 = old.iter().map(|it| count(it, "/status/replicas")).sum();
        if left == 0 {
            scale(store, deployment, new, wanted);
        }
        return;
    }
    let surge = share(
        deployment.pointer("/spec/strategy/rollingUpdate/maxSurge"),
        wanted,
        true,
    );
    let mut unavailable = share(
        deployment.pointer("/spec/strategy/rollingUpdate/maxUnavailable"),
        wanted,
        false,
    );
    if surge == 0 && unavailable == 0 {
        unavailable = 1;
    }
    if new_count > wanted {
        scale(store, deployment, new, wanted);
        return;
    }
    let room = wanted + surge - old_total - new_count;
    let grown = new_count + room.clamp(0, wanted - new_count);
    if grown > new_count {
        scale(store, deployment, new, grown);
    }
    let new_available = count(new, "/status/availableReplicas").min(new_count);
    let least = wanted - unavailable;
    let old_available: i64 = old
        .iter()
        .map(|it| count(it, "/status/availableReplicas"))
        .sum();
    // Old pods that do not serve anyway go first, then as many as are spare.
    let mut spare = (old_available + new_available - least).max(0);
    for set in old {
        let replicas = count(set, "/spec/replicas");
        if replicas == 0 {
            continue;
        }
        let dead = (replicas - count(set, "/status/availableReplicas")).max(0);
        let alive = replicas - dead;
        let fewer = alive.min(spare);
        spare -= fewer;
        scale(store, deployment, set, alive - fewer);
    }
}

fn clean_up(store: &mut Store, deployment: &Value, old: &[Arc<Stored>]) {
    let keep = usize::try_from(number(deployment, "/spec/revisionHistoryLimit").unwrap_or(10))
        .unwrap_or(0);
    let mut empty: Vec<&Arc<Stored>> = old
        .iter()
        .filter(|it| {
            let value = it.value();
            number(&value, "/spec/replicas") == Some(0)
                && number(&value, "/status/replicas").unwrap_or(0) == 0
        })
        .collect();
    empty.sort_by_key(|it| revision(&it.value()).unwrap_or(0));
    for stored in empty.iter().take(empty.len().saturating_sub(keep)) {
        warn(store.delete(REPLICA_SETS, &stored.namespace, &stored.name));
    }
}
