//! Which kinds of object the API knows: the built-in ones, and those that a custom resource
//! definition adds.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use self::{built_in::BUILT_IN, definition::from_definition};

mod built_in;
mod definition;

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
