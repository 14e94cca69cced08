//! The `GitOps` side: an Argo CD `Application` names a branch and a folder of manifests, and this
//! applies what stands there, prunes what no longer does, and reports `Synced` and `Healthy`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use autoscaleops_core::process::Run;
use serde_json::{Value, json};

use crate::{
    api::lock,
    cluster::Cluster,
    fields::Force,
    objects::{self, Deletion, PatchKind, Write},
    resource::key,
    store::{Store, Stored},
    value::{list, now, number, set, text, truth},
};

pub(crate) const APPLICATIONS: &str = "applications.argoproj.io";
const BY: &str = "argocd-controller";
const FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";
const GIT_TIMEOUT: Duration = Duration::from_secs(60);

/// What was read of an application's source.
#[derive(Debug, Clone)]
struct Source {
    revision: String,
    manifests: Vec<Value>,
}

/// Where an application's manifests come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Address {
    repository: String,
    branch: String,
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
                report(&cluster, &stored, source, None);
            }
        }
    }
}

fn source_of(spec: &Value) -> Value {
    spec.get("source")
        .or_else(|| spec.pointer("/sources/0"))
        .cloned()
        .unwrap_or_default()
}

/// Reads an application's manifests, unless its branch has not moved since.
async fn fetch(
    cluster: &Arc<Cluster>,
    spec: &Value,
    earlier: Option<Source>,
    tips: &mut BTreeMap<Address, Result<String, String>>,
) -> Result<Source, String> {
    let source = source_of(spec);
    let address = Address {
        repository: text(&source, "/repoURL").to_owned(),
        branch: match text(&source, "/targetRevision") {
            "" => "HEAD".to_owned(),
            branch => branch.to_owned(),
        },
    };
    if address.repository.is_empty() {
        return Err("spec.source.repoURL is empty".to_owned());
    }
    if address.repository.starts_with('-') || address.branch.starts_with('-') {
        return Err("a repository or branch may not begin with a dash".to_owned());
    }
    if !text(&source, "/chart").is_empty() {
        return Err(format!(
            "the stand-in reads Git folders, not charts of a repository: {}",
            text(&source, "/chart")
        ));
    }
    let tip = if let Some(tip) = tips.get(&address) {
        tip.clone()
    } else {
        let asked = address.clone();
        let tip = tokio::task::spawn_blocking(move || tip(&asked))
            .await
            .map_err(|err| err.to_string())?;
        tips.insert(address.clone(), tip.clone());
        tip
    }?;
    if let Some(earlier) = earlier.filter(|it| it.revision == tip) {
        return Ok(earlier);
    }
    let folder = cluster
        .folder
        .join("git")
        .join(crate::value::hash(&json!(address.repository)));
    let read = move || -> Result<Source, String> {
        check_out(&folder, &address, &tip)?;
        let manifests = crate::render::manifests(&folder, &source)?;
        Ok(Source {
            revision: tip,
            manifests,
        })
    };
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|err| err.to_string())?
}

fn git() -> Run {
    Run::new("git")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .timeout(GIT_TIMEOUT)
}

/// Returns the commit that a branch is at.
fn tip(address: &Address) -> Result<String, String> {
    if address.branch.len() == 40 && address.branch.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Ok(address.branch.clone());
    }
    let output = git()
        .args([
            "ls-remote",
            "--exit-code",
            "--",
            &address.repository,
            &address.branch,
        ])
        .capture()
        .and_then(autoscaleops_core::process::Output::check)
        .map_err(|err| {
            format!(
                "cannot read {} of {}: {err}",
                address.branch, address.repository
            )
        })?;
    let lines = output.text();
    let wanted = format!("refs/heads/{}", address.branch);
    lines
        .lines()
        .find(|it| it.ends_with(&wanted))
        .or_else(|| lines.lines().next())
        .and_then(|it| it.split_whitespace().next())
        .map(str::to_owned)
        .ok_or_else(|| format!("{} has no {}", address.repository, address.branch))
}

fn check_out(folder: &Path, address: &Address, tip: &str) -> Result<(), String> {
    std::fs::create_dir_all(folder)
        .map_err(|err| format!("cannot make `{}`: {err}", folder.display()))?;
    let run = |arguments: &[&str]| {
        git()
            .args(arguments)
            .cwd(folder)
            .capture()
            .and_then(autoscaleops_core::process::Output::check)
            .map_err(|err| format!("cannot fetch {}: {err}", address.repository))
    };
    if !folder.join(".git").exists() {
        run(&["init", "--quiet"])?;
    }
    run(&[
        "fetch",
        "--quiet",
        "--depth",
        "1",
        "--no-tags",
        "--",
        &address.repository,
        &address.branch,
    ])?;
    // The branch may have moved between the two looks; what was fetched is what counts.
    let checked = run(&["checkout", "--quiet", "--force", "--detach", tip]);
    if checked.is_err() {
        run(&["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"])?;
    }
    run(&["clean", "--quiet", "-ffdx"]).map(|_| ())
}

/// One manifest with its place in the API.
#[derive(Debug, Clone)]
struct Item {
    key: String,
    group: String,
    kind: String,
    namespace: String,
    name: String,
    value: Value,
}

impl Item {
    fn id(&self) -> String {
        format!(
            "{}/{}:{}/{}",
            self.group, self.kind, self.namespace, self.name
        )
    }
}

/// The outcome of one application of manifests.
#[derive(Debug, Default)]
struct Synced {
    errors: Vec<String>,
    changed: bool,
}

fn items(store: &Store, application: &Value, manifests: &[Value]) -> (Vec<Item>, Vec<String>) {
    let destination = match text(application, "/spec/destination/namespace") {
        "" => "default",
        namespace => namespace,
    };
    let registry = store.registry();
    // Kinds that this very application defines are known once it is applied.
    let mut defined = crate::resource::Registry::new();
    for manifest in manifests
        .iter()
        .filter(|it| text(it, "/kind") == "CustomResourceDefinition")
    {
        defined.define(manifest);
    }
    let (mut items, mut errors) = (Vec::new(), Vec::new());
    for manifest in manifests {
        let (api_version, kind, name) = (
            text(manifest, "/apiVersion"),
            text(manifest, "/kind"),
            text(manifest, "/metadata/name"),
        );
        let Some(resource) = registry
            .of_kind(api_version, kind)
            .or_else(|| defined.of_kind(api_version, kind))
        else {
            errors.push(format!("the server could not find the requested resource: {api_version} {kind} {name}; make sure its custom resource definition is installed"));
            continue;
        };
        let namespace = match (resource.namespaced, text(manifest, "/metadata/namespace")) {
            (false, _) => "",
            (true, "") => destination,
            (true, namespace) => namespace,
        };
        items.push(Item {
            key: key(&resource.group, &resource.plural),
            group: resource.group.clone(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            value: manifest.clone(),
        });
    }
    items.sort_by_key(|it| order(&it.kind));
    (items, errors)
}

fn order(kind: &str) -> u8 {
    match kind {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        "ServiceAccount" | "Secret" | "ConfigMap" => 2,
        "ClusterRole" | "ClusterRoleBinding" | "Role" | "RoleBinding" => 3,
        "Service" => 4,
        "Deployment" | "StatefulSet" | "DaemonSet" => 5,
        _ => 6,
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
    report(cluster, stored, source, outcome.as_ref());
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

fn tracked(value: &Value) -> String {
    text(
        value,
        "/metadata/annotations/argocd.argoproj.io~1tracking-id",
    )
    .split_once(':')
    .map_or_else(String::new, |it| it.1.to_owned())
}

fn tracking(application: &Value, item: &Item) -> String {
    format!("{}:{}", text(application, "/metadata/name"), item.id())
}

/// Returns what carries the application's tracking mark.
fn owned(store: &Store, application: &Value) -> Vec<Arc<Stored>> {
    let start = format!("{}:", text(application, "/metadata/name"));
    store
        .all()
        .filter(|it| {
            // The text is looked through first: most objects carry no mark.
            it.json
                .windows(start.len())
                .any(|it| it == start.as_bytes())
                && text(
                    &it.value(),
                    "/metadata/annotations/argocd.argoproj.io~1tracking-id",
                )
                .starts_with(&start)
        })
        .cloned()
        .collect()
}

fn remove(store: &mut Store, stored: &Stored) -> bool {
    let Some(resource) = store.registry().keyed(&stored.resource) else {
        return false;
    };
    objects::delete(
        store,
        &resource,
        &stored.namespace,
        &stored.name,
        &Deletion::default(),
    )
    .is_ok()
}

/// Applies one manifest. Returns whether it changed anything.
fn apply(
    store: &mut Store,
    application: &Value,
    item: &Item,
    dry_run: bool,
) -> Result<bool, String> {
    let resource = store
        .registry()
        .keyed(&item.key)
        .ok_or("the server could not find the requested resource")?;
    let mut value = item.value.clone();
    set(
        &mut value,
        &["metadata", "annotations"],
        "argocd.argoproj.io/tracking-id",
        tracking(application, item),
    );
    let write = Write {
        manager: BY,
        dry_run,
        subresource: "",
    };
    let written = objects::patch(
        store,
        &resource,
        &item.namespace,
        &item.name,
        &value,
        PatchKind::Apply(Force::Yes),
        write,
    );
    written.map(|it| it.changed).map_err(|err| err.message)
}

/// Writes the status of an application when it changed.
fn report(
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

fn rank(word: &str) -> u8 {
    match word {
        "Healthy" => 0,
        "Suspended" => 1,
        "Progressing" => 2,
        "Missing" => 3,
        "Degraded" => 4,
        _ => 5,
    }
}

/// Returns the health of an object by Argo CD's rules, or nothing for a kind without any.
fn health(value: &Value) -> Option<(&'static str, String)> {
    let condition = |kind: &str| {
        list(value, "/status/conditions")
            .iter()
            .find(|it| text(it, "/type") == kind)
    };
    match text(value, "/kind") {
        "Deployment" => {
            if let Some(found) = condition("Progressing")
                .filter(|it| text(it, "/reason") == "ProgressDeadlineExceeded")
            {
                return Some(("Degraded", text(found, "/message").to_owned()));
            }
            let count = |pointer: &str| number(value, pointer).unwrap_or(0);
            let wanted = number(value, "/spec/replicas").unwrap_or(1);
            let settled = number(value, "/status/observedGeneration")
                == number(value, "/metadata/generation")
                && count("/status/updatedReplicas") >= wanted
                && count("/status/replicas") <= count("/status/updatedReplicas")
                && count("/status/availableReplicas") >= count("/status/updatedReplicas");
            if settled {
                Some(("Healthy", String::new()))
            } else {
                Some(("Progressing", "Waiting for rollout to finish".to_owned()))
            }
        }
        "HorizontalPodAutoscaler" => {
            let bad = [
                "FailedGetScale",
                "FailedUpdateScale",
                "InvalidSelector",
                "InvalidMetricSourceType",
            ];
            let failed = list(value, "/status/conditions")
                .iter()
                .find(|it| text(it, "/status") == "False" && bad.contains(&text(it, "/reason")));
            match failed {
                Some(failed) => Some(("Degraded", text(failed, "/message").to_owned())),
                None => Some(("Healthy", String::new())),
            }
        }
        "Pod" => Some(match text(value, "/status/phase") {
            "Running" if crate::workloads::is_ready(value) => ("Healthy", String::new()),
            "Succeeded" => ("Healthy", String::new()),
            "Failed" => ("Degraded", String::new()),
            _ => ("Progressing", crate::table::pod_status(value)),
        }),
        "Service" => Some(match condition(crate::proxy::LISTENING) {
            Some(found) if text(found, "/status") == "False" => {
                ("Degraded", text(found, "/message").to_owned())
            }
            _ => ("Healthy", String::new()),
        }),
        "StatefulSet" | "DaemonSet" | "Job" => Some((
            "Progressing",
            "the stand-in stores this kind and does not run it".to_owned(),
        )),
        "Application" => {
            let word = match text(value, "/status/health/status") {
                "Healthy" => "Healthy",
                "Degraded" => "Degraded",
                "Missing" => "Missing",
                _ => "Progressing",
            };
            Some((word, String::new()))
        }
        _ => None,
    }
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

/// Joins a path of a repository to its folder, and refuses one that leaves it.
///
/// # Errors
///
/// Fails when the path is absolute or climbs out.
pub(crate) fn inside(folder: &Path, path: &str) -> Result<PathBuf, String> {
    let path = Path::new(path);
    let plain = path
        .components()
        .all(|it| matches!(it, Component::Normal(_) | Component::CurDir));
    if !plain {
        return Err(format!(
            "the path `{}` leaves the repository",
            path.display()
        ));
    }
    let joined = folder.join(path);
    let real = joined
        .canonicalize()
        .map_err(|err| format!("{}: app path does not exist ({err})", path.display()))?;
    let root = folder.canonicalize().map_err(|err| err.to_string())?;
    if real.starts_with(&root) {
        Ok(real)
    } else {
        Err(format!(
            "the path `{}` leaves the repository through a symbolic link",
            path.display()
        ))
    }
}
