//! The verbs on objects, each checked, completed and stored: what the HTTP side and the
//! controllers both call.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    admission,
    error::{ApiError, ApiResult},
    fields::{self, Force},
    patch,
    resource::Resource,
    store::{Store, Stored},
    value::{list, remove, set, suffix, text},
};

mod deletion;
mod events;

pub(crate) use self::{
    deletion::{Deletion, delete},
    events::event,
};

/// How a write is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write<'a> {
    /// Who writes.
    pub(crate) manager: &'a str,
    /// Whether nothing is to be stored.
    pub(crate) dry_run: bool,
    /// The subresource written, empty for the object itself.
    pub(crate) subresource: &'a str,
}

impl<'a> Write<'a> {
    /// A real write of the object itself.
    pub(crate) fn by(manager: &'a str) -> Self {
        Self {
            manager,
            dry_run: false,
            subresource: "",
        }
    }

    /// A real write of the status, for tests.
    #[cfg(test)]
    pub(crate) fn status(manager: &'a str) -> Self {
        Self {
            subresource: "status",
            ..Self::by(manager)
        }
    }
}

/// How a patch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchKind {
    /// `application/json-patch+json`.
    Json,
    /// `application/merge-patch+json`.
    Merge,
    /// `application/strategic-merge-patch+json`.
    Strategic,
    /// `application/apply-patch+yaml`.
    Apply(Force),
}

/// The outcome of a write.
#[derive(Debug)]
pub(crate) struct Written {
    /// The object as it is now.
    pub(crate) value: Value,
    /// Whether it was made by this write.
    pub(crate) created: bool,
    /// Whether anything changed.
    pub(crate) changed: bool,
}

fn io(err: &std::io::Error) -> ApiError {
    ApiError::internal(format!("cannot write the journal: {err}"))
}

/// Creates an object.
///
/// # Errors
///
/// Fails when it is there already, its namespace is not, or it breaks a rule.
pub(crate) fn create(
    store: &mut Store,
    resource: &Resource,
    namespace: &str,
    mut value: Value,
    write: Write<'_>,
) -> ApiResult<Value> {
    if !value.is_object() {
        return Err(ApiError::bad_request(
            "the body of the request is not an object",
        ));
    }
    place(resource, namespace, &mut value)?;
    if text(&value, "/metadata/name").is_empty() {
        let start = text(&value, "/metadata/generateName").to_owned();
        if start.is_empty() {
            return Err(ApiError::invalid(
                &resource.kind,
                "",
                &[(
                    "metadata.name",
                    "Required value: name or generateName is required".to_owned(),
                )],
            ));
        }
        set(
            &mut value,
            &["metadata"],
            "name",
            format!("{start}{}", suffix()),
        );
    }
    let name = text(&value, "/metadata/name").to_owned();
    if store.get(&resource.key(), namespace, &name).is_some() {
        return Err(ApiError::exists(&shown(resource), &name));
    }
    in_living_namespace(store, resource, namespace)?;
    remove(&mut value, &["metadata"], "resourceVersion");
    if resource.status && !matches!(resource.kind.as_str(), "Node" | "Pod") {
        remove(&mut value, &[], "status");
    }
    admission::admit(store, resource, None, &mut value)?;
    fields::track(None, &mut value, resource, write.manager);
    keep(store, resource, value, write)
}

fn keep(
    store: &mut Store,
    resource: &Resource,
    mut value: Value,
    write: Write<'_>,
) -> ApiResult<Value> {
    if !write.dry_run {
        store
            .keep(&resource.key(), &mut value)
            .map_err(|err| io(&err))?;
    }
    Ok(value)
}

fn shown(resource: &Resource) -> String {
    resource.key()
}

/// Sets namespace, kind and version, or refuses when they say otherwise.
fn place(resource: &Resource, namespace: &str, value: &mut Value) -> ApiResult<()> {
    let kind = text(value, "/kind");
    if !kind.is_empty() && kind != resource.kind {
        return Err(ApiError::bad_request(format!(
            "the kind of the object ({kind}) does not match the kind of the path ({})",
            resource.kind
        )));
    }
    let said = text(value, "/metadata/namespace");
    if !said.is_empty() && said != namespace {
        return Err(ApiError::bad_request(format!(
            "the namespace of the provided object does not match the namespace sent on the request ({said}, {namespace})"
        )));
    }
    if resource.namespaced {
        set(value, &["metadata"], "namespace", namespace);
    }
    if text(value, "/apiVersion").is_empty() {
        set(value, &[], "apiVersion", resource.api_version());
    }
    Ok(())
}

fn in_living_namespace(store: &Store, resource: &Resource, namespace: &str) -> ApiResult<()> {
    if !resource.namespaced {
        return Ok(());
    }
    match store.get("namespaces", "", namespace) {
        None => Err(ApiError::not_found("namespaces", namespace)),
        Some(found) if found.deleting => {
            let mut error = ApiError::conflict(
                "namespaces",
                namespace,
                "unable to create new content because it is being terminated",
            );
            (error.code, error.reason) = (403, "Forbidden");
            Err(error)
        }
        Some(_) => Ok(()),
    }
}

/// Replaces an object, or its status.
///
/// # Errors
///
/// Fails when it is not there, was changed meanwhile, or breaks a rule.
pub(crate) fn update(
    store: &mut Store,
    resource: &Resource,
    namespace: &str,
    name: &str,
    mut value: Value,
    write: Write<'_>,
) -> ApiResult<Written> {
    place(resource, namespace, &mut value)?;
    if text(&value, "/metadata/name") != name {
        return Err(ApiError::bad_request(
            "the name of the object does not match the name on the URL",
        ));
    }
    let Some(live) = store.get(&resource.key(), namespace, name) else {
        return Err(ApiError::not_found(&shown(resource), name));
    };
    let old = live.value();
    finish(store, resource, &live, old, value, write, Tracking::Update)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tracking {
    Update,
    Applied,
}

/// Checks and stores `new` in the place of `live`, whose value is `old`.
fn finish(
    store: &mut Store,
    resource: &Resource,
    live: &Arc<Stored>,
    old: Value,
    mut new: Value,
    write: Write<'_>,
    tracking: Tracking,
) -> ApiResult<Written> {
    let expected = text(&new, "/metadata/resourceVersion");
    if !expected.is_empty() && expected != text(&old, "/metadata/resourceVersion") {
        return Err(ApiError::conflict(
            &shown(resource),
            &live.name,
            "the object has been modified; please apply your changes to the latest version and try again",
        ));
    }
    let said = text(&new, "/metadata/uid");
    if !said.is_empty() && said != live.uid {
        return Err(ApiError::conflict(
            &shown(resource),
            &live.name,
            &format!(
                "Precondition failed: UID in precondition: {said}, UID in object meta: {}",
                live.uid
            ),
        ));
    }
    if write.subresource == "status" {
        let status = new.get("status").cloned();
        new = old.clone();
        match status {
            Some(status) => set(&mut new, &[], "status", status),
            None => {
                remove(&mut new, &[], "status");
            }
        }
    } else {
        if resource.status && resource.kind != "CustomResourceDefinition" {
            match old.get("status") {
                Some(status) => set(&mut new, &[], "status", status.clone()),
                None => {
                    remove(&mut new, &[], "status");
                }
            }
        }
        admission::admit(store, resource, Some(&old), &mut new)?;
        if tracking == Tracking::Update {
            fields::track(Some(&old), &mut new, resource, write.manager);
        }
    }
    set(
        &mut new,
        &["metadata"],
        "resourceVersion",
        live.version.to_string(),
    );
    if new == old {
        return Ok(Written {
            value: old,
            created: false,
            changed: false,
        });
    }
    if live.deleting
        && list(&new, "/metadata/finalizers").is_empty()
        && resource.kind != "Pod"
        && resource.kind != "Namespace"
    {
        if !write.dry_run {
            store
                .delete(&resource.key(), &live.namespace, &live.name)
                .map_err(|err| io(&err))?;
        }
        return Ok(Written {
            value: new,
            created: false,
            changed: true,
        });
    }
    drop(old);
    let value = keep(store, resource, new, write)?;
    Ok(Written {
        value,
        created: false,
        changed: true,
    })
}

/// Patches an object or its status. An apply creates what is not there.
///
/// # Errors
///
/// Fails when it is not there, the patch does not fit, others own fields of an apply, or the
/// result breaks a rule.
pub(crate) fn patch(
    store: &mut Store,
    resource: &Resource,
    namespace: &str,
    name: &str,
    body: &Value,
    kind: PatchKind,
    write: Write<'_>,
) -> ApiResult<Written> {
    if let PatchKind::Apply(force) = kind {
        return apply(store, resource, namespace, name, body.clone(), force, write);
    }
    let Some(live) = store.get(&resource.key(), namespace, name) else {
        return Err(ApiError::not_found(&shown(resource), name));
    };
    let old = live.value();
    let mut new = old.clone();
    let before = text(&new, "/metadata/resourceVersion").to_owned();
    match kind {
        PatchKind::Json => patch::json(&mut new, body)?,
        PatchKind::Strategic if !resource.custom => patch::strategic(&mut new, body, resource),
        PatchKind::Strategic => {
            return Err(ApiError::media_type(
                "application/strategic-merge-patch+json",
            ));
        }
        _ => patch::merge(&mut new, body),
    }
    if text(&new, "/metadata/resourceVersion") == before {
        remove(&mut new, &["metadata"], "resourceVersion");
    }
    place(resource, namespace, &mut new)?;
    finish(store, resource, &live, old, new, write, Tracking::Update)
}

/// Applies `patch` on an object or its status, which creates what is not there.
///
/// # Errors
///
/// Fails when others own fields that it sets otherwise, or the result breaks a rule.
pub(crate) fn apply(
    store: &mut Store,
    resource: &Resource,
    namespace: &str,
    name: &str,
    mut patch: Value,
    force: Force,
    write: Write<'_>,
) -> ApiResult<Written> {
    if !patch.is_object() {
        return Err(ApiError::bad_request(
            "the body of an apply is not an object",
        ));
    }
    if patch
        .pointer("/metadata/managedFields")
        .is_some_and(|it| !it.is_null())
    {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    if let Some(texts) = remove(&mut patch, &[], "stringData").filter(|_| resource.kind == "Secret")
    {
        for (key, value) in texts.as_object().into_iter().flatten() {
            let encoded = crate::base64::base64(value.as_str().unwrap_or_default().as_bytes());
            set(&mut patch, &["data"], key, encoded);
        }
    }
    place(resource, namespace, &mut patch)?;
    set(&mut patch, &["metadata"], "name", name);
    let live = store.get(&resource.key(), namespace, name);
    if write.subresource == "status" {
        let Some(live) = live else {
            return Err(ApiError::not_found(&shown(resource), name));
        };
        let old = live.value();
        let mut new = old.clone();
        if let Some(status) = patch.get("status") {
            let mut now = new.get("status").cloned().unwrap_or(Value::Null);
            patch::merge(&mut now, status);
            set(&mut new, &[], "status", now);
        }
        return finish(store, resource, &live, old, new, write, Tracking::Applied);
    }
    let Some(live) = live else {
        in_living_namespace(store, resource, namespace)?;
        let mut value = fields::apply(None, patch, resource, write.manager, force)?;
        admission::admit(store, resource, None, &mut value)?;
        let value = keep(store, resource, value, write)?;
        return Ok(Written {
            value,
            created: true,
            changed: true,
        });
    };
    let any_version = text(&patch, "/metadata/resourceVersion").is_empty();
    let old = live.value();
    let mut new = fields::apply(Some(&old), patch, resource, write.manager, force)?;
    if any_version {
        remove(&mut new, &["metadata"], "resourceVersion");
    }
    finish(store, resource, &live, old, new, write, Tracking::Applied)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::value::number;

    fn store() -> Store {
        let mut store = Store::open(None, 100).unwrap();
        let namespaces = store.registry().at("", "v1", "namespaces").unwrap();
        create(
            &mut store,
            &namespaces,
            "",
            json!({"metadata": {"name": "default"}}),
            Write::by("t"),
        )
        .unwrap();
        store
    }

    #[test]
    fn an_update_from_an_old_version_is_refused() {
        let mut store = store();
        let maps = store.registry().at("", "v1", "configmaps").unwrap();
        let old = create(
            &mut store,
            &maps,
            "default",
            json!({"metadata": {"name": "a"}, "data": {"k": "1"}}),
            Write::by("t"),
        )
        .unwrap();
        let mut newer = old.clone();
        newer["data"]["k"] = json!("2");
        update(&mut store, &maps, "default", "a", newer, Write::by("t")).unwrap();
        let error = update(&mut store, &maps, "default", "a", old, Write::by("t")).unwrap_err();
        assert_eq!((error.code, error.reason), (409, "Conflict"));
    }

    #[test]
    fn an_apply_that_changes_nothing_makes_no_version() {
        let mut store = store();
        let maps = store.registry().at("", "v1", "configmaps").unwrap();
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1"}});
        let kind = PatchKind::Apply(Force::No);
        assert!(
            patch(
                &mut store,
                &maps,
                "default",
                "a",
                &body,
                kind,
                Write::by("t")
            )
            .unwrap()
            .created
        );
        let version = store.version();
        assert!(
            !patch(
                &mut store,
                &maps,
                "default",
                "a",
                &body,
                kind,
                Write::by("t")
            )
            .unwrap()
            .changed
        );
        assert_eq!(store.version(), version);
    }

    #[test]
    fn an_object_with_a_finalizer_goes_only_without_it() {
        let mut store = store();
        let maps = store.registry().at("", "v1", "configmaps").unwrap();
        let body = json!({"metadata": {"name": "a", "finalizers": ["x/y"]}});
        create(&mut store, &maps, "default", body, Write::by("t")).unwrap();
        delete(&mut store, &maps, "default", "a", &Deletion::default()).unwrap();
        assert!(store.get("configmaps", "default", "a").unwrap().deleting);
        let none = json!({"metadata": {"finalizers": null}});
        patch(
            &mut store,
            &maps,
            "default",
            "a",
            &none,
            PatchKind::Merge,
            Write::by("t"),
        )
        .unwrap();
        assert!(store.get("configmaps", "default", "a").is_none());
    }

    #[test]
    fn a_status_write_leaves_the_spec_and_a_spec_write_the_status() {
        let mut store = store();
        let hpas = store
            .registry()
            .at("autoscaling", "v2", "horizontalpodautoscalers")
            .unwrap();
        let body = json!({"metadata": {"name": "a"}, "spec": {"maxReplicas": 3, "scaleTargetRef": {"name": "d"}}, "status": {"x": 1}});
        let made = create(&mut store, &hpas, "default", body, Write::by("t")).unwrap();
        assert!(made.get("status").is_none());
        let both = json!({"spec": {"maxReplicas": 9}, "status": {"currentReplicas": 2}});
        patch(
            &mut store,
            &hpas,
            "default",
            "a",
            &both,
            PatchKind::Merge,
            Write::status("t"),
        )
        .unwrap();
        patch(
            &mut store,
            &hpas,
            "default",
            "a",
            &json!({"spec": {"maxReplicas": 4}, "status": null}),
            PatchKind::Merge,
            Write::by("t"),
        )
        .unwrap();
        let live = store
            .get("horizontalpodautoscalers.autoscaling", "default", "a")
            .unwrap()
            .value();
        assert_eq!(
            (
                number(&live, "/spec/maxReplicas"),
                number(&live, "/status/currentReplicas")
            ),
            (Some(4), Some(2))
        );
        assert_eq!(number(&live, "/metadata/generation"), Some(2));
    }
}
