//! The scale subresource: a small view of an object that a patch or an update may change.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Answer, Request, lock,
    verbs::{Target, patch_kind},
};
use crate::{
    cluster::Cluster,
    error::{ApiError, ApiResult},
    objects::{self, PatchKind, Write},
    resource::Resource,
    store::Store,
    value::{number, text},
};

/// Answers a request for the subresource.
pub(super) fn scale(
    cluster: &Arc<Cluster>,
    request: &Request,
    target: &Target<'_>,
    name: &str,
) -> ApiResult<Answer> {
    let resource = &target.resource;
    let namespace = target.namespace.unwrap_or("");
    let mut store = lock(&cluster.store);
    let live = store
        .get(&resource.key(), namespace, name)
        .ok_or_else(|| ApiError::not_found(&resource.key(), name))?;
    let view = scale_view(resource, &live.value());
    let wanted = match request.method.as_str() {
        "GET" => return Ok(Answer::json(200, &view)),
        "PUT" => request.json()?,
        "PATCH" => {
            let mut patched = view;
            match patch_kind(request)? {
                PatchKind::Json => crate::patch::json(&mut patched, &request.json()?)?,
                _ => crate::patch::merge(&mut patched, &request.json()?),
            }
            patched
        }
        _ => return Err(ApiError::not_allowed()),
    };
    let replicas = number(&wanted, "/spec/replicas").unwrap_or(0);
    let expected = text(&wanted, "/metadata/resourceVersion");
    if !expected.is_empty() && expected != live.version.to_string() {
        return Err(ApiError::conflict(
            &resource.key(),
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        ));
    }
    let manager = request.manager();
    let value = set_scale(
        &mut store,
        resource,
        namespace,
        name,
        replicas,
        Write {
            manager: &manager,
            dry_run: request.dry_run(),
            subresource: "",
        },
    )?;
    Ok(Answer::json(200, &scale_view(resource, &value)))
}

fn scale_view(resource: &Resource, value: &Value) -> Value {
    let Some(scale) = &resource.scale else {
        return Value::Null;
    };
    let selector = match value.pointer(&scale.selector) {
        Some(Value::String(text)) => text.clone(),
        Some(object) => crate::selector::to_text(object),
        None => String::new(),
    };
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": text(value, "/metadata/name"), "namespace": text(value, "/metadata/namespace"), "uid": text(value, "/metadata/uid"),
            "resourceVersion": text(value, "/metadata/resourceVersion"), "creationTimestamp": text(value, "/metadata/creationTimestamp"),
        },
        "spec": {"replicas": number(value, &scale.spec).unwrap_or(0)},
        "status": {"replicas": number(value, &scale.status).unwrap_or(0), "selector": selector},
    })
}

/// Sets the wanted number of replicas.
///
/// # Errors
///
/// Fails when the object is not there or cannot be scaled.
pub(crate) fn set_scale(
    store: &mut Store,
    resource: &Resource,
    namespace: &str,
    name: &str,
    replicas: i64,
    write: Write<'_>,
) -> ApiResult<Value> {
    let Some(scale) = &resource.scale else {
        return Err(ApiError::not_allowed());
    };
    let mut patch = json!(replicas);
    for field in scale.spec.trim_start_matches('/').rsplit('/') {
        patch = json!({field: patch});
    }
    objects::patch(
        store,
        resource,
        namespace,
        name,
        &patch,
        PatchKind::Merge,
        write,
    )
    .map(|it| it.value)
}
