//! Which kinds of object the API knows: the built-in ones, and those that a custom resource
//! definition adds.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::value::{list, text, truth};

/// One kind of object and where it lives in the API.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource {
    /// The group, empty for the core one.
    pub(crate) group: String,
    /// The versions served, the preferred one first.
    pub(crate) versions: Vec<String>,
    /// The name in paths.
    pub(crate) plural: String,
    /// The name for one.
    pub(crate) singular: String,
    /// The kind in objects.
    pub(crate) kind: String,
    /// Abbreviations.
    pub(crate) short: Vec<String>,
    /// Groups of kinds that kubectl knows, such as `all`.
    pub(crate) categories: Vec<String>,
    /// Whether objects live in a namespace.
    pub(crate) namespaced: bool,
    /// Whether `status` is written apart.
    pub(crate) status: bool,
    /// Where the scale subresource reads and writes.
    pub(crate) scale: Option<Scale>,
    /// Columns of a table: name, type, JSON path, priority. Only for custom resources.
    pub(crate) columns: Vec<Column>,
    /// Lists that merge by key, by the field path to them, joined with dots. Only for custom resources.
    pub(crate) list_keys: BTreeMap<String, Vec<String>>,
    /// Whether it comes from a custom resource definition.
    pub(crate) custom: bool,
}

/// The paths of the scale subresource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    /// JSON pointer to the wanted number.
    pub(crate) spec: String,
    /// JSON pointer to the number that is there.
    pub(crate) status: String,
    /// JSON pointer to the selector, for custom resources a text.
    pub(crate) selector: String,
}

/// A printed column of a custom resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    /// The heading.
    pub(crate) name: String,
    /// `string`, `integer`, `date` …
    pub(crate) kind: String,
    /// The JSON path without the leading dot.
    pub(crate) path: String,
    /// Above zero it is shown only in wide output.
    pub(crate) priority: i64,
}

impl Resource {
    /// Returns `plural.group`, the key of the store.
    pub(crate) fn key(&self) -> String {
        key(&self.group, &self.plural)
    }

    /// Returns group and version as an object has them, in the preferred version.
    pub(crate) fn api_version(&self) -> String {
        api_version(&self.group, self.version())
    }

    /// Returns the preferred version.
    pub(crate) fn version(&self) -> &str {
        self.versions.first().map_or("v1", String::as_str)
    }
}

/// Returns the key of the store for a group and a plural.
pub(crate) fn key(group: &str, plural: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}

/// Returns group and version as an object has them.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

/// Group, version, plural, kind, short names, then flags: `n` namespaced, `s` status apart,
/// `c` scale, `a` in the category `all`.
const BUILT_IN: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("", "v1", "bindings", "Binding", "", "n"),
    ("", "v1", "configmaps", "ConfigMap", "cm", "n"),
    ("", "v1", "endpoints", "Endpoints", "ep", "n"),
    ("", "v1", "events", "Event", "ev", "n"),
    ("", "v1", "limitranges", "LimitRange", "limits", "n"),
    ("", "v1", "namespaces", "Namespace", "ns", "s"),
    ("", "v1", "nodes", "Node", "no", "s"),
    (
        "",
        "v1",
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
        "pvc",
        "ns",
    ),
    ("", "v1", "persistentvolumes", "PersistentVolume", "pv", "s"),
    ("", "v1", "pods", "Pod", "po", "nsa"),
    (
        "",
        "v1",
        "replicationcontrollers",
        "ReplicationController",
        "rc",
        "nsca",
    ),
    ("", "v1", "resourcequotas", "ResourceQuota", "quota", "ns"),
    ("", "v1", "secrets", "Secret", "", "n"),
    ("", "v1", "serviceaccounts", "ServiceAccount", "sa", "n"),
    ("", "v1", "services", "Service", "svc", "nsa"),
    (
        "apps",
        "v1",
        "controllerrevisions",
        "ControllerRevision",
        "",
        "n",
    ),
    ("apps", "v1", "daemonsets", "DaemonSet", "ds", "nsa"),
    ("apps", "v1", "deployments", "Deployment", "deploy", "nsca"),
    ("apps", "v1", "replicasets", "ReplicaSet", "rs", "nsca"),
    ("apps", "v1", "statefulsets", "StatefulSet", "sts", "nsca"),
    (
        "autoscaling",
        "v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        "hpa",
        "nsa",
    ),
    ("batch", "v1", "cronjobs", "CronJob", "cj", "nsa"),
    ("batch", "v1", "jobs", "Job", "", "nsa"),
    (
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        "",
        "",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        "",
        "",
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "crd,crds",
        "s",
    ),
    (
        "apiregistration.k8s.io",
        "v1",
        "apiservices",
        "APIService",
        "",
        "s",
    ),
    ("coordination.k8s.io", "v1", "leases", "Lease", "", "n"),
    (
        "discovery.k8s.io",
        "v1",
        "endpointslices",
        "EndpointSlice",
        "",
        "n",
    ),
    (
        "networking.k8s.io",
        "v1",
        "ingressclasses",
        "IngressClass",
        "",
        "",
    ),
    (
        "networking.k8s.io",
        "v1",
        "ingresses",
        "Ingress",
        "ing",
        "ns",
    ),
    (
        "networking.k8s.io",
        "v1",
        "networkpolicies",
        "NetworkPolicy",
        "netpol",
        "n",
    ),
    (
        "policy",
        "v1",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        "pdb",
        "ns",
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "clusterrolebindings",
        "ClusterRoleBinding",
        "",
        "",
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "clusterroles",
        "ClusterRole",
        "",
        "",
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "rolebindings",
        "RoleBinding",
        "",
        "n",
    ),
    ("rbac.authorization.k8s.io", "v1", "roles", "Role", "", "n"),
    (
        "scheduling.k8s.io",
        "v1",
        "priorityclasses",
        "PriorityClass",
        "pc",
        "",
    ),
    (
        "storage.k8s.io",
        "v1",
        "storageclasses",
        "StorageClass",
        "sc",
        "",
    ),
];

/// Kinds that are stored and shown, but that nothing here runs.
pub(crate) const NOT_RUN: &[&str] = &[
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
    "replicationcontrollers",
];

/// All kinds that the API knows now.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    by_key: BTreeMap<String, Arc<Resource>>,
}

impl Registry {
    /// Returns the built-in kinds.
    pub(crate) fn new() -> Self {
        let by_key = BUILT_IN
            .iter()
            .map(|(group, version, plural, kind, short, flags)| {
                let scale = flags.contains('c').then(|| Scale {
                    spec: "/spec/replicas".to_owned(),
                    status: "/status/replicas".to_owned(),
                    selector: "/spec/selector".to_owned(),
                });
                let resource = Resource {
                    group: (*group).to_owned(),
                    versions: vec![(*version).to_owned()],
                    plural: (*plural).to_owned(),
                    singular: kind.to_lowercase(),
                    kind: (*kind).to_owned(),
                    short: words(short),
                    categories: words(if flags.contains('a') { "all" } else { "" }),
                    namespaced: flags.contains('n'),
                    status: flags.contains('s'),
                    scale,
                    columns: Vec::new(),
                    list_keys: BTreeMap::new(),
                    custom: false,
                };
                (resource.key(), Arc::new(resource))
            })
            .collect();
        Self { by_key }
    }

    /// Returns the kind that a path names, when this version of it is served.
    pub(crate) fn at(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        let found = self.by_key.get(&key(group, plural))?;
        found
            .versions
            .iter()
            .any(|it| it == version)
            .then(|| Arc::clone(found))
    }

    /// Returns the kind of the store's key `plural.group`.
    pub(crate) fn keyed(&self, key: &str) -> Option<Arc<Resource>> {
        self.by_key.get(key).map(Arc::clone)
    }

    /// Returns the kind of an object.
    pub(crate) fn of_kind(&self, api_version: &str, kind: &str) -> Option<Arc<Resource>> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        self.by_key
            .values()
            .find(|it| {
                it.kind == kind && it.group == group && it.versions.iter().any(|it| it == version)
            })
            .map(Arc::clone)
    }

    /// Returns every kind.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.by_key.values()
    }

    /// Returns the groups with their versions, the preferred one first, in the API's own order.
    pub(crate) fn groups(&self) -> Vec<(String, Vec<String>)> {
        let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for resource in self.by_key.values() {
            let versions = groups.entry(&resource.group).or_default();
            for version in &resource.versions {
                if !versions.contains(version) {
                    versions.push(version.clone());
                }
            }
        }
        groups
            .into_iter()
            .map(|(group, versions)| (group.to_owned(), versions))
            .collect()
    }

    /// Adds the kind that a custom resource definition defines.
    pub(crate) fn define(&mut self, definition: &Value) {
        if let Some(resource) = from_definition(definition) {
            self.by_key.insert(resource.key(), Arc::new(resource));
        }
    }

    /// Takes the kind of a custom resource definition away.
    pub(crate) fn forget(&mut self, name: &str) {
        if self.by_key.get(name).is_some_and(|it| it.custom) {
            self.by_key.remove(name);
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(',')
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect()
}

fn from_definition(definition: &Value) -> Option<Resource> {
    let names = definition.pointer("/spec/names")?;
    let versions: Vec<&Value> = list(definition, "/spec/versions")
        .iter()
        .filter(|it| truth(it, "/served"))
        .collect();
    let first = versions
        .iter()
        .find(|it| truth(it, "/storage"))
        .or(versions.first())?;
    let pointer = |path: &str| path.replace('.', "/");
    let scale = first.pointer("/subresources/scale").map(|it| Scale {
        spec: pointer(text(it, "/specReplicasPath")),
        status: pointer(text(it, "/statusReplicasPath")),
        selector: pointer(text(it, "/labelSelectorPath")),
    });
    let columns = list(first, "/additionalPrinterColumns")
        .iter()
        .map(|it| Column {
            name: text(it, "/name").to_owned(),
            kind: text(it, "/type").to_owned(),
            path: text(it, "/jsonPath").trim_start_matches('.').to_owned(),
            priority: it.get("priority").and_then(Value::as_i64).unwrap_or(0),
        })
        .collect();
    let mut list_keys = BTreeMap::new();
    if let Some(schema) = first.pointer("/schema/openAPIV3Schema") {
        collect_list_keys(schema, "", &mut list_keys);
    }
    let mut names_of: Vec<String> = vec![text(first, "/name").to_owned()];
    for version in &versions {
        let name = text(version, "/name").to_owned();
        if !names_of.contains(&name) {
            names_of.push(name);
        }
    }
    let singular = match text(names, "/singular") {
        "" => text(names, "/kind").to_lowercase(),
        singular => singular.to_owned(),
    };
    let strings = |pointer: &str| -> Vec<String> {
        list(names, pointer)
            .iter()
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect()
    };
    Some(Resource {
        group: text(definition, "/spec/group").to_owned(),
        versions: names_of,
        plural: text(names, "/plural").to_owned(),
        singular,
        kind: text(names, "/kind").to_owned(),
        short: strings("/shortNames"),
        categories: strings("/categories"),
        namespaced: text(definition, "/spec/scope") == "Namespaced",
        status: first.pointer("/subresources/status").is_some(),
        scale,
        columns,
        list_keys,
        custom: true,
    })
}

fn collect_list_keys(schema: &Value, path: &str, keys: &mut BTreeMap<String, Vec<String>>) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            collect_list_keys(property, &below(name), keys);
        }
    }
    if let Some(items) = schema.get("items") {
        if text(schema, "/x-kubernetes-list-type") == "map" {
            let names = list(schema, "/x-kubernetes-list-map-keys")
                .iter()
                .filter_map(|it| it.as_str().map(str::to_owned))
                .collect();
            keys.insert(path.to_owned(), names);
        }
        collect_list_keys(items, path, keys);
    }
}
