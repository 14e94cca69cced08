//! The `GitOps` side: an Argo CD `Application` names a branch and a folder of manifests, and this
//! applies what stands there, prunes what no longer does, and reports `Synced` and `Healthy`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use self::{
    items::{Item, apply, items, owned, remove, tracked},
    source::{Source, fetch},
};
use crate::{
    api::lock,
    cluster::Cluster,
    objects::{self, PatchKind, Write},
    store::{Store, Stored},
    value::{list, text, truth},
};

mod health;
mod items;
mod report;
mod source;

pub(crate) use self::source::inside;

pub(crate) const APPLICATIONS: &str = "applications.argoproj.io";
const BY: &str = "argocd-controller";
const FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";

/// The outcome of one application of manifests.
#[derive(Debug, Default)]
struct Synced {
    /// What could not be applied.
    errors: Vec<String>,
    /// Whether anything changed.
    changed: bool,
}

/// Looks at every application once a period, and when one changes, until the task is dropped.
pub(crate) async fn run(cluster: Arc<Cluster>) {
    let mut news = lock(&cluster.store).subscribe();
    let mut sources: BTreeMap<String, (Value, Result<Source, String>)> = BTreeMap::new();
    let mut polled: Option<Instant> = None;
    let mut seen = 0;
    loop {
        let period = lock(&cluster.config).git_period.0;
        let touched = lock(&cluster.store).touched(APPLICATIONS);
        let due = polled.is_none_or(|it| it.elapsed() >= period);
        if due || touched != seen {
            let applications = lock(&cluster.store).list(APPLICATIONS, None);
            sources.retain(|uid, _| applications.iter().any(|it| it.uid == *uid));
            let mut tips = BTreeMap::new();
            for stored in &applications {
                let value = stored.value();
                let spec = value.get("spec").cloned().unwrap_or_default();
                let hurried = value
                    .pointer("/metadata/annotations/argocd.argoproj.io~1refresh")
                    .is_some();
                let known = sources.get(&stored.uid).is_some_and(|it| it.0 == spec);
                if (due || hurried || !known) && !stored.deleting {
                    let earlier = sources
                        .get(&stored.uid)
                        .filter(|it| it.0 == spec)
                        .and_then(|it| it.1.as_ref().ok())
                        .cloned();
                    let read = fetch(&cluster, &spec, earlier, &mut tips).await;
                    sources.insert(stored.uid.clone(), (spec, read));
                }
                if let Some((_, source)) = sources.get(&stored.uid) {
                    settle(&cluster, stored, source);
                } else if stored.deleting {
                    finish_deletion(&cluster, stored);
                }
                if stored.deleting {
                    finish_deletion(&cluster, stored);
                }
            }
            if due {
                polled = Some(Instant::now());
            }
            seen = lock(&cluster.store).touched(APPLICATIONS);
            // Health follows the pods between two looks at Git.
        }
        tokio::select! {
            heard = news.changed() => if heard.is_err() { return },
            () = tokio::time::sleep(period) => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let applications = lock(&cluster.store).list(APPLICATIONS, None);
        for stored in applications {
            if let Some((_, source)) = sources.get(&stored.uid)
                && !stored.deleting
            {
                report::write(&cluster, &stored, source, None);
            }
        }
    }
}

/// Applies what is to be applied, and writes the status.
fn settle(cluster: &Cluster, stored: &Stored, source: &Result<Source, String>) {
    let application = stored.value();
    let asked = application.get("operation").is_some();
    let automated = application
        .pointer("/spec/syncPolicy/automated")
        .is_some_and(|it| !it.is_null() && it.get("enabled") != Some(&json!(false)));
    let mut outcome = None;
    if let Ok(source) = source
        && !stored.deleting
        && (automated || asked)
    {
        let synced_to = text(&application, "/status/operationState/syncResult/revision");
        let heals = truth(&application, "/spec/syncPolicy/automated/selfHeal");
        let failed = text(&application, "/status/operationState/phase") == "Failed";
        if asked || heals || failed || synced_to != source.revision {
            outcome = Some(sync(&mut lock(&cluster.store), &application, source));
        }
    }
    report::write(cluster, stored, source, outcome.as_ref());
}

fn sync(store: &mut Store, application: &Value, source: &Source) -> Synced {
    let (items, errors) = items(store, application, &source.manifests);
    let mut synced = Synced {
        errors,
        changed: false,
    };
    let options: Vec<&str> = list(application, "/spec/syncPolicy/syncOptions")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    if options.contains(&"CreateNamespace=true") {
        let namespace = text(application, "/spec/destination/namespace");
        if !namespace.is_empty()
            && store.get("namespaces", "", namespace).is_none()
            && let Some(namespaces) = store.registry().keyed("namespaces")
            && let Err(err) = objects::create(
                store,
                &namespaces,
                "",
                json!({"metadata": {"name": namespace}}),
                Write::by(BY),
            )
        {
            synced.errors.push(err.message);
        }
    }
    for item in &items {
        match apply(store, application, item, false) {
            Ok(changed) => synced.changed |= changed,
            Err(message) => synced
                .errors
                .push(format!("{} {}: {message}", item.kind, item.name)),
        }
    }
    let prunes = truth(application, "/spec/syncPolicy/automated/prune")
        || truth(application, "/operation/sync/prune");
    if prunes && synced.errors.is_empty() {
        let wanted: BTreeSet<String> = items.iter().map(Item::id).collect();
        for stored in owned(store, application) {
            let value = stored.value();
            if !wanted.contains(&tracked(&value)) && !stored.deleting {
                synced.changed |= remove(store, &stored);
            }
        }
    }
    synced
}

/// Removes what an application with Argo CD's finalizer brought, then lets it go.
fn finish_deletion(cluster: &Cluster, stored: &Stored) {
    let mut store = lock(&cluster.store);
    let Some(live) = store.get(APPLICATIONS, &stored.namespace, &stored.name) else {
        return;
    };
    let value = live.value();
    let mine = |it: &Value| it.as_str().is_some_and(|it| it.starts_with(FINALIZER));
    if !list(&value, "/metadata/finalizers").iter().any(mine) {
        return;
    }
    let left = owned(&store, &value);
    for stored in &left {
        if !stored.deleting {
            remove(&mut store, stored);
        }
    }
    if left.is_empty()
        && let Some(resource) = store.registry().keyed(APPLICATIONS)
    {
        let kept: Vec<Value> = list(&value, "/metadata/finalizers")
            .iter()
            .filter(|it| !mine(it))
            .cloned()
            .collect();
        let patch = json!({"metadata": {"finalizers": kept}});
        if let Err(err) = objects::patch(
            &mut store,
            &resource,
            &stored.namespace,
            &stored.name,
            &patch,
            PatchKind::Merge,
            Write::by(BY),
        ) {
            tracing::warn!("cannot release an application: {}", err.message);
        }
    }
}
