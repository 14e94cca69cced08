//! The manifests of an application in the cluster: applied, marked as the application's, found again
//! by their mark.

use std::sync::Arc;

use serde_json::Value;

use super::BY;
use crate::{
    fields::Force,
    objects::{self, Deletion, Write},
    resource::key,
    store::{Store, Stored},
    value::{set, text},
};

/// One manifest with its place in the API.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The key of its kind.
    pub(super) key: String,
    /// The group of its kind.
    pub(super) group: String,
    /// Its kind.
    pub(super) kind: String,
    /// Its namespace, empty for none.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
    /// The whole of it.
    pub(super) value: Value,
}

impl Item {
    /// Returns what Argo CD's mark calls it.
    pub(super) fn id(&self) -> String {
        format!(
            "{}/{}:{}/{}",
            self.group, self.kind, self.namespace, self.name
        )
    }
}

/// Finds the place of each manifest. Returns those that have one, in the order in which they can be
/// applied, and what is wrong with the others.
pub(super) fn items(
    store: &Store,
    application: &Value,
    manifests: &[Value],
) -> (Vec<Item>, Vec<String>) {
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

/// Returns what the mark of an object says that it is, without the application.
pub(super) fn tracked(value: &Value) -> String {
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
pub(super) fn owned(store: &Store, application: &Value) -> Vec<Arc<Stored>> {
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

/// Deletes an object. Returns whether it is gone, or going.
pub(super) fn remove(store: &mut Store, stored: &Stored) -> bool {
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
pub(super) fn apply(
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
    let written = objects::apply(
        store,
        &resource,
        &item.namespace,
        &item.name,
        value,
        Force::Yes,
        write,
    );
    written.map(|it| it.changed).map_err(|err| err.message)
}
