//! The stand-in as a whole: what all of its tasks share, and the tasks.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    api::lock,
    config::Config,
    endpoints, garbage,
    metrics::Usage,
    objects::{self, PatchKind, Write},
    resource::NOT_RUN,
    store::{DEFINITIONS, Store},
    value::{now, text},
    workloads,
};

/// What the tasks share.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The objects.
    pub(crate) store: Mutex<Store>,
    /// What containers use, by the identity of their pod and their name.
    pub(crate) usage: Mutex<BTreeMap<String, BTreeMap<String, Usage>>>,
    /// How it works.
    pub(crate) config: Mutex<Config>,
    /// Where its files lie.
    pub(crate) folder: PathBuf,
    /// Where the API listens.
    pub(crate) address: SocketAddr,
    /// Whether it is to end.
    stopping: AtomicBool,
}

impl Cluster {
    /// Makes what the tasks share, with the objects that every cluster has.
    pub(crate) fn new(
        mut store: Store,
        config: Config,
        folder: PathBuf,
        address: SocketAddr,
    ) -> Self {
        furnish(&mut store);
        Self {
            store: Mutex::new(store),
            usage: Mutex::new(BTreeMap::new()),
            config: Mutex::new(config),
            folder,
            address,
            stopping: AtomicBool::new(false),
        }
    }

    /// Returns whether it is to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Asks every task to end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

/// Puts in what is there from the start, unless an earlier run did.
fn furnish(store: &mut Store) {
    let mut apply = |namespace: &str, value: Value| {
        let registry = store.registry();
        let Some(resource) = registry.of_kind(text(&value, "/apiVersion"), text(&value, "/kind"))
        else {
            return;
        };
        let name = text(&value, "/metadata/name").to_owned();
        let kind = PatchKind::Apply(crate::fields::Force::Yes);
        if let Err(err) = objects::patch(
            store,
            &resource,
            namespace,
            &name,
            &value,
            kind,
            Write::by("rehearsal"),
        ) {
            tracing::warn!("cannot furnish {name}: {}", err.message);
        }
    };
    for name in ["default", "kube-system", "argocd"] {
        apply(
            "",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        );
    }
    apply(
        "",
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": crate::NODE, "labels": {
        "autoscaleops.dev/stand-in": "true", "kubernetes.io/hostname": crate::NODE, "kubernetes.io/os": std::env::consts::OS,
        "node-role.kubernetes.io/stand-in": ""}, "annotations": {"autoscaleops.dev/stand-in": "pods are processes of this machine, without containers"}}}),
    );
    for (plural, kind, short, columns) in [
        (
            "applications",
            "Application",
            "app,apps",
            json!([
            {"name": "Sync Status", "type": "string", "jsonPath": ".status.sync.status"},
            {"name": "Health Status", "type": "string", "jsonPath": ".status.health.status"},
            {"name": "Revision", "type": "string", "jsonPath": ".status.sync.revision", "priority": 10}]),
        ),
        ("appprojects", "AppProject", "appproj,appprojs", json!([])),
    ] {
        let short: Vec<&str> = short.split(',').collect();
        define(
            store,
            json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.argoproj.io")},
                "spec": {
                    "group": "argoproj.io", "scope": "Namespaced",
                    "names": {"plural": plural, "kind": kind, "singular": kind.to_lowercase(), "shortNames": short},
                    "versions": [{"name": "v1alpha1", "served": true, "storage": true, "additionalPrinterColumns": columns,
                        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
                },
            }),
        );
    }
    node_status(store);
}

/// Puts a definition in when there is none. Nobody owns its fields, so that applying Argo CD's own
/// over it is no conflict.
fn define(store: &mut Store, value: Value) {
    let name = text(&value, "/metadata/name").to_owned();
    let Some(resource) = store.registry().keyed(DEFINITIONS) else {
        return;
    };
    if store.get(DEFINITIONS, "", &name).is_some() {
        return;
    }
    let made = objects::create(store, &resource, "", value, Write::by("rehearsal"));
    if let Ok(mut made) = made {
        crate::value::remove(&mut made, &["metadata"], "managedFields");
        if let Err(err) = store.put(DEFINITIONS, made) {
            tracing::warn!("cannot furnish {name}: {err}");
        }
    }
}

fn node_status(store: &mut Store) {
    let Some(node) = store.get("nodes", "", crate::NODE) else {
        return;
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|it| it.split_whitespace().nth(1).map(str::to_owned))
        .map_or_else(|| "0".to_owned(), |it| format!("{it}Ki"));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let room = json!({"cpu": cores.to_string(), "memory": memory, "pods": "110"});
    let mut value = node.value();
    let time = now();
    crate::value::set(
        &mut value,
        &[],
        "status",
        json!({
            "capacity": room, "allocatable": room,
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": crate::NODE}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "StandInReady", "message": "an embedded stand-in, not a cluster", "lastHeartbeatTime": time, "lastTransitionTime": time}],
            "nodeInfo": {
                "kubeletVersion": crate::discovery::VERSION, "osImage": "embedded stand-in", "kernelVersion": kernel.trim(),
                "containerRuntimeVersion": "process://", "operatingSystem": std::env::consts::OS, "architecture": std::env::consts::ARCH,
                "machineID": "", "systemUUID": "", "bootID": "", "kubeProxyVersion": "",
            },
        }),
    );
    if let Err(err) = store.put("nodes", value) {
        tracing::warn!("cannot write the node: {err}");
    }
}

/// The kinds whose changes wake the controllers.
const WATCHED: [&str; 4] = ["deployments.apps", "replicasets.apps", "pods", "services"];

/// Runs the controllers of deployments, replica sets, services and garbage, until the task is dropped.
pub(crate) async fn control(cluster: Arc<Cluster>) {
    let mut news = lock(&cluster.store).subscribe();
    let mut seen = [u64::MAX; 4];
    let (mut last, mut version) = (Instant::now(), 0);
    loop {
        {
            let mut store = lock(&cluster.store);
            let touched = WATCHED.map(|it| store.touched(it));
            let second = last.elapsed() >= Duration::from_secs(1);
            if touched != seen || second {
                // One pass may give the next one work, as a new replica set does.
                for _ in 0..8 {
                    let before = store.version();
                    workloads::reconcile(&mut store);
                    if store.version() == before {
                        break;
                    }
                }
                endpoints::reconcile(&mut store);
                seen = WATCHED.map(|it| store.touched(it));
            }
            let ending = store.list("namespaces", None).iter().any(|it| it.deleting);
            if store.version() != version && second || ending {
                garbage::collect(&mut store);
                note_not_run(&mut store);
                version = store.version();
            }
            if second {
                last = Instant::now();
            }
        }
        tokio::select! {
            heard = news.changed() => if heard.is_err() { return },
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        // Changes come in groups; one pass serves them all.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Says once of every object of a kind that is only stored that nothing will run it.
fn note_not_run(store: &mut Store) {
    for kind in NOT_RUN {
        for stored in store.list(kind, None) {
            let value = stored.value();
            let about = crate::value::hash(&json!([stored.uid, "NotRun", NOT_RUN_MESSAGE]));
            let noted = store
                .get(
                    "events",
                    &stored.namespace,
                    &format!("{}.{about}", stored.name),
                )
                .is_some();
            if !noted {
                objects::event(
                    store,
                    &value,
                    "Warning",
                    "NotRun",
                    NOT_RUN_MESSAGE,
                    "stand-in",
                );
            }
        }
    }
}

const NOT_RUN_MESSAGE: &str = "the embedded stand-in stores this kind and does not run it";
