//! The status of a deployment: how many pods it has, whether they serve, whether a rollout goes on.

use serde_json::{Value, json};

use super::{DEPLOYMENTS, REPLICA_SETS, condition, deployment::share, owned, seconds_since, warn};
use crate::{
    store::{Store, Stored},
    value::{list, number, set, text},
};

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

/// Writes the status of a deployment when it changed.
pub(super) fn write(store: &mut Store, stored: &Stored, new_name: &str) {
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
