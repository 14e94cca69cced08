//! Deployments and replica sets: what the controllers of Kubernetes do for them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    objects::{self, Deletion, PatchKind, Write},
    resource::Resource,
    store::{Store, Stored},
    value::{default, hash, list, now, number, set, text, texts, truth},
};

const DEPLOYMENTS: &str = "deployments.apps";
const REPLICA_SETS: &str = "replicasets.apps";
const REVISION: &str = "deployment.kubernetes.io/revision";
const BY: &str = "deployment-controller";

fn resource(store: &Store, key: &str) -> Option<Arc<Resource>> {
    store.registry().keyed(key)
}

/// Brings every deployment and replica set one step nearer to what is wanted.
pub(crate) fn reconcile(store: &mut Store) {
    for stored in store.list(DEPLOYMENTS, None) {
        if !stored.deleting {
            deployment(store, &stored);
        }
    }
    for stored in store.list(REPLICA_SETS, None) {
        if !stored.deleting {
            replica_set(store, &stored);
        }
    }
}

fn owned(store: &Store, key: &str, owner: &Stored) -> Vec<Arc<Stored>> {
    let mut found = store.list(key, Some(&owner.namespace));
    found.retain(|it| it.owners.contains(&owner.uid));
    found
}

fn owner_reference(value: &Value) -> Value {
    json!([{
        "apiVersion": text(value, "/apiVersion"), "kind": text(value, "/kind"), "name": text(value, "/metadata/name"),
        "uid": text(value, "/metadata/uid"), "controller": true, "blockOwnerDeletion": true,
    }])
}

fn warn(result: Result<impl Sized, impl std::fmt::Debug>) {
    if let Err(err) = result {
        tracing::warn!("a controller's write failed: {err:?}");
    }
}

fn deployment(store: &mut Store, stored: &Stored) {
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
    deployment_status(store, stored, &new_name);
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
fn share(value: Option<&Value>, total: i64, up: bool) -> i64 {
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

/// How many pods a deployment has, by what can be said of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    wanted: i64,
    replicas: i64,
    updated: i64,
    ready: i64,
    available: i64,
}

impl Counts {
    fn of(store: &Store, stored: &Stored, value: &Value, new_name: &str) -> Self {
        let sets: Vec<(String, Value)> = owned(store, REPLICA_SETS, stored)
            .iter()
            .map(|it| (it.name.clone(), it.value()))
            .collect();
        let sum = |pointer: &str| sets.iter().filter_map(|it| number(&it.1, pointer)).sum();
        let new = sets.iter().find(|it| it.0 == new_name);
        Self {
            wanted: number(value, "/spec/replicas").unwrap_or(1),
            replicas: sum("/status/replicas"),
            updated: new
                .and_then(|it| number(&it.1, "/status/replicas"))
                .unwrap_or(0),
            ready: sum("/status/readyReplicas"),
            available: sum("/status/availableReplicas"),
        }
    }

    fn is_complete(self) -> bool {
        self.updated == self.wanted && self.replicas == self.wanted && self.available >= self.wanted
    }

    fn differs_from(self, status: &Value) -> bool {
        let before = |pointer: &str| number(status, pointer).unwrap_or(0);
        before("/updatedReplicas") != self.updated
            || before("/availableReplicas") != self.available
            || before("/replicas") != self.replicas
    }
}

fn deployment_status(store: &mut Store, stored: &Stored, new_name: &str) {
    let Some(live) = store.get(DEPLOYMENTS, &stored.namespace, &stored.name) else {
        return;
    };
    let mut value = live.value();
    let before = value.get("status").cloned().unwrap_or(Value::Null);
    let counts = Counts::of(store, stored, &value, new_name);
    let mut status = json!({"observedGeneration": number(&value, "/metadata/generation")});
    for (name, count) in [
        ("replicas", counts.replicas),
        ("updatedReplicas", counts.updated),
        ("readyReplicas", counts.ready),
        ("availableReplicas", counts.available),
        ("unavailableReplicas", counts.wanted - counts.available),
    ] {
        if count > 0 {
            set(&mut status, &[], name, count);
        }
    }
    let conditions = vec![
        availability(&value, &before, counts),
        progress(&value, &before, counts, new_name),
    ];
    set(&mut status, &[], "conditions", conditions);
    if status != before {
        set(&mut value, &[], "status", status);
        warn(store.put(DEPLOYMENTS, value));
    }
}

/// The condition `Available`: no more pods are missing than the strategy allows.
fn availability(value: &Value, before: &Value, counts: Counts) -> Value {
    let allowed = if text(value, "/spec/strategy/type") == "Recreate" {
        0
    } else {
        let most = value.pointer("/spec/strategy/rollingUpdate/maxUnavailable");
        share(most, counts.wanted, false)
    };
    let (status, reason, message) = if counts.available >= counts.wanted - allowed {
        (
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        )
    } else {
        (
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    };
    condition(before, "Available", status, reason, message, false)
}

/// The condition `Progressing`: the rollout is over, goes on, or has not moved for too long.
fn progress(value: &Value, before: &Value, counts: Counts, new_name: &str) -> Value {
    let progressed = counts.differs_from(before)
        || number(before, "/observedGeneration") != number(value, "/metadata/generation");
    let last = list(before, "/conditions")
        .iter()
        .find(|it| text(it, "/type") == "Progressing");
    let deadline = number(value, "/spec/progressDeadlineSeconds").unwrap_or(600);
    let stuck =
        |it: &Value| seconds_since(text(it, "/lastUpdateTime")).is_some_and(|it| it > deadline);
    let complete = counts.is_complete();
    let (status, reason, what) = if complete {
        (
            "True",
            "NewReplicaSetAvailable",
            "has successfully progressed",
        )
    } else if !progressed && last.is_some_and(stuck) {
        (
            "False",
            "ProgressDeadlineExceeded",
            "has timed out progressing",
        )
    } else {
        ("True", "ReplicaSetUpdated", "is progressing")
    };
    let message = format!("ReplicaSet \"{new_name}\" {what}.");
    condition(
        before,
        "Progressing",
        status,
        reason,
        &message,
        progressed && !complete,
    )
}

fn seconds_since(time: &str) -> Option<i64> {
    let time: Timestamp = time.parse().ok()?;
    Some(Timestamp::now().as_second() - time.as_second())
}

/// Returns a condition, with its times kept while nothing about it changes.
pub(crate) fn condition(
    before: &Value,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    refresh: bool,
) -> Value {
    let old = list(before, "/conditions")
        .iter()
        .find(|it| text(it, "/type") == kind);
    let same = old.is_some_and(|it| text(it, "/status") == status);
    let same_reason =
        old.is_some_and(|it| text(it, "/reason") == reason && text(it, "/message") == message);
    let keep = |field: &str| {
        old.map(|it| text(it, field).to_owned())
            .filter(|it| !it.is_empty())
    };
    let transition = keep("/lastTransitionTime")
        .filter(|_| same)
        .unwrap_or_else(now);
    let updated = keep("/lastUpdateTime")
        .filter(|_| same && same_reason && !refresh)
        .unwrap_or_else(now);
    json!({"type": kind, "status": status, "lastUpdateTime": updated, "lastTransitionTime": transition, "reason": reason, "message": message})
}

fn replica_set(store: &mut Store, stored: &Stored) {
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
    replica_set_status(store, stored);
}

fn pod_age(pod: &Value) -> String {
    text(pod, "/metadata/creationTimestamp").to_owned()
}

/// Returns whether a pod serves.
pub(crate) fn is_ready(pod: &Value) -> bool {
    list(pod, "/status/conditions")
        .iter()
        .any(|it| text(it, "/type") == "Ready" && text(it, "/status") == "True")
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

fn replica_set_status(store: &mut Store, stored: &Stored) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A store with one deployment, and pods that turn ready as told.
    fn store_with(deployment: &Value) -> Store {
        let mut store = Store::open(None, 1000).unwrap();
        let namespaces = resource(&store, "namespaces").unwrap();
        objects::create(
            &mut store,
            &namespaces,
            "",
            json!({"metadata": {"name": "default"}}),
            Write::by("t"),
        )
        .unwrap();
        let deployments = resource(&store, DEPLOYMENTS).unwrap();
        objects::create(
            &mut store,
            &deployments,
            "default",
            deployment.clone(),
            Write::by("t"),
        )
        .unwrap();
        store
    }

    fn example(image: &str) -> Value {
        json!({"metadata": {"name": "web"}, "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}}})
    }

    fn ready_all(store: &mut Store) {
        for pod in store.list("pods", None) {
            let mut value = pod.value();
            if pod.deleting {
                store.delete("pods", &pod.namespace, &pod.name).unwrap();
            } else if !is_ready(&value) {
                set(
                    &mut value,
                    &["status"],
                    "conditions",
                    json!([{"type": "Ready", "status": "True"}]),
                );
                store.put("pods", value).unwrap();
            }
        }
    }

    fn serving(store: &Store) -> i64 {
        store
            .list("pods", None)
            .iter()
            .filter(|it| !it.deleting && is_ready(&it.value()))
            .count()
            .try_into()
            .unwrap()
    }

    #[test]
    fn a_rollout_never_goes_below_what_must_serve_nor_above_the_surge() {
        let mut store = store_with(&example("web:1"));
        for _ in 0..4 {
            reconcile(&mut store);
            ready_all(&mut store);
        }
        reconcile(&mut store);
        assert_eq!(serving(&store), 3);
        let deployments = resource(&store, DEPLOYMENTS).unwrap();
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}});
        objects::patch(
            &mut store,
            &deployments,
            "default",
            "web",
            &patch,
            PatchKind::Strategic,
            Write::by("t"),
        )
        .unwrap();
        for _ in 0..20 {
            reconcile(&mut store);
            let alive = store
                .list("pods", None)
                .iter()
                .filter(|it| !it.deleting)
                .count();
            // 25 % of three: one more at most, none less.
            assert!(alive <= 4, "{alive}");
            assert!(serving(&store) >= 3, "{}", serving(&store));
            ready_all(&mut store);
        }
        let pods = store.list("pods", None);
        assert_eq!(pods.len(), 3);
        assert!(
            pods.iter()
                .all(|it| text(&it.value(), "/spec/containers/0/image") == "web:2")
        );
        let live = store.get(DEPLOYMENTS, "default", "web").unwrap().value();
        assert_eq!(
            text(
                &live,
                "/metadata/annotations/deployment.kubernetes.io~1revision"
            ),
            "2"
        );
        assert_eq!(
            text(&live, "/status/conditions/1/reason"),
            "NewReplicaSetAvailable"
        );
    }

    #[test]
    fn a_rollout_that_cannot_get_ready_leaves_the_old_pods_alone() {
        let mut store = store_with(&example("web:1"));
        for _ in 0..4 {
            reconcile(&mut store);
            ready_all(&mut store);
        }
        let deployments = resource(&store, DEPLOYMENTS).unwrap();
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "broken:1"}]}}}});
        objects::patch(
            &mut store,
            &deployments,
            "default",
            "web",
            &patch,
            PatchKind::Strategic,
            Write::by("t"),
        )
        .unwrap();
        for _ in 0..10 {
            reconcile(&mut store);
        }
        assert_eq!(serving(&store), 3);
        assert_eq!(store.list("pods", None).len(), 4);
    }

    #[test]
    fn a_settled_deployment_makes_no_more_writes() {
        let mut store = store_with(&example("web:1"));
        for _ in 0..6 {
            reconcile(&mut store);
            ready_all(&mut store);
        }
        let version = store.version();
        reconcile(&mut store);
        assert_eq!(store.version(), version);
    }
}
