//! Deployments and replica sets: what the controllers of Kubernetes do for them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    resource::Resource,
    store::{Store, Stored},
    value::{list, now, text},
};

mod deployment;
mod replica_set;
mod status;

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
            deployment::step(store, &stored);
        }
    }
    for stored in store.list(REPLICA_SETS, None) {
        if !stored.deleting {
            replica_set::step(store, &stored);
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

/// Returns whether a pod serves.
pub(crate) fn is_ready(pod: &Value) -> bool {
    list(pod, "/status/conditions")
        .iter()
        .any(|it| text(it, "/type") == "Ready" && text(it, "/status") == "True")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        objects::{self, PatchKind, Write},
        value::set,
    };

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
