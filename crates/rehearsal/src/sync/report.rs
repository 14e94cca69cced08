//! The status of an application: what is in sync, how healthy it is, what was done last.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    APPLICATIONS, BY, Synced,
    health::{health, rank},
    items::{Item, apply, items, owned, tracked},
    source::{Source, source_of},
};
use crate::{
    api::lock,
    cluster::Cluster,
    objects,
    store::{Store, Stored},
    value::{list, now, number, set, text},
};

/// Writes the status of an application when it changed.
pub(super) fn write(
    cluster: &Cluster,
    stored: &Stored,
    source: &Result<Source, String>,
    outcome: Option<&Synced>,
) {
    let mut store = lock(&cluster.store);
    let Some(live) = store.get(APPLICATIONS, &stored.namespace, &stored.name) else {
        return;
    };
    let mut value = live.value();
    let before = value.get("status").cloned().unwrap_or_else(|| json!({}));
    let mut status = before.clone();
    let mut conditions = Vec::new();
    match source {
        Err(message) => {
            conditions.push(("ComparisonError", message.clone()));
            set(&mut status, &["sync"], "status", "Unknown");
            crate::value::default(&mut status, &["health"], "status", "Unknown");
        }
        Ok(source) => compare(&mut store, &value, source, &mut status, &mut conditions),
    }
    if let (Some(outcome), Ok(source)) = (outcome, source) {
        let failed = !outcome.errors.is_empty();
        let phase = if failed { "Failed" } else { "Succeeded" };
        let message = if failed {
            outcome.errors.join("; ")
        } else {
            "successfully synced (all tasks run)".to_owned()
        };
        let is_news = outcome.changed
            || text(&before, "/operationState/syncResult/revision") != source.revision
            || text(&before, "/operationState/phase") != phase
            || text(&before, "/operationState/message") != message;
        if is_news {
            let time = now();
            set(
                &mut status,
                &[],
                "operationState",
                json!({
                    "phase": phase, "message": message, "startedAt": time, "finishedAt": time,
                    "operation": {"sync": {"revision": source.revision}}, "syncResult": {"revision": source.revision, "source": source_of(value.get("spec").unwrap_or(&Value::Null))},
                }),
            );
            if !failed && text(&before, "/operationState/syncResult/revision") != source.revision {
                let mut history = list(&before, "/history").to_vec();
                let id = history
                    .last()
                    .and_then(|it| number(it, "/id"))
                    .map_or(0, |it| it + 1);
                history.push(json!({"id": id, "revision": source.revision, "deployedAt": time, "deployStartedAt": time}));
                let start = history.len().saturating_sub(10);
                set(&mut status, &[], "history", json!(history[start..]));
            }
            let kind = if failed { "Warning" } else { "Normal" };
            objects::event(
                &mut store,
                &value,
                kind,
                "OperationCompleted",
                &format!("Sync to {}: {message}", source.revision),
                BY,
            );
        }
    }
    for error in &conditions {
        tracing::debug!("{}: {}", stored.name, error.1);
    }
    let listed: Vec<Value> = conditions
        .iter()
        .map(|(kind, message)| {
            let same = list(&before, "/conditions")
                .iter()
                .find(|it| text(it, "/type") == *kind && text(it, "/message") == message);
            let time = same.map_or_else(now, |it| text(it, "/lastTransitionTime").to_owned());
            json!({"type": kind, "message": message, "lastTransitionTime": time})
        })
        .collect();
    if listed.is_empty() {
        crate::value::remove(&mut status, &[], "conditions");
    } else {
        set(&mut status, &[], "conditions", listed);
    }
    if status != before {
        set(&mut status, &[], "reconciledAt", now());
    }
    let asked = crate::value::remove(&mut value, &[], "operation").is_some();
    let hurried = crate::value::remove(
        &mut value,
        &["metadata", "annotations"],
        "argocd.argoproj.io/refresh",
    )
    .is_some();
    if status != before || asked && outcome.is_some() || hurried {
        set(&mut value, &[], "status", status);
        if let Err(err) = store.put(APPLICATIONS, value) {
            tracing::warn!("cannot write an application: {err}");
        }
    }
}

fn compare(
    store: &mut Store,
    application: &Value,
    source: &Source,
    status: &mut Value,
    conditions: &mut Vec<(&'static str, String)>,
) {
    let (items, errors) = items(store, application, &source.manifests);
    conditions.extend(errors.into_iter().map(|it| ("ComparisonError", it)));
    let mut in_sync = conditions.is_empty();
    let mut worst = "Healthy";
    let mut resources = Vec::new();
    let mut images = BTreeSet::new();
    for item in &items {
        let live = store
            .get(&item.key, &item.namespace, &item.name)
            .map(|it| it.value());
        let same = live.is_some() && apply(store, application, item, true) == Ok(false);
        in_sync &= same;
        let health = live
            .as_ref()
            .map_or(Some(("Missing", String::new())), health);
        let (_, version) = text(&item.value, "/apiVersion")
            .rsplit_once('/')
            .unwrap_or(("", text(&item.value, "/apiVersion")));
        let mut entry = json!({
            "group": item.group, "version": version, "kind": item.kind, "namespace": item.namespace, "name": item.name,
            "status": if same { "Synced" } else { "OutOfSync" },
        });
        if let Some((word, message)) = health {
            if rank(word) > rank(worst) && item.kind != "Application" {
                worst = word;
            }
            set(&mut entry, &["health"], "status", word);
            if !message.is_empty() {
                set(&mut entry, &["health"], "message", message);
            }
        }
        for container in list(&item.value, "/spec/template/spec/containers") {
            images.insert(text(container, "/image").to_owned());
        }
        resources.push(entry);
    }
    let wanted: BTreeSet<String> = items.iter().map(Item::id).collect();
    let surplus = owned(store, application)
        .iter()
        .any(|it| !it.deleting && !wanted.contains(&tracked(&it.value())));
    set(
        status,
        &["sync"],
        "status",
        if in_sync && !surplus {
            "Synced"
        } else {
            "OutOfSync"
        },
    );
    set(status, &["sync"], "revision", source.revision.as_str());
    set(
        status,
        &["sync"],
        "comparedTo",
        json!({"source": source_of(application.get("spec").unwrap_or(&Value::Null)), "destination": application.pointer("/spec/destination")}),
    );
    set(status, &["health"], "status", worst);
    set(status, &[], "resources", resources);
    set(status, &[], "sourceType", "Directory");
    set(status, &["summary"], "images", json!(images));
}
